//! The only place that waits. Turns what the kernel, the processes and the clients say into the
//! machine's events, and has its actions carried out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::AsFd;
use std::time::Duration;

use super::actions::{Main, Origin, UnitShell};
use super::clients::Clients;
use super::held::Series;
use super::helpers::{Helper, Role};
use super::kin::{About, Family, Kin};
use super::launch::Launch;
use super::machine::{Event, Machine, SitePhase, UnitEvent};
use super::plan::UnitId;
use crate::history;
use crate::linux::clock::WallTime;
use crate::linux::process::{command_line, reap};
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::linux::watch::Watcher;
use crate::process::{Record, Seen};
use crate::site::{Definition, SitePlaces};
use crate::values::ExitStatus;
use crate::values::{Moment, Pid, Signal};

/// A supervisor at work.
pub(super) struct Supervisor {
    pub(super) places: SitePlaces,
    /// As the manager wants it.
    pub(super) definition: Definition,
    /// As it is written.
    pub(super) written: Definition,
    /// The monitors that are answered in series.
    pub(super) series: Series,
    pub(super) launches: Vec<Launch>,
    /// The site's control groups, where this node has some.
    pub(super) groups: Option<crate::process::Groups>,
    /// Ports that are held for processes to come.
    pub(super) reserved: super::ports::Reserved,
    pub(super) machine: Machine,
    pub(super) shells: Vec<UnitShell>,
    pub(super) names: HashMap<String, UnitId>,
    pub(super) helpers: Vec<Helper>,
    pub(super) kin: Kin,
    pub(super) clients: Clients,
    /// Of the site's database.
    pub(super) lease: super::keeper::Lease,
    pub(super) record: Record,
    pub(super) watcher: Option<Watcher>,
    /// What was wanted beside what the machine knows: the words of a pause.
    pub(super) paused: Option<crate::control::Pause>,
    pub(super) failure: Option<crate::control::Failure>,
    pub(super) stopped_by: Option<String>,
    pub(super) since: WallTime,
    pub(super) foreground: bool,
    pub(super) inbox: Inbox,
    /// What it is found by.
    pub(super) foothold: super::foothold::Foothold,
    /// None: its output is its caller's.
    pub(super) own_log: Option<super::own_log::OwnLog>,
    /// When members of units are looked for again, while some of them are being killed.
    pub(super) look_again: Option<Moment>,
}

/// What may have happened.
#[derive(Clone, Copy, Debug)]
enum Token {
    Signal,
    Listener,
    Client(u64),
    ExecReport(usize),
    Notice(usize),
    /// An adopted main process has ended.
    Ended(usize),
    Voice(usize),
    /// A watched file was written to, or what the supervisor is found by may be gone.
    Told,
    /// Of the lease's keeper.
    Lease,
}

