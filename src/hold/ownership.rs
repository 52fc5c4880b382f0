//! Owning a site's database while the site is up: the lease is taken before anything of the site is
//! started, and let go when nothing of it is left.
//!
//! Promises: what a start holds of it is let go with the start, unless that has handed it over; an
//! unclean end is owed until the command that looks after it has ended well, whoever is cut off
//! meanwhile.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::backend::command::{Marked, Ran, run_or_cut};
use crate::history;
use crate::lease::{self, LeaseRequest, NotTaken, Settle, UncleanEnd};
use crate::linux::files;
use crate::process::{Ending, Identity, Record};
use crate::site::{Definition, SitePlaces};
use crate::values::Moment;

/// Why a lease is not held.
#[derive(Debug)]
pub enum NotHeld {
    Interrupted,
    NotTaken(NotTaken),
    /// An unclean end is not repaired: a sentence without its subject.
    Because(String),
}

impl From<NotTaken> for NotHeld {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Interrupted => Self::Interrupted,
            why => Self::NotTaken(why),
        }
    }
}

/// The lease, as long as the site is not at work: it is released when this is dropped.
#[must_use]
#[derive(Debug)]
pub struct HeldLease {
    keeper: Identity,
    is_handed_over: Cell<bool>,
}

impl HeldLease {
    /// Who keeps it; nothing that is open belongs to this value.
    pub fn keeper(&self) -> &Identity {
        &self.keeper
    }

    /// The site is at work, and its end is the lease's.
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

/// Takes the lease of the site's database, if it has one, waiting for it until `until` or until `cut`
/// becomes readable, and looks after an end that was unclean. Nothing of the site may live on this
/// node.
pub fn take(
    places: &SitePlaces,
    definition: &Definition,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<HeldLease>, NotHeld> {
    let Some(database) = &definition.database else { return Ok(None) };
    let name = &definition.name;
    // The keeper of a start that was cut off keeps it for nobody.
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
    if let Some(end) = &taken.unclean {
        look_after(places, definition, end, until, cut)?;
        taking.repaired(until, cut).map_err(NotHeld::from)?;
    }
    Ok(Some(leased))
}

/// Tells of an end that was unclean, and runs the command for it.
fn look_after(
    places: &SitePlaces,
    definition: &Definition,
    end: &UncleanEnd,
    until: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), NotHeld> {
    let words = format!("`{}` {end}", definition.name);
    log::warn!("{words}");
    let _ = files::private_folder(&places.logs);
    history::add(&places.history(), "unclean", &words);
    let Some(command) = &definition.on_unclean_shutdown else { return Ok(()) };
    let deadline = until.min(Moment::now() + command.timeout);
    let ran = run_or_cut(&command.command, definition, places, Marked::Yes, deadline, cut);
    let complaint = match ran {
        Ok(Ran::Interrupted) => return Err(NotHeld::Interrupted),
        Ok(ran) => ran.complaint(),
        Err(why) => Some(why),
    };
    match complaint {
        None => Ok(()),
        Some(why) => {
            Err(NotHeld::Because(format!("{words}, and `{}` {why}", command.command.join(" "))))
        }
    }
}

/// Sees to it that this node has the lease of a site whose processes live here: its keeper lives on
/// when a supervisor is killed, or the lease is taken again, if nobody had it since. It is not released
/// with the value: the processes live on.
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

/// Lets the lease go, as nothing of the site lives here. Never fails: the disk may be gone, and the
/// lease then reads as unclean.
pub fn let_go(places: &SitePlaces, definition: Option<&Definition>, record: Option<&Record>) {
    // What ran without a database has no keeper to look for.
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
    // A keeper that was killed has written nothing.
    let how = match record.ending {
        Some(Ending::Stopped { .. }) => Settle::Clean,
        // Who supervised it is gone as well, so that nobody knows how it ended.
        Some(Ending::Failed(_)) | None => Settle::Unclean,
    };
    if let Err(why) = lease::settle(places, database, how, Moment::now() + SETTLE) {
        log::info!("the lease on {} is left as it is: {why}", database.display());
    }
}

/// How long a disk may take to answer once the site is gone.
const SETTLE: Duration = Duration::from_secs(2);

/// A person takes the lease away from whoever wrote it.
///
/// # Errors
/// A sentence: it is not broken.
pub fn break_it(places: &SitePlaces, definition: &Definition) -> Result<String, String> {
    let name = &definition.name;
    let Some(database) = &definition.database else {
        return Err(format!("the site `{name}` has no database, and so no lease"));
    };
    lease::settle(places, database, Settle::Broken, Moment::now() + SETTLE * 5)
        .map(|()| format!("the lease on {} is broken", database.display()))
        .map_err(|why| format!("the lease of `{name}` is not broken: {why}"))
}
