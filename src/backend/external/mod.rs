//! An external supervisor: controlled by its commands, found by its command line and identity.
//!
//! Promises: a supervisor counts as running only if its process exists; a daemon that the list names by its
//! PID counts as up only if that process exists, for JobCenter also as the right program. Must never: take
//! the exit status of a start, stop, pause or resume command for its result.

mod coming_up;
mod daemon;
mod deep;
mod fit;
mod rest;
mod rows;
mod run;
mod services;
mod start;
mod stop;

use std::io;

use super::command::{Marked, Ran, run};
use super::jobcenter::{self, Conversion};
use super::nqs_site::explain_root;
use crate::linux::process::Stat;
use crate::process::{Identity, Record, find_by_command_line, find_by_command_lines};
use crate::site::{Definition, Jobcenter, List, Rows, SitePlaces, Wrapped};
use crate::values::{ExitStatus, Moment, Pid};

pub use daemon::Daemon;
pub use fit::{Misfit, MisfitKind, misfits};
pub use services::ListedService;
use services::{Answer, Asking};
pub use start::Started;

/// An observation of an external supervisor.
#[derive(Debug)]
pub struct Look {
    /// The processes of the supervisor itself, by command line; normally one.
    pub supervisors: Vec<Identity>,
    /// One of them that does nothing, as a signal has stopped it (state T of proc(5)).
    pub halted: Option<Identity>,
    /// A stop command is running.
    pub stopping: bool,
    /// The site is not up, and a command that takes the processes down or up, and lets the supervisor be, is running.
    pub pausing: bool,
    pub daemon: Daemon,
    /// Other processes of the site, including those that were started by hand.
    pub workers: Vec<Identity>,
    /// Of JobCenter: somebody converts the database of a site that is down.
    pub conversion: Option<Conversion>,
    /// The services that its list names. What may be ended is found by the marks, and not by these.
    pub services: Vec<ListedService>,
}

/// One row of the table of cjcls (source document 003, LS-02, LS-03).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// None: SHUT.
    pub daemon: Option<i32>,
    pub supervised: bool,
}

/// An external supervisor.
#[derive(Clone, Debug)]
pub struct External {
    pub places: SitePlaces,
    /// The definition by which it was started.
    pub definition: Definition,
    pub wrapped: Wrapped,
}

impl External {
    /// None: the definition names no external supervisor.
    pub(super) fn of(places: &SitePlaces, definition: &Definition) -> Option<Self> {
        let wrapped = definition.wrapped.clone()?;
        Some(Self { places: places.clone(), definition: definition.clone(), wrapped })
    }

    /// The name of its program in messages.
    fn program(&self) -> &str {
        self.wrapped.start.first().map_or("", String::as_str)
    }

    /// Looks once; the list must have answered by `deadline`.
    ///
    /// # Errors
    /// A sentence: /proc cannot be read.
    pub fn look(&self, deadline: Moment) -> Result<Look, String> {
        look(&self.wrapped, &self.definition, &self.places, deadline)
    }

    /// Changes the record, if there is one.
    fn note(&self, change: impl FnOnce(&mut Record)) {
        let Some(mut record) = Record::read(&self.places).ok().flatten() else { return };
        change(&mut record);
        self.write(&record);
    }

    fn write(&self, record: &Record) {
        if let Err(error) = record.write(&self.places) {
            log::warn!("the record {} cannot be written: {error}", self.places.record().display());
        }
    }

    /// Runs one of its commands for the services that it has; it is killed at `until`. What went wrong with it.
    fn order_services(&self, words: &[String], until: Moment) -> Result<Option<String>, String> {
        let Self { wrapped, definition, places, .. } = self;
        Asking { wrapped, definition, places, deadline: until }.order(words)
    }

    /// Runs one of its commands with the site's mark; it is killed at `until`.
    fn command(&self, words: &[String], until: Moment) -> Result<Ran, String> {
        run(words, &self.definition, &self.places, Marked::Yes, until)
    }

    /// What is wrong with how a command of its own ended, for the end of a sentence; None: nothing.
    fn complaint(&self, ran: &Ran) -> Option<String> {
        let complaint = ran.complaint()?;
        let profile = self.wrapped.jobcenter.as_ref();
        let explained = profile.and_then(|p| explain_root(&ran.text(), &self.definition.site, p));
        Some(explained.map_or_else(|| complaint.clone(), |why| format!("{complaint}; {why}")))
    }
}