/// Between two looks at processes that are being killed and may fork meanwhile.
const KILL_PACE: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Lives the site's life; returns when nothing of it is left.
    pub(super) fn live(&mut self, begin: Event) {
        self.tell(begin);
        while self.machine.phase() != &SitePhase::Over || self.sweep_strays() {
            let tokens = self.wait();
            self.attend(&tokens);
            self.tell(Event::Tick);
            self.answer_clients();
            if let Some(log) = &mut self.own_log {
                log.bound(Moment::now());
            }
        }
    }

    fn wait(&self) -> Vec<Token> {
        let now = Moment::now();
        let mut waiting = Waiting::new();
        waiting.readable(self.inbox.as_fd(), Token::Signal);
        if self.clients.closed_until(now).is_none() {
            waiting.readable(self.foothold.listener().as_fd(), Token::Listener);
        }
        for (id, client) in self.clients.all() {
            if client.has_something_to_say() {
                waiting.readable_or_writable(client.as_fd(), Token::Client(id));
            } else {
                waiting.readable(client.as_fd(), Token::Client(id));
            }
        }
        for (index, shell) in self.shells.iter().enumerate() {
            if let Some(report) = &shell.report {
                waiting.readable(report.as_fd(), Token::ExecReport(index));
            }
            if let Some(Main { handle, origin: Origin::Adopted, .. }) = &shell.main {
                waiting.readable(handle.as_fd(), Token::Ended(index));
            }
            if let Some(ear) = shell.notify.as_ref().filter(|e| e.rests_until(now).is_none()) {
                waiting.readable(ear.fd(), Token::Notice(index));
            }
        }
        for (index, helper) in self.helpers.iter().enumerate() {
            if !helper.is_silent {
                waiting.readable(helper.voice(), Token::Voice(index));
            }
        }
        if let Some(watcher) = &self.watcher {
            waiting.readable(watcher.as_fd(), Token::Told);
        }
        if let Some(voice) = self.lease.voice() {
            waiting.readable(voice, Token::Lease);
        }
        let retries = self.shells.iter().filter_map(|s| s.retry_at);
        let rests = self.shells.iter().filter_map(|s| s.notify.as_ref()?.rests_until(now));
        let looks = self.shells.iter().filter_map(|s| s.output.look_at());
        let deadline = retries
            .chain(looks)
            .chain(rests)
            .chain(self.shells.iter().filter_map(|s| s.main.as_ref()?.identify_at()))
            .chain(self.clients.asks_again_at())
            .chain(self.clients.closed_until(now))
            .chain(self.machine.next_tick())
            .chain(self.look_again)
            .chain(self.foothold.look_at)
            .chain(self.lease.look_at())
            .chain(self.clients.next_deadline())
            .chain(self.degraded_is_told_at().filter(|at| !at.passed()))
            .min();
        waiting.wait(deadline)
    }

    fn attend(&mut self, tokens: &[Token]) {
        // Before anything else is started or said.
        let lease_is_due = self.lease.look_at().is_some_and(Moment::passed);
        if lease_is_due || tokens.iter().any(|t| matches!(t, Token::Lease)) {
            self.look_to_lease();
        }
        // An exec report comes before the death that may follow it, both before what clients ask.
        for token in tokens {
            if let Token::ExecReport(index) = token {
                self.on_exec_report(UnitId(*index));
            }
        }
        for token in tokens {
            if let Token::Notice(index) = token {
                self.on_notices(UnitId(*index));
            }
        }
        let mut silent = Vec::new();
        for token in tokens {
            if let Token::Voice(index) = token
                && let Some(helper) = self.helpers.get_mut(*index)
                && !helper.listen()
            {
                silent.push(*index);
            }
        }
        for index in silent {
            self.helpers[index].is_silent = true;
        }
        if tokens.iter().any(|t| matches!(t, Token::Signal)) {
            self.on_signals();
        }
        if tokens.iter().any(|t| matches!(t, Token::Told)) {
            self.on_told();
        }
        let adopted = tokens.iter().filter_map(|token| match token {
            Token::Ended(index) => self.death_of_adopted(UnitId(*index)),
            _ => None,
        });
        let adopted: Vec<_> = adopted.collect();
        self.mains_ended(adopted);
        let now = Moment::now();
        self.on_time(now);
        if self.foothold.look_at.is_some_and(|at| at <= now) {
            self.look_to_foothold();
        }
        // Who is gone is let go before newcomers are counted.
        for token in tokens {
            if let Token::Client(id) = token {
                self.on_client(*id);
            }
        }
        self.let_idle_clients_go(now);
        if tokens.iter().any(|t| matches!(t, Token::Listener)) {
            self.accept_clients();
        }
    }

    /// Tells the machine, and carries out what it says, and tells it what came of that.
    pub(super) fn tell(&mut self, event: Event) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            let now = Moment::now();
            for action in self.machine.step(event, now) {
                queue.extend(self.carry_out(action));
            }
        }
    }

    fn on_signals(&mut self) {
        let mut reaped = false;
        while let Some(signal) = self.inbox.next() {
            match signal {
                Signal::CHLD => reaped = true,
                Signal::TERM | Signal::INT => self.on_order_by_signal(signal),
                // The terminal of a supervisor in the foreground is gone.
                Signal::HUP if self.foreground => self.on_order_by_signal(signal),
                other => log::info!("{other} has no meaning to the supervisor of a site"),
            }
        }
        if reaped {
            self.on_deaths();
        }
    }

    fn on_order_by_signal(&mut self, signal: Signal) {
        self.stopped_by.get_or_insert(format!("{signal}"));
        self.tell(Event::Stop { polite_until: Moment::now() + self.definition.stop_timeout });
    }

    fn on_deaths(&mut self) {
        let mut ended: Vec<(UnitId, ExitStatus)> = Vec::new();
        while let Some((pid, status)) = reap() {
            if let Some(index) = self.helpers.iter().position(|h| h.pid == pid) {
                let helper = self.helpers.remove(index);
                self.on_helper_ended(helper, status);
                continue;
            }
            let unit = self.machine.ids().find(|u| self.shells[u.0].main_pid() == Some(pid));
            if let Some(unit) = unit {
                ended.push((unit, status));
            }
        }
        self.mains_ended(ended);
        self.look_for_empty_units();
    }

    /// An adopted main process, if it has ended, and how.
    fn death_of_adopted(&self, unit: UnitId) -> Option<(UnitId, ExitStatus)> {
        let main = self.shells[unit.0].main.as_ref()?;
        let ended = main.origin == Origin::Adopted && main.handle.is_dead();
        ended.then(|| (unit, main.handle.exit_status(main.pid)))
    }

    fn mains_ended(&mut self, ended: Vec<(UnitId, ExitStatus)>) {
        let changed = !ended.is_empty();
        for (unit, status) in ended {
            // It may have said why it could not run, or that it is ready, with its last breath.
            self.on_exec_report(unit);
            self.on_last_words(unit);
            self.shells[unit.0].main = None;
            let rest = self.something_lives_of(unit);
            self.tell(Event::Unit(unit, UnitEvent::Ended { status, rest }));
        }
        if changed {
            self.write_record();
        }
    }

    /// Whether anything of a unit lives. What belongs to the site and to no unit counts as of the
    /// last one that is left.
    pub(super) fn something_lives_of(&mut self, unit: UnitId) -> bool {
        // One that daemonises may be caught in an exec, where it bears no mark that can be read.
        let daemonises = self.machine.plan().units[unit.0].forks;
        // "Nothing" is a grave word, so it is said only after a second look.
        (0..2).any(|_| match self.family() {
            Some(family) => {
                let strays_count = daemonises || self.is_last(unit);
                !family.of(unit).is_empty() || (strays_count && !family.strays.is_empty())
            }
            // What cannot be looked at cannot be said to be gone.
            None => true,
        })
    }

    pub(super) fn is_last(&self, unit: UnitId) -> bool {
        self.machine.ids().all(|u| u == unit || self.machine.unit(u).is_down())
    }

    pub(super) fn family(&mut self) -> Option<Family> {
        let mains: HashMap<Pid, UnitId> =
            self.machine.ids().filter_map(|u| Some((self.shells[u.0].main_pid()?, u))).collect();
        let helpers: HashSet<Pid> =
            self.helpers.iter().map(|h| h.pid).chain(self.lease.keeper()).collect();
        let about = About {
            places: &self.places,
            record: &self.record,
            names: &self.names,
            mains: &mains,
            helpers: &helpers,
        };
        match self.kin.look(&about) {
            Ok(family) => Some(family),
            Err(error) => {
                log::error!("/proc cannot be read: {error}");
                None
            }
        }
    }

    /// Tells the machine of units whose last process is gone, and goes on killing the others.
    pub(super) fn look_for_empty_units(&mut self) {
        self.look_again = None;
        let clearing: Vec<UnitId> =
            self.machine.ids().filter(|u| self.is_being_cleared(*u)).collect();
        if self.kin.has_adopted() && !clearing.is_empty() {
            // Nobody tells of the death of what is no descendant.
            self.look_again = Some(Moment::now() + KILL_PACE);
        }
        for unit in clearing {
            if self.something_lives_of(unit) {
                if self.is_being_killed(unit) {
                    self.kill_all(unit, Signal::KILL);
                    self.look_again = Some(Moment::now() + KILL_PACE);
                }
            } else {
                self.tell(Event::Unit(unit, UnitEvent::Emptied));
            }
        }
    }

    fn on_time(&mut self, now: Moment) {
        if self.look_again.is_some_and(|at| at <= now) {
            self.look_for_empty_units();
        }
        for (client, unit) in self.clients.asks_again(now) {
            self.start_healthcheck(unit, Role::HealthFor(client));
        }
        for index in 0..self.shells.len() {
            self.identify(UnitId(index), now);
            if self.shells[index].output.look_at().is_some_and(|at| at <= now) {
                self.shells[index].output.look_again(self.watcher.as_ref(), now);
            }
            if self.shells[index].retry_at.is_some_and(|at| at <= now) {
                self.shells[index].retry_at = None;
                self.retry(UnitId(index));
            }
        }
    }

    fn on_told(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        let written = watcher.told();
        if self.foothold.is_told_of_a_loss(&written) {
            self.look_to_foothold();
        }
        let now = Moment::now();
        let mut ready = Vec::new();
        for (index, shell) in self.shells.iter_mut().enumerate() {
            if written.iter().any(|w| shell.output.is_watched_by(*w))
                && shell.output.look(self.watcher.as_ref(), now)
            {
                ready.push(UnitId(index));
            }
        }
        for unit in ready {
            self.tell(Event::Unit(unit, UnitEvent::Ready));
        }
    }

    /// The machine is done: whether something of the site lives all the same, which is then ended.
    fn sweep_strays(&mut self) -> bool {
        let Some(family) = self.family() else {
            // What cannot be looked at cannot be said to be gone.
            self.look_again = Some(Moment::now() + KILL_PACE * 10);
            return true;
        };
        let left: Vec<Seen> = family.units.into_values().flatten().chain(family.strays).collect();
        if left.is_empty() {
            for (seen, why) in family.spared {
                let line = command_line(seen.pid).unwrap_or_default();
                let words = format!("{} ({line}), {why}, is left alone", seen.pid);
                log::warn!("{words}");
                history::add(&self.places.history(), "spared", &words);
            }
            return false;
        }
        for seen in left {
            super::actions::signal(seen, Signal::KILL);
        }
        self.look_again = Some(Moment::now() + KILL_PACE);
        true
    }

    pub(super) fn drop_helpers(&mut self, unit: UnitId, which: impl Fn(Role) -> bool) {
        let (dropped, kept) = std::mem::take(&mut self.helpers)
            .into_iter()
            .partition(|h| h.unit == unit && which(h.role));
        self.helpers = kept;
        let dropped: Vec<Helper> = dropped;
        for helper in &dropped {
            helper.kill();
        }
    }
}
