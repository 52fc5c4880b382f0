//! Runs a command of a site with a deadline, at which it is killed with all processes that it started.

use std::ffi::{CString, OsStr};
use std::os::fd::BorrowedFd;

use super::nqs_site::{SITE_VARIABLE, needs_site};
pub use crate::linux::bounded::Ran;
use crate::linux::bounded::{self, Bounds};
use crate::linux::spawn::Command;
use crate::process::MARK;
use crate::site::{Definition, SitePlaces};
use crate::supervisor::launch::{DEFAULT_PATH, Launch};
use crate::values::Moment;

/// The most that is kept of what a command prints, in bytes.
const KEPT: usize = 1 << 20;

/// Whether a command's processes carry the site's mark. A command that may leave a process behind
/// carries it. A command that only asks does not, so that it is not taken for a part of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    Yes,
    No,
}

/// Runs `words` in the site's context until they end, or until `deadline`.
///
/// # Errors
/// Why the site's context cannot be set up here, for the end of a sentence.
pub fn run(
    words: &[String],
    definition: &Definition,
    places: &SitePlaces,
    marked: Marked,
    deadline: Moment,
) -> Result<Ran, String> {
    run_or_cut(words, definition, places, marked, deadline, None)
}

/// As [`run`], but no longer than until `cut` becomes readable.
///
/// # Errors
/// As [`run`].
pub fn run_or_cut(
    words: &[String],
    definition: &Definition,
    places: &SitePlaces,
    marked: Marked,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Ran, String> {
    let launch = Launch::of(&definition.context, definition)?;
    let launch = match marked {
        Marked::Yes => launch.with_token(places),
        Marked::No => launch,
    };
    Ok(bounded::run(Bounds { deadline, cut, output: KEPT }, |output| {
        let mut command = launch.command(words, &[], (places, "@command"), output);
        if marked == Marked::No {
            command.remove_variable(MARK);
        }
        if definition.jobcenter().is_some()
            && words.first().is_some_and(|program| needs_site(program))
        {
            command.set_variable(SITE_VARIABLE, &definition.site);
        }
        command
    }))
}

/// A command was ended because `cut` became readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutShort;

/// As [`run_or_cut`], of a command of which only the success counts: what went wrong, for the end of a sentence.
///
/// # Errors
/// [`CutShort`].
pub fn complaint_or_cut(
    words: &[String],
    definition: &Definition,
    places: &SitePlaces,
    marked: Marked,
    deadline: Moment,
    cut: Option<BorrowedFd<'_>>,
) -> Result<Option<String>, CutShort> {
    match run_or_cut(words, definition, places, marked, deadline, cut) {
        Ok(Ran::Interrupted) => Err(CutShort),
        Ok(ran) => Ok(ran.complaint()),
        Err(why) => Ok(Some(why)),
    }
}

/// Runs a program of the node until it ends, or until `deadline`, outside any site's context and with PATH
/// as its only variable. Returns its output.
///
/// # Errors
/// What went wrong, for the end of a sentence.
pub fn run_of_node(words: &[&str], deadline: Moment) -> Result<String, String> {
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let program = words.first().copied().unwrap_or_default();
    let ran = bounded::run(Bounds { deadline, cut: None, output: KEPT }, |output| {
        let path = CString::new(format!("PATH={DEFAULT_PATH}")).into_iter().collect();
        Command::plain(Command::candidates(program, DEFAULT_PATH), &words, path, output)
    });
    ran.complaint().map_or_else(|| Ok(ran.text()), Err)
}
