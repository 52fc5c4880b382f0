//! The cluster under test with its sites, and what is known of it: what the witness saw, what was acknowledged, what was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::eye::{NODES, Part, Seen};
use crate::lab::{Lab, postgres_folder};

/// The sites; the first has the PostgreSQL, an address and a disk that is mounted where it runs.
pub(crate) const SITES: [&str; 3] = ["shop", "one", "two"];

/// The site `two` has no database, and so no lease.
pub(crate) const LEASED: [&str; 2] = ["shop", "one"];

pub(crate) const ADDRESS: &str = "10.77.0.50";

/// Where the disk of the site `shop` is mounted.
pub(crate) const DISK: &str = "/run/shopdisk";

/// What the client of PostgreSQL has seen.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: Vec<(u64, Instant)>,
    /// From one acknowledged row to the next where that took long.
    pub(crate) gaps: Vec<(Instant, Instant)>,
}

/// So much time between two acknowledged rows is an interruption.
pub(crate) const GAP: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) lab: Lab,
    /// Where what belongs to a violation is kept.
    pub(crate) kept: PathBuf,
    pub(crate) begun: Instant,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) written: Mutex<Written>,
    pub(crate) story: Mutex<Vec<String>>,
    pub(crate) violations: Mutex<Vec<String>>,
    /// What the witness found, which has no time to tell it.
    pub(crate) found: Mutex<Vec<String>>,
    /// What is done just now; empty between two faults.
    pub(crate) under_way: Mutex<String>,
    pub(crate) is_over: AtomicBool,
    /// How often `monitor` was asked and judged, by its exit code.
    pub(crate) judged: Mutex<BTreeMap<i32, u64>>,
    /// By how much the bound had grown, for each recovery that took longer than the usual one.
    pub(crate) stretched: Mutex<Vec<f64>>,
    /// Acknowledged rows of which it is told that they are gone.
    pub(crate) gone: Mutex<BTreeSet<u64>>,
}

