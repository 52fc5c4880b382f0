//! What must be true of lives and verbs, whatever happens. Each end of an interval is taken so that a busy machine is
//! never a violation: a process lived from its first word to its last one at least, and until its connection closed at
//! most; a verb was at work from before it was called until after its end was noted.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::calls::{Called, Caller, LIMIT, Verb};
use crate::lives::Life;
use crate::pace::Pace;
use crate::sites::Site;

/// By how much a verb may exceed its time on an idle machine, and the CPU time that it may need after it to undo what it
/// has begun, which takes longer on a busy one.
const MARGIN: Duration = Duration::from_secs(2);
const WORK: Duration = Duration::from_millis(400);

/// One violation a line, with what shows it.
pub(crate) fn judge(sites: &[Site], lives: &[Life], calls: &[Called], pace: &Pace) -> Vec<String> {
    let mut wrong = overlaps(lives);
    for site in sites {
        let lives: Vec<&Life> = lives.iter().filter(|l| l.site == site.name).collect();
        let calls: Vec<&Called> = calls.iter().filter(|c| c.site == site.name).collect();
        for call in &calls {
            wrong.extend(of_any(call, &calls, pace));
            if call.verb.stops() && call.code == Some(0) {
                wrong.extend(of_a_stop(call, &calls, &lives));
            }
            match said(call, site) {
                Some(Said::Down) => wrong.extend(of_down(call, &lives)),
                Some(Said::Running) => wrong.extend(of_running(call, site, &lives)),
                None => {}
            }
        }
    }
    wrong
}

/// Milliseconds, so that lines can be compared.
fn ms(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1_000_000, nanos / 1000 % 1000)
}

fn of_life(life: &Life) -> String {
    let Life { site, name, pid, begun, seen, ended, .. } = life;
    let ended = ended.map_or_else(|| "lives".to_owned(), |at| format!("dead by {}", ms(at)));
    format!("{site}/{name} {pid}: lived {} to {}, {ended}", ms(*begun), ms(*seen))
}

fn of_call(call: &Called) -> String {
    let Called { site, verb, caller, begun, ended, code, said, .. } = call;
    let (begun, ended, verb) = (ms(*begun), ms(*ended), verb.shown());
    format!("[{verb}] {site} by {caller:?} {begun} to {ended} answered {code:?}: {}", said.trim())
}

fn overlaps(lives: &[Life]) -> Vec<String> {
    let second = lives.iter().filter(|life| life.overlaps);
    let describe = |second: &Life| {
        let first = lives.iter().filter(|l| {
            !l.overlaps
                && (&l.site, &l.name) == (&second.site, &second.name)
                && l.ended.is_none_or(|at| at >= second.begun)
                && l.begun <= second.begun
        });
        let first: Vec<String> = first.map(of_life).collect();
        format!("TWO OF A NAME: {}; the first: {first:?}", of_life(second))
    };
    second.map(describe).collect()
}

