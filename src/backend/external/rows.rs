//! The answers of the list commands of supervisors that have services, as their own programs print them.

use serde_json::Value;

use crate::site::Rows;
use crate::values::Pid;

/// A program, service, process, unit or container of a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceRow {
    pub name: String,
    pub pid: Option<Pid>,
    pub doing: Doing,
    /// In the words of its supervisor.
    pub words: String,
}

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Up,
    /// It is being started, or started again.
    Coming,
    /// It was told to be down.
    Down,
    /// It is ending by itself, and its processes may live.
    Ending,
    /// It has ended or failed, and its supervisor does nothing about that.
    Gone,
    /// It is down, and nothing says that it should be up.
    Idle,
}

impl ServiceRow {
    fn of(name: &str, doing: Doing, words: impl Into<String>) -> Self {
        Self { name: name.to_owned(), pid: None, doing, words: words.into() }
    }

    fn with_pid(self, pid: &str) -> Self {
        let pid = pid.trim().parse().ok().and_then(|number: i32| Pid::try_from(number).ok());
        Self { pid, ..self }
    }
}

/// The services in an answer. `asked`: the only one that was asked about, if there was one.
///
/// # Errors
/// The rest of a sentence: the answer is none.
pub(super) fn services_in(
    rows: Rows,
    text: &str,
    asked: Option<&str>,
) -> Result<Vec<ServiceRow>, String> {
    let found = match rows {
        Rows::Supervisord => of_lines(text, of_supervisord),
        Rows::Runit => of_lines(text, of_sv),
        Rows::S6 => of_lines(text, |line| of_s6(line, asked.unwrap_or_default())),
        Rows::Monit => of_monit(text),
        Rows::Systemd => some(paragraphs(text).filter_map(|of| of_systemd(&of)).collect()),
        Rows::Compose => of_compose(text),
        Rows::Cjcls | Rows::ExitStatus => None,
    };
    let found = found.ok_or_else(|| {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        format!("prints no list but: {}", first.trim())
    })?;
    Ok(found)
}

/// What is printed beside a list, as a warning of an interpreter, is passed over.
fn of_lines(text: &str, of: impl Fn(&str) -> Option<ServiceRow>) -> Option<Vec<ServiceRow>> {
    some(text.lines().filter_map(of).collect())
}

fn some(found: Vec<ServiceRow>) -> Option<Vec<ServiceRow>> {
    (!found.is_empty()).then_some(found)
}

// `web                  RUNNING   pid 30834, uptime 0:00:03`
fn of_supervisord(line: &str) -> Option<ServiceRow> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let (state, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let doing = match state {
        "RUNNING" => Doing::Up,
        "STARTING" | "BACKOFF" => Doing::Coming,
        "STOPPED" if more.trim() == "Not started" => Doing::Idle,
        "STOPPED" | "STOPPING" => Doing::Down,
        "EXITED" | "FATAL" | "UNKNOWN" => Doing::Gone,
        _ => return None,
    };
    let pid = more.trim().strip_prefix("pid ").and_then(|more| more.split(',').next());
    let service = ServiceRow::of(name, doing, state);
    Some(pid.map_or_else(|| service.clone(), |pid| service.clone().with_pid(pid)))
}

// `run: /etc/site/services/web: (pid 1350) 1s, normally down`, and its log behind a semicolon.
fn of_sv(line: &str) -> Option<ServiceRow> {
    let line = line.split("; ").next()?;
    let (state, rest) = line.split_once(": ")?;
    let (path, more) = rest.split_once(": ")?;
    let name = path.rsplit('/').next()?;
    let has = |words: &str| more.split(", ").any(|part| part == words);
    let pid = || more.strip_prefix("(pid ").and_then(|more| more.split(')').next());
    let service = |doing, words: &str| ServiceRow::of(name, doing, words);
    Some(match state {
        "run" if has("paused") => service(Doing::Gone, "paused by `sv pause`").with_pid(pid()?),
        "run" if has("want down") => service(Doing::Down, "being stopped").with_pid(pid()?),
        "run" => service(Doing::Up, "run").with_pid(pid()?),
        "finish" => service(Doing::Coming, "finish"),
        "down" if has("want up") => service(Doing::Coming, "down, and wanted up"),
        "down" if has("normally up") => service(Doing::Down, "down"),
        "down" => service(Doing::Idle, "down"),
        // Its supervisor is made anew by runsvdir.
        "fail" if more == "runsv not running" => service(Doing::Coming, "without a runsv"),
        "warning" if more.contains("supervise/ok") => service(Doing::Coming, "not taken up yet"),
        "fail" | "warning" => service(Doing::Gone, more),
        _ => return None,
    })
}

