//! Names and addresses, as this node's own programs find them: by getent(1), which reads
//! /etc/nsswitch.conf. A name server that does not answer holds only that program.

use std::ffi::OsStr;
use std::net::IpAddr;

use crate::linux::bounded::{Bounds, Ran, run};
use crate::linux::spawn::Command;
use crate::values::{ExitStatus, Moment};

/// The result of one question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<T> {
    Found(T),
    /// The answer is that there is none.
    Nothing,
    /// There is no answer; for the end of a sentence.
    Failed(String),
}

/// The addresses of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostAddresses {
    /// The name that the given one stands for; the same unless that is an alias.
    pub(super) canonical: Option<String>,
    pub(super) addresses: Vec<IpAddr>,
}

pub(super) fn addresses_of(name: &str, deadline: Moment) -> Lookup<HostAddresses> {
    ask(&["ahosts", name], deadline, parse_addresses)
}

/// The names of an address, the first of them first.
pub(super) fn names_of(address: IpAddr, deadline: Moment) -> Lookup<Vec<String>> {
    ask(&["hosts", &address.to_string()], deadline, parse_names)
}

fn ask<T>(words: &[&str], deadline: Moment, parse: fn(&str) -> Option<T>) -> Lookup<T> {
    // As getent(1) says: the key was not found.
    const NOT_FOUND: i32 = 2;
    let words: Vec<&OsStr> = ["getent"].iter().chain(words).map(OsStr::new).collect();
    let bounds = Bounds { deadline, cut: None, output: 64 << 10 };
    let ran = run(bounds, |output| {
        let programs = Command::candidates(words[0], "/usr/bin:/bin");
        Command::plain(programs, &words, vec![c"PATH=/usr/bin:/bin".to_owned()], output)
    });
    match &ran {
        Ran::Ended { status: ExitStatus::Code(0), .. } => {
            parse(&ran.text()).map_or(Lookup::Nothing, Lookup::Found)
        }
        Ran::Ended { status: ExitStatus::Code(NOT_FOUND), .. } => Lookup::Nothing,
        Ran::TimedOut => Lookup::Failed("no name server answers in time".to_owned()),
        _ => Lookup::Failed(format!("getent {}", ran.complaint().unwrap_or_default())),
    }
}

// `getent ahosts`: ADDRESS TYPE [CANONICAL-NAME], a line for each type of socket.
fn parse_addresses(text: &str) -> Option<HostAddresses> {
    let mut found = HostAddresses { canonical: None, addresses: Vec::new() };
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let Some(address) = fields.next().and_then(|field| field.parse().ok()) else { continue };
        let name = fields.nth(1).map(str::to_owned);
        found.canonical = found.canonical.or(name);
        if !found.addresses.contains(&address) {
            found.addresses.push(address);
        }
    }
    (!found.addresses.is_empty()).then_some(found)
}

// `getent hosts`: ADDRESS NAME [ALIAS...].
fn parse_names(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> =
        text.lines().next()?.split_whitespace().skip(1).map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_answers_of_getent_are_read() {
        let text = "10.1.2.3        STREAM shop.example.com\n10.1.2.3        DGRAM  \n\
                    fd00::1         STREAM \n";
        let found = parse_addresses(text).unwrap();
        assert_eq!(found.canonical.as_deref(), Some("shop.example.com"));
        let addresses: Vec<String> = found.addresses.iter().map(IpAddr::to_string).collect();
        assert_eq!(addresses, ["10.1.2.3", "fd00::1"]);
        assert_eq!(parse_addresses(""), None);
        let names = parse_names("10.1.2.3        shop.example.com shop\n").unwrap();
        assert_eq!(names, ["shop.example.com", "shop"]);
        assert_eq!(parse_names("10.1.2.3\n"), None);
    }

    #[test]
    fn this_node_knows_its_own_loop_and_no_name_that_there_cannot_be() {
        let soon = || Moment::now() + Duration::from_secs(20);
        let Lookup::Found(found) = addresses_of("127.0.0.1", soon()) else { panic!("an address") };
        assert_eq!(found.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        let late = addresses_of("no-such-host.invalid", Moment::now());
        assert!(matches!(late, Lookup::Failed(_)), "{late:?}");
    }
}
