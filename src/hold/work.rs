//! The work of a site's programs that an unclean end or a failure has interrupted: found and handed over by the next
//! start, before any process of the site runs.
//!
//! Promises: the list is durable before the first item is handed over; each item is recorded before its command is
//! started and after it has ended. So each is handed over once, and one during which the node died again. Must never:
//! keep a site down because a command fails: its item is left to a person, and told.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use super::turn::take_if_free;
use crate::backend::command::{CutShort, Marked, complaint_or_cut};
use crate::disk::{self, BegunList, Undone, WorkEnd, WorkItem, WorkMark, WorkState};
use crate::history::{By, Entry, HistoryEvent};
use crate::journal;
use crate::lease::UncleanEnd;
use crate::site::{AtFailover, Definition, SitePlaces, WorkKind};
use crate::values::{Moment, first_of, printable_line};

/// Why a start cannot go on.
#[derive(Debug)]
pub enum WorkUnsettled {
    Interrupted,
    /// The list cannot be written or read; for the end of a sentence.
    Because(String),
}

impl From<Undone> for WorkUnsettled {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Interrupted => Self::Interrupted,
            Undone::Because(why) => Self::Because(why),
        }
    }
}

/// What is decided on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkDecision {
    Rerun,
    Drop,
}

/// How many items a sentence names.
const NAMED: usize = 20;

/// The part of the time of a start that may be spent on handing over.
const SHARE: f64 = 0.5;

/// How long the list may take to be closed.
const CLOSE: Duration = Duration::from_secs(5);

/// The site, whose lease this node holds.
struct HandingOver<'a> {
    places: &'a SitePlaces,
    definition: &'a Definition,
    database: &'a Path,
    until: Moment,
    cut: Option<BorrowedFd<'a>>,
}

/// How long the history may take to be read.
const READ: Duration = Duration::from_secs(5);

/// An unclean end, as that of work.
pub(super) fn end_of(end: &UncleanEnd) -> WorkEnd {
    WorkEnd {
        words: end.to_string(),
        is_certain: match end {
            UncleanEnd::At { .. } => true,
            UncleanEnd::Unknown => false,
        },
    }
}

/// The failure of the site's last life, on whichever node, of a site that has work: its lease was released, and its
/// processes were ended in the middle of what they did. An ordered stop interrupts nothing: the processes are told to end.
pub(super) fn end_by_failure(
    places: &SitePlaces,
    definition: &Definition,
    until: Moment,
) -> Option<WorkEnd> {
    database_of(definition)?;
    let whole = journal::read_all(places, until.min(Moment::now() + READ));
    let failed = first_failure_of_last_life(&whole.history.entries)?;
    // A start that failed too does not make another end of it.
    Some(WorkEnd {
        words: format!("failed on `{}` at {}", failed.node, failed.at),
        is_certain: true,
    })
}

fn first_failure_of_last_life(entries: &[Entry]) -> Option<&Entry> {
    let is_up = |entry: &Entry| matches!(entry.event, HistoryEvent::Up | HistoryEvent::Adopted);
    let up = entries.iter().rposition(is_up)?;
    entries[up..].iter().find(|entry| entry.event == HistoryEvent::Failed)
}

/// Lists what this end has interrupted, tells it, and hands over what is to run again.
///
/// # Errors
/// See [`WorkUnsettled`]. What a command does is no error.
pub(super) fn hand_over(
    places: &SitePlaces,
    definition: &Definition,
    end: WorkEnd,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), WorkUnsettled> {
    let Some(database) = database_of(definition) else { return Ok(()) };
    let begun = disk::begin_work((database, &definition.work), end, until, cut)?;
    let handing = HandingOver { places, definition, database, until, cut };
    handing.tell_found(&begun);
    let now = Moment::now();
    let enough = now + now.until(until).mul_f64(SHARE);
    let due = || begun.list.items.iter().filter(|item| item.state.is_due());
    for kind in &definition.work {
        let items: Vec<&WorkItem> = due().filter(|item| item.kind == kind.name).collect();
        handing.hand_over_kind(kind, &items, enough)?;
    }
    let is_known = |item: &WorkItem| definition.work.iter().any(|kind| kind.name == item.kind);
    let why = "the definition has no such kind of work any more";
    let mut orphans: Vec<_> =
        due().filter(|item| !is_known(item)).map(|item| (item, why.to_owned())).collect();
    orphans.sort_by(|(one, _), (other, _)| one.kind.cmp(&other.kind));
    orphans
        .chunk_by(|(one, _), (other, _)| one.kind == other.kind)
        .try_for_each(|of_kind| handing.leave(of_kind))
}

