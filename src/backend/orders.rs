//! The orders to a supervisor and their outcomes, the same for both kinds.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::control::{Failure, State, View};
use crate::history::OrderedStart;
use crate::process::Identity;
use crate::site::{Adjustments, Definition, Places, SiteName};
use crate::supervisor::Beginning;
use crate::values::Moment;

/// The arguments of a supervisor.
#[derive(Debug)]
pub struct Orders<'a> {
    pub name: &'a SiteName,
    pub places: &'a Places,
    /// As it is written.
    pub definition: &'a Definition,
    pub beginning: &'a Beginning,
    pub boot: Boot,
    pub known_as: Option<&'a str>,
    pub adjustments: &'a Adjustments,
    /// The keeper of the lease on its database.
    pub keeper: Option<&'a Identity>,
    pub order: &'a OrderedStart,
}

/// The times of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// How long the site may take to come up.
    pub time: Duration,
    /// When that time is over.
    pub up_by: Moment,
    /// The time for a graceful stop if the site is not up by then.
    pub rollback: Duration,
    /// The verb sends KILL to every process that is left.
    pub kill_at: Moment,
    /// The verb ends, in any case.
    pub until: Moment,
}

impl Boot {
    /// For a site that another verb brings up: no time is kept for a rollback.
    pub fn until(until: Moment) -> Self {
        Self { time: until.left(), up_by: until, rollback: Duration::ZERO, kill_at: until, until }
    }
}

/// How a stop or a clean divides its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopTimes {
    /// The graceful stop ends: everything gets TERM.
    pub graceful_until: Moment,
    /// Everything gets KILL.
    pub kill_at: Moment,
    /// The verb ends, in any case.
    pub until: Moment,
}

/// How a supervisor in the foreground ended.
#[derive(Debug)]
pub enum Ended {
    /// siteward's supervisor: the site was stopped by an order.
    Stopped,
    /// siteward's supervisor: the site failed, and is stopped.
    Failed(Box<Failure>),
    /// The supervisor did not start, as another one runs.
    Another,
    /// The supervisor did not start, for this reason.
    NotBegun(String),
    /// External supervisor: the site did not come up, and is not rolled back.
    NotUp(NotDone),
    /// External supervisor: it ended, or the run was interrupted; its processes are not ended yet.
    SupervisorLeft,
}

/// A site that has come up.
#[derive(Debug)]
pub enum Up {
    /// As its supervisor says.
    Seen(Box<View>),
    Running,
    /// The external supervisor is up, and runs no processes for this reason.
    AtRest(String),
}

/// The outcome of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    AtRest,
    /// The external supervisor cannot pause: a siteward supervisor has to run in its place.
    NeedsPlaceholder,
}

/// The outcome of a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    As(State),
    /// A placeholder runs instead of the external supervisor, and has to end first.
    PlaceholderInTheWay,
}

/// Why an order was not carried out.
#[derive(Debug)]
pub enum NotDone {
    /// The wait for it was interrupted.
    Interrupted,
    /// The site failed, and its supervisor stops it or has stopped it.
    Failed(Box<Failure>),
    /// Another order came in between.
    Overtaken(String),
    /// It cannot be done in the present state, for this reason.
    Refused(String),
    /// It was not done in time. The cause, and details.
    NotInTime { why: String, details: Vec<String> },
    /// There is no supervisor.
    Nobody,
    /// The supervisor is another user's.
    Denied(io::Error),
}

/// The interruption of a long wait.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    /// Becomes readable at the interruption. It is asked for only where something is really waited for, as
    /// to end what it watches takes longer than the start of a small site.
    pub fd: &'a dyn Fn() -> BorrowedFd<'a>,
    pub is_cut: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Cut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cut").finish_non_exhaustive()
    }
}
