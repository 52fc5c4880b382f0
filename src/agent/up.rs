//! Bringing a site up: the one way of `start`, `run` and `adopt`, and of what `pause` and `resume` start.
//!
//! Each step is a value that is made from the one before, and undoes itself when it is dropped: the turn
//! is over, the definition that was set aside is removed, the lease is released.
//!
//! interrupts -> locked -> cleared -> loaded -> gated -> leased -> launched -> up

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::context::SiteContext;
use super::gate::{self, Part};
use super::halt::Halt;
use super::ownership::{self, HeldLease};
use super::waiting::{Awaited, already_up};
use super::{Deadline, Fault, FaultKind, Outcome, StopMode, Target, down};
use crate::backend::{Backend, Boot, Ended, Launched, Orders, own};
use crate::control::{Pause, State};
use crate::disk::{self, Undone};
use crate::linux::files;
use crate::observe::observe;
use crate::process::{ProcessRecord, Record};
use crate::site::{Definition, SitePlaces, load, load_snapshot};
use crate::supervisor::Beginning;
use crate::turn::{Interruption, Interrupts, StartTurn};
use crate::values::Moment;

/// For which verb a site is brought up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Way {
    /// A supervisor that outlives this process.
    Start,
    /// The supervisor is this process, or its child.
    Run,
    /// A new supervisor for processes that live.
    Adopt,
    /// A supervisor that holds the processes down, in the place of one that cannot be at rest itself.
    Hold(Pause),
    /// The site's own supervisor, after one that held the processes down in its place.
    Resume,
}

/// Starts the site and waits until it is up or held down. Already up: nothing is done.
pub fn start(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Start)
}

/// Runs the supervisor in the foreground: SIGTERM is an ordered stop.
pub fn run(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Run)
}

/// Gives the living processes of an unsupervised site a new supervisor.
pub fn adopt(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Adopt)
}

/// `Hold` and `Resume`: what is there is ended first.
pub(super) fn bring_up(target: &Target, deadline: &Deadline, way: &Way) -> Outcome {
    let interrupts = match Interrupts::first(&target.site, deadline.begun) {
        Ok(interrupts) => interrupts,
        Err(error) => {
            return Fault::failed(format!("signals cannot be received: {error}")).into();
        }
    };
    let climb = || {
        let cleared = match Locked::take(target, &interrupts, deadline, way)?.look()? {
            Clearing::Settled(outcome) => return Ok(outcome),
            Clearing::Cleared(cleared) => cleared,
        };
        let leased = cleared.load()?.pass_gate()?.take_lease()?;
        match way {
            Way::Run => leased.run_here(),
            Way::Start | Way::Adopt | Way::Hold(_) | Way::Resume => leased.launch()?.finish(),
        }
    };
    climb().unwrap_or_else(|halt| halt.outcome(target, &interrupts, *way == Way::Run))
}

/// The site belongs to this start.
struct Locked<'a> {
    turn: StartTurn<'a>,
    target: &'a Target,
    deadline: Deadline,
    way: &'a Way,
    look_until: Moment,
}

enum Clearing<'a> {
    /// There is nothing to bring up.
    Settled(Outcome),
    Cleared(Box<Cleared<'a>>),
}

/// No supervisor is there, and nothing lives that does not belong to what is brought up.
struct Cleared<'a> {
    locked: Locked<'a>,
    /// What is adopted.
    record: Option<Record>,
}

/// The definition is read, and the very text is set aside for the gate and the supervisor.
struct Loaded<'a> {
    cleared: Cleared<'a>,
    /// As it is written.
    written: Definition,
    /// With the manager's adjustments.
    definition: Definition,
    backend: Backend,
    boot: Boot,
    aside: RefCell<Option<SetAside<'a>>>,
}

/// Everything that must be so is so.
struct Gated<'a>(Loaded<'a>);

/// A supervisor was launched, and its site is not up yet.
struct Launching<'a> {
    leased: Leased<'a>,
    launched: Launched,
}

/// The site's database belongs to this node, if it has one.
struct Leased<'a> {
    loaded: Loaded<'a>,
    lease: Option<HeldLease>,
    beginning: Beginning,
}

