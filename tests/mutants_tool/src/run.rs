//! Runs a test in namespaces of its own, in which one mutant is switched on.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    TimedOut,
}

/// One of the places where tests run at the same time.
pub(crate) struct Job {
    folder: PathBuf,
    /// The folder of the copy that the switch is read from.
    switch: PathBuf,
    mutants: usize,
}

/// The first process of the namespace: it reaps what nobody else does.
const INIT: &str = r#"mount --bind "$1" "$2"; ip link set lo up; shift 2; "$@" & wait $!"#;

impl Job {
    pub(crate) fn new(base: &Path, tree: &Path, number: usize, mutants: usize) -> Self {
        let folder = base.join(number.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("s")).expect("a job's folder can be made");
        Self { folder, switch: tree.join("switch"), mutants }
    }

    /// The test's outcome and the time that it took. `active`: a mutant's number, `none` or `record`.
    pub(crate) fn run(
        &self,
        program: &Path,
        words: &[String],
        active: &str,
        limit: Duration,
    ) -> (Outcome, Duration) {
        let temporary = self.folder.join("t");
        let _ = fs::remove_dir_all(&temporary);
        fs::create_dir(&temporary).expect("a job's folder can be made");
        let _ = fs::set_permissions(&temporary, fs::Permissions::from_mode(0o1777));
        let switch = self.folder.join("s");
        fs::write(switch.join("active"), active).expect("the switch can be written");
        let hits = switch.join("hits");
        fs::write(&hits, vec![0; self.mutants]).expect("the switch can be written");
        let _ = fs::set_permissions(&hits, fs::Permissions::from_mode(0o666));
        let output =
            File::create(self.folder.join("output")).expect("a job's folder can be written");
        let begun = Instant::now();
        let mut child = Command::new("nice")
            .args([
                "-n",
                "3",
                // What runs ends with this program.
                "setpriv",
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--pid",
                "--net",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["--", "bash", "-c", INIT, "init"])
            .arg(&switch)
            .arg(&self.switch)
            .arg(program)
            .args(words)
            .current_dir(self.switch.parent().expect("the copy"))
            .env("TMPDIR", &temporary)
            .env("CARGO_MANIFEST_DIR", self.switch.parent().expect("the copy"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a descriptor"))
            .stderr(output)
            .spawn()
            .expect("unshare can be run");
        let outcome = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break if status.success() { Outcome::Passed } else { Outcome::Failed };
            }
            if begun.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                break Outcome::TimedOut;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        (outcome, begun.elapsed())
    }

    /// The mutants that were reached in a run with `record`.
    pub(crate) fn hits(&self) -> Vec<usize> {
        let bytes = fs::read(self.folder.join("s/hits")).unwrap_or_default();
        bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(id, _)| id).collect()
    }

    /// What the last run printed.
    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(self.folder.join("output")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
