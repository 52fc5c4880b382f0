//! What a person types around the verbs: which site is meant, new sites, the table of all.

mod common;
mod jobcenter;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::*;
use jobcenter::Jobcenter;

const ONE: &str = "processes: {a: {command: [ACT, steady]}}\n";

#[test]
fn the_only_site_needs_no_name_and_several_need_one() {
    let bench = Bench::new();
    let none = output(bench.hand(&["start"]));
    assert!(said(&none).contains("none is defined"), "{}", said(&none));
    bench.define("one", ONE);
    assert!(succeed(bench.hand(&["start"])).contains("`one` is running"));
    assert_eq!(code(bench.hand(&["status"])), 0);
    bench.define("two", ONE);
    let which = output(bench.hand(&["stop"]));
    assert_eq!(which.status.code(), Some(6));
    assert!(said(&which).contains("there are 2: one, two"), "{}", said(&which));
    let all = output(bench.hand(&["status"]));
    assert_eq!(all.status.code(), Some(3), "of the worst: {}", said(&all));
    for (site, state) in [("one", "running"), ("two", "stopped")] {
        let is_told = |line: &str| line.starts_with(site) && line.ends_with(state);
        assert!(said(&all).lines().any(is_told), "{}", said(&all));
    }
    let with = |name: &str, words: &[&str]| {
        let mut command = bench.hand(words);
        command.env("SITEWARD_SITE", name);
        output(command)
    };
    assert_eq!(with("one", &["status"]).status.code(), Some(0));
    assert_eq!(with("two", &["status"]).status.code(), Some(3));
    assert_eq!(with("one", &["status", "two"]).status.code(), Some(3), "a name counts for more");
    let wrong = with("thre", &["status"]);
    assert_eq!(wrong.status.code(), Some(6));
    assert!(said(&wrong).contains("SITEWARD_SITE is `thre`"), "{}", said(&wrong));
    succeed(bench.hand(&["stop", "one"]));
}

#[test]
fn sites_whose_names_begin_alike_never_meet() {
    let bench = Bench::new();
    let names = ["job", "job.example", "job.example2", "job.example.com", "jobxexample"];
    for name in names {
        bench.define(name, ONE);
        succeed(bench.hand(&["start", name]));
    }
    let others = || -> Vec<_> {
        let of = |name: &&str| (bench.pid(name, "supervisor"), bench.pid(name, "a"));
        names.iter().filter(|n| **n != "job.example").map(of).collect()
    };
    let before = others();
    let mine = "job.example";
    succeed(bench.hand(&["stop", mine]));
    assert_eq!(bench.monitor(mine), (7, 7, 3));
    succeed(bench.hand(&["start", mine]));
    signal(bench.pid(mine, "supervisor"), siteward::values::Signal::KILL);
    until("nobody watches it", || bench.monitor(mine) == (1, 1, 1));
    succeed(bench.hand(&["clean", mine]));
    succeed(bench.hand(&["start", mine]));
    signal(bench.pid(mine, "supervisor"), siteward::values::Signal::STOP);
    succeed(bench.hand(&["stop", mine, "--timeout", "6s"]));
    assert_eq!(bench.living(mine), "");
    assert_eq!(others(), before, "nothing of the others was touched");
    for name in names {
        assert_eq!(bench.monitor(name).0, if name == mine { 7 } else { 0 }, "{name}");
        succeed(bench.hand(&["stop", name]));
    }
}

