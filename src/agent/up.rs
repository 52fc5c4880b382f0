//! Brings a site up: for `start`, `run` and `adopt`, and if `pause` or `resume` starts a supervisor.
//!
//! Each step is a value made from the one before, and undoes itself when it is dropped: the turn ends, the
//! copy of the definition is removed, the lease is released.
//!
//! interrupts -> locked -> cleared -> loaded -> gated -> leased -> launched -> up

use std::cell::RefCell;
use std::os::fd::BorrowedFd;

use super::clear::{Cleared, Clearing, Locked, Way, can_serve, living};
use super::gate::{self, Part};
use super::halt::Halt;
use super::waiting::Awaited;
use super::{Deadline, Fault, Outcome, Target, down};
use crate::backend::{Backend, Boot, Cut, Ended, Launched, Orders};
use crate::control::Pause;
use crate::disk::{self, Undone};
use crate::hold::{self, HeldLease, Interruption, Interrupts, SetAside, StartAttempt};
use crate::messages;
use crate::site::{Definition, load, load_snapshot};
use crate::supervisor::Beginning;
use crate::values::Moment;

/// Starts the site, and waits until it is up or paused. A site that is up is left as it is.
pub fn start(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Start)
}

/// Runs the supervisor in the foreground: SIGTERM is an ordered stop.
pub fn run(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Run)
}

/// Starts a new supervisor for the processes of an unsupervised site.
pub fn adopt(target: &Target, deadline: &Deadline) -> Outcome {
    bring_up(target, deadline, &Way::Adopt)
}

/// `Hold` and `Resume` first end the supervisor that runs.
pub(super) fn bring_up(target: &Target, deadline: &Deadline, way: &Way) -> Outcome {
    let interrupts = match Interrupts::first(&target.site, deadline.begun) {
        Ok(interrupts) => interrupts,
        Err(error) => {
            return messages::signals_unreceivable(error).into();
        }
    };
    let is_start = matches!(way, Way::Start | Way::Run);
    let attempt = StartAttempt::new(&target.site, target.by(), deadline.begun, is_start)
        .saved_until(deadline.for_last_words());
    let steps = || {
        let cleared = match Locked::take(target, &interrupts, deadline, way, &attempt)?.look()? {
            Clearing::Settled(outcome) => return Ok(outcome),
            Clearing::Cleared(cleared) => cleared,
        };
        let leased = cleared.load()?.pass_gate()?.take_lease()?;
        match way {
            Way::Run => leased.run_here(),
            Way::Start | Way::Adopt | Way::Hold(_) | Way::Resume => leased.launch()?.finish(),
        }
    };
    let outcome = steps().unwrap_or_else(|h| h.outcome(target, &interrupts, *way == Way::Run));
    match &outcome {
        Outcome::Fault(fault) => attempt.failed(fault.id, &fault.sentence, &fault.lines()),
        Outcome::Done(_) | Outcome::Seen(_) => attempt.succeeded(),
    }
    outcome
}

/// The definition is read, and a copy of it exists until the turn ends. The fields drop in this order.
struct Loaded<'a> {
    aside: RefCell<Option<SetAside<'a>>>,
    cleared: Cleared<'a>,
    /// As it is written.
    written: Definition,
    /// With the manager's adjustments.
    definition: Definition,
    backend: Backend,
    boot: Boot,
}

/// Every precondition holds.
struct Gated<'a>(Loaded<'a>);

/// A supervisor was launched, and its site is not up yet.
struct Launching<'a> {
    leased: Leased<'a>,
    launched: Launched,
}

/// This node holds the lease on the site's database, if it has one. It is released before the turn ends.
struct Leased<'a> {
    lease: Option<HeldLease>,
    loaded: Loaded<'a>,
    beginning: Beginning,
}

impl<'a> Cleared<'a> {
    fn load(self) -> Result<Loaded<'a>, Halt> {
        let Locked { target, way, deadline, attempt, .. } = self.locked;
        let snapshot = || load_snapshot(&target.site.snapshot(), &target.name);
        let file = || load(&target.places, &target.name);
        let written = match way {
            Way::Start | Way::Run => file(),
            // The processes were started by the snapshot; the file may be missing, wrong or newer.
            Way::Adopt => snapshot(),
            Way::Hold(_) | Way::Resume => snapshot().or_else(|_| file()),
        };
        attempt.begin(written.as_ref().ok());
        let written = written.map_err(Fault::from)?;
        let adopted = self.record.as_ref().map(|record| &record.adjustments);
        let definition = written.clone().adjusted(adopted.unwrap_or(&target.adjustments));
        let backend = Backend::of(&target.site, &definition);
        can_serve(target, way, &backend)?;
        let aside = match way {
            Way::Adopt => None,
            Way::Start | Way::Run | Way::Hold(_) | Way::Resume => {
                Some(SetAside::write(&target.site, &written).map_err(messages::start_not_written)?)
            }
        };
        let boot = match (way, deadline.for_run()) {
            // `run` bounds only the steps before the supervisor; the site has its whole boot_timeout.
            (Way::Run, Some(until)) if backend.external().is_none() => {
                let boot = Deadline { given: None, ..deadline }.for_start(&definition);
                Boot { up_by: boot.up_by.min(until), ..boot }
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

    /// Becomes readable when the start is interrupted. Without a disk nothing is waited for.
    fn cut(&self) -> BorrowedFd<'_> {
        let interrupts = self.locked().turn.interrupts;
        self.definition.database.as_ref().map_or_else(|| interrupts.signals(), |_| interrupts.fd())
    }

    fn pass(&self, part: Part) -> Result<(), Halt> {
        let Locked { target, turn, .. } = self.locked();
        gate::pass(target, &self.definition, part, self.boot.up_by, Some(self.cut()))?;
        Halt::if_cut(turn.interrupts)
    }

    fn pass_gate(self) -> Result<Gated<'a>, Halt> {
        match self.locked().way {
            Way::Start | Way::Run | Way::Resume => self.pass(Part::Whole)?,
            // The site runs here, or ran here a moment ago.
            Way::Adopt | Way::Hold(_) => {}
        }
        Ok(Gated(self))
    }
}

