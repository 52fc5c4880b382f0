//! The keys by their paths.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::health::HEALTHCHECK;
use super::kinds::DefinitionKey;
use super::process::PROCESS;
use super::ready::READY;
use super::settings::{CONTEXT, LOGGING};
use super::site::{IDENTITY, NODE, TIMES};
use super::supervisor::SUPERVISOR;
use super::telling::{NOTIFY, OPERATIONS};
use super::work::WORK;

/// The sections of the table, in the order of the manual.
pub(super) const SECTIONS: &[(&str, &[DefinitionKey])] = &[
    ("The site", IDENTITY),
    ("Times", TIMES),
    ("The disk, the address and the ports", NODE),
    ("A process", PROCESS),
    ("When a process is ready", READY),
    ("Healthchecks", HEALTHCHECK),
    ("User, environment and limits, of a site or a process", CONTEXT),
    ("Logs, of a site or a process", LOGGING),
    ("Whom to tell", NOTIFY),
    ("Operations that a failover can interrupt", OPERATIONS),
    ("Work that a failover can interrupt", WORK),
    ("A supervisor of its own", SUPERVISOR),
];

/// A key at one of the places where it may stand.
#[derive(Clone, Debug)]
pub struct Place {
    pub path: String,
    pub key: &'static DefinitionKey,
}

impl Place {
    /// Its example where it stands, as lines of a definition.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let (mut indent, mut item) = (0, "");
        for step in self.path.split('.') {
            let (word, is_list) = match step.strip_suffix("[]") {
                Some(word) => (word, true),
                None => (step, false),
            };
            let word = if word == "*" { "NAME" } else { word };
            lines.push(format!("{}{item}{word}:", " ".repeat(indent)));
            indent += 2 + item.len();
            item = if is_list { "- " } else { "" };
        }
        let example = self.key.example;
        match lines.last_mut() {
            Some(last) if item.is_empty() => last.push_str(&format!(" {example}")),
            _ => lines.push(format!("{}{item}{example}", " ".repeat(indent))),
        }
        lines
    }
}

const OF_PROCESS: &str = "processes.*.";

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places = Vec::new();
    for key in SECTIONS.iter().flat_map(|(_, keys)| *keys) {
        places.push(Place { path: key.path.to_owned(), key });
        if key.also_of_process {
            places.push(Place { path: format!("{OF_PROCESS}{}", key.path), key });
        }
    }
    places
});

static BY_PATH: LazyLock<HashMap<&'static str, &'static Place>> =
    LazyLock::new(|| PLACES.iter().map(|place| (place.path.as_str(), place)).collect());

static BELOW: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in PLACES.iter() {
        let (above, word) = split(&place.path);
        if word != "*" && !word.is_empty() {
            below.entry(above).or_default().push(word);
        }
    }
    below
});

/// A path as the path of what it stands in, and its last word; an item of a list has no word.
pub(in crate::site) fn split(path: &str) -> (&str, &str) {
    match path.strip_suffix("[]") {
        Some(list) => (list, ""),
        None => path.rsplit_once('.').unwrap_or(("", path)),
    }
}

/// Every place at which a key may stand, in the order of the manual.
pub fn all() -> &'static [Place] {
    &PLACES
}

/// The place with this path.
pub(in crate::site) fn at(path: &str) -> Option<&'static Place> {
    BY_PATH.get(path).copied()
}

/// The words that may stand in the map at this path; empty: it is no map, or one of any names.
pub(in crate::site) fn below(path: &str) -> &'static [&'static str] {
    BELOW.get(path).map_or(&[], Vec::as_slice)
}

/// The places whose path is `word`, or ends with it; names of processes and the like may be left out. A path as
/// a message writes it (`processes.store.ready`, `reserve_ports[0].port`) is found too. A whole path is found
/// alone.
pub fn find(word: &str) -> Vec<&'static Place> {
    let word = word.trim().trim_end_matches(':').replace('-', "_");
    let said = plain(&word);
    if let Some(place) = all().iter().find(|place| plain(&place.path) == said) {
        return vec![place];
    }
    let those = |fits: &dyn Fn(&Place) -> bool| -> Vec<&'static Place> {
        all().iter().filter(|place| fits(place)).collect()
    };
    let without_names = those(&|place| nameless(&place.path) == nameless(&word));
    if !without_names.is_empty() || said.is_empty() {
        return without_names;
    }
    let with_names = those(&|place| matches(&place.path, &word));
    if !with_names.is_empty() {
        return with_names;
    }
    let ending = format!(".{}", nameless(&word));
    those(&|place| {
        !place.path.ends_with(['*', ']'])
            && format!(".{}", nameless(&place.path)).ends_with(&ending)
    })
}