// The values of `Rows::S6_FIELDS`.
fn of_s6(line: &str, name: &str) -> Option<ServiceRow> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [up, wanted, normally, pid, code, signal] = words[..] else {
        return line
            .contains("s6-supervise not running")
            .then(|| ServiceRow::of(name, Doing::Coming, "without an s6-supervise"));
    };
    let is = |word: &str| word.parse::<bool>().ok();
    let ended = match (code, signal) {
        ("-1", "-1") => "down".to_owned(),
        ("-1", signal) => format!("down, by signal {signal}"),
        (code, _) => format!("down, exit status {code}"),
    };
    Some(match (is(up)?, is(wanted)?, is(normally)?) {
        (true, true, _) => ServiceRow::of(name, Doing::Up, "up").with_pid(pid),
        (true, false, _) => ServiceRow::of(name, Doing::Down, "being stopped").with_pid(pid),
        (false, true, _) => ServiceRow::of(name, Doing::Coming, format!("{ended}, and wanted up")),
        (false, false, true) => ServiceRow::of(name, Doing::Down, ended),
        (false, false, false) => ServiceRow::of(name, Doing::Idle, ended),
    })
}

// Of each paragraph the head, `Process 'web'`, and below it words in two columns.
fn of_monit(text: &str) -> Option<Vec<ServiceRow>> {
    let mut found = Vec::new();
    let mut is_answer = false;
    for paragraph in text.split("\n\n") {
        is_answer |= paragraph.trim_start().starts_with("Monit ");
        let Some((head, body)) = paragraph.trim_start().split_once('\n') else { continue };
        let named = head.strip_prefix("Process '").and_then(|rest| rest.strip_suffix('\''));
        let Some(name) = named else { continue };
        let value = |key: &str| {
            let of_key = |line: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned());
            body.lines().find_map(of_key).unwrap_or_default()
        };
        let (status, monitored) = (value("status"), value("monitoring status"));
        let doing = match (status.as_str(), monitored.as_str()) {
            ("OK", _) => Doing::Up,
            (_, "Not monitored") if value("monitoring mode") == "manual" => Doing::Idle,
            (_, "Not monitored") => Doing::Down,
            _ => Doing::Coming,
        };
        found.push(ServiceRow::of(name, doing, status).with_pid(&value("pid")));
    }
    some(found).filter(|_| is_answer)
}

/// The paragraphs of `systemctl show`, each as its properties.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = Vec<(&str, &str)>> {
    let all = text.split("\n\n").filter(|of| !of.trim().is_empty());
    all.map(|of| of.lines().filter_map(|line| line.split_once('=')).collect())
}

/// A property of a unit; empty if it is not there.
pub(super) fn property<'a>(of: &[(&str, &'a str)], key: &str) -> &'a str {
    of.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}

fn of_systemd(of: &[(&str, &str)]) -> Option<ServiceRow> {
    let [id, load, active, sub, result] =
        ["Id", "LoadState", "ActiveState", "SubState", "Result"].map(|key| property(of, key));
    let words = match (load, active) {
        ("loaded", "failed") => format!("failed: {result}"),
        ("loaded", "deactivating") if !["", "success"].contains(&result) => {
            format!("{active} ({sub}): {result}")
        }
        ("loaded", _) => format!("{active} ({sub})"),
        _ => load.to_owned(),
    };
    let doing = match (load, active) {
        ("loaded", "active" | "reloading") => Doing::Up,
        ("loaded", "activating") => Doing::Coming,
        ("loaded", "failed") => Doing::Gone,
        ("loaded", "deactivating") => Doing::Ending,
        ("loaded", "inactive" | "maintenance") => Doing::Down,
        ("loaded", _) => return None,
        _ => Doing::Gone,
    };
    let pid = property(of, "MainPID");
    (!id.is_empty()).then(|| ServiceRow::of(id, doing, words).with_pid(pid))
}

