//! From a document to a definition.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::{CONTEXT_KEYS, read_context};
use super::cursor::{Cursor, DefinitionError, Located, Problems, nearest};
use super::definition::{
    Context, Definition, DegradedIs, Evidence, Given, Healthcheck, Holders, Prerequisites, Process,
    Ready, Reload, Restart, SiteName,
};
use super::duration::show;
use super::order::circle;
use super::ports::read_reservations;
use super::wrapped::{Filling, read_wrapped};
use super::yaml::{self, Node};
use crate::linux::Signal;

const SITE_KEYS: [&str; 20] = [
    "version",
    "site",
    "machine_id",
    "database",
    "address",
    "boot_timeout",
    "stop_timeout",
    "forcekill_time",
    "countmax",
    "countsleep",
    "degraded_is",
    "degraded_after",
    "settle",
    "prerequisites",
    "reserve_ports",
    "holders",
    "on_unclean_shutdown",
    "maintenance",
    "processes",
    "supervisor",
];

const PROCESS_KEYS: [&str; 15] = [
    "command",
    "depends_on",
    "essential",
    "forks",
    "healthcheck",
    "instances",
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

/// Reads the text of a definition. `file` is only named in complaints.
///
/// # Errors
/// All that is wrong with it, each at its place.
pub fn parse(name: &SiteName, file: &Path, text: &str) -> Result<Definition, DefinitionError> {
    let refused = |problems| DefinitionError { file: file.to_owned(), problems };
    let root = yaml::read(text)
        .map_err(|(position, message)| refused(vec![Located { position, message }]))?;
    let problems = Problems::default();
    let definition = read_site(name, text, &Cursor::root(&root, &problems));
    match definition {
        Some(definition) if problems.is_empty() => Ok(definition),
        _ => Err(refused(problems.located(text))),
    }
}

/// What must be one site's alone, without judging the rest.
pub(super) fn site_and_database(name: &SiteName, text: &str) -> Option<(String, Option<PathBuf>)> {
    let root = yaml::read(text).ok()?;
    let problems = Problems::default();
    let root = Cursor::root(&root, &problems);
    let site = root.field("site").and_then(|c| c.text()).unwrap_or(name.as_str());
    Some((site.to_owned(), root.field("database").and_then(|c| c.path())))
}

fn read_site(name: &SiteName, text: &str, root: &Cursor<'_>) -> Option<Definition> {
    if *root.node == Node::Null {
        root.wrong("the definition is empty; it begins with `version: 1`");
        return None;
    }
    // Keys that begin with x- are the writer's own, as in Compose: a place for anchors.
    let own: Vec<&str> =
        root.entries()?.iter().map(|(k, _)| *k).filter(|k| k.starts_with("x-")).collect();
    root.check_keys(&[&SITE_KEYS[..], &CONTEXT_KEYS[..], &own[..]].concat());

    match root.field("version") {
        None => root.wrong("`version: 1` is missing"),
        Some(version) if *version.node == Node::Integer(1) => {}
        Some(version) => version.wrong("this siteward reads version 1 of a definition"),
    }
    let site = root.field("site").and_then(|c| {
        let site = c.text()?;
        let fine = |p: char| p.is_ascii_alphanumeric() || p == '-' || p == '.' || p == '_';
        if site.is_empty() || site.len() > 253 || !site.chars().all(fine) {
            c.wrong(&format!("`{site}` is not a host name"));
        }
        Some(site.to_owned())
    });
    let machine_id = root.field("machine_id").and_then(|c| c.integer(1, i64::from(i32::MAX)));
    let database = root.field("database").and_then(|c| {
        let path = c.path()?;
        if path == Path::new("/") {
            c.wrong("the root of the node cannot be a site's database");
        }
        Some(path)
    });
    let address = root.field("address").and_then(|c| {
        let text = c.text()?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                c.wrong(&format!("`{text}` is not an IP address"));
                None
            }
        }
    });

    let seconds = |key: &str, default: u64| {
        root.field(key).and_then(|c| c.duration()).unwrap_or(Duration::from_secs(default))
    };
    let countmax = root.field("countmax").and_then(|c| c.integer(1, 100_000));
    let countsleep = root.field("countsleep").and_then(|c| positive(&c));
    let paced = countmax.is_some() || countsleep.is_some();
    let countmax = countmax.and_then(|n| u32::try_from(n).ok()).unwrap_or(18);
    let countsleep = countsleep.unwrap_or(Duration::from_secs(10));
    let pace = countsleep.saturating_mul(countmax);
    let timeout = |key: &str, default: u64| {
        let given = root.field(key).and_then(|c| positive(&c));
        given.unwrap_or(if paced { pace } else { Duration::from_secs(default) })
    };
    let boot_timeout = timeout("boot_timeout", 200);
    let stop_timeout = timeout("stop_timeout", 300);

    let prerequisites = read_prerequisites(root, database.as_deref(), address.is_some());
    let context = read_context(root, &Context::default());
    let machine_id = machine_id.and_then(|n| u32::try_from(n).ok());
    let site = site.unwrap_or_else(|| name.to_string());
    let (processes, wrapped) = match root.field("supervisor") {
        Some(supervisor) => {
            if let Some(processes) = root.field("processes") {
                processes.wrong_key(
                    "a site has `processes` that siteward supervises, or a `supervisor` of its \
                     own, not both",
                );
            }
            let filling = Filling {
                name: name.as_str(),
                site: &site,
                database: database.as_deref(),
                address: address.map(|a: std::net::IpAddr| a.to_string()),
                machine_id,
            };
            (Some(Vec::new()), read_wrapped(&supervisor, &filling))
        }
        None => (read_processes(root, &context), None),
    };

    let database_missing = database.is_none();
    let names: Vec<&str> = processes.iter().flatten().map(|p| p.name.as_str()).collect();
    let reserve_ports = read_reservations(root, &names, address);
    let definition = Definition {
        name: name.clone(),
        site,
        machine_id,
        database,
        address,
        boot_timeout,
        stop_timeout,
        given: Given {
            boot_timeout: root.field("boot_timeout").is_some(),
            stop_timeout: root.field("stop_timeout").is_some(),
        },
        forcekill_time: seconds("forcekill_time", 5),
        countmax,
        countsleep,
        degraded_is: root
            .field("degraded_is")
            .and_then(|c| {
                c.choice(&[("running", DegradedIs::Running), ("degraded", DegradedIs::Degraded)])
            })
            .unwrap_or(DegradedIs::Running),
        degraded_after: seconds("degraded_after", 30),
        settle: root
            .field("settle")
            .and_then(|c| c.duration())
            .unwrap_or(Duration::from_millis(250)),
        prerequisites,
        reserve_ports,
        holders: root
            .field("holders")
            .and_then(|c| {
                c.choice(&[
                    ("report", Holders::Report),
                    ("terminate", Holders::Terminate),
                    ("kill", Holders::Kill),
                ])
            })
            .unwrap_or(Holders::Report),
        on_unclean_shutdown: root.field("on_unclean_shutdown").and_then(|c| {
            if database_missing {
                c.wrong_key("there is no `database` that could be left unclean");
            }
            read_evidence(&c)
        }),
        context,
        maintenance: root.field("maintenance").and_then(|c| c.boolean()).unwrap_or(false),
        processes: processes?,
        wrapped,
        fingerprint: fingerprint(text),
        text: text.to_owned(),
        warnings: Vec::new(),
    };
    Some(with_warnings(definition, paced.then_some(pace)))
}

