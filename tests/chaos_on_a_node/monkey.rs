//! Kills and stops supervisors, keepers and processes at random.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Random;
use crate::lives::Lives;
use crate::witness::now;

/// A process that has to do with a run, by its environment or its command line.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) pid: i32,
    /// Its command line.
    pub(crate) words: Vec<String>,
    /// `Z` or `X`: it is dead.
    pub(crate) state: char,
}

impl Found {
    fn is(&self, word: &str) -> bool {
        self.words.get(1).is_some_and(|w| w == word)
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }
}

/// Every process but this one that bears the folder in its command line or environment.
pub(crate) fn of_folder(folder: &Path) -> Vec<Found> {
    let mark = folder.as_os_str().as_encoded_bytes();
    let own = std::process::id().cast_signed();
    let bears = |bytes: &[u8]| bytes.windows(mark.len()).any(|part| part == mark);
    let look = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let around = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        let words = line.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned());
        let found = Found { pid, words: words.collect(), state };
        (pid != own && (bears(&line) || bears(&around))).then_some(found)
    };
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(look).collect()
}

/// Does it until that time; what was done, by its name.
pub(crate) fn play(
    folder: &Path,
    lives: &Lives,
    random: &mut Random,
    until: u64,
) -> BTreeMap<&'static str, u64> {
    let mut done: BTreeMap<&'static str, u64> = BTreeMap::new();
    // Stopped, and until when.
    let mut stopped: Vec<(Found, u64)> = Vec::new();
    while now() < until {
        std::thread::sleep(Duration::from_millis(20 + random.below(250)));
        stopped.retain(|(found, at)| {
            let goes_on = *at <= now();
            if goes_on {
                found.signal(Signal::SIGCONT);
            }
            !goes_on
        });
        let what = match random.below(8) {
            0..=2 => "supervisors killed",
            3 => "supervisors stopped",
            4 => "keepers killed",
            5 => "keepers stopped",
            _ => "processes killed",
        };
        if what == "processes killed" {
            let living = lives.all().into_iter().filter(|l| l.ended.is_none() && !l.overlaps);
            let living: Vec<i32> = living.map(|life| life.pid).collect();
            if let Some(pid) = pick(&living, random) {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
                *done.entry(what).or_default() += 1;
            }
            continue;
        }
        let word = if what.starts_with("keepers") { "keep-lease" } else { "supervise" };
        let there: Vec<Found> = of_folder(folder).into_iter().filter(|f| f.is(word)).collect();
        let Some(victim) = pick(&there, random) else { continue };
        if what.ends_with("killed") {
            victim.signal(Signal::SIGKILL);
        } else {
            victim.signal(Signal::SIGSTOP);
            let longest = if random.below(4) == 0 { 4000 } else { 600 };
            let time = 50 + random.below(longest);
            stopped.push((victim.clone(), now() + time * 1_000_000));
        }
        *done.entry(what).or_default() += 1;
    }
    for (found, _) in stopped {
        found.signal(Signal::SIGCONT);
    }
    done
}

fn pick<'a, T>(list: &'a [T], random: &mut Random) -> Option<&'a T> {
    let below = u64::try_from(list.len()).ok().filter(|n| *n > 0)?;
    list.get(usize::try_from(random.below(below)).ok()?)
}
