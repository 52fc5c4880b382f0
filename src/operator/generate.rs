//! The configuration that adds a site to a cluster manager, as commands to type or files to save. Every
//! timeout is computed from the definition, so that the manager waits longer than the site needs.

mod advice;
mod clusterware;
mod expresscluster;
mod facts;
mod pacemaker;
mod powerha;
mod serviceguard;
mod systemd;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::agent::{Fault, time_for_start, time_for_stop};
use crate::messages;
use crate::site::{Definition, Places, Wrapped, nearest};
use facts::SiteFacts;

pub(super) use advice::{ADVISED_RESTARTS, ADVISED_THRESHOLD, AdvisedTimes};

/// The manager, and the tool that configures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Generator {
    PacemakerPcs,
    PacemakerCrm,
    Clusterware,
    Serviceguard,
    ServiceguardLegacy,
    Expresscluster,
    Powerha,
    Systemd,
}

/// A value for a placeholder, as `--set DEVICE=/dev/sdb1` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledIn {
    placeholder: String,
    value: String,
}

impl FromStr for FilledIn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, value) = text.split_once('=').ok_or_else(|| {
            format!("`{text}` gives no value; write PLACEHOLDER=VALUE, like DEVICE=/dev/sdb1")
        })?;
        // The value stands in quotes of a shell, of crmsh or of crsctl, or in none: no character may end it.
        let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+~".contains(c);
        if value.is_empty() || !value.chars().all(plain) {
            return Err(format!(
                "the value of {word} may have letters, digits and -_./:=@%+~ only; \
                 leave it out and edit what is printed"
            ));
        }
        Ok(Self { placeholder: word.trim_matches(['<', '>']).to_owned(), value: value.to_owned() })
    }
}

/// The lines of the output. Placeholders look like `<THIS>`, and those that are not filled in are listed at
/// the top.
pub fn generate(
    generator: Generator,
    definition: &Definition,
    places: &Places,
    values: &[FilledIn],
) -> Result<Vec<String>, Fault> {
    let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/sbin/siteward"));
    let facts = SiteFacts {
        definition,
        name: definition.name.as_str(),
        program: program.display().to_string(),
        start: seconds(time_for_start(definition)),
        stop: seconds(time_for_stop(definition)),
        places,
    };
    let (title, body) = match generator {
        Generator::PacemakerPcs => pacemaker::pcs(&facts),
        Generator::PacemakerCrm => pacemaker::crm(&facts),
        Generator::Clusterware => clusterware::generate(&facts),
        Generator::Serviceguard => serviceguard::modular(&facts),
        Generator::ServiceguardLegacy => serviceguard::legacy(&facts),
        Generator::Expresscluster => expresscluster::generate(&facts),
        Generator::Powerha => powerha::generate(&facts),
        Generator::Systemd => systemd::generate(&facts),
    };
    let mut lines = vec![format!("# {title}")];
    lines.push(format!(
        "# By siteward {}, from the definition of `{}` ({}).",
        env!("CARGO_PKG_VERSION"),
        facts.name,
        definition.fingerprint
    ));
    let body = fill_in(body, values)?;
    let wanted = placeholders(&body);
    if wanted.is_empty() {
        lines.push("# Nothing is left to fill in.".to_owned());
    } else {
        lines.push(format!("# TO FILL IN: {}", wanted.join(" ")));
    }
    lines.push(String::new());
    lines.extend(body.lines().map(str::to_owned));
    if let Some(unit) = definition.wrapped.as_ref().and_then(Wrapped::unit) {
        lines.extend(drop_in(unit));
    }
    Ok(lines)
}

