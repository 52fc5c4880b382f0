//! A supervisor that is not siteward's: the commands that start, stop and list it.

use std::path::{Path, PathBuf};

use super::cursor::Cursor;
use super::problem::ProblemKind;
use super::yaml::Node;

/// A supervisor that is not ours, with every placeholder filled in.
#[derive(Clone, Debug)]
pub struct Wrapped {
    /// The profile, for what siteward knows of it beyond its commands.
    pub jobcenter: Option<Jobcenter>,
    pub start: Vec<String>,
    pub stop: Vec<String>,
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

/// The form of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The table of cjcls: site, daemon's PID or SHUT, database and link, ON or OFF.
    Cjcls,
    /// No table but an exit status, in the words of LSB: 0 up, 3 down.
    ExitStatus,
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
    if let Node::Text(_) = cursor.node {
        cursor.choice(profile)?;
        return jobcenter(cursor, None, filling);
    }
    cursor.check_keys()?;
    let by_profile = match cursor.field("profile") {
        Some(named) => {
            named.choice(profile)?;
            Some(jobcenter(cursor, Some(cursor), filling)?)
        }
        None => {
            for key in ["commands", "spool", "qstat", "port_keeper", "monitored"] {
                if let Some(value) = cursor.field(key) {
                    value.wrong_key(
                        ProblemKind::KeyNeedsAnother,
                        "this belongs to a profile; write `profile: jobcenter` as well",
                    );
                }
            }
            None
        }
    };
    let given = |key: &str| cursor.field(key).and_then(|c| command(&c, filling));
    let needed = |key: &str, of_profile: Option<&Vec<String>>| {
        if cursor.field(key).is_none() && of_profile.is_none() {
            let message = format!("`{key}` is missing: the words of a command");
            cursor.wrong_key(ProblemKind::KeyMissing, &message);
        }
        given(key).or_else(|| of_profile.cloned())
    };
    let of_profile = by_profile.as_ref();
    let start = needed("start", of_profile.map(|p| &p.start));
    let stop = needed("stop", of_profile.map(|p| &p.stop));
    let process = needed("process", of_profile.map(|p| &p.process));
    let list = match cursor.field("list") {
        Some(list) => read_list(&list, filling),
        None => of_profile.and_then(|p| p.list.clone()),
    };
    let pause = given("pause").or_else(|| of_profile.and_then(|p| p.pause.clone()));
    let resume = given("resume").or_else(|| of_profile.and_then(|p| p.resume.clone()));
    if pause.is_some() != resume.is_some() {
        cursor.wrong_key(ProblemKind::KeyNeedsAnother, "`pause` and `resume` belong together");
    }
    let detached = match cursor.field("detached") {
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
    Some(Wrapped {
        jobcenter: by_profile.and_then(|p| p.jobcenter),
        start: start?,
        stop: stop?,
        list,
        process: process?,
        pause,
        resume,
        detached,
    })
}

/// The profile of cjcpw and the commands beside it (source document 003, SUP-02, LS-01, MNT-02, PORT-02).
fn jobcenter(at: &Cursor<'_>, map: Option<&Cursor<'_>>, filling: &Filling<'_>) -> Option<Wrapped> {
    let Some(database) = filling.database else {
        at.wrong_key(
            ProblemKind::KeyNeedsAnother,
            "JobCenter keeps a site in its `database`, and none is named",
        );
        return None;
    };
    // `supervisor: jobcenter` is as a map without keys.
    let none = Node::Map(Vec::new());
    let bare = at.as_if(&none);
    let map = map.unwrap_or(&bare);
    let profile = Jobcenter {
        commands: map.path_of("commands")?,
        spool: map.path_of("spool")?,
        qstat: map.path_of("qstat")?,
        port_keeper: map.boolean_of("port_keeper"),
    };
    let monitored = map.boolean_of("monitored");
    let site = filling.site.to_owned();
    let cjcpw = profile.command("cluster/cjcpw");
    let mut start = vec![cjcpw.clone()];
    if !monitored {
        start.push("-c".to_owned());
    }
    start.extend([site.clone(), database.display().to_string()]);
    Some(Wrapped {
        start,
        stop: vec![cjcpw.clone(), "-stop".to_owned(), site.clone()],
        list: Some(List { command: vec![profile.command("cluster/cjcls")], rows: Rows::Cjcls }),
        process: vec![cjcpw, site.clone()],
        pause: Some(vec![profile.command("nqsstop"), site.clone()]),
        resume: Some(vec![profile.command("nqsstart"), site]),
        detached: !monitored,
        jobcenter: Some(profile),
    })
}

fn profile(word: &str) -> Option<()> {
    (word == "jobcenter").then_some(())
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
