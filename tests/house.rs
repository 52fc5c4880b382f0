//! The structure of the source: a module imports only from the modules below it, files do not import each
//! other in a circle, each type has a name of its own, and unsafe code stays in `linux`.

#[path = "house/imports.rs"]
mod imports;
#[path = "common/product.rs"]
mod product;
#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Crate, circles, describe, side_by_side};
use source::{Source, Token};

/// The rooms (the modules of the crate) from the top floor down (ARCHITECTURE.md).
const FLOORS: [&str; 22] = [
    "main",
    "cli",
    "operator",
    "manager",
    "agent",
    "hold",
    "observe",
    "backend",
    "supervisor",
    "journal",
    "lease",
    "disk",
    "process",
    "control",
    "history",
    "surroundings",
    "logs",
    "site",
    "messages",
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

/// The room of a file: its first folder below src, or its own name.
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

/// Each file by its name below src, with its text.
fn files() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |path: PathBuf| path.strip_prefix(&src).unwrap().display().to_string();
    sources().into_iter().map(|(path, text)| (name(path), text)).collect()
}

fn made_up(files: &[(&str, &str)]) -> Crate {
    let owned = |(file, text): &(&str, &str)| ((*file).to_owned(), (*text).to_owned());
    Crate::read(&files.iter().map(owned).collect::<Vec<_>>())
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let arrows = Crate::read(&files()).arrows();
    let found: Vec<String> = circles(&arrows).iter().map(|c| describe(c, &arrows)).collect();
    assert!(found.is_empty(), "circles:\n{}", found.join("\n\n"));
}

#[test]
fn no_folders_import_each_other_in_a_circle() {
    let files = files();
    let arrows = Crate::read(&files).arrows();
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|(file, _)| Some(file.rsplit_once('/')?.0)).chain([""]).collect();
    let mut found = Vec::new();
    for folder in folders {
        let between = side_by_side(folder, &arrows);
        for circle in circles(&between) {
            found.push(format!("in src/{folder}:\n{}", describe(&circle, &between)));
        }
    }
    assert!(found.is_empty(), "circles:\n{}", found.join("\n\n"));
}

#[test]
fn no_file_imports_from_a_room_above_it() {
    let mut upwards = Vec::new();
    let room = |file: &str| file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    for (from, to_names) in Crate::read(&files()).arrows() {
        for (to, names) in to_names {
            let (above, below) = (room(&from), room(&to));
            if below != "lib" && above != below && floor(&below) <= floor(&above) {
                upwards.push(format!("{from} -> {to}: {names:?}"));
            }
        }
    }
    assert!(upwards.is_empty(), "arrows upwards:\n{}", upwards.join("\n"));
}

#[test]
fn no_two_types_have_one_name() {
    let twice = Crate::read(&files()).types_that_stand_twice();
    let found: Vec<String> =
        twice.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert!(found.is_empty(), "types of one name:\n{}", found.join("\n"));
}

