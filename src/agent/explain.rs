//! What this node offers to hold a site's processes by, who bears its mark without being one of them,
//! and what the last stop was proved by.

use super::Target;
use crate::process::{Ending, Record, find_members, offered};

/// Lines for a person.
pub fn explain(target: &Target) -> Vec<String> {
    let mut lines = vec!["marks by which its processes are known on this node:".to_owned()];
    let record = match Record::read(&target.site) {
        Ok(record) => record,
        Err(error) => return vec![format!("its record cannot be read: {error}")],
    };
    for offer in offered(&target.site, record.as_ref()) {
        let is = if offer.offered { "" } else { "not here: " };
        lines.push(format!("  {:11}  {is}{}", offer.mark, offer.detail));
    }
    match find_members(&target.site, record.as_ref()) {
        Ok(members) => lines.extend(members.describe_strangers()),
        Err(error) => lines.push(format!("what else bears its mark cannot be told: {error}")),
    }
    lines.push(match record.and_then(|record| record.ending) {
        Some(Ending::Stopped { at, by, proved_by }) if !proved_by.is_empty() => {
            format!("last stopped at {at} by {by}, proved by: {}", proved_by.join(", "))
        }
        Some(Ending::Stopped { at, by, .. }) => format!("last stopped at {at} by {by}"),
        Some(Ending::Failed(failure)) => {
            format!("last failed at {}: {}", failure.at, failure.reason)
        }
        None => "no stop is on record since this node was booted, or since it was last started"
            .to_owned(),
    });
    lines
}
