//! Before a pause: stops new work and waits until what runs has ended.
//!
//! Promises: if the work does not end in its time, or the wait is interrupted, new work is let in again and the site is as
//! it was. Must never: take work that could not be looked at for ended.

use std::time::Duration;

use super::context::SiteContext;
use super::{Deadline, Fault, Target};
use crate::backend::command::{CutShort, Marked, complaint_or_cut, run};
use crate::backend::jobcenter::busy_queues;
use crate::control::State;
use crate::disk;
use crate::history::{Entry, HistoryEvent};
use crate::hold::Interrupts;
use crate::journal;
use crate::linux::wait::Waiting;
use crate::messages;
use crate::observe::observe;
use crate::site::duration::say;
use crate::site::{Definition, Drain, SitePlaces};
use crate::values::{Moment, first_of, printable_line};

/// How a pause is to be drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainOrder {
    /// The site is paused even if its work does not end.
    pub anyway: bool,
}

/// How long the work may take, where nothing says so.
const TIME: Duration = Duration::from_secs(600);

/// How long the command that stops new work may take, or lets it in again.
const COMMAND: Duration = Duration::from_secs(60);

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// The last one.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Between two looks: at first, and at most.
const SOON: Duration = Duration::from_millis(200);
const PACE: Duration = Duration::from_secs(2);

/// How often a person is told what still runs, if it stays the same.
const TOLD: Duration = Duration::from_secs(30);

/// How many items a sentence names.
const NAMED: usize = 5;

const INTERRUPTED: &str = "the wait was interrupted";

/// New work is stopped, and nothing runs any more, or may be cut off.
#[derive(Debug)]
pub struct Drained {
    places: SitePlaces,
    definition: Definition,
}

/// Drains a site that is up. None: there is nothing to drain, as its processes are down.
///
/// # Errors
/// The work did not end, or it is not known what runs: the site is as it was.
pub fn drain(
    target: &Target,
    order: DrainOrder,
    deadline: &Deadline,
) -> Result<Option<Drained>, Fault> {
    let name = &target.name;
    let context = SiteContext::read(target, deadline);
    let Some(definition) = context.definition() else { return Ok(None) };
    let looked = observe(&target.site, Moment::now(), Moment::now() + LOOK)?;
    match looked.state {
        State::Running | State::Degraded | State::Starting => {}
        // The pause itself refuses these, or has nothing to do.
        State::Maintenance
        | State::Stopped
        | State::StoppingOrdered
        | State::StoppingFailed
        | State::Failed
        | State::FailedWithSurvivors
        | State::Unsupervised
        | State::Unknown => return Ok(None),
    }
    if !is_work_known(definition) {
        return Err(messages::work_not_known(name).into());
    }
    let interrupts =
        Interrupts::first(&target.site, deadline.begun).map_err(messages::signals_unreceivable)?;
    interrupts.watch_orders();
    let draining = Draining {
        target,
        definition,
        until: until_of(definition, deadline),
        interrupts: &interrupts,
    };
    let ended = draining.begin().and_then(|()| draining.wait(order));
    let drained = Drained { places: target.site.clone(), definition: definition.clone() };
    interrupts.end();
    match ended {
        Ok(()) => Ok(Some(drained)),
        Err(why) => {
            let after = drained.undo();
            let words = format!("{why}; {after}");
            let entry = Entry::new(HistoryEvent::NotDrained, words).ordered_by(target.by());
            journal::note(&target.site, Some(definition), &entry);
            Err(messages::not_drained(name, why, after).into())
        }
    }
}

/// What runs can be looked at.
fn is_work_known(definition: &Definition) -> bool {
    !definition.work.is_empty() || definition.jobcenter().is_some()
}

/// Until when the work may take.
fn until_of(definition: &Definition, deadline: &Deadline) -> Moment {
    let time = definition.drain.as_ref().map_or(TIME, |drain| drain.timeout);
    deadline.begun + deadline.given.unwrap_or(time)
}

/// Until when a look may take that begins now. One that began in time may take a little longer.
fn look_by(now: Moment, until: Moment) -> Moment {
    (now + LOOK).min(until.max(now + LAST_LOOK))
}

/// Until when a command may take that begins now.
fn command_by(now: Moment, until: Moment) -> Moment {
    until.min(now + COMMAND)
}

/// The looks at what runs, one after another.
struct Looks {
    pace: Duration,
    told: Option<(String, Moment)>,
    was_quiet: bool,
}

/// What follows from a look.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing runs any more.
    Drained,
    /// The time is over; what still runs.
    Late(String),
    /// Another look, so much later; what a person is told meanwhile.
    Again { pause: Duration, news: Option<String> },
}

impl Looks {
    const fn none() -> Self {
        Self { pace: SOON, told: None, was_quiet: false }
    }

    fn next(&mut self, runs: &Result<Vec<String>, String>, now: Moment, until: Moment) -> Next {
        let is_quiet = runs.as_ref().is_ok_and(Vec::is_empty);
        // An item may be between two folders at a look.
        if is_quiet && self.was_quiet {
            return Next::Drained;
        }
        self.was_quiet = is_quiet;
        let what = match runs {
            Ok(runs) => running(runs),
            Err(why) => format!("what runs cannot be looked at: {why}"),
        };
        if until <= now {
            return Next::Late(what);
        }
        let is_old = |(before, at): &(String, Moment)| *before == what && now.since(*at) < TOLD;
        let is_news = !is_quiet && !self.told.as_ref().is_some_and(is_old);
        if is_news {
            self.told = Some((what.clone(), now));
        }
        let pause = if is_quiet { SOON } else { self.pace };
        self.pace = (self.pace * 2).min(PACE);
        Next::Again { pause, news: is_news.then_some(what) }
    }
}