impl<'a> Gated<'a> {
    fn take_lease(self) -> Result<Leased<'a>, Halt> {
        let Self(loaded) = self;
        let Locked { target, turn, way, look_until, .. } = loaded.locked();
        let (until, cut) = (loaded.boot.up_by, Some(loaded.cut()));
        let (lease, beginning) = match way {
            Way::Adopt => {
                let kept = hold::keep(&target.site, &loaded.definition, *look_until);
                let lease =
                    kept.map_err(|why| Halt::not_adopted(target, &loaded.definition, &why))?;
                (lease, Beginning::Adopt)
            }
            Way::Start | Way::Run | Way::Hold(_) | Way::Resume => {
                let lease = hold::take(&target.site, &loaded.definition, until, cut)
                    .map_err(|why| Halt::not_held(target, &loaded.definition, why))?;
                if loaded.backend.external().is_some() {
                    loaded.pass(Part::Disk)?;
                }
                let held = match way {
                    Way::Hold(pause) => Some(pause.clone()),
                    Way::Start | Way::Run | Way::Adopt | Way::Resume => loaded.pause_in_force()?,
                };
                (lease, Beginning::of(held))
            }
        };
        Halt::if_cut(turn.interrupts)?;
        Ok(Leased { loaded, lease, beginning })
    }
}

impl Loaded<'_> {
    /// The pause in which the site comes up, if there is one.
    fn pause_in_force(&self) -> Result<Option<Pause>, Halt> {
        let target = self.locked().target;
        if self.definition.maintenance {
            return Ok(Some(Pause::because("the definition says `maintenance: true`")));
        }
        let Some(database) = &self.definition.database else { return Ok(None) };
        let cut = Some(self.cut());
        let pause = disk::read_pause(&target.places, database, self.boot.up_by, cut);
        let pause = pause.map_err(|undone| match undone {
            Undone::Interrupted => Halt::Interrupted,
            Undone::Because(why) => messages::pause_unreadable(&target.name, why).into(),
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
            order: locked.attempt.order(),
        }
    }

    /// The supervisor runs: from now on the end of the site releases the lease, not the end of this start. A
    /// stop finds the processes by the record and their marks.
    fn commit(&self) {
        self.loaded.aside.take();
        if let Some(lease) = &self.lease {
            lease.hand_over();
        }
        self.loaded.locked().turn.end();
    }

    fn launch(self) -> Result<Launching<'a>, Halt> {
        let Locked { target, way, .. } = self.loaded.locked();
        let launched =
            self.loaded.backend.launch(&self.orders(), self.loaded.boot.kill_at).map_err(
                |why| match way {
                    Way::Adopt => messages::not_adopted(&target.name, why),
                    Way::Start | Way::Run | Way::Hold(_) | Way::Resume => {
                        messages::not_started(&target.name, why)
                    }
                },
            )?;
        match launched {
            Launched::Own { already: true } => {}
            Launched::Own { already: false } | Launched::External(_) => self.commit(),
        }
        Ok(Launching { leased: self, launched })
    }

    /// The supervisor is this process, or its child; returns when the site has ended.
    fn run_here(self) -> Result<Outcome, Halt> {
        // The caller's directory must not stay busy while the site runs.
        std::env::set_current_dir("/").map_err(messages::root_not_entered)?;
        let Locked { target, turn, .. } = self.loaded.locked();
        let (name, interrupts) = (&target.name, turn.interrupts);
        let cut = Cut { fd: &|| interrupts.fd(), is_cut: &|| interrupts.is_cut() };
        let at_work = || {
            self.commit();
            log::info!("the supervisor of `{name}` is at work");
        };
        let ended = self.loaded.backend.run(&self.orders(), cut, at_work);
        if !matches!(ended, Ended::NotBegun(_) | Ended::NotUp(_)) {
            self.loaded.locked().attempt.was_up();
        }
        let stopped = |by: &str| Outcome::Done(format!("the site `{name}` {by}"));
        match ended {
            Ended::Stopped => Ok(stopped("is stopped")),
            Ended::Failed(failure) => Err(Fault::of_failure(target, &failure, "failed").into()),
            Ended::Another => Err(self.loaded.locked().another()),
            Ended::NotBegun(why) => Err(messages::not_started(name, why).into()),
            Ended::NotUp(failed) => {
                let Loaded { backend, boot, .. } = &self.loaded;
                let waits = Awaited { target, backend, boot: *boot, is_ours: true };
                Err(waits.not_up(failed, interrupts))
            }
            Ended::SupervisorLeft => {
                let now = Deadline { begun: Moment::now(), given: None };
                down::end_unsupervised(target, &now)?;
                match interrupts.why() {
                    Some(Interruption::Signal(_)) => Ok(stopped("is stopped")),
                    Some(Interruption::Stop) => Ok(stopped("was stopped by another verb")),
                    None => Err(messages::supervisor_left(name).into()),
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
        // Adopted processes keep running even if the adoption fails.
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
