//! runit's runsvdir, runsv and sv (smarden.org/runit, 2.1).

use super::profile::{Profile, ProfileKey, Rows};
use crate::values::Signal;

pub(super) const PROFILE: Profile = Profile {
    word: "runit",
    means: "runit's runsvdir, on the service directories in `directory`; sv lists and pauses them.",
    needs: ProfileKey::Directory,
    commands: "/usr/bin",
    start: &["{commands}/runsvdir", "-P", "{directory}"],
    // With TERM it would end without its services.
    stop: &[],
    stop_signal: Some(Signal::HUP),
    process: &["{commands}/runsvdir", "-P", "{directory}"],
    list: &["{commands}/sv", "status", "{services}"],
    rows: Rows::Runit,
    pause: &["{commands}/sv", "down", "{services}"],
    resume: &["{commands}/sv", "up", "{services}"],
    detached: false,
    remembers: false,
    config_holds: &[],
    death: "while a service is down and wanted up the site is degraded; runsv starts it again, at most once a second",
    unproved: &[
        "that a service stays up: runsv starts it again for ever, and one that dies at once looks up in between",
        "that a service does its work: sv tells of its process, and runs no `check` for a status",
    ],
};
