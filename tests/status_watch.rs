//! `status --watch` on a terminal: tmux(1) draws what a person would see.

mod common;

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use common::*;
use siteward::values::{Pid, Signal};

fn main() -> ExitCode {
    let has_tmux = Command::new("tmux").arg("-V").output().is_ok_and(|told| told.status.success());
    let missing =
        "what a watch draws on a terminal. Missing: tmux; get it with: apt-get install tmux";
    live_through(
        (!has_tmux).then_some(missing),
        true,
        &[
            ("sixty_processes_fit_a_small_terminal", sixty_processes_fit_a_small_terminal),
            ("a_death_is_drawn_at_once", a_death_is_drawn_at_once),
            ("a_watch_follows_the_size_of_its_terminal", a_watch_follows_the_size_of_its_terminal),
            ("a_watch_leaves_the_terminal_as_it_was", a_watch_leaves_the_terminal_as_it_was),
            ("all_sites_are_watched_together", all_sites_are_watched_together),
        ],
    )
}

/// A terminal with a shell, whose prompt is `READY>`.
struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    fn open(bench: &Bench, columns: usize, lines: usize) -> Self {
        let terminal = Self { folder: tempfile::tempdir().unwrap() };
        let shell = terminal.folder.path().join("shell");
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in bench.hand(&[]).get_envs() {
            script.push_str(&format!("export {}='{}'\n", name.display(), value.unwrap().display()));
        }
        script.push_str("export PS1='READY> '\nexec /bin/sh -i\n");
        fs::write(&shell, script).unwrap();
        let size = [("-x", columns), ("-y", lines)].map(|(key, n)| [key.to_owned(), n.to_string()]);
        let mut words = vec!["-f".to_owned(), "/dev/null".to_owned(), "new-session".to_owned()];
        words.push("-d".to_owned());
        words.extend(size.into_iter().flatten());
        words.push(format!("/bin/sh {}", shell.display()));
        terminal.tmux(&words);
        until("the shell is there", || terminal.shows().contains("READY>"));
        terminal
    }

    fn tmux(&self, words: &[String]) -> String {
        let mut command = Command::new("tmux");
        command
            .arg("-S")
            .arg(self.folder.path().join("socket"))
            .args(words)
            .env_remove("TMUX")
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8");
        said(&output(command))
    }

    fn press(&self, keys: &[&str]) {
        let words = ["send-keys"].iter().chain(keys).map(|word| (*word).to_owned());
        self.tmux(&words.collect::<Vec<_>>());
    }

    fn run(&self, line: &str) {
        self.press(&["-l", line]);
        self.press(&["Enter"]);
    }

    fn watch(&self, words: &str) {
        self.run(&format!("'{SITEWARD}' status {words} --watch"));
        until("it draws", || self.shows().contains("q ends it"));
    }

    /// What is on the screen.
    fn shows(&self) -> String {
        self.tmux(&["capture-pane", "-p"].map(str::to_owned))
    }

    /// The same with its colours.
    fn shows_in_colour(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"].map(str::to_owned))
    }

    fn resize(&self, columns: usize, lines: usize) {
        let (x, y) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &x, "-y", &y].map(str::to_owned));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server".to_owned()]);
    }
}

/// Sixty processes, of which two are not well.
fn sixty(bench: &Bench) {
    let mut text = String::from("boot_timeout: 60s\nprocesses:\n");
    for n in 0..58 {
        text.push_str(&format!(
            "  worker-{n:02}: {{command: [/bin/sleep, \"1000\"], depends_on: [], \
             restart: {{attempts: 9, within: 60s, delay: 10ms}}}}\n"
        ));
    }
    for name in ["importer", "exporter"] {
        text.push_str(&format!(
            "  {name}: {{command: [/bin/sh, -c, \"echo the index is torn; exit 3\"], \
             depends_on: [], essential: false, ready: {{delay: 1s}}}}\n"
        ));
    }
    bench.define("many", &text);
    succeed(bench.hand(&["start", "many"]));
    let given_up = || succeed(bench.hand(&["status", "many"])).matches("given up").count();
    until("both are given up", || given_up() == 2);
}

