//! By which marks siteward tracks a site's processes on this node, which strangers bear its mark, and by
//! which marks the last stop was proved.

use crate::agent::{Outcome, Target};
use crate::observe::drift;
use crate::process::{Ending, Record, find_members, offered};

/// Lines for a person.
pub fn tracking(target: &Target) -> Vec<String> {
    let mut lines = vec!["its processes are tracked on this node by these marks:".to_owned()];
    let record = match Record::read(&target.site) {
        Ok(record) => record,
        Err(error) => return vec![format!("the state file of the site cannot be read: {error}")],
    };
    for offer in offered(&target.site, record.as_ref()) {
        let is = if offer.offered { "" } else { "not here: " };
        lines.push(format!("  {:11}  {is}{}", offer.mark, offer.detail));
    }
    match find_members(&target.site, record.as_ref()) {
        Ok(members) => lines.extend(members.describe_strangers()),
        Err(error) => lines
            .push(format!("it cannot be found out which other processes bear its mark: {error}")),
    }
    lines.push(match record.and_then(|record| record.ending) {
        Some(Ending::Stopped { at, by, proved_by }) if !proved_by.is_empty() => {
            format!("last stopped at {at} by {by}, proved by: {}", proved_by.join(", "))
        }
        Some(Ending::Stopped { at, by, .. }) => format!("last stopped at {at} by {by}"),
        Some(Ending::Failed(failure)) => {
            format!("last failed at {}: {}", failure.at, failure.reason)
        }
        None => {
            "no stop is on record since this node was booted, or since the site was last started"
                .to_owned()
        }
    });
    lines
}

/// What a person who looks at the site has to know of its definition.
pub fn definition_lines(target: &Target, outcome: &Outcome) -> Vec<String> {
    let Outcome::Seen(observation) = outcome else { return Vec::new() };
    let drift = drift(&target.places, &target.name);
    let said = match observation.is_up() {
        true => drift.while_up(&target.site.definition),
        false => drift.while_down(),
    };
    said.into_iter().map(|line| format!("  {line}")).collect()
}
