//! Short-lived programs that the supervisor runs for a unit: probes, healthchecks, stop commands.
//! Each has its own session and dies with the supervisor. Of its output only the end is kept.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;

use super::configuration::Configuration;
use super::output::last_lines;
use super::plan::UnitId;
use crate::disk::leaving_words;
use crate::linux::captured::CapturedChild;
use crate::linux::own_program;
use crate::linux::spawn::Command;
use crate::values::{ExecError, ExitStatus, Pid};

/// What a helper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ends with 0 when the unit is ready.
    Ready,
    Health,
    /// A healthcheck for the verb on this connection.
    HealthFor(u64),
    /// Prints the PID of the main process.
    Follow,
    Stop,
    Evidence,
    /// A reload for the verb on this connection.
    ReloadFor(u64),
    /// Settles the mark of a pause on the site's database.
    ConfirmPause,
    /// Leaves the facts of this node on the site's database.
    LeaveFacts,
}

impl Role {
    /// It works for the verb on this connection.
    fn is_for(self, connection: u64) -> bool {
        self == Self::HealthFor(connection) || self == Self::ReloadFor(connection)
    }
}

/// Why a helper has no good result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HelperFailure {
    /// It failed with these words, or its program could not be executed.
    Failed(String),
    /// It was not started, as the node had no room for another process; it may be tried again.
    NoRoom(String),
}

impl HelperFailure {
    pub(super) fn words(self) -> String {
        match self {
            Self::Failed(words) | Self::NoRoom(words) => words,
        }
    }
}

impl From<ExecError> for HelperFailure {
    fn from(error: ExecError) -> Self {
        let words = error.to_string();
        if error.is_for_want_of_room() { Self::NoRoom(words) } else { Self::Failed(words) }
    }
}

/// The last output of a helper that ended with 0, or why it has none.
pub(super) type HelperResult = Result<String, HelperFailure>;

/// How much of a helper's output is kept, in bytes.
const KEPT: usize = 4 << 10;

#[derive(Debug)]
struct Helper {
    unit: UnitId,
    role: Role,
    child: CapturedChild,
    /// It has closed its output; it may still run.
    is_silent: bool,
}

impl Helper {
    /// Starts it; `prepare` makes the command that prints into the given descriptor.
    fn start<F>(unit: UnitId, role: Role, prepare: F) -> Result<Self, ExecError>
    where
        F: for<'a> FnOnce(BorrowedFd<'a>) -> Command<'a>,
    {
        Ok(Self { unit, role, child: CapturedChild::start(KEPT, prepare)?, is_silent: false })
    }

    fn result(&mut self, status: ExitStatus) -> HelperResult {
        self.child.read();
        let said = last_lines(self.child.output(), 2).join(" / ");
        if let Some(error) = self.child.exec_error() {
            return Err(error.into());
        }
        let how = match status {
            ExitStatus::Code(0) => return Ok(said),
            other => format!("it {other}"),
        };
        Err(HelperFailure::Failed(if said.is_empty() { how } else { format!("{how}: {said}") }))
    }
}

/// The helpers that run.
#[derive(Debug, Default)]
pub(super) struct Helpers(Vec<Helper>);

impl Helpers {
    /// Starts a program for a unit, with these variables in addition to the process's own.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub(super) fn start(
        &mut self,
        configuration: &Configuration,
        unit: UnitId,
        role: Role,
        words: &[String],
        variables: &[(&str, String)],
    ) -> Result<(), ExecError> {
        let name = configuration.name(unit);
        let mut all = vec![("SITEWARD_PROCESS", name.to_owned())];
        all.extend(variables.iter().map(|(k, v)| (*k, v.clone())));
        let launch = configuration.launch(unit);
        self.0.push(Helper::start(unit, role, |output| {
            launch.command(words, &all, (&configuration.places, name), output)
        })?);
        Ok(())
    }

    /// Settles the mark of a pause on the site's database: the verb that wrote it may be gone.
    pub(super) fn confirm_pause(&mut self, configuration: &Configuration) {
        let Some(database) = &configuration.definition.database else { return };
        let words = ["siteward", "confirm-pause"].map(OsStr::new);
        let words = [&words[..], &[database.as_os_str()]].concat();
        if let Err(error) = self.start_own(configuration, Role::ConfirmPause, &words) {
            log::warn!("the mark of the pause cannot be settled: it {error}");
        }
    }

    /// Leaves the facts of this node on the site's database, for a comparison with other nodes.
    pub(super) fn leave_facts(&mut self, configuration: &Configuration) {
        let at_work = self.0.iter().any(|helper| helper.role == Role::LeaveFacts);
        if configuration.definition.database.is_none() || at_work {
            return;
        }
        let words = leaving_words(&configuration.places);
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        if let Err(error) = self.start_own(configuration, Role::LeaveFacts, &words) {
            log::warn!("the facts of this node are not left on the database: it {error}");
        }
    }

    /// Ends it, so that the disk can be unmounted once the site is stopped.
    pub(super) fn drop_facts(&mut self) {
        self.kill_where(|helper| helper.role == Role::LeaveFacts);
    }

    /// Starts this very program, for the site as a whole.
    fn start_own(
        &mut self,
        configuration: &Configuration,
        role: Role,
        words: &[&OsStr],
    ) -> Result<(), ExecError> {
        let Some(unit) = configuration.units().next() else { return Ok(()) };
        self.0.push(Helper::start(unit, role, |output| {
            Command::plain(own_program::program(), words, Vec::new(), output)
        })?);
        Ok(())
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.0.iter().map(|helper| helper.child.pid())
    }

    /// The pipes of those that still have output, with their indices.
    pub(super) fn pipes(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        let open = self.0.iter().enumerate().filter(|(_, helper)| !helper.is_silent);
        open.map(|(index, helper)| (index, helper.child.pipe()))
    }

    /// Reads what the one at this index has printed, and returns its last line.
    pub(super) fn read(&mut self, index: usize) -> Option<(UnitId, Role, String)> {
        let helper = self.0.get_mut(index)?;
        helper.is_silent = !helper.child.read();
        let said = last_lines(helper.child.output(), 1).pop()?;
        Some((helper.unit, helper.role, said))
    }

    /// The helper `pid` has ended; None if it is no helper.
    pub(super) fn ended(
        &mut self,
        pid: Pid,
        status: ExitStatus,
    ) -> Option<(UnitId, Role, HelperResult)> {
        let index = self.0.iter().position(|helper| helper.child.pid() == pid)?;
        let mut helper = self.0.remove(index);
        let result = helper.result(status);
        Some((helper.unit, helper.role, result))
    }

    /// Kills those that work for a unit. Those that a verb asked for, or that work for the site
    /// as a whole, go on.
    pub(super) fn drop_of_unit(&mut self, unit: UnitId) {
        self.kill_where(|helper| {
            helper.unit == unit
                && !matches!(
                    helper.role,
                    Role::HealthFor(_) | Role::ReloadFor(_) | Role::ConfirmPause | Role::LeaveFacts
                )
        });
    }

    /// Kills those that work for the verb on a connection.
    pub(super) fn drop_of_connection(&mut self, connection: u64) {
        self.kill_where(|helper| helper.role.is_for(connection));
    }

    fn kill_where(&mut self, which: impl Fn(&Helper) -> bool) {
        for mut helper in self.0.extract_if(.., |helper| which(helper)) {
            helper.child.kill();
        }
    }
}
