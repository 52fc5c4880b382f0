//! A supervisor that is not siteward's: the commands that start, stop and list it.

use std::path::{Path, PathBuf};

use super::cursor::Cursor;
use super::problem::ProblemKind;
use super::profiles::{Profile, ProfileKey, Rows, profile as profile_of};
use super::signal::read_signal;
use super::yaml::Node;
use crate::values::Signal;

/// A supervisor that is not ours, with every placeholder filled in.
#[derive(Clone, Debug)]
pub struct Wrapped {
    /// None: all of it is spelt out.
    pub profile: Option<&'static Profile>,
    /// What siteward knows of JobCenter beyond its commands.
    pub jobcenter: Option<Jobcenter>,
    /// What its profile is about.
    pub subject: Option<Subject>,
    /// The services that must run; empty: all that it lists and that are not meant to be down.
    pub services: Vec<String>,
    pub start: Vec<String>,
    /// Empty: it is stopped by `stop_signal` alone.
    pub stop: Vec<String>,
    /// Sent to the supervisor itself, after the command.
    pub stop_signal: Option<Signal>,
    pub list: Option<List>,
    /// The beginning of its command line, compared word for word.
    pub process: Vec<String>,
    /// Stops the processes under a supervisor that stays.
    pub pause: Option<Vec<String>>,
    pub resume: Option<Vec<String>>,
    /// The start command ends as soon as the site is up, and no supervisor stays (`cjcpw -c`).
    pub detached: bool,
}

/// The command that lists its sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub command: Vec<String>,
    pub rows: Rows,
}

/// What a profile supervises, by the key that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Config(PathBuf),
    Directory(PathBuf),
    Unit(String),
}

impl Wrapped {
    /// The unit of systemd that is the site.
    pub fn unit(&self) -> Option<&str> {
        match &self.subject {
            Some(Subject::Unit(unit)) => Some(unit),
            Some(Subject::Config(_) | Subject::Directory(_)) | None => None,
        }
    }

    /// Whether a service that was stopped stays down after the supervisor's next start.
    pub fn remembers(&self) -> bool {
        self.profile.is_some_and(|profile| profile.remembers)
    }
}

/// The directories of JobCenter (source document 003, CONF-11, DB-07).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobcenter {
    pub commands: PathBuf,
    pub spool: PathBuf,
    /// Tells what is in the queues of the site that NQS_SITE names.
    pub qstat: PathBuf,
    /// Hold JobCenter's port by its own port keeper until its daemon binds it.
    pub port_keeper: bool,
}

impl Jobcenter {
    /// One of its programs, by its path below the folder of commands.
    pub fn command(&self, below: &str) -> String {
        self.commands.join(below).display().to_string()
    }
}

/// The placeholders in a command, and their values.
pub(super) struct Filling<'a> {
    pub(super) name: &'a str,
    pub(super) site: &'a str,
    pub(super) database: Option<&'a Path>,
    pub(super) address: Option<String>,
    pub(super) machine_id: Option<u32>,
}

/// Reads `supervisor:`.
pub(super) fn read_wrapped(cursor: &Cursor<'_>, filling: &Filling<'_>) -> Option<Wrapped> {
    // `supervisor: jobcenter` is as a map without keys.
    let none = Node::Map(Vec::new());
    let bare = cursor.as_if(&none);
    let (map, profile) = match cursor.node {
        // Of one that needs more, what it needs is told.
        Node::Text(word) if profile_of(word).is_some() => (&bare, profile_of(word)),
        Node::Text(_) => (&bare, Some(cursor.choice(profile_of)?)),
        _ => {
            cursor.check_keys()?;
            match cursor.field("profile") {
                Some(named) => (cursor, Some(named.choice(profile_of)?)),
                None => (cursor, None),
            }
        }
    };
    check_belongings(map, profile);
    let by_profile = match profile {
        Some(profile) => Some(brought_by(profile, cursor, map, filling)?),
        None => None,
    };
    let of_profile = by_profile.as_ref();
    let given = |key: &str| map.field(key).and_then(|c| command(&c, filling));
    let needed = |key: &str, of_profile: Option<&Vec<String>>| {
        if map.field(key).is_none() && of_profile.is_none() {
            let message = format!("`{key}` is missing: the words of a command");
            map.wrong_key(ProblemKind::KeyMissing, &message);
        }
        given(key).or_else(|| of_profile.cloned())
    };
    let start = needed("start", of_profile.map(|p| &p.start));
    let stop_signal = match map.field("stop_signal") {
        Some(signal) => read_signal(&signal),
        None if map.field("stop").is_some() => None,
        None => of_profile.and_then(|p| p.stop_signal),
    };
    let stop = match stop_signal {
        Some(_) => given("stop").or_else(|| Some(of_profile?.stop.clone())).or(Some(Vec::new())),
        None => needed("stop", of_profile.map(|p| &p.stop)),
    };
    let process = needed("process", of_profile.map(|p| &p.process));
    let list = match map.field("list") {
        Some(list) => read_list(&list, filling),
        None => of_profile.and_then(|p| p.list.clone()),
    };
    let pause = given("pause").or_else(|| of_profile.and_then(|p| p.pause.clone()));
    let resume = given("resume").or_else(|| of_profile.and_then(|p| p.resume.clone()));
    if pause.is_some() != resume.is_some() {
        map.wrong_key(ProblemKind::KeyNeedsAnother, "`pause` and `resume` belong together");
    }
    let detached = match map.field("detached") {
        Some(detached) => {
            if list.is_none() {
                detached.wrong_key(
                    ProblemKind::KeyNeedsAnother,
                    "a supervisor that does not stay can only be asked after by its `list`",
                );
            }
            detached.boolean().unwrap_or(false)
        }
        None => of_profile.is_some_and(|p| p.detached),
    };
    let (jobcenter, subject, services) = match by_profile {
        Some(by_profile) => (by_profile.jobcenter, by_profile.subject, by_profile.services),
        None => (None, None, Vec::new()),
    };
    Some(Wrapped {
        profile,
        jobcenter,
        subject,
        services,
        start: start?,
        stop: stop?,
        stop_signal,
        list,
        process: process?,
        pause,
        resume,
        detached,
    })
}

