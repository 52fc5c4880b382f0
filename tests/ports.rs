//! Ports that a site reserves: held before anything of it starts, let go or handed over at the
//! moment that their process is started, and told by their holder when they are taken.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use common::*;
use siteward::linux::process::Stat;
use siteward::values::Signal;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_port_that_is_taken_fails_the_start_at_once_by_its_holders_name() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    bench.define(
        "taken",
        &format!(
            "reserve_ports: [{{address: 127.0.0.1, port: {port}, process: second}}]\nprocesses:\n  \
             first: {{command: [ACT, steady]}}\n  second: {{command: [ACT, steady]}}\n"
        ),
    );
    let begun = Instant::now();
    let failed = output(bench.ocf("taken", "start", &[]));
    assert_eq!(failed.status.code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(3));
    let why = said(&failed);
    assert!(why.contains(&format!("process {}", std::process::id())), "{why}");
    assert!(!bench.log("taken", "history.jsonl").contains("ready"), "nothing was started");
    drop(listener);
    assert_eq!(code(bench.ocf("taken", "start", &[])), 0);
    assert_eq!(code(bench.ocf("taken", "stop", &[])), 0);
}

#[test]
fn a_port_is_nobody_elses_until_its_own_process_binds_it() {
    let bench = Bench::new();
    let port = free_port();
    bench.define(
        "kept",
        &format!(
            "reserve_ports: [{{address: 127.0.0.1, port: {port}, process: door}}]\nprocesses:\n  \
             slow: {{command: [ACT, steady], ready: {{delay: 1500ms}}}}\n  \
             door: {{command: [ACT, listener, \"127.0.0.1:{port}\"], ready: {{tcp: \"127.0.0.1:{port}\"}}}}\n"
        ),
    );
    let start = background(bench.hand(&["start", "kept"]));
    until("the first process runs", || {
        bench.record("kept").is_some_and(|r| r.processes.iter().any(|p| p.name == "slow"))
    });
    assert!(TcpListener::bind(("127.0.0.1", port)).is_err(), "it is held");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "and nobody listens there");
    let started = start.wait_with_output().unwrap();
    assert!(started.status.success(), "{}", said(&started));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "its own process has it");
    // At rest it holds nothing, and it takes the port again when it is resumed.
    succeed(bench.hand(&["pause", "kept"]));
    let thief = TcpListener::bind(("127.0.0.1", port)).expect("a site at rest holds no port");
    let refused = output(bench.hand(&["resume", "kept"]));
    assert!(said(&refused).contains("is taken by"), "{}", said(&refused));
    drop(thief);
    succeed(bench.hand(&["resume", "kept"]));
    succeed(bench.hand(&["stop", "kept"]));
}

/// While a pause is under way the site's own processes have its ports.
#[test]
fn a_resume_during_a_pause_takes_the_ports_when_the_processes_have_let_them_go() {
    let bench = Bench::new();
    let (port, unbound) = (free_port(), free_port());
    let script = format!(
        "import signal,socket,time\n\
         s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
         s.bind(('127.0.0.1',{port})); s.listen()\n\
         signal.signal(signal.SIGTERM, lambda *_: (time.sleep(2), exit(0)))\n\
         while True: signal.pause()\n"
    );
    bench.define(
        "slow",
        &format!(
            "reserve_ports:\n- {{address: 127.0.0.1, port: {port}, process: door}}\n\
             - {{address: 127.0.0.1, port: {unbound}, process: door}}\nprocesses:\n  \
             door: {{command: [/usr/bin/python3, -c, {script:?}], ready: {{tcp: \"127.0.0.1:{port}\"}}}}\n"
        ),
    );
    let pausing = || {
        let pause = background(bench.hand(&["pause", "slow"]));
        until("the pause is under way", || {
            succeed(bench.hand(&["status", "slow"])).contains("stopping")
        });
        pause
    };
    succeed(bench.hand(&["start", "slow"]));
    let first = bench.pid("slow", "door");
    let pause = pausing();
    succeed(bench.hand(&["resume", "slow"]));
    let paused = pause.wait_with_output().unwrap();
    assert!(said(&paused).contains("overtaken by resume"), "{}", said(&paused));
    assert_ne!(bench.pid("slow", "door"), first, "it was stopped and started again");
    assert_eq!(bench.monitor("slow"), (0, 0, 0));
    // Another process has taken the port that the site's process did not bind.
    let other = TcpListener::bind(("127.0.0.1", unbound)).unwrap();
    let pause = pausing();
    let refused = output(bench.hand(&["resume", "slow"]));
    assert!(said(&refused).contains("is taken by"), "{}", said(&refused));
    assert!(pause.wait_with_output().unwrap().status.code().is_some());
    let status = succeed(bench.hand(&["status", "slow"]));
    assert!(status.contains("maintenance"), "it stays paused: {status}");
    assert!(!bench.living("slow").contains("python3"), "{}", bench.living("slow"));
    drop(other);
    succeed(bench.hand(&["resume", "slow"]));
    assert_eq!(bench.monitor("slow"), (0, 0, 0));
    succeed(bench.hand(&["stop", "slow"]));
}

#[test]
fn a_process_is_given_its_listening_socket_and_loses_no_connection() {
    let bench = Bench::new();
    let port = free_port();
    let script = "import os,socket\n\
                  assert os.environ['LISTEN_PID']==str(os.getpid()) and os.environ['LISTEN_FDS']=='1'\n\
                  s=socket.socket(fileno=3)\n\
                  while True:\n  c,_=s.accept(); c.sendall(str(os.getpid()).encode()); c.close()\n";
    bench.define(
        "given",
        &format!(
            "reserve_ports: [{{address: 127.0.0.1, port: {port}, process: web, pass: true}}]\n\
             processes:\n  web:\n    command: [/usr/bin/python3, -c, {script:?}]\n    \
             restart: {{attempts: 5, within: 60s, delay: 300ms}}\n"
        ),
    );
    succeed(bench.hand(&["start", "given"]));
    let answer = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens always");
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = stream.flush();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let first = answer();
    assert_eq!(first, bench.pid("given", "web").to_string());
    let old = bench.pid("given", "web");
    signal(old, Signal::KILL);
    // One that dies in the middle of an accept takes that connection along.
    until("it is dead", || !Stat::of(old).is_some_and(|stat| stat.is_alive()));
    // Whoever connects while there is no process waits for the next one.
    let second = answer();
    assert!(!second.is_empty() && second != first, "{second}");
    succeed(bench.hand(&["stop", "given"]));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
