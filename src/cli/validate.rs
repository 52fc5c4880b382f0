//! `validate-all`, as a person types it: sites, or files that need not be installed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::absent::Purpose;
use super::answer::print_lines;
use super::arguments::{SiteArgument, ValidateArguments};
use super::person::Person;
use super::sites::named;
use crate::agent::{self, DefinitionFile, Fault, Level};
use crate::manager::Verb;
use crate::messages;
use crate::site::SiteName;

impl Person {
    pub(super) fn validate(&self, arguments: &ValidateArguments) -> ExitCode {
        let ValidateArguments { words, level, json } = arguments;
        let has_file = words.iter().any(|word| is_file(word));
        match &words[..] {
            [] | [_] if !has_file && !json => {
                let site = SiteArgument { name: words.first().cloned() };
                let level = Level::from(level.unwrap_or(10));
                self.other(&site, Purpose::Other, |t| agent::validate(t, level, &self.deadline))
            }
            words => {
                let level = Level::from(level.unwrap_or(if has_file { 0 } else { 10 }));
                match self.files_of(words) {
                    Ok(files) => self.validate_files(&files, level, *json),
                    Err(fault) => self.give(Verb::Other, &fault.into()),
                }
            }
        }
    }

    fn validate_files(&self, files: &[DefinitionFile], level: Level, json: bool) -> ExitCode {
        let checked = agent::validate_files(files, &self.places, level, &self.deadline);
        let outcome = agent::outcome_of(&checked);
        if json {
            let lines: Vec<String> =
                checked.iter().filter_map(|file| serde_json::to_string(file).ok()).collect();
            print_lines(&lines);
            return ExitCode::from(self.caller.answer(Verb::Other, false, &outcome).code);
        }
        for file in &checked {
            for warning in &file.warnings {
                log::warn!("{}: {warning}", file.file.display());
            }
        }
        self.give(Verb::Other, &outcome)
    }

    /// The files that the words name; without a word, that of the site that is meant.
    fn files_of(&self, words: &[String]) -> Result<Vec<DefinitionFile>, Fault> {
        let installed = |name: SiteName| DefinitionFile {
            file: self.places.of(&name).definition,
            name: Ok(name),
            is_installed: true,
        };
        if words.is_empty() {
            return Ok(vec![installed(named(&SiteArgument { name: None }, &self.places)?)]);
        }
        let of_word = |word: &String| match is_file(word) {
            true => Ok(self.file_at(Path::new(word))),
            false => {
                let name = word.parse::<SiteName>();
                name.map(installed).map_err(|why| messages::name_wrong(why).into())
            }
        };
        words.iter().map(of_word).collect()
    }

    fn file_at(&self, file: &Path) -> DefinitionFile {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = stem.unwrap_or_default().parse::<SiteName>();
        let lies_at = std::path::absolute(file).unwrap_or_else(|_| PathBuf::from(file));
        let is_installed =
            name.as_ref().is_ok_and(|name| self.places.of(name).definition == lies_at);
        DefinitionFile { file: file.to_owned(), name, is_installed }
    }
}

/// Whether a word names a file and no site: no name of a site holds a `/` or ends so.
fn is_file(word: &str) -> bool {
    word.contains('/') || word.ends_with(".yaml")
}
