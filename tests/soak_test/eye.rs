//! The witness: it looks at both nodes' processes through the /proc of this machine, and shares no code with the product.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const NODES: [&str; 2] = ["node1", "node2"];

/// What a process is to its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The process that notes its life.
    Note,
    /// The first process of PostgreSQL.
    Store,
    /// A process that the first one of PostgreSQL has forked.
    StoreChild,
    Supervisor,
    Keeper,
}

/// One process: its number on this machine, and when it began, in ticks since the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    start: u64,
}

impl Process {
    /// Alive at this very moment, and not on its way out.
    pub(crate) fn is_alive(self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.start == self.start)
    }

    pub(crate) fn send(self, signal: Signal) {
        if self.is_alive() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

struct Stat {
    parent: i32,
    start: u64,
}

impl Stat {
    /// None: there is none, or it is dead, or it is about to be.
    fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let words: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        let flags: u32 = words.get(6)?.parse().ok()?;
        let is_exiting = flags & 4 != 0;
        let is_dead = words.first().is_some_and(|state| "ZXx".contains(state));
        if is_dead || is_exiting {
            return None;
        }
        Some(Self { parent: words.get(1)?.parse().ok()?, start: words.get(19)?.parse().ok()? })
    }
}

/// From when to when a process was seen.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) site: String,
    pub(crate) node: usize,
    pub(crate) part: Part,
    pub(crate) process: Process,
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    /// The look that no longer saw it.
    pub(crate) ended: Option<Instant>,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) lives: Vec<Life>,
    /// When each of the last looks began and ended.
    pub(crate) looks: std::collections::VecDeque<(Instant, Instant)>,
    /// When each of them ended, and the time on a core that it needed, to see how busy the machine is.
    pub(crate) costs: std::collections::VecDeque<(Instant, Duration, Duration)>,
}

impl Seen {
    /// What lives of this site at the last look.
    pub(crate) fn now(&self, site: &str, part: Part) -> Vec<&Life> {
        let is_it = |life: &&Life| life.ended.is_none() && life.part == part && life.site == site;
        // What ended is long in the list, what lives is at its end.
        self.lives.iter().rev().take(2000).filter(is_it).collect()
    }

    /// How many times longer a look took since then than it was on a core.
    pub(crate) fn stretch(&self, since: Instant) -> f64 {
        let of = self.costs.iter().filter(|(ended, _, _)| *ended >= since);
        let (took, on_a_core) = of.fold((0.0, 0.0), |(took, core), (_, t, c)| {
            (took + t.as_secs_f64(), core + c.as_secs_f64())
        });
        if on_a_core > 0.0 { took / on_a_core } else { 1.0 }
    }

    /// When the last life that began after this was first seen.
    pub(crate) fn last_begun(&self, site: &str, part: Part, after: Instant) -> Option<Instant> {
        let lives = self.lives.iter().filter(|l| l.site == site && l.part == part);
        lives.map(|l| l.first).filter(|first| *first > after).max()
    }

    /// One process lived all the time on that node.
    pub(crate) fn lived_through(
        &self,
        site: &str,
        part: Part,
        node: usize,
        from: Instant,
        to: Instant,
    ) -> bool {
        let of = |l: &&Life| l.site == site && l.part == part && l.node == node;
        self.lives.iter().filter(of).any(|l| l.first <= from && l.last >= to)
    }

    /// Nothing of this kind lived on that node from a moment before to a moment after, as far as was looked.
    pub(crate) fn was_absent(
        &self,
        site: &str,
        part: Part,
        node: usize,
        from: Instant,
        to: Instant,
    ) -> bool {
        let near = Duration::from_millis(300);
        let of = |l: &&Life| l.site == site && l.part == part && l.node == node;
        let overlaps = |l: &Life| l.first <= to + near && l.ended.is_none_or(|e| e + near >= from);
        let looked = |(begun, ended): &(Instant, Instant)| *begun >= from && *ended <= to;
        !self.lives.iter().filter(of).any(overlaps) && self.looks.iter().any(looked)
    }
}

/// A process of a site, as a look finds it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) site: String,
    pub(crate) node: usize,
    pub(crate) part: Part,
    pub(crate) process: Process,
    parent: i32,
}

/// The namespace of processes of each node that has power.
fn namespaces(lab: &Path) -> [Option<std::path::PathBuf>; 2] {
    NODES.map(|node| {
        let pid = init_of(lab, node)?;
        fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
    })
}

/// The first process of a node, by its number on this machine.
pub(crate) fn init_of(lab: &Path, node: &str) -> Option<i32> {
    let text = fs::read_to_string(lab.join("nodes").join(node).join("pid")).ok()?;
    let mut words = text.split_whitespace();
    let pid: i32 = words.next()?.parse().ok()?;
    let start: u64 = words.next()?.parse().ok()?;
    Stat::of(pid).filter(|stat| stat.start == start).map(|_| pid)
}