/// Complains of keys that belong to another profile, or to any.
fn check_belongings(map: &Cursor<'_>, profile: Option<&Profile>) {
    let needs = profile.map(|profile| profile.needs);
    let is_of_services = needs.is_some_and(|needs| needs != ProfileKey::Database);
    for (key, belongs, to) in [
        ("commands", profile.is_some(), "a profile; write `profile:` as well"),
        ("services", is_of_services, "a profile whose supervisor has services"),
        ("spool", needs == Some(ProfileKey::Database), "`profile: jobcenter`"),
        ("qstat", needs == Some(ProfileKey::Database), "`profile: jobcenter`"),
        ("port_keeper", needs == Some(ProfileKey::Database), "`profile: jobcenter`"),
        ("monitored", needs == Some(ProfileKey::Database), "`profile: jobcenter`"),
        (
            "config",
            needs == Some(ProfileKey::Config),
            "`profile: supervisord`, `profile: monit` or `profile: compose`",
        ),
        ("directory", needs == Some(ProfileKey::Directory), "`profile: runit` or `profile: s6`"),
        ("unit", needs == Some(ProfileKey::Unit), "`profile: systemd`"),
    ] {
        if let Some(value) = map.field(key).filter(|_| !belongs) {
            value.wrong_key(ProblemKind::KeyNeedsAnother, &format!("this belongs to {to}"));
        }
    }
}

/// What `profile` brings along. `at`: where it is named.
fn brought_by(
    profile: &'static Profile,
    at: &Cursor<'_>,
    map: &Cursor<'_>,
    filling: &Filling<'_>,
) -> Option<Wrapped> {
    let commands = match map.field("commands") {
        Some(commands) => commands.path()?,
        None => PathBuf::from(profile.commands),
    };
    let needed = |key: &str, what: &str| {
        let field = map.field(key);
        if field.is_none() {
            let message = format!("`{}` needs `{key}`: {what}", profile.word);
            at.wrong_key(ProblemKind::KeyNeedsAnother, &message);
        }
        field
    };
    let mut values =
        vec![("commands", commands.display().to_string()), ("site", filling.site.to_owned())];
    let (mut jobcenter, mut subject) = (None, None);
    match profile.needs {
        ProfileKey::Database => {
            let Some(database) = filling.database else {
                at.wrong_key(
                    ProblemKind::KeyNeedsAnother,
                    "JobCenter keeps a site in its `database`, and none is named",
                );
                return None;
            };
            values.push(("database", database.display().to_string()));
            jobcenter = Some(Jobcenter {
                commands,
                spool: map.path_of("spool")?,
                qstat: map.path_of("qstat")?,
                port_keeper: map.boolean_of("port_keeper"),
            });
        }
        ProfileKey::Config => {
            let config = needed("config", "its configuration file")?.path()?;
            values.push(("config", config.display().to_string()));
            subject = Some(Subject::Config(config));
        }
        ProfileKey::Directory => {
            let directory =
                needed("directory", "the folder with a folder for each service")?.path()?;
            values.push(("directory", directory.display().to_string()));
            subject = Some(Subject::Directory(directory));
        }
        ProfileKey::Unit => {
            let unit = read_unit(&needed("unit", "the name of a service or a target of systemd")?)?;
            values.push(("unit", unit.clone()));
            subject = Some(Subject::Unit(unit));
        }
    }
    let services = match map.field("services") {
        Some(services) => read_services(&services)?,
        None => Vec::new(),
    };
    if let (Some(Subject::Directory(directory)), true, Some(database)) =
        (&subject, services.is_empty(), filling.database)
        && directory.starts_with(database)
    {
        map.wrong_key(
            ProblemKind::KeyNeedsAnother,
            "the services in a `directory` on the site's own disk must be named in `services`, as that disk may hang",
        );
        return None;
    }
    let fill = |words: &[&str]| -> Vec<String> {
        words.iter().map(|word| fill_of_profile(word, &values)).collect()
    };
    let some = |words: &[&str]| (!words.is_empty()).then(|| fill(words));
    let mut start = fill(profile.start);
    let mut detached = profile.detached;
    if jobcenter.is_some() && !map.boolean_of("monitored") {
        start.insert(1, "-c".to_owned());
        detached = true;
    }
    Some(Wrapped {
        profile: Some(profile),
        jobcenter,
        subject,
        services,
        start,
        stop: fill(profile.stop),
        stop_signal: profile.stop_signal,
        list: Some(List { command: fill(profile.list), rows: profile.rows }),
        process: fill(profile.process),
        pause: some(profile.pause),
        resume: some(profile.resume),
        detached,
    })
}