// A list, or an object in each line.
fn of_compose(text: &str) -> Option<Vec<ServiceRow>> {
    let parsed = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let objects = parsed.flat_map(|value| match value {
        Value::Array(objects) => objects,
        one => vec![one],
    });
    let of_object = |of: &Value| {
        let word = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = match word("Service") {
            name if name.is_empty() => word("Name"),
            name => name,
        };
        let (state, health) = (word("State"), word("Health"));
        let doing = match (state.as_str(), health.as_str()) {
            ("running", "starting" | "unhealthy") | ("restarting" | "created", _) => Doing::Coming,
            ("running", _) => Doing::Up,
            ("exited" | "dead" | "paused" | "removing", _) => Doing::Gone,
            _ => return None,
        };
        let words = if health.is_empty() { state } else { format!("{state} ({health})") };
        (!name.is_empty()).then(|| ServiceRow::of(&name, doing, words))
    };
    some(objects.filter_map(|of| of_object(&of)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: Rows, text: &str) -> Vec<(String, Doing, Option<i32>)> {
        let found = services_in(rows, text, Some("web")).unwrap();
        found.into_iter().map(|s| (s.name, s.doing, s.pid.map(i32::from))).collect()
    }

    fn is(name: &str, doing: Doing, pid: Option<i32>) -> (String, Doing, Option<i32>) {
        (name.to_owned(), doing, pid)
    }

    #[test]
    fn supervisorctl_is_read() {
        let text = "\
bad                              FATAL     Exited too quickly (process log may have details)
g:a                              RUNNING   pid 30834, uptime 0:00:03
off                              STOPPED   Not started
once                             STARTING  
told                             STOPPED   Nov 27 05:58 PM
";
        let found = read(Rows::Supervisord, text);
        assert_eq!(found[0], is("bad", Doing::Gone, None));
        assert_eq!(found[1], is("g:a", Doing::Up, Some(30834)));
        assert_eq!(found[2], is("off", Doing::Idle, None));
        assert_eq!(found[3], is("once", Doing::Coming, None));
        assert_eq!(found[4], is("told", Doing::Down, None));
        let refused = "unix:///run/x.sock no such file\n";
        assert!(
            services_in(Rows::Supervisord, refused, None).unwrap_err().contains("no such file")
        );
    }

    #[test]
    fn sv_is_read() {
        let text = "\
run: /srv/a: (pid 1351) 1s; run: log: (pid 1352) 1s
down: /srv/b: 1s, normally up, want up
down: /srv/c: 3s, normally up
down: /srv/off: 1s
fail: /srv/d: runsv not running
warning: /srv/e: unable to open supervise/ok: file does not exist
run: /srv/f: (pid 9) 4s, want down, got TERM
";
        let doing: Vec<Doing> = read(Rows::Runit, text).iter().map(|s| s.1).collect();
        use Doing::{Coming, Down, Idle, Up};
        assert_eq!(doing, [Up, Coming, Down, Idle, Coming, Coming, Down]);
        assert_eq!(read(Rows::Runit, text)[0], is("a", Up, Some(1351)));
        let missing = "fail: /srv/x: unable to change to service directory: file does not exist\n";
        assert_eq!(read(Rows::Runit, missing), [is("x", Doing::Gone, None)]);
    }

    #[test]
    fn s6_svstat_is_read() {
        assert_eq!(
            read(Rows::S6, "true true true 29772 -1 -1\n"),
            [is("web", Doing::Up, Some(29772))]
        );
        assert_eq!(read(Rows::S6, "false true true -1 -1 9\n"), [is("web", Doing::Coming, None)]);
        assert_eq!(read(Rows::S6, "false false true -1 -1 15\n"), [is("web", Doing::Down, None)]);
        assert_eq!(read(Rows::S6, "false false false -1 -1 -1\n"), [is("web", Doing::Idle, None)]);
        let none = "s6-svstat: fatal: unable to read status for /s/web: s6-supervise not running\n";
        assert_eq!(read(Rows::S6, none), [is("web", Doing::Coming, None)]);
    }

    #[test]
    fn monit_is_read() {
        let of = |status: &str, monitored: &str, pid: &str| {
            let text = format!(
                "Monit 5.33.0 uptime: 0m\n\nProcess 'web'\n  status                       {status}\n  monitoring status            \
                 {monitored}\n  monitoring mode              active\n{pid}\nSystem 'vm'\n  status                       OK\n"
            );
            read(Rows::Monit, &text).remove(0)
        };
        assert_eq!(
            of("OK", "Monitored", "  pid                          999\n"),
            is("web", Doing::Up, Some(999))
        );
        assert_eq!(of("Not monitored", "Not monitored", ""), is("web", Doing::Down, None));
        assert_eq!(of("Does not exist", "Monitored", ""), is("web", Doing::Coming, None));
        let none = services_in(Rows::Monit, "Monit: the monit daemon is not running\n", None);
        assert!(none.is_err());
    }

    #[test]
    fn systemctl_show_is_read() {
        let text = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\nMainPID=7\n\n\
                    Id=b.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nMainPID=0\n\n\
                    Id=c.service\nLoadState=not-found\nActiveState=inactive\nMainPID=0\n";
        let found = read(Rows::Systemd, text);
        assert_eq!(found[0], is("a.service", Doing::Up, Some(7)));
        assert_eq!(found[1], is("b.service", Doing::Gone, None));
        assert_eq!(found[2], is("c.service", Doing::Gone, None));
    }

    #[test]
    fn docker_compose_is_read_in_both_its_forms() {
        let a = r#"{"Name":"p-a-1","Service":"a","State":"running","Health":""}"#;
        let b = r#"{"Name":"p-b-1","Service":"b","State":"exited","Health":""}"#;
        let expected = [is("a", Doing::Up, None), is("b", Doing::Gone, None)];
        assert_eq!(read(Rows::Compose, &format!("{a}\n{b}\n")), expected);
        assert_eq!(read(Rows::Compose, &format!("WARN[0000] old\n[{a},{b}]")), expected);
        assert!(services_in(Rows::Compose, "[]", None).is_err());
    }
}
