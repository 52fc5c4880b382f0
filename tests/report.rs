//! `siteward report` and `siteward timeline`, of real lives and of histories written by hand. What a browser shows
//! of a report is tested in `browser.rs`.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use common::{Bench, output, said, signal, succeed, until, wait_for};
use siteward::history::{By, Entry, HistoryEvent, read};
use siteward::site::SiteName;
use siteward::values::Signal;

/// A month of a site on two nodes, written by hand.
const MONTH: &str = include_str!("report/month.jsonl");

fn history_of(bench: &Bench, site: &str) -> std::path::PathBuf {
    bench.places.of(&site.parse::<SiteName>().unwrap()).history()
}

/// A site that is not running, with this history.
fn with_history(history: &str) -> Bench {
    let bench = Bench::new();
    bench.define(
        "jobs",
        "environment: {DB_PASSWORD: hunter2hunter2, LANG: C}\nprocesses:\n  \
         schema: {command: [/opt/migrate, --key, hunter3hunter3], oneshot: true}\n  \
         store: {command: [/opt/store]}\n  engine: {command: [/opt/engine], depends_on: [store]}\n  \
         web: {command: [/opt/web], depends_on: [store], essential: false}\n",
    );
    let path = history_of(&bench, "jobs");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, history).unwrap();
    bench
}

fn page_of(bench: &Bench, words: &[&str]) -> String {
    let mut command = bench.hand(&[&["report", "jobs", "-o", "-"], words].concat());
    command.env("TZ", "Asia/Tokyo");
    let output = output(command);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

/// Parsed as strictly as XML is. All text in it, and that of each element of a name.
struct Parsed {
    text: String,
    elements: Vec<(String, String)>,
}

fn parse(page: &str) -> Parsed {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(page, options)
        .unwrap_or_else(|error| panic!("{error}:\n{page}"));
    let text_of = |node: roxmltree::Node<'_, '_>| -> String {
        node.descendants().filter_map(|n| n.is_text().then(|| n.text()).flatten()).collect()
    };
    let elements: Vec<_> = document
        .descendants()
        .filter(roxmltree::Node::is_element)
        .map(|node| (node.tag_name().name().to_owned(), text_of(node)))
        .collect();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "iframe", "object", "embed", "img", "link", "base", "form", "a"]
                .contains(&name),
            "<{name}>"
        );
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{}", attribute.name());
            assert!(!["href", "src", "style"].contains(&attribute.name()), "{}", attribute.name());
        }
    }
    let body = document.descendants().find(|node| node.has_tag_name("body")).unwrap();
    Parsed { text: text_of(body), elements }
}

impl Parsed {
    fn all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.elements.iter().filter(|(n, _)| n == name).map(|(_, text)| text.as_str()).collect()
    }
}

/// A duration below ten seconds, as the page says it.
fn short(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1000 {
        format!("{millis} ms")
    } else {
        format!("{}.{:03} s", millis / 1000, millis % 1000)
    }
}

fn between(a: &Entry, b: &Entry) -> Duration {
    Duration::try_from(b.at.duration_since(a.at)).unwrap()
}

#[test]
fn a_month_on_two_nodes_is_told_on_one_page() {
    let bench = with_history(MONTH);
    let page = page_of(&bench, &[]);
    let parsed = parse(&page);
    for words in [
        "What happened to the site jobs",
        "Outage 1, on node-a: 1 h 31 min without service",
        "Outage 2, node-a \u{2192} node-b: 5.314 s without service",
        "Outage 3, node-b \u{2192} node-a: at least 13.7 s without service",
        "running on node-a",
        "by the last entry, since 2026-11-25 18:42:08",
        "UTC+09:00 (JST)",
        "the last owner of the database, node-b, did not end cleanly",
        "schema 310 ms, then store 1.900 s, then engine 6.100 s, and 250 ms until the end",
        "To make the start faster, begin with engine.",
        "2026-11-20 12:02:17.251 +09:00",
        "2026-11-20T03:02:17.251Z",
        "by order of a person (sato)",
        "\u{25c6} engine \u{2013} 6.100 s",
        "web \u{2013} 800 ms",
    ] {
        assert!(parsed.text.contains(words), "`{words}` is missing");
    }
    // Every entry stands on the page with its moment in UTC.
    for line in MONTH.lines() {
        let entry: Entry = serde_json::from_str(line).unwrap();
        let utc = entry.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        assert!(parsed.text.contains(&utc), "{utc}");
    }
    let headings = parsed.all("h2");
    let expected = [
        "Timeline",
        "Outages",
        "What went wrong",
        "Starts",
        "Settings that matter",
        "The times as a table",
    ];
    assert_eq!(headings, expected);
    assert!(!page.contains("http:") && !page.contains("https:"), "no address of a network");
    assert!(page.starts_with("<!DOCTYPE html>"));
}

