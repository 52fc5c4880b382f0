//! A status as lines in the width and the height of a terminal.

use super::report::{FailureStatus, ProcessStatus, SCHEMA, SiteStatusReport};
use super::words;
use crate::control::State;
use crate::history::HistoryEvent;
use crate::operator::page::{PageColumn, PageLine, PageRow, PageTable, Tone, Words, tone_of, wrap};

/// The size of what is drawn on; None: it has no bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame {
    pub width: Option<usize>,
    pub height: Option<usize>,
}

/// A site that was looked at.
#[derive(Debug)]
pub enum SiteLook {
    Seen(Box<SiteStatusReport>),
    /// It could not be looked at: a sentence, and the exit code for it.
    NotSeen {
        site: String,
        why: String,
        code: u8,
    },
}

impl SiteLook {
    pub(super) fn seen(&self) -> Option<&SiteStatusReport> {
        match self {
            Self::Seen(report) => Some(report),
            Self::NotSeen { .. } => None,
        }
    }

    pub(super) fn site(&self) -> &str {
        match self {
            Self::Seen(report) => &report.site,
            Self::NotSeen { site, .. } => site,
        }
    }

    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Seen(report) => report.exit_code,
            Self::NotSeen { code, .. } => *code,
        }
    }

    /// There is no definition and no process of it.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.seen().is_some_and(|report| {
            report.definition.compared == "removed" && report.exact_state == State::Stopped
        })
    }

    pub(super) fn json(&self) -> String {
        let told = match self {
            Self::Seen(report) => serde_json::to_string(report),
            Self::NotSeen { site, why, code } => {
                let object = serde_json::json!({
                    "schema": SCHEMA, "site": site, "error": why, "exit_code": code
                });
                serde_json::to_string(&object)
            }
        };
        // Every map of a report has texts as its keys.
        told.unwrap_or_default()
    }

    /// All that does not change by itself while nothing happens.
    pub(super) fn essence(&self) -> String {
        let Self::Seen(report) = self else { return self.json() };
        let process = |process: &ProcessStatus| {
            let waits = process.waits.as_ref().map(|waits| &waits.what);
            let ProcessStatus { name, doing, pid, restarts, health, detail, .. } = process;
            format!("{name} {doing} {pid:?} {restarts} {health:?} {detail:?} {waits:?}")
        };
        let processes: Vec<String> = report.processes.iter().map(process).collect();
        format!(
            "{} {:?} {:?} {:?} {:?} {:?} {:?} {processes:?}",
            report.state,
            report.why,
            report.by,
            report.lost,
            report.definition,
            report.maintenance,
            report.last_failure,
        )
    }
}

/// How many processes a site in a list of sites names.
const NAMED: usize = 3;

/// How many lines the processes get at least, before other lines are left out.
const ROOM: usize = 6;

/// One site with all that is known of it.
pub fn one_site(report: &SiteStatusReport, frame: Frame) -> Vec<PageLine> {
    let width = frame.width;
    let (title, rows) = processes(report, width);
    let parts = Parts { head: head(report, width), title, rows, tail: tail(report, width) };
    match frame.height {
        Some(height) if parts.height() > height => parts.within(height, width),
        Some(_) | None => parts.all(),
    }
}

struct Parts {
    head: Vec<PageLine>,
    title: Option<PageLine>,
    /// Each process with its lines.
    rows: Vec<ProcessLines>,
    tail: Vec<PageLine>,
}

struct ProcessLines {
    is_well: bool,
    doing: String,
    lines: Vec<PageLine>,
}

impl Parts {
    fn height(&self) -> usize {
        let rows: usize = self.rows.iter().map(|row| row.lines.len()).sum();
        self.head.len() + usize::from(self.title.is_some()) + rows + self.tail.len()
    }

    fn all(self) -> Vec<PageLine> {
        let rows = self.rows.into_iter().flat_map(|row| row.lines);
        self.head.into_iter().chain(self.title).chain(rows).chain(self.tail).collect()
    }

    /// As much as fits: the processes that are not well come first, and the last failure before the rest.
    fn within(mut self, height: usize, width: Option<usize>) -> Vec<PageLine> {
        let fixed = self.head.len() + usize::from(self.title.is_some()) + 1;
        let spare = height.saturating_sub(fixed + ROOM.min(self.rows.len()));
        let surplus = self.tail.len().saturating_sub(spare);
        self.tail.drain(..surplus);
        let mut room = height.saturating_sub(fixed + self.tail.len());
        self.rows.sort_by_key(|row| row.is_well);
        let shown = self
            .rows
            .iter()
            .take_while(|row| {
                let fits = row.lines.len() <= room;
                room = room.saturating_sub(row.lines.len());
                fits
            })
            .count();
        let hidden = self.rows.split_off(shown);
        let mut lines = self.head;
        lines.extend(self.title);
        lines.extend(self.rows.into_iter().flat_map(|row| row.lines));
        lines.extend(
            summary(&hidden)
                .map(|text| wrap(&Words::plain(text), width, 2, 2))
                .into_iter()
                .flatten(),
        );
        lines.extend(self.tail);
        lines.truncate(height);
        lines
    }
}

