//! The control server: the verbs that are connected, what each waits for, and when it is answered.
//!
//! Promises: a verb is answered once what it waits for is so, or cannot become so any more. Must never:
//! carry out a request itself, or block on a slow reader.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::{Connection, Wait};
use super::held::{MonitorVerdict, Series};
use super::machine::{Desired, SitePhase, Why};
use super::plan::UnitId;
use crate::control::{Failure, Reply, Request, View, decode};
use crate::values::Moment;

/// How soon a healthcheck for which there was no room is tried again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// How many verbs may wait at once, so that the supervisor does not run out of descriptors.
pub(super) const MOST: usize = 200;

/// How long a connection without a request stays open; and where many are connected.
const IDLE: Duration = Duration::from_secs(5);
const IDLE_WHEN_CROWDED: Duration = Duration::from_secs(1);

/// The site as it is when verbs are answered.
pub(super) struct Situation<'a> {
    pub(super) desired: &'a Desired,
    pub(super) phase: &'a SitePhase,
    pub(super) verdict: MonitorVerdict,
    pub(super) view: &'a dyn Fn() -> View,
}

impl Situation<'_> {
    pub(super) fn done(&self) -> Reply {
        Reply::Done(Box::new((self.view)()))
    }
}

/// What has come on a connection.
pub(super) struct Incoming {
    pub(super) request: Option<Request>,
    /// The other end has closed it, or must not use it any longer.
    pub(super) gone: bool,
}

/// See the module. Connections are known by a number that is never used again.
#[derive(Default)]
pub(super) struct ControlServer {
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) next: u64,
    /// No connection is accepted before.
    pub(super) closed_until: Option<Moment>,
    pub(super) series: Series,
    /// Healthchecks for which there was no room, and when they are tried again.
    unasked: Vec<(u64, UnitId)>,
    ask_again: Option<Moment>,
}

impl ControlServer {
    /// The connections, by number.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &Connection)> {
        self.connections.iter().map(|(id, connection)| (*id, connection))
    }

    /// When a verb is to be answered, a connection closed, or a healthcheck started.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        let idle = self.idle_time();
        self.connections.values().filter_map(|c| c.deadline(idle)).chain(self.ask_again).min()
    }

    /// When connections are accepted again, if not now.
    pub(super) fn closed_until(&self, now: Moment) -> Option<Moment> {
        self.closed_until.filter(|until| *until > now)
    }

    /// How long a connection without a request stays open.
    pub(super) fn idle_time(&self) -> Duration {
        if self.connections.len() > MOST / 2 { IDLE_WHEN_CROWDED } else { IDLE }
    }

    // --- requests -------------------------------------------------------------------------------

    /// Reads from a connection. A request that is not understood is refused here.
    pub(super) fn read(&mut self, id: u64) -> Option<Incoming> {
        let connection = self.connections.get_mut(&id)?;
        let (line, gone) = connection.read();
        let request = line.and_then(|line| match decode::<Request>(&line) {
            Ok(request) => Some(request),
            Err(error) => {
                let why = format!("the supervisor does not understand this siteward: {error}");
                connection.answer(&Reply::Refused { why });
                None
            }
        });
        Some(Incoming { request, gone })
    }

    /// The other end of a connection is gone. A held monitor that is cut off ends its series.
    pub(super) fn remove(&mut self, id: u64) {
        let connection = self.connections.remove(&id);
        if let Some(Connection { wait: Wait::Held { key, .. }, .. }) = connection {
            self.series.cut_off(key);
        }
    }

    pub(super) fn reply(&mut self, id: u64, reply: &Reply) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.answer(reply);
        }
    }

    /// Whether a verb waits for the end of the site.
    pub(super) fn has_stop(&self) -> bool {
        self.connections.values().any(|connection| matches!(connection.wait, Wait::Down))
    }

    /// The verb waits for this.
    pub(super) fn wait_for(&mut self, id: u64, wait: Wait) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.wait = wait;
            connection.write(&Reply::Heard);
        }
    }

    // --- healthchecks and reloads that verbs wait for -------------------------------------------

    /// One of the answers that the verb waits for has come.
    pub(super) fn add_answer(&mut self, id: u64, outcome: Result<(), String>) {
        if let Some(Connection { wait: Wait::Answers { missing, failures, .. }, .. }) =
            self.connections.get_mut(&id)
        {
            *missing = missing.saturating_sub(1);
            failures.extend(outcome.err());
        }
    }

    /// The healthcheck of `unit` could not be started: it is tried again as long as the verb waits.
    pub(super) fn check_later(&mut self, id: u64, unit: UnitId) {
        self.unasked.push((id, unit));
        self.ask_again.get_or_insert(Moment::now() + ASK_AGAIN);
    }

    /// The healthchecks that are to be tried again now.
    pub(super) fn take_due_checks(&mut self, now: Moment) -> Vec<(u64, UnitId)> {
        if self.ask_again.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.ask_again = None;
        let all = &self.connections;
        let waits = |id: &u64| all.get(id).is_some_and(|c| matches!(c.wait, Wait::Answers { .. }));
        std::mem::take(&mut self.unasked).into_iter().filter(|(id, _)| waits(id)).collect()
    }

    // --- answers --------------------------------------------------------------------------------

    /// Answers every verb whose wait is over, and returns the numbers of their connections.
    pub(super) fn answer_all(&mut self, situation: &Situation<'_>, now: Moment) -> Vec<u64> {
        let mut answered = Vec::new();
        for (id, connection) in &mut self.connections {
            let Some(reply) = answer_to(&connection.wait, situation, &self.series, now) else {
                continue;
            };
            if let Wait::Held { key, .. } = connection.wait {
                self.series.answered(key, now, situation.verdict);
            }
            connection.answer(&reply);
            answered.push(*id);
        }
        answered
    }

    /// The site stays paused, for this reason.
    pub(super) fn refuse_resume(&mut self, why: &str) {
        for connection in self.connections.values_mut() {
            if connection.wait == Wait::Resumed {
                connection.answer(&Reply::Refused { why: why.to_owned() });
            }
        }
    }

    /// The site has ended: the last answers.
    pub(super) fn answer_last(&mut self, view: &View, failure: Option<&Failure>) {
        for connection in self.connections.values_mut() {
            let reply = match (&connection.wait, failure) {
                (Wait::Nothing { .. }, _) => continue,
                (Wait::Down, _) => Reply::Done(Box::new(view.clone())),
                (_, Some(failure)) => Reply::Failed(Box::new(failure.clone())),
                (_, None) => Reply::Overtaken { by: "stop".to_owned() },
            };
            connection.answer_last(&reply);
        }
        self.connections.clear();
    }
}

