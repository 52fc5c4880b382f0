//! Bad definitions, each with its exact message: `tests/definitions/bad.txt` holds text and
//! message by turns. `UPDATE=1 cargo test --test definitions` writes the messages anew, for eyes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use siteward::site::{OnLoss, ProblemKind, SiteName, parse};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/definitions/bad.txt");

fn complaint(name: &str, text: &str) -> String {
    let site: SiteName = name.parse().expect("the name of a case is the name of a site");
    match parse(&site, Path::new("NAME.yaml"), text) {
        Ok(_) => "nothing is wrong with it\n".to_owned(),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn every_bad_definition_is_refused_with_its_message() {
    let cases = std::fs::read_to_string(FILE).expect("the cases are there");
    let mut written = String::new();
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in cases.split("=== ").skip(1) {
        let (name, rest) = case.split_once('\n').expect("a name");
        let (text, expected) = rest.split_once("--- says\n").expect("an expectation");
        let said = complaint(name, text);
        assert!(!said.starts_with("nothing is wrong"), "{name} is accepted");
        write!(written, "=== {name}\n{text}--- says\n{said}").expect("a string takes all");
        if said != expected {
            wrong.push(format!("{name}\n  expected: {expected}  said:     {said}"));
        }
        count += 1;
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(FILE, written).expect("the cases can be written");
    } else {
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
    assert!(count >= 40, "only {count} cases");
}

#[test]
fn every_kind_of_complaint_is_produced() {
    let name: SiteName = "a".parse().unwrap();
    let cases = std::fs::read_to_string(FILE).expect("the cases are there");
    let bad = cases.split("=== ").skip(1).filter_map(|case| {
        let (text, _) = case.split_once('\n')?.1.split_once("--- says\n")?;
        Some(text.to_owned())
    });
    let mut produced = BTreeSet::new();
    for text in bad.chain(hostile().into_iter().map(|(_, text)| text)) {
        let error = parse(&name, Path::new("x"), &text).expect_err("it is refused");
        produced.extend(error.problems.iter().map(|problem| problem.kind));
    }
    let missing: Vec<ProblemKind> =
        ProblemKind::ALL.into_iter().filter(|kind| !produced.contains(kind)).collect();
    assert_eq!(missing, []);
}

/// All that a definition can say, said once.
const WHOLE: &str = include_str!("definitions/whole.yaml");

#[test]
fn all_that_a_definition_can_say_is_read() {
    let name: SiteName = "testsite".parse().unwrap();
    let site = parse(&name, Path::new("x"), WHOLE).unwrap();
    assert_eq!(site.site, "testsite.example.com");
    assert_eq!(site.processes.len(), 4);
    assert_eq!(site.processes[1].depends_on, [0], "each waits for the one before it");
    assert_eq!(site.processes[3].depends_on, [0usize; 0], "an empty list: at once");
    assert_eq!(site.processes[1].healthcheck.as_ref().unwrap().test, ["redis-cli", "ping"]);
    assert_eq!(site.processes[3].context.environment["C"], "d=e");
    assert_eq!(site.processes[3].context.environment["PORT"], "6379");
    assert!(site.warnings.iter().any(|w| w.contains("countmax x countsleep is 180s")));
    let when_lost = site.prerequisites.when_lost;
    assert_eq!((when_lost.mounted, when_lost.address_present), (OnLoss::Fail, OnLoss::Degrade));
}

#[test]
fn what_is_done_for_a_lost_disk_or_address_is_said_for_all_or_for_each() {
    let name: SiteName = "a".parse().unwrap();
    let when_lost = |said: &str| {
        let text = format!(
            "version: 1\ndatabase: /mnt/a\naddress: 10.0.0.5\nprerequisites: {said}\n\
             processes: {{a: {{command: [x]}}}}\n"
        );
        let when_lost = parse(&name, Path::new("x"), &text).unwrap().prerequisites.when_lost;
        (when_lost.mounted, when_lost.address_present)
    };
    assert_eq!(when_lost("{}"), (OnLoss::Fail, OnLoss::Fail));
    assert_eq!(when_lost("{when_lost: degrade}"), (OnLoss::Degrade, OnLoss::Degrade));
    assert_eq!(when_lost("{when_lost: {mounted: ignore}}"), (OnLoss::Ignore, OnLoss::Fail));
    assert_eq!(
        when_lost("{mounted: false, when_lost: {address_present: ignore}}"),
        (OnLoss::Fail, OnLoss::Ignore)
    );
}

#[test]
fn countmax_and_countsleep_are_the_default_of_the_timeouts() {
    let name: SiteName = "a".parse().unwrap();
    let text = "version: 1\ncountmax: 6\ncountsleep: 5s\nprocesses: {a: {command: [x]}}\n";
    let site = parse(&name, Path::new("x"), text).unwrap();
    assert_eq!((site.boot_timeout.as_secs(), site.stop_timeout.as_secs()), (30, 30));
    let site =
        parse(&name, Path::new("x"), "version: 1\nprocesses: {a: {command: [x]}}\n").unwrap();
    assert_eq!((site.boot_timeout.as_secs(), site.stop_timeout.as_secs()), (200, 300));
}

#[test]
fn only_a_grace_period_that_somebody_wrote_is_warned_of() {
    let name: SiteName = "a".parse().unwrap();
    let warnings = |grace: &str| {
        let text =
            format!("version: 1\nstop_timeout: 5s\nprocesses: {{a: {{command: [x]{grace}}}}}\n");
        parse(&name, Path::new("x"), &text).unwrap().warnings
    };
    assert_eq!(warnings(""), [""; 0]);
    assert_eq!(
        warnings(", stop_grace_period: 10s"),
        ["stop_grace_period of `a` (10s) is longer than stop_timeout (5s), which ends it"]
    );
}

proptest! {
    /// Nothing that a user can write may panic, and whatever is refused is refused with a place
    /// inside the file.
    #[test]
    fn no_text_makes_it_panic(cut in 0usize..2000, insert in "[ -~\n\t]{0,6}", at in 0usize..2000) {
        let mut text = WHOLE.to_owned();
        text.truncate(cut.clamp(1, WHOLE.len()));
        text.insert_str(at.min(text.len()), &insert);
        let name: SiteName = "a".parse().unwrap();
        if let Err(error) = parse(&name, Path::new("x"), &text) {
            prop_assert!(!error.problems.is_empty());
            for problem in &error.problems {
                if let Some(position) = problem.position {
                    prop_assert!(position.line <= text.lines().count() + 1);
                }
            }
        }
    }
}

/// Texts that a file of definitions could hold and no person would write.
fn hostile() -> Vec<(&'static str, String)> {
    const SIZE: usize = 250_000;
    let fill = |head: &str, part: &str| format!("{head}{}", part.repeat(SIZE / part.len()));
    let many = |part: &dyn Fn(usize) -> String| -> String {
        let mut text = "version: 1\nprocesses:\n".to_owned();
        for i in 0.. {
            let line = part(i);
            if text.len() + line.len() > SIZE {
                return text;
            }
            text.push_str(&line);
        }
        text
    };
    let few = |part: &dyn Fn(usize) -> String| -> String {
        (0..990).fold("version: 1\nprocesses:\n".to_owned(), |text, i| text + &part(i))
    };
    let names: Vec<String> = (0..990).map(|i| format!("q{i}")).collect();
    vec![
        ("brackets", fill("version: 1\nprocesses: ", "[")),
        ("braces", fill("version: 1\nprocesses: ", "{a: ")),
        ("dashes", fill("version: 1\nprocesses:\n ", "- ")),
        ("questions", fill("version: 1\nprocesses:\n ", "? ")),
        ("commas", fill("version: 1\nprocesses: [", "a,")),
        ("many processes", many(&|i| format!(" p{i}: {{command: [x]}}\n"))),
        ("many bad processes", few(&|i| format!(" p{i}: {{comand: [x], reddy: 1, usr: 2}}\n"))),
        ("bad names", few(&|i| format!(" p {i}: {{command: [x], depends_on: [q, r, s]}}\n"))),
        (
            "a net of dependencies",
            few(&|i| format!(" p{i}: {{command: [x], depends_on: [q1, q2, q3, q4, q5, q6]}}\n")),
        ),
        (
            "bad items",
            format!(
                "version: 1\nprocesses: {{a: {{command: [x], depends_on: [{}]}}}}",
                names.join(",")
            ),
        ),
        ("a long word", fill("version: 1\nprocesses: ", "x")),
        ("a long key", fill("version: 1\n", "x") + ": 1\n"),
        ("long keys", many(&|i| format!(" {i}{}: {{}}\n", "x".repeat(240)))),
        (
            "expressions",
            few(&|i| format!(" p{i}: {{command: [x], ready: {{log: \"(a{{1000}}){{{i}}}\"}}}}\n")),
        ),
        ("aliases", {
            let mut text = "version: 1\nx-a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
            for i in 1..25 {
                text += &format!("x-{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1);
            }
            text
        }),
        (
            "long aliases",
            format!("version: 1\nx-a: &a {}\nx-b: [{}]\n", "y".repeat(100_000), "*a, ".repeat(900)),
        ),
        ("anchors", many(&|i| format!(" p{i}: &a{i} {{command: &b{i} [x]}}\n"))),
        ("tabs", fill("version: 1\nprocesses:\n", "\t")),
        ("NUL", fill("version: 1\nsite: ", "\0")),
        ("quoted NUL", fill("version: 1\nsite: \"", "\\0") + "\""),
        ("quotes", fill("version: 1\nsite: ", "\"")),
        ("lines", fill("version: 1\n", "\n")),
        ("documents", fill("version: 1\n", "---\n")),
        ("directives", fill("", "%YAML 1.1\n")),
        ("tags", fill("version: 1\nprocesses: ", "!x ")),
        ("colons", fill("version: 1\n", ": ")),
        ("marks", fill("", "\u{feff}")),
        ("merges", few(&|i| format!(" p{i}: {{<<: *a}}\n"))),
    ]
}

/// Each is refused with a few complaints, each of which a terminal can show. That every one of them is
/// read in a bounded time is shown by the test that ends.
#[test]
fn a_hostile_definition_is_refused_in_few_words() {
    let name: SiteName = "a".parse().unwrap();
    for (what, text) in hostile() {
        let begun = std::time::Instant::now();
        let Err(error) = parse(&name, Path::new("x"), &text) else { panic!("{what} is accepted") };
        println!(
            "{what}: {} bytes, {:?}, {} told",
            text.len(),
            begun.elapsed(),
            error.problems.len()
        );
        assert!((1..=20).contains(&error.problems.len()), "{what}");
        assert!(error.more == 0 || error.problems.len() == 20, "{what}");
        for problem in &error.problems {
            assert!(problem.message.len() < 2000, "{what}");
        }
    }
}

#[test]
fn complaints_beyond_the_first_twenty_are_counted() {
    let name: SiteName = "a".parse().unwrap();
    let text = (0..100).fold("version: 1\nprocesses:\n".to_owned(), |text, i| {
        text + &format!(" p{i}: {{command: [x], reddy: 1}}\n")
    });
    let error = parse(&name, Path::new("x"), &text).unwrap_err();
    assert_eq!((error.problems.len(), error.more), (20, 80));
    assert_eq!(error.problems[19].position.map(|p| (p.line, p.column)), Some((22, 22)));
    assert!(error.to_string().ends_with("\nx: and 80 more"), "{error}");
}

#[test]
fn a_map_takes_the_keys_that_it_merges_and_its_own_win() {
    let name: SiteName = "a".parse().unwrap();
    let text = "version: 1\n\
                x-quiet: &quiet {essential: false, stop_signal: INT}\n\
                x-slow: &slow {stop_signal: HUP, stop_grace_period: 20s}\n\
                processes:\n  \
                a: {<<: *quiet, command: [x]}\n  \
                b: {command: [x], stop_signal: USR1, <<: [*quiet, *slow]}\n";
    let site = parse(&name, Path::new("x"), text).unwrap();
    let [a, b] = &site.processes[..] else { panic!("two processes") };
    assert!(!a.essential && !b.essential);
    assert_eq!(
        (a.stop_signal.to_string(), b.stop_signal.to_string()),
        ("SIGINT".into(), "SIGUSR1".into())
    );
    assert_eq!((a.stop_grace_period.as_secs(), b.stop_grace_period.as_secs()), (10, 20));
    let wrong = |line: &str| {
        let text = format!("version: 1\nx-a: &a {{esential: false}}\nprocesses:\n  {line}\n");
        parse(&name, Path::new("x"), &text).unwrap_err().to_string()
    };
    let merged = wrong("a: {<<: *a, command: [x]}");
    assert!(merged.starts_with("x:4:7: processes.a.esential: there is no such key"), "{merged}");
    let text = wrong("a: {<<: text, command: [x]}");
    assert!(text.contains("`<<` takes a map or a list of maps, as aliases"), "{text}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_definition() {
    let name: SiteName = "a".parse().unwrap();
    let site = parse(&name, Path::new("x"), &format!("\u{feff}{WHOLE}")).unwrap();
    assert_eq!(site.processes.len(), 4);
    let error = parse(&name, Path::new("x"), "\u{feff}version: 2\n").unwrap_err();
    assert!(error.to_string().contains("x:1:10: version: this siteward reads"), "{error}");
}

proptest! {
    /// Bits of YAML in any order: each text is taken, or refused in few words.
    #[test]
    fn no_heap_of_yaml_is_too_much(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "version: 1\n", "processes:\n", "  a:\n", "    command: [x]\n", "[", "]", "{", "}",
                "- ", "? ", ": ", "&a ", "*a ", "!t ", "|\n", ">-\n", "\"", "'", "# ", "\t", "\0",
                "\u{feff}", "---\n", "...\n", "%", "<<: *a\n", "x: y\n", "\n", " ", ", ", "\u{85}",
            ]),
            0..400,
        ),
    ) {
        let name: SiteName = "a".parse().unwrap();
        if let Err(error) = parse(&name, Path::new("x"), &parts.concat()) {
            prop_assert!((1..=20).contains(&error.problems.len()));
        }
    }
}
