//! `--last-run`: what the run that died had printed.

use super::source::Source;
use crate::agent::Target;
use crate::linux::clock::WallTime;
use crate::logs::{LogIndex, RunSeen};
use crate::process::Record;
use crate::site::OWN_LOG;

/// A run that has ended, by its place in the index.
struct Over {
    place: usize,
    /// It failed, or nobody was there to see its end.
    has_died: bool,
    at: u64,
}

/// Leaves of each source the run that is meant, and of the sources those that are meant; in words, which runs
/// those are.
pub(super) fn pick(target: &Target, sources: &mut Vec<Source>, are_named: bool) -> Vec<String> {
    let record = Record::read(&target.site).ok().flatten();
    let lives = |name: &str| {
        let Some(record) = &record else { return false };
        match name {
            OWN_LOG => record.supervisor.is_alive(),
            _ => record.processes.iter().any(|p| p.name == name && p.identity.is_alive()),
        }
    };
    let mut runs: Vec<Option<Over>> =
        sources.iter().map(|source| over(&source.stream.index(), lives(&source.name))).collect();
    if !are_named {
        // The process that died last; where none has died, what each of them had printed.
        let is_process = |source: &Source| source.name != OWN_LOG;
        let died = sources.iter().zip(&runs).filter(|(source, _)| is_process(source));
        let died = died.filter_map(|(_, run)| run.as_ref()).filter(|run| run.has_died);
        let last = died.map(|run| run.at).max();
        for (source, run) in sources.iter().zip(&mut runs) {
            let is_meant = |run: &Over| last.is_none_or(|last| run.has_died && run.at == last);
            *run = run.take().filter(|run| is_process(source) && is_meant(run));
        }
    }
    let mut told = Vec::new();
    let mut place = 0;
    sources.retain_mut(|source| {
        let run = runs[place].take();
        place += 1;
        if run.is_none() && are_named {
            told.push(format!("no run of `{}` is known to have ended", source.shown));
        }
        let Some(run) = run else { return false };
        told.push(only(source, run.place));
        true
    });
    if told.is_empty() {
        told.push(format!("no run of a process of `{}` is known to have ended", target.name));
    }
    told
}

/// The run that died last, else the one that ended last. `lives`: the newest goes on.
fn over(index: &LogIndex, lives: bool) -> Option<Over> {
    let count = index.runs.len().saturating_sub(usize::from(lives));
    let died = |run: &RunSeen| run.failed.is_some() || run.ended.is_none();
    let place = index.runs[..count].iter().rposition(died).or_else(|| count.checked_sub(1))?;
    let run = &index.runs[place];
    let next = index.runs.get(place + 1).map(|next| next.at);
    let seen = run.ended.as_ref().or(run.failed.as_ref()).map(|(at, _)| *at);
    Some(Over { place, has_died: died(run), at: seen.or(next).unwrap_or(run.at) })
}

/// Leaves of a source that run alone; in words, which it is.
fn only(source: &mut Source, place: usize) -> String {
    let index = source.stream.index();
    let run = &index.runs[place];
    let until = index.end_of_run(place);
    source.begin_at(run.from);
    source.until = Some(until.unwrap_or_else(|| source.stream.range().1));
    let time = |at: u64| WallTime::from_millis(at).local_and_utc();
    let mut words = format!("`{}` was started as {} at {}", source.shown, run.pid, time(run.at));
    if let Some((at, why)) = &run.failed {
        words.push_str(&format!("; at {}: {why}", time(*at)));
    }
    match &run.ended {
        Some((at, how)) if run.failed.is_none() => {
            words.push_str(&format!("; at {} it {how}", time(*at)));
        }
        Some(_) => {}
        None if run.failed.is_none() => words.push_str("; its end was not seen"),
        None => {}
    }
    let (from, _) = source.stream.range();
    if from > run.from {
        words.push_str("; the beginning of its output is no longer kept");
    }
    words
}
