//! The other ends of the control socket: what they ask, what they wait for, what they are told.

mod crowd;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::event_loop::Supervisor;
use super::held::{MonitorVerdict, SeriesKey};
use super::helpers::Role;
use super::machine::{Desired, Event, SitePhase, Unit, Why};
use super::plan::UnitId;
use crate::control::{Reply, Request, decode, encode};
use crate::site::{Adjustments, DegradedIs};
use crate::values::Moment;

/// How soon a healthcheck is tried again for which there was no room.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The longest request, in bytes.
const LONGEST_REQUEST: usize = 64 << 10;

/// However little time is left to whoever resumes a site: it must not fail for that.
const SHORTEST_BOOT: Duration = Duration::from_secs(1);

/// What a client waits for.
#[derive(Clone, Debug, PartialEq)]
enum Wait {
    /// It has not asked yet, or has been answered, since then.
    Nothing {
        since: Moment,
    },
    Up,
    Down,
    Paused,
    Resumed,
    /// A monitor that may be held.
    Held {
        key: SeriesKey,
        asked: Moment,
        until: Moment,
    },
    /// The answers of so many healthchecks or reloads, and what went wrong until now.
    Answers {
        missing: usize,
        wrong: Vec<String>,
        until: Moment,
    },
}

/// One verb.
pub(super) struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    wait: Wait,
}

impl Client {
    pub(super) fn has_something_to_say(&self) -> bool {
        !self.output.is_empty()
    }

    fn say(&mut self, reply: &Reply) {
        self.output.extend(encode(reply));
        self.flush();
    }

