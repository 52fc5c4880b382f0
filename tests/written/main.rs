//! The files that are made from the code: manual pages and completions. `UPDATE=1 cargo test --test written` writes
//! them. Without it the test fails where one is not as the code says, where a verb, option, parameter or variable
//! has no sentence or no example, and where a reader of such a file complains.

#[path = "../common/mod.rs"]
mod common;
mod completions;
mod pages;
#[path = "../common/product.rs"]
mod product;
#[path = "../common/record.rs"]
mod record;
mod reliability;
mod shells;
mod told;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};
use siteward::operator::messages_document;

/// The command that writes the files.
const UPDATE: &str = "UPDATE=1 cargo test --test written";

/// The directories in which nothing but generated files may lie.
const OWN_DIRECTORIES: [&str; 1] = ["completions"];

/// Every generated file of this test: its path in the tree, and its text.
fn generated() -> Vec<(PathBuf, String)> {
    let messages = (PathBuf::from("docs/messages.md"), messages_document());
    let reliability = (PathBuf::from("docs/reliability.md"), reliability::page());
    let own = [messages, reliability];
    pages::all().into_iter().chain(completions::all()).chain(own).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A tool that a test needs: its name, and the Debian package that has it.
type Tool = (&'static str, &'static str);

/// Its name, what it needs, and what it does.
type WrittenTest = (&'static str, &'static [Tool], fn());

fn main() -> ExitCode {
    // `tests/sanitizers --record` ends with it.
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, row)) = words.split_first()
        && first == "put-sanitizers"
    {
        reliability::put_sanitizers(row);
        return ExitCode::SUCCESS;
    }
    // The tests read what is written now.
    if std::env::var_os("UPDATE").is_some() {
        write_all();
    }
    let tests: [WrittenTest; 15] = [
        ("every_file_is_as_the_code_says", &[], every_file_is_as_the_code_says),
        ("no_file_is_left_over", &[], no_file_is_left_over),
        ("every_verb_stands_on_one_page", &[], told::every_verb_stands_on_one_page),
        ("every_verb_and_option_has_a_sentence", &[], told::every_verb_and_option_has_a_sentence),
        ("every_verb_and_option_has_an_example", &[], told::every_verb_and_option_has_an_example),
        ("every_example_is_understood", &[], told::every_example_is_understood),
        ("every_parameter_is_told", &[], told::every_parameter_is_told),
        ("every_variable_is_told", &[], told::every_variable_is_told),
        ("help_shows_the_examples", &[], told::help_shows_the_examples),
        ("mandoc_has_no_complaint", &[("mandoc", "mandoc")], mandoc_has_no_complaint),
        ("groff_has_no_complaint", &[("groff", "groff")], groff_has_no_complaint),
        ("names_of_sites_are_printed", &[], shells::names_of_sites_are_printed),
        ("bash_completes", &[("bash", "bash")], shells::bash_completes),
        ("zsh_completes", &[("zsh", "zsh")], shells::zsh_completes),
        ("fish_completes", &[("fish", "fish")], shells::fish_completes),
    ];
    let mut left_out = Vec::new();
    let trials = tests.into_iter().map(|(name, tools, test)| {
        let missing: Vec<&Tool> = tools.iter().filter(|(tool, _)| !is_there(tool)).collect();
        for (tool, package) in &missing {
            left_out.push(format!("{name} needs {tool}; get it with: apt-get install {package}"));
        }
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
        })
        .with_ignored_flag(!missing.is_empty())
    });
    let trials: Vec<Trial> = trials.collect();
    // All of them are said.
    if left_out.iter().filter(|what| leave_out(what)).count() > 0 {
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn is_there(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

fn write_all() {
    for (file, text) in generated() {
        let at = root().join(file);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if fs::read_to_string(&at).ok().as_ref() != Some(&text) {
            fs::write(&at, text).unwrap();
            eprintln!("{} is written", at.display());
        }
    }
}

fn every_file_is_as_the_code_says() {
    let wrong: Vec<String> = generated()
        .into_iter()
        .filter_map(|(file, text)| {
            let there = fs::read_to_string(root().join(&file)).unwrap_or_default();
            let (line, (is, must)) = there
                .lines()
                .chain(std::iter::once("(its end)"))
                .zip(text.lines().chain(std::iter::once("(its end)")))
                .enumerate()
                .find(|(_, (is, must))| is != must)
                .or_else(|| (there != text).then_some((0, ("", ""))))?;
            Some(format!("{}:{}: is `{is}`, must be `{must}`", file.display(), line + 1))
        })
        .collect();
    assert!(wrong.is_empty(), "{}\nWrite them with: {UPDATE}", wrong.join("\n"));
}

fn no_file_is_left_over() {
    let made: Vec<PathBuf> = generated().into_iter().map(|(file, _)| file).collect();
    for folder in OWN_DIRECTORIES {
        for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
            let file = Path::new(folder).join(entry.file_name());
            assert!(made.contains(&file), "{} is made from nothing; remove it", file.display());
        }
    }
}

/// Every manual page of the tree, whoever makes it.
fn manual_pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("man")).unwrap().flatten();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    pages.sort();
    assert!(pages.len() > pages::all().len() / 2, "the test sees the pages: {pages:?}");
    pages
}

fn mandoc_has_no_complaint() {
    for page in manual_pages() {
        // By its name alone, as the path would be in each complaint.
        let mut command = Command::new("mandoc");
        command.args(["-T", "lint"]).arg(&page);
        let done = output(command);
        let said = said(&done);
        // A page of another section may be made after this one, and this node has none installed.
        let about_us: Vec<&str> =
            said.lines().filter(|line| !line.contains("referenced manual not found")).collect();
        assert!(about_us.is_empty(), "{}", about_us.join("\n"));
    }
}

fn groff_has_no_complaint() {
    for page in manual_pages() {
        let mut command = Command::new("groff");
        command.args(["-ww", "-man", "-Tutf8", "-z"]).arg(&page);
        let done = output(command);
        assert!(done.status.success() && said(&done).is_empty(), "{}", said(&done));
    }
}
