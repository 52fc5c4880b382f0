//! A project of Docker Compose.

use super::profile::{Profile, ProfileKey, Rows};

pub(super) const PROFILE: Profile = Profile {
    word: "compose",
    means: "A project of Docker Compose, by its file `config`; `docker compose` starts, lists and stops its containers.",
    needs: ProfileKey::Config,
    commands: "/usr/bin",
    start: &["{commands}/docker", "compose", "--file", "{config}", "up", "--detach", "--wait"],
    stop: &["{commands}/docker", "compose", "--file", "{config}", "down"],
    stop_signal: None,
    process: &["{commands}/docker", "compose", "--file", "{config}", "up", "--detach", "--wait"],
    list: &[
        "{commands}/docker",
        "compose",
        "--file",
        "{config}",
        "ps",
        "--all",
        "--format",
        "json",
    ],
    rows: Rows::Compose,
    pause: &[],
    resume: &[],
    detached: true,
    remembers: false,
    config_holds: &["services:"],
    death: "a container that exited or is dead is a failure, one that restarts makes the site degraded",
    unproved: &[
        "that no process of a container lives: the containers are children of Docker's daemon, and `docker compose ps` is believed",
    ],
};
