//! The files that a site needs on a node, outside its database: the database is the same one on every node.
//! A file system may hang, so this is the work of a helper process: see `gather`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::named::{Named, commands};
use super::node_facts::{FileContent, FileFact, FilesFact, FolderFact, LinkFact, SettingsFact};
use super::secrets::{fingerprint, hex};
use crate::linux::clock::WallTime;
use crate::linux::files::open_to_read as open;
use crate::linux::node;
use crate::linux::spawn::Command;
use crate::site::{Definition, SiteName, read_env_file};
use crate::values::Moment;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 512 << 20;

/// How many files of one folder are read.
const MOST_FILES: usize = 1000;

/// A file is read in pieces of this size; the time is looked at between two.
const PIECE: usize = 256 << 10;

/// The folders of the site's disk.
struct Disk<'a>(Vec<&'a Path>);

impl<'a> Disk<'a> {
    fn of(definition: &'a Definition) -> Self {
        let mounted = definition.prerequisites.mounted.as_deref();
        Self(definition.database.as_deref().into_iter().chain(mounted).collect())
    }

    /// Whether a file lies there, or a link leads there. On a node without the disk such a link leads to
    /// nothing.
    fn holds(&self, path: &Path) -> bool {
        let mut at = path.to_owned();
        for _ in 0..8 {
            if self.0.iter().any(|folder| at.starts_with(folder)) {
                return true;
            }
            let Ok(target) = fs::read_link(&at) else { return false };
            at = at.parent().unwrap_or(Path::new("/")).join(target);
        }
        false
    }
}

/// Reads what the definition names, until `until`.
pub(super) fn read_files(definition: &Definition, until: Moment) -> FilesFact {
    let disk = Disk::of(definition);
    let mut files = FilesFact::default();
    for named in commands(definition) {
        add_program(&mut files, &disk, &named, until);
    }
    for context in std::iter::once(&definition.context)
        .chain(definition.processes.iter().map(|process| &process.context))
    {
        let folder = context.working_directory.as_deref().filter(|folder| !disk.holds(folder));
        files.folders.extend(folder.map(|folder| (text_of(folder), folder_fact(folder))));
        for file in context.env_file.iter().filter(|file| !disk.holds(file)) {
            files.settings.insert(text_of(file), variables(file));
        }
    }
    for path in &definition.same_on_all_nodes {
        add_same(&mut files.same_on_all_nodes, path, until);
    }
    if let Some(jobcenter) = definition.jobcenter() {
        let conf = jobcenter.commands.join("rc/daemon.conf");
        files.settings.insert(text_of(&conf), daemon_conf(&conf));
        for folder in ["", "cluster"] {
            add_executables(&mut files.programs, &jobcenter.commands.join(folder), until);
        }
    }
    files
}

/// What Pacemaker, Clusterware and Serviceguard call, where the documents have it installed.
pub(super) fn read_agents(site: &SiteName, until: Moment) -> BTreeMap<String, Option<LinkFact>> {
    let paths = [
        "/usr/lib/ocf/resource.d/siteward/site".to_owned(),
        format!("/opt/siteward/crs/{site}"),
        format!("/opt/siteward/serviceguard/{site}"),
    ];
    let agent = |path: &Path| {
        path.symlink_metadata().ok()?;
        let target = fs::read_link(path).ok().map(|target| text_of(&target));
        Some(LinkFact { target, program: read_program(path, until) })
    };
    paths.map(|path| (path.clone(), agent(Path::new(&path)))).into()
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// The program of a command, its interpreter, and the files that stand in it as absolute paths.
fn add_program(files: &mut FilesFact, disk: &Disk<'_>, named: &Named<'_>, until: Moment) {
    let Some((program, arguments)) = named.words.split_first() else { return };
    let found = find(program, named.path, named.folder);
    let is_on_disk = |at: &PathBuf| disk.holds(at);
    let is_below = named.folder.is_some_and(|folder| disk.holds(folder));
    // A relative path below a folder of the disk.
    if found.as_ref().is_some_and(is_on_disk) || (is_below && program.contains('/')) {
        return;
    }
    if Path::new(program).is_absolute() && disk.holds(Path::new(program)) {
        return;
    }
    if !files.programs.contains_key(program) {
        let fact = found.as_ref().map(|at| FileFact {
            path: (at != Path::new(program)).then(|| text_of(at)),
            ..read_program(at, until)
        });
        let fact = fact.unwrap_or_else(|| FileFact::of(FileContent::Absent));
        files.programs.insert(program.clone(), fact);
        for interpreter in found.map(|at| interpreters(&at)).unwrap_or_default() {
            let words = [interpreter];
            let named = Named { words: &words, folder: None, ..*named };
            add_program(files, disk, &named, until);
        }
    }
    for word in arguments.iter().filter(|word| word.starts_with('/')) {
        let path = Path::new(word);
        if !disk.holds(path) && path.is_file() {
            files.arguments.entry(word.clone()).or_insert_with(|| read_file(path, until));
        }
    }
}

/// Where a program is, as execvp(3) finds it.
fn find(program: &str, path: &str, folder: Option<&Path>) -> Option<PathBuf> {
    let folder = folder.unwrap_or(Path::new("/"));
    let candidates: Vec<PathBuf> = Command::candidates(OsStr::new(program), path)
        .iter()
        .map(|candidate| folder.join(OsStr::from_bytes(candidate.as_bytes())))
        .collect();
    let works = |at: &&PathBuf| node::check_executable(at).is_ok();
    let is_there = |at: &&PathBuf| at.symlink_metadata().is_ok();
    let found = candidates.iter().find(works).or_else(|| candidates.iter().find(is_there));
    found.cloned()
}

/// The interpreter in the first line of a script, and the program that env(1) looks for.
fn interpreters(script: &Path) -> Vec<String> {
    let mut head = Vec::new();
    if let Ok(file) = open(script) {
        let _ = file.take(256).read_to_end(&mut head);
    }
    let Some(line) = head.strip_prefix(b"#!") else { return Vec::new() };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line).into_owned();
    let mut words = text.split_whitespace();
    let Some(first) = words.next().filter(|word| word.starts_with('/')) else { return Vec::new() };
    let by_env = || words.find(|word| !word.starts_with('-') && !word.contains('='));
    let second = first.ends_with("/env").then(by_env).flatten();
    [Some(first), second].into_iter().flatten().map(str::to_owned).collect()
}

