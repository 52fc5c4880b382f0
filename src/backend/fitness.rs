//! Checks whether this node can run a site: programs, users, folders, files.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::external::{Misfit, MisfitKind, misfits};
use super::jobcenter::{self, Complaint, ComplaintKind, ComplaintSubject};
use crate::linux::spawn::Command;
use crate::linux::{files, node};
use crate::messages::{self, Message};
use crate::site::{
    Context, Definition, Jobcenter, Process, Ready, Reload, Subject, Wrapped, read_env_file,
};
use crate::supervisor::launch::{DEFAULT_PATH, Unknown, credentials};
use crate::surroundings;

/// The result of the checks.
#[derive(Debug, Default)]
pub struct Fitness {
    /// Findings that do not prevent a start.
    pub warnings: Vec<Unfit>,
    pub unfit: Vec<Unfit>,
}

/// One reason why a node cannot run a site.
#[derive(Debug)]
pub struct Unfit {
    pub subject: UnfitSubject,
    pub message: Message,
}

/// The thing that a reason is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnfitSubject {
    User(String),
    Group(String),
    Program(String),
    /// The program of a health check.
    Healthcheck(String),
    WorkingDirectory(PathBuf),
    EnvFile(PathBuf),
    Jobcenter(ComplaintSubject),
    /// What its profile needs, with what to type about it.
    Profile(String),
    Mount,
    Address,
}

impl Unfit {
    fn new(subject: UnfitSubject, message: Message) -> Self {
        Self { subject, message }
    }
}

impl Fitness {
    /// Checks this node. `is_active`: it has the site's disk, or is to have it.
    pub fn of_node(definition: &Definition, is_active: bool) -> Self {
        let mut fitness = Self::default();
        // A start runs the processes in their directories, and reports the error of that.
        check_node(definition, is_active, !is_active, &mut fitness);
        let profile = definition.jobcenter();
        if let Some(profile) = profile.filter(|_| !is_active) {
            let (site, address) = (&definition.site, definition.address);
            let warnings = jobcenter::warnings_of_node(profile, site, address);
            fitness.warnings.extend(warnings.into_iter().map(unfit_of));
        }
        fitness
    }

    /// Checks all of it. `has_disk`: the site's disk is here, so what is on it is checked as well.
    pub fn in_full(definition: &Definition, has_disk: bool) -> Self {
        let mut fitness = Self::default();
        check_node(definition, has_disk, true, &mut fitness);
        if has_disk && let Some(wrapped) = &definition.wrapped {
            // With what the disk holds, which includes what the node has.
            let is_jobcenters = |u: &Unfit| matches!(u.subject, UnfitSubject::Jobcenter(_));
            fitness.warnings.retain(|u| !is_jobcenters(u));
            fitness.unfit.retain(|u| !is_jobcenters(u));
            check_jobcenter(definition, wrapped, true, &mut fitness);
        }
        fitness
    }

    /// Checks the needs of an external supervisor on the site's disk.
    pub fn of_disk(definition: &Definition) -> Self {
        let mut fitness = Self::default();
        if let Some(wrapped) = &definition.wrapped {
            check_commands(definition, wrapped, &mut fitness);
            check_jobcenter(definition, wrapped, true, &mut fitness);
        }
        fitness
    }
}

/// Checks the programs, users and files of the node; without access to the site's disk unless `has_disk`.
fn check_node(definition: &Definition, has_disk: bool, folders: bool, fitness: &mut Fitness) {
    if let Some(wrapped) = &definition.wrapped {
        check_commands(definition, wrapped, fitness);
        check_profile(definition, wrapped, has_disk, fitness);
        check_jobcenter(definition, wrapped, false, fitness);
        fitness.unfit.extend(check_user("the supervisor", &definition.context).err());
    }
    let disk = definition.prerequisites.mounted.as_ref().or(definition.database.as_ref());
    // A directory on the disk is there only with the disk.
    let may_look_at =
        |folder: &Path| has_disk || !disk.is_some_and(|disk| folder.starts_with(disk));
    fitness.warnings.extend(check_site_commands(definition, may_look_at));
    let unfit = &mut fitness.unfit;
    for process in definition.processes.iter() {
        unfit.extend(check_user(&format!("`{}`", process.name), &process.context).err());
        let folder = folder_of(&process.context);
        let may_look = may_look_at(folder);
        check_programs(process, may_look && folder.is_dir(), unfit);
        if folders && may_look {
            unfit.extend(check_folder(process, folder).err());
        }
        for file in &process.context.env_file {
            let read = read_env_file(file).map_err(|why| {
                let subject = UnfitSubject::EnvFile(file.clone());
                Unfit::new(subject, messages::env_file_unreadable(&process.name, why))
            });
            unfit.extend(read.err());
        }
    }
}

/// The working directory, from which the path of a program is resolved.
fn folder_of(context: &Context) -> &Path {
    context.working_directory.as_deref().unwrap_or(Path::new("/"))
}

