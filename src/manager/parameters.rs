//! The parameters of the OCF agent. The meta-data, the manual page, and the check of values use this one
//! description.

use std::time::Duration;

use crate::site::{Adjustments, DegradedIs, duration};
use crate::values::printable_line;

/// Which parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterId {
    Site,
    ConfigDir,
    RuntimeDir,
    LogDir,
    LinkDir,
    MonitorWait,
    BootTimeout,
    StopTimeout,
    Countmax,
    Countsleep,
    DegradedIs,
    DegradedAfter,
}

impl ParameterId {
    /// As the cluster's configuration calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::ConfigDir => "config_dir",
            Self::RuntimeDir => "runtime_dir",
            Self::LogDir => "log_dir",
            Self::LinkDir => "link_dir",
            Self::MonitorWait => "monitor_wait",
            Self::BootTimeout => "boot_timeout",
            Self::StopTimeout => "stop_timeout",
            Self::Countmax => "countmax",
            Self::Countsleep => "countsleep",
            Self::DegradedIs => "degraded_is",
            Self::DegradedAfter => "degraded_after",
        }
    }
}

/// One parameter.
#[derive(Debug)]
pub struct Parameter {
    pub id: ParameterId,
    pub short: &'static str,
    pub long: &'static str,
    pub kind: ParameterKind,
    /// None: the definition's value.
    pub default: Option<&'static str>,
    pub required: bool,
    /// No two resources may have the same value.
    pub unique: bool,
    /// It can be changed while the site runs.
    pub reloadable: bool,
    /// A value that one would give.
    pub example: &'static str,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    Text,
    /// `90s`, `3m`, or bare seconds.
    Duration,
    Count,
    /// One of these words.
    Choice(&'static [&'static str]),
}

const fn folder(
    id: ParameterId,
    short: &'static str,
    long: &'static str,
    default: &'static str,
    example: &'static str,
) -> Parameter {
    Parameter {
        id,
        short,
        long,
        kind: ParameterKind::Text,
        default: Some(default),
        required: false,
        unique: false,
        reloadable: false,
        example,
    }
}

const fn adjusts(
    id: ParameterId,
    short: &'static str,
    long: &'static str,
    kind: ParameterKind,
    example: &'static str,
) -> Parameter {
    Parameter {
        id,
        short,
        long,
        kind,
        default: None,
        required: false,
        unique: false,
        reloadable: true,
        example,
    }
}

/// All of them.
pub const PARAMETERS: [Parameter; 12] = [
    Parameter {
        id: ParameterId::Site,
        short: "Name of the site",
        long: "The name of the site: NAME, where its definition is the file NAME.yaml in config_dir.",
        kind: ParameterKind::Text,
        default: None,
        required: true,
        unique: true,
        reloadable: false,
        example: "shop",
    },
    folder(
        ParameterId::ConfigDir,
        "Directory of definitions",
        "The directory of the definitions of sites, the same on every node.",
        "/etc/siteward/sites",
        "/srv/siteward/sites",
    ),
    folder(
        ParameterId::RuntimeDir,
        "Runtime directory",
        "The directory of sockets, locks and state files. It must not survive a reboot.",
        "/run/siteward",
        "/run/siteward-test",
    ),
    folder(
        ParameterId::LogDir,
        "Directory of logs",
        "The directory of the logs: what the processes print, and the history of each site.",
        "/var/log/siteward",
        "/srv/log/siteward",
    ),
    folder(
        ParameterId::LinkDir,
        "Directory of links",
        "The directory of the links to the databases of sites.",
        "/var/lib/siteward",
        "/srv/siteward/links",
    ),
    Parameter {
        id: ParameterId::MonitorWait,
        short: "How long a monitor is held",
        long: "How long a recurring monitor is held while the site is well. It is answered at once when \
               the site stops being well, so that a failure is known in milliseconds. 0 answers at once \
               always. Never more than three quarters of the monitor's timeout.",
        kind: ParameterKind::Duration,
        default: Some("20s"),
        required: false,
        unique: false,
        reloadable: true,
        example: "10s",
    },
    adjusts(
        ParameterId::BootTimeout,
        "Time to start",
        "How long the site may take until all of its processes are ready, instead of what its definition says.",
        ParameterKind::Duration,
        "3m",
    ),
    adjusts(
        ParameterId::StopTimeout,
        "Time for a graceful stop",
        "How long the site may take to stop in order before it is killed, instead of what its definition says.",
        ParameterKind::Duration,
        "5m",
    ),
    adjusts(
        ParameterId::Countmax,
        "Number of questions",
        "How often a wrapped supervisor is asked; countmax times countsleep is the time to start and to stop \
         where neither the definition nor a parameter sets a timeout.",
        ParameterKind::Count,
        "18",
    ),
    adjusts(
        ParameterId::Countsleep,
        "Time between questions",
        "The longest time between two questions to a wrapped supervisor.",
        ParameterKind::Duration,
        "10s",
    ),
    adjusts(
        ParameterId::DegradedIs,
        "How a degraded site is reported",
        "Whether a site that serves without one of its processes is reported as running or as degraded. \
         validate-all and start refuse any other value.",
        ParameterKind::Choice(DEGRADED_IS),
        "degraded",
    ),
    adjusts(
        ParameterId::DegradedAfter,
        "When a degraded site is reported",
        "How long a site must have been degraded before it is reported as such.",
        ParameterKind::Duration,
        "30s",
    ),
];

/// The values of all parameters but `site`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    pub adjustments: Adjustments,
    pub monitor_wait: Duration,
}

/// How long a monitor is held unless a parameter says otherwise.
const MONITOR_WAIT: Duration = Duration::from_secs(20);

