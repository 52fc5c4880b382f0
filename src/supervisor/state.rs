//! The states, events and actions of the machine. Plain values; `machine` decides what follows from them.
//!
//! The tables say which event is taken in which state, what it leads to, and what is done at once. An event
//! that is not listed for a state changes nothing there. Times that run out are the event `time`; a unit's
//! `Stopping` and `Clearing` name the rung that has been reached. The tables are made from the code by
//! `tests/state_table.rs`.
//!
//! ## Units
//!
//! Of a unit with a restart budget. Without one it becomes GivenUp where the table says Backoff, and an
//! essential unit fails the site.
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
//!                          Stopping: Asked                 AskToStop       stop
//!                          Stopping: Killed                KillAll         lease lost
//! Starting                 Ready                                           ready
//!                          Backoff                                         ends with 0; killed
//!                          Clearing: Termed, then Backoff  TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked, then Backoff   AskToStop       unidentified; time
//!                          Stopping: Asked                 AskToStop       stop
//!                          Stopping: Killed                KillAll         lease lost
//! Starting (oneshot)       Done                                            ends with 0
//!                          Clearing: Termed, then Done     TermAll         ends with 0, leaves others
//! Starting (forks)         Backoff                                         ends with 0
//!                          Following                       Follow          ends with 0, leaves others
//! Following (forks)        Backoff                                         ends with 0; killed; emptied
//!                          Starting                                        main process found
//!                          Clearing: Termed, then Backoff  TermAll         no main process; time
//!                          Clearing: Termed                TermAll         stop
//!                          Clearing: Killed                KillAll         lease lost
//! Ready                    Backoff                                         ends with 0; killed
//!                          Clearing: Termed, then Backoff  TermAll         ends with 0, leaves others; killed, leaves others
//!                          Stopping: Asked, then Backoff   AskToStop       unidentified
//!                          Stopping: Asked                 AskToStop       stop
//!                          Stopping: Killed                KillAll         lease lost
//! Ready (stop_command)     Stopping: Command               RunStopCommand  stop
//! Ready (healthcheck)      Ready, asked                    CheckHealth     time
//! Ready, asked             Ready                                           healthy; not asked
//!                          Stopping: Asked, then Backoff   AskToStop       unhealthy; time
//! Backoff                  Spawning                        Spawn           time
//!                          Idle                                            stop; lease lost
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
//! Of a site that reserves ports, with one essential unit that has an on_failure command and no restart
//! budget. Without ports, Reserving is left out; without on_failure, Gathering is.
//!
//! ```text
//! site                 becomes              action          on
//! (new)                Booting              Spawn           begin
//!                      Held                                 begin paused
//!                      Booting              AwaitReady      adopt, the unit not ready
//!                      Serving                              adopt, the unit ready
//! Booting              Settling                             the unit is ready
//!                      Gathering            GatherEvidence  the unit ends; time
//!                      Lowering, to end     AskToStop       stop
//!                      Lowering, to pause   AskToStop       pause
//!                      Lowering, to end     KillAll         lease lost
//! Settling             Gathering            GatherEvidence  the unit ends
//!                      Lowering, to end     AskToStop       stop
//!                      Lowering, to pause   AskToStop       pause
//!                      Lowering, to end     KillAll         lease lost
//!                      Serving                              time
//! Serving              Gathering            GatherEvidence  the unit ends
//!                      Lowering, to end     AskToStop       stop
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
//!                      Lowering, to end                     stop
//!                      Lowering, to pause                   pause
//!                      Lowering, to end     KillAll         lease lost
//!                      Lowering, to resume  TermAll         time
//! Held                 Over                                 stop; lease lost
//!                      Reserving            ReservePorts    resume
//! Reserving            Over                                 stop; lease lost
//!                      Held                                 pause; ports taken
//!                      Booting              Spawn           ports reserved
//! Over                                                      no event
//! ```

use std::time::Duration;

use super::plan::UnitId;
use crate::values::ExecError;
use crate::values::ExitStatus;
use crate::values::{Moment, Pid};

/// What was asked of the site.
#[derive(Clone, Debug, PartialEq)]
pub enum Desired {
    /// All processes up.
    Up,
    /// No process, under a supervisor that stays (`pause`, or `maintenance:`).
    Held,
    /// The end. Final.
    Down(Why),
}

/// Why a site is to end.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    Ordered,
    Failed(UnitFailure),
    /// The database is another's, or may be.
    LeaseLost,
}

/// What made the supervisor give the site up.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitFailure {
    pub unit: UnitId,
    pub cause: Cause,
    /// The site had not come up yet.
    pub booting: bool,
}

/// What went wrong with a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Its program never ran.
    NotRun(ExecError),
    /// Its main process ended, though nobody here had asked it to.
    Died(ExitStatus),
    /// It ran for so long and did not get ready.
    NotReady(Duration),
    /// It never had its turn within the time to boot.
    NeverStarted,
    /// Its healthcheck failed too often in a row; what the last one said.
    Unhealthy(String),
    /// Its healthcheck could not be started for so long, and why.
    NotAsked(Duration, String),
    /// Nobody could say which process it is.
    Unidentified,
    /// It daemonised, and no main process could be found.
    NoMain,
}