/// The answer to a verb that waits, if its wait is over.
fn answer_to(
    wait: &Wait,
    situation: &Situation<'_>,
    series: &Series,
    now: Moment,
) -> Option<Reply> {
    let overtaken = |by: &str| Some(Reply::Overtaken { by: by.to_owned() });
    let done = || Some(situation.done());
    let Situation { desired, phase, verdict, .. } = situation;
    match wait {
        // A stop is answered when the site has ended: see `answer_last`.
        Wait::Nothing { .. } | Wait::Down => None,
        Wait::Held { key, asked, until } => {
            series.is_due(*key, *asked, *until, now, *verdict).then(done).flatten()
        }
        Wait::Answers { missing, failures, until } => {
            let late = *missing > 0 && *until <= now;
            if *missing > 0 && !late {
                return None;
            }
            let mut failures = failures.clone();
            if late {
                failures.push(format!("{missing} of them did not answer in time"));
            }
            match failures.is_empty() {
                true => done(),
                false => Some(Reply::Refused { why: failures.join("; ") }),
            }
        }
        Wait::Up | Wait::Resumed => match (desired, phase) {
            (Desired::Down(Why::Ordered), _) => overtaken("stop"),
            // A failed start is answered when it is rolled back.
            (Desired::Down(Why::Failed(_) | Why::LeaseLost | Why::Without(_)), _) => None,
            (Desired::Held, _) if *wait == Wait::Resumed => overtaken("pause"),
            (Desired::Held, SitePhase::Held) | (Desired::Up, SitePhase::Serving) => done(),
            (Desired::Held | Desired::Up, _) => None,
        },
        Wait::Paused => match (desired, phase) {
            (Desired::Down(_), _) => overtaken("stop"),
            (Desired::Up, _) => overtaken("resume"),
            (Desired::Held, SitePhase::Held) => done(),
            (Desired::Held, _) => None,
        },
    }
}
