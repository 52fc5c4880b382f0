//! The walks: what is done, to which process of it, and from which state of the site.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::judge::{Judge, Next, Wrong};
use crate::site::{Answer, Kind, LIMIT, Site};
use crate::tracer::{Aim, Call, End, Tracer};
use crate::witness::{Look, is_alive, names};

/// In which state a point begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Stopped,
    Running,
    /// Its supervisor was killed.
    Unsupervised,
    /// The same, and one of its processes too.
    Thinned,
    Paused,
    /// It does not exist.
    Undefined,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Verb(&'static str),
    /// The last process ends at once.
    FailingStart,
    /// `run`, which is told to stop once nothing happens any more.
    Run,
    /// A main process is killed: one that is started again, or one that is not.
    Death(&'static str),
    Create,
}

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Verb,
    /// A process that the verb starts, by its first argument.
    Child(&'static str),
    /// The supervisor that runs.
    Supervisor,
    /// The keeper of the lease that runs.
    Keeper,
}

/// One walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) name: &'static str,
    pub(crate) before: Before,
    pub(crate) act: Act,
    pub(crate) victim: Victim,
}

const fn walk(name: &'static str, before: Before, act: Act, victim: Victim) -> Walk {
    Walk { name, before, act, victim }
}

const SUPERVISE: Victim = Victim::Child("supervise");
const KEEP: Victim = Victim::Child("keep-lease");
use Act::{Create, Death, FailingStart, Run, Verb};
use Before::{Paused, Running, Stopped, Thinned, Undefined, Unsupervised};

pub(crate) const WALKS: &[Walk] = &[
    walk("start", Stopped, Verb("start"), Victim::Verb),
    walk("start-again", Unsupervised, Verb("start"), Victim::Verb),
    walk("start-failing", Stopped, FailingStart, Victim::Verb),
    walk("stop", Running, Verb("stop"), Victim::Verb),
    walk("stop-unsupervised", Unsupervised, Verb("stop"), Victim::Verb),
    walk("clean", Running, Verb("clean"), Victim::Verb),
    walk("clean-unsupervised", Unsupervised, Verb("clean"), Victim::Verb),
    walk("pause", Running, Verb("pause"), Victim::Verb),
    walk("resume", Paused, Verb("resume"), Victim::Verb),
    walk("reload", Running, Verb("reload"), Victim::Verb),
    walk("adopt", Unsupervised, Verb("adopt"), Victim::Verb),
    walk("run", Stopped, Run, Victim::Verb),
    walk("create", Undefined, Create, Victim::Verb),
    walk("monitor", Running, Verb("monitor"), Victim::Verb),
    walk("sup-start", Stopped, Verb("start"), SUPERVISE),
    walk("sup-adopt", Thinned, Verb("adopt"), SUPERVISE),
    walk("sup-stop", Running, Verb("stop"), Victim::Supervisor),
    walk("sup-pause", Running, Verb("pause"), Victim::Supervisor),
    walk("sup-resume", Paused, Verb("resume"), Victim::Supervisor),
    walk("sup-reload", Running, Verb("reload"), Victim::Supervisor),
    walk("sup-restart", Running, Death("100001 &"), Victim::Supervisor),
    walk("sup-failing", Stopped, FailingStart, SUPERVISE),
    walk("sup-failed", Running, Death("sleep 100000"), Victim::Supervisor),
    walk("keeper-start", Stopped, Verb("start"), KEEP),
    walk("keeper-stop", Running, Verb("stop"), Victim::Keeper),
];

impl Walk {
    /// Whether a site of this kind can be walked through so.
    pub(crate) fn suits(&self, kind: Kind) -> bool {
        let of_keeper = matches!(self.victim, Victim::Keeper) || self.victim == KEEP;
        match kind {
            Kind::Database => true,
            Kind::Plain => !of_keeper && self.act != Create && self.act != Verb("monitor"),
            Kind::Wrapped => {
                let of_supervisor = self.victim == Victim::Supervisor || self.victim == SUPERVISE;
                let verbs = ["start", "stop", "clean", "pause", "resume", "monitor"];
                let is_verb =
                    matches!(self.act, Verb(verb) if verbs.contains(&verb)) || self.act == Run;
                is_verb && !of_supervisor && self.before != Unsupervised
            }
        }
    }

