//! The preconditions of a start, each with its own cause, checked in milliseconds.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::errand::{Part, Passed};
use super::{Fault, FaultKind};
use crate::backend::jobcenter::{self, Severity};
use crate::linux::spawn::Command;
use crate::linux::{files, node};
use crate::site::{Definition, Process, Ready, Reload, Wrapped, read_env_file};
use crate::supervisor::launch::{DEFAULT_PATH, Unknown, credentials};

/// A part of the gate. Looks at the site's disk: see `errand`.
pub(super) fn check(definition: &Definition, part: Part) -> Passed {
    let mut warnings = Vec::new();
    let mut faults = Vec::new();
    match (part, &definition.wrapped) {
        (Part::Whole, _) => {
            can_run(definition, true, &mut warnings, &mut faults);
            if faults.is_empty() {
                faults.extend(surroundings(definition).err());
            }
        }
        (Part::Node, _) => can_run(definition, false, &mut warnings, &mut faults),
        (Part::Disk, Some(wrapped)) => {
            faults.extend(wrapped_can_run(definition, wrapped, true, &mut warnings).err());
        }
        (Part::Disk, None) => {}
    }
    Passed { warnings, fault: all_in_one(faults) }
}

/// One fault with all of them: the first is its sentence, the rest its details. An administrator who prepares
/// a node wants to see all.
fn all_in_one(faults: Vec<Fault>) -> Option<Fault> {
    let more = faults.len().saturating_sub(1);
    let mut faults = faults.into_iter();
    let mut fault = faults.next()?;
    if more > 0 {
        fault.sentence = format!("{} (and {more} more)", fault.sentence);
        fault.details.extend(faults.map(|other| other.sentence));
    }
    Some(fault)
}

/// The node's own part: programs, users, files. On a standby node it is checked without a look at the
/// site's disk.
fn can_run(
    definition: &Definition,
    is_active: bool,
    warnings: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) {
    if let Some(wrapped) = &definition.wrapped {
        faults.extend(wrapped_can_run(definition, wrapped, false, warnings).err());
    }
    let disk = definition.prerequisites.mounted.as_ref().or(definition.database.as_ref());
    for process in &definition.processes {
        faults.extend(check_user(process).err());
        let folder = folder_of(process);
        // A directory on the disk is there only with the disk. A start runs the process in its directory,
        // and reports the error of that.
        let on_disk = disk.is_some_and(|disk| folder.starts_with(disk));
        check_programs(process, (is_active || !on_disk) && folder.is_dir(), faults);
        if !is_active && !on_disk {
            faults.extend(check_folder(process, folder).err());
        }
        for file in &process.context.env_file {
            let read = read_env_file(file).map_err(|why| {
                Fault::new(FaultKind::NotInstalled, format!("`{}`: {why}", process.name))
            });
            faults.extend(read.err());
        }
    }
}

/// Where a process runs, and where a relative program of it is looked for.
fn folder_of(process: &Process) -> &Path {
    process.context.working_directory.as_deref().unwrap_or(Path::new("/"))
}

fn check_folder(process: &Process, folder: &Path) -> Result<(), Fault> {
    if folder.is_dir() {
        return Ok(());
    }
    let (name, at) = (&process.name, folder.display());
    Err(Fault::new(
        FaultKind::NotInstalled,
        format!("`{name}` is to run in {at}, which is no folder on this node; make it here"),
    ))
}

/// Checks the needs of a wrapped supervisor on this node and, `on_disk`, on the site's disk.
fn wrapped_can_run(
    definition: &Definition,
    wrapped: &Wrapped,
    on_disk: bool,
    warnings: &mut Vec<String>,
) -> Result<(), Fault> {
    let lists = wrapped.list.as_ref().map(|l| &l.command);
    let commands = [Some(&wrapped.start), Some(&wrapped.stop), lists];
    for program in commands.into_iter().flatten().filter_map(|words| words.first()) {
        check_program(program, DEFAULT_PATH, Path::new("/")).map_err(|error| {
            let (kind, next) = match error.kind() {
                io::ErrorKind::PermissionDenied => (FaultKind::NotPermitted, "chmod +x it"),
                _ => (FaultKind::NotInstalled, "install it on this node"),
            };
            let name = &definition.name;
            Fault::new(kind, format!("the site `{name}` needs {program}, and {error}; {next}"))
        })?;
    }
    let (Some(profile), Some(database)) = (&wrapped.jobcenter, &definition.database) else {
        return Ok(());
    };
    let all =
        jobcenter::complaints(profile, &definition.site, database, definition.address, on_disk);
    for complaint in all {
        let kind = match complaint.severity {
            Severity::Warning => {
                warnings.push(complaint.sentence);
                continue;
            }
            Severity::Wrong => FaultKind::Failed,
            Severity::Missing => FaultKind::NotInstalled,
        };
        return Err(Fault::new(kind, complaint.sentence));
    }
    Ok(())
}

