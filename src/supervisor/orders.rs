//! What verbs and signals ask of the site, and how each request is carried out.

use std::time::Duration;

use super::admission::{AT_A_TIME, Admission};
use super::answers::Reloading;
use super::connection::Wait;
use super::held::SeriesKey;
use super::machine::{Desired, Event, Unit};
use super::plan::UnitId;
use super::supervised_site::SupervisedSite;
use crate::control::{Pause, Reply, Request};
use crate::history::{By, Entry, HistoryEvent};
use crate::site::{Adjustments, Prerequisite};
use crate::values::Moment;

/// How long a resumed site may take to boot at least, however little time the verb has left.
const SHORTEST_BOOT: Duration = Duration::from_secs(1);

impl SupervisedSite {
    /// A signal orders the site to stop.
    pub(super) fn on_stop_signal(&mut self, signal: &str) {
        self.status.stopped_by.get_or_insert(signal.to_owned());
        self.status.orders.stop.get_or_insert(By::manager(&format!("a {signal}"), None));
        let graceful_until = Moment::now() + self.configuration.definition.stop_timeout;
        self.configuration.put_history_off();
        self.tell(Event::Stop { graceful_until });
    }

    // --- connections ----------------------------------------------------------------------------

    /// A request has come on a connection, or the other end is gone.
    pub(super) fn on_connection(&mut self, id: u64) {
        let Some(incoming) = self.control.read(id) else { return };
        if let Some(request) = incoming.request {
            self.on_request(id, request);
        }
        if incoming.gone {
            self.control.remove(id);
            self.processes.helpers.drop_of_connection(id);
        }
    }

    /// Accepts connections, and reads the request of each at once: one that is answered, or gone already,
    /// takes no place.
    pub(super) fn accept_connections(&mut self) {
        for _ in 0..AT_A_TIME {
            match self.control.accept(self.guard.listener()) {
                Admission::Accepted(id) => {
                    self.on_connection(id);
                    let closed = self.with_situation(|control, now| control.make_room(id, now));
                    self.drop_helpers(closed);
                }
                Admission::Denied => {}
                Admission::Nobody => return,
            }
        }
    }

    pub(super) fn close_idle_connections(&mut self, now: Moment) {
        let closed = self.control.close_idle(now);
        self.drop_helpers(closed);
    }

    /// Answers the verbs whose wait is over.
    pub(super) fn answer_connections(&mut self) {
        self.catch_up();
        let now = Moment::now();
        let answered = self.with_situation(|control, situation| control.answer_all(situation, now));
        self.drop_helpers(answered);
    }

    fn drop_helpers(&mut self, connections: impl IntoIterator<Item = u64>) {
        for connection in connections {
            self.processes.helpers.drop_of_connection(connection);
        }
    }

    // --- requests -------------------------------------------------------------------------------

    fn on_request(&mut self, id: u64, request: Request) {
        self.catch_up();
        if self.control.refuse_if_crowded(id, &request) {
            return;
        }
        match request {
            Request::Look => self.reply_with_view(id),
            Request::AwaitUp => self.control.wait_for(id, Wait::Up),
            Request::CheckHealth { until } => self.check_health(id, until),
            Request::Stop { polite_until: graceful_until, by, order } => {
                self.control.wait_for(id, Wait::Down);
                let by = self.status.stopped_by.get_or_insert(by).clone();
                self.status
                    .orders
                    .stop
                    .get_or_insert(order.unwrap_or_else(|| By::manager(&by, None)));
                self.configuration.put_history_off();
                self.tell(Event::Stop { graceful_until });
            }
            Request::Pause { pause, order } => self.pause(id, pause, order),
            Request::Resume { boot, order } => self.resume(id, boot, order),
            Request::Hold { interval: Duration::ZERO, .. } => {
                self.control.series.end_all();
                self.reply_with_view(id);
            }
            Request::Hold { interval, level, until } => {
                let key = SeriesKey { interval, level };
                self.control.wait_for(id, Wait::Held { key, asked: Moment::now(), until });
            }
            Request::Adjust { adjustments } => {
                self.adjust(adjustments);
                self.reply_with_view(id);
            }
            Request::Reload { until, order } => self.reload(id, until, order),
            Request::Details => {
                let details = self.reporter().details();
                self.control.reply(id, &Reply::Details(Box::new(details)));
            }
        }
    }

