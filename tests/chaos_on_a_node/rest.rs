//! That nothing is left of a site that was stopped and cleaned.

use std::fs::{self, File};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};

use crate::monkey::of_folder;

/// What stays in the folder of a stopped site.
const STAYS: [&str; 9] = [
    "definition.yaml",
    "lock",
    "process",
    "record.json",
    "start.lock",
    "stop.lock",
    "stop.order",
    "stopping.lock",
    "token",
];

/// One thing a line.
pub(crate) fn left(folder: &Path, site: &str) -> Vec<String> {
    let mut left = Vec::new();
    let run = folder.join("run").join(site);
    let path = run.display().to_string();
    for found in of_folder(folder) {
        let is_of = found.words.iter().any(|w| w == site || w.contains(&path));
        if is_of && !matches!(found.state, 'Z' | 'X') {
            left.push(format!("process {} {:?}", found.pid, found.words));
        }
    }
    for entry in fs::read_dir(&run).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "control" {
            if UnixStream::connect(entry.path()).is_ok() {
                left.push("somebody listens at its control socket".to_owned());
            }
        } else if !STAYS.contains(&name.as_str()) {
            left.push(format!("file {name}"));
        } else if name.ends_with("lock") && is_locked(&entry.path()) {
            left.push(format!("a lock on {name}"));
        }
    }
    for entry in fs::read_dir(run.join("process")).into_iter().flatten().flatten() {
        if is_locked(&entry.path()) {
            left.push(format!("a lock on {}", entry.path().display()));
        }
    }
    for entry in fs::read_dir(folder.join("run/.notify")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ear = UnixDatagram::unbound().expect("a socket");
        if name.starts_with(site) && ear.connect(entry.path()).is_ok() {
            left.push(format!("somebody listens at {name}"));
        }
    }
    let life_is_held = fs::read_dir(folder).into_iter().flatten().flatten().find(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_of = name.starts_with(&format!("{site}-")) && name.ends_with(".life");
        is_of && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_err())
    });
    left.extend(life_is_held.map(|entry| format!("{:?} lives", entry.file_name())));
    let database = folder.join(format!("disk-{site}/.siteward"));
    if let Ok(owner) = fs::read_to_string(database.join("owner.json")) {
        let owner: serde_json::Value = serde_json::from_str(&owner).unwrap_or_default();
        if owner["released"] != true {
            left.push(format!("the lease is not released: {owner}"));
        }
        let lease = File::open(database.join("lease"));
        if lease.is_ok_and(|file| file.try_lock().is_err()) {
            left.push("the lease is held".to_owned());
        }
    }
    left.extend(temporary(&database));
    left.extend(groups(folder, site));
    left
}

/// Open-file-description locks of anybody.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return false };
    let mut lock = libc::flock {
        l_type: i16::try_from(libc::F_WRLCK).expect("it is small"),
        l_whence: i16::try_from(libc::SEEK_SET).expect("it is small"),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let asked = fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && i32::from(lock.l_type) != libc::F_UNLCK
}

/// Files that were not put into their place.
fn temporary(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let known = ["lease", "owner.json", "history", "facts"];
    names.filter(|n| !known.contains(&n.as_str())).map(|n| format!("file .siteward/{n}")).collect()
}

/// Control groups of the site in which a process is, by the names that siteward gives them.
fn groups(folder: &Path, site: &str) -> Vec<String> {
    let mut left = Vec::new();
    let own: Vec<String> = of_folder(folder).iter().map(|f| f.pid.to_string()).collect();
    for mount in ["/sys/fs/cgroup/siteward", "/sys/fs/cgroup/unified/siteward"] {
        for tree in fs::read_dir(mount).into_iter().flatten().flatten() {
            if !tree.file_name().to_string_lossy().starts_with(&format!("{site}-")) {
                continue;
            }
            for leaf in fs::read_dir(tree.path()).into_iter().flatten().flatten() {
                let inside = fs::read_to_string(leaf.path().join("cgroup.procs"));
                for pid in inside.unwrap_or_default().lines() {
                    // The site of another run may have the same name.
                    if own.iter().any(|own| own == pid) {
                        left.push(format!("process {pid} in {}", leaf.path().display()));
                    }
                }
            }
        }
    }
    left
}
