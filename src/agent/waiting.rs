//! Waits for a site to come up, and rolls back a start that failed.

use std::time::Duration;

use super::halt::Halt;
use super::{Fault, Outcome, StopMode, Target, down};
use crate::backend::{Backend, Boot, Cut, Launched, NotDone, StopTimes, Up, own};
use crate::control::{State, View};
use crate::hold::{Interruption, Interrupts};
use crate::linux::lock;
use crate::messages;
use crate::observe::{Observation, observe};
use crate::site::duration;
use crate::values::Moment;

/// A site that is coming up.
pub(super) struct Awaited<'a> {
    pub(super) target: &'a Target,
    pub(super) backend: &'a Backend,
    pub(super) boot: Boot,
    /// This verb rolls the site back if it does not come up.
    pub(super) is_ours: bool,
}

impl Awaited<'_> {
    pub(super) fn finish(
        &self,
        mut launched: Launched,
        interrupts: &Interrupts<'_>,
    ) -> Result<Outcome, Halt> {
        let already = matches!(launched, Launched::Own { already: true });
        let until = if self.is_ours { self.boot.kill_at } else { self.boot.until };
        let cut = Cut { fd: &|| interrupts.fd(), is_cut: &|| interrupts.is_cut() };
        loop {
            let is_own = matches!(launched, Launched::Own { .. });
            match self.backend.await_up(launched, &self.boot, until, cut) {
                Ok(up) => return Ok(Outcome::Done(sentence(self.target, &up, already))),
                // No stop order: the runtime directory was removed, and the order file with it.
                Err(NotDone::Interrupted) if is_own && interrupts.why().is_none() => {}
                Err(NotDone::Nobody) if is_own && !until.passed() && self.has_supervisor() => {}
                Err(failed) => {
                    let stays = may_stay(&failed, interrupts.why());
                    return match stays.then(|| own::up_now(&self.target.site)).flatten() {
                        Some(view) => Ok(Outcome::Done(up_as(self.target, &view, already))),
                        None => Err(self.not_up(failed, interrupts)),
                    };
                }
            }
            launched = Launched::Own { already };
        }
    }

    /// Observes again: a supervisor that was not found may be restoring its runtime directory.
    fn has_supervisor(&self) -> bool {
        let seen = observe(&self.target.site, Moment::now(), self.boot.until);
        seen.is_ok_and(|seen| seen.is_supervised())
    }

    /// The fault of a site that did not come up; it is rolled back if `is_ours`.
    pub(super) fn not_up(&self, failed: NotDone, interrupts: &Interrupts<'_>) -> Halt {
        let name = &self.target.name;
        let interruption = interrupts.why();
        // The stop ends what was launched: it was recorded within this start's turn.
        if interruption == Some(Interruption::Stop) {
            return Halt::Interrupted;
        }
        let fault = match failed {
            NotDone::Interrupted if self.is_ours => {
                log::warn!(
                    "the start of `{name}` is being undone, which may take {}; end it at once with: \
                     siteward clean {name}",
                    duration::say(self.boot.rollback)
                );
                match self.roll_back(StopMode::Graceful, None) {
                    Ok(()) => return Halt::Interrupted,
                    Err(left) => messages::start_not_rolled_back(name, left).into(),
                }
            }
            NotDone::Interrupted => messages::goes_on_coming_up(name).into(),
            NotDone::Failed(failure) => {
                own::wait_for_end(&self.target.site, self.boot.kill_at);
                let fault = Fault::of_failure(self.target, &failure, "did not start");
                match self.is_ours && lock::is_held(&self.target.site.lock()).unwrap_or(true) {
                    true => self.rolled_back(fault, StopMode::Kill),
                    false => fault,
                }
            }
            NotDone::NotInTime { why, .. } if !self.is_ours => {
                messages::still_coming_up(name, why).into()
            }
            NotDone::NotInTime { why, details } => {
                let fault = messages::did_not_start(name, why);
                let fault = Fault::from(fault).with_details(details);
                let mode = match self.backend.rolls_back() {
                    // The supervisor had its time to roll back, and has not done so.
                    true => StopMode::Kill,
                    false => StopMode::Graceful,
                };
                self.rolled_back(fault, mode)
            }
            NotDone::Nobody => {
                let seen = observe(&self.target.site, Moment::now(), self.boot.until).ok();
                let fault = match seen.as_ref().and_then(Observation::failure) {
                    Some(failure) => Fault::of_failure(self.target, failure, "did not start"),
                    None => {
                        let log = self.target.site.supervisor_log();
                        messages::supervisor_gave_no_reason(name, log.display()).into()
                    }
                };
                // Processes keep running after their supervisor is killed.
                match self.is_ours && seen.is_none_or(|seen| seen.is_up()) {
                    true => self.rolled_back(fault, StopMode::Graceful),
                    false => fault,
                }
            }
            failed @ (NotDone::Overtaken(_) | NotDone::Refused(_) | NotDone::Denied(_)) => {
                Fault::of_order(self.target, "start", failed)
            }
        };
        fault.into()
    }

    /// Rolls back, and adds to the fault what could not be rolled back.
    fn rolled_back(&self, mut fault: Fault, mode: StopMode) -> Fault {
        let left = self.roll_back(mode, Some(&fault)).err();
        fault.details.extend(left.map(|left| left.sentence));
        fault
    }

    fn roll_back(&self, mode: StopMode, fault: Option<&Fault>) -> Result<(), Fault> {
        let times = rollback_times(&self.boot, mode, Moment::now());
        down::roll_back(self.target, &times, mode, fault)
    }
}

