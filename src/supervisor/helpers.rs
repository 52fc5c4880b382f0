//! Short-lived programs that the supervisor runs for a unit: probes, healthchecks, stop commands.
//! Each has a session of its own, ends with the supervisor, and prints into a pipe of which only
//! the end is kept.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use super::event_loop::Supervisor;
use super::machine::{Event, UnitEvent};
use super::output::last_lines;
use super::plan::UnitId;
use crate::linux::captured::CapturedChild;
use crate::linux::own_program;
use crate::linux::spawn::Command;
use crate::site::Reload;
use crate::values::ExecError;
use crate::values::ExitStatus;
use crate::values::Pid;

/// What a helper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ends with 0 when the unit is ready.
    Ready,
    Health,
    /// A healthcheck that a client asked for.
    HealthFor(u64),
    /// Prints the number of the main process.
    Follow,
    Stop,
    Evidence,
    /// A reload that a client asked for.
    ReloadFor(u64),
    /// Settles the mark of a pause on the site's database.
    ConfirmPause,
}

/// Why there is no good answer of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// It said no, in these words, or could not be run.
    Said(String),
    /// It was not asked, as there was no room for one more process; it may be asked again.
    NotAsked(String),
}

impl No {
    pub(super) fn words(self) -> String {
        match self {
            Self::Said(words) | Self::NotAsked(words) => words,
        }
    }
}

impl From<ExecError> for No {
    fn from(error: ExecError) -> Self {
        let words = error.to_string();
        if error.is_for_want_of_room() { Self::NotAsked(words) } else { Self::Said(words) }
    }
}

/// One that runs.
#[derive(Debug)]
pub(super) struct Helper {
    pub(super) unit: UnitId,
    pub(super) role: Role,
    pub(super) pid: Pid,
    child: CapturedChild,
    /// It has closed its output, though it may go on.
    pub(super) is_silent: bool,
}

/// How much of what it says is kept, in bytes.
const KEPT: usize = 4 << 10;

impl Helper {
    /// Starts it; `prepare` makes the command that prints into the given descriptor.
    ///
    /// # Errors
    /// As fork(2).
    pub(super) fn start<F>(unit: UnitId, role: Role, prepare: F) -> Result<Self, ExecError>
    where
        F: for<'a> FnOnce(BorrowedFd<'a>) -> Command<'a>,
    {
        let child = CapturedChild::start(KEPT, prepare)?;
        Ok(Self { unit, role, pid: child.pid(), child, is_silent: false })
    }

    /// Takes in what it has said since. False once there will be no more.
    pub(super) fn listen(&mut self) -> bool {
        self.child.read()
    }

    /// What came of it, once it has ended: how it failed in words, with its last words.
    pub(super) fn outcome(&mut self, status: ExitStatus) -> Result<String, No> {
        self.listen();
        let said = last_lines(self.child.output(), 2).join(" / ");
        if let Some(error) = self.child.exec_error() {
            return Err(error.into());
        }
        let how = match status {
            ExitStatus::Code(0) => return Ok(said),
            other => format!("it {other}"),
        };
        Err(No::Said(if said.is_empty() { how } else { format!("{how}: {said}") }))
    }

    /// Ends it and what it has started.
    pub(super) fn kill(&self) {
        self.child.kill();
    }

    /// Becomes readable when it says something.
    pub(super) fn voice(&self) -> BorrowedFd<'_> {
        self.child.pipe()
    }
}

impl Supervisor {
    pub(super) fn start_healthcheck(&mut self, unit: UnitId, role: Role) {
        let words = match &self.process(unit).healthcheck {
            Some(check) => check.test.clone(),
            None => return,
        };
        if let Err(error) = self.start_helper(unit, role, &words, &[]) {
            self.on_answer(unit, role, Err(error.into()));
        }
    }

    pub(super) fn start_helper(
        &mut self,
        unit: UnitId,
        role: Role,
        words: &[String],
        extra: &[(&str, String)],
    ) -> Result<(), ExecError> {
        let name = self.name(unit).to_owned();
        let launch = &self.launches[self.machine.plan().units[unit.0].process];
        let mut variables = vec![("SITEWARD_PROCESS", name.clone())];
        if let Some(pid) = self.shells[unit.0].main_pid() {
            variables.push(("MAINPID", pid.to_string()));
        }
        variables.extend(extra.iter().map(|(k, v)| (*k, v.clone())));
        let helper = Helper::start(unit, role, |output| {
            launch.command(words, &variables, (&self.places, &name), output)
        })?;
        self.helpers.push(helper);
        Ok(())
    }

    pub(super) fn on_helper_ended(&mut self, mut helper: Helper, status: ExitStatus) {
        let outcome = helper.outcome(status);
        self.on_answer(helper.unit, helper.role, outcome);
    }

