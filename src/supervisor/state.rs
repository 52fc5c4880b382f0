//! The states, events and actions of the machine. Plain values; `machine` decides what follows from them.
//!
//! Each row is a transition: the state, the next state, the action that it causes, and the events. An event
//! that is not listed for a state changes nothing there. The event `time` is a timer that has expired;
//! `Stopping` and `Clearing` show how far the stop has escalated. `tests/state_table.rs` generates the tables
//! from the code.
//!
//! ## Units
//!
//! For a unit with a restart budget. A unit without one becomes GivenUp instead of Backoff, and if it is
//! essential, the site fails.
//!
//! ```text
//! unit                     becomes                         action          on
//! Idle                     Spawning                        Spawn           what it depends on is ready
//! Spawning                 Forked                                          forked
//!                          Backoff                                         not forked
//!                          Clearing: Termed                TermAll         occupied
//! Forked                   Starting                        AwaitReady      running
//!                          GivenUp                                         not run
//!                          Backoff                                         ends with 0; killed
//!                          Clearing: Termed, then Backoff  TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked, then Backoff   AskToStop       unidentified; time
//!                          Stopping: Asked                 AskToStop       stop; disk lost
//!                          Stopping: Killed                KillAll         lease lost
//! Starting                 Ready                                           ready
//!                          Backoff                                         ends with 0; killed
//!                          Clearing: Termed, then Backoff  TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked, then Backoff   AskToStop       unidentified; time
//!                          Stopping: Asked                 AskToStop       stop; disk lost
//!                          Stopping: Killed                KillAll         lease lost
//! Starting (oneshot)       Done                                            ends with 0
//!                          Clearing: Termed, then Done     TermAll         ends with 0, leaves others
//! Starting (forks)         Backoff                                         ends with 0
//!                          Following                       Follow          ends with 0, leaves others
//! Following (forks)        Backoff                                         ends with 0; killed; emptied
//!                          Starting                                        main process found
//!                          Clearing: Termed, then Backoff  TermAll         no main process; time
//!                          Clearing: Termed                TermAll         stop; disk lost
//!                          Clearing: Killed                KillAll         lease lost
//! Ready                    Backoff                                         ends with 0; killed
//!                          Clearing: Termed, then Backoff  TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked, then Backoff   AskToStop       unidentified
//!                          Stopping: Asked                 AskToStop       stop; disk lost
//!                          Stopping: Killed                KillAll         lease lost
//! Ready (stop_command)     Stopping: Command               RunStopCommand  stop
//! Ready (healthcheck)      Ready, asked                    CheckHealth     time
//! Ready, asked             Ready                                           healthy; not asked
//!                          Stopping: Asked, then Backoff   AskToStop       unhealthy; time
//! Backoff                  Spawning                        Spawn           time
//!                          Idle                                            stop; lease lost; disk lost
//! Done (oneshot)                                                           no event
//! GivenUp (not essential)                                                  no event
//! Stopping: Command        Idle                                            not run; ends with 0; killed
//!                          Clearing: Termed                TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked                 AskToStop       stop command failed
//!                          Stopping: Termed                TermAll         time
//!                          Stopping: Killed                KillAll         lease lost
//! Stopping: Asked          Idle                                            not run; ends with 0; killed
//!                          Clearing: Termed                TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Termed                TermAll         time
//!                          Stopping: Killed                KillAll         lease lost
//! Stopping: Termed         Idle                                            not run; ends with 0; killed
//!                          Clearing: Termed                                ends with 0, leaves others; killed, leaves others
//!                          Stopping: Killed                KillAll         time; lease lost
//! Stopping: Killed         Idle                                            not run; ends with 0; killed
//!                          Clearing: Killed                KillAll         ends with 0, leaves others; killed, leaves others
//! Clearing: Termed         Idle                                            ends with 0; killed; emptied
//!                          Clearing: Killed                KillAll         time; lease lost
//! Clearing: Killed         Idle                                            ends with 0; killed; emptied
//! ```
//!
//! ## The site
//!
//! For a site that reserves ports, with one essential unit that has an on_failure command and no restart
//! budget. Without ports there is no Reserving, without on_failure no Gathering. With `when_lost: degrade`
//! the site stays where it is when its disk is lost, and nothing is started.
//!
//! ```text
//! site                 becomes              action          on
//! (new)                Booting              Spawn           begin
//!                      Held                                 begin paused
//!                      Booting              AwaitReady      adopt, the unit not ready
//!                      Serving                              adopt, the unit ready
//! Booting              Settling                             the unit is ready
//!                      Gathering            GatherEvidence  the unit ends; time
//!                      Lowering, to end     AskToStop       stop; disk lost
//!                      Lowering, to pause   AskToStop       pause
//!                      Lowering, to end     KillAll         lease lost
//! Settling             Gathering            GatherEvidence  the unit ends
//!                      Lowering, to end     AskToStop       stop; disk lost
//!                      Lowering, to pause   AskToStop       pause
//!                      Lowering, to end     KillAll         lease lost
//!                      Serving                              time
//! Serving              Gathering            GatherEvidence  the unit ends
//!                      Lowering, to end     AskToStop       stop; disk lost
//!                      Lowering, to pause   AskToStop       pause
//!                      Lowering, to end     KillAll         lease lost
//! Gathering            Lowering, to end     AskToStop       stop; evidence gathered; time
//!                      Lowering, to end     KillAll         lease lost
//! Lowering, to end     Over                                 the unit ends
//!                      Lowering, to end     KillAll         lease lost
//!                      Lowering, to end     TermAll         time
//! Lowering, to pause   Held                                 the unit ends
//!                      Lowering, to end                     stop
//!                      Lowering, to resume                  resume
//!                      Lowering, to end     KillAll         lease lost
//!                      Lowering, to pause   TermAll         time
//! Lowering, to resume  Reserving            ReservePorts    the unit ends
//!                      Lowering, to end                     stop; disk lost
//!                      Lowering, to pause                   pause
//!                      Lowering, to end     KillAll         lease lost
//!                      Lowering, to resume  TermAll         time
//! Held                 Over                                 stop; lease lost
//!                      Reserving            ReservePorts    resume
//! Reserving            Over                                 stop; lease lost; disk lost
//!                      Held                                 pause; ports taken
//!                      Booting              Spawn           ports reserved
//! Over                                                      no event
//! ```

