//! What the profile of a supervisor needs on this node, and what it must not have there.

use std::fs;
use std::time::Duration;

use super::rows::{paragraphs, property};
use crate::backend::command::run_of_node;
use crate::site::{Subject, Wrapped};
use crate::values::Moment;

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub kind: MisfitKind,
    /// A whole sentence without its end.
    pub sentence: String,
    /// What to type or to write; empty: the sentence says it.
    pub mend: String,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisfitKind {
    /// The site starts, but not as intended.
    Warning,
    /// The site must not start on this node.
    Wrong,
    /// A file, a folder or a unit is not there.
    Missing,
}

impl Misfit {
    fn new(kind: MisfitKind, sentence: String, mend: String) -> Self {
        Self { kind, sentence, mend }
    }
}

/// How long systemd may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// All that does not fit.
pub fn misfits(wrapped: &Wrapped) -> Vec<Misfit> {
    match &wrapped.subject {
        None => Vec::new(),
        Some(Subject::Directory(directory)) => match fs::read_dir(directory) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Misfit::new(
                MisfitKind::Missing,
                format!(
                    "the folder of the services {} cannot be read: {error}",
                    directory.display()
                ),
                format!("copy {} here from the other node", directory.display()),
            )],
        },
        Some(Subject::Config(config)) => match fs::read_to_string(config) {
            Ok(text) => lacks(wrapped, &config.display().to_string(), &text).collect(),
            Err(error) => vec![Misfit::new(
                MisfitKind::Missing,
                format!("the configuration {} cannot be read: {error}", config.display()),
                format!("copy {} here from the other node", config.display()),
            )],
        },
        Some(Subject::Unit(unit)) => of_units(wrapped, unit),
    }
}

/// What its configuration must hold to be asked. What it includes is not read.
fn lacks<'a>(
    wrapped: &'a Wrapped,
    file: &'a str,
    text: &'a str,
) -> impl Iterator<Item = Misfit> + 'a {
    let profile = wrapped.profile.filter(|_| !text.contains("include"));
    let holds = profile.map_or(&[][..], |profile| profile.config_holds);
    holds.iter().filter(|line| !text.contains(**line)).map(move |line| {
        let program = profile.map_or("", |profile| profile.word);
        Misfit::new(
            MisfitKind::Warning,
            format!(
                "{file} has no `{line}`, without which {program} cannot be asked for its state"
            ),
            format!("write `{line}` into {file}, as the manual of {program} shows"),
        )
    })
}

const PROPERTIES: &str = "--property=Id,LoadState,UnitFileState,Restart,KillMode,SendSIGKILL,TimeoutStopUSec,Conflicts,\
     WantedBy,RequiredBy,TriggeredBy,Requires,Wants,BindsTo,ConsistsOf";

fn of_units(wrapped: &Wrapped, unit: &str) -> Vec<Misfit> {
    let systemctl = wrapped.start.first().map_or("systemctl", String::as_str);
    let show = |units: &[&str]| {
        let words: Vec<&str> =
            [systemctl, "show", PROPERTIES].iter().chain(units).copied().collect();
        run_of_node(&words, Moment::now() + PATIENCE)
    };
    let unasked = |why: String| {
        let sentence = format!("systemd cannot be asked for {unit}: `{systemctl} show` {why}");
        vec![Misfit::new(
            MisfitKind::Missing,
            sentence,
            "run the site on a node with systemd".to_owned(),
        )]
    };
    let text = match show(&[unit]) {
        Ok(text) => text,
        Err(why) => return unasked(why),
    };
    let members = super::services::members_of(&text);
    let mut found: Vec<Misfit> =
        paragraphs(&text).flat_map(|of| of_unit(&of, unit, &members)).collect();
    if unit.ends_with(".target") && !members.is_empty() {
        let names: Vec<&str> = members.iter().map(String::as_str).collect();
        match show(&names) {
            Ok(text) => found.extend(paragraphs(&text).flat_map(|of| of_unit(&of, unit, &members))),
            Err(why) => return unasked(why),
        }
        found.extend(paragraphs(&text).flat_map(|of| left_by_target(&of, unit, &members)));
    }
    found
}

