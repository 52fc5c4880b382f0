//! The history as lines for a person: by day and by life of the site.

use std::time::Duration;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use crate::history::{Entry, HistoryEvent};
use crate::site::duration::say;

/// The longest word of an event, and the shortest column of nodes.
const WORD: usize = 17;
const NODE: usize = 4;

/// Pages with a head for each day, and for each life of the site. Knows what stands on them already.
#[derive(Debug)]
pub(super) struct Pages {
    /// The day, with its distance from UTC.
    day: Option<String>,
    is_in_life: bool,
    /// Only failures are shown, so that no life is complete.
    failures_only: bool,
    node: usize,
}

impl Pages {
    pub(super) fn new(failures_only: bool) -> Self {
        Self { day: None, is_in_life: false, failures_only, node: NODE }
    }

    pub(super) fn lines(&mut self, entries: &[Entry]) -> Vec<String> {
        self.node =
            entries.iter().map(|e| e.node.chars().count()).fold(self.node, usize::max).min(20);
        let mut lines = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let at = entry.at.to_zoned_datetime(TimeZone::system());
            let day = at.strftime("%A, %Y-%m-%d (%:z)").to_string();
            if self.day.as_ref() != Some(&day) {
                if self.day.is_some() {
                    lines.push(String::new());
                }
                lines.push(day.clone());
                self.day = Some(day);
                self.is_in_life = false;
            }
            if begins_life(entries, index) && !self.failures_only {
                lines.push(String::new());
                self.is_in_life = true;
                if let Some(head) = head(&entries[index..]) {
                    lines.push(format!("  == {head}"));
                }
            }
            lines.extend(self.entry(entry, &at));
        }
        lines
    }

    fn entry(&self, entry: &Entry, at: &ZonedDateTime) -> Vec<String> {
        let time = at.strftime("%H:%M:%S%.3f");
        let width = self.node;
        let mut words = plain(&entry.detail);
        if let Some(message) = entry.message {
            words.push_str(&format!(" [{message}]"));
        }
        if let Some(exit) = entry.exit.map(|exit| exit.to_string())
            && !words.contains(&exit)
        {
            words.push_str(&format!("; it {exit}"));
        }
        if let Some(took) = entry.took {
            words.push_str(&format!(", {}", exact(took)));
        }
        if let Some(by) = &entry.by {
            words.push_str(&format!(", by {}", plain(&by.to_string())));
        }
        let event = entry.event.to_string();
        let mark = if entry.event.is_failure() { '!' } else { ' ' };
        let node = plain(&entry.node);
        let mut lines = vec![format!("{mark} {time}  {node:width$}  {event:WORD$} {words}")];
        if entry.event.is_failure() {
            lines.extend(entry.last_lines.iter().map(|line| format!("      | {}", plain(line))));
        }
        lines
    }
}

/// A start was ordered, or a supervisor is at work without an order.
fn begins_life(entries: &[Entry], index: usize) -> bool {
    match entries[index].event {
        HistoryEvent::StartOrdered => true,
        HistoryEvent::Started | HistoryEvent::Adopted => {
            let before = entries[..index].iter().rev();
            let is_other_life = |e: &&Entry| {
                matches!(
                    e.event,
                    HistoryEvent::StartOrdered
                        | HistoryEvent::Started
                        | HistoryEvent::Pausing
                        | HistoryEvent::Resuming
                        | HistoryEvent::Down
                        | HistoryEvent::Stopped
                        | HistoryEvent::RolledBack
                )
            };
            let last = before.into_iter().find(is_other_life).map(|e| e.event);
            matches!(
                last,
                None | Some(HistoryEvent::Down | HistoryEvent::Stopped | HistoryEvent::RolledBack)
            )
        }
        _ => false,
    }
}

/// The story of the life that begins with the first of these entries, in a sentence.
fn head(entries: &[Entry]) -> Option<String> {
    let first = entries.first()?;
    let end = (1..entries.len()).find(|index| begins_life(entries, *index));
    let life = &entries[..end.unwrap_or(entries.len())];
    let find = |event: HistoryEvent| life.iter().find(|entry| entry.event == event);
    let by = life.iter().find_map(|entry| entry.by.as_ref());
    let by = by.map_or_else(String::new, |by| format!(" by {}", plain(&by.to_string())));
    let mut words = format!("start on {}{by}: ", plain(&first.node));
    let up = find(HistoryEvent::Up);
    match (up, up.and_then(|up| up.took)) {
        (Some(_), Some(took)) => words.push_str(&format!("up after {}", exact(took))),
        (Some(_), None) => words.push_str("up"),
        (None, _) => words.push_str("never up"),
    }
    let failed = find(HistoryEvent::Failed).or_else(|| find(HistoryEvent::RolledBack));
    let stopping = find(HistoryEvent::Stopping).or_else(|| find(HistoryEvent::Stopped));
    let ended = failed.or(stopping);
    let ran =
        up.zip(ended).and_then(|(up, end)| Duration::try_from(end.at.duration_since(up.at)).ok());
    if let Some(ran) = ran {
        words.push_str(&format!(", ran {}", long(ran)));
    }
    match (failed, stopping) {
        (Some(failed), _) => words.push_str(&format!(", failed: {}", plain(&failed.detail))),
        (None, Some(stopping)) => {
            let by = stopping
                .by
                .as_ref()
                .map_or_else(String::new, |by| format!(" by {}", plain(&by.to_string())));
            words.push_str(&format!(", stopped{by}"));
        }
        (None, None) if end.is_some() => words.push_str(", and nobody saw its end"),
        (None, None) => {}
    }
    Some(words)
}

/// Without characters that a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// To the millisecond below ten seconds.
pub(super) fn exact(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..10_000 => format!("{}.{:03} s", ms / 1000, ms % 1000),
        _ => say(time),
    }
}

/// In the two largest units.
fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => exact(time),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_prints_gives_no_order_to_a_terminal() {
        assert_eq!(plain("\u{1b}[2Jä\tb\u{9b}x"), "\u{fffd}[2Jä\u{fffd}b\u{fffd}x");
        let entry =
            Entry::new(HistoryEvent::Fault, "x\u{7}").having_printed(vec!["\r\u{1b}c".into()]);
        let lines = Pages::new(false).lines(&[entry]).join("\n");
        assert!(!lines.chars().any(|c| c.is_control() && c != '\n'), "{lines:?}");
    }

    #[test]
    fn durations_have_their_largest_units() {
        let second = Duration::from_secs;
        assert_eq!(exact(Duration::from_millis(1234)), "1.234 s");
        for (time, words) in
            [(59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(long(second(time)), words);
        }
    }
}
