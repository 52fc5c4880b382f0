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
    // The odd one first. With as many on each side, the order of the files stays.
    groups.sort_by_key(|group| group.labels.len());
    let told = |group: &Group<'_>| {
        let labels: Vec<String> = group.labels.iter().map(|label| (*label).to_owned()).collect();
        let words = cut(&group.row.told());
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
        mend: mend(&groups),
    }
}

/// What makes the nodes alike again: a change of those that are not as most are, or that lack something;
/// where two are as good as each other, of the one or of the other.
fn mend(groups: &[Group<'_>]) -> Option<String> {
    let change = |group: &Group<'_>, value: &str| {
        let words = group.row.mend.replace("{}", value);
        (!words.is_empty()).then(|| format!("on {}: {words}", group.labels.join(" and ")))
    };
    let first = &groups.first()?.row.mend;
    if !first.contains("{}") && groups.iter().all(|group| group.row.mend == *first) {
        return Some(first.clone()).filter(|mend| !mend.is_empty());
    }
    let whole = || groups.iter().filter(|group| !group.row.is_lacking());
    let most = whole().map(|group| group.labels.len()).max()?;
    let right: Vec<&Group<'_>> = whole().filter(|group| group.labels.len() == most).collect();
    let value = |group: &Group<'_>| cut(group.row.bare());
    let (changes, between): (Vec<String>, &str) = match right[..] {
        [right] => {
            let others = groups.iter().filter(|group| group.labels != right.labels);
            (others.filter_map(|group| change(group, &value(right))).collect(), "; ")
        }
        [one, other] if groups.len() == 2 => {
            let both = [change(one, &value(other)), change(other, &value(one))];
            (both.into_iter().flatten().collect(), "; or ")
        }
        _ => {
            let words = right.first()?.row.mend.replace("{}", "VALUE");
            (vec![format!("with one VALUE on all nodes: {words}")], "")
        }
    };
    (!changes.is_empty()).then(|| changes.join(between))
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
