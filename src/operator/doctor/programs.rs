//! Programs, users, directories and files of the definition, as the gate of a start checks them. Done in a
//! helper, as some may be on the site's disk.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::backend::fitness::{Fitness, Unfit, UnfitSubject};
use crate::backend::jobcenter::{ComplaintSubject, link_names};
use crate::linux::attributes::is_of_the_system;
use crate::linux::files;
use crate::messages::FaultKind;
use crate::operator::finding::Finding;
use crate::site::Definition;

/// Every check. `has_disk`: the site's disk is here.
pub(super) fn all(definition: &Definition, has_disk: bool) -> Vec<Finding> {
    let Fitness { warnings, unfit } = Fitness::in_full(definition, has_disk);
    // The check of the disk tells the layout of its database, as an error.
    let is_other =
        |unfit: &&Unfit| unfit.subject != UnfitSubject::Jobcenter(ComplaintSubject::Layout);
    let warnings = warnings.iter().filter(is_other).map(|unfit| {
        let (check, said, mend) = parts(definition, unfit);
        Finding::warning(check, said, mend)
    });
    let errors = unfit.iter().map(|unfit| {
        let (check, said, mend) = parts(definition, unfit);
        Finding::error(check, said, mend)
    });
    let mut found: Vec<Finding> = warnings.chain(errors).collect();
    let mut wanted = vec![
        ("user", "every user and group is known here"),
        ("program", "every program is here"),
        ("healthcheck", "every program of a health check is here"),
        ("working-directory", "every working directory that can be looked at is here"),
        ("env-file", "every env_file can be read"),
    ];
    if definition.wrapped.as_ref().is_some_and(|wrapped| wrapped.subject.is_some()) {
        wanted.push(("supervisor", "what it needs is here, and nothing else starts it"));
    }
    if definition.jobcenter().is_some() {
        wanted.push(("local-daemon", "daemon.conf lets a cluster site run"));
        wanted.push(("jobcenter-maintenance", "daemon.conf holds nothing back"));
        if has_disk {
            wanted.push(("jobcenter-site", "the database holds a site"));
            wanted.push(("link", "it leads to the database"));
            wanted.push(("listen-address", "the site listens on its own address"));
        }
    }
    for (check, said) in wanted {
        if !found.iter().any(|finding| finding.check == check) {
            found.push(Finding::ok(check, said));
        }
    }
    found.extend(trust(definition, has_disk));
    found
}

/// The check, the sentence and the mend of a reason that the gate has.
fn parts(definition: &Definition, unfit: &Unfit) -> (&'static str, String, String) {
    let sentence = &unfit.message.sentence;
    let (said, next) = sentence.rsplit_once("; ").unwrap_or((sentence, "mend that"));
    let is_denied = unfit.message.id.kind() == FaultKind::NotPermitted;
    let (check, mend) = match &unfit.subject {
        UnfitSubject::User(_) if is_denied => ("user", "run siteward as root".to_owned()),
        UnfitSubject::User(name) => (
            "user",
            format!("useradd --system --uid NUMBER {name}, with the same number on every node"),
        ),
        UnfitSubject::Group(name) => (
            "user",
            format!("groupadd --system --gid NUMBER {name}, with the same number on every node"),
        ),
        UnfitSubject::Program(program) => ("program", of_program(program, is_denied)),
        UnfitSubject::Healthcheck(program) => ("healthcheck", of_program(program, is_denied)),
        UnfitSubject::WorkingDirectory(folder) => {
            ("working-directory", format!("mkdir -p {}", folder.display()))
        }
        UnfitSubject::EnvFile(file) => {
            ("env-file", format!("copy {} here from the other node", file.display()))
        }
        UnfitSubject::Jobcenter(subject) => of_jobcenter(definition, *subject, next),
        UnfitSubject::Profile(mend) => ("supervisor", mend.clone()),
        UnfitSubject::Mount => ("mount", next.to_owned()),
        UnfitSubject::Address => ("address", next.to_owned()),
    };
    (check, said.to_owned(), mend)
}

