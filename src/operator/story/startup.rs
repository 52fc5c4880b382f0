//! The starts of a site: which process waited for which, and which of them the start was waiting for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::durations::between;
use crate::history::{Entry, HistoryEvent};
use crate::site::{Definition, Process};

/// A start of the site on a node, or of the processes of a paused one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Startup {
    pub(in crate::operator) node: String,
    /// When it was ordered, or the first moment of which there is an entry.
    pub(in crate::operator) from: Timestamp,
    pub(in crate::operator) to: Timestamp,
    pub(in crate::operator) outcome: StartupOutcome,
    pub(in crate::operator) ordered_by: Option<String>,
    /// The steps before the first process, in the order of time.
    pub(in crate::operator) before: Vec<StartupStep>,
    pub(in crate::operator) processes: Vec<ProcessStartup>,
    /// The chain of processes, by index, of which each was started when the one before was ready, up to the
    /// one that was ready last.
    pub(in crate::operator) critical: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) enum StartupOutcome {
    Up,
    /// It came up in maintenance.
    Paused,
    Failed(String),
    /// There is no entry about its end.
    Open,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct StartupStep {
    pub(in crate::operator) name: &'static str,
    pub(in crate::operator) from: Timestamp,
    pub(in crate::operator) to: Timestamp,
}

/// The first start of a process within a start of the site.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct ProcessStartup {
    pub(in crate::operator) name: String,
    pub(in crate::operator) spawned: Timestamp,
    /// When it was ready, had its first fault, or the start ended.
    pub(in crate::operator) to: Timestamp,
    pub(in crate::operator) end: ProcessStartupEnd,
    /// The process whose readiness it waited for last, by index.
    pub(in crate::operator) waited_for: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operator) enum ProcessStartupEnd {
    Ready,
    Fault,
    NotReady,
}

impl Startup {
    pub(in crate::operator) fn took(&self) -> Duration {
        between(self.from, self.to)
    }

    pub(in crate::operator) fn is_critical(&self, index: usize) -> bool {
        self.critical.contains(&index)
    }
}

/// What the definition says now of how the processes depend on each other.
#[derive(Clone, Debug, Default)]
pub(in crate::operator) struct Wiring {
    /// The processes that each one waits for, by name.
    pub(in crate::operator) needs: BTreeMap<String, Vec<String>>,
    /// A start does not wait for these.
    pub(in crate::operator) optional: BTreeSet<String>,
    /// They are done when they are ready.
    pub(in crate::operator) oneshot: BTreeSet<String>,
}

impl Wiring {
    pub(in crate::operator) fn of(definition: &Definition) -> Self {
        let all = &definition.processes;
        let name = |at: &usize| all.get(*at).map(|process| process.name.clone());
        let needs = |process: &Process| {
            (process.name.clone(), process.depends_on.iter().filter_map(name).collect())
        };
        let names = |is: fn(&&Process) -> bool| {
            all.iter().filter(is).map(|process| process.name.clone()).collect()
        };
        Self {
            needs: all.iter().map(needs).collect(),
            optional: names(|process| !process.essential),
            oneshot: names(|process| process.oneshot),
        }
    }
}

/// The starts of one node, whose entries these are, in the order of time.
pub(super) fn startups(own: &[&Entry], wiring: &Wiring) -> Vec<Startup> {
    let mut found = Vec::new();
    let mut open: Option<Vec<&Entry>> = None;
    for &entry in own {
        let same_boot =
            |entries: &Vec<&Entry>| entries.first().is_none_or(|first| first.boot == entry.boot);
        match entry.event {
            HistoryEvent::StartOrdered | HistoryEvent::Resuming => {
                found.extend(open.take().and_then(|entries| startup(&entries, wiring)));
                open = Some(vec![entry]);
            }
            HistoryEvent::Leased | HistoryEvent::Started | HistoryEvent::Spawned
                if open.is_none() && !is_restart(own, entry) =>
            {
                open = Some(vec![entry]);
            }
            _ => {
                if let Some(entries) = open.as_mut().filter(|entries| same_boot(entries)) {
                    entries.push(entry);
                    if ends_a_start(entry.event) {
                        found.extend(open.take().and_then(|entries| startup(&entries, wiring)));
                    }
                } else {
                    found.extend(open.take().and_then(|entries| startup(&entries, wiring)));
                }
            }
        }
    }
    found.extend(open.and_then(|entries| startup(&entries, wiring)));
    found
}

/// Whether a process is started here because it had ended, and not because the site is started.
fn is_restart(own: &[&Entry], entry: &Entry) -> bool {
    let before = own.iter().rev().skip_while(|other| !std::ptr::eq(**other, entry)).skip(1);
    entry.event == HistoryEvent::Spawned
        && before
            .map(|other| other.event)
            .find(|event| {
                matches!(
                    event,
                    HistoryEvent::Up
                        | HistoryEvent::Adopted
                        | HistoryEvent::Down
                        | HistoryEvent::Stopped
                        | HistoryEvent::RolledBack
                )
            })
            .is_some_and(|event| matches!(event, HistoryEvent::Up | HistoryEvent::Adopted))
}

fn ends_a_start(event: HistoryEvent) -> bool {
    matches!(
        event,
        HistoryEvent::Up
            | HistoryEvent::Paused
            | HistoryEvent::RolledBack
            | HistoryEvent::Down
            | HistoryEvent::Stopped
            | HistoryEvent::Adopted
    )
}