/// The wait for the work of a site.
struct Draining<'a> {
    target: &'a Target,
    definition: &'a Definition,
    until: Moment,
    interrupts: &'a Interrupts<'a>,
}

impl Draining<'_> {
    fn note(&self, event: HistoryEvent, words: &str, took: Option<Duration>) {
        let entry = Entry::new(event, words).ordered_by(self.target.by()).taking(took);
        journal::note(&self.target.site, Some(self.definition), &entry);
    }

    /// Stops new work.
    fn begin(&self) -> Result<(), String> {
        let name = &self.target.name;
        let Some(Drain { command, .. }) = &self.definition.drain else {
            let words = format!(
                "new work of `{name}` is not held back, as its definition has no `drain`; only what runs is waited \
                 for"
            );
            log::warn!("{words}");
            self.note(HistoryEvent::Draining, &words, None);
            return Ok(());
        };
        let deadline = command_by(Moment::now(), self.until);
        let cut = Some(self.interrupts.fd());
        let site = &self.target.site;
        let complaint = complaint_or_cut(command, self.definition, site, Marked::No, deadline, cut)
            .map_err(|CutShort| INTERRUPTED)?;
        if let Some(why) = complaint {
            return Err(format!("new work is not stopped: `{}` {why}", command.join(" ")));
        }
        let words = format!("new work is stopped by `{}`", command.join(" "));
        self.note(HistoryEvent::Draining, &words, None);
        Ok(())
    }

    /// Waits until nothing runs.
    fn wait(&self, order: DrainOrder) -> Result<(), String> {
        let begun = Moment::now();
        let mut looks = Looks::none();
        loop {
            let runs = self.runs();
            let now = Moment::now();
            let (pause, news) = match looks.next(&runs, now, self.until) {
                Next::Drained => {
                    let words = "nothing of its work runs any more";
                    self.note(HistoryEvent::Drained, words, Some(now.since(begun)));
                    return Ok(());
                }
                Next::Late(what) => return self.late(order, &what),
                Next::Again { pause, news } => (pause, news),
            };
            if let Some(what) = news {
                let left = say(now.until(self.until));
                log::warn!("`{}`: {what}; at most {left} more", self.target.name);
            }
            let mut waiting = Waiting::new();
            waiting.readable(self.interrupts.fd(), ());
            let next = self.until.min(now + pause);
            if !waiting.wait(Some(next)).is_empty() && self.interrupts.is_cut() {
                return Err(INTERRUPTED.to_owned());
            }
        }
    }

    fn late(&self, order: DrainOrder, what: &str) -> Result<(), String> {
        let words = format!("the time is over, and {what}");
        if !order.anyway {
            return Err(words);
        }
        log::warn!("`{}` is paused all the same: {words}", self.target.name);
        self.note(HistoryEvent::NotDrained, &format!("{words}; it is paused all the same"), None);
        Ok(())
    }

    /// What runs now, an item a line.
    fn runs(&self) -> Result<Vec<String>, String> {
        let deadline = look_by(Moment::now(), self.until);
        let mut runs = Vec::new();
        let Definition { work, database, .. } = self.definition;
        if let (Some(database), false) = (database, work.is_empty()) {
            let found = disk::search_work(database, work, deadline).map_err(|e| e.to_string())?;
            runs.extend(
                found
                    .items
                    .into_iter()
                    .map(|item| printable_line(format!("{} ({})", item.file, item.kind))),
            );
            runs.extend((0..found.more).map(|_| "another".to_owned()));
        }
        if let Some(profile) = self.definition.jobcenter() {
            let site = &self.target.site;
            for queue in busy_queues(profile, self.definition, site, deadline)? {
                runs.push(requests_in(&queue.name, queue.requests));
            }
        }
        Ok(runs)
    }
}

fn requests_in(queue: &str, requests: u64) -> String {
    let word = if requests == 1 { "request" } else { "requests" };
    format!("{requests} {word} in {queue}")
}

fn running(runs: &[String]) -> String {
    format!("still running: {}", first_of(runs, NAMED))
}

impl Drained {
    /// The site is not paused after all: lets new work in again. What was done, in words.
    pub fn undo(&self) -> String {
        undo(&self.places, &self.definition).unwrap_or_else(|why| why)
    }
}

/// Lets new work in again. What was done, in words.
///
/// # Errors
/// The same: new work may still be stopped.
pub(super) fn undo(places: &SitePlaces, definition: &Definition) -> Result<String, String> {
    let Some(drain) = &definition.drain else { return Ok("new work was not stopped".to_owned()) };
    let Some(command) = &drain.undo else {
        return Err("new work is still stopped, as `drain` has no `undo`".to_owned());
    };
    let deadline = Moment::now() + COMMAND;
    let ran = run(command, definition, places, Marked::No, deadline);
    match ran.map_or_else(Some, |ran| ran.complaint()) {
        None => Ok("new work is let in again".to_owned()),
        Some(why) => Err(format!("new work is still stopped: `{}` {why}", command.join(" "))),
    }
}

#[cfg(test)]
mod tests;
