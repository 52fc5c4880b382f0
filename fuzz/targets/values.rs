//! Single values that a person or a manager writes.

use std::path::Path;
use std::time::Duration;

use siteward::cli::read_past;
use siteward::linux::capabilities::Capabilities;
use siteward::linux::clock::WallTime;
use siteward::manager::adjustments_of;
use siteward::operator::FilledIn;
use siteward::operator::{Generator, generate};
use siteward::site::duration::{self, LONGEST};
use siteward::site::{Definition, Overrides, Places, SiteName, pairs_of, parse};
use siteward::values::Signal;

use super::input::{assert_sentence, first, text};

/// Durations, times, signals, names and capabilities.
pub(crate) fn values(bytes: &[u8]) {
    let Some(word) = text(bytes) else { return };
    match duration::parse(word) {
        Ok(time) => {
            assert!(time <= LONGEST);
            let shown = duration::show(time);
            // It is shown to the millisecond.
            let millis = Duration::from_millis(u64::try_from(time.as_millis()).expect("a year"));
            assert_eq!(duration::parse(&shown), Ok(millis), "{shown}");
            let _ = duration::say(time);
        }
        Err(why) => assert!(!why.is_empty()),
    }
    if let Some(at) = WallTime::parse(word) {
        assert!(at.seconds() >= 0);
        assert_eq!(WallTime::parse(&at.to_string()), Some(at), "{at}");
        let _ = at.local_and_utc();
    }
    match word.parse::<Signal>() {
        Ok(signal) => assert_eq!(signal.to_string().parse(), Ok(signal), "{signal}"),
        Err(why) => assert!(!why.is_empty()),
    }
    match word.parse::<SiteName>() {
        Ok(name) => assert_eq!(name.to_string().parse(), Ok(name)),
        Err(why) => assert!(!why.is_empty()),
    }
    if let Err(why) = read_past(word) {
        assert!(!why.is_empty());
    }
    let _ = Capabilities::named(word);
    let adjusted = adjustments_of(|_| Some(word.to_owned()));
    assert!(adjusted.countmax != Some(0));
    assert!(adjusted.boot_timeout != Some(Duration::ZERO));
}

/// A file of environment variables.
pub(crate) fn env_file(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match pairs_of(Path::new("/etc/shop.env"), bytes.to_vec()) {
        Ok(pairs) => {
            assert!(pairs.len() <= lines);
            let mut written = String::new();
            for (key, value) in &pairs {
                assert!(!key.contains('=') && !key.contains(char::is_whitespace), "{key:?}");
                assert!(!value.contains('\n'));
                let quoted =
                    if value.contains('"') { value.clone() } else { format!("\"{value}\"") };
                written.push_str(&format!("{key}={quoted}\n"));
            }
            let is_plain = pairs.iter().all(|(_, value)| !value.contains(['"', '\'', '\r']));
            if is_plain {
                let again = pairs_of(Path::new("x"), written.into_bytes());
                assert_eq!(again, Ok(pairs));
            }
        }
        Err(why) => {
            assert_sentence(&why);
            let line = why.strip_prefix("/etc/shop.env:").and_then(|rest| rest.split(':').next());
            let line = line.and_then(|number| number.parse::<usize>().ok());
            assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{why}");
        }
    }
}

thread_local! {
    static SITE: (Definition, Places) = {
        let name = "shop".parse().expect("a name");
        let text = "{version: 1, database: /mnt/db, address: 10.0.0.5, \
                    processes: {a: {command: [x]}}}";
        let definition = parse(&name, Path::new("shop.yaml"), text).expect("a definition");
        let folder = Some("/etc/siteward".into());
        let overrides = Overrides {
            config: folder.clone(),
            runtime: folder.clone(),
            logs: folder.clone(),
            links: folder,
        };
        (definition, Places::resolve(overrides).expect("folders"))
    };
}

/// `--set PLACEHOLDER=VALUE`, in the text for each manager.
pub(crate) fn placeholders(bytes: &[u8]) {
    const GENERATORS: [Generator; 7] = [
        Generator::PacemakerPcs,
        Generator::PacemakerCrm,
        Generator::Clusterware,
        Generator::Serviceguard,
        Generator::ServiceguardLegacy,
        Generator::Expresscluster,
        Generator::Systemd,
    ];
    let (which, words) = first(bytes);
    let Some(words) = text(words) else { return };
    let read: Vec<Result<FilledIn, String>> = words.split('\n').map(str::parse).collect();
    for why in read.iter().filter_map(|read| read.as_ref().err()) {
        assert!(!why.is_empty());
    }
    let values: Vec<FilledIn> = read.into_iter().flatten().collect();
    if values.is_empty() {
        return;
    }
    let generator = GENERATORS[usize::from(which) % GENERATORS.len()];
    SITE.with(|(definition, places)| match generate(generator, definition, places, &values) {
        Ok(lines) => {
            for line in lines {
                assert!(!line.contains('\n'), "{line:?}");
            }
        }
        Err(fault) => assert_sentence(&fault.sentence),
    });
}