/// Rules for each verb.
fn of_any(call: &Called, calls: &[&Called], pace: &Pace) -> Vec<String> {
    let mut wrong = Vec::new();
    let took = Duration::from_nanos(call.ended - call.begun);
    // Without a manager's limit the definition's own times count, and those of a rollback.
    let limit = match (call.caller, call.verb) {
        (Caller::Serviceguard, _) | (_, Verb::History | Verb::Validate) => LIMIT * 2,
        _ => LIMIT,
    };
    let slow = pace.slowest(call.begun, call.ended);
    if took > limit + MARGIN + WORK * u32::try_from(slow).unwrap_or(u32::MAX) {
        let on = format!("on a machine that was {slow} times slower");
        wrong.push(format!("TOO LONG: it took {took:?} {on}: {}", of_call(call)));
    }
    // A start that does not yield to a stop in time is killed by it.
    let by_a_stop = || {
        let overlaps = |stop: &&&Called| stop.begun < call.ended && call.begun < stop.ended;
        let is_killed = call.verb.yields() && call.signal == Some(Signal::SIGKILL as i32);
        is_killed && calls.iter().filter(|c| c.verb.stops()).any(|stop| overlaps(&stop))
    };
    let broke = !call.was_killed && call.code.is_none() && !by_a_stop();
    if broke || call.said.contains("panicked") {
        wrong.push(format!("IT BROKE: {}", of_call(call)));
    }
    let codes: &[i32] = match (call.caller, call.verb) {
        (Caller::Pacemaker, Verb::Monitor | Verb::Held) => &[0, 1, 7],
        (Caller::Clusterware, Verb::Monitor) => &[0, 1, 2, 3, 4, 5],
        (Caller::Hand, Verb::Monitor | Verb::Status) => &[0, 1, 3, 4],
        // A run script's 2: another node may try.
        (Caller::Serviceguard, _) => &[0, 1, 2],
        _ => &[0, 1],
    };
    if call.code.is_some_and(|code| !codes.contains(&code)) {
        wrong.push(format!("NO SUCH ANSWER: {}", of_call(call)));
    }
    if call.verb.stops() && call.code.is_some_and(|code| code != 0) {
        wrong.push(format!("A STOP FAILED: {}", of_call(call)));
    }
    wrong
}

/// Nothing lives behind a stop that said 0, until the next start is called.
fn of_a_stop(stop: &Called, calls: &[&Called], lives: &[&Life]) -> Vec<String> {
    let starts = calls.iter().filter(|c| c.verb.starts() && c.ended >= stop.begun);
    let next = starts.map(|c| c.begun).min().unwrap_or(u64::MAX);
    let lived = |life: &&&Life| life.begun.max(stop.ended) < life.seen.min(next);
    let describe =
        |life: &&Life| format!("ALIVE AFTER A STOP: {}; {}", of_life(life), of_call(stop));
    lives.iter().filter(lived).map(describe).collect()
}

enum Said {
    /// Nothing lives.
    Down,
    /// Every process is ready.
    Running,
}

/// What a monitor has said for sure.
fn said(call: &Called, site: &Site) -> Option<Said> {
    let is_down = |word: &str| call.said.starts_with(word);
    match (call.verb, call.caller, call.code?) {
        (Verb::Monitor | Verb::Held, Caller::Pacemaker, 7) => Some(Said::Down),
        (Verb::Monitor, Caller::Hand, 3) if is_down("stopped") => Some(Said::Down),
        (Verb::Monitor, Caller::Clusterware, 1 | 2) => Some(Said::Down),
        // That of a site that comes up has a reason, and maintenance is 0 too.
        (Verb::Monitor | Verb::Held, Caller::Pacemaker, 0)
            if call.said.is_empty() && site.is_never_paused =>
        {
            Some(Said::Running)
        }
        (Verb::Monitor, Caller::Hand, 0) if is_down("running") => Some(Said::Running),
        _ => None,
    }
}

fn of_down(monitor: &Called, lives: &[&Life]) -> Vec<String> {
    let through = lives.iter().filter(|l| l.begun < monitor.begun && l.seen > monitor.ended);
    let describe =
        |life: &&Life| format!("SAID TO BE DOWN: {}; {}", of_life(life), of_call(monitor));
    through.map(describe).collect()
}

fn of_running(monitor: &Called, site: &Site, lives: &[&Life]) -> Vec<String> {
    let lived = |name: &str| {
        let of_name = lives.iter().filter(|l| l.name == name && !l.overlaps);
        let within =
            |l: &&Life| l.begun < monitor.ended && l.ended.is_none_or(|at| at > monitor.begun);
        of_name.into_iter().any(within)
    };
    let missing: Vec<&&str> = site.always.iter().filter(|name| !lived(name)).collect();
    let last = |name: &str| {
        let of_name = lives.iter().filter(|l| l.name == name && l.begun < monitor.ended);
        of_name.max_by_key(|l| l.begun).map(|l| of_life(l))
    };
    let describe = |name: &&&str| {
        format!("SAID TO RUN without `{name}`, {:?}: {}", last(name), of_call(monitor))
    };
    missing.iter().map(describe).collect()
}
