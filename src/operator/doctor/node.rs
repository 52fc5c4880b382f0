//! This node: its clock, SELinux, control groups, and the room for logs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::examined::Examined;
use crate::linux::attributes::Attributes;
use crate::linux::{cgroup, files, health, node};
use crate::operator::finding::Finding;
use crate::process::Groups;

/// The nodes of a cluster agree on the time, or their logs and the lease's record mislead.
pub(super) fn clock(_examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "clock";
    if !health::may_set_clock() {
        return vec![Finding::ok(CHECK, "not here: this node cannot set its clock, its host does")];
    }
    vec![match health::clock_is_synchronised() {
        Ok(true) => Finding::ok(CHECK, "it is synchronised"),
        Ok(false) => Finding::warning(
            CHECK,
            "it is not synchronised, so times of this node and of others cannot be compared",
            "systemctl enable --now chronyd (or systemd-timesyncd), then: timedatectl",
        ),
        Err(error) => Finding::unchecked(CHECK, error),
    }]
}

const SELINUX: &str = "/sys/fs/selinux/enforce";

/// The types that a file gets by being copied or restored carelessly, and that no daemon may execute or read.
const WRONG_TYPES: [&str; 7] =
    ["unlabeled_t", "file_t", "default_t", "tmp_t", "user_tmp_t", "user_home_t", "admin_home_t"];

/// The files that a cluster manager's agent needs have labels that it may use.
pub(super) fn selinux(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "selinux";
    let enforces = match fs::read_to_string(SELINUX) {
        Ok(text) => text.trim() == "1",
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Finding::ok(CHECK, "not here")];
        }
        Err(error) => return vec![Finding::unchecked(CHECK, error)],
    };
    let target = examined.target;
    let mut paths = vec![
        std::env::current_exe().unwrap_or_default(),
        target.site.definition.clone(),
        target.site.runtime.clone(),
        target.site.logs.clone(),
    ];
    let processes = examined.definition.processes.iter();
    let wrapped = examined.definition.wrapped.iter().map(|w| &w.start);
    let commands = processes.map(|p| &p.command).chain(wrapped);
    paths.extend(commands.filter_map(|words| words.first()).map(PathBuf::from));
    paths.retain(|path| path.is_absolute() && examined.is_local(path));
    paths.dedup();
    let mut found = Vec::new();
    for path in &paths {
        let Ok(Some(label)) = health::selinux_label(path) else { continue };
        let kind = label.split(':').nth(2).unwrap_or_default();
        if WRONG_TYPES.contains(&kind) {
            let at = path.display();
            let now = if enforces { "is refused" } else { "will be refused once it enforces" };
            let mend = format!("restorecon -v {at}");
            let sentence = format!("{at} has the label {kind}, with which an agent {now}");
            found.push(match enforces {
                true => Finding::error(CHECK, sentence, mend),
                false => Finding::warning(CHECK, sentence, mend),
            });
        }
    }
    if found.is_empty() {
        let how = if enforces { "enforcing" } else { "permissive" };
        found.push(Finding::ok(CHECK, format!("{how}, and the labels are good")));
    }
    found
}

/// Each process of the site gets a control group of its own.
pub(super) fn control_groups(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "control-groups";
    let groups = match Groups::look(&examined.target.site) {
        Ok(Some(groups)) => groups,
        Ok(None) => {
            return vec![Finding::ok(CHECK, "not here: the other marks find the processes")];
        }
        Err(error) => return vec![Finding::unchecked(CHECK, error)],
    };
    let Some(mount) = cgroup::mount() else { return Vec::new() };
    let is_read_only = examined.mounts.of(&mount).is_some_and(|m| m.has("ro"));
    if is_read_only && !node::has_systemd() {
        return vec![Finding::ok(CHECK, "not here: they are read-only in this container")];
    }
    if let Some(group) = first_that_is_full(groups.above(), &mount) {
        let file = group.join("cgroup.max.descendants");
        return vec![Finding::warning(
            CHECK,
            format!("{} allows no more groups below it", group.display()),
            format!("echo max >{}", file.display()),
        )];
    }
    vec![match groups.describe() {
        Ok(how) => Finding::ok(CHECK, how),
        Err(_) if !files::is_root() => {
            Finding::ok(CHECK, "not here: the sites of this user get none")
        }
        Err(why) => Finding::warning(
            CHECK,
            format!("a process gets none: {why}"),
            format!("mount -o remount,rw {}", mount.display()),
        ),
    }]
}

