//! Orders to a supervisor that is at work: pause, resume, reload.

use std::os::fd::BorrowedFd;

use super::errand::{Halt, Undone, begin_pause, clear_pause, read_pause, settle_pause};
use super::pause_mark::{self, Settled};
use super::{Deadline, Fault, Outcome, Target, wrapped};
use crate::backend::own::{self, Asked};
use crate::control::{Pause, Reply, Request};
use crate::linux::clock::WallTime;
use crate::linux::node;
use crate::observe::{Denied, wrapped_definition};
use crate::site::{Definition, load_snapshot};
use crate::values::Moment;

/// Why the site is to come up with its processes held down, if it is.
pub(super) fn held_down(
    target: &Target,
    definition: &Definition,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<Pause>, Halt> {
    if definition.maintenance {
        return Ok(Some(Pause::because("the definition says `maintenance: true`")));
    }
    let Some(database) = &definition.database else { return Ok(None) };
    let pause = read_pause(target, database, until, cut).map_err(|undone| match undone {
        Undone::Interrupted => Halt::Interrupted,
        Undone::Because(why) => {
            let name = &target.name;
            let words = format!("the site `{name}` is not started, as it may be paused: {why}");
            Halt::Fault(Fault::failed(words))
        }
    })?;
    if let Some(pause) = pause.as_ref().filter(|pause| pause.is_over()) {
        log::warn!("the site `{}` comes up again: {pause}", definition.name);
        return Ok(None);
    }
    Ok(pause)
}

/// What a person says of a pause.
#[derive(Clone, Debug, Default)]
pub struct PauseOrder {
    pub reason: Option<String>,
    pub until: Option<WallTime>,
}

/// Stops the processes under a supervisor that stays.
pub fn pause(target: &Target, order: &PauseOrder, deadline: &Deadline) -> Outcome {
    try_pause(target, order, deadline).unwrap_or_else(Outcome::Fault)
}

fn try_pause(target: &Target, said: &PauseOrder, deadline: &Deadline) -> Result<Outcome, Fault> {
    let given = said.reason.as_ref().map_or_else(String::new, |r| format!(": {r}"));
    let pause = Pause {
        words: format!("paused on {} at {}{given}", node::name(), WallTime::now()),
        until: said.until,
    };
    let definition = running_definition(target);
    let database = definition.as_ref().and_then(|d| d.database.as_ref());
    if let Some(database) = database {
        begin_pause(target, database, &pause, patience(target, deadline)).map_err(|why| {
            Fault::failed(format!(
                "the site `{}` is not paused, as the mark {} cannot be written: {why}",
                target.name,
                pause_mark::path(database).display()
            ))
        })?;
    }
    let paused = match &definition {
        Some(definition) if definition.wrapped.is_some() && !is_ours(target, deadline) => {
            wrapped::pause(target, definition, &pause, deadline)
        }
        _ => {
            let request = Request::Pause { pause: pause.clone() };
            match order(target, "pause", &request, patience(target, deadline)) {
                Outcome::Fault(fault) => Err(fault),
                Outcome::Done(_) | Outcome::Seen(_) => Ok(()),
            }
        }
    };
    let settled = if paused.is_ok() { Settled::InForce } else { Settled::Undone };
    if let Some(database) = database
        && let Err(why) = settle_pause(target, database, settled, patience(target, deadline))
    {
        let mark = pause_mark::path(database);
        match settled {
            Settled::InForce => {
                return Err(Fault::failed(format!(
                    "the site `{}` is paused here, and a later start may run it, as the mark {} cannot \
                     be written: {why}",
                    target.name,
                    mark.display()
                )));
            }
            Settled::Undone => log::warn!("the mark {} stays: {why}", mark.display()),
        }
    }
    paused?;
    let until = pause
        .until
        .map_or_else(String::new, |until| format!(" (meant until {})", until.local_and_utc()));
    Ok(Outcome::Done(format!(
        "the site `{}` is in maintenance{until}: no process of it runs until `siteward resume {}`",
        target.name, target.name
    )))
}

/// A supervisor of ours answers: it supervises the site, or stands in for its own.
fn is_ours(target: &Target, deadline: &Deadline) -> bool {
    own::glance(&target.site, &Request::Look, deadline.for_look()).is_some()
}

/// Starts the processes again.
pub fn resume(target: &Target, deadline: &Deadline) -> Outcome {
    let definition = running_definition(target);
    if let Some(database) = definition.as_ref().and_then(|d| d.database.as_ref())
        && let Err(why) = clear_pause(target, database, patience(target, deadline))
    {
        return Fault::failed(format!(
            "the site `{}` is not resumed, as the mark {} cannot be removed: {why}",
            target.name,
            pause_mark::path(database).display()
        ))
        .into();
    }
    if let Some(definition) = definition.as_ref().filter(|d| d.wrapped.is_some()) {
        return wrapped::resume(target, definition, deadline).unwrap_or_else(Outcome::Fault);
    }
    let boot = definition
        .as_ref()
        .map_or(std::time::Duration::from_secs(200), |d| deadline.for_start(d).boot);
    let until = patience(target, deadline);
    order(target, "resume", &Request::Resume { boot }, until)
}

/// Lets every process that has a `reload` read its configuration again.
pub fn reload(target: &Target, deadline: &Deadline) -> Outcome {
    let until = deadline.for_look();
    if wrapped_definition(&target.site).is_some() {
        return Fault::failed(format!(
            "the site `{}` has a supervisor of its own, which siteward cannot tell to reload; use \
             its own commands",
            target.name
        ))
        .into();
    }
    order(target, "reload", &Request::Reload { until }, until)
}

/// Applies changed parameters to a site that runs; nothing that runs needs nothing applied.
pub fn adjust(target: &Target, deadline: &Deadline) -> Outcome {
    let request = Request::Adjust { adjustments: target.adjustments.clone() };
    match own::ask(&target.site, &request, deadline.for_look()) {
        Asked::Answered(Reply::Done(_)) | Asked::Nobody => {
            Outcome::Done(format!("the parameters of `{}` are in force", target.name))
        }
        Asked::Answered(Reply::Refused { why }) => {
            Fault::failed(format!("the parameters of `{}` are not in force: {why}", target.name))
                .into()
        }
        Asked::Answered(
            Reply::Heard | Reply::Failed(_) | Reply::Overtaken { .. } | Reply::Busy { .. },
        )
        | Asked::Silent => Fault::failed(format!(
            "the parameters of `{}` are not in force: its supervisor does not answer",
            target.name
        ))
        .into(),
        Asked::Denied(error) => Fault::from(Denied(error)).into(),
    }
}

fn running_definition(target: &Target) -> Option<Definition> {
    // One that a person started has no snapshot: then it is what the file says.
    let snapshot = load_snapshot(&target.site.snapshot(), &target.name).ok();
    snapshot.or_else(|| wrapped_definition(&target.site))
}

fn patience(target: &Target, deadline: &Deadline) -> Moment {
    running_definition(target).map_or_else(|| deadline.for_look(), |d| deadline.for_start(&d).until)
}

fn order(target: &Target, verb: &str, request: &Request, until: Moment) -> Outcome {
    let name = &target.name;
    match own::ask(&target.site, request, until) {
        Asked::Answered(Reply::Done(view)) => {
            Outcome::Done(format!("the site `{name}` is {}", view.state))
        }
        Asked::Answered(Reply::Failed(failure)) => {
            Fault::of_failure(target, &failure, &format!("failed during {verb}")).into()
        }
        Asked::Answered(Reply::Overtaken { by }) => {
            Fault::failed(format!("the {verb} of `{name}` was overtaken by {by}")).into()
        }
        Asked::Answered(Reply::Refused { why }) => {
            Fault::failed(format!("the {verb} of `{name}` was not done: {why}")).into()
        }
        Asked::Answered(Reply::Heard | Reply::Busy { .. }) | Asked::Silent => Fault::failed(
            format!("the {verb} of `{name}` was not done in time; it may still come about"),
        )
        .into(),
        Asked::Nobody => Fault::failed(format!(
            "the site `{name}` has no supervisor to {verb} it; start it with: siteward start {name}"
        ))
        .into(),
        Asked::Denied(error) => Fault::from(Denied(error)).into(),
    }
}