#[test]
fn the_test_would_see_a_circle() {
    let seen = |files: &[(&str, &str)]| {
        let circles = circles(&made_up(files).arrows());
        circles.into_iter().map(|c| c.into_iter().collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let face = ("room/mod.rs", "mod a; mod b; pub use a::A; pub(crate) use b::{B as C, self};");
    let a = ("room/a.rs", "use super::C; pub struct A(C);");
    let both = ["room/a.rs", "room/b.rs"];
    // By a face that hands names on, by a path, by another name, and with everything.
    for b in [
        "pub struct B; use crate::room::A;",
        "pub struct B; fn f() -> super::a::A { todo!() }",
        "pub struct B; mod inner { use super::super::{a as other}; fn f(_: other::A) {} }",
        "pub struct B; use super::a::*; fn f(_: A) {}",
        "use super::*; pub struct B; fn f(_: Option<A>) {}",
    ] {
        assert_eq!(seen(&[face, a, ("room/b.rs", b)]), [both], "{b}");
    }
    // An import in a test, a comment or a literal is none, nor is one whose names are not used.
    for b in [
        "pub struct B; #[cfg(test)] mod tests { use super::super::A; }",
        "pub struct B; // use super::A;",
        "/* /* */ use super::A; */ pub struct B; const T: &str = \"use super::A;\";",
        "pub struct B; const T: &str = r#\"\"use super::A;\"#; const C: char = '\"';",
        "use super::a::*; pub struct B;",
        "use std::io::A; pub struct B;",
    ] {
        assert!(seen(&[face, a, ("room/b.rs", b)]).is_empty(), "{b}");
    }
    // A face that uses a name that it hands on takes part.
    let face = ("room/mod.rs", "mod a; pub use a::A; pub struct Z(A);");
    let a = ("room/a.rs", "pub struct A; fn f(_: &super::Z) {}");
    assert_eq!(seen(&[face, a]), [["room/a.rs", "room/mod.rs"]]);
    // A visibility is no import.
    let a = ("room/a.rs", "pub(in crate::room) struct A; pub(in super::super) fn f() {}");
    assert!(seen(&[face, a]).is_empty());
    // A module for tests may stand in a file of its own.
    let a = ("room/a.rs", "#[cfg(test)] mod tests; pub struct A;");
    let tests = ("room/a/tests.rs", "use crate::room::Z;");
    assert!(seen(&[face, a, tests]).is_empty());
}

#[test]
fn the_test_would_see_two_types_of_one_name() {
    let twice = made_up(&[
        ("a.rs", "pub struct One; impl Iterator for One { type Item = u8; }"),
        ("b.rs", "enum One {} impl Iterator for X { type Item = u8; } #[cfg(test)] enum Two {}"),
        ("c.rs", "trait Two {} mod inner { type Three = u8; } struct Three<'a>(&'a str);"),
    ])
    .types_that_stand_twice();
    assert_eq!(twice.keys().collect::<Vec<_>>(), ["One", "Three"]);
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
fn the_machine_imports_nothing_of_the_system() {
    let is_of_machine =
        |file: &str| file == "supervisor/machine.rs" || file.starts_with("supervisor/machine/");
    let arrows = Crate::read(&files()).arrows();
    let machine: Vec<_> = arrows.iter().filter(|(from, _)| is_of_machine(from)).collect();
    assert!(machine.len() >= 5, "the machine is found");
    for (from, to_names) in machine {
        for (to, names) in to_names {
            assert!(!to.starts_with("linux/"), "{from} -> {to}: {names:?}");
        }
    }
}

#[test]
fn the_verbs_make_no_system_call_of_their_own() {
    let files: Vec<_> =
        files().into_iter().filter(|(file, _)| file.starts_with("agent/")).collect();
    assert!(files.len() >= 10, "the verbs are found");
    for (file, text) in files {
        for word in Source::of(&text).tokens.iter().filter_map(Token::word) {
            assert!(!["nix", "libc"].contains(&word), "{file} names {word}");
        }
    }
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
    let rooms = FLOORS.iter().filter(|room| !["main", "cli", ""].contains(room));
    for room in rooms {
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

/// These macros panic where the line cannot be written: a full disk or a reader that is gone would end a verb.
#[test]
fn nothing_is_printed_by_a_macro_that_panics() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        // What it plays is a program of somebody else's.
        let is_test = ["tests.rs", "samples.rs"].iter().any(|name| path.ends_with(name));
        if is_test || path.ends_with("src/operator/actor.rs") {
            continue;
        }
        for (number, line) in product::without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("print!(") || code.contains("println!(") {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "it panics where it cannot write:\n{}", found.join("\n"));
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

#[test]
fn a_start_that_fails_lets_its_turn_go_last() {
    // Fields are dropped in their order (Reference, "Destructors"), and the turn is in `cleared`.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/up.rs");
    let text = fs::read_to_string(path).unwrap();
    let place = |of: &str, field: &str| {
        let fields = text.split_once(&format!("struct {of}<'a> {{")).unwrap().1;
        let fields = fields.split_once('}').unwrap().0;
        fields.find(&format!(" {field}:")).unwrap_or_else(|| panic!("{of} has no {field}"))
    };
    assert!(place("Loaded", "aside") < place("Loaded", "cleared"));
    assert!(place("Leased", "lease") < place("Leased", "loaded"));
}

#[test]
fn every_build_that_is_broken_on_purpose_can_still_be_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut patches = 0;
    for entry in fs::read_dir(root.join("tests/broken")).unwrap().flatten() {
        let patch = fs::read_to_string(entry.path()).unwrap();
        for part in patch.split("diff --git ").skip(1) {
            let file = part.lines().find_map(|line| line.strip_prefix("+++ b/")).expect("a file");
            let source = fs::read_to_string(root.join(file)).unwrap();
            for hunk in part.split("\n@@ ").skip(1) {
                // What the patch expects to find: lines that it keeps, and lines that it removes.
                let old = |line| str::strip_prefix(line, ' ').or_else(|| line.strip_prefix('-'));
                let lines: Vec<&str> = hunk.lines().skip(1).filter_map(old).collect();
                let found = source.matches(&lines.join("\n")).count();
                assert_eq!(found, 1, "{file}: write {} anew", entry.path().display());
            }
        }
        patches += 1;
    }
    assert_eq!(patches, 6);
}
