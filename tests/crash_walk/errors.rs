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
    /// Only this call, and this time of it.
    pub(crate) only: Option<(String, u64)>,
}

/// A call that is to fail.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    pub(crate) call: Call,
    /// The first, the second, ... call of this kind on this object.
    pub(crate) time: u64,
    pub(crate) with: Failure,
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
        names.iter().all(known).then_some(Self { names, persist, only: None })
    }

    /// The first, the middle and the last call of each kind on each object, with each error that it can give.
    pub(crate) fn points(&self, calls: &[Call]) -> Vec<Failing> {
        let mut times: Vec<(&Call, u64)> = Vec::new();
        for call in calls {
            match times.iter_mut().find(|(known, _)| *known == call) {
                Some((_, times)) => *times += 1,
                None => times.push((call, 1)),
            }
        }
        let mut points = Vec::new();
        for (call, times) in times {
            for with in call.failures() {
                let name = with.to_string();
                // A call that is interrupted, or has nothing yet, for ever is no fault that a system has.
                let may_persist =
                    !self.persist || !matches!(name.as_str(), "EINTR" | "EAGAIN" | "short");
                if !may_persist || !(self.names.is_empty() || self.names.contains(&name)) {
                    continue;
                }
                let mut chosen = match self.persist {
                    true => vec![1],
                    false => vec![1, times.div_ceil(2), times],
                };
                chosen.dedup();
                let point = |time| Failing { call: call.clone(), time, with };
                points.extend(chosen.into_iter().map(point));
            }
        }
        if let Some((call, time)) = &self.only {
            points.retain(|point| point.call.to_string() == *call && point.time == *time);
        }
        points
    }

    pub(crate) fn aim(&self, point: &Failing) -> Aim {
        let Failing { call, time, with } = point.clone();
        Aim::Fail { call, time, with, persist: self.persist }
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
        (Act::Verb("start" | "adopt" | "resume"), Some(0)) if !point.is_stopped => {
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
        (Act::Verb("start") | Act::FailingStart, Some(1..))
            if judge.site.kind != Kind::Wrapped && walk.begins_stopped() =>
        {
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
