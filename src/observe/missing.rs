//! A process that the supervisor believes to live, and that does not.

use std::time::Duration;

use super::observation::Observation;
use crate::linux::StartTicks;
use crate::linux::wait::Waiting;
use crate::messages::{self, Message};
use crate::process::Seen;
use crate::site::SiteName;
use crate::values::{Moment, Pid};

/// For how long a process may be missing that the supervisor names, before that is a failure: it has had
/// the event of a death by then, and acted by its restart budget.
const SETTLING: Duration = Duration::from_millis(500);

/// How many of its answers must name the process. On a busy machine it may not run for longer than that time, and then
/// give an answer before it looks who died; before the answer after that one it has looked.
const ANSWERS: u32 = 3;

/// Between two observations of a process that is missing.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A process that the supervisor names and /proc does not show alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingProcess {
    name: String,
    pid: Pid,
    start: StartTicks,
    why: String,
}

/// Since when, and how often, one was missing.
struct Missed {
    process: MissingProcess,
    settled_at: Moment,
    answers: u32,
}

impl MissingProcess {
    fn of(observation: &Observation) -> Option<Self> {
        let view = observation.view.as_ref().filter(|_| observation.serves())?;
        view.processes.iter().find_map(|process| {
            let (pid, start) = (process.pid?, process.start?);
            let why = match (Seen { pid, start }).look() {
                Ok(Some(stat)) if stat.is_alive() => return None,
                Ok(_) => "that is gone".to_owned(),
                Err(error) => format!("that cannot be told: {error}"),
            };
            Some(Self { name: process.name.clone(), pid, start, why })
        })
    }

    pub fn message(&self, site: &SiteName) -> Message {
        let Self { name, pid, why, .. } = self;
        messages::process_missing(name, site, pid, why)
    }
}

