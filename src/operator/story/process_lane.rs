//! What each process did, from moment to moment.

use jiff::Timestamp;

use super::lane::{Condition, Lane, Stretch, StretchEnd};
use super::startup::{Wiring, whole};
use crate::history::{Entry, HistoryEvent};

/// A process on a node, with its stretches in the order of time. No two overlap.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct ProcessLane {
    pub(in crate::operator) node: String,
    pub(in crate::operator) process: String,
    pub(in crate::operator) stretches: Vec<Stretch>,
    /// When it had a fault.
    pub(in crate::operator) faults: Vec<Timestamp>,
}

struct OpenStretch {
    is: Condition,
    from: Timestamp,
}

/// The processes of a node, in the order in which they were first started. `all`: the entries of every node, in
/// the order of time.
pub(super) fn process_lanes(
    all: &[&Entry],
    of: &Lane,
    now: Timestamp,
    wiring: &Wiring,
) -> Vec<ProcessLane> {
    let node = of.node.as_str();
    let own: Vec<&Entry> = all.iter().copied().filter(|entry| entry.node == node).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in own.iter().filter_map(|entry| entry.process.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let lane = |name| {
        let mut lane = process_lane(&own, node, name, now, wiring);
        lane.end_with(of);
        lane
    };
    names.into_iter().map(lane).collect()
}

fn process_lane(
    own: &[&Entry],
    node: &str,
    name: &str,
    now: Timestamp,
    wiring: &Wiring,
) -> ProcessLane {
    let mut lane = ProcessLane {
        node: node.to_owned(),
        process: name.to_owned(),
        stretches: Vec::new(),
        faults: Vec::new(),
    };
    let mut open: Option<OpenStretch> = None;
    let mut last: Option<&Entry> = None;
    for &entry in own {
        if last.is_some_and(|before| before.boot != entry.boot) {
            lane.close(open.take().as_ref(), entry.at, last);
        }
        last = Some(entry);
        let is_of_it = entry.process.as_deref() == Some(name);
        let next = match entry.event {
            HistoryEvent::Down
            | HistoryEvent::Stopped
            | HistoryEvent::RolledBack
            | HistoryEvent::Paused => None,
            HistoryEvent::Spawned if is_of_it => Some(Condition::Starting),
            HistoryEvent::Ready if is_of_it && wiring.oneshot.contains(whole(name)) => None,
            HistoryEvent::Ready if is_of_it => Some(Condition::Running),
            HistoryEvent::Fault if is_of_it => {
                lane.faults.push(entry.at);
                None
            }
            HistoryEvent::Ended if is_of_it => {
                // It was told to end so long before.
                let told = entry.took.and_then(|took| entry.at.checked_sub(took).ok());
                if let Some(told) =
                    told.filter(|told| open.as_ref().is_some_and(|o| o.from < *told))
                {
                    lane.close(open.take().as_ref(), told, None);
                    open = Some(OpenStretch { is: Condition::Stopping, from: told });
                }
                None
            }
            _ => continue,
        };
        lane.close(open.take().as_ref(), entry.at, None);
        open = next.map(|is| OpenStretch { is, from: entry.at });
    }
    let end = last.map_or(now, |entry| entry.at.max(now));
    lane.close(open.as_ref(), end, None);
    lane
}

impl ProcessLane {
    /// No process lives longer than the life of the site in which it was started.
    fn end_with(&mut self, of: &Lane) {
        for stretch in &mut self.stretches {
            let mut end: Option<&Stretch> = None;
            for life in of.stretches.iter().skip_while(|life| life.to <= stretch.from) {
                if end.is_some_and(|end| end.to < life.from) {
                    break;
                }
                end = Some(life);
            }
            let Some(end) = end.filter(|end| end.to <= stretch.to) else { continue };
            stretch.to = end.to.max(stretch.from);
            stretch.end = match end.end {
                StretchEnd::Unseen { after } => {
                    StretchEnd::Unseen { after: after.clamp(stretch.from, stretch.to) }
                }
                end => end,
            };
        }
        self.stretches.retain(|stretch| stretch.from < stretch.to);
    }

    /// `last`: the last entry, if nobody saw the end.
    fn close(&mut self, open: Option<&OpenStretch>, to: Timestamp, last: Option<&Entry>) {
        let Some(&OpenStretch { is, from }) = open else { return };
        let from = self.stretches.last().map_or(from, |before| before.to.max(from));
        if from < to {
            let end = last.map_or(StretchEnd::Seen, |entry| StretchEnd::Unseen {
                after: entry.at.clamp(from, to),
            });
            let why = String::new();
            self.stretches.push(Stretch { node: self.node.clone(), is, from, to, end, why });
        }
    }
}
