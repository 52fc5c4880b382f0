//! Every decision of a life, one after the other: drawn from a seed, or taken from a list of earlier ones.

use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Dice {
    /// A splitmix64 generator: the whole life follows from its seed.
    state: u64,
    /// Decisions to take instead, in their order; after the last one each is 0.
    given: Option<Vec<u64>>,
    /// All decisions so far.
    pub(crate) taken: Vec<u64>,
}

impl Dice {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self { state: seed, given: None, taken: Vec::new() }
    }

    pub(crate) fn of_list(given: Vec<u64>) -> Self {
        Self { state: 0, given: Some(given), taken: Vec::new() }
    }

    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let value = match &self.given {
            Some(given) => given.get(self.taken.len()).copied().unwrap_or(0),
            None => self.roll(),
        } % n;
        self.taken.push(value);
        value
    }

    /// The decision 0 says no, so that a list of zeros is the plainest life.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }
}
