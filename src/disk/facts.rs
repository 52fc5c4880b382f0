//! The process that leaves the facts of this node on a site's database: see `operator::facts`.

use std::ffi::OsString;
use std::os::fd::AsFd;

use crate::linux::node;
use crate::linux::process::reap_one;
use crate::linux::thread::{self, StackSize};
use crate::linux::wait::Waiting;
use crate::process::{FACTS, called, start_beside, words_beside};
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// The hidden subcommand of that process.
const WORD: &str = "leave-facts";

/// Its words, for a site that came up now. Empty: there is no such site.
pub fn leaving_words(places: &SitePlaces) -> Vec<OsString> {
    let Some(name) = places.name() else { return Vec::new() };
    let begun = serde_json::to_string(&Moment::now()).unwrap_or_default();
    let (name, node) = (name.to_string(), node::name());
    words_beside(places, &[WORD, &name, "--node", &node, "--begun", &begun])
}

/// Starts that process, which outlives this one, and does not wait for it.
pub fn leave_facts_detached(places: &SitePlaces) {
    match start_beside(places, FACTS, &leaving_words(places), []) {
        // A run stays as long as its site.
        Ok(pid) => drop(thread::start("facts", StackSize::Small, move || reap_one(pid))),
        Err(why) => log::warn!("the facts of this node are not left on the database: {why}"),
    }
}

/// Ends those that [`leave_facts_detached`] has started, so that the disk can be unmounted: a stop may be over before
/// they have looked at its order.
///
/// # Errors
/// For the end of a sentence: one of them may live.
pub fn end_detached_facts(places: &SitePlaces, until: Moment) -> Result<(), String> {
    loop {
        // Its helper at the disk bears the same mark. It is killed with it, and that takes a moment.
        let found = called(places, FACTS).map_err(|e| format!("/proc cannot be read: {e}"))?;
        let Some(first) = found.first() else { return Ok(()) };
        if until.passed() {
            let pid = first.pid;
            return Err(format!("process {pid} leaves facts on the database, and does not end"));
        }
        for handle in found.iter().filter_map(|seen| seen.open()) {
            let _ = handle.send(Signal::KILL);
            let mut waiting = Waiting::new();
            waiting.readable(handle.as_fd(), ());
            waiting.wait(Some(until));
        }
    }
}
