//! Users and groups by name. A static binary has no NSS modules: the files first, then
//! getent(1), which knows LDAP and sssd; never on the way of a monitor.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::PidFd;
use crate::values::{Pid, Signal};

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, `gid` among them.
    pub groups: Vec<u32>,
}

/// A user as passwd(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

/// The user called `name`, or with the number `name`; None if nobody knows one.
pub fn user(name: &str) -> Option<User> {
    let found = fs::read_to_string("/etc/passwd").ok().and_then(|text| find_user(&text, name));
    found.or_else(|| find_user(&getent(&["passwd", name])?, name))
}

/// The number of the group called `name`, or with that number.
pub fn group(name: &str) -> Option<u32> {
    let found = fs::read_to_string("/etc/group").ok().and_then(|text| find_group(&text, name));
    found.or_else(|| find_group(&getent(&["group", name])?, name))
}

impl User {
    /// The groups that a login as this user would have, with `gid` as the first.
    pub fn credentials(&self, gid: Option<u32>) -> Credentials {
        let gid = gid.unwrap_or(self.gid);
        let supplementary = getent(&["initgroups", &self.name]).map_or_else(
            || {
                let text = fs::read_to_string("/etc/group").unwrap_or_default();
                groups_of(&text, &self.name)
            },
            |text| text.split_whitespace().skip(1).filter_map(|g| g.parse().ok()).collect(),
        );
        let mut groups = vec![gid, self.gid];
        groups.extend(supplementary);
        let mut seen = std::collections::HashSet::new();
        groups.retain(|g| seen.insert(*g));
        Credentials { uid: self.uid, gid, groups }
    }
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    let users = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        Some(User {
            name: (*fields.first()?).to_owned(),
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: (*fields.get(5)?).to_owned(),
        })
    });
    let users: Vec<User> = users.collect();
    let number: Option<u32> = name.parse().ok();
    users
        .iter()
        .find(|u| u.name == name)
        .or_else(|| users.iter().find(|u| Some(u.uid) == number))
        .cloned()
}

fn find_group(text: &str, name: &str) -> Option<u32> {
    let number: Option<u32> = name.parse().ok();
    let groups = || {
        text.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            Some((*fields.first()?, fields.get(2)?.parse::<u32>().ok()?))
        })
    };
    groups()
        .find(|(n, _)| *n == name)
        .or_else(|| groups().find(|(_, gid)| Some(*gid) == number))
        .map(|(_, gid)| gid)
}

fn groups_of(text: &str, user: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let members = fields.get(3)?;
            members.split(',').any(|m| m == user).then(|| fields[2].parse().ok())?
        })
        .collect()
}

/// What getent(1) prints within two seconds; a directory server that hangs must not hang us.
fn getent(arguments: &[&str]) -> Option<String> {
    let mut child = Command::new("getent")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let handle = Pid::from_raw(child.id().cast_signed()).and_then(|pid| PidFd::open(pid).ok());
    let patience = Duration::from_secs(2);
    let ended = handle.as_ref().is_some_and(|handle| {
        let mut fds = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        matches!(poll(&mut fds, timeout), Ok(n) if n > 0)
    });
    if !ended {
        let _ = handle.map_or_else(|| child.kill(), |h| h.send(Signal::KILL));
    }
    let status = child.wait().ok()?;
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\njob:x:105:106::/home/job:/bin/sh\n";
    const GROUP: &str = "root:x:0:\njob:x:106:\nspool:x:107:other,job\n";

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let job = find_user(PASSWD, "job").unwrap();
        assert_eq!((job.uid, job.gid, job.home.as_str()), (105, 106, "/home/job"));
        assert_eq!(find_user(PASSWD, "105"), Some(job));
        assert_eq!(find_user(PASSWD, "jo"), None);
        assert_eq!(find_group(GROUP, "spool"), Some(107));
        assert_eq!(find_group(GROUP, "106"), Some(106));
        assert_eq!(groups_of(GROUP, "job"), [107]);
    }

    #[test]
    fn an_unknown_user_is_nobody() {
        assert_eq!(user("no-such-user-anywhere"), None);
        assert_eq!(user("root").unwrap().uid, 0);
    }
}
