//! A point in time by the monotonic clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the monotonic clock of this process. Meaningless after a reboot. How it is written and
/// read: see `linux::clock`, which also tells the present one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// A moment so long after the clock began.
    pub const fn since_boot(time: Duration) -> Self {
        Self(time)
    }

    /// So long after the clock began.
    pub(crate) const fn as_time(self) -> Duration {
        self.0
    }

    /// How long until `later`; zero if that is past.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    /// How long since `earlier`; zero if that is yet to come.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:.3}s", self.0.as_secs_f64())
    }
}
