//! The list of mutants, as cargo-mutants makes it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// The parts of the source that can be named, and where each begins.
pub(crate) const ROOMS: [(&str, &str); 6] = [
    ("machine", "src/supervisor/machine"),
    ("observe", "src/observe/"),
    ("manager", "src/manager/"),
    ("process", "src/process/"),
    ("lease", "src/lease/"),
    ("agent", "src/agent/"),
];

#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

#[derive(Clone, Debug, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

#[derive(Clone, Debug, Deserialize)]
struct Function {
    return_type: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mutant {
    pub(crate) file: String,
    pub(crate) genre: String,
    pub(crate) name: String,
    pub(crate) replacement: String,
    span: Span,
    function: Option<Function>,
    /// Its place in the list of all.
    #[serde(default)]
    pub(crate) id: usize,
    /// Its file and its change, and which of several alike it is: the same when lines move.
    #[serde(default)]
    pub(crate) key: String,
}

impl Mutant {
    pub(crate) fn room(&self) -> &'static str {
        let room = ROOMS.iter().find(|(_, begin)| self.file.starts_with(begin));
        room.map_or("other", |(name, _)| name)
    }

    /// It gives a type of its own, so that two ways cannot both give it: such a function is left as it is.
    pub(crate) fn has_no_switch(&self) -> bool {
        let function = self.function.as_ref();
        self.genre == "FnValue" && function.is_some_and(|f| f.return_type.contains("impl "))
    }

    /// The part of the file's text that it replaces.
    pub(crate) fn range(&self, text: &str) -> Range<usize> {
        byte_of(text, self.span.start)..byte_of(text, self.span.end)
    }
}

fn byte_of(text: &str, place: Place) -> usize {
    let line: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
    let rest = &text[line..];
    let column = rest.char_indices().nth(place.column - 1).map_or(rest.len(), |(at, _)| at);
    line + column
}

/// All mutants of all rooms.
pub(crate) fn list(root: &Path) -> Vec<Mutant> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["mutants", "--list", "--json"]);
    for (_, begin) in ROOMS {
        let tail = if begin.ends_with('/') { "**" } else { "*" };
        command.args(["-f", &format!("{begin}{tail}")]);
        if tail == "*" {
            command.args(["-f", &format!("{begin}/**")]);
        }
    }
    let output = command.output().expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo-mutants made no list; it is had by `cargo install cargo-mutants`: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut mutants: Vec<Mutant> = serde_json::from_slice(&output.stdout).expect("a list in JSON");
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for (id, mutant) in mutants.iter_mut().enumerate() {
        mutant.id = id;
        let change = mutant.name.splitn(4, ':').nth(3).unwrap_or(&mutant.name).trim();
        let key = format!("{}: {change}", mutant.file);
        let count = alike.entry(key.clone()).or_default();
        *count += 1;
        mutant.key = if *count == 1 { key } else { format!("{key} #{count}") };
    }
    mutants
}
