//! A two-node Pacemaker cluster on this machine, started by the tests themselves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use siteward::linux::wait::Waiting;
use siteward::values::Moment;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/pacemaker-lab");
const SITEWARD: &str = env!("CARGO_BIN_EXE_siteward");

/// What must be there, and how to get it; None: all is there.
pub(crate) fn missing() -> Option<String> {
    if !siteward::linux::files::is_root() {
        return Some("root (run the tests as root)".to_owned());
    }
    let programs = [
        ("pacemakerd", "pacemaker"),
        ("corosync", "corosync"),
        ("crm", "crmsh"),
        ("pcs", "pcs"),
        ("ocf-tester", "resource-agents"),
        ("xmllint", "libxml2-utils"),
        ("ip", "iproute2"),
        ("fuser", "psmisc"),
        ("modprobe", "kmod"),
        ("redis-server", "redis-server"),
        ("nginx", "nginx-light"),
        ("supervisord", "supervisor"),
        ("runsvdir", "runit"),
        ("s6-svscan", "s6"),
        ("monit", "monit"),
    ];
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let there = |program: &str| folders.iter().any(|f| Path::new(f).join(program).exists());
    let mut packages: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !there(program))
        .map(|(_, package)| *package)
        .collect();
    if postgres_folder().is_none() {
        packages.push("postgresql");
    }
    (!packages.is_empty())
        .then(|| format!("packages; get them with: apt-get install {}", packages.join(" ")))
}

/// Where Debian keeps the newest PostgreSQL's programs.
pub(crate) fn postgres_folder() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|e| e.path().join("bin"))
        .filter(|p| p.join("postgres").exists())
        .collect();
    found.sort();
    found.pop()
}

/// A cluster, powered off and removed with this value.
pub(crate) struct Lab {
    folder: PathBuf,
    /// Files that are brought to the nodes; outlives them.
    goods: tempfile::TempDir,
}

impl Lab {
    /// Boots it with fencing and waits until both nodes are online.
    pub(crate) fn up() -> Self {
        let goods = tempfile::Builder::new().prefix("siteward-lab-goods-").tempdir().unwrap();
        let agents = goods.path().join("agents");
        let sites = goods.path().join("sites");
        fs::create_dir(&agents).unwrap();
        fs::create_dir(&sites).unwrap();
        // As a package installs it: the agent is a link to the binary.
        symlink("/usr/local/bin/siteward", agents.join("site")).unwrap();
        // A copy: a node that boots an hour later must not find what was built meanwhile.
        let program = goods.path().join("siteward");
        fs::copy(SITEWARD, &program).unwrap();
        let bind = format!(
            "{}:/usr/local/bin/siteward {}:/usr/lib/ocf/resource.d/siteward {}:/etc/siteward/sites",
            program.display(),
            agents.display(),
            sites.display()
        );
        let up = Command::new(SCRIPT)
            .args(["up", "2", "--fencing"])
            .env("LAB_BIND", bind)
            .env("LAB_DC_DEADTIME", "2s")
            .env_remove("LAB_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&up.stdout).into_owned();
        assert!(
            up.status.success(),
            "the lab does not start: {}",
            String::from_utf8_lossy(&up.stderr)
        );
        let folder = said.trim().strip_prefix("export LAB_DIR=").expect("the lab says where it is");
        let lab = Self { folder: PathBuf::from(folder), goods };
        lab.verb(&["wait-online"]);
        // Else a resource moves back as soon as the constraint of its move is cleared.
        let stickiness = ["--name", "resource-stickiness", "--update", "100"];
        lab.on("node1", &[&["crm_attribute", "--type", "rsc_defaults"][..], &stickiness].concat());
        lab
    }

    /// The folder of definitions, the same on both nodes.
    pub(crate) fn define(&self, name: &str, text: &str) {
        fs::write(self.goods.path().join("sites").join(format!("{name}.yaml")), text).unwrap();
    }

    /// Brings a file to /mnt/shared, which both nodes have.
    pub(crate) fn share(&self, file: &str) {
        let name = Path::new(file).file_name().unwrap();
        fs::copy(file, self.folder.join("shared").join(name)).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.goods.path().join("sites").join(format!("{name}.yaml"))).unwrap();
    }

