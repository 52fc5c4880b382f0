//! Shows the status again and again: on a terminal in place, elsewhere whenever something has changed.
//!
//! Promises: when the watch ends, by whatever can be caught, the terminal is as it was.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::gather::Gatherer;
use super::question::{StatusQuestion, worst_code};
use super::render::{Frame, SiteLook};
use super::words::local;
use crate::control::{Client, Reply, Request};
use crate::linux::PidFd;
use crate::linux::signals::Inbox;
use crate::linux::terminal::{self, Keys};
use crate::linux::wait::Waiting;
use crate::operator::layout;
use crate::site::Places;
use crate::values::{Moment, Pid, Signal};

/// Two looks are at least this far apart, however often something changes.
const CALM: Duration = Duration::from_millis(200);

/// An answer that comes within this time was not held.
const MOMENT: Duration = Duration::from_millis(20);

/// How long a supervisor holds back an answer.
const HELD: Duration = Duration::from_secs(20);

/// A supervisor tells held monitors apart by interval and level; no manager uses this level.
const OUR_SERIES: u32 = 98;

/// Watches until it is told to end. Returns the exit code of the last look.
///
/// # Errors
/// Signals cannot be received.
pub fn watch(question: &StatusQuestion, pace: Duration) -> io::Result<u8> {
    let inbox = Inbox::new(&[
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::WINCH,
        Signal::TSTP,
    ])?;
    let mut picture = match io::stdout().is_terminal() && !question.json {
        true => Picture::WatchScreen(WatchScreen::enter()),
        false => Picture::PlainOutput(PlainOutput::new()),
    };
    let mut gatherer = Gatherer::default();
    let mut ears = Ears::default();
    loop {
        let begun = Moment::now();
        let looked = question.look(&mut gatherer);
        let code = worst_code(&looked);
        if picture.show(question, &looked, pace).is_err() {
            // Nobody reads it any more.
            return Ok(code);
        }
        ears.listen(&question.places, &looked);
        match wait(&mut picture, &mut ears, &inbox, begun + pace) {
            Wish::End => return Ok(code),
            Wish::Look => {}
        }
        Waiting::<()>::new().wait(Some((begun + CALM).min(begun + pace)));
    }
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Look,
    End,
}

/// What has become ready.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WatchWake {
    Signal,
    Key,
    /// Nobody reads the output any more.
    NoReader,
    /// The supervisor of this site has answered, or is gone.
    Change(String),
}

/// Waits until it is time to look again.
fn wait(picture: &mut Picture, ears: &mut Ears, inbox: &Inbox, next: Moment) -> Wish {
    while !next.passed() {
        let mut waiting = Waiting::new();
        waiting.readable(inbox.as_fd(), WatchWake::Signal);
        if let Some(keys) = picture.keys() {
            waiting.readable(keys.as_fd(), WatchWake::Key);
        }
        if let Some(pipe) = picture.pipe() {
            // Nothing can be read from this end: it becomes ready when the other one is closed.
            waiting.readable(pipe.as_fd(), WatchWake::NoReader);
        }
        for (site, client) in &ears.0 {
            waiting.readable(client.as_fd(), WatchWake::Change(site.clone()));
        }
        let mut look = false;
        for wake in waiting.wait(Some(next)) {
            match wake {
                WatchWake::Signal => {
                    while let Some(signal) = inbox.next() {
                        match signal {
                            Signal::WINCH => {}
                            Signal::TSTP => picture.suspend(),
                            _ => return Wish::End,
                        }
                        look = true;
                    }
                }
                WatchWake::Key => match picture.keys().and_then(Keys::pressed) {
                    Some(keys) if keys.is_empty() || keys.contains(&b'q') => return Wish::End,
                    Some(_) => {}
                    None => return Wish::End,
                },
                WatchWake::NoReader => return Wish::End,
                WatchWake::Change(site) => {
                    ears.0.remove(&site);
                    look = true;
                }
            }
        }
        if look {
            return Wish::Look;
        }
    }
    Wish::Look
}

/// The connections to supervisors that answer when their site stops being well.
#[derive(Default)]
struct Ears(HashMap<String, Client>);

impl Ears {
    /// Asks each supervisor whose site is well to answer when it is not well any more.
    fn listen(&mut self, places: &Places, looked: &[SiteLook]) {
        let now = Moment::now();
        for report in looked.iter().filter_map(SiteLook::seen) {
            let is_ours = report.supervisor.as_ref().is_some_and(|s| s.kind == "siteward");
            if !is_ours || !report.exact_state.is_well() {
                self.0.remove(&report.site);
                continue;
            }
            if self.0.contains_key(&report.site) {
                continue;
            }
            let Ok(name) = report.site.parse() else { continue };
            let interval = Duration::from_secs(1);
            let hold = Request::Hold { interval, level: OUR_SERIES, until: now + HELD };
            let soon = now + CALM;
            // The first request of a series is answered at once.
            let held = (0..2).find_map(|_| {
                let mut client = Client::connect(&places.of(&name).socket(), soon).ok()?;
                client.send(&hold, soon).ok()?;
                is_held(&mut client, soon).then_some(client)
            });
            if let Some(client) = held {
                self.0.insert(report.site.clone(), client);
            }
        }
    }
}

