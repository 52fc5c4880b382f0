//! The jobs of a helper process for the facts, because a file system may hang.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::site::SiteName;

/// The hidden subcommand of these jobs.
pub(super) const WORD: &str = "facts-job";

/// The folder of the facts in siteward's own folder on the database.
pub(super) const FOLDER: &str = "facts";

/// Which text of the definition counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FactsSource {
    File,
    /// What the site was started with.
    Snapshot,
}

/// A job. It is passed on the command line, so it contains no secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FactsJob {
    /// Reads this program, the agent and the files that the definition names.
    Files { name: SiteName, source: FactsSource, within: Duration },
    /// Takes the facts of this node and writes them to the database.
    Leave { name: SiteName, node: String, within: Duration },
    /// Reads the facts that nodes have left on the database.
    Read { database: PathBuf },
}

/// The facts of one node on a database.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LeftFacts {
    /// The name of the file.
    pub(super) file: String,
    pub(super) text: Result<String, String>,
}
