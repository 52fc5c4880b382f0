//! The definition of a site, alone and beside those of the other sites on this node.

use std::path::Path;

use super::examined::Examined;
use crate::agent::{Fault, Target};
use crate::backend::jobcenter::link_names;
use crate::control::State;
use crate::observe::{Drift, drift};
use crate::operator::finding::Finding;
use crate::site::{Definition, LoadError, load, load_snapshot, misnamed_files};

/// Reads the definition. One that may not be used, but can be read, is examined all the same.
pub(super) fn read(target: &Target) -> (Option<Definition>, Vec<Finding>) {
    const CHECK: &str = "definition";
    let file = &target.site.definition;
    let at = file.display();
    let error = match load(&target.places, &target.name) {
        Ok(definition) => {
            let mut found = vec![Finding::ok(CHECK, format!("{at} is valid"))];
            found.extend(definition.warnings.iter().map(|warning| {
                Finding::warning(CHECK, format!("{at}: {warning}"), format!("edit {at}"))
            }));
            return (Some(definition), found);
        }
        Err(error) => error,
    };
    let readable = match &error {
        LoadError::Untrusted(_) | LoadError::Unusable(_) => load_snapshot(file, &target.name).ok(),
        LoadError::Missing { .. } | LoadError::Denied { .. } | LoadError::Wrong(_) => None,
    };
    let mend = match &error {
        LoadError::Untrusted(_) => format!("chown root {at}; chmod go-w {at}"),
        LoadError::Missing { .. } => format!("copy {at} here from the node where it is"),
        LoadError::Denied { .. } => "run as root".to_owned(),
        LoadError::Unusable(_) | LoadError::Wrong(_) => {
            format!("edit {at}, then: siteward validate-all {}", target.name)
        }
    };
    let fault = Fault::from(error);
    let others = fault.others.into_iter().map(|other| other.sentence);
    let sentences = [fault.sentence].into_iter().chain(others).chain(fault.details);
    let found = sentences.map(|sentence| Finding::error(CHECK, sentence, mend.clone()));
    (readable, found.collect())
}

/// Files that were meant to be definitions; no site is found in them.
pub(super) fn misnamed(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "misnamed-definition";
    let files = misnamed_files(&examined.target.places);
    if files.is_empty() {
        let config = examined.target.places.config.display();
        return vec![Finding::ok(CHECK, format!("every definition in {config} has a site's name"))];
    }
    let told = |file: &std::path::PathBuf| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        let right = file.with_file_name(format!("{}.yaml", stem.replace('_', "-")));
        Finding::warning(
            CHECK,
            format!("{} defines no site, as its name is not NAME.yaml", file.display()),
            format!("mv {} {}", file.display(), right.display()),
        )
    };
    files.iter().map(told).collect()
}

/// The definition that runs, compared with the file.
pub(super) fn in_use(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "definition-in-use";
    let name = &examined.target.name;
    if !examined.is_up() {
        return vec![Finding::ok(CHECK, "the site is down, and starts with the file as it is")];
    }
    match drift(&examined.target.places, name) {
        Drift::Same => vec![Finding::ok(CHECK, "the site runs with the file as it is")],
        Drift::Changed => vec![Finding::warning(
            CHECK,
            "the file differs from what runs, and takes effect at the next start, on any node",
            format!("siteward stop {name} and siteward start {name} in a quiet hour"),
        )],
        // The check of the file itself says what is wrong with it.
        Drift::Broken(_) | Drift::Removed => Vec::new(),
    }
}

/// The state of the site.
pub(super) fn state(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "state";
    let name = &examined.target.name;
    let seen = match &examined.seen {
        Ok(seen) => seen,
        Err(why) => return vec![Finding::unchecked(CHECK, why)],
    };
    let why = seen.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let said = format!("the site is {}{why}", seen.state);
    vec![match seen.state {
        State::Running | State::Starting | State::Maintenance | State::Stopped => {
            Finding::ok(CHECK, said)
        }
        State::StoppingOrdered | State::StoppingFailed => Finding::ok(CHECK, said),
        State::Degraded => Finding::warning(CHECK, said, format!("siteward status {name}")),
        State::Failed => Finding::warning(
            CHECK,
            said,
            format!("mend the cause, then: siteward clean {name}, and let the cluster start it"),
        ),
        State::FailedWithSurvivors => Finding::error(CHECK, said, format!("siteward clean {name}")),
        State::Unsupervised => Finding::error(CHECK, said, format!("siteward adopt {name}")),
        State::Unknown => Finding::unchecked(CHECK, said),
    }]
}

