//! The lines of several logs in the order of their times.

use super::source::{PrintedLine, Source};

/// See the module.
pub(super) struct Merged<'a> {
    sources: &'a mut [Source],
    /// The next line of each.
    next: Vec<Option<PrintedLine>>,
    /// What stands at an end without the end of a line is given too.
    with_rests: bool,
}

impl<'a> Merged<'a> {
    pub(super) fn of(sources: &'a mut [Source], with_rests: bool) -> Self {
        let next = sources.iter_mut().map(|source| next_of(source, with_rests)).collect();
        Self { sources, next, with_rests }
    }
}

fn next_of(source: &mut Source, with_rests: bool) -> Option<PrintedLine> {
    let rest = |source: &mut Source| with_rests.then(|| source.take_rest()).flatten();
    source.next_line().or_else(|| rest(source))
}

impl Iterator for Merged<'_> {
    /// A line, and of which source it is.
    type Item = (usize, PrintedLine);

    fn next(&mut self) -> Option<Self::Item> {
        let times = self.next.iter().enumerate();
        let (first, _) = times
            .filter_map(|(of, line)| Some((of, line.as_ref()?.at)))
            .min_by_key(|(_, at)| *at)?;
        let line = self.next[first].take()?;
        self.next[first] = next_of(&mut self.sources[first], self.with_rests);
        Some((first, line))
    }
}
