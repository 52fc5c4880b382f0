//! monit (mmonit.com/monit, 5.33).

use super::profile::{Profile, ProfileKey, Rows};
use crate::values::Signal;

pub(super) const PROFILE: Profile = Profile {
    word: "monit",
    means: "monit, by its control file `config`; monit itself lists, pauses and stops the processes that it checks.",
    needs: ProfileKey::Config,
    commands: "/usr/bin",
    start: &["{commands}/monit", "-I", "-c", "{config}"],
    // `monit quit` would leave the services behind.
    stop: &["{commands}/monit", "-c", "{config}", "stop", "all"],
    stop_signal: Some(Signal::TERM),
    process: &["{commands}/monit", "-I", "-c", "{config}"],
    list: &["{commands}/monit", "-c", "{config}", "-B", "status"],
    rows: Rows::Monit,
    pause: &["{commands}/monit", "-c", "{config}", "stop", "all"],
    resume: &["{commands}/monit", "-c", "{config}", "start", "all"],
    detached: false,
    // In its state file.
    remembers: true,
    config_holds: &["set daemon", "set httpd"],
    death: "from the death of a process on the site is degraded, until monit's next cycle starts it again; one that monit no \
            longer monitors is failed",
    unproved: &[
        "that a process which monit's start program made is the site's once monit is gone: it daemonises, and is known by its \
         control group, or else by a mark in its environment that the start program may take away",
        "that a start succeeds after a crash of monit: its own pid file stays, and if that number is another process by then, monit ends \
         at once and says whom it has awakened",
        "that a process of a pid file is the one that was started: monit believes the file",
    ],
};
