//! The facts of a node that must be the same on every node of a site.
//!
//! A difference shows at a failover, when the site is down. So each node tells its facts: by `doctor
//! --export`, and by each start, on the site's database.
//!
//! Promises: facts are compared by content; each difference names both nodes and both values. Must never:
//! contain a secret, change anything but the facts on the database, or delay a start.

mod differences;
mod files;
mod gather;
mod helper;
mod jobs;
mod leave;
mod named;
mod node_facts;
mod rows;
mod secrets;
mod system;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use differences::{Labelled, ago, differences};
use gather::gather;
use jobs::{FactsJob, FactsSource, LeftFacts, WORD};
use node_facts::{NodeFacts, Occasion, VERSION};

use super::finding::{Finding, Severity};
use crate::agent::{Deadline, Fault, Target};
use crate::disk;
use crate::linux::node;
use crate::messages;
use crate::site::{Definition, Places, SiteName, load, on_database};
use crate::values::Moment;

pub use helper::obey;
pub use leave::{LeaveOrder, leave};

/// How long the facts may take if the caller sets no time: large programs are read as a whole.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the database may take to give the facts of the other nodes.
const DISK: Duration = Duration::from_secs(10);

/// The longest file that is read, in bytes.
const LONGEST: u64 = 8 << 20;

/// This node, in the place of a file's name.
const HERE: &str = "-";

fn until(deadline: &Deadline) -> Moment {
    deadline.begun + deadline.given.unwrap_or(PATIENCE)
}

fn facts_here(places: &Places, definition: &Definition, deadline: &Deadline) -> NodeFacts {
    gather(places, definition, FactsSource::File, Occasion::Export, until(deadline))
}

/// The facts of this node, as text for a file.
///
/// # Errors
/// The definition cannot be read.
pub fn export(target: &Target, deadline: &Deadline) -> Result<String, Fault> {
    let definition = load(&target.places, &target.name)?;
    let facts = facts_here(&target.places, &definition, deadline);
    serde_json::to_string_pretty(&facts).map_err(|error| messages::facts_not_written(error).into())
}

/// The differences between exported facts. One file alone, or `-`, is compared with this node.
///
/// # Errors
/// A file cannot be read or understood, or they are of different sites.
pub fn compare(
    files: &[PathBuf],
    places: &Places,
    deadline: &Deadline,
) -> Result<Vec<Finding>, Fault> {
    let here = Path::new(HERE);
    let with_here = files.len() == 1 || files.iter().any(|file| file == here);
    let named: Vec<&PathBuf> = files.iter().filter(|file| *file != here).collect();
    let mut nodes = Vec::new();
    for file in &named {
        let facts = read_file(file)
            .and_then(|text| understand(&text))
            .map_err(|why| Fault::from(messages::facts_unreadable(file.display(), why)))?;
        nodes.push((file.display().to_string(), facts));
    }
    let Some((_, first)) = nodes.first() else {
        return Err(messages::facts_missing().into());
    };
    if let Some((file, other)) = nodes.iter().find(|(_, facts)| facts.site != first.site) {
        let (one, name, other) = (&nodes[0].0, &first.site, &other.site);
        return Err(messages::facts_of_other_site(one, name, file, other).into());
    }
    if with_here {
        let name: SiteName = first.site.parse().map_err(|why: String| messages::name_wrong(why))?;
        let definition = load(places, &name)?;
        nodes.push(("this node".to_owned(), facts_here(places, &definition, deadline)));
    }
    Ok(compare_named(nodes))
}

/// Compares the facts of nodes, each with the name of what they were read from.
fn compare_named(nodes: Vec<(String, NodeFacts)>) -> Vec<Finding> {
    let is_twice = |node: &str| nodes.iter().filter(|(_, facts)| facts.node == node).count() > 1;
    let twice: Vec<&(String, NodeFacts)> =
        nodes.iter().filter(|(_, facts)| is_twice(&facts.node)).collect();
    let warning = twice.first().map(|(_, facts)| {
        let from: Vec<&str> = twice.iter().map(|(from, _)| from.as_str()).collect();
        let sentence = format!("{} are of one node, {}", from.join(" and "), facts.node);
        let mend = Some("run --export on each node".to_owned());
        Finding { severity: Severity::Warning, check: "facts", sentence, mend }
    });
    let labels: Vec<String> = nodes
        .iter()
        .map(|(from, facts)| match is_twice(&facts.node) {
            true => format!("{} ({from})", facts.node),
            false => facts.node.clone(),
        })
        .collect();
    let nodes: Vec<Labelled> = labels
        .into_iter()
        .zip(nodes)
        .map(|(label, (_, facts))| Labelled { label, says_when: false, facts })
        .collect();
    let mut findings = differences(&nodes);
    findings.extend(warning);
    findings
}

