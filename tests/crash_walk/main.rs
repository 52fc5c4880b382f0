//! Kills each verb, the supervisor, and the keeper of a lease at each of their system calls, and looks what is left and
//! whether it can be gone on from. `tests/crash-walk` calls it; see there.

mod calls;
mod errors;
mod judge;
#[path = "../common/record.rs"]
mod record;
mod site;
mod tracer;
mod walks;
mod witness;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use errors::Errors;
use record::Record;
use site::Kind;
use walks::WALKS;
use worker::{Share, Shown};

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The names of walks, or of sites of a kind: `start`, `start/plain`, `start/wrapped`; none: all.
    names: Vec<String>,
    all: bool,
    record: bool,
    jobs: usize,
    seed: u64,
    from: u64,
    to: u64,
    stride: u64,
    /// Points of each walk in a short run.
    points: u64,
    /// How long a short run may take.
    seconds: u64,
    /// Calls fail with these; none: the process is killed.
    errors: Option<String>,
    persist: bool,
    /// Only calls that can change something are points.
    only_changes: bool,
    /// Only this call fails, at this time of it.
    call: Option<String>,
    time: u64,
}

const USAGE: &str = "tests/crash-walk [WALK...] [--at N | --from N --to N --stride N] [--jobs N]
tests/crash-walk [--seed N] [--points N] [--seconds N]      a spread of points of every walk
tests/crash-walk --all [--record] [--jobs N]                every point of every walk
... --changes             only calls are points that can change something; a kill before another one is the same kill
... --errors [ENOSPC,EMFILE,ENOMEM,EAGAIN,EIO,EINTR,EACCES,short] [--persist]      the call fails instead
A walk is a name of `tests/crash-walk --walks`.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(tracer::CLOCK) => tracer::be_clock(),
        Some(worker::INIT) => return worker::be_init(&words[1..]),
        Some(worker::WORKER) => return worker::work(&words[1]),
        Some("--list") => {
            println!("crash_walk: test");
            return ExitCode::SUCCESS;
        }
        Some("--walks") => {
            every_walk().iter().for_each(|name| println!("{name}"));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let Some(asked) = Asked::parse(&words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(what) = missing() {
        eprintln!("\n*** LEFT OUT: the walk through every system call. Missing: {what} ***\n");
        return ExitCode::from(u8::from(std::env::var_os("SITEWARD_TEST_ALL").is_some()));
    }
    walk(&asked)
}

/// What this machine lacks.
fn missing() -> Option<&'static str> {
    let words = ["--pid", "--fork", "--mount-proc", "--kill-child", "true"];
    if !nix::unistd::geteuid().is_root() {
        Some("root: sudo tests/run")
    } else if !Command::new("unshare").args(words).status().is_ok_and(|status| status.success()) {
        Some("namespaces: unshare --pid --mount-proc")
    } else {
        None
    }
}

/// `start`, `start/plain`, `start/wrapped`, ...
fn every_walk() -> Vec<String> {
    let kinds = [(Kind::Database, ""), (Kind::Wrapped, "/wrapped"), (Kind::Plain, "/plain")];
    kinds
        .iter()
        .flat_map(|(kind, end)| {
            WALKS.iter().filter(|w| w.suits(*kind)).map(move |w| format!("{}{end}", w.name))
        })
        .collect()
}

