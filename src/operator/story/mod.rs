//! What happened to a site, told from the entries of its history: what each node did, when no node served, what
//! went wrong, and what each start waited for.
//!
//! Promises: every moment is that of an entry, or the present one; the stretches of a node do not overlap.
//! Must never: read a file or a clock.

mod durations;
mod incident;
mod lane;
mod outage;
mod process_lane;
mod startup;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub(super) use durations::{between, say_exactly};
pub(super) use incident::Incident;
pub(super) use lane::{Condition, Lane, Present, Stretch, StretchEnd};
pub(super) use outage::Outage;
#[cfg(test)]
pub(super) use outage::OutageKind;
pub(super) use process_lane::ProcessLane;
pub(super) use startup::{ProcessStartup, ProcessStartupEnd, Startup, StartupOutcome, Wiring};

use crate::history::Entry;

/// What happened to a site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Story {
    /// In the order of their first entries.
    pub(super) lanes: Vec<Lane>,
    /// Of the nodes, in their order.
    pub(super) process_lanes: Vec<ProcessLane>,
    pub(super) outages: Vec<Outage>,
    pub(super) incidents: Vec<Incident>,
    /// In the order of time.
    pub(super) startups: Vec<Startup>,
    /// The moment of the first entry.
    pub(super) from: Timestamp,
    /// When it was told.
    pub(super) now: Timestamp,
    /// Sentences about what makes the story doubtful.
    pub(super) doubts: Vec<String>,
}

impl Story {
    /// Tells it. `entries`: those of each node in the order in which it wrote them.
    pub(super) fn tell(
        entries: &[Entry],
        now: Timestamp,
        wiring: &Wiring,
        present: Option<&Present>,
    ) -> Self {
        let mut nodes: Vec<&str> = Vec::new();
        let mut all: Vec<&Entry> = entries.iter().collect();
        all.sort_by_key(|entry| entry.at);
        for entry in &all {
            if !nodes.contains(&entry.node.as_str()) {
                nodes.push(&entry.node);
            }
        }
        let lanes: Vec<Lane> =
            nodes.iter().map(|node| lane::lane(node, &all, now, present)).collect();
        let outages = outage::outages(&lanes, &all, now);
        let mut startups: Vec<Startup> = nodes
            .iter()
            .flat_map(|node| {
                let own: Vec<&Entry> =
                    all.iter().copied().filter(|entry| entry.node == *node).collect();
                startup::startups(&own, wiring)
            })
            .collect();
        startups.sort_by_key(|startup| startup.from);
        Self {
            process_lanes: lanes
                .iter()
                .flat_map(|lane| process_lane::process_lanes(&all, lane, now, wiring))
                .collect(),
            incidents: incident::incidents(&all, &outages),
            startups,
            from: all.first().map_or(now, |entry| entry.at),
            now: all.last().map_or(now, |entry| entry.at.max(now)),
            doubts: doubts(entries, &lanes, now),
            lanes,
            outages,
        }
    }

    /// Leaves out what was over before that moment. What began before and went on is told whole.
    pub(super) fn forget_before(&mut self, since: Timestamp) {
        for lane in &mut self.lanes {
            lane.stretches.retain(|stretch| stretch.to >= since);
        }
        self.outages.retain(|outage| outage.to >= since);
        self.incidents.retain(|incident| incident.at >= since);
        self.startups.retain(|startup| startup.to >= since);
        self.from = self.from.max(since).min(self.now);
    }

    /// The stretch that goes on, and serves if one does.
    pub(super) fn ongoing(&self) -> Option<&Stretch> {
        let last = self.lanes.iter().filter_map(|lane| lane.stretches.last());
        last.filter(|stretch| stretch.end == StretchEnd::Ongoing)
            .max_by_key(|stretch| (stretch.is.serves(), stretch.from))
    }
}

/// Clocks that were set back or differ, and lives that overlap.
fn doubts(entries: &[Entry], lanes: &[Lane], now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    for lane in lanes {
        let node = &lane.node;
        let own: Vec<Timestamp> =
            entries.iter().filter(|entry| entry.node == *node).map(|entry| entry.at).collect();
        let back = own.windows(2).map(|pair| between(pair[1], pair[0])).max().unwrap_or_default();
        if !back.is_zero() {
            found.push(format!(
                "the clock of {node} was set back by at least {}: what happened around then is not \
                 told in its true order",
                say_exactly(back)
            ));
        }
        let ahead = own.iter().map(|at| between(now, *at)).max().unwrap_or_default();
        if !ahead.is_zero() {
            found.push(format!(
                "the clock of {node} was ahead of this node's by at least {}",
                say_exactly(ahead)
            ));
        }
    }
    for (index, one) in lanes.iter().enumerate() {
        for other in &lanes[index + 1..] {
            if let Some(most) = overlap(one, other) {
                found.push(format!(
                    "by their clocks, {} and {} both served for {}: the clocks differ by at least \
                     that, or both did",
                    one.node,
                    other.node,
                    say_exactly(most)
                ));
            }
        }
    }
    found
}

/// The longest time in which both nodes served.
fn overlap(one: &Lane, other: &Lane) -> Option<Duration> {
    fn serving(lane: &Lane) -> impl Iterator<Item = &Stretch> {
        lane.stretches.iter().filter(|stretch| stretch.is.serves())
    }
    serving(one)
        .flat_map(|a| serving(other).map(|b| between(a.from.max(b.from), a.to.min(b.to))))
        .max()
        .filter(|most| !most.is_zero())
}