use std::time::Duration;

use super::plan::UnitId;
use crate::site::Prerequisite;
use crate::values::ExecError;
use crate::values::ExitStatus;
use crate::values::{Moment, Pid};

/// What was ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Desired {
    /// All processes up.
    Up,
    /// No process, under a supervisor that stays (`pause`, or `maintenance:`).
    Held,
    /// Stopped for good; no later order changes it.
    Down(Why),
}

/// The reason for a stop.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    Ordered,
    Failed(UnitFailure),
    /// Another node may use the database.
    LeaseLost,
    /// What it needs of its node is lost.
    Without(Prerequisite),
}

/// The failure for which the site is stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitFailure {
    pub unit: UnitId,
    pub cause: Cause,
    /// The site was still booting.
    pub booting: bool,
}

/// What went wrong with a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Its program was not executed.
    NotRun(ExecError),
    /// Its main process ended without an order.
    Died(ExitStatus),
    /// It was not ready when its time to get ready, given here, was over.
    NotReady(Duration),
    /// It was not ready when the time of the boot was over, and had run for `had`.
    NotReadyAtBoot { had: Duration, boot: Duration },
    /// The time to boot was over before it could be started.
    NeverStarted,
    /// Its healthcheck failed too often in a row; with the last output.
    Unhealthy(String),
    /// Its healthcheck could not be started for this long, for this reason.
    NotAsked(Duration, String),
    /// Its main process could not be identified.
    Unidentified,
    /// It daemonised, and no main process could be found.
    NoMain,
}

