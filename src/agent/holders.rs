//! Processes that use a site's database. One that is left after a successful stop makes the unmount fail
//! (source document 003, NOTE-02 and NOTE-03).

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Fault, Outcome, Target};
use crate::backend::StopTimes;
use crate::history;
use crate::linux::node;
use crate::linux::process::command_line;
use crate::linux::wait::Waiting;
use crate::process::{
    Holder, LEASE, Seen, Spared, UNREADABLE, environment_mark, holders, is_of_another_site,
};
use crate::site::{Definition, Holders, load, load_snapshot};
use crate::values::{Moment, Signal};

/// One line for a process: its number, its command, its site, and the file that it uses.
fn describe(target: &Target, holder: &Holder) -> String {
    let line = command_line(holder.pid).unwrap_or_else(|| format!("[{}]", holder.comm));
    let folder = target.site.runtime.as_os_str().as_encoded_bytes();
    let whose = match holder.seen().environment_mark() {
        Ok(Some((of, who))) if of == folder && who == LEASE => "the keeper of the lease".to_owned(),
        Ok(Some((of, who))) if of == folder => format!("`{who}` of the site"),
        Ok(Some((of, _))) => format!("of another site ({})", String::from_utf8_lossy(&of)),
        Ok(None) => "not of the site".to_owned(),
        Err(_) => UNREADABLE.to_owned(),
    };
    format!("{} ({line}), {whose}, holds {}", holder.pid, holder.what.display())
}

/// Lists the processes that use the database of a site, at any time.
pub fn list_holders(target: &Target) -> Outcome {
    let definition = match load(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => match load_snapshot(&target.site.snapshot(), &target.name) {
            Ok(definition) => definition,
            Err(_) => return Fault::from(error).into(),
        },
    };
    let Some(database) = &definition.database else {
        return Fault::failed(format!("the site `{}` has no database", target.name)).into();
    };
    let found = match holders(database) {
        Ok(found) => found,
        Err(error) => return Fault::failed(format!("/proc cannot be read: {error}")).into(),
    };
    let mut lines: Vec<String> = found.iter().map(|h| describe(target, h)).collect();
    lines.extend(mounted_below(database));
    Outcome::Done(match lines.is_empty() {
        true => format!("nobody holds {}", database.display()),
        false => format!("{} is held:\n  {}", database.display(), lines.join("\n  ")),
    })
}

/// The file systems that are mounted below the database: they also prevent its unmount.
fn mounted_below(database: &Path) -> impl Iterator<Item = String> {
    let mounts = node::mount_points().unwrap_or_default();
    let below = |mount: &PathBuf| mount.starts_with(database) && mount != database;
    let below: Vec<PathBuf> = mounts.into_iter().filter(below).collect();
    below.into_iter().map(|mount| format!("something is mounted on {}", mount.display()))
}

/// After the site is proved stopped: names the processes that still use its database, and ends them where
/// the definition says so.
pub(super) fn see_to(
    target: &Target,
    definition: Option<&Definition>,
    times: &StopTimes,
) -> Result<(), Fault> {
    let Some(definition) = definition else { return Ok(()) };
    let Some(database) = &definition.database else { return Ok(()) };
    let mut said = false;
    let term_until = times.until.min(Moment::now() + definition.forcekill_time);
    loop {
        let left: Vec<Holder> = holders(database)
            .unwrap_or_default()
            .into_iter()
            .filter(|h| !h.keeps_lease(&target.site))
            .collect();
        let Some(first) = left.first() else { break };
        let words = describe(target, first);
        if definition.holders == Holders::Report {
            let more = left.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            log::warn!(
                "the site `{}` is stopped, and its disk is still busy: {words}{more}; see: siteward \
                 holders {}",
                target.name,
                target.name
            );
            return Ok(());
        }
        let may_not = Spared::now().map_err(|error| {
            Fault::failed(format!("/proc cannot be read, so nothing can be proved: {error}"))
        })?;
        let spared = left.iter().find_map(|h| {
            let stat = h.seen().stat();
            let whose =
                stat.map(|stat| (is_of_another_site(&target.site, &stat), environment_mark(&stat)));
            let why = match whose {
                Some((_, Err(_))) => Some(UNREADABLE),
                // A process whose site cannot be found out is left, too.
                Some((Ok(true) | Err(_), Ok(_))) => Some("which has another site's mark"),
                Some((Ok(false), Ok(_))) | None => None,
            };
            Some((h, why.or_else(|| may_not.why(h.pid))?))
        });
        if let Some((holder, why)) = spared {
            return Err(Fault::failed(format!(
                "the site `{}` is stopped, but its disk is not free: {} holds {}, and is spared: {why}",
                target.name,
                holder.pid,
                holder.what.display()
            )));
        }
        if times.until.passed() {
            return Err(Fault::failed(format!(
                "the site `{}` is stopped, but its disk is not free: {words}",
                target.name
            )));
        }
        if !said {
            said = true;
            history::add(&target.site.history(), "holders", &words);
            log::warn!("{words}; it is ended, as `holders:` says");
        }
        let graceful = definition.holders == Holders::Terminate && !term_until.passed();
        end_all(&left, if graceful { Signal::TERM } else { Signal::KILL });
    }
    // siteward unmounts nothing that it has not mounted.
    let Some(mount) = mounted_below(database).next() else { return Ok(()) };
    if definition.holders == Holders::Report {
        log::warn!("the site `{}` is stopped, and its disk is still busy: {mount}", target.name);
        return Ok(());
    }
    Err(Fault::failed(format!(
        "the site `{}` is stopped, but its disk is not free: {mount}; unmount that first",
        target.name
    )))
}

fn end_all(left: &[Holder], signal: Signal) {
    let seen = |h: &Holder| Seen { pid: h.pid, start: h.start };
    let handles: Vec<_> = left.iter().filter_map(|h| seen(h).open()).collect();
    let mut waiting = Waiting::new();
    for handle in &handles {
        let _ = handle.send(signal).and_then(|()| handle.send(Signal::CONT));
        waiting.readable(handle.as_fd(), ());
    }
    waiting.wait(Some(Moment::now() + Duration::from_millis(100)));
}
