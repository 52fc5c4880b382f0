//! A share of a walk, in a PID namespace of its own in which nothing else lives.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::sys::wait::waitpid;
use serde::{Deserialize, Serialize};

use crate::errors::{Answers, Errors};
use crate::judge::{Judge, Violation, Wrong};
use crate::site::{Kind, Site};
use crate::tracer::{Aim, Call, Tracer};
use crate::walks::{WALKS, Walk, act, judge_point, learn_files, prepare};

pub(crate) const INIT: &str = "init";
pub(crate) const WORKER: &str = "worker";

/// The points of a walk that one worker goes through.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    /// Walks of one kind of site, one after the other.
    pub(crate) names: Vec<String>,
    /// A seed and a number of points; None: all of `from..=to` by `stride`.
    pub(crate) spread: Option<(u64, u64)>,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) stride: u64,
    /// No point is begun after so many.
    pub(crate) seconds: u64,
    /// Only calls that can change something are points.
    pub(crate) only_changes: bool,
    /// None: it is killed.
    pub(crate) errors: Option<Errors>,
}

impl Share {
    /// What the results of one of its walks are summed up under.
    pub(crate) fn title(&self, name: &str) -> String {
        match &self.errors {
            None => name.to_owned(),
            Some(_) => format!("{name} with errors"),
        }
    }

    fn is_one_point(&self) -> bool {
        self.from == self.to
    }
}

/// What a share has shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Killed at.
    pub(crate) points: u64,
    /// How many calls there were, if only those were points that can change something.
    pub(crate) of_calls: Option<u64>,
    /// Where the run ended before a call that an undisturbed run had made.
    pub(crate) not_reached: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) longest_stop: Duration,
    /// By the name of the error.
    pub(crate) answers: BTreeMap<String, Answers>,
}

impl Shown {
    /// Of each walk of a share, by its name.
    pub(crate) fn read_all(path: &Path) -> Option<BTreeMap<String, Self>> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.of_calls = self.of_calls.max(other.of_calls);
        self.not_reached += other.not_reached;
        self.violations.extend(other.violations.iter().cloned());
        self.longest_stop = self.longest_stop.max(other.longest_stop);
        for (name, answers) in &other.answers {
            self.answers.entry(name.clone()).or_default().add(answers);
        }
    }

    fn count(&self, wrong: Wrong) -> usize {
        self.violations.iter().filter(|v| v.wrong == wrong).count()
    }

    pub(crate) fn cells(&self) -> [String; 6] {
        [
            match self.of_calls {
                None => self.points.to_string(),
                Some(calls) => format!("{} that change something, of {calls} calls", self.points),
            },
            self.count(Wrong::LeftOver).to_string(),
            self.count(Wrong::Lie).to_string(),
            self.count(Wrong::Other).to_string(),
            self.not_reached.to_string(),
            format!("{:.1} s", self.longest_stop.as_secs_f64()),
        ]
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [points, left, lies, other, missed, stop] = self.cells();
        write!(
            f,
            "{points} points, {left} left over, {lies} lies, {other} other violations, {missed} not reached, longest stop {stop}"
        )
    }
}

