//! Clusterware asks at an interval, so it is asked to ask: a process beside a site that Clusterware has started lets it
//! check the resource as soon as the site has failed. It declares nothing: what the check sees, counts.
//!
//! Promises: it ends with the site, and at an order to stop it. Must never: look at the site's disk, or wait for
//! Clusterware longer than two seconds.

use std::env;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::settings::{ask_clusterware_to_check, has_clusterware};
use crate::agent::{Target, tell_failures};
use crate::linux::priority;
use crate::process::{ASKER, called, start_beside, words_beside};
use crate::site::{Places, SiteName, SitePlaces};
use crate::values::Moment;

/// The hidden subcommand.
const WORD: &str = "ask-check";

/// How long Clusterware's tool may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the process needs of its start's environment, to find the tool.
const KEPT: [&str; 3] = ["PATH", "CRS_HOME", "ORACLE_HOME"];

/// Starts that process for a site that is up, unless it is there or Clusterware's tool is not.
pub fn start_asking(places: &SitePlaces, resource: &str) {
    let is_there = || called(places, ASKER).is_ok_and(|found| !found.is_empty());
    if !has_clusterware() || is_there() {
        return;
    }
    if let Err(why) = spawn(places, resource) {
        log::warn!("Clusterware is not told at once when the site fails: {why}");
    }
}

fn spawn(places: &SitePlaces, resource: &str) -> Result<(), String> {
    let name = places.name().ok_or("it has no name")?.to_string();
    let begun = serde_json::to_string(&Moment::now()).map_err(|error| error.to_string())?;
    let words = words_beside(places, &[WORD, &name, resource, "--begun", &begun]);
    let kept = KEPT.iter().filter_map(|name| {
        let value = env::var_os(name)?;
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
    });
    // Nobody reaps it here: the start ends, and init does.
    start_beside(places, ASKER, &words, kept).map(drop)
}

/// Is that process: see the module.
///
/// # Errors
/// The site cannot be watched; a sentence.
pub fn ask_on_failure(
    name: SiteName,
    places: Places,
    resource: &str,
    begun: Moment,
) -> Result<(), String> {
    // The site's own processes come first.
    priority::step_back();
    let target = Target::new(name, places, None);
    tell_failures(&target, begun, || {
        // Best effort: its next check comes anyway.
        let _ = ask_clusterware_to_check(resource, Moment::now() + PATIENCE);
    })
}