fn read_file(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    read.map_err(|e| e.to_string())?;
    match text.len() as u64 > LONGEST {
        true => Err(format!("it is longer than {LONGEST} bytes")),
        false => Ok(text),
    }
}

/// The facts in a text, or why there are none.
fn understand(text: &str) -> Result<NodeFacts, String> {
    let again = "make it again with: siteward doctor SITE --export";
    if text.trim().is_empty() {
        return Err(format!("it is empty; {again}"));
    }
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("it is not JSON ({e}); {again}"))?;
    match value.get("siteward_facts").map(serde_json::Value::as_u64) {
        None => Err(format!("it was not written by siteward; {again}")),
        Some(Some(VERSION)) => {
            serde_json::from_value(value).map_err(|e| format!("it is incomplete ({e}); {again}"))
        }
        Some(version) => Err(format!(
            "it is of version {} of the format, and this siteward reads version {VERSION}; install \
             the same siteward on all nodes",
            version.map_or_else(|| "?".to_owned(), |number| number.to_string())
        )),
    }
}

/// The differences between this node and the others whose facts are on the site's database.
pub fn compare_with_database(target: &Target, deadline: &Deadline) -> Vec<Finding> {
    let Ok(definition) = load(&target.places, &target.name) else { return Vec::new() };
    let Some(database) = &definition.database else { return Vec::new() };
    let is_mounted = |point: &PathBuf| node::is_mount_point(point).unwrap_or(false);
    let finding = |severity, sentence: String, mend: Option<String>| Finding {
        severity,
        check: "facts",
        sentence,
        mend,
    };
    if !definition.prerequisites.mounted.as_ref().is_none_or(is_mounted) {
        let sentence = "this node is not compared with others: their facts are on the database, \
                        which is not mounted here; run doctor where the site is up, or carry the \
                        facts by --export and --compare";
        return vec![finding(Severity::Ok, sentence.to_owned(), None)];
    }
    let job = FactsJob::Read { database: database.clone() };
    let patience = until(deadline).min(Moment::now() + DISK);
    let asked: Result<Result<Vec<LeftFacts>, String>, _> =
        disk::ask(&target.places, (WORD, &job), database, patience, None);
    let left = match asked.map_err(|undone| undone.to_string()).and_then(|read| read) {
        Ok(left) => left,
        Err(why) => {
            let sentence = format!("this node is not compared with others: {why}");
            return vec![finding(Severity::Warning, sentence, None)];
        }
    };
    let folder = on_database(database).join(jobs::FOLDER);
    let mut findings = Vec::new();
    let mut others = Vec::new();
    let (name, host) = (node::name(), node::host_name());
    for LeftFacts { file, text } in left {
        let at = folder.join(&file).display().to_string();
        let understood = text.and_then(|text| understand(&text)).and_then(|facts| {
            match facts.site == target.name.as_str() {
                true => Ok(facts),
                false => Err(format!("it is of the site `{}`", facts.site)),
            }
        });
        match understood {
            Ok(facts) if facts.node == name || facts.host == host => {}
            Ok(facts) => others.push((at, facts)),
            Err(why) => findings.push(finding(
                Severity::Warning,
                format!("{} holds no facts of a node: {why}", at.escape_debug()),
                Some("remove the file, if no start of another node writes it again".to_owned()),
            )),
        }
    }
    if others.is_empty() {
        let sentence = "no other node has left its facts on the database yet: each start does";
        findings.push(finding(Severity::Ok, sentence.to_owned(), None));
        return findings;
    }
    let mut nodes = vec![Labelled {
        label: name,
        says_when: false,
        facts: facts_here(&target.places, &definition, deadline),
    }];
    nodes.extend(others.into_iter().map(|(_, facts)| Labelled {
        label: format!("{} ({})", facts.node, ago(facts.taken.age())),
        says_when: true,
        facts,
    }));
    let mut found = differences(&nodes);
    let is_older = |node: &&Labelled| node.says_when && is_older_than_definition(target, node);
    if let Some(node) = nodes.iter().find(is_older) {
        found.iter_mut().for_each(|finding| ask_again(finding, target, &node.facts.node));
    }
    findings.extend(found);
    findings
}

/// Whether a node has left its facts before the definition here was changed last.
fn is_older_than_definition(target: &Target, node: &Labelled) -> bool {
    let there = target.site.definition.metadata().and_then(|there| there.modified());
    there.is_ok_and(|changed| node.facts.taken < changed.into())
}

/// The definition may be the same on both nodes by now: the old facts prove no difference.
fn ask_again(finding: &mut Finding, target: &Target, node: &str) {
    if finding.check != "facts-definition" {
        return;
    }
    let name = &target.name;
    finding.severity = Severity::Warning;
    finding.mend = Some(format!(
        "the definition here was changed since; if it was not changed on {node} too, copy it there. To \
         be sure: ssh {node} siteward doctor {name} --export > FILE; siteward doctor --compare FILE"
    ));
}
