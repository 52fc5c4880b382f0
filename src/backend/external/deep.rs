//! The deep monitor of a JobCenter site: every kind of process that the manual lists.

use super::External;
use crate::backend::jobcenter::{PROCESSES, Wanted, WhoCounts, Worker};
use crate::process::{Identity, ProcessRecord, Record, find_members, holders};
use crate::site::WRAPPED;

impl External {
    /// A sentence about a kind of process that is not there as it should be (PROC-01, PROC-02, PROC-04). `known`: the
    /// supervisors and the daemon; a process that was started by hand has no mark, but descends from these. Not meant
    /// for a paused site (PROC-07, MNT-04).
    pub fn missing_kind(&self, known: &[Identity]) -> Option<String> {
        let why = self.complaints_of_kinds(known)?.into_iter().find_map(|(_, why)| why)?;
        Some(format!("the site `{}` lacks a process: {why}", self.definition.name))
    }

    /// How many kinds of its processes are up, of how many, with the supervisor; None: nothing is known of kinds.
    pub fn kinds_up(&self, known: &[Identity]) -> Option<(usize, usize)> {
        let mut complaints = self.complaints_of_kinds(known)?;
        // Of what a site may do without, nobody waits for it.
        complaints.retain(|(kind, _)| kind.counts != WhoCounts::ChildOfNqsdaemon);
        let up = complaints.iter().filter(|(_, complaint)| complaint.is_none()).count();
        Some((up + usize::from(!known.is_empty()), complaints.len() + 1))
    }

    /// Each kind with what is wrong with it; None: nothing is known of kinds.
    fn complaints_of_kinds(&self, known: &[Identity]) -> Option<Vec<(Wanted, Option<String>)>> {
        self.wrapped.jobcenter.as_ref()?;
        let mut record = Record::read(&self.places).ok().flatten();
        if let Some(record) = &mut record {
            let known = known.iter().map(|i| ProcessRecord::started(WRAPPED, i.clone()));
            record.processes.extend(known);
        }
        let members = find_members(&self.places, record.as_ref()).ok()?;
        let stats = members.ours.iter().filter_map(|m| m.seen().stat());
        let mut workers: Vec<Worker> = stats.map(|s| Worker::of(&s)).collect();
        if record.is_none()
            && let Some(database) = &self.definition.database
        {
            let holding = holders(database).ok()?;
            workers.extend(holding.iter().filter_map(|h| Some(Worker::of(&h.seen().stat()?))));
        }
        Some(PROCESSES.into_iter().map(|kind| (kind, kind.complaint(&workers))).collect())
    }
}
