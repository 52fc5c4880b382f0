//! The adoption of a running site: the machine begins with its units as they were found.

use std::time::Duration;

use super::site::{Machine, Remains};
use crate::supervisor::state::{
    Action, AdoptionState, Cause, Desired, Milestone, Note, SitePhase, Unit,
};
use crate::values::{ExitStatus, Moment};

impl Machine {
    /// Takes the units as they were found. A process that lives is not touched; a unit that was never started
    /// is started in its turn; one that ended meanwhile has a fault now.
    pub(super) fn on_adopt(
        &mut self,
        found: Vec<AdoptionState>,
        boot: Duration,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        out.push(Action::Note(Note::Site(Milestone::Adopted)));
        self.desired = Desired::Up;
        self.boot = boot;
        // It was up before, so that a missing unit is a fault and not a boot.
        let was_up = found.iter().all(|unit| match unit {
            AdoptionState::Alive { ready, .. } => *ready,
            AdoptionState::Done | AdoptionState::Gone { .. } => true,
            AdoptionState::Never => false,
        });
        self.boot_now(now);
        if was_up {
            self.phase = SitePhase::Serving;
        }
        let mut gone = Vec::new();
        for (id, unit) in self.ids().zip(found) {
            match unit {
                AdoptionState::Never => {}
                AdoptionState::Done => self.units[id.0] = Unit::Done,
                AdoptionState::Alive { run, ready: true } => self.is_ready(id, run, now, out),
                AdoptionState::Alive { run, ready: false } => {
                    let until = self.ready_limit(id, now);
                    self.starts(id, run, until, now, out);
                }
                AdoptionState::Gone { rest } => gone.push((id, rest)),
            }
        }
        for (id, rest) in gone {
            let remains = if rest { Remains::Others } else { Remains::Nothing };
            self.fault(id, Cause::Died(ExitStatus::Untold), remains, now, out);
        }
    }
}
