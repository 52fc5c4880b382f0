//! What must be true after a kill, and the verdicts.

use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::site::{Answer, Kind, LIMIT, Site};
use crate::tracer::Tracer;
use crate::witness::{Look, left_in_files};

/// A kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wrong {
    /// Something that a stop or a clean did not take away.
    LeftOver,
    /// An answer that is not so.
    Lie,
    /// A hang, a crash, or a verb that does not do its work.
    Other,
}

/// One violation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Violation {
    pub(crate) wrong: Wrong,
    pub(crate) what: String,
}

/// How long a transition that is under way may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// A stop that takes longer is printed.
const SLOW: Duration = Duration::from_secs(4);

/// How long a helper of siteward may outlive the verb.
const SOON: Duration = Duration::from_millis(1500);

/// What is done after the truth was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Stop,
    Clean,
    /// At once the next start.
    Start,
    /// Adopt, if nobody watches the processes; and a stop.
    Adopt,
}

impl Next {
    /// Each in turn.
    pub(crate) fn of(n: u64) -> Self {
        match n % 4 {
            0 => Self::Stop,
            1 => Self::Clean,
            2 => Self::Start,
            _ => Self::Adopt,
        }
    }
}

/// Collects what is wrong at one point.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) site: &'a Site,
    pub(crate) tracer: &'a mut Tracer,
    pub(crate) violations: Vec<Violation>,
    pub(crate) longest_stop: Duration,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(site: &'a Site, tracer: &'a mut Tracer) -> Self {
        Self { site, tracer, violations: Vec::new(), longest_stop: Duration::ZERO }
    }

    pub(crate) fn blame(&mut self, wrong: Wrong, what: String) {
        self.violations.push(Violation { wrong, what });
    }

    fn other(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        if !is_right {
            self.blame(Wrong::Other, what());
        }
    }

    fn run(&mut self, verb: &str) -> Answer {
        self.site.run(self.tracer, self.site.verb(verb))
    }

    /// No verb may hang, or end by a signal or a panic.
    pub(crate) fn sane(&mut self, verb: &str, answer: &Answer) {
        let dead = answer.code.is_none_or(|code| !(0..=100).contains(&code));
        let dead = dead || answer.text.contains("panicked");
        self.other(!dead, || format!("{verb} hung or crashed: {answer}"));
    }

    /// `monitor` agrees with what lives, at the latest when a transition under way has had its time.
    pub(crate) fn agree(&mut self, when: &str) {
        let begun = Instant::now();
        let why = loop {
            let before = Look::now(self.site);
            let answer = self.run("monitor");
            let after = Look::now(self.site);
            let is_same =
                before.members == after.members && before.supervisors == after.supervisors;
            self.sane("monitor", &answer);
            let lie = self.lie(&answer, &after);
            if is_same && let Some((what, true)) = &lie {
                // One that matters counts even for a moment.
                let seen = after.describe();
                self.blame(
                    Wrong::Lie,
                    format!("{when}: monitor answers {answer}, {what} ({seen})"),
                );
                return;
            }
            let word = first_word(&answer);
            let why = if !is_same {
                format!("it changes: {} / {}", before.describe(), after.describe())
            } else if let Some((what, _)) = lie {
                format!("{what} ({})", after.describe())
            } else if word == "starting" || word == "stopping" || answer.code == Some(4) {
                format!("still {word} ({})", after.describe())
            } else {
                return;
            };
            if begun.elapsed() > PATIENCE {
                break format!("monitor answers {answer}, {why}");
            }
        };
        self.blame(Wrong::Lie, format!("{when}: {why}"));
    }

    /// What is not so in an answer of monitor; true: it must never be said, not even for a moment.
    fn lie(&self, answer: &Answer, look: &Look) -> Option<(String, bool)> {
        let word = first_word(answer);
        let lives = !look.members.is_empty() || !look.supervisors.is_empty();
        let lie = |what: &str, grave| Some((what.to_owned(), grave));
        let is_wrapped = self.site.kind == Kind::Wrapped;
        if answer.code == Some(3) && lives {
            return lie("and something lives", true);
        }
        if answer.code == Some(0) && look.supervisors.is_empty() && !is_wrapped {
            return lie("and no supervisor lives", true);
        }
        if answer.code == Some(0) && is_wrapped && word == "running" && look.members.is_empty() {
            return lie("and nothing lives", true);
        }
        match word.as_str() {
            "running" if !look.missing(self.site).is_empty() => {
                lie("and not every process lives", false)
            }
            "maintenance" if !look.members.is_empty() => lie("and processes live", false),
            "unsupervised" if look.members.is_empty() => lie("and no process lives", false),
            "unsupervised" if !look.supervisors.is_empty() => lie("and a supervisor lives", false),
            "failed" if !look.supervisors.is_empty() => lie("and a supervisor lives", false),
            _ => None,
        }
    }

    /// Ends the site, after which nothing may be left.
    pub(crate) fn end_by(&mut self, verb: &str) {
        let answer = self.run(verb);
        let look = Look::now(self.site);
        self.sane(verb, &answer);
        self.longest_stop = self.longest_stop.max(answer.took);
        if answer.took > SLOW {
            println!("slow: {verb} answers {answer}");
        }
        self.other(answer.code == Some(0), || {
            format!("{verb} answers {answer} ({})", look.describe())
        });
        self.other(answer.took < LIMIT, || format!("{verb} takes longer than its limit: {answer}"));
        if answer.code == Some(0) {
            self.nothing_left(verb, &look);
            let answer = self.run("monitor");
            if answer.code != Some(3) {
                self.blame(Wrong::Lie, format!("after {verb}, monitor answers {answer}"));
            }
        }
    }

    /// `look`: right after the verb.
    pub(crate) fn nothing_left(&mut self, verb: &str, look: &Look) {
        let Look { members, supervisors, keepers, others: _ } = look;
        if !members.is_empty() || !supervisors.is_empty() || !keepers.is_empty() {
            self.blame(Wrong::LeftOver, format!("{verb} answers 0 and leaves {}", look.describe()));
        }
        let mut left = Vec::new();
        let gone = self.tracer.watch(SOON, |_, _| {
            let look = Look::now(self.site);
            left = left_in_files(self.site, &self.site.allowed);
            if !look.others.is_empty() {
                left.push(look.describe());
            }
            left.is_empty()
        });
        if !gone {
            self.blame(Wrong::LeftOver, format!("{verb} answers 0 and leaves {}", left.join(", ")));
        }
    }

    /// The site is started, and then everything is as it should be.
    pub(crate) fn start(&mut self, paused_may_be: bool) {
        let answer = self.run("start");
        self.sane("start", &answer);
        self.other(answer.code == Some(0), || format!("the next start answers {answer}"));
        if answer.code != Some(0) {
            return;
        }
        if paused_may_be && answer.text.contains("maintenance") {
            let resumed = self.run("resume");
            self.other(resumed.code == Some(0), || {
                format!("the resume after it answers {resumed}")
            });
        }
        self.whole("after the next start");
    }

    /// Every process lives once, with one supervisor and one keeper.
    pub(crate) fn whole(&mut self, when: &str) {
        let mut look = Look::now(self.site);
        let site = self.site;
        let (supervisors, keepers) = match site.kind {
            Kind::Database => (1, 1),
            Kind::Plain => (1, 0),
            Kind::Wrapped => (0, 1),
        };
        let is_whole = self.tracer.watch(Duration::from_secs(3), |_, _| {
            look = Look::now(site);
            look.missing(site).is_empty()
                && look.twice(site).is_empty()
                && look.members.len() == site.expected
                && look.supervisors.len() == supervisors
                && look.keepers.len() == keepers
        });
        if !is_whole {
            self.blame(Wrong::Other, format!("{when} the site is not whole: {}", look.describe()));
        }
        let answer = self.run("monitor");
        if first_word(&answer) != "running" {
            self.blame(Wrong::Lie, format!("{when} monitor answers {answer}"));
        }
    }

    /// What follows a kill: the truth, an end that leaves nothing, and a start that works.
    pub(crate) fn afterwards(&mut self, next: Next, paused_may_be: bool) {
        self.agree("after it");
        match next {
            Next::Stop => self.end_by("stop"),
            Next::Clean => self.end_by("clean"),
            Next::Start => {}
            Next::Adopt => {
                let look = Look::now(self.site);
                if look.supervisors.is_empty()
                    && !look.members.is_empty()
                    && self.site.kind != Kind::Wrapped
                {
                    self.adopt();
                }
                self.end_by("stop");
            }
        }
        self.start(paused_may_be);
    }

    fn adopt(&mut self) {
        let answer = self.run("adopt");
        self.sane("adopt", &answer);
        let mut twice = Vec::new();
        let is_right = self.tracer.watch(Duration::from_secs(2), |_, _| {
            twice = Look::now(self.site).twice(self.site);
            twice.is_empty()
        });
        self.other(is_right, || format!("after adopt ({answer}), twice: {}", twice.join(", ")));
        self.agree("after adopt");
    }

    /// The end of a worker: whatever was found, nothing of it stays on this machine.
    pub(crate) fn leave_nothing(&mut self) {
        self.repair();
        for group in crate::witness::groups(self.site) {
            for leaf in fs::read_dir(&group).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(leaf.path());
            }
            let _ = fs::remove_dir(group);
        }
    }

    /// Brings the site back to where it can be walked on from, whatever was found.
    pub(crate) fn repair(&mut self) {
        self.site.kill_all(self.tracer);
        let _ = self.run("clean");
        self.site.kill_all(self.tracer);
        for folder in ["run", "log", "disk/.siteward"] {
            let _ = fs::remove_dir_all(self.site.base.join(folder));
        }
        for folder in ["run", "log"] {
            let _ = fs::create_dir(self.site.base.join(folder));
        }
        let _ = fs::remove_file(self.site.base.join("pid"));
    }
}

fn first_word(answer: &Answer) -> String {
    answer.text.split([',', ' ', ':', ';']).next().unwrap_or_default().to_owned()
}