#[test]
fn a_site_is_made_whole_or_not_at_all() {
    let bench = Bench::new();
    let database = bench.path("data");
    let at = database.display().to_string();
    let words = |name, more: &[&str]| {
        let mut words = vec!["create", name, "--database", &at, "--unmounted"];
        words.extend(more);
        words.extend(["--", SITEWARD, "act", "steady"]);
        // A umask that would keep everybody out.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 077; exec \"$0\" \"$@\"", SITEWARD]).args(&words);
        let model = bench.hand(&[]);
        for (key, value) in model.get_envs() {
            command.env(key, value.unwrap());
        }
        output(command)
    };
    let elsewhere = words("made", &["--address", "192.0.2.1"]);
    assert!(said(&elsewhere).contains("is not on this node"), "{}", said(&elsewhere));
    assert!(!database.exists() && !bench.places.config.join("made.yaml").exists());
    // A link of another site in the way: what was made before is taken back.
    fs::create_dir_all(&bench.places.links).unwrap();
    let link = bench.places.links.join("7F000001");
    std::os::unix::fs::symlink("/tmp", &link).unwrap();
    let blocked = words("made", &["--address", "127.0.0.1"]);
    assert!(said(&blocked).contains("leads to /tmp"), "{}", said(&blocked));
    assert!(!database.exists(), "nothing is left of it");
    fs::remove_file(&link).unwrap();

    let made = words("made", &["--address", "127.0.0.1", "--machine-id", "200"]);
    assert!(made.status.success(), "{}", said(&made));
    let mode = fs::metadata(&database).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o755, "whatever the umask is");
    assert_eq!(fs::read_link(&link).unwrap(), database);
    let table = succeed(bench.hand(&["list"]));
    assert!(table.contains(&format!("{at} ({})", link.display())), "{table}");
    let row: serde_json::Value =
        serde_json::from_str(succeed(bench.hand(&["list", "--json"])).trim()).unwrap();
    assert_eq!(row["link"], link.display().to_string());
    assert_eq!(row["supervised"], false);
    succeed(bench.hand(&["start", "made"]));
    let runs = output(bench.hand(&["create", "made"]));
    assert!(said(&runs).contains("stop it first"), "{}", said(&runs));
    succeed(bench.hand(&["stop", "made"]));
    // On the next node the definition is there already, and the link is not.
    fs::remove_file(&link).unwrap();
    succeed(bench.hand(&["create", "made"]));
    assert_eq!(fs::read_link(&link).unwrap(), database);
    // Nobody else's database.
    let second = words("other", &[]);
    assert!(said(&second).contains("`made` has the database"), "{}", said(&second));
}

#[test]
fn jobcenters_site_is_made_by_its_own_command() {
    let center = Jobcenter::new("testsite");
    let database = center.database.display().to_string();
    fs::remove_dir_all(&center.database).unwrap();
    fs::remove_file(center.root.join("spool/7F000001")).unwrap();
    fs::write(center.root.join("address"), "127.0.0.1").unwrap();
    fs::write(center.root.join("sites"), "").unwrap();
    let refused = |words: &str| {
        let refused = output(center.hand(&["create", "testsite"]));
        assert!(!refused.status.success() && said(&refused).contains(words), "{}", said(&refused));
        assert!(center.calls_of("cjcmksite").is_empty(), "{:?}", center.calls_of("cjcmksite"));
    };
    refused("--machine-id");
    // DB-05: with an address that is elsewhere it fails.
    let file = center.bench.places.config.join("testsite.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("address: 127.0.0.1\n", "address: 203.0.113.9\n")).unwrap();
    refused("203.0.113.9 is not on this node");
    fs::write(&file, text).unwrap();
    // DB-11, DB-06: what it asks for and does not check itself.
    center.daemon_conf("# nothing\n");
    refused("local_daemon=SITE or local_daemon=OFF");
    center.daemon_conf("local_daemon=OFF\n");
    let mut local = Command::new("sleep");
    let mut local = local.arg0("NQS nqsdaemon").arg("1000").spawn().unwrap();
    until("it has its name", || {
        fs::read(format!("/proc/{}/cmdline", local.id())).unwrap().starts_with(b"NQS")
    });
    refused("the local site of JobCenter is up");
    local.kill().unwrap();
    local.wait().unwrap();
    // What is there is something else.
    fs::create_dir_all(center.database.join("of-another")).unwrap();
    let file = center.bench.places.config.join("testsite.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}machine_id: 200\n")).unwrap();
    refused("something else than a site of JobCenter");
    fs::remove_dir_all(&center.database).unwrap();
    let made = succeed(center.hand(&["create", "testsite"]));
    let link = center.root.join("spool/7F000001").display().to_string();
    assert!(made.contains("cjcmksite"), "{made}");
    assert!(made.contains(&format!("ln -s {database} {link}")), "{made}");
    assert_eq!(center.calls_of("cjcmksite"), [format!("cjcmksite testsite 200 {database}")]);
    assert!(center.database.join("nqs").is_dir());
    // As on the other node: the site is there, and is not made again.
    fs::remove_file(&link).unwrap();
    let taken = succeed(center.hand(&["create", "testsite"]));
    assert!(taken.contains("which was there") && taken.contains(&link), "{taken}");
    // DB-10: told, and never done.
    let anew =
        format!("nqsstop and rm {link} on every node, then delete all that is in {database}");
    let told = taken.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(&anew), "{taken}");
    assert_eq!(center.calls_of("cjcmksite").len(), 1);
    assert_eq!(fs::read_link(&link).unwrap(), center.database);
    succeed(center.hand(&["start", "testsite"]));
    succeed(center.hand(&["stop", "testsite"]));
}