    fn reply_with_view(&mut self, id: u64) {
        let reply = Reply::Done(Box::new(self.view()));
        self.control.reply(id, &reply);
    }

    fn refuse(&mut self, id: u64, why: impl Into<String>) {
        self.control.reply(id, &Reply::Refused { why: why.into() });
    }

    fn is_ending(&self) -> bool {
        matches!(self.machine.desired(), Desired::Down(_))
    }

    fn ready_units(&self) -> Vec<UnitId> {
        let is_ready = |unit: &UnitId| matches!(self.machine.unit(*unit), Unit::Ready { .. });
        self.machine.ids().filter(is_ready).collect()
    }

    fn check_health(&mut self, id: u64, until: Moment) {
        let mut units = self.ready_units();
        units.retain(|unit| self.configuration.process(*unit).healthcheck.is_some());
        let wait = Wait::Answers { missing: units.len(), failures: Vec::new(), until };
        self.control.wait_for(id, wait);
        for unit in units {
            self.check_health_for(id, unit);
        }
    }

    fn pause(&mut self, id: u64, pause: Pause, order: Option<By>) {
        if self.is_ending() {
            return self.refuse(id, "the site is being stopped");
        }
        self.status.paused = Some(pause);
        self.status.orders.pause = order;
        self.processes.reserved.release();
        self.control.wait_for(id, Wait::Paused);
        let graceful_until = Moment::now() + self.configuration.definition.stop_timeout;
        self.tell(Event::Hold { graceful_until });
    }

    fn resume(&mut self, id: u64, boot: Duration, order: Option<By>) {
        if self.is_ending() {
            return self.refuse(id, "the site is being stopped");
        }
        if let Some(lost) = self.machine.bars_start() {
            let why = self.prerequisites.why_lost(lost).unwrap_or("a prerequisite is lost");
            // Its lease is kept on the disk with which it was started.
            let next = match lost {
                Prerequisite::Disk => "mount it again, or stop the site and start it",
                Prerequisite::Address => "add it again",
            };
            return self.refuse(id, format!("the site stays paused, as {why}; {next}"));
        }
        if let Some(pause) = self.status.paused.take() {
            self.status.resumed_from = Some(pause);
        }
        self.status.orders.resume = order;
        self.control.wait_for(id, Wait::Resumed);
        self.tell(Event::Resume { boot: boot.max(SHORTEST_BOOT) });
    }

    fn reload(&mut self, id: u64, until: Moment, order: Option<By>) {
        let (mut missing, mut failures, mut told) = (0, Vec::new(), Vec::new());
        for unit in self.ready_units() {
            let (processes, around) = self.split();
            match processes.reload(unit, id, &around) {
                Reloading::Unsupported => continue,
                Reloading::Signalled => {}
                Reloading::Begun => missing += 1,
                Reloading::Failed(why) => failures.push(why),
            }
            told.push(format!("`{}`", self.configuration.name(unit)));
        }
        if told.is_empty() {
            return self.refuse(id, "no process of the site that is up has a `reload`");
        }
        let words = format!("told to read their configuration again: {}", told.join(", "));
        self.configuration.note(&Entry::new(HistoryEvent::Reloaded, words).ordered_by(order));
        self.control.wait_for(id, Wait::Answers { missing, failures, until });
    }

    fn adjust(&mut self, adjustments: Adjustments) {
        self.configuration.adjust(&adjustments);
        let definition = &self.configuration.definition;
        self.machine.adjust(definition.boot_timeout, definition.stop_timeout);
        self.processes.record.adjustments = adjustments;
        self.write_record();
        log::info!("the manager's parameters have changed and are in force");
    }
}
