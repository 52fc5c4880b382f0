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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{DefinitionError, Located, ProblemKind, parse};

    const TEXT: &str = "version: 1\nprocesses: {web: {command: [/bin/web]}}\n";

    fn wrong(problems: usize, more: usize) -> LoadError {
        let problem = |at| Located {
            kind: ProblemKind::ValueWrong,
            position: None,
            key: String::new(),
            message: format!("fault {at}"),
        };
        let problems = (1..=problems).map(problem).collect();
        LoadError::Wrong(DefinitionError { file: "shop.yaml".into(), problems, more })
    }

    #[test]
    fn a_wrong_definition_is_told_by_its_first_fault_and_the_number_of_the_others() {
        for (problems, more, end) in [
            (1, 0, "fault 1"),
            (2, 0, "fault 1 (and 1 more)"),
            (3, 0, "fault 1 (and 2 more)"),
            (3, 2, "fault 1 (and 4 more)"),
            (1, 1, "fault 1 (and 1 more)"),
        ] {
            let told = complaint(&wrong(problems, more));
            assert!(told.starts_with("the definition is wrong: ") && told.ends_with(end), "{told}");
            assert_eq!(told.lines().count(), 1);
        }
        let untrusted = LoadError::Untrusted("anybody may write it".to_owned());
        assert_eq!(complaint(&untrusted), untrusted.to_string());
    }

    #[test]
    fn a_definition_is_compared_with_what_the_site_was_started_with() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        let places = Places {
            config: below("config"),
            runtime: below("run"),
            logs: below("log"),
            links: below("links"),
        };
        let name: SiteName = "shop".parse().unwrap();
        let file = places.of(&name).definition;
        let of = |text: &str| Ok(parse(&name, &file, text).unwrap());
        let missing = || {
            let file = file.clone();
            Err(LoadError::Missing { file, misnamed: None, nearest: None })
        };
        let drift = |read| {
            let (drift, definition) = drift_of(read, &places, &name);
            (drift.word(), definition.map(|definition| definition.text))
        };
        let text = Some(TEXT.to_owned());
        // Nothing was started.
        assert_eq!(drift(of(TEXT)), ("same", text.clone()));
        assert_eq!(drift(missing()), ("removed", None));
        let snapshot = places.of(&name).snapshot();
        crate::linux::files::private_folder(snapshot.parent().unwrap()).unwrap();
        std::fs::write(&snapshot, TEXT).unwrap();
        assert_eq!(drift(of(TEXT)), ("same", text.clone()));
        let other = format!("{TEXT}# another\n");
        assert_eq!(drift(of(&other)), ("changed", Some(other.clone())));
        // What runs is told then.
        assert_eq!(drift(missing()), ("removed", text.clone()));
        assert_eq!(drift(Err(wrong(1, 0))), ("broken", text));
        assert!(matches!(super::drift(&places, &name), Drift::Removed));
    }

    #[test]
    fn a_site_that_is_up_is_told_each_difference_and_one_that_is_down_only_what_is_wrong() {
        let file = Path::new("/etc/shop.yaml");
        for (drift, up, down) in [
            (Drift::Same, None, None),
            (Drift::Changed, Some("takes effect at the next start"), None),
            (Drift::Removed, Some("/etc/shop.yaml is gone; the site keeps running"), None),
            (Drift::Broken(wrong(1, 0)), Some("the site keeps running with"), Some("fault 1")),
        ] {
            for (told, expected) in [(drift.while_up(file), up), (drift.while_down(), down)] {
                let fits = match (&told, expected) {
                    (Some(told), Some(part)) => told.contains(part),
                    (told, part) => told.is_none() && part.is_none(),
                };
                assert!(fits, "{drift:?}: {told:?}");
            }
        }
    }
}
