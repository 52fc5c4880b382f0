//! Runs an external supervisor in the foreground: the verb ends with it.

use std::os::fd::AsFd;

use super::External;
use crate::backend::orders::{Cut, Ended, Orders, Up};
use crate::history::{Entry, HistoryEvent};
use crate::journal;
use crate::linux::wait::Waiting;
use crate::process::Identity;

impl External {
    /// Starts it, and waits until it ends or the run is interrupted.
    pub fn run(&self, orders: &Orders<'_>, cut: Cut<'_>, at_work: impl FnOnce()) -> Ended {
        let mut started = match self.launch(orders) {
            Ok(started) => started,
            Err(why) => return Ended::NotBegun(why),
        };
        at_work();
        let known = Identity::of(started.child.pid);
        match self.await_up(Some(&mut started), &orders.boot, cut) {
            Ok(Up::AtRest(why)) => log::info!("the site is in maintenance: {why}"),
            Ok(Up::Running | Up::Seen(_)) => log::info!("the site is running"),
            Err(failed) => return Ended::NotUp(failed),
        }
        while let Some(handle) = known.as_ref().and_then(Identity::open)
            && !(cut.is_cut)()
        {
            let mut waiting = Waiting::new();
            waiting.readable(handle.as_fd(), ());
            waiting.readable((cut.fd)(), ());
            waiting.wait(None);
        }
        if !(cut.is_cut)() {
            let words = format!("`{}` ended, and with it the site", self.program());
            let entry = Entry::new(HistoryEvent::Failed, words)
                .exiting(started.exit_status())
                .having_printed(started.last_lines(&self.places, 5));
            journal::note(&self.places, Some(&self.definition), &entry);
        }
        Ended::SupervisorLeft
    }
}
