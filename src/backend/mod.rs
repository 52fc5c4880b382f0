//! The two kinds of supervisor behind one interface: siteward's own, addressed through its control socket,
//! and an external one, controlled by its commands.
//!
//! Promises: an answer within the deadline, which distinguishes "no answer" from "no supervisor". Must
//! never: take a missing answer for a missing supervisor, or let a command run past its share of the time.

pub mod command;
pub mod external;
pub mod fitness;
pub mod jobcenter;
mod nqs_site;
mod orders;
pub mod own;

use crate::control::{Pause, Request, View};
use crate::history::By;
use crate::process::{Identity, Record};
use crate::site::{Definition, SitePlaces, is_snapshot_of, load_alone, load_snapshot};
use crate::supervisor::Beginning;
use crate::values::Moment;
use external::{External, Started};

pub use orders::{Boot, Cut, Ended, NotDone, Orders, Paused, Resumed, StopTimes, Up};

/// A supervisor that was started.
#[derive(Debug)]
pub enum Launched {
    /// siteward's own. `already`: another one was running.
    Own { already: bool },
    /// None: another verb or a person started it.
    External(Option<Box<Started>>),
}

/// The supervisor of a site.
#[derive(Clone, Debug)]
pub enum Backend {
    Own(SitePlaces),
    External(Box<External>),
}

impl Backend {
    /// The kind of supervisor that `definition` names.
    pub fn of(places: &SitePlaces, definition: &Definition) -> Self {
        match External::of(places, definition) {
            Some(external) => Self::External(external.into()),
            None => Self::Own(places.clone()),
        }
    }

    /// The supervisor of the last start, by the snapshot. The file of the definition is read only if no start
    /// is recorded on this node: an external supervisor may have been started by hand.
    pub fn at(places: &SitePlaces) -> Self {
        let own = || Self::Own(places.clone());
        let Some(name) = places.name() else { return own() };
        let record = Record::read(places).ok().flatten();
        if let Some(Record { is_own: true, fingerprint, .. }) = &record
            && is_snapshot_of(&places.snapshot(), fingerprint)
        {
            return own();
        }
        if let Ok(definition) = load_snapshot(&places.snapshot(), &name) {
            return Self::of(places, &definition);
        }
        match record {
            Some(record) if record.phase.is_none() => own(),
            Some(_) | None => load_alone(places, &name)
                .map_or_else(|_| own(), |definition| Self::of(places, &definition)),
        }
    }

    /// The external supervisor, if it is one.
    pub fn external(&self) -> Option<&External> {
        match self {
            Self::Own(_) => None,
            Self::External(external) => Some(external),
        }
    }

    fn places(&self) -> &SitePlaces {
        match self {
            Self::Own(places) => places,
            Self::External(external) => &external.places,
        }
    }

    /// Whether a paused siteward supervisor runs in the place of an external one that cannot pause.
    pub fn has_placeholder(&self, until: Moment) -> bool {
        self.external().is_some() && own::glance(self.places(), &Request::Look, until).is_some()
    }

    /// Whether the supervisor itself ends a site that did not come up.
    pub fn rolls_back(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::External(_) => false,
        }
    }

    /// Starts the supervisor, detached from this process. A paused site is given siteward's own.
    ///
    /// # Errors
    /// For the end of a sentence; nothing was started.
    pub fn launch(&self, orders: &Orders<'_>, until: Moment) -> Result<Launched, String> {
        match (self, orders.beginning) {
            (Self::External(external), Beginning::Up) => {
                external.launch(orders).map(|started| Launched::External(Some(started.into())))
            }
            (Self::Own(_), _) | (Self::External(_), Beginning::Held(_) | Beginning::Adopt) => {
                let already = own::launch(orders, until).map_err(|error| format!("{error:#}"))?;
                Ok(Launched::Own { already })
            }
        }
    }

    /// Runs the supervisor in the foreground, until the site has ended. `at_work` is called once it
    /// runs. `cut` ends the run of an external supervisor; siteward's own receives the signals itself.
    pub fn run(&self, orders: &Orders<'_>, cut: Cut<'_>, at_work: impl FnOnce()) -> Ended {
        match (self, orders.beginning) {
            (Self::External(external), Beginning::Up) => external.run(orders, cut, at_work),
            (Self::Own(_), _) | (Self::External(_), Beginning::Held(_) | Beginning::Adopt) => {
                own::run(orders, at_work)
            }
        }
    }

    /// A supervisor that another verb or a person started.
    pub fn found(&self) -> Launched {
        match self {
            Self::Own(_) => Launched::Own { already: true },
            Self::External(_) => Launched::External(None),
        }
    }

    /// Waits until the site is up, at most until `until`.
    ///
    /// # Errors
    /// See [`NotDone`]; with an external supervisor, the site is not rolled back.
    pub fn await_up(
        &self,
        launched: Launched,
        boot: &Boot,
        until: Moment,
        cut: Cut<'_>,
    ) -> Result<Up, NotDone> {
        match (self, launched) {
            (Self::External(external), Launched::External(mut started)) => {
                external.await_up(started.as_deref_mut(), boot, cut)
            }
            (Self::External(_), Launched::Own { .. }) | (Self::Own(_), _) => {
                own::await_up(self.places(), boot, until, cut).map(Up::Seen)
            }
        }
    }

    /// Gracefully stops the processes of a site without a siteward supervisor, at most until `until`. `living`:
    /// every process that was seen.
    pub fn end_survivors(
        &self,
        snapshot: Option<&Definition>,
        record: Option<&Record>,
        living: &[Identity],
        until: Moment,
    ) {
        match self {
            Self::Own(_) => own::stop_in_order(snapshot, record, until),
            Self::External(external) => external.stop(living, until),
        }
    }

    /// Stops the processes; the supervisor stays.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub fn pause(&self, pause: &Pause, by: By, until: Moment) -> Result<Paused, NotDone> {
        match self {
            Self::External(external) if !self.has_placeholder(until) => {
                external.pause(pause, by, until)
            }
            Self::Own(_) | Self::External(_) => {
                let request = Request::Pause { pause: pause.clone(), order: Some(by) };
                own::order(self.places(), &request, until).map(|_| Paused::AtRest)
            }
        }
    }

    /// Starts the processes again, under the supervisor that stayed.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub fn resume(
        &self,
        boot: std::time::Duration,
        by: By,
        until: Moment,
    ) -> Result<Resumed, NotDone> {
        match self {
            Self::External(_) if self.has_placeholder(until) => Ok(Resumed::PlaceholderInTheWay),
            Self::External(external) => external.resume(by, until),
            Self::Own(places) => {
                own::order(places, &Request::Resume { boot, order: Some(by) }, until)
                    .map(|view| Resumed::As(view.state))
            }
        }
    }

    /// Sends an order that only siteward's own supervisor understands.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub fn order(&self, request: &Request, until: Moment) -> Result<Box<View>, NotDone> {
        match self {
            Self::Own(places) => own::order(places, request, until),
            Self::External(_) => Err(NotDone::Refused(
                "it has a supervisor of its own, which siteward cannot tell that; use its own \
                 commands"
                    .to_owned(),
            )),
        }
    }
}