/// Checks the programs of a site that no start needs: those for an unclean end, a drain, and interrupted work. A usual
/// start is not to fail for them, and what needs them fails where nobody is there to mend it.
fn check_site_commands(definition: &Definition, may_look_at: impl Fn(&Path) -> bool) -> Vec<Unfit> {
    let context = &definition.context;
    let (path, folder) = (path_of(context), folder_of(context));
    let evidence =
        definition.on_unclean_shutdown.iter().map(|e| ("`on_unclean_shutdown`", &e.command));
    let drain = definition.drain.iter().flat_map(|drain| {
        let undo = drain.undo.iter().map(|words| ("`undo` of `drain`", words));
        std::iter::once(("`drain`", &drain.command)).chain(undo)
    });
    let work =
        definition.work.iter().filter_map(|kind| Some(("`hand_to`", kind.hand_to.as_ref()?)));
    let commands = evidence.chain(drain).chain(work);
    let programs = commands.filter_map(|(what, words)| Some((what, words.first()?)));
    let has_folder = may_look_at(folder) && folder.is_dir();
    programs
        .filter(|(_, program)| {
            may_look_at(Path::new(program)) && (has_folder || !is_relative(program))
        })
        .filter_map(|(what, program)| {
            let error = check_program(program, path, folder).err()?;
            let subject = UnfitSubject::Program(program.clone());
            Some(Unfit::new(subject, no_program(what, program, &error)))
        })
        .collect()
}

/// Where a program without a slash is looked for.
fn path_of(context: &Context) -> &str {
    context.environment.get("PATH").map_or(DEFAULT_PATH, String::as_str)
}

/// Whether the path of a program begins in the working directory.
fn is_relative(program: &str) -> bool {
    program.contains('/') && !program.starts_with('/')
}

fn check_folder(process: &Process, folder: &Path) -> Result<(), Unfit> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Unfit::new(
        UnfitSubject::WorkingDirectory(folder.to_owned()),
        messages::working_directory_missing(&process.name, folder.display()),
    ))
}

/// Checks the programs of an external supervisor.
fn check_commands(definition: &Definition, wrapped: &Wrapped, fitness: &mut Fitness) {
    let lists = wrapped.list.as_ref().map(|l| &l.command);
    let pauses = wrapped.pause.as_ref().filter(|_| wrapped.subject.is_some());
    let commands = [Some(&wrapped.start), Some(&wrapped.stop), lists, pauses];
    let mut programs: Vec<&String> =
        commands.into_iter().flatten().filter_map(|words| words.first()).collect();
    programs.dedup();
    for program in programs {
        let checked = check_program(program, DEFAULT_PATH, Path::new("/")).map_err(|error| {
            let subject = UnfitSubject::Program(program.clone());
            Unfit::new(
                subject,
                no_program(&format!("the site `{}`", definition.name), program, &error),
            )
        });
        fitness.unfit.extend(checked.err());
    }
}

/// Checks what the profile of an external supervisor needs. What is on the site's disk is looked at only with the disk.
fn check_profile(
    definition: &Definition,
    wrapped: &Wrapped,
    has_disk: bool,
    fitness: &mut Fitness,
) {
    let is_on_disk = match (&wrapped.subject, &definition.database) {
        (Some(Subject::Config(path) | Subject::Directory(path)), Some(database)) => {
            path.starts_with(database)
        }
        (Some(_) | None, _) => false,
    };
    // Without its programs nothing can be asked.
    if (is_on_disk && !has_disk) || !fitness.unfit.is_empty() {
        return;
    }
    for Misfit { kind, sentence, mend } in misfits(wrapped) {
        let next = if mend.is_empty() { sentence } else { format!("{sentence}; {mend}") };
        let subject = UnfitSubject::Profile(mend);
        let name = &definition.name;
        match kind {
            MisfitKind::Warning => {
                fitness.warnings.push(Unfit::new(subject, messages::profile_unfit(name, next)));
            }
            MisfitKind::Wrong => {
                fitness.unfit.push(Unfit::new(subject, messages::profile_unfit(name, next)));
            }
            MisfitKind::Missing => {
                fitness.unfit.push(Unfit::new(subject, messages::profile_lacks(name, next)));
            }
        }
    }
}

/// Checks what JobCenter needs on this node and, `on_disk`, on the site's disk.
fn check_jobcenter(
    definition: &Definition,
    wrapped: &Wrapped,
    on_disk: bool,
    fitness: &mut Fitness,
) {
    let (Some(profile), Some(database)) = (&wrapped.jobcenter, &definition.database) else {
        return;
    };
    fitness.unfit.extend(check_root(definition, profile));
    let all =
        jobcenter::complaints(profile, &definition.site, database, definition.address, on_disk);
    for complaint in all {
        match complaint.kind {
            ComplaintKind::Warning => fitness.warnings.push(unfit_of(complaint)),
            ComplaintKind::Wrong | ComplaintKind::Missing => {
                fitness.unfit.push(unfit_of(complaint));
            }
        }
    }
}

