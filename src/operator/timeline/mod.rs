//! `siteward timeline`: what happened to a site, drawn in a terminal.

mod paper;

use jiff::Timestamp;

use super::account::Account;
use super::chart::{Axis, Calendar, Tick};
use super::layout;
use super::story::{
    Condition, Incident, Outage, ProcessStartupEnd, Startup, StartupOutcome, Story, StretchEnd,
    between, say_exactly,
};
use crate::agent::Target;
use paper::{Cell, Paper, cells, column};

/// How many outages and faults are told.
const TOLD: usize = 5;

/// Lines in the width of the terminal.
pub fn timeline(target: &Target, since: Option<Timestamp>) -> Vec<String> {
    let account = Account::read(target, since);
    draw(&account, Paper::of_this_terminal(), &Calendar::local())
}

fn draw(account: &Account, paper: Paper, calendar: &Calendar) -> Vec<String> {
    let mut sheet = Sheet { paper, calendar, lines: Vec::new() };
    let story = &account.story;
    sheet.head(account);
    if story.lanes.is_empty() {
        sheet.say("There is no entry in the history.");
    } else {
        sheet.lanes(story);
        sheet.outages(story);
        sheet.incidents(story);
        if let Some(startup) = story.startups.last() {
            sheet.startup(startup);
        }
    }
    for doubt in account.unread.iter().chain(&story.doubts) {
        sheet.say(&format!("Note: {doubt}."));
    }
    sheet.lines
}

struct Sheet<'a> {
    paper: Paper,
    calendar: &'a Calendar,
    lines: Vec<String>,
}

