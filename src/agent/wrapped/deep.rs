//! The deeper look at a site of JobCenter: every kind of process that the manual tells to look for.

use super::{Fault, Target};
use crate::backend::jobcenter;
use crate::observe::Wrapping;
use crate::process::{ProcessRecord, Record, find_members, holders};
use crate::site::WRAPPED;

/// A kind of process of JobCenter's table that is not there, or not often enough (PROC-02). Not
/// looked at while the site is at rest (PROC-07, MNT-04): the caller sees to that.
pub(crate) fn missing_kind(target: &Target, wrapping: &Wrapping) -> Option<Fault> {
    let wrapped = wrapping.definition.wrapped.as_ref()?;
    wrapped.jobcenter.as_ref()?;
    let mut record = Record::read(&target.site).ok().flatten();
    // What was started by hand bears no mark, but it descends from these.
    if let Some(record) = &mut record {
        let known = wrapping.supervisors.iter().chain(&wrapping.daemon);
        record.processes.extend(known.map(|i| ProcessRecord::started(WRAPPED, i.clone())));
    }
    let members = find_members(&target.site, record.as_ref()).ok()?;
    let mut lines: Vec<Vec<Vec<u8>>> =
        members.ours.iter().filter_map(|m| m.seen().stat()).map(|s| jobcenter::words(&s)).collect();
    if record.is_none()
        && let Some(database) = &wrapping.definition.database
    {
        let holding = holders(database).ok()?;
        let stats = holding.iter().filter_map(|h| h.seen().stat());
        lines.extend(stats.map(|s| jobcenter::words(&s)));
    }
    jobcenter::PROCESSES.iter().find_map(|kind| {
        let there = lines.iter().filter(|line| jobcenter::is_named(line, kind.names)).count();
        (there < kind.at_least).then(|| {
            Fault::failed(format!(
                "the site `{}` should run {} of `{}`, and {there} can be seen",
                target.name,
                kind.at_least,
                kind.names.join("` or `")
            ))
        })
    })
}