impl<'a> Locked<'a> {
    fn take(
        target: &'a Target,
        interrupts: &'a Interrupts<'a>,
        deadline: &Deadline,
        way: &'a Way,
    ) -> Result<Self, Halt> {
        target.site.check_length().map_err(|e| Fault::new(FaultKind::WrongHere, e.to_string()))?;
        can_serve(target, way, &Backend::at(&target.site))?;
        known_at_all(target)?;
        // Before the definition is read nothing can be computed from it; a minute is time to look.
        let look_until = deadline.begun + deadline.given.unwrap_or(Duration::from_secs(60));
        let turn = StartTurn::take(&target.site, interrupts, look_until)
            .map_err(|why| Halt::of_turn(target, why))?;
        Ok(Self { turn, target, deadline: *deadline, way, look_until })
    }

    fn look(self) -> Result<Clearing<'a>, Halt> {
        match self.way {
            Way::Start | Way::Run => self.clear_the_way(),
            Way::Adopt => self.find_what_lives(),
            Way::Hold(_) => {
                let context = SiteContext::read(self.target, &self.deadline);
                down::end_survivors(
                    &context,
                    &context.stop_times(StopMode::Graceful),
                    StopMode::Graceful,
                )?;
                self.cleared()
            }
            Way::Resume => {
                own::end_placeholder(&self.target.site, self.target.caller, self.look_until);
                self.cleared()
            }
        }
    }

    fn cleared(self) -> Result<Clearing<'a>, Halt> {
        Halt::if_cut(self.turn.interrupts)?;
        Ok(Clearing::Cleared(Cleared { locked: self, record: None }.into()))
    }

    /// Deals with what is there already.
    fn clear_the_way(self) -> Result<Clearing<'a>, Halt> {
        let (name, places) = (&self.target.name, &self.target.site);
        loop {
            Halt::if_cut(self.turn.interrupts)?;
            let seen =
                observe(places, self.deadline.begun, self.look_until).map_err(Fault::from)?;
            match seen.state {
                State::Running | State::Degraded | State::Maintenance => {
                    return self.settled(already_up(self.target, &seen));
                }
                // Another start is under way: its outcome is ours.
                State::Starting if seen.view.is_some() => {
                    let backend = Backend::at(places);
                    let waits = self.found(&backend);
                    let outcome = waits.finish(backend.found(), self.turn.interrupts)?;
                    return self.settled(outcome);
                }
                State::StoppingOrdered | State::StoppingFailed => {
                    if self.look_until.passed() {
                        return Err(Halt::from(Fault::failed(format!(
                            "the site `{name}` is still being stopped; wait for that, or end it with: \
                             siteward clean {name}"
                        ))));
                    }
                    let soon = Moment::now() + Duration::from_millis(100);
                    own::wait_for_end(places, soon.min(self.look_until));
                }
                State::Unknown => {
                    return Err(Halt::from(Fault::failed(format!(
                        "it cannot be found out whether the site `{name}` runs: {}",
                        seen.why.unwrap_or_default()
                    ))));
                }
                State::Unsupervised | State::FailedWithSurvivors => {
                    log::warn!("{}; that is ended first", seen.why.unwrap_or_default());
                    let context = SiteContext::read(self.target, &self.deadline);
                    down::end_survivors(
                        &context,
                        &context.stop_times(StopMode::Graceful),
                        StopMode::Graceful,
                    )?;
                    return self.cleared();
                }
                // Of a supervisor that is not ours: the start that is under way is this one.
                State::Starting | State::Stopped | State::Failed => return self.cleared(),
            }
        }
    }

    /// A site that another verb or a person has started. One with a supervisor of its own is ended if it
    /// does not come up: nobody else waits for it.
    fn found<'b>(&self, backend: &'b Backend) -> Awaited<'b>
    where
        'a: 'b,
    {
        let (until, target) = (self.look_until, self.target);
        let boot = Boot {
            time: until.left(),
            up_by: until,
            rollback: Duration::ZERO,
            kill_at: until,
            until,
        };
        let boot = backend.external().map_or(boot, |e| self.deadline.for_start(&e.definition));
        Awaited { target, backend, boot, is_ours: backend.external().is_some() }
    }

    /// Another supervisor is there: that is what a start wants, and no place for a run.
    fn settled(&self, outcome: Outcome) -> Result<Clearing<'a>, Halt> {
        match self.way {
            Way::Run => Err(self.another()),
            Way::Start | Way::Adopt | Way::Hold(_) | Way::Resume => Ok(Clearing::Settled(outcome)),
        }
    }

    fn another(&self) -> Halt {
        Halt::from(Fault::failed(format!(
            "the site `{0}` is run by another supervisor already; stop it first with: siteward stop {0}",
            self.target.name
        )))
    }

    /// The record by which the site is adopted.
    fn find_what_lives(self) -> Result<Clearing<'a>, Halt> {
        let name = &self.target.name;
        let seen = observe(&self.target.site, self.deadline.begun, self.look_until);
        let seen = seen.map_err(Fault::from)?;
        if let Some(view) = &seen.view {
            return Ok(Clearing::Settled(Outcome::Done(format!(
                "the site `{name}` has its supervisor, {}, and is {}",
                view.supervisor, view.state
            ))));
        }
        let why = seen.why.unwrap_or_else(|| format!("it is {}", seen.state));
        let words = match (seen.state, seen.record) {
            (State::Unsupervised, Some(record)) if !living(&record).is_empty() => {
                return Ok(Clearing::Cleared(
                    Cleared { locked: self, record: Some(record) }.into(),
                ));
            }
            (State::Unsupervised, Some(_)) => format!(
                "nothing of the site `{name}` can be adopted: no process that its record names lives, \
                 and what else does cannot be verified; end it with: siteward stop {name}"
            ),
            (State::Unsupervised, None) => format!(
                "the site `{name}` has no record, so that nothing can be verified: {why}; end it \
                 with: siteward stop {name}"
            ),
            (State::Stopped | State::Failed, _) => format!(
                "nothing of the site `{name}` lives ({}); start it with: siteward start {name}",
                seen.state
            ),
            (State::FailedWithSurvivors, _) => format!(
                "the site `{name}` was given up, and is not adopted: {why}; end the rest with: \
                 siteward stop {name}"
            ),
            (
                State::Unknown
                | State::Starting
                | State::Running
                | State::Degraded
                | State::Maintenance
                | State::StoppingOrdered
                | State::StoppingFailed,
                _,
            ) => format!("the site `{name}` cannot be adopted: {why}"),
        };
        Err(Halt::from(Fault::failed(words)))
    }
}