    fn on_answer(&mut self, unit: UnitId, role: Role, outcome: Result<String, No>) {
        match (role, &outcome) {
            (Role::Health, Err(No::NotAsked(why))) => {
                return self.tell(Event::Unit(unit, UnitEvent::NotAsked(why.clone())));
            }
            (Role::HealthFor(client), Err(No::NotAsked(_))) => {
                return self.clients.ask_again(client, unit);
            }
            _ => {}
        }
        let outcome = outcome.map_err(No::words);
        match role {
            Role::Ready => match outcome {
                Ok(_) => self.tell(Event::Unit(unit, UnitEvent::Ready)),
                Err(said) => self.probe_said_no(unit, said),
            },
            Role::Health => {
                if let Err(said) = &outcome {
                    log::warn!("the healthcheck of `{}` failed: {said}", self.name(unit));
                }
                self.tell(Event::Unit(unit, UnitEvent::Health(outcome.map(|_| ()))));
            }
            Role::HealthFor(client) => {
                let name = self.name(unit).to_owned();
                self.clients.on_health(client, &name, outcome.map(|_| ()));
            }
            Role::Follow => {
                let pid = outcome.ok().and_then(|said| said.trim().parse::<i32>().ok());
                let pid = pid.and_then(|n| Pid::try_from(n).ok());
                let family = self.family().unwrap_or_default();
                // A file may name any process; only one of the unit's own is believed.
                let mine = pid.filter(|pid| family.has(unit, *pid));
                match mine.and_then(|pid| self.new_main(unit, pid)) {
                    Some(event) => self.tell(event),
                    // The file of an earlier run, or a process whose parent is still to end: the
                    // machine says when it has been waited for long enough.
                    None => self.ask_again(unit),
                }
            }
            Role::Stop => {
                if let Err(said) = &outcome {
                    log::warn!("the stop_command of `{}` failed: {said}", self.name(unit));
                }
                let succeeded = outcome.is_ok();
                self.tell(Event::Unit(unit, UnitEvent::StopCommand { succeeded }));
            }
            Role::Evidence => {
                match outcome {
                    Ok(said) => log::info!("the evidence of `{}`: {said}", self.name(unit)),
                    Err(said) => log::warn!("the evidence of `{}`: {said}", self.name(unit)),
                }
                self.tell(Event::Gathered);
            }
            Role::ConfirmPause => {
                if let Err(said) = outcome {
                    log::warn!("the mark of the pause cannot be settled: {said}");
                }
            }
            Role::ReloadFor(client) => {
                let name = self.name(unit).to_owned();
                self.clients.on_reload(client, &name, outcome.map(|_| ()));
            }
        }
    }

    /// The site is paused, and the mark of that on its database counts from now on: the verb that left it
    /// may be gone.
    pub(super) fn confirm_pause(&mut self) {
        let Some(unit) = self.machine.ids().next() else { return };
        let Some(database) = &self.definition.database else { return };
        let words = ["siteward", "confirm-pause"].map(OsStr::new);
        let words = [&words[..], &[database.as_os_str()]].concat();
        let helper = Helper::start(unit, Role::ConfirmPause, |output| {
            Command::plain(own_program::program(), &words, Vec::new(), output)
        });
        match helper {
            Ok(helper) => self.helpers.push(helper),
            Err(error) => log::warn!("the mark of the pause cannot be settled: it {error}"),
        }
    }

    pub(super) fn gather_evidence(&mut self, unit: UnitId) -> Option<Event> {
        let words = match &self.process(unit).on_failure {
            Some(evidence) => evidence.command.clone(),
            None => return Some(Event::Gathered),
        };
        let reason = self.failure.as_ref().map(|f| f.reason.clone()).unwrap_or_default();
        match self.start_helper(unit, Role::Evidence, &words, &[("SITEWARD_REASON", reason)]) {
            Ok(()) => None,
            Err(error) => {
                log::warn!("the on_failure command of `{}` {error}", self.name(unit));
                Some(Event::Gathered)
            }
        }
    }

    /// Asks one unit to read its configuration again; None if it has no way, else whether an
    /// answer is to come.
    pub(super) fn reload_unit(
        &mut self,
        unit: UnitId,
        client: u64,
    ) -> Option<Result<bool, String>> {
        match self.process(unit).reload.clone()? {
            Reload::Signal(signal) => {
                let main = self.shells[unit.0].main.as_ref()?;
                Some(main.handle.send(signal).map(|()| false).map_err(|e| e.to_string()))
            }
            Reload::Command(words) => Some(
                self.start_helper(unit, Role::ReloadFor(client), &words, &[])
                    .map(|()| true)
                    .map_err(|e| e.to_string()),
            ),
        }
    }
}