#[test]
fn a_person_is_told_how_the_definition_compares_with_what_runs() {
    let bench = Bench::new();
    let file = bench.places.config.join("one.yaml");
    let row = || -> serde_json::Value {
        serde_json::from_str(succeed(bench.hand(&["list", "--json"])).trim()).unwrap()
    };
    let told = |word: &str, up: bool, sentences: &[&str]| {
        let status = said(&output(bench.hand(&["status", "one"])));
        let list = succeed(bench.hand(&["list"]));
        let validated = output(bench.hand(&["validate-all", "one"]));
        for sentence in sentences {
            assert!(status.contains(sentence), "{word}, status: {status}");
            assert!(list.contains(sentence), "{word}, list: {list}");
        }
        assert_eq!(row()["definition"], word);
        assert_eq!(validated.status.success(), ["same", "changed"].contains(&word), "{word}");
        let monitor = output(bench.ocf("one", "monitor", &[]));
        assert_eq!(monitor.status.code(), Some(if up { 0 } else { 7 }));
        assert_eq!(said(&monitor), "", "a cluster is not told");
        said(&validated)
    };
    let start = || {
        bench.define("one", ONE);
        succeed(bench.hand(&["start", "one"]));
    };
    start();
    assert!(told("same", true, &[]).contains("the one that the site runs with"));
    assert!(!succeed(bench.hand(&["status", "one"])).contains("definition"));

    bench.define("one", &format!("boot_timeout: 11s\n{ONE}"));
    let differs = "one.yaml differs from what runs; the change takes effect at the next start";
    assert!(told("changed", true, &[differs]).contains("differs from the one that the site runs"));
    succeed(bench.hand(&["stop", "one"]));
    assert!(!told("same", false, &[]).contains("runs with"), "nothing runs");

    start();
    let keeps = "the site keeps running with the definition it was started with";
    bench.define("one", "processes: {a: {comand: [ACT, steady], command: [ACT, steady]}}\n");
    let validated =
        told("broken", true, &["one.yaml:6:17: processes.a.comand: there is no such key", keeps]);
    assert!(validated.contains("keeps running with the definition it was started"), "{validated}");
    succeed(bench.hand(&["stop", "one"]));
    assert_eq!(bench.living("one"), "");
    let list = succeed(bench.hand(&["list"]));
    assert!(list.contains("stopped; the definition is wrong") && !list.contains(keeps), "{list}");
    told("broken", false, &["one.yaml:6:17: processes.a.comand: there is no such key"]);

    start();
    fs::write(&file, "version: 1\nprocesses: [\n").unwrap();
    told("broken", true, &["one.yaml:3:1:", keeps]);

    fs::remove_file(&file).unwrap();
    let validated = told("removed", true, &["one.yaml is gone", keeps]);
    assert!(validated.contains("there is no definition"), "{validated}");
    succeed(bench.hand(&["stop", "one"]));
    assert_eq!(bench.living("one"), "");
    assert!(succeed(bench.hand(&["list"])).contains("no site is defined"));
    let status = output(bench.hand(&["status", "one"]));
    assert_eq!(status.status.code(), Some(3));
    assert!(said(&status).contains("there is no definition"), "{}", said(&status));
}

#[test]
fn help_calls_a_verb_as_it_was_typed_and_tells_its_options_from_the_global_ones() {
    let bench = Bench::new();
    for verb in ["status", "monitor", "check", "pause", "create"] {
        let help = succeed(bench.hand(&[verb, "--help"]));
        assert!(help.contains(&format!("Usage: siteward {verb} ")), "{help}");
        let (own, global) = help.split_once("\nGlobal options:\n").expect("a heading");
        for option in ["--config-dir", "--as", "--timeout", "--quiet"] {
            assert!(!own.contains(option) && global.contains(option), "{option}: {help}");
        }
        assert!(own.contains("--help"), "{help}");
    }
    let all = succeed(bench.hand(&["--help"]));
    for word in ["what is true now", "who ", "whoever", "by force in the end"] {
        assert!(!all.contains(word), "{word}: {all}");
    }
}

