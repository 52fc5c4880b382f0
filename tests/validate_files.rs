//! `siteward validate-all FILE...`: definitions that need not be installed.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::*;
use serde_json::{Value, json};

const GOOD: &str = "version: 1\nprocesses: {a: {command: [/bin/true]}}\n";
const WRONG: &str =
    "version: 1\ndatabse: /mnt/x\nprocesses:\n  web:\n    command: /bin/true\n    redy: {tcp: x}\n";

/// A directory with files that are not installed, in which a person works.
struct Desk(Bench);

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let desk = Self(Bench::new());
        fs::create_dir(desk.0.path("desk")).unwrap();
        for (name, text) in files {
            let at = desk.path(name);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path("desk").join(name)
    }

    fn call(&self, words: &[&str]) -> Command {
        let mut command = self.0.hand(&["validate-all"]);
        command.args(words).current_dir(self.path(""));
        command
    }

    fn check(&self, words: &[&str]) -> (Output, Option<i32>) {
        let done = output(self.call(words));
        let code = done.status.code();
        (done, code)
    }

    /// An object for each file, and the exit code.
    fn json(&self, words: &[&str]) -> (Vec<Value>, Option<i32>) {
        let (done, code) = self.check(&[&["--json"], words].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
    }
}

#[test]
fn all_faults_of_all_files_are_told_with_their_places() {
    let desk =
        Desk::new(&[("good.yaml", GOOD), ("wrong.yaml", WRONG), ("sub/broken.yaml", "a: [\n")]);
    let good = succeed(desk.call(&["good.yaml"]));
    assert_eq!(good.trim(), "siteward: the definition good.yaml is valid.");
    let (done, code) = desk.check(&["good.yaml", "wrong.yaml", "sub/broken.yaml"]);
    assert_eq!(code, Some(2));
    let said = said(&done);
    for line in [
        "siteward: of 3 definitions 2 are not valid.",
        "  wrong.yaml:2:1: databse: there is no such key; did you mean `database`?",
        "  wrong.yaml:5:14: processes.web.command: a list of words is expected here, as no shell will",
        "  wrong.yaml:6:5: processes.web.redy: there is no such key; did you mean `ready`?",
        "  sub/broken.yaml:2:1: this is not YAML:",
    ] {
        assert!(said.contains(line), "{line}\nis missing in:\n{said}");
    }
    let (done, code) = desk.check(&["good.yaml", "./good.yaml"]);
    assert_eq!(code, Some(2), "two files of one name: {}", common::said(&done));
}

#[test]
fn a_program_gets_an_object_for_each_file() {
    let desk = Desk::new(&[("good.yaml", GOOD), ("wrong.yaml", WRONG)]);
    let (files, code) = desk.json(&["good.yaml", "wrong.yaml", "none.yaml"]);
    assert_eq!(code, Some(2));
    assert_eq!(files[0], json!({"file": "good.yaml", "ok": true, "faults": [], "warnings": []}));
    assert_eq!(files[1]["ok"], false);
    assert_eq!(
        files[1]["faults"][0],
        json!({
            "line": 2,
            "column": 1,
            "message": "databse: there is no such key; did you mean `database`?",
            "id": "key-unknown",
            "key": "databse",
        })
    );
    assert_eq!(files[1]["faults"][2]["key"], "processes.web.redy");
    let missing = json!([
        {"line": null, "column": null, "message": "there is no such file", "id": "file-missing", "key": null}
    ]);
    assert_eq!(files[2]["faults"], missing);
    assert_eq!(files.len(), 3);
    let (files, code) = desk.json(&["good.yaml"]);
    assert_eq!((files.len(), code), (1, Some(0)));
    // Sites too, by their names.
    desk.0.define("shop", "processes: {a: {command: [ACT, steady]}}\n");
    let (files, code) = desk.json(&[]);
    assert_eq!(code, Some(0), "{files:?}");
    assert_eq!(files[0]["file"], desk.0.places.config.join("shop.yaml").display().to_string());
    let (files, code) = desk.json(&["shop", "none"]);
    assert_eq!((files.len(), code), (2, Some(5)));
}

#[test]
fn a_word_is_a_file_if_no_site_can_be_called_so() {
    let desk = Desk::new(&[("good", GOOD), ("good.yml", GOOD), ("good.yaml", GOOD)]);
    // A name, and there is no such site.
    assert_eq!(desk.check(&["good"]).1, Some(5));
    let (done, code) = desk.check(&["./good"]);
    assert_eq!(code, Some(0));
    let advice = "./good: it must be called good.yaml where it is installed";
    assert!(said(&done).contains(advice), "{}", said(&done));
    let (done, code) = desk.check(&["./good.yml"]);
    assert!(code == Some(0) && said(&done).contains("called good.yaml"), "{}", said(&done));
    assert_eq!(desk.check(&["good.yaml"]).1, Some(0));
    fs::copy(desk.path("good.yaml"), desk.path("Good_Site.yaml")).unwrap();
    let (done, code) = desk.check(&["Good_Site.yaml"]);
    let why = "Good_Site.yaml: its stem is the name of its site: `Good_Site` cannot be";
    assert!(code == Some(2) && said(&done).contains(why), "{}", said(&done));
}