/// A signal that comes when the site is up does not end it; an order to stop does.
fn may_stay(failed: &NotDone, why: Option<Interruption>) -> bool {
    matches!(failed, NotDone::Interrupted) && why != Some(Interruption::Stop)
}

/// How a rollback that begins now divides its time.
fn rollback_times(boot: &Boot, mode: StopMode, now: Moment) -> StopTimes {
    let graceful_until = match mode {
        StopMode::Graceful => boot.kill_at.min(now + boot.rollback),
        StopMode::Kill => now,
    };
    StopTimes {
        graceful_until,
        kill_at: boot.kill_at.max(graceful_until),
        until: boot.until.max(now + Duration::from_secs(2)),
    }
}

/// The outcome of a start that found the site up.
pub(super) fn already_up(target: &Target, seen: &Observation) -> Outcome {
    Outcome::Done(match &seen.view {
        Some(view) => up_as(target, view, true),
        None => format!("the site `{}` is already {}", target.name, seen.state),
    })
}

fn sentence(target: &Target, up: &Up, already: bool) -> String {
    let name = &target.name;
    match up {
        Up::Seen(view) => up_as(target, view, already),
        Up::Running => format!("the site `{name}` is running"),
        Up::AtRest(why) => format!("the site `{name}` is in maintenance: {why}"),
    }
}

