//! A process that tells when it begins, the time from its death until it has begun again, and the machine under systemd
//! on which Pacemaker gives such a process to systemd.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use siteward::process::find_by_command_line;
use siteward::values::Signal;

use crate::clean_root::CleanRoot;
use crate::common::{signal, wait_for};
use crate::tools::{Times, script, tell};

/// A process that writes to a file when it begins, and then only sleeps.
pub(crate) struct Told {
    file: PathBuf,
    mark: &'static str,
}

impl Told {
    /// `inside`: where that folder is for what runs there.
    pub(crate) fn new(folder: &Path, inside: &str, name: &str, mark: &'static str) -> Self {
        let begin = format!("echo >{inside}/{name}\nexec /bin/sleep {mark}");
        script(&folder.join(format!("{name}.sh")), &begin);
        Self { file: folder.join(name), mark }
    }

    fn began(&self) -> Option<SystemTime> {
        fs::metadata(&self.file).and_then(|file| file.modified()).ok()
    }

    pub(crate) fn kill(&self) {
        let words = ["/bin/sleep", self.mark].map(str::to_owned);
        let found = find_by_command_line(&words).unwrap();
        signal(found.first().expect("it runs").pid, Signal::KILL);
    }
}

/// From now until each of them has begun anew, after `act`.
pub(crate) fn until_again(all: &[&Told], act: impl FnOnce()) -> Vec<Duration> {
    let before: Vec<_> = all.iter().map(|one| one.began()).collect();
    let begun = Instant::now();
    act();
    let mut took = vec![None; all.len()];
    while took.contains(&None) {
        assert!(begun.elapsed() < Duration::from_secs(120), "a process does not run again");
        for at in (0..all.len()).filter(|at| all[*at].began() != before[*at]) {
            took[at].get_or_insert_with(|| begun.elapsed());
        }
        wait_for(Duration::from_millis(1));
    }
    took.into_iter().flatten().collect()
}

/// A machine with one node: what is asked every 10 s, and every second.
pub(crate) fn under_systemd(deaths: u32, step: Duration) -> [Times; 2] {
    tell("a machine under systemd boots");
    let machine = CleanRoot::boot("bench", "pacemaker,corosync,pacemaker-cli-utils,crmsh,perl");
    machine.shell("timeout 60 bash -c 'until crm_mon -1 2>&1 | grep -q \"Online: .* node1\"; do sleep 0.2; done'");
    machine.must(&["crm_attribute", "-n", "stonith-enabled", "-v", "false"]);
    let root = machine.path("/root");
    let payloads = [("slow", "7770006"), ("quick", "7770007")]
        .map(|(name, mark)| Told::new(&root, "/root", name, mark));
    for (name, interval) in [("slow", "10s"), ("quick", "1s")] {
        let unit = format!("[Service]\nExecStart=/root/{name}.sh\n");
        fs::write(machine.path(&format!("/etc/systemd/system/{name}.service")), unit).unwrap();
        machine.must(&["systemctl", "daemon-reload"]);
        let monitor = format!("interval={interval}");
        let primitive = ["crm", "configure", "primitive", name];
        let rest = [&format!("systemd:{name}"), "op", "monitor", &monitor, "timeout=40s"];
        machine.must(&[&primitive[..], &rest].concat());
    }
    machine.must(&["crm_resource", "--wait", "--timeout=60s"]);
    let mut times = [Times::default(), Times::default()];
    for round in 0..deaths {
        for (at, delay) in [(1, Duration::from_secs(1)), (0, step * round)] {
            wait_for(delay);
            let took = until_again(&[&payloads[at]], || payloads[at].kill());
            times[at].add(took[0]);
            machine.must(&["crm_resource", "--wait", "--timeout=60s"]);
        }
    }
    times
}
