//! supervisord and supervisorctl (supervisord.org, 4.2).

use super::profile::{Profile, ProfileKey, Rows};

pub(super) const PROFILE: Profile = Profile {
    word: "supervisord",
    means: "supervisord, by its configuration file `config`; supervisorctl lists, pauses and stops its programs.",
    needs: ProfileKey::Config,
    commands: "/usr/bin",
    start: &["{commands}/supervisord", "--nodaemon", "--configuration", "{config}"],
    stop: &["{commands}/supervisorctl", "--configuration", "{config}", "shutdown"],
    stop_signal: None,
    process: &["{commands}/supervisord", "--nodaemon", "--configuration", "{config}"],
    list: &["{commands}/supervisorctl", "--configuration", "{config}", "status"],
    rows: Rows::Supervisord,
    pause: &["{commands}/supervisorctl", "--configuration", "{config}", "stop", "all"],
    // `start all` would start those too that have `autostart=false`.
    resume: &["{commands}/supervisorctl", "--configuration", "{config}", "reload"],
    detached: false,
    remembers: false,
    config_holds: &["[supervisorctl]", "[rpcinterface:supervisor]"],
    death: "while a program is STARTING or in BACKOFF the site is degraded, when it is FATAL or EXITED it is failed",
    unproved: &[
        "that a program which has ended by itself did so as it should: EXITED counts as a failure, so name those that must run in `services`",
        "that a program does its work: RUNNING means that it has lived for its `startsecs`",
    ],
};
