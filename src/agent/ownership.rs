//! Owning a site's database while the site is up: the lease is taken before anything of the site is
//! started, and let go when nothing of it is left.

use std::time::Duration;

use super::{Fault, Target};
use crate::backend::command::{Marked, run};
use crate::history;
use crate::lease;
use crate::linux::{Moment, files};
use crate::process::{Ending, Record};
use crate::site::Definition;

/// Takes the lease of the site's database, if it has one, waiting for it until `until`. Nothing of the
/// site may live on this node.
pub(super) fn take(target: &Target, definition: &Definition, until: Moment) -> Result<(), Fault> {
    let Some(database) = &definition.database else { return Ok(()) };
    let name = &target.name;
    // The keeper of a start that was cut off keeps it for nobody.
    lease::release(&target.site, lease::PATIENCE);
    let taken = lease::take(name, &target.site, database, &definition.fingerprint, until)
        .map_err(|why| Fault::failed(format!("the site `{name}` is not started: {why}")))?;
    if taken.other_definition.is_some() {
        log::warn!(
            "the last owner of {} ran another definition of `{name}` than this node has; compare \
             the nodes' files",
            database.display()
        );
    }
    let Some(owner) = taken.unclean else { return Ok(()) };
    let words = format!(
        "`{name}` ended uncleanly on `{}`, where it had been up since {}",
        owner.node, owner.since
    );
    log::warn!("{words}");
    let _ = files::private_folder(&target.site.logs);
    history::add(&target.site.history(), "unclean", &words);
    let Some(command) = &definition.on_unclean_shutdown else { return Ok(()) };
    let deadline = until.min(Moment::now() + command.timeout);
    let ran = run(&command.command, definition, &target.site, Marked::Yes, deadline);
    let complaint = match ran {
        Ok(ran) => ran.complaint(),
        Err(why) => Some(why),
    };
    match complaint {
        None => Ok(()),
        Some(why) => {
            // The next start finds the same: the end was still unclean.
            lease::abandon(&target.site);
            Err(Fault::failed(format!(
                "the site `{name}` is not started: {words}, and `{}` {why}",
                command.command.join(" ")
            )))
        }
    }
}

/// Sees to it that this node has the lease for a site whose processes live here: its keeper lives on
/// when a supervisor is killed, or the lease is taken again.
pub(super) fn keep(target: &Target, definition: &Definition, until: Moment) -> Result<(), Fault> {
    let Some(database) = &definition.database else { return Ok(()) };
    if lease::is_kept(&target.site) {
        return Ok(());
    }
    let name = &target.name;
    lease::take(name, &target.site, database, &definition.fingerprint, until).map(|_| ()).map_err(
        |why| {
            Fault::failed(format!(
                "the site `{name}` is not adopted, though it lives on this node: {why}"
            ))
        },
    )
}

/// Lets the lease go, as nothing of the site lives here. Never fails: the disk may be gone, and the
/// lease then reads as unclean.
pub(super) fn let_go(target: &Target, definition: Option<&Definition>, record: Option<&Record>) {
    // What ran without a database has no keeper to look for.
    if definition.is_some_and(|d| d.database.is_none()) {
        return;
    }
    if !lease::release(&target.site, lease::PATIENCE) {
        log::warn!(
            "the lease of `{}` could not be released: its disk does not answer",
            target.name
        );
        return;
    }
    // A keeper that was killed with its supervisor has written nothing.
    let known = matches!(record.and_then(|r| r.ending.as_ref()), Some(Ending::Stopped { .. }));
    let database = definition.and_then(|d| d.database.as_ref());
    if let (false, Some(_), Some(database)) = (known, record, database)
        && let Err(why) = lease::settle(database, false, Moment::now() + SETTLE)
    {
        log::info!("the lease of `{}` is left as it is: {why}", target.name);
    }
}

/// How long a disk may take to answer once the site is gone.
const SETTLE: Duration = Duration::from_secs(2);

/// A person takes the lease away from whoever wrote it.
pub(super) fn break_it(target: &Target, definition: &Definition) -> Result<String, Fault> {
    let name = &target.name;
    let Some(database) = &definition.database else {
        return Err(Fault::failed(format!("the site `{name}` has no database, and so no lease")));
    };
    lease::settle(database, true, Moment::now() + SETTLE * 5)
        .map(|()| format!("the lease on {} is broken", database.display()))
        .map_err(|why| Fault::failed(format!("the lease of `{name}` is not broken: {why}")))
}
