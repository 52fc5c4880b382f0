//! Finding a process by its command line. It is compared word for word, so that neither a longer name nor
//! an editor with the program's path as argument matches.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::identity::wait_place;
use crate::linux::files;
use crate::linux::process::{Stat, Unreadable, all, arguments, program};
use crate::values::Pid;

/// Every living process whose command line begins with `words`, the oldest first. The first word must be
/// the absolute path of the program; for a script, its interpreter precedes it.
///
/// # Errors
/// /proc cannot be read, or a process that may match hangs, so that its command line cannot be read.
pub fn find_by_command_line(words: &[String]) -> io::Result<Vec<Stat>> {
    Ok(find_by_command_lines(&[words])?.pop().unwrap_or_default())
}

/// As [`find_by_command_line`], for each of several, by one walk of /proc.
///
/// # Errors
/// As of [`find_by_command_line`].
pub fn find_by_command_lines(lines: &[&[String]]) -> io::Result<Vec<Vec<Stat>>> {
    let patterns: Vec<Option<CommandPattern<'_>>> =
        lines.iter().map(|words| CommandPattern::of(words)).collect();
    let mut found: Vec<Vec<Stat>> = lines.iter().map(|_| Vec::new()).collect();
    if patterns.iter().all(Option::is_none) {
        return Ok(found);
    }
    for stat in all()?.into_iter().filter(|stat| !stat.is_kernels) {
        let words = arguments(&stat);
        for (pattern, found) in patterns.iter().zip(&mut found) {
            if let Some(pattern) = pattern
                && pattern.matches_process(&stat, &words)?
                && stat.is_alive()
            {
                found.push(stat.clone());
            }
        }
    }
    for found in &mut found {
        found.sort_by_key(|stat| (stat.start, stat.pid));
    }
    Ok(found)
}

struct CommandPattern<'a> {
    words: &'a [String],
    program: &'a Path,
    script: Option<Interpreter>,
}

impl<'a> CommandPattern<'a> {
    /// None: nothing matches.
    fn of(words: &'a [String]) -> Option<Self> {
        let program = Path::new(words.first()?);
        Some(Self { words, program, script: interpreter(program) })
    }

    fn matches_process(
        &self,
        stat: &Stat,
        words: &Result<Vec<Vec<u8>>, Unreadable>,
    ) -> io::Result<bool> {
        match words {
            Ok(words) => Ok(self.matches(words, stat.pid)),
            // Without its command line, only another executable rules it out.
            Err(_) if program(stat.pid).is_some_and(|exe| !self.is_run_by(&exe)) => Ok(false),
            Err(unreadable) => {
                let why = match unreadable.error() {
                    None => format!(
                        "hangs{}, so that its command line cannot be read",
                        wait_place(stat.pid)
                    ),
                    Some(error) => format!("has a command line that cannot be read: {error}"),
                };
                Err(io::Error::other(format!("process {} ({}) {why}", stat.pid, stat.comm)))
            }
        }
    }

    /// Whether a process that matches executes `exe`.
    fn is_run_by(&self, exe: &Path) -> bool {
        match &self.script {
            None => is_same_program(exe, self.program),
            Some(interpreter) => interpreter.runs_as(exe),
        }
    }

    fn matches(&self, is: &[Vec<u8>], pid: Pid) -> bool {
        let begins_at = |at: usize| {
            is.get(at..at + self.words.len())
                .is_some_and(|part| part.iter().zip(self.words).all(|(a, b)| a == b.as_bytes()))
        };
        // The kernel puts the interpreter and at most one argument of it in front.
        let Some(at) = (0..=2).find(|at| begins_at(*at)) else { return false };
        match program(pid) {
            // Its executable may not be seen: then it matches only without an interpreter in front.
            None => may_match_unseen(at, files::is_root()),
            Some(exe) => (at > 0) == self.script.is_some() && self.is_run_by(&exe),
        }
    }
}

/// Whether a process matches whose executable may not be seen, and which has the words at this place.
fn may_match_unseen(at: usize, is_root: bool) -> bool {
    at == 0 && !is_root
}

