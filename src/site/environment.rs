//! Files of environment variables, as Compose's `env_file` has them.

use std::ffi::OsStr;
use std::path::Path;

use crate::linux::files;
use crate::linux::own_program::{Unanswered, ask};
use crate::values::Moment;

/// Reads `KEY=VALUE` lines; blank lines and lines that begin with `#` do not count, one pair of
/// quotes around a value is taken off.
///
/// # Errors
/// A sentence that names the file and the line.
pub fn read_env_file(path: &Path) -> Result<Vec<(String, String)>, String> {
    pairs(path, print_file(path))
}

/// The same for a file on a disk that may hang, read by a helper ([`READ_FILE`]).
///
/// # Errors
/// The same, or that nothing was read until `deadline`.
pub fn read_env_file_until(path: &Path, deadline: Moment) -> Result<Vec<(String, String)>, String> {
    let words = [OsStr::new("siteward"), OsStr::new(READ_FILE), path.as_os_str()];
    let read = match ask(&words, deadline, None) {
        Ok(said) => match said.split_first() {
            Some((b'+', bytes)) => Ok(bytes.to_vec()),
            Some((_, why)) => Err(String::from_utf8_lossy(why).into_owned()),
            None => Err("its reader printed nothing".to_owned()),
        },
        Err(late @ Unanswered::TimedOut) => Err(format!("its disk {late}")),
        Err(why) => Err(format!("its reader {why}")),
    };
    pairs(path, read)
}

/// The hidden command that prints a file: a plus sign and its bytes, or a minus sign and the fault.
pub const READ_FILE: &str = "read-file";

/// The bytes of a file for [`READ_FILE`].
///
/// # Errors
/// The fault, as the end of a sentence.
pub fn print_file(path: &Path) -> Result<Vec<u8>, String> {
    files::read_plain(path, 1 << 20).map_err(|e| e.to_string())
}

fn pairs(path: &Path, read: Result<Vec<u8>, String>) -> Result<Vec<(String, String)>, String> {
    let at = path.display();
    let bytes = read.map_err(|e| format!("the env_file {at} cannot be read: {e}"))?;
    pairs_of(path, bytes)
}

/// The pairs in the bytes of a file that is called so.
///
/// # Errors
/// A sentence that names the file and the line.
pub fn pairs_of(path: &Path, bytes: Vec<u8>) -> Result<Vec<(String, String)>, String> {
    let at = path.display();
    let text =
        String::from_utf8(bytes).map_err(|_| format!("the env_file {at} is not UTF-8 text"))?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line
            .split_once('=')
            .filter(|(key, _)| is_variable(key.trim()))
            .ok_or_else(|| format!("{at}:{}: KEY=VALUE is expected here", number + 1))?;
        let value = value.trim();
        let unquoted = ['"', '\''].iter().find_map(|q| {
            value.strip_prefix(*q)?.strip_suffix(*q).filter(|inner| !inner.contains(*q))
        });
        pairs.push((key.trim().to_owned(), unquoted.unwrap_or(value).to_owned()));
    }
    Ok(pairs)
}

/// Whether `name` can name an environment variable (POSIX.1-2017, 8.1, with lower case allowed).
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_env_file_is_read_as_compose_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        std::fs::write(&path, "# c\n\nA=1\nexport B='two words'\nC=\"x=y\"\nD=it's\n").unwrap();
        let pairs = read_env_file(&path).unwrap();
        let expected = [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "it's")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        std::fs::write(&path, "A=1\nno equals\n").unwrap();
        assert!(read_env_file(&path).unwrap_err().ends_with(":2: KEY=VALUE is expected here"));
    }
}
