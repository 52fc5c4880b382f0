//! Leaves the facts of this node on the site's database, after a start.
//!
//! The supervisor, or the start of a wrapped site, runs this process beside the site, and does not wait for
//! it. It touches no disk itself: a helper does, and is killed at its deadline, or when a stop is ordered,
//! so that the disk can be unmounted.

use std::time::Duration;

use super::jobs::{FactsJob, WORD};
use crate::disk;
use crate::hold::Interrupts;
use crate::linux::{node, priority};
use crate::site::{Places, SiteName, load_snapshot};
use crate::values::Moment;

/// How long it may take.
const TIME: Duration = Duration::from_secs(60);

/// The helper ends before it is killed.
const MARGIN: Duration = Duration::from_secs(3);

/// For which site, and since when an order to stop counts.
#[derive(Debug)]
pub struct LeaveOrder {
    pub name: SiteName,
    pub node: String,
    pub begun: Moment,
}

/// See the module.
///
/// # Errors
/// The facts were not left; a sentence. A stop is no error.
pub fn leave(order: LeaveOrder, places: &Places) -> Result<(), String> {
    let LeaveOrder { name, node, begun } = order;
    // The site's own processes come first.
    priority::step_back();
    node::set_name(node);
    let site = places.of(&name);
    let interrupts = Interrupts::first(&site, begun).map_err(|e| e.to_string())?;
    interrupts.watch_orders();
    let definition = load_snapshot(&site.snapshot(), &name).map_err(|e| e.to_string())?;
    let Some(database) = &definition.database else { return Ok(()) };
    if interrupts.is_cut() {
        return Ok(());
    }
    let job = FactsJob::Leave { name, node: node::name(), within: TIME - MARGIN };
    let until = Moment::now() + TIME;
    let left: Result<Result<(), String>, _> =
        disk::ask(places, (WORD, &job), database, until, Some(interrupts.fd()));
    match left {
        Err(disk::Undone::Interrupted) => Ok(()),
        Err(disk::Undone::Because(why)) => Err(why),
        Ok(done) => done,
    }
}
