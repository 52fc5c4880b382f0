//! The parameters of the OCF agent: one description, from which come the meta-data, the reading
//! and the refusal of values, and what the tests compare.

use std::time::Duration;

use crate::site::{Adjustments, DegradedIs, duration};

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub short: &'static str,
    pub long: &'static str,
    pub kind: Kind,
    /// None: what the definition says.
    pub default: Option<&'static str>,
    pub required: bool,
    /// No two resources may have the same value.
    pub unique: bool,
    /// It can change under a site that runs.
    pub reloadable: bool,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// `90s`, `3m`, or bare seconds.
    Duration,
    Count,
    /// One of these words.
    Choice(&'static [&'static str]),
}

const fn adjusts(
    name: &'static str,
    short: &'static str,
    long: &'static str,
    kind: Kind,
) -> Parameter {
    Parameter {
        name,
        short,
        long,
        kind,
        default: None,
        required: false,
        unique: false,
        reloadable: true,
    }
}

/// All of them.
pub const PARAMETERS: [Parameter; 9] = [
    Parameter {
        name: "site",
        short: "Name of the site",
        long: "The name of the site: the stem of its definition's file, NAME.yaml in config_dir.",
        kind: Kind::Text,
        default: None,
        required: true,
        unique: true,
        reloadable: false,
    },
    Parameter {
        name: "config_dir",
        short: "Folder of definitions",
        long: "The folder that holds the definitions of sites, the same on every node.",
        kind: Kind::Text,
        default: Some("/etc/siteward/sites"),
        required: false,
        unique: false,
        reloadable: false,
    },
    Parameter {
        name: "monitor_wait",
        short: "How long a monitor is held",
        long: "How long a recurring monitor is held while the site is well. It is answered at once when \
               the site stops being well, so that a failure is known in milliseconds. 0 answers at once \
               always. Never more than three quarters of the monitor's timeout.",
        kind: Kind::Duration,
        default: Some("20s"),
        required: false,
        unique: false,
        reloadable: true,
    },
    adjusts(
        "boot_timeout",
        "Time to start",
        "How long the site may take until all of its processes are ready, instead of what its definition says.",
        Kind::Duration,
    ),
    adjusts(
        "stop_timeout",
        "Time to stop politely",
        "How long the site may take to stop in order before it is killed, instead of what its definition says.",
        Kind::Duration,
    ),
    adjusts(
        "countmax",
        "Number of questions",
        "How often a wrapped supervisor is asked; countmax times countsleep is the time to start and to stop \
         where neither the definition nor a parameter names it.",
        Kind::Count,
    ),
    adjusts(
        "countsleep",
        "Time between questions",
        "The longest time between two questions to a wrapped supervisor.",
        Kind::Duration,
    ),
    adjusts(
        "degraded_is",
        "How a degraded site is told",
        "Whether a site that serves without one of its processes is told as running or as degraded.",
        Kind::Choice(&["running", "degraded"]),
    ),
    adjusts(
        "degraded_after",
        "When a degraded site is told",
        "How long a site must have been degraded before it is told as such.",
        Kind::Duration,
    ),
];

/// The values of those that are more than a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub adjustments: Adjustments,
    pub monitor_wait: Duration,
}

/// How long a monitor is held unless a parameter says otherwise.
const MONITOR_WAIT: Duration = Duration::from_secs(20);

/// Reads the values, by `get` of a parameter's name.
///
/// # Errors
/// A sentence about the first value that cannot be.
pub(super) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Values, String> {
    let mut values = Values { adjustments: Adjustments::default(), monitor_wait: MONITOR_WAIT };
    for parameter in &PARAMETERS {
        let Some(text) = get(parameter.name) else { continue };
        let wrong = |why: String| format!("the parameter {}: {why}", parameter.name);
        let (mut time, mut count) = (None, None);
        match parameter.kind {
            Kind::Text => {}
            Kind::Duration => time = Some(duration::parse(&text).map_err(wrong)?),
            Kind::Count => {
                let number = text.parse::<u32>().ok().filter(|n| *n > 0);
                let number =
                    number.ok_or_else(|| wrong(format!("`{text}` is not a number from 1 on")))?;
                count = Some(number);
            }
            Kind::Choice(words) => {
                if !words.contains(&text.as_str()) {
                    return Err(wrong(format!("`{text}` is none of {}", words.join(", "))));
                }
            }
        }
        let adjust = &mut values.adjustments;
        match parameter.name {
            "monitor_wait" => values.monitor_wait = time.unwrap_or(MONITOR_WAIT),
            "boot_timeout" => adjust.boot_timeout = positive(time).map_err(wrong)?,
            "stop_timeout" => adjust.stop_timeout = positive(time).map_err(wrong)?,
            "countsleep" => adjust.countsleep = positive(time).map_err(wrong)?,
            "degraded_after" => adjust.degraded_after = time,
            "countmax" => adjust.countmax = count,
            "degraded_is" => {
                adjust.degraded_is = Some(match text.as_str() {
                    "degraded" => DegradedIs::Degraded,
                    _ => DegradedIs::Running,
                });
            }
            _ => {}
        }
    }
    Ok(values)
}

fn positive(time: Option<Duration>) -> Result<Option<Duration>, String> {
    match time {
        Some(Duration::ZERO) => Err("it must be longer than nothing".to_owned()),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Result<Values, String> {
        read(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn every_parameter_that_is_no_name_is_read_and_refused() {
        let good = values(&[
            ("monitor_wait", "0"),
            ("boot_timeout", "3m"),
            ("countmax", "7"),
            ("degraded_is", "degraded"),
        ])
        .unwrap();
        assert_eq!(good.monitor_wait, Duration::ZERO);
        assert_eq!(good.adjustments.boot_timeout, Some(Duration::from_secs(180)));
        assert_eq!(good.adjustments.countmax, Some(7));
        assert_eq!(values(&[]).unwrap().monitor_wait, MONITOR_WAIT);
        for parameter in PARAMETERS.iter().filter(|p| p.kind != Kind::Text) {
            let error = values(&[(parameter.name, "no such thing")]).unwrap_err();
            assert!(error.starts_with(&format!("the parameter {}:", parameter.name)), "{error}");
        }
        assert!(values(&[("stop_timeout", "0")]).is_err());
    }

    #[test]
    fn the_default_that_is_told_is_the_one_that_holds() {
        let told = PARAMETERS.iter().find(|p| p.name == "monitor_wait").and_then(|p| p.default);
        assert_eq!(duration::parse(told.unwrap()), Ok(MONITOR_WAIT));
    }
}
