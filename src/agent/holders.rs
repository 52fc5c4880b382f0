//! Processes that use a site's database. One that is left after a successful stop makes the unmount fail
//! (source document 003, NOTE-02 and NOTE-03).

use std::os::fd::AsFd;
use std::time::Duration;

use super::{Fault, Target};
use crate::backend::StopTimes;
use crate::history::{self, Entry, HistoryEvent};
use crate::linux::wait::Waiting;
use crate::process::{
    Holder, Seen, Spared, UNREADABLE, environment_mark, holders, is_of_another_site, mounted_below,
};
use crate::site::{Definition, Holders};
use crate::values::{Moment, Signal};

/// Reports the processes that still use the database of a stopped site, and ends them if `holders:` says
/// so.
pub(super) fn end_or_report(
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
        let words = first.describe(&target.site);
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
                // A process whose site cannot be determined is spared, too.
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
            history::add(&target.site.history(), &Entry::new(HistoryEvent::Holders, &words));
            log::warn!("{words}; it is ended, as `holders:` says");
        }
        let graceful = definition.holders == Holders::Terminate && !term_until.passed();
        end_all(&left, if graceful { Signal::TERM } else { Signal::KILL });
    }
    // siteward unmounts nothing that it has not mounted.
    let Some(mount) = mounted_below(database).into_iter().next() else { return Ok(()) };
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
