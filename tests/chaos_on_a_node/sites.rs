//! Ten sites, each with something that the others have not.

use std::fs;
use std::path::Path;

/// A site, and those of its processes that live whenever it is said to be running: each tells by itself that it is ready.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: &'static str,
    pub(crate) always: &'static [&'static str],
    /// So that the 0 of a monitor can only mean that it serves.
    pub(crate) is_never_paused: bool,
}

const NEVER_PAUSED: [&str; 4] = ["plain", "leased", "ordered", "many"];

/// What is in a definition for FOLDER, DISK, and LIVE or DAEMON with the name of a process.
type Written = (&'static str, &'static [&'static str], &'static str);

const READY: &str = "ready: {notify: true}";

const SITES: [Written; 10] = [
    (
        "plain",
        &["a", "b"],
        "processes:\n  a: {command: [LIVE, a], READY}\n  b: {command: [LIVE, b], READY}\n",
    ),
    (
        "leased",
        &["a"],
        "DISK\nprocesses:\n  a: {command: [LIVE, a], READY}\n  b: {command: [LIVE, b]}\n",
    ),
    (
        "restarts",
        &[],
        "processes:\n  a: {command: [LIVE, a, dies=3000], READY, RESTART}\n  \
         b: {command: [LIVE, b, dies=1500, child], RESTART}\n",
    ),
    (
        "ordered",
        &["a", "b", "c"],
        "DISK\nprocesses:\n  a: {command: [LIVE, a], READY}\n  \
         b: {command: [LIVE, b], depends_on: [a], READY}\n  \
         c: {command: [LIVE, c, slow=100], depends_on: [a], READY}\n  \
         d: {command: [LIVE, d, dies=2000], depends_on: [b, c], RESTART}\n",
    ),
    (
        "notify",
        &["a"],
        "processes:\n  a: {command: [LIVE, a, slow=300], READY, reload: {signal: HUP}, \
         healthcheck: {test: [/bin/true], interval: 1s, timeout: 900ms}}\n",
    ),
    (
        "slow",
        &["a", "b"],
        "DISK\nprocesses:\n  a: {command: [LIVE, a, deaf], READY, stop_grace_period: 500ms}\n  \
         b: {command: [LIVE, b, term=900], READY}\n",
    ),
    (
        "wrapped",
        &[],
        "DISK\nsupervisor:\n  start: [LIVE, leader, leads=FOLDER/leader]\n  \
         stop: [EXE, --stop-leader, FOLDER/leader]\n  \
         process: [LIVE, leader, leads=FOLDER/leader]\n  \
         list: {command: [EXE, --list-leader, FOLDER/leader], rows: exit-status}\n",
    ),
    (
        "daemons",
        &["b"],
        "processes:\n  a: {command: [DAEMON, a], forks: true}\n  b: {command: [LIVE, b], READY}\n",
    ),
    (
        "loose",
        &["b"],
        "DISK\non_unclean_shutdown: {command: [/bin/true]}\nprocesses:\n  \
         a: {command: [LIVE, a, once], oneshot: true}\n  b: {command: [LIVE, b, child], READY}\n  \
         c: {command: [LIVE, c, dies=900], essential: false, RESTART}\n",
    ),
    (
        "many",
        &["a-1", "a-2", "a-3"],
        "processes:\n  a: {command: [LIVE, a], instances: 3, READY}\n  \
         b: {command: [LIVE, b], essential: false}\n",
    ),
];

/// Writes the definitions; the folders are there.
pub(crate) fn define(folder: &Path) -> Vec<Site> {
    let program = std::env::current_exe().expect("this program").display().to_string();
    let define = |(name, always, text): Written| {
        let at = folder.display();
        let disk = folder.join(format!("disk-{name}"));
        fs::create_dir(&disk).expect("a folder for its data");
        let disk = format!("database: {}\nprerequisites: {{mounted: false}}", disk.display());
        let restart = "restart: {attempts: 1000, within: 60s, delay: 10ms, max_delay: 50ms}";
        let text = text
            .replace("LIVE", &format!("\"{program}\", --live, {at}, {name}"))
            .replace("DAEMON", &format!("\"{program}\", --daemon, {at}, {name}"))
            .replace("EXE", &format!("\"{program}\""))
            .replace("FOLDER", &at.to_string())
            .replace("DISK", &disk)
            .replace("READY", READY)
            .replace("RESTART", restart);
        let times = "boot_timeout: 6s\nstop_timeout: 2s\nforcekill_time: 300ms\nsettle: 30ms\ncountsleep: 1s\n";
        let text = format!("version: 1\n{times}{text}");
        fs::write(folder.join(format!("sites/{name}.yaml")), text).expect("a definition");
        Site { name, always, is_never_paused: NEVER_PAUSED.contains(&name) }
    };
    SITES.into_iter().map(define).collect()
}