/// What must be on the screen of the sixty.
fn is_whole(screen: &str, columns: usize, lines: usize) {
    let shown: Vec<&str> = screen.lines().collect();
    assert!(shown.len() <= lines, "{screen}");
    assert!(shown.iter().all(|line| line.chars().count() <= columns), "{screen}");
    assert!(shown[0].ends_with("every 1 s; q ends it"), "{screen}");
    assert!(shown[1].starts_with("degraded: many on "), "{screen}");
    // Those that are not well come first.
    let of = |name: &str| screen.find(name).unwrap_or_else(|| panic!("{name}: {screen}"));
    assert!(of("importer") < of("worker-00") && of("exporter") < of("worker-00"), "{screen}");
    let words: Vec<&str> = screen.split_whitespace().collect();
    let shown = words.iter().filter(|word| word.starts_with("worker-")).count();
    assert!(shown >= 1, "{screen}");
    let rest = format!("and {} more, all ready", 58 - shown);
    assert!(screen.contains(&rest), "{rest}: {screen}");
    assert!(words.join(" ").contains("last failure "), "{screen}");
}

fn sixty_processes_fit_a_small_terminal() {
    let bench = Bench::new();
    sixty(&bench);
    for (columns, lines) in [(80, 24), (40, 24), (200, 24)] {
        let terminal = Terminal::open(&bench, columns, lines);
        terminal.watch("many");
        is_whole(&terminal.shows(), columns, lines);
        let before = terminal.shows();
        until("the next second is drawn", || terminal.shows() != before);
        is_whole(&terminal.shows(), columns, lines);
        assert!(terminal.shows_in_colour().contains("\x1b[33mdegraded"), "{columns}");
    }
    // A tall one has room for all.
    let terminal = Terminal::open(&bench, 80, 100);
    terminal.watch("many");
    let screen = terminal.shows();
    assert_eq!(screen.matches("worker-").count(), 58, "{screen}");
    assert!(!screen.contains(" more, all"), "{screen}");
    drop(terminal);
    succeed(bench.hand(&["stop", "many"]));
}

fn a_death_is_drawn_at_once() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "a"]));
    let terminal = Terminal::open(&bench, 80, 24);
    // So slowly that only the supervisor can have told of it.
    terminal.run(&format!("'{SITEWARD}' status a --watch=600s"));
    until("it draws", || terminal.shows().contains("running: a on "));
    // The first request of a series is answered at once, and the second one is held.
    wait_for(Duration::from_secs(1));
    signal(bench.pid("a", "x"), Signal::KILL);
    until("the death is drawn", || {
        let screen = terminal.shows();
        screen.contains("`x` was killed by SIGKILL") && !screen.contains("running: a on ")
    });
    terminal.press(&["q"]);
    until("it has ended", || terminal.shows().contains("READY>"));
    succeed(bench.hand(&["stop", "a"]));
}

fn a_watch_follows_the_size_of_its_terminal() {
    let bench = Bench::new();
    sixty(&bench);
    let terminal = Terminal::open(&bench, 80, 24);
    terminal.watch("many");
    assert!(terminal.shows().contains("PROCESS"), "{}", terminal.shows());
    for (columns, lines) in [(40, 24), (100, 30), (30, 12), (80, 24)] {
        terminal.resize(columns, lines);
        let is_drawn = || {
            let screen = terminal.shows();
            let fits = screen.lines().all(|line| line.chars().count() <= columns);
            let is_table = screen.contains("PROCESS");
            fits && is_table == (columns >= 80) && screen.contains("degraded: many on")
        };
        until("it is drawn anew", is_drawn);
    }
    // Too small for anything: it does not matter, and it goes on.
    terminal.resize(10, 3);
    wait_for(Duration::from_millis(1500));
    terminal.resize(80, 24);
    until("it is drawn again", || terminal.shows().contains("last failure "));
    is_whole(&terminal.shows(), 80, 24);
    drop(terminal);
    succeed(bench.hand(&["stop", "many"]));
}

