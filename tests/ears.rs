//! The sockets of a supervisor: notices and control connections, many of either; and what it knows of the
//! processes that an earlier supervisor started. Through the built binary.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use common::*;
use siteward::control::{Client, Reply, Request, State};
use siteward::linux::lock::{Attempt, Lock};
use siteward::linux::sockets;
use siteward::linux::wait::Waiting;
use siteward::site::SitePlaces;
use siteward::values::{Moment, Signal};

fn places(bench: &Bench) -> SitePlaces {
    bench.places.of(&"a".parse().unwrap())
}

fn in_seconds(seconds: u64) -> Moment {
    Moment::now() + Duration::from_secs(seconds)
}

/// A connection whose request waits.
fn asking(bench: &Bench, request: &Request) -> Client {
    let mut client = Client::connect(&places(bench).socket(), in_seconds(10)).unwrap();
    client.send(request, in_seconds(10)).unwrap();
    client
}

fn idle(bench: &Bench) -> UnixStream {
    UnixStream::connect(places(bench).socket()).unwrap()
}

/// The notice sockets of the site.
fn notice_sockets(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(places(bench).notify_folder()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// In hundredths of a second.
fn time_used(pid: siteward::values::Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn the_socket_of_a_unit_is_known_to_nobody_else_and_goes_with_the_site() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, notifier], ready: {notify: true}, restart: {attempts: 3, delay: 10ms}}}\n");
    succeed(bench.hand(&["start", "a"]));
    let folder = places(&bench).notify_folder();
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o711);
    let first = notice_sockets(&bench);
    assert_eq!(first.len(), 1, "{first:?}");
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(!table.contains(first[0].to_str().unwrap()));
    if !is_root() {
        assert_eq!(fs::metadata(&first[0]).unwrap().mode() & 0o777, 0o600);
    }
    let before = bench.pid("a", "x");
    signal(before, Signal::KILL);
    until("it runs again", || {
        code(bench.hand(&["status", "a"])) == 0
            && bench
                .record("a")
                .is_some_and(|r| r.processes.iter().any(|p| p.identity.pid != before))
    });
    until("the earlier socket is gone", || {
        notice_sockets(&bench).len() == 1 && notice_sockets(&bench) != first
    });
    succeed(bench.hand(&["stop", "a"]));
    assert_eq!(notice_sockets(&bench), Vec::<PathBuf>::new());
}

