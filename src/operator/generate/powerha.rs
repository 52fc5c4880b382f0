//! IBM PowerHA: the two scripts of an application controller, which get no arguments, and the method of a custom
//! monitor.

use super::facts::SiteFacts;
use crate::manager::Manager;

/// The directory of the scripts, the same on every node.
const SCRIPTS: &str = "/opt/siteward/powerha";

pub(super) fn generate(facts: &SiteFacts<'_>) -> (String, String) {
    let SiteFacts { name, program, start, stop, .. } = facts;
    let options = facts.options();
    let interval = facts.times(Manager::Hand).monitor_timeout.as_secs();
    let script = |file: &str, verb: &str| {
        format!(
            "cat >{SCRIPTS}/{name}.{file} <<'END'\n#!/bin/sh\n\
             exec {program} {verb} {name} --as hand{options}\nEND\n\
             chmod 755 {SCRIPTS}/{name}.{file}\n\n"
        )
    };
    let disk = facts
        .mount()
        .map_or_else(String::new, |mount| format!("#   file system         {mount}\n"));
    let address = facts
        .address()
        .map_or_else(String::new, |address| format!("#   service IP label    {address}\n"));
    let body = format!(
        "# The resource group:\n\
         {disk}{address}\
         #   controller          {SCRIPTS}/{name}.start and {SCRIPTS}/{name}.stop\n\
         #   custom monitor      {SCRIPTS}/{name}.monitor, interval {interval} s, long-running and at startup\n\
         # A start may take {start} s, and so long the stabilization interval has to be; a stop may take {stop} s.\n\n\
         # On every node, as root:\n\
         mkdir -p {SCRIPTS}\n{}{}{}",
        script("start", "start"),
        script("stop", "stop"),
        script("monitor", "monitor"),
    );
    (format!("The site `{name}` in PowerHA."), body)
}
