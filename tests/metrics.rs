//! `metrics`, read by a strict parser of its format, and by Prometheus' own parsers in Python.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use std::process::{Command, ExitCode, Stdio};

use common::*;
use libtest_mimic::{Arguments, Failed, Trial};
use siteward::values::Signal;

fn trial(name: &str, missing: Option<&str>, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|_| Failed::from("it panicked, see above"))
    })
    .with_ignored_flag(missing.is_some())
}

fn main() -> ExitCode {
    let there = python("import prometheus_client", "").is_ok();
    let missing = (!there).then_some(
        "python3-prometheus-client; get it with: apt-get install python3-prometheus-client",
    );
    if missing.is_some_and(|what| {
        leave_out(&format!("what Prometheus' parsers say of the metrics. Missing: {what}"))
    }) {
        return ExitCode::FAILURE;
    }
    let tests = vec![
        trial("the_life_of_a_site_in_numbers", None, the_life_of_a_site_in_numbers),
        trial("the_lease_is_told", None, the_lease_is_told),
        trial("a_file_is_replaced_as_a_whole", None, a_file_is_replaced_as_a_whole),
        trial("odd_questions_have_plain_answers", None, odd_questions_have_plain_answers),
        trial("parsers_of_prometheus_read_it", missing, parsers_of_prometheus_read_it),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// Runs a script of Python with this input.
fn python(script: &str, input: &str) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    let stdin = Stdio::from(fs::File::open(file.path()).unwrap());
    let output = Command::new("/usr/bin/python3").args(["-c", script]).stdin(stdin).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
}

/// A sample: its labels, and its value.
type Sample = (BTreeMap<String, String>, f64);

/// The samples of each name. Panics at whatever OpenMetrics 1.0 or Prometheus' text format does not allow.
fn parse(text: &str) -> BTreeMap<String, Vec<Sample>> {
    let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut described: BTreeSet<(String, String)> = BTreeSet::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        assert!(!line.is_empty() && line.trim() == line, "`{line}`");
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            let value = words.next().expect("a value");
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line}");
            assert!(described.insert((kind.to_owned(), name.to_owned())), "twice: {line}");
            if name != current {
                assert!(!types.contains_key(name), "the family {name} comes twice");
                current = name.to_owned();
            }
            match kind {
                "TYPE" => {
                    assert!(
                        ["gauge", "counter"].contains(&value),
                        "node_exporter reads it: {line}"
                    );
                    types.insert(name.to_owned(), value.to_owned());
                }
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                _ => {}
            }
            continue;
        }
        let end = line.find(['{', ' ']).expect("a value");
        let name = &line[..end];
        let is_word = |w: &str| {
            w.starts_with(|c: char| c.is_ascii_lowercase())
                && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        assert!(is_word(name), "{line}");
        let family = match types.get(&current).map(String::as_str) {
            Some("counter") => name.strip_suffix("_total").expect("a counter ends in _total"),
            Some(_) => name,
            None => panic!("no TYPE before {line}"),
        };
        assert_eq!(family, current, "samples stand below their family");
        let (labels, value) = match line[end..].strip_prefix('{') {
            Some(rest) => {
                let (labels, value) = rest.rsplit_once("} ").expect("closed");
                (read_labels(labels), value)
            }
            None => (BTreeMap::new(), line[end..].trim()),
        };
        assert!(labels.keys().all(|label| is_word(label)), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(value.is_finite() && value >= 0.0, "{line}");
        assert!(seen.insert(line[..line.rfind(' ').unwrap()].to_owned()), "twice: {line}");
        samples.entry(name.to_owned()).or_default().push((labels, value));
    }
    samples
}

fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("name=\"");
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().expect("an escape").1 {
                    'n' => value.push('\n'),
                    other => {
                        assert!("\\\"".contains(other), "\\{other}");
                        value.push(other);
                    }
                },
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        rest = after[end + 1..].trim_start_matches(',');
    }
    labels
}

/// The value of the sample with these labels, if there is one.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let all = parse(text);
    let is_it = |sample: &&Sample| {
        labels.iter().all(|(k, v)| sample.0.get(*k).is_some_and(|given| given == v))
    };
    all.get(name)?.iter().find(is_it).map(|sample| sample.1)
}