#[test]
fn only_the_user_of_a_unit_and_root_may_send_to_it() {
    if !is_root() {
        return eprintln!(
            "*** LEFT OUT: what only root can try. Run the tests as root: sudo tests/run"
        );
    }
    let bench = Bench::new();
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let program = bench.path("siteward");
    fs::copy(SITEWARD, &program).unwrap();
    bench.define(
        "a",
        &format!(
            "processes: {{x: {{command: [{}, act, notifier], user: nobody, ready: {{notify: true}}}}}}\n",
            program.display()
        ),
    );
    succeed(bench.hand(&["start", "a"]));
    let [socket] = &notice_sockets(&bench)[..] else { panic!("one socket") };
    let there = fs::metadata(socket).unwrap();
    assert_eq!(there.mode() & 0o777, 0o600);
    let nobody = there.uid();
    assert_ne!(nobody, 0);
    let send = |uid: u32| {
        let mut command = Command::new(&program);
        command.args(["act", "notifier"]).env("NOTIFY_SOCKET", socket).uid(uid).gid(uid);
        let mut child = command.spawn().unwrap();
        Waiting::<()>::new().wait(Some(in_seconds(1)));
        let _ = child.kill();
        child.wait().unwrap();
    };
    send(1);
    assert!(!bench.log("a", "siteward.log").contains("is not believed"), "it did not get through");
    send(nobody);
    until("one who is not of the unit is named", || {
        bench.log("a", "siteward.log").contains(&format!("of user {nobody} is not believed"))
    });
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_flood_of_notices_costs_little_and_delays_nobody() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, notifier], ready: {notify: true}}}\n");
    succeed(bench.hand(&["start", "a"]));
    let target = notice_sockets(&bench)[0].display().to_string();
    let supervisor = bench.pid("a", "supervisor");
    let end = Instant::now() + Duration::from_secs(3);
    let flood = std::thread::spawn(move || {
        let mut sent = 0_u64;
        while Instant::now() < end
            && sockets::notify(&target, "STATUS=I am not of the unit").is_ok()
        {
            sent += 1;
        }
        sent
    });
    let used = time_used(supervisor);
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        let asked = Instant::now();
        assert_eq!(code(bench.hand(&["monitor", "-q", "a", "--timeout", "3s"])), 0);
        slowest = slowest.max(asked.elapsed());
    }
    let used = time_used(supervisor) - used;
    let sent = flood.join().unwrap();
    assert!(sent > 50, "{sent} were sent");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(used < 100, "{used} hundredths of a second in three seconds");
    let log = bench.log("a", "siteward.log");
    assert_eq!(log.matches("is not believed").count(), 1, "{log}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_socket_that_was_removed_is_put_back_where_the_unit_looks_for_it() {
    let bench = Bench::new();
    let go = bench.path("go");
    bench.define(
        "a",
        &format!(
            "processes: {{x: {{command: [/bin/sh, -c, \"until test -e {}; do sleep 0.1; done; exec {SITEWARD} act notifier\"], ready: {{notify: true}}}}}}\n",
            go.display()
        ),
    );
    let start = background(bench.hand(&["start", "a"]));
    until("there is a socket", || notice_sockets(&bench).len() == 1);
    let socket = notice_sockets(&bench).remove(0);
    let which = |path: &PathBuf| fs::metadata(path).ok().map(|there| there.ino());
    let first = which(&socket);
    // What is put back meanwhile may be in the way of its end.
    let _ = fs::remove_dir_all(places(&bench).notify_folder());
    let _ = fs::remove_dir_all(&bench.places.runtime);
    until("it is back", || which(&socket).is_some_and(|now| Some(now) != first));
    fs::write(go, "").unwrap();
    let output = start.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn the_log_of_a_supervisor_is_begun_anew_under_it() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], restart: {attempts: 9, delay: 10ms}}}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let path = places(&bench).supervisor_log();
    let mut file = siteward::linux::files::append_to(&path).unwrap();
    file.write_all(&[b'x'; 2 << 20]).unwrap();
    let old = path.with_extension("log.1");
    until("it is set aside", || code(bench.hand(&["status", "a"])) == 0 && exists(&old));
    assert!(fs::metadata(&old).unwrap().len() > 2 << 20);
    assert!(fs::read_to_string(&old).unwrap().contains("`x` is started as"), "nothing is lost");
    signal(bench.pid("a", "x"), Signal::KILL);
    until("it goes on in the new one", || {
        bench.log("a", "siteward.log").contains("was killed by SIGKILL")
    });
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn who_asks_nothing_is_let_go() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let mut client = idle(&bench);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.contains("\"busy\""), "{said}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn many_connections_without_a_request_keep_no_verb_out() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let idle_ones: Vec<UnixStream> = (0..250).map(|_| idle(&bench)).collect();
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!(code(bench.hand(&["stop", "a", "--timeout", "10s"])), 0);
    assert_eq!(bench.living("a"), "");
    drop(idle_ones);
}

#[test]
fn held_monitors_make_room_and_are_told_what_is_so() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady]}}\n");
    succeed(bench.hand(&["start", "a"]));
    let hold =
        Request::Hold { interval: Duration::from_secs(1000), level: 0, until: in_seconds(1000) };
    let mut first = asking(&bench, &hold);
    first.ask(&hold, in_seconds(10)).unwrap();
    let mut held: Vec<Client> = (0..220).map(|_| asking(&bench, &hold)).collect();
    for client in &mut held[..15] {
        assert_eq!(client.receive(in_seconds(10)).unwrap(), Reply::Heard);
        let Reply::Done(view) = client.receive(in_seconds(10)).unwrap() else { panic!("a view") };
        assert_eq!(view.state, State::Running);
    }
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    assert_eq!(code(bench.hand(&["stop", "a", "--timeout", "10s"])), 0);
}

#[test]
fn an_order_to_stop_finds_a_place_where_all_are_taken() {
    let bench = Bench::new();
    bench.define(
        "a",
        "boot_timeout: 100s\nprocesses: {x: {command: [ACT, steady], ready: {notify: true}}}\n",
    );
    let start = background(bench.hand(&["start", "a"]));
    until("it is on its way", || code(bench.hand(&["status", "a", "-q"])) == 0);
    let mut waiting: Vec<Client> = (0..199).map(|_| asking(&bench, &Request::AwaitUp)).collect();
    until("all places are taken", || {
        let mut one = asking(&bench, &Request::AwaitUp);
        let busy = matches!(one.receive(in_seconds(10)), Ok(Reply::Busy { .. }));
        waiting.push(one);
        busy
    });
    assert_eq!(bench.monitor("a"), (0, 0, 0), "a monitor takes no place");
    let begun = Instant::now();
    assert_eq!(code(bench.hand(&["stop", "a", "--timeout", "10s"])), 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "it was not killed for being deaf");
    assert!(said(&start.wait_with_output().unwrap()).contains("overtaken"), "each is told");
    let last =
        waiting[10].receive(in_seconds(10)).and_then(|_| waiting[10].receive(in_seconds(10)));
    assert!(matches!(last, Ok(Reply::Overtaken { .. })), "{last:?}");
}

