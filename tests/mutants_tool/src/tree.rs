//! The copy of the tree in which all mutants stand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::broken::{self, BROKEN};
use crate::mutant::{self, Mutant};
use crate::switch;

/// The tests by which mutants are tried, besides those of the library itself.
const TESTS: [&str; 34] = [
    "simulator",
    "state_table",
    "verbs",
    "processes",
    "managers",
    "wrapped",
    "membership",
    "marks",
    "ownership",
    "adoption",
    "held",
    "ears",
    "doors",
    "undone",
    "short_times",
    "turns",
    "lost",
    "readiness",
    "messages",
    "history",
    "notify",
    "runtime_guard",
    "status",
    "foreground",
    "terminal",
    "validate_files",
    "weaknesses",
    "words",
    "timing",
    "facts",
    "logs",
    "ports",
    "groups",
    "as_root",
];

pub(crate) struct Tree {
    /// The tree that is copied.
    root: PathBuf,
    pub(crate) base: PathBuf,
    pub(crate) mutants: Vec<Mutant>,
    tests: Vec<&'static str>,
    /// Where the source stands with patches.
    patched: Option<PathBuf>,
    /// The keys of those that the compiler refuses.
    pub(crate) refused: BTreeSet<String>,
    /// The built tests by name.
    pub(crate) binaries: BTreeMap<String, PathBuf>,
}

impl Tree {
    pub(crate) fn new(root: &Path, base: &Path, room: &str) -> Self {
        // What is decided without a process is tried without one.
        let tests = if room == "machine" { TESTS[..2].to_vec() } else { TESTS.to_vec() };
        let refused = fs::read(base.join("refused.json"));
        let refused = refused.map(|r| serde_json::from_slice(&r).unwrap()).unwrap_or_default();
        let mutants = mutant::list(root);
        fs::create_dir_all(base.join("tree")).expect("the copy's folder can be made");
        Self {
            root: root.to_owned(),
            base: base.to_owned(),
            mutants,
            tests,
            patched: None,
            refused,
            binaries: BTreeMap::new(),
        }
    }

