//! A verb that goes on in the background (`--no-wait`): another process of this program does it.

use std::env;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::follow::Follower;
use super::verb::SlowVerb;
use crate::agent::{Outcome, Target};
use crate::history::HistoryEvent;
use crate::linux::PidFd;
use crate::linux::detached::spawn_detached;

use crate::linux::spawn::pipe;
use crate::linux::wait::Waiting;
use crate::messages;
use crate::values::ExitStatus;

/// What came of a verb that was sent to the background.
#[derive(Debug)]
pub enum Background {
    /// The order is under way.
    GoesOn(Outcome),
    /// It has ended already, with this exit code, and has printed this.
    Ended { code: u8, said: String },
}

/// Calls this program again with the `arguments` of this call, in a session of its own, and returns as soon as
/// the order is under way or refused. `--no-wait` is replaced by `--in-background`.
pub fn go_on_in_background(verb: SlowVerb, target: &Target, arguments: &[OsString]) -> Background {
    let fault = |why: String| {
        let name = &target.name;
        Background::GoesOn(messages::background_failed(verb.word(), name, why).into())
    };
    let follower = Follower::new(target.site.history());
    let words: Option<Vec<CString>> = arguments
        .iter()
        .map(|word| if word == "--no-wait" { "--in-background".into() } else { word.clone() })
        .map(|word: OsString| CString::new(word.as_bytes()).ok())
        .collect();
    let variables = env::vars_os().filter_map(|(name, value)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
    });
    let (Some(words), Ok((reader, writer))) = (words, pipe()) else {
        return fault("there is no pipe for its answer".to_owned());
    };
    let variables: Vec<CString> = variables.collect();
    let child = spawn_detached(Path::new("/proc/self/exe"), &words, &variables, writer.as_fd());
    drop(writer);
    match child {
        Err(error) => fault(format!("it {error}")),
        Ok(child) => match PidFd::open(child) {
            Err(error) => fault(error.to_string()),
            Ok(handle) => {
                let mut said = File::from(reader);
                match is_under_way(verb, follower, &handle, &mut said) {
                    Ok(()) => Background::GoesOn(Outcome::Done(sentence(verb, target))),
                    Err(said) => Background::Ended {
                        code: match handle.exit_status(child) {
                            ExitStatus::Code(code) => u8::try_from(code).unwrap_or(1),
                            ExitStatus::Signal(_) | ExitStatus::Untold => 1,
                        },
                        said,
                    },
                }
            }
        },
    }
}

fn sentence(verb: SlowVerb, target: &Target) -> String {
    let name = &target.name;
    let what = match verb {
        SlowVerb::Start | SlowVerb::Resume => "is starting",
        SlowVerb::Stop => "is being stopped",
        SlowVerb::Pause => "is being paused",
    };
    format!("the site `{name}` {what}; see: siteward status {name}")
}

/// Waits until the history tells that the order is under way. Err: the process has ended first, and has
/// printed this.
fn is_under_way(
    verb: SlowVerb,
    mut follower: Follower,
    handle: &PidFd,
    pipe: &mut File,
) -> Result<(), String> {
    let mut said = Vec::new();
    loop {
        if follower.new_entries().iter().any(|entry| tells(verb, entry.event)) {
            return Ok(());
        }
        read_all(pipe, &mut said);
        if handle.is_dead() {
            read_all(pipe, &mut said);
            return Err(String::from_utf8_lossy(&said).into_owned());
        }
        let mut waiting = Waiting::new();
        waiting.readable(handle.as_fd(), ());
        if let Some(fd) = follower.fd() {
            waiting.readable(fd, ());
        }
        waiting.wait(follower.next_look());
    }
}

/// Reads what is there.
fn read_all(pipe: &mut File, said: &mut Vec<u8>) {
    let mut chunk = [0u8; 4096];
    loop {
        match pipe.read(&mut chunk) {
            Ok(n @ 1..) if said.len() < 1 << 20 => said.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// The event shows that the order is under way.
fn tells(verb: SlowVerb, event: HistoryEvent) -> bool {
    use HistoryEvent as E;
    match verb {
        SlowVerb::Start => matches!(event, E::Started | E::Spawned | E::Up | E::Paused),
        SlowVerb::Stop => matches!(event, E::Stopping | E::Down | E::Stopped),
        SlowVerb::Pause => matches!(event, E::Pausing | E::Paused),
        SlowVerb::Resume => matches!(event, E::Resuming | E::Started | E::Spawned | E::Up),
    }
}