fn state(text: &str, site: &str) -> String {
    let all = parse(text);
    let mine = all["siteward_site_state"].iter().filter(|s| s.0["site"] == site);
    let (on, off): (Vec<&Sample>, Vec<&Sample>) = mine.partition(|s| s.1 == 1.0);
    assert_eq!((on.len(), off.len()), (1, 8), "one state of nine");
    on[0].0["state"].clone()
}

fn the_life_of_a_site_in_numbers() {
    let bench = Bench::new();
    bench.define(
        "shop",
        "processes:\n  slow: {command: [ACT, steady], ready: {delay: 300ms}}\n  \
         web: {command: [ACT, steady], essential: false, restart: {attempts: 3, delay: 10ms}}\n",
    );
    bench.define("other", "processes:\n  x: {command: [ACT, steady]}\n");
    let all = || succeed(bench.hand(&["metrics"]));
    let text = all();
    assert_eq!((state(&text, "shop"), state(&text, "other")), ("stopped".into(), "stopped".into()));
    assert_eq!(value(&text, "siteward_sites", &[]), Some(2.0));
    assert_eq!(value(&text, "siteward_site_starts", &[("site", "shop")]), Some(0.0));

    succeed(bench.hand(&["start", "shop"]));
    let shop = [("site", "shop")];
    let text = all();
    assert_eq!(state(&text, "shop"), "running");
    assert_eq!(value(&text, "siteward_site_serves", &shop), Some(1.0));
    assert_eq!(value(&text, "siteward_site_supervised", &shop), Some(1.0));
    assert_eq!(value(&text, "siteward_site_starts", &shop), Some(1.0));
    let took = value(&text, "siteward_site_last_start_duration_seconds", &shop).unwrap();
    assert!((0.3..20.0).contains(&took), "{took}");
    assert_eq!(value(&text, "siteward_site_starts_duration_seconds", &shop), Some(took));
    assert_eq!(value(&text, "siteward_site_definition_differs", &shop), Some(0.0));

    let web = [("site", "shop"), ("process", "web")];
    assert_eq!(value(&text, "siteward_process_restarts_total", &web), Some(0.0));
    signal(bench.pid("shop", "web"), Signal::KILL);
    until("web is started again", || {
        value(&all(), "siteward_process_restarts_total", &web) == Some(1.0)
    });

    bench.define("shop", "# changed\nprocesses:\n  slow: {command: [ACT, steady]}\n");
    assert_eq!(value(&all(), "siteward_site_definition_differs", &shop), Some(1.0));
    succeed(bench.hand(&["pause", "shop", "--until", "2h"]));
    let text = all();
    assert_eq!(state(&text, "shop"), "maintenance");
    assert_eq!(value(&text, "siteward_site_maintenance", &shop), Some(1.0));
    assert!(value(&text, "siteward_site_maintenance_end_timestamp_seconds", &shop).is_some());
    succeed(bench.hand(&["resume", "shop"]));
    signal(bench.pid("shop", "slow"), Signal::KILL);
    until("it has failed", || state(&all(), "shop") == "failed");
    let text = all();
    assert_eq!(value(&text, "siteward_site_failures", &shop), Some(1.0));
    assert!(value(&text, "siteward_site_last_failure_timestamp_seconds", &shop).unwrap() > 1e9);
    succeed(bench.hand(&["stop", "shop"]));

    let one = succeed(bench.hand(&["metrics", "other"]));
    assert_eq!(value(&one, "siteward_sites", &[]), Some(1.0));
    assert!(!one.contains("shop"), "{one}");
}

fn the_lease_is_told() {
    let (bench, _) = Bench::with_database("shop", "", "  x: {command: [ACT, steady]}\n");
    let held = || {
        let text = succeed(bench.hand(&["metrics", "shop"]));
        value(&text, "siteward_site_lease_held", &[("site", "shop")])
    };
    assert_eq!(held(), Some(0.0));
    succeed(bench.hand(&["start", "shop"]));
    assert_eq!(held(), Some(1.0));
    succeed(bench.hand(&["stop", "shop"]));
    assert_eq!(held(), Some(0.0));
}

