//! How much CPU and memory the processes of a site use.
//!
//! Where a process has a control group of its own, the figures of the group count; elsewhere those of its main
//! process and of all that descends from it are added up.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::report::UsageStatus;
use crate::linux::tree::Tree;
use crate::linux::{StartTicks, cgroup};
use crate::values::{Moment, Pid};

/// The shortest time over which a mean is worth showing.
const SHORTEST: Duration = Duration::from_millis(200);

/// A process whose usage is asked for.
pub(super) struct MeteredProcess {
    pub(super) name: String,
    pub(super) main: Pid,
    pub(super) start: StartTicks,
    /// Its control group, if it may have one.
    pub(super) group: Option<PathBuf>,
    /// The control group has had earlier processes too.
    pub(super) was_restarted: bool,
}

/// The processes of the node, looked at once for all sites that one question is about, and only if a control group does not
/// tell which are a site's.
#[derive(Default)]
pub(super) struct NodeTree(OnceCell<Option<Tree>>);

impl NodeTree {
    fn tree(&self) -> Option<&Tree> {
        self.0.get_or_init(|| Tree::look().ok()).as_ref()
    }
}

/// Measures, and remembers the last measurement: the usage of a CPU is then the mean since that.
#[derive(Default)]
pub(super) struct Meter {
    system: System,
    before: HashMap<(String, Pid), CpuSample>,
}

/// The time on a CPU until a moment, and its mean before that, in hundredths and over which time.
#[derive(Clone, Copy)]
struct CpuSample {
    at: Moment,
    used: Duration,
    mean: Option<(f64, Duration)>,
}

impl Meter {
    /// The usage of each process, by its name.
    pub(super) fn measure(
        &mut self,
        wanted: &[MeteredProcess],
        node: &NodeTree,
    ) -> HashMap<String, UsageStatus> {
        let members: Vec<(&MeteredProcess, Vec<Pid>)> =
            wanted.iter().map(|process| (process, members(process, wanted, node))).collect();
        let asked: Vec<sysinfo::Pid> =
            members.iter().flat_map(|(_, pids)| pids.iter().filter_map(of_sysinfo)).collect();
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&asked), true, what);
        let now = Moment::now();
        let before = std::mem::take(&mut self.before);
        let mut all = HashMap::new();
        for (process, pids) in members {
            let key = (process.name.clone(), process.main);
            if let Some((usage, sample)) = self.usage(process, &pids, now, before.get(&key)) {
                self.before.insert(key, sample);
                all.insert(process.name.clone(), usage);
            }
        }
        all
    }

    fn usage(
        &self,
        process: &MeteredProcess,
        pids: &[Pid],
        now: Moment,
        before: Option<&CpuSample>,
    ) -> Option<(UsageStatus, CpuSample)> {
        let seen: Vec<&sysinfo::Process> =
            pids.iter().filter_map(|pid| self.system.process(of_sysinfo(pid)?)).collect();
        if seen.is_empty() {
            return None;
        }
        let group = process.group.as_deref();
        let (memory, from) = match group.and_then(cgroup::memory) {
            Some(memory) => (memory, "cgroup"),
            None => (seen.iter().map(|process| process.memory()).sum(), "processes"),
        };
        // The time of a group goes on growing when a process of it ends.
        let of_group = group.filter(|_| !process.was_restarted || before.is_some());
        let cpu = of_group.and_then(cgroup::cpu_time).unwrap_or_else(|| {
            Duration::from_millis(seen.iter().map(|p| p.accumulated_cpu_time()).sum())
        });
        let (used, over) = match before {
            Some(sample) => (cpu.saturating_sub(sample.used), now.since(sample.at)),
            None => (cpu, process.start.age()),
        };
        let sample = match before {
            // Too soon for another mean.
            Some(sample) if over < SHORTEST => *sample,
            Some(_) | None => {
                let percent = used.as_secs_f64() / over.as_secs_f64() * 100.0;
                let mean = (over >= SHORTEST).then_some((percent, over));
                CpuSample { at: now, used: cpu, mean }
            }
        };
        let usage = UsageStatus {
            processes: seen.len(),
            memory_bytes: memory,
            memory_from: from,
            cpu_seconds: cpu.as_secs_f64(),
            cpu_percent: sample.mean.map(|(percent, _)| percent),
            cpu_over_seconds: sample.mean.map(|(_, over)| over.as_secs_f64()),
        };
        Some((usage, sample))
    }
}

/// The processes of a unit that live. What is below another unit's main process is that unit's, as the services of a
/// supervisor are its children.
fn members(process: &MeteredProcess, wanted: &[MeteredProcess], node: &NodeTree) -> Vec<Pid> {
    let of_group = process.group.as_deref().and_then(|group| cgroup::processes(group).ok());
    match of_group {
        Some(pids) if !pids.is_empty() => pids,
        _ => {
            let below = |main: Pid| -> HashSet<Pid> {
                let below = node.tree().map(|tree| tree.below(main)).unwrap_or_default();
                std::iter::once(main).chain(below.iter().map(|stat| stat.pid)).collect()
            };
            let mut all = below(process.main);
            for other in wanted.iter().filter(|other| other.main != process.main) {
                if all.contains(&other.main) {
                    all = all.difference(&below(other.main)).copied().collect();
                }
            }
            all.into_iter().collect()
        }
    }
}

fn of_sysinfo(pid: &Pid) -> Option<sysinfo::Pid> {
    u32::try_from(pid.number()).ok().map(sysinfo::Pid::from_u32)
}