/// With each dash as an underscore, and each index of a list as `[]`.
fn plain(path: &str) -> String {
    let path = path.replace('-', "_");
    let mut out = String::new();
    let mut rest = path.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        out.push_str("[]");
        rest = after.split_once(']').map_or("", |(_, tail)| tail);
    }
    out + rest
}

fn nameless(path: &str) -> String {
    let path = plain(path).replace("[]", "");
    let words: Vec<&str> = path.split('.').filter(|word| *word != "*").collect();
    words.join(".")
}

/// Whether a path of the table has this word as a case, with a name for each `*`.
fn matches(path: &str, word: &str) -> bool {
    let (path, word) = (plain(path), plain(word));
    let (path, word): (Vec<&str>, Vec<&str>) =
        (path.split('.').collect(), word.split('.').collect());
    path.len() == word.len()
        && path.iter().zip(&word).all(|(p, w)| p == w || (*p == "*" && !w.is_empty()))
}

/// The places elsewhere at which `word` may stand, each with its distance from a map at `path`, the nearest
/// first: those below it, then those with which it has most of its path in common.
pub(in crate::site) fn elsewhere(path: &str, word: &str) -> Vec<(&'static Place, (usize, usize))> {
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    let distance = |place: &Place| {
        let theirs: Vec<&str> = split(&place.path).0.split('.').filter(|s| !s.is_empty()).collect();
        let common = steps.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        (steps.len() - common, theirs.len() - common)
    };
    let named = all().iter().filter(|place| split(&place.path).1 == word);
    let mut found: Vec<_> = named.map(|place| (place, distance(place))).collect();
    found.sort_by_key(|(_, distance)| *distance);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(word: &str) -> Vec<&'static str> {
        find(word).iter().map(|place| place.path.as_str()).collect()
    }

    #[test]
    fn a_key_is_found_by_its_path_with_or_without_names_and_by_its_last_word() {
        for word in ["processes.*.ready.tcp", "processes.store.ready.tcp", "ready.tcp", "tcp"] {
            assert_eq!(paths(word), ["processes.*.ready.tcp"], "{word}");
        }
        assert_eq!(paths("user"), ["user"]);
        assert_eq!(paths("processes.user"), ["processes.*.user"]);
        assert_eq!(paths("boot-timeout:"), ["boot_timeout"]);
        assert_eq!(paths("reserve_ports[3].port"), ["reserve_ports[].port"]);
        assert_eq!(
            paths("timeout"),
            [
                "on_unclean_shutdown.timeout",
                "processes.*.on_failure.timeout",
                "processes.*.ready.timeout",
                "processes.*.healthcheck.timeout",
                "notify.timeout",
                "work.*.timeout",
                "drain.timeout",
            ]
        );
        for word in ["", ".", "*", "[]", "no_such_key", "processes.", "[", "]"] {
            assert_eq!(paths(word), [""; 0], "{word}");
        }
    }

    #[test]
    fn an_example_is_shown_where_it_stands() {
        let lines = |path: &str| at(path).unwrap().lines();
        assert_eq!(lines("boot_timeout"), ["boot_timeout: 90s"]);
        assert_eq!(
            lines("processes.*.ready.file"),
            ["processes:", "  NAME:", "    ready:", "      file: /run/shop/ready"]
        );
        assert_eq!(lines("reserve_ports[].port"), ["reserve_ports:", "  - port: 8080"]);
        assert_eq!(
            lines("reserve_ports[]"),
            ["reserve_ports:", "  - {port: 8080, process: server}"]
        );
    }

    #[test]
    fn each_key_stands_in_a_map_of_the_table_and_once() {
        assert_eq!(BY_PATH.len(), PLACES.len(), "each path stands once");
        for place in all() {
            let (above, word) = split(&place.path);
            assert!(above.is_empty() || at(above).is_some(), "{}", place.path);
            assert!(word.len() <= 63);
            for text in [place.key.sentence, place.key.example] {
                assert!(!text.is_empty(), "{}", place.path);
            }
            assert!(place.key.sentence.ends_with('.'), "{}", place.path);
            assert!(place.key.relations.is_empty() || place.key.relations.ends_with('.'));
        }
    }
}
