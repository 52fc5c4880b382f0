//! Oracle Clusterware, by its Administration and Deployment Guide 12.1 (CWADD) and the reference
//! of resource attributes; the numbers of `check` by public action scripts (RCCTL).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Breach, Called, Node, call};
use crate::common::*;

/// What a resource is registered with.
pub(crate) struct Clusterware {
    pub(crate) nodes: Vec<Node>,
    /// The ACTION_SCRIPT on each node.
    pub(crate) scripts: Vec<PathBuf>,
    pub(crate) start_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) script_timeout: Duration,
    pub(crate) restart_attempts: u32,
    pub(crate) breaches: Vec<Breach>,
}

/// STATE of a resource, as `crsctl status resource` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Online(usize),
    Intermediate(usize),
    Offline,
    /// A stop and the clean after it failed: nothing is done any more but by a person.
    Unknown,
}

impl Clusterware {
    /// Each node with a link to siteward, named after the site, as the action script.
    pub(crate) fn with_siteward(nodes: Vec<Node>) -> Self {
        let scripts = nodes
            .iter()
            .map(|node| {
                let folder = node.bench().path("crs");
                std::fs::create_dir_all(&folder).unwrap();
                let link = folder.join(node.site());
                std::os::unix::fs::symlink(SITEWARD, &link).unwrap();
                link
            })
            .collect();
        Self::with_scripts(nodes, scripts)
    }

    pub(crate) fn with_scripts(nodes: Vec<Node>, scripts: Vec<PathBuf>) -> Self {
        let s = Duration::from_secs;
        Self {
            nodes,
            scripts,
            start_timeout: s(30),
            stop_timeout: s(30),
            script_timeout: s(20),
            restart_attempts: 1,
            breaches: Vec::new(),
        }
    }

    fn breach(&mut self, rule: &str, what: &str) {
        self.breaches.push(format!("{rule}: {what}"));
    }

    /// Calls an entry point as the script agent does: the entry point as the only argument, every
    /// attribute of the resource in the environment behind `_CRS_`, and nothing of a login
    /// ("Action script": CWADD, chapter 8).
    pub(crate) fn call(&mut self, on: usize, entry: &str) -> Called {
        let timeout = match entry {
            "start" => self.start_timeout,
            // STOP_TIMEOUT bounds clean too (12.1; source document CRS-15).
            "stop" | "clean" => self.stop_timeout,
            // CHECK_TIMEOUT is not set, so SCRIPT_TIMEOUT counts.
            _ => self.script_timeout,
        };
        let script = self.scripts[on].clone();
        let seconds = |time: Duration| time.as_secs().to_string();
        let mut command = Command::new(&script);
        command
            .arg(entry)
            .env_clear()
            .env("PATH", "/bin:/usr/bin")
            .env("_CRS_NAME", format!("{}_res", self.nodes[on].site()))
            .env("_CRS_TYPE", "cluster_resource")
            .env("_CRS_ACTION_SCRIPT", &script)
            .env("_CRS_CHECK_INTERVAL", "30")
            .env("_CRS_CHECK_TIMEOUT", "0")
            .env("_CRS_SCRIPT_TIMEOUT", seconds(self.script_timeout))
            .env("_CRS_START_TIMEOUT", seconds(self.start_timeout))
            .env("_CRS_STOP_TIMEOUT", seconds(self.stop_timeout))
            .env("_CRS_RESTART_ATTEMPTS", self.restart_attempts.to_string())
            .current_dir("/");
        self.nodes[on].with_folders(&mut command);
        let called = call(command, timeout);
        self.judge(entry, timeout, &called);
        called
    }