fn read_program(path: &Path, until: Moment) -> FileFact {
    let fact = read_file(path, until);
    let executes = node::check_executable(path).is_ok();
    match fact.content {
        FileContent::Sha256(_) | FileContent::Fingerprint(_) if !executes => {
            FileFact { content: FileContent::NotExecutable, ..fact }
        }
        _ => fact,
    }
}

pub(super) fn read_file(path: &Path, until: Moment) -> FileFact {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => FileContent::Absent,
        _ => FileContent::Unreadable(error.to_string()),
    };
    let opened = open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (there, file) = match opened {
        Ok(opened) => opened,
        Err(error) => return FileFact::of(unreadable(error)),
    };
    let content = match there.len() {
        size if size > LARGEST => FileContent::TooLarge(size),
        _ => match digest(file, until) {
            Ok(None) => FileContent::NotInTime,
            // What not everyone may read may hold a password.
            Ok(Some(hash)) if there.mode() & 0o004 == 0 => {
                FileContent::Fingerprint(fingerprint(&text_of(path), &hash))
            }
            Ok(Some(hash)) => FileContent::Sha256(hex(&hash)),
            Err(error) => unreadable(error),
        },
    };
    let size = Some(there.len());
    let modified = there.modified().ok().map(WallTime::from);
    FileFact { content, path: None, size, modified }
}

/// None: the time was over before the end of the file.
fn digest(mut file: File, until: Moment) -> std::io::Result<Option<Vec<u8>>> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut left = LARGEST;
    while left > 0 {
        if until.passed() {
            return Ok(None);
        }
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                hash.update(&piece[..length]);
                left = left.saturating_sub(length as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(hash.finalize().to_vec()))
}

fn folder_fact(folder: &Path) -> Option<FolderFact> {
    let there = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    let mode = format!("{:04o}", there.mode() & 0o7777);
    Some(FolderFact { uid: there.uid(), gid: there.gid(), mode })
}

/// The variables of an env_file; their values may be secrets.
fn variables(file: &Path) -> SettingsFact {
    if file.symlink_metadata().is_err() {
        return SettingsFact::Absent;
    }
    match read_env_file(file) {
        Ok(pairs) => SettingsFact::Values(
            pairs
                .into_iter()
                .map(|(key, value)| {
                    let shown = fingerprint(&key, value.as_bytes());
                    (key, shown)
                })
                .collect(),
        ),
        Err(why) => SettingsFact::Unreadable(why),
    }
}

/// The lines of a daemon.conf; the last one of a key counts.
fn daemon_conf(file: &Path) -> SettingsFact {
    let read = open(file).and_then(|file| {
        let is_public = file.metadata()?.permissions().mode() & 0o004 != 0;
        let mut bytes = Vec::new();
        file.take(1 << 20).read_to_end(&mut bytes)?;
        Ok((is_public, bytes))
    });
    let (is_public, bytes) = match read {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => return SettingsFact::Absent,
        Err(error) => return SettingsFact::Unreadable(error.to_string()),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let shown = |key: &str, value: &str| match is_public {
        true => value.to_owned(),
        false => fingerprint(key, value.as_bytes()),
    };
    SettingsFact::Values(
        lines
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), shown(key.trim(), value.trim())))
            .collect(),
    )
}

/// The programs of JobCenter that lie directly in a folder: its version shows in them.
fn add_executables(programs: &mut BTreeMap<String, FileFact>, folder: &Path, until: Moment) {
    for path in entries(folder).into_iter().take(MOST_FILES) {
        if node::check_executable(&path).is_ok() {
            programs.entry(text_of(&path)).or_insert_with(|| read_program(&path, until));
        }
    }
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A file, or every file below a folder.
fn add_same(same: &mut BTreeMap<String, FileFact>, path: &Path, until: Moment) {
    if !path.is_dir() {
        same.insert(text_of(path), read_file(path, until));
        return;
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            let is_folder = entry.symlink_metadata().is_ok_and(|there| there.is_dir());
            if is_folder {
                folders.push(entry);
            } else if same.len() < MOST_FILES {
                same.insert(text_of(&entry), read_file(&entry, until));
            } else {
                let why = format!("only {MOST_FILES} files of `same_on_all_nodes` are read");
                let rest = FileFact::of(FileContent::Unreadable(why));
                same.insert(text_of(path), rest);
                return;
            }
        }
    }
}
