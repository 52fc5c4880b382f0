//! The deeper look at a site of JobCenter: every kind of process that the manual tells to look for.

use super::External;
use crate::backend::jobcenter;
use crate::process::{Identity, ProcessRecord, Record, find_members, holders};
use crate::site::WRAPPED;

impl External {
    /// A sentence about a kind of process of JobCenter's table that is not there, or not often enough
    /// (PROC-02). `known`: its supervisors and its daemon; a process that a person started by hand bears
    /// no mark, but descends from these. Of no use while the site is at rest (PROC-07, MNT-04).
    pub fn missing_kind(&self, known: &[Identity]) -> Option<String> {
        self.wrapped.jobcenter.as_ref()?;
        let mut record = Record::read(&self.places).ok().flatten();
        if let Some(record) = &mut record {
            let known = known.iter().map(|i| ProcessRecord::started(WRAPPED, i.clone()));
            record.processes.extend(known);
        }
        let members = find_members(&self.places, record.as_ref()).ok()?;
        let stats = members.ours.iter().filter_map(|m| m.seen().stat());
        let mut lines: Vec<Vec<Vec<u8>>> = stats.map(|s| jobcenter::words(&s)).collect();
        if record.is_none()
            && let Some(database) = &self.definition.database
        {
            let holding = holders(database).ok()?;
            let stats = holding.iter().filter_map(|h| h.seen().stat());
            lines.extend(stats.map(|s| jobcenter::words(&s)));
        }
        jobcenter::PROCESSES.iter().find_map(|kind| {
            let there = lines.iter().filter(|line| jobcenter::is_named(line, kind.names)).count();
            (there < kind.at_least).then(|| {
                format!(
                    "the site `{}` should run {} of `{}`, and {there} can be seen",
                    self.definition.name,
                    kind.at_least,
                    kind.names.join("` or `")
                )
            })
        })
    }
}
