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
                    // A signal that comes when the site is up does not end it; an order to stop does.
                    let may_stay = matches!(failed, NotDone::Interrupted)
                        && interrupts.why() != Some(Interruption::Stop);
                    return match may_stay.then(|| own::up_now(&self.target.site)).flatten() {
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
        let now = Moment::now();
        let graceful_until = match mode {
            StopMode::Graceful => self.boot.kill_at.min(now + self.boot.rollback),
            StopMode::Kill => now,
        };
        let times = StopTimes {
            graceful_until,
            kill_at: self.boot.kill_at.max(graceful_until),
            until: self.boot.until.max(now + Duration::from_secs(2)),
        };
        down::roll_back(self.target, &times, mode, fault)
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
