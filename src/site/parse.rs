//! From a document to a definition.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::read_context;
use super::cursor::{Cursor, DefinitionError, Located, Problems};
use super::definition::{Context, Definition, DegradedIs, Given, Holders, SiteName};
use super::duration::show;
use super::logging::{default_logging, read_logging};
use super::ports::read_reservations;
use super::prerequisites::read_prerequisites;
use super::problem::ProblemKind;
use super::processes::{read_evidence, read_processes};
use super::read_telling::{read_notify, read_operations};
use super::read_work::{read_drain, read_work};
use super::wrapped::{Filling, read_wrapped};
use super::yaml::{self, Node};
use crate::values::{fnv, fnv_from, printable_line};

/// Reads the text of a definition. `file` is only named in complaints.
///
/// # Errors
/// All faults, each with its position.
pub fn parse(name: &SiteName, file: &Path, text: &str) -> Result<Definition, DefinitionError> {
    let refused = |(problems, more)| DefinitionError { file: file.to_owned(), problems, more };
    let root = yaml::read(text).map_err(|(kind, position, message)| {
        let message = printable_line(message);
        refused((vec![Located { kind, position, key: String::new(), message }], 0))
    })?;
    let problems = Problems::default();
    let definition = read_site(name, text, &Cursor::root(&root, &problems));
    match definition {
        Some(definition) if problems.is_empty() => Ok(definition),
        _ => Err(refused(problems.located(text))),
    }
}

/// The host name and the database, which no two sites may share; the rest is not judged.
pub(super) fn site_and_database(name: &SiteName, text: &str) -> Option<(String, Option<PathBuf>)> {
    let root = yaml::read(text).ok()?;
    let problems = Problems::default();
    let root = Cursor::root(&root, &problems);
    let site = root.field("site").and_then(|c| c.text()).unwrap_or(name.as_str());
    Some((site.to_owned(), root.field("database").and_then(|c| c.path())))
}

fn read_site(name: &SiteName, text: &str, root: &Cursor<'_>) -> Option<Definition> {
    if *root.node == Node::Null {
        root.wrong(ProblemKind::KeyMissing, "the definition is empty; it begins with `version: 1`");
        return None;
    }
    root.check_keys()?;

    match root.field("version") {
        None => root.wrong(ProblemKind::KeyMissing, "`version: 1` is missing"),
        Some(version) if *version.node == Node::Integer(1) => {}
        Some(version) => version
            .wrong(ProblemKind::VersionUnknown, "this siteward reads version 1 of a definition"),
    }
    let site = root.field("site").and_then(|c| {
        let site = c.text()?;
        let fine = |p: char| p.is_ascii_alphanumeric() || p == '-' || p == '.' || p == '_';
        if site.is_empty() || site.len() > 253 || !site.chars().all(fine) {
            c.wrong(ProblemKind::ValueWrong, &format!("`{site}` is not a host name"));
        }
        Some(site.to_owned())
    });
    let machine_id = root.field("machine_id").and_then(|c| c.integer());
    let database = root.field("database").and_then(|c| {
        let path = c.path()?;
        if path == Path::new("/") {
            c.wrong(ProblemKind::ValueWrong, "the root of the node cannot be a site's database");
        }
        Some(path)
    });
    let address = root.field("address").and_then(|c| c.address());

    let countmax = root.number_of("countmax");
    let countsleep = root.duration_of("countsleep");
    let paced = root.field("countmax").is_some() || root.field("countsleep").is_some();
    let pace = countsleep.saturating_mul(countmax);
    let timeout = |key: &str, default: u64| {
        let given = root.field(key).and_then(|c| c.duration());
        given.unwrap_or(if paced { pace } else { Duration::from_secs(default) })
    };
    let boot_timeout = timeout("boot_timeout", 200);
    let stop_timeout = timeout("stop_timeout", 300);

    let prerequisites = read_prerequisites(root, database.as_deref(), address.is_some());
    let context = read_context(root, &Context::default());
    let logging = read_logging(root, default_logging(root));
    let machine_id = machine_id.and_then(|n| u32::try_from(n).ok());
    let site = site.unwrap_or_else(|| name.to_string());
    let (processes, wrapped) = match root.field("supervisor") {
        Some(supervisor) => {
            if let Some(processes) = root.field("processes") {
                processes.wrong_key(
                    ProblemKind::KeysConflict,
                    "a site has `processes` that siteward supervises, or a `supervisor` of its \
                     own, not both",
                );
            }
            let filling = Filling {
                name: name.as_str(),
                site: &site,
                database: database.as_deref(),
                address: address.map(|a: std::net::IpAddr| a.to_string()),
                machine_id,
            };
            (Some(Vec::new()), read_wrapped(&supervisor, &filling))
        }
        None => (read_processes(root, &context, logging), None),
    };

    let database_missing = database.is_none();
    let names: Vec<&str> = processes.iter().flatten().map(|p| p.name.as_str()).collect();
    let reserve_ports = read_reservations(root, &names, address);
    let definition = Definition {
        name: name.clone(),
        site,
        machine_id,
        database,
        address,
        boot_timeout,
        stop_timeout,
        given: Given {
            boot_timeout: root.field("boot_timeout").is_some(),
            stop_timeout: root.field("stop_timeout").is_some(),
        },
        forcekill_time: root.duration_of("forcekill_time"),
        countmax,
        countsleep,
        degraded_is: root.choice_of("degraded_is", degraded_is)?,
        degraded_after: root.duration_of("degraded_after"),
        settle: root.duration_of("settle"),
        prerequisites,
        reserve_ports,
        holders: root.choice_of("holders", holders)?,
        on_unclean_shutdown: root.field("on_unclean_shutdown").and_then(|c| {
            if database_missing {
                c.wrong_key(
                    ProblemKind::KeyNeedsAnother,
                    "there is no `database` that could be left unclean",
                );
            }
            read_evidence(&c)
        }),
        notify: read_notify(root),
        operations: read_operations(root),
        work: read_work(root, !database_missing),
        drain: read_drain(root),
        context,
        logging,
        maintenance: root.boolean_of("maintenance"),
        same_on_all_nodes: root.field("same_on_all_nodes").map_or_else(Vec::new, |list| {
            list.items().unwrap_or_default().iter().filter_map(Cursor::path).collect()
        }),
        processes: processes?.into(),
        wrapped,
        fingerprint: fingerprint(text),
        text: text.to_owned(),
        warnings: Vec::new(),
    };
    Some(with_warnings(definition, root, paced.then_some(pace)))
}

