//! What is known of a key.

use std::time::Duration;

use crate::linux::capabilities::Capabilities;
use crate::linux::limits::LimitedResource;
use crate::site::duration::show;
use crate::values::HistoryEvent;

/// The version of siteward that has read a key first, for all keys of the first version.
const FIRST_VERSION: &str = "0.1.0";

/// One key of a definition.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionKey {
    /// The keys that lead to it: `*` is any name, `[]` any item of a list.
    pub path: &'static str,
    /// It may stand in each process too, and then counts for that process alone.
    pub also_of_process: bool,
    pub value: ValueType,
    pub default: DefaultValue,
    /// The version of siteward that has read it first.
    pub since: &'static str,
    /// The map in which it stands is refused without it.
    pub required: bool,
    /// What it does.
    pub sentence: &'static str,
    /// What it excludes, and what it needs; empty: nothing.
    pub relations: &'static str,
    /// A value, as YAML in one line.
    pub example: &'static str,
}

/// One of a few words, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub word: &'static str,
    pub means: &'static str,
}

/// What may stand at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// The version of definitions.
    Version,
    Text,
    HostName,
    /// An absolute path without `..`.
    Path,
    /// A path, or a list of paths.
    Paths,
    /// A list of paths.
    PathList,
    /// May be 0.
    Duration,
    PositiveDuration,
    Whole {
        from: i64,
        to: i64,
    },
    /// A whole number, in quotes or not.
    Count {
        from: i64,
        to: i64,
    },
    Boolean,
    Choice(&'static [Word]),
    /// A program and its arguments, as a list of words.
    Command,
    /// The same with placeholders such as `{site}`.
    FilledCommand,
    Signal,
    /// A regular expression.
    Pattern,
    Address,
    HostAndPort,
    Octal,
    Size,
    /// A list of names of processes of the site.
    Processes,
    /// The name of a process of the site.
    ProcessName,
    /// A list of events.
    Events,
    /// A list of capabilities.
    Capabilities,
    /// A map of variables, or a list of KEY=VALUE.
    Environment,
    /// The value of a variable: text, a number or nothing.
    Variable,
    /// A limit: a whole number, -1 or `unlimited`.
    Limit,
    /// The same, or a map of `soft` and `hard`.
    Limits,
    /// A map of the keys that stand below it.
    Map,
    /// A map from names to what stands below `*`.
    Named(&'static str),
    /// A map from names of resources to limits.
    LimitsByName,
    /// A list of what stands below `[]`.
    List,
    /// A port, or a map of the keys that stand below it.
    PortOrMap,
    /// A command, or a map of the keys that stand below it.
    CommandOrMap,
    /// A boolean, or a path.
    BooleanOrPath,
    /// One of a few words, or a map of the keys that stand below it.
    ChoiceOrMap(&'static [Word]),
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing: the key is required, or nothing is done.
    Absent,
    /// It depends on other values, as the words say.
    Computed(&'static str),
    Time(Duration),
    Number(i64),
    Bytes(u64),
    Flag(bool),
    Choice(&'static str),
    Events(&'static [HistoryEvent]),
    /// Any other constant, as it is written.
    Written(&'static str),
}

impl DefaultValue {
    pub(super) const fn seconds(seconds: u64) -> Self {
        Self::Time(Duration::from_secs(seconds))
    }

    pub fn time(self) -> Option<Duration> {
        if let Self::Time(time) = self { Some(time) } else { None }
    }

    pub fn number(self) -> Option<i64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub fn bytes(self) -> Option<u64> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub fn choice(self) -> Option<&'static str> {
        if let Self::Choice(word) = self { Some(word) } else { None }
    }

    pub fn events(self) -> Option<&'static [HistoryEvent]> {
        if let Self::Events(events) = self { Some(events) } else { None }
    }

    pub fn written(self) -> Option<&'static str> {
        if let Self::Written(text) = self { Some(text) } else { None }
    }

    /// As it is written in a definition, or in words; None: there is none.
    pub fn shown(self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Computed(words) | Self::Choice(words) | Self::Written(words) => {
                Some(words.to_owned())
            }
            Self::Time(time) if time.is_zero() => Some("0s".to_owned()),
            Self::Time(time) => Some(show(time)),
            Self::Number(number) => Some(number.to_string()),
            Self::Bytes(bytes) => Some(format!("{}m", bytes >> 20)),
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Events(events) => {
                let words: Vec<String> = events.iter().map(ToString::to_string).collect();
                Some(format!("[{}]", words.join(", ")))
            }
        }
    }
}

impl DefinitionKey {
    pub(super) const fn new(
        path: &'static str,
        value: ValueType,
        sentence: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            path,
            also_of_process: false,
            value,
            default: DefaultValue::Absent,
            since: FIRST_VERSION,
            required: false,
            sentence,
            relations: "",
            example,
        }
    }

    pub(super) const fn default(self, default: DefaultValue) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn related(self, relations: &'static str) -> Self {
        Self { relations, ..self }
    }

    pub(super) const fn also_of_process(self) -> Self {
        Self { also_of_process: true, ..self }
    }

    /// The last word of its path.
    pub fn word(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

impl ValueType {
    /// The type in words, with its bounds.
    pub fn described(self) -> String {
        let fixed = match self {
            Self::Version => "1",
            Self::Text => "text",
            Self::HostName => "a host name: letters, digits, `.`, `-` and `_`",
            Self::Path => "an absolute path without `..`",
            Self::Paths => "an absolute path, or a list of them",
            Self::PathList => "a list of absolute paths",
            Self::Duration => "a duration",
            Self::PositiveDuration => "a duration above 0",
            Self::Whole { from, to } => return format!("a whole number from {from} to {to}"),
            Self::Count { from, to } => {
                return format!("a whole number from {from} to {to}, in quotes or not");
            }
            Self::Boolean => "true or false",
            Self::Choice(words) => return one_of(words),
            Self::Command => "a command: a list of words, the program first",
            Self::FilledCommand => {
                "a command: a list of words, the program first by its absolute path, with placeholders"
            }
            Self::Signal => "the name of a signal, with or without SIG",
            Self::Pattern => "a regular expression",
            Self::Address => "an IPv4 or IPv6 address",
            Self::HostAndPort => "HOST:PORT",
            Self::Octal => "up to four octal digits, in quotes",
            Self::Size => "a size from 16k to 1024g",
            Self::Processes => "a list of names of processes of this site",
            Self::ProcessName => "the name of a process of this site",
            Self::Events => "a list of events",
            Self::Capabilities => "a list of capabilities, with or without CAP_, or ALL",
            Self::Environment => "a map of variables, or a list of KEY=VALUE",
            Self::Variable => "text or a whole number",
            Self::Limit => "a whole number, or `unlimited`",
            Self::Limits => "a whole number, `unlimited`, or a map of `soft` and `hard`",
            Self::Map => "a map of keys",
            Self::Named(what) => return format!("a map from {what}"),
            Self::LimitsByName => "a map from names of resources to limits",
            Self::List => "a list",
            Self::PortOrMap => "a port from 1 to 65535, or a map of keys",
            Self::CommandOrMap => "a command, or a map of keys",
            Self::BooleanOrPath => "true, false or an absolute path",
            Self::ChoiceOrMap(words) => return format!("{}, or a map of keys", one_of(words)),
        };
        fixed.to_owned()
    }

    /// What a bare number counts.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Duration | Self::PositiveDuration => Some("seconds"),
            Self::Size => Some("bytes"),
            Self::Version
            | Self::Text
            | Self::HostName
            | Self::Path
            | Self::Paths
            | Self::PathList
            | Self::Whole { .. }
            | Self::Count { .. }
            | Self::Boolean
            | Self::Choice(_)
            | Self::Command
            | Self::FilledCommand
            | Self::Signal
            | Self::Pattern
            | Self::Address
            | Self::HostAndPort
            | Self::Octal
            | Self::Processes
            | Self::ProcessName
            | Self::Events
            | Self::Capabilities
            | Self::Environment
            | Self::Variable
            | Self::Limit
            | Self::Limits
            | Self::Map
            | Self::Named(_)
            | Self::LimitsByName
            | Self::List
            | Self::PortOrMap
            | Self::CommandOrMap
            | Self::BooleanOrPath
            | Self::ChoiceOrMap(_) => None,
        }
    }

    /// The least and the greatest number.
    pub(in crate::site) fn bounds(self) -> Option<(i64, i64)> {
        if let Self::Whole { from, to } | Self::Count { from, to } = self {
            return Some((from, to));
        }
        (self == Self::PortOrMap).then_some((1, i64::from(u16::MAX)))
    }

    /// The words of a choice, with what they mean.
    pub fn choices(self) -> &'static [Word] {
        if let Self::Choice(words) | Self::ChoiceOrMap(words) = self { words } else { &[] }
    }

    /// The only names that a map of this type may have as keys; None: any, or the keys of the table.
    pub(in crate::site) fn names(self) -> Option<Vec<&'static str>> {
        (self == Self::LimitsByName)
            .then(|| LimitedResource::ALL.iter().map(|(word, _)| *word).collect())
    }

    /// Every word that may stand as an item of a list of this type; None: it is no such list.
    pub fn items(self) -> Option<Vec<String>> {
        let events = || HistoryEvent::ALL.iter().map(ToString::to_string).collect();
        let capabilities = || Capabilities::names().iter().map(ToString::to_string).collect();
        (self == Self::Events)
            .then(events)
            .or_else(|| (self == Self::Capabilities).then(capabilities))
    }
}

fn one_of(words: &[Word]) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.word).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.join(""),
    }
}
