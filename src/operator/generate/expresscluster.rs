//! NEC ExpressCluster: synchronous start.sh, stop.sh and genw.sh, and how to monitor the site as a process
//! instead.

use super::facts::SiteFacts;
use crate::manager::Manager;

pub(super) fn generate(facts: &SiteFacts<'_>) -> (String, String) {
    let SiteFacts { name, program, start, stop, .. } = facts;
    let options = facts.options();
    let times = facts.times(Manager::Expresscluster);
    let disk = facts.mount().map_or_else(String::new, |mount| {
        format!("#   disk resource           <DISK-RESOURCE>, mounted on {mount}\n")
    });
    let address = facts
        .address()
        .map_or_else(String::new, |address| format!("#   floating IP resource    {address}\n"));
    let here = [
        facts.mount().map(|mount| format!("#   findmnt {mount}\n")),
        facts.address().map(|address| format!("#   ip address show to {address}\n")),
    ];
    let here: String = here.into_iter().flatten().collect();
    let body = format!(
        "# Before the exec resource is registered, look at what it needs, on the server where the group is\n\
         # active, and then stop the group (clpgrp -t GROUP):\n\
         {here}#   {program} doctor {name} --here{options}\n\n\
         # The failover group, in the order of its dependencies:\n\
         {disk}{address}\
         #   exec resource           {name}\n\
         #     start script          synchronous, timeout {start} s\n\
         #     stop script           synchronous, timeout {stop} s\n\
         #     resource timeouts     {} s to activate, {} s to deactivate\n\
         #   genw monitor            synchronous, while {name} is active, normal value 0\n\
         #\n\
         # To watch the site as a process instead: make the start script asynchronous, write `run`\n\
         # for `start` in it, and put a pidw monitor on {name} in the place of genw.\n\n\
         # --- start.sh ---\n\
         #!/bin/sh\n\
         ulimit -s 8192\n\
         exec {program} start {name} --as expresscluster{options}\n\n\
         # --- stop.sh ---\n\
         #!/bin/sh\n\
         exec {program} stop {name} --as expresscluster{options}\n\n\
         # --- genw.sh ---\n\
         #!/bin/sh\n\
         exec {program} monitor {name} --as expresscluster{options}\n",
        times.start.as_secs(),
        times.stop.as_secs(),
    );
    (format!("The site `{name}` in ExpressCluster."), body)
}
