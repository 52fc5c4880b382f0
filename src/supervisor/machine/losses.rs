//! The loss of what the site needs of its node: its disk, its address.

use super::site::Machine;
use crate::site::{OnLoss, Prerequisite};
use crate::supervisor::state::{Action, Desired, Milestone, Note, SitePhase, Why};
use crate::values::Moment;

impl Machine {
    /// A site that is to run fails or is degraded, as its definition says. Of a paused one the loss is only
    /// told, and a stop goes on as it was ordered.
    pub(super) fn on_lost(&mut self, lost: Prerequisite, now: Moment, out: &mut Vec<Action>) {
        let on_loss = self.plan.when_lost.of(lost);
        if self.lost.contains(&lost) || on_loss == OnLoss::Ignore {
            return;
        }
        self.lost.push(lost);
        match self.desired {
            Desired::Down(_) => {}
            Desired::Up if on_loss == OnLoss::Fail => self.fail_without(lost, now, out),
            Desired::Up | Desired::Held => {
                out.push(Action::Note(Note::Site(Milestone::Lost(lost))));
            }
        }
    }

    pub(super) fn on_back(&mut self, back: Prerequisite, out: &mut Vec<Action>) {
        let Some(place) = self.lost.iter().position(|lost| *lost == back) else { return };
        self.lost.remove(place);
        match self.desired {
            Desired::Down(_) => {}
            Desired::Up | Desired::Held => {
                out.push(Action::Note(Note::Site(Milestone::Back(back))));
            }
        }
    }

    /// The site fails for want of what it has lost, and is stopped as after any failure.
    pub(super) fn fail_without(&mut self, lost: Prerequisite, now: Moment, out: &mut Vec<Action>) {
        let graceful_until = now + self.graceful_time();
        out.push(Action::Note(Note::Site(Milestone::FailingWithout(lost))));
        self.desired = Desired::Down(Why::Without(lost));
        match self.phase {
            // A pause before a resume is under way, and its time runs.
            SitePhase::Lowering { graceful_until: before } => {
                self.lower(before.min(graceful_until), out);
            }
            SitePhase::Booting { .. }
            | SitePhase::Settling { .. }
            | SitePhase::Serving
            | SitePhase::Gathering { .. }
            | SitePhase::Held
            | SitePhase::Reserving
            | SitePhase::Over => self.lower(graceful_until, out),
        }
    }

    /// What is lost and without which nothing of the site may be started: the disk in any case, as a process
    /// would find another folder in its place.
    pub fn bars_start(&self) -> Option<Prerequisite> {
        let bars = |lost: &Prerequisite| match lost {
            Prerequisite::Disk => true,
            Prerequisite::Address => self.plan.when_lost.address_present == OnLoss::Fail,
        };
        self.lost.iter().copied().find(bars)
    }
}