    /// The supervisor that is started is counted until a stop has ended it.
    fn is_whole_life(&self) -> bool {
        self.victim == SUPERVISE && matches!(self.act, Verb("start" | "adopt"))
    }

    /// Nothing lives when it begins, so that a start which fails may leave nothing.
    pub(crate) fn begins_stopped(&self) -> bool {
        self.before == Stopped
    }

    fn may_pause(&self) -> bool {
        matches!(self.act, Verb("pause" | "resume"))
    }
}

/// What one point has shown.
#[derive(Debug)]
pub(crate) struct Point {
    /// The call at which it was done; None: the run ended before.
    pub(crate) at: Option<Call>,
    /// How many calls were counted.
    pub(crate) count: u64,
    /// The same, with those that only look.
    pub(crate) all: u64,
    /// What the verb answered, if it was not the one that was killed.
    pub(crate) answer: Option<Answer>,
    /// How the process ended whose calls were counted.
    pub(crate) end: Option<End>,
    /// The site was stopped again within it.
    pub(crate) is_stopped: bool,
    pub(crate) calls: Vec<Call>,
}

/// A run that is watched has ended, or nothing happens any more.
const QUIET: Duration = Duration::from_millis(70);

/// Learns which files may be there after a stop.
pub(crate) fn learn_files(site: &mut Site, tracer: &mut Tracer) {
    let mut allowed = BTreeSet::new();
    let lives: &[&[&str]] = match site.kind {
        Kind::Database | Kind::Plain => &[
            &["start", "reload", "pause", "resume", "stop"],
            &["start", "kill", "adopt", "stop"],
            &["start", "kill", "clean"],
        ],
        Kind::Wrapped => &[&["start", "pause", "resume", "stop"], &["start", "clean"]],
    };
    for verbs in lives {
        for verb in *verbs {
            if *verb == "kill" {
                site.kill(tracer, supervisors);
                continue;
            }
            let answer = site.run(tracer, site.verb(verb));
            assert_eq!(
                answer.code,
                Some(0),
                "a life that nobody disturbs: {verb} answers {answer}"
            );
            // A helper that follows a verb may have a file to write.
            tracer.watch(Duration::from_secs(3), |_, _| Look::now(site).others.is_empty());
        }
        allowed.extend(names(site));
    }
    for name in ["main.log", "main.log.index"] {
        allowed.insert(format!("log/{}/{name}", site.name));
    }
    // A pause follows the site, also one whose verb was killed.
    allowed.insert("disk/.siteward/paused".to_owned());
    // It stays by intention, and comes only where a start is left the time for it.
    let node = fs::read_to_string("/proc/sys/kernel/hostname").expect("a node has a name");
    allowed.insert(format!("disk/.siteward/facts/{}.json", node.trim()));
    // One that a killed helper was writing there: the next start on this node writes it anew.
    let facts = allowed.iter().filter(|name| name.starts_with("disk/.siteward/facts/"));
    allowed.extend(facts.map(|name| format!("{name}.new")).collect::<Vec<_>>());
    site.allowed = allowed;
}

fn supervisors(look: &Look) -> Vec<i32> {
    look.supervisors.iter().map(|process| process.pid).collect()
}

/// Brings a site that runs, or is stopped, to where a point begins.
pub(crate) fn prepare(walk: &Walk, judge: &mut Judge<'_>) {
    let site = judge.site;
    let must = |judge: &mut Judge<'_>, verb: &str| {
        let answer = site.run(judge.tracer, site.verb(verb));
        if answer.code != Some(0) {
            judge.blame(Wrong::Other, format!("before it, {verb} answers {answer}"));
        }
    };
    match walk.before {
        Stopped => {
            must(judge, "stop");
            judge.tracer.watch(LIMIT, |_, _| Look::now(site).others.is_empty());
            // What would only grow.
            let _ = fs::remove_dir_all(site.base.join(format!("log/{}", site.name)));
            let _ = fs::remove_dir_all(site.base.join("disk/.siteward/history"));
            return;
        }
        Undefined => {
            // A walk before this one may have left the site running.
            if !Look::now(site).supervisors.is_empty() {
                must(judge, "stop");
                judge.tracer.watch(LIMIT, |_, _| Look::now(site).others.is_empty());
            }
            for path in ["sites", "links", "disk", "run", "log"] {
                let _ = fs::remove_dir_all(site.base.join(path));
            }
            for path in ["sites", "run", "log"] {
                let _ = fs::create_dir(site.base.join(path));
            }
            return;
        }
        Running | Unsupervised | Thinned | Paused => {}
    }
    if judge.site.kind == Kind::Wrapped || Look::now(site).supervisors.is_empty() {
        must(judge, "start");
    }
    // Helpers that follow a start are no part of the point.
    judge.tracer.watch(LIMIT, |_, _| Look::now(site).others.is_empty());
    match walk.before {
        Unsupervised => site.kill(judge.tracer, supervisors),
        Thinned => {
            site.kill(judge.tracer, supervisors);
            site.kill(judge.tracer, |look| mains(site, look, "100001 &"));
        }
        Paused => must(judge, "pause"),
        Running | Stopped | Undefined => {}
    }
}

