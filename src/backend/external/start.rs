//! Starts an external supervisor: snapshot, ports, record, process.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::Context as _;

use super::External;
use crate::backend::jobcenter;
use crate::backend::orders::Orders;
use crate::history::{Entry, HistoryEvent, OrderedStart};
use crate::journal;
use crate::linux::files;
use crate::linux::lock::{Attempt, Lock};
use crate::linux::process::reap_one;
use crate::linux::spawn::{self, Child};
use crate::linux::thread::{self, StackSize};
use crate::linux::wait::Waiting;
use crate::logs::{LogBounds, LogWriter};
use crate::process::{Groups, Identity, Phase, ProcessRecord, Record};
use crate::site::{Logging, SitePlaces, WRAPPED};
use crate::supervisor::launch::Launch;
use crate::supervisor::ports;
use crate::supervisor::scope::Stay;
use crate::surroundings::mounted_disk;
use crate::values::{ExitStatus, Moment, Pid};

impl External {
    /// Starts the supervisor and records its identity.
    ///
    /// # Errors
    /// For the end of a sentence; nothing was started.
    pub fn launch(&self, orders: &Orders<'_>) -> Result<Started, String> {
        let (definition, places) = (&self.definition, &self.places);
        let snapshot = places.snapshot();
        files::write_durably(&snapshot, definition.text.as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}", snapshot.display()))?;
        let reserved = ports::reserve(definition)?;
        self.keep_port(orders.boot.until)?;
        drop(reserved);
        let me = Identity::of(Pid::this()).ok_or("/proc is not mounted")?;
        let mut record = Record {
            known_as: orders.known_as.map(str::to_owned),
            fingerprint: definition.fingerprint.clone(),
            adjustments: orders.adjustments.clone(),
            disk: mounted_disk(definition),
            phase: Some(Phase::Starting { until: orders.boot.up_by }),
            ..Record::begun(definition.name.clone(), me)
        };
        // Before the process is started: a stop must find it.
        record.write(places).map_err(|error| {
            format!("the record {} cannot be written: {error}", places.record().display())
        })?;
        let started =
            self.spawn(orders.order).map_err(|error| format!("`{}`: {error:#}", self.program()))?;
        let identity = Identity::of(started.child.pid);
        let printed_from = started.log_offset;
        record.processes.extend(
            identity.map(|i| ProcessRecord { printed_from, ..ProcessRecord::started(WRAPPED, i) }),
        );
        self.write(&record);
        let words = format!("`{}` is at work as {}", self.program(), started.child.pid);
        let took = Moment::now().since(orders.order.at);
        let entry = Entry::new(HistoryEvent::Started, words).ordered_by(orders.order.by.clone());
        journal::note(places, Some(definition), &entry.taking(took));
        Ok(started)
    }

    /// Runs JobCenter's port keeper (PORT-01..07), which holds the port until the daemon binds it. Its process
    /// has the site's mark, so that the rollback of a failed start ends it.
    fn keep_port(&self, until: Moment) -> Result<(), String> {
        let Some(profile) = self.wrapped.jobcenter.as_ref().filter(|p| p.port_keeper) else {
            return Ok(());
        };
        let definition = &self.definition;
        self.check_port()?;
        let address = definition.address.map_or_else(|| definition.site.clone(), |a| a.to_string());
        let words = vec![profile.command("nqsportkpr"), address];
        let refused = |why: String| {
            format!("the port of `{}` is not kept: `{}` {why}", definition.name, words[0])
        };
        let patience = until.min(Moment::now() + Duration::from_secs(10));
        let ran = self.command(&words, patience).map_err(refused)?;
        match self.complaint(&ran) {
            Some(why) => Err(refused(why)),
            None => Ok(()),
        }
    }

    /// The last lines that it printed since the start that the record tells of; none without one.
    pub fn last_lines(&self, record: Option<&Record>, count: usize) -> Vec<String> {
        let begun = record.and_then(|record| record.processes.first());
        begun.map_or_else(Vec::new, |begun| last_lines(&self.places, begun.printed_from, count))
    }

    /// Whether JobCenter's port is free at the site's address (PORT-04).
    ///
    /// # Errors
    /// A sentence that names the process which has it.
    pub(super) fn check_port(&self) -> Result<(), String> {
        let address = self.definition.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        ports::check_free(&self.definition, address, jobcenter::PORT)
    }

