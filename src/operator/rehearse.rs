//! Plays the cluster manager: the whole life of a site, each verb, each failure, in the manager's
//! contract, by calling this very program as the manager would; prints what it saw.

mod lives;
mod report;
mod stage;

use std::io::IsTerminal;

use anyhow::bail;

use crate::control::State;
use crate::linux::Moment;
use crate::manager::Manager;
use crate::observe::observe;
use crate::site::{Places, SiteName};
use report::Report;
use stage::Stage;

/// How to rehearse.
#[derive(Debug)]
pub struct RehearseOptions {
    pub json: bool,
    /// It has been said already that a site of the user's own may be stopped and killed.
    pub yes: bool,
    /// In whose contracts.
    pub contracts: Vec<Manager>,
}

/// Rehearses with the built-in sample site, which needs nothing but this binary and no root, or
/// with a site of the user's own. True if every step held.
///
/// # Errors
/// There is nowhere to rehearse, or it was not allowed.
pub fn rehearse(
    name: Option<SiteName>,
    places: &Places,
    options: &RehearseOptions,
) -> anyhow::Result<bool> {
    let mut report = Report::new(options.json, std::io::stdout().is_terminal());
    match name {
        None => {
            let sample = stage::Sample::build()?;
            lives::verbs_without_a_site(&mut report, &sample);
            lives::whole_life(&mut report, &sample.stage("rehearsal")?);
            lives::supervisor_killed(&mut report, &sample.stage("rehearsal")?);
            lives::supervisor_stopped(&mut report, &sample.stage("rehearsal")?);
            lives::held_monitor(&mut report, &sample.stage("rehearsal")?);
            lives::hard_to_end(&mut report, &sample.stage("stubborn")?);
            lives::never_ready(&mut report, &sample.stage("unready")?);
            lives::paused(&mut report, &sample.stage("rehearsal")?);
            lives::cleaned(&mut report, &sample.stage("stubborn")?);
        }
        Some(name) => {
            allow(&name, places, options)?;
            let stage = Stage::of_own(&name, places)?;
            lives::whole_life(&mut report, &stage);
            lives::supervisor_killed(&mut report, &stage);
            lives::supervisor_stopped(&mut report, &stage);
            lives::paused(&mut report, &stage);
            lives::cleaned(&mut report, &stage);
        }
    }
    Ok(report.finish())
}

/// A rehearsal stops and kills: only a site that does not run, and only if its owner says so.
fn allow(name: &SiteName, places: &Places, options: &RehearseOptions) -> anyhow::Result<()> {
    let now = Moment::now();
    let site = places.of(name);
    let seen = observe(&site, now, now + std::time::Duration::from_secs(5)).map_err(|d| d.0)?;
    if !matches!(seen.state, State::Stopped | State::Failed) {
        bail!(
            "the site `{name}` is {}, and a rehearsal would kill it; take it out of its manager's \
             hands, stop it, and rehearse then",
            seen.state
        );
    }
    if options.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "a rehearsal starts the site `{name}` here, kills its processes and its supervisor, and \
             stops it; say that this is meant with --yes"
        );
    }
    eprint!(
        "This starts the site `{name}` on this node, kills each of its processes and its \
         supervisor, and stops it.\nNo cluster manager may have it in hand meanwhile. Go on? [y/N] "
    );
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("nothing was done"),
    }
}
