//! The lease on a site's database: taken before the first process of the site starts, released after the
//! last one has ended.
//!
//! Promises: a start that fails releases the lease, unless it has handed it over; an unclean end stays
//! recorded until `on_unclean_shutdown` has succeeded, even if a start is interrupted meanwhile.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::turn::take_if_free;
use super::work::{self, WorkUnsettled};
use crate::backend::command::{CutShort, Marked, complaint_or_cut};
use crate::backend::jobcenter;
use crate::history::{Entry, HistoryEvent};
use crate::journal;
use crate::lease::{self, LeaseRequest, NotTaken, Settle, UncleanEnd};
use crate::linux::files;
use crate::process::{Ending, Identity, Record};
use crate::site::{Definition, SitePlaces};
use crate::values::Moment;

/// The time for a new keeper of the lease of a site that runs.
pub const KEEP: Duration = Duration::from_secs(2);

/// Why a lease is not held.
#[derive(Debug)]
pub enum NotHeld {
    Interrupted,
    NotTaken(NotTaken),
    /// The repair after an unclean end failed; for the end of a sentence.
    Because(String),
    /// What the failure or the unclean end has interrupted cannot be listed; for the end of a sentence.
    WorkNotListed(String),
}

impl From<WorkUnsettled> for NotHeld {
    fn from(why: WorkUnsettled) -> Self {
        match why {
            WorkUnsettled::Interrupted => Self::Interrupted,
            WorkUnsettled::Because(why) => Self::WorkNotListed(why),
        }
    }
}

impl From<NotTaken> for NotHeld {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Interrupted => Self::Interrupted,
            why => Self::NotTaken(why),
        }
    }
}

/// The lease during a start. Dropping the value releases the lease, unless it was handed over.
#[must_use]
#[derive(Debug)]
pub struct HeldLease {
    keeper: Identity,
    is_handed_over: Cell<bool>,
}

impl HeldLease {
    /// The identity of its keeper. The value itself holds no open descriptor.
    pub fn keeper(&self) -> &Identity {
        &self.keeper
    }

    /// The supervisor runs: the lease is released when the site ends.
    pub fn hand_over(&self) {
        self.is_handed_over.set(true);
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        if !self.is_handed_over.get() && !lease::release_by(&self.keeper, lease::PATIENCE) {
            log::warn!(
                "the keeper {} of the lease does not end: its disk does not answer",
                self.keeper.pid
            );
        }
    }
}