/// The first process of the namespace: it reaps, and ends with its worker.
// It waits for all, not for this one alone.
#[expect(clippy::zombie_processes)]
pub(crate) fn be_init(words: &[String]) -> ExitCode {
    let own = std::env::current_exe().expect("a program has a path");
    let worker = Command::new(own).arg(WORKER).args(words).spawn().expect("it was started itself");
    let worker = worker.id().cast_signed();
    loop {
        match waitpid(None, None) {
            Ok(status) if status.pid().map(nix::unistd::Pid::as_raw) == Some(worker) => {
                let is_good = matches!(status, nix::sys::wait::WaitStatus::Exited(_, 0));
                return ExitCode::from(u8::from(!is_good));
            }
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

fn find(name: &str) -> (Walk, Kind) {
    let (walk, kind) = match name.split_once('/') {
        None => (name, Kind::Database),
        Some((walk, "plain")) => (walk, Kind::Plain),
        Some((walk, _)) => (walk, Kind::Wrapped),
    };
    (*WALKS.iter().find(|w| w.name == walk).expect("the name was checked"), kind)
}

pub(crate) fn work(words: &str) -> ExitCode {
    let (share, result): (Share, PathBuf) = serde_json::from_str(words).expect("written by us");
    let begun = Instant::now();
    let mut tracer = Tracer::new();
    let kind = share.names.first().map_or(Kind::Database, |name| find(name).1);
    let mut site = Site::new(kind, tracer.clock());
    learn_files(&mut site, &mut tracer);
    tracer.only_changes = share.only_changes;
    let mut shown = BTreeMap::new();
    for name in share.names.clone() {
        if begun.elapsed().as_secs() >= share.seconds {
            break;
        }
        let (walk, _) = find(&name);
        let share = share.clone();
        let mut worker = Worker { walk, name, share, site: &site, shown: Shown::default(), begun };
        worker.walk(&mut tracer);
        shown.insert(worker.name, worker.shown);
        site.restore();
    }
    Judge::new(&site, &mut tracer).leave_nothing();
    let text = serde_json::to_string(&shown).expect("plain values");
    fs::write(result, text).expect("the folder of results can be written");
    ExitCode::SUCCESS
}

struct Worker<'a> {
    walk: Walk,
    name: String,
    share: Share,
    site: &'a Site,
    shown: Shown,
    begun: Instant,
}

impl Worker<'_> {
    fn walk(&mut self, tracer: &mut Tracer) {
        let (learnt, calls) = self.learn(tracer);
        match self.share.errors.clone() {
            None => self.go(tracer, learnt),
            Some(errors) => self.go_wrong(tracer, &errors, &calls),
        }
    }

    fn is_late(&self) -> bool {
        self.begun.elapsed().as_secs() >= self.share.seconds
    }

    /// The number of calls of a run that nobody disturbs.
    fn learn(&mut self, tracer: &mut Tracer) -> (u64, Vec<Call>) {
        let site = self.site;
        let mut judge = Judge::new(site, tracer);
        prepare(&self.walk, &mut judge);
        let point = act(&self.walk, &Aim::Learn, &mut judge);
        if std::env::var_os("SITEWARD_WALK_CALLS").is_some() {
            for (n, call) in point.calls.iter().enumerate() {
                println!("{} {call}", n + 1);
            }
        }
        judge_point(&self.walk, &point, 0, &mut judge, false);
        let (violations, answer) = (std::mem::take(&mut judge.violations), point.answer);
        for violation in violations {
            println!(
                "VIOLATION {} undisturbed ({} calls): {}",
                self.name, point.count, violation.what
            );
            self.shown.violations.push(violation);
        }
        if self.share.is_one_point() {
            println!("{}: {} calls when undisturbed, answer {answer:?}", self.name, point.count);
        }
        self.shown.of_calls = self.share.only_changes.then_some(point.all);
        (point.count, point.calls)
    }

    fn go(&mut self, tracer: &mut Tracer, learnt: u64) {
        let mut ended_early = 0;
        for n in self.points(learnt) {
            if self.is_late() {
                return;
            }
            let reached = self.point(tracer, n, &Aim::Kill(n));
            self.shown.points += u64::from(reached);
            self.shown.not_reached += u64::from(!reached && n <= learnt);
            // Runs differ in length: the walk is over when several in a row end before the point.
            ended_early = if reached { 0 } else { ended_early + 1 };
            if n > learnt && ended_early >= 2 {
                return;
            }
        }
    }

    /// The points of this share at which a call fails.
    fn go_wrong(&mut self, tracer: &mut Tracer, errors: &Errors, calls: &[Call]) {
        let Share { spread, from, stride, .. } = self.share;
        let mut points = errors.points(calls);
        if let Some((seed, number)) = spread {
            // Spread over all of them, from another one with each seed.
            let step = (points.len() as u64 / number.max(1)).max(1);
            points = every(points, seed % step, step);
        } else {
            points = every(points, from - 1, stride);
        }
        for (n, point) in points.iter().enumerate() {
            if self.is_late() {
                return;
            }
            let reached = self.point(tracer, n as u64, &errors.aim(point));
            self.shown.points += u64::from(reached);
            self.shown.not_reached += u64::from(!reached);
        }
    }

    fn points(&self, learnt: u64) -> Box<dyn Iterator<Item = u64>> {
        let Share { spread, from, to, stride, .. } = self.share;
        match spread {
            None => Box::new((from..=to).step_by(usize::try_from(stride).unwrap_or(1))),
            Some((seed, number)) => {
                let mut state = self
                    .name
                    .bytes()
                    .fold(seed, |s, b| (s ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
                Box::new((0..number).map(move |_| {
                    // xorshift64*
                    state = state.max(1);
                    state ^= state >> 12;
                    state ^= state << 25;
                    state ^= state >> 27;
                    1 + state.wrapping_mul(0x2545_f491_4f6c_dd1d) % learnt.max(1)
                }))
            }
        }
    }

    /// False: the run ended before.
    fn point(&mut self, tracer: &mut Tracer, n: u64, aim: &Aim) -> bool {
        let site = self.site;
        let mut judge = Judge::new(site, tracer);
        prepare(&self.walk, &mut judge);
        let point = act(&self.walk, aim, &mut judge);
        let failed = matches!(aim, Aim::Fail { .. });
        judge_point(&self.walk, &point, n, &mut judge, failed);
        let at = point.at.as_ref().map_or_else(|| "not reached".to_owned(), ToString::to_string);
        if self.share.is_one_point() {
            println!("{} at {n}: {at}; {:?}; {} calls", self.name, point.answer, point.count);
        }
        let violations = std::mem::take(&mut judge.violations);
        self.shown.longest_stop = self.shown.longest_stop.max(judge.longest_stop);
        if !violations.is_empty() {
            judge.repair();
        }
        let changes = if self.share.only_changes { " --changes" } else { "" };
        let mut again = format!("--at {n}{changes}");
        if let Aim::Fail { call, time, with: failure, persist } = aim {
            let persist = if *persist { " --persist" } else { "" };
            again = format!("--errors {failure}{persist} --call '{call}' --time {time}");
            let answers = self.shown.answers.entry(failure.to_string()).or_default();
            answers.points += u64::from(point.at.is_some());
            answers.violations += violations.len() as u64;
            if let (Some(_), Some(answer)) = (&point.at, &point.answer) {
                *answers.codes.entry(answer.code.unwrap_or(-1)).or_default() += 1;
                if answer.code != Some(0) {
                    answers.said.clone_from(&answer.text);
                }
            }
        }
        for violation in violations {
            println!(
                "VIOLATION {:?} {} at {at}: {}\n  again: tests/crash-walk {} {again}",
                violation.wrong, self.name, violation.what, self.name
            );
            self.shown.violations.push(violation);
        }
        point.at.is_some()
    }
}

fn every<T>(of: Vec<T>, from: u64, step: u64) -> Vec<T> {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    of.into_iter().skip(number(from)).step_by(number(step).max(1)).collect()
}
