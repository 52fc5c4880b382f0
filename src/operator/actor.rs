//! The processes of the rehearsal's sample site. Each behaves in one way, good or bad, and needs only this
//! binary.

use std::env;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::warden;
use crate::linux::signals::Inbox;
use crate::linux::wait::Waiting;
use crate::linux::{inherit, sockets};
use crate::values::{Moment, Signal};

use std::os::fd::AsFd;

/// Plays the part until a signal ends it. False: there is no such part.
pub fn act(part: &str, argument: Option<&str>) -> bool {
    println!("{part} is on");
    match part {
        // Exits on SIGTERM.
        "steady" => wait_for_end(false),
        // Sends READY=1 after a moment.
        "notifier" => {
            pause(Duration::from_millis(50));
            if let Ok(target) = env::var("NOTIFY_SOCKET") {
                let _ = sockets::notify(&target, "STATUS=all is well\nREADY=1");
            }
            wait_for_end(false);
        }
        // Listens on a port.
        "listener" => {
            let address = argument.unwrap_or("127.0.0.1:0");
            match TcpListener::bind(address) {
                Ok(listener) => {
                    wait_for_end(false);
                    drop(listener);
                }
                Err(error) => {
                    println!("{address} cannot be bound: {error}");
                    std::process::exit(1);
                }
            }
        }
        // Does its work and exits.
        "worker" => println!("the work is done"),
        // Ignores SIGTERM.
        "stubborn" => wait_for_end(true),
        // Has a child that leaves its session, and a grandchild that ignores SIGTERM.
        "escaper" => {
            start_part("runaway");
            wait_for_end(false);
        }
        "runaway" => {
            let _ = inherit::leave_session();
            start_part("stubborn");
            // Exits, so that its child becomes an orphan.
        }
        // Daemonises as described in daemon(7).
        "daemon" => start_part("daemon-main"),
        "daemon-main" => {
            let _ = inherit::leave_session();
            wait_for_end(false);
        }
        // Exits with the given status after a moment.
        "failing" => {
            pause(Duration::from_millis(20));
            println!("something is very wrong");
            std::process::exit(argument.and_then(|a| a.parse().ok()).unwrap_or(1));
        }
        _ => return argument.is_some_and(|folder| warden::play(part, Path::new(folder))),
    }
    true
}

fn start_part(part: &str) {
    let me = env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let child = Command::new(me).args(["act", part]).stdin(Stdio::null()).spawn();
    if let Err(error) = child {
        println!("{part} cannot be started: {error}");
    }
}

fn wait_for_end(stubborn: bool) {
    let Ok(inbox) = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP]) else { return };
    loop {
        let mut waiting = Waiting::new();
        waiting.readable(inbox.as_fd(), ());
        waiting.wait(None);
        while let Some(signal) = inbox.next() {
            println!("{signal} has come");
            if signal == Signal::TERM && !stubborn {
                return;
            }
        }
    }
}

fn pause(time: Duration) {
    Waiting::<()>::new().wait(Some(Moment::now() + time));
}