/// The names that the manual itself misspells (source document 003), and the right ones.
const MISSPELT: [(&str, &str); 6] = [
    ("cjcpcw", "cjcpw"),
    ("cjcpx", "cjcpw"),
    ("cyjcpw", "cjcpw"),
    ("cyjcls", "cjcls"),
    ("cyjcmksite", "cjcmksite"),
    ("jcmksite", "cjcmksite"),
];

fn of_program(program: &str, is_denied: bool) -> String {
    if is_denied {
        return format!("chmod +x {program}");
    }
    let path = Path::new(program);
    let misspelt = MISSPELT.iter().find(|(wrong, _)| path.file_name() == Some(OsStr::new(wrong)));
    match misspelt {
        Some((_, right)) => {
            format!("write {} in the definition", path.with_file_name(right).display())
        }
        None => format!("install {program} on this node"),
    }
}

fn of_jobcenter(
    definition: &Definition,
    subject: ComplaintSubject,
    next: &str,
) -> (&'static str, String) {
    let machine = definition.jobcenter().map(|p| p.commands.join("rc/daemon.conf"));
    let machine = machine.unwrap_or_default();
    let machine = machine.display();
    let site = definition.database.as_ref().map(|d| d.join("nqs/daemon.conf"));
    let address = definition.address.map_or_else(String::new, |a| a.to_string());
    match subject {
        ComplaintSubject::LocalDaemon => {
            ("local-daemon", format!("echo local_daemon=SITE >>{machine}"))
        }
        ComplaintSubject::Maintenance => {
            ("jobcenter-maintenance", format!("sed -i '/^ *maintenance *=/d' {machine}"))
        }
        ComplaintSubject::SiteFolder => {
            ("jobcenter-site", next.trim_start_matches("make it with: ").to_owned())
        }
        ComplaintSubject::Conversion => ("database-layout", "wait until it has ended".to_owned()),
        ComplaintSubject::Layout => ("database-layout", next.to_owned()),
        ComplaintSubject::Node => ("jobcenter-port", next.to_owned()),
        ComplaintSubject::Link => ("link", link_mend(definition)),
        ComplaintSubject::ListenAddress => (
            "listen-address",
            format!("echo ipaddress={address} >>{}", site.unwrap_or_default().display()),
        ),
    }
}

/// The command that makes the site's link on this node.
pub(super) fn link_mend(definition: &Definition) -> String {
    let of = definition.jobcenter().zip(definition.address).zip(definition.database.as_ref());
    of.map_or_else(String::new, |((profile, address), database)| {
        let link = profile.spool.join(&link_names(address)[0]);
        format!("ln -sfn {} {}", database.display(), link.display())
    })
}

/// Nobody but root may replace what root runs.
fn trust(definition: &Definition, has_disk: bool) -> Vec<Finding> {
    const CHECK: &str = "program-trust";
    if !files::is_root() {
        return vec![Finding::ok(CHECK, "this user runs its own programs")];
    }
    let by_root = definition
        .processes
        .iter()
        .filter(|process| matches!(process.context.user.as_deref(), None | Some("root" | "0")))
        .map(|process| &process.command);
    let wrapped = definition.wrapped.iter().map(|wrapped| &wrapped.start);
    let disk = definition.prerequisites.mounted.as_ref().or(definition.database.as_ref());
    let mut programs: Vec<&Path> =
        by_root.chain(wrapped).filter_map(|words| words.first()).map(Path::new).collect();
    programs.retain(|program| {
        program.is_absolute() && (has_disk || !disk.is_some_and(|disk| program.starts_with(disk)))
    });
    programs.dedup();
    let found: Vec<Finding> = programs
        .into_iter()
        .filter_map(|program| fs::canonicalize(program).ok())
        .filter(|program| !is_of_the_system(program, program, None))
        .map(|program| {
            let at = program.display();
            Finding::warning(
                CHECK,
                format!("others than root may replace {at}, which root runs"),
                format!("chown root {at}; chmod go-w {at}, and so for every directory above it"),
            )
        })
        .collect();
    if found.is_empty() {
        return vec![Finding::ok(CHECK, "only root can replace what root runs")];
    }
    found
}
