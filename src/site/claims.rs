//! The host names and databases that the sites of this node claim. No two sites may have one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::bounds::LONGEST;
use super::definition::{Definition, SiteName};
use super::installed::defined_sites;
use super::parse::site_and_database;
use super::places::Places;
use crate::linux::files;

/// What all sites that are defined here claim, each definition read once.
#[derive(Debug)]
pub struct Claims {
    places: Places,
    names: HashMap<String, Vec<SiteName>>,
    databases: HashMap<PathBuf, Vec<SiteName>>,
}

impl Claims {
    /// The claims of every definition here that can be read.
    pub fn of_installed(places: &Places) -> Self {
        let mut claims =
            Self { places: places.clone(), names: HashMap::new(), databases: HashMap::new() };
        for name in defined_sites(places) {
            let text = text_of(&places.of(&name).definition);
            let Some((site, database)) = text.and_then(|text| site_and_database(&name, &text))
            else {
                continue;
            };
            claims.names.entry(site).or_default().push(name.clone());
            if let Some(database) = database {
                claims.databases.entry(database).or_default().push(name);
            }
        }
        claims
    }

    /// A sentence, where another site claims the same host name or database as this one.
    pub fn clash(&self, definition: &Definition) -> Option<String> {
        let other = |claimed: Option<&Vec<SiteName>>| {
            claimed?.iter().find(|name| **name != definition.name).cloned()
        };
        let (other, claimed) = match other(self.names.get(&definition.site)) {
            Some(other) => (other, host_name(&definition.site)),
            None => {
                let database = definition.database.as_ref()?;
                (other(self.databases.get(database))?, database_of(database))
            }
        };
        let file = |name: &SiteName| self.places.of(name).definition;
        let (one, two) = (file(&definition.name), file(&other));
        Some(clash_sentence((&definition.name, &one), (&other, &two), &claimed))
    }
}

/// The text of a definition; None: it cannot be read, and is refused when it is its turn.
fn text_of(file: &Path) -> Option<String> {
    String::from_utf8(files::read_plain(file, LONGEST).ok()?).ok()
}

/// Whether a definition with this text may claim what `definition` claims: reading YAML costs more than looking for
/// a word, and a node may have a thousand sites.
fn may_clash(other: &SiteName, text: &str, definition: &Definition) -> bool {
    let has = |word: &str| {
        // A word can be spelt in another way with an escape; one with a space can go over two lines.
        text.contains(word) || text.contains('\\') || word.contains(char::is_whitespace)
    };
    // Paths are compared by their parts.
    let folder = definition.database.as_deref().and_then(Path::file_name).map(|f| f.to_str());
    other.as_str() == definition.site
        || has(&definition.site)
        || folder.is_some_and(|folder| folder.is_none_or(has))
}

/// A sentence, where a site that is defined here claims the same host name or database as the one in `file`.
/// Sites that are called as one of `apart` are left out.
pub fn clash_with_installed(
    places: &Places,
    definition: &Definition,
    file: &Path,
    apart: &[&SiteName],
) -> Option<String> {
    let clash = |other: SiteName| {
        if apart.contains(&&other) {
            return None;
        }
        let other_file = places.of(&other).definition;
        let text = text_of(&other_file).filter(|text| may_clash(&other, text, definition))?;
        let (site, database) = site_and_database(&other, &text)?;
        let claimed = claimed_by_both(definition, &site, database.as_deref())?;
        Some(clash_sentence((&definition.name, file), (&other, &other_file), &claimed))
    };
    defined_sites(places).into_iter().find_map(clash)
}

/// A sentence, where two definitions in files claim the same host name or database.
pub fn clash_of(one: (&Definition, &Path), other: (&Definition, &Path)) -> Option<String> {
    let claimed = claimed_by_both(one.0, &other.0.site, other.0.database.as_deref())?;
    Some(clash_sentence((&one.0.name, one.1), (&other.0.name, other.1), &claimed))
}

fn claimed_by_both(definition: &Definition, site: &str, database: Option<&Path>) -> Option<String> {
    if site == definition.site {
        return Some(host_name(site));
    }
    let database = database.filter(|d| Some(*d) == definition.database.as_deref())?;
    Some(database_of(database))
}

fn host_name(site: &str) -> String {
    format!("the virtual host name {site}")
}

fn database_of(database: &Path) -> String {
    format!("the database {}", database.display())
}

fn clash_sentence(one: (&SiteName, &Path), other: (&SiteName, &Path), claimed: &str) -> String {
    format!(
        "the sites `{}` and `{}` both claim {claimed}; change {} or {}",
        one.0,
        other.0,
        one.1.display(),
        other.1.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::parse;

    fn read(name: &str, text: &str) -> Definition {
        let text = format!("version: 1\n{text}processes: {{a: {{command: [/bin/true]}}}}\n");
        parse(&name.parse().unwrap(), Path::new("x.yaml"), &text).unwrap()
    }

    #[test]
    fn a_text_that_can_spell_a_claim_in_any_way_is_read() {
        let one = read("one", "site: a.example\ndatabase: /mnt/db/\n");
        let other: SiteName = "other".parse().unwrap();
        for text in [
            "site: a.example\n",
            "site: \"\\x61.example\"\n",
            "database: /mnt//db\n",
            "x: &d /mnt/db\ndatabase: *d\n",
            "database: \"/mnt/\\x64b\"\n",
        ] {
            assert!(may_clash(&other, text, &one), "{text}");
        }
        assert!(!may_clash(&other, "site: b.example\ndatabase: /mnt/other\n", &one));
        assert!(may_clash(&"a.example".parse().unwrap(), "", &one));
        let spaced = read("one", "database: /mnt/a b\n");
        assert!(may_clash(&other, "database: /mnt/a\n  b\n", &spaced));
    }
}
