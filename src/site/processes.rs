//! The `processes:` of a definition.

use std::time::Duration;

use super::bounds::MOST_UNITS;
use super::context::read_context;
use super::cursor::Cursor;
use super::definition::{Context, Evidence, Healthcheck, Logging, Process, Ready, Reload, Restart};
use super::keys;
use super::logging::read_logging;
use super::nearest::nearest;
use super::order::circle;
use super::places::OWN_LOG;
use super::problem::ProblemKind;
use super::signal::read_signal;
use super::yaml::Node;
use crate::values::Signal;

/// How large a regular expression may be when it is compiled, in bytes.
pub(super) const LARGEST_REGEX: usize = 64 << 10;

pub(super) fn read_processes(
    root: &Cursor<'_>,
    context: &Context,
    logging: Logging,
) -> Option<Vec<Process>> {
    let Some(cursor) = root.field("processes") else {
        root.wrong(
            ProblemKind::KeyMissing,
            "`processes` is missing: a site is a group of processes; one that has a supervisor of \
             its own names that as `supervisor`",
        );
        return None;
    };
    let entries = cursor.entries()?;
    if entries.is_empty() {
        cursor.wrong_key(ProblemKind::KeyMissing, "a site needs at least one process");
    }
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    for (name, process) in &entries {
        let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let good = name.len() <= 63
            && name.chars().all(inner)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if *name == OWN_LOG {
            process.wrong_key(
                ProblemKind::ValueWrong,
                "no process may be called so, as the supervisor's own log is called `siteward.log`",
            );
        }
        if !good {
            process.wrong_key(
                ProblemKind::ValueWrong,
                "the name of a process must be 1 to 63 letters, digits, `_`, `.` and `-`, and \
                 begin with a letter or digit",
            );
        }
    }
    // Every process is read, so that all complaints come at once.
    let processes: Vec<Option<Process>> = entries
        .iter()
        .enumerate()
        .map(|(index, (name, process))| {
            read_process(index, name, &names, process, (context, logging))
        })
        .collect();
    let processes: Vec<Process> = processes.into_iter().collect::<Option<_>>()?;
    let units = processes.iter().fold(0_u32, |sum, p| sum.saturating_add(p.instances));
    if units > MOST_UNITS {
        cursor.wrong_key(
            ProblemKind::TooLarge,
            &format!(
                "a site may have {MOST_UNITS} processes, each instance counted, and here it has {units}"
            ),
        );
        return None;
    }
    if let Some(path) = circle(&processes) {
        let way: Vec<&str> = path.iter().map(|&i| names[i]).collect();
        if let Some((_, process)) = path.first().and_then(|&i| entries.get(i)) {
            process.wrong_key(
                ProblemKind::OrderCircular,
                &format!(
                    "each of these waits for the next, so none could ever start: {}",
                    way.join(" -> ")
                ),
            );
        }
        return None;
    }
    Some(processes)
}