#[test]
fn the_end_of_a_pause_is_told_in_local_time_and_in_utc() {
    let bench = Bench::new();
    bench.define("one", ONE);
    succeed(bench.hand(&["start", "one"]));
    let in_zone = |words: &[&str]| {
        let mut command = bench.hand(words);
        // POSIX: five hours and a half ahead of UTC.
        command.env("TZ", "XXX-5:30");
        succeed(command)
    };
    let said = in_zone(&["pause", "one", "--until", "2099-11-21 23:00"]);
    let both = "until 2099-11-21 23:00:00 +05:30, which is 2099-11-21T17:30:00Z";
    assert!(said.contains(both), "{said}");
    assert!(in_zone(&["status", "one"]).contains(both));
    let utc = succeed(bench.hand(&["status", "one"]));
    assert!(utc.contains("until 2099-11-21T17:30:00Z"), "{utc}");
    succeed(bench.hand(&["stop", "one"]));
}

#[test]
fn a_file_where_the_directory_of_definitions_should_be_is_told_as_one() {
    let bench = Bench::new();
    bench.define("one", ONE);
    let file = bench.places.config.join("one.yaml").display().to_string();
    let words = format!("{file} is a file; give the directory that holds the definitions");
    for verb in [&["start"][..], &["start", "one"], &["validate-all", "one"], &["list"]] {
        let told = output(bench.hand(&[verb, &["--config-dir", &file]].concat()));
        assert!(said(&told).contains(&words), "{verb:?}: {}", said(&told));
    }
}

#[test]
fn no_table_breaks_within_words_on_a_narrow_terminal() {
    let bench = Bench::new();
    bench.define(
        "one",
        "processes:\n  a: {command: [ACT, steady]}\n  \
         extra: {command: [ACT, steady], essential: false}\n",
    );
    succeed(bench.hand(&["start", "one"]));
    let narrow = |words: &[&str]| {
        let mut command = bench.hand(words);
        command.env("COLUMNS", "40");
        succeed(command)
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for call in [&["list"][..], &["status", "one"], &["status", "one", "--explain"]] {
        let (wide, fitted) = (succeed(bench.hand(call)), narrow(call));
        for line in fitted.lines() {
            // A path that is longer than the terminal is wide has a line of its own.
            let is_one_word = line.split_whitespace().count() == 1;
            assert!(line.chars().count() <= 40 || is_one_word, "{call:?}: {fitted}");
        }
        // Nothing is left out; other words are labels.
        let (wide, fitted) = (words(&wide), words(&fitted));
        let bare = |word: &String| word.trim_end_matches(',').to_owned();
        let fitted: Vec<String> = fitted.iter().map(bare).collect();
        let is_fixed = |word: &String| {
            word.contains(char::is_lowercase) && !word.contains(|c: char| c.is_ascii_digit())
        };
        for word in wide.iter().map(bare).filter(is_fixed) {
            assert!(fitted.contains(&word), "{call:?}: {word}: {fitted:?}");
        }
    }
    let list = narrow(&["list"]);
    assert!(list.starts_with("one\n  DAEMON-PID     "), "{list}");
    assert!(list.contains("\n  STATE          running"), "{list}");
    succeed(bench.hand(&["stop", "one"]));
}

#[test]
fn a_folder_that_was_there_keeps_its_mode() {
    let bench = Bench::new();
    for (name, mode) in [("private", 0o700), ("group", 0o2770), ("sticky", 0o1777)] {
        let folder = bench.path(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let at = folder.display().to_string();
        let words =
            ["create", name, "--database", &at, "--unmounted", "--", SITEWARD, "act", "steady"];
        let made = succeed(bench.hand(&words));
        assert!(made.contains("which was there and keeps its mode"), "{made}");
        let after = fs::metadata(&folder).unwrap().permissions().mode() & 0o7777;
        assert_eq!(after, mode, "{name}: {after:o}");
    }
    // A new one takes the group of a folder whose group is inherited.
    let above = bench.path("group");
    let at = above.join("new").display().to_string();
    succeed(bench.hand(&[
        "create",
        "new",
        "--database",
        &at,
        "--unmounted",
        "--",
        SITEWARD,
        "act",
        "steady",
    ]));
    let mode = fs::metadata(above.join("new")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o2755, "{mode:o}");
}
