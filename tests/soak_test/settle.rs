//! After a fault: until all is as it was, within the bound.

use std::time::{Duration, Instant};

use crate::eye::{NODES, Part};
use crate::faults::Done;
use crate::world::{LEASED, SITES, World, lock};

/// A site is back within this, and what the fault itself takes. It is for a busy machine of two cores.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// What PostgreSQL itself takes beside it: it shuts down, or recovers from an unclean end (six to seven seconds where
/// the cores are busy).
pub(crate) const POSTGRES: Duration = Duration::from_secs(10);

/// The bounds are for a machine on which a process is on a core for at least a tenth of the time that it wants to be. Where
/// it is less, all takes longer, the cluster's own part too: then they grow in proportion.
const SHARE: f64 = 10.0;

/// So long all must stay as it is before it counts as recovered.
const STABLE: Duration = Duration::from_millis(2500);

/// A node that was fenced or shut down is a member again within this.
const REJOIN: Duration = Duration::from_secs(90);

impl World {
    /// What is missing until every site runs; Ok: which processes run.
    fn all_sites_run(&self, done: &Done) -> Result<Vec<(i32, usize)>, String> {
        if done.gone.iter().any(|p| p.is_alive()) {
            return Err("what the fault ends lives".to_owned());
        }
        let seen = lock(&self.seen);
        let mut all = Vec::new();
        for site in SITES {
            let notes = seen.now(site, Part::Note);
            let [note] = notes[..] else {
                return Err(format!("{} processes of `{site}` live", notes.len()));
            };
            let mut parts = vec![Part::Supervisor];
            parts.extend((site == "shop").then_some(Part::Store));
            parts.extend(LEASED.contains(&site).then_some(Part::Keeper));
            all.push((note.process.pid, note.node));
            for part in parts {
                let lives = seen.now(site, part);
                let [one] = lives[..] else {
                    return Err(format!("`{site}` has {} of {part:?}", lives.len()));
                };
                if one.node != note.node {
                    return Err(format!("`{site}` has {part:?} on {}", NODES[one.node]));
                }
                all.push((one.process.pid, one.node));
            }
        }
        drop(seen);
        let last = lock(&self.written).rows.last().map(|(_, at)| *at);
        if last.is_none_or(|at| at < done.since || at.elapsed() > Duration::from_millis(800)) {
            return Err("no row is acknowledged".to_owned());
        }
        Ok(all)
    }

    /// By how much the bounds grow because the machine was busy since then.
    fn growth(&self, since: Instant) -> f64 {
        (lock(&self.seen).stretch(since) / SHARE).max(1.0)
    }