fn read_process(
    index: usize,
    name: &str,
    names: &[&str],
    cursor: &Cursor<'_>,
    (site, logging): (&Context, Logging),
) -> Option<Process> {
    cursor.check_keys()?;
    let command = match cursor.field("command") {
        Some(command) => command.command(),
        None => {
            cursor.wrong_key(ProblemKind::KeyMissing, "`command` is missing");
            None
        }
    };
    let depends_on = match cursor.field("depends_on") {
        None => index.checked_sub(1).into_iter().collect(),
        Some(list) => read_depends_on(index, names, &list),
    };
    let oneshot = cursor.boolean_of("oneshot");
    let forks = cursor.boolean_of("forks");
    if oneshot {
        for key in ["forks", "ready", "healthcheck", "reload"] {
            if let Some(other) = cursor.field(key).filter(|c| *c.node != Node::Bool(false)) {
                other.wrong_key(
                    ProblemKind::KeysConflict,
                    "a oneshot ends before the next begins, so it cannot have this",
                );
            }
        }
    }
    let pid_file = cursor.field("pid_file").and_then(|c| {
        if !forks {
            c.wrong_key(ProblemKind::KeyNeedsAnother, "a pid_file picks the main process of one that `forks: true`; the others are known anyway");
        }
        c.path()
    });
    let (ready, ready_timeout) =
        cursor.field("ready").map_or((Ready::AtExec, None), |c| read_ready(&c));
    let has_command = command.is_some();
    // All of it is read, so that all complaints come at once.
    let process = Process {
        name: name.to_owned(),
        command: command.unwrap_or_default(),
        instances: cursor.number_of("instances"),
        depends_on,
        essential: cursor.boolean_of("essential"),
        oneshot,
        forks,
        pid_file,
        ready,
        ready_timeout,
        healthcheck: cursor.field("healthcheck").and_then(|c| read_healthcheck(&c)),
        restart: cursor.field("restart").and_then(|c| read_restart(&c)),
        stop_signal: cursor
            .field("stop_signal")
            .and_then(|c| read_signal(&c))
            .unwrap_or(Signal::TERM),
        stop_command: cursor.field("stop_command").and_then(|c| c.command()),
        stop_grace_period: cursor.duration_of("stop_grace_period"),
        reload: cursor.field("reload").and_then(|c| read_reload(&c)),
        on_failure: cursor.field("on_failure").and_then(|c| read_evidence(&c)),
        context: read_context(cursor, site),
        logging: read_logging(cursor, logging),
    };
    has_command.then_some(process)
}

fn read_depends_on(index: usize, names: &[&str], list: &Cursor<'_>) -> Vec<usize> {
    let mut result = Vec::new();
    for item in list.items().unwrap_or_default() {
        let Some(wanted) = item.text() else { continue };
        match names.iter().position(|n| *n == wanted) {
            None if item.is_only_counted() => item.wrong(ProblemKind::ReferenceUnknown, ""),
            Some(found) if found == index => {
                item.wrong(ProblemKind::OrderCircular, "a process cannot wait for itself");
            }
            Some(found) if result.contains(&found) => {
                item.wrong(ProblemKind::KeyTwice, &format!("`{wanted}` is named twice"));
            }
            Some(found) => result.push(found),
            None => {
                let advice = nearest(wanted, names)
                    .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                item.wrong(
                    ProblemKind::ReferenceUnknown,
                    &format!("there is no process `{wanted}` in this site{advice}"),
                );
            }
        }
    }
    result
}

fn read_ready(cursor: &Cursor<'_>) -> (Ready, Option<Duration>) {
    if cursor.check_keys().is_none() {
        return (Ready::AtExec, None);
    }
    let timeout = cursor.field(keys::TIMEOUT).and_then(|c| c.duration());
    let kinds = cursor.known_keys().iter().copied().filter(|key| *key != keys::TIMEOUT);
    let kinds: Vec<&str> = kinds.collect();
    let given: Vec<(&str, Cursor<'_>)> =
        kinds.iter().filter_map(|k| Some((*k, cursor.field(k)?))).collect();
    let ready = match &given[..] {
        [(kind, value)] => read_ready_kind(kind, value),
        [] => {
            let message = format!("it must say how: one of {}", kinds.join(", "));
            cursor.wrong_key(ProblemKind::KeyMissing, &message);
            None
        }
        [(first, _), (second, value), ..] => {
            value.wrong_key(ProblemKind::KeysConflict, &format!("`{first}` stands here already; a process gets ready in one way, {first} or {second}"));
            None
        }
    };
    (ready.unwrap_or(Ready::AtExec), timeout)
}

fn read_ready_kind(kind: &str, value: &Cursor<'_>) -> Option<Ready> {
    Some(match kind {
        "notify" => {
            if !value.boolean()? {
                value.wrong(
                    ProblemKind::ValueWrong,
                    "only `true` has a meaning here; leave `ready` out otherwise",
                );
            }
            Ready::Notify
        }
        "tcp" => {
            let text = value.text()?;
            let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|p| p > 0)) {
                let message = format!("`{text}` is not HOST:PORT like 127.0.0.1:6379");
                value.wrong(ProblemKind::ValueWrong, &message);
            }
            Ready::Tcp(text.to_owned())
        }
        "socket" => Ready::Socket(value.path()?),
        "file" => Ready::File(value.path()?),
        "log" => {
            let text = value.text()?;
            if value.is_only_counted() {
                return None;
            }
            let read = regex_lite::RegexBuilder::new(text).size_limit(LARGEST_REGEX).build();
            if let Err(error) = read {
                let message = format!("`{text}` is not a regular expression: {error}");
                value.wrong(ProblemKind::ValueWrong, &message);
            }
            Ready::Log(text.to_owned())
        }
        "exec" => Ready::Exec(value.command()?),
        _ => Ready::Delay(value.duration()?),
    })
}

