//! That nothing is left out of the pages: verbs, options, variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use siteward::cli::command;
use siteward::cli::pages::{
    Example, GLOBAL_EXAMPLES, GROUPS, VARIABLES, VERB_EXAMPLES, VariableUse, examples_of,
};
use siteward::manager::{PARAMETERS, manual, metadata};

use crate::common::*;
use crate::product;
use crate::root;

/// The verbs that are for people.
fn verbs() -> Vec<Command> {
    let mut tree = command();
    tree.build();
    let is_ours = |verb: &&Command| !verb.is_hide_set() && verb.get_name() != "help";
    tree.get_subcommands().filter(is_ours).cloned().collect()
}

/// The options of a verb that not every verb has.
fn own_options(verb: &Command) -> Vec<&Arg> {
    let is_own = |arg: &&Arg| {
        !arg.is_global_set()
            && !arg.is_hide_set()
            && !arg.is_positional()
            && !["help", "version"].contains(&arg.get_id().as_str())
    };
    verb.get_arguments().filter(is_own).collect()
}

pub(crate) fn every_verb_stands_on_one_page() {
    let on_pages: Vec<&str> = GROUPS.iter().flat_map(|group| group.verbs).copied().collect();
    for verb in verbs() {
        let times = on_pages.iter().filter(|on_page| **on_page == verb.get_name()).count();
        assert_eq!(
            times,
            1,
            "`{}` must stand on one page of src/cli/pages/groups.rs",
            verb.get_name()
        );
    }
    assert_eq!(on_pages.len(), verbs().len(), "a page has a verb that there is not");
}

pub(crate) fn every_verb_and_option_has_a_sentence() {
    for verb in verbs() {
        let name = verb.get_name();
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.len() > 10 && !about.ends_with('.'), "{name}: `{about}`");
        for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 10 && !help.ends_with('.'), "{name} {}: `{help}`", arg.get_id());
        }
    }
}

/// Whether the example has the option as a word of its own.
fn shows(example: &Example, arg: &Arg) -> bool {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    words(example.line).iter().any(|word| {
        let option = word.split_once('=').map_or(word.as_str(), |(option, _)| option);
        [&long, &short].iter().any(|name| name.as_deref() == Some(option))
    })
}

pub(crate) fn every_verb_and_option_has_an_example() {
    for verb in verbs() {
        let name = verb.get_name();
        let examples = examples_of(name);
        assert!(!examples.is_empty(), "`{name}` has no example in src/cli/pages/examples.rs");
        for option in own_options(&verb) {
            let id = option.get_id();
            assert!(
                examples.iter().any(|example| shows(example, option)),
                "no example of `{name}` has its option `{id}`; add one to src/cli/pages/examples.rs"
            );
        }
    }
    let tree = command();
    for option in tree.get_arguments().filter(|arg| arg.is_global_set()) {
        let is_shown = GLOBAL_EXAMPLES.iter().any(|example| shows(example, option));
        assert!(is_shown, "no example of GLOBAL_EXAMPLES has `{}`", option.get_id());
    }
    let names: Vec<String> = verbs().iter().map(|verb| verb.get_name().to_owned()).collect();
    for of in VERB_EXAMPLES {
        assert!(names.iter().any(|name| name == of.verb), "`{}` is no verb", of.verb);
    }
}

/// The words of a line up to what a shell takes for itself.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            '|' | '>' | '&' | ';' if !is_quoted => break,
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

pub(crate) fn every_example_is_understood() {
    let of_verbs = VERB_EXAMPLES.iter().flat_map(|of| of.examples.iter().map(|e| (of.verb, e)));
    let of_all = GLOBAL_EXAMPLES.iter().map(|example| ("", example));
    for (verb, example) in of_verbs.chain(of_all) {
        let words = words(example.line);
        assert_eq!(words[0], "siteward", "{}", example.line);
        match command().try_get_matches_from(&words) {
            Ok(read) => {
                let read = read.subcommand_name().unwrap_or_default().to_owned();
                assert!(verb.is_empty() || read == verb, "{} is of `{read}`", example.line);
            }
            Err(error) => panic!("{}: {error}", example.line),
        }
        assert!(!example.does.ends_with('.') && !example.does.is_empty(), "{}", example.does);
    }
}

pub(crate) fn help_shows_the_examples() {
    let bench = Bench::new();
    for of in VERB_EXAMPLES {
        let help = succeed(bench.hand(&[of.verb, "--help"]));
        for example in of.examples {
            let is_there = squeezed(&help).contains(&squeezed(example.line));
            assert!(is_there, "{}: {help}", example.line);
        }
        let short = succeed(bench.hand(&[of.verb, "-h"]));
        assert!(!short.contains("Examples:"), "{short}");
    }
}

/// The words alone: help breaks lines.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn every_parameter_is_told() {
    let (page, xml) = (manual(), metadata());
    for parameter in &PARAMETERS {
        let name = parameter.id.name();
        assert!(parameter.long.ends_with('.') && !parameter.short.is_empty(), "{name}");
        assert!(page.contains(&format!("\n.B {name}\n")), "{name} is not on its page");
        let example = format!("\n.B {name}={}\n", parameter.example.replace('-', "\\-"));
        assert!(page.contains(&example), "{name} has no example");
        assert!(xml.contains(&format!("<parameter name=\"{name}\"")), "{name}");
        assert!(xml.contains(&format!("Example: {}\n", parameter.example)), "{name}");
    }
}