impl<'a> Cleared<'a> {
    fn load(self) -> Result<Loaded<'a>, Halt> {
        let Locked { target, way, deadline, .. } = self.locked;
        let snapshot = || load_snapshot(&target.site.snapshot(), &target.name);
        let file = || load(&target.places, &target.name);
        let written = match way {
            Way::Start | Way::Run => file(),
            // What lives was started by the snapshot; the file may be missing, wrong or newer.
            Way::Adopt => snapshot(),
            Way::Hold(_) | Way::Resume => snapshot().or_else(|_| file()),
        };
        let written = written.map_err(Fault::from)?;
        let adopted = self.record.as_ref().map(|record| &record.adjustments);
        let definition = written.clone().adjusted(adopted.unwrap_or(&target.adjustments));
        let backend = Backend::of(&target.site, &definition);
        can_serve(target, way, &backend)?;
        let aside = match way {
            Way::Adopt => None,
            Way::Start | Way::Run | Way::Hold(_) | Way::Resume => {
                Some(SetAside::write(&target.site, &written)?)
            }
        };
        let boot = match (way, deadline.given) {
            // A run has all its time to come up; only what comes before that is bounded.
            (Way::Run, Some(given)) => {
                let boot = Deadline { given: None, ..deadline }.for_start(&definition);
                Boot { up_by: boot.up_by.min(deadline.begun + given), ..boot }
            }
            _ => deadline.for_start(&definition),
        };
        Ok(Loaded { cleared: self, written, definition, backend, boot, aside: RefCell::new(aside) })
    }
}

impl<'a> Loaded<'a> {
    fn locked(&self) -> &Locked<'a> {
        &self.cleared.locked
    }

    fn pass(&self, part: Part) -> Result<(), Halt> {
        let Locked { target, turn, .. } = self.locked();
        let cut = Some(turn.interrupts.fd());
        gate::pass(target, &self.definition, part, self.boot.up_by, cut)?;
        Halt::if_cut(turn.interrupts)
    }

    fn pass_gate(self) -> Result<Gated<'a>, Halt> {
        match self.locked().way {
            Way::Start | Way::Run | Way::Resume => self.pass(Part::Whole)?,
            // It runs here, or ran here a moment ago.
            Way::Adopt | Way::Hold(_) => {}
        }
        Ok(Gated(self))
    }
}