fn positive(cursor: &Cursor<'_>) -> Option<Duration> {
    let duration = cursor.duration()?;
    if duration.is_zero() {
        cursor.wrong("it must be longer than nothing");
        return None;
    }
    Some(duration)
}

fn with_warnings(mut definition: Definition, pace: Option<Duration>) -> Definition {
    let mut warnings = Vec::new();
    for (key, value) in
        [("boot_timeout", definition.boot_timeout), ("stop_timeout", definition.stop_timeout)]
    {
        if let Some(pace) = pace.filter(|p| *p < value) {
            warnings.push(format!(
                "countmax x countsleep is {}, less than {key} ({}): it only sets the pace of asking",
                show(pace),
                show(value)
            ));
        }
    }
    for process in &definition.processes {
        if process.stop_grace_period > definition.stop_timeout {
            warnings.push(format!(
                "stop_grace_period of `{}` ({}) is longer than stop_timeout ({}), which ends it",
                process.name,
                show(process.stop_grace_period),
                show(definition.stop_timeout)
            ));
        }
        if let Some(ready) = process.ready_timeout.filter(|t| *t > definition.boot_timeout) {
            warnings.push(format!(
                "ready.timeout of `{}` ({}) is longer than boot_timeout ({}), which ends it",
                process.name,
                show(ready),
                show(definition.boot_timeout)
            ));
        }
    }
    definition.warnings = warnings;
    definition
}

