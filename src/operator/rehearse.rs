//! Plays a cluster manager. It calls this program as the manager does, for each verb and each failure in the
//! life of a site, and compares the exit codes. Each step is printed with its result.

mod contract;
mod lives;
mod report;
mod stage;
mod wrapped;

use std::io::{IsTerminal, Write};

use anyhow::bail;

use crate::control::State;
use crate::manager::Manager;
use crate::observe::observe;
use crate::site::{Places, SiteName};
use crate::values::Moment;
use report::Report;
use stage::{RehearsedSite, WRAPPED};

/// The options of a rehearsal.
#[derive(Debug)]
pub struct RehearseOptions {
    pub json: bool,
    /// The user has confirmed that the site may be stopped and killed.
    pub yes: bool,
    /// The managers whose contracts are rehearsed.
    pub contracts: Vec<Manager>,
}

/// Rehearses with the built-in sample sites, which need only this binary and no root, or with a site of the
/// user. True if each step had the expected result.
///
/// # Errors
/// The sample sites cannot be made, or the rehearsal is not allowed.
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
    let (own, folder) = (stage(WRAPPED)?, sample.wrapped());
    wrapped::killed(report, &own, &folder);
    wrapped::supervisor_stopped(report, &own);
    wrapped::list_lies(report, &own, &folder);
    Ok(())
}

fn of_own(report: &mut Report, stage: &RehearsedSite) {
    lives::whole_life(report, stage);
    if !stage.is_detached() {
        lives::supervisor_killed(report, stage);
    }
    // A wrapped supervisor is asked by commands. They do not hang if the supervisor is stopped by a signal.
    match stage.is_wrapped() {
        true => wrapped::supervisor_stopped(report, stage),
        false => lives::supervisor_stopped(report, stage),
    }
    lives::paused(report, stage);
    lives::cleaned(report, stage);
}

/// A rehearsal stops and kills, so the site must be down, and the user must confirm.
fn allow(name: &SiteName, places: &Places, options: &RehearseOptions) -> anyhow::Result<()> {
    let now = Moment::now();
    let site = places.of(name);
    let seen = observe(&site, now, now + std::time::Duration::from_secs(5)).map_err(|d| d.0)?;
    if !matches!(seen.state, State::Stopped | State::Failed) {
        bail!(
            "the site `{name}` is {}, and a rehearsal would kill it; unmanage it in the \
             cluster, stop it, and then rehearse",
            seen.state
        );
    }
    if options.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "a rehearsal starts the site `{name}` here, kills its processes and its supervisor, and \
             stops it; confirm that with --yes"
        );
    }
    let _ = write!(
        std::io::stderr(),
        "This starts the site `{name}` on this node, kills each of its processes and its \
         supervisor, and stops it.\nNo cluster manager may manage it meanwhile. Go on? [y/N] "
    );
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("nothing was done"),
    }
}
