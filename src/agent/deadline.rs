//! How a verb divides its time.

use std::time::Duration;

use crate::backend::{Boot, StopTimes};
use crate::hold;
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

/// Until when a stop looks at what is there. A supervisor that does not answer had its time before: most of the rest is
/// for the sweep.
pub(super) fn first_look(now: Moment, until: Moment) -> Moment {
    now + now.until(until) / 8
}

/// Until when a stop looks again at a list that may be updated late.
pub(super) fn later_look(now: Moment, until: Moment) -> Moment {
    now + (now.until(until) / 2).max(Duration::from_millis(200))
}

/// Until when processes that got TERM may end by themselves.
pub(super) fn term_until(now: Moment, kill_at: Moment, forcekill: Duration) -> Moment {
    kill_at.min(now + forcekill)
}

/// Until when a new keeper of a lease is waited for.
pub(super) fn keeper_by(now: Moment, until: Moment) -> Moment {
    until.min(now + hold::KEEP)
}

impl Deadline {
    /// Until when a start waits for its turn and looks for an earlier run. The definition is not read yet: without a
    /// manager's timeout, the limit is one minute.
    pub(super) fn for_turn(&self) -> Moment {
        self.begun + self.given.unwrap_or(Duration::from_secs(60))
    }

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
    use std::path::Path;

    use super::*;
    use crate::site::parse;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn deadline(given: Option<u64>) -> Deadline {
        Deadline { begun: Moment::since_boot(s(1000)), given: given.map(s) }
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn definition(times: &str) -> Definition {
        let text = format!("version: 1\n{times}processes: {{a: {{command: [x]}}}}\n");
        parse(&"a".parse().unwrap(), Path::new("x"), &text).unwrap()
    }

    const BEGUN: Moment = Moment::since_boot(s(1000));

    /// How long after the beginning.
    fn after(moment: Moment) -> Duration {
        assert!(moment >= BEGUN, "{moment:?} is before the verb");
        BEGUN.until(moment)
    }

    fn with(given: Duration) -> Deadline {
        Deadline { begun: BEGUN, given: Some(given) }
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

    #[test]
    fn a_short_time_is_divided_in_the_same_proportions() {
        let times = with(s(1)).for_stop(s(300), s(5));
        assert_eq!(after(times.until), ms(900), "a tenth is left to report");
        assert_eq!(after(times.kill_at), ms(450), "and half of the rest to the proof");
        assert_eq!(after(times.graceful_until), s(0));
        let times = deadline(None).for_stop(s(0), s(0));
        assert_eq!(after(times.until), ms(6_300));
        let times = with(s(30)).for_stop(s(4), s(5));
        assert_eq!((after(times.graceful_until), after(times.kill_at)), (s(4), s(9)));
    }

    #[test]
    fn the_advised_timeout_of_a_start_holds_the_whole_boot_and_its_reserve() {
        for (boot, forcekill, advised) in [
            // A sixth of it is kept.
            (200, 5, 240),
            (101, 5, 130),
            // TERM, KILL and proof take longer than a sixth.
            (20, 5, 30),
            (20, 9, 40),
            (20, 8, 30),
        ] {
            let times = format!("boot_timeout: {boot}\nforcekill_time: {forcekill}\n");
            let definition = definition(&times);
            let time = time_for_start(&definition);
            assert_eq!(time, s(advised), "{times}");
            assert_eq!(with(time).for_start(&definition).time, s(boot), "{times}");
        }
    }

    #[test]
    fn the_advised_timeout_of_a_stop_holds_the_whole_stop_and_the_proof() {
        for (stop, forcekill, advised) in
            [(300, 5, 360), (400, 5, 480), (20, 5, 40), (20, 8, 40), (20, 9, 50), (80, 5, 100)]
        {
            let times = format!("stop_timeout: {stop}\nforcekill_time: {forcekill}\n");
            let definition = definition(&times);
            let time = time_for_stop(&definition);
            assert_eq!(time, s(advised), "{times}");
            let times = with(time).for_stop(definition.stop_timeout, definition.forcekill_time);
            assert_eq!(after(times.graceful_until), s(stop));
        }
    }

    #[test]
    fn an_advised_timeout_is_the_next_ten_seconds() {
        for (time, advised) in [
            (s(0), 0),
            (s(10), 10),
            (s(10) + Duration::from_nanos(1), 20),
            (ms(9_500), 10),
            (s(11), 20),
            (s(240), 240),
        ] {
            assert_eq!(rounded(time), s(advised), "{time:?}");
        }
    }

    #[test]
    fn a_verb_that_looks_reports_within_its_time() {
        for (given, look, run, words) in [
            (s(4), ms(3_800), ms(3_600), s(4) - ms(400) / 3),
            (s(6), ms(5_700), ms(5_400), ms(5_800)),
            (s(60), ms(59_500), s(59), s(60) - s(1) / 3),
        ] {
            let deadline = with(given);
            assert_eq!(after(deadline.for_look()), look, "{given:?}");
            assert_eq!(deadline.for_run().map(after), Some(run), "{given:?}");
            assert_eq!(deadline.for_last_words().map(after), Some(words), "{given:?}");
            assert_eq!(after(deadline.for_turn()), given);
        }
        let unbounded = deadline(None);
        assert_eq!(unbounded.for_run(), None);
        assert_eq!(unbounded.for_last_words(), None);
        assert_eq!(after(unbounded.for_turn()), s(60));
        let patience = crate::observe::PATIENCE;
        assert_eq!(after(unbounded.for_look()), after(with(patience).for_look()));
    }

    /// The boot, its end, the rollback, the KILL and the end of the verb.
    fn start(given: Option<Duration>) -> [Duration; 5] {
        let definition = definition("boot_timeout: 200\nstop_timeout: 300\nforcekill_time: 5\n");
        let boot = Deadline { begun: BEGUN, given }.for_start(&definition);
        [boot.time, after(boot.up_by), boot.rollback, after(boot.kill_at), after(boot.until)]
    }

    #[test]
    fn a_start_divides_its_time_between_boot_rollback_and_proof() {
        // Nobody waits: the whole boot, a whole stop, TERM and KILL, and five seconds.
        assert_eq!(start(None), [s(200), s(200), s(300), s(510), s(512)]);
        assert_eq!(start(Some(s(240))), [s(200), s(200), s(32), s(237), s(239)]);
        assert_eq!(start(Some(s(600))), [s(200), s(200), s(92), s(597), s(599)]);
        assert_eq!(start(Some(s(120))), [s(100), s(100), s(12), s(117), s(119)]);
        // Of a short time a third is for the proof.
        assert_eq!(start(Some(s(3))), [ms(1_500), ms(1_500), s(0), ms(1_800), ms(2_700)]);
    }

    #[test]
    fn a_stop_gives_each_of_its_steps_a_share_of_what_is_left() {
        let at = |seconds| BEGUN + s(seconds);
        assert_eq!(after(first_look(BEGUN, at(80))), s(10));
        assert_eq!(after(later_look(BEGUN, at(80))), s(40));
        // A look that began in time may take a little longer.
        assert_eq!(after(later_look(BEGUN, BEGUN + ms(100))), ms(200));
        assert_eq!(after(later_look(BEGUN, BEGUN)), ms(200));
        assert_eq!(after(term_until(BEGUN, at(20), s(5))), s(5));
        assert_eq!(after(term_until(BEGUN, at(3), s(5))), s(3), "KILL comes in time");
        assert_eq!(after(keeper_by(BEGUN, at(1))), s(1));
        assert_eq!(after(keeper_by(BEGUN, at(60))), hold::KEEP);
    }
}