/// A word of a profile with its placeholders filled in. Those of services are filled in when they are known.
fn fill_of_profile(word: &str, values: &[(&str, String)]) -> String {
    let mut filled = word.to_owned();
    for (key, value) in values {
        if let Some((before, after)) = filled.split_once(&format!("{{{key}}}")) {
            filled = format!("{before}{value}{after}");
        }
    }
    filled
}

/// The name of a unit, which systemctl must not take for an option or a pattern.
fn read_unit(cursor: &Cursor<'_>) -> Option<String> {
    let unit = cursor.text()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.@:\\".contains(c);
    let ends = unit.ends_with(".service") || unit.ends_with(".target");
    if !ends || unit.starts_with('-') || !unit.chars().all(is_name) {
        let message = format!(
            "`{unit}` is not the name of a service or a target, as shop.service or shop.target"
        );
        cursor.wrong(ProblemKind::ValueWrong, &message);
        return None;
    }
    Some(unit.to_owned())
}

fn read_services(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let mut services = Vec::new();
    for item in cursor.items()? {
        let name = item.text()?;
        if name.is_empty() || name.starts_with(['-', '.']) || name.contains(['/', ' ', '\n']) {
            item.wrong(ProblemKind::ValueWrong, &format!("`{name}` is not the name of a service"));
            return None;
        }
        services.push(name.to_owned());
    }
    Some(services)
}

fn rows_of(word: &str) -> Option<Rows> {
    match word {
        "cjcls" => Some(Rows::Cjcls),
        "exit-status" => Some(Rows::ExitStatus),
        _ => None,
    }
}

fn read_list(cursor: &Cursor<'_>, filling: &Filling<'_>) -> Option<List> {
    cursor.check_keys()?;
    let rows = cursor.field("rows").and_then(|c| c.choice(rows_of));
    if cursor.field("rows").is_none() {
        cursor.wrong_key(
            ProblemKind::KeyMissing,
            "`rows` is missing: how its answer is read, cjcls or exit-status",
        );
    }
    let Some(words) = cursor.field("command") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`command` is missing");
        return None;
    };
    Some(List { command: command(&words, filling)?, rows: rows? })
}

/// A command with its placeholders filled in.
fn command(cursor: &Cursor<'_>, filling: &Filling<'_>) -> Option<Vec<String>> {
    let words = cursor.command()?;
    let first = words.first().is_some_and(|w| w.starts_with('/'));
    if !first {
        cursor.wrong_key(
            ProblemKind::ValueWrong,
            "the program must be named by its absolute path, as /proc shows it",
        );
    }
    words.iter().map(|word| fill(cursor, word, filling)).collect()
}

fn fill(cursor: &Cursor<'_>, word: &str, filling: &Filling<'_>) -> Option<String> {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((key, tail)) = after.split_once('}') else {
            cursor.wrong_key(
                ProblemKind::ValueWrong,
                &format!("`{word}` opens a placeholder and does not close it"),
            );
            return None;
        };
        let value = match key {
            "name" => Some(filling.name.to_owned()),
            "site" => Some(filling.site.to_owned()),
            "database" => filling.database.map(|d| d.display().to_string()),
            "address" => filling.address.clone(),
            "machine_id" => filling.machine_id.map(|id| id.to_string()),
            _ => {
                cursor.wrong_key(
                    ProblemKind::WordUnknown,
                    &format!(
                        "there is no placeholder `{{{key}}}`; there are {{name}}, {{site}}, \
                     {{database}}, {{address}} and {{machine_id}}"
                    ),
                );
                return None;
            }
        };
        let Some(value) = value else {
            cursor.wrong_key(
                ProblemKind::KeyNeedsAnother,
                &format!("`{{{key}}}` stands here, and the site names no `{key}`"),
            );
            return None;
        };
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}
