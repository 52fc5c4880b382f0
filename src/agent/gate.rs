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