/// Looks until no process is missing, or one stays so. A process may die between the supervisor's answer
/// and our own look: then the supervisor still has to act on that, and a further answer says how.
///
/// # Errors
/// That of `look`.
pub fn look_for_missing<E>(
    mut look: impl FnMut() -> Result<Observation, E>,
    until: Moment,
) -> Result<(Observation, Option<MissingProcess>), E> {
    let mut before: Option<Missed> = None;
    loop {
        let observation = look()?;
        let Some(process) = MissingProcess::of(&observation) else {
            return Ok((observation, None));
        };
        let now = Moment::now();
        let missed = match before {
            Some(missed) if missed.process == process => {
                Missed { answers: missed.answers + 1, ..missed }
            }
            // Another one is missing than before: the supervisor has to hear of that one, too.
            Some(_) | None => {
                let settled_at = now + SETTLING.min(now.until(until) / 2);
                Missed { process, settled_at, answers: 1 }
            }
        };
        if missed.answers >= ANSWERS && missed.settled_at.passed() {
            return Ok((observation, Some(missed.process)));
        }
        Waiting::<()>::new().wait(Some((now + LOOK_AGAIN).min(missed.settled_at)));
        before = Some(missed);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::samples::{ourselves, view};
    use super::*;
    use crate::control::{ProcessView, State, View};
    use crate::process::Identity;

    fn seen(state: State, process: &Identity) -> Observation {
        let supervisor = process.pid;
        let process = ProcessView {
            name: "a".to_owned(),
            pid: Some(process.pid),
            start: Some(process.start),
            doing: "ready".to_owned(),
            up: true,
            essential: true,
            restarts: 0,
            detail: None,
        };
        let view = View { supervisor, ..view(state, vec![process]) };
        Observation { state, view: Some(view), ..Observation::of_nothing() }
    }

    /// No process has this start: the one that the supervisor names is gone.
    fn gone() -> Identity {
        let mut child = std::process::Command::new("/bin/cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let identity = Identity::of(Pid::try_from(pid).unwrap()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        identity
    }

    fn looked(observations: &mut dyn FnMut(usize) -> Observation) -> (usize, bool, State) {
        let mut looks = 0;
        let until = Moment::now() + Duration::from_secs(2);
        let look = || {
            looks += 1;
            Ok::<_, Infallible>(observations(looks))
        };
        let Ok((observation, missing)) = look_for_missing(look, until);
        (looks, missing.is_some(), observation.state)
    }

    #[test]
    fn a_death_that_the_supervisor_hears_of_meanwhile_is_no_failure_of_ours() {
        let (dead, alive) = (gone(), ourselves());
        // It restarts the process within its budget.
        let restarted = looked(&mut |look| match look {
            1 | 2 => seen(State::Running, &dead),
            _ => seen(State::Running, &alive),
        });
        assert_eq!(restarted, (3, false, State::Running));
        // It gives the site up: that is its answer, with its reason.
        let failed = looked(&mut |look| match look {
            1 => seen(State::Running, &dead),
            _ => seen(State::StoppingFailed, &dead),
        });
        assert_eq!(failed, (2, false, State::StoppingFailed));
    }

    #[test]
    fn a_supervisor_that_did_not_run_for_long_has_an_answer_more() {
        let (dead, alive) = (gone(), ourselves());
        let slow = looked(&mut |look| match look {
            1 => seen(State::Running, &dead),
            2 => {
                Waiting::<()>::new().wait(Some(Moment::now() + SETTLING));
                seen(State::Running, &dead)
            }
            _ => seen(State::Running, &alive),
        });
        assert_eq!(slow, (3, false, State::Running));
    }

    #[test]
    fn what_stays_missing_is_a_failure_and_each_process_has_its_own_time() {
        let dead = gone();
        let begun = Moment::now();
        let (looks, missing, _) = looked(&mut |_| seen(State::Running, &dead));
        let most = SETTLING.as_millis() / LOOK_AGAIN.as_millis() + 2;
        assert!(missing && looks > 2 && looks as u128 <= most, "{looks}");
        assert!(Moment::now().since(begun) >= SETTLING);
        let (first, second) = (gone(), gone());
        let begun = Moment::now();
        let (_, missing, _) = looked(&mut |look| match look {
            1 => seen(State::Running, &first),
            _ => seen(State::Running, &second),
        });
        assert!(missing && Moment::now().since(begun) >= SETTLING);
    }

    #[test]
    fn another_one_that_is_missing_has_its_whole_time() {
        let (first, second) = (gone(), gone());
        let (begun, other) = (Moment::now(), Duration::from_millis(300));
        let (_, missing, _) = looked(&mut |_| match Moment::now().since(begun) < other {
            true => seen(State::Running, &first),
            false => seen(State::Running, &second),
        });
        assert!(missing && Moment::now().since(begun) >= other + SETTLING);
    }

    #[test]
    fn one_that_is_dead_and_not_reaped_is_missing() {
        let mut child = std::process::Command::new("/bin/cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let dead = Identity::of(Pid::try_from(pid).unwrap()).unwrap();
        child.kill().unwrap();
        let deadline = Moment::now() + Duration::from_secs(20);
        while dead.stat().is_some_and(|stat| stat.is_alive()) && !deadline.passed() {
            Waiting::<()>::new().wait(Some(Moment::now() + LOOK_AGAIN));
        }
        let (_, missing, _) = looked(&mut |_| seen(State::Running, &dead));
        assert!(missing);
        child.wait().unwrap();
    }

    #[test]
    fn a_look_ends_with_its_time() {
        let dead = gone();
        let begun = Moment::now();
        let until = begun + Duration::from_millis(100);
        let look = || Ok::<_, Infallible>(seen(State::Running, &dead));
        let Ok((_, missing)) = look_for_missing(look, until);
        assert!(missing.is_some() && Moment::now() < until);
    }

    #[test]
    fn only_a_site_that_serves_has_processes_that_can_be_missing() {
        let dead = gone();
        for state in State::ALL {
            let serves = matches!(state, State::Running | State::Degraded);
            assert_eq!(MissingProcess::of(&seen(state, &dead)).is_some(), serves, "{state:?}");
            assert_eq!(MissingProcess::of(&seen(state, &ourselves())), None, "{state:?}");
        }
        let running = Observation { state: State::Running, ..Observation::of_nothing() };
        assert_eq!(MissingProcess::of(&running), None, "no supervisor names one");
    }

    #[test]
    fn a_process_that_is_missing_is_told_with_its_site_and_its_number() {
        let dead = gone();
        let missing = MissingProcess::of(&seen(State::Running, &dead)).unwrap();
        let told = missing.message(&"shop".parse().unwrap()).to_string();
        for part in ["`a`", "shop", &dead.pid.to_string(), "that is gone"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