/// The state of the site.
#[derive(Clone, Debug, PartialEq)]
pub enum SitePhase {
    /// Units are being started; essential ones must be ready at `until`.
    Booting {
        until: Moment,
    },
    /// All units are ready; the site is up if none dies until `until`.
    Settling {
        until: Moment,
        boot_until: Moment,
    },
    Serving,
    /// The on_failure command of the failed unit runs; the other units still run.
    Gathering {
        unit: UnitId,
        until: Moment,
        graceful_until: Moment,
    },
    /// Units are being stopped, in reverse order until `graceful_until`, then all at once.
    Lowering {
        graceful_until: Moment,
    },
    /// Everything is down, and the supervisor stays.
    Held,
    /// Everything is down, and is started again once the site's ports are reserved.
    Reserving,
    /// Everything is down, and the supervisor may exit.
    Over,
}

/// A main process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub pid: Pid,
    /// When the unit was started.
    pub since: Moment,
    /// When this process became its main process.
    pub main_since: Moment,
}

/// The state of one unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// Down; to be started when its dependencies are ready.
    Idle,
    /// Down after a fault; to be started again at `until`.
    Backoff {
        until: Moment,
    },
    /// A oneshot that ended with 0.
    Done,
    /// Down until the next boot.
    GivenUp,
    /// Its process is being forked.
    Spawning,
    /// Forked; the result of execve(2) is not known yet.
    Forked {
        run: Run,
        until: Moment,
    },
    /// Its program runs, and is not ready yet.
    Starting {
        run: Run,
        ready_at: Option<Moment>,
        until: Moment,
    },
    /// It daemonised; its main process is being looked for.
    Following {
        run: Run,
        until: Moment,
    },
    Ready {
        run: Run,
        health: Health,
    },
    /// Its main process is being ended.
    Stopping {
        run: Run,
        rung: Rung,
        then: Then,
    },
    /// Its main process is gone; others that it left are being ended.
    Clearing {
        rung: Clearance,
        then: Then,
    },
}

/// The healthcheck of a unit that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    NotAsked,
    /// The next healthcheck is due at `at`.
    Waiting {
        at: Moment,
        failures: u32,
    },
    /// The answer is due by `until`.
    Asked {
        until: Moment,
        failures: u32,
    },
}

/// How far the stop of a main process has escalated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Its stop command runs, or has ended well.
    Command { until: Moment },
    /// It has its stop signal.
    Asked { until: Moment },
    /// All its processes have had TERM.
    Termed { until: Moment },
    /// All its processes have had KILL.
    Killed,
}

/// How far the stop of the processes that a main process left has escalated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearance {
    Termed { until: Moment },
    Killed,
}

/// The state of a unit once it has no process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Idle,
    Backoff(Moment),
    GivenUp,
    Done,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The supervisor starts; `held`: paused. A failed boot is stopped gracefully within `rollback`.
    Begin {
        held: bool,
        boot: Duration,
        rollback: Duration,
    },
    /// The supervisor starts with a running site, and each unit in the state that was found. Units that are
    /// not ready have `boot` to become so.
    Adopt {
        units: Vec<AdoptionState>,
        boot: Duration,
    },
    Unit(UnitId, UnitEvent),
    /// The evidence of a failed unit has been gathered, or could not be.
    Gathered,
    /// Stop the site, gracefully until `graceful_until`.
    Stop {
        graceful_until: Moment,
    },
    Hold {
        graceful_until: Moment,
    },
    Resume {
        boot: Duration,
    },
    /// The site's ports are reserved.
    PortsReserved,
    /// One of the site's ports cannot be reserved.
    PortsTaken,
    /// The lease of the site's database is lost: another node may use it.
    LeaseLost,
    /// The disk is not mounted any more, or the address not on this node.
    Lost(Prerequisite),
    /// It is here again.
    Back(Prerequisite),
    /// Time has passed.
    Tick,
}

/// How a unit was found at an adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionState {
    /// It was never started.
    Never,
    /// A oneshot that was done.
    Done,
    /// Its main process is running; `ready`: it was ready before.
    Alive { run: Run, ready: bool },
    /// Its main process ended without a supervisor; `rest`: it has other processes.
    Gone { rest: bool },
}