/// The watch that runs in this terminal.
fn watch_of(bench: &Bench) -> Pid {
    let words = bench.places.runtime.display().to_string();
    let is_ours = |stat: &siteward::linux::process::Stat| {
        let line = siteward::linux::process::arguments(stat).unwrap_or_default();
        let runtime = siteward::linux::process::environment_value(stat, "SITEWARD_RUNTIME_DIR");
        line.iter().any(|word| word == b"--watch")
            && runtime.ok().flatten().is_some_and(|value| value == words.as_bytes())
    };
    let all = siteward::linux::process::all().unwrap();
    all.iter().find(|stat| is_ours(stat)).expect("a watch").pid
}

fn a_watch_leaves_the_terminal_as_it_was() {
    let bench = Bench::new();
    bench.define("a", "processes:\n  x: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "a"]));
    let terminal = Terminal::open(&bench, 80, 24);
    terminal.run("echo before; stty -a | md5sum");
    until("it has said so", || terminal.shows().contains("  -"));
    let before = terminal.shows();
    let settings = |screen: &str| {
        let sum = screen.lines().rfind(|line| line.ends_with("  -"));
        sum.unwrap_or_default().to_owned()
    };
    for end in ["C-c", "q", "TERM", "HUP"] {
        let kept = terminal.shows().lines().next().unwrap().to_owned();
        terminal.watch("a");
        assert!(!terminal.shows().contains("before"), "on a screen of its own");
        // Keys are not echoed.
        terminal.press(&["-l", "xyz"]);
        wait_for(Duration::from_millis(300));
        assert!(!terminal.shows().contains("xyz"), "{}", terminal.shows());
        match end {
            "TERM" => signal(watch_of(&bench), Signal::TERM),
            "HUP" => signal(watch_of(&bench), Signal::HUP),
            key => terminal.press(&[key]),
        }
        until("the shell is back", || !terminal.shows().contains("q ends it"));
        let screen = terminal.shows();
        assert!(screen.starts_with(&kept), "{end}: {screen}");
        let cursor = ["display-message", "-p", "#{cursor_flag}"].map(str::to_owned);
        assert_eq!(terminal.tmux(&cursor).trim(), "1", "{end}: the cursor is shown");
        terminal.run("clear; echo code $?; stty -a | md5sum");
        until("it has said so", || terminal.shows().contains("  -"));
        assert_eq!(settings(&terminal.shows()), settings(&before), "{end}");
        terminal.run("clear; echo before");
        until("the screen is clear", || terminal.shows().starts_with("before"));
    }
    // Ctrl-Z gives the terminal to the shell, and fg draws again.
    terminal.watch("a");
    terminal.press(&["C-z"]);
    until("the shell is back", || terminal.shows().contains("READY>"));
    terminal.run("fg");
    until("it draws again", || terminal.shows().contains("q ends it"));
    terminal.press(&["q"]);
    until("the shell is back", || terminal.shows().contains("READY>"));
    drop(terminal);
    succeed(bench.hand(&["stop", "a"]));
}

fn all_sites_are_watched_together() {
    let bench = Bench::new();
    for name in ["one", "two"] {
        bench
            .define(name, &format!("site: {name}\nprocesses: {{x: {{command: [ACT, steady]}}}}\n"));
    }
    succeed(bench.hand(&["start", "one"]));
    let terminal = Terminal::open(&bench, 40, 24);
    terminal.watch("");
    let screen = terminal.shows();
    assert!(screen.contains("running") && screen.contains("stopped"), "{screen}");
    succeed(bench.hand(&["start", "two"]));
    until("both run", || terminal.shows().matches("running").count() == 2);
    drop(terminal);
    for name in ["one", "two"] {
        succeed(bench.hand(&["stop", name]));
    }
}