/// All is done about that end: a later one makes a list of its own.
pub(super) fn close(definition: &Definition) {
    let Some(database) = database_of(definition) else { return };
    if let Err(why) = disk::close_work(database, Moment::now() + CLOSE) {
        log::warn!(
            "the list of the interrupted work of `{}` is not closed: {why}",
            definition.name
        );
    }
}

fn database_of(definition: &Definition) -> Option<&Path> {
    definition.database.as_deref().filter(|_| !definition.work.is_empty())
}

impl HandingOver<'_> {
    fn note(&self, entry: &Entry) {
        log::warn!("{}", entry.detail);
        journal::note(self.places, Some(self.definition), entry);
    }

    fn tell_found(&self, begun: &BegunList) {
        let name = &self.definition.name;
        if let Some(path) = &begun.set_aside {
            self.note(&Entry::new(
                HistoryEvent::WorkLeft,
                format!(
                    "the list of earlier interrupted work of `{name}` cannot be understood; it is kept as {}, and a \
                     person must look at it",
                    path.display()
                ),
            ));
        }
        if begun.goes_on {
            return;
        }
        for kind in &self.definition.work {
            let is_new = |item: &&WorkItem| item.kind == kind.name && item.end == begun.list.end;
            let items: Vec<&WorkItem> = begun.list.items.iter().filter(is_new).collect();
            if items.is_empty() {
                continue;
            }
            let then = match (kind.at_failover, &kind.hand_to) {
                (AtFailover::Rerun, Some(words)) => {
                    format!("handed to `{}`", words.join(" "))
                }
                (AtFailover::Drop, _) => "dropped".to_owned(),
                (AtFailover::Ask | AtFailover::Rerun, _) => {
                    format!("left to a person: siteward work {name}")
                }
            };
            let words = format!(
                "{} interrupted, to be {then}: {}",
                counted(items.len(), &kind.name),
                names(items.iter().copied())
            );
            self.note(&Entry::new(HistoryEvent::WorkInterrupted, words));
        }
        if begun.list.more > 0 {
            self.note(&Entry::new(
                HistoryEvent::WorkLeft,
                format!(
                    "{} more items of interrupted work of `{name}` are beyond what its list holds; a person must \
                     look for their files",
                    begun.list.more
                ),
            ));
        }
    }

    /// Hands over the items, until there is `enough` of it.
    fn hand_over_kind(
        &self,
        kind: &WorkKind,
        items: &[&WorkItem],
        enough: Moment,
    ) -> Result<(), WorkUnsettled> {
        let Some(command) = &kind.hand_to else {
            let why = "its kind has no `hand_to` any more";
            let left: Vec<_> = items.iter().map(|item| (*item, why.to_owned())).collect();
            return self.leave(&left);
        };
        let begun = Moment::now();
        let (mut done, mut left) = (Vec::new(), Vec::new());
        // What became of the last one is recorded together with the beginning of the next.
        let mut marks = Vec::new();
        for item in items {
            if enough.passed() {
                left.push((*item, "there was no time left for it in this start".to_owned()));
                continue;
            }
            marks.push(WorkMark::of(item, WorkState::Begun, None));
            self.record(std::mem::take(&mut marks))?;
            let deadline = enough.min(Moment::now() + kind.timeout);
            match self.give(command, item, deadline)? {
                None => {
                    marks.push(WorkMark::of(item, WorkState::HandedOver, None));
                    done.push(*item);
                }
                Some(why) => left.push((*item, why)),
            }
        }
        if !marks.is_empty() {
            self.record(marks)?;
        }
        if !done.is_empty() {
            let words = format!(
                "{} handed to `{}`: {}",
                counted(done.len(), &kind.name),
                command.join(" "),
                names(done.iter().copied())
            );
            let entry = Entry::new(HistoryEvent::WorkHandedOver, words);
            self.note(&entry.taking(Moment::now().since(begun)));
        }
        self.leave(&left)
    }

    /// These, of one kind, could not be handed over: a person decides.
    fn leave(&self, left: &[(&WorkItem, String)]) -> Result<(), WorkUnsettled> {
        let Some((first, why)) = left.first() else { return Ok(()) };
        let marks = left
            .iter()
            .map(|(item, why)| WorkMark::of(item, WorkState::Failed, Some(why.clone())))
            .collect();
        self.record(marks)?;
        let words = format!(
            "{} not handed over: {}; of the first: {why}; decide on them: siteward work {}",
            counted(left.len(), &first.kind),
            names(left.iter().map(|(item, _)| *item)),
            self.definition.name
        );
        self.note(&Entry::new(HistoryEvent::WorkLeft, words));
        Ok(())
    }

    fn record(&self, marks: Vec<WorkMark>) -> Result<(), WorkUnsettled> {
        Ok(disk::mark_work(self.database, marks, self.until, self.cut)?)
    }

    /// Runs the command with one item. Why it is not handed over; None: it is.
    fn give(
        &self,
        command: &[String],
        item: &WorkItem,
        deadline: Moment,
    ) -> Result<Option<String>, WorkUnsettled> {
        let mut words = command.to_vec();
        words.push(self.database.join(&item.file).display().to_string());
        let Self { definition, places, cut, .. } = *self;
        let why = complaint_or_cut(&words, definition, places, Marked::Yes, deadline, cut)
            .map_err(|CutShort| WorkUnsettled::Interrupted)?;
        Ok(why.map(|why| printable_line(format!("`{}` {why}", command.join(" ")))))
    }
}

