//! No politeness: everything of the site is killed, and that is proved.

use super::stop::{end_survivors, kill_supervisor, stop_times};
use super::wrapped::{self, Manners};
use super::{Deadline, Outcome, Target};
use crate::linux::Moment;

/// Kills the supervisor and everything else of the site.
pub fn clean(target: &Target, deadline: &Deadline) -> Outcome {
    let mut times = stop_times(deadline, &target.site);
    wrapped::announce(target);
    let now = Moment::now();
    (times.polite_until, times.kill_at) = (now, now);
    let cleaned = kill_supervisor(target, times.until)
        .and_then(|()| end_survivors(target, &times, Manners::Rough));
    match cleaned {
        Ok(true) => Outcome::Done(format!("the site `{}` is cleaned up", target.name)),
        Ok(false) => {
            Outcome::Done(format!("there was nothing of the site `{}` to clean up", target.name))
        }
        Err(fault) => fault.into(),
    }
}
