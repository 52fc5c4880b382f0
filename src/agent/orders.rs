//! Orders to a supervisor that is at work: pause, resume, reload.

use std::path::PathBuf;

use super::{Deadline, Fault, Outcome, Target};
use crate::backend::own::{self, Asked};
use crate::control::{Reply, Request};
use crate::linux::clock::WallTime;
use crate::linux::{Moment, files, node};
use crate::observe::Denied;
use crate::site::{Definition, load_snapshot, on_database};

/// The mark on the database that makes every later start, on any node, come up in maintenance.
fn pause_mark_path(definition: &Definition) -> Option<PathBuf> {
    definition.database.as_ref().map(|d| on_database(d).join("paused"))
}

/// What the mark says, if it is there.
pub(super) fn pause_mark(definition: &Definition) -> Option<String> {
    let bytes = files::read_plain(&pause_mark_path(definition)?, 64 << 10).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Stops the processes under a supervisor that stays.
pub fn pause(target: &Target, reason: Option<&str>, deadline: &Deadline) -> Outcome {
    let given = reason.map_or_else(String::new, |r| format!(": {r}"));
    let words = format!("paused on {} at {}{given}", node::name(), WallTime::now());
    let mark = running_definition(target).and_then(|definition| pause_mark_path(&definition));
    if let Some(mark) = &mark {
        let written = mark
            .parent()
            .map_or(Ok(()), files::private_folder)
            .and_then(|()| files::write_durably(mark, words.as_bytes()));
        if let Err(error) = written {
            return Fault::failed(format!(
                "the site `{}` is not paused, as the mark {} cannot be written: {error}",
                target.name,
                mark.display()
            ))
            .into();
        }
    }
    let until = patience(target, deadline);
    let outcome = order(target, "pause", &Request::Pause { reason: Some(words) }, until);
    match outcome {
        Outcome::Fault(_) => {
            if let Some(mark) = &mark {
                let _ = std::fs::remove_file(mark);
            }
            outcome
        }
        Outcome::Done(_) | Outcome::Seen(_) => Outcome::Done(format!(
            "the site `{}` is in maintenance: no process of it runs until `siteward resume {}`",
            target.name, target.name
        )),
    }
}

/// Starts the processes again.
pub fn resume(target: &Target, deadline: &Deadline) -> Outcome {
    let definition = running_definition(target);
    if let Some(mark) = definition.as_ref().and_then(pause_mark_path)
        && let Err(error) = std::fs::remove_file(&mark)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Fault::failed(format!(
            "the site `{}` is not resumed, as the mark {} cannot be removed: {error}",
            target.name,
            mark.display()
        ))
        .into();
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
        Asked::Answered(Reply::Heard | Reply::Failed(_) | Reply::Overtaken { .. })
        | Asked::Silent => Fault::failed(format!(
            "the parameters of `{}` are not in force: its supervisor does not answer",
            target.name
        ))
        .into(),
        Asked::Denied(error) => Fault::from(Denied(error)).into(),
    }
}

fn running_definition(target: &Target) -> Option<Definition> {
    load_snapshot(&target.site.snapshot(), &target.name).ok()
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
        Asked::Answered(Reply::Heard) | Asked::Silent => Fault::failed(format!(
            "the {verb} of `{name}` was not done in time; it may still come about"
        ))
        .into(),
        Asked::Nobody => Fault::failed(format!(
            "the site `{name}` has no supervisor to {verb} it; start it with: siteward start {name}"
        ))
        .into(),
        Asked::Denied(error) => Fault::from(Denied(error)).into(),
    }
}
