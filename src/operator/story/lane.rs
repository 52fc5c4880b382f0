//! What a node did for the site, from moment to moment.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::history::{Entry, HistoryEvent};

/// How the site is on a node. A site that is stopped has no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::operator) enum Condition {
    Starting,
    Running,
    Degraded,
    Stopping,
    Maintenance,
    Failed,
}

impl Condition {
    pub(in crate::operator) const ALL: [Self; 6] = [
        Self::Starting,
        Self::Running,
        Self::Degraded,
        Self::Stopping,
        Self::Maintenance,
        Self::Failed,
    ];

    /// The word of `status` for it.
    pub(in crate::operator) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
            Self::Maintenance => "maintenance",
            Self::Failed => "failed",
        }
    }

    /// The site serves.
    pub(in crate::operator) fn serves(self) -> bool {
        matches!(self, Self::Running | Self::Degraded)
    }
}

/// How a stretch of time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operator) enum StretchEnd {
    /// An entry says so.
    Seen,
    /// Nobody saw it: it came after this moment, the last of which there is an entry, and before the end of
    /// the stretch, when it was found.
    Unseen { after: Timestamp },
    /// It goes on.
    Ongoing,
}

/// A time in which the site was in one condition on one node.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Stretch {
    pub(in crate::operator) node: String,
    pub(in crate::operator) is: Condition,
    pub(in crate::operator) from: Timestamp,
    pub(in crate::operator) to: Timestamp,
    pub(in crate::operator) end: StretchEnd,
    /// The entry with which it began.
    pub(in crate::operator) why: String,
}

/// A node, with its stretches in the order of time. No two overlap.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Lane {
    pub(in crate::operator) node: String,
    pub(in crate::operator) stretches: Vec<Stretch>,
}

/// What was seen of the site while the story was told.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Present {
    pub(in crate::operator) node: String,
    /// The word of its state.
    pub(in crate::operator) state: String,
    /// Why it is in that state.
    pub(in crate::operator) why: Option<String>,
    /// A supervisor answers for it.
    pub(in crate::operator) is_up: bool,
}

/// The lane of `node`. `all`: the entries of every node, in the order of time.
pub(super) fn lane(node: &str, all: &[&Entry], now: Timestamp, present: Option<&Present>) -> Lane {
    let own: Vec<&Entry> = all.iter().copied().filter(|entry| entry.node == node).collect();
    let mut walk = LaneWalk { node, all, stretches: Vec::new(), open: None, down: BTreeSet::new() };
    let (mut failing, mut ordered) = (false, None);
    let mut last: Option<&Entry> = None;
    for (index, &entry) in own.iter().enumerate() {
        if let Some(before) = last.filter(|before| before.boot != entry.boot) {
            walk.lose(before.at, entry.at);
            (failing, ordered) = (false, None);
        }
        match entry.event {
            HistoryEvent::StartOrdered => {
                ordered = Some((entry.at, last.map_or(entry.at, |before| before.at)));
                if !walk.is_up() {
                    walk.begin(Condition::Starting, entry);
                }
            }
            HistoryEvent::Started if walk.is_up() && adopts(&own[index + 1..]) => {}
            HistoryEvent::Started | HistoryEvent::Leased => {
                // An earlier life of which no end was seen.
                if walk.is_up() {
                    let (found, before) = ordered.unwrap_or((entry.at, entry.at));
                    walk.close(found, StretchEnd::Unseen { after: before });
                    walk.begin_at(Condition::Starting, found, &entry.detail);
                }
                walk.begin_if_none(Condition::Starting, entry);
                failing = false;
            }
            HistoryEvent::Unclean | HistoryEvent::Repaired => {
                if !walk.is_up() {
                    walk.begin_if_none(Condition::Starting, entry);
                }
            }
            HistoryEvent::Failed => {
                failing = walk.is(&[Condition::Failed]) || walk.open.is_some();
                if failing && !walk.is(&[Condition::Failed]) {
                    walk.begin(Condition::Stopping, entry);
                }
            }
            HistoryEvent::Down => {
                walk.end(entry.at);
                if failing {
                    walk.begin(Condition::Failed, entry);
                }
                failing = false;
            }
            HistoryEvent::RolledBack | HistoryEvent::Stopped => {
                walk.end(entry.at);
                (failing, ordered) = (false, None);
            }
            HistoryEvent::Swept => {
                if walk.is(&[Condition::Running, Condition::Degraded, Condition::Maintenance]) {
                    let after = last.map_or(entry.at, |before| before.at);
                    walk.close(entry.at, StretchEnd::Unseen { after });
                    if ordered.is_some() {
                        walk.begin_at(Condition::Starting, entry.at, &entry.detail);
                    }
                }
            }
            _ => walk.go_on(entry),
        }
        last = Some(entry);
    }
    if let Some(last) = last {
        walk.leave(last, now, present.filter(|present| present.node == node));
    }
    Lane { node: node.to_owned(), stretches: walk.stretches }
}

/// Whether the supervisor that begins here takes living processes over.
fn adopts(later: &[&Entry]) -> bool {
    let telling = later.iter().find(|entry| {
        matches!(
            entry.event,
            HistoryEvent::Adopted
                | HistoryEvent::StartOrdered
                | HistoryEvent::Spawned
                | HistoryEvent::Up
                | HistoryEvent::RolledBack
                | HistoryEvent::Failed
                | HistoryEvent::Down
                | HistoryEvent::Stopped
        )
    });
    telling.is_some_and(|entry| entry.event == HistoryEvent::Adopted)
}