/// What makes a unit the cluster's alone, as a comment that every manager's tool passes over.
fn drop_in(unit: &str) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!(
            "# The unit {unit} must be started and stopped by the cluster alone. On every node: systemctl disable {unit}"
        ),
        format!(
            "# Save this as /etc/systemd/system/{unit}.d/cluster.conf, then: systemctl daemon-reload"
        ),
        "#     [Unit]".to_owned(),
        "#     DefaultDependencies=no".to_owned(),
    ];
    if unit.ends_with(".service") {
        lines.extend(["#     [Service]", "#     Restart=no"].map(str::to_owned));
    }
    lines
}

/// The text with the values in the places of their placeholders. A word that is none is refused: it was
/// mistyped, or belongs to another manager.
fn fill_in(text: String, values: &[FilledIn]) -> Result<String, Fault> {
    let known = placeholders(&text);
    let mut text = text;
    // Given twice, the last value counts, as with every option.
    for FilledIn { placeholder, value } in values.iter().rev() {
        let wanted = format!("<{placeholder}>");
        if !known.contains(&wanted) {
            return Err(unknown_placeholder(placeholder, &known));
        }
        text = text.replace(&wanted, value);
    }
    Ok(text)
}

fn unknown_placeholder(word: &str, known: &[String]) -> Fault {
    let words: Vec<&str> = known.iter().map(|k| k.trim_matches(['<', '>'])).collect();
    let next = match nearest(word, &words) {
        Some(near) => format!("did you mean {near}?"),
        None if words.is_empty() => "there is nothing to fill in".to_owned(),
        None => format!("those to fill in are {}", words.join(", ")),
    };
    messages::placeholder_unknown(word, next).into()
}

/// Every `<PLACEHOLDER>` once, in the order of the text.
fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split('<').skip(1) {
        let Some((word, _)) = part.split_once('>') else { continue };
        let is_one = !word.is_empty()
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
        let word = format!("<{word}>");
        if is_one && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_listed_once() {
        let text = "a <DEVICE> b <FILE-SYSTEM> <DEVICE> x < y > z <<END <end>";
        assert_eq!(placeholders(text), ["<DEVICE>", "<FILE-SYSTEM>"]);
    }

    #[test]
    fn values_take_the_place_of_placeholders() {
        let given = |words: &[&str]| -> Vec<FilledIn> {
            words.iter().map(|w| w.parse().expect("a value")).collect()
        };
        let text = || "mount <DEVICE> <FSTYPE>; fsck <DEVICE>".to_owned();
        let filled = fill_in(text(), &given(&["DEVICE=/dev/sdb1"])).expect("it is there");
        assert_eq!(filled, "mount /dev/sdb1 <FSTYPE>; fsck /dev/sdb1");
        // With its angle brackets too; of two values the last one counts.
        let filled =
            fill_in(text(), &given(&["FSTYPE=xfs", "<FSTYPE>=ext4"])).expect("it is there");
        assert_eq!(filled, "mount <DEVICE> ext4; fsck <DEVICE>");
        let refused =
            |words: &[&str]| fill_in(text(), &given(words)).expect_err("refused").sentence;
        assert_eq!(
            refused(&["DEVCE=/dev/sdb1"]),
            "there is no placeholder DEVCE here; did you mean DEVICE?"
        );
        assert_eq!(
            refused(&["SUBNET=10.0.0.0"]),
            "there is no placeholder SUBNET here; those to fill in are DEVICE, FSTYPE"
        );
    }

    #[test]
    fn no_value_ends_its_quotes() {
        for wrong in [
            "DEVICE",
            "DEVICE=",
            "DEVICE=a b",
            "DEVICE=a'b",
            "DEVICE=$(x)",
            "DEVICE=a,b",
            "DEVICE=\"\n",
        ] {
            assert!(wrong.parse::<FilledIn>().is_err(), "{wrong}");
        }
        for good in
            ["DEVICE=/dev/disk/by-id/scsi-0QEMU_disk~1", "DEVICE=host:/export", "NODE-1=a.example"]
        {
            assert!(good.parse::<FilledIn>().is_ok(), "{good}");
        }
    }
}