    /// With all patches of tests/broken instead of mutants.
    pub(crate) fn of_patches(root: &Path, base: &Path) -> Self {
        let patched = base.join("patched");
        let _ = fs::remove_dir_all(&patched);
        fs::create_dir_all(&patched).expect("the copy's folder can be made");
        fs::create_dir_all(base.join("tree")).expect("the copy's folder can be made");
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(root.join("src")).arg(&patched);
        assert!(copy.status().is_ok_and(|s| s.success()), "the source can be copied");
        for (name, _, _) in BROKEN {
            let patch = root.join(format!("tests/broken/{name}.patch"));
            let apply = Command::new("git").current_dir(&patched).arg("apply").arg(patch).status();
            assert!(apply.is_ok_and(|s| s.success()), "{name} no longer applies: write it anew");
        }
        Self {
            root: root.to_owned(),
            base: base.to_owned(),
            mutants: Vec::new(),
            tests: broken::binaries(),
            patched: Some(patched),
            refused: BTreeSet::new(),
            binaries: BTreeMap::new(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.base.join("tree")
    }

    /// Takes the tests as they were built last.
    pub(crate) fn take(&mut self) {
        let built = fs::read(self.base.join("built.json")).expect("it was built before");
        self.binaries = serde_json::from_slice(&built).expect("a list that this tool wrote");
    }

    /// Brings the copy up to date and builds it, without what the compiler refuses.
    pub(crate) fn make(&mut self) {
        self.seed();
        for round in 1.. {
            let texts = self.write();
            let bad = self.check(&texts);
            if bad.is_empty() {
                break;
            }
            println!("round {round}: {} mutants cannot be built", bad.len());
            for id in bad {
                self.refused.insert(self.mutants[id].key.clone());
            }
            let text = serde_json::to_vec_pretty(&self.refused).expect("a list of texts");
            fs::write(self.base.join("refused.json"), text).expect("the copy can be written to");
            assert!(round < 20, "the copy cannot be built");
        }
        self.build();
    }

    /// What was built of the tree is built of the copy, as far as it is not the crate itself.
    fn seed(&self) {
        let target = self.folder().join("target");
        if !target.exists() && self.root.join("target").exists() {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(self.root.join("target")).arg(&target);
            assert!(copy.status().is_ok_and(|s| s.success()), "the copy can be seeded");
        }
        let switch = self.folder().join("switch");
        fs::create_dir_all(&switch).expect("the copy's folder can be made");
        fs::write(switch.join("active"), "none").expect("the copy's folder can be written to");
    }

    /// Writes what differs; gives the texts of the files with mutants.
    fn write(&mut self) -> BTreeMap<String, String> {
        let git = Command::new("git")
            .current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .expect("git can be run");
        let names = String::from_utf8_lossy(&git.stdout).into_owned();
        let mut switched = BTreeMap::new();
        let mut names: BTreeSet<String> = names.split('\0').map(str::to_owned).collect();
        names.retain(|name| {
            self.root.join(name).is_file() && !name.starts_with("tests/mutants_tool/")
        });
        for name in &names {
            let patched = self.patched.as_ref().filter(|_| name.starts_with("src/"));
            let from = patched.unwrap_or(&self.root).join(name);
            let mut bytes = fs::read(&from).expect("a file of the tree can be read");
            let chosen: Vec<&Mutant> = self
                .mutants
                .iter()
                .filter(|m| m.file == *name && !self.refused.contains(&m.key))
                .collect();
            if !chosen.is_empty() {
                let text = String::from_utf8(bytes).expect("the source is text");
                let (text, left_out) = switch::with_switches(&text, &chosen);
                for id in left_out {
                    self.refused.insert(self.mutants[id].key.clone());
                }
                switched.insert(name.clone(), text.clone());
                bytes = text.into_bytes();
            } else if name == "src/lib.rs" {
                let text = String::from_utf8(bytes).expect("the source is text");
                let (head, modules) = text.split_at(text.find("\npub mod").expect("a module"));
                let allowed = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]";
                bytes = format!("{head}{allowed}\npub mod mutants;\n{modules}").into_bytes();
            } else if name == "Cargo.toml" {
                let text = String::from_utf8(bytes).expect("a manifest is text");
                bytes = without_lints(&text).into_bytes();
            }
            put(&self.folder().join(name), &bytes, &from);
        }
        let module = self.folder().join("src/mutants.rs");
        let here = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/in_the_copy.rs.txt"));
        put(&module, include_bytes!("in_the_copy.rs.txt"), here);
        names.insert("src/mutants.rs".to_owned());
        for part in ["src", "tests", "benches"] {
            remove_others(&self.folder(), part, &names);
        }
        switched
    }

    fn cargo(&self, words: &[&str]) -> Vec<Value> {
        let output = Command::new("nice")
            .current_dir(self.folder())
            .args(["-n", "3", "cargo"])
            .args(words)
            .args(["--locked", "--offline", "--message-format=json"])
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The mutants that the compiler refuses.
    fn check(&self, texts: &BTreeMap<String, String>) -> BTreeSet<usize> {
        let mut bad = BTreeSet::new();
        let mut unknown = Vec::new();
        for message in self.cargo(&["check", "--lib"]) {
            let told = &message["message"];
            if message["reason"] != "compiler-message" || told["level"] != "error" {
                continue;
            }
            let mut places = Vec::new();
            spans(told, &mut places);
            let blame = |place: &(String, usize, usize, bool)| {
                let text = texts.get(&place.0)?;
                switch::blamed(text, place.1..place.2)
            };
            let of = |primary: bool| -> Vec<usize> {
                places.iter().filter(|p| p.3 == primary).filter_map(blame).collect()
            };
            let (first, others) = (of(true), of(false));
            let found = if first.is_empty() { others } else { first };
            let found = if found.is_empty() { self.arms_near(&places, texts) } else { found };
            if found.is_empty() && !places.is_empty() {
                unknown.push(told["rendered"].as_str().unwrap_or_default().to_owned());
            }
            bad.extend(found);
        }
        assert!(
            !bad.is_empty() || unknown.is_empty(),
            "no mutant is to blame for this:\n{}",
            unknown.join("\n")
        );
        bad
    }

    /// For a `match` that no longer covers all: the deleted arms after its head.
    fn arms_near(
        &self,
        places: &[(String, usize, usize, bool)],
        texts: &BTreeMap<String, String>,
    ) -> Vec<usize> {
        let Some((file, start, _, _)) = places.iter().find(|p| p.3) else { return Vec::new() };
        let Some(text) = texts.get(file) else { return Vec::new() };
        let is_near = |m: &&Mutant| {
            let mark = format!("/*<{}*/!crate::mutants::is_on(", m.id);
            let at = text.find(&mark);
            m.file == *file
                && m.genre == "MatchArm"
                && at.is_some_and(|a| a > *start && a < start + 3000)
        };
        self.mutants.iter().filter(is_near).map(|m| m.id).collect()
    }

    fn build(&mut self) {
        let mut words = vec!["test", "--no-run", "--lib"];
        for test in &self.tests {
            words.extend(["--test", test]);
        }
        for message in self.cargo(&words) {
            if message["message"]["level"] == "error" {
                println!("{}", message["message"]["rendered"].as_str().unwrap_or_default());
            }
            let (Some(file), true) =
                (message["executable"].as_str(), message["profile"]["test"] == true)
            else {
                continue;
            };
            let name = message["target"]["name"].as_str().unwrap_or_default();
            self.binaries.insert(name.to_owned(), PathBuf::from(file));
        }
        let built = serde_json::to_vec(&self.binaries).expect("a list of names");
        fs::write(self.base.join("built.json"), built).expect("the copy can be written to");
        assert_eq!(self.binaries.len(), self.tests.len() + 1, "every test was built");
    }
}

fn put(to: &Path, bytes: &[u8], like: &Path) {
    if fs::read(to).is_ok_and(|before| before == bytes) {
        return;
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).expect("the copy's folder can be made");
    }
    fs::write(to, bytes).expect("the copy can be written to");
    let mode = fs::metadata(like).map_or(0o644, |m| m.permissions().mode());
    let _ = fs::set_permissions(to, fs::Permissions::from_mode(mode));
}

fn remove_others(folder: &Path, part: &str, names: &BTreeSet<String>) {
    for entry in fs::read_dir(folder.join(part)).into_iter().flatten().flatten() {
        let name = format!("{part}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            remove_others(folder, &name, names);
        } else if !names.contains(&name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The manifest without its tables of lints, which a switch would break.
fn without_lints(manifest: &str) -> String {
    let mut is_within = false;
    let keep = |line: &&str| {
        if line.starts_with('[') {
            is_within = line.starts_with("[lints.");
        }
        !is_within
    };
    manifest.split_inclusive('\n').filter(keep).collect()
}

/// Every place that a message of the compiler names: file, start, end, whether it is the first cause.
fn spans(told: &Value, places: &mut Vec<(String, usize, usize, bool)>) {
    for span in told["spans"].as_array().into_iter().flatten() {
        let number = |key: &str| span[key].as_u64().unwrap_or(0) as usize;
        let file = span["file_name"].as_str().unwrap_or_default().to_owned();
        places.push((file, number("byte_start"), number("byte_end"), span["is_primary"] == true));
    }
    for child in told["children"].as_array().into_iter().flatten() {
        let mut below = Vec::new();
        spans(child, &mut below);
        places.extend(below.into_iter().map(|(file, start, end, _)| (file, start, end, false)));
    }
}
