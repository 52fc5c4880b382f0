//! How slow the machine is for one program, as fifty verbs and whatever else runs share it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::witness::now;

/// How much work is measured, and how often.
const WORK: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(150);

/// When some work was done, and how many times longer than its CPU time it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Arc<Mutex<Vec<(u64, u64)>>>);

impl Pace {
    /// Measures from now until the program ends.
    pub(crate) fn measure() -> Self {
        let pace = Self::default();
        let its = pace.clone();
        std::thread::spawn(move || {
            loop {
                let (begun, until) = (now(), own_time() + WORK);
                while own_time() < until {
                    std::hint::spin_loop();
                }
                let times = (now() - begun) / u64::try_from(WORK.as_nanos()).unwrap_or(u64::MAX);
                its.0.lock().expect("no thread has panicked").push((begun, times.max(1)));
                std::thread::sleep(PAUSE);
            }
        });
        pace
    }

    /// By how many times it was slower than when it is idle, at worst between these moments.
    pub(crate) fn slowest(&self, begun: u64, ended: u64) -> u64 {
        let measured = self.0.lock().expect("no thread has panicked");
        let within = measured.iter().filter(|(at, _)| (begun..=ended).contains(at));
        within.map(|(_, times)| *times).max().unwrap_or(1)
    }
}

/// The CPU time of this thread.
fn own_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("there is such a clock").into()
}
