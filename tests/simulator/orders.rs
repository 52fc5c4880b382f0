//! Orders to a site, and what is taken away from it.

use std::time::Duration;

use siteward::site::{OnLoss, Prerequisite};
use siteward::supervisor::machine::{Desired, Event, Why};

use crate::world::{KILL_TAKES, Order, World};

impl World {
    pub(crate) fn order(&mut self, order: Order) -> Result<(), String> {
        let plan = self.machine.plan();
        let (stop, forcekill, boot) = (plan.stop_timeout, plan.forcekill_time, plan.boot_timeout);
        match order {
            Order::Stop(polite) => {
                let graceful_until = self.now + polite;
                let over = graceful_until + forcekill + KILL_TAKES * 2;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                self.step(Event::Stop { graceful_until })
            }
            Order::Hold => self.step(Event::Hold { graceful_until: self.now + stop }),
            Order::Resume => self.step(Event::Resume { boot }),
            Order::LoseLease => {
                self.is_lease_lost = true;
                // Twice, as one may be forked at that moment.
                let over = self.now + KILL_TAKES * 3;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                self.step(Event::LeaseLost)
            }
            Order::Lose(what) => self.lose(what, stop + forcekill + KILL_TAKES * 3),
            Order::Return(what) => {
                self.lost.retain(|lost| *lost != what);
                let before = self.machine.desired().clone();
                self.step(Event::Back(what))?;
                if !self.is_alone && !self.trouble.clock && *self.machine.desired() != before {
                    return Err(format!("the order is another one, as {what:?} is back"));
                }
                Ok(())
            }
        }
    }

    /// `over_in`: how long the stop of a site that fails for it may take.
    fn lose(&mut self, what: Prerequisite, over_in: Duration) -> Result<(), String> {
        let on_loss = self.machine.plan().when_lost.of(what);
        if on_loss == OnLoss::Ignore {
            return self.step(Event::Lost(what));
        }
        let is_new = !self.lost.contains(&what);
        if is_new {
            self.lost.push(what);
        }
        let before = self.machine.desired().clone();
        self.step(Event::Lost(what))?;
        if self.is_alone {
            return Ok(());
        }
        let after = self.machine.desired();
        let is_fatal = is_new && before == Desired::Up && on_loss == OnLoss::Fail;
        match (is_fatal, after) {
            (true, Desired::Down(Why::Without(_))) => {
                let over = self.now + over_in;
                self.over_by = Some(self.over_by.map_or(over, |o| o.min(over)));
                Ok(())
            }
            // What was due before came first.
            (_, Desired::Down(Why::Failed(_))) if self.trouble.clock => Ok(()),
            (true, other) => Err(format!("{what:?} is lost, and the site is to be {other:?}")),
            // One that waits for its turn may have to be started just now.
            (false, Desired::Down(Why::Without(_))) if before == Desired::Up => Ok(()),
            (false, after) if *after == before => Ok(()),
            (false, after) => Err(format!("{what:?} is lost, which makes {before:?} {after:?}")),
        }
    }
}