    /// Waits until all sites run and stay so; an error: not within this time, and what is missing.
    fn until_all_run(&self, done: &Done, limit: impl Fn() -> Instant) -> Result<(), String> {
        let mut since: Option<(Vec<(i32, usize)>, Instant)> = None;
        loop {
            self.tell_what_was_found();
            let missing = match self.all_sites_run(done) {
                Ok(all) => {
                    let (before, at) = since.get_or_insert_with(|| (all.clone(), Instant::now()));
                    if *before == all && at.elapsed() >= STABLE {
                        return Ok(());
                    }
                    if *before != all {
                        since = Some((all, Instant::now()));
                    }
                    "it does not stay as it is".to_owned()
                }
                Err(missing) => {
                    since = None;
                    missing
                }
            };
            if Instant::now() > limit() {
                return Err(missing);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What is missing until the cluster is whole.
    fn cluster_is_whole(&self) -> Result<bool, String> {
        let (good, text) = self.cluster(&["crm_mon", "-1", "--output-as=xml"]);
        let Ok(document) = roxmltree::Document::parse(text.trim()) else {
            return Err(format!("crm_mon says {good}: {}", text.trim()));
        };
        let all = |name: &'static str| document.descendants().filter(move |n| n.has_tag_name(name));
        let members = all("node").filter(|n| n.attribute("online") == Some("true"));
        let well = members.filter(|n| {
            ["standby", "pending", "unclean", "maintenance"]
                .iter()
                .all(|a| n.attribute(*a) == Some("false"))
        });
        if well.count() != 2 {
            return Err("not both nodes are members".to_owned());
        }
        for resource in all("resource") {
            let id = resource.attribute("id").unwrap_or_default();
            if resource.attribute("role") != Some("Started") {
                return Err(format!("{id} is {:?}", resource.attribute("role")));
            }
        }
        Ok(all("failure").next().is_some())
    }

    /// Waits for the recovery and tells how long each site was away; None: it did not come.
    pub(crate) fn settle(&self, done: &Done) -> Option<Duration> {
        let of_postgres = if done.sites.contains(&"shop") { POSTGRES } else { Duration::ZERO };
        let usual = BOUND + done.allowance + of_postgres;
        let bound = || usual.mul_f64(self.growth(done.since));
        // It must be seen to stay, too; what is judged is when it was back.
        let mut is_back = self.until_all_run(done, || done.since + bound() + 4 * STABLE);
        let mut took = self.recovered(done);
        if let Err(missing) = &is_back {
            self.violation(&format!("not recovered within {} s: {missing}", bound().as_secs()));
            let later = Instant::now() + Duration::from_secs(120);
            is_back = self.until_all_run(done, || later);
            took = self.recovered(done);
        } else if took > bound() {
            let (took, bound) = (took.as_secs_f64(), bound().as_secs());
            self.violation(&format!("recovered after {took:.1} s, and not within {bound} s"));
        }
        if took > usual {
            lock(&self.stretched).push(self.growth(done.since));
            let growth = self.growth(done.since);
            self.tell(&format!(
                "  later than the usual {} s; the bound grew to {growth:.1} times that",
                usual.as_secs()
            ));
        }
        for words in &done.undo {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (good, said) = self.cluster(&words);
            if !good {
                self.tell(&format!("{words:?}: {}", said.trim()));
            }
        }
        for file in &done.files {
            let _ = std::fs::remove_file(file);
        }
        let is_whole = self.until_whole(Instant::now());
        if let Err(missing) = &is_whole {
            self.violation(&format!(
                "the cluster is not whole after {} s: {missing}",
                REJOIN.as_secs()
            ));
        }
        if is_back.is_err() || is_whole.is_err() {
            self.tell("all is cleaned up, so that the run can go on");
            self.cluster(&["crm_resource", "--refresh"]);
            let later = Instant::now() + Duration::from_secs(90);
            let _ = self.until_all_run(done, || later);
        }
        is_back.is_ok().then_some(took)
    }

    fn until_whole(&self, begun: Instant) -> Result<(), String> {
        let mut is_cleaned = false;
        loop {
            let limit = begun + REJOIN.mul_f64(self.growth(begun));
            self.tell_what_was_found();
            match self.cluster_is_whole() {
                Ok(false) => return Ok(()),
                Ok(true) if is_cleaned => {}
                Ok(true) => {
                    // A node that failed a start may not have the site until that is forgotten.
                    self.cluster(&["crm_resource", "--cleanup"]);
                    is_cleaned = true;
                }
                Err(missing) if Instant::now() > limit => return Err(missing),
                Err(_) => {}
            }
            if Instant::now() > limit {
                return Err("failures are not forgotten".to_owned());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// From the fault until the last site served again; nothing, if none was interrupted.
    fn recovered(&self, done: &Done) -> Duration {
        let times = done.sites.iter().map(|site| (site, self.recovered_of(site, done.since)));
        let times: Vec<_> = times.collect();
        if times.len() > 1 {
            let words =
                times.iter().map(|(site, time)| format!("{site} {:.1} s", time.as_secs_f64()));
            self.tell(&format!("  {}", words.collect::<Vec<_>>().join(", ")));
        }
        times.into_iter().map(|(_, time)| time).max().unwrap_or_default()
    }

    fn recovered_of(&self, site: &str, since: Instant) -> Duration {
        let begun = |part| lock(&self.seen).last_begun(site, part, since);
        let lives = begun(Part::Note).max(begun(Part::Store));
        let mut ends: Vec<Instant> = lives.into_iter().collect();
        if site == "shop" {
            let written = lock(&self.written);
            ends.extend(
                lives.and_then(|t| written.rows.iter().map(|(_, at)| *at).find(|at| *at >= t)),
            );
            ends.extend(written.gaps.iter().map(|(_, to)| *to).filter(|to| *to > since));
        }
        ends.into_iter().max().map_or(Duration::ZERO, |end| end.duration_since(since))
    }

    pub(crate) fn tell_what_was_found(&self) {
        let found: Vec<String> = lock(&self.found).drain(..).collect();
        for what in found {
            self.violation(&what);
        }
    }
}
