//! How a verb divides its time.

use std::time::Duration;

use crate::backend::{Boot, StopTimes};
use crate::site::Definition;
use crate::values::Moment;

/// The time that a verb has, counted from the start of its own process.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    pub begun: Moment,
    /// The manager's timeout; None: no manager waits.
    pub given: Option<Duration>,
}

/// The part of a verb's time that is kept to report the outcome.
fn reserve_to_report(given: Duration) -> Duration {
    (given / 10).min(Duration::from_secs(1))
}

/// The time for KILL, sweep and proof.
const PROOF: Duration = Duration::from_secs(2);

/// The part of a manager's `start` timeout that is kept for rollback and report: a sixth, or the time for
/// TERM, KILL and proof if that is longer, but then at most half.
pub fn reserve_of_start(given: Duration, kill_reserve: Duration) -> Duration {
    (given / 6).max(kill_reserve.min(given / 2))
}

/// The timeout that a manager must set for `start`, so that the site has its whole boot_timeout.
pub fn time_for_start(definition: &Definition) -> Duration {
    let boot = definition.boot_timeout;
    rounded((boot * 6 / 5).max(boot + definition.kill_reserve()))
}

/// The timeout that a manager must set for `stop`, so that the site has its whole stop_timeout, and KILL,
/// sweep and proof have time after it.
pub fn time_for_stop(definition: &Definition) -> Duration {
    let stop = definition.stop_timeout;
    rounded((stop * 6 / 5).max(stop + definition.kill_reserve() + Duration::from_secs(10)))
}

/// Rounds up to ten seconds.
fn rounded(time: Duration) -> Duration {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(seconds.div_ceil(10) * 10)
}

impl Deadline {
    /// Until when a verb that is done may write down how it ended; None: no time was given.
    pub(super) fn for_last_words(&self) -> Option<Moment> {
        let given = self.given?;
        Some(self.begun + given.saturating_sub(reserve_to_report(given) / 3))
    }

    pub(super) fn for_start(&self, definition: &Definition) -> Boot {
        let kill = definition.kill_reserve();
        let (time, rollback, until) = match self.given {
            None => {
                let (boot, rollback) = (definition.boot_timeout, definition.stop_timeout);
                (boot, rollback, self.begun + boot + rollback + kill + Duration::from_secs(5))
            }
            Some(given) => {
                let reserve = reserve_of_start(given, kill);
                let boot = definition.boot_timeout.min(given.saturating_sub(reserve));
                let report = reserve_to_report(given);
                let rollback = reserve.saturating_sub(kill + report);
                (boot, rollback, self.begun + given.saturating_sub(report))
            }
        };
        let kill_at = until - PROOF.min(self.begun.until(until) / 3);
        Boot { time, up_by: self.begun + time, rollback, kill_at, until }
    }

    /// `forcekill`: the time between TERM and KILL. Two seconds are kept for KILL, sweep and proof, or half
    /// of the time if that is shorter.
    pub fn for_stop(&self, stop_timeout: Duration, forcekill: Duration) -> StopTimes {
        let given = self.given.unwrap_or(stop_timeout + forcekill + PROOF + Duration::from_secs(5));
        let usable = given.saturating_sub(reserve_to_report(given));
        let to_proof = usable - PROOF.min(usable / 2);
        let graceful = stop_timeout.min(to_proof.saturating_sub(forcekill));
        StopTimes {
            graceful_until: self.begun + graceful,
            kill_at: self.begun + to_proof.min(graceful + forcekill),
            until: self.begun + usable,
        }
    }

    /// The deadline of a verb that only observes.
    pub(super) fn for_look(&self) -> Moment {
        let given = self.given.unwrap_or(crate::observe::PATIENCE);
        // "Unknown" is reported only when nine tenths of the time are gone.
        self.begun + given.saturating_sub(reserve_to_report(given) / 2)
    }

    /// The deadline of the steps before a run in the foreground; None: no manager waits.
    pub(super) fn for_run(&self) -> Option<Moment> {
        self.given.map(|given| self.begun + given.saturating_sub(reserve_to_report(given)))
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
        (from(times.graceful_until), from(times.kill_at), from(times.until))
    }

    #[test]
    fn a_stop_keeps_time_for_kill_and_proof() {
        assert_eq!(
            stop(Some(360)),
            (300, 305, 359),
            "the advised timeout holds all of stop_timeout"
        );
        assert_eq!(stop(Some(20)), (12, 17, 19), "Pacemaker's default shortens the graceful stop");
        assert_eq!(stop(None), (300, 305, 311));
        let (graceful, kill, until) = stop(Some(5));
        assert!(graceful == 0 && kill < until && until <= 5);
        let times = deadline(Some(1)).for_stop(s(300), s(5));
        assert!(times.graceful_until < times.kill_at, "TERM comes before KILL");
        assert!(
            times.kill_at.until(times.until) >= Duration::from_millis(300),
            "and proof after it"
        );
    }

    #[test]
    fn a_start_keeps_time_to_roll_back() {
        assert_eq!(reserve_of_start(s(240), s(7)), s(40));
        assert_eq!(reserve_of_start(s(20), s(7)), s(7));
        assert_eq!(reserve_of_start(s(4), s(7)), s(2));
    }
}