impl Asked {
    fn parse(words: &[String]) -> Option<Self> {
        let mut asked = Self {
            names: Vec::new(),
            all: false,
            record: false,
            jobs: 2,
            seed: 1,
            from: 1,
            to: u64::MAX,
            stride: 1,
            points: 4,
            seconds: 110,
            errors: None,
            persist: false,
            only_changes: false,
            call: None,
            time: 1,
        };
        let known = every_walk();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if word == "--errors" {
                let is_list = |next: &&String| next.starts_with('E') || next.starts_with("short");
                asked.errors = Some(words.next_if(is_list).cloned().unwrap_or_default());
                continue;
            }
            if word == "--call" {
                asked.call = Some(words.next()?.clone());
                continue;
            }
            let mut number = || words.next()?.parse::<u64>().ok();
            match word.as_str() {
                "--time" => asked.time = number()?,
                "--changes" => asked.only_changes = true,
                "--persist" => asked.persist = true,
                "--all" => asked.all = true,
                "--record" => asked.record = true,
                "--jobs" => asked.jobs = usize::try_from(number()?).ok()?.max(1),
                "--seed" => asked.seed = number()?,
                "--from" => asked.from = number()?.max(1),
                "--to" => asked.to = number()?,
                "--stride" => asked.stride = number()?.max(1),
                "--points" => asked.points = number()?,
                "--seconds" => asked.seconds = number()?,
                "--at" => {
                    asked.from = number()?.max(1);
                    asked.to = asked.from;
                }
                // As the test harness of Rust is called.
                "--nocapture" | "--quiet" | "-q" => {}
                name if known.iter().any(|k| k == name) => asked.names.push(name.to_owned()),
                _ => return None,
            }
        }
        if let Some(errors) = &asked.errors {
            Errors::parse(errors, asked.persist)?;
        }
        Some(asked)
    }

    fn errors(&self) -> Option<Errors> {
        let only = self.call.as_ref().map(|call| (call.clone(), self.time));
        Some(Errors { only, ..Errors::parse(self.errors.as_ref()?, self.persist)? })
    }

    fn is_short(&self) -> bool {
        !self.all && self.names.is_empty()
    }

    fn shares(&self) -> Vec<Share> {
        let names = if self.names.is_empty() { every_walk() } else { self.names.clone() };
        if self.is_short() {
            return self.short_shares(&names);
        }
        // A point alone is walked by one; a long walk by several side by side.
        let parts =
            if self.to == self.from || self.call.is_some() { 1 } else { 2 * self.jobs as u64 };
        let share = |name: &String, part: u64| Share {
            names: vec![name.clone()],
            spread: None,
            from: self.from + part * self.stride,
            to: self.to,
            stride: self.stride * parts,
            seconds: u64::MAX,
            only_changes: self.only_changes,
            errors: self.errors(),
        };
        names.iter().flat_map(|name| (0..parts).map(move |part| share(name, part))).collect()
    }

    /// Several walks by each worker, so that what they have in common is learnt once.
    fn short_shares(&self, names: &[String]) -> Vec<Share> {
        let share = |names: Vec<String>, points: u64, errors: Option<Errors>| Share {
            names,
            spread: Some((self.seed, points.max(1))),
            from: 1,
            to: u64::MAX,
            stride: 1,
            seconds: self.seconds,
            // The same kinds of kills with fewer points.
            only_changes: errors.is_none(),
            errors,
        };
        let end = |name: &str| name.find('/').map_or(String::new(), |at| name[at..].to_owned());
        let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            kinds.entry(end(name)).or_default().push(name.clone());
        }
        let groups = kinds.values().flat_map(|names| names.chunks(9).map(<[String]>::to_vec));
        let mut shares = Vec::new();
        for names in groups {
            if self.errors.is_none() {
                shares.push(share(names.clone(), self.points, None));
            }
            let errors = self.errors().or_else(|| Errors::parse("", false));
            shares.push(share(names, self.points / 2, errors));
        }
        // On a machine that is too busy for all of them, another seed begins elsewhere.
        let first = usize::try_from(self.seed).unwrap_or(0) % shares.len().max(1);
        shares.rotate_left(first);
        shares
    }
}

/// A share of the work in a PID namespace of its own.
struct Job {
    child: Child,
    share: Share,
    result: PathBuf,
    begun: Instant,
}

fn begin(mut share: Share, folder: &std::path::Path, number: usize, begun: Instant) -> Job {
    let own = std::env::current_exe().expect("a program has a path");
    let result = folder.join(format!("{number}.json"));
    share.seconds = share.seconds.saturating_sub(begun.elapsed().as_secs());
    let words = serde_json::to_string(&(&share, &result)).expect("plain values");
    let child = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "--",
        ])
        .arg(own)
        .args([worker::INIT, &words])
        .spawn()
        .expect("unshare can be run");
    Job { child, share, result, begun: Instant::now() }
}

