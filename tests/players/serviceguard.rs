//! HPE Serviceguard, by "Managing Serviceguard" (SG, editions 6 to 18), the Developer's Toolbox
//! B.12.00.00 (SGTB), and a legacy control script (SGCTL).

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Breach, Called, Node, call};
use crate::common::*;
use siteward::values::{Pid, Signal};

/// A package.
pub(crate) struct Serviceguard {
    pub(crate) nodes: Vec<Node>,
    pub(crate) breaches: Vec<Breach>,
}

/// Where a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Up(usize),
    Down,
    /// It will not be started anywhere until a person has come.
    Disabled,
}

/// A service: the process that cmrunserv has made.
pub(crate) struct Service(Child);

impl Service {
    /// Its end, by itself, is the failure of the package, whatever its exit status is (SG,
    /// service_cmd).
    pub(crate) fn has_failed(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    fn pid(&self) -> Pid {
        Pid::try_from(i32::try_from(self.0.id()).unwrap()).unwrap()
    }
}

impl Serviceguard {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        for node in &nodes {
            let folder = node.bench().path("serviceguard");
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink(SITEWARD, folder.join(node.site())).unwrap();
        }
        Self { nodes, breaches: Vec::new() }
    }

    fn breach(&mut self, rule: &str, what: &str) {
        self.breaches.push(format!("{rule}: {what}"));
    }

    fn script(&self, on: usize) -> PathBuf {
        self.nodes[on].bench().path("serviceguard").join(self.nodes[on].site())
    }

    /// An external_script with its entry point (SG, "external_script"; SGTB, template).
    pub(crate) fn external(&mut self, on: usize, entry: &str) -> Called {
        let mut command = Command::new(self.script(on));
        let site = self.nodes[on].site().to_owned();
        command
            .arg(entry)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SG_PACKAGE_NAME", &site)
            .env("SG_SCRIPT_ACTION", entry);
        // Not known when a configuration is only checked.
        if entry != "validate" {
            command.env("SG_PACKAGE", &site).env("SG_NODE", format!("node{on}"));
        }
        if entry == "stop" {
            command.env("SG_HALT_REASON", "user_halt");
        }
        self.nodes[on].with_folders(&mut command);
        let called = call(command, Duration::from_secs(60));
        if !matches!(called.code, Some(0..=2)) {
            self.breach(
                "an external script answers 0, 1 or 2 (SG, external_script)",
                &format!("{entry} answered {:?}", called.code),
            );
        }
        if called.held_open {
            self.breach("nothing holds a script's output (SG, log)", entry);
        }
        called
    }

    /// A function of a legacy control script; `test_return` ends it where a command failed (SGCTL).
    pub(crate) fn customer_defined(&self, on: usize, script: &str, function: &str) -> i32 {
        let text = format!("test_return() {{ [ $? -eq 0 ] || exit $1; }}\n{script}\n{function}\n");
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &text]).env_clear().env("PATH", "/usr/bin:/bin");
        self.nodes[on].with_folders(&mut command);
        code(command)
    }

    /// A service: neither PATH nor any other variable is passed, the path is absolute (SG,
    /// service_cmd). The folders of the node stand in the words, as no environment may.
    pub(crate) fn service(&self, on: usize, words: &[&str]) -> Service {
        let places = &self.nodes[on].bench().places;
        let mut command = Command::new(SITEWARD);
        command
            .args(words)
            .arg("--config-dir")
            .arg(&places.config)
            .arg("--runtime-dir")
            .arg(&places.runtime)
            .arg("--log-dir")
            .arg(&places.logs)
            .arg("--link-dir")
            .arg(&places.links)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Service(command.spawn().unwrap())
    }

    /// Halts a service: SIGTERM to the process and to its group, and after service_halt_timeout
    /// SIGKILL (SG, cmhaltserv). Says whether it ended by the TERM.
    pub(crate) fn halt(&mut self, mut service: Service, timeout: Duration) -> bool {
        let pid = service.pid();
        let kill = |signal: &str| {
            let _ = Command::new("kill").args([signal, "--", &format!("-{pid}")]).status();
        };
        kill("-TERM");
        let handle = siteward::linux::PidFd::open(pid).unwrap();
        let mut waiting = siteward::linux::wait::Waiting::new();
        waiting.readable(std::os::fd::AsFd::as_fd(&handle), ());
        let in_time = !waiting.wait(Some(siteward::values::Moment::now() + timeout)).is_empty();
        if !in_time {
            kill("-KILL");
            self.breach("a service ends within service_halt_timeout (SG)", "it was killed");
        }
        let _ = service.0.wait();
        in_time
    }

    /// Runs a package on a node: its external script, then its service, which must stay (SG, run
    /// script: 1 no node, 2 another node).
    pub(crate) fn run(&mut self, on: usize, words: &[&str]) -> (State, Option<Service>) {
        match self.external(on, "start").code {
            Some(0) => {}
            Some(2) if on + 1 < self.nodes.len() => return self.run(on + 1, words),
            _ => return (State::Disabled, None),
        }
        let mut service = self.service(on, words);
        // It has failed if it ends at all; a tenth of a second shows one that ends at once.
        let until = siteward::values::Moment::now() + Duration::from_millis(100);
        siteward::linux::wait::Waiting::<()>::new().wait(Some(until));
        if service.has_failed() {
            self.breach("a service stays (SG, service_cmd)", "it ended at once");
        }
        (State::Up(on), Some(service))
    }

    /// Halts a package: its services, then its external script (SG, halt script: anything but 0
    /// disables the package everywhere).
    pub(crate) fn halt_package(&mut self, on: usize, service: Option<Service>) -> State {
        if let Some(service) = service {
            self.halt(service, Duration::from_secs(30));
        }
        if self.external(on, "stop").code != Some(0) {
            return State::Disabled;
        }
        let living = self.nodes[on].living();
        if !living.is_empty() {
            self.breach("a package that is down has no process left (SGCTL, umount)", &living);
        }
        State::Down
    }

    /// A service has failed: the package is halted and run on the next node (service_restart none).
    pub(crate) fn fail_over(&mut self, on: usize, words: &[&str]) -> (State, Option<Service>) {
        if self.halt_package(on, None) == State::Disabled {
            return (State::Disabled, None);
        }
        self.run((on + 1) % self.nodes.len(), words)
    }

    pub(crate) fn signal(service: &Service, what: Signal) {
        signal(service.pid(), what);
    }
}
