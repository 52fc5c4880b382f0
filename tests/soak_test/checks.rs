//! What is looked at after each fault, and at the end.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use crate::eye::{NODES, all_on, init_of};
use crate::faults::Done;
use crate::world::{ADDRESS, DISK, SITES, World, lock};

/// How far the logs were read.
#[derive(Default)]
pub(crate) struct Read {
    console: usize,
    pacemaker: [usize; 2],
    notes: [usize; 3],
    pub(crate) fences: u64,
    pub(crate) stops: u64,
    pub(crate) failed_stops: u64,
    pub(crate) unasked: u64,
}

impl World {
    /// Every row that was acknowledged before is there, and none that was never written.
    pub(crate) fn rows_are_there(&self) {
        let acknowledged: BTreeSet<u64> =
            lock(&self.written).rows.iter().map(|(n, _)| *n).collect();
        let ask = [
            "timeout",
            "20",
            "psql",
            "-h",
            ADDRESS,
            "-U",
            "postgres",
            "-Atc",
            "select n from rows",
        ];
        let limit = Instant::now() + Duration::from_secs(30);
        let text = loop {
            let (good, text) = self.lab.try_on("switch", &ask);
            if good {
                break text;
            }
            if Instant::now() > limit {
                self.violation(&format!("the rows cannot be read: {}", text.trim()));
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        let there: BTreeSet<u64> = text.lines().filter_map(|l| l.parse().ok()).collect();
        let mut told = lock(&self.gone);
        let gone: Vec<u64> =
            acknowledged.difference(&there).copied().filter(|n| told.insert(*n)).collect();
        drop(told);
        if !gone.is_empty() {
            let some: Vec<_> = gone.iter().take(20).collect();
            self.violation(&format!("{} acknowledged rows are gone: {some:?}", gone.len()));
        }
    }

    /// What the logs of the lab and of the cluster say since the last look, and what the processes noted.
    pub(crate) fn read_logs(&self, read: &mut Read, done: Option<&Done>) {
        let asked = done.map(|d| d.fences.clone()).unwrap_or_default();
        let fresh = |text: &str, at: &mut usize| {
            let new = text.get(*at..).unwrap_or_default().to_owned();
            *at = text.len();
            new
        };
        let file = |path: &str| {
            fs::read(self.folder().join(path)).map(|b| String::from_utf8_lossy(&b).into_owned())
        };
        let text = fresh(&file("console.log").unwrap_or_default(), &mut read.console);
        for line in text.lines().filter(|l| l.contains(" asks reboot ") || l.contains(" asks off "))
        {
            read.fences += 1;
            let is_asked = asked.iter().any(|node| line.contains(&format!("reboot {node}:")));
            if !is_asked {
                read.unasked += 1;
                self.violation(&format!("a fencing that no fault asks for: {line}"));
            }
        }
        for (index, node) in NODES.iter().enumerate() {
            let log = file(&format!("nodes/{node}/disk/var/log/pacemaker/pacemaker.log"));
            let text = fresh(&log.unwrap_or_default(), &mut read.pacemaker[index]);
            for line in text.lines() {
                if line.contains("Result of stop operation for ") {
                    read.stops += 1;
                    if !line.contains(": ok") {
                        read.failed_stops += 1;
                        self.violation(&format!("a stop failed on {node}: {line}"));
                    }
                }
                if line.contains("will be fenced:") && line.contains(" failed there") {
                    self.violation(&format!("a failure asked for a fence: {line}"));
                }
                if line.contains("might be active on") || line.contains("is active on 2 nodes") {
                    self.violation(&format!("the cluster saw two active nodes: {line}"));
                }
            }
        }
        for (index, site) in SITES.iter().enumerate() {
            let text = file(&format!("shared/lives/{site}.notes")).unwrap_or_default();
            let text = fresh(&text, &mut read.notes[index]);
            for line in text.lines().filter(|l| l.contains(" overlap ")) {
                self.violation(&format!(
                    "a process of `{site}` began while another one lived: {line}"
                ));
            }
        }
    }

    /// Disables all resources; then nothing of the sites may be left on either node.
    pub(crate) fn end(&self) {
        for resource in ["all", "one", "two"] {
            self.cluster(&[
                "crm_resource",
                "-r",
                resource,
                "--meta",
                "-p",
                "target-role",
                "-v",
                "Stopped",
            ]);
        }
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            if Instant::now() > limit {
                self.violation(&format!("after the end this is left: {left:#?}"));
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What is left of the sites on either node: processes, mounts, the address, a lease that was not released.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (index, node) in NODES.iter().enumerate() {
            let Some(init) = init_of(self.folder(), node) else {
                left.push(format!("{node} has no power"));
                continue;
            };
            for (pid, words) in all_on(self.folder(), index) {
                let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
                let name =
                    exe.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                let line = words.join(" ");
                if ["siteward", "postgres", "soak"].contains(&name.as_str())
                    || line.contains("siteward")
                {
                    left.push(format!("{node}: {pid} {line}"));
                }
            }
            let mounts = fs::read_to_string(format!("/proc/{init}/mounts")).unwrap_or_default();
            left.extend(
                mounts.lines().filter(|l| l.contains(DISK)).map(|l| format!("{node}: {l}")),
            );
            let (_, addresses) = self.on(node, &["ip", "-o", "address", "show", "to", ADDRESS]);
            left.extend(addresses.lines().map(|l| format!("{node}: {l}")));
            let listening = "fuser -s /run/siteward/*/* 2>/dev/null && echo used; true";
            let (_, used) = self.on(node, &["sh", "-c", listening]);
            left.extend(used.lines().map(|l| format!("{node}: a file below /run/siteward is {l}")));
        }
        for disk in ["shopdisk", "one"] {
            let path = self.folder().join(format!("shared/{disk}/.siteward/owner.json"));
            let text = fs::read_to_string(&path).unwrap_or_default();
            if !text.contains("\"released\":true") {
                left.push(format!("the lease on {disk}: {}", text.trim()));
            }
        }
        left
    }
}
