//! What `qstat` says of the queues of a site (source document 003, ENV-01 to ENV-04).

use crate::backend::command::{Marked, run};
use crate::backend::nqs_site::explain_root;
use crate::site::{Definition, Jobcenter, SitePlaces};
use crate::values::{Moment, printable_line};

/// What runs in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyQueue {
    /// As qstat writes it: `NAME@HOST`.
    pub name: String,
    pub requests: u64,
}

/// The words of the counts of requests that wait in the database, and so for the next start too. What the documents
/// do not name counts as running.
const WAITING: [&str; 3] = ["queued", "wait", "hold"];

/// The queues in which something runs now.
///
/// # Errors
/// For the end of a sentence.
pub fn busy_queues(
    profile: &Jobcenter,
    definition: &Definition,
    places: &SitePlaces,
    deadline: Moment,
) -> Result<Vec<BusyQueue>, String> {
    let words = [profile.qstat.display().to_string()];
    let ran = run(&words, definition, places, Marked::No, deadline)?;
    let said = |why: String| format!("`{}` {why}", words[0]);
    if let Some(line) = ran.text().lines().find(|line| line.starts_with("Qstat(FATAL)")) {
        let line = printable_line(line.to_owned());
        let why = explain_root(&line, &definition.site, profile);
        let why = why.map_or_else(String::new, |why| format!("; {why}"));
        return Err(said(format!("finds no site `{}` here: {line}{why}", definition.site)));
    }
    match ran.complaint() {
        Some(why) => Err(said(why)),
        None => read(&ran.text()).map_err(said),
    }
}

/// Two lines for each queue: `NAME@HOST; type=PIPE; [ENABLED, INACTIVE]; pri=10`, then its counts.
fn read(text: &str) -> Result<Vec<BusyQueue>, String> {
    let mut busy = Vec::new();
    let mut queue: Option<&str> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != ":") {
        match (counts(line), queue) {
            (Some(counts), Some(name)) => {
                let runs = counts.iter().filter(|(_, word)| !WAITING.contains(word));
                let requests = runs.map(|(number, _)| *number).sum();
                if requests > 0 {
                    busy.push(BusyQueue { name: name.to_owned(), requests });
                }
                queue = None;
            }
            (None, None) if line.contains("; type=") => {
                queue = line.split(';').next().map(str::trim);
            }
            _ => {
                let line = printable_line(line.to_owned());
                return Err(format!("prints a line that its manual does not show: {line}"));
            }
        }
    }
    match queue {
        None => Ok(busy),
        Some(name) => Err(format!("prints no counts for the queue {name}")),
    }
}

/// `0 depart; 0 route; 0 queued; 0 wait; 0 hold; 0 arrive;`
fn counts(line: &str) -> Option<Vec<(u64, &str)>> {
    let parts = line.trim_end_matches(';').split(';');
    parts
        .map(|part| {
            let (number, word) = part.trim().split_once(' ')?;
            Some((number.parse().ok()?, word.trim()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: &str = "guilb_def@testsite; type=PIPE; [ENABLED, INACTIVE]; pri=10\n\
                         0 depart; 0 route; 3 queued; 2 wait; 1 hold; 0 arrive;\n:\n:\n";

    #[test]
    fn env_04_the_counts_of_qstat_say_what_runs() {
        assert_eq!(read(QUIET).unwrap(), []);
        assert_eq!(read("").unwrap(), []);
        let busy = QUIET.replace("0 depart; 0 route", "1 depart; 2 route")
            + "batch1@testsite; type=BATCH; [ENABLED, RUNNING]; pri=10\n  4 run;  1 queued;\n";
        let queue = |name: &str, requests| BusyQueue { name: name.to_owned(), requests };
        let expected = [queue("guilb_def@testsite", 3), queue("batch1@testsite", 4)];
        assert_eq!(read(&busy).unwrap(), expected);
    }

    #[test]
    fn what_qstat_does_not_print_by_its_manual_is_no_answer() {
        for text in [
            "Segmentation fault\n",
            "a@b; type=PIPE; []; pri=1\n",
            "a@b; type=PIPE; []; pri=1\na@c; type=PIPE; []; pri=1\n",
            "0 depart;\n",
            "a@b; type=PIPE; []; pri=1\n0 depart; x route;\n",
            "a@b; type=PIPE; []; pri=1\n-1 depart;\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
