//! Which processes die again and again. Of them only the deaths are written down, until they are calm.

use std::collections::HashMap;
use std::time::Duration;

use crate::history::{Entry, HistoryEvent};
use crate::values::Moment;

/// So many faults within this time.
const FAULTS: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

/// The last faults of each process.
#[derive(Debug, Default)]
pub(super) struct Flapping(HashMap<String, Vec<Moment>>);

impl Flapping {
    /// Whether this entry is to be written. A fault always is.
    pub(super) fn admits(&mut self, entry: &Entry, now: Moment) -> bool {
        let Some(process) = &entry.process else { return true };
        match entry.event {
            HistoryEvent::Fault => {
                let faults = self.0.entry(process.clone()).or_default();
                faults.push(now);
                let surplus = faults.len().saturating_sub(FAULTS);
                faults.drain(..surplus);
                true
            }
            HistoryEvent::Restarting | HistoryEvent::Spawned | HistoryEvent::Ready => {
                !self.0.get(process).is_some_and(|faults| is_flapping(faults, now))
            }
            _ => true,
        }
    }

    /// Whether any process flaps.
    pub(super) fn any(&self, now: Moment) -> bool {
        self.0.values().any(|faults| is_flapping(faults, now))
    }
}

fn is_flapping(faults: &[Moment], now: Moment) -> bool {
    faults.len() == FAULTS && faults.iter().all(|fault| now.since(*fault) < WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_process_that_flaps_only_the_faults_are_written() {
        let mut flapping = Flapping::default();
        let entry = |event| Entry::new(event, "x").of("a");
        let begun = Moment::now();
        for second in 0..100 {
            let now = begun + Duration::from_secs(second);
            assert!(flapping.admits(&entry(HistoryEvent::Fault), now));
            assert_eq!(flapping.admits(&entry(HistoryEvent::Ready), now), second < 4);
            assert!(flapping.admits(&entry(HistoryEvent::Failed), now));
            assert!(flapping.admits(&Entry::new(HistoryEvent::Ready, "x").of("b"), now));
        }
        let calm = begun + Duration::from_secs(156);
        assert!(!flapping.any(calm));
        assert!(flapping.admits(&entry(HistoryEvent::Ready), calm));
    }
}
