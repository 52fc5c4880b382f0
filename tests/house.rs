//! The house: arrows between the rooms run down only, and unsafe code stays where it belongs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the top floor down (ARCHITECTURE.md).
const FLOORS: [&str; 16] = [
    "main",
    "cli",
    "operator",
    "manager",
    "agent",
    "observe",
    "backend",
    "supervisor",
    "lease",
    "process",
    "control",
    "history",
    "site",
    "linux",
    "values",
    "",
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

/// The room that a file belongs to: its first folder below src, or its own name.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn floor(room: &str) -> usize {
    FLOORS.iter().position(|r| *r == room).unwrap_or_else(|| panic!("`{room}` has no floor"))
}

/// The rooms that a line names: `crate::room`, or any in `crate::{a::.., b}`.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut rooms = Vec::new();
    for after in line.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                rooms.extend(list.split(',').map(|item| word(item.trim())));
            }
            None => rooms.push(word(after)),
        }
    }
    rooms.retain(|r| !r.is_empty());
    rooms
}

#[test]
fn arrows_run_down_only() {
    let mut upwards = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in sources() {
        let from = room(&path);
        if from == "lib" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for to in named(line) {
                *seen.entry(from.clone()).or_default() += 1;
                if to != from && floor(&to) <= floor(&from) {
                    upwards.push(format!("{}:{}: {from} -> {to}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(upwards.is_empty(), "arrows upwards:\n{}", upwards.join("\n"));
    assert!(seen.len() >= 10, "the test sees the rooms: {seen:?}");
}

#[test]
fn the_test_would_see_an_arrow_upwards() {
    assert_eq!(named("use crate::agent::{Deadline, Outcome};"), ["agent"]);
    assert_eq!(named("use crate::{site, linux::Pid};"), ["site", "linux"]);
    assert_eq!(named("    crate::linux::files::is_root()"), ["linux"]);
    assert!(floor("agent") < floor("linux"));
}

#[test]
fn unsafe_code_and_bare_system_calls_stay_in_their_room() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if room(&path) == "linux" {
            continue;
        }
        // The kernel's numbers are constants, and the names of signals are a table.
        let text = match room(&path).as_str() {
            "values" => text
                .replace("libc::SIG", "SIG")
                .replace("libc::E", "E")
                .replace("nix::sys::signal::Signal", "Signal"),
            _ => text,
        };
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().replace("unix::", "");
            let lint = code.contains("unsafe_code");
            for word in ["unsafe", "libc::", "nix::"] {
                if code.contains(word) && !lint {
                    found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "outside src/linux/:\n{}", found.join("\n"));
}

#[test]
fn the_machine_touches_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/supervisor");
    let of_machine = |path: &Path| {
        let is_test = path.ends_with("machine/tests.rs");
        path == folder.join("machine.rs") || (path.starts_with(folder.join("machine")) && !is_test)
    };
    let files: Vec<String> =
        sources().into_iter().filter(|(path, _)| of_machine(path)).map(|(_, text)| text).collect();
    assert!(files.len() >= 6, "the machine is found");
    let text = files.join("\n");
    for word in [
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "Moment::now",
        "crate::linux",
        "SystemTime",
        "_ =>",
    ] {
        let found: Vec<&str> = text
            .lines()
            .filter(|l| !l.trim_start().starts_with("//") && l.contains(word))
            .collect();
        assert!(found.is_empty(), "{word}: {found:?}");
    }
}

#[test]
fn every_room_says_what_it_promises() {
    for room in &FLOORS[2..15] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let candidates = [folder.join(room).join("mod.rs"), folder.join(format!("{room}.rs"))];
        let Some(text) = candidates.iter().find_map(|p| fs::read_to_string(p).ok()) else {
            panic!("{room} is not there");
        };
        let header: String = text.lines().take_while(|l| l.starts_with("//!")).collect();
        if *room == "linux" || *room == "site" || header.contains("Promises") {
            assert!(header.contains("never"), "{room} does not say what it must never do");
            continue;
        }
        panic!("{room} does not say what it promises");
    }
}

#[test]
fn a_thread_is_made_in_one_way_only() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if path.ends_with("src/linux/thread.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in ["thread::spawn", "thread::Builder", "thread::scope", "thread::{spawn"] {
                if code.contains(word) {
                    found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "not by linux/thread.rs:\n{}", found.join("\n"));
}

/// The words of a text in lower case; a name in code is taken apart, but for a capability of the
/// kernel's.
fn words(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let names = text.split(|c| !is_part(c)).filter(|name| !name.starts_with("CAP_"));
    let mut words = Vec::new();
    for part in names.flat_map(|name| name.split('_')) {
        let mut word = String::new();
        let mut after_lower_case = false;
        for c in part.chars() {
            if c.is_uppercase() && after_lower_case {
                words.push(std::mem::take(&mut word));
            }
            after_lower_case = c.is_lowercase();
            word.extend(c.to_lowercase());
        }
        words.push(word);
    }
    words
}

#[test]
fn the_room_of_system_calls_knows_no_word_of_the_program() {
    let known = ["site", "siteward", "lease", "keeper", "supervisor", "verb"];
    let mut found = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| room(path) == "linux") {
        for (number, line) in text.lines().enumerate() {
            let is_known = |word: &String| known.contains(&word.trim_end_matches('s'));
            if words(line).iter().any(is_known) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "words of the program's own in src/linux/:\n{}", found.join("\n"));
    assert_eq!(
        words("SITEWARD_MARK: LeaseLost, released"),
        ["siteward", "mark", "", "lease", "lost", "", "released"]
    );
    assert_eq!(words("CAP_LEASE"), [""; 0]);
}
