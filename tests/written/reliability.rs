//! docs/reliability.md, made of the records of the long runs. Nobody writes a figure into it by hand.

use std::time::Duration;

use crate::record::Record;

/// The sections in the order of the page; a record that stands here is a section, and none is left out.
const SECTIONS: [&str; 9] = [
    "crash-walk",
    "faults",
    "fuzz",
    "simulator",
    "chaos",
    "soak",
    "mutants",
    "broken-builds",
    SANITIZERS,
];

const SANITIZERS: &str = "sanitizers";

const HEAD: &str = "\
# Reliability

What siteward was put through, and what came of it. Each section is the record of a run: the command that repeats it, the commit that was
tried, and how long it took. The runs that CI makes each time are shorter; the long ones have a command of their own.

The page is made of the files in `tests/reliability/records/`, which the commands write. Nothing in it is written by hand.
";

/// The page.
pub(crate) fn page() -> String {
    let records = Record::all();
    for (name, _) in &records {
        assert!(SECTIONS.contains(&name.as_str()), "the record {name} has no place on the page");
    }
    let sections = SECTIONS.iter().filter_map(|name| records.iter().find(|(n, _)| n == name));
    sections.fold(HEAD.to_owned(), |page, (_, record)| page + &section(record))
}

fn section(record: &Record) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n    {}\n", record.title, record.about, record.command);
    if !record.rows.is_empty() {
        let columns = record.columns.join(" | ");
        text += &format!("\n| {columns} | run |\n|{}\n", "---|".repeat(record.columns.len() + 1));
    }
    for (first, row) in &record.rows {
        let cells = row.cells.iter().map(|c| c.replace('|', "\\|")).collect::<Vec<_>>().join(" | ");
        let run = format!("{} {}, {}", row.day, row.commit, took(row.seconds));
        text += &format!("| {} | {cells} | {run} |\n", first.replace('|', "\\|"));
    }
    if !record.notes.is_empty() {
        text += "\n";
    }
    for note in &record.notes {
        text += &format!("- {note}\n");
    }
    text
}

fn took(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

/// Puts the row that `tests/sanitizers` has counted: what was tried, how many passed, were not possible and were
/// violations, and the seconds.
pub(crate) fn put_sanitizers(row: &[String]) {
    let [what, passed, impossible, violations, seconds] = row else {
        panic!("five words are needed, not {row:?}");
    };
    let mut record = Record::open(
        SANITIZERS,
        "Unsafe code",
        "Unsafe code stands in `src/linux/` only. Miri interprets its tests one by one; a test is not possible where it makes a system \
         call that Miri does not know. What runs between fork and exec is watched by the unit tests themselves: a child that allocates or \
         frees memory there ends at once, and the test of it fails.",
        "tests/sanitizers --record",
        &["what", "passed", "not possible", "violations"],
    );
    let took = Duration::from_secs(seconds.parse().expect("the seconds are a number"));
    record.put(what, &[passed.clone(), impossible.clone(), violations.clone()], took);
    record.write(SANITIZERS);
}