/// None: it is no start, but an adoption or an order that had nothing to do.
fn startup(entries: &[&Entry], wiring: &Wiring) -> Option<Startup> {
    let (first, last) = (entries.first()?, entries.last()?);
    let of = |event| entries.iter().find(|entry| entry.event == event);
    let is_one = [HistoryEvent::Started, HistoryEvent::Spawned, HistoryEvent::RolledBack]
        .into_iter()
        .chain([HistoryEvent::Up, HistoryEvent::Paused, HistoryEvent::Failed])
        .any(|event| of(event).is_some());
    if !is_one || last.event == HistoryEvent::Adopted {
        return None;
    }
    let failure = of(HistoryEvent::Failed).or_else(|| of(HistoryEvent::RolledBack));
    let outcome = match last.event {
        HistoryEvent::Up => StartupOutcome::Up,
        HistoryEvent::Paused => StartupOutcome::Paused,
        _ => match failure {
            Some(entry) => StartupOutcome::Failed(entry.detail.clone()),
            None if last.event == HistoryEvent::Down || last.event == HistoryEvent::Stopped => {
                StartupOutcome::Failed("it was stopped before it was up".to_owned())
            }
            None => StartupOutcome::Open,
        },
    };
    let mut processes = processes(entries, last.at);
    for index in 0..processes.len() {
        processes[index].waited_for = waited_for(&processes, index, wiring);
    }
    Some(Startup {
        node: first.node.clone(),
        from: first.at,
        to: last.at,
        outcome,
        ordered_by: first.by.as_ref().map(ToString::to_string),
        before: before(entries),
        critical: critical(&processes, last.event == HistoryEvent::Up, wiring),
        processes,
    })
}

/// The steps before the first process.
fn before(entries: &[&Entry]) -> Vec<StartupStep> {
    let mut steps = Vec::new();
    let mut from = entries.first().map(|entry| entry.at);
    for entry in entries.iter().skip(1) {
        let name = match entry.event {
            HistoryEvent::Leased => "checks and lease",
            HistoryEvent::Repaired => "repair after an unclean end",
            HistoryEvent::Started => "starting the supervisor",
            HistoryEvent::Spawned => break,
            _ => continue,
        };
        steps.extend(from.map(|from| StartupStep { name, from, to: entry.at }));
        from = Some(entry.at);
    }
    steps
}

fn processes(entries: &[&Entry], end: Timestamp) -> Vec<ProcessStartup> {
    let first = entries.first().map_or(end, |entry| entry.at);
    let mut found: Vec<ProcessStartup> = Vec::new();
    for entry in entries {
        let Some(name) = &entry.process else { continue };
        let known = found.iter().position(|process| process.name == *name);
        let ended = match entry.event {
            HistoryEvent::Spawned if known.is_none() => ProcessStartupEnd::NotReady,
            HistoryEvent::Ready => ProcessStartupEnd::Ready,
            HistoryEvent::Fault => ProcessStartupEnd::Fault,
            _ => continue,
        };
        match known.and_then(|index| found.get_mut(index)) {
            Some(process) if process.end == ProcessStartupEnd::NotReady => {
                (process.end, process.to) = (ended, entry.at);
                // The supervisor's own measure is better than the moment of its entry.
                if let Some(measured) = measured(entry, first) {
                    process.spawned = measured;
                }
            }
            Some(_) => {}
            None => {
                let spawned = measured(entry, first).unwrap_or(entry.at);
                let to = if ended == ProcessStartupEnd::NotReady { end } else { entry.at };
                let name = name.clone();
                found.push(ProcessStartup { name, spawned, to, end: ended, waited_for: None });
            }
        }
    }
    found.sort_by_key(|process| process.spawned);
    found
}

/// When the process was started that is ready here, if that was in this start.
fn measured(entry: &Entry, first: Timestamp) -> Option<Timestamp> {
    let took = entry.took.filter(|_| entry.event == HistoryEvent::Ready)?;
    entry.at.checked_sub(took).ok().filter(|at| *at >= first)
}

/// The process whose readiness let this one start: of those that it needs, and if that is not known, of all,
/// the one that was ready last before.
fn waited_for(all: &[ProcessStartup], index: usize, wiring: &Wiring) -> Option<usize> {
    let process = &all[index];
    let needed = wiring.needs.get(whole(&process.name));
    let may = |other: &ProcessStartup| {
        needed.is_none_or(|names| names.iter().any(|name| name == whole(&other.name)))
    };
    all.iter()
        .enumerate()
        .filter(|(at, other)| *at != index && other.end == ProcessStartupEnd::Ready && may(other))
        .filter(|(_, other)| other.to <= process.spawned && other.spawned < process.spawned)
        .max_by_key(|(_, other)| other.to)
        .map(|(at, _)| at)
}

/// The name of the process of which `name` is an instance.
pub(super) fn whole(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn critical(all: &[ProcessStartup], is_up: bool, wiring: &Wiring) -> Vec<usize> {
    let counts = |process: &ProcessStartup| {
        let is_optional = wiring.optional.contains(whole(&process.name));
        !is_up || (process.end == ProcessStartupEnd::Ready && !is_optional)
    };
    let ends = all.iter().enumerate().filter(|(_, process)| counts(process));
    // In a start that failed, the one that had a fault, else one that is not ready yet.
    let last = ends
        .max_by_key(|(_, process)| (process.to, process.end == ProcessStartupEnd::Fault))
        .map(|(at, _)| at);
    let mut chain = Vec::new();
    let mut next = last;
    // Each was spawned before the one that waited for it, so that there is no circle.
    while let Some(at) = next {
        chain.push(at);
        next = all[at].waited_for;
    }
    chain.reverse();
    chain
}