fn mains(site: &Site, look: &Look, main: &str) -> Vec<i32> {
    look.members.iter().filter(|p| site.is_main(p, main)).map(|process| process.pid).collect()
}

/// Does it once, with `aim` at one of its calls.
pub(crate) fn act(walk: &Walk, aim: &Aim, judge: &mut Judge<'_>) -> Point {
    let site = judge.site;
    Site::forget_printed();
    let begun = Instant::now();
    let command = match walk.act {
        Verb(verb) => Some(site.verb(verb)),
        FailingStart => Some(site.verb("start")),
        Run => Some(site.verb("run")),
        Create => {
            let disk = site.base.join("disk").display().to_string();
            let words =
                ["create", &site.name, "--database", &disk, "--unmounted", "--", "sleep", "100000"];
            Some(site.command(&words))
        }
        Death(_) => None,
    };
    if walk.act == FailingStart {
        fs::write(site.flag(), "").unwrap();
    }
    let verb = match (walk.victim, command) {
        (Victim::Verb, Some(command)) => Some(judge.tracer.spawn_traced(&command, None, aim)),
        (Victim::Child(word), Some(command)) => {
            Some(judge.tracer.spawn_traced(&command, Some(word), aim))
        }
        (Victim::Supervisor | Victim::Keeper, command) => {
            let look = Look::now(site);
            let group =
                if walk.victim == Victim::Keeper { &look.keepers } else { &look.supervisors };
            if let Some(process) = group.first() {
                judge.tracer.attach(process.pid, aim);
            }
            command.map(|mut command| {
                let (out, err) = crate::site::output_files();
                command.stdout(out).stderr(err);
                judge.tracer.spawn(command)
            })
        }
        (Victim::Verb | Victim::Child(_), None) => None,
    };
    if let Death(main) = walk.act {
        site_kill(site, main);
    }
    let (mut told, mut stop) = (false, None);
    let over = judge.tracer.watch(LIMIT * 2, |tracer, is_tick| {
        let verb_ended = verb.is_none_or(|pid| tracer.ended.contains_key(&pid));
        let gone = tracer
            .target
            .is_some_and(|pid| tracer.ended.contains_key(&pid) || (is_tick && !is_alive(pid)));
        let stop_ended = stop.is_none_or(|pid| tracer.ended.contains_key(&pid));
        if gone && verb_ended && stop_ended {
            return true;
        }
        if !is_tick || tracer.last.elapsed() < QUIET || !is_quiet(tracer) {
            return false;
        }
        // One in which a call failed goes on, and ends as any other.
        let is_killed = tracer.hit.is_some() && matches!(aim, Aim::Kill(_));
        if walk.act == Run && walk.victim == Victim::Verb && !told && !is_killed {
            let Some(target) = tracer.target else { return false };
            if Look::now(site).missing(site).is_empty() {
                told = kill(Pid::from_raw(target), Signal::SIGTERM).is_ok();
            }
            return false;
        }
        let rests = verb_ended && stop_ended && Look::now(site).others.is_empty();
        if rests && walk.is_whole_life() && stop.is_none() && !gone && tracer.hit.is_none() {
            let mut command = site.verb("stop");
            let (out, err) = crate::site::output_files();
            command.stdout(out).stderr(err);
            stop = Some(tracer.spawn(command));
            return false;
        }
        rests
    });
    judge.tracer.release();
    let end = judge.tracer.target.and_then(|pid| judge.tracer.ended.get(&pid).copied());
    let code = verb.and_then(|pid| judge.tracer.ended.remove(&pid));
    if let Some(code) = stop.and_then(|pid| judge.tracer.ended.remove(&pid))
        && code != 0
        && matches!(aim, Aim::Kill(_))
    {
        let said = site.printed();
        judge.blame(Wrong::Other, format!("the stop of its supervisor answers {code}: {said}"));
    }
    let killed_itself =
        walk.victim == Victim::Verb && judge.tracer.hit.is_some() && matches!(aim, Aim::Kill(_));
    let answer = Answer { code, text: site.printed(), took: begun.elapsed() };
    if !over {
        let look = Look::now(site);
        judge.blame(Wrong::Other, format!("no end is seen: {answer} ({})", look.describe()));
        if let Some(pid) = verb {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    let _ = fs::remove_file(site.flag());
    let answer = (over && !killed_itself && verb.is_some()).then_some(answer);
    let tracer = &mut judge.tracer;
    let calls = std::mem::take(&mut tracer.calls);
    let all = tracer.count + tracer.passed;
    let is_stopped = stop.is_some();
    Point { at: tracer.hit.take(), count: tracer.count, all, answer, end, is_stopped, calls }
}

fn site_kill(site: &Site, main: &str) {
    for pid in mains(site, &Look::now(site), main) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Whether every task of the traced process sleeps.
fn is_quiet(tracer: &Tracer) -> bool {
    let Some(target) = tracer.target else { return true };
    let tasks = fs::read_dir(format!("/proc/{target}/task")).into_iter().flatten().flatten();
    tasks.into_iter().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('S'))
    })
}

