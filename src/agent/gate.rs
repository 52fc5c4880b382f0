//! The preconditions of a start, each with its own cause, checked in milliseconds.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::halt::Halt;
use super::{Fault, Target};
use crate::backend::fitness::{Fitness, Unfit, check_surroundings};
use crate::disk::{self, Undone};
use crate::messages::{self, Message};
use crate::site::{Adjustments, Definition, Places, SiteName, load, load_file, load_snapshot};
use crate::values::Moment;

/// The part of the gate that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    /// The node, and the mount and the address that move with the site.
    Whole,
    /// The programs, users and files of this node.
    Node,
    /// The needs of an external supervisor, on this node and on the disk.
    Disk,
}

/// What the gate found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Passed {
    pub(super) warnings: Vec<Message>,
    pub(super) faults: Vec<Message>,
}

/// The gate, as a job for a helper.
#[derive(Debug, Serialize, Deserialize)]
struct GateJob {
    name: SiteName,
    adjustments: Adjustments,
    part: Part,
    source: DefinitionSource,
}

/// Where the helper reads the definition.
#[derive(Debug, Serialize, Deserialize)]
enum DefinitionSource {
    Installed,
    /// For a start: the copy of the definition that the supervisor will run.
    Starting,
    /// A file that need not be installed.
    File(PathBuf),
}

/// The hidden subcommand of this job.
const WORD: &str = "gate-job";

/// Passes the gate, in a helper process if the site has a disk, which may hang. A start gives `cut`: the
/// wait ends when it becomes readable.
pub(super) fn pass(
    target: &Target,
    definition: &Definition,
    part: Part,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<(), Halt> {
    let source =
        if cut.is_some() { DefinitionSource::Starting } else { DefinitionSource::Installed };
    let passed = examine(target, definition, (part, source), deadline, cut)?;
    for warning in passed.warnings {
        log::warn!("{}", warning.identified());
    }
    // An administrator who prepares a node needs all of them.
    Fault::of_all(passed.faults, 0).map_or(Ok(()), |fault| Err(fault.into()))
}

/// Passes the gate of the node for a definition in a file that need not be installed.
pub(super) fn pass_for_file(
    target: &Target,
    definition: &Definition,
    file: &Path,
    deadline: Moment,
) -> Result<Passed, Halt> {
    // The helper works in another directory.
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let source = DefinitionSource::File(file);
    examine(target, definition, (Part::Node, source), deadline, None)
}

fn examine(
    target: &Target,
    definition: &Definition,
    (part, source): (Part, DefinitionSource),
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Passed, Halt> {
    Ok(match &definition.database {
        None => check(definition, part),
        Some(database) => {
            let (name, adjustments) = (target.name.clone(), target.adjustments.clone());
            let job = GateJob { name, adjustments, part, source };
            let passed = disk::ask(&target.places, (WORD, &job), database, deadline, cut);
            passed.map_err(|why| match why {
                Undone::Interrupted => Halt::Interrupted,
                Undone::Because(why) => messages::disk_silent(&target.name, why).into(),
            })?
        }
    })
}

/// Passes the gate in the helper process. Returns the answer to print.
pub fn pass_gate_here(job: &str, places: &Places) -> Option<String> {
    let GateJob { name, adjustments, part, source } = serde_json::from_str(job).ok()?;
    let loaded = match source {
        DefinitionSource::Starting => load_snapshot(&places.of(&name).starting(), &name),
        DefinitionSource::Installed => load(places, &name),
        DefinitionSource::File(file) => load_file(&file, &name).map(|found| found.definition),
    };
    let passed = match loaded {
        Ok(definition) => check(&definition.adjusted(&adjustments), part),
        Err(error) => Passed { faults: vec![error.message()], ..Passed::default() },
    };
    serde_json::to_string(&passed).ok()
}

fn check(definition: &Definition, part: Part) -> Passed {
    let fitness = match part {
        Part::Whole => Fitness::of_node(definition, true),
        Part::Node => Fitness::of_node(definition, false),
        Part::Disk => Fitness::of_disk(definition),
    };
    let Fitness { warnings, unfit } = fitness;
    let message = |unfit: Unfit| unfit.message;
    let mut faults: Vec<Message> = unfit.into_iter().map(message).collect();
    if part == Part::Whole && faults.is_empty() {
        faults.extend(check_surroundings(definition).err().map(message));
    }
    Passed { warnings: warnings.into_iter().map(message).collect(), faults }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::Site;
    use crate::site::parse;
    use std::time::Duration;

    /// Its address is of no node (RFC 5737).
    fn definition(site: &Site, program: &str) -> Definition {
        let text = format!(
            "version: 1\naddress: 192.0.2.77\nprerequisites: {{address_present: true}}\n\
             processes: {{a: {{command: [{program}]}}}}\n"
        );
        parse(&"shop".parse().unwrap(), &site.places.definition, &text).unwrap()
    }

    fn told(faults: &[Message]) -> Vec<String> {
        faults.iter().map(|fault| fault.id.to_string()).collect()
    }

    #[test]
    fn the_address_is_asked_for_only_where_the_site_is_to_run_and_nothing_else_is_wrong() {
        let site = Site::new();
        let of = |program, part| check(&definition(&site, program), part).faults;
        assert_eq!(told(&of("/bin/true", Part::Node)), [""; 0]);
        assert_eq!(told(&of("/bin/true", Part::Disk)), [""; 0]);
        let whole = of("/bin/true", Part::Whole);
        assert!(whole.len() == 1 && whole[0].sentence.contains("192.0.2.77"), "{whole:?}");
        for part in [Part::Whole, Part::Node] {
            let missing = of("/no/such/program", part);
            assert_eq!(told(&missing), ["program-missing"], "{part:?}: {missing:?}");
        }
    }

    #[test]
    fn a_start_does_not_pass_the_gate_with_a_fault() {
        let site = Site::new();
        let (target, until) = (site.target(), Moment::now() + Duration::from_secs(10));
        let passed = |program| pass(&target, &definition(&site, program), Part::Node, until, None);
        assert!(passed("/bin/true").is_ok());
        assert!(matches!(passed("/no/such/program"), Err(Halt::Fault(_))));
    }

    #[test]
    fn the_helper_reads_the_definition_where_it_is_told_and_answers_with_all_that_is_wrong() {
        let site = Site::new();
        let places = site.target().places;
        let answer = |source| {
            let name = "shop".parse().unwrap();
            let adjustments = Adjustments::default();
            let job = GateJob { name, adjustments, part: Part::Node, source };
            let answer = pass_gate_here(&serde_json::to_string(&job).unwrap(), &places).unwrap();
            told(&serde_json::from_str::<Passed>(&answer).unwrap().faults)
        };
        assert_eq!(answer(DefinitionSource::Installed), ["definition-missing"]);
        let elsewhere = site.folder().join("elsewhere.yaml");
        let text = definition(&site, "/no/such/program").text;
        std::fs::write(&elsewhere, text).unwrap();
        assert_eq!(answer(DefinitionSource::File(elsewhere)), ["program-missing"]);
        assert_eq!(pass_gate_here("no job", &places), None);
    }
}
