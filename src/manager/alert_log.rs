//! ExpressCluster's alert log, written by the cluster's own command.

use std::env;
use std::path::PathBuf;
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
    let installed = env::var_os("CLP_PATH").map(|p| PathBuf::from(p).join("bin/clplogcmd"));
    let usual = PathBuf::from("/opt/nec/clusterpro/bin/clplogcmd");
    let Some(program) = installed.into_iter().chain([usual]).find(|p| p.is_file()) else { return };
    let message: String = message.chars().take(LONGEST_MESSAGE).collect();
    let path = program.display().to_string();
    let words = [path.as_str(), "-m", &message, "-l", level.word()];
    if let Err(why) = run_of_node(&words, Moment::now() + TIME_LIMIT) {
        log::warn!("{} {why}", program.display());
    }
}
