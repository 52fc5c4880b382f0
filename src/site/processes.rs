//! The `processes:` of a definition.

use std::time::Duration;

use super::context::{CONTEXT_KEYS, read_context};
use super::cursor::{Cursor, nearest};
use super::definition::{Context, Evidence, Healthcheck, Logging, Process, Ready, Reload, Restart};
use super::logging::read_logging;
use super::order::circle;
use super::places::OWN_LOG;
use super::yaml::Node;
use crate::values::Signal;

const PROCESS_KEYS: [&str; 16] = [
    "command",
    "depends_on",
    "essential",
    "forks",
    "healthcheck",
    "instances",
    "logging",
    "on_failure",
    "oneshot",
    "pid_file",
    "ready",
    "reload",
    "restart",
    "stop_command",
    "stop_grace_period",
    "stop_signal",
];

/// How large a regular expression may be when it is compiled, in bytes.
pub(super) const LARGEST_REGEX: usize = 64 << 10;

pub(super) fn read_processes(
    root: &Cursor<'_>,
    context: &Context,
    logging: Logging,
) -> Option<Vec<Process>> {
    let Some(cursor) = root.field("processes") else {
        root.wrong(
            "`processes` is missing: a site is a group of processes; one that has a supervisor of \
             its own names that as `supervisor`",
        );
        return None;
    };
    let entries = cursor.entries()?;
    if entries.is_empty() {
        cursor.wrong_key("a site needs at least one process");
    }
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    for (name, process) in &entries {
        let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let good = name.len() <= 63
            && name.chars().all(inner)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if *name == OWN_LOG {
            process.wrong_key(
                "no process may be called so, as the supervisor's own log is called `siteward.log`",
            );
        }
        if !good {
            process.wrong_key(
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
    if let Some(path) = circle(&processes) {
        let way: Vec<&str> = path.iter().map(|&i| names[i]).collect();
        if let Some((_, process)) = path.first().and_then(|&i| entries.get(i)) {
            process.wrong_key(&format!(
                "each of these waits for the next, so none could ever start: {}",
                way.join(" -> ")
            ));
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
    cursor.check_keys(&[&PROCESS_KEYS[..], &CONTEXT_KEYS[..]].concat())?;
    let flag =
        |key: &str, default: bool| cursor.field(key).and_then(|c| c.boolean()).unwrap_or(default);
    let command = match cursor.field("command") {
        Some(command) => command.command(),
        None => {
            cursor.wrong_key("`command` is missing");
            None
        }
    };
    let depends_on = match cursor.field("depends_on") {
        None => index.checked_sub(1).into_iter().collect(),
        Some(list) => read_depends_on(index, names, &list),
    };
    let oneshot = flag("oneshot", false);
    let forks = flag("forks", false);
    if oneshot {
        for key in ["forks", "ready", "healthcheck", "reload"] {
            if let Some(other) = cursor.field(key).filter(|c| *c.node != Node::Bool(false)) {
                other.wrong_key("a oneshot ends before the next begins, so it cannot have this");
            }
        }
    }
    let pid_file = cursor.field("pid_file").and_then(|c| {
        if !forks {
            c.wrong_key("a pid_file picks the main process of one that `forks: true`; the others are known anyway");
        }
        c.path()
    });
    let (ready, ready_timeout) =
        cursor.field("ready").map_or((Ready::AtExec, None), |c| read_ready(&c));
    let instances = cursor.field("instances").and_then(|c| c.integer(1, 1000)).unwrap_or(1);
    Some(Process {
        name: name.to_owned(),
        command: command?,
        instances: u32::try_from(instances).unwrap_or(1),
        depends_on,
        essential: flag("essential", true),
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
        stop_grace_period: cursor
            .field("stop_grace_period")
            .and_then(|c| c.duration())
            .unwrap_or(Duration::from_secs(10)),
        reload: cursor.field("reload").and_then(|c| read_reload(&c)),
        on_failure: cursor.field("on_failure").and_then(|c| read_evidence(&c)),
        context: read_context(cursor, site),
        logging: read_logging(cursor, logging),
    })
}

fn read_depends_on(index: usize, names: &[&str], list: &Cursor<'_>) -> Vec<usize> {
    let mut result = Vec::new();
    for item in list.items().unwrap_or_default() {
        let Some(wanted) = item.text() else { continue };
        match names.iter().position(|n| *n == wanted) {
            None if item.is_only_counted() => item.wrong(""),
            Some(found) if found == index => item.wrong("a process cannot wait for itself"),
            Some(found) if result.contains(&found) => {
                item.wrong(&format!("`{wanted}` is named twice"));
            }
            Some(found) => result.push(found),
            None => {
                let advice = nearest(wanted, names)
                    .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                item.wrong(&format!("there is no process `{wanted}` in this site{advice}"));
            }
        }
    }
    result
}

fn read_ready(cursor: &Cursor<'_>) -> (Ready, Option<Duration>) {
    const KINDS: [&str; 7] = ["notify", "tcp", "socket", "file", "log", "exec", "delay"];
    if cursor.check_keys(&[&KINDS[..], &["timeout"]].concat()).is_none() {
        return (Ready::AtExec, None);
    }
    let timeout = cursor.field("timeout").and_then(|c| c.positive_duration());
    let given: Vec<(&str, Cursor<'_>)> =
        KINDS.iter().filter_map(|k| Some((*k, cursor.field(k)?))).collect();
    let ready = match &given[..] {
        [(kind, value)] => read_ready_kind(kind, value),
        [] => {
            cursor.wrong_key(&format!("it must say how: one of {}", KINDS.join(", ")));
            None
        }
        [(first, _), (second, value), ..] => {
            value.wrong_key(&format!("`{first}` stands here already; a process gets ready in one way, {first} or {second}"));
            None
        }
    };
    (ready.unwrap_or(Ready::AtExec), timeout)
}

fn read_ready_kind(kind: &str, value: &Cursor<'_>) -> Option<Ready> {
    Some(match kind {
        "notify" => {
            if !value.boolean()? {
                value.wrong("only `true` has a meaning here; leave `ready` out otherwise");
            }
            Ready::Notify
        }
        "tcp" => {
            let text = value.text()?;
            let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|p| p > 0)) {
                value.wrong(&format!("`{text}` is not HOST:PORT like 127.0.0.1:6379"));
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
                value.wrong(&format!("`{text}` is not a regular expression: {error}"));
            }
            Ready::Log(text.to_owned())
        }
        "exec" => Ready::Exec(value.command()?),
        _ => Ready::Delay(value.duration()?),
    })
}

fn read_healthcheck(cursor: &Cursor<'_>) -> Option<Healthcheck> {
    cursor.check_keys(&["test", "interval", "timeout", "retries", "start_period", "disable"])?;
    if cursor.field("disable").and_then(|c| c.boolean()) == Some(true) {
        return None;
    }
    let Some(test) = cursor.field("test") else {
        cursor.wrong_key("`test` is missing");
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
                test.wrong_key("CMD-SHELL takes one line for the shell");
            }
        }
        _ => {}
    }
    if words.is_empty() {
        test.wrong_key("the name of a program is missing");
    }
    let period = |key: &str, default: u64| {
        cursor
            .field(key)
            .and_then(|c| c.positive_duration())
            .unwrap_or(Duration::from_secs(default))
    };
    Some(Healthcheck {
        test: words,
        interval: period("interval", 30),
        timeout: period("timeout", 30),
        retries: cursor
            .field("retries")
            .and_then(|c| c.integer(1, 1000))
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(3),
        start_period: cursor.field("start_period").and_then(|c| c.duration()).unwrap_or_default(),
    })
}

fn read_restart(cursor: &Cursor<'_>) -> Option<Restart> {
    cursor.check_keys(&["attempts", "within", "delay", "max_delay"])?;
    let Some(attempts) = cursor.field("attempts") else {
        cursor.wrong_key("`attempts` is missing: how often may it be started again?");
        return None;
    };
    let delay = cursor.field("delay").and_then(|c| c.duration()).unwrap_or(Duration::from_secs(1));
    let max_delay = cursor
        .field("max_delay")
        .and_then(|c| c.duration())
        .unwrap_or(delay.max(Duration::from_secs(30)));
    if max_delay < delay {
        cursor.wrong_key("`max_delay` is shorter than `delay`");
    }
    Some(Restart {
        attempts: u32::try_from(attempts.integer(1, 1000)?).ok()?,
        within: cursor
            .field("within")
            .and_then(|c| c.positive_duration())
            .unwrap_or(Duration::from_secs(60)),
        delay,
        max_delay,
    })
}

fn read_signal(cursor: &Cursor<'_>) -> Option<Signal> {
    let text = cursor.text()?;
    match text.parse::<Signal>() {
        Ok(signal) if signal == Signal::KILL || signal == Signal::STOP => {
            cursor.wrong(&format!(
                "{signal} cannot be caught, so it cannot ask a process for anything"
            ));
            None
        }
        Ok(signal) => Some(signal),
        Err(message) => {
            let names: Vec<&str> = Signal::names().collect();
            let bare = text.to_ascii_uppercase();
            let advice = nearest(bare.trim_start_matches("SIG"), &names)
                .map_or_else(String::new, |n| format!("; did you mean {n}?"));
            cursor.wrong(&format!("{message}{advice}"));
            None
        }
    }
}

fn read_reload(cursor: &Cursor<'_>) -> Option<Reload> {
    cursor.check_keys(&["signal", "command"])?;
    match (cursor.field("signal"), cursor.field("command")) {
        (Some(signal), None) => Some(Reload::Signal(read_signal(&signal)?)),
        (None, Some(command)) => Some(Reload::Command(command.command()?)),
        _ => {
            cursor.wrong_key("either `signal` or `command` must stand here");
            None
        }
    }
}

pub(super) fn read_evidence(cursor: &Cursor<'_>) -> Option<Evidence> {
    let default = Duration::from_secs(10);
    if let Node::List(_) = cursor.node {
        return Some(Evidence { command: cursor.command()?, timeout: default });
    }
    cursor.check_keys(&["command", "timeout"])?;
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key("`command` is missing");
        return None;
    };
    let timeout = cursor.field("timeout").and_then(|c| c.positive_duration()).unwrap_or(default);
    Some(Evidence { command: command.command()?, timeout })
}