#[test]
fn two_files_with_one_host_name_or_database_are_refused() {
    let of =
        |head: &str| format!("version: 1\n{head}\nprocesses: {{a: {{command: [/bin/true]}}}}\n");
    let (host, disk) = (of("site: x.example.com"), of("database: /mnt/x"));
    let desk = Desk::new(&[
        ("a.yaml", &host),
        ("b.yaml", &host),
        ("c.yaml", &disk),
        ("d.yaml", &disk),
        ("e.yaml", GOOD),
        ("twice/e.yaml", GOOD),
    ]);
    let (files, code) = desk.json(&["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"]);
    assert_eq!(code, Some(2));
    let message = |at: usize| files[at]["faults"][0]["message"].as_str().unwrap_or_default();
    assert_eq!(
        message(0),
        "the sites `a` and `b` both claim the virtual host name x.example.com; change a.yaml or b.yaml"
    );
    assert_eq!(
        message(3),
        "the sites `d` and `c` both claim the database /mnt/x; change d.yaml or c.yaml"
    );
    assert_eq!(files[4]["ok"], true);
    let (files, code) = desk.json(&["e.yaml", "twice/e.yaml"]);
    assert_eq!(code, Some(2));
    assert!(files[0]["faults"][0]["message"].as_str().unwrap().contains("`e`"), "{files:?}");

    // A site that is installed here is only warned of: the file may be for another node.
    fs::write(desk.0.places.config.join("there.yaml"), &host).unwrap();
    let (files, code) = desk.json(&["a.yaml"]);
    assert_eq!(code, Some(0));
    assert!(files[0]["warnings"][0].as_str().unwrap().contains("`there` both claim"), "{files:?}");
    // It is no clash with the file that this one replaces.
    fs::write(desk.0.places.config.join("a.yaml"), &host).unwrap();
    fs::remove_file(desk.0.places.config.join("there.yaml")).unwrap();
    let (files, code) = desk.json(&["a.yaml"]);
    assert_eq!((&files[0]["warnings"], code), (&json!([]), Some(0)));
    // An installed one by its path is as strict as by its name.
    fs::write(desk.0.places.config.join("there.yaml"), &host).unwrap();
    let installed = desk.0.places.config.join("a.yaml").display().to_string();
    assert_eq!(desk.check(&[&installed]).1, Some(2));
    assert_eq!(desk.check(&["a"]).1, Some(2));
}

#[test]
fn the_node_is_only_checked_if_that_is_asked_for() {
    let text =
        "version: 1\nprocesses:\n  a: {command: [/no/such/program]}\n  b: {command: [/no/other]}\n";
    let on_disk = format!("{text}database: /no/such/disk\n");
    let desk = Desk::new(&[("a.yaml", text), ("d.yaml", &on_disk)]);
    assert_eq!(desk.check(&["a.yaml", "d.yaml"]).1, Some(0));
    // The second one is looked at by a helper, as a disk may hang.
    for file in ["a.yaml", "d.yaml"] {
        let (files, code) = desk.json(&["--level", "10", file]);
        assert_eq!(code, Some(5), "{files:?}");
        let faults = files[0]["faults"].as_array().unwrap();
        let messages: Vec<&str> = faults.iter().filter_map(|f| f["message"].as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("/no/such/program") && !messages[0].contains("more"));
        assert!(messages[1].contains("/no/other"), "{messages:?}");
    }
    // A site is checked with its node, as a file is not.
    fs::copy(desk.path("a.yaml"), desk.0.places.config.join("a.yaml")).unwrap();
    assert_eq!(desk.check(&["a"]).1, Some(5));
    assert_eq!(desk.check(&["--level", "0", "a"]).1, Some(0));
}

#[test]
fn a_file_that_others_may_write_is_refused_only_where_it_is_installed() {
    if !is_root() {
        eprintln!(
            "*** LEFT OUT: who may write a file matters to root alone; run: sudo tests/run ***"
        );
        return;
    }
    let desk = Desk::new(&[("open.yaml", GOOD)]);
    let open = |path: &PathBuf| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    };
    open(&desk.path("open.yaml"));
    let (files, code) = desk.json(&["open.yaml"]);
    assert_eq!(code, Some(0));
    let warning = files[0]["warnings"][0].as_str().unwrap();
    assert!(warning.contains("may be written by others"), "{warning}");
    assert!(said(&desk.check(&["open.yaml"]).0).contains("may be written by others"));
    let installed = desk.0.places.config.join("open.yaml");
    fs::copy(desk.path("open.yaml"), &installed).unwrap();
    open(&installed);
    assert_eq!(desk.check(&[&installed.display().to_string()]).1, Some(2));
}

#[test]
fn absurd_words_are_refused_with_a_sentence() {
    let desk = Desk::new(&[("good.yaml", GOOD)]);
    fs::create_dir(desk.path("folder.yaml")).unwrap();
    std::os::unix::fs::symlink("good.yaml", desk.path("link.yaml")).unwrap();
    fs::write(desk.path("bytes.yaml"), b"version: 1\n\xff\xfe\n").unwrap();
    fs::write(desk.path("long.yaml"), "# long\n".repeat(100_000)).unwrap();
    for (word, why) in [
        ("folder.yaml", "it is not a plain file"),
        ("link.yaml", "it is a symbolic link"),
        ("bytes.yaml", "it is not UTF-8 text"),
        ("long.yaml", "cannot be read"),
        ("/", "cannot be the name of a site"),
        (".yaml", "cannot be the name of a site"),
        ("../..", "cannot be the name of a site"),
        ("", "cannot be the name of a site"),
    ] {
        let (done, code) = desk.check(&[word]);
        let is_refused = code == Some(2) || word.is_empty() && code == Some(6);
        assert!(is_refused && said(&done).contains(why), "{word}: {code:?} {}", said(&done));
        assert!(!said(&done).contains("panicked"), "{}", said(&done));
    }
}