    /// The rules that every call must keep.
    fn judge(&mut self, entry: &str, timeout: Duration, called: &Called) {
        match (entry, called.code) {
            (_, None) => self.breach(
                "an entry point ends within its timeout (CWADD, SCRIPT_TIMEOUT)",
                &format!("{entry} was killed after {timeout:?}"),
            ),
            ("check", Some(0..=5)) | ("start" | "stop" | "clean" | "abort", Some(0 | 1)) => {}
            (_, Some(code)) => self.breach(
                "start, stop and clean answer 0 or 1, check 0 to 5 (CWADD, clsagfw; RCCTL)",
                &format!("{entry} answered {code}"),
            ),
        }
        if called.held_open {
            self.breach(
                "nothing that outlives an entry point holds its output (reference, 1.1)",
                &format!("after {entry} the output stayed open"),
            );
        }
        // A tag without its colon is no tag, and the message is not shown.
        for tag in ["CRS_ERROR ", "CRS_WARNING ", "CRS_PROGRESS "] {
            if called.said.lines().any(|line| line.starts_with(tag)) {
                self.breach("a message's tag ends with a colon (CWADD, messages)", tag);
            }
        }
        if called.code == Some(1)
            && matches!(entry, "start" | "stop" | "clean")
            && !called.said.lines().any(|line| line.starts_with("CRS_ERROR:"))
        {
            self.breach(
                "a failure says why, where crsctl shows it (CWADD, CRS_ERROR:)",
                &format!("{entry} failed without a CRS_ERROR"),
            );
        }
    }

    /// A check, of which nothing may change.
    pub(crate) fn check(&mut self, on: usize) -> i32 {
        let before = (self.nodes[on].orders(), self.nodes[on].processes());
        let called = self.call(on, "check");
        let orders = self.nodes[on].orders();
        if orders.len() > before.0.len() {
            self.breach(
                "check only looks: it runs every CHECK_INTERVAL and after every command (CRS-06)",
                &format!("it gave the order `{}`", orders[orders.len() - 1]),
            );
        }
        called.code.unwrap_or(3)
    }

    /// Starts on a node; 0 is followed by a check (AFTER_CMD), a failure by clean.
    pub(crate) fn start(&mut self, on: usize) -> State {
        if self.call(on, "start").code == Some(0) {
            match self.check(on) {
                0 => return State::Online(on),
                4 => return State::Intermediate(on),
                code => self.breach(
                    "after a start that answers 0, check answers 0 or 4 (CWADD, AFTER_CMD)",
                    &format!("it answered {code}"),
                ),
            }
        }
        self.clean(on)
    }

    /// Ends what is left on a node.
    pub(crate) fn clean(&mut self, on: usize) -> State {
        if self.call(on, "clean").code != Some(0) {
            return State::Unknown;
        }
        self.must_be_offline(on, "clean")
    }

    fn must_be_offline(&mut self, on: usize, after: &str) -> State {
        let code = self.check(on);
        if !matches!(code, 1 | 2) {
            self.breach(
                "after a stop or clean that answers 0, check answers 1 or 2 (CWADD, AFTER_CMD)",
                &format!("after {after} it answered {code}"),
            );
        }
        let living = self.nodes[on].living();
        if !living.is_empty() {
            self.breach(
                "a resource that is OFFLINE has no process left (source document AS-14)",
                &format!("after {after} there live {living}"),
            );
        }
        State::Offline
    }

    pub(crate) fn stop(&mut self, on: usize) -> State {
        if self.call(on, "stop").code == Some(0) {
            return self.must_be_offline(on, "stop");
        }
        // A stop that failed is cleaned; if that fails too, a person must come (STATE=UNKNOWN).
        self.clean(on)
    }

    /// Looks until `check` says something else than "well", and does what follows from it: a
    /// restart on the same node up to RESTART_ATTEMPTS, then another node.
    pub(crate) fn recover(&mut self, on: usize, restarts: &mut u32) -> State {
        let mut code = 0;
        until("check sees it", || {
            code = self.check(on);
            !matches!(code, 0 | 3 | 4)
        });
        match code {
            // PLANNED_OFFLINE: TARGET becomes OFFLINE, and nothing is done.
            2 => return State::Offline,
            // FAILED is cleaned first, and that must work.
            5 if self.clean(on) == State::Unknown => return State::Unknown,
            _ => {}
        }
        if *restarts < self.restart_attempts {
            *restarts += 1;
            return self.start(on);
        }
        self.start((on + 1) % self.nodes.len())
    }

    /// Words that no agent knows, and orders that it was given already.
    pub(crate) fn pester(&mut self, on: usize) {
        let called = self.call(on, "frobnicate");
        if called.code == Some(0) {
            self.breach("an entry point that is not known fails (W03)", "it answered 0");
        }
        // `frobnicate` may answer what it likes but 0.
        self.breaches.retain(|b| !b.contains("frobnicate"));
    }
}
