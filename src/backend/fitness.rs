//! Checks whether this node can run a site: programs, users, folders, files.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::jobcenter::{self, ComplaintKind};
use crate::linux::spawn::Command;
use crate::linux::{files, node};
use crate::site::{Definition, Process, Ready, Reload, Wrapped, read_env_file};
use crate::supervisor::launch::{DEFAULT_PATH, Unknown, credentials};

/// The result of the checks.
#[derive(Debug, Default)]
pub struct Fitness {
    /// Findings that do not prevent a start, as sentences.
    pub warnings: Vec<String>,
    pub unfit: Vec<Unfit>,
}

/// One reason why a node cannot run a site.
#[derive(Debug)]
pub struct Unfit {
    pub cause: Obstacle,
    /// Object, cause and next step, without its full stop.
    pub sentence: String,
}

/// The kind of the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A condition does not hold here and now; it may elsewhere or later.
    Wrong,
    /// This user has no permission.
    Forbidden,
    /// It is not on this node.
    Missing,
}

impl Unfit {
    fn here(sentence: String) -> Self {
        Self::new(Obstacle::Wrong, sentence)
    }

    fn new(cause: Obstacle, sentence: String) -> Self {
        Self { cause, sentence }
    }
}

impl Fitness {
    /// Checks this node. `is_active`: it has the site's disk, or is to have it.
    pub fn of_node(definition: &Definition, is_active: bool) -> Self {
        let mut fitness = Self::default();
        check_node(definition, is_active, &mut fitness);
        fitness
    }

    /// Checks the needs of an external supervisor on the site's disk.
    pub fn of_disk(definition: &Definition) -> Self {
        let mut fitness = Self::default();
        if let Some(wrapped) = &definition.wrapped {
            let unfit = check_external(definition, wrapped, true, &mut fitness.warnings).err();
            fitness.unfit.extend(unfit);
        }
        fitness
    }
}

/// Checks the programs, users and files of the node; on a standby node without access to the site's disk.
fn check_node(definition: &Definition, is_active: bool, fitness: &mut Fitness) {
    if let Some(wrapped) = &definition.wrapped {
        let unfit = check_external(definition, wrapped, false, &mut fitness.warnings).err();
        fitness.unfit.extend(unfit);
    }
    let unfit = &mut fitness.unfit;
    let disk = definition.prerequisites.mounted.as_ref().or(definition.database.as_ref());
    for process in &definition.processes {
        unfit.extend(check_user(process).err());
        let folder = folder_of(process);
        // A directory on the disk is there only with the disk. A start runs the process in its directory,
        // and reports the error of that.
        let on_disk = disk.is_some_and(|disk| folder.starts_with(disk));
        check_programs(process, (is_active || !on_disk) && folder.is_dir(), unfit);
        if !is_active && !on_disk {
            unfit.extend(check_folder(process, folder).err());
        }
        for file in &process.context.env_file {
            let read = read_env_file(file)
                .map_err(|why| Unfit::new(Obstacle::Missing, format!("`{}`: {why}", process.name)));
            unfit.extend(read.err());
        }
    }
}

/// The working directory of a process, from which the path of a program is resolved.
fn folder_of(process: &Process) -> &Path {
    process.context.working_directory.as_deref().unwrap_or(Path::new("/"))
}

fn check_folder(process: &Process, folder: &Path) -> Result<(), Unfit> {
    if folder.is_dir() {
        return Ok(());
    }
    let (name, at) = (&process.name, folder.display());
    Err(Unfit::new(
        Obstacle::Missing,
        format!("`{name}` is to run in {at}, which is no folder on this node; make it here"),
    ))
}

/// Checks the needs of an external supervisor on this node and, `on_disk`, on the site's disk.
fn check_external(
    definition: &Definition,
    wrapped: &Wrapped,
    on_disk: bool,
    warnings: &mut Vec<String>,
) -> Result<(), Unfit> {
    let lists = wrapped.list.as_ref().map(|l| &l.command);
    let commands = [Some(&wrapped.start), Some(&wrapped.stop), lists];
    for program in commands.into_iter().flatten().filter_map(|words| words.first()) {
        check_program(program, DEFAULT_PATH, Path::new("/")).map_err(|error| {
            let (kind, next) = match error.kind() {
                io::ErrorKind::PermissionDenied => (Obstacle::Forbidden, "chmod +x it"),
                _ => (Obstacle::Missing, "install it on this node"),
            };
            let name = &definition.name;
            Unfit::new(kind, format!("the site `{name}` needs {program}, and {error}; {next}"))
        })?;
    }
    let (Some(profile), Some(database)) = (&wrapped.jobcenter, &definition.database) else {
        return Ok(());
    };
    let all =
        jobcenter::complaints(profile, &definition.site, database, definition.address, on_disk);
    for complaint in all {
        let kind = match complaint.kind {
            ComplaintKind::Warning => {
                warnings.push(complaint.sentence);
                continue;
            }
            ComplaintKind::Wrong => Obstacle::Wrong,
            ComplaintKind::Missing => Obstacle::Missing,
        };
        return Err(Unfit::new(kind, complaint.sentence));
    }
    Ok(())
}

fn check_user(process: &Process) -> Result<(), Unfit> {
    let who = credentials(&process.context).map_err(|unknown| {
        let what = match unknown {
            Unknown::User(name) => format!("user `{name}`"),
            Unknown::Group(name) => format!("group `{name}`"),
        };
        Unfit::new(
            Obstacle::Missing,
            format!(
                "this node knows no {what}, which `{}` is to run as; add it here",
                process.name
            ),
        )
    })?;
    match who {
        Some((user, _)) if user.uid != files::effective_user() && !files::is_root() => {
            Err(Unfit::new(
                Obstacle::Forbidden,
                format!(
                    "`{}` is to run as `{}`, and only root can start it so; try as root",
                    process.name, user.name
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Checks the programs of a process; one with a relative path only if the working directory exists.
fn check_programs(process: &Process, has_folder: bool, unfit: &mut Vec<Unfit>) {
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
                io::ErrorKind::PermissionDenied => (Obstacle::Forbidden, "chmod +x it"),
                _ => (Obstacle::Missing, "install it on this node"),
            };
            Unfit::new(
                kind,
                format!("`{}` needs the program {program}, and {error}; {next}", process.name),
            )
        });
        unfit.extend(checked.err());
    }
}

/// Checks that a program exists for a process that runs in `folder`.
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

/// Checks the mount and the address, which move with the site.
///
/// # Errors
/// The mount or the address is missing, or cannot be read.
pub fn check_surroundings(definition: &Definition) -> Result<(), Unfit> {
    if let Some(point) = &definition.prerequisites.mounted {
        check_mounted(definition, point)?;
    }
    if let Some(address) = definition.address.filter(|_| definition.prerequisites.address_present) {
        let here = node::addresses()
            .map_err(|e| Unfit::here(format!("this node's addresses cannot be read: {e}")))?;
        if !here.contains(&address) {
            return Err(Unfit::here(format!(
                "the address {address} of the site `{}` is not on this node; the cluster must \
                 bring it before the site is started",
                definition.name
            )));
        }
    }
    Ok(())
}

fn check_mounted(definition: &Definition, point: &Path) -> Result<(), Unfit> {
    let mounted = node::is_mount_point(point)
        .map_err(|e| Unfit::here(format!("this node's mounts cannot be read: {e}")))?;
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
    Err(Unfit::here(format!(
        "{} of the site `{}` is not mounted on this node; {advice}",
        point.display(),
        definition.name
    )))
}
