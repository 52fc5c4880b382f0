//! What the table says of a value, compared with what is read.

use std::path::Path;

use serde_yaml::Value;
use siteward::site::keys::{self, DefaultValue, Place};
use siteward::site::{Definition, DefinitionError, ProblemKind, SiteName, parse};

use super::examples;

fn read(value: &Value) -> Result<Definition, DefinitionError> {
    let name: SiteName = "a".parse().unwrap();
    parse(&name, Path::new("x"), &serde_yaml::to_string(value).unwrap())
}

/// The steps of a path of the table.
fn steps(place: &Place) -> Vec<String> {
    let path = place.path.replace("[]", ".[]");
    path.split('.').map(str::to_owned).collect()
}

/// Changes the first value at this path; whether there is one. None: the key is taken away.
fn put(value: &mut Value, steps: &[String], new: Option<&Value>) -> bool {
    match steps {
        [] => {
            if let Some(new) = new {
                *value = new.clone();
            }
            new.is_some()
        }
        [step, rest @ ..] if step == "*" => {
            let Value::Mapping(map) = value else { return false };
            map.iter_mut().any(|(_, value)| put(value, rest, new))
        }
        [step, rest @ ..] if step == "[]" => {
            let Value::Sequence(items) = value else { return false };
            items.iter_mut().any(|value| put(value, rest, new))
        }
        [step] if new.is_none() => {
            let Value::Mapping(map) = value else { return false };
            map.remove(step.as_str()).is_some()
        }
        [step, rest @ ..] => {
            let Value::Mapping(map) = value else { return false };
            map.get_mut(step.as_str()).is_some_and(|value| put(value, rest, new))
        }
    }
}

/// The example files that have this key, each with another value there.
fn with(place: &Place, new: Option<&Value>) -> Vec<Value> {
    let texts = examples::files().into_iter().map(|file| std::fs::read_to_string(file).unwrap());
    let changed = texts.filter_map(|text| {
        let mut value: Value = serde_yaml::from_str(&text).unwrap();
        value.apply_merge().unwrap();
        put(&mut value, &steps(place), new).then_some(value)
    });
    changed.collect()
}

/// Every complaint about the value of this key, and not about how it goes with others.
fn complaints(value: &Value, place: &Place) -> Vec<String> {
    let Err(error) = read(value) else { return Vec::new() };
    let is_of_the_value = |kind: ProblemKind| match kind {
        ProblemKind::KeyMissing
        | ProblemKind::KeysConflict
        | ProblemKind::KeyNeedsAnother
        | ProblemKind::ReferenceUnknown
        | ProblemKind::OrderCircular => false,
        ProblemKind::NotYaml
        | ProblemKind::TooLarge
        | ProblemKind::VersionUnknown
        | ProblemKind::KeyUnknown
        | ProblemKind::KeyTwice
        | ProblemKind::TypeWrong
        | ProblemKind::ValueWrong
        | ProblemKind::WordUnknown => true,
    };
    let problems = error.problems.into_iter().filter(|problem| is_of_the_value(problem.kind));
    let word = place.key.word().trim_matches(['*', '[', ']']);
    let is_there = |message: &String| message.split(": ").next().unwrap_or("").contains(word);
    problems.map(|problem| problem.message).filter(is_there).collect()
}

pub(crate) fn examples_are_accepted() {
    for place in keys::all() {
        let example: Value = serde_yaml::from_str(place.key.example).unwrap();
        let changed = with(place, Some(&example));
        assert!(!changed.is_empty(), "{}", place.path);
        for value in changed {
            assert_eq!(complaints(&value, place), [""; 0], "{}", place.path);
        }
    }
}

/// The definitions with an example of the table in them that siteward accepts, by the place of the example.
pub(crate) fn accepted_examples() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for place in keys::all() {
        let example: Value = serde_yaml::from_str(place.key.example).unwrap();
        let accepted = with(place, Some(&example)).into_iter().filter(|value| read(value).is_ok());
        let written = accepted.map(|value| serde_yaml::to_string(&value).unwrap());
        found.extend(written.map(|text| (place.path.clone(), text)));
    }
    assert!(found.len() >= 100, "only {}", found.len());
    found
}

pub(crate) fn choices_are_accepted() {
    let mut tried = 0;
    for place in keys::all() {
        for choice in place.key.value.choices() {
            for value in with(place, Some(&Value::from(choice.word))) {
                assert_eq!(complaints(&value, place), [""; 0], "{}: {}", place.path, choice.word);
                tried += 1;
            }
        }
    }
    assert!(tried >= 20, "only {tried}");
}

/// What is read, without the text.
fn meaning(value: &Value) -> String {
    let mut definition = match read(value) {
        Ok(definition) => definition,
        // Another key needs this one.
        Err(error) => return format!("{:?}", error.problems[0].kind),
    };
    definition.text.clear();
    definition.fingerprint.clear();
    format!("{definition:?}")
}

pub(crate) fn defaults_are_read() {
    let mut tried = 0;
    for place in keys::all() {
        let default = match place.key.default {
            DefaultValue::Absent | DefaultValue::Computed(_) => continue,
            // A process takes what its site has.
            _ if place.path != place.key.path => continue,
            constant => constant.shown().expect("a constant is shown"),
        };
        let written: Value = serde_yaml::from_str(&default).unwrap();
        for (left_out, written) in with(place, None).iter().zip(with(place, Some(&written))) {
            assert_eq!(meaning(left_out), meaning(&written), "{}: {default}", place.path);
            tried += 1;
        }
    }
    assert!(tried >= 30, "only {tried}");
}