/// Judges what a point has left, and brings the site back to where the next can begin.
pub(crate) fn judge_point(walk: &Walk, point: &Point, n: u64, judge: &mut Judge<'_>, failed: bool) {
    if failed {
        crate::errors::judge_answer(walk, point, judge);
    }
    if walk.act == Create {
        return judge_created(point, judge, failed);
    }
    if let Some(answer) = &point.answer {
        let verb = match walk.act {
            Verb(verb) => verb,
            FailingStart => "start",
            Run => "run",
            Death(_) | Create => "",
        };
        judge.sane(verb, answer);
        // A stop may say that it did not succeed.
        let is_stop = matches!(verb, "stop" | "clean") && !failed;
        if is_stop && answer.code == Some(0) {
            let look = Look::now(judge.site);
            judge.nothing_left(verb, &look);
        } else if is_stop {
            let look = Look::now(judge.site).describe();
            judge.blame(
                Wrong::Other,
                format!("{verb}, whose helper was killed, answers {answer} ({look})"),
            );
        }
        if is_stop {
            judge.longest_stop = judge.longest_stop.max(answer.took);
        }
    }
    judge.afterwards(Next::of(n), walk.may_pause());
}

/// What `create` was killed at can be made by another call, works, and has no more files than usual.
fn judge_created(point: &Point, judge: &mut Judge<'_>, failed: bool) {
    let site = judge.site;
    if let Some(answer) = &point.answer
        && answer.code != Some(0)
        && !failed
    {
        judge.blame(Wrong::Other, format!("create answers {answer}"));
    }
    let disk = site.base.join("disk").display().to_string();
    let whole = ["create", &site.name, "--database", &disk, "--unmounted", "--", "sleep", "100000"];
    let is_defined = site.base.join(format!("sites/{}.yaml", site.name)).exists();
    let words = if is_defined { &whole[..2] } else { &whole[..] };
    let mut steps = vec![("create", site.command(words))];
    if is_defined {
        steps.insert(
            0,
            ("validate-all", site.command(&["validate-all", &site.name, "--level", "0"])),
        );
    }
    steps.push(("start", site.verb("start")));
    for (verb, command) in steps {
        let answer = site.run(judge.tracer, command);
        judge.sane(verb, &answer);
        if answer.code != Some(0) {
            judge.blame(Wrong::Other, format!("after it, {verb} answers {answer}"));
        }
    }
    let look = Look::now(site);
    if look.members.len() != 1 {
        judge.blame(Wrong::Other, format!("after create and start: {}", look.describe()));
    }
    judge.end_by("stop");
}
