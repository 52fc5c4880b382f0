//! How a verb divides its time.

use std::time::Duration;

use crate::site::Definition;
use crate::values::Moment;

/// The time that a verb has, counted from the start of its own process.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    pub begun: Moment,
    /// What the manager gives; None: nobody waits.
    pub given: Option<Duration>,
}

/// How a start divides its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StartTimes {
    /// The site must be up after so long.
    pub(super) boot: Duration,
    /// Else it is stopped politely for so long before it is killed.
    pub(super) rollback: Duration,
    /// The verb ends then, whatever happens.
    pub(super) until: Moment,
}

/// How a stop or a clean divides its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StopTimes {
    /// Politeness ends: everything gets TERM.
    pub(super) polite_until: Moment,
    /// Everything gets KILL.
    pub(super) kill_at: Moment,
    /// The verb ends then, whatever happens.
    pub(super) until: Moment,
}

/// What a verb keeps to say what came of it.
fn reserve_to_report(given: Duration) -> Duration {
    (given / 20).min(Duration::from_secs(1))
}

/// What of a manager's time for `start` is kept to report and roll back: a sixth, but enough for
/// TERM, KILL and proof unless that were more than half.
pub fn reserve_of_start(given: Duration, kill_reserve: Duration) -> Duration {
    (given / 6).max(kill_reserve.min(given / 2))
}

/// What a manager must give to `start`, so that the site has all of its boot_timeout.
pub fn time_for_start(definition: &Definition) -> Duration {
    let boot = definition.boot_timeout;
    rounded((boot * 6 / 5).max(boot + definition.kill_reserve()))
}

/// What a manager must give to `stop`, so that the site has all of its stop_timeout, and KILL, sweep
/// and proof their time.
pub fn time_for_stop(definition: &Definition) -> Duration {
    let stop = definition.stop_timeout;
    rounded((stop * 6 / 5).max(stop + definition.kill_reserve() + Duration::from_secs(10)))
}

/// Up to the next ten seconds.
fn rounded(time: Duration) -> Duration {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(seconds.div_ceil(10) * 10)
}

impl Deadline {
    pub(super) fn for_start(&self, definition: &Definition) -> StartTimes {
        let kill = definition.kill_reserve();
        match self.given {
            None => {
                let (boot, rollback) = (definition.boot_timeout, definition.stop_timeout);
                let until = self.begun + boot + rollback + kill + Duration::from_secs(5);
                StartTimes { boot, rollback, until }
            }
            Some(given) => {
                let reserve = reserve_of_start(given, kill);
                StartTimes {
                    boot: definition.boot_timeout.min(given.saturating_sub(reserve)),
                    rollback: reserve.saturating_sub(kill + reserve_to_report(given)),
                    until: self.begun + given.saturating_sub(reserve_to_report(given)),
                }
            }
        }
    }

    /// `forcekill`: from TERM to KILL; that and two seconds are always kept.
    pub(super) fn for_stop(&self, stop_timeout: Duration, forcekill: Duration) -> StopTimes {
        let proof = Duration::from_secs(2);
        let given = self.given.unwrap_or(stop_timeout + forcekill + proof + Duration::from_secs(5));
        let usable = given.saturating_sub(reserve_to_report(given));
        let polite = stop_timeout.min(usable.saturating_sub(forcekill + proof));
        // Where there is not even time for both, half of it goes to TERM.
        let to_kill = forcekill.min(usable.saturating_sub(polite) / 2);
        let to_kill = if usable >= forcekill + proof { forcekill } else { to_kill };
        StopTimes {
            polite_until: self.begun + polite,
            kill_at: self.begun + polite + to_kill,
            until: self.begun + usable,
        }
    }

    /// When a verb that only looks must have its answer.
    pub(super) fn for_look(&self) -> Moment {
        let given = self.given.unwrap_or(crate::observe::PATIENCE);
        self.begun + given.saturating_sub(reserve_to_report(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn deadline(given: Option<u64>) -> Deadline {
        Deadline { begun: Moment::since_boot(s(1000)), given: given.map(s) }
    }

    fn stop(given: Option<u64>) -> (u64, u64, u64) {
        let deadline = deadline(given);
        let times = deadline.for_stop(s(300), s(5));
        let from = |m: Moment| deadline.begun.until(m).as_secs();
        (from(times.polite_until), from(times.kill_at), from(times.until))
    }

    #[test]
    fn a_stop_keeps_time_for_kill_and_proof() {
        assert_eq!(
            stop(Some(360)),
            (300, 305, 359),
            "the advised timeout holds all of stop_timeout"
        );
        assert_eq!(stop(Some(20)), (12, 17, 19), "Pacemaker's default shortens the politeness");
        assert_eq!(stop(None), (300, 305, 311));
        let (polite, kill, until) = stop(Some(5));
        assert!(polite == 0 && kill < until && until <= 5);
    }

    #[test]
    fn a_start_keeps_time_to_roll_back() {
        assert_eq!(reserve_of_start(s(240), s(7)), s(40));
        assert_eq!(reserve_of_start(s(20), s(7)), s(7));
        assert_eq!(reserve_of_start(s(4), s(7)), s(2));
    }
}
