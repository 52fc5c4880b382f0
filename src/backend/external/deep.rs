//! The deep monitor of a JobCenter site: every kind of process that the manual lists.

use super::External;
use crate::backend::jobcenter::{self, Wanted};
use crate::process::{Identity, ProcessRecord, Record, find_members, holders};
use crate::site::WRAPPED;

/// How many processes of a kind are seen.
struct Counted {
    kind: Wanted,
    there: usize,
}

impl External {
    /// A sentence about a kind of process of which too few run (PROC-02). `known`: the supervisors and the
    /// daemon; a process that was started by hand has no mark, but descends from these. Not meant for a
    /// paused site (PROC-07, MNT-04).
    pub fn missing_kind(&self, known: &[Identity]) -> Option<String> {
        let Counted { kind, there } =
            self.count_kinds(known)?.into_iter().find(|c| c.there < c.kind.at_least)?;
        Some(format!(
            "the site `{}` should run {} of `{}`, and {there} can be seen",
            self.definition.name,
            kind.at_least,
            kind.names.join("` or `")
        ))
    }

    /// How many kinds of its processes are up, of how many, with the supervisor; None: nothing is known of kinds.
    pub fn kinds_up(&self, known: &[Identity]) -> Option<(usize, usize)> {
        let counted = self.count_kinds(known)?;
        let up = counted.iter().filter(|c| c.there >= c.kind.at_least).count();
        Some((up + usize::from(!known.is_empty()), counted.len() + 1))
    }

    fn count_kinds(&self, known: &[Identity]) -> Option<Vec<Counted>> {
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
        let count = |kind: Wanted| {
            let is_one = |line: &&Vec<Vec<u8>>| jobcenter::is_named(line, kind.names);
            Counted { kind, there: lines.iter().filter(is_one).count() }
        };
        Some(jobcenter::PROCESSES.into_iter().map(count).collect())
    }
}
