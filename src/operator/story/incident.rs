//! What went wrong, and what followed.

use std::time::Duration;

use jiff::Timestamp;

use super::durations::{between, say_exactly};
use super::outage::Outage;
use crate::history::{Entry, HistoryEvent};
use crate::values::ExitStatus;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Incident {
    pub(in crate::operator) at: Timestamp,
    pub(in crate::operator) node: String,
    pub(in crate::operator) process: Option<String>,
    pub(in crate::operator) kind: &'static str,
    /// A sentence without its full stop.
    pub(in crate::operator) cause: String,
    pub(in crate::operator) exit: Option<ExitStatus>,
    pub(in crate::operator) last_lines: Vec<String>,
    /// Sentences without their full stops, each with the moment when it was so.
    pub(in crate::operator) followed: Vec<(Timestamp, String)>,
}

/// How long after a fault the site's failure is taken as its consequence.
const AT_ONCE: Duration = Duration::from_secs(1);

/// `all`: the entries of every node, in the order of time.
pub(super) fn incidents(all: &[&Entry], outages: &[Outage]) -> Vec<Incident> {
    let mut found: Vec<Incident> = Vec::new();
    for (index, entry) in all.iter().enumerate() {
        let Some(kind) = kind(entry.event) else { continue };
        let is_told = match entry.event {
            HistoryEvent::Failed => belongs_to(&mut found, entry),
            HistoryEvent::RolledBack => found.iter().any(|before| before.is_followed_by(entry)),
            _ => false,
        };
        if is_told {
            continue;
        }
        found.push(Incident {
            at: entry.at,
            node: entry.node.clone(),
            process: entry.process.clone(),
            kind,
            cause: entry.detail.clone(),
            exit: entry.exit,
            last_lines: entry.last_lines.clone(),
            followed: followed(entry, &all[index + 1..], outages),
        });
    }
    found
}

impl Incident {
    fn is_followed_by(&self, entry: &Entry) -> bool {
        self.node == entry.node && self.followed.iter().any(|(at, _)| *at == entry.at)
    }
}

fn kind(event: HistoryEvent) -> Option<&'static str> {
    Some(match event {
        HistoryEvent::Fault => "fault of a process",
        HistoryEvent::Failed => "the site failed",
        HistoryEvent::RolledBack => "a start failed",
        HistoryEvent::Unclean => "unclean end",
        HistoryEvent::PrerequisiteLost => "disk or address lost",
        HistoryEvent::NotStopped => "a stop failed",
        _ => return None,
    })
}

/// Whether this failure of the site is told with the fault that caused it. Its last lines then count there.
fn belongs_to(found: &mut [Incident], entry: &Entry) -> bool {
    let fault = found.iter_mut().rev().find(|incident| {
        incident.node == entry.node
            && between(incident.at, entry.at) <= AT_ONCE
            && (incident.process == entry.process
                || entry.process.is_none()
                || incident.cause == entry.detail)
            && incident.kind != "unclean end"
    });
    let Some(fault) = fault else { return false };
    if fault.last_lines.is_empty() {
        fault.last_lines.clone_from(&entry.last_lines);
    }
    fault.exit = fault.exit.or(entry.exit);
    true
}

/// What followed on this node until it was well again or given up, and where the site went.
fn followed(of: &Entry, later: &[&Entry], outages: &[Outage]) -> Vec<(Timestamp, String)> {
    let mut found = Vec::new();
    let is_fault = of.event == HistoryEvent::Fault;
    for entry in later.iter().filter(|entry| entry.node == of.node) {
        if entry.boot != of.boot {
            break;
        }
        let same = entry.process == of.process;
        let after = || say_exactly(between(of.at, entry.at));
        let words = match entry.event {
            HistoryEvent::Fault if same && is_fault => break,
            HistoryEvent::Spawned if same && is_fault => {
                format!("it was started again after {}", after())
            }
            HistoryEvent::Ready if same && is_fault => {
                found.push((entry.at, format!("it was ready again after {}", after())));
                break;
            }
            HistoryEvent::Degraded if same => "the site served without it".to_owned(),
            HistoryEvent::Recovered => {
                found.push((entry.at, format!("every process was ready after {}", after())));
                break;
            }
            HistoryEvent::PrerequisiteBack if of.event == HistoryEvent::PrerequisiteLost => {
                found.push((entry.at, format!("it was back after {}", after())));
                break;
            }
            HistoryEvent::Repaired if of.event == HistoryEvent::Unclean => {
                found.push((entry.at, format!("the repair was done after {}", after())));
                break;
            }
            HistoryEvent::Started if of.event == HistoryEvent::Unclean => break,
            HistoryEvent::Failed if of.event != HistoryEvent::Failed => {
                "the site was given up".to_owned()
            }
            HistoryEvent::RolledBack => "the start was rolled back".to_owned(),
            HistoryEvent::Down => {
                format!("all processes had ended after {}", after())
            }
            HistoryEvent::Up if !is_fault => {
                found.push((entry.at, format!("the site was up after {}", after())));
                break;
            }
            HistoryEvent::StartOrdered | HistoryEvent::Stopped | HistoryEvent::Stopping => break,
            _ => continue,
        };
        found.push((entry.at, words));
    }
    let outage = outages.iter().find(|outage| {
        outage.from_node == of.node
            && outage.from >= of.at
            && between(of.at, outage.from) <= AT_ONCE
    });
    if let Some(outage) = outage.filter(|outage| !outage.is_planned()) {
        let took = say_exactly(outage.took());
        found.push(match &outage.to_node {
            Some(node) => (outage.to, format!("{node} served again; {took} without service")),
            None => (outage.to, format!("no node serves since then, for {took}")),
        });
    }
    found
}