/// The disk and the address, which move with the site.
fn surroundings(definition: &Definition) -> Result<(), Fault> {
    if let Some(point) = &definition.prerequisites.mounted {
        check_mounted(definition, point)?;
    }
    if let Some(address) = definition.address.filter(|_| definition.prerequisites.address_present) {
        let here = node::addresses()
            .map_err(|e| Fault::failed(format!("this node's addresses cannot be read: {e}")))?;
        if !here.contains(&address) {
            return Err(Fault::failed(format!(
                "the address {address} of the site `{}` is not on this node; the cluster must \
                 bring it before the site is started",
                definition.name
            )));
        }
    }
    Ok(())
}

fn check_mounted(definition: &Definition, point: &Path) -> Result<(), Fault> {
    let mounted = node::is_mount_point(point)
        .map_err(|e| Fault::failed(format!("this node's mounts cannot be read: {e}")))?;
    if mounted {
        return Ok(());
    }
    let above = node::mount_points().unwrap_or_default();
    let above = point.ancestors().find(|a| above.iter().any(|m| m == a)).unwrap_or(Path::new("/"));
    let advice = match above == Path::new("/") {
        true => "the cluster must mount it before the site is started".to_owned(),
        false => format!(
            "the cluster must mount it, or the definition must say `prerequisites: {{mounted: {}}}`",
            above.display()
        ),
    };
    Err(Fault::failed(format!(
        "{} of the site `{}` is not mounted on this node; {advice}",
        point.display(),
        definition.name
    )))
}

fn check_user(process: &Process) -> Result<(), Fault> {
    let who = credentials(&process.context).map_err(|unknown| {
        let what = match unknown {
            Unknown::User(name) => format!("user `{name}`"),
            Unknown::Group(name) => format!("group `{name}`"),
        };
        Fault::new(
            FaultKind::NotInstalled,
            format!(
                "this node knows no {what}, which `{}` is to run as; add it here",
                process.name
            ),
        )
    })?;
    match who {
        Some((user, _)) if user.uid != files::effective_user() && !files::is_root() => {
            Err(Fault::new(
                FaultKind::NotPermitted,
                format!(
                    "`{}` is to run as `{}`, and only root can start it so; try as root",
                    process.name, user.name
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Programs that are named by a path from the process's own folder, only if that is there.
fn check_programs(process: &Process, has_folder: bool, faults: &mut Vec<Fault>) {
    let path = process.context.environment.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    let mut commands = vec![&process.command];
    commands.extend(&process.stop_command);
    commands.extend(process.healthcheck.as_ref().map(|h| &h.test));
    commands.extend(process.on_failure.as_ref().map(|e| &e.command));
    if let Ready::Exec(words) = &process.ready {
        commands.push(words);
    }
    if let Some(Reload::Command(words)) = &process.reload {
        commands.push(words);
    }
    let mut programs: Vec<&String> = commands.iter().filter_map(|words| words.first()).collect();
    programs.dedup();
    let is_relative = |program: &str| program.contains('/') && !program.starts_with('/');
    programs.retain(|program| has_folder || !is_relative(program));
    for program in programs {
        let checked = check_program(program, path, folder_of(process)).map_err(|error| {
            let (kind, next) = match error.kind() {
                io::ErrorKind::PermissionDenied => (FaultKind::NotPermitted, "chmod +x it"),
                _ => (FaultKind::NotInstalled, "install it on this node"),
            };
            Fault::new(
                kind,
                format!("`{}` needs the program {program}, and {error}; {next}", process.name),
            )
        });
        faults.extend(checked.err());
    }
}

/// Whether there is such a program for a process that runs in `folder`.
fn check_program(program: &str, path: &str, folder: &Path) -> io::Result<()> {
    let mut denied = None;
    for candidate in Command::candidates(OsStr::new(program), path) {
        let candidate = folder.join(OsStr::from_bytes(candidate.as_bytes()));
        match node::check_executable(&candidate) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => denied = Some((candidate, error)),
        }
    }
    Err(match denied {
        Some((candidate, error)) => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} cannot be executed: {error}", candidate.display()),
        ),
        None if program.starts_with('/') => {
            io::Error::new(io::ErrorKind::NotFound, "there is no such file")
        }
        None if program.contains('/') => io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no such file in {}", folder.display()),
        ),
        None => io::Error::new(io::ErrorKind::NotFound, format!("it is in none of {path}")),
    })
}