#[test]
fn no_secret_is_on_the_page() {
    let fault = Entry::new(HistoryEvent::Fault, "`engine` printed hunter2hunter2").of("engine");
    let fault = Entry { last_lines: vec!["password hunter2hunter2 is wrong".to_owned()], ..fault };
    let bench = with_history(&format!("{}\n", serde_json::to_string(&fault).unwrap()));
    let page = page_of(&bench, &[]);
    assert!(!page.contains("hunter2"), "a value of the environment");
    assert!(!page.contains("hunter3"), "an argument of a command");
    assert!(page.contains("password [value of DB_PASSWORD] is wrong"));
    let lines = succeed(bench.hand(&["timeline", "jobs"]));
    assert!(!lines.contains("hunter"), "{lines}");
}

/// Texts that would break a page or a terminal.
const HOSTILE: [&str; 10] = [
    "</pre><script>alert(1)</script>",
    "</title></svg></style><img src=x onerror=alert(1)>",
    "\" onload=\"alert(1)",
    "' onload='alert(1)",
    "<!-- --> <![CDATA[ ]]> &amp; &#60; <?x ?>",
    "\x1b[2J\x1b]0;owned\x07 red \x1b[31m",
    "\u{202e}desrever\u{2066}",
    "nul \0 and \u{fffe} \u{ffff} \r\n",
    "{{template}} ${shell} `tick`",
    "\u{65e5}\u{672c}\u{8a9e} \u{1f600} e\u{301}",
];

#[test]
fn hostile_texts_harm_neither_the_page_nor_the_terminal() {
    let mut lines = String::new();
    for text in HOSTILE {
        let events = [
            HistoryEvent::StartOrdered,
            HistoryEvent::Started,
            HistoryEvent::Spawned,
            HistoryEvent::Ready,
            HistoryEvent::Up,
            HistoryEvent::Fault,
            HistoryEvent::Failed,
            HistoryEvent::Down,
            HistoryEvent::Unclean,
            HistoryEvent::RolledBack,
        ];
        for event in events {
            let by = By {
                caller: text.to_owned(),
                login: Some(text.to_owned()),
                ..By::manager("x", Some(text))
            };
            let entry = Entry {
                node: text.to_owned(),
                last_lines: vec![text.to_owned(); 3],
                ..Entry::new(event, text).of(text).ordered_by(by)
            };
            lines.push_str(&serde_json::to_string(&entry).unwrap());
            lines.push('\n');
        }
    }
    let bench = with_history(&lines);
    let page = page_of(&bench, &[]);
    let parsed = parse(&page);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(parsed.text.contains("</pre><script>alert(1)</script>"));
    let steers = |c: char| {
        (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}'
    };
    assert_eq!(page.chars().find(|c| steers(*c)), None);
    let timeline = succeed(bench.hand(&["timeline", "jobs"]));
    assert_eq!(timeline.chars().find(|c| steers(*c)), None);
}

#[test]
fn a_history_that_is_empty_or_torn_is_told() {
    let bench = with_history("");
    assert!(parse(&page_of(&bench, &[])).text.contains("There is no entry in the history."));
    assert!(succeed(bench.hand(&["timeline", "jobs"])).contains("There is no entry"));
    let torn = &MONTH[..MONTH.len() - 20];
    let bench = with_history(&format!("{torn}\nnonsense\n"));
    let text = parse(&page_of(&bench, &[])).text;
    assert!(text.contains("2 lines were cut off"), "{text}");
    assert!(succeed(bench.hand(&["timeline", "jobs"])).contains("2 lines were cut off"));
}

