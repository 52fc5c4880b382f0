//! HPE Serviceguard: `run` or `watch` as a service (any exit is its failure), `start` and `stop` in
//! customer defined commands, and this program as external_script with start, stop and validate
//! ("Managing Serviceguard", chapters on packages; Serviceguard Developer's Toolbox B.12.00.00).

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::answer::{ManagerAnswer, Verb, ended, identified};
use super::clusterware::name_of_link;
use crate::agent::Outcome;
use crate::control::State;
use crate::linux::clock::WallTime;
use crate::messages::FaultKind;
use crate::site::Overrides;

/// Whether the environment is that of a Serviceguard package's script.
pub(super) fn is_calling(has: impl Fn(&str) -> bool) -> bool {
    has("SG_PACKAGE") || has("SG_PACKAGE_NAME")
}

/// An entry point of an external script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptEntry {
    Start,
    Stop,
    Validate,
    /// There is no such entry point.
    Unknown(String),
}

/// A call by Serviceguard: this program is a package's external script.
#[derive(Clone, Debug)]
pub struct ServiceguardCall {
    pub entry: ScriptEntry,
    /// The site's name: the package's variable, else the name of the link that is the external script.
    pub site: Option<String>,
    pub package: Option<String>,
    /// The directories that the package's variables name.
    pub overrides: Overrides,
}

impl ServiceguardCall {
    /// Reads the call from the arguments and the environment.
    pub fn read(called_as: &OsStr, word: &OsStr) -> Self {
        Self::read_from(called_as, word, |name| env::var_os(name))
    }

    /// As [`Self::read`], from the variables that `variable` returns.
    pub fn read_from(
        called_as: &OsStr,
        word: &OsStr,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let get = |name: &str| {
            let value = variable(name).filter(|v| !v.is_empty());
            value.map(|value| value.to_string_lossy().into_owned())
        };
        let entry = match &*word.to_string_lossy() {
            "start" => ScriptEntry::Start,
            "stop" => ScriptEntry::Stop,
            "validate" => ScriptEntry::Validate,
            other => ScriptEntry::Unknown(other.to_owned()),
        };
        let folder = |name: &str| {
            let value = variable(&format!("PEV_SITEWARD_{name}")).filter(|v| !v.is_empty());
            value.map(PathBuf::from)
        };
        Self {
            entry,
            overrides: Overrides {
                config: folder("CONFIG_DIR"),
                runtime: folder("RUNTIME_DIR"),
                logs: folder("LOG_DIR"),
                links: folder("LINK_DIR"),
            },
            site: get("PEV_SITEWARD_SITE").or_else(|| name_of_link(Path::new(called_as))),
            package: get("SG_PACKAGE").or_else(|| get("SG_PACKAGE_NAME")),
        }
    }
}

/// DESIGN's table, column "Serviceguard / ExpressCluster genw": 0 for a site that is well, else 1.
pub(super) fn code_of_state(state: State) -> u8 {
    u8::from(!state.is_well())
}

/// 2 if another node may try, 1 if none should. After a failed stop a process of the site may live here.
/// Wrong parameters of a package are wrong on every node.
fn code_of_fault(verb: Verb, kind: FaultKind) -> u8 {
    match (verb, kind) {
        (Verb::Start, FaultKind::Misconfigured | FaultKind::NoSuchVerb) => 1,
        (
            Verb::Start,
            FaultKind::Failed
            | FaultKind::WrongHere
            | FaultKind::NotPermitted
            | FaultKind::NotInstalled,
        ) => 2,
        (Verb::Stop | Verb::Monitor | Verb::Other, _) => 1,
    }
}

pub(super) fn answer(verb: Verb, outcome: &Outcome) -> ManagerAnswer {
    let mut answer = ManagerAnswer::default();
    // The package's log adds no time to the lines of a script.
    let mut say = |text: &str| answer.stdout.push(format!("{} siteward: {text}", WallTime::now()));
    match outcome {
        Outcome::Done(said) => say(&ended(said)),
        Outcome::Seen(observation) => {
            let why = observation.why.as_ref().map_or_else(String::new, |w| format!(": {w}"));
            say(&ended(&format!("the site is {}{why}", observation.state)));
            answer.code = code_of_state(observation.state);
        }
        Outcome::Fault(fault) => {
            say(&format!("ERROR: {}", identified(fault)));
            answer.stdout.extend(fault.lines().iter().map(|line| format!("  {line}")));
            answer.code = code_of_fault(verb, fault.kind());
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(called_as: &str, word: &str, given: &[(&str, &str)]) -> ServiceguardCall {
        ServiceguardCall::read_from(OsStr::new(called_as), OsStr::new(word), |name| {
            given.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn each_entry_point_has_its_word() {
        for (word, entry) in [
            ("start", ScriptEntry::Start),
            ("stop", ScriptEntry::Stop),
            ("validate", ScriptEntry::Validate),
            ("check", ScriptEntry::Unknown("check".to_owned())),
        ] {
            assert_eq!(call("/x/serviceguard/shop", word, &[]).entry, entry);
        }
    }

    #[test]
    fn the_package_names_the_site_before_the_link_does() {
        let link = "/x/serviceguard/link";
        for (called_as, given, site) in [
            (link, &[("PEV_SITEWARD_SITE", "shop")][..], Some("shop")),
            (link, &[("PEV_SITEWARD_SITE", "")], Some("link")),
            (link, &[], Some("link")),
            ("/usr/sbin/siteward", &[], None),
        ] {
            assert_eq!(call(called_as, "start", given).site.as_deref(), site, "{given:?}");
        }
        for (given, package) in [
            (&[("SG_PACKAGE", "a"), ("SG_PACKAGE_NAME", "b")][..], Some("a")),
            (&[("SG_PACKAGE_NAME", "b")], Some("b")),
            (&[], None),
        ] {
            assert_eq!(call(link, "start", given).package.as_deref(), package);
        }
    }

    #[test]
    fn the_package_names_the_directories() {
        let given = [
            ("PEV_SITEWARD_CONFIG_DIR", "/config"),
            ("PEV_SITEWARD_RUNTIME_DIR", "/run"),
            ("PEV_SITEWARD_LOG_DIR", "/log"),
            ("PEV_SITEWARD_LINK_DIR", "/links"),
        ];
        let folders = |given: &[_]| {
            let Overrides { config, runtime, logs, links } =
                call("/x/serviceguard/shop", "start", given).overrides;
            [config, runtime, logs, links]
        };
        let expected = ["/config", "/run", "/log", "/links"].map(|path| Some(PathBuf::from(path)));
        assert_eq!(folders(&given), expected);
        assert_eq!(folders(&given.map(|(name, _)| (name, ""))), [None, None, None, None]);
    }

    #[test]
    fn a_failure_is_one_sentence_and_its_identifier() {
        let message = crate::messages::caller_not_cluster();
        let (id, sentence) = (message.id, message.sentence.clone());
        let answer = answer(Verb::Start, &Outcome::Fault(message.into()));
        let told = format!("Z siteward: ERROR: {sentence}. [{id}]");
        assert!(answer.stdout[0].ends_with(&told), "{answer:?}");
    }
}
