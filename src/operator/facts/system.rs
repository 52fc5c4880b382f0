//! The kernel, the distribution and the settings of this node as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::node_facts::SystemFact;
use crate::linux::bounded::{Bounds, run};
use crate::linux::spawn::Command;
use crate::values::Moment;

/// How long a program of the node is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(until: Moment) -> SystemFact {
    SystemFact {
        kernel: line_of("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        distribution: distribution(),
        c_library: c_library(until),
        time_zone: time_zone(),
        selinux: selinux().to_owned(),
        control_groups: control_groups().to_owned(),
    }
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// By os-release(5).
fn distribution() -> String {
    let text = fs::read_to_string("/etc/os-release")
        .or_else(|_| fs::read_to_string("/usr/lib/os-release"))
        .unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    value("PRETTY_NAME").or_else(|| value("NAME")).unwrap_or_default()
}

fn c_library(until: Moment) -> String {
    let told = program(&["getconf", "GNU_LIBC_VERSION"], until);
    if let Some(version) = told.filter(|text| text.starts_with("glibc")) {
        return version.trim().to_owned();
    }
    let is_musl = |name: &str| name.starts_with("ld-musl");
    let entries = fs::read_dir("/lib").into_iter().flatten().flatten();
    let musl =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).find(|n| is_musl(n));
    musl.map_or_else(|| "not known".to_owned(), |_| "musl".to_owned())
}

fn time_zone() -> String {
    let link = fs::read_link("/etc/localtime").unwrap_or_default();
    let path = link.display().to_string();
    if let Some((_, zone)) = path.split_once("zoneinfo/") {
        return zone.trim_start_matches("posix/").to_owned();
    }
    match line_of("/etc/timezone") {
        zone if zone.is_empty() && Path::new("/etc/localtime").exists() => {
            "a copy of a file in /etc/localtime".to_owned()
        }
        zone if zone.is_empty() => "UTC".to_owned(),
        zone => zone,
    }
}

fn selinux() -> &'static str {
    match line_of("/sys/fs/selinux/enforce").as_str() {
        "1" => "enforcing",
        "0" => "permissive",
        _ => "off",
    }
}

/// Which version of control groups is mounted in the usual place (cgroups(7)).
fn control_groups() -> &'static str {
    let has = |path: &str| Path::new(path).exists();
    if has("/sys/fs/cgroup/cgroup.controllers") {
        "version 2"
    } else if has("/sys/fs/cgroup/unified/cgroup.controllers") {
        "versions 1 and 2"
    } else if has("/sys/fs/cgroup/memory") || has("/sys/fs/cgroup/systemd") {
        "version 1"
    } else {
        "none"
    }
}

/// Whether each of these locales is installed.
pub(super) fn installed(wanted: &BTreeSet<&str>, until: Moment) -> BTreeMap<String, bool> {
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let Some(told) = program(&["locale", "-a"], until) else { return BTreeMap::new() };
    // `en_US.UTF-8` is listed as `en_US.utf8`.
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
    let has = |name: &str| {
        ["C", "POSIX"].contains(&name) || told.lines().any(|line| plain(line) == plain(name))
    };
    wanted.iter().map(|name| ((*name).to_owned(), has(name))).collect()
}

/// What a program of the node prints; None if it does not succeed in its time.
fn program(words: &[&str], until: Moment) -> Option<String> {
    let words: Vec<&OsStr> = words.iter().map(|word| OsStr::new(*word)).collect();
    let deadline = until.min(Moment::now() + PATIENCE);
    let ran = run(Bounds { deadline, cut: None, output: 1 << 20 }, |output| {
        let programs = Command::candidates(words[0], "/usr/bin:/bin");
        Command::plain(programs, &words, vec![c"PATH=/usr/bin:/bin".to_owned()], output)
    });
    ran.is_success().then(|| ran.text())
}
