//! The state of all sites as numbers, for a collector such as node_exporter's textfile collector.
//!
//! Promises: a file is replaced as a whole or stays as it was. Must never: touch a site's disk, or wait for a
//! supervisor beyond the deadline.

mod exposition;
mod life;

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::agent::Target;
use crate::control::State;
use crate::journal;
use crate::lease;
use crate::linux::{files, node};
use crate::observe::{Drift, Observation, drift, observe_among};
use crate::process::MarkedSites;
use crate::site::{Places, SiteName};
use crate::values::Moment;
use exposition::{Family, FamilyKind};
use life::LifeNumbers;

/// The nine states, by their words.
const STATES: [State; 9] = [
    State::Stopped,
    State::Starting,
    State::Running,
    State::Degraded,
    State::Maintenance,
    State::StoppingOrdered,
    State::Failed,
    State::Unsupervised,
    State::Unknown,
];

/// How long one site may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The mode of a file of metrics: collectors run as users of their own.
const MODE: u32 = 0o644;

/// The metrics of some sites.
#[derive(Debug)]
pub struct Metrics {
    pub text: String,
    /// The sites that this user may not look at.
    pub denied: Vec<SiteName>,
}

/// Looks at the sites, until `deadline` at the latest.
pub fn metrics(places: &Places, names: &[SiteName], deadline: Moment) -> Metrics {
    let mut families = Families::new();
    let mut denied = Vec::new();
    families.node(names.len());
    let marked = (names.len() > 1).then(|| MarkedSites::below(places).ok()).flatten();
    for name in names {
        if !families.site(places, name, marked.as_ref(), deadline) {
            denied.push(name.clone());
        }
    }
    Metrics { text: exposition::text(&families.list()), denied }
}

/// Replaces `file`.
///
/// # Errors
/// As open(2) and rename(2); `file` is then as it was.
pub fn write_metrics(file: &Path, text: &str) -> io::Result<()> {
    if file.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    files::write_durably_as(file, text.as_bytes(), MODE)
}

/// All families, in the order of the output.
struct Families {
    build: Family,
    sites: Family,
    state: Family,
    serves: Family,
    supervised: Family,
    since: Family,
    drift: Family,
    maintenance: Family,
    maintenance_end: Family,
    lease: Family,
    process_up: Family,
    restarts: Family,
    life: LifeFamilies,
}

/// Those that come from the history.
struct LifeFamilies {
    starts: Family,
    start_sum: Family,
    start_last: Family,
    stops: Family,
    stop_sum: Family,
    stop_last: Family,
    failures: Family,
    failure_last: Family,
    failover_last: Family,
}

impl Families {
    fn new() -> Self {
        let gauge = |name, help| Family::new(FamilyKind::Gauge, name, help);
        Self {
            build: gauge("siteward_build", "Always 1; the version is a label."),
            sites: gauge("siteward_sites", "Sites that are told of here."),
            state: gauge(
                "siteward_site_state",
                "1 for the state that the site is in, 0 for the others.",
            ),
            serves: gauge("siteward_site_serves", "1 if the site is running or degraded."),
            supervised: gauge(
                "siteward_site_supervised",
                "1 if a supervisor answers for the site.",
            ),
            since: gauge(
                "siteward_site_supervised_since_timestamp_seconds",
                "When the supervisor began its work.",
            ),
            drift: gauge(
                "siteward_site_definition_differs",
                "1 if the definition's file is changed, removed or broken, compared with what runs.",
            ),
            maintenance: gauge("siteward_site_maintenance", "1 if the site is paused."),
            maintenance_end: gauge(
                "siteward_site_maintenance_end_timestamp_seconds",
                "The planned end of the pause.",
            ),
            lease: gauge(
                "siteward_site_lease_held",
                "1 if a keeper on this node holds the lease on the site's database.",
            ),
            process_up: gauge("siteward_process_up", "1 if the process is up."),
            restarts: Family::new(
                FamilyKind::Counter,
                "siteward_process_restarts",
                "How often the process was started again since the supervisor began its work.",
            ),
            life: LifeFamilies::new(),
        }
    }

    fn list(self) -> Vec<Family> {
        let life = self.life;
        vec![
            self.build,
            self.sites,
            self.state,
            self.serves,
            self.supervised,
            self.since,
            self.drift,
            self.maintenance,
            self.maintenance_end,
            self.lease,
            self.process_up,
            self.restarts,
            life.starts,
            life.start_sum,
            life.start_last,
            life.stops,
            life.stop_sum,
            life.stop_last,
            life.failures,
            life.failure_last,
            life.failover_last,
        ]
    }