struct Open {
    is: Condition,
    from: Timestamp,
    why: String,
}

struct LaneWalk<'a> {
    node: &'a str,
    all: &'a [&'a Entry],
    stretches: Vec<Stretch>,
    open: Option<Open>,
    /// What is not well of a site that serves: its processes by name, and the empty name for its disk or
    /// address.
    down: BTreeSet<String>,
}

impl LaneWalk<'_> {
    /// The events that change the condition of a site whose supervisor is at work.
    fn go_on(&mut self, entry: &Entry) {
        let of = || entry.process.clone().unwrap_or_default();
        match entry.event {
            HistoryEvent::Up | HistoryEvent::Adopted => self.settle(entry),
            HistoryEvent::Fault
            | HistoryEvent::Restarting
            | HistoryEvent::Degraded
            | HistoryEvent::PrerequisiteLost => {
                self.down.insert(of());
                if self.is(&[Condition::Running]) {
                    self.begin(Condition::Degraded, entry);
                }
            }
            HistoryEvent::Ready | HistoryEvent::PrerequisiteBack => {
                self.down.remove(&of());
                if self.is(&[Condition::Degraded]) {
                    self.settle(entry);
                }
            }
            HistoryEvent::Recovered => {
                self.down.clear();
                if self.is(&[Condition::Degraded]) {
                    self.settle(entry);
                }
            }
            HistoryEvent::Stopping | HistoryEvent::Pausing => {
                self.begin(Condition::Stopping, entry);
            }
            HistoryEvent::Paused => self.begin(Condition::Maintenance, entry),
            HistoryEvent::Resuming => {
                self.down.clear();
                self.begin(Condition::Starting, entry);
            }
            _ => {}
        }
    }

    fn settle(&mut self, entry: &Entry) {
        let is = if self.down.is_empty() { Condition::Running } else { Condition::Degraded };
        self.begin(is, entry);
    }

    fn is(&self, any: &[Condition]) -> bool {
        self.open.as_ref().is_some_and(|open| any.contains(&open.is))
    }

    /// A supervisor is at work, as far as is known, and no start is under way.
    fn is_up(&self) -> bool {
        self.open.is_some() && !self.is(&[Condition::Starting, Condition::Failed])
    }

    fn begin(&mut self, is: Condition, entry: &Entry) {
        self.begin_at(is, entry.at, &entry.detail);
    }

    fn begin_if_none(&mut self, is: Condition, entry: &Entry) {
        if self.open.is_none() || self.is(&[Condition::Failed]) {
            self.begin(is, entry);
        }
    }

    fn begin_at(&mut self, is: Condition, at: Timestamp, why: &str) {
        if self.is(&[is]) {
            return;
        }
        self.close(at, StretchEnd::Seen);
        let from = self.stretches.last().map_or(at, |before| before.to.max(at));
        self.open = Some(Open { is, from, why: why.to_owned() });
    }

    /// Nothing of the site lives from here on.
    fn end(&mut self, at: Timestamp) {
        self.close(at, StretchEnd::Seen);
        self.down.clear();
    }

    /// What lasted no millisecond is left out.
    fn close(&mut self, to: Timestamp, end: StretchEnd) {
        let Some(open) = self.open.take() else { return };
        if open.from < to {
            let end = match end {
                StretchEnd::Unseen { after } => {
                    StretchEnd::Unseen { after: after.clamp(open.from, to) }
                }
                end => end,
            };
            let Open { is, from, why } = open;
            self.stretches.push(Stretch { node: self.node.to_owned(), is, from, to, end, why });
        }
    }

    /// The life ended after `after`, and nobody saw it. It was over at `by`, or when another node took over.
    fn lose(&mut self, after: Timestamp, by: Timestamp) {
        let end = match self.is(&[Condition::Failed]) {
            true => StretchEnd::Seen,
            false => StretchEnd::Unseen { after },
        };
        let elsewhere = self.taken_over(after).filter(|at| *at < by);
        self.close(elsewhere.unwrap_or(by), end);
        self.down.clear();
    }

    /// When another node first had the site, after that moment.
    fn taken_over(&self, after: Timestamp) -> Option<Timestamp> {
        let has_it = |event| {
            matches!(event, HistoryEvent::Unclean | HistoryEvent::Leased | HistoryEvent::Up)
        };
        let first = self
            .all
            .iter()
            .find(|entry| entry.node != self.node && entry.at > after && has_it(entry.event));
        first.map(|entry| entry.at)
    }

    /// After the last entry of this node.
    fn leave(&mut self, last: &Entry, now: Timestamp, present: Option<&Present>) {
        let now = now.max(last.at);
        if let Some(found) = self.taken_over(last.at) {
            self.lose(last.at, found);
        } else if present.is_some_and(|present| !present.is_up) && !self.is(&[Condition::Failed]) {
            self.close(now, StretchEnd::Unseen { after: last.at });
        } else {
            self.close(now, StretchEnd::Ongoing);
        }
    }
}
