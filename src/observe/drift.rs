//! Whether a site's definition is still what the site was started with.
//!
//! Looked at for a person only: it reads YAML, which a cluster's recurring monitor never does.

use std::path::Path;

use crate::site::{Definition, LoadError, Places, SiteName, load_snapshot, load_uncompared};

/// How the definition file compares with the snapshot that the site was started with.
#[derive(Debug)]
pub enum Drift {
    /// They are the same text, or the site was not started by siteward since the node was booted.
    Same,
    Changed,
    /// The file is there and cannot be used.
    Broken(LoadError),
    /// There is no such file any more.
    Removed,
}

/// Compares the definition file of a site with its snapshot. Other sites are not looked at: a start is where two
/// that claim the same are refused.
pub fn drift(places: &Places, name: &SiteName) -> Drift {
    drift_of(load_uncompared(places, name), places, name).0
}

/// As [`drift`], of a definition that was read already; with the definition that the site runs or would run.
pub fn drift_of(
    file: Result<Definition, LoadError>,
    places: &Places,
    name: &SiteName,
) -> (Drift, Option<Definition>) {
    let snapshot = load_snapshot(&places.of(name).snapshot(), name).ok();
    match file {
        Ok(definition) if snapshot.as_ref().is_some_and(|s| s.text != definition.text) => {
            (Drift::Changed, Some(definition))
        }
        Ok(definition) => (Drift::Same, Some(definition)),
        Err(LoadError::Missing { .. }) => (Drift::Removed, snapshot),
        Err(error) => (Drift::Broken(error), snapshot),
    }
}

impl Drift {
    /// In one word, for JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Broken(_) => "broken",
            Self::Removed => "removed",
        }
    }

    /// A sentence without its full stop about the definition `file` of a site that is up; None: there is
    /// nothing to say.
    pub fn while_up(&self, file: &Path) -> Option<String> {
        let file = file.display();
        let kept = "the site keeps running with the definition it was started with";
        match self {
            Self::Same => None,
            Self::Changed => Some(format!(
                "the definition {file} differs from what runs; the change takes effect at the next start"
            )),
            Self::Broken(error) => Some(format!("{}; {kept}", complaint(error))),
            Self::Removed => Some(format!("the definition {file} is gone; {kept}")),
        }
    }

    /// As [`Self::while_up`], of a site that is down: only a definition that cannot be used is told.
    pub fn while_down(&self) -> Option<String> {
        match self {
            Self::Broken(error) => Some(complaint(error)),
            Self::Same | Self::Changed | Self::Removed => None,
        }
    }
}

/// What is wrong, in one line: the first fault with its line and column, and how many more there are.
fn complaint(error: &LoadError) -> String {
    let LoadError::Wrong(wrong) = error else { return error.to_string() };
    let text = wrong.to_string();
    let first = text.lines().next().unwrap_or_default();
    match wrong.problems.len() + wrong.more {
        0 | 1 => format!("the definition is wrong: {first}"),
        n => format!("the definition is wrong: {first} (and {} more)", n - 1),
    }
}