/// The processes of one node: number and words.
pub(crate) fn all_on(lab: &Path, node: usize) -> Vec<(i32, Vec<String>)> {
    let spaces = namespaces(lab);
    numbers()
        .into_iter()
        .filter(|pid| node_of(&spaces, *pid) == Some(node))
        .map(|pid| (pid, words_of(pid)))
        .collect()
}

fn numbers() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn node_of(spaces: &[Option<std::path::PathBuf>; 2], pid: i32) -> Option<usize> {
    let own = fs::read_link(format!("/proc/{pid}/ns/pid")).ok()?;
    spaces.iter().position(|space| space.as_ref() == Some(&own))
}

fn words_of(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// One look at both nodes.
pub(crate) fn look(lab: &Path) -> Vec<Found> {
    let spaces = namespaces(lab);
    let mut found = Vec::new();
    for pid in numbers() {
        let Some(node) = node_of(&spaces, pid) else { continue };
        let words = words_of(pid);
        let Some((site, part)) = part_of(pid, &words) else { continue };
        let Some(stat) = Stat::of(pid) else { continue };
        let process = Process { pid, start: stat.start };
        found.push(Found { site, node, part, process, parent: stat.parent });
    }
    let of = |part| -> Vec<i32> {
        found.iter().filter(|f| f.part == part).map(|f| f.process.pid).collect()
    };
    let (stores, supervisors) = (of(Part::Store), of(Part::Supervisor));
    for one in &mut found {
        if one.part == Part::Store && stores.contains(&one.parent) {
            one.part = Part::StoreChild;
        }
    }
    // What a supervisor has forked has its words until it executes a program.
    found.retain(|f| f.part != Part::Supervisor || !supervisors.contains(&f.parent));
    found
}

fn part_of(pid: i32, words: &[String]) -> Option<(String, Part)> {
    let first = words.first()?;
    let second = words.get(1).map_or("", String::as_str);
    let third = || words.get(2).cloned().unwrap_or_default();
    let is_child = first.starts_with("postgres:");
    if is_child || first.ends_with("/postgres") {
        let exe = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let part = if is_child { Part::StoreChild } else { Part::Store };
        return exe.ends_with("postgres").then(|| ("shop".to_owned(), part));
    }
    match second {
        "witness" => Some((third(), Part::Note)),
        "supervise" if first == "siteward" => Some((third(), Part::Supervisor)),
        "keep-lease" if first == "siteward" => Some((third(), Part::Keeper)),
        _ => None,
    }
}

/// Enters a look into what was seen; tells where a site was active on two nodes, or twice on one.
pub(crate) fn enter(seen: &mut Seen, found: &[Found], begun: Instant) -> Vec<String> {
    let now = Instant::now();
    let mut known: BTreeMap<Process, usize> = BTreeMap::new();
    let recent = seen.lives.len().saturating_sub(2000);
    for (index, life) in seen.lives.iter().enumerate().skip(recent) {
        if life.ended.is_none() {
            known.insert(life.process, index);
        }
    }
    for one in found.iter().filter(|f| f.part != Part::StoreChild) {
        match known.remove(&one.process) {
            Some(index) => seen.lives[index].last = begun,
            None => seen.lives.push(Life {
                site: one.site.clone(),
                node: one.node,
                part: one.part,
                process: one.process,
                first: now,
                last: begun,
                ended: None,
            }),
        }
    }
    for index in known.into_values() {
        seen.lives[index].ended = Some(now);
    }
    seen.looks.push_back((begun, now));
    if seen.looks.len() > 3000 {
        seen.looks.pop_front();
    }
    let mut said = Vec::new();
    for (index, one) in found.iter().enumerate() {
        let acts = |f: &Found| matches!(f.part, Part::Note | Part::Store | Part::StoreChild);
        for two in found.iter().skip(index + 1) {
            let is_second =
                one.node != two.node || (one.part == Part::Note && two.part == Part::Note);
            if acts(one) && acts(two) && one.site == two.site && is_second
                // Both at one moment: the first is asked again after the second, and the second after that.
                && one.process.is_alive() && two.process.is_alive() && one.process.is_alive()
            {
                said.push(format!(
                    "`{}` is active twice: {:?} {} on {} and {:?} {} on {}",
                    one.site,
                    one.part,
                    one.process.pid,
                    NODES[one.node],
                    two.part,
                    two.process.pid,
                    NODES[two.node]
                ));
            }
        }
    }
    said
}
