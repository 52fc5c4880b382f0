//! NEC ExpressCluster X, by its reference (ECX: exec, genw, pidw) and its sample scripts; the
//! events by source document 003, 4.1.2.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Breach, Called, Node, call};
use crate::common::*;

/// A failover group with an exec resource and a genw monitor.
pub(crate) struct Expresscluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) breaches: Vec<Breach>,
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active(usize),
    Inactive,
    /// It failed to deactivate: the final action is taken.
    Failed,
}

impl Expresscluster {
    /// Writes start.sh, stop.sh and genw.sh where the product keeps them, from what `generate`
    /// prints, and the cluster's own log command.
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        for node in &nodes {
            let scripts = node.bench().path("clp/scripts");
            fs::create_dir_all(&scripts).unwrap();
            let printed = succeed(node.bench().hand(&["generate", "expresscluster", node.site()]));
            for part in printed.split("# --- ").skip(1) {
                let (name, body) = part.split_once(" ---\n").unwrap();
                write_script(&scripts.join(name), body);
            }
            let bin = node.bench().path("clp/bin");
            fs::create_dir_all(&bin).unwrap();
            let log = node.bench().path("clp/alert.log");
            let body = format!("#!/bin/sh\necho \"$*\" >>{}\n", log.display());
            write_script(&bin.join("clplogcmd"), &body);
        }
        Self { nodes, breaches: Vec::new() }
    }

    fn breach(&mut self, rule: &str, what: &str) {
        self.breaches.push(format!("{rule}: {what}"));
    }

    pub(crate) fn alerts(&self, on: usize) -> String {
        fs::read_to_string(self.nodes[on].bench().path("clp/alert.log")).unwrap_or_default()
    }

    fn script(&self, on: usize, name: &str) -> PathBuf {
        self.nodes[on].bench().path("clp/scripts").join(name)
    }

    /// Runs a script of the exec resource, with the variables that the samples read.
    pub(crate) fn script_with(
        &mut self,
        on: usize,
        name: &str,
        event: &str,
        disk: &str,
        more: &[(&str, &str)],
    ) -> Called {
        let mut command = Command::new(self.script(on, name));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("CLP_DISK", disk)
            .env("CLP_SERVER", if on == 0 { "HOME" } else { "OTHER" })
            .env("CLP_GROUPNAME", "failover1")
            .env("CLP_RESOURCENAME", "exec1")
            .env("CLP_PATH", self.nodes[on].bench().path("clp"))
            .envs(more.iter().copied());
        if !event.is_empty() {
            command.env("CLP_EVENT", event);
        }
        self.nodes[on].with_folders(&mut command);
        let called = call(command, Duration::from_secs(60));
        if called.held_open {
            self.breach("nothing holds a script's output (ECX, userlog)", name);
        }
        called
    }

    /// Activates the group on a node (synchronous: 0 is success, all else an error).
    pub(crate) fn activate(&mut self, on: usize, event: &str) -> State {
        let called = self.script_with(on, "start.sh", event, "SUCCESS", &[]);
        match called.code {
            Some(0) => {
                let code = self.genw(on);
                if code != 0 {
                    self.breach("an active group is well (ECX, genw)", &format!("genw: {code}"));
                }
                State::Active(on)
            }
            _ => self.deactivate(on, "GROUPFAILOVER"),
        }
    }

    pub(crate) fn deactivate(&mut self, on: usize, factor: &str) -> State {
        let more = [("CLP_FACTOR", factor)];
        let called = self.script_with(on, "stop.sh", "START", "SUCCESS", &more);
        if called.code != Some(0) {
            return State::Failed;
        }
        let living = self.nodes[on].living();
        if !living.is_empty() {
            self.breach("an inactive group has no process left (NOTE-02)", &living);
        }
        State::Inactive
    }

    /// The custom monitor, synchronous: 0 is the normal value.
    pub(crate) fn genw(&mut self, on: usize) -> i32 {
        let mut command = Command::new(self.script(on, "genw.sh"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("CLP_PATH", self.nodes[on].bench().path("clp"));
        self.nodes[on].with_folders(&mut command);
        call(command, Duration::from_secs(60)).code.unwrap_or(-1)
    }

    /// The monitor sees it: one reactivation on the same node, then a failover.
    pub(crate) fn recover(&mut self, on: usize, reactivations: &mut u32) -> State {
        until("genw sees it", || self.genw(on) != 0);
        if self.deactivate(on, "RESOURCERESTART") == State::Failed {
            return State::Failed;
        }
        if *reactivations == 0 {
            *reactivations += 1;
            return self.activate(on, "START");
        }
        self.activate((on + 1) % self.nodes.len(), "FAILOVER")
    }
}

pub(crate) fn write_script(path: &std::path::Path, body: &str) {
    fs::write(path, body).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