#[test]
fn no_number_that_a_client_says_harms_the_supervisor() {
    let bench = Bench::new();
    bench.define("a", "processes: {x: {command: [ACT, steady], healthcheck: {test: [/bin/true]}, reload: {signal: CONT}}}\n");
    succeed(bench.hand(&["start", "a"]));
    let supervisor = bench.pid("a", "supervisor");
    let times = [0, 1, 1 << 31, u64::MAX - 1, u64::MAX]
        .map(|secs| format!("{{\"secs\":{secs},\"nanos\":999999999}}"));
    let walls = [i64::MIN, -1, 0, i64::MAX];
    let mut lines: Vec<String> = Vec::new();
    for time in &times {
        for other in &times {
            lines.push(format!(
                "{{\"hold\":{{\"interval\":{time},\"level\":{},\"until\":{other}}}}}",
                u32::MAX
            ));
        }
        lines.push(format!("{{\"check-health\":{{\"until\":{time}}}}}"));
        lines.push(format!("{{\"reload\":{{\"until\":{time}}}}}"));
        lines.push(format!("{{\"resume\":{{\"boot\":{time}}}}}"));
        lines.push(format!(
            "{{\"adjust\":{{\"adjustments\":{{\"boot_timeout\":{time},\"stop_timeout\":{time},\"countmax\":4294967295,\"countsleep\":{time},\"degraded_after\":{time}}}}}}}"
        ));
    }
    for wall in walls {
        lines.push(format!("{{\"pause\":{{\"pause\":{{\"words\":\"x\",\"until\":{wall}}}}}}}"));
        lines.push("\"look\"".to_owned());
        lines.push(format!("{{\"resume\":{{\"boot\":{}}}}}", times[4]));
        lines.push("\"await-up\"".to_owned());
    }
    for odd in [
        "{",
        "}",
        "[]",
        "\u{0}",
        "{\"stop\":{}}",
        "{\"hold\":{\"interval\":{\"secs\":18446744073709551615,\"nanos\":4294967295}}}",
    ] {
        lines.push(odd.to_owned());
    }
    lines.push("x".repeat(70_000));
    for line in &lines {
        let mut client = idle(&bench);
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let _ = client.write_all(format!("{line}\n").as_bytes());
        let mut chunk = [0u8; 4096];
        let _ = client.read(&mut chunk);
        drop(client);
        assert_eq!(bench.pid("a", "supervisor"), supervisor, "{line}");
        assert_eq!(code(bench.hand(&["monitor", "-q", "a", "--timeout", "5s"])), 0, "{line}");
    }
    let stop = format!("{{\"stop\":{{\"polite_until\":{},\"by\":\"x\"}}}}\n", times[4]);
    idle(&bench).write_all(stop.as_bytes()).unwrap();
    until("it is stopped", || code(bench.hand(&["status", "a", "-q"])) == 3);
    assert!(!bench.log("a", "siteward.log").contains("panicked"));
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn what_a_predecessor_was_clearing_is_cleared_before_it_is_started_again() {
    let bench = Bench::new();
    let begun = bench.path("begun");
    bench.define(
        "a",
        &format!(
            "forcekill_time: 3s\nprocesses:\n  other: {{command: [ACT, steady]}}\n  x:\n    command: [/bin/sh, -c, \"(trap '' TERM; echo $SITEWARD_PROCESS >> {}; exec sleep 1000) & exec sleep 1000\"]\n    restart: {{attempts: 3, delay: 50ms}}\n    depends_on: []\n",
            begun.display()
        ),
    );
    let count = || fs::read_to_string(&begun).unwrap_or_default().lines().count();
    succeed(bench.hand(&["start", "a"]));
    until("it has left something", || count() == 1);
    let supervisor = bench.pid("a", "supervisor");
    signal(bench.pid("a", "x"), Signal::KILL);
    until("its death was seen", || {
        bench.record("a").is_some_and(|r| r.processes.iter().all(|p| p.name != "x"))
    });
    signal(supervisor, Signal::KILL);
    until("nobody watches it", || code(bench.hand(&["status", "a", "-q"])) == 1);
    succeed(bench.hand(&["adopt", "a"]));
    assert_eq!(count(), 1, "the first one lives still");
    until("it is started when that is gone", || count() == 2);
    until("it runs", || code(bench.hand(&["status", "a", "-q"])) == 0);
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_process_that_was_started_and_not_recorded_is_adopted() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes:\n  x: {command: [ACT, steady]}\n  y: {command: [/bin/sleep, \"1000\"]}\n",
    );
    succeed(bench.hand(&["start", "a"]));
    let (supervisor, y) = (bench.pid("a", "supervisor"), bench.pid("a", "y"));
    signal(supervisor, Signal::KILL);
    until("nobody watches it", || code(bench.hand(&["status", "a", "-q"])) == 1);
    let mut record = bench.record("a").unwrap();
    record.processes.retain(|p| p.name != "y");
    record.write(&places(&bench)).unwrap();
    succeed(bench.hand(&["adopt", "a"]));
    assert_eq!(bench.pid("a", "y"), y);
    signal(y, Signal::KILL);
    until("its death is seen", || {
        bench.log("a", "siteward.log").contains("`y` was killed by SIGKILL")
            || bench.log("a", "siteward.log").contains("`y` has ended")
    });
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn nothing_is_started_where_somebody_unseen_holds_its_lock() {
    // A child of another test that is not executed yet would hold the lock too, and would be swept.
    const NAME: &str = "nothing_is_started_where_somebody_unseen_holds_its_lock";
    if std::env::var_os("ALONE").is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", NAME]).env("ALONE", "yes");
        assert!(succeed(alone).contains("1 passed"));
        return;
    }
    let bench = Bench::new();
    let go = bench.path("go");
    bench.define(
        "a",
        &format!(
            "processes:\n  x: {{command: [/bin/sh, -c, \"until test -e {}; do sleep 0.05; done\"], oneshot: true}}\n  y: {{command: [ACT, steady]}}\n",
            go.display()
        ),
    );
    let start = background(bench.hand(&["start", "a"]));
    until("it is on its way", || exists(&places(&bench).process_lock("x")));
    let lock = places(&bench).process_lock("y");
    let Attempt::Taken(lock) = Lock::attempt(&lock).unwrap() else { panic!("it is free") };
    fs::write(go, "").unwrap();
    let failed = start.wait_with_output().unwrap();
    drop(lock);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("holds its lock"), "{}", said(&failed));
    succeed(bench.hand(&["start", "a"]));
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_healthcheck_for_which_there_is_no_room_is_no_failed_one() {
    let bench = Bench::new();
    bench.define(
        "a",
        "processes: {x: {command: [ACT, steady], healthcheck: {test: [/bin/true], interval: 1s, retries: 2}}}\n",
    );
    let limit = |pid: siteward::values::Pid, soft: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args([format!("--pid={pid}"), format!("--nofile={soft}:")]);
        prlimit.status().is_ok_and(|status| status.success())
    };
    succeed(bench.hand(&["start", "a"]));
    let (supervisor, x) = (bench.pid("a", "supervisor"), bench.pid("a", "x"));
    if !limit(supervisor, "1024") {
        succeed(bench.hand(&["stop", "a"]));
        return eprintln!("*** LEFT OUT: prlimit(1) is missing ***");
    }
    limit(supervisor, "5");
    until("it is said", || bench.log("a", "siteward.log").contains("does not count as failed"));
    limit(supervisor, "1024");
    until("it answers", || code(bench.hand(&["monitor", "-q", "a", "--timeout", "5s"])) == 0);
    Waiting::<()>::new().wait(Some(in_seconds(3)));
    assert_eq!(bench.pid("a", "x"), x);
    assert_eq!(bench.monitor("a"), (0, 0, 0));
    let log = bench.log("a", "siteward.log");
    assert!(!log.contains("failed its healthcheck"), "{log}");
    succeed(bench.hand(&["stop", "a"]));
}

#[test]
fn a_unit_sends_its_notices_whatever_the_site_and_the_process_are_called() {
    let bench = Bench::new();
    let (site, process) = ("s".repeat(60), "p".repeat(60));
    bench.define(
        &site,
        &format!(
            "processes: {{{process}: {{command: [ACT, notifier], ready: {{notify: true}}}}}}\n"
        ),
    );
    succeed(bench.hand(&["start", &site]));
    succeed(bench.hand(&["stop", &site]));
}
