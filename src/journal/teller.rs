//! Tells the command of `notify:` of events. A helper process runs it, one event at a time: it ends the command
//! with all that it has started, and then itself. Neither the supervisor nor a verb waits for it.

use std::collections::VecDeque;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::helper::{self, Running, Starter};
use crate::history::{self, Entry, HistoryEvent};
use crate::linux::bounded::{Bounds, run};
use crate::linux::process::{Tree, kill_below, reap};
use crate::linux::spawn::Command;
use crate::linux::wait::Waiting;
use crate::linux::{files, inherit};
use crate::process::{HELPER, MARK, mark_entry};
use crate::site::{Notify, SiteName, SitePlaces};
use crate::values::{Moment, Pid};

/// The hidden subcommand of the helper.
const WORD: &str = "tell";

/// So many events wait at most. If there are more, the oldest of a process goes first.
const WAITING: usize = 16;

/// A helper that is given many events has so many times the timeout of one.
const AT_MOST: u32 = 3;

/// How much of what a command prints is kept, in bytes.
const KEPT: usize = 4 << 10;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a helper is to do.
#[derive(Debug, Serialize, Deserialize)]
struct TellJob {
    site: SiteName,
    places: (PathBuf, PathBuf, PathBuf),
    command: Vec<String>,
    timeout: Duration,
    entries: Vec<Entry>,
    is_marked: bool,
}

/// What the command reads from its standard input.
#[derive(Serialize)]
struct Told<'a> {
    site: &'a SiteName,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The events that are yet to be told.
#[derive(Debug)]
pub(super) struct Teller {
    places: SitePlaces,
    starter: Starter,
    notify: Option<Notify>,
    running: Option<Running>,
    waiting: VecDeque<Entry>,
    dropped: usize,
}

impl Teller {
    pub(super) fn new(places: &SitePlaces, starter: Starter, notify: Option<&Notify>) -> Self {
        Self {
            places: places.clone(),
            starter,
            notify: notify.cloned(),
            running: None,
            waiting: VecDeque::new(),
            dropped: 0,
        }
    }

    /// The helper that runs.
    pub(super) fn helper(&self) -> Option<Pid> {
        self.running.as_ref().and_then(Running::living)
    }

    /// Takes an event, if the command is to be told of it.
    pub(super) fn take(&mut self, entry: &Entry) {
        if !self.notify.as_ref().is_some_and(|notify| notify.on.contains(&entry.event)) {
            return;
        }
        if self.waiting.len() >= WAITING {
            let of_a_process = self.waiting.iter().position(|e| e.event.is_of_a_process());
            self.waiting.remove(of_a_process.unwrap_or(0));
            self.dropped += 1;
        }
        self.waiting.push_back(entry.clone());
    }

    /// Starts a helper for the next event, if none runs.
    pub(super) fn go_on(&mut self) {
        self.running.take_if(|running| running.has_ended());
        if self.running.is_none()
            && let Some(next) = self.waiting.pop_front()
        {
            self.start(vec![next]);
        }
    }

    /// Starts a helper for all that wait. It goes on by itself.
    pub(super) fn finish(&mut self) {
        let rest: Vec<Entry> = self.waiting.drain(..).collect();
        if !rest.is_empty() {
            self.start(rest);
        }
    }

