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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::linux::files::is_root;
    use crate::observe::samples::Site;
    use crate::site::{DefinitionError, Located, ProblemKind};
    use crate::values::Moment;

    fn valid(file: &str) -> CheckedFile {
        let file = file.into();
        CheckedFile { file, ok: true, faults: Vec::new(), warnings: Vec::new(), worst: None }
    }

    fn located(key: &str, message: &str) -> Located {
        let (key, message) = (key.to_owned(), message.to_owned());
        Located { kind: ProblemKind::ValueWrong, position: None, key, message }
    }

    fn wrong(problems: Vec<Located>, more: usize) -> LoadError {
        LoadError::Wrong(DefinitionError { file: "shop.yaml".into(), problems, more })
    }

    #[test]
    fn each_fault_of_a_text_is_told_with_its_key_and_the_others_are_counted() {
        let told = |more| {
            let mut checked = valid("shop.yaml");
            checked.add_error(wrong(vec![located("a.b", "first"), located("", "second")], more));
            assert!(!checked.ok);
            let faults = checked.faults.iter();
            faults.map(|fault| (fault.key.clone(), fault.message.clone())).collect::<Vec<_>>()
        };
        let both = [(Some("a.b".to_owned()), "first".to_owned()), (None, "second".to_owned())];
        assert_eq!(told(0), both);
        let with_more = told(3);
        assert_eq!(with_more[..2], both);
        assert!(with_more.len() == 3 && with_more[2].1.contains("there are 3 more faults"));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_to_be_copied_from_another_node() {
        let file = "shop.yaml".into();
        let mut checked = valid("shop.yaml");
        checked.add_error(LoadError::Missing { file, misnamed: None, nearest: None });
        assert_eq!(checked.worst.unwrap().to_string(), "file-missing");
        let mut checked = valid("shop.yaml");
        checked.add_error(LoadError::Untrusted("anybody may write it".to_owned()));
        assert_eq!(checked.worst.unwrap().to_string(), "definition-untrusted");
        assert!(checked.faults[0].message.contains("anybody may write it"));
    }

    #[test]
    fn of_two_faults_that_of_a_text_is_the_worst_whichever_was_found_first() {
        let missing = messages::file_missing().id;
        let unusable = messages::definition_unusable("a").id;
        let denied = messages::definition_denied("a", "b").id;
        let failed = messages::did_not_start("a", "b").id;
        let order = [unusable, missing, denied, failed];
        for (at, worse) in order.iter().enumerate() {
            for other in &order[at..] {
                assert_eq!(worse_of(*worse, *other), *worse);
                assert_eq!(worse_of(*other, *worse), *worse);
            }
        }
        let untrusted = messages::definition_untrusted("a").id;
        assert_eq!(worse_of(unusable, untrusted), unusable, "of the same kind the first");
    }

    #[test]
    fn a_fault_is_a_line_with_its_place_and_its_file_once() {
        let fault = |line, message: &str| {
            let whole = FileFault::of_whole(messages::file_missing());
            FileFault { line, column: line.map(|_| 7), message: message.to_owned(), ..whole }
        };
        let mut checked = valid("a/shop.yaml");
        checked.add(fault(Some(3), "it is wrong"));
        checked.add(fault(None, "a/shop.yaml is wrong"));
        checked.add(fault(None, "it is wrong"));
        assert_eq!(
            checked.lines().collect::<Vec<_>>(),
            [
                "a/shop.yaml:3:7: it is wrong [file-missing]",
                "a/shop.yaml is wrong [file-missing]",
                "a/shop.yaml: it is wrong [file-missing]",
            ]
        );
    }

    #[test]
    fn the_answer_counts_the_files_and_those_that_are_wrong() {
        let wrong = || {
            let mut checked = valid("b.yaml");
            checked.add(FileFault::of_whole(messages::file_missing()));
            checked
        };
        let a = || valid("a.yaml");
        for (files, is_valid, said) in [
            (vec![a()], true, "the definition a.yaml is valid"),
            (vec![a(), a()], true, "the 2 definitions are valid"),
            (vec![wrong()], false, "the definition b.yaml is not valid"),
            (vec![a(), wrong(), a()], false, "of 3 definitions 1 is not valid"),
            (vec![wrong(), wrong()], false, "of 2 definitions 2 are not valid"),
        ] {
            match outcome_of(&files) {
                Outcome::Done(done) => assert_eq!((true, done.as_str()), (is_valid, said)),
                Outcome::Fault(fault) => {
                    assert_eq!((false, fault.sentence.as_str()), (is_valid, said));
                    assert_eq!(fault.details.len(), files.iter().filter(|file| !file.ok).count());
                }
                Outcome::Seen(_) => panic!("nothing is observed"),
            }
        }
    }

    /// Writes a definition with this virtual host name and this program.
    fn file(path: &Path, host: &str, program: &str) -> DefinitionFile {
        let text =
            format!("version: 1\nsite: {host}\nprocesses: {{a: {{command: [{program}]}}}}\n");
        fs::write(path, text).unwrap();
        let name = Ok(path.file_stem().unwrap().to_str().unwrap().parse().unwrap());
        DefinitionFile { file: path.to_owned(), name, is_installed: false }
    }

    fn check(site: &Site, files: &[DefinitionFile], level: Level) -> Vec<CheckedFile> {
        let deadline = Deadline { begun: Moment::now(), given: Some(Duration::from_secs(10)) };
        validate_files(files, &site.target().places, level, &deadline)
    }

    fn told(of: &CheckedFile) -> String {
        let faults = of.faults.iter().map(|fault| fault.message.as_str());
        faults.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn two_files_of_which_each_could_be_installed_alone_clash() {
        let site = Site::new();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (a, b) = (file(&at("a.yaml"), "a.example", "x"), file(&at("b.yaml"), "b.example", "x"));
        let c = file(&at("c.yaml"), "a.example", "x");
        let checked = check(&site, &[a.clone(), b, c], Level::Answer);
        assert!(checked[0].faults.len() == 1 && told(&checked[0]).contains("a.example"));
        assert!(checked[1].ok, "{}", told(&checked[1]));
        assert!(checked[2].faults.len() == 1 && told(&checked[2]).contains("a.example"));
        // The same file may be named twice, and two files of one name not.
        let twice = check(&site, &[a.clone(), a.clone()], Level::Answer);
        assert!(twice[0].ok && twice[1].ok, "{}", told(&twice[0]));
        let other = tempfile::tempdir().unwrap();
        let same = file(&other.path().join("a.yaml"), "d.example", "x");
        let checked = check(&site, &[a, same], Level::Answer);
        assert!(told(&checked[0]).contains("two files cannot define the site `a`"));
    }

    #[test]
    fn a_clash_with_an_installed_site_is_a_warning_until_the_file_is_installed() {
        let site = Site::new();
        file(&site.folder().join("old.yaml"), "a.example", "x");
        let folder = tempfile::tempdir().unwrap();
        for is_installed in [false, true] {
            let new = file(&folder.path().join("new.yaml"), "a.example", "x");
            let checked = check(&site, &[DefinitionFile { is_installed, ..new }], Level::Answer);
            assert_eq!(checked[0].ok, !is_installed, "{}", told(&checked[0]));
            let warned = checked[0].warnings.iter().any(|warning| warning.contains("a.example"));
            assert_eq!(warned, !is_installed, "{:?}", checked[0].warnings);
        }
    }

    #[test]
    fn the_programs_of_this_node_are_asked_for_from_level_ten_on() {
        let site = Site::new();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        for (program, level, ok) in [
            ("/no/such/program", Level::Answer, true),
            ("/no/such/program", Level::Identity, false),
            ("/no/such/program", Level::Health, false),
            ("/bin/true", Level::Identity, true),
        ] {
            let checked = check(&site, &[file(&path, "a.example", program)], level);
            assert_eq!(checked[0].ok, ok, "{program}, {level:?}: {}", told(&checked[0]));
        }
    }

    #[test]
    fn a_file_must_have_the_name_of_a_site_and_its_ending_where_it_is_installed() {
        let site = Site::new();
        let folder = tempfile::tempdir().unwrap();
        for (name, is_warned) in [("a.yaml", false), ("a.txt", true), ("a", true)] {
            let file = file(&folder.path().join(name), "a.example", "x");
            let checked = check(&site, &[file], Level::Answer);
            let warning = "it must be called a.yaml where it is installed";
            let warnings = &checked[0].warnings;
            assert_eq!(warnings.iter().any(|found| found == warning), is_warned, "{warnings:?}");
        }
        let nameless = file(&folder.path().join("a.yaml"), "a.example", "x");
        let name = Err("it begins with a dash".to_owned());
        let checked = check(&site, &[DefinitionFile { name, ..nameless }], Level::Answer);
        assert!(told(&checked[0]).contains("its stem is the name of its site: it begins"));
    }

    #[test]
    fn a_file_that_others_could_have_written_is_a_fault_only_where_it_is_installed() {
        let site = Site::new();
        let folder = tempfile::tempdir().unwrap();
        for is_installed in [false, true] {
            let file = file(&folder.path().join("a.yaml"), "a.example", "x");
            fs::set_permissions(&file.file, fs::Permissions::from_mode(0o666)).unwrap();
            let checked = check(&site, &[DefinitionFile { is_installed, ..file }], Level::Answer);
            // Only root runs what a file names for others than its owner.
            let is_wrong = is_installed && is_root();
            assert_eq!(checked[0].ok, !is_wrong, "{}", told(&checked[0]));
            assert_eq!(!checked[0].warnings.is_empty(), !is_installed && is_root());
        }
    }
}
