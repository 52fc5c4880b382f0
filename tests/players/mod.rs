//! Cluster managers that nobody can have here, played by their documents: what each calls, with
//! which environment, and what follows from which exit code. A rule that an agent breaks is
//! written down, with its source.
#![allow(dead_code)]

pub(crate) mod clusterware;
pub(crate) mod expresscluster;
pub(crate) mod serviceguard;

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::*;
use crate::jobcenter::Jobcenter;
use siteward::values::{Pid, Signal};

/// One node of a cluster, with one site on it.
pub(crate) enum Node {
    Ours { bench: Bench, site: String },
    Wrapped(Jobcenter),
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Called {
    /// None: it did not end in its time, and was killed with its group.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) took: Duration,
    /// Its output was still open after its end: something that it left behind holds it.
    pub(crate) held_open: bool,
}

impl Node {
    /// A site of ours: a process that serves, one that daemonises, and one that is not essential.
    pub(crate) fn ours(site: &str) -> Self {
        let bench = Bench::new();
        bench.define(
            site,
            "processes:\n  store: {command: [ACT, notifier], ready: {notify: true}}\n  \
             engine: {command: [ACT, daemon], forks: true}\n  \
             extra: {command: [ACT, steady], essential: false, depends_on: [store]}\n",
        );
        Self::Ours { bench, site: site.to_owned() }
    }

    pub(crate) fn wrapped(site: &str) -> Self {
        Self::Wrapped(Jobcenter::new(site))
    }

    pub(crate) fn bench(&self) -> &Bench {
        match self {
            Self::Ours { bench, .. } => bench,
            Self::Wrapped(center) => &center.bench,
        }
    }

    pub(crate) fn site(&self) -> &str {
        match self {
            Self::Ours { site, .. } => site,
            Self::Wrapped(center) => &center.site,
        }
    }

    /// Everything of the site that lives here, in words.
    pub(crate) fn living(&self) -> String {
        match self {
            Self::Ours { bench, site } => bench.living(site),
            Self::Wrapped(center) => center.living(),
        }
    }

    /// The processes that do the site's work.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        match self {
            Self::Ours { bench, site } => {
                let record = bench.record(site);
                let record = record.filter(|r| r.ending.is_none());
                record.into_iter().flat_map(|r| r.processes).map(|p| p.identity.pid).collect()
            }
            Self::Wrapped(center) => center.daemons(),
        }
    }

    /// Every process of the site is there.
    pub(crate) fn is_complete(&self) -> bool {
        let all = match self {
            Self::Ours { .. } => 3,
            Self::Wrapped(_) => 9,
        };
        self.processes().len() == all
    }

    /// Kills one that the site cannot do without.
    pub(crate) fn kill_one(&self) {
        match self {
            Self::Ours { bench, site } => signal(bench.pid(site, "store"), Signal::KILL),
            Self::Wrapped(center) => signal(center.daemon("jnwengine"), Signal::KILL),
        }
    }

    /// Kills whoever watches the site.
    pub(crate) fn kill_supervisor(&self) {
        match self {
            Self::Ours { bench, site } => signal(bench.pid(site, "supervisor"), Signal::KILL),
            Self::Wrapped(center) => signal(center.supervisor(), Signal::KILL),
        }
    }

    /// What the wrapped supervisor's programs were told.
    pub(crate) fn orders(&self) -> Vec<String> {
        match self {
            Self::Ours { .. } => Vec::new(),
            Self::Wrapped(center) => center.calls_of("cjcpw"),
        }
    }

    /// A person on this node.
    pub(crate) fn hand(&self, words: &[&str]) {
        let output = output(self.bench().hand(words));
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }

    /// The folders of this node, which no manager would have to name.
    pub(crate) fn with_folders<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let places = &self.bench().places;
        command
            .env("SITEWARD_CONFIG_DIR", &places.config)
            .env("SITEWARD_RUNTIME_DIR", &places.runtime)
            .env("SITEWARD_LOG_DIR", &places.logs)
            .env("SITEWARD_LINK_DIR", &places.links)
    }
}

/// Calls, and kills the whole group when the time is over.
pub(crate) fn call(mut command: Command, timeout: Duration) -> Called {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().expect("it can be called");
    let streams: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    let readers = streams.map(|mut stream| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut chunk) {
                let _ = tell.send(chunk[..n].to_vec());
            }
        });
        told
    });
    let group = Pid::try_from(i32::try_from(child.id()).unwrap()).unwrap();
    let handle = siteward::linux::PidFd::open(group).unwrap();
    let mut waiting = siteward::linux::wait::Waiting::new();
    waiting.readable(std::os::fd::AsFd::as_fd(&handle), ());
    let ended = !waiting.wait(Some(siteward::values::Moment::now() + timeout)).is_empty();
    let took = begun.elapsed();
    if !ended {
        // As they all do it: the group, at once (kill(1), as a bare number is nobody's to signal).
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
    }
    let code = child.wait().unwrap().code().filter(|_| ended);
    let mut said = String::new();
    let mut held_open = false;
    for reader in readers {
        loop {
            match reader.recv_timeout(Duration::from_millis(500)) {
                Ok(bytes) => said.push_str(&String::from_utf8_lossy(&bytes)),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    held_open = true;
                    break;
                }
            }
        }
    }
    Called { code, said, took, held_open }
}

/// A rule that was broken, with its source.
pub(crate) type Breach = String;