/// Looks once; the list must have answered by `deadline`.
///
/// # Errors
/// A sentence: /proc cannot be read.
fn look(
    wrapped: &Wrapped,
    definition: &Definition,
    places: &SitePlaces,
    deadline: Moment,
) -> Result<Look, String> {
    // The list is read first, so that the process that it names is checked afterwards.
    let Answer { daemon, services, in_groups, is_mute, .. } = match &wrapped.list {
        Some(list) => ask(list, wrapped, definition, places, deadline),
        None => Daemon::NotAsked.into(),
    };
    let unreadable = |error: io::Error| format!("/proc cannot be read: {error}");
    // Of a site that is up nobody asks. A command for services is not known by its words.
    let commands = [&wrapped.pause, &wrapped.resume].into_iter().flatten();
    let commands = commands
        .filter(|words| !words.iter().any(|word| word.starts_with('{')))
        .filter(|_| !matches!(daemon, Daemon::Up(_)));
    let lines = std::iter::once(&wrapped.process).chain(commands).map(Vec::as_slice);
    let mut found = find_by_command_lines(&lines.collect::<Vec<_>>()).map_err(unreadable)?;
    let pausing = found.split_off(1).iter().any(|found| !found.is_empty());
    let supervisors = leaders(&found.pop().unwrap_or_default());
    let is_gone = is_mute && supervisors.is_empty() && !wrapped.detached;
    let daemon = if is_gone { Daemon::Absent } else { daemon };
    let is_halted = |of: &&Identity| of.stat().is_some_and(|stat| stat.state == 'T');
    let (workers, conversion) = match &wrapped.jobcenter {
        Some(profile) => {
            let is_down = supervisors.is_empty() && !matches!(daemon, Daemon::Up(_));
            workers(profile, definition, places, is_down).map_err(unreadable)?
        }
        None => (in_groups, None),
    };
    Ok(Look {
        halted: supervisors.iter().find(is_halted).cloned(),
        supervisors,
        // What a stop has done by now is seen above, so that it is looked for last.
        stopping: !find_by_command_line(&wrapped.stop).map_err(unreadable)?.is_empty(),
        pausing,
        daemon,
        workers,
        conversion,
        services,
    })
}

/// The processes of a JobCenter site. One that works for a conversion is none of them.
fn workers(
    profile: &Jobcenter,
    definition: &Definition,
    places: &SitePlaces,
    is_down: bool,
) -> io::Result<(Vec<Identity>, Option<Conversion>)> {
    let (site, database) = (&definition.site, definition.database.as_deref());
    let workers = jobcenter::processes_of(places, profile, site, database)?;
    if !is_down {
        return Ok((workers, None));
    }
    let conversion = jobcenter::conversion_of(profile, site, database)?;
    let is_its = |worker: &Identity| {
        conversion.is_some()
            && worker.stat().is_none_or(|stat| jobcenter::is_jcdbs_of_nobody(&stat))
    };
    Ok((workers.into_iter().filter(|worker| !is_its(worker)).collect(), conversion))
}

/// The supervisor's processes, from /proc alone.
///
/// # Errors
/// A sentence: /proc cannot be read.
pub fn supervisors(wrapped: &Wrapped) -> Result<Vec<Identity>, String> {
    let found = find_by_command_line(&wrapped.process)
        .map_err(|error| format!("/proc cannot be read: {error}"))?;
    Ok(leaders(&found))
}

/// The supervisors among the processes that have a supervisor's command line.
fn leaders(found: &[Stat]) -> Vec<Identity> {
    // A child that was forked and has not executed its program yet looks like its parent.
    let is_child = |s: &Stat| s.parent.is_some_and(|p| found.iter().any(|other| other.pid == p));
    let leaders = found.iter().filter(|s| !is_child(s));
    leaders.filter_map(|s| Identity::of(s.pid).filter(|i| i.start == s.start)).collect()
}

fn ask(
    list: &List,
    wrapped: &Wrapped,
    definition: &Definition,
    places: &SitePlaces,
    deadline: Moment,
) -> Answer {
    match list.rows {
        Rows::Cjcls | Rows::ExitStatus => {
            ask_for_one(list, wrapped, definition, places, deadline).into()
        }
        Rows::Supervisord
        | Rows::Runit
        | Rows::S6
        | Rows::Monit
        | Rows::Systemd
        | Rows::Compose => Asking { wrapped, definition, places, deadline }.ask(list),
    }
}

