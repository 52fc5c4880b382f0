//! docs/performance.md: a head that tells the machine, and a section for each part, which is renewed when the part is
//! measured again. Pictures lie beside the others of the documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::wait_for;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// What no part measures: the bounds that are not met, and what the time goes into.
const END: &str = include_str!("unmet.md");

/// Versions are asked of Debian's packages.
const PEERS: [&str; 7] =
    ["supervisor", "s6", "runit", "monit", "resource-agents", "pacemaker", "systemd"];

/// What a part has measured: its words and tables, and pictures by name.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) text: String,
    pub(crate) pictures: Vec<(&'static str, String)>,
}

/// A link to one of the part's own pictures.
pub(crate) fn picture(name: &str, words: &str) -> String {
    format!("\n![{words}](pictures/performance-{name}.svg)\n\n")
}

/// A table of Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("\n{}{rule}{rows}\n", line(&head))
}

/// When and under which load a part was measured.
pub(crate) struct Circumstances {
    /// In the second before it began.
    busy: String,
    begun: Instant,
}

impl Circumstances {
    pub(crate) fn now() -> Self {
        let before = ticks();
        wait_for(Duration::from_secs(1));
        let after = ticks();
        let (all, idle) = (after.0 - before.0, after.1 - before.1);
        let busy = format!("{:.0} %", 100.0 * (1.0 - idle / all.max(1.0)));
        Self { busy, begun: Instant::now() }
    }

    pub(crate) fn took(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn words(&self) -> String {
        let commit = std::env::var("SITEWARD_COMMIT").unwrap_or_default();
        let (date, version) = (said("date", &["-u", "+%F"]), env!("CARGO_PKG_VERSION"));
        let (busy, took) = (&self.busy, self.took());
        format!(
            "*Measured {date}, siteward {version} ({commit}). In the second before it began, the machine's cores were busy to \
             {busy}; it took {took} s.*"
        )
    }
}

/// The time of all cores, and that in which they were idle, in ticks (proc_stat(5)).
fn ticks() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let numbers: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    (numbers.iter().take(8).sum(), numbers.iter().skip(3).take(2).sum())
}

/// Words broken into lines; tables, headings and pictures stand as they are.
fn folded(text: &str) -> String {
    const WIDEST: usize = 125;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_prose = !line.starts_with(['|', '#', '!']);
        let mut kept = String::new();
        for word in line.split(' ') {
            if is_prose && !kept.is_empty() && kept.chars().count() + word.chars().count() >= WIDEST
            {
                lines.push(std::mem::take(&mut kept));
            }
            kept += if kept.is_empty() { "" } else { " " };
            kept += word;
        }
        // One empty line is as good as two.
        if !(kept.is_empty() && lines.last().is_some_and(String::is_empty)) {
            lines.push(kept);
        }
    }
    lines.join("\n") + "\n"
}

/// Puts a section into the page, in place of what stood there, in the order of `parts`.
pub(crate) fn renew(part: &str, section: &Section, how: &Circumstances, parts: &[&str]) {
    let path = Path::new(DOCS).join("performance.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let mark = |part: &str| format!("<!-- part: {part} -->\n");
    let stands = |of: &str| {
        let rest = old.split_once(&mark(of))?.1;
        Some(rest.split("<!-- part: ").next().unwrap_or_default().to_owned())
    };
    let new = format!("## {}\n\n{}\n\n{}\n\n", section.title, how.words(), section.text.trim());
    let new = folded(&new);
    let body: String = parts
        .iter()
        .filter_map(|of| {
            let text = if *of == part { Some(new.clone()) } else { stands(of) };
            Some(mark(of) + &text?)
        })
        .collect();
    let page = format!("{}\n{}\n\n{}", head(), body.trim_end(), END);
    for (name, drawing) in &section.pictures {
        fs::write(picture_file(name), drawing).expect("the picture can be written");
    }
    fs::write(&path, page).expect("the page can be written");
}

fn picture_file(name: &str) -> PathBuf {
    Path::new(DOCS).join(format!("pictures/performance-{name}.svg"))
}

fn head() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find(|line| line.starts_with("model name"));
    let processor = processor.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown");
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    let memory = format!("{:.0} GiB", memory / 1_048_576.0);
    let version = |package: &&str| {
        let version = said("dpkg-query", &["-W", "-f", "${Version}", package]);
        let version = if version.is_empty() { "not installed" } else { &version };
        format!("{package} {version}")
    };
    let peers: Vec<String> = PEERS.iter().map(version).collect();
    let sizes = ["SITEWARD_BIN", "SITEWARD_ORDINARY"].map(|name| {
        let length = std::env::var(name).ok().and_then(|path| Some(fs::metadata(path).ok()?.len()));
        length.map_or_else(String::new, |bytes| format!("{:.1} MiB", bytes as f64 / 1_048_576.0))
    });
    format!(
        "# Performance

`benches/run` measures siteward beside its floor and its peers on one machine, and writes this page. Only ratios say something
about another machine. Times are medians unless something else is said; those that are compared were taken in turn, so that
whatever else the machine did fell on all of them alike. `benches/run PART` renews one section; the parts are the words in the
comments of this file.

| | |
|---|---|
| machine | {cores} × {processor}, {memory} |
| kernel | {} {} |
| siteward, as it is released | one static file with musl, {} |
| siteward, as `cargo build --release` makes it | one static file with glibc, {} |
| peers, from Debian's packages | {} |

Each part ran in namespaces of its own: it sees no process but those that it started, what it writes \"in memory\" lies in a
tmpfs of its own, and its control groups begin below one of its own. \"Other processes\" are `sleep`s that have nothing to do with
the site; \"busy\" means one endless loop for each core.
",
        said("uname", &["-s"]),
        said("uname", &["-r"]),
        sizes[0],
        sizes[1],
        peers.join(", "),
    )
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(|_| String::new(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}