/// Where the site is on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum SitePhase {
    /// Units are being started; at `until` what is essential must be ready.
    Booting {
        until: Moment,
    },
    /// All are ready; nothing may die until `until`.
    Settling {
        until: Moment,
        boot_until: Moment,
    },
    Serving,
    /// The failed unit's evidence is being gathered; everything else still runs.
    Gathering {
        unit: UnitId,
        until: Moment,
        polite_until: Moment,
    },
    /// Units are being stopped, in reverse order until `polite_until`, then all at once.
    Lowering {
        polite_until: Moment,
    },
    /// Everything is down, and the supervisor stays.
    Held,
    /// Everything is down, and is started again once the site's ports are reserved.
    Reserving,
    /// Everything is down, and the supervisor may go.
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

/// Where one unit is.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// Down; started when it is its turn.
    Idle,
    /// Down after a death; started again then.
    Backoff {
        until: Moment,
    },
    /// A oneshot that ended with 0.
    Done,
    /// Down for good, or until the next start.
    GivenUp,
    /// Its process is being made.
    Spawning,
    /// Forked; whether its program runs is not known yet.
    Forked {
        run: Run,
        until: Moment,
    },
    /// Its program runs; not ready yet.
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
    /// The next question is due then.
    Waiting {
        at: Moment,
        failures: u32,
    },
    /// An answer is due by then.
    Asked {
        until: Moment,
        failures: u32,
    },
}

/// How far the ending of a main process has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Its own stop command runs, or has run and it is ending.
    Command { until: Moment },
    /// It has its stop signal.
    Asked { until: Moment },
    /// All of it have TERM.
    Termed { until: Moment },
    /// All of it have KILL.
    Killed,
}

/// The same for what a main process left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearance {
    Termed { until: Moment },
    Killed,
}

/// What becomes of a unit once nothing of it lives.
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
    /// The beginning; `held`: with the processes down. A failed boot is rolled back within
    /// `rollback` of politeness.
    Begin {
        held: bool,
        boot: Duration,
        rollback: Duration,
    },
    /// The beginning, for a site whose supervisor is gone: each unit as it was found. What must still
    /// come up has `boot` for it.
    Adopt {
        units: Vec<AdoptionState>,
        boot: Duration,
    },
    Unit(UnitId, UnitEvent),
    /// The evidence of a failed unit has been gathered, or could not be.
    Gathered,
    /// End the site; be polite until then.
    Stop {
        polite_until: Moment,
    },
    Hold {
        polite_until: Moment,
    },
    Resume {
        boot: Duration,
    },
    /// The site's ports are reserved.
    PortsReserved,
    /// One of the site's ports cannot be reserved.
    PortsTaken,
    /// The lease of the site's database is lost: another node may be at work on it.
    LeaseLost,
    /// Time has passed.
    Tick,
}

/// How a unit was found whose supervisor is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionState {
    /// It was never started.
    Never,
    /// A oneshot that was done.
    Done,
    /// Its main process lives; `ready`: it had been.
    Alive { run: Run, ready: bool },
    /// Its main process ended while nobody watched; `rest`: others of it live.
    Gone { rest: bool },
}

/// What happened to a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitEvent {
    Forked(Pid),
    NotForked(ExecError),
    /// It was not started, as something of an earlier run lives.
    Occupied,
    /// Nobody could say which process its main one is, though it lives.
    Unidentified,
    /// Its program runs.
    Running,
    /// Its program could not run; the process is gone.
    NotRun(ExecError),
    /// It is ready, by the way its definition names.
    Ready,
    /// Its main process has ended; `rest`: others of it live.
    Ended {
        status: ExitStatus,
        rest: bool,
    },
    /// This is its main process now.
    Main(Pid),
    /// It daemonised and left none.
    NoMain,
    /// Nothing of it lives any more.
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

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Reserve the ports of the site; answer with `PortsReserved` or `PortsTaken`.
    ReservePorts,
    /// Start its program; answer with `Forked`, `NotForked` or `Occupied`.
    Spawn(UnitId),
    /// Find out when it is ready; answer with `Ready`.
    AwaitReady(UnitId),
    /// Find its main process; answer with `Main` or `NoMain`.
    Follow(UnitId),
    /// Run its healthcheck once; answer with `Health` or `NotAsked`.
    CheckHealth(UnitId),
    /// Run its stop command; answer with `StopCommand`.
    RunStopCommand(UnitId),
    /// Gather its evidence; answer with `Gathered`.
    GatherEvidence(UnitId),
    /// End whatever helpers run for it, and forget their answers.
    DropHelpers(UnitId),
    /// Send its stop signal to its main process.
    AskToStop(UnitId),
    /// Send TERM to all of it.
    TermAll(UnitId),
    /// Send KILL to all of it, until nothing is left.
    KillAll(UnitId),
    /// Something worth writing down.
    Note(Note),
}

/// What is worth writing down.
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

/// What is worth writing down of the whole site.
#[derive(Clone, Debug, PartialEq)]
pub enum Milestone {
    Adopted,
    Up,
    Failing(UnitFailure),
    LeaseLost,
    Stopping,
    /// The beginning, with the processes down.
    BegunHeld,
    Holding,
    Held,
    Resuming,
    Over,
}

/// What must be remembered of a unit beside its state.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Its faults within the window of its budget.
    pub(super) faults: Vec<Moment>,
    /// Its faults since it was last ready: those are not forgotten, however slowly they come.
    pub(super) in_a_row: u32,
    /// How often it was started again, since the site came up.
    pub restarts: u32,
    pub last_cause: Option<Cause>,
    /// Since when its healthcheck could not be started.
    pub(super) not_asked_since: Option<Moment>,
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

    /// Nothing of it lives.
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

    /// It is as it should be: ready, or a oneshot that is done.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Done)
    }
}
