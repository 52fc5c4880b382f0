//! ExpressCluster's alert log, written by the cluster's own command.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backend::command::run_of_node;
use crate::values::Moment;

/// The level of a message, in the command's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlertLevel {
    Info,
    Error,
}

impl AlertLevel {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERR",
        }
    }
}

/// The time limit of the command.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The longest message that the log takes, in characters.
const LONGEST_MESSAGE: usize = 500;

/// Writes the message, if the command is installed.
pub(super) fn write(level: AlertLevel, message: &str) {
    let usual = Path::new("/opt/nec/clusterpro/bin/clplogcmd");
    if let Some(program) = find_program(env::var_os("CLP_PATH"), usual) {
        write_by(&program, level, message);
    }
}

/// The command below the folder `installed`, else the usual one, if it is a file.
fn find_program(installed: Option<OsString>, usual: &Path) -> Option<PathBuf> {
    let installed = installed.map(|p| PathBuf::from(p).join("bin/clplogcmd"));
    installed.into_iter().chain([usual.to_path_buf()]).find(|p| p.is_file())
}

fn write_by(program: &Path, level: AlertLevel, message: &str) {
    let message: String = message.chars().take(LONGEST_MESSAGE).collect();
    let path = program.display().to_string();
    let words = [path.as_str(), "-m", &message, "-l", level.word()];
    if let Err(why) = run_of_node(&words, Moment::now() + TIME_LIMIT) {
        log::warn!("{} {why}", program.display());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_command_of_the_installation_comes_before_the_usual_one() {
        let folder = tempfile::tempdir().unwrap();
        let installed = folder.path().join("bin/clplogcmd");
        let usual = folder.path().join("usual");
        let find = || find_program(Some(folder.path().into()), &usual);
        assert_eq!(find(), None, "ExpressCluster is not installed");
        fs::write(&usual, "").unwrap();
        assert_eq!(find(), Some(usual.clone()));
        assert_eq!(find_program(None, &usual), Some(usual.clone()));
        fs::create_dir_all(&installed).unwrap();
        assert_eq!(find(), Some(usual.clone()), "that is no file");
        fs::remove_dir(&installed).unwrap();
        fs::write(&installed, "").unwrap();
        assert_eq!(find(), Some(installed));
    }

    #[test]
    fn a_message_is_written_with_its_level_and_not_longer_than_the_log_takes() {
        let folder = tempfile::tempdir().unwrap();
        let (program, told) = (folder.path().join("clplogcmd"), folder.path().join("told"));
        let script = format!("#!/bin/sh\nprintf '%s|' \"$@\" >{}\n", told.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for (level, word) in [(AlertLevel::Info, "INFO"), (AlertLevel::Error, "ERR")] {
            write_by(&program, level, &"ä".repeat(501));
            let expected = format!("-m|{}|-l|{word}|", "ä".repeat(500));
            assert_eq!(fs::read_to_string(&told).unwrap(), expected);
        }
    }
}
