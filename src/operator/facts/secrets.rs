//! What of a definition may be shown, and what may be a secret.
//!
//! A value that may be a secret leaves the node only as a fingerprint of 16 bits. Two values are compared by
//! it, and differ unseen once in 65,536 times. It is so short because a whole hash gives a password away to
//! whoever hashes all words of a dictionary; of these, one in 65,536 has the same fingerprint.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::node_facts::DefinitionFact;
use crate::linux::limits::LimitedResource;
use crate::site::{WrittenValue, duration, written_values};

/// Keys whose values are no secret. Every other one is taken for a secret.
const SHOWN: [&str; 55] = [
    "address",
    "address_present",
    "attempts",
    "cap_add",
    "cap_drop",
    "commands",
    "countmax",
    "database",
    "degraded_is",
    "depends_on",
    "detached",
    "env_file",
    "essential",
    "file",
    "forks",
    "group",
    "hard",
    "holders",
    "instances",
    "machine_id",
    "maintenance",
    "max_file",
    "max_size",
    "monitored",
    "mounted",
    "no_new_privileges",
    "notify",
    "on",
    "oneshot",
    "oom_score_adj",
    "pass",
    "pid_file",
    "port",
    "port_keeper",
    "processes",
    "profile",
    "protocol",
    "retries",
    "rows",
    "same_on_all_nodes",
    "signal",
    "site",
    "socket",
    "soft",
    "spool",
    "stop_signal",
    "supervisor",
    "tcp",
    "umask",
    "user",
    "version",
    "working_directory",
    "ready",
    "restart",
    "reload",
];

/// Keys whose values are durations; two spellings of one duration are the same.
const DURATIONS: [&str; 13] = [
    "boot_timeout",
    "countsleep",
    "degraded_after",
    "delay",
    "forcekill_time",
    "interval",
    "max_delay",
    "settle",
    "start_period",
    "stop_grace_period",
    "stop_timeout",
    "timeout",
    "within",
];

/// Keys whose values are the words of a command. Its program is shown, its arguments may be secrets.
const COMMANDS: [&str; 9] =
    ["command", "exec", "list", "pause", "process", "resume", "start", "stop", "stop_command"];

/// The values of a definition as they may be shown.
pub(super) fn without_secrets(text: &str) -> DefinitionFact {
    let mut values = BTreeMap::new();
    for value in written_values(text).unwrap_or_default() {
        show(&value, &mut values);
    }
    let lines: String = values.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    DefinitionFact { fingerprint: hex(&Sha256::digest(lines)), values }
}

fn show(value: &WrittenValue, values: &mut BTreeMap<String, String>) {
    let name = value.path.join(".").replace(".[", "[");
    let key = value.path.iter().rev().find(|step| !step.starts_with('['));
    let key = key.map_or("", String::as_str);
    let hidden = |word: &String| fingerprint(&name, word.as_bytes());
    if value.path.iter().any(|step| step == "environment") {
        // Both ways in which Compose writes it.
        for word in &value.words {
            match word.split_once('=').filter(|_| key == "environment") {
                Some((variable, text)) => {
                    let name = format!("{name}.{variable}");
                    let shown = fingerprint(&name, text.as_bytes());
                    values.insert(name, shown);
                }
                None => drop(values.insert(name.clone(), hidden(word))),
            }
        }
        return;
    }
    let is_limit = LimitedResource::ALL.iter().any(|(word, _)| *word == key);
    let words: Vec<String> = if DURATIONS.contains(&key) {
        value.words.iter().map(|word| same_duration(word)).collect()
    } else if SHOWN.contains(&key) || is_limit {
        value.words.clone()
    } else if COMMANDS.contains(&key) || key == "test" {
        let (program, arguments) = value.words.split_at(value.words.len().min(1));
        program.iter().cloned().chain(arguments.iter().map(hidden)).collect()
    } else {
        value.words.iter().map(hidden).collect()
    };
    let words = words.join(", ");
    values.insert(name, if value.is_list { format!("[{words}]") } else { words });
}

fn same_duration(word: &str) -> String {
    duration::parse(word).map_or_else(|_| word.to_owned(), duration::show)
}

/// A fingerprint of 16 bits; `name` keeps the same secret in two places from being seen as the same.
pub(super) fn fingerprint(name: &str, value: &[u8]) -> String {
    let hash = Sha256::new_with_prefix(b"siteward facts\0")
        .chain_update(name.as_bytes())
        .chain_update(b"\0")
        .chain_update(value)
        .finalize();
    format!("#{}", hex(&hash[..2]))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version: 1\nboot_timeout: 90\nenvironment: [A=hush1]\nx-note: hush2\nprocesses:\n  \
                        db: {command: [/bin/db, -p, hush3], environment: {user: hush4}, user: job,\n    \
                        healthcheck: {test: [/bin/sh, -c, hush5], interval: 1m30s}, ready: {log: hush6}}\n";

    #[test]
    fn no_secret_is_shown_and_each_is_compared() {
        let facts = without_secrets(TEXT);
        let shown = serde_json::to_string(&facts).unwrap();
        assert!(!shown.contains("hush"), "{shown}");
        let is = |key: &str, value: &str| assert_eq!(facts.values[key], value, "{shown}");
        is("boot_timeout", "90s");
        is("processes", "[db]");
        is("processes.db.user", "job");
        is("processes.db.healthcheck.interval", "90s");
        assert!(facts.values["processes.db.command"].starts_with("[/bin/db, #"), "{shown}");
        assert!(facts.values["processes.db.healthcheck.test"].starts_with("[/bin/sh, #"));
        for (number, key) in [
            (1, "environment.A"),
            (3, "processes.db.command"),
            (4, "processes.db.environment.user"),
            (5, "processes.db.healthcheck.test"),
            (6, "processes.db.ready.log"),
        ] {
            let other = without_secrets(&TEXT.replace(&format!("hush{number}"), "louder"));
            let differ: Vec<&String> = facts
                .values
                .iter()
                .filter(|(key, value)| other.values.get(*key) != Some(value))
                .map(|(key, _)| key)
                .collect();
            assert_eq!(differ, [key]);
            assert_ne!(facts.fingerprint, other.fingerprint);
        }
        let same = TEXT.replace("boot_timeout: 90", "# of one\nboot_timeout: 1m30s");
        assert_eq!(without_secrets(&same).fingerprint, facts.fingerprint);
    }
}
