//! The answer to a manager, and what the answers to several managers have in common.

use std::io::Write;

use super::alert_log::{self, AlertLevel};
use super::cluster_log::{self, LogSeverity};
use crate::agent::Fault;
use crate::messages::FaultKind;
use crate::observe::Observation;
use crate::site::DegradedIs;

/// The verbs, as far as their answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Start,
    Stop,
    Monitor,
    Other,
}

/// The exit code of a call, and the messages to print and to log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ManagerAnswer {
    pub code: u8,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
    /// For Pacemaker's log, the oldest first.
    pub(super) log: Vec<(LogSeverity, String)>,
    /// For ExpressCluster's alert log.
    pub(super) alert: Option<(AlertLevel, String)>,
}

impl ManagerAnswer {
    /// Prints and logs the messages. Errors are ignored: the caller gets the exit code in any case.
    pub fn give(&self) {
        let stderr = self.log_or_keep(cluster_log::write);
        if let Some((level, message)) = &self.alert {
            alert_log::write(*level, message);
        }
        let mut out = std::io::stdout().lock();
        for line in &self.stdout {
            let _ = writeln!(out, "{line}");
        }
        let mut err = std::io::stderr().lock();
        for line in &stderr {
            let _ = writeln!(err, "{line}");
        }
    }

    /// Logs what is for the log. The lines for stderr: first those that `log` has not taken.
    fn log_or_keep(&self, log: impl Fn(LogSeverity, &str) -> bool) -> Vec<String> {
        let mut stderr = self.stderr.clone();
        for (severity, text) in self.log.iter().rev() {
            if !log(*severity, text) {
                stderr.insert(0, text.clone());
            }
        }
        stderr
    }
}

/// The sentence with a full stop. A question keeps its question mark only.
pub(super) fn ended(sentence: &str) -> String {
    match sentence.ends_with('?') {
        true => sentence.to_owned(),
        false => format!("{sentence}."),
    }
}

/// The sentence of a fault with its identifier, which `siteward explain` knows.
pub(super) fn identified(fault: &Fault) -> String {
    format!("{} [{}]", ended(&fault.sentence), fault.id)
}

/// The exit codes that OCF (1.1, "Exit status codes") and LSB ("Init script actions") have in common.
pub(super) fn common_code(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::Failed => 1,
        FaultKind::WrongHere => 2,
        FaultKind::NoSuchVerb => 3,
        FaultKind::NotPermitted => 4,
        FaultKind::NotInstalled => 5,
        FaultKind::Misconfigured => 6,
    }
}

/// Whether a degraded site is reported as degraded: its definition says so, and it has been degraded for
/// long enough.
pub(super) fn is_told_as_degraded(observation: &Observation) -> bool {
    observation.view.as_ref().is_some_and(|view| {
        view.degraded_is == DegradedIs::Degraded
            && view.degraded_for.is_some_and(|time| time >= view.degraded_after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_fault_has_the_code_of_the_ocf_standard() {
        let codes = [
            (FaultKind::Failed, 1),
            (FaultKind::WrongHere, 2),
            (FaultKind::NoSuchVerb, 3),
            (FaultKind::NotPermitted, 4),
            (FaultKind::NotInstalled, 5),
            (FaultKind::Misconfigured, 6),
        ];
        for (kind, code) in codes {
            assert_eq!(common_code(kind), code);
        }
    }

    #[test]
    fn a_sentence_ends_with_one_mark() {
        assert_eq!(ended("the site is stopped"), "the site is stopped.");
        assert_eq!(ended("is it mounted?"), "is it mounted?");
    }

    #[test]
    fn what_the_log_does_not_take_is_printed_before_the_reason() {
        let line = |severity, text: &str| (severity, text.to_owned());
        let answer = ManagerAnswer {
            stderr: vec!["the reason".to_owned()],
            log: vec![
                line(LogSeverity::Info, "first"),
                line(LogSeverity::Error, "second"),
                line(LogSeverity::Error, "third"),
            ],
            ..ManagerAnswer::default()
        };
        let kept = |log: &dyn Fn(LogSeverity, &str) -> bool| answer.log_or_keep(log);
        assert_eq!(kept(&|_, _| true), ["the reason"]);
        assert_eq!(kept(&|_, _| false), ["first", "second", "third", "the reason"]);
        assert_eq!(kept(&|severity, _| severity == LogSeverity::Error), ["first", "the reason"]);
    }
}
