//! A unit of systemd, which the cluster owns.

use super::profile::{Profile, ProfileKey, Rows};

pub(super) const PROFILE: Profile = Profile {
    word: "systemd",
    means: "A service or a target of systemd that the cluster owns: `unit`, by systemctl.",
    needs: ProfileKey::Unit,
    commands: "/usr/bin",
    start: &["{commands}/systemctl", "start", "{unit}"],
    stop: &["{commands}/systemctl", "stop", "{unit}"],
    stop_signal: None,
    process: &["{commands}/systemctl", "start", "{unit}"],
    list: &[
        "{commands}/systemctl",
        "show",
        "--property=Id,LoadState,ActiveState,SubState,Result,MainPID,ControlGroup,Slice,Requires,Wants,BindsTo,ConsistsOf",
        "{services}",
    ],
    rows: Rows::Systemd,
    // Another supervisor takes its place while it is paused, as with every one that cannot be at rest.
    pause: &[],
    resume: &[],
    detached: true,
    remembers: false,
    config_holds: &[],
    death: "a unit that failed or ended is failed; one that systemd restarts is degraded",
    unproved: &[
        "that a service does its work: active means what its `Type=` means",
        "that what a service has given to another unit, by systemd-run or a socket, ends with it: the proof of a stop is its control group",
    ],
};
