//! What lives and what lies about, by /proc, the files and the locks alone. It knows a site's processes by words of the
//! definition, and every other process by this: nothing else lives in this PID namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::site::Site;

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    pub(crate) words: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: String = self.words.chars().take(60).collect();
        write!(f, "{} of {} `{words}`", self.pid, self.parent)
    }
}

/// What lives at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Of the processes of the definition, their children included.
    pub(crate) members: Vec<Process>,
    pub(crate) supervisors: Vec<Process>,
    pub(crate) keepers: Vec<Process>,
    /// Helpers, and a fork that has not executed its program yet.
    pub(crate) others: Vec<Process>,
}

pub(crate) fn argv(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|&b| b == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.collect()
}

/// The parent of a process that lives; a zombie does not, unless a thread of it does.
fn parent_of_living(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    (!is_zombie || threads() > 1).then_some(parent)
}

pub(crate) fn is_alive(pid: i32) -> bool {
    parent_of_living(pid).is_some()
}

impl Look {
    /// Looks at every process but those that the test itself consists of.
    pub(crate) fn now(site: &Site) -> Self {
        let mut look = Self::default();
        let own = [1, std::process::id().cast_signed(), site.clock];
        let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let found: BTreeMap<i32, (i32, Vec<String>)> = pids
            .filter(|pid| !own.contains(pid))
            .filter_map(|pid| Some((pid, (parent_of_living(pid)?, argv(pid)))))
            .collect();
        for (&pid, (parent, words)) in &found {
            let process =
                Process { pid, parent: *parent, words: words.join(" ").trim().to_owned() };
            // A fork has the words of the process that it comes from; `run` is a child of this process.
            let is_fork = found.get(parent).is_some_and(|(_, of_parent)| of_parent == words);
            let is_ours = |word: &str| words.get(1).is_some_and(|w| w == word);
            let group = if site.is_member(words) {
                &mut look.members
            } else if !is_fork && (is_ours("supervise") || (is_ours("run") && *parent == own[1])) {
                &mut look.supervisors
            } else if !is_fork && is_ours("keep-lease") {
                &mut look.keepers
            } else {
                &mut look.others
            };
            group.push(process);
        }
        look
    }

    /// Main processes that live twice.
    pub(crate) fn twice(&self, site: &Site) -> Vec<String> {
        let mains = site.mains.iter();
        let times = |main: &String| self.members.iter().filter(|p| site.is_main(p, main)).count();
        mains.filter(|main| times(main) > 1).cloned().collect()
    }

    /// Main processes that do not live.
    pub(crate) fn missing(&self, site: &Site) -> Vec<String> {
        let mains = site.mains.iter();
        mains.filter(|main| !self.members.iter().any(|p| site.is_main(p, main))).cloned().collect()
    }

    pub(crate) fn describe(&self) -> String {
        let list = |name: &str, group: &[Process]| {
            let words: Vec<String> = group.iter().map(ToString::to_string).collect();
            (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
        };
        let parts = [
            list("processes", &self.members),
            list("supervisor", &self.supervisors),
            list("keeper", &self.keepers),
            list("others", &self.others),
        ];
        let words: Vec<String> = parts.into_iter().flatten().collect();
        if words.is_empty() { "nothing lives".to_owned() } else { words.join("; ") }
    }
}

impl Process {
    pub(crate) fn parent(&self) -> i32 {
        self.parent
    }
}

/// The names of all files of a site: in the runtime folder, the logs, on the database, of definitions and links.
pub(crate) fn names(site: &Site) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["run", "log", "disk", "sites", "links"] {
        collect(&site.base, &site.base.join(folder), &mut found);
    }
    found
}

fn collect(base: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(base, &path, found);
        } else {
            let name = path.strip_prefix(base).unwrap_or(&path);
            found.insert(name.display().to_string());
        }
    }
}

/// What a stop must not leave among the files; a sentence each.
pub(crate) fn left_in_files(site: &Site, allowed: &BTreeSet<String>) -> Vec<String> {
    let mut left: Vec<String> =
        names(site).difference(allowed).map(|name| format!("the file {name}")).collect();
    left.extend(
        groups(site).into_iter().map(|group| format!("the control group {}", group.display())),
    );
    left.extend(locks(site));
    left.extend(lease(site));
    left
}

/// The control groups of the site, wherever version 2 is mounted.
pub(crate) fn groups(site: &Site) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let v2 = mounts.lines().filter(|line| line.contains(" - cgroup2 "));
    let folders = v2.filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let mut found = Vec::new();
    for folder in folders.map(|mount| mount.join("siteward")) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().contains(&site.name) {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Locks of the kernel's table on files of the site.
fn locks(site: &Site) -> Vec<String> {
    let table = fs::read_to_string("/proc/locks").unwrap_or_default();
    let held: BTreeSet<(u64, u64)> = table
        .lines()
        .filter_map(|line| {
            let place = line.split_whitespace().find(|word| word.matches(':').count() == 2)?;
            let mut parts = place.split(':');
            let number = |text: &str| u64::from_str_radix(text, 16).ok();
            let (major, minor) = (number(parts.next()?)?, number(parts.next()?)?);
            Some((libc::makedev(major as u32, minor as u32), parts.next()?.parse().ok()?))
        })
        .collect();
    let is_held = |name: &String| {
        fs::metadata(site.base.join(name))
            .is_ok_and(|meta| held.contains(&(meta.dev(), meta.ino())))
    };
    names(site).into_iter().filter(is_held).map(|name| format!("a lock on {name}")).collect()
}

/// Whether another node could not start.
fn lease(site: &Site) -> Vec<String> {
    let folder = site.base.join("disk/.siteward");
    let mut left = Vec::new();
    if let Ok(file) = fs::File::open(folder.join("lease"))
        && file.try_lock().is_err()
    {
        left.push("the lease is locked".to_owned());
    }
    if let Ok(text) = fs::read_to_string(folder.join("owner.json")) {
        let released = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|owner| owner.get("released")?.as_bool());
        if released != Some(true) {
            left.push(format!("the lease reads as not released: {text}"));
        }
    }
    left
}
