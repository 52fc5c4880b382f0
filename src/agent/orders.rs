//! Orders to a running supervisor: pause, resume, reload, adjust.

use std::time::Duration;

use super::clear::Way;
use super::context::SiteContext;
use super::drain;
use super::up::bring_up;
use super::{Deadline, Fault, Outcome, STOPPED_BY_HAND, Target};
use crate::backend::{NotDone, Paused, Resumed};
use crate::control::{Pause, Request, State};
use crate::disk::{Settled, begin_pause, clear_pause, pause_path, read_pause, settle_pause};
use crate::linux::clock::WallTime;
use crate::linux::node;
use crate::messages;
use crate::observe::{drift, observe};
use crate::site::Definition;
use crate::values::Moment;

/// The reason and the planned end of a pause.
#[derive(Clone, Debug, Default)]
pub struct PauseOrder {
    pub reason: Option<String>,
    pub until: Option<WallTime>,
    /// New work was stopped before.
    pub drained: bool,
}

/// Stops the processes; the supervisor stays.
pub fn pause(target: &Target, order: &PauseOrder, deadline: &Deadline) -> Outcome {
    let given = order.reason.as_ref().map_or_else(String::new, |r| format!(": {r}"));
    let pause = Pause {
        words: format!("paused on {} at {}{given}", node::name(), WallTime::now()),
        until: order.until,
        drained: order.drained,
    };
    try_pause(&SiteContext::read(target, deadline), &pause).unwrap_or_else(Outcome::Fault)
}

fn try_pause(context: &SiteContext<'_>, pause: &Pause) -> Result<Outcome, Fault> {
    warn_of_drift(context.target);
    let SiteContext { target, deadline, .. } = context;
    let (name, until) = (&target.name, patience(context));
    let database = context.definition().and_then(|definition| definition.database.as_ref());
    if let Some(database) = database {
        begin_pause(&target.places, database, pause, until).map_err(|why| {
            messages::pause_not_written(name, pause_path(database).display(), why)
        })?;
    }
    let paused = match order_pause(context, pause, until) {
        Ok(Paused::AtRest) => Ok(()),
        Ok(Paused::NeedsPlaceholder) => {
            match bring_up(target, deadline, &Way::Hold(pause.clone())) {
                Outcome::Fault(fault) => Err(fault),
                Outcome::Done(_) | Outcome::Seen(_) => Ok(()),
            }
        }
        Err(fault) => Err(fault),
    };
    let settled = if paused.is_ok() { Settled::InForce } else { Settled::Undone };
    if let Some(database) = database
        && let Err(why) = settle_pause(&target.places, database, settled, patience(context))
    {
        let mark = pause_path(database);
        match settled {
            Settled::InForce => {
                return Err(messages::paused_here_only(name, mark.display(), why).into());
            }
            Settled::Undone => log::warn!("the mark {} stays: {why}", mark.display()),
        }
    }
    paused?;
    let until = pause
        .until
        .map_or_else(String::new, |until| format!(" (meant until {})", until.local_and_utc()));
    Ok(Outcome::Done(format!(
        "the site `{name}` is in maintenance{until}: no process of it runs until `siteward resume \
         {name}`"
    )))
}

/// An external supervisor is told to pause only while it runs the site.
fn order_pause(context: &SiteContext<'_>, pause: &Pause, until: Moment) -> Result<Paused, Fault> {
    let SiteContext { target, deadline, backend, .. } = context;
    let name = &target.name;
    if backend.external().is_some() {
        match observe(&target.site, deadline.begun, until)?.state {
            State::Maintenance if !backend.has_placeholder(until) => return Ok(Paused::AtRest),
            State::Running | State::Degraded | State::Maintenance => {}
            state => {
                return Err(messages::not_up_to_pause(name, state).into());
            }
        }
    }
    backend.pause(pause, target.by(), until).map_err(|why| Fault::of_order(target, "pause", why))
}

/// Starts the processes again.
pub fn resume(target: &Target, deadline: &Deadline) -> Outcome {
    warn_of_drift(target);
    let context = SiteContext::read(target, deadline);
    let (name, until) = (&target.name, patience(&context));
    let definition = context.definition();
    let was_drained = definition.is_some_and(|definition| was_drained(target, definition, until));
    if let Some(database) = definition.and_then(|d| d.database.as_ref())
        && let Err(why) = clear_pause(&target.places, database, until)
    {
        return messages::pause_not_removed(name, pause_path(database).display(), why).into();
    }
    let boot = definition.map_or(Duration::from_secs(200), |d| deadline.for_start(d).time);
    let resumed = match context.backend.resume(boot, target.by(), until) {
        Ok(Resumed::As(state)) => Outcome::Done(format!("the site `{name}` is {state}")),
        Ok(Resumed::PlaceholderInTheWay) => bring_up(target, deadline, &Way::Resume),
        Err(why) => Fault::of_order(target, "resume", why).into(),
    };
    match (resumed, definition) {
        (Outcome::Done(said), Some(definition)) if was_drained => {
            match drain::undo(&target.site, definition) {
                Ok(words) => Outcome::Done(format!("{said}; {words}")),
                Err(why) => messages::drain_not_undone(name, why).into(),
            }
        }
        (resumed, _) => {
            if was_drained {
                log::warn!("new work of `{name}` is still stopped; let it in by hand");
            }
            resumed
        }
    }
}

/// Whether new work was stopped before the pause.
fn was_drained(target: &Target, definition: &Definition, until: Moment) -> bool {
    let (Some(database), Some(_)) = (&definition.database, &definition.drain) else {
        return false;
    };
    let pause = read_pause(&target.places, database, until, None);
    pause.is_ok_and(|pause| pause.is_some_and(|pause| pause.drained))
}

/// Makes every process that has a `reload` read its configuration again.
pub fn reload(target: &Target, deadline: &Deadline) -> Outcome {
    warn_of_drift(target);
    let until = deadline.for_look();
    let request = Request::Reload { until, order: Some(target.by()) };
    match SiteContext::read(target, deadline).backend.order(&request, until) {
        Ok(view) => Outcome::Done(format!("the site `{}` is {}", target.name, view.state)),
        Err(why) => Fault::of_order(target, "reload", why).into(),
    }
}

/// Applies changed parameters to a site that runs; one that does not run needs nothing applied.
pub fn adjust(target: &Target, deadline: &Deadline) -> Outcome {
    let request = Request::Adjust { adjustments: target.adjustments.clone() };
    let context = SiteContext::read(target, deadline);
    let in_force = Outcome::Done(format!("the parameters of `{}` are in force", target.name));
    match context.backend.order(&request, deadline.for_look()) {
        Ok(_) | Err(NotDone::Nobody) => in_force,
        // With an external supervisor, each verb takes the parameters from its own call.
        Err(NotDone::Refused(_)) if context.backend.external().is_some() => in_force,
        Err(why) => Fault::of_order(target, "change of parameters", why).into(),
    }
}

/// The deadline of an order.
fn patience(context: &SiteContext<'_>) -> Moment {
    let deadline = &context.deadline;
    context.definition().map_or_else(|| deadline.for_look(), |d| deadline.for_start(d).until)
}

/// Warns a person if the definition differs from the one in use.
fn warn_of_drift(target: &Target) {
    if target.caller == STOPPED_BY_HAND
        && let Some(words) = drift(&target.places, &target.name).while_up(&target.site.definition)
    {
        log::warn!("{words}");
    }
}
