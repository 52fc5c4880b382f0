//! Sites, records and processes for the tests of this room and of the verbs.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::backend::external::{Daemon, External, Look};
use crate::control::{Failure, Pause, ProcessView, State, View};
use crate::linux::clock::WallTime;
use crate::linux::files::private_folder;
use crate::linux::lock::{Attempt, Lock};
use crate::process::samples::site;
use crate::process::{Identity, Phase, Record};
use crate::site::{DegradedIs, SitePlaces, parse};
use crate::values::{Moment, Pid};

/// A supervisor without a list, and without a pause.
pub(crate) const KEEPER: &str =
    "{start: [/opt/keeper, up], stop: [/opt/keeper, down], process: [/opt/keeper, watch]}";
/// With units of systemd.
pub(crate) const UNIT: &str = "{profile: systemd, unit: shop.service}";

/// A site in a folder of its own, of which no process lives.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    pub(crate) places: SitePlaces,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        private_folder(&places.process_locks()).unwrap();
        Self { folder, places }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The site with this supervisor, which has had its time to come up.
    pub(crate) fn external(&self, supervisor: &str) -> External {
        let text = format!(
            "version: 1\ndatabase: {}\nprerequisites: {{mounted: false}}\nsupervisor: {supervisor}\n",
            self.folder().display()
        );
        let name = "shop".parse().unwrap();
        let mut definition = parse(&name, &self.places.definition, &text).unwrap();
        definition.boot_timeout = Duration::ZERO;
        let wrapped = definition.wrapped.clone().unwrap();
        External { places: self.places.clone(), definition, wrapped }
    }

    /// With cjcpw, whose commands are in the folder of the site.
    pub(crate) fn jobcenter(&self) -> External {
        let commands = self.folder().display();
        self.external(&format!("{{profile: jobcenter, commands: {commands}, monitored: true}}"))
    }

    /// Holds a lock until it is dropped.
    pub(crate) fn hold(path: &Path) -> Lock {
        match Lock::inheritable(path).unwrap() {
            Attempt::Taken(lock) => lock,
            Attempt::Held => panic!("it is free"),
        }
    }
}

/// A look that has found the supervisor alive: this process.
pub(crate) fn look(daemon: Daemon) -> Look {
    Look { supervisors: vec![ourselves()], ..look_at_nobody(daemon) }
}

pub(crate) fn look_at_nobody(daemon: Daemon) -> Look {
    Look {
        supervisors: Vec::new(),
        halted: None,
        stopping: false,
        pausing: false,
        daemon,
        workers: Vec::new(),
        conversion: None,
        services: Vec::new(),
    }
}

pub(crate) fn ourselves() -> Identity {
    Identity::of(Pid::this()).unwrap()
}

/// The record of a start that nobody has given a phase. The verb that began it has ended.
pub(crate) fn record() -> Record {
    Record::begun("shop".parse().unwrap(), ourselves().ended())
}

pub(crate) fn in_phase(phase: Phase) -> Record {
    Record { phase: Some(phase), ..record() }
}

pub(crate) fn paused(record: Record) -> Record {
    Record { paused: Some(Pause::because("held by a test")), ..record }
}

/// A start that still has its time, and one that has had it.
pub(crate) fn starting() -> [Phase; 2] {
    let (now, hour) = (Moment::now(), Duration::from_secs(3600));
    [Phase::Starting { until: now + hour }, Phase::Starting { until: now - hour }]
}

pub(crate) fn failure(reason: &str) -> Failure {
    Failure {
        id: None,
        process: None,
        reason: reason.to_owned(),
        at: WallTime::now(),
        last_lines: Vec::new(),
        signal: None,
    }
}

pub(crate) fn view(state: State, processes: Vec<ProcessView>) -> View {
    View {
        state,
        desired: "up".to_owned(),
        supervisor: Pid::this(),
        since: WallTime::now(),
        fingerprint: String::new(),
        degraded_is: DegradedIs::Running,
        degraded_after: Duration::ZERO,
        degraded_for: None,
        paused: None,
        failure: None,
        lost: Vec::new(),
        processes,
    }
}

/// A process that waits for nothing, and ends with the test.
pub(crate) struct Idle(Child);

impl Idle {
    /// `change`: what is particular of it.
    pub(crate) fn new(change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new("/bin/cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = change(&mut command).spawn().unwrap();
        // A spawn may end before /proc shows the new program's words (posix_spawn(3)). Once it answers, they are there.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    /// It looks like a program of this name.
    pub(crate) fn called(name: &str) -> Self {
        Self::new(|command| command.arg0(name))
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::of(Pid::from_raw(self.0.id().cast_signed()).unwrap()).unwrap()
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