impl<'a> Gated<'a> {
    fn take_lease(self) -> Result<Leased<'a>, Halt> {
        let Self(loaded) = self;
        let Locked { target, turn, way, look_until, .. } = loaded.locked();
        let (until, cut) = (loaded.boot.up_by, Some(turn.interrupts.fd()));
        let (lease, beginning) = match way {
            Way::Adopt => {
                (ownership::keep(target, &loaded.definition, *look_until)?, Beginning::Adopt)
            }
            Way::Start | Way::Run | Way::Hold(_) | Way::Resume => {
                let lease = ownership::take(target, &loaded.definition, until, cut)?;
                if loaded.backend.external().is_some() {
                    loaded.pass(Part::Disk)?;
                }
                let held = match way {
                    Way::Hold(pause) => Some(pause.clone()),
                    Way::Start | Way::Run | Way::Adopt | Way::Resume => loaded.held_down()?,
                };
                (lease, Beginning::of(held))
            }
        };
        Halt::if_cut(turn.interrupts)?;
        Ok(Leased { loaded, lease, beginning })
    }
}

impl Loaded<'_> {
    /// Why the site is to come up with its processes held down, if it is.
    fn held_down(&self) -> Result<Option<Pause>, Halt> {
        let Locked { target, turn, .. } = self.locked();
        if self.definition.maintenance {
            return Ok(Some(Pause::because("the definition says `maintenance: true`")));
        }
        let Some(database) = &self.definition.database else { return Ok(None) };
        let cut = Some(turn.interrupts.fd());
        let pause = disk::read_pause(&target.places, database, self.boot.up_by, cut);
        let pause = pause.map_err(|undone| match undone {
            Undone::Interrupted => Halt::Interrupted,
            Undone::Because(why) => {
                let name = &target.name;
                let words = format!("the site `{name}` is not started, as it may be paused: {why}");
                Halt::from(Fault::failed(words))
            }
        })?;
        if let Some(pause) = pause.as_ref().filter(|pause| pause.is_over()) {
            log::warn!("the site `{}` comes up again: {pause}", target.name);
            return Ok(None);
        }
        Ok(pause)
    }
}

impl<'a> Leased<'a> {
    fn orders(&self) -> Orders<'_> {
        let Cleared { locked, record } = &self.loaded.cleared;
        Orders {
            name: &locked.target.name,
            places: &locked.target.places,
            definition: &self.loaded.written,
            beginning: &self.beginning,
            boot: self.loaded.boot,
            known_as: match record {
                Some(record) => record.known_as.as_deref(),
                None => locked.target.known_as.as_deref(),
            },
            adjustments: record.as_ref().map_or(&locked.target.adjustments, |r| &r.adjustments),
            keeper: self.lease.as_ref().map(HeldLease::keeper),
        }
    }

    /// A supervisor is at work: from now on the one that ends the site ends what this start holds. A stop
    /// finds what was launched by its record and its marks.
    fn commit(&self) {
        self.loaded.aside.take();
        if let Some(lease) = &self.lease {
            lease.hand_over();
        }
        self.loaded.locked().turn.end();
    }

    fn launch(self) -> Result<Launching<'a>, Halt> {
        let Locked { target, way, .. } = self.loaded.locked();
        let launched = self
            .loaded
            .backend
            .launch(&self.orders(), self.loaded.boot.kill_at)
            .map_err(|why| {
                let failed = match way {
                    Way::Adopt => "is not adopted, and lives on as it was",
                    Way::Start | Way::Run | Way::Hold(_) | Way::Resume => "could not be started",
                };
                Fault::failed(format!("the site `{}` {failed}: {why}", target.name))
            })?;
        match launched {
            Launched::Own { already: true } => {}
            Launched::Own { already: false } | Launched::External(_) => self.commit(),
        }
        Ok(Launching { leased: self, launched })
    }

    /// The supervisor is this process, or its child; returns when the site has ended.
    fn run_here(self) -> Result<Outcome, Halt> {
        // The caller's folder must not be busy as long as the site runs.
        std::env::set_current_dir("/")
            .map_err(|e| Fault::failed(format!("/ cannot be entered: {e}")))?;
        let Locked { target, turn, .. } = self.loaded.locked();
        let (name, interrupts) = (&target.name, turn.interrupts);
        let is_cut = || interrupts.is_cut();
        let at_work = || {
            self.commit();
            log::info!("the supervisor of `{name}` is at work");
        };
        let ended = self.loaded.backend.run(&self.orders(), interrupts.cut(&is_cut), at_work);
        let stopped = |by: &str| Outcome::Done(format!("the site `{name}` {by}"));
        let survivors = || {
            let now = Deadline { begun: Moment::now(), given: None };
            let context = SiteContext::read(target, &now);
            down::end_survivors(
                &context,
                &context.stop_times(StopMode::Graceful),
                StopMode::Graceful,
            )
        };
        match ended {
            Ended::Stopped => Ok(stopped("is stopped")),
            Ended::Failed(failure) => Err(Fault::of_failure(target, &failure, "failed").into()),
            Ended::Another => Err(self.loaded.locked().another()),
            Ended::NotBegun(why) => {
                Err(Fault::failed(format!("the site `{name}` could not be started: {why}")).into())
            }
            Ended::NotUp(failed) => {
                let Loaded { backend, boot, .. } = &self.loaded;
                let waits = Awaited { target, backend, boot: *boot, is_ours: true };
                Err(waits.not_up(failed, interrupts))
            }
            Ended::SupervisorLeft => {
                survivors()?;
                match interrupts.why() {
                    Some(Interruption::Signal(_)) => Ok(stopped("is stopped")),
                    Some(Interruption::Stop) => Ok(stopped("was stopped by another verb")),
                    None => Err(Halt::from(Fault::failed(format!(
                        "the supervisor of the site `{name}` ended, and with it the site"
                    )))),
                }
            }
        }
    }
}

