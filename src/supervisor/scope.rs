//! Asking systemd for a scope of the site's own: a part of its tree of control groups that systemd
//! delegates.
//!
//! The scope has no default dependencies, so that a shutdown does not stop it: the cluster manager stops
//! the site by its own stop. It has no ordering on the cluster manager either: the start of the scope
//! would wait for a stop of the cluster manager, and that one waits for the site. If systemd does not
//! answer within a second, the site runs without a control group, and is known by its other marks.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::launch::DEFAULT_PATH;
use crate::linux::bounded::{Bounds, Ran, run};
use crate::linux::cgroup;
use crate::linux::spawn::Command;
use crate::process::{Groups, SUPERVISOR, Scope};
use crate::values::{Moment, Pid};

/// How long systemd may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of what systemd-run prints is kept, in bytes.
const KEPT: usize = 4 << 10;

/// The word by which a helper in the new scope is told to move this process there.
pub const MOVE_IN: &str = "move-in";

/// The group to which a supervisor goes back at its end, so that the site's groups can be removed.
#[derive(Debug)]
pub(super) struct WayBack {
    /// Where it came from.
    from: Option<PathBuf>,
    groups: Groups,
}

impl WayBack {
    /// Moves this process out of the site's control groups. False: it is still there.
    pub(super) fn go(self) -> bool {
        let is_outside = |group: &PathBuf| !self.groups.contains(group);
        let candidates = self.from.iter().filter(|group| is_outside(group));
        let mut last = None;
        for group in candidates.map(PathBuf::as_path).chain([self.groups.above()]) {
            match join(group) {
                Ok(()) => return true,
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last {
            log::info!("this process stays in the site's control group: {error}");
        }
        false
    }
}

/// Moves this process, and all that it will start, into control groups of the site's own. Without a way
/// back, systemd removes the groups when this process ends.
///
/// # Errors
/// Why that cannot be, for the end of a sentence.
pub(super) fn enter(
    mut groups: Groups,
    foreground: bool,
) -> Result<(Groups, Option<WayBack>), String> {
    match groups.scope(Pid::this()) {
        None => {}
        // The unit would lose its main process.
        Some(_) if foreground => {
            return Err("systemd runs this process in a unit already".to_owned());
        }
        Some(scope) => {
            ask_for(&scope, SUPERVISOR)?;
            groups.settle_in(&scope);
            return Ok((groups, None));
        }
    }
    let back = WayBack { from: own_group(), groups: groups.clone() };
    // It was started there.
    if groups.process_of(Pid::this()).ok().flatten().as_deref() == Some(SUPERVISOR) {
        return Ok((groups, Some(back)));
    }
    groups.join(SUPERVISOR).map(|()| (groups, Some(back))).map_err(|error| error.to_string())
}

/// The control group of this process; None: it is in none that can be reached from here.
fn own_group() -> Option<PathBuf> {
    let path = cgroup::of(Pid::this()).ok().flatten()?;
    let path = path.strip_prefix("/").ok()?;
    // `..` leads out of the cgroup namespace of this process.
    let is_within = path.components().all(|part| matches!(part, Component::Normal(_)));
    is_within.then_some(cgroup::mount()?.join(path))
}

/// Moves this process to a control group.
fn join(group: &Path) -> std::io::Result<()> {
    cgroup::procs_file(group)?.write_all(b"0")
}

/// This process in control groups of the site's own while it starts another supervisor there. When this
/// is dropped, it goes back to the group that it came from.
#[derive(Debug)]
pub struct Stay {
    pub groups: Groups,
    /// The group that this process came from, if it has left it.
    back: Option<PathBuf>,
}

impl Stay {
    /// Asks systemd for a scope if that is needed, and moves this process to the leaf `name` of it, so that
    /// the scope is not removed before something is started there.
    ///
    /// # Errors
    /// Why there is no scope, for the end of a sentence.
    pub fn begin(mut groups: Groups, name: &str) -> Result<Self, String> {
        let Some(scope) = groups.scope(Pid::this()) else { return Ok(Self { groups, back: None }) };
        let back = own_group();
        ask_for(&scope, name)?;
        groups.settle_in(&scope);
        Ok(Self { groups, back })
    }

    /// This process has left its own control group.
    pub fn is_a_visit(&self) -> bool {
        self.back.is_some()
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(back) = &self.back else { return };
        if let Err(error) = join(back) {
            log::info!("this process stays in the site's control group: {error}");
        }
    }
}

/// Asks systemd for a scope, and has this process moved to its leaf `name`.
fn ask_for(scope: &Scope, name: &str) -> Result<(), String> {
    let me = Pid::this().to_string();
    // The program of this process, by a path that means the same to another process.
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

/// In the helper that systemd has started in the new scope: moves `supervisor` to a leaf of the scope.
///
/// # Errors
/// The scope is not at the expected path, or may not be written.
pub fn move_in(supervisor: Pid, leaf: &Path) -> std::io::Result<()> {
    cgroup::make_below(leaf)?;
    cgroup::procs_file(leaf)?.write_all(supervisor.to_string().as_bytes())
}