/// The text of each source file without its tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let is_tests = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_tests {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !is_tests {
                let text = fs::read_to_string(&path).unwrap();
                let text = product::without_tests(&text).to_owned();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &mut found);
    // The table itself; and a file that plays the cluster managers, so it sets what they set.
    let apart = ["src/cli/pages", "src/operator/rehearse/contract.rs"];
    found.retain(|(path, _)| !apart.iter().any(|other| path.starts_with(root().join(other))));
    found
}

fn is_variable(word: &str) -> bool {
    let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.len() > 3 && word.chars().all(good) && word.contains('_')
}

/// What stands in double quotes on each line that is no comment.
fn literals(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// The prefixes of variables that are nobody else's.
const PREFIXES: [&str; 9] =
    ["SITEWARD_", "OCF_", "_CRS_", "SG_", "PEV_", "CLP_", "HA_", "XDG_", "SUDO_"];

/// Files that read a variable whose name they put together or are given, and the variables that they read so; the
/// test finds other names by their literals.
const READ_BY_OTHER_NAMES: [(&str, &[&str]); 10] = [
    // Their names stand in the same file, as literals.
    ("manager/caller.rs", &[]),
    (
        "manager/clusterware.rs",
        &[
            "_CRS_NAME",
            "_CRS_SITEWARD_SITE",
            "_CRS_START_TIMEOUT",
            "_CRS_STOP_TIMEOUT",
            "_CRS_CHECK_TIMEOUT",
            "_CRS_CLEAN_TIMEOUT",
            "_CRS_SCRIPT_TIMEOUT",
        ],
    ),
    (
        "manager/serviceguard.rs",
        &[
            "PEV_SITEWARD_SITE",
            "PEV_SITEWARD_CONFIG_DIR",
            "PEV_SITEWARD_RUNTIME_DIR",
            "PEV_SITEWARD_LOG_DIR",
            "PEV_SITEWARD_LINK_DIR",
            "SG_PACKAGE",
            "SG_PACKAGE_NAME",
        ],
    ),
    ("manager/expresscluster.rs", &["CLP_EVENT", "CLP_DISK"]),
    ("manager/cluster_log.rs", &["HA_LOGFACILITY", "HA_LOGFILE", "HA_VARLIB", "OCF_TRACE_FILE"]),
    ("operator/asker.rs", &["CRS_HOME", "ORACLE_HOME"]),
    ("operator/settings/tool.rs", &["CRS_HOME", "ORACLE_HOME", "CIB_file"]),
    ("operator/timeline/paper.rs", &["LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR"]),
    ("site/places.rs", &["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"]),
    // Libraries: anstream for colours, jiff for the time zone.
    ("cli/answer.rs", &["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TZ"]),
];

/// What begins with a known prefix and is no variable: the title of a manual page.
const NO_VARIABLES: [&str; 1] = ["OCF_SITEWARD_SITE"];

pub(crate) fn every_variable_is_told() {
    let parameters: BTreeSet<String> =
        PARAMETERS.iter().map(|p| format!("OCF_RESKEY_{}", p.id.name())).collect();
    // Each variable, with the files that name it.
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found_in = |variable: &str, path: &Path| {
        let file = path.strip_prefix(root().join("src")).unwrap().display().to_string();
        named.entry(variable.to_owned()).or_default().insert(file);
    };
    for (path, text) in sources() {
        let file = path.strip_prefix(root().join("src")).unwrap().display().to_string();
        for literal in literals(&text) {
            let is_word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            for word in literal.split(is_word) {
                if PREFIXES
                    .iter()
                    .any(|prefix| word.starts_with(prefix) && word.len() > prefix.len())
                    && !word.ends_with('_')
                    && (is_variable(word) || word.starts_with("OCF_RESKEY_CRM_meta_"))
                {
                    found_in(word, &path);
                }
            }
        }
        for call in ["env::var(", "env::var_os(", "std::env::var(", "std::env::var_os("] {
            for after in text.split(call).skip(1) {
                match after.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                    Some((variable, _)) => found_in(variable, &path),
                    None => {
                        let listed = READ_BY_OTHER_NAMES.iter().any(|(other, _)| *other == file);
                        assert!(
                            listed,
                            "src/{file} reads a variable whose name is no literal; say in {} which ones",
                            file!()
                        );
                    }
                }
            }
        }
    }
    for (file, variables) in READ_BY_OTHER_NAMES {
        for variable in variables {
            found_in(variable, &root().join("src").join(file));
        }
    }
    assert!(named.len() > 40, "the test sees the variables: {named:?}");

    let told: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    let untold: Vec<String> = named
        .iter()
        .filter(|(variable, _)| {
            !told.contains(variable.as_str())
                && !parameters.contains(*variable)
                && !NO_VARIABLES.contains(&variable.as_str())
        })
        .map(|(variable, files)| format!("{variable} in {files:?}"))
        .collect();
    assert!(
        untold.is_empty(),
        "give these a sentence and an example in src/cli/pages/variables.rs:\n{}",
        untold.join("\n")
    );
    let all: String = sources().into_iter().map(|(_, text)| text).collect();
    for variable in VARIABLES {
        let name = variable.name;
        assert!(
            named.contains_key(name)
                || all.contains(&format!("{name}="))
                || all.contains(&format!("\"{name}\"")),
            "{name} is told, and nothing reads or sets it"
        );
        assert!(variable.means.ends_with('.') && variable.means.len() > 12, "{name}");
        assert!(variable.example.contains(&format!("{name}=")), "{name}: {}", variable.example);
        let of_name = VARIABLES.iter().filter(|other| other.name == name);
        let uses: Vec<VariableUse> = of_name.map(|other| other.used).collect();
        assert_eq!(uses.iter().filter(|used| **used == variable.used).count(), 1, "{name} twice");
    }
}