#[test]
fn only_what_happened_since_then_is_told() {
    let bench = with_history(MONTH);
    let page = page_of(&bench, &["--since", "2026-11-25"]);
    let text = parse(&page).text;
    assert!(text.contains("at least 13.7 s without service"));
    assert!(!text.contains("5.314 s") && !text.contains("SIGSEGV"), "{text}");
    let bad = output(bench.hand(&["report", "jobs", "--since", "soon"]));
    assert_eq!(bad.status.code(), Some(2));
    assert!(said(&bad).contains("`soon` is neither a duration like 2h"), "{}", said(&bad));
}

fn report_in(bench: &Bench, folder: &Path, words: &[&str]) -> Output {
    let mut command = bench.hand(&[&["report", "jobs"], words].concat());
    command.current_dir(folder);
    output(command)
}

#[test]
fn a_file_is_written_whole_and_never_overwritten_unasked() {
    use std::os::unix::fs::PermissionsExt;
    let bench = with_history(MONTH);
    let folder = bench.path("here");
    fs::create_dir(&folder).unwrap();
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&folder).unwrap().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let first = report_in(&bench, &folder, &[]);
    assert!(first.status.success(), "{}", said(&first));
    let name = names().pop().unwrap();
    assert!(name.starts_with("jobs-20") && name.ends_with(".html"), "{name}");
    assert!(said(&first).contains(&name), "{}", said(&first));
    let mode = fs::metadata(folder.join(&name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "last lines are for those alone who may read the logs");

    fs::write(folder.join(&name), "mine").unwrap();
    let second = report_in(&bench, &folder, &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said(&second).contains("exists; name another file with -o, or replace it with --force")
    );
    assert_eq!(fs::read_to_string(folder.join(&name)).unwrap(), "mine");
    let forced = report_in(&bench, &folder, &["--force"]);
    assert!(forced.status.success(), "{}", said(&forced));
    parse(&fs::read_to_string(folder.join(&name)).unwrap());
    assert_eq!(names().len(), 1, "{:?}", names());

    let other = report_in(&bench, &folder, &["-o", "other.html"]);
    assert!(other.status.success(), "{}", said(&other));
    for (file, words) in [
        ("none/x.html", "cannot be written to none/x.html"),
        (".", "is no plain file"),
        ("/dev/null", "is no plain file"),
    ] {
        let failed = report_in(&bench, &folder, &["-o", file, "--force"]);
        assert_eq!(failed.status.code(), Some(1), "{file}");
        assert!(said(&failed).contains(words), "{file}: {}", said(&failed));
    }
    assert_eq!(names().len(), 2, "{:?}", names());
    let unknown = output(bench.hand(&["report", "jbs", "-o", "-"]));
    assert!(said(&unknown).contains("did you mean the site `jobs`?"), "{}", said(&unknown));
}

#[test]
fn a_timeline_fits_its_terminal() {
    let bench = with_history(MONTH);
    for width in [40, 80, 200] {
        for (locale, unicode) in [("C", false), ("ja_JP.UTF-8", true)] {
            let mut command = bench.hand(&["timeline", "jobs"]);
            command.env("COLUMNS", width.to_string()).env("LC_ALL", locale);
            command.env("TZ", "Asia/Tokyo");
            let text = succeed(command);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            assert!(!text.contains('\x1b'), "no colour off a terminal");
            assert_eq!(text.is_ascii(), !unicode, "{text}");
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for words in [
                "Site jobs",
                "UTC+09:00 (JST)",
                "By the last entry, running on node-a since 2026-11-25 18:42:08",
                "2026-11-20 12:02:17.251 5.314 s",
                "at least 13.7 s",
                "8.569 s",
                "up after 8.639 s",
            ] {
                assert!(flat.contains(words), "{width}: `{words}` is missing:\n{text}");
            }
        }
    }
}