fn a_file_is_replaced_as_a_whole() {
    let bench = Bench::new();
    bench.define("shop", "processes:\n  x: {command: [ACT, steady]}\n");
    let folder = bench.path("textfile");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("siteward.prom");
    let name = file.to_str().unwrap();
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    let said = succeed(bench.hand(&["metrics", "--write", name]));
    assert!(said.contains("the metrics of one site are in"), "{said}");
    assert_eq!(succeed(bench.hand(&["metrics", "--write", name, "--quiet"])), "");
    assert_eq!(state(&fs::read_to_string(&file).unwrap(), "shop"), "stopped");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    // What a killed writer has left goes with the next one.
    let left = folder.join("siteward.prom.new.4194303");
    fs::write(&left, "half a").unwrap();
    let narrow = format!("umask 077; exec {SITEWARD} metrics --write {name}");
    let mut by_cron = bench.hand(&[]);
    let folders: Vec<(String, String)> = by_cron
        .get_envs()
        .filter_map(|(k, v)| Some((k.to_str()?.to_owned(), v?.to_str()?.to_owned())))
        .collect();
    by_cron = Command::new("/bin/sh");
    by_cron.args(["-c", &narrow]).env_clear().envs(folders);
    succeed(by_cron);
    assert_eq!(names(), ["siteward.prom"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);

    let before = fs::read_to_string(&file).unwrap();
    for bad in [folder.to_str().unwrap(), "/no/such/folder/x.prom", "/dev/null/x"] {
        let output = output(bench.hand(&["metrics", "--write", bad]));
        assert_eq!(output.status.code(), Some(1), "{bad}: {}", common::said(&output));
        assert!(common::said(&output).contains("cannot be written to"), "{bad}");
    }
    for bad in ["-", ""] {
        let output = output(bench.hand(&["metrics", "--write", bad]));
        assert_eq!(output.status.code(), Some(2), "{bad}: {}", common::said(&output));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!(names(), ["siteward.prom"]);
}

fn odd_questions_have_plain_answers() {
    let bench = Bench::new();
    let none = succeed(bench.hand(&["metrics"]));
    assert_eq!(value(&none, "siteward_sites", &[]), Some(0.0), "no site is no failure");
    for (site, wanted) in
        [("nowhere", "there is no site `nowhere` here"), ("No/Name", "cannot be the name")]
    {
        let output = output(bench.hand(&["metrics", site]));
        assert!(!output.status.success());
        assert!(said(&output).contains(wanted), "{}", said(&output));
    }
    // A definition that is broken is told as such, and hides no other site.
    bench.define("good", "processes:\n  x: {command: [ACT, steady]}\n");
    bench.define("bad", "processes: 7\n");
    let text = succeed(bench.hand(&["metrics"]));
    assert_eq!(value(&text, "siteward_site_definition_differs", &[("site", "bad")]), Some(1.0));
    assert_eq!(state(&text, "good"), "stopped");
}

/// Both formats: node_exporter reads the one of Prometheus, and others read OpenMetrics.
fn parsers_of_prometheus_read_it() {
    let bench = Bench::new();
    bench.define("shop", "processes:\n  x: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "shop"]));
    let text = succeed(bench.hand(&["metrics"]));
    for parser in ["prometheus_client.openmetrics.parser", "prometheus_client.parser"] {
        let script = format!(
            "import sys\nfrom {parser} import text_string_to_metric_families as read\n\
             for family in read(sys.stdin.read()):\n    for s in family.samples: print(s.name, s.labels.get('state'), float(s.value))\n"
        );
        let read = python(&script, &text).unwrap_or_else(|why| panic!("{parser}: {why}\n{text}"));
        assert!(read.contains("siteward_site_state running 1.0"), "{parser}: {read}");
        assert!(read.contains("siteward_process_restarts_total None 0.0"), "{parser}: {read}");
        let broken = text.replace("# EOF\n", "siteward_site_state{a=} 1\n# EOF\n");
        assert!(python(&script, &broken).is_err(), "{parser} would find a fault");
    }
}