fn walk(asked: &Asked) -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let begun = Instant::now();
    if asked.is_short() {
        println!(
            "seed {}: the same points again by tests/crash-walk --seed {}",
            asked.seed, asked.seed
        );
    }
    let mut left = asked.shares();
    left.reverse();
    let mut rows: BTreeMap<String, (Shown, Instant)> = BTreeMap::new();
    let (mut jobs, mut number): (Vec<Job>, usize) = (Vec::new(), 0);
    let mut broken = false;
    while !left.is_empty() || !jobs.is_empty() {
        while jobs.len() < asked.jobs
            && let Some(share) = left.pop()
        {
            if begun.elapsed().as_secs() >= share.seconds {
                println!("no time is left for {}", share.names.join(", "));
                continue;
            }
            number += 1;
            jobs.push(begin(share, folder.path(), number, begun));
        }
        // The oldest first: no wait for any of several children without a signal handler.
        let mut job = jobs.remove(0);
        match job.child.try_wait().expect("a child of ours") {
            None => {
                jobs.push(job);
                std::thread::sleep(Duration::from_millis(30));
                continue;
            }
            Some(status) => broken |= !status.success() && !job.result.exists(),
        }
        let Some(all) = Shown::read_all(&job.result) else {
            eprintln!("a worker of {} ended without a result", job.share.names.join(", "));
            broken = true;
            continue;
        };
        for (name, shown) in all {
            let title = job.share.title(&name);
            let (sum, since) = rows.entry(title.clone()).or_insert((Shown::default(), job.begun));
            sum.add(&shown);
            *since = (*since).min(job.begun);
            let others = left.iter().chain(jobs.iter().map(|job| &job.share));
            if others.flat_map(|s| s.names.iter().map(|n| s.title(n))).any(|other| other == title) {
                continue;
            }
            println!("{title}: {sum}");
            if asked.record && asked.errors.is_none() {
                write_record(&name, sum, since.elapsed());
            } else if asked.record {
                write_faults(&name, asked.persist, sum, since.elapsed());
            }
        }
    }
    let mut sum = Shown::default();
    rows.values().for_each(|(shown, _)| sum.add(shown));
    println!("all in {:.0?}: {sum}", begun.elapsed());
    ExitCode::from(u8::from(broken || !sum.violations.is_empty()))
}

fn write_record(name: &str, shown: &Shown, took: Duration) {
    let columns =
        ["walk", "points", "left over", "lies", "other violations", "not reached", "longest stop"];
    let mut record = Record::open(
        "crash-walk",
        "Crash at every step",
        "A verb, the supervisor or the keeper of the lease is killed at each of its system calls. After each kill a \
         witness of its own compares the answers with what lives, the site is stopped, cleaned, adopted or started, and \
         nothing may be left: process, socket, lock, lease, control group, file.",
        "tests/crash-walk --all --record",
        &columns,
    );
    record.notes = vec![
        "A kill before a call that follows one which only looks (reads a file, maps memory) is the same kill as the one \
         before; where a row says so, only calls that can change something were points."
            .to_owned(),
        "A helper that `clean` kills while it writes the facts of the node leaves a file `NODE.json.new` on the database; \
         the next start on that node writes it anew."
            .to_owned(),
        "There is no verb `upgrade` yet, so none was walked through.".to_owned(),
    ];
    record.put(name, &shown.cells(), took);
    record.write("crash-walk");
}

/// A row for each error.
fn write_faults(name: &str, persist: bool, shown: &Shown, took: Duration) {
    let mut record = Record::open(
        "faults",
        "Faults",
        "Errors injected into system calls, and resources taken away. A violation is a hang, a crash, a wrong answer, or \
         something left behind.",
        "tests/crash-walk --errors --all --record; cargo test --test faults -- --record",
        &["case", "what the user sees", "exit code"],
    );
    for (error, answers) in &shown.answers {
        let how = match (error.as_str(), persist) {
            ("short", _) => "a read or write is cut to one byte".to_owned(),
            (error, false) => format!("a call fails with {error}"),
            (error, true) => format!("a call fails with {error}, and again each time"),
        };
        let (points, violations) = (answers.points, answers.violations);
        let mut seen = format!("{points} calls tried, {violations} violations");
        let said = answers.said.split(" | ").last().unwrap_or_default();
        if !said.is_empty() {
            let said = said.replace(|c: char| c.is_control(), " ");
            seen.push_str(&format!("; a refusal reads: {}", hide(&said)));
        }
        let codes: Vec<String> =
            answers.codes.iter().map(|(code, number)| format!("{code}: {number} times")).collect();
        record.put(&format!("{name}, {how}"), &[seen, codes.join(", ")], took);
    }
    record.write("faults");
}

/// The folder and the name of the site are others in each run.
fn hide(said: &str) -> String {
    let words = said.split(' ').map(|word| match word.find("sw-walk-") {
        Some(at) => {
            let end =
                word[at..].find(['/', '`', ',', ':', ';']).map_or("", |end| &word[at + end..]);
            format!("{}SITE{end}", word[..at].replace("/dev/shm/", ""))
        }
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
