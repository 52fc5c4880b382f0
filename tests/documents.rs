//! What the documents say holds: links lead somewhere, commands and options exist, definitions are valid, and no
//! state has another name. (The README's lines that can be pasted are pasted in `newcomer`.)

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SITEWARD: &str = env!("CARGO_BIN_EXE_siteward");

const STATES: [&str; 9] = [
    "stopped",
    "starting",
    "running",
    "degraded",
    "maintenance",
    "stopping",
    "failed",
    "unsupervised",
    "unknown",
];

/// Every document, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::from(ROOT), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_docs = path.starts_with(Path::new(ROOT).join("docs"));
            if path.is_dir() && !name.starts_with('.') && (is_docs || depth == 0) {
                if !["target", "src", "tests", "benches", "fuzz"].contains(&name.as_str()) {
                    folders.push((path, depth + 1));
                }
            } else if name.ends_with(".md") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 20, "only {} documents are found", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap_or(path).display().to_string()
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_';
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Code,
}

/// The lines with what they are, and the language of a fenced block.
fn lines(text: &str) -> Vec<(usize, Kind, String, String)> {
    let mut fence: Option<String> = None;
    let mut was_blank = true;
    let mut indented = false;
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim().to_owned()) };
            continue;
        }
        // A block begins after a blank line; so the continuation of an item is no code.
        indented = fence.is_none() && line.starts_with("    ") && (was_blank || indented);
        let kind = if fence.is_some() || indented { Kind::Code } else { Kind::Text };
        all.push((number + 1, kind, fence.clone().unwrap_or_default(), line.to_owned()));
        was_blank = line.trim().is_empty();
    }
    all
}

fn headings(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, kind, _, line) in lines(text) {
        let title = line.trim_start_matches('#');
        if kind == Kind::Code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let name = anchor(title);
        let count = seen.entry(name.clone()).or_default();
        anchors.insert(if *count == 0 { name } else { format!("{name}-{count}") });
        *count += 1;
    }
    anchors
}

/// `[text](target)` and `![text](target)` in a line of text; code between backticks is none.
fn targets(line: &str) -> Vec<String> {
    let without_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
    let parts = without_code.split("](").skip(1);
    parts.filter_map(|p| Some(p.split_once(')')?.0.to_owned())).collect()
}

fn broken_links(path: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, kind, _, line) in lines(text) {
        if kind == Kind::Code {
            continue;
        }
        for target in targets(&line) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((&target, ""));
            let mut file = match file {
                "" => path.to_owned(),
                file => path.parent().unwrap().join(file),
            };
            let at = format!("{}:{number}: ({target})", shown(path));
            if !file.exists() {
                broken.push(format!("{at}: there is no such file"));
                continue;
            }
            if wanted.is_empty() {
                continue;
            }
            if file.is_dir() {
                file = file.join("README.md");
            }
            if !headings(&fs::read_to_string(&file).unwrap()).contains(wanted) {
                broken.push(format!("{at}: no heading there has this anchor"));
            }
        }
    }
    broken
}