fn read_healthcheck(cursor: &Cursor<'_>) -> Option<Healthcheck> {
    cursor.check_keys()?;
    if cursor.boolean_of("disable") {
        return None;
    }
    let Some(test) = cursor.field("test") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`test` is missing");
        return None;
    };
    let mut words = test.command()?;
    match words[0].as_str() {
        "NONE" => return None,
        "CMD" => {
            words.remove(0);
        }
        "CMD-SHELL" => {
            words.splice(0..1, ["/bin/sh".to_owned(), "-c".to_owned()]);
            if words.len() != 3 {
                test.wrong_key(ProblemKind::ValueWrong, "CMD-SHELL takes one line for the shell");
            }
        }
        _ => {}
    }
    if words.is_empty() {
        test.wrong_key(ProblemKind::ValueWrong, "the name of a program is missing");
    }
    Some(Healthcheck {
        test: words,
        interval: cursor.duration_of("interval"),
        timeout: cursor.duration_of("timeout"),
        retries: cursor.number_of("retries"),
        start_period: cursor.duration_of("start_period"),
    })
}

fn read_restart(cursor: &Cursor<'_>) -> Option<Restart> {
    cursor.check_keys()?;
    let Some(attempts) = cursor.field("attempts") else {
        cursor.wrong_key(
            ProblemKind::KeyMissing,
            "`attempts` is missing: how often may it be started again?",
        );
        return None;
    };
    let delay = cursor.duration_of("delay");
    let max_delay = cursor
        .field("max_delay")
        .and_then(|c| c.duration())
        .unwrap_or(delay.max(Duration::from_secs(30)));
    if max_delay < delay {
        cursor.wrong_key(ProblemKind::KeysConflict, "`max_delay` is shorter than `delay`");
    }
    Some(Restart {
        attempts: u32::try_from(attempts.integer()?).ok()?,
        within: cursor.duration_of("within"),
        delay,
        max_delay,
    })
}

fn read_reload(cursor: &Cursor<'_>) -> Option<Reload> {
    cursor.check_keys()?;
    match (cursor.field("signal"), cursor.field("command")) {
        (Some(signal), None) => Some(Reload::Signal(read_signal(&signal)?)),
        (None, Some(command)) => Some(Reload::Command(command.command()?)),
        _ => {
            cursor.wrong_key(
                ProblemKind::KeysConflict,
                "either `signal` or `command` must stand here",
            );
            None
        }
    }
}

pub(super) fn read_evidence(cursor: &Cursor<'_>) -> Option<Evidence> {
    if let Node::List(_) = cursor.node {
        let none = Node::Map(Vec::new());
        let timeout = cursor.as_if(&none).duration_of("timeout");
        return Some(Evidence { command: cursor.command()?, timeout });
    }
    cursor.check_keys()?;
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key(ProblemKind::KeyMissing, "`command` is missing");
        return None;
    };
    Some(Evidence { command: command.command()?, timeout: cursor.duration_of("timeout") })
}
