//! What the helper process does: see `jobs`.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{read_agents, read_file, read_files};
use super::gather::gather;
use super::jobs::{FOLDER, FactsJob, FactsSource, LeftFacts};
use super::node_facts::{Occasion, SitewardFact};
use super::secrets::hex;
use crate::linux::folder::Folder;
use crate::linux::node;
use crate::site::{
    Definition, LoadError, Places, SiteName, load_snapshot, load_uncompared, on_database,
};
use crate::values::Moment;

/// The longest facts that are written and read, in bytes.
const LONGEST: usize = 1 << 20;

/// The most that is read of the facts of all nodes, in bytes.
const MOST: usize = 3 << 20;

fn definition(
    places: &Places,
    name: &SiteName,
    source: FactsSource,
) -> Result<Definition, LoadError> {
    match source {
        FactsSource::File => load_uncompared(places, name),
        FactsSource::Snapshot => load_snapshot(&places.of(name).snapshot(), name),
    }
}

/// Does the job in the helper process. Returns the answer to print.
pub fn obey(job: &str, places: &Places) -> Option<String> {
    match serde_json::from_str(job).ok()? {
        FactsJob::Files { name, source, within } => {
            let until = Moment::now() + within;
            let definition = definition(places, &name, source).ok()?;
            let siteward = SitewardFact {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                program: read_file(Path::new("/proc/self/exe"), until),
                agents: read_agents(&name, until),
            };
            serde_json::to_string(&(siteward, read_files(&definition, until)))
        }
        FactsJob::Leave { name, node, within } => {
            node::set_name(node);
            serde_json::to_string(&leave(places, &name, Moment::now() + within))
        }
        FactsJob::Read { database } => serde_json::to_string(&read(&database)),
    }
    .ok()
}

/// The name of a node's file; two nodes never share one.
fn file_of(node: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain: String = node.chars().filter(|c| fits(*c)).take(200).collect();
    match plain == node && !plain.starts_with('.') && !plain.is_empty() {
        true => format!("{plain}.json"),
        false => {
            let mark = hex(&Sha256::digest(node)[..8]);
            format!("{}@{mark}.json", plain.trim_start_matches('.'))
        }
    }
}

fn leave(places: &Places, name: &SiteName, until: Moment) -> Result<(), String> {
    let definition = definition(places, name, FactsSource::Snapshot).map_err(|e| e.to_string())?;
    let database = definition.database.as_ref().ok_or("the site has no database")?;
    let facts = gather(places, &definition, FactsSource::Snapshot, Occasion::Start, until);
    let text = serde_json::to_vec(&facts).map_err(|e| e.to_string())?;
    if text.len() > LONGEST {
        return Err(format!("they are longer than {LONGEST} bytes"));
    }
    // The disk may be gone by now, and its empty mount point is no place for them.
    let is_mounted = |point: &PathBuf| node::is_mount_point(point).unwrap_or(false);
    if !definition.prerequisites.mounted.as_ref().is_none_or(is_mounted) {
        return Err("the database is not mounted any more".to_owned());
    }
    let write = || {
        let own = on_database(database);
        let folder = Folder::open(database)?.private(own.file_name().unwrap_or_default())?;
        folder.private(OsStr::new(FOLDER))?.write(OsStr::new(&file_of(&facts.node)), &text)
    };
    write().map_err(|e| format!("{} cannot be used: {e}", on_database(database).display()))
}

fn read(database: &Path) -> Result<Vec<LeftFacts>, String> {
    let at = on_database(database);
    let open = || {
        let own = Folder::open(database)?.own(at.file_name().unwrap_or_default())?;
        own.own(OsStr::new(FOLDER))
    };
    let failed = |e: std::io::Error| format!("{} cannot be read: {e}", at.join(FOLDER).display());
    let folder = match open() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    // By its descriptor: another folder may stand at its path by now.
    let listed = std::fs::read_dir(format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd()));
    let entries = listed.map_err(failed)?.flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| !name.as_encoded_bytes().ends_with(b".new"));
    names.sort();
    let mut left = MOST;
    let mut facts = Vec::new();
    for name in names {
        let file = name.to_string_lossy().into_owned();
        let text = match folder.read_plain(&name, LONGEST.min(left) as u64) {
            Ok(bytes) => {
                left = left.saturating_sub(bytes.len());
                String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        facts.push(LeftFacts { file, text });
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_file_of_its_own_below_the_folder() {
        assert_eq!(file_of("node-a.example"), "node-a.example.json");
        let odd = ["", ".", "..", "a/b", "ab", "../../etc/passwd", "é", "a\nb", ".a", "a"];
        let files: std::collections::BTreeSet<String> = odd.iter().map(|n| file_of(n)).collect();
        assert_eq!(files.len(), odd.len(), "{files:?}");
        assert!(files.iter().all(|f| !f.contains('/') && !f.starts_with('.')), "{files:?}");
        assert!(file_of(&"x".repeat(300)).len() < 255);
    }
}