/// How many processes are not shown, and how they are.
fn summary(hidden: &[ProcessLines]) -> Option<String> {
    let first = hidden.first()?;
    let count = hidden.len();
    if hidden.iter().all(|row| row.doing == first.doing) {
        return Some(format!("and {count} more, all {}", first.doing));
    }
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for row in hidden {
        match kinds.iter_mut().find(|(doing, _)| *doing == row.doing) {
            Some((_, count)) => *count += 1,
            None => kinds.push((&row.doing, 1)),
        }
    }
    let kinds: Vec<String> =
        kinds.into_iter().map(|(doing, count)| format!("{count} {doing}")).collect();
    Some(format!("and {count} more: {}", kinds.join(", ")))
}

fn head(report: &SiteStatusReport, width: Option<usize>) -> Vec<PageLine> {
    let mut lines = wrap(&words::headline(report), width, 0, 2);
    let mut add = |words: Words, indent: usize| {
        lines.extend(wrap(&words, width, indent, indent + 2));
    };
    let current = report.last_failure.as_ref().filter(|f| words::is_current(report, f));
    if let Some(why) = &report.why {
        let id = current.and_then(|failure| failure.message);
        let id = id.map_or_else(String::new, |id| format!(" [{id}]"));
        add(Words::plain(format!("{why}{id}")), 2);
    }
    if let Some(advice) = &report.advice {
        add(Words::plain(advice), 2);
    }
    if let Some(failure) = current {
        add(Words::plain(format!("at {}", words::local(failure.at))), 2);
        for line in printed(failure) {
            add(line, 2);
        }
    }
    if let Some(phase) = words::phase(report) {
        add(Words::plain(phase), 2);
    }
    for lost in &report.lost {
        add(Words::plain(lost).in_tone(Tone::Bad), 2);
    }
    lines
}

/// The last lines that a process printed, or what an unclean end means.
fn printed(failure: &FailureStatus) -> impl Iterator<Item = Words> {
    let label = match (&failure.process, failure.event == HistoryEvent::Unclean.to_string()) {
        (_, true) => String::new(),
        (Some(process), false) => format!("{process}: "),
        (None, false) => "printed: ".to_owned(),
    };
    failure.last_lines.iter().map(move |line| Words::plain(format!("{label}{line}")))
}

fn tail(report: &SiteStatusReport, width: Option<usize>) -> Vec<PageLine> {
    let mut lines = Vec::new();
    let mut add = |words: Words, indent: usize| {
        lines.extend(wrap(&words, width, indent, indent + 2));
    };
    for words in report.disk.iter().map(words::disk) {
        add(words, 2);
    }
    if let Some(lease) = &report.lease {
        add(words::lease(lease, report.disk.as_ref()), 2);
    }
    for words in report.address.iter().map(words::address) {
        add(words, 2);
    }
    for line in report.work.iter().flat_map(|work| words::work(&report.site, work)) {
        add(line, 2);
    }
    let of_supervisor = report.supervisor.iter().filter_map(|supervisor| supervisor.note.as_ref());
    for note in report.definition.note.iter().chain(of_supervisor) {
        add(Words::plain(note).in_tone(Tone::Warning), 2);
    }
    if let Some(failure) = report.last_failure.as_ref().filter(|f| !words::is_current(report, f)) {
        add(words::failure(report, failure), 2);
        for line in printed(failure) {
            add(line, 4);
        }
    }
    let takeover = report.takeover.as_ref();
    if let Some(words) = takeover.and_then(|takeover| words::takeover(&report.site, takeover)) {
        add(words, 2);
    }
    lines
}

fn processes(
    report: &SiteStatusReport,
    width: Option<usize>,
) -> (Option<PageLine>, Vec<ProcessLines>) {
    if report.processes.is_empty() {
        return (None, Vec::new());
    }
    let columns = vec![
        PageColumn::left("PROCESS"),
        PageColumn::right("PID"),
        PageColumn::right("UPTIME"),
        PageColumn::right("CPU"),
        PageColumn::right("MEMORY"),
        PageColumn::left("STATE"),
    ];
    let row = |process: &ProcessStatus| {
        let mut last = vec![words::process_state(process)];
        last.extend(
            process.last_line.iter().map(|line| Words::plain(format!("last line: {line}"))),
        );
        PageRow { cells: figures(process).to_vec(), last }
    };
    let table = PageTable { columns, rows: report.processes.iter().map(row).collect() };
    let (title, lines) = match table.fits(width, 2) {
        true => {
            let (title, lines) = table.lines(width, 2);
            (Some(title), lines)
        }
        false => (None, table.rows.iter().map(|row| block(row, width)).collect()),
    };
    let rows = report.processes.iter().zip(lines).map(|(process, lines)| ProcessLines {
        is_well: words::is_well(process),
        doing: process.doing.clone(),
        lines,
    });
    (title, rows.collect())
}