/// The supervisor has heard the request, and does not answer within a moment.
fn is_held(client: &mut Client, soon: Moment) -> bool {
    matches!(client.receive(soon), Ok(Reply::Heard))
        && client.receive(Moment::now() + MOMENT).is_err()
}

/// What is shown where.
enum Picture {
    WatchScreen(WatchScreen),
    PlainOutput(PlainOutput),
}

/// An output that is no terminal.
#[derive(Default)]
struct PlainOutput {
    /// What was printed last, of each site.
    printed: HashMap<String, String>,
    /// The output, if it is a pipe.
    pipe: Option<File>,
}

impl PlainOutput {
    fn new() -> Self {
        let output = io::stdout().as_fd().try_clone_to_owned().map(File::from).ok();
        let is_pipe = |file: &File| file.metadata().is_ok_and(|m| m.file_type().is_fifo());
        Self { printed: HashMap::new(), pipe: output.filter(is_pipe) }
    }
}

impl Picture {
    fn keys(&self) -> Option<&Keys> {
        match self {
            Self::WatchScreen(screen) => screen.keys.as_ref(),
            Self::PlainOutput(_) => None,
        }
    }

    fn pipe(&self) -> Option<&File> {
        match self {
            Self::WatchScreen(_) => None,
            Self::PlainOutput(paper) => paper.pipe.as_ref(),
        }
    }

    fn show(
        &mut self,
        question: &StatusQuestion,
        looked: &[SiteLook],
        pace: Duration,
    ) -> io::Result<()> {
        match self {
            Self::WatchScreen(_) => WatchScreen::draw(question, looked, pace),
            Self::PlainOutput(paper) => print_changes(&mut paper.printed, question, looked),
        }
    }

    /// Stops this process, as Ctrl-Z does, and goes on when it is continued.
    fn suspend(&mut self) {
        let was_on_screen = matches!(self, Self::WatchScreen(_));
        *self = Self::PlainOutput(PlainOutput::default());
        if let Ok(this) = PidFd::open(Pid::this()) {
            let _ = this.send(Signal::STOP);
        }
        *self = match was_on_screen {
            true => Self::WatchScreen(WatchScreen::enter()),
            false => Self::PlainOutput(PlainOutput::new()),
        };
    }
}

/// Prints each site that has changed, without figures that change all the time.
fn print_changes(
    printed: &mut HashMap<String, String>,
    question: &StatusQuestion,
    looked: &[SiteLook],
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let is_first = printed.is_empty();
    let mut is_changed = is_first;
    for one in looked {
        let now = one.essence();
        if printed.insert(one.site().to_owned(), now.clone()) == Some(now) {
            continue;
        }
        is_changed = true;
        if question.json {
            writeln!(out, "{}", one.json())?;
        }
    }
    if is_changed && !question.json {
        writeln!(out, "{}", local(Timestamp::now()))?;
        let frame = Frame { width: layout::columns(), height: None };
        for line in question.print(looked, frame) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    out.flush()
}

/// The alternate screen of a terminal (xterm's private mode 1049), without a cursor.
struct WatchScreen {
    keys: Option<Keys>,
    level: log::LevelFilter,
}

impl WatchScreen {
    fn enter() -> Self {
        // A warning would be printed across the picture.
        let level = log::max_level();
        log::set_max_level(log::LevelFilter::Off);
        let screen = Self { keys: Keys::take(), level };
        write_all("\x1b[?1049h\x1b[?25l").unwrap_or_default();
        screen
    }

    /// Draws over the last picture, in one write, so that nothing flickers.
    fn draw(question: &StatusQuestion, looked: &[SiteLook], pace: Duration) -> io::Result<()> {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        let frame = Frame { width: Some(columns), height: Some(rows.saturating_sub(1)) };
        let now = Timestamp::now().to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S");
        let title = format!("{now}, every {} s; q ends it", pace.as_secs_f64());
        let mut lines = vec![title.into()];
        lines.extend(question.lines(looked, frame));
        let mut text = "\x1b[H".to_owned();
        for (number, line) in lines.into_iter().take(rows).enumerate() {
            if number > 0 {
                text.push_str("\r\n");
            }
            // Before the line: behind a full line the cursor is still on its last character.
            text.push_str("\x1b[K");
            text.push_str(&line.cut(columns).print(question.colours));
        }
        text.push_str("\x1b[J");
        write_all(&text)
    }
}

impl Drop for WatchScreen {
    fn drop(&mut self) {
        let _ = write_all("\x1b[?25h\x1b[?1049l");
        log::set_max_level(self.level);
    }
}

fn write_all(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