fn unfit_of(Complaint { subject, sentence, kind }: Complaint) -> Unfit {
    let message = match (subject, kind) {
        (ComplaintSubject::Link, ComplaintKind::Missing) => {
            messages::jobcenter_link_missing(sentence)
        }
        (ComplaintSubject::Link, _) => messages::jobcenter_link_wrong(sentence),
        (ComplaintSubject::Conversion, _) => messages::jobcenter_converts(sentence),
        (ComplaintSubject::SiteFolder, _) => messages::jobcenter_site_missing(sentence),
        (
            ComplaintSubject::LocalDaemon
            | ComplaintSubject::Maintenance
            | ComplaintSubject::ListenAddress
            | ComplaintSubject::Layout
            | ComplaintSubject::Node,
            _,
        ) => messages::jobcenter_unfit(sentence),
    };
    Unfit::new(UnfitSubject::Jobcenter(subject), message)
}

/// JobCenter needs root (source document 003, SUP-09), but for programs that belong to this user.
fn check_root(definition: &Definition, profile: &Jobcenter) -> Option<Unfit> {
    let user = files::effective_user();
    let cjcpw = profile.command("cluster/cjcpw");
    let owner = std::fs::metadata(&cjcpw).map_or(0, |meta| meta.uid());
    let is_allowed = files::is_root() || owner == user;
    (!is_allowed).then(|| {
        let subject = UnfitSubject::User("root".to_owned());
        Unfit::new(subject, messages::jobcenter_needs_root(&definition.name, cjcpw))
    })
}

/// An error of [`check_program`]: what `what` needs, and cannot run.
fn no_program(what: &str, program: &str, error: &io::Error) -> Message {
    match error.kind() {
        io::ErrorKind::PermissionDenied => messages::program_not_executable(what, program, error),
        _ => messages::program_missing(what, program, error),
    }
}

/// Checks the user and the group as which `what` is to run.
fn check_user(what: &str, context: &Context) -> Result<(), Unfit> {
    let who = credentials(context).map_err(|unknown| {
        let message = match &unknown {
            Unknown::User(name) => messages::user_unknown(name, what),
            Unknown::Group(name) => messages::group_unknown(name, what),
        };
        let subject = match unknown {
            Unknown::User(name) => UnfitSubject::User(name),
            Unknown::Group(name) => UnfitSubject::Group(name),
        };
        Unfit::new(subject, message)
    })?;
    match who {
        Some((user, _)) if user.uid != files::effective_user() && !files::is_root() => {
            Err(Unfit::new(
                UnfitSubject::User(user.name.clone()),
                messages::needs_root(what, &user.name),
            ))
        }
        _ => Ok(()),
    }
}

/// Checks the programs of a process; one with a relative path only if the working directory exists.
fn check_programs(process: &Process, has_folder: bool, unfit: &mut Vec<Unfit>) {
    let path = path_of(&process.context);
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
    programs.retain(|program| has_folder || !is_relative(program));
    let of_healthcheck = process.healthcheck.as_ref().and_then(|h| h.test.first());
    for program in programs {
        let checked = check_program(program, path, folder_of(&process.context)).map_err(|error| {
            let subject = match Some(program) == of_healthcheck && *program != process.command[0] {
                true => UnfitSubject::Healthcheck(program.clone()),
                false => UnfitSubject::Program(program.clone()),
            };
            Unfit::new(subject, no_program(&format!("`{}`", process.name), program, &error))
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
/// The first of what [`surroundings()`] finds.
pub fn check_surroundings(definition: &Definition) -> Result<(), Unfit> {
    surroundings(definition).into_iter().next().map_or(Ok(()), Err)
}

/// What is wrong with the mount and the address: one is missing, or cannot be read.
pub fn surroundings(definition: &Definition) -> Vec<Unfit> {
    let point = definition.prerequisites.mounted.as_ref();
    let mounted = point.map_or(Ok(()), |point| check_mounted(definition, point));
    [mounted, check_address(definition)].into_iter().filter_map(Result::err).collect()
}

fn check_address(definition: &Definition) -> Result<(), Unfit> {
    let wrong = |message| Unfit::new(UnfitSubject::Address, message);
    let Some(address) = definition.address.filter(|_| definition.prerequisites.address_present)
    else {
        return Ok(());
    };
    let here = node::addresses().map_err(|error| wrong(messages::addresses_unreadable(error)))?;
    if here.contains(&address) {
        return Ok(());
    }
    Err(wrong(messages::address_missing(address, &definition.name)))
}

fn check_mounted(definition: &Definition, point: &Path) -> Result<(), Unfit> {
    let wrong = |message| Unfit::new(UnfitSubject::Mount, message);
    let mounted = surroundings::is_mounted(point)
        .map_err(|error| wrong(messages::mounts_unreadable(error)))?;
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
    Err(wrong(messages::disk_not_mounted(point.display(), &definition.name, advice)))
}
