//! The data of a site that a verb works with, read once.

use std::time::Duration;

use super::{Deadline, StopMode, Target};
use crate::backend::{Backend, StopTimes};
use crate::process::Record;
use crate::site::{Definition, load_snapshot};
use crate::values::Moment;

/// The record, the snapshot and the backend of a site.
#[derive(Debug)]
pub(super) struct SiteContext<'a> {
    pub(super) target: &'a Target,
    pub(super) deadline: Deadline,
    pub(super) record: Option<Record>,
    /// The definition that the supervisor runs, or ran last, with the manager's adjustments. The file may
    /// be missing, wrong or newer.
    pub(super) snapshot: Option<Definition>,
    pub(super) backend: Backend,
}

impl<'a> SiteContext<'a> {
    pub(super) fn read(target: &'a Target, deadline: &Deadline) -> Self {
        let places = &target.site;
        let record = Record::read(places).ok().flatten();
        let snapshot = load_snapshot(&places.snapshot(), &target.name).ok().map(|definition| {
            let adjustments = record.as_ref().map(|record| &record.adjustments);
            definition.adjusted(&adjustments.cloned().unwrap_or_default())
        });
        let backend = match &snapshot {
            Some(snapshot) => Backend::of(places, snapshot),
            None => Backend::at(places),
        };
        Self { target, deadline: *deadline, record, snapshot, backend }
    }

    /// Reads it again, after another verb may have changed it.
    pub(super) fn refresh(&mut self) {
        *self = Self::read(self.target, &self.deadline);
    }

    /// The definition in use: the snapshot, or the file if an external supervisor was started by hand.
    pub(super) fn definition(&self) -> Option<&Definition> {
        let of_file = || self.backend.external().map(|external| &external.definition);
        self.snapshot.as_ref().or_else(of_file)
    }

    pub(super) fn stop_times(&self, mode: StopMode) -> StopTimes {
        let (stop, forcekill) = match &self.snapshot {
            Some(definition) => (definition.stop_timeout, definition.forcekill_time),
            None => (Duration::from_secs(300), Duration::from_secs(5)),
        };
        let times = self.deadline.for_stop(stop, forcekill);
        match mode {
            StopMode::Graceful => times,
            StopMode::Kill => {
                let now = Moment::now();
                StopTimes { graceful_until: now, kill_at: now, ..times }
            }
        }
    }

    /// The time between TERM and KILL.
    pub(super) fn forcekill(&self) -> Duration {
        self.snapshot.as_ref().map_or(Duration::from_secs(5), |d| d.forcekill_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{KEEPER, Site};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_clean_sends_kill_at_once_and_a_stop_leaves_the_time_for_an_end_in_order() {
        let (site, begun) = (Site::new(), Moment::now());
        let target = site.target();
        let context = SiteContext::read(&target, &Deadline { begun, given: Some(s(360)) });
        let stop = context.stop_times(StopMode::Graceful);
        assert_eq!(begun.until(stop.graceful_until), s(300));
        assert_eq!(begun.until(stop.kill_at), s(300) + context.forcekill());
        assert_eq!(context.forcekill(), s(5));
        let clean = context.stop_times(StopMode::Kill);
        assert!(clean.graceful_until <= Moment::now() && clean.kill_at <= Moment::now());
        assert_eq!(clean.until, stop.until);
    }

    #[test]
    fn a_supervisor_that_was_started_by_hand_has_the_definition_of_the_file() {
        let site = Site::new();
        let target = site.target();
        let deadline = Deadline { begun: Moment::now(), given: None };
        assert!(SiteContext::read(&target, &deadline).definition().is_none());
        let mut context = SiteContext::read(&target, &deadline);
        std::fs::write(&site.places.definition, site.external(KEEPER).definition.text).unwrap();
        context.refresh();
        assert!(context.definition().is_some_and(|found| found.wrapped.is_some()));
    }
}