    fn start(&mut self, entries: Vec<Entry>) {
        let (Some(notify), Some(site)) = (&self.notify, self.places.name()) else { return };
        let SitePlaces { definition, runtime, logs } = self.places.clone();
        if self.dropped > 0 {
            let n = std::mem::take(&mut self.dropped);
            let words = format!(
                "`{}` was not told of {n} events, as too many came at once",
                notify.command[0]
            );
            history::add(&self.places.history(), &Entry::new(HistoryEvent::NotifyFailed, words));
        }
        let job = TellJob {
            site,
            places: (definition, runtime, logs),
            command: notify.command.clone(),
            timeout: notify.timeout,
            entries,
            is_marked: self.starter == Starter::Supervisor,
        };
        let words = [OsStr::new("siteward"), OsStr::new(WORD)];
        let started = serde_json::to_vec(&job)
            .map_err(std::io::Error::from)
            .and_then(|job| files::in_memory(&job))
            .and_then(|job| helper::start(&self.places, self.starter, &words, Some(job)));
        match started {
            Ok(running) => self.running = Some(running),
            Err(error) => {
                let words = format!("`{}` was not told of an event: {error}", notify.command[0]);
                log::warn!("{words}");
                history::add(
                    &self.places.history(),
                    &Entry::new(HistoryEvent::NotifyFailed, words),
                );
            }
        }
    }
}

/// Tells the command in the helper process. None: there is no such job.
pub fn tell_here() -> Option<()> {
    let mut handover = File::from(inherit::take_descriptor(3).ok()?);
    let mut text = Vec::new();
    handover.rewind().ok()?;
    handover.read_to_end(&mut text).ok()?;
    let job: TellJob = serde_json::from_slice(&text).ok()?;
    let (definition, runtime, logs) = job.places.clone();
    let places = SitePlaces { definition, runtime, logs };
    // What the command leaves behind becomes a child of this process, and is ended by it.
    let _ = inherit::become_subreaper();
    let until = Moment::now() + job.timeout.saturating_mul(AT_MOST);
    for entry in &job.entries {
        let failed = match until.passed() {
            true => Some("has no time left".to_owned()),
            false => tell(&job, entry, &places, until.min(Moment::now() + job.timeout)),
        };
        end_children();
        if let Some(why) = failed {
            let program = job.command.first().map_or("", String::as_str);
            let words = format!("`{program}` {why}; it was to be told of `{}`", entry.event);
            history::add(&places.history(), &Entry::new(HistoryEvent::NotifyFailed, words));
        }
    }
    Some(())
}

/// Runs the command for one event. Returns what went wrong.
fn tell(job: &TellJob, entry: &Entry, places: &SitePlaces, deadline: Moment) -> Option<String> {
    let mut text = serde_json::to_vec(&Told { site: &job.site, entry }).ok()?;
    text.push(b'\n');
    let input = match files::in_memory(&text) {
        Ok(input) => input,
        Err(error) => return Some(format!("has no input: {error}")),
    };
    let mut environment = vec![
        format!("PATH={PATH}").into_bytes(),
        format!("SITEWARD_SITE={}", job.site).into_bytes(),
        format!("SITEWARD_EVENT={}", entry.event).into_bytes(),
        format!("SITEWARD_NODE={}", entry.node).into_bytes(),
        format!("SITEWARD_AT={}", entry.at).into_bytes(),
        format!("SITEWARD_DETAIL={}", entry.detail).into_bytes(),
    ];
    if job.is_marked {
        environment.push([MARK.as_bytes(), b"=", &mark_entry(places, HELPER)].concat());
    }
    environment.extend(entry.process.iter().map(|p| format!("SITEWARD_PROCESS={p}").into_bytes()));
    let environment: Vec<CString> =
        environment.into_iter().filter_map(|entry| CString::new(entry).ok()).collect();
    let words: Vec<&OsStr> = job.command.iter().map(OsStr::new).collect();
    let candidates = Command::candidates(words.first()?, PATH);
    let bounds = Bounds { deadline, cut: None, output: KEPT };
    let ran = run(bounds, |output| Command {
        input: Some(input.into()),
        ..Command::plain(candidates, &words, environment, output)
    });
    ran.complaint()
}

/// Ends all that the command has left behind.
fn end_children() {
    for _ in 0..100 {
        while reap().is_some() {}
        let left = Tree::look().map_or(0, |tree| tree.children(Pid::this()).len());
        if left == 0 {
            return;
        }
        kill_below(Pid::this());
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(10)));
    }
}
