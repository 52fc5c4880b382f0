//! The same walks with calls that fail: which points are tried, and what their answers were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calls::ERRNOS;
use crate::judge::{Judge, Violation, Wrong};
use crate::site::Kind;
use crate::tracer::{Aim, Call, Failure};
use crate::walks::{Act, Point, Walk};
use crate::witness::Look;

/// Which errors are injected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// Names of errors, and `short`; none: all.
    pub(crate) names: Vec<String>,
    /// Also the later calls of the same kind on the same object fail.
    pub(crate) persist: bool,
}

/// What the runs with one error have shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) points: u64,
    pub(crate) violations: u64,
    /// How often each exit code was answered.
    pub(crate) codes: BTreeMap<i32, u64>,
    /// The last thing that a verb printed that failed.
    pub(crate) said: String,
}

impl Answers {
    pub(crate) fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.violations += other.violations;
        for (code, number) in &other.codes {
            *self.codes.entry(*code).or_default() += number;
        }
        if self.said.is_empty() {
            self.said.clone_from(&other.said);
        }
    }
}

impl Errors {
    pub(crate) fn parse(words: &str, persist: bool) -> Option<Self> {
        let names: Vec<String> =
            words.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let known =
            |name: &String| name == "short" || ERRNOS.iter().any(|(known, _)| known == name);
        names.iter().all(known).then_some(Self { names, persist })
    }

    /// The first, the middle and the last call of each kind on each object, with each error that it can give.
    pub(crate) fn points(&self, calls: &[Call]) -> Vec<(u64, Failure)> {
        let mut groups: BTreeMap<(String, String), Vec<(u64, Failure)>> = BTreeMap::new();
        for (at, call) in calls.iter().enumerate() {
            for failure in call.failures() {
                let name = failure.to_string();
                // A call that is interrupted, or has nothing yet, for ever is no fault that a system has.
                let may_persist =
                    !self.persist || !matches!(name.as_str(), "EINTR" | "EAGAIN" | "short");
                if may_persist && (self.names.is_empty() || self.names.contains(&name)) {
                    let group = groups.entry((call.to_string(), name)).or_default();
                    group.push((at as u64 + 1, failure));
                }
            }
        }
        let mut points: Vec<(u64, Failure)> = Vec::new();
        for group in groups.values() {
            let last = group.len() - 1;
            let mut chosen = match self.persist {
                true => vec![0],
                false => vec![0, last / 2, last],
            };
            chosen.dedup();
            points.extend(chosen.into_iter().map(|at| group[at]));
        }
        points.sort_by_key(|(at, _)| *at);
        points
    }

    pub(crate) fn aim(&self, (at, with): (u64, Failure)) -> Aim {
        Aim::Fail { at, with, persist: self.persist }
    }
}

/// Judges the answer of a verb during which a call failed, before anything else is done.
pub(crate) fn judge_answer(walk: &Walk, point: &Point, judge: &mut Judge<'_>) {
    let crashed = point.end.is_some_and(|end| end < 0 && end != -15 || end > 100);
    if crashed {
        judge
            .violations
            .push(other(format!("the process in which it failed crashed: {:?}", point.end)));
    }
    let Some(answer) = &point.answer else { return };
    let look = Look::now(judge.site);
    let lives = !look.members.is_empty() || !look.supervisors.is_empty();
    match (walk.act, answer.code) {
        (Act::Verb("stop" | "clean"), Some(0)) if lives => {
            judge.violations.push(lie(format!(
                "{} answers {answer}, and {}",
                walk.name,
                look.describe()
            )));
        }
        (Act::Verb("start" | "adopt" | "resume"), Some(0)) => {
            let site = judge.site;
            let mut missing = Vec::new();
            let whole = judge.tracer.watch(std::time::Duration::from_secs(2), |_, _| {
                missing = Look::now(site).missing(site);
                missing.is_empty()
            });
            if !whole && !answer.text.contains("maintenance") && !answer.text.contains("degraded") {
                judge.violations.push(lie(format!(
                    "{} answers {answer}, without {}",
                    walk.name,
                    missing.join(", ")
                )));
            }
        }
        (Act::Verb("start") | Act::FailingStart, Some(1..)) if judge.site.kind != Kind::Wrapped => {
            if !look.members.is_empty() && look.supervisors.is_empty() {
                let what = format!(
                    "{} answers {answer}, and leaves unsupervised: {}",
                    walk.name,
                    look.describe()
                );
                judge.violations.push(other(what));
            }
        }
        (Act::Verb("monitor"), Some(3)) if lives => {
            judge
                .violations
                .push(lie(format!("monitor answers {answer}, and {}", look.describe())));
        }
        (
            Act::Verb(_) | Act::FailingStart | Act::Run | Act::Death(_) | Act::Create,
            Some(_) | None,
        ) => {}
    }
}

fn lie(what: String) -> Violation {
    Violation { wrong: Wrong::Lie, what }
}

fn other(what: String) -> Violation {
    Violation { wrong: Wrong::Other, what }
}
