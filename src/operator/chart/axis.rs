//! An axis of time.

use std::time::Duration;

use jiff::{Span, Timestamp};

use super::calendar::{Calendar, DAY};

/// A piece of time that is as wide as a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::operator) struct Axis {
    pub(in crate::operator) from: Timestamp,
    pub(in crate::operator) to: Timestamp,
}

/// A moment on an axis, with what is written there.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::operator) struct Tick {
    pub(in crate::operator) at: Timestamp,
    pub(in crate::operator) label: String,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How far ticks may be from each other, in milliseconds.
const STEPS: [i64; 36] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    91 * DAY,
    365 * DAY,
    3650 * DAY,
    36_500 * DAY,
];

impl Axis {
    /// With so much of its length again on both sides.
    pub(in crate::operator) fn with_margin(from: Timestamp, to: Timestamp, part: f64) -> Self {
        let margin = Duration::try_from(to.duration_since(from)).unwrap_or_default().mul_f64(part);
        let margin = margin.max(Duration::from_millis(1));
        Self {
            from: from.checked_sub(margin).unwrap_or(from),
            to: to.checked_add(margin).unwrap_or(to),
        }
    }

    fn millis(&self) -> i64 {
        (self.to.as_millisecond() - self.from.as_millisecond()).max(1)
    }

    /// Where on the axis a moment is: 0 at its beginning, 1 at its end, one of them for what lies beyond.
    #[expect(clippy::cast_precision_loss, reason = "a chart is not finer than f64")]
    pub(in crate::operator) fn place(&self, at: Timestamp) -> f64 {
        let since = at.as_millisecond() - self.from.as_millisecond();
        (since as f64 / self.millis() as f64).clamp(0.0, 1.0)
    }

    /// The smallest step with at most `most` ticks.
    fn step(&self, most: usize) -> i64 {
        let most = i64::try_from(most.max(1)).unwrap_or(1);
        let fits = |step: &i64| self.millis() / step < most;
        STEPS.into_iter().find(fits).unwrap_or(36_500 * DAY)
    }

    /// At most `most` ticks at round local times.
    pub(in crate::operator) fn ticks(&self, most: usize, calendar: &Calendar) -> Vec<Tick> {
        // The labels of short steps are longer.
        let most = if self.step(most) < SECOND { (most * 2 / 3).max(1) } else { most };
        let step = self.step(most);
        let labelled = |at: Timestamp| Tick { at, label: calendar.tick(at, step) };
        if step >= DAY {
            return self.days(step / DAY, calendar).map(labelled).collect();
        }
        let ahead = calendar.ahead(self.from);
        let first = (self.from.as_millisecond() + ahead).div_euclid(step) * step - ahead;
        (0..)
            .map_while(|number| Timestamp::from_millisecond(first + number * step).ok())
            .skip_while(|at| *at < self.from)
            .take_while(|at| *at <= self.to)
            .map(labelled)
            .collect()
    }

    /// The beginnings of every `step`th day.
    fn days<'a>(
        &self,
        step: i64,
        calendar: &'a Calendar,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        let (from, to, first) = (self.from, self.to, calendar.day(self.from));
        (0..)
            .map_while(move |number| {
                let day = first.checked_add(Span::new().try_days(number * step).ok()?).ok()?;
                calendar.start_of(day)
            })
            .skip_while(move |at| *at < from)
            .take_while(move |at| *at <= to)
    }

    /// At most `most` ticks at round times since `origin`, or before it.
    pub(in crate::operator) fn ticks_since(&self, origin: Timestamp, most: usize) -> Vec<Tick> {
        let step = self.step(most);
        let before = origin.as_millisecond() - self.from.as_millisecond();
        let first = -before.div_euclid(step);
        (first..)
            .map(|number| number * step)
            .map_while(|since| {
                let at = Timestamp::from_millisecond(origin.as_millisecond() + since).ok()?;
                (at <= self.to).then(|| Tick { at, label: relative(since, step) })
            })
            .collect()
    }
}

/// `+2.5 s`, in the unit of the step.
fn relative(since: i64, step: i64) -> String {
    let sign = match since {
        0 => return "0".to_owned(),
        ..0 => "\u{2212}",
        _ => "+",
    };
    let size = since.unsigned_abs();
    let (unit, word) = if step < SECOND && size < 1000 {
        (1, "ms")
    } else if step < MINUTE {
        (1000, "s")
    } else if step < HOUR {
        (60_000, "min")
    } else if step < DAY {
        (3_600_000, "h")
    } else {
        (86_400_000, "d")
    };
    let (whole, rest) = (size / unit, size % unit);
    if rest == 0 {
        return format!("{sign}{whole} {word}");
    }
    let digits = format!("{:03}", rest * 1000 / unit);
    format!("{sign}{whole}.{} {word}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axis(from: &str, to: &str) -> Axis {
        Axis { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_at_round_local_times() {
        let month = axis("2026-10-20T04:12:09Z", "2026-11-05T00:00:00Z");
        let berlin = Calendar::of("Europe/Berlin");
        let ticks = month.ticks(5, &berlin);
        assert_eq!(labels(&ticks), ["25 Oct", "30 Oct", "4 Nov"]);
        assert_eq!(ticks[0].at.to_string(), "2026-10-24T22:00:00Z");
        assert_eq!(ticks[1].at.to_string(), "2026-10-29T23:00:00Z", "the clocks were changed");
        let hours = axis("2026-11-05T18:00:00Z", "2026-11-06T06:00:00Z");
        let kolkata = Calendar::of("Asia/Kolkata");
        assert_eq!(labels(&hours.ticks(5, &kolkata)), ["6 Nov", "03:00", "06:00", "09:00"]);
        let short = axis("2026-11-05T18:00:00Z", "2026-11-05T18:00:00.300Z");
        assert_eq!(short.ticks(5, &kolkata).len(), 2, "{:?}", short.ticks(5, &kolkata));
    }

    #[test]
    fn ticks_since_a_moment() {
        let axis = axis("2026-11-05T18:00:00Z", "2026-11-05T18:00:04Z");
        let origin = "2026-11-05T18:00:00.700Z".parse().unwrap();
        assert_eq!(labels(&axis.ticks_since(origin, 5)), ["0", "+1 s", "+2 s", "+3 s"]);
        assert_eq!(relative(-1500, 500), "\u{2212}1.5 s");
        assert_eq!(relative(90_000, 30_000), "+90 s");
        assert_eq!(relative(200, 100), "+200 ms");
        assert_eq!(relative(5_400_000, 1_800_000), "+90 min");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ticks_are_on_their_axis_and_few(
            from in -60_000_000_000_000i64..200_000_000_000_000,
            length in prop_oneof![0i64..100_000, 0i64..3_000_000_000_000],
            most in 1usize..12,
        ) {
            let from = Timestamp::from_millisecond(from).unwrap();
            let to = Timestamp::from_millisecond(from.as_millisecond() + length).unwrap();
            let axis = Axis { from, to };
            for ticks in [axis.ticks(most, &Calendar::of("Europe/Berlin")), axis.ticks_since(from, most)] {
                prop_assert!(ticks.len() <= most + 1, "{ticks:?}");
                prop_assert!(ticks.iter().all(|t| from <= t.at && t.at <= to));
                prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
            }
        }
    }
}
