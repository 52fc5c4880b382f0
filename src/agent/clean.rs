//! No politeness: everything of the site is killed, and that is proved.

use super::stop::{end_survivors, free_the_disk, send_kill, stop_times, wait_for_death};
use super::wrapped::{self, Manners};
use super::{Deadline, Fault, Outcome, Target, ownership};
use crate::linux::Moment;
use crate::process::{Record, kill_groups};
use crate::site::load;

/// Kills the supervisor and everything else of the site.
pub fn clean(target: &Target, deadline: &Deadline) -> Outcome {
    let mut times = stop_times(deadline, &target.site);
    wrapped::announce(target);
    let before = Record::read(&target.site).ok().flatten();
    let now = Moment::now();
    (times.polite_until, times.kill_at) = (now, now);
    // Once it has its KILL it starts nothing more, and it dies while the rest is killed.
    let cleaned = send_kill(target)
        .map(|supervisor| {
            let had = kill_groups(&target.site);
            if let Some(handle) = &supervisor {
                wait_for_death(handle, times.until);
            }
            had
        })
        .and_then(|had| Ok(end_survivors(target, &times, Manners::Rough)? || had))
        .and_then(|had| free_the_disk(target, before.as_ref(), &times).map(|()| had));
    match cleaned {
        Ok(true) => Outcome::Done(format!("the site `{}` is cleaned up", target.name)),
        Ok(false) => {
            Outcome::Done(format!("there was nothing of the site `{}` to clean up", target.name))
        }
        Err(fault) => fault.into(),
    }
}

/// As [`clean`]; then, if a person says so, the database's lease is taken away from whoever has it.
pub fn clean_and_break(target: &Target, break_lease: bool, deadline: &Deadline) -> Outcome {
    let cleaned = clean(target, deadline);
    let Outcome::Done(said) = &cleaned else { return cleaned };
    if !break_lease {
        return cleaned;
    }
    let definition = match load(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => return Fault::from(error).into(),
    };
    match ownership::break_it(target, &definition) {
        Ok(broken) => Outcome::Done(format!("{said}; {broken}")),
        Err(fault) => fault.into(),
    }
}