/// The group at or above `path` that has as many groups below it as it may (cgroups(7)).
fn first_that_is_full(path: &Path, mount: &Path) -> Option<PathBuf> {
    let number = |file: PathBuf| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let is_full = |group: &&Path| {
        let Some(most) = number(group.join("cgroup.max.descendants")) else { return false };
        let stat = fs::read_to_string(group.join("cgroup.stat")).unwrap_or_default();
        let now = stat.lines().find_map(|line| line.strip_prefix("nr_descendants "));
        now.and_then(|n| n.trim().parse::<u64>().ok()).is_some_and(|now| now >= most)
    };
    let within = path.ancestors().take_while(|group| group.starts_with(mount));
    within.into_iter().find(is_full).map(Path::to_owned)
}

/// The room that logs and state files need at least, in bytes and in files.
const LITTLE: u64 = 64 << 20;
const FEW: u64 = 1000;

/// There is room for logs and for the state, in directories that only the owner may write to.
pub(super) fn folders(examined: &Examined<'_>) -> Vec<Finding> {
    let places = &examined.target.places;
    let mut found = room("log-space", &places.logs);
    found.extend(room("runtime-space", &places.runtime));
    found.extend(only_the_owners("log-directory", &places.logs));
    found.extend(only_the_owners("runtime-directory", &places.runtime));
    found
}

/// The nearest folder at or above `path` that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

fn room(check: &'static str, folder: &Path) -> Vec<Finding> {
    let at = folder.display();
    let left = match health::room(existing(folder)) {
        Ok(left) => left,
        Err(error) => return vec![Finding::unchecked(check, error)],
    };
    let megabytes = left.bytes >> 20;
    // An empty /run is small, and holds little.
    let little = if check == "runtime-space" { LITTLE / 64 } else { LITTLE };
    vec![if left.read_only {
        Finding::error(
            check,
            format!("{at} is read-only"),
            format!("mount -o remount,rw {}", existing(folder).display()),
        )
    } else if left.bytes < 1 << 20 || left.files == Some(0) {
        Finding::error(
            check,
            format!("{at} has no room left ({megabytes} MiB)"),
            format!("du -xh {at} | sort -h, and remove what is not needed"),
        )
    } else if left.bytes < little || left.files.is_some_and(|files| files < FEW) {
        let files = left.files.map_or_else(String::new, |n| format!(", {n} files"));
        Finding::warning(
            check,
            format!("{at} has little room left ({megabytes} MiB{files})"),
            format!("du -xh {at} | sort -h, and remove what is not needed"),
        )
    } else {
        Finding::ok(check, format!("{at} has {megabytes} MiB left"))
    }]
}

fn only_the_owners(check: &'static str, folder: &Path) -> Vec<Finding> {
    let at = folder.display();
    let found = match Attributes::of_itself(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Finding::ok(check, format!("{at} is made at the first start"))];
        }
        Err(error) => return vec![Finding::unchecked(check, error)],
    };
    let me = files::effective_user();
    vec![if !found.is_folder() {
        Finding::error(check, format!("{at} is no directory"), format!("mv {at} {at}.old"))
    } else if ![0, me].contains(&found.owner) {
        Finding::error(
            check,
            format!("{at} belongs to user {}", found.owner),
            format!("chown {me} {at}"),
        )
    } else if !found.is_only_the_owners_to_write() && !found.is_sticky() {
        Finding::error(
            check,
            format!("others than its owner may write to {at}"),
            format!("chmod go-w {at}"),
        )
    } else {
        Finding::ok(check, format!("{at} is only its owner's to write"))
    }]
}