/// An item on which a person has decided.
#[derive(Debug)]
pub struct DecidedItem<'a> {
    pub item: &'a WorkItem,
    /// Why it is not done.
    pub done: Result<(), String>,
}

/// Carries out what a person has decided on items of the list. This node has the lease, or nobody has it. What became of
/// each.
///
/// # Errors
/// For the end of a sentence: nothing was done.
pub fn decide_work<'a>(
    places: &SitePlaces,
    definition: &Definition,
    decided: &[(&'a WorkItem, WorkDecision)],
    by: &By,
    until: Moment,
) -> Result<Vec<DecidedItem<'a>>, String> {
    let Some(database) = definition.database.as_deref() else {
        return Err("the definition has no `database`".to_owned());
    };
    let Some(_turn) = take_if_free(places) else {
        return Err("a start or a stop of it is under way".to_owned());
    };
    let handing = HandingOver { places, definition, database, until, cut: None };
    let outcome = |(item, decision): &(&'a WorkItem, WorkDecision)| {
        let done = handing.carry_out(item, *decision);
        if done.is_ok() {
            let what = match decision {
                WorkDecision::Rerun => "handed over again",
                WorkDecision::Drop => "dropped",
            };
            let words = format!("`{}` of `{}` is {what}", shown(item), item.kind);
            let entry = Entry::new(HistoryEvent::WorkDecided, words).ordered_by(by.clone());
            journal::note(places, Some(definition), &entry);
        }
        DecidedItem { item, done }
    };
    Ok(decided.iter().map(outcome).collect())
}

impl HandingOver<'_> {
    fn carry_out(&self, item: &WorkItem, decision: WorkDecision) -> Result<(), String> {
        let record = |state, why| {
            self.record(vec![WorkMark::of(item, state, why)]).map_err(|why| match why {
                WorkUnsettled::Interrupted => "it was interrupted".to_owned(),
                WorkUnsettled::Because(why) => why,
            })
        };
        if decision == WorkDecision::Drop {
            return record(WorkState::Dropped, None);
        }
        let kind = self.definition.work.iter().find(|kind| kind.name == item.kind);
        let Some((kind, command)) = kind.and_then(|kind| Some((kind, kind.hand_to.as_ref()?)))
        else {
            return Err("the definition has no `hand_to` for its kind".to_owned());
        };
        record(WorkState::Begun, None)?;
        let deadline = self.until.min(Moment::now() + kind.timeout);
        let why = match self.give(command, item, deadline) {
            Ok(None) => return record(WorkState::HandedOver, None),
            Ok(Some(why)) => why,
            Err(_) => "it was interrupted".to_owned(),
        };
        record(WorkState::Failed, Some(why.clone()))?;
        Err(why)
    }
}

/// The path of an item, for a message.
pub fn shown(item: &WorkItem) -> String {
    printable_line(item.file.clone())
}

fn counted(number: usize, kind: &str) -> String {
    match number {
        1 => format!("1 item of `{kind}` is"),
        _ => format!("{number} items of `{kind}` are"),
    }
}

fn names<'a>(items: impl Iterator<Item = &'a WorkItem>) -> String {
    first_of(&items.map(shown).collect::<Vec<_>>(), NAMED)
}
