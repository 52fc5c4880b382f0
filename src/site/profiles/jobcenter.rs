//! JobCenter (source document 003, SUP-02, LS-01, MNT-02, PORT-02).

use super::profile::{Profile, ProfileKey, Rows};

pub(super) const PROFILE: Profile = Profile {
    word: "jobcenter",
    means: "JobCenter: cjcpw starts and stops the site, cjcls lists it, nqsstart and nqsstop resume and pause it.",
    needs: ProfileKey::Database,
    commands: "/usr/lib/nqs",
    start: &["{commands}/cluster/cjcpw", "{site}", "{database}"],
    stop: &["{commands}/cluster/cjcpw", "-stop", "{site}"],
    stop_signal: None,
    process: &["{commands}/cluster/cjcpw", "{site}"],
    list: &["{commands}/cluster/cjcls"],
    rows: Rows::Cjcls,
    pause: &["{commands}/nqsstop", "{site}"],
    resume: &["{commands}/nqsstart", "{site}"],
    detached: false,
    remembers: false,
    config_holds: &[],
    death: "cjcpw stops the other daemons and ends: the site is failed",
    unproved: &[],
};