/// Takes the lease on the site's database, if it has one, and repairs an unclean end. Waits until `until`,
/// or until `cut` becomes readable. No process of the site may run on this node.
pub fn take(
    places: &SitePlaces,
    definition: &Definition,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<HeldLease>, NotHeld> {
    let Some(database) = &definition.database else { return Ok(None) };
    let name = &definition.name;
    let begun = Moment::now();
    // A start that was killed may have left its keeper.
    lease::release_or_cut(places, lease::PATIENCE, cut).map_err(NotHeld::from)?;
    let claim = LeaseRequest {
        site: name,
        places,
        database,
        fingerprint: &definition.fingerprint,
        again: false,
    };
    let (mut taking, taken) = lease::take(&claim, until, cut).map_err(NotHeld::from)?;
    let leased = HeldLease { keeper: taking.keeper().clone(), is_handed_over: Cell::new(false) };
    if taken.other_definition.is_some() {
        log::warn!(
            "the last owner of {} ran another definition of `{name}` than this node has; compare \
             the nodes' files",
            database.display()
        );
    }
    if !taken.recorded {
        log::warn!(
            "the disk of {} is full, and has no room for the record of who has the lease; the lock \
             is held all the same; make room there",
            database.display()
        );
    }
    let words = format!("the lease on {} is taken", database.display());
    let entry = Entry::new(HistoryEvent::Leased, words).taking(Moment::now().since(begun));
    journal::note(places, Some(definition), &entry);
    if let Some(end) = &taken.unclean {
        repair(places, definition, end, until, cut)?;
        work::hand_over(places, definition, work::end_of(end), until, cut)?;
        taking.repaired(until, cut).map_err(NotHeld::from)?;
        work::close(definition);
    } else if let Some(end) = work::end_by_failure(places, definition, until) {
        work::hand_over(places, definition, end, until, cut)?;
        work::close(definition);
    }
    Ok(Some(leased))
}

/// Reports an unclean end, and runs `on_unclean_shutdown`.
fn repair(
    places: &SitePlaces,
    definition: &Definition,
    end: &UncleanEnd,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), NotHeld> {
    let words = format!("`{}` {end}", definition.name);
    log::warn!("{words}");
    let more = definition.jobcenter().map(|_| jobcenter::after_an_unclean_end());
    let entry = Entry::new(HistoryEvent::Unclean, &words).having_printed(more.unwrap_or_default());
    journal::note(places, Some(definition), &entry);
    let Some(command) = &definition.on_unclean_shutdown else { return Ok(()) };
    let begun = Moment::now();
    let deadline = until.min(begun + command.timeout);
    let repair = &command.command;
    let complaint = complaint_or_cut(repair, definition, places, Marked::Yes, deadline, cut)
        .map_err(|CutShort| NotHeld::Interrupted)?;
    match complaint {
        None => {
            let words = format!("`{}` has repaired the database", command.command.join(" "));
            let entry = Entry::new(HistoryEvent::Repaired, words);
            journal::note(places, Some(definition), &entry.taking(Moment::now().since(begun)));
            Ok(())
        }
        Some(why) => {
            Err(NotHeld::Because(format!("{words}, and `{}` {why}", command.command.join(" "))))
        }
    }
}

/// Keeps the lease of a site whose processes run on this node. The keeper survives a killed supervisor; if
/// it is gone, the lease is taken again, unless another owner had it since. Dropping the value does not
/// release the lease, as the processes keep running.
pub fn keep(
    places: &SitePlaces,
    definition: &Definition,
    until: Moment,
) -> Result<Option<HeldLease>, NotTaken> {
    let Some(database) = &definition.database else { return Ok(None) };
    let kept = |keeper| Some(HeldLease { keeper, is_handed_over: Cell::new(true) });
    if let Some(keeper) = lease::living_keeper(places) {
        return Ok(kept(keeper));
    }
    let name = &definition.name;
    let claim = LeaseRequest {
        site: name,
        places,
        database,
        fingerprint: &definition.fingerprint,
        again: true,
    };
    let taken = lease::take(&claim, until, None)?;
    Ok(kept(taken.0.keeper().clone()))
}

/// Sees to it that the lease of a site is kept that runs under a supervisor of its own: nobody but the verbs watches its
/// keeper. `lives`: it still runs. Beside a start or a stop nothing is done.
///
/// # Errors
/// A sentence: another owner has had the lease since, or it cannot be kept any more. The site must not run on.
pub fn keep_on(
    places: &SitePlaces,
    definition: &Definition,
    lives: impl Fn() -> bool,
    until: Moment,
) -> Result<(), String> {
    let Some(database) = &definition.database else { return Ok(()) };
    // Another user finds no keeper, and may start none.
    if !files::is_own_folder(&places.runtime) || lease::is_kept(places) {
        return Ok(());
    }
    let Some(_turn) = take_if_free(places) else { return Ok(()) };
    if !lives() {
        return Ok(());
    }
    match keep(places, definition, until) {
        Ok(kept) => {
            if let Some(kept) = kept {
                let words =
                    format!("the lease had no keeper; it is kept again, by {}", kept.keeper().pid);
                log::warn!("{words}");
                journal::note(places, Some(definition), &Entry::new(HistoryEvent::Leased, words));
            }
            Ok(())
        }
        Err(NotTaken::Failed(why)) => Err(format!(
            "the lease on {} is lost: its keeper had ended, and {why}",
            database.display()
        )),
        // Not decided in this time: the next look tries again.
        Err(why) => {
            log::warn!("the lease has no keeper, and is not kept again yet: {why}");
            Ok(())
        }
    }
}

/// Releases the lease of a site that has no process on this node. Never fails: if the disk is gone, the
/// next owner finds an unclean end.
pub fn let_go(places: &SitePlaces, definition: Option<&Definition>, record: Option<&Record>) {
    // A site without a database has no keeper.
    if definition.is_some_and(|d| d.database.is_none()) {
        return;
    }
    if !lease::release(places, lease::PATIENCE) {
        log::warn!(
            "the lease below {} could not be released: its disk does not answer",
            places.runtime.display()
        );
        return;
    }
    let (Some(record), Some(database)) = (record, definition.and_then(|d| d.database.as_ref()))
    else {
        return;
    };
    // A keeper that was killed has not recorded the end.
    let how = match record.ending {
        Some(Ending::Stopped { .. }) => Settle::Clean,
        // The supervisor is gone as well, so it is unknown how the site ended.
        Some(Ending::Failed(_)) | None => Settle::Unclean,
    };
    if let Err(why) = lease::settle(places, database, how, Moment::now() + SETTLE) {
        log::info!("the lease on {} is left as it is: {why}", database.display());
    }
}

/// The time for the disk to answer once the site has ended.
const SETTLE: Duration = Duration::from_secs(2);

/// Breaks the lease on a person's order, whichever node owns it.
///
/// # Errors
/// A sentence: the lease is not broken.
pub fn break_it(places: &SitePlaces, definition: &Definition) -> Result<String, String> {
    let name = &definition.name;
    let Some(database) = &definition.database else {
        return Err(format!("the site `{name}` has no database, and so no lease"));
    };
    lease::settle(places, database, Settle::Broken, Moment::now() + SETTLE * 5)
        .map(|()| format!("the lease on {} is broken", database.display()))
        .map_err(|why| format!("the lease of `{name}` is not broken: {why}"))
}
