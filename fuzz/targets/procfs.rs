//! What the kernel and the files of a node tell.

use std::net::IpAddr;
use std::path::Path;

use siteward::linux::addresses::Known;
use siteward::linux::mounts::MountTable;
use siteward::linux::process::{
    Environment, Stat, Users, path_below, shown_command_line, words_of,
};
use siteward::linux::{cgroup, node, ports, users};

use super::input::first;

/// The files of one process in /proc.
pub(crate) fn process_files(bytes: &[u8]) {
    let (which, text) = first(bytes);
    match which % 6 {
        0 => {
            if let Some(stat) = Stat::parse(text) {
                assert!(stat.pid.number() > 0);
                let _ = (stat.start.age(), stat.is_stopped());
            }
        }
        1 => drop(Users::of_status(text)),
        2 => {
            let environment = Environment::from(text.to_vec());
            for name in ["SITEWARD_MARK", "NQS_SITE", "", "A"] {
                let value = environment.get(name);
                assert!(value.is_none_or(|value| !value.contains(&0)));
            }
        }
        3 => {
            let words = words_of(text);
            assert!(words.iter().all(|word| !word.contains(&0)));
            if let Some(line) = shown_command_line(text) {
                assert!(!line.chars().any(char::is_control), "{line:?}");
                assert!(line.chars().count() <= 83);
            }
        }
        4 => {
            if let Some(path) = path_below(text, Path::new("/mnt/db")) {
                assert!(path.starts_with("/mnt/db"));
            }
        }
        _ => drop(cgroup::group_in(text)),
    }
}

/// The files of a node in /proc and /etc, and those of a control group.
pub(crate) fn node_files(bytes: &[u8]) {
    let (which, text) = first(bytes);
    let words = String::from_utf8_lossy(text);
    match which % 7 {
        0 => {
            let table = MountTable::parse(text);
            for path in ["/mnt/db", "/mnt/db/", "/", "relative", ""] {
                let path = Path::new(path);
                if let Some(mount) = table.at(path) {
                    assert!(table.has(&mount.point, &mount.source));
                    let _ = (mount.has("ro"), mount.is_automatic());
                }
                let _ = table.of(path);
            }
            let points = node::parse_mountinfo(text);
            assert_eq!(points.len(), node::parse_kinds(text).len());
            let _ = cgroup::mount_in(text);
        }
        1 => {
            let (v4, v6): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [0; 8].into());
            for line in words.lines() {
                let _ = ports::listening_inode(line, v4, 80);
                let _ = ports::listening_inode(line, v6, 0);
            }
        }
        2 => {
            for user in users::parse_users(&words) {
                assert!(!user.name.contains(':'));
            }
            let _ = users::find_user(&words, "job");
            let _ = users::find_user(&words, "105");
        }
        3 => {
            let _ = users::find_group(&words, "job");
            let _ = users::find_group(&words, "106");
            let _ = users::groups_of(&words, "job");
            let _ = users::initial_groups(&words, "job");
        }
        4 => {
            if let Some(pids) = cgroup::listed_in(text) {
                assert!(pids.iter().all(|pid| pid.number() > 0));
                assert_eq!(pids.len(), words.lines().count());
            }
        }
        5 => drop(cgroup::cpu_time_in(text)),
        _ => netlink(text),
    }
}

/// Datagrams of rtnetlink(7); the first byte of each says how long it is.
fn netlink(bytes: &[u8]) {
    let mut known = Known::nothing([10, 0, 0, 5].into());
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first() {
        let (datagram, after) = more.split_at(usize::from(*length).min(more.len()));
        known.learn(datagram);
        let _ = known.presence();
        rest = after;
    }
}
