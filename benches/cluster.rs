//! How long it takes in a real Pacemaker cluster from a death until the process runs again: on the same node, on the other
//! one, and after a power-off; beside agents that are only asked now and then, and beside Pacemaker's own floor. The
//! cluster is the one that the tests make, and a machine under systemd of theirs runs what Pacemaker gives to systemd.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::chart::Bars;
use crate::clean_root::CleanRoot;
use crate::common::wait_for;
use crate::lab::Lab;
use crate::page::{Section, picture, table};
use crate::recovery::{Told, under_systemd, until_again};
use crate::small::{other, wait_until_held};
use crate::tools::{Times, ms, ms_or_none, need, tell};

const SAME_NODE: u32 = 5;
const OTHER_NODE: u32 = 3;
const POWER: usize = 2;

/// Between the deaths of what is asked every 10 s, so that they fall on every part of the interval.
const STEP: Duration = Duration::from_secs(2);

const NEEDED: [(&str, &str); 5] = [
    ("/usr/sbin/pacemakerd", "pacemaker"),
    ("/usr/sbin/corosync", "corosync"),
    ("/usr/sbin/crm", "crmsh"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/lib/ocf/resource.d/heartbeat/anything", "resource-agents"),
];

/// What is measured of each.
#[derive(Default)]
struct Measured {
    same: Times,
    other: Times,
    power: Times,
}

const NAMES: [&str; 5] = ["siteward", "floor", "documents-1s", "anything", "documents-10s"];

/// The cluster of two nodes with one resource of each kind, all on one node.
struct Cluster {
    lab: Lab,
    payloads: Vec<Told>,
    measured: [Measured; NAMES.len()],
}

impl Cluster {
    fn up() -> Self {
        let lab = Lab::up();
        let shared = lab.folder().join("shared");
        let payload = |(name, mark)| Told::new(&shared, "/mnt/shared", name, mark);
        let payloads: Vec<_> = [
            ("siteward", "7770001"),
            ("floor", "7770002"),
            ("documents7770003", "7770003"),
            ("anything", "7770004"),
            ("documents7770005", "7770005"),
        ]
        .map(payload)
        .into();
        for name in ["floor", "documents"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/agents").join(name);
            lab.share(file.to_str().expect("the path is text"));
            let copy = format!("/usr/lib/ocf/resource.d/siteward/{name}");
            lab.on("node1", &["cp", &format!("/mnt/shared/{name}"), &copy]);
        }
        for node in ["node1", "node2"] {
            lab.on(node, &["mkfifo", &format!("/mnt/shared/floor.{node}")]);
        }
        lab.define(
            "siteward",
            "version: 1\nboot_timeout: 20s\nstop_timeout: 10s\nprocesses:\n  x: {command: [/mnt/shared/siteward.sh]}\n",
        );
        // All come to one node: where Pacemaker may choose, it does not start what has failed where it was.
        lab.on("node1", &["crm_standby", "-N", "node2", "-v", "on"]);
        let times = "op start timeout=30s interval=0 op stop timeout=30s interval=0 op monitor";
        for line in [
            format!(
                "siteward ocf:siteward:site params site=siteward {times} interval=1s timeout=40s"
            ),
            format!("floor ocf:siteward:floor {times} interval=1s timeout=1h"),
            format!(
                "documents-1s ocf:siteward:documents params mark=7770003 {times} interval=1s timeout=20s"
            ),
            format!(
                "anything ocf:heartbeat:anything params binfile=/mnt/shared/anything.sh pidfile=/run/anything.pid \
                 {times} interval=10s timeout=20s"
            ),
            format!(
                "documents-10s ocf:siteward:documents params mark=7770005 {times} interval=10s timeout=20s"
            ),
        ] {
            let words: Vec<_> =
                ["crm", "configure", "primitive"].into_iter().chain(line.split(' ')).collect();
            lab.on("node1", &words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>());
        }
        let cluster = Self { lab, payloads, measured: Default::default() };
        cluster.settle();
        cluster
    }

    fn settle(&self) {
        self.lab.verb(&["wait-online"]);
        let all_run = || NAMES.iter().all(|name| self.lab.located(name).len() == 1);
        self.lab.until("all run", 60, all_run);
    }

    /// Where it runs, when its monitor waits if it is one that does.
    fn held(&self, at: usize) -> String {
        let node = self.lab.located(NAMES[at]).first().cloned().expect("it runs");
        match at {
            0 => wait_until_held(&self.lab, &node, NAMES[at]),
            1 => {
                let asked = || self.lab.try_on(&node, &["test", "-e", "/run/floor.asked"]).0;
                self.lab.until("the floor has been asked", 30, asked);
                wait_for(Duration::from_millis(1500));
            }
            _ => {}
        }
        node
    }

    /// Kills each and waits until it runs again: those that are asked every 10 s together.
    fn deaths(&mut self, delay: Duration, of: fn(&mut Measured) -> &mut Times) {
        for at in 0..3 {
            let node = self.held(at);
            let all = [&self.payloads[at]];
            let took = if at == 1 {
                // The one that waits at the other end hears of it.
                let fifo = self.lab.folder().join("shared").join(format!("floor.{node}"));
                until_again(&all, || {
                    fs::OpenOptions::new()
                        .write(true)
                        .open(fifo)
                        .unwrap()
                        .write_all(b"\n")
                        .unwrap();
                })
            } else {
                until_again(&all, || all[0].kill())
            };
            of(&mut self.measured[at]).add(took[0]);
            self.lab.on("node1", &["crm_resource", "--wait", "--timeout=60s"]);
        }
        wait_for(delay);
        let both = [&self.payloads[3], &self.payloads[4]];
        let took = until_again(&both, || both.iter().for_each(|one| one.kill()));
        self.lab.on("node1", &["crm_resource", "--wait", "--timeout=60s"]);
        for (at, took) in (3..).zip(took) {
            of(&mut self.measured[at]).add(took);
        }
    }

    fn power_off(&mut self) {
        let node = self.held(1);
        assert_eq!(self.held(0), node, "all are on one node");
        let all: Vec<&Told> = self.payloads.iter().collect();
        let took = until_again(&all, || {
            self.lab.verb(&["kill-node", &node]);
        });
        for (measured, took) in self.measured.iter_mut().zip(took) {
            measured.power.add(took);
        }
        let there = other(&node);
        self.lab.until("the node is back", 90, || self.lab.is_on(&node) && self.lab.is_on(there));
        self.settle();
    }

    fn forget(&self) {
        self.lab.on("node1", &["crm_resource", "-C"]);
        self.settle();
    }
}

pub(crate) fn measure() -> Result<Section, String> {
    need(&NEEDED)?;
    tell("two nodes boot");
    let mut cluster = Cluster::up();
    for round in 0..SAME_NODE {
        tell(&format!("death {} of {SAME_NODE}, on the same node", round + 1));
        cluster.deaths(STEP * round, |measured| &mut measured.same);
    }
    cluster.lab.on("node1", &["crm_standby", "-N", "node2", "-D"]);
    cluster.forget();
    let one = ["--type", "rsc_defaults", "--name", "migration-threshold", "--update", "1"];
    cluster.lab.on("node1", &[&["crm_attribute"], &one[..]].concat());
    for round in 0..OTHER_NODE {
        tell(&format!("death {} of {OTHER_NODE}, to the other node", round + 1));
        cluster.deaths(STEP * round * 2, |measured| &mut measured.other);
        cluster.forget();
    }
    for round in 0..POWER {
        tell(&format!("power-off {} of {POWER}", round + 1));
        cluster.power_off();
    }
    let Cluster { lab, measured, .. } = cluster;
    drop(lab);
    let systemd = CleanRoot::missing().map_or_else(
        || Ok(under_systemd(SAME_NODE, STEP)),
        |what| {
            eprintln!("\n*** LEFT OUT: a resource of systemd's. Missing: {what} ***\n");
            Err(what)
        },
    );
    Ok(written(&measured, &systemd))
}

fn written(measured: &[Measured], systemd: &Result<[Times; 2], &str>) -> Section {
    const SHOWN: [&str; NAMES.len()] = [
        "siteward, monitor held",
        "floor, answers at once",
        "ps | grep, every second",
        "anything, every 10 s",
        "ps | grep, every 10 s",
    ];
    // From the quickest that can be to what is usual.
    let order = [1, 0, 2, 3, 4];
    let mut rows: Vec<(String, Vec<Option<f64>>, Option<f64>)> = order
        .into_iter()
        .map(|at| {
            let Measured { same, other, power } = &measured[at];
            let medians = [same, other, power].map(Times::median);
            (SHOWN[at].to_owned(), medians.into(), same.longest())
        })
        .collect();
    let note = match systemd {
        Ok([slow, quick]) => {
            for (name, times) in [("systemd:, every second", quick), ("systemd:, every 10 s", slow)]
            {
                rows.push((name.to_owned(), vec![times.median(), None, None], times.longest()));
            }
            String::new()
        }
        Err(what) => format!("A `systemd:` resource was left out; missing: {what}.\n"),
    };
    let cells = |(name, medians, longest): &(String, Vec<Option<f64>>, Option<f64>)| {
        let times = [medians[0], *longest, medians[1], medians[2]].map(ms_or_none);
        [vec![name.replace('|', "\\|")], times.into()].concat()
    };
    let head =
        ["agent", "same node", "longest of these", "other node", "other node after a power-off"];
    let text = format!(
        "A real Pacemaker on two nodes, with fencing that cuts the power. Each resource is one process that writes down when it \
         begins; the time is from its death, or from the power-off, until it has begun again. On the same node: medians of \
         {SAME_NODE} deaths; on the other node (`migration-threshold=1`): of {OTHER_NODE}; after a power-off of the node on which all \
         of them ran: of {POWER}, with corosync's token of 1 s. The floor has nothing to start and to stop, and its monitor ends in the \
         moment of the death: no agent can be quicker in this cluster. Those that are asked every 10 s died at different points \
         of that interval. The `systemd:` resources ran in a cluster of one node, on a machine under systemd.\n{}{note}\
         What it means: with siteward a failover takes what Pacemaker itself needs, and what the site needs to end and to \
         start. An agent that is asked every 10 s loses 5 s \
         on average, and at worst 10 s, before anybody knows. After a power-off all are alike: the cluster has to notice and to \
         fence first.\n{}",
        table(&head, &rows.iter().map(cells).collect::<Vec<_>>()),
        picture("cluster", "From a death until the process runs again, by agent")
    );
    let bars = Bars {
        title: "From a death until the process runs again",
        axis: "milliseconds, logarithmic; less is better",
        series: &["same node", "other node", "after a power-off"],
        groups: rows.into_iter().map(|(name, medians, _)| (name, medians)).collect(),
        shown: ms,
    };
    Section {
        title: "3. From a death to running again, in a cluster",
        text,
        pictures: vec![("cluster", bars.draw())],
    }
}
