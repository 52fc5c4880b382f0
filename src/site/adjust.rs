//! The values of a definition that a manager's parameters may replace.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::definition::{Definition, DegradedIs};
use super::duration;

/// Each overrides the key of the same name, where it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustments {
    pub boot_timeout: Option<Duration>,
    pub stop_timeout: Option<Duration>,
    pub countmax: Option<u32>,
    pub countsleep: Option<Duration>,
    pub degraded_is: Option<DegradedIs>,
    pub degraded_after: Option<Duration>,
}

impl Definition {
    /// The definition as the manager wants it.
    #[must_use]
    pub fn adjusted(mut self, by: &Adjustments) -> Self {
        let paced = by.countmax.is_some() || by.countsleep.is_some();
        self.countmax = by.countmax.unwrap_or(self.countmax);
        self.countsleep = by.countsleep.unwrap_or(self.countsleep);
        // Their product is the default of the two timeouts, and only that.
        let pace = self.countsleep.saturating_mul(self.countmax);
        if paced && !self.given.boot_timeout {
            self.boot_timeout = pace;
        }
        if paced && !self.given.stop_timeout {
            self.stop_timeout = pace;
        }
        self.boot_timeout = by.boot_timeout.unwrap_or(self.boot_timeout);
        self.stop_timeout = by.stop_timeout.unwrap_or(self.stop_timeout);
        self.degraded_is = by.degraded_is.unwrap_or(self.degraded_is);
        self.degraded_after = by.degraded_after.unwrap_or(self.degraded_after);
        // By any manager: arithmetic with them must never overflow.
        for time in [
            &mut self.boot_timeout,
            &mut self.stop_timeout,
            &mut self.countsleep,
            &mut self.degraded_after,
        ] {
            *time = (*time).min(duration::LONGEST);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::parse;
    use std::path::Path;

    fn definition(head: &str) -> Definition {
        let text = format!("version: 1\n{head}processes: {{a: {{command: [x]}}}}\n");
        parse(&"a".parse().unwrap(), Path::new("x"), &text).unwrap()
    }

    #[test]
    fn a_parameter_wins_over_the_definition_and_the_pace_is_only_a_default() {
        let by = Adjustments {
            countmax: Some(4),
            countsleep: Some(Duration::from_secs(5)),
            stop_timeout: Some(Duration::from_secs(7)),
            ..Adjustments::default()
        };
        let seconds = |d: Definition| (d.boot_timeout.as_secs(), d.stop_timeout.as_secs());
        assert_eq!(seconds(definition("").adjusted(&by)), (20, 7));
        assert_eq!(seconds(definition("boot_timeout: 90\n").adjusted(&by)), (90, 7));
        assert_eq!(seconds(definition("").adjusted(&Adjustments::default())), (200, 300));
    }

    #[test]
    fn no_parameter_is_longer_than_a_definition_could_say() {
        let by = Adjustments {
            boot_timeout: Some(Duration::MAX),
            stop_timeout: Some(Duration::MAX),
            countmax: Some(u32::MAX),
            countsleep: Some(Duration::MAX),
            degraded_after: Some(Duration::MAX),
            degraded_is: None,
        };
        let d = definition("").adjusted(&by);
        for time in [d.boot_timeout, d.stop_timeout, d.countsleep, d.degraded_after] {
            assert_eq!(time, duration::LONGEST);
        }
        let paced = Adjustments { countmax: Some(u32::MAX), ..Adjustments::default() };
        assert_eq!(definition("").adjusted(&paced).boot_timeout, duration::LONGEST);
    }
}
