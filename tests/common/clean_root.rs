//! A clean Debian, booted under its own systemd (tests/lab/systemd-lab), as a newcomer finds it: nothing of
//! siteward is in it. What is downloaded is kept; each machine starts from a fresh copy.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use siteward::linux::{cgroup, files};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/systemd-lab");

/// A machine that is on. When it is dropped, its power is cut and its disk removed.
pub(crate) struct CleanRoot(PathBuf);

impl CleanRoot {
    /// What this machine lacks for one.
    pub(crate) fn missing() -> Option<&'static str> {
        let probe = cgroup::mount().map(|m| m.join(format!("siteward-lab-{}", std::process::id())));
        if !files::is_root() {
            Some("root: sudo tests/run")
        } else if !probe
            .is_some_and(|p| cgroup::make_anew(&p).is_ok() && fs::remove_dir(&p).is_ok())
        {
            Some("a cgroup2 mount that may be written")
        } else if !Path::new("/usr/bin/mmdebstrap").exists() {
            Some("mmdebstrap: apt-get install mmdebstrap")
        } else {
            None
        }
    }

    /// `name`: of this machine, which no other test has. `packages`: what it has beyond a minimal Debian, with
    /// commas between.
    pub(crate) fn boot(name: &str, packages: &str) -> Self {
        Self::boot_node(name, "node1", packages, &[])
    }

    /// `host`: its name as a node. `fetched`: packages that apt-get can install in it, as there is no network.
    pub(crate) fn boot_node(name: &str, host: &str, packages: &str, fetched: &[&str]) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clean-root");
        let minimal = if packages.is_empty() { "minimal" } else { packages };
        let base = kept.join([&[minimal], fetched].concat().join("+"));
        fs::create_dir_all(&kept).unwrap();
        // Tests run side by side, and the first one builds for all.
        let turn = fs::File::create(kept.join("lock")).unwrap();
        turn.lock().unwrap();
        if !base.join("built").exists() {
            let _ = fs::remove_dir_all(&base);
            let words = match (packages.is_empty(), fetched.is_empty()) {
                (true, true) => vec!["build"],
                _ => [&["build", packages], fetched].concat(),
            };
            must(&lab(&base, &words), &words);
            fs::write(base.join("built"), "").unwrap();
        }
        drop(turn);
        let machine = Self(kept.join(format!("machine-{name}")));
        machine.clear();
        fs::create_dir_all(&machine.0).unwrap();
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .args([base.join("root"), machine.0.join("root")])
            .status();
        assert!(copied.unwrap().success(), "the root cannot be copied");
        let up =
            Command::new(LAB).env("SD_DIR", &machine.0).env("SD_HOST", host).arg("up").output();
        must(&up.expect("the lab can be run"), &["up"]);
        machine
    }

    /// A cable between two machines, with an address and the bits of its network for each end.
    pub(crate) fn join(&self, other: &Self, mine: &str, theirs: &str) {
        let other = other.0.to_str().expect("the folder's name is text");
        let words = ["join", other, mine, theirs];
        must(&lab(&self.0, &words), &words);
    }

    /// A path of the inside, as it is seen here; not for what is on a tmpfs (/run, /tmp).
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.join("root").join(inside.trim_start_matches('/'))
    }

    /// Brings a file into the folder /root; where it is inside.
    pub(crate) fn bring(&self, file: &Path) -> String {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        fs::copy(file, self.path("root").join(name)).unwrap();
        format!("/root/{name}")
    }

    /// A command inside: its exit code, and what it printed.
    pub(crate) fn inside(&self, words: &[&str]) -> (i32, String) {
        let output = lab(&self.0, &[&["exec"], words].concat());
        (output.status.code().unwrap_or(-1), said(&output))
    }

    /// A command inside, which must succeed; what it printed.
    pub(crate) fn must(&self, words: &[&str]) -> String {
        let (code, said) = self.inside(words);
        assert_eq!(code, 0, "{words:?}: {said}");
        said
    }

    /// Lines of a shell, each of which must succeed.
    pub(crate) fn shell(&self, script: &str) -> String {
        self.must(&["bash", "-euo", "pipefail", "-c", script])
    }

    fn clear(&self) {
        let _ = lab(&self.0, &["down"]);
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for CleanRoot {
    fn drop(&mut self) {
        self.clear();
    }
}

fn lab(folder: &Path, words: &[&str]) -> Output {
    Command::new(LAB).env("SD_DIR", folder).args(words).output().expect("the lab can be run")
}

fn must(output: &Output, words: &[&str]) {
    assert!(output.status.success(), "{words:?}: {}", said(output));
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