fn is_same_program(exe: &Path, program: &Path) -> bool {
    exe == program || fs::canonicalize(program).is_ok_and(|path| path == exe)
}

/// The interpreter of a script (`#!`, execve(2)).
struct Interpreter {
    path: PathBuf,
    /// With env(1): the program that it looks up.
    named: Option<Vec<u8>>,
}

impl Interpreter {
    fn runs_as(&self, exe: &Path) -> bool {
        match &self.named {
            // env(1) may find a link, as python3 is to python3.11.
            Some(name) => exe.file_name().is_some_and(|n| {
                let n = n.as_bytes();
                n.starts_with(name) || (name == b"sh" && n.ends_with(b"sh"))
            }),
            None => is_same_program(exe, &self.path),
        }
    }
}

fn interpreter(script: &Path) -> Option<Interpreter> {
    let mut head = Vec::new();
    File::open(script).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(words.next()?));
    let is_env = path.file_name().is_some_and(|n| n == "env");
    let named = is_env.then(|| words.find(|w| !w.starts_with(b"-"))).flatten().map(<[u8]>::to_vec);
    Some(Interpreter { path, named })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, Stdio};

    struct Running(Child);

    impl Running {
        fn new(program: &Path, arguments: &[&str]) -> Self {
            let child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn();
            Self(child.unwrap())
        }
        fn pid(&self) -> i32 {
            self.0.id().cast_signed()
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_script_is_found_word_for_word_and_nothing_that_looks_like_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("cjcpw");
        fs::write(&script, "#!/bin/sh\nread line\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let text = script.display().to_string();
        let mine = Running::new(&script, &["job.example", "/db"]);
        let longer = Running::new(&script, &["job.example2", "/db"]);
        let dotted = Running::new(&script, &["jobXexample", "/db"]);
        let stopping = Running::new(&script, &["-stop", "job.example"]);
        let editor = Running::new(Path::new("/usr/bin/tail"), &["-f", &text, "job.example"]);
        let find = |words: &[&str]| -> Vec<i32> {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            find_by_command_line(&words).unwrap().iter().map(|s| s.pid.number()).collect()
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while find(&[&text, "job.example"]) != [mine.pid()] {
            assert!(std::time::Instant::now() < deadline, "{:?}", find(&[&text, "job.example"]));
        }
        assert_eq!(find(&[&text, "-stop", "job.example"]), [stopping.pid()]);
        assert_eq!(find(&[&text, "job"]), Vec::<i32>::new());
        for other in [&longer, &dotted, &editor] {
            assert!(!find(&[&text, "job.example"]).contains(&other.pid()));
        }
    }

    #[test]
    fn the_interpreter_of_a_script_is_told_by_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        for (text, told) in [
            ("#!/bin/sh\nread line\n", Some(("/bin/sh", None))),
            ("#! /bin/sh -e", Some(("/bin/sh", None))),
            ("#!/usr/bin/env python3\n", Some(("/usr/bin/env", Some("python3")))),
            ("#!/usr/bin/env -S  python3 -u\n", Some(("/usr/bin/env", Some("python3")))),
            ("#!/usr/bin/env\npython3\n", Some(("/usr/bin/env", None))),
            ("#!/opt/environment python3\n", Some(("/opt/environment", None))),
            ("#!\n/bin/sh\n", None),
            ("#!", None),
            ("# /bin/sh\n", None),
            ("", None),
        ] {
            fs::write(&script, text).unwrap();
            let found = interpreter(&script);
            let found = found.map(|it| (it.path, it.named));
            let told = told.map(|(path, named): (&str, Option<&str>)| {
                (PathBuf::from(path), named.map(|name| name.as_bytes().to_vec()))
            });
            assert_eq!(found, told, "{text}");
        }
        assert!(interpreter(&folder.path().join("none")).is_none());
    }

    #[test]
    fn env_may_find_a_version_of_the_program_that_it_was_asked_for() {
        let runs = |path: &str, named: Option<&str>, exe: &str| {
            let named = named.map(|name| name.as_bytes().to_vec());
            Interpreter { path: path.into(), named }.runs_as(Path::new(exe))
        };
        assert!(runs("/usr/bin/env", Some("python3"), "/usr/bin/python3.11"));
        assert!(runs("/usr/bin/env", Some("sh"), "/usr/bin/dash"));
        assert!(!runs("/usr/bin/env", Some("python3"), "/usr/bin/perl"));
        assert!(!runs("/usr/bin/env", Some("python3"), "/usr/bin/dash"));
        assert!(!runs("/usr/bin/env", Some("sh"), "/usr/bin/perl"));
        let shell = fs::canonicalize("/bin/sh").unwrap();
        assert!(runs("/bin/sh", None, shell.to_str().unwrap()));
        assert!(runs("/none/x", None, "/none/x"));
        assert!(!runs("/bin/sh", None, "/usr/bin/perl"));
    }

    #[test]
    fn a_process_that_hangs_is_ruled_out_by_its_program_alone() {
        let exe = program(Pid::this()).unwrap();
        let me = Stat::of(Pid::this()).unwrap();
        for (program, is_ruled_out) in [(exe.as_path(), false), (Path::new("/bin/cat"), true)] {
            let pattern = CommandPattern { words: &[], program, script: None };
            let matches = pattern.matches_process(&me, &Err(Unreadable::hangs(false)));
            assert_eq!(matches.ok(), is_ruled_out.then_some(false), "{}", program.display());
        }
        assert!(may_match_unseen(0, false) && !may_match_unseen(0, true), "root sees all there is");
        assert!(!may_match_unseen(1, false) && !may_match_unseen(1, true));
    }

    #[test]
    fn the_words_stand_first_or_right_behind_an_interpreter() {
        let exe = program(Pid::this()).unwrap();
        let mut gone = Running::new(Path::new("/bin/true"), &[]);
        let ended = Pid::from_raw(gone.pid()).unwrap();
        gone.0.wait().unwrap();
        let words = [exe.to_str().unwrap().to_owned(), "a".to_owned()];
        let itself = words[0].as_str();
        let script = |path: &str| Some(Interpreter { path: path.into(), named: None });
        let me = Pid::this();
        for (is, script, pid, matches) in [
            (vec![itself, "a"], None, me, true),
            (vec![itself, "a", "b"], None, me, true),
            (vec![itself], None, me, false),
            (vec![itself, "ab"], None, me, false),
            (vec![itself, "b", "a"], None, me, false),
            (vec!["vi", itself, "a"], None, me, false),
            (vec!["sh", itself, "a"], script(itself), me, true),
            (vec!["sh", "-e", itself, "a", "b"], script(itself), me, true),
            (vec!["sh", "-e", "-u", itself, "a"], script(itself), me, false),
            (vec![itself, "a"], script(itself), me, false),
            (vec!["sh", itself, "a"], script("/bin/cat"), me, false),
            // Who may not see what it executes knows no more than its words.
            (vec![itself, "a"], None, ended, !files::is_root()),
            (vec!["sh", itself, "a"], script(itself), ended, false),
        ] {
            let is: Vec<Vec<u8>> = is.into_iter().map(|word| word.as_bytes().to_vec()).collect();
            let with = script.is_some();
            let pattern = CommandPattern { words: &words, program: &exe, script };
            assert_eq!(pattern.matches(&is, pid), matches, "{is:?} {with} {pid}");
        }
    }

    #[test]
    fn a_program_is_found_by_its_file() {
        let cat = Running::new(Path::new("/usr/bin/cat"), &["-", "siteward-argv-test"]);
        let words = ["/usr/bin/cat".to_owned(), "-".to_owned(), "siteward-argv-test".to_owned()];
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let found = find_by_command_line(&words).unwrap();
            if found.iter().any(|s| s.pid.number() == cat.pid()) {
                break;
            }
            assert!(std::time::Instant::now() < deadline);
        }
    }
}