/// The paths of sockets and files below the site's folders are not too long.
pub(super) fn path_length(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "path-length";
    vec![match examined.target.site.check_length() {
        Ok(()) => Finding::ok(CHECK, "every path of the site is short enough"),
        Err(error) => Finding::error(CHECK, error.to_string(), "choose shorter directories"),
    }]
}

/// The machine ID is the only one among the sites here (SITE-05).
pub(super) fn machine_id(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "machine-id";
    let Some(id) = examined.definition.machine_id else {
        return vec![Finding::ok(CHECK, "the definition names none")];
    };
    let same = examined.others.iter().find(|other| other.machine_id == Some(id));
    vec![match same {
        None => Finding::ok(CHECK, format!("{id} is no other site's here")),
        Some(other) => Finding::error(
            CHECK,
            format!("{id} is also the machine ID of the site `{}`", other.name),
            format!("change machine_id in {}", examined.target.site.definition.display()),
        ),
    }]
}

/// The database lies in no other site's, and none lies in it.
pub(super) fn nested_database(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "nested-database";
    let Some(own) = &examined.definition.database else {
        return vec![Finding::ok(CHECK, "the site has no database")];
    };
    let meets = |a: &Path, b: &Path| a != b && (a.starts_with(b) || b.starts_with(a));
    let others = examined.others.iter();
    let found = others.filter_map(|other| Some((other, other.database.as_ref()?)));
    let found: Vec<Finding> = found
        .filter(|(_, database)| meets(own, database))
        .map(|(other, database)| {
            Finding::warning(
                CHECK,
                format!(
                    "{} and {} of the site `{}` lie in each other, so each site uses the other's disk",
                    own.display(),
                    database.display(),
                    other.name
                ),
                "give each site a file system of its own, and change `database`",
            )
        })
        .collect();
    if found.is_empty() {
        return vec![Finding::ok(CHECK, "no other site's database is in the way")];
    }
    found
}

/// No other site of JobCenter's has the same link, which is named after the address (DB-07, DB-09).
pub(super) fn shared_address(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "shared-address";
    let Some(address) = examined.definition.address else {
        return vec![Finding::ok(CHECK, "the site has no address")];
    };
    let links = link_names(address);
    let is_jobcenters = examined.jobcenter().is_some();
    let meets = |other: &&Definition| {
        let both = is_jobcenters && other.jobcenter().is_some();
        let theirs = other.address.map(link_names).unwrap_or_default();
        both && theirs.iter().any(|link| links.contains(link))
    };
    vec![match examined.others.iter().find(meets) {
        None => Finding::ok(CHECK, format!("{address} is no other site's here")),
        Some(other) => Finding::error(
            CHECK,
            format!(
                "{address} gives this site and `{}` the same link {} to a database",
                other.name, links[0]
            ),
            format!("change address in {}", examined.target.site.definition.display()),
        ),
    }]
}

/// Nobody has left the site in maintenance by its definition (MNT-05). A pause is a mark on the database,
/// which is looked at with the disk.
pub(super) fn maintenance(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "maintenance";
    let name = &examined.target.name;
    let file = examined.target.site.definition.display();
    if examined.definition.maintenance {
        return vec![Finding::warning(
            CHECK,
            format!("{file} says `maintenance: true`, so every start comes up without processes"),
            match examined.is_up() {
                true => {
                    format!("take `maintenance: true` out of {file}, then: siteward resume {name}")
                }
                false => format!("take `maintenance: true` out of {file}"),
            },
        )];
    }
    let flag = format!("/etc/siteward/serviceguard/{name}.debug");
    if Path::new(&flag).exists() {
        return vec![Finding::warning(
            CHECK,
            format!("{flag} is there, so Serviceguard is not told when the site fails"),
            format!("rm {flag}"),
        )];
    }
    vec![Finding::ok(CHECK, "the definition and the flag of Serviceguard hold nothing back")]
}
