//! Checks definitions in files, which need not be installed: all faults of all of them.

use std::path::PathBuf;

use serde::Serialize;

use super::gate;
use super::halt::Halt;
use super::monitor::Level;
use super::validate::unproved;
use super::{Deadline, Fault, Outcome, Target};
use crate::messages::{self, FaultKind, Message, MessageId};
use crate::site::{
    Definition, LoadError, Places, SiteName, clash_of, clash_with_installed, load_file,
};

/// A file with a definition.
#[derive(Clone, Debug)]
pub struct DefinitionFile {
    pub file: PathBuf,
    /// The file's stem, or why that is the name of no site.
    pub name: Result<SiteName, String>,
    /// It lies in the directory of definitions, and is called as one.
    pub is_installed: bool,
}

/// What was found in a file.
#[derive(Debug, Serialize)]
pub struct CheckedFile {
    pub file: PathBuf,
    pub ok: bool,
    pub faults: Vec<FileFault>,
    pub warnings: Vec<String>,
    /// The worst fault.
    #[serde(skip)]
    pub worst: Option<MessageId>,
}

/// One fault of a file.
#[derive(Debug, Serialize)]
pub struct FileFault {
    /// None: it has no place in the text.
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub message: String,
    /// For `siteward explain`.
    pub id: MessageId,
    /// The key that it is about, like `processes.web.ready`.
    pub key: Option<String>,
}

impl FileFault {
    fn of_whole(Message { id, sentence }: Message) -> Self {
        Self { line: None, column: None, message: sentence, id, key: None }
    }
}

impl CheckedFile {
    /// Of several kinds the one that is worst to the reader: a text that is wrong.
    fn add(&mut self, fault: FileFault) {
        self.ok = false;
        self.worst = Some(self.worst.map_or(fault.id, |worst| worse_of(worst, fault.id)));
        self.faults.push(fault);
    }

    fn add_error(&mut self, error: LoadError) {
        let wrong = match error {
            LoadError::Wrong(wrong) => wrong,
            // Nobody has to copy it here, so the usual advice is wrong.
            LoadError::Missing { .. } => {
                return self.add(FileFault::of_whole(messages::file_missing()));
            }
            LoadError::Denied { .. } | LoadError::Untrusted(_) | LoadError::Unusable(_) => {
                let Fault { id, sentence, .. } = error.into();
                return self.add(FileFault::of_whole(Message { id, sentence }));
            }
        };
        for problem in wrong.problems {
            let at = problem.position;
            let fault = FileFault {
                line: at.map(|at| at.line),
                column: at.map(|at| at.column),
                id: problem.kind.message("").id,
                message: problem.message,
                key: Some(problem.key).filter(|key| !key.is_empty()),
            };
            self.add(fault);
        }
        if wrong.more > 0 {
            let more = format!(
                "there are {} more faults, which are told when these are mended",
                wrong.more
            );
            self.add(FileFault::of_whole(messages::definition_too_large(more)));
        }
    }

    /// Each fault as a line, with its place.
    fn lines(&self) -> impl Iterator<Item = String> {
        let file = self.file.display();
        self.faults.iter().map(move |fault| match (fault.line, fault.column) {
            (Some(line), Some(column)) => {
                format!("{file}:{line}:{column}: {} [{}]", fault.message, fault.id)
            }
            _ if fault.message.contains(&file.to_string()) => {
                format!("{} [{}]", fault.message, fault.id)
            }
            _ => format!("{file}: {} [{}]", fault.message, fault.id),
        })
    }
}

fn worse_of(one: MessageId, other: MessageId) -> MessageId {
    let order = [
        FaultKind::WrongHere,
        FaultKind::NotInstalled,
        FaultKind::NotPermitted,
        FaultKind::Failed,
        FaultKind::NoSuchVerb,
        FaultKind::Misconfigured,
    ];
    let worse = order.into_iter().find(|kind| *kind == one.kind() || *kind == other.kind());
    if worse == Some(one.kind()) { one } else { other }
}

