//! Users and groups by name. A static binary has no NSS modules, so the files of /etc are read first,
//! and getent(1), which knows LDAP and sssd, is asked for a name that is not there.

use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use super::bounded::{Bounds, run};
use super::command::Command;
pub use super::command::Credentials;
use crate::values::Moment;

/// A user as passwd(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

/// The user with the name or the number `name`; None if there is none.
pub fn user(name: &str) -> Option<User> {
    let found = fs::read_to_string("/etc/passwd").ok().and_then(|text| find_user(&text, name));
    found.or_else(|| find_user(&getent(&["passwd", name])?, name))
}

/// The name of the user with this number, if /etc/passwd has it: no directory server is asked.
pub fn local_name(number: u32) -> Option<String> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    let is_it = |line: &&str| line.split(':').nth(2).is_some_and(|n| n.parse() == Ok(number));
    text.lines().find(is_it)?.split(':').next().map(str::to_owned)
}

/// The users in /etc/passwd, in its order.
pub fn local_users() -> Vec<User> {
    fs::read_to_string("/etc/passwd").map_or_else(|_| Vec::new(), |text| parse_users(&text))
}

/// The number of the group with the name or the number `name`.
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
            |text| initial_groups(&text, &self.name),
        );
        let mut groups = vec![gid, self.gid];
        groups.extend(supplementary);
        let mut seen = std::collections::HashSet::new();
        groups.retain(|g| seen.insert(*g));
        Credentials { uid: self.uid, gid, groups }
    }
}

/// The users in the text of /etc/passwd.
pub fn parse_users(passwd: &str) -> Vec<User> {
    let users = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        Some(User {
            name: (*fields.first()?).to_owned(),
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: (*fields.get(5)?).to_owned(),
        })
    });
    users.collect()
}

/// The user with this name or number in the text of /etc/passwd.
pub fn find_user(passwd: &str, name: &str) -> Option<User> {
    let users = parse_users(passwd);
    let number: Option<u32> = name.parse().ok();
    users
        .iter()
        .find(|u| u.name == name)
        .or_else(|| users.iter().find(|u| Some(u.uid) == number))
        .cloned()
}

/// The number of the group with this name or number in the text of /etc/group.
pub fn find_group(text: &str, name: &str) -> Option<u32> {
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

/// The groups in a line of `getent initgroups`; a warning of getent's may stand before it.
pub fn initial_groups(text: &str, user: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| line.strip_prefix(user))
        .filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        .flat_map(|rest| rest.split_whitespace().filter_map(|group| group.parse().ok()))
        .collect()
}

/// The groups in the text of /etc/group that `user` is a member of.
pub fn groups_of(text: &str, user: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let members = fields.get(3)?;
            members.split(',').any(|m| m == user).then(|| fields[2].parse().ok())?
        })
        .collect()
}

/// How long getent(1) may take: a directory server that hangs must not hang the caller.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest line of a group that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// What getent(1) prints; None if it does not succeed in its time.
fn getent(arguments: &[&str]) -> Option<String> {
    let words: Vec<&OsStr> =
        ["getent"].iter().chain(arguments).map(|word| OsStr::new(*word)).collect();
    let bounds = Bounds { deadline: Moment::now() + PATIENCE, cut: None, output: LONGEST };
    let ran = run(bounds, |output| {
        let programs = Command::candidates(words[0], "/usr/bin:/bin");
        Command::plain(programs, &words, vec![c"PATH=/usr/bin:/bin".to_owned()], output)
    });
    ran.is_success().then(|| ran.text())
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
        let told = "cannot read a file 7\njob                   106 107\njobs 8\n";
        assert_eq!(initial_groups(told, "job"), [106, 107]);
        assert_eq!(initial_groups("job\n", "job"), [0; 0]);
    }

    #[test]
    fn an_unknown_user_is_nobody() {
        assert_eq!(user("no-such-user-anywhere"), None);
        assert_eq!(user("root").unwrap().uid, 0);
    }
}