impl Sheet<'_> {
    /// A line of text, broken between words where it is too long.
    fn say(&mut self, text: &str) {
        self.lines.extend(layout::fit_all(&[text.to_owned()], Some(self.paper.width)));
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(String::new());
        for line in layout::fit_all(&[text.to_owned()], Some(self.paper.width)) {
            self.lines.push(self.paper.heading(&line));
        }
    }

    fn head(&mut self, account: &Account) {
        let story = &account.story;
        let title = format!("Site {}", account.site);
        self.lines.push(self.paper.heading(&title));
        self.say(&format!(
            "{} to {}, {}",
            self.calendar.to_the_second(story.from),
            self.calendar.to_the_second(story.now),
            self.calendar.offsets(story.from, story.now)
        ));
        if let Some(present) = &account.present {
            let why = present.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            self.say(&format!("Now {} on {}{why}", present.state, present.node));
        }
        let elsewhere = story
            .ongoing()
            .filter(|stretch| account.present.as_ref().is_none_or(|p| p.node != stretch.node));
        if let Some(stretch) = elsewhere {
            let since = self.calendar.to_the_second(stretch.from);
            self.say(&format!(
                "By the last entry, {} on {} since {since}",
                stretch.is.word(),
                stretch.node
            ));
        }
    }

    /// The lanes of the nodes, with their axis, the numbers of the outages, and what the signs mean.
    fn lanes(&mut self, story: &Story) {
        let longest = story.lanes.iter().map(|lane| lane.node.chars().count()).max().unwrap_or(0);
        // On a narrow terminal the names stand above the lanes.
        let beside = if longest + 2 <= self.paper.width / 3 { longest + 2 } else { 0 };
        let width = self.paper.width - beside;
        let axis = Axis { from: story.from, to: story.now.max(story.from) };
        self.lines.push(String::new());
        self.axis(&axis.ticks((width / 14).max(1), self.calendar), &axis, beside, width);
        for lane in &story.lanes {
            let drawn = self.paper.draw(&cells(&lane.stretches, &axis, width));
            if beside == 0 {
                self.lines.push(lane.node.clone());
                self.lines.push(drawn);
            } else {
                self.lines.push(format!("{:beside$}{drawn}", lane.node));
            }
        }
        self.outage_numbers(&story.outages, &axis, beside, width);
        let column = between(axis.from, axis.to) / u32::try_from(width.max(1)).unwrap_or(1);
        self.legend(story);
        self.say(&format!("A column is {} and shows the worst in it", say_exactly(column)));
    }

    fn axis(&mut self, ticks: &[Tick], axis: &Axis, beside: usize, width: usize) {
        let mut line: Vec<char> = vec![' '; beside + width];
        let mut free = 0;
        for tick in ticks {
            let at = beside + column(axis, tick.at, width);
            let label: Vec<char> =
                self.paper.pick("\u{2577}", "|").chars().chain(tick.label.chars()).collect();
            let fits = at >= free && at + label.len() <= line.len();
            let shown = if fits { label.len() } else { usize::from(at >= free) };
            for (cell, c) in line.iter_mut().skip(at).zip(label.into_iter().take(shown)) {
                *cell = c;
            }
            free = free.max(at + shown + 1);
        }
        self.lines.push(line.into_iter().collect::<String>().trim_end().to_owned());
    }

    /// The last number of those that fall on the same column, with a `+` where there are others.
    fn outage_numbers(&mut self, outages: &[Outage], axis: &Axis, beside: usize, width: usize) {
        if outages.is_empty() {
            return;
        }
        let mut line: Vec<char> = vec![' '; beside + width];
        let mut free = line.len();
        for (index, outage) in outages.iter().enumerate().rev() {
            let at = beside + column(axis, outage.from, width);
            let number: Vec<char> = (index + 1).to_string().chars().collect();
            let at = at.min(line.len().saturating_sub(number.len()));
            if at + number.len() < free || free == line.len() {
                for (cell, c) in line.iter_mut().skip(at).zip(&number) {
                    *cell = *c;
                }
                free = at;
            } else if let Some(cell) = free.checked_sub(1).and_then(|before| line.get_mut(before)) {
                *cell = '+';
            }
        }
        if let Some(start) = (beside >= 8).then(|| line.get_mut(..7)).flatten() {
            start.copy_from_slice(&['o', 'u', 't', 'a', 'g', 'e', 's']);
        }
        self.lines.push(line.into_iter().collect::<String>().trim_end().to_owned());
    }

    fn legend(&mut self, story: &Story) {
        let all = || story.lanes.iter().flat_map(|lane| &lane.stretches);
        let mut signs: Vec<(Cell, &str)> = Condition::ALL
            .into_iter()
            .filter(|is| all().any(|stretch| stretch.is == *is))
            .map(|is| (Cell::Is(is), is.word()))
            .collect();
        if all().any(|stretch| matches!(stretch.end, StretchEnd::Unseen { .. })) {
            signs.push((Cell::Unseen, "it ended in here, unseen"));
        }
        signs.push((Cell::Off, "stopped"));
        let mut line = String::new();
        let mut length = 0;
        for (cell, word) in signs {
            let more = word.chars().count() + 2 + if length > 0 { 2 } else { 0 };
            if length > 0 && length + more > self.paper.width {
                self.lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push_str("  ");
            }
            let glyph = self.paper.glyph(cell).to_string();
            line.push_str(&self.paper.tint(cell, &glyph));
            line.push(' ');
            line.push_str(word);
            length += more;
        }
        self.lines.push(line);
    }

    fn outages(&mut self, story: &Story) {
        self.heading("Outages");
        if story.outages.is_empty() {
            return self.say("  none");
        }
        for (index, outage) in story.outages.iter().enumerate().rev().take(TOLD) {
            self.outage(index + 1, outage);
        }
        if story.outages.len() > TOLD {
            self.say(&format!("  and {} before these", story.outages.len() - TOLD));
        }
    }

    fn outage(&mut self, number: usize, outage: &Outage) {
        let arrow = self.paper.pick("\u{2192}", "->");
        let took = say_exactly(outage.took());
        let took = match (outage.not_before, outage.is_open()) {
            (Some(_), _) => format!("at least {took}"),
            (None, true) => format!("{took} so far"),
            (None, false) => took,
        };
        let route = match &outage.to_node {
            Some(to) if *to == outage.from_node => to.clone(),
            Some(to) => format!("{} {arrow} {to}", outage.from_node),
            None => format!("{}, not served since", outage.from_node),
        };
        let at = self.calendar.local_time(outage.from);
        self.say(&format!("  {number}  {at}  {took}  {route}"));
        self.say(&format!("     {}: {}", outage.kind.words(), outage.cause));
        let rows: Vec<BarRow> = outage
            .steps
            .iter()
            .map(|step| BarRow {
                label: format!("{} ({})", step.name, step.node),
                from: step.from,
                to: step.to,
                cell: Cell::Is(Condition::Stopping),
            })
            .collect();
        self.bars(&rows, &Axis { from: outage.from, to: outage.to });
    }

    /// Rows of a label, a duration and a bar. On a narrow terminal there is no bar.
    fn bars(&mut self, rows: &[BarRow], axis: &Axis) {
        let label = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
        let took = |row: &BarRow| say_exactly(between(row.from, row.to));
        let time = rows.iter().map(|row| took(row).chars().count()).max().unwrap_or(0);
        let width = self.paper.width.saturating_sub(5 + label + 2 + time + 2).min(60);
        for row in rows {
            let took = took(row);
            if width < 10 {
                self.say(&format!("     {took:>time$}  {}", row.label));
                continue;
            }
            let (first, last) = (column(axis, row.from, width), column(axis, row.to, width));
            let bar = self.paper.pick("\u{2588}", "#").repeat((last - first).max(1));
            let bar = format!("{:first$}{}", "", self.paper.tint(row.cell, &bar));
            let line = format!("     {:label$}  {took:>time$}  {bar}", row.label);
            self.lines.push(line.trim_end().to_owned());
        }
    }

    fn incidents(&mut self, story: &Story) {
        self.heading("What went wrong");
        if story.incidents.is_empty() {
            return self.say("  nothing");
        }
        for incident in story.incidents.iter().rev().take(TOLD) {
            self.incident(incident);
        }
        if story.incidents.len() > TOLD {
            self.say(&format!("  and {} before these", story.incidents.len() - TOLD));
        }
    }

    fn incident(&mut self, incident: &Incident) {
        let at = self.calendar.local_time(incident.at);
        self.say(&format!("  {at}  {}: {}", incident.node, incident.cause));
        for line in &incident.last_lines {
            self.say(&format!("     {} {line}", self.paper.pick("\u{2502}", "|")));
        }
        for (_, words) in &incident.followed {
            self.say(&format!("     {} {words}", self.paper.pick("\u{2192}", "->")));
        }
    }

    fn startup(&mut self, startup: &Startup) {
        let took = say_exactly(startup.took());
        let outcome = match &startup.outcome {
            StartupOutcome::Up => format!("up after {took}"),
            StartupOutcome::Paused => format!("in maintenance after {took}"),
            StartupOutcome::Failed(why) => format!("failed after {took}: {why}"),
            StartupOutcome::Open => format!("no end on record, {took} so far"),
        };
        self.heading(&format!("The last start: {}, {outcome}", startup.node));
        let mark = self.paper.pick("\u{25c6}", "*");
        let mut rows: Vec<BarRow> = startup
            .before
            .iter()
            .map(|step| BarRow {
                label: format!("{mark} {}", step.name),
                from: step.from,
                to: step.to,
                cell: Cell::Is(Condition::Starting),
            })
            .collect();
        for (index, process) in startup.processes.iter().enumerate() {
            let is_critical = startup.is_critical(index);
            let end = match process.end {
                ProcessStartupEnd::Ready => "",
                ProcessStartupEnd::Fault => " (fault)",
                ProcessStartupEnd::NotReady => " (not ready)",
            };
            rows.push(BarRow {
                label: format!("{} {}{end}", if is_critical { mark } else { " " }, process.name),
                from: process.spawned,
                to: process.to,
                cell: match (process.end, is_critical) {
                    (ProcessStartupEnd::Fault, _) => Cell::Is(Condition::Failed),
                    (_, true) => Cell::Is(Condition::Starting),
                    (_, false) => Cell::Off,
                },
            });
        }
        let last = startup.critical.last().and_then(|at| startup.processes.get(*at));
        if let Some(last) = last.filter(|last| last.to < startup.to) {
            rows.push(BarRow {
                label: match startup.outcome {
                    StartupOutcome::Up => format!("{mark} until it counts as up"),
                    _ => format!("{mark} until the end of the start"),
                },
                from: last.to,
                to: startup.to,
                cell: Cell::Is(Condition::Starting),
            });
        }
        self.say(&format!(
            "  It began at {}; {mark} is its critical path",
            self.calendar.local_time(startup.from)
        ));
        self.bars(&rows, &Axis { from: startup.from, to: startup.to });
    }
}

struct BarRow {
    label: String,
    from: Timestamp,
    to: Timestamp,
    cell: Cell,
}
