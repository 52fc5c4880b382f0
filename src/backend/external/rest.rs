//! Pause and resume with an external supervisor: the processes stop, the supervisor stays.

use std::time::Duration;

use super::{Daemon, External};
use crate::backend::orders::{NotDone, Paused, Resumed};
use crate::control::{Pause, State};
use crate::history::{By, Entry, HistoryEvent};
use crate::journal;
use crate::linux::wait::Waiting;
use crate::values::Moment;

/// How long a pause or a resume waits until its entries have reached the disks.
const SAVING: Duration = Duration::from_secs(1);

impl External {
    /// # Errors
    /// See [`NotDone`].
    pub fn pause(&self, pause: &Pause, by: By, until: Moment) -> Result<Paused, NotDone> {
        let Some(command) = &self.wrapped.pause else { return Ok(Paused::NeedsPlaceholder) };
        self.note(|record| record.paused = Some(pause.clone()));
        let begun = Moment::now();
        self.write_down(HistoryEvent::Pausing, "the processes are being stopped", by, None);
        self.order(command, until)?;
        self.until_daemon(false, until)?;
        let words = format!("the processes are held down: {pause}");
        self.write_down(HistoryEvent::Paused, &words, None, begun);
        Ok(Paused::AtRest)
    }

    /// # Errors
    /// See [`NotDone`].
    pub fn resume(&self, by: By, until: Moment) -> Result<Resumed, NotDone> {
        let look = self.look(until).map_err(NotDone::Refused)?;
        match look.daemon {
            Daemon::Up(_) => return Ok(Resumed::As(State::Running)),
            _ if look.supervisors.is_empty() => return Err(NotDone::Nobody),
            _ => {}
        }
        let Some(command) = &self.wrapped.resume else {
            let why = "its supervisor has no command to resume it";
            return Err(NotDone::Refused(why.to_owned()));
        };
        let begun = Moment::now();
        let words = "the processes are started again";
        self.write_down(HistoryEvent::Resuming, words, by.clone(), None);
        self.order(command, until)?;
        self.until_daemon(true, until)?;
        self.note(|record| record.paused = None);
        self.write_down(HistoryEvent::Up, "the site is running", by, begun);
        Ok(Resumed::As(State::Running))
    }

    fn write_down(
        &self,
        event: HistoryEvent,
        words: &str,
        by: impl Into<Option<By>>,
        since: impl Into<Option<Moment>>,
    ) {
        let took = since.into().map(|since| Moment::now().since(since));
        let entry = Entry::new(event, words).ordered_by(by).taking(took);
        journal::note(&self.places, Some(&self.definition), &entry);
        if took.is_some() {
            journal::save(&self.places, Some(&self.definition), Moment::now() + SAVING);
        }
    }

    fn order(&self, words: &[String], until: Moment) -> Result<(), NotDone> {
        let told = |why: &str| format!("`{}` {why}", words.join(" "));
        let ran = self.order_services(words, until);
        // The state of the daemon decides, not the exit status of the command.
        if let Some(why) = ran.map_err(|why| NotDone::Refused(told(&why)))? {
            log::warn!("{}", told(&why));
        }
        Ok(())
    }

    /// Waits until the daemon is up or down, as `up` says, under a running supervisor.
    fn until_daemon(&self, up: bool, until: Moment) -> Result<(), NotDone> {
        let mut pace = Duration::from_millis(50);
        loop {
            let look = self.look(until).map_err(NotDone::Refused)?;
            let supervised = !look.supervisors.is_empty() && !look.stopping;
            let why = match (&look.daemon, supervised) {
                (Daemon::Up(_), true) if up => return Ok(()),
                (Daemon::Shut(None) | Daemon::Absent, true) if !up => return Ok(()),
                (_, false) => format!("`{}` is gone", self.program()),
                (Daemon::Up(_), true) => "its list shows the site as up".to_owned(),
                (
                    Daemon::Shut(Some(why))
                    | Daemon::Partly(why)
                    | Daemon::Broken(why)
                    | Daemon::Unknown(why),
                    true,
                ) => why.clone(),
                (Daemon::Shut(None) | Daemon::Absent, true) => {
                    "its list shows the site as down".to_owned()
                }
                (Daemon::NotAsked | Daemon::NotInstalled, true) => {
                    "no list says whether its daemon is up".to_owned()
                }
            };
            if until.passed() {
                return Err(NotDone::NotInTime { why, details: Vec::new() });
            }
            Waiting::<()>::new().wait(Some((Moment::now() + pace).min(until)));
            pace = (pace * 2).min(self.definition.countsleep);
        }
    }
}