/// The whole life of a site: a process is started again, one fails the site, a start fails, a pause, a new
/// supervisor, a stop.
#[test]
fn a_real_life_is_told_as_it_was() {
    let bench = Bench::new();
    let broken = bench.path("broken");
    bench.define(
        "jobs",
        &format!(
            "environment: {{SECRET: hunter2hunter2}}\nprocesses:\n  \
             store: {{command: [/bin/sh, -c, \"sleep 0.3; echo up; exec sleep 1000\"], ready: {{log: up}}}}\n  \
             engine: {{command: [/bin/sh, -c, \"echo begins; echo key $SECRET; test -e {broken} && {{ echo '</pre><b>bad'; exit 3; }}; \
             echo up; exec sleep 1000\"], ready: {{log: up}}, depends_on: [store]}}\n  \
             web: {{command: [/bin/sh, -c, \"exec sleep 1000\"], depends_on: [store], essential: false, \
             restart: {{attempts: 3, within: 60s, delay: 50ms, max_delay: 1s}}}}\n",
            broken = broken.display()
        ),
    );
    let events = |event: HistoryEvent| -> Vec<Entry> {
        let all = read(&history_of(&bench, "jobs")).entries;
        all.into_iter().filter(|entry| entry.event == event).collect()
    };
    succeed(bench.hand(&["start", "jobs"]));
    signal(bench.pid("jobs", "web"), Signal::KILL);
    until("it is well again", || !events(HistoryEvent::Recovered).is_empty());
    succeed(bench.hand(&["pause", "jobs"]));
    succeed(bench.hand(&["resume", "jobs"]));
    signal(bench.pid("jobs", "engine"), Signal::KILL);
    until("it is down", || !events(HistoryEvent::Down).is_empty());
    fs::write(&broken, "").unwrap();
    let failed = output(bench.hand(&["start", "jobs"]));
    assert!(!failed.status.success());
    fs::remove_file(&broken).unwrap();
    succeed(bench.hand(&["start", "jobs"]));
    let supervisor = bench.pid("jobs", "supervisor");
    signal(supervisor, Signal::KILL);
    until("it is dead", || !bench.record("jobs").unwrap().supervisor.is_alive());
    succeed(bench.hand(&["adopt", "jobs"]));
    succeed(bench.hand(&["stop", "jobs"]));
    // So that "now" is another millisecond.
    wait_for(Duration::from_millis(20));

    let page = page_of(&bench, &[]);
    let parsed = parse(&page);
    let text = &parsed.text;
    assert!(!page.contains("hunter2") && page.contains("[value of SECRET]"));
    assert!(text.contains("</pre><b>bad"), "the last lines");
    assert!(text.contains("stopped on"), "the state at present");

    // The outages, from the entries themselves.
    let (ups, failures) = (events(HistoryEvent::Up), events(HistoryEvent::Failed));
    assert_eq!((ups.len(), failures.len()), (3, 2));
    let pausing = &events(HistoryEvent::Pausing)[0];
    let stopping = &events(HistoryEvent::Stopping)[0];
    for (number, from, to) in [(1, pausing, &ups[1]), (2, &failures[0], &ups[2])] {
        let node = &from.node;
        let words =
            format!("Outage {number}, on {node}: {} without service", short(between(from, to)));
        assert!(text.contains(&words), "`{words}`: {:?}", parsed.all("h3"));
    }
    assert!(text.contains(&format!("Outage 3, on {}, not served since", stopping.node)));
    assert_eq!(events(HistoryEvent::Adopted).len(), 1, "and no outage by it");
    // The starts: two that came up, a resumption, and one that failed.
    let ordered = events(HistoryEvent::StartOrdered);
    let last = short(between(&ordered[2], &ups[2]));
    assert!(text.contains(&format!("up after {last}")), "{last}: {:?}", parsed.all("h3"));
    assert!(text.contains("The last start that failed"), "{:?}", parsed.all("h3"));
    for process in ["store", "engine", "web"] {
        let took = events(HistoryEvent::Ready);
        let mut of_start =
            took.iter().filter(|entry| entry.at > ordered[2].at && entry.took.is_some());
        let ready = of_start.find(|entry| entry.process.as_deref() == Some(process));
        let took = short(ready.unwrap().took.unwrap());
        assert!(text.contains(&format!("{process} \u{2013} {took}")), "{process}: {took}");
    }
    let web = events(HistoryEvent::Fault).into_iter().find(|e| e.process.as_deref() == Some("web"));
    assert!(text.contains(&web.unwrap().detail));
    assert!(text.contains("it was ready again after"), "{text}");
    let timeline = succeed(bench.hand(&["timeline", "jobs"]));
    assert!(timeline.contains(&short(between(&failures[0], &ups[2]))), "{timeline}");
}
