//! What is told of the site and is not the machine's to know: who ordered what, and since when it is being done.

use super::machine::{Milestone, Note};
use crate::control::{Failure, Pause};
use crate::history::{By, OrderedStart};
use crate::linux::clock::WallTime;
use crate::values::Moment;

/// The orders to the site, and since when they are being carried out.
#[derive(Debug)]
pub(super) struct SiteOrders {
    /// Of the start, or of the last resume.
    pub(super) start: Option<By>,
    /// When that was given.
    pub(super) begun: Moment,
    pub(super) pause: Option<By>,
    pub(super) resume: Option<By>,
    pub(super) stop: Option<By>,
    /// When the processes began to be stopped.
    pub(super) lowering: Option<Moment>,
}

/// What is told of the site and is not the machine's to know.
#[derive(Debug)]
pub(super) struct SiteStatus {
    pub(super) orders: SiteOrders,
    /// It was written down that the site is degraded.
    pub(super) is_degraded: bool,
    pub(super) since: WallTime,
    /// Why the site is paused, if it is.
    pub(super) paused: Option<Pause>,
    /// The pause that a resume is to end; it is in force again if the ports are taken.
    pub(super) resumed_from: Option<Pause>,
    pub(super) failure: Option<Failure>,
    /// By which verb or signal it was stopped.
    pub(super) stopped_by: Option<String>,
}

impl SiteStatus {
    /// Of a site that begins.
    pub(super) fn new(since: WallTime, paused: Option<Pause>, order: Option<OrderedStart>) -> Self {
        let begun = order.as_ref().map_or_else(Moment::now, |order| order.at);
        let start = order.map(|order| order.by);
        let orders =
            SiteOrders { start, begun, pause: None, resume: None, stop: None, lowering: None };
        Self {
            orders,
            is_degraded: false,
            since,
            paused,
            resumed_from: None,
            failure: None,
            stopped_by: None,
        }
    }

    /// A phase begins with this note.
    pub(super) fn follow(&mut self, note: &Note) {
        let now = Moment::now();
        match note {
            Note::GaveUp(_) => self.is_degraded = true,
            Note::Site(
                Milestone::Stopping
                | Milestone::Holding
                | Milestone::Failing(_)
                | Milestone::LeaseLost,
            ) => {
                self.orders.lowering.get_or_insert(now);
            }
            Note::Site(Milestone::Resuming) => {
                self.orders.start = self.orders.resume.clone();
                self.orders.begun = now;
            }
            Note::Site(Milestone::Held) => self.orders.lowering = None,
            Note::Ready(_)
            | Note::Fault(..)
            | Note::RestartIn(..)
            | Note::NotAsked(..)
            | Note::Insisting(..)
            | Note::Site(
                Milestone::Adopted | Milestone::Up | Milestone::BegunHeld | Milestone::Over,
            ) => {}
        }
    }
}
