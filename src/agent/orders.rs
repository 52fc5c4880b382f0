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
        let state = observe(&target.site, deadline.begun, until)?.state;
        match Pausable::of(state, || backend.has_placeholder(until)) {
            Pausable::Paused => return Ok(Paused::AtRest),
            Pausable::Up => {}
            Pausable::NotUp => return Err(messages::not_up_to_pause(name, state).into()),
        }
    }
    backend.pause(pause, target.by(), until).map_err(|why| Fault::of_order(target, "pause", why))
}

/// Whether a site with a supervisor of its own can be paused.
#[derive(Debug, PartialEq, Eq)]
enum Pausable {
    Up,
    /// By its own supervisor, already.
    Paused,
    NotUp,
}

impl Pausable {
    /// `has_placeholder`: siteward's supervisor runs in its place, and takes the order.
    fn of(state: State, has_placeholder: impl FnOnce() -> bool) -> Self {
        match state {
            State::Maintenance if !has_placeholder() => Self::Paused,
            State::Running | State::Degraded | State::Maintenance => Self::Up,
            _ => Self::NotUp,
        }
    }
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
    let ordered = context.backend.order(&request, deadline.for_look());
    match not_adjusted(ordered, context.backend.external().is_some()) {
        None => in_force,
        Some(why) => Fault::of_order(target, "change of parameters", why).into(),
    }
}

/// Why the parameters are not in force.
fn not_adjusted<T>(ordered: Result<T, NotDone>, is_external: bool) -> Option<NotDone> {
    match ordered {
        Ok(_) | Err(NotDone::Nobody) => None,
        // With an external supervisor, each verb takes the parameters from its own call.
        Err(NotDone::Refused(_)) if is_external => None,
        Err(why) => Some(why),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{KEEPER, Site};

    #[test]
    fn a_site_with_a_supervisor_of_its_own_is_paused_while_it_is_up() {
        for (state, pausable) in [
            (State::Running, Pausable::Up),
            (State::Degraded, Pausable::Up),
            (State::Starting, Pausable::NotUp),
            (State::Stopped, Pausable::NotUp),
            (State::StoppingOrdered, Pausable::NotUp),
            (State::Failed, Pausable::NotUp),
            (State::Unsupervised, Pausable::NotUp),
            (State::Unknown, Pausable::NotUp),
        ] {
            for has_placeholder in [false, true] {
                assert_eq!(Pausable::of(state, || has_placeholder), pausable, "{state}");
            }
        }
        assert_eq!(Pausable::of(State::Maintenance, || false), Pausable::Paused);
        assert_eq!(Pausable::of(State::Maintenance, || true), Pausable::Up);
    }

    #[test]
    fn parameters_are_in_force_unless_a_supervisor_of_ours_refuses_them() {
        let refused = || Err::<(), _>(NotDone::Refused("not now".to_owned()));
        for is_external in [false, true] {
            assert!(not_adjusted(Ok(()), is_external).is_none());
            assert!(not_adjusted(Err::<(), _>(NotDone::Nobody), is_external).is_none());
            assert!(not_adjusted(Err::<(), _>(NotDone::Interrupted), is_external).is_some());
        }
        assert!(not_adjusted(refused(), false).is_some());
        assert!(not_adjusted(refused(), true).is_none());
    }

    #[test]
    fn an_order_to_a_site_that_does_not_run_is_a_fault_but_a_change_of_parameters() {
        let site = Site::new();
        let target = site.target();
        let deadline = Deadline { begun: Moment::now(), given: Some(Duration::from_secs(10)) };
        assert!(matches!(adjust(&target, &deadline), Outcome::Done(_)));
        assert!(matches!(reload(&target, &deadline), Outcome::Fault(_)));
        assert!(matches!(resume(&target, &deadline), Outcome::Fault(_)));
        assert!(matches!(pause(&target, &PauseOrder::default(), &deadline), Outcome::Fault(_)));
    }

    #[test]
    fn new_work_was_not_stopped_where_nothing_says_how() {
        let site = Site::new();
        let definition = site.external(KEEPER).definition;
        assert!(!was_drained(&site.target(), &definition, Moment::now()));
        let without_disk = Definition { database: None, ..definition };
        assert!(!was_drained(&site.target(), &without_disk, Moment::now()));
    }
}
