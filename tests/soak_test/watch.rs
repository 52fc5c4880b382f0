//! What goes on all the time beside the faults: the witness looks, rows are written, and `monitor` is asked.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::eye::{self, NODES, Part, init_of};
use crate::plan::Random;
use crate::world::{ADDRESS, GAP, SITES, World, lock};

/// Looks at both nodes again and again.
pub(crate) fn witness(world: &World) {
    let mut told = BTreeSet::new();
    while !world.is_over() {
        let (begun, before) = (Instant::now(), on_a_core());
        let found = eye::look(world.folder());
        let cost = (Instant::now(), begun.elapsed(), on_a_core().saturating_sub(before));
        let said = {
            let mut seen = lock(&world.seen);
            seen.costs.push_back(cost);
            if seen.costs.len() > 10_000 {
                seen.costs.pop_front();
            }
            eye::enter(&mut seen, &found, begun)
        };
        for what in said {
            if told.insert(what.clone()) {
                lock(&world.found).push(what);
            }
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The time that this thread was on a core.
fn on_a_core() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// The client, in the network of the lab's switch.
pub(crate) fn start_client(world: &World) -> Child {
    let switch =
        std::fs::read_to_string(world.folder().join("switch.pid")).expect("the lab's switch");
    let switch = switch.split_whitespace().next().expect("a number").to_owned();
    let own = std::env::current_exe().expect("this program has a file");
    Command::new("nsenter")
        .args(["-t", &switch, "-n", "--"])
        .arg(own)
        .args(["client", &format!("{ADDRESS}:5432")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter can be run")
}

/// Notes what the client says.
pub(crate) fn listen(world: &World, client: &mut Child) {
    let lines = BufReader::new(client.stdout.take().expect("it is a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        let Some(row) = line.strip_prefix("row ").and_then(|n| n.parse().ok()) else { continue };
        let now = Instant::now();
        let mut written = lock(&world.written);
        if let Some((_, before)) = written.rows.last().copied()
            && now.duration_since(before) > GAP
        {
            written.gaps.push((before, now));
        }
        written.rows.push((row, now));
    }
}

/// Asks `monitor` at random moments, and compares its answer with what the witness saw before, meanwhile and after.
pub(crate) fn judge(world: &World, seed: u64) {
    let mut random = Random::new(seed ^ 0xa5a5);
    while !world.is_over() {
        std::thread::sleep(Duration::from_millis(100 + random.below(900)));
        let site = random.one_of(&SITES);
        let node = usize::try_from(random.below(2)).unwrap_or(0);
        let Some(power) = init_of(world.folder(), NODES[node]) else { continue };
        let calm = lock(&world.under_way).is_empty();
        let from = Instant::now();
        let script = format!("siteward monitor {site}; echo code $?");
        let (_, said) = world.on(NODES[node], &["sh", "-c", &script]);
        let to = Instant::now();
        let code = said.lines().rev().find_map(|l| l.strip_prefix("code "));
        let Some(code) = code.and_then(|c| c.parse::<i32>().ok()) else { continue };
        // The witness needs a look after the answer.
        std::thread::sleep(Duration::from_millis(400));
        if init_of(world.folder(), NODES[node]) != Some(power) {
            continue;
        }
        let still_calm = calm && lock(&world.under_way).is_empty();
        *lock(&world.judged).entry(code).or_default() += 1;
        let (lived, supervised, no_process, absent) = {
            let seen = lock(&world.seen);
            let margin = Duration::from_millis(150);
            let lived = seen.lived_through(site, Part::Note, node, from, to);
            let supervised = seen.lived_through(site, Part::Supervisor, node, from, to + margin);
            let was_absent = |part| seen.was_absent(site, part, node, from, to);
            let no_process = was_absent(Part::Note) || (site == "shop" && was_absent(Part::Store));
            let absent = [Part::Note, Part::Supervisor, Part::Store].into_iter().all(was_absent);
            (lived, supervised, no_process, absent)
        };
        let lie = match code {
            3 if lived => Some("says stopped, and it lived all the time"),
            0 if absent => Some("says that it is well, and nothing of it lived"),
            0 if no_process && said.starts_with("running") => {
                Some("says that it runs, and one of its processes did not live")
            }
            1 | 4 if still_calm && lived && supervised => {
                Some("says that it is not well, and nothing was amiss")
            }
            1 | 4 if still_calm && absent => {
                Some("does not say that it is stopped, and nothing of it lived")
            }
            _ => None,
        };
        if let Some(lie) = lie {
            let took = to.duration_since(from).as_millis();
            world.violation(&format!(
                "monitor of `{site}` on {} {lie} (code {code}, {took} ms): {}",
                NODES[node],
                said.trim()
            ));
        }
    }
}