/// What is wrong with a unit that is the site, or one of the services of the target that is.
fn of_unit(of: &[(&str, &str)], site: &str, members: &[String]) -> Vec<Misfit> {
    let (id, load) = (property(of, "Id"), property(of, "LoadState"));
    let mut found = Vec::new();
    let mut add =
        |kind, sentence: String, mend: String| found.push(Misfit::new(kind, sentence, mend));
    if load != "loaded" {
        let mend = match load {
            "masked" => format!("systemctl unmask {id}"),
            _ => format!("install {id} on this node, then: systemctl daemon-reload"),
        };
        add(MisfitKind::Missing, format!("systemd has no {id} on this node: it is {load}"), mend);
        return found;
    }
    let pulls =
        ["WantedBy", "RequiredBy"].into_iter().flat_map(|key| property(of, key).split_whitespace());
    let pulls: Vec<&str> =
        pulls.filter(|by| *by != site && !members.iter().any(|member| member == by)).collect();
    let is_enabled = property(of, "UnitFileState").starts_with("enabled");
    // A service of a target may be enabled in that target alone.
    if is_enabled && (id == site || !pulls.is_empty()) {
        let sentence = format!("systemd starts {id} at boot, and the cluster must");
        add(MisfitKind::Wrong, sentence, format!("systemctl disable {id}"));
    } else if let Some(by) = pulls.first() {
        let sentence = format!("{by} starts {id} with itself, and the cluster must start it");
        add(
            MisfitKind::Warning,
            sentence,
            format!("take {id} out of Wants= and Requires= of {by}"),
        );
    }
    if let Some(by) = property(of, "TriggeredBy").split_whitespace().next() {
        let sentence = format!("{by} starts {id} by itself, and the cluster must start it");
        add(MisfitKind::Warning, sentence, format!("systemctl disable --now {by}"));
    }
    let set = |line: &str| {
        let section = line.split('/').next().unwrap_or_default();
        let setting = line.split('/').nth(1).unwrap_or_default();
        format!(
            "write [{section}] {setting} into /etc/systemd/system/{id}.d/cluster.conf, then: systemctl daemon-reload"
        )
    };
    match property(of, "Restart") {
        "" | "no" => {}
        restart => add(
            MisfitKind::Warning,
            format!(
                "systemd starts {id} again by itself (Restart={restart}), so that the cluster hears of a failure only when \
                 systemd gives up"
            ),
            set("Service/Restart=no"),
        ),
    }
    if let mode @ ("process" | "none") = property(of, "KillMode") {
        add(
            MisfitKind::Warning,
            format!(
                "a stop of {id} leaves processes in its control group (KillMode={mode}), which siteward ends then"
            ),
            set("Service/KillMode=mixed"),
        );
    }
    if property(of, "SendSIGKILL") == "no" {
        let sentence = format!("systemd never kills what ignores a stop of {id} (SendSIGKILL=no)");
        add(MisfitKind::Warning, sentence, set("Service/SendSIGKILL=yes"));
    }
    if property(of, "TimeoutStopUSec") == "infinity" && id.ends_with(".service") {
        let sentence =
            format!("systemd waits without end for {id} to stop (TimeoutStopSec=infinity)");
        add(MisfitKind::Warning, sentence, set("Service/TimeoutStopSec=60"));
    }
    if property(of, "Conflicts").split_whitespace().any(|by| by == "shutdown.target") {
        let sentence = format!(
            "at a shutdown systemd stops {id} itself, before its cluster manager does, which takes that for a failure"
        );
        add(MisfitKind::Warning, sentence, set("Unit/DefaultDependencies=no"));
    }
    found
}

/// The services that a target starts, and does not stop.
fn left_by_target(of: &[(&str, &str)], target: &str, members: &[String]) -> Vec<Misfit> {
    let stopped: Vec<&str> = property(of, "ConsistsOf").split_whitespace().collect();
    let left = members.iter().filter(|member| !stopped.contains(&member.as_str()));
    left.map(|member| {
        Misfit::new(
            MisfitKind::Warning,
            format!("a stop of {target} leaves {member}, which siteward ends then, not as its unit says"),
            format!("write [Unit] PartOf={target} into /etc/systemd/system/{member}.d/cluster.conf, then: systemctl daemon-reload"),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIT: [(&str, &str); 6] = [
        ("Id", "shop.service"),
        ("LoadState", "loaded"),
        ("UnitFileState", "disabled"),
        ("Restart", "no"),
        ("KillMode", "control-group"),
        ("SendSIGKILL", "yes"),
    ];

    fn found(changed: &[(&'static str, &'static str)]) -> Vec<(MisfitKind, String)> {
        let unit: Vec<_> = changed.iter().chain(&FIT).copied().collect();
        let found = of_unit(&unit, "shop.service", &[]);
        found.into_iter().map(|of| (of.kind, of.sentence + " | " + &of.mend)).collect()
    }

    #[test]
    fn a_unit_that_the_cluster_owns_has_nothing_wrong() {
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn each_trap_of_a_unit_is_told() {
        use MisfitKind::{Missing, Warning, Wrong};
        for (key, value, kind, told) in [
            ("LoadState", "not-found", Missing, "systemd has no shop.service"),
            ("LoadState", "masked", Missing, "systemctl unmask shop.service"),
            ("UnitFileState", "enabled", Wrong, "systemctl disable shop.service"),
            ("WantedBy", "other.target", Warning, "other.target starts shop.service"),
            ("TriggeredBy", "shop.timer", Warning, "shop.timer"),
            ("Restart", "always", Warning, "Restart=always"),
            ("KillMode", "process", Warning, "KillMode=process"),
            ("SendSIGKILL", "no", Warning, "never kills"),
            ("TimeoutStopUSec", "infinity", Warning, "without end"),
            (
                "Conflicts",
                "shutdown.target umount.target",
                Warning,
                "[Unit] DefaultDependencies=no",
            ),
        ] {
            let found = found(&[(key, value)]);
            assert_eq!(found.len(), 1, "{key}={value}: {found:?}");
            assert!(found[0].0 == kind && found[0].1.contains(told), "{key}={value}: {found:?}");
        }
    }

    #[test]
    fn a_service_of_a_target_may_be_enabled_in_it() {
        let members = ["web.service".to_owned()];
        let unit = |by| {
            [
                ("Id", "web.service"),
                ("LoadState", "loaded"),
                ("UnitFileState", "enabled"),
                ("WantedBy", by),
            ]
        };
        assert_eq!(of_unit(&unit("shop.target"), "shop.target", &members), []);
        let found = of_unit(&unit("shop.target multi-user.target"), "shop.target", &members);
        assert_eq!(found.len(), 1, "{found:?}");
        let target = [("ConsistsOf", "")];
        assert_eq!(left_by_target(&target, "shop.target", &members).len(), 1);
        assert_eq!(left_by_target(&[("ConsistsOf", "web.service")], "shop.target", &members), []);
    }
}