fn read_prerequisites(root: &Cursor<'_>, database: Option<&Path>, address: bool) -> Prerequisites {
    let mut result =
        Prerequisites { mounted: database.map(Path::to_owned), address_present: address };
    let Some(cursor) = root.field("prerequisites") else { return result };
    cursor.check_keys(&["mounted", "address_present"]);
    if let Some(mounted) = cursor.field("mounted") {
        result.mounted = match mounted.node {
            Node::Text(_) => {
                let path = mounted.path();
                if let (Some(path), Some(database)) = (&path, database)
                    && !database.starts_with(path)
                {
                    mounted.wrong("the database does not lie below this mount point");
                }
                path
            }
            _ => mounted.boolean().unwrap_or(false).then(|| database.map(Path::to_owned)).flatten(),
        };
        if *mounted.node == Node::Bool(true) && database.is_none() {
            mounted.wrong("there is no `database` that could be mounted");
        }
    }
    if let Some(present) = cursor.field("address_present") {
        result.address_present = present.boolean().unwrap_or(false);
        if result.address_present && !address {
            present.wrong("there is no `address` that could be present");
        }
    }
    result
}

fn read_processes(root: &Cursor<'_>, context: &Context) -> Option<Vec<Process>> {
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
        .map(|(index, (name, process))| read_process(index, name, &names, process, context))
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
    site: &Context,
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
    })
}

fn read_depends_on(index: usize, names: &[&str], list: &Cursor<'_>) -> Vec<usize> {
    let mut result = Vec::new();
    for item in list.items().unwrap_or_default() {
        let Some(wanted) = item.text() else { continue };
        match names.iter().position(|n| *n == wanted) {
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
    let timeout = cursor.field("timeout").and_then(|c| positive(&c));
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
            if let Err(error) = regex_lite::Regex::new(text) {
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
        cursor.field(key).and_then(|c| positive(&c)).unwrap_or(Duration::from_secs(default))
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
            .and_then(|c| positive(&c))
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

fn read_evidence(cursor: &Cursor<'_>) -> Option<Evidence> {
    let default = Duration::from_secs(10);
    if let Node::List(_) = cursor.node {
        return Some(Evidence { command: cursor.command()?, timeout: default });
    }
    cursor.check_keys(&["command", "timeout"])?;
    let Some(command) = cursor.field("command") else {
        cursor.wrong_key("`command` is missing");
        return None;
    };
    let timeout = cursor.field("timeout").and_then(|c| positive(&c)).unwrap_or(default);
    Some(Evidence { command: command.command()?, timeout })
}

/// FNV-1a in 64 bits, twice with different beginnings: it tells versions of a file apart, and
/// guards against nobody.
fn fingerprint(text: &str) -> String {
    let hash = |basis: u64| {
        text.bytes().fold(basis, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    };
    format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15))
}