impl Launching<'_> {
    fn finish(self) -> Result<Outcome, Halt> {
        let Self { leased, launched } = self;
        let Cleared { locked, record } = &leased.loaded.cleared;
        let Loaded { backend, boot, .. } = &leased.loaded;
        // What is adopted lives on, whatever becomes of the adoption.
        let is_ours = record.is_none() && !matches!(launched, Launched::Own { already: true });
        let waits = Awaited { target: locked.target, backend, boot: *boot, is_ours };
        let outcome = waits.finish(launched, locked.turn.interrupts)?;
        match (outcome, record) {
            (Outcome::Done(said), Some(record)) => {
                let names: Vec<String> = living(record)
                    .iter()
                    .map(|p| format!("`{}` ({})", p.name, p.identity.pid))
                    .collect();
                let names = names.join(", ");
                Ok(Outcome::Done(format!("{said}; taken over as they were: {names}")))
            }
            (outcome, _) => Ok(outcome),
        }
    }
}

/// The processes that a record names and that live.
fn living(record: &Record) -> Vec<&ProcessRecord> {
    record.processes.iter().filter(|p| p.identity.is_alive()).collect()
}

/// Not every way is one for a supervisor that is not ours.
fn can_serve(target: &Target, way: &Way, backend: &Backend) -> Result<(), Fault> {
    let Some(external) = backend.external() else { return Ok(()) };
    let name = &target.name;
    match way {
        Way::Adopt => Err(Fault::failed(format!(
            "the site `{name}` has a supervisor of its own, and only that can watch its processes; \
             end them with: siteward stop {name}"
        ))),
        Way::Run if external.wrapped.detached => Err(Fault::failed(format!(
            "the supervisor of `{name}` does not stay (monitored: false), so nothing could be \
             watched in the foreground; use start and stop"
        ))),
        Way::Start | Way::Run | Way::Hold(_) | Way::Resume => Ok(()),
    }
}

/// A name that was mistyped must leave no folder behind.
fn known_at_all(target: &Target) -> Result<(), Fault> {
    let is_missing = |path: &Path| {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match is_missing(&target.site.runtime) && is_missing(&target.site.definition) {
        true => load(&target.places, &target.name).map(|_| ()).map_err(Fault::from),
        false => Ok(()),
    }
}

/// The text of the definition that is started, in a file of its own until the supervisor has read it.
struct SetAside<'a>(&'a SitePlaces);

impl<'a> SetAside<'a> {
    fn write(places: &'a SitePlaces, definition: &Definition) -> Result<Self, Fault> {
        let path = places.starting();
        files::write_even_if_full(&path, definition.text.as_bytes()).map_err(|error| {
            Fault::failed(format!("{} cannot be written: {error}", path.display()))
        })?;
        Ok(Self(places))
    }
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.starting());
    }
}