fn ask_for_one(
    list: &List,
    wrapped: &Wrapped,
    definition: &Definition,
    places: &SitePlaces,
    deadline: Moment,
) -> Daemon {
    let program = list.command.first().map_or("", String::as_str);
    let unknown = |what: &str| Daemon::Unknown(format!("`{program}` {what}"));
    let ran = match run(&list.command, definition, places, Marked::No, deadline) {
        Ok(ran) => ran,
        Err(why) => return Daemon::Unknown(why),
    };
    match (&ran, list.rows) {
        (Ran::NotRun(error), _) if error.is_not_found() => Daemon::NotInstalled,
        (Ran::NotRun(_) | Ran::TimedOut | Ran::Interrupted, _) => {
            unknown(&ran.complaint().unwrap_or_default())
        }
        (Ran::Ended { status: ExitStatus::Code(0), .. }, Rows::ExitStatus) => Daemon::Up(None),
        (Ran::Ended { status: ExitStatus::Code(1..=3), .. }, Rows::ExitStatus) => {
            Daemon::Shut(None)
        }
        (Ran::Ended { .. }, Rows::ExitStatus) => unknown(&ran.complaint().unwrap_or_default()),
        (Ran::Ended { .. }, _) => match row_of(&ran.text(), &definition.site) {
            Err(why) => unknown(&why),
            Ok(Some(row)) => daemon_of(&row, wrapped, program),
            Ok(None) if ran.is_success() => Daemon::Absent,
            Ok(None) => unknown(&ran.complaint().unwrap_or_default()),
        },
    }
}

fn daemon_of(row: &Row, wrapped: &Wrapped, program: &str) -> Daemon {
    let Some(number) = row.daemon else { return Daemon::Shut(None) };
    let identity = Pid::try_from(number).ok().and_then(Identity::of).filter(Identity::is_alive);
    match identity {
        None => Daemon::Shut(Some(format!(
            "`{program}` names the daemon {number}, and there is no such process"
        ))),
        // A PID that was used again: LS-07.
        Some(identity)
            if wrapped.jobcenter.is_some()
                && !identity.stat().is_some_and(|stat| {
                    jobcenter::is_named(&jobcenter::words(&stat), &["nqsdaemon"])
                }) =>
        {
            Daemon::Shut(Some(format!(
                "`{program}` names the daemon {number}, and that process is another program"
            )))
        }
        Some(identity) => Daemon::Up(Some(identity)),
    }
}

/// The row of `site` in the table; None if there is none.
///
/// # Errors
/// The rest of a sentence: it lists the site in two ways.
pub fn row_of(table: &str, site: &str) -> Result<Option<Row>, String> {
    let mut found: Option<Row> = None;
    for line in table.lines() {
        let Some(row) = parse_row(line, site) else { continue };
        match &found {
            Some(earlier) if *earlier != row => {
                return Err(format!("lists the site {site} in two ways"));
            }
            _ => found = Some(row),
        }
    }
    Ok(found)
}

// The path of a database may hold blanks, so the columns are counted from both ends.
fn parse_row(line: &str, site: &str) -> Option<Row> {
    let mut words = line.split_whitespace();
    if words.next()? != site {
        return None;
    }
    let daemon = match words.next()? {
        "SHUT" => None,
        number => Some(number.parse::<i32>().ok().filter(|n| *n > 0)?),
    };
    let supervised = match words.next_back()? {
        "ON" => true,
        "OFF" => false,
        _ => return None,
    };
    Some(Row { daemon, supervised })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source document 003, 2.5.3.1.
    const TABLE: &str = "\
SITE-NAME        DAEMON-PID DB-PATH(LINK)                                CJCPW
testsite               1320 /mnt/jobdb (/usr/spool/nqs/0AC0120A)           ON
othersite              SHUT /mnt/other-jobdb (/usr/spool/nqs/0AC0120B)     OFF
testsite2              1400 /mnt/my jobs (/usr/spool/nqs/0AC0120C)         ON
";

    #[test]
    fn rows_are_read_by_the_whole_name() {
        let row = |site| row_of(TABLE, site).unwrap();
        assert_eq!(row("testsite"), Some(Row { daemon: Some(1320), supervised: true }));
        assert_eq!(row("othersite"), Some(Row { daemon: None, supervised: false }));
        assert_eq!(row("testsite2"), Some(Row { daemon: Some(1400), supervised: true }));
        for other in ["test", "testsit.", "site", "SITE-NAME", ""] {
            assert_eq!(row(other), None, "{other}");
        }
    }

    #[test]
    fn a_site_that_is_listed_twice_is_believed_only_if_both_say_the_same() {
        let twice = format!("{TABLE}testsite  1320 /mnt/jobdb (/usr/spool/nqs/X) ON\n");
        assert!(row_of(&twice, "testsite").unwrap().is_some());
        let contrary = format!("{TABLE}testsite  SHUT /mnt/jobdb (/usr/spool/nqs/X) ON\n");
        assert!(row_of(&contrary, "testsite").is_err());
        assert_eq!(row_of("testsite: cannot connect\n", "testsite").unwrap(), None);
    }
}
