//! The held monitor: a recurring monitor is answered when the state of the site changes, or when its wait is
//! over, so that the manager learns of a failure at once.
//!
//! A monitor is held only if it continues a series: the one before it, with the same interval and check level,
//! was answered and not cut off, and not longer ago than its interval and a second. All others are answered at
//! once, as a transition of the manager may wait for them: a probe has no interval, a first monitor has none
//! before it, one after a break comes too late, and a probe ends every series.

use std::collections::HashMap;
use std::time::Duration;

use crate::control::State;
use crate::values::Moment;

/// By how much a monitor may come later than its interval and still continue its series.
const SLACK: Duration = Duration::from_secs(1);

/// How many series are remembered; beyond them the oldest is dropped.
const MOST: usize = 64;

/// What tells one series from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey {
    pub(super) interval: Duration,
    pub(super) level: u32,
}

/// The answer to a monitor, as far as managers tell answers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MonitorVerdict {
    Well,
    /// Degraded, and the definition wants that to be reported.
    ToldAsDegraded,
    Bad,
}

impl MonitorVerdict {
    pub(super) fn of(state: State, told_as_degraded: bool) -> Self {
        match state {
            State::Degraded if told_as_degraded => Self::ToldAsDegraded,
            State::Running | State::Maintenance | State::Degraded => Self::Well,
            // A monitor of a site that starts is answered at once.
            State::Starting
            | State::Stopped
            | State::StoppingOrdered
            | State::StoppingFailed
            | State::Failed
            | State::FailedWithSurvivors
            | State::Unsupervised
            | State::Unknown => Self::Bad,
        }
    }
}

/// All series: when each was last answered, and how.
#[derive(Debug, Default)]
pub(super) struct Series(HashMap<SeriesKey, (Moment, MonitorVerdict)>);

impl Series {
    /// Whether a monitor that came at `asked` is to be answered now.
    pub(super) fn is_due(
        &self,
        key: SeriesKey,
        asked: Moment,
        until: Moment,
        now: Moment,
        verdict: MonitorVerdict,
    ) -> bool {
        let Some((answered, told)) = self.0.get(&key) else { return true };
        let continues = asked.since(*answered) <= key.interval.saturating_add(SLACK);
        !continues || until <= now || verdict == MonitorVerdict::Bad || verdict != *told
    }

    /// It was answered.
    pub(super) fn answered(&mut self, key: SeriesKey, now: Moment, verdict: MonitorVerdict) {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, (answered, _))| *answered);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(key, (now, verdict));
    }

    /// A probe has come. It belongs to a transition of the manager, and so may the monitor after it: each series
    /// begins anew.
    pub(super) fn end_all(&mut self) {
        self.0.clear();
    }

    /// A monitor was cut off: the next one begins a new series.
    pub(super) fn cut_off(&mut self, key: SeriesKey) {
        self.0.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn only_a_question_that_continues_a_series_is_held() {
        let key = SeriesKey { interval: Duration::from_secs(1), level: 0 };
        let mut series = Series::default();
        let due =
            |series: &Series, asked, now, verdict| series.is_due(key, asked, s(1000), now, verdict);
        assert!(due(&series, s(10), s(10), MonitorVerdict::Well), "the first is answered at once");
        series.answered(key, s(10), MonitorVerdict::Well);
        assert!(!due(&series, s(11), s(11), MonitorVerdict::Well));
        assert!(!due(&series, s(12), s(30), MonitorVerdict::Well), "it stays held, however long");
        assert!(
            due(&series, s(13), s(13), MonitorVerdict::Well),
            "one that comes too late begins anew"
        );
        assert!(due(&series, s(11), s(12), MonitorVerdict::Bad), "what is bad is told at once");
        assert!(
            due(&series, s(11), s(12), MonitorVerdict::ToldAsDegraded),
            "a change is told at once"
        );
        assert!(due(&series, s(11), s(1000), MonitorVerdict::Well), "the wait is over");
        let other = SeriesKey { level: 10, ..key };
        assert!(
            series.is_due(other, s(11), s(1000), s(11), MonitorVerdict::Well),
            "another series"
        );
        let endless = SeriesKey { interval: Duration::MAX, level: 0 };
        series.answered(endless, s(10), MonitorVerdict::Well);
        assert!(
            !series.is_due(endless, s(900), s(1000), s(900), MonitorVerdict::Well),
            "no overflow"
        );
        series.cut_off(key);
        assert!(due(&series, s(11), s(11), MonitorVerdict::Well), "after a cut it begins anew");
        series.answered(key, s(20), MonitorVerdict::Well);
        series.end_all();
        assert!(due(&series, s(21), s(21), MonitorVerdict::Well), "after a probe too");
    }

    #[test]
    fn series_do_not_become_more_and_more() {
        let mut series = Series::default();
        let key = |seconds| SeriesKey { interval: Duration::from_secs(seconds), level: 0 };
        for seconds in 0..1000 {
            series.answered(key(seconds), s(seconds), MonitorVerdict::Well);
        }
        assert_eq!(series.0.len(), MOST);
        assert!(series.0.contains_key(&key(999)) && !series.0.contains_key(&key(1)));
    }
}
