//! `--follow`: each line as it is written, across cuts, restarts and stops of the site.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::paint::Painter;
use super::select::new_ones;
use super::source::Source;
use crate::agent::Target;
use crate::linux::wait::Waiting;
use crate::linux::watch::Watcher;
use crate::values::Moment;

/// Between two looks without an event: the folder of logs may be made or replaced.
const PACE: Duration = Duration::from_secs(1);

/// The shortest pause between two looks: a fast writer is read in larger shares.
const SHARE: Duration = Duration::from_millis(20);

/// Prints what is written, until standard output is closed or a signal ends this process.
///
/// # Errors
/// As write(2); EPIPE when standard output is closed.
pub(super) fn follow(
    target: &Target,
    mut sources: Vec<Source>,
    are_named: bool,
    painter: &mut Painter,
) -> io::Result<()> {
    let watcher = Watcher::new().ok();
    let stdout = io::stdout();
    // A line without an end is printed when nothing has come for a while.
    let mut printed = Moment::now();
    loop {
        // Before the look: what is written after it wakes this up. A folder that was replaced is another one.
        let watch = watcher.as_ref().and_then(|w| w.anything_in(&target.site.logs).ok());
        let mut has_come = false;
        for (of, source) in sources.iter_mut().enumerate() {
            while let Some(line) = source.next_line() {
                painter.print(of, &line)?;
                has_come = true;
            }
        }
        if has_come {
            printed = Moment::now();
        } else if printed + PACE <= Moment::now() {
            for (of, source) in sources.iter_mut().enumerate().filter(|(_, s)| s.has_rest()) {
                if let Some(line) = source.take_rest() {
                    painter.print(of, &line)?;
                }
            }
        }
        painter.flush()?;
        if !are_named {
            for source in new_ones(target, &sources) {
                painter.add(&source.shown);
                sources.push(source);
                has_come = true;
            }
        }
        if has_come {
            Waiting::<()>::new().wait(Some(Moment::now() + SHARE));
        }
        let mut waiting = Waiting::new();
        waiting.closed(stdout.as_fd(), true);
        if let (Some(watcher), Some(_)) = (&watcher, watch) {
            waiting.readable(watcher.as_fd(), false);
        }
        let woken = waiting.wait(Some(Moment::now() + if has_come { SHARE } else { PACE }));
        if woken.contains(&true) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if let Some(watcher) = &watcher {
            watcher.told();
        }
    }
}