/// Level 0: the definitions, and whether two of them clash. Level 10: also the programs, users and directories of
/// this node.
pub fn validate_files(
    files: &[DefinitionFile],
    places: &Places,
    level: Level,
    deadline: &Deadline,
) -> Vec<CheckedFile> {
    let (mut checked, read): (Vec<CheckedFile>, Vec<Option<Definition>>) =
        files.iter().map(read_one).unzip();
    let names: Vec<&SiteName> = files.iter().filter_map(|file| file.name.as_ref().ok()).collect();
    for (at, (result, file)) in checked.iter_mut().zip(files).enumerate() {
        let Some(definition) = &read[at] else { continue };
        for (other, definition_of_other) in read.iter().enumerate() {
            let Some(of_other) = definition_of_other.as_ref().filter(|_| other != at) else {
                continue;
            };
            if let Some(clash) = clash_of_two((definition, file), (of_other, &files[other])) {
                result.add(FileFault::of_whole(messages::definition_unusable(clash)));
            }
        }
        // A file that was given is checked instead of the one that it will replace.
        if let Some(clash) = clash_with_installed(places, definition, &file.file, &names) {
            match file.is_installed {
                true => {
                    result.add(FileFault::of_whole(messages::definition_unusable(clash)));
                }
                false => result.warnings.push(clash),
            }
        }
        result.warnings.extend(unproved(definition));
        if level >= Level::Identity {
            result.check_node(definition, file, places, deadline);
        }
    }
    checked
}

/// The text of one file.
fn read_one(of: &DefinitionFile) -> (CheckedFile, Option<Definition>) {
    let file = of.file.clone();
    let mut checked =
        CheckedFile { file, ok: true, faults: Vec::new(), warnings: Vec::new(), worst: None };
    let name = match &of.name {
        Ok(name) => name,
        Err(why) => {
            let why = format!("its stem is the name of its site: {why}");
            checked.add(FileFault::of_whole(messages::definition_unusable(why)));
            return (checked, None);
        }
    };
    let found = match load_file(&of.file, name) {
        Ok(found) => found,
        Err(error) => {
            checked.add_error(error);
            return (checked, None);
        }
    };
    match found.untrusted {
        Some(why) if of.is_installed => {
            checked.add(FileFault::of_whole(messages::definition_untrusted(why)));
        }
        why => checked.warnings.extend(why),
    }
    if of.file.extension().is_none_or(|ending| ending != "yaml") {
        checked.warnings.push(format!("it must be called {name}.yaml where it is installed"));
    }
    checked.warnings.extend(found.definition.warnings.iter().map(ToString::to_string));
    (checked, Some(found.definition))
}

fn clash_of_two(
    (one, of_one): (&Definition, &DefinitionFile),
    (other, of_other): (&Definition, &DefinitionFile),
) -> Option<String> {
    if one.name != other.name {
        return clash_of((one, &of_one.file), (other, &of_other.file));
    }
    (of_one.file != of_other.file).then(|| {
        format!(
            "it is called as {}, and two files cannot define the site `{}`; leave one of them out",
            of_other.file.display(),
            one.name
        )
    })
}

impl CheckedFile {
    fn check_node(
        &mut self,
        definition: &Definition,
        of: &DefinitionFile,
        places: &Places,
        deadline: &Deadline,
    ) {
        let target = Target::new(definition.name.clone(), places.clone(), None);
        if let Err(error) = target.site.check_length() {
            self.add(FileFault::of_whole(messages::path_too_long(error)));
        }
        match gate::pass_for_file(&target, definition, &of.file, deadline.for_look()) {
            Ok(passed) => {
                self.warnings.extend(passed.warnings.iter().map(Message::identified));
                for fault in passed.faults {
                    self.add(FileFault::of_whole(fault));
                }
            }
            // Without `cut` there is no interruption.
            Err(Halt::Interrupted) => {}
            Err(Halt::Fault(Fault { id, sentence, .. })) => {
                self.add(FileFault::of_whole(Message { id, sentence }));
            }
        }
    }
}

/// The answer of the verb.
pub fn outcome_of(checked: &[CheckedFile]) -> Outcome {
    let wrong = checked.iter().filter(|file| !file.ok).count();
    let worst = checked.iter().filter_map(|file| file.worst).reduce(worse_of);
    let Some(id) = worst else {
        return Outcome::Done(match checked {
            [one] => format!("the definition {} is valid", one.file.display()),
            all => format!("the {} definitions are valid", all.len()),
        });
    };
    let sentence = match checked {
        [one] => format!("the definition {} is not valid", one.file.display()),
        all => format!(
            "of {} definitions {wrong} {} not valid",
            all.len(),
            if wrong == 1 { "is" } else { "are" }
        ),
    };
    let details = checked.iter().flat_map(CheckedFile::lines).collect();
    Fault { id, sentence, others: Vec::new(), details }.into()
}
