//! No politeness: everything of the site is killed, and that is proved.

use super::stop::{
    end_survivors, free_the_disk, kill_supervisor, send_kill, stop_times, wait_for_death,
};
use super::turn::StopTurn;
use super::wrapped::Manners;
use super::{Deadline, Fault, Outcome, Target, ownership};
use crate::process::{Record, kill_groups};
use crate::site::load;
use crate::values::Moment;

/// Kills the supervisor and everything else of the site.
pub fn clean(target: &Target, deadline: &Deadline) -> Outcome {
    let name = &target.name;
    match try_clean(target, deadline) {
        Ok(true) => Outcome::Done(format!("the site `{name}` is cleaned up")),
        Ok(false) => Outcome::Done(format!("there was nothing of the site `{name}` to clean up")),
        Err(fault) => fault.into(),
    }
}

fn try_clean(target: &Target, deadline: &Deadline) -> Result<bool, Fault> {
    let mut times = stop_times(deadline, &target.site);
    let turn = StopTurn::begin(target, times.until)?;
    let before = Record::read(&target.site).ok().flatten();
    let now = Moment::now();
    (times.polite_until, times.kill_at) = (now, now);
    // Once it has its KILL it starts nothing more, and it dies while the rest is killed.
    let supervisor = send_kill(target)?;
    let had_group = kill_groups(&target.site).unwrap_or_else(|error| {
        // What lives is looked for again, and without an answer nothing is proved.
        log::warn!("the control groups of `{}` cannot be read: {error}", target.name);
        false
    });
    if let Some(handle) = &supervisor {
        wait_for_death(handle, times.until);
    }
    turn.wait_for_starts(times.until)?;
    // A start that was under way may have launched its supervisor meanwhile.
    kill_supervisor(target, times.until)?;
    let had_more = end_survivors(target, &times, Manners::Rough)?;
    free_the_disk(target, before.as_ref(), &times)?;
    Ok(supervisor.is_some() || had_group || had_more)
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