fn up_as(target: &Target, view: &View, already: bool) -> String {
    let already = if already { "already " } else { "" };
    let name = &target.name;
    match view.state {
        State::Maintenance => {
            let why = view.paused.as_ref().map(ToString::to_string).filter(|p| !p.is_empty());
            let why = why.map_or_else(String::new, |p| format!(" ({p})"));
            format!(
                "the site `{name}` is {already}in maintenance{why}: no process of it runs until \
                 `siteward resume {name}`"
            )
        }
        State::Degraded => {
            format!("the site `{name}` is {already}up, but degraded: {}", view.down())
        }
        _ => format!("the site `{name}` is {already}running"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Pause, ProcessView};
    use crate::hold::StopTurn;
    use crate::observe::samples::{Site, failure, record, view};
    use crate::process::{Ending, Record};
    use crate::values::Signal;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const NOW: Moment = Moment::since_boot(s(1000));

    #[test]
    fn a_rollback_has_the_time_that_the_start_has_kept_for_it() {
        let at = |seconds| NOW + s(seconds);
        let of = |kill_at, until, mode| {
            let boot = Boot { time: s(9), up_by: NOW, rollback: s(30), kill_at, until };
            let times = rollback_times(&boot, mode, NOW);
            [times.graceful_until, times.kill_at, times.until].map(|moment| NOW.until(moment))
        };
        assert_eq!(of(at(50), at(60), StopMode::Graceful), [s(30), s(50), s(60)]);
        assert_eq!(of(at(20), at(60), StopMode::Graceful), [s(20), s(20), s(60)]);
        assert_eq!(of(at(50), at(60), StopMode::Kill), [s(0), s(50), s(60)]);
        // The time is over: KILL and the proof have two seconds.
        assert_eq!(of(NOW - s(5), NOW, StopMode::Kill), [s(0), s(0), s(2)]);
    }

    #[test]
    fn a_site_that_is_up_stays_after_a_signal_and_not_after_a_stop() {
        let signal = Some(Interruption::Signal(Signal::TERM));
        for (failed, why, stays) in [
            (NotDone::Interrupted, signal, true),
            (NotDone::Interrupted, None, true),
            (NotDone::Interrupted, Some(Interruption::Stop), false),
            (NotDone::Nobody, signal, false),
        ] {
            assert_eq!(may_stay(&failed, why), stays, "{failed:?}, {why:?}");
        }
    }

    #[test]
    fn a_site_that_was_up_already_is_told_as_it_is() {
        let site = Site::new();
        let target = site.target();
        let said = |view: Option<View>, state| {
            let seen = Observation { view, state, ..Observation::of_nothing() };
            match already_up(&target, &seen) {
                Outcome::Done(said) => said,
                other => panic!("{other:?}"),
            }
        };
        let of = |state, words: &str| {
            let paused = (state == State::Maintenance).then(|| Pause::because(words));
            let lost = vec![words.to_owned()];
            said(Some(View { paused, lost, ..view(state, Vec::<ProcessView>::new()) }), state)
        };
        for (told, expected) in [
            (of(State::Running, ""), "the site `shop` is already running"),
            (
                of(State::Degraded, "a is lost"),
                "the site `shop` is already up, but degraded: a is lost",
            ),
            (
                of(State::Maintenance, "by hand"),
                "the site `shop` is already in maintenance (by hand): no process of it runs until \
                 `siteward resume shop`",
            ),
            (
                of(State::Maintenance, ""),
                "the site `shop` is already in maintenance: no process of it runs until \
                 `siteward resume shop`",
            ),
            (said(None, State::Running), "the site `shop` is already running"),
        ] {
            assert_eq!(told, expected);
        }
        let came_up =
            sentence(&target, &Up::Seen(Box::new(view(State::Running, Vec::new()))), false);
        assert_eq!(came_up, "the site `shop` is running");
        assert_eq!(sentence(&target, &Up::Running, false), came_up);
        let rests = sentence(&target, &Up::AtRest("by hand".to_owned()), false);
        assert_eq!(rests, "the site `shop` is in maintenance: by hand");
    }

    /// The sentence of a site that did not come up, or None if the start was interrupted; and whether it was rolled back.
    fn not_up(failed: NotDone, is_ours: bool, is_stopped: bool) -> (Option<String>, bool) {
        let site = Site::new();
        let target = site.target();
        let begun = Moment::now();
        Record { ending: Some(Ending::Failed(failure("it fell"))), ..record() }
            .write(&site.places)
            .unwrap();
        let interrupts = Interrupts::first(&site.places, begun).unwrap();
        if is_stopped {
            std::fs::write(&site.places.definition, "").unwrap();
            StopTurn::begin(&site.places, begun + s(10)).unwrap();
        }
        let until = begun + s(20);
        let boot = Boot { time: s(0), up_by: begun, rollback: s(0), kill_at: until, until };
        let backend = Backend::Own(site.places.clone());
        let awaited = Awaited { target: &target, backend: &backend, boot, is_ours };
        let sentence = match awaited.not_up(failed, &interrupts) {
            Halt::Interrupted => None,
            Halt::Fault(fault) => Some(fault.sentence),
        };
        interrupts.end();
        let ending = Record::read(&site.places).unwrap().unwrap().ending;
        let is_as_before = matches!(&ending, Some(Ending::Failed(f)) if f.reason == "it fell");
        (sentence, !is_as_before)
    }

    #[test]
    fn only_the_verb_that_has_begun_a_start_rolls_it_back() {
        let late = || NotDone::NotInTime { why: "a is late".to_owned(), details: Vec::new() };
        let failed = || NotDone::Failed(Box::new(failure("b fell")));
        let refused = || NotDone::Refused("it is not its turn".to_owned());
        for (why, is_ours, told, is_rolled_back) in [
            (late(), true, Some("did not start: a is late"), true),
            (late(), false, Some("still coming up: a is late"), false),
            (NotDone::Interrupted, true, None, true),
            (NotDone::Interrupted, false, Some("goes on coming up"), false),
            // Its supervisor has ended the site already.
            (failed(), true, Some("b fell"), false),
            (failed(), false, Some("b fell"), false),
            (NotDone::Nobody, true, Some("it fell"), false),
            (NotDone::Nobody, false, Some("it fell"), false),
            (refused(), true, Some("it is not its turn"), false),
        ] {
            let case = format!("{why:?}, {is_ours}");
            let (sentence, was_rolled_back) = not_up(why, is_ours, false);
            assert_eq!(was_rolled_back, is_rolled_back, "{case}: {sentence:?}");
            match (told, &sentence) {
                (Some(told), Some(sentence)) => assert!(sentence.contains(told), "{sentence}"),
                (told, sentence) => assert_eq!(told, sentence.as_deref(), "{case}"),
            }
        }
    }

    #[test]
    fn a_stop_ends_what_a_start_has_launched_whatever_became_of_it() {
        for is_ours in [true, false] {
            assert_eq!(not_up(NotDone::Nobody, is_ours, true), (None, false));
            assert_eq!(not_up(NotDone::Interrupted, is_ours, true), (None, false));
        }
    }
}