fn degraded_is(word: &str) -> Option<DegradedIs> {
    match word {
        "running" => Some(DegradedIs::Running),
        "degraded" => Some(DegradedIs::Degraded),
        _ => None,
    }
}

fn holders(word: &str) -> Option<Holders> {
    match word {
        "report" => Some(Holders::Report),
        "terminate" => Some(Holders::Terminate),
        "kill" => Some(Holders::Kill),
        _ => None,
    }
}

fn with_warnings(
    mut definition: Definition,
    root: &Cursor<'_>,
    pace: Option<Duration>,
) -> Definition {
    let processes = root.field("processes");
    let has_grace = |name: &str| {
        let process = processes.as_ref().and_then(|all| all.field(name));
        process.and_then(|process| process.field("stop_grace_period")).is_some()
    };
    let mut warnings = Vec::new();
    for (key, value) in
        [("boot_timeout", definition.boot_timeout), ("stop_timeout", definition.stop_timeout)]
    {
        if let Some(pace) = pace.filter(|p| *p < value) {
            warnings.push(format!(
                "countmax x countsleep is {}, less than {key} ({}): it only sets the pace of asking",
                show(pace),
                show(value)
            ));
        }
    }
    for process in definition.processes.iter() {
        // The default is not warned of.
        if process.stop_grace_period > definition.stop_timeout && has_grace(&process.name) {
            warnings.push(format!(
                "stop_grace_period of `{}` ({}) is longer than stop_timeout ({}), which ends it",
                process.name,
                show(process.stop_grace_period),
                show(definition.stop_timeout)
            ));
        }
        if let Some(ready) = process.ready_timeout.filter(|t| *t > definition.boot_timeout) {
            warnings.push(format!(
                "ready.timeout of `{}` ({}) is longer than boot_timeout ({}), which ends it",
                process.name,
                show(ready),
                show(definition.boot_timeout)
            ));
        }
    }
    definition.warnings = warnings;
    definition
}

/// Tells versions of a file apart, by two hashes, and is no protection against forgery.
pub(super) fn fingerprint(text: &str) -> String {
    let other = fnv_from(0x9e37_79b9_7f4a_7c15, text.as_bytes());
    format!("{:016x}{other:016x}", fnv(text.as_bytes()))
}
