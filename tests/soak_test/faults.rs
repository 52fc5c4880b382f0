//! How each fault is done.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::eye::{Life, NODES, Part, all_on};
use crate::plan::{Fault, Random};
use crate::world::{ADDRESS, DISK, LEASED, SITES, World, lock};

/// What was done.
pub(crate) struct Done {
    /// The sites that it concerns.
    pub(crate) sites: Vec<&'static str>,
    /// From when on the recovery is counted.
    pub(crate) since: Instant,
    /// What the fault itself may take beside the usual bound.
    pub(crate) allowance: Duration,
    /// The nodes of which it asks for the fencing.
    pub(crate) fences: Vec<&'static str>,
    /// Which processes must be gone before anything is taken for a recovery.
    pub(crate) gone: Vec<crate::eye::Process>,
    /// What has to be undone after the recovery.
    pub(crate) undo: Vec<Vec<String>>,
    /// Files that are taken away after the recovery.
    pub(crate) files: Vec<std::path::PathBuf>,
}

impl Done {
    pub(crate) fn to(sites: &[&'static str]) -> Self {
        Self {
            sites: sites.to_vec(),
            since: Instant::now(),
            allowance: Duration::ZERO,
            fences: Vec::new(),
            gone: Vec::new(),
            undo: Vec::new(),
            files: Vec::new(),
        }
    }

    fn allowing(mut self, seconds: u64) -> Self {
        self.allowance = Duration::from_secs(seconds);
        self
    }

    fn fencing(mut self, nodes: &[&'static str]) -> Self {
        self.fences = nodes.to_vec();
        self
    }
}

/// What a fencing takes, in seconds: until the loss is seen, the power is cut, two seconds later where it is node1, and the
/// node that boots within the recovery is asked what runs on it.
const FENCING: u64 = 25;

fn wait(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

impl World {
    fn parts(&self, site: &str, parts: &[Part]) -> Vec<Life> {
        let seen = lock(&self.seen);
        parts.iter().flat_map(|part| seen.now(site, *part).into_iter().cloned()).collect()
    }

    fn kill(&self, site: &'static str, parts: &[Part]) -> Done {
        let lives = self.parts(site, parts);
        let mut done = Done::to(&[site]);
        for life in &lives {
            life.process.send(Signal::SIGKILL);
        }
        done.gone = lives.iter().map(|l| l.process).collect();
        done
    }

    /// SIGSTOP for some seconds, then SIGCONT.
    fn freeze(&self, site: &'static str, parts: &[Part], seconds: u64) -> Done {
        let lives = self.parts(site, parts);
        let done = Done::to(&[site]);
        for life in &lives {
            life.process.send(Signal::SIGSTOP);
        }
        wait(seconds);
        for life in &lives {
            life.process.send(Signal::SIGCONT);
        }
        done.allowing(seconds)
    }

    fn move_to_the_other(&self, site: &'static str) -> Done {
        let to = NODES[self.place_of(site).map_or(0, |node| 1 - node)];
        let mut done = Done::to(&[site]);
        done.gone = self.parts(site, &[Part::Note]).iter().map(|l| l.process).collect();
        let resource = if site == "shop" { "all" } else { site };
        let (good, said) = self.cluster(&["crm_resource", "--move", "-r", resource, "-N", to]);
        if !good {
            self.tell(&format!("the move was refused: {}", said.trim()));
            done.gone.clear();
        }
        done.undo.push(["crm_resource", "--clear", "-r", resource].map(str::to_owned).to_vec());
        done
    }

    /// A move while a process of the site ignores TERM.
    fn slow_move(&self, site: &'static str, seconds: u64, at_most: u64) -> Done {
        let file = self.folder().join(format!("shared/lives/{site}.slow"));
        fs::write(&file, seconds.to_string()).expect("the shared folder");
        let mut done = self.move_to_the_other(site).allowing(seconds.min(at_most));
        done.files.push(file);
        done
    }

    fn set_parameter(&self, site: &'static str, name: &str, value: &str) {
        self.cluster(&["crm_resource", "-r", site, "-p", name, "-v", value]);
    }

    fn maintenance(&self, value: &str) {
        let name = ["--name", "maintenance-mode", "--update", value];
        self.cluster(&[&["crm_attribute", "--type", "crm_config"][..], &name].concat());
    }

    /// The monitor of a resource that runs on a node just now.
    fn monitor_of(&self, node: usize, site: &str) -> Option<i32> {
        let wanted = format!("OCF_RESOURCE_INSTANCE={site}");
        let is_it = |pid: i32, words: &[String]| {
            let is_monitor = words.first().is_some_and(|w| w.ends_with("/site"))
                && words.get(1).is_some_and(|w| w == "monitor");
            let environment = || fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            is_monitor && environment().split(|b| *b == 0).any(|v| v == wanted.as_bytes())
        };
        all_on(self.folder(), node)
            .into_iter()
            .find(|(pid, words)| is_it(*pid, words))
            .map(|(pid, _)| pid)
    }

    /// Stops the monitor that is under way, until the cluster kills it.
    fn hang_monitor(&self) -> Done {
        let limit = Instant::now() + Duration::from_secs(50);
        let mut hung = None;
        while hung.is_none() && Instant::now() < limit {
            hung = self.place_of("one").and_then(|node| self.monitor_of(node, "one"));
        }
        if let Some(pid) = hung {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGSTOP);
            // Stopped, and then no longer: only the cluster ends it.
            let is_there = || {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let state = status.lines().find(|l| l.starts_with("State:")).unwrap_or_default();
                !state.is_empty() && !state.contains('Z')
            };
            while is_there() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let mut done = Done::to(&["one"]);
        done.gone = self.parts("one", &[Part::Note]).iter().map(|l| l.process).collect();
        done
    }

    fn cable(&self, node: &'static str, hold: Duration) {
        self.lab.verb(&["isolate", node]);
        std::thread::sleep(hold);
        self.lab.verb(&["heal", node]);
    }

    /// Does it, to a site or node that the generator draws; the words say to which.
    pub(crate) fn do_fault(&self, fault: Fault, random: &mut Random) -> (String, Done) {
        let site = random.one_of(&SITES);
        let leased = random.one_of(&LEASED);
        let small = random.one_of(&["one", "two"]);
        let node = random.one_of(&NODES);
        let seconds = 1 + random.below(7);
        let of = |site: &str| format!("of `{site}`");
        match fault {
            Fault::ProcessKilled => {
                let part = if site == "shop" {
                    random.one_of(&[Part::Note, Part::Store])
                } else {
                    Part::Note
                };
                (format!("{part:?} {}", of(site)), self.kill(site, &[part]))
            }
            Fault::SupervisorKilled => (of(site), self.kill(site, &[Part::Supervisor])),
            Fault::KeeperKilled => (of(leased), self.kill(leased, &[Part::Keeper])),
            Fault::BothKilled => {
                let order = random
                    .one_of(&[[Part::Supervisor, Part::Keeper], [Part::Keeper, Part::Supervisor]]);
                (
                    format!(
                        "{} first, {}",
                        if order[0] == Part::Keeper { "keeper" } else { "supervisor" },
                        of(leased)
                    ),
                    self.kill(leased, &order),
                )
            }
            Fault::AllKilled => (
                of(site),
                self.kill(site, &[Part::Keeper, Part::Supervisor, Part::Note, Part::Store]),
            ),
            Fault::NodeDead => {
                let done = Done::to(&SITES).allowing(FENCING).fencing(&[node]);
                self.lab.verb(&["kill-node", node]);
                (node.to_owned(), done)
            }
            Fault::CablePulled => {
                let done = Done::to(&SITES);
                self.cable(node, Duration::from_secs(1 + seconds));
                // Where the isolated node shoots the other one, only healing brings the site back to its clients.
                (
                    format!("of {node}, for {} s", 1 + seconds),
                    done.allowing(FENCING + seconds).fencing(&NODES),
                )
            }
            Fault::CableFlicker => {
                let hold = Duration::from_millis(100 * seconds);
                let done = Done::to(&SITES);
                self.cable(node, hold);
                (
                    format!("of {node}, for {} ms", hold.as_millis()),
                    done.allowing(FENCING).fencing(&NODES),
                )
            }
            Fault::ProcessFrozen => {
                let parts: &[Part] = if site == "shop" { &[Part::Store] } else { &[Part::Note] };
                (format!("{}, for {seconds} s", of(site)), self.freeze(site, parts, seconds))
            }
            Fault::StoreFrozenLong => {
                // Four healthchecks, and the time that a stop leaves to PostgreSQL.
                (String::new(), self.freeze("shop", &[Part::Store], 22).allowing(40))
            }
            Fault::SupervisorFrozen => (
                format!("{}, for {seconds} s", of(site)),
                self.freeze(site, &[Part::Supervisor], seconds),
            ),
            Fault::SupervisorFrozenLong => {
                (of("one"), self.freeze("one", &[Part::Supervisor], 25).allowing(25))
            }
            Fault::DiskGone => {
                let at = self.place_of("shop").map_or("node1", |node| NODES[node]);
                // Without its disk PostgreSQL may use all the time that it has to stop: 10 s, until KILL 2 s, and the same for what outlives it.
                let mut done = Done::to(&["shop"]).allowing(14);
                done.gone = self.parts("shop", &[Part::Note]).iter().map(|l| l.process).collect();
                self.on(at, &["umount", "-l", DISK]);
                (format!("on {at}"), done)
            }
            Fault::AddressGone => {
                let at = self.place_of("shop").map_or("node1", |node| NODES[node]);
                let mut done = Done::to(&["shop"]);
                done.gone = self.parts("shop", &[Part::Note]).iter().map(|l| l.process).collect();
                self.on(at, &["ip", "address", "del", &format!("{ADDRESS}/24"), "dev", "eth0"]);
                (format!("on {at}"), done)
            }
            Fault::SlowStop => {
                (format!("{}, {seconds} s", of(site)), self.slow_move(site, seconds, 10))
            }
            // KILL follows when the process's time is over: 10 s is what it has at most.
            Fault::NoStop => (of(small), self.slow_move(small, 600, 12)),
            Fault::Moved => (of(site), self.move_to_the_other(site)),
            Fault::MaintenanceKill => {
                self.maintenance("true");
                let mut done = self.kill(site, &[Part::Note]);
                wait(seconds);
                if site != "two" && done.gone.iter().any(|p| p.is_alive()) {
                    self.violation("a process outlived SIGKILL");
                }
                done.since = Instant::now();
                self.maintenance("false");
                (format!("{}, {seconds} s before it ends", of(site)), done)
            }
            Fault::Standby => {
                let done = Done::to(&SITES);
                self.cluster(&["crm_standby", "-N", node, "-v", "on"]);
                wait(2 + seconds);
                self.cluster(&["crm_standby", "-N", node, "-D"]);
                (format!("{node}, for {} s", 2 + seconds), done.allowing(2 + seconds))
            }
            Fault::Reloaded => {
                let done = Done::to(&[site]);
                self.set_parameter(
                    site,
                    "degraded_after",
                    &format!("{}s", 20 + random.below(1000)),
                );
                (of(site), done)
            }
            Fault::Restarted => {
                let mut done = Done::to(&[site]);
                done.gone = self.parts(site, &[Part::Note]).iter().map(|l| l.process).collect();
                let steps = "../sites/".repeat(usize::try_from(1 + random.below(200)).unwrap_or(1));
                self.set_parameter(site, "config_dir", &format!("/etc/siteward/sites/{steps}"));
                (of(site), done)
            }
            Fault::Load => {
                let at = self.place_of(site).map_or("node1", |node| NODES[node]);
                let loops = "for i in 1 2 3 4 5 6 7 8; do timeout 12 sh -c 'while :; do :; done' >/dev/null 2>&1 & done";
                self.on(at, &["sh", "-c", loops]);
                wait(2);
                (format!("Note {} on {at}", of(site)), self.kill(site, &[Part::Note]))
            }
            Fault::Cleanup => {
                let done = Done::to(&[site]);
                let how = random.one_of(&["--cleanup", "--refresh"]);
                self.cluster(&["crm_resource", how, "-r", site]);
                (format!("{how} {}", of(site)), done)
            }
            Fault::MonitorTimeout => (of("one"), self.hang_monitor()),
            Fault::Disabled => (of(site), self.disable_and_enable(site, seconds)),
            Fault::NodeStopped => {
                let done = Done::to(&SITES);
                self.lab.verb(&["stop-node", node]);
                wait(2);
                self.lab.verb(&["start-node", node]);
                (node.to_owned(), done.allowing(10))
            }
            Fault::KilledInStart => (of(site), self.kill_in_start(site)),
            Fault::KilledInMove => {
                let part = random.one_of(&[Part::Supervisor, Part::Keeper, Part::Note]);
                let after = Duration::from_millis(random.below(900));
                let mut done = self.move_to_the_other(leased);
                std::thread::sleep(after);
                let killed = self.kill(leased, &[part]);
                done.gone.extend(killed.gone);
                (format!("{part:?} {}, {} ms after the order", of(leased), after.as_millis()), done)
            }
            Fault::NodeDeadInMove => {
                let after = Duration::from_millis(random.below(900));
                let mut done = self.move_to_the_other(site).allowing(FENCING).fencing(&[node]);
                std::thread::sleep(after);
                self.lab.verb(&["kill-node", node]);
                done.sites = SITES.to_vec();
                // Where the node to go to died first, the site stays.
                done.gone.clear();
                (format!("{node}, {} ms after the order to move `{site}`", after.as_millis()), done)
            }
            Fault::Paused => {
                let at = self.place_of(site).map_or("node1", |node| NODES[node]);
                self.on(at, &["siteward", "pause", site, "--reason", "the soak"]);
                wait(seconds);
                let done = Done::to(&[site]);
                let (good, said) = self.on(at, &["siteward", "resume", site]);
                if !good {
                    self.violation(&format!(
                        "`{site}` could not be resumed on {at}: {}",
                        said.trim()
                    ));
                }
                (format!("{}, for {seconds} s", of(site)), done)
            }
        }
    }

    /// Kills a process of the site, and the next one as soon as it is seen.
    fn kill_in_start(&self, site: &'static str) -> Done {
        let before = self.kill(site, &[Part::Note]);
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let next = self.parts(site, &[Part::Note]);
            if let Some(next) = next.iter().find(|l| !before.gone.contains(&l.process)) {
                let mut done = Done::to(&[site]);
                next.process.send(Signal::SIGKILL);
                done.gone = vec![next.process];
                return done;
            }
            if Instant::now() > limit {
                self.violation(&format!("20 s after its death no process of `{site}` was started"));
                return before;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn disable_and_enable(&self, site: &'static str, seconds: u64) -> Done {
        let resource = if site == "shop" { "all" } else { site };
        let role = |value: &str| {
            self.cluster(&[
                "crm_resource",
                "-r",
                resource,
                "--meta",
                "-p",
                "target-role",
                "-v",
                value,
            ]);
        };
        role("Stopped");
        let limit = Instant::now() + Duration::from_secs(40);
        let all = [Part::Note, Part::Store, Part::Supervisor, Part::Keeper];
        while !self.parts(site, &all).is_empty() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(50));
        }
        let left = self.parts(site, &all);
        if !left.is_empty() {
            self.violation(&format!("40 s after the resource was disabled this is left: {left:?}"));
        }
        wait(seconds);
        let done = Done::to(&[site]);
        role("Started");
        done
    }
}