/// Its name, PID, uptime, CPU and memory.
fn figures(process: &ProcessStatus) -> [String; 5] {
    let none = || "-".to_owned();
    let usage = process.usage.as_ref();
    [
        process.name.clone(),
        process.pid.map_or_else(none, |pid| pid.to_string()),
        process.uptime_seconds.map_or_else(none, words::span),
        usage.map_or_else(none, |usage| words::percent(usage.cpu_percent)),
        usage.map_or_else(none, |usage| words::size(usage.memory_bytes)),
    ]
}

/// A process on a terminal that is too narrow for the table.
fn block(row: &PageRow, width: Option<usize>) -> Vec<PageLine> {
    let labelled = labelled(&row.cells, &["", "", "up ", "CPU ", ""]);
    let mut lines = wrap(&Words::plain(labelled), width, 2, 4);
    lines.extend(row.last.iter().flat_map(|words| wrap(words, width, 4, 6)));
    lines
}

/// Several sites, a few lines for each.
pub(super) fn all_sites(looked: &[SiteLook], frame: Frame) -> Vec<PageLine> {
    let columns = vec![
        PageColumn::left("SITE"),
        PageColumn::right("FOR"),
        PageColumn::right("READY"),
        PageColumn::right("MEMORY"),
        PageColumn::left("STATE"),
    ];
    let table = PageTable { columns, rows: looked.iter().map(site_row).collect() };
    let mut lines: Vec<PageLine> = match table.fits(frame.width, 0) {
        true => {
            let (title, lines) = table.lines(frame.width, 0);
            std::iter::once(title).chain(lines.into_iter().flatten()).collect()
        }
        false => table.rows.iter().flat_map(|row| site_block(row, frame.width)).collect(),
    };
    if let Some(height) = frame.height.filter(|height| lines.len() > *height) {
        lines.truncate(height.saturating_sub(1));
        lines.push(PageLine::from("and more; name a site to see it".to_owned()));
    }
    lines
}

fn site_row(looked: &SiteLook) -> PageRow {
    let report = match looked {
        SiteLook::Seen(report) => report,
        SiteLook::NotSeen { site, why, .. } => {
            let none = || "?".to_owned();
            return PageRow {
                cells: vec![site.clone(), none(), none(), none()],
                last: vec![Words::plain("unknown").in_tone(Tone::Bad).then(&format!(": {why}"))],
            };
        }
    };
    let none = || "-".to_owned();
    let ready = report.processes.iter().filter(|process| process.up).count();
    let usages = || report.processes.iter().filter_map(|process| process.usage.as_ref());
    let memory: u64 = usages().map(|usage| usage.memory_bytes).sum();
    let has_processes = !report.processes.is_empty();
    PageRow {
        cells: vec![
            report.site.clone(),
            report.state_seconds.map_or_else(none, words::span),
            if has_processes { format!("{ready}/{}", report.processes.len()) } else { none() },
            if usages().next().is_some() { words::size(memory) } else { none() },
        ],
        last: notes(report),
    }
}

/// The state of a site, and all that is not as it should be.
fn notes(report: &SiteStatusReport) -> Vec<Words> {
    let state = Words::plain(report.state).in_tone(tone_of(report.exact_state));
    let mut notes = match &report.why {
        Some(why) => vec![state.then(&format!(": {why}"))],
        None => vec![state],
    };
    notes.extend(words::phase(report).map(Words::plain));
    if report.phase.is_none() && report.maintenance.is_none() {
        let unwell: Vec<&ProcessStatus> =
            report.processes.iter().filter(|process| !words::is_well(process)).collect();
        for process in unwell.iter().take(NAMED) {
            let name = format!("`{}` ", process.name);
            let state = words::process_state(process);
            notes.push(Words::plain(name + &state.text));
        }
        if let Some(more @ 1..) = unwell.len().checked_sub(NAMED) {
            notes.push(Words::plain(format!("and {more} more are not well")));
        }
    }
    notes.extend(report.lost.iter().map(|lost| Words::plain(lost).in_tone(Tone::Bad)));
    notes.extend(report.definition.note.iter().map(Words::plain));
    let work = report.work.iter().flat_map(|work| words::work(&report.site, work));
    notes.extend(work.take(1));
    let failure = report.last_failure.as_ref().filter(|f| !words::is_current(report, f));
    notes.extend(failure.map(|failure| words::failure(report, failure)));
    notes
}

fn site_block(row: &PageRow, width: Option<usize>) -> Vec<PageLine> {
    let labelled = labelled(&row.cells, &["", "for ", "ready ", ""]);
    let mut lines = wrap(&Words::plain(labelled), width, 0, 2);
    lines.extend(row.last.iter().flat_map(|words| wrap(words, width, 2, 4)));
    lines
}

/// The cells that are known, each with its label.
fn labelled(cells: &[String], labels: &[&str]) -> String {
    let known = cells.iter().zip(labels).filter(|(cell, _)| !["-", "?"].contains(&cell.as_str()));
    let words: Vec<String> = known.map(|(cell, label)| format!("{label}{cell}")).collect();
    words.join(", ")
}
