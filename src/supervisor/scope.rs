//! Asking systemd for a scope of the site's own: a part of its tree of control groups that it leaves
//! to us.
//!
//! Without default dependencies, so that it is in no transaction of a shutdown and the cluster manager
//! stops the site by its own stop; and without any ordering on the cluster manager, as starting it
//! would then wait for that one's stop, for ever. A systemd that does not answer within a second is
//! not waited for: the site stays where it is, and the other marks have to do.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::launch::DEFAULT_PATH;
use crate::linux::bounded::{Bounds, Ran, run};
use crate::linux::cgroup;
use crate::linux::spawn::Command;
use crate::process::{Groups, SUPERVISOR, Scope};
use crate::values::{Moment, Pid};

/// How long systemd has.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of what systemd-run prints is kept, in bytes.
const KEPT: usize = 4 << 10;

/// The word by which a helper in the new scope is told to move us there.
pub const MOVE_IN: &str = "move-in";

/// Puts this process, and all that it will start, into control groups of the site's own.
///
/// # Errors
/// Why it has none; for the end of a sentence.
pub(super) fn enter(mut groups: Groups, foreground: bool) -> Result<Groups, String> {
    match groups.scope(Pid::this()) {
        None => {}
        // A unit of somebody else's would lose its main process.
        Some(_) if foreground => {
            return Err("systemd runs this process in a unit already".to_owned());
        }
        Some(scope) => {
            ask_for(&scope, SUPERVISOR)?;
            groups.settle_in(&scope);
            return Ok(groups);
        }
    }
    let joined = groups.door(SUPERVISOR).and_then(|mut door| door.write_all(b"0"));
    joined.map(|()| groups).map_err(|error| error.to_string())
}

/// A stay of this process in control groups of the site's, to start in them what is not to be a child
/// of a supervisor of ours; over when this is dropped.
#[derive(Debug)]
pub struct Stay {
    pub groups: Groups,
    /// Where this process came from.
    back: Option<PathBuf>,
}

impl Stay {
    /// Has a scope made where systemd has to be asked for one, and stays in its leaf `name` so that it
    /// is not gone before something is started there.
    ///
    /// # Errors
    /// Why there is none; for the end of a sentence.
    pub fn begin(mut groups: Groups, name: &str) -> Result<Self, String> {
        let Some(scope) = groups.scope(Pid::this()) else { return Ok(Self { groups, back: None }) };
        let back = cgroup::of(Pid::this())
            .ok()
            .flatten()
            .and_then(|path| Some(cgroup::mount()?.join(path.strip_prefix("/").ok()?)));
        ask_for(&scope, name)?;
        groups.settle_in(&scope);
        Ok(Self { groups, back })
    }

    /// This process has left its own control group for it.
    pub fn is_a_visit(&self) -> bool {
        self.back.is_some()
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(back) = &self.back else { return };
        if let Err(error) = cgroup::door(back).and_then(|mut door| door.write_all(b"0")) {
            log::info!("this process stays in the site's control group: {error}");
        }
    }
}

/// Asks for a scope, and has this process moved to its leaf `name`.
fn ask_for(scope: &Scope, name: &str) -> Result<(), String> {
    let me = Pid::this().to_string();
    // Our own program, by a name that means the same to whoever executes it.
    let program = format!("/proc/{me}/exe");
    let (unit, slice) = (format!("--unit={}", scope.unit), format!("--slice={}", scope.slice));
    let mut words: Vec<OsString> = [
        "systemd-run",
        "--scope",
        "--quiet",
        "--collect",
        &unit,
        &slice,
        "--description=a site that siteward runs",
        "--property=Delegate=yes",
        "--property=DefaultDependencies=no",
        "--",
        &program,
        MOVE_IN,
        &me,
    ]
    .map(OsString::from)
    .to_vec();
    words.push(scope.tree.join(name).into_os_string());
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let candidates = Command::candidates(OsStr::new("systemd-run"), DEFAULT_PATH);
    let bounds = Bounds { deadline: Moment::now() + PATIENCE, cut: None, output: KEPT };
    match run(bounds, |output| Command::plain(candidates, &words, Vec::new(), output)) {
        Ran::TimedOut => Err("systemd does not answer".to_owned()),
        ran => ran.complaint().map_or(Ok(()), |why| Err(format!("systemd-run {why}"))),
    }
}

/// In the helper that systemd started in the new scope: moves whoever asked to a leaf there, and goes.
///
/// # Errors
/// The scope is not where it was expected, or may not be written.
pub fn move_in(supervisor: Pid, leaf: &std::path::Path) -> std::io::Result<()> {
    cgroup::make_below(leaf)?;
    cgroup::door(leaf)?.write_all(supervisor.to_string().as_bytes())
}