/// The lock, whatever became of a thread that had it.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl World {
    /// Boots the lab, and makes the sites and their resources.
    pub(crate) fn new(kept: PathBuf) -> Self {
        let lab = Lab::up();
        let world = Self {
            lab,
            kept,
            begun: Instant::now(),
            seen: Mutex::default(),
            written: Mutex::default(),
            story: Mutex::default(),
            violations: Mutex::default(),
            found: Mutex::default(),
            under_way: Mutex::default(),
            is_over: AtomicBool::new(false),
            judged: Mutex::default(),
            gone: Mutex::default(),
            stretched: Mutex::default(),
        };
        world.make_sites();
        world
    }

    fn make_sites(&self) {
        let lab = &self.lab;
        let shared = lab.folder().join("shared");
        let own = std::env::current_exe().expect("this program has a file");
        fs::copy(own, shared.join("soak")).expect("the shared folder");
        for folder in ["lives", "one", "shopdisk"] {
            fs::create_dir(shared.join(folder)).expect("the shared folder");
        }
        let postgres = postgres_folder().expect("looked for before");
        let postgres = postgres.display();
        let prepare = format!(
            "install -d -o postgres -m 700 /mnt/shared/shopdisk/pg && \
             setpriv --reuid=postgres --regid=postgres --clear-groups \
             {postgres}/initdb -D /mnt/shared/shopdisk/pg -A trust --no-sync && \
             echo 'host all all 10.77.0.0/24 trust' >>/mnt/shared/shopdisk/pg/pg_hba.conf"
        );
        lab.on("node1", &["sh", "-c", &prepare]);
        let note = |site: &str| format!("[/mnt/shared/soak, witness, {site}, /mnt/shared/lives]");
        lab.define(
            "shop",
            &format!(
                "version: 1\nsite: shop.example\ndatabase: {DISK}\naddress: {ADDRESS}\nboot_timeout: 40s\n\
                 stop_timeout: 20s\nforcekill_time: 2s\nprocesses:\n  store:\n    \
                 command: [{postgres}/postgres, -D, {DISK}/pg, -c, listen_addresses={ADDRESS}, -c, unix_socket_directories=/tmp]\n    \
                 user: postgres\n    ready: {{notify: true}}\n    \
                 healthcheck: {{test: [{postgres}/pg_isready, -h, {ADDRESS}], interval: 3s, timeout: 2s, retries: 3}}\n    \
                 stop_signal: INT\n    stop_grace_period: 10s\n  note: {{command: {}}}\n",
                note("shop")
            ),
        );
        lab.define(
            "one",
            &format!(
                "version: 1\nsite: one.example\ndatabase: /mnt/shared/one\nprerequisites: {{mounted: false}}\n\
                 boot_timeout: 10s\nstop_timeout: 10s\nforcekill_time: 1s\nsettle: 50ms\nprocesses:\n  note: {{command: {}}}\n",
                note("one")
            ),
        );
        lab.define(
            "two",
            &format!(
                "version: 1\nsite: two.example\nboot_timeout: 10s\nstop_timeout: 10s\nforcekill_time: 1s\nsettle: 50ms\n\
                 processes:\n  note: {{command: {}}}\n",
                note("two")
            ),
        );
        for line in [
            &format!(
                "primitive disk ocf:heartbeat:Filesystem params device=/mnt/shared/shopdisk directory={DISK} \
                 fstype=none options=bind op monitor interval=20s timeout=40s op start timeout=60s interval=0 \
                 op stop timeout=60s interval=0"
            ),
            &format!(
                "primitive vip ocf:heartbeat:IPaddr2 params ip={ADDRESS} cidr_netmask=24 \
                 op monitor interval=10s timeout=20s"
            ),
            "primitive shop ocf:siteward:site params site=shop op start timeout=60s interval=0 \
             op stop timeout=40s interval=0 op monitor interval=1s timeout=40s",
            "group all disk vip shop",
            "primitive one ocf:siteward:site params site=one op start timeout=30s interval=0 \
             op stop timeout=30s interval=0 op monitor interval=1s timeout=20s",
            "primitive two ocf:siteward:site params site=two monitor_wait=0 op start timeout=30s interval=0 \
             op stop timeout=30s interval=0 op monitor interval=2s timeout=20s",
        ] {
            let words = format!("crm --force configure {line}");
            lab.on("node1", &words.split_whitespace().collect::<Vec<_>>());
        }
        lab.on("node1", &["crm_resource", "--refresh"]);
        for site in SITES {
            lab.runs_on_one(site);
        }
        let table = "create table rows (n bigint primary key)";
        lab.on("switch", &["psql", "-h", ADDRESS, "-U", "postgres", "-Atc", table]);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.lab.folder()
    }

    /// A command on a node, given up after a while.
    pub(crate) fn on(&self, node: &str, words: &[&str]) -> (bool, String) {
        self.lab.try_on(node, &[&["timeout", "-k", "1", "40"], words].concat())
    }

    /// A command for the cluster, on whichever node answers.
    pub(crate) fn cluster(&self, words: &[&str]) -> (bool, String) {
        let mut last = (false, String::new());
        for node in self.powered() {
            last = self.on(NODES[node], words);
            if last.0 {
                break;
            }
        }
        last
    }

    /// The nodes that have power.
    pub(crate) fn powered(&self) -> Vec<usize> {
        (0..2).filter(|node| crate::eye::init_of(self.folder(), NODES[*node]).is_some()).collect()
    }

    /// Where the site runs, as the witness sees it.
    pub(crate) fn place_of(&self, site: &str) -> Option<usize> {
        lock(&self.seen).now(site, Part::Note).first().map(|life| life.node)
    }

    pub(crate) fn tell(&self, line: &str) {
        let at = self.begun.elapsed();
        let line = format!(
            "{} {:>7.1} s  {line}",
            jiff::Timestamp::now().strftime("%H:%M:%S"),
            at.as_secs_f64()
        );
        println!("{line}");
        lock(&self.story).push(line);
    }

    /// Something is wrong: it is told, with all that can be seen of it, and the run goes on.
    pub(crate) fn violation(&self, what: &str) {
        let number = {
            let mut all = lock(&self.violations);
            all.push(what.to_owned());
            all.len()
        };
        self.tell(&format!("VIOLATION {number}: {what}"));
        if number <= 20 {
            crate::evidence::keep(self, number, what);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}
