//! What programs say: notices, lines of logs, and the table of a wrapped supervisor.

use regex_lite::RegexBuilder;
use siteward::backend::external::row_of;
use siteward::supervisor::{NoticeLine, last_lines};

use super::input::first;

/// A datagram of sd_notify(3), as the supervisor reads it.
pub(crate) fn notice(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().filter_map(NoticeLine::parse) {
        match line {
            NoticeLine::Status(status) => {
                assert!(!status.chars().any(char::is_control), "{status:?}");
                assert!(status.chars().count() <= 200);
            }
            NoticeLine::MainPid(pid) => assert!(pid.number() > 0),
            NoticeLine::Ready | NoticeLine::Stopping => {}
        }
    }
}

/// An expression for the line that means ready, and what a program prints.
pub(crate) fn log_lines(bytes: &[u8]) {
    let (length, rest) = first(bytes);
    let (pattern, printed) = rest.split_at(usize::from(length).min(rest.len()));
    for line in last_lines(printed, 10) {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(line.chars().count() <= 300);
    }
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    // As the reader of a definition and the supervisor build it.
    let built = RegexBuilder::new(pattern).size_limit(64 << 10).build();
    if built.is_ok() {
        let regex = RegexBuilder::new(pattern).multi_line(true).build();
        let regex = regex.expect("what a definition may hold can be searched for");
        let _ = regex.is_match(&String::from_utf8_lossy(printed));
    }
}

/// The table that `cjcls` prints.
pub(crate) fn table(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for site in ["testsite", "othersite", ""] {
        match row_of(&text, site) {
            Ok(Some(row)) => {
                assert!(row.daemon.is_none_or(|pid| pid > 0));
                let daemon = row.daemon.map_or("SHUT".to_owned(), |pid| pid.to_string());
                let supervised = if row.supervised { "ON" } else { "OFF" };
                let written = format!("{site} {daemon} /mnt/a b (/x) {supervised}\n");
                assert_eq!(row_of(&written, site), Ok(Some(row)));
            }
            Ok(None) => {}
            Err(why) => assert!(why.contains(site)),
        }
        if site.is_empty() {
            assert_eq!(row_of(&text, site), Ok(None), "a row without a name");
        }
    }
}