    /// Where the nodes' disks and the logs of the lab are.
    #[allow(dead_code)]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn script(&self, words: &[&str]) -> Output {
        Command::new(SCRIPT)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LAB_DIR", &self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A verb of the lab, which must succeed.
    pub(crate) fn verb(&self, words: &[&str]) -> String {
        let output = self.script(words);
        let text = text_of(&output);
        assert!(output.status.success(), "pacemaker-lab {words:?}: {text}");
        text
    }

    /// A command on a node, whatever comes of it.
    pub(crate) fn try_on(&self, node: &str, words: &[&str]) -> (bool, String) {
        let output = self.script(&[&["exec", node], words].concat());
        (output.status.success(), text_of(&output))
    }

    /// A command on a node, which must succeed.
    pub(crate) fn on(&self, node: &str, words: &[&str]) -> String {
        let (good, text) = self.try_on(node, words);
        assert!(good, "on {node}: {words:?}: {text}\n{}", self.tail(node));
        text
    }

    /// The end of a node's log, for a failure.
    pub(crate) fn tail(&self, node: &str) -> String {
        text_of(&self.script(&["log", node, "-n40"]))
    }

    pub(crate) fn log(&self, node: &str) -> String {
        let path = self.folder.join(format!("nodes/{node}/disk/var/log/pacemaker/pacemaker.log"));
        fs::read_to_string(path).unwrap_or_default()
    }

    pub(crate) fn is_on(&self, node: &str) -> bool {
        // It fails where a node boots and its cluster cannot be asked yet; the power is told all the same.
        let status = text_of(&self.script(&["status"]));
        status.lines().any(|l| l.starts_with(node) && l.contains(" on"))
    }

    /// Where the cluster says that the resource runs.
    pub(crate) fn located(&self, resource: &str) -> Vec<String> {
        let ask = |node| self.try_on(node, &["crm_resource", "-r", resource, "--locate"]);
        let answers = [ask("node1"), ask("node2")];
        let Some((_, text)) = answers.into_iter().find(|(good, _)| *good) else {
            return Vec::new();
        };
        let line = |l: &str| {
            let rest = l.split("is running on: ").nth(1)?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        text.lines().filter_map(line).collect()
    }

    /// Waits until the resource runs on exactly one node, which is told.
    pub(crate) fn runs_on_one(&self, resource: &str) -> String {
        let mut seen = Vec::new();
        self.until(&format!("{resource} runs on one node"), 60, || {
            seen = self.located(resource);
            seen.len() == 1 && self.is_well(&seen[0], resource)
        });
        seen[0].clone()
    }

    /// Whether the site of this name is running as its own supervisor on `node` says.
    pub(crate) fn is_well(&self, node: &str, site: &str) -> bool {
        let (good, text) = self.try_on(node, &["siteward", "status", site]);
        good && text.starts_with("running")
    }

    /// Waits for something to become true.
    pub(crate) fn until(&self, what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while !is_so() {
            if Instant::now() > deadline {
                let (_, status) = self.try_on("node1", &["crm_mon", "-1rf"]);
                panic!(
                    "it never came: {what}\n{status}\n{}\n{}",
                    self.tail("node1"),
                    self.tail("node2")
                );
            }
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(100)));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let down = self.script(&["down"]);
        // A node that loses its power cleans nothing up: its empty control groups stay.
        if let Some(mount) = siteward::linux::cgroup::mount() {
            siteward::linux::cgroup::remove(&mount.join("siteward"));
        }
        if !down.status.success() && !std::thread::panicking() {
            panic!("the lab does not go down: {}", text_of(&down));
        }
    }
}

fn text_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
