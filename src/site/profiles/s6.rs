//! s6's s6-svscan, s6-supervise and s6-svstat (skarnet.org, 2.11).

use super::profile::{Profile, ProfileKey, Rows};

pub(super) const PROFILE: Profile = Profile {
    word: "s6",
    means: "s6's s6-svscan, on the scan directory `directory`; s6-svstat lists and s6-svc pauses its services.",
    needs: ProfileKey::Directory,
    commands: "/usr/bin",
    start: &["{commands}/s6-svscan", "{directory}"],
    stop: &["{commands}/s6-svscanctl", "-t", "{directory}"],
    stop_signal: None,
    process: &["{commands}/s6-svscan", "{directory}"],
    list: &["{commands}/s6-svstat", "-o", Rows::S6_FIELDS, "{service}"],
    rows: Rows::S6,
    pause: &["{commands}/s6-svc", "-d", "{service}"],
    resume: &["{commands}/s6-svc", "-u", "{service}"],
    detached: false,
    remembers: false,
    config_holds: &[],
    death: "while a service is down and wanted up the site is degraded; one whose finish script ended with 125 is failed",
    unproved: &[
        "that a service stays up: s6-supervise starts it again for ever, unless its finish script ends with 125",
        "that a service is ready: up means that its process runs, a `notification-fd` is not asked for",
    ],
};