    fn flush(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return,
                Ok(n) => {
                    self.output.drain(..n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// The only word that it gets.
    fn send_away(&mut self, word: &impl serde::Serialize) {
        self.output.extend(encode(word));
        self.flush();
        // What it has said unheard would take our word with it when the socket is closed (unix(7)).
        let mut unheard = [0u8; LONGEST_REQUEST];
        let _ = self.stream.read(&mut unheard);
    }

    fn answer(&mut self, reply: &Reply) {
        self.wait = Wait::Nothing { since: Moment::now() };
        self.say(reply);
    }

    fn idle_since(&self) -> Option<Moment> {
        match self.wait {
            Wait::Nothing { since } => Some(since),
            Wait::Up
            | Wait::Down
            | Wait::Paused
            | Wait::Resumed
            | Wait::Held { .. }
            | Wait::Answers { .. } => None,
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Clients {
    all: BTreeMap<u64, Client>,
    next: u64,
    /// Nobody can be let in before.
    closed_until: Option<Moment>,
    /// Healthchecks for clients for which there was no room, and when there may be.
    unasked: Vec<(u64, UnitId)>,
    ask_again: Option<Moment>,
}

impl Clients {
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &Client)> {
        self.all.iter().map(|(id, client)| (*id, client))
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        let idle = self.patience();
        self.all
            .values()
            .filter_map(|c| match &c.wait {
                Wait::Answers { until, .. } | Wait::Held { until, .. } => Some(*until),
                Wait::Nothing { since } => Some(*since + idle),
                Wait::Up | Wait::Down | Wait::Paused | Wait::Resumed => None,
            })
            .min()
    }

    /// When newcomers are let in again, if not now.
    pub(super) fn closed_until(&self, now: Moment) -> Option<Moment> {
        self.closed_until.filter(|until| *until > now)
    }

    /// The healthcheck of `unit` for the client `id` could not be started: it is tried again as long
    /// as that one waits.
    pub(super) fn ask_again(&mut self, id: u64, unit: UnitId) {
        self.unasked.push((id, unit));
        self.ask_again.get_or_insert(Moment::now() + ASK_AGAIN);
    }

    pub(super) fn asks_again_at(&self) -> Option<Moment> {
        self.ask_again
    }

    /// What is to be tried again now.
    pub(super) fn asks_again(&mut self, now: Moment) -> Vec<(u64, UnitId)> {
        if self.ask_again.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.ask_again = None;
        let all = &self.all;
        let waits = |id: &u64| all.get(id).is_some_and(|c| matches!(c.wait, Wait::Answers { .. }));
        std::mem::take(&mut self.unasked).into_iter().filter(|(id, _)| waits(id)).collect()
    }

    pub(super) fn on_health(&mut self, id: u64, unit: &str, outcome: Result<(), String>) {
        self.on_part(id, outcome.map_err(|said| format!("the healthcheck of `{unit}`: {said}")));
    }

    pub(super) fn on_reload(&mut self, id: u64, unit: &str, outcome: Result<(), String>) {
        self.on_part(id, outcome.map_err(|said| format!("the reload of `{unit}`: {said}")));
    }

    fn on_part(&mut self, id: u64, outcome: Result<(), String>) {
        if let Some(Client { wait: Wait::Answers { missing, wrong, .. }, .. }) =
            self.all.get_mut(&id)
        {
            *missing = missing.saturating_sub(1);
            wrong.extend(outcome.err());
        }
    }
}

impl Supervisor {
    /// A client has said something, or is gone.
    pub(super) fn on_client(&mut self, id: u64) {
        let Some(client) = self.clients.all.get_mut(&id) else { return };
        client.flush();
        let mut gone = false;
        let mut chunk = [0u8; 4096];
        loop {
            match client.stream.read(&mut chunk) {
                Ok(0) => gone = true,
                Ok(n) => {
                    client.input.extend_from_slice(&chunk[..n]);
                    gone = client.input.len() > LONGEST_REQUEST;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => gone = true,
            }
            if gone {
                break;
            }
        }
        let line = client
            .input
            .iter()
            .position(|&b| b == b'\n')
            .map(|end| client.input.drain(..=end).collect::<Vec<u8>>());
        if let Some(line) = line {
            match decode::<Request>(&line) {
                Ok(request) => self.on_request(id, request),
                Err(error) => {
                    let why = format!("the supervisor does not understand this siteward: {error}");
                    self.reply(id, &Reply::Refused { why });
                }
            }
        }
        if gone {
            let client = self.clients.all.remove(&id);
            if let Some(Client { wait: Wait::Held { key, .. }, .. }) = client {
                self.series.cut_off(key);
            }
            self.drop_helpers_of_client(id);
        }
    }

    fn drop_helpers_of_client(&mut self, id: u64) {
        for unit in self.machine.ids() {
            self.drop_helpers(unit, |role| {
                role == Role::HealthFor(id) || role == Role::ReloadFor(id)
            });
        }
    }

    fn reply(&mut self, id: u64, reply: &Reply) {
        if let Some(client) = self.clients.all.get_mut(&id) {
            client.answer(reply);
        }
    }

    fn wait_for(&mut self, id: u64, wait: Wait) {
        if let Some(client) = self.clients.all.get_mut(&id) {
            client.wait = wait;
            client.say(&Reply::Heard);
        }
    }

    fn on_request(&mut self, id: u64, request: Request) {
        let ending = matches!(self.machine.desired(), Desired::Down(_));
        let crowded = self.clients.is_crowded();
        match request {
            Request::AwaitUp
            | Request::CheckHealth { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Reload { .. }
                if crowded && !self.can_make_room(id) =>
            {
                self.reply(id, &crowd::busy());
            }
            Request::Look => {
                let view = Box::new(self.view());
                self.reply(id, &Reply::Done(view));
            }
            Request::AwaitUp => self.wait_for(id, Wait::Up),
            Request::CheckHealth { until } => {
                let units: Vec<UnitId> = self
                    .machine
                    .ids()
                    .filter(|u| matches!(self.machine.unit(*u), Unit::Ready { .. }))
                    .filter(|u| self.process(*u).healthcheck.is_some())
                    .collect();
                self.wait_for(id, Wait::Answers { missing: units.len(), wrong: Vec::new(), until });
                for unit in units {
                    self.start_healthcheck(unit, Role::HealthFor(id));
                }
            }
            Request::Stop { polite_until, by } => {
                self.wait_for(id, Wait::Down);
                self.stopped_by.get_or_insert(by);
                self.tell(Event::Stop { polite_until });
            }
            Request::Pause { .. } | Request::Resume { .. } if ending => {
                let why = "the site is being stopped".to_owned();
                self.reply(id, &Reply::Refused { why });
            }
            Request::Pause { pause } => {
                self.paused = Some(pause);
                self.reserved.release();
                self.wait_for(id, Wait::Paused);
                self.tell(Event::Hold {
                    polite_until: Moment::now() + self.definition.stop_timeout,
                });
            }
            Request::Resume { boot } => {
                // What was paused let its ports go.
                if self.paused.is_some() {
                    match super::ports::reserve(&self.definition) {
                        Ok(reserved) => self.reserved = reserved,
                        Err(why) => return self.reply(id, &Reply::Refused { why }),
                    }
                }
                self.paused = None;
                self.wait_for(id, Wait::Resumed);
                self.tell(Event::Resume { boot: boot.max(SHORTEST_BOOT) });
            }
            Request::Hold { interval, level, until } => {
                let asked = Moment::now();
                self.wait_for(id, Wait::Held { key: SeriesKey { interval, level }, asked, until });
            }
            Request::Adjust { adjustments } => {
                self.adjust(adjustments);
                let view = Box::new(self.view());
                self.reply(id, &Reply::Done(view));
            }
            Request::Reload { until } => self.on_reload_request(id, until),
        }
    }

    fn on_reload_request(&mut self, id: u64, until: Moment) {
        let mut missing = 0;
        let mut wrong = Vec::new();
        let mut ways = 0;
        for unit in self.machine.ids() {
            if !matches!(self.machine.unit(unit), Unit::Ready { .. }) {
                continue;
            }
            match self.reload_unit(unit, id) {
                None => continue,
                Some(Ok(true)) => missing += 1,
                Some(Ok(false)) => {}
                Some(Err(why)) => wrong.push(format!("the reload of `{}`: {why}", self.name(unit))),
            }
            ways += 1;
        }
        if ways == 0 {
            let why = "no process of the site that is up has a `reload`".to_owned();
            return self.reply(id, &Reply::Refused { why });
        }
        self.wait_for(id, Wait::Answers { missing, wrong, until });
    }

    fn verdict(&self) -> MonitorVerdict {
        let told = self.definition.degraded_is == DegradedIs::Degraded
            && self.degraded_is_told_at().is_some_and(Moment::passed);
        MonitorVerdict::of(self.machine.state(), told)
    }

    /// When a site that is degraded is told as such.
    pub(super) fn degraded_is_told_at(&self) -> Option<Moment> {
        let wanted = self.definition.degraded_is == DegradedIs::Degraded;
        let since = self.machine.degraded_since().filter(|_| wanted)?;
        Some(since + self.definition.degraded_after)
    }

    fn adjust(&mut self, adjustments: Adjustments) {
        self.definition = self.written.clone().adjusted(&adjustments);
        self.machine.adjust(self.definition.boot_timeout, self.definition.stop_timeout);
        self.record.adjustments = adjustments;
        self.write_record();
        log::info!("the manager's parameters have changed and are in force");
    }

    /// Tells every client that waits for what is so now.
    pub(super) fn answer_clients(&mut self) {
        let now = Moment::now();
        let ids: Vec<u64> = self.clients.all.keys().copied().collect();
        for id in ids {
            let Some(wait) = self.clients.all.get(&id).map(|c| c.wait.clone()) else { continue };
            if let Some(reply) = self.answer_to(&wait, now) {
                self.reply(id, &reply);
                if let Wait::Held { key, .. } = wait {
                    let verdict = self.verdict();
                    self.series.answered(key, now, verdict);
                }
                self.drop_helpers_of_client(id);
            }
        }
    }

    fn answer_to(&self, wait: &Wait, now: Moment) -> Option<Reply> {
        let overtaken = |by: &str| Some(Reply::Overtaken { by: by.to_owned() });
        let done = || Some(Reply::Done(Box::new(self.view())));
        match wait {
            // What is stopped is told at the very end: see `say_farewell`.
            Wait::Nothing { .. } | Wait::Down => None,
            Wait::Held { key, asked, until } => {
                self.series.is_due(*key, *asked, *until, now, self.verdict()).then(done).flatten()
            }
            Wait::Answers { missing, wrong, until } => {
                let late = *missing > 0 && *until <= now;
                if *missing > 0 && !late {
                    return None;
                }
                let mut wrong = wrong.clone();
                if late {
                    wrong.push(format!("{missing} of them did not answer in time"));
                }
                match wrong.is_empty() {
                    true => done(),
                    false => Some(Reply::Refused { why: wrong.join("; ") }),
                }
            }
            Wait::Up | Wait::Resumed => match (self.machine.desired(), self.machine.phase()) {
                (Desired::Down(Why::Ordered), _) => overtaken("stop"),
                // A failed start is answered when it is rolled back.
                (Desired::Down(Why::Failed(_) | Why::LeaseLost), _) => None,
                (Desired::Held, _) if *wait == Wait::Resumed => overtaken("pause"),
                (Desired::Held, SitePhase::Held) | (Desired::Up, SitePhase::Serving) => done(),
                (Desired::Held | Desired::Up, _) => None,
            },
            Wait::Paused => match (self.machine.desired(), self.machine.phase()) {
                (Desired::Down(_), _) => overtaken("stop"),
                (Desired::Up, _) => overtaken("resume"),
                (Desired::Held, SitePhase::Held) => done(),
                (Desired::Held, _) => None,
            },
        }
    }

    /// The last words, when nothing of the site lives any more.
    pub(super) fn say_farewell(&mut self) {
        let view = Box::new(self.view());
        for client in self.clients.all.values_mut() {
            let reply = match (&client.wait, &self.failure) {
                (Wait::Nothing { .. }, _) => continue,
                (Wait::Down, _) => Reply::Done(view.clone()),
                (_, Some(failure)) => Reply::Failed(Box::new(failure.clone())),
                (_, None) => Reply::Overtaken { by: "stop".to_owned() },
            };
            // The loop is over: a moment of waiting for a slow reader hurts nobody.
            let _ = client.stream.set_nonblocking(false);
            let _ = client.stream.set_write_timeout(Some(Duration::from_millis(500)));
            client.answer(&reply);
        }
        self.clients.all.clear();
    }
}
