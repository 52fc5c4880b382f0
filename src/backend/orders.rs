//! What a supervisor is told, and what comes of it, of whichever kind it is.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::control::{Failure, State, View};
use crate::process::Identity;
use crate::site::{Adjustments, Definition, Places, SiteName};
use crate::supervisor::Beginning;
use crate::values::Moment;

/// What a supervisor is started with.
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
    /// Who keeps the lease of its database.
    pub keeper: Option<&'a Identity>,
}

/// The times of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// How long the site may take to come up.
    pub time: Duration,
    /// When that time is over.
    pub up_by: Moment,
    /// How long a site that is not up then is stopped gracefully.
    pub rollback: Duration,
    /// What is left of it gets KILL from the verb itself.
    pub kill_at: Moment,
    /// The verb ends then, whatever happens.
    pub until: Moment,
}

impl Boot {
    /// Of a site that another verb brings up: all of the time is for it.
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
    /// The verb ends then, whatever happens.
    pub until: Moment,
}

/// How a supervisor in the foreground ended.
#[derive(Debug)]
pub enum Ended {
    /// Ours: the site is stopped, as was ordered.
    Stopped,
    /// Ours: the site failed, and is stopped.
    Failed(Box<Failure>),
    /// It did not begin, as another one is at work.
    Another,
    /// It did not begin, for this reason.
    NotBegun(String),
    /// The site's own: the site has not come up, and nothing was rolled back.
    NotUp(NotDone),
    /// The site's own: it ended, or it is to be ended; what it left is to be ended too.
    SupervisorLeft,
}

/// A site that has come up.
#[derive(Debug)]
pub enum Up {
    /// As its supervisor says.
    Seen(Box<View>),
    Running,
    /// Its own supervisor is up, and its processes are at rest for this reason.
    AtRest(String),
}

/// The outcome of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    AtRest,
    /// The supervisor cannot be at rest itself: one of ours has to stand in its place.
    NeedsPlaceholder,
}

/// The outcome of a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    As(State),
    /// One of ours is at rest in the supervisor's place, and has to end first.
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
    /// It cannot be done as things are, for this reason.
    Refused(String),
    /// It was not done in its time. Why, and lines that say more.
    NotInTime { why: String, details: Vec<String> },
    /// There is no supervisor.
    Nobody,
    /// The supervisor is another user's.
    Denied(io::Error),
}

/// What ends a long wait before its time.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    /// Becomes readable then; None: nothing tells, and `is_cut` is asked now and then.
    pub fd: Option<BorrowedFd<'a>>,
    pub is_cut: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Cut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cut").field("fd", &self.fd).finish_non_exhaustive()
    }
}
