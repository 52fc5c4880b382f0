//! What the tests of several files here need: a site in a folder, and processes.

use std::fs::DirBuilder;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::identity::Seen;
use crate::linux::process::Stat;
use crate::linux::{cgroup, files};
use crate::site::SitePlaces;
use crate::values::Pid;

/// A site whose runtime folder is in `folder`.
pub(crate) fn site(folder: &Path, name: &str) -> SitePlaces {
    let runtime = folder.join(name);
    DirBuilder::new().mode(0o700).create(&runtime).unwrap();
    SitePlaces {
        definition: folder.join(format!("{name}.yaml")),
        runtime,
        logs: folder.join("log"),
    }
}

pub(super) fn pid(number: i32) -> Pid {
    Pid::from_raw(number).unwrap()
}

/// A process as /proc would tell of it, which began at tick `number`.
pub(super) fn told(number: i32, parent: i32, group: i32) -> Stat {
    let line = format!(
        "{number} (a) S {parent} {group} {group} 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 {number} 0 0"
    );
    Stat::parse(line.as_bytes()).unwrap()
}

/// A user who is neither root nor the one that runs the tests; None: only root can start a process as such, which is said.
pub(super) fn another_user() -> Option<u32> {
    if !files::is_root() {
        eprintln!("LEFT OUT: a process of another user. Missing: root");
    }
    files::is_root().then_some(65_534)
}

/// A process of a test, which is ended with it.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn new(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// One that waits, with this mark in its environment.
    pub(super) fn marked(mark: &[u8]) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let mark = std::ffi::OsStr::from_bytes(mark);
        Self::new(Command::new("cat").env(super::MARK, mark))
    }

    /// One that waits, with no mark.
    pub(super) fn unmarked() -> Self {
        Self::new(Command::new("cat").env_remove(super::MARK))
    }

    /// A shell that has printed a line.
    pub(super) fn shell(script: &str, adapt: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env_remove(super::MARK);
        adapt(&mut command);
        let mut started = Self::new(&mut command);
        started.line();
        started
    }

    pub(super) fn pid(&self) -> Pid {
        pid(self.0.id().cast_signed())
    }

    pub(super) fn stat(&self) -> Stat {
        Stat::of(self.pid()).unwrap()
    }

    pub(super) fn seen(&self) -> Seen {
        Seen::from(&self.stat())
    }

    /// Moves it to a control group.
    pub(super) fn into_group(self, group: &Path) -> Self {
        write!(cgroup::procs_file(group).unwrap(), "{}", self.pid()).unwrap();
        self
    }

    /// The next line that it prints.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        // It prints no second one before it is asked to.
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    /// How it ends once its input is at an end, and what it has printed until then.
    pub(super) fn end(mut self) -> (ExitStatus, String) {
        drop(self.0.stdin.take());
        let mut printed = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.0.wait().unwrap(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies of programs in a folder that only root can write to, as the system's are.
pub(super) struct SystemFolder(tempfile::TempDir);

impl SystemFolder {
    /// None: there can be none here, which is said.
    pub(super) fn new() -> Option<Self> {
        let left_out = |why: &str| {
            eprintln!("LEFT OUT: programs of the system. {why}");
            None
        };
        if !files::is_root() {
            return left_out("Missing: root");
        }
        let Ok(folder) = tempfile::tempdir_in("/run") else {
            return left_out("/run cannot be written");
        };
        let folder = Self(folder);
        match Command::new(folder.copy("/bin/true", "true")).status() {
            Ok(status) if status.success() => Some(folder),
            ran => left_out(&format!("No program in /run can run: {ran:?}")),
        }
    }

    /// By another process: a child of this one that begins at the same time would have the copy open for writing.
    pub(super) fn copy(&self, program: &str, name: &str) -> PathBuf {
        copy(program, &self.0.path().join(name))
    }
}

/// Copies a program so that it can be run at once.
pub(super) fn copy(program: &str, to: &Path) -> PathBuf {
    assert!(Command::new("cp").arg("-L").arg(program).arg(to).status().unwrap().success());
    to.to_owned()
}