    /// Starts the supervisor in a new session and in the site's context, with the site's marks, and without
    /// open descriptors of this process.
    fn spawn(&self, order: &OrderedStart) -> anyhow::Result<Started> {
        let (definition, places) = (&self.definition, &self.places);
        let launch = Launch::of(&definition.context, definition)
            .map_err(anyhow::Error::msg)?
            .with_token(places);
        files::private_folder(&places.logs)
            .with_context(|| format!("the folder {} cannot be used", places.logs.display()))?;
        let (mut kept, log) = open_log(places, definition.logging)?;
        let (log_offset, begins) = (log.metadata().map_or(0, |m| m.len()), kept.end());
        files::private_folder(&places.process_locks()).with_context(|| {
            format!("the folder {} cannot be used", places.process_locks().display())
        })?;
        let lock = match Lock::inheritable(&places.process_lock(WRAPPED)) {
            Ok(Attempt::Taken(lock)) => Some(lock),
            // The holder is no process of the site: those were searched for and ended before.
            Ok(Attempt::Held) | Err(_) => None,
        };
        let mut command = launch.command(&self.wrapped.start, &[], (places, WRAPPED), log.as_fd());
        let stay = Groups::of(places).and_then(|groups| {
            let begun = Stay::begin(groups, WRAPPED);
            begun.inspect_err(|why| log::info!("the site has no control groups here: {why}")).ok()
        });
        let door = stay.as_ref().and_then(|stay| stay.groups.door(WRAPPED).ok());
        command.group = door.as_ref().map(spawn::OwnedDoor::as_door);
        command.inherited.extend(lock.as_ref().map(|l| l.file().as_fd()));
        let child = spawn::spawn(&command).map_err(|error| anyhow::anyhow!("it {error}"))?;
        if stay.as_ref().is_some_and(Stay::is_a_visit) {
            await_exec(&child);
        }
        drop(stay);
        kept.run_began(begins, child.pid.number());
        // Reaped at once: the stop command may wait until the PID is gone from /proc, while this process waits
        // for the command.
        let (tell, status) = channel();
        let pid = child.pid;
        thread::start("reaper", StackSize::Usual, move || tell.send(reap_one(pid)))
            .context("a thread cannot be made")?;
        Ok(Started { child, status, log_offset, order: order.clone() })
    }
}

/// A supervisor that was just started.
#[derive(Debug)]
pub struct Started {
    pub child: Child,
    /// Its exit status, once it has ended.
    status: Receiver<Option<ExitStatus>>,
    /// The offset in its log at which this start begins.
    log_offset: u64,
    pub(super) order: OrderedStart,
}

/// Waits until a child executes its program. It has joined its control group before that.
fn await_exec(child: &Child) {
    let mut waiting = Waiting::new();
    if let Some(report) = child.report.awaited() {
        waiting.readable(report, ());
    }
    waiting.wait(Some(Moment::now() + Duration::from_secs(1)));
}

/// The log of a wrapped supervisor. Nobody looks at it while the site runs, so it is set aside here, before there
/// is a process that writes to it.
fn open_log(places: &SitePlaces, logging: Logging) -> anyhow::Result<(LogWriter, File)> {
    let path = places.wrapped_log();
    let bounds = LogBounds { max_size: logging.max_size, max_file: logging.max_file };
    let mut log = LogWriter::new(path.clone(), SitePlaces::log_index(&path), bounds);
    let opened = log.open().and_then(|file| match file.metadata()?.len() > bounds.max_size {
        true => log.set_aside(),
        false => Ok(file),
    });
    let file = opened.with_context(|| format!("the log {} cannot be written", path.display()))?;
    Ok((log, file))
}

impl Started {
    /// How it ended, if it should not have; for the end of a sentence, returned once. `detached`: exit status 0
    /// is no failure.
    pub(super) fn ending(&mut self, detached: bool) -> Option<String> {
        if !self.child.handle.is_dead() {
            return None;
        }
        if let Some(Err(error)) = self.child.report.outcome() {
            return Some(error.to_string());
        }
        let told = self.status.recv_timeout(Duration::from_secs(1)).ok()?;
        match told.unwrap_or(ExitStatus::Untold) {
            ExitStatus::Code(0) if detached => None,
            status => Some(status.to_string()),
        }
    }

    /// Its exit status, if it has ended and was not asked for before.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        self.status.recv_timeout(Duration::from_millis(100)).ok().flatten()
    }

    /// The last lines that it printed since it was started.
    pub fn last_lines(&self, places: &SitePlaces, count: usize) -> Vec<String> {
        last_lines(places, self.log_offset, count)
    }
}

/// The last lines below this offset of the log, in bytes.
fn last_lines(places: &SitePlaces, from: u64, count: usize) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut said = Vec::new();
    if let Ok(mut file) = File::open(places.wrapped_log()) {
        let end = file.metadata().map_or(0, |m| m.len());
        let _ = file.seek(SeekFrom::Start(from.max(end.saturating_sub(16 << 10))));
        let _ = file.take(16 << 10).read_to_end(&mut said);
    }
    let text = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|l| (*l).to_owned()).collect()
}