/// What happened to a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitEvent {
    Forked(Pid),
    NotForked(ExecError),
    /// It was not started, as a process of an earlier run is left.
    Occupied,
    /// Its main process is running and could not be identified.
    Unidentified,
    /// Its program runs.
    Running,
    /// Its program could not run; the process is gone.
    NotRun(ExecError),
    /// It is ready, as its `ready` says.
    Ready,
    /// Its main process has ended; `rest`: it has other processes.
    Ended {
        status: ExitStatus,
        rest: bool,
    },
    /// This is its main process now.
    Main(Pid),
    /// It daemonised, and has no main process.
    NoMain,
    /// It has no process left.
    Emptied,
    /// Its healthcheck answered.
    Health(Result<(), String>),
    /// Its healthcheck could not be started, for this reason.
    NotAsked(String),
    /// Its stop command has ended.
    StopCommand {
        succeeded: bool,
    },
}

/// What the supervisor is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Reserve the ports of the site; answer with `PortsReserved` or `PortsTaken`.
    ReservePorts,
    /// Start its program; answer with `Forked`, `NotForked` or `Occupied`.
    Spawn(UnitId),
    /// Find out when it is ready; answered with `Ready`.
    AwaitReady(UnitId),
    /// Find its main process; answer with `Main` or `NoMain`.
    Follow(UnitId),
    /// Run its healthcheck once; answer with `Health` or `NotAsked`.
    CheckHealth(UnitId),
    /// Run its stop command; answer with `StopCommand`.
    RunStopCommand(UnitId),
    /// Gather its evidence; answer with `Gathered`.
    GatherEvidence(UnitId),
    /// Kill its helpers, and ignore their answers.
    DropHelpers(UnitId),
    /// Send its stop signal to its main process.
    AskToStop(UnitId),
    /// Send TERM to all its processes.
    TermAll(UnitId),
    /// Send KILL to all its processes, until none is left.
    KillAll(UnitId),
    /// Write this down.
    Note(Note),
}

/// What is written to the log and the history.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    Ready(UnitId),
    Fault(UnitId, Cause),
    RestartIn(UnitId, Duration),
    GaveUp(UnitId),
    /// Its healthcheck cannot be started at present, for this reason.
    NotAsked(UnitId, String),
    /// Its time to stop is over; it gets TERM, or KILL.
    Insisting(UnitId, &'static str),
    Site(Milestone),
}

/// What is written down of the whole site.
#[derive(Clone, Debug, PartialEq)]
pub enum Milestone {
    Adopted,
    Up,
    Failing(UnitFailure),
    /// The site fails, as this is lost.
    FailingWithout(Prerequisite),
    LeaseLost,
    /// This is lost, and the site goes on.
    Lost(Prerequisite),
    Back(Prerequisite),
    Stopping,
    /// The supervisor has begun with a paused site.
    BegunHeld,
    Holding,
    Held,
    Resuming,
    Over,
}

impl Unit {
    /// Its main process, if it has one.
    pub fn run(&self) -> Option<Run> {
        match self {
            Self::Forked { run, .. }
            | Self::Starting { run, .. }
            | Self::Ready { run, .. }
            | Self::Stopping { run, .. } => Some(*run),
            Self::Idle
            | Self::Backoff { .. }
            | Self::Done
            | Self::GivenUp
            | Self::Spawning
            | Self::Following { .. }
            | Self::Clearing { .. } => None,
        }
    }

    /// None of its processes lives.
    pub fn is_down(&self) -> bool {
        match self {
            Self::Idle | Self::Backoff { .. } | Self::Done | Self::GivenUp => true,
            Self::Spawning
            | Self::Forked { .. }
            | Self::Starting { .. }
            | Self::Following { .. }
            | Self::Ready { .. }
            | Self::Stopping { .. }
            | Self::Clearing { .. } => false,
        }
    }

    /// It is ready, or a oneshot that is done.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Done)
    }
}
