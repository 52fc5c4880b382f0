//! The differences between the facts of nodes, as findings.

use std::collections::BTreeSet;
use std::time::Duration;

use super::node_facts::NodeFacts;
use super::rows::{FactRow, rows};
use crate::operator::finding::{Finding, Severity};

/// How many differing keys of two definitions are told one by one.
const MOST_KEYS: usize = 40;

/// The longest value in a sentence, in characters.
const LONGEST_VALUE: usize = 200;

/// The facts of one node, and how it is called in a sentence.
pub(super) struct Labelled {
    pub(super) label: String,
    /// The label says when the facts were taken.
    pub(super) says_when: bool,
    pub(super) facts: NodeFacts,
}

/// One value of a fact, and the nodes that have it.
struct Group<'a> {
    row: FactRow,
    labels: Vec<&'a str>,
}

/// Compares two nodes or more. The first finding says what was compared.
pub(super) fn differences(nodes: &[Labelled]) -> Vec<Finding> {
    let first = nodes.first().map(|node| node.facts.taken_by);
    let same_way = nodes.iter().all(|node| Some(node.facts.taken_by) == first);
    let tables: Vec<Vec<FactRow>> = nodes.iter().map(|node| rows(&node.facts, same_way)).collect();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for row in tables.iter().flatten() {
        if seen.insert((row.check, row.subject.clone())) {
            findings.extend(compare_row(row, nodes, &tables));
        }
    }
    shorten(&mut findings);
    findings.extend(nodes.iter().flat_map(not_known));
    findings.insert(0, summary(nodes, seen.len()));
    findings.iter_mut().for_each(make_plain);
    findings
}

fn summary(nodes: &[Labelled], count: usize) -> Finding {
    let told = |node: &Labelled| match node.says_when {
        true => node.label.clone(),
        false => format!("{} ({})", node.label, ago(node.facts.taken.age())),
    };
    let nodes: Vec<String> = nodes.iter().map(told).collect();
    Finding {
        severity: Severity::Ok,
        check: "facts",
        sentence: format!("{count} facts were compared of {}", listed(&nodes)),
        mend: None,
    }
}

fn not_known(node: &Labelled) -> Vec<Finding> {
    let warning = |why: &String| Finding {
        severity: Severity::Warning,
        check: "facts-unknown",
        sentence: format!("not everything of {} was compared: {why}", node.label),
        mend: None,
    };
    node.facts.not_known.iter().map(warning).collect()
}

fn compare_row(row: &FactRow, nodes: &[Labelled], tables: &[Vec<FactRow>]) -> Vec<Finding> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut findings = Vec::new();
    for (node, table) in nodes.iter().zip(tables) {
        let own = table.iter().find(|own| own.check == row.check && own.subject == row.subject);
        let Some(own) = own.cloned().or_else(|| row.not_given(table)) else { continue };
        if let Err(why) = &own.value {
            findings.push(Finding {
                severity: Severity::Warning,
                check: row.check,
                sentence: format!("{why} (on {})", node.label),
                mend: None,
            });
            continue;
        }
        match groups.iter_mut().find(|group| group.row.words() == own.words()) {
            Some(group) => group.labels.push(&node.label),
            None => groups.push(Group { row: own, labels: vec![&node.label] }),
        }
    }
    if groups.len() > 1 {
        findings.push(difference(groups));
    }
    findings
}

fn difference(mut groups: Vec<Group<'_>>) -> Finding {
    let most = groups.iter().map(|group| group.labels.len()).max().unwrap_or(0);
    let is_tied = groups.iter().filter(|group| group.labels.len() == most).count() > 1;
    // The odd one first. With as many on each side, the order of the files stays.
    groups.sort_by_key(|group| group.labels.len());
    let told = |group: &Group<'_>| {
        let labels: Vec<String> = group.labels.iter().map(|label| (*label).to_owned()).collect();
        let words = cut(&group.row.words().unwrap_or_default());
        format!("{words} on {}", listed(&labels))
    };
    let row = &groups[0].row;
    let parts: Vec<String> = groups.iter().map(told).collect();
    let result = if row.result.is_empty() { String::new() } else { format!(": {}", row.result) };
    let severity = groups.iter().map(|group| group.row.severity).max().unwrap_or(row.severity);
    Finding {
        severity,
        check: row.check,
        sentence: format!("{} {}{result}", row.subject, parts.join(", and ")),
        mend: mend(&groups, is_tied),
    }
}

/// What makes the nodes alike again: a change of the odd one, or of a node that lacks something; where
/// neither is told, of one or the other.
fn mend(groups: &[Group<'_>], is_tied: bool) -> Option<String> {
    let lacking = groups.iter().position(|group| group.row.is_lacking());
    let target = match (lacking, is_tied) {
        (Some(lacking), true) => {
            groups.iter().rposition(|g| !g.row.is_lacking()).filter(|i| *i != lacking)
        }
        _ => Some(groups.len() - 1),
    };
    let change = |group: &Group<'_>, target: &Group<'_>| {
        let words = group.row.mend.replace("{}", &cut(target.row.bare()));
        (!words.is_empty()).then(|| format!("on {}: {words}", group.labels.join(" and ")))
    };
    let is_general = !groups.iter().any(|group| group.row.mend.contains("{}"))
        && groups.iter().all(|group| group.row.mend == groups[0].row.mend);
    if is_general {
        return Some(groups[0].row.mend.clone()).filter(|mend| !mend.is_empty());
    }
    let target = &groups[target?];
    let is_other = |group: &&Group<'_>| group.labels != target.labels;
    let mut changes: Vec<String> =
        groups.iter().filter(is_other).filter_map(|group| change(group, target)).collect();
    if is_tied && lacking.is_none() && groups.len() == 2 {
        changes.extend(change(target, &groups[0]));
        return (!changes.is_empty()).then(|| changes.join("; or "));
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

/// Two definitions that have nothing in common need not be told key by key.
fn shorten(findings: &mut Vec<Finding>) {
    let is_key = |finding: &Finding| finding.check == "facts-definition";
    let count = findings.iter().filter(|finding| is_key(finding)).count();
    let Some(more) = count.checked_sub(MOST_KEYS).filter(|more| *more > 0) else { return };
    let mut left = MOST_KEYS;
    findings.retain(|finding| {
        let keep = !is_key(finding) || left > 0;
        left = left.saturating_sub(usize::from(is_key(finding)));
        keep
    });
    findings.push(Finding {
        severity: Severity::Error,
        check: "facts-definition",
        sentence: format!("{more} more keys of the definition differ"),
        mend: None,
    });
}

/// A file may come from anywhere: nothing in it may steer a terminal.
fn make_plain(finding: &mut Finding) {
    finding.sentence = plain(&finding.sentence);
    finding.mend = finding.mend.as_deref().map(plain);
}

fn plain(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{}...", &value[..at]),
        None => value.to_owned(),
    }
}

fn listed(words: &[String]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// An age as a person says it.
pub(super) fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..2 => return "just now".to_owned(),
        2..120 => (seconds, "seconds"),
        120..7200 => (seconds / 60, "minutes"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit} ago")
}
