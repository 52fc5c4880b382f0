//! Plays the cluster manager: the whole life of a site, each verb, each failure, in the manager's
//! contract, by calling this program as the manager would; prints each step and its result.

mod contract;
mod lives;
mod report;
mod stage;

use std::io::IsTerminal;

use anyhow::bail;

use crate::control::State;
use crate::manager::Manager;
use crate::observe::observe;
use crate::site::{Places, SiteName};
use crate::values::Moment;
use report::Report;
use stage::RehearsedSite;

/// How to rehearse.
#[derive(Debug)]
pub struct RehearseOptions {
    pub json: bool,
    /// The user has confirmed already that a site of his own may be stopped and killed.
    pub yes: bool,
    /// The managers whose contracts are rehearsed.
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
            for manager in &options.contracts {
                report.part(manager.who(), options.contracts.len());
                of_sample(&mut report, &sample, *manager)?;
            }
        }
        Some(name) => {
            allow(&name, places, options)?;
            for manager in &options.contracts {
                report.part(manager.who(), options.contracts.len());
                of_own(&mut report, &RehearsedSite::of_own(*manager, &name, places)?);
            }
        }
    }
    Ok(report.finish())
}

fn of_sample(report: &mut Report, sample: &stage::Sample, manager: Manager) -> anyhow::Result<()> {
    let stage = |name| sample.stage(manager, name);
    lives::verbs_without_a_site(report, sample, manager);
    lives::whole_life(report, &stage("rehearsal")?);
    lives::supervisor_killed(report, &stage("rehearsal")?);
    lives::supervisor_stopped(report, &stage("rehearsal")?);
    match manager {
        Manager::Pacemaker => lives::held_monitor(report, &stage("rehearsal")?),
        Manager::Serviceguard => lives::watched(report, &stage("rehearsal")?),
        Manager::Expresscluster => {
            lives::events(report, sample);
            lives::watched(report, &stage("rehearsal")?);
        }
        Manager::Clusterware | Manager::Hand => {}
    }
    lives::hard_to_end(report, &stage("stubborn")?);
    lives::never_ready(report, &stage("unready")?);
    lives::paused(report, &stage("rehearsal")?);
    lives::cleaned(report, &stage("stubborn")?);
    Ok(())
}

fn of_own(report: &mut Report, stage: &RehearsedSite) {
    lives::whole_life(report, stage);
    lives::supervisor_killed(report, stage);
    // One that is not ours is asked by commands, which do not hang when it does.
    if !stage.is_wrapped() {
        lives::supervisor_stopped(report, stage);
    }
    lives::paused(report, stage);
    lives::cleaned(report, stage);
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