/// Reads the values. `get` returns the value of the parameter of that name.
///
/// # Errors
/// A sentence about the first value that is not allowed.
pub(super) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Values, String> {
    let mut values = Values { adjustments: Adjustments::default(), monitor_wait: MONITOR_WAIT };
    for parameter in &PARAMETERS {
        let name = parameter.id.name();
        let Some(text) = get(name) else { continue };
        let refused = |why| printable_line(format!("the parameter {name}: {why}"));
        values.set(parameter.id, &text).map_err(refused)?;
    }
    Ok(values)
}

/// The values of the definition that the parameters of a resource replace; those that are not allowed are left
/// out.
pub fn adjustments_of(get: impl Fn(&str) -> Option<String>) -> Adjustments {
    let mut values = Values { adjustments: Adjustments::default(), monitor_wait: MONITOR_WAIT };
    for parameter in &PARAMETERS {
        if let Some(text) = get(parameter.id.name()) {
            let _ = values.set(parameter.id, &text);
        }
    }
    values.adjustments
}

impl Values {
    fn set(&mut self, id: ParameterId, text: &str) -> Result<(), String> {
        let adjust = &mut self.adjustments;
        match id {
            // `OcfCall` has them. They are needed even if another value is not valid.
            ParameterId::Site
            | ParameterId::ConfigDir
            | ParameterId::RuntimeDir
            | ParameterId::LogDir
            | ParameterId::LinkDir => {}
            ParameterId::MonitorWait => self.monitor_wait = duration::parse(text)?,
            ParameterId::BootTimeout => adjust.boot_timeout = Some(positive(text)?),
            ParameterId::StopTimeout => adjust.stop_timeout = Some(positive(text)?),
            ParameterId::Countsleep => adjust.countsleep = Some(positive(text)?),
            ParameterId::DegradedAfter => adjust.degraded_after = Some(duration::parse(text)?),
            ParameterId::Countmax => adjust.countmax = Some(count(text)?),
            ParameterId::DegradedIs => adjust.degraded_is = Some(degraded_is(text)?),
        }
        Ok(())
    }
}

fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` is not a number, 1 or more"))
}

/// The values of `degraded_is`.
const DEGRADED_IS: &[&str] = &["running", "degraded"];

fn degraded_is(text: &str) -> Result<DegradedIs, String> {
    match text {
        "running" => Ok(DegradedIs::Running),
        "degraded" => Ok(DegradedIs::Degraded),
        _ => Err(format!("`{text}` is none of {}", DEGRADED_IS.join(", "))),
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
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
        for parameter in PARAMETERS.iter().filter(|p| p.kind != ParameterKind::Text) {
            let error = values(&[(parameter.id.name(), "no such thing")]).unwrap_err();
            assert!(
                error.starts_with(&format!("the parameter {}:", parameter.id.name())),
                "{error}"
            );
        }
        assert!(values(&[("stop_timeout", "0")]).is_err());
    }

    #[test]
    fn the_example_of_each_parameter_is_a_value_that_it_takes() {
        for parameter in &PARAMETERS {
            let (name, example) = (parameter.id.name(), parameter.example);
            assert!(!example.is_empty() && parameter.default != Some(example), "{name}");
            let read = values(&[(name, example)]).unwrap();
            let is_read = read != values(&[]).unwrap();
            assert_eq!(is_read, parameter.kind != ParameterKind::Text, "{name}");
        }
    }

    #[test]
    fn a_choice_that_is_told_is_one_that_is_taken() {
        for word in DEGRADED_IS {
            assert!(degraded_is(word).is_ok(), "{word}");
        }
        for wrong in ["", "Running", "yes"] {
            assert!(degraded_is(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_default_that_is_told_is_the_one_that_holds() {
        let told =
            PARAMETERS.iter().find(|p| p.id == ParameterId::MonitorWait).and_then(|p| p.default);
        assert_eq!(duration::parse(told.unwrap()), Ok(MONITOR_WAIT));
    }

    #[test]
    fn a_count_is_one_or_more() {
        assert_eq!((count("1"), count("17")), (Ok(1), Ok(17)));
        for text in ["0", "-1", "", "x", "4294967296"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_value_replaces_that_of_the_definition_and_a_wrong_one_is_left_out() {
        let given = [
            ("boot_timeout", "3m"),
            ("stop_timeout", "5m"),
            ("countmax", "7"),
            ("countsleep", "2s"),
            ("degraded_is", "degraded"),
            ("degraded_after", "0"),
        ];
        let get = |name: &str| {
            given.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
        };
        let all = Adjustments {
            boot_timeout: Some(Duration::from_secs(180)),
            stop_timeout: Some(Duration::from_secs(300)),
            countmax: Some(7),
            countsleep: Some(Duration::from_secs(2)),
            degraded_is: Some(DegradedIs::Degraded),
            degraded_after: Some(Duration::ZERO),
        };
        assert_eq!(adjustments_of(get), all);
        assert_eq!(values(&given).unwrap().adjustments, all);
        let wrong = |name: &str| match name {
            "stop_timeout" | "countsleep" => Some("0".to_owned()),
            name => get(name),
        };
        let others = Adjustments { stop_timeout: None, countsleep: None, ..all };
        assert_eq!(adjustments_of(wrong), others);
        assert_eq!(adjustments_of(|_| None), Adjustments::default());
    }

    #[test]
    fn a_choice_means_what_it_says() {
        assert_eq!(degraded_is("running"), Ok(DegradedIs::Running));
        assert_eq!(degraded_is("degraded"), Ok(DegradedIs::Degraded));
    }
}
