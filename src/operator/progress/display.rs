//! The display of a verb: a thread beside it.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use super::follow::Follower;
use super::screen::VerbScreen;
use super::verb::SlowVerb;
use super::{interrupt, lines};
use crate::agent::Target;
use crate::history::HistoryEvent;
use crate::linux::signals::Inbox;
use crate::linux::thread::{self, StackSize};
use crate::linux::wait::Waiting;
use crate::values::{Moment, Signal};

/// A verb that is quicker than this shows nothing at a terminal.
const QUICK: Duration = Duration::from_millis(700);

/// Between two looks at the site, at a terminal.
const PACE: Duration = Duration::from_millis(150);

/// The display of one verb; it ends when the value is dropped.
#[derive(Debug)]
pub struct Progress {
    thread: Option<JoinHandle<()>>,
    /// Its other end is readable once this one is closed.
    working: Option<UnixStream>,
}

impl Progress {
    /// Shows the progress of `verb` on standard error. Without a descriptor or a thread to spare, nothing is
    /// shown.
    pub fn show(verb: SlowVerb, target: &Target) -> Self {
        Self::try_show(verb, target).unwrap_or(Self { thread: None, working: None })
    }

    fn try_show(verb: SlowVerb, target: &Target) -> std::io::Result<Self> {
        let (working, over) = UnixStream::pair()?;
        let is_terminal = std::io::stderr().is_terminal();
        // A start receives this signal itself, and undoes what it has begun.
        let inbox = match verb {
            SlowVerb::Start => None,
            SlowVerb::Stop | SlowVerb::Pause | SlowVerb::Resume if !is_terminal => None,
            SlowVerb::Stop | SlowVerb::Pause | SlowVerb::Resume => {
                Some(Inbox::new(&[Signal::INT])?)
            }
        };
        let display = Display {
            verb,
            follower: Follower::new(target.site.history()),
            screen: is_terminal.then(|| VerbScreen::new(verb, target, Moment::now() + QUICK)),
            target: target.clone(),
            over,
            inbox,
        };
        let thread = thread::start("progress", StackSize::Usual, move || display.run())?;
        Ok(Self { thread: Some(thread), working: Some(working) })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.working.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Display {
    verb: SlowVerb,
    target: Target,
    follower: Follower,
    /// None: standard error is no terminal.
    screen: Option<VerbScreen>,
    over: UnixStream,
    inbox: Option<Inbox>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    Over,
    Interrupted,
    History,
}

impl Display {
    fn run(mut self) {
        loop {
            let woken = self.wait();
            if woken.contains(&Woken::Interrupted)
                && self.inbox.as_ref().and_then(Inbox::next).is_some()
            {
                if let Some(screen) = &mut self.screen {
                    screen.leave();
                }
                interrupt::leave(self.verb, &self.target);
            }
            let entries = self.follower.new_entries();
            let is_over = woken.contains(&Woken::Over);
            match &mut self.screen {
                Some(screen) => screen.show(&self.target, &entries, is_over),
                None => {
                    for entry in entries.iter().filter(|entry| !is_the_answer(entry.event)) {
                        let line = lines::of_entry(entry);
                        let _ = writeln!(std::io::stderr(), "siteward: {line}");
                    }
                }
            }
            if is_over {
                return;
            }
        }
    }

    fn wait(&self) -> Vec<Woken> {
        let mut waiting = Waiting::new();
        waiting.readable(self.over.as_fd(), Woken::Over);
        if let Some(inbox) = &self.inbox {
            waiting.readable(inbox.as_fd(), Woken::Interrupted);
        }
        if let Some(fd) = self.follower.fd() {
            waiting.readable(fd, Woken::History);
        }
        let redraw = self.screen.as_ref().map(|_| Moment::now() + PACE);
        waiting.wait(redraw.into_iter().chain(self.follower.next_look()).min())
    }
}

/// The answer of the verb says the same a moment later.
fn is_the_answer(event: HistoryEvent) -> bool {
    matches!(event, HistoryEvent::RolledBack | HistoryEvent::NotStopped)
}