#[test]
fn every_link_leads_somewhere() {
    let broken: Vec<String> =
        documents().iter().flat_map(|(path, text)| broken_links(path, text)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let readme = Path::new(ROOT).join("README.md");
    let found = |text: &str| broken_links(&readme, text).len();
    assert_eq!(
        found("[a](docs/nowhere.md) ![b](docs/pictures/none.svg) [c](#what-it-promised)"),
        3
    );
    let good = "[a](docs/README.md) [b](#what-it-promises) [c](https://example.com/x)";
    assert_eq!(found(good), 0);
    assert_eq!(found("# What it promises\n\n    [a](in-code.md) `[b](in-code.md)`\n"), 0);
}

/// Options that a text names on their own and that belong to other programs: pcs, and the test `simulator`.
const OTHERS: [&str; 2] = ["group", "seed"];

/// A verb that the documents may name before it is there.
const COMING: [&str; 0] = [];

/// The verbs with their long options, and the words after `generate`.
struct Words {
    verbs: BTreeMap<String, BTreeSet<String>>,
    generators: String,
}

fn help(words: &[&str]) -> String {
    let output = Command::new(SITEWARD).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn long_options(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let parts = text.split("--").skip(1);
    parts
        .map(|p| p.chars().take_while(|c| is_part(*c)).collect::<String>())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

impl Words {
    fn read() -> Self {
        let all = help(&[]);
        let commands = all.split("\nCommands:\n").nth(1).expect("a list of commands");
        let listed = commands.split("\n\n").next().unwrap().lines();
        let names: Vec<&str> = listed
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(names.len() > 20, "{names:?}");
        let verbs: BTreeMap<_, _> = names
            .iter()
            .filter(|name| **name != "help")
            .map(|name| ((*name).to_owned(), long_options(&help(&[name]))))
            .collect();
        Self { verbs, generators: help(&["generate"]) }
    }

    /// What is wrong with a piece of code: a verb or an option that does not exist.
    fn unknown(&self, code: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let code = code.split(" #").next().unwrap_or_default();
        for part in code.split(['|', ';', '&', '(', ')', '"', '\'']) {
            let words: Vec<&str> = part.split_whitespace().collect();
            let calls = |word: &str| word == "siteward" || word.ends_with("/siteward");
            let Some(at) = words.iter().position(|word| calls(word)) else { continue };
            // In a sentence it is the program's name; what follows a colon is a command again.
            let leads = |w: &str| w.ends_with(':') || ["$", "exec", "sudo"].contains(&w);
            let is_command = at == 0 || leads(words[at - 1]) || words[0] == "ssh";
            if !is_command {
                continue;
            }
            let Some(verb) = words.get(at + 1) else { continue };
            let is_word = |w: &str| {
                w.starts_with(|c: char| c.is_ascii_lowercase())
                    && w.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            };
            if !is_word(verb) || (COMING.contains(verb) && !self.verbs.contains_key(*verb)) {
                continue;
            }
            let Some(options) = self.verbs.get(*verb) else {
                wrong.push(format!("there is no verb `{verb}`"));
                continue;
            };
            for word in &words[at + 2..] {
                let Some(option) = word.strip_prefix("--") else { continue };
                let option = option.split(['=', '[']).next().unwrap_or_default();
                // After `--` alone comes the command of the site.
                if option.is_empty() {
                    break;
                }
                if !options.contains(option) {
                    wrong.push(format!("`siteward {verb}` has no option --{option}"));
                }
            }
            if let ("generate", Some(manager)) = (*verb, words.get(at + 2))
                && is_word(manager)
                && !self.generators.contains(*manager)
            {
                wrong.push(format!("`siteward generate` knows no {manager}"));
            }
        }
        // An option on its own, as a text names it.
        if let Some(option) = code.strip_prefix("--") {
            let option = option.split(['=', ' ', '[']).next().unwrap_or_default();
            let is_ours = self.verbs.values().any(|all| all.contains(option));
            if !(option.is_empty() || is_ours || OTHERS.contains(&option)) {
                wrong.push(format!("no verb has an option --{option}"));
            }
        }
        wrong
    }

    fn unknown_in(&self, path: &Path, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, kind, _, line) in lines(text) {
            let pieces: Vec<&str> = match kind {
                Kind::Code => vec![&line],
                Kind::Text => line.split('`').skip(1).step_by(2).collect(),
            };
            for piece in pieces {
                let found = self.unknown(piece);
                wrong.extend(found.iter().map(|w| format!("{}:{number}: {w}", shown(path))));
            }
        }
        wrong
    }
}

#[test]
fn every_command_exists() {
    let words = Words::read();
    let wrong: Vec<String> =
        documents().iter().flat_map(|(path, text)| words.unknown_in(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let words = Words::read();
    let count = |code: &str| words.unknown(code).len();
    assert_eq!(count("siteward strat shop"), 1);
    assert_eq!(count("true && /usr/sbin/siteward start shop --slowly --no-wait"), 1);
    assert_eq!(count("siteward generate pacemaker-xml shop"), 1);
    assert_eq!(count("--break-leases"), 1);
    assert_eq!(count("it is stopped; start it with: siteward begin shop."), 1);
    for good in [
        "siteward start shop --no-wait     # siteward strat",
        "siteward create shop --database /mnt/shop -- /opt/shop/server --verbose-server",
        "install -m 755 siteward /usr/sbin/siteward",
        "siteward VERB --help",
        "siteward: the site `shop` is running.",
        "returned 'error' (stopping: `store` was killed by SIGKILL, which siteward did not send)",
        "ssh node2 siteward doctor shop --export >node2.json",
        "systemd-run --scope",
        "siteward generate pacemaker-pcs|pacemaker-crm SITE",
    ] {
        assert_eq!(words.unknown(good), Vec::<String>::new(), "{good}");
    }
}

/// The blocks of a language, with the line of each.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last = 0;
    for (number, kind, fence, line) in lines(text) {
        if kind != Kind::Code || fence != language {
            continue;
        }
        if last + 1 != number || found.is_empty() {
            found.push((number, String::new()));
        }
        let block = &mut found.last_mut().unwrap().1;
        block.push_str(&line);
        block.push('\n');
        last = number;
    }
    found
}

/// A definition that the keys of a fragment are added to.
const BASE: &str = "version: 1\ndatabase: /mnt/shop\naddress: 10.10.100.100\n\
                    processes: {settle: {command: [/opt/shop/settle]}}\n";

fn refused(text: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("documented.yaml"), text).unwrap();
    let mut command = Command::new(SITEWARD);
    command.args(["validate-all", "documented", "--level", "0", "--config-dir"]).arg(folder.path());
    let output = command.env_remove("SITEWARD_SITE").output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What a here-document of the README writes, with its variables filled in.
fn here_documents(script: &str) -> Vec<String> {
    let parts = script.split("<<END\n").skip(1);
    let bodies = parts.filter_map(|part| Some(part.split_once("\nEND\n")?.0));
    bodies.map(|body| body.replace("$ADDRESS", "10.10.100.100") + "\n").collect()
}

#[test]
fn every_definition_is_valid() {
    let mut whole = 0;
    let mut wrong = Vec::new();
    let mut judge = |at: String, text: &str| {
        let is_whole = text.starts_with("version: 1") || text.contains("\nversion: 1\n");
        whole += usize::from(is_whole);
        let text = if is_whole { text.to_owned() } else { format!("{BASE}{text}") };
        wrong.extend(refused(&text).map(|why| format!("{at}: {why}")));
    };
    for (path, text) in documents() {
        for (number, block) in blocks(&text, "yaml") {
            judge(format!("{}:{number}", shown(&path)), &block);
        }
        for (number, block) in blocks(&text, "sh") {
            for body in here_documents(&block) {
                judge(format!("{}:{number}", shown(&path)), &body);
            }
        }
    }
    let examples = Path::new(ROOT).join("examples");
    for folder in fs::read_dir(examples).unwrap().flatten().filter(|e| e.path().is_dir()) {
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            if file.path().extension().is_some_and(|e| e == "yaml") {
                judge(shown(&file.path()), &fs::read_to_string(file.path()).unwrap());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(whole >= 8, "only {whole} whole definitions are found");
    assert!(refused("version: 1\nprocesses: {a: {comand: [x]}}\n").is_some());
}

/// Names of states, where a document can only mean one: in the first column of a table about states, and at the
/// head of what `status` prints.
fn named_states(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_table = false;
    for (number, kind, _, line) in lines(text) {
        if kind == Kind::Code {
            let printed = line.trim_start();
            if let Some((word, rest)) = printed.split_once(": shop on ")
                && rest.starts_with("node")
            {
                found.push((number, word.to_owned()));
            }
            in_table = false;
            continue;
        }
        let Some(row) = line.strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let first = row.split('|').next().unwrap_or_default();
        if ["state", "the site is"].contains(&first.trim()) {
            in_table = true;
        } else if in_table {
            let words = first.split('`').skip(1).step_by(2);
            let is_name = |w: &&str| w.chars().all(|c| c.is_ascii_lowercase());
            found.extend(words.filter(is_name).map(|word| (number, word.to_owned())));
        }
    }
    found
}

#[test]
fn every_state_is_one_of_nine() {
    let mut count = 0;
    for (path, text) in documents() {
        for (number, word) in named_states(&text) {
            count += 1;
            assert!(STATES.contains(&word.as_str()), "{}:{number}: `{word}`", shown(&path));
        }
    }
    assert!(count > 30, "only {count} names of states are found");
    let read = |file: &str| fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    let (picture, table) = (read("docs/pictures/states.svg"), read("docs/operating.md"));
    let explained: BTreeSet<String> = named_states(&table).into_iter().map(|(_, w)| w).collect();
    for state in STATES {
        assert!(explained.contains(state), "docs/operating.md does not explain `{state}`");
        assert!(picture.contains(&format!(">{state}</text>")), "the picture has no `{state}`");
    }
    let planted = "| the site is | code |\n|---|---|\n| `runing` or `stopped` | 0 |\n";
    assert_eq!(named_states(planted).len(), 2);
    assert_eq!(named_states("    halted: shop on node1\n").len(), 1);
}

#[test]
fn the_readme_can_be_pasted() {
    let text = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let all: Vec<&str> = text.lines().collect();
    let scripts = blocks(&text, "sh");
    assert!(scripts.len() >= 6, "{} blocks", scripts.len());
    for (number, script) in scripts {
        // The fence is one line above, and the marker above that.
        let marker = all[number - 3];
        let node = marker.strip_prefix("<!-- paste: ").and_then(|m| m.strip_suffix(" -->"));
        assert!(
            node.is_some_and(|n| ["both", "one", "active"].contains(&n)),
            "README.md:{number}: `{marker}` does not say where this is pasted"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, script).unwrap();
        let read = Command::new("bash").arg("-n").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && said.is_empty(), "README.md:{number}: {said}");
    }
    assert!(all.len() <= 160, "the README is for a newcomer, and has {} lines", all.len());
}

#[test]
fn every_picture_is_drawn_on_white_and_named() {
    for entry in fs::read_dir(Path::new(ROOT).join("docs/pictures")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        let name = shown(&entry.path());
        let svg = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let has = |tag: &str| svg.root_element().children().any(|n| n.tag_name().name() == tag);
        let named = |tag: &str| has_tag_with_text(&svg, tag);
        assert!(has("rect") && named("title") && named("desc"), "{name}");
        assert!(text.contains("fill=\"#ffffff\""), "{name} has no background of its own");
    }
}

fn has_tag_with_text(svg: &roxmltree::Document<'_>, tag: &str) -> bool {
    let mut all = svg.root_element().children();
    all.any(|n| n.tag_name().name() == tag && n.text().is_some_and(|t| !t.trim().is_empty()))
}
