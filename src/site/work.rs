//! `work:` and `drain:`: what a failover interrupts, what is done with it, and how new work is stopped.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A kind of work of the site's programs: each item of it that runs is a file on the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkKind {
    pub name: String,
    pub files: WorkPattern,
    pub at_failover: AtFailover,
    /// The command that is handed an item; its path is added as the last word.
    pub hand_to: Option<Vec<String>>,
    /// How long that may take for one item.
    pub timeout: Duration,
}

/// What is done with the work that a failure or an unclean end of the site interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtFailover {
    /// It is handed to the command.
    Rerun,
    /// It is told, and nothing is done.
    Drop,
    /// A person decides.
    Ask,
}

/// How new work is stopped before a pause, and let in again if the pause is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    pub command: Vec<String>,
    pub undo: Option<Vec<String>>,
    /// How long what runs has to end.
    pub timeout: Duration,
}

/// Names of files below the database; `*` and `?` stand for what a shell lets them stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkPattern(Vec<String>);

impl WorkPattern {
    /// The names from the database down: each but the last is that of a folder.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for WorkPattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let steps: Vec<String> = text.split('/').map(str::to_owned).collect();
        if text.starts_with('/') {
            return Err(format!("`{text}` must be relative to the `database`"));
        }
        if steps.iter().any(|step| matches!(step.as_str(), "" | "." | "..")) {
            return Err(format!("`{text}` has a step that is empty, `.` or `..`"));
        }
        if steps.iter().any(|step| step.chars().any(char::is_control)) {
            return Err("a control character stands in it".to_owned());
        }
        if steps[0] == ".siteward" {
            return Err("`.siteward` is siteward's own folder, and holds no work".to_owned());
        }
        Ok(Self(steps))
    }
}

impl TryFrom<String> for WorkPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WorkPattern> for String {
    fn from(pattern: WorkPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for WorkPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// Whether a step of a pattern stands for more than one name.
pub fn is_wild(step: &str) -> bool {
    step.contains(['*', '?'])
}

/// Whether a step of a pattern fits a name. As in a shell, neither `*` nor `?` stands for a dot at the beginning.
pub fn fits(step: &str, name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && !step.starts_with('.') {
        return false;
    }
    let step = step.as_bytes();
    let (mut at, mut from) = (0, 0);
    // The last star, and where in the name it was met.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match step.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&one) if one == b'?' || one == name[from] => (at, from) = (at + 1, from + 1),
            Some(_) | None => match star {
                Some((place, met)) => {
                    star = Some((place, met + 1));
                    (at, from) = (place + 1, met + 1);
                }
                None => return false,
            },
        }
    }
    step[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_fits_names_as_in_a_shell() {
        for (step, name) in
            [("*", "a"), ("a*c", "abbc"), ("?.job", "7.job"), ("a", "a"), ("*.j*b", "x.y.job")]
        {
            assert!(fits(step, name.as_bytes()), "{step} {name}");
        }
        for (step, name) in [
            ("*", ".a"),
            ("?", ""),
            ("a*c", "abbd"),
            ("?.job", "77.job"),
            ("a", "ab"),
            ("**b", "a"),
        ] {
            assert!(!fits(step, name.as_bytes()), "{step} {name}");
        }
        assert!(fits(".*", b".a") && fits("*", b"\xff"));
    }

    #[test]
    fn a_pattern_stays_below_the_database() {
        assert_eq!("queue/running/*".parse::<WorkPattern>().unwrap().steps().len(), 3);
        for text in ["", "/a", "a//b", "../a", "a/..", "./a", ".siteward/history/*", "a/", "a\nb"] {
            assert!(text.parse::<WorkPattern>().is_err(), "{text}");
        }
    }
}