    fn node(&mut self, sites: usize) {
        let node = node::name();
        self.build.add(&[("version", env!("CARGO_PKG_VERSION")), ("node", &node)], 1.0);
        self.sites.add(&[], sites as f64);
    }

    /// False: this user may not look at it.
    fn site(
        &mut self,
        places: &Places,
        name: &SiteName,
        marked: Option<&MarkedSites>,
        deadline: Moment,
    ) -> bool {
        let target = Target::new(name.clone(), places.clone(), None);
        let now = Moment::now();
        let seen = observe_among(marked, &target.site, now, (now + PATIENCE).min(deadline));
        // A keeper says in its environment whose it is.
        let may_be_kept = marked.is_none_or(|marked| marked.claims(&target.site));
        let is_kept = may_be_kept && lease::is_kept(&target.site);
        let site = ("site", name.as_str());
        let state = seen.as_ref().map_or(State::Unknown, |seen| seen.state);
        for known in STATES {
            self.state.add(&[site, ("state", known.word())], flag(known.word() == state.word()));
        }
        self.serves.add(&[site], flag(matches!(state, State::Running | State::Degraded)));
        let differs = !matches!(drift(places, name), Drift::Same);
        self.drift.add(&[site], flag(differs));
        self.lease.add(&[site], flag(is_kept));
        if let Ok(seen) = &seen {
            self.observed(name, seen);
        }
        let numbers = LifeNumbers::of(
            &journal::read_all(&target.site, (now + PATIENCE).min(deadline)).history.entries,
        );
        self.life.add(name, &numbers);
        seen.is_ok()
    }

    fn observed(&mut self, name: &SiteName, seen: &Observation) {
        let site = ("site", name.as_str());
        self.supervised.add(&[site], flag(seen.is_supervised()));
        self.maintenance.add(&[site], flag(seen.state == State::Maintenance));
        let Some(view) = &seen.view else { return };
        self.since.add(&[site], view.since.seconds() as f64);
        if let Some(until) = view.paused.as_ref().and_then(|pause| pause.until) {
            self.maintenance_end.add(&[site], until.seconds() as f64);
        }
        for process in &view.processes {
            let labels = [site, ("process", process.name.as_str())];
            self.process_up.add(&labels, flag(process.up));
            self.restarts.add(&labels, f64::from(process.restarts));
        }
    }
}

impl LifeFamilies {
    fn new() -> Self {
        let gauge = |name, help| Family::new(FamilyKind::Gauge, name, help);
        // A history is bounded, so its counts may become smaller, which a counter must not.
        Self {
            starts: gauge("siteward_site_starts", "Starts in the history that this node keeps."),
            start_sum: gauge(
                "siteward_site_starts_duration_seconds",
                "How long these starts took, added up.",
            ),
            start_last: gauge(
                "siteward_site_last_start_duration_seconds",
                "How long the last start took.",
            ),
            stops: gauge("siteward_site_stops", "Stops in the history that this node keeps."),
            stop_sum: gauge(
                "siteward_site_stops_duration_seconds",
                "How long these stops took, added up.",
            ),
            stop_last: gauge(
                "siteward_site_last_stop_duration_seconds",
                "How long the last stop took.",
            ),
            failures: gauge(
                "siteward_site_failures",
                "Failures in the history that this node keeps.",
            ),
            failure_last: gauge(
                "siteward_site_last_failure_timestamp_seconds",
                "When the site failed last.",
            ),
            failover_last: gauge(
                "siteward_site_last_failover_timestamp_seconds",
                "When the site was last started on another node than before; that node is a label.",
            ),
        }
    }

    fn add(&mut self, name: &SiteName, life: &LifeNumbers) {
        let site = [("site", name.as_str())];
        let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).sum::<f64>();
        self.starts.add(&site, life.starts.len() as f64);
        self.start_sum.add(&site, rounded(seconds(&life.starts)));
        self.stops.add(&site, life.stops.len() as f64);
        self.stop_sum.add(&site, rounded(seconds(&life.stops)));
        self.failures.add(&site, life.failures as f64);
        if let Some(last) = life.starts.last() {
            self.start_last.add(&site, rounded(last.as_secs_f64()));
        }
        if let Some(last) = life.stops.last() {
            self.stop_last.add(&site, rounded(last.as_secs_f64()));
        }
        if let Some(at) = life.last_failure {
            self.failure_last.add(&site, at.as_millisecond() as f64 / 1000.0);
        }
        if let Some((at, node)) = &life.last_failover {
            let labels = [site[0], ("node", node.as_str())];
            self.failover_last.add(&labels, at.as_millisecond() as f64 / 1000.0);
        }
    }
}

/// To the millisecond, so that a sum does not end in a row of nines.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
