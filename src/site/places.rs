//! The paths of all files of a site.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::definition::SiteName;
use crate::linux::{files, sockets};
use crate::values::fnv;

/// The folders that hold all sites of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Definitions: `NAME.yaml`.
    pub config: PathBuf,
    /// The runtime directory: sockets, locks and state files; gone at reboot.
    pub runtime: PathBuf,
    /// The logs of the processes, and this node's history.
    pub logs: PathBuf,
    /// A link to each site's database, named by its address.
    pub links: PathBuf,
}

/// Folders that a person or a manager named on the command line.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub config: Option<PathBuf>,
    pub runtime: Option<PathBuf>,
    pub logs: Option<PathBuf>,
    pub links: Option<PathBuf>,
}

impl Places {
    /// From `named`, else the environment, else the defaults for root or for an ordinary user.
    ///
    /// # Errors
    /// A folder is not an absolute path, or an ordinary user has no home.
    pub fn resolve(named: Overrides) -> anyhow::Result<Self> {
        let pick = |named: Option<PathBuf>,
                    variable,
                    root: &str,
                    user: fn() -> anyhow::Result<PathBuf>| {
            let chosen = named.or_else(|| from_env(variable));
            let path = match chosen {
                Some(path) => std::path::absolute(&path)
                    .with_context(|| format!("the folder {} cannot be used", path.display()))?,
                None if files::is_root() => PathBuf::from(root),
                None => user()?,
            };
            Ok::<_, anyhow::Error>(path)
        };
        let logs = pick(named.logs, "SITEWARD_LOG_DIR", "/var/log/siteward", || {
            xdg("XDG_STATE_HOME", ".local/state")
        })?;
        // Beside the logs; no site can be called so.
        let beside = logs.join("@links");
        let links = match files::is_root() {
            true => PathBuf::from("/var/lib/siteward"),
            false => beside,
        };
        let links = named.links.or_else(|| from_env("SITEWARD_LINK_DIR")).unwrap_or(links);
        Ok(Self {
            config: pick(named.config, "SITEWARD_CONFIG_DIR", "/etc/siteward/sites", || {
                Ok(xdg("XDG_CONFIG_HOME", ".config")?.join("sites"))
            })?,
            runtime: pick(named.runtime, "SITEWARD_RUNTIME_DIR", "/run/siteward", user_runtime)?,
            logs,
            links: std::path::absolute(&links)
                .with_context(|| format!("the folder {} cannot be used", links.display()))?,
        })
    }

    /// The places of one site.
    pub fn of(&self, name: &SiteName) -> SitePlaces {
        SitePlaces {
            definition: self.config.join(format!("{name}.yaml")),
            runtime: self.runtime.join(name.as_str()),
            logs: self.logs.join(name.as_str()),
        }
    }
}

fn from_env(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from)
}

fn xdg(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let base = match from_env(variable).filter(|p| p.is_absolute()) {
        Some(base) => base,
        None => match from_env("HOME") {
            Some(home) => home.join(below_home),
            None => bail!(
                "neither {variable} nor HOME is set, so it is not known where this user's sites \
                 are; set one of them, or name the folders with --config-dir and --log-dir"
            ),
        },
    };
    Ok(base.join("siteward"))
}

fn user_runtime() -> anyhow::Result<PathBuf> {
    let user = files::effective_user();
    Ok(match from_env("XDG_RUNTIME_DIR").filter(|p| p.is_absolute()) {
        Some(base) => base.join("siteward"),
        None => PathBuf::from(format!("/tmp/siteward-{user}")),
    })
}

/// Where the things of one site live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePlaces {
    pub definition: PathBuf,
    /// The runtime folder of this site. Its path is also the site's mark.
    pub runtime: PathBuf,
    pub logs: PathBuf,
}

impl SitePlaces {
    /// The name of the site.
    pub fn name(&self) -> Option<SiteName> {
        self.definition.file_stem()?.to_str()?.parse().ok()
    }
    /// Held by the supervisor as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.runtime.join("lock")
    }
    /// Held by a start until its supervisor is at work.
    pub fn start_lock(&self) -> PathBuf {
        self.runtime.join("start.lock")
    }
    /// Shared by all stops that are at work: no start launches anything meanwhile.
    pub fn stopping_lock(&self) -> PathBuf {
        self.runtime.join("stopping.lock")
    }
    /// Held by a verb that stops a supervisor which is not ours: one at a time.
    pub fn stop_lock(&self) -> PathBuf {
        self.runtime.join("stop.lock")
    }
    /// The file that says when a stop was last ordered.
    pub fn stop_order(&self) -> PathBuf {
        self.runtime.join("stop.order")
    }
    /// The control socket of the supervisor.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("control")
    }
    /// The folder, beside those of all sites, where processes reach the sockets of sd_notify(3): they
    /// may run as a user who may not enter the site's own.
    pub fn notify_folder(&self) -> PathBuf {
        self.runtime.parent().unwrap_or(&self.runtime).join(".notify")
    }
    /// The prefix of this site's sockets there: short, even for a long name of the site.
    pub fn notify_prefix(&self) -> String {
        format!("{:016x}.", fnv(self.runtime.as_os_str().as_bytes()))
    }
    /// The path of such a socket; `secret` is 16 digits.
    pub fn notify_socket(&self, secret: &str) -> PathBuf {
        self.notify_folder().join(format!("{}{secret}", self.notify_prefix()))
    }
    /// The path at which such a socket is bound before it is renamed to that.
    pub fn notify_unseen(&self) -> PathBuf {
        self.runtime.join("notify")
    }
    /// The state file: the supervisor and the processes by identity.
    pub fn record(&self) -> PathBuf {
        self.runtime.join("record.json")
    }
    /// The token that only the site's own processes are given.
    pub fn token(&self) -> PathBuf {
        self.runtime.join("token")
    }
    /// The definition that the supervisor runs.
    pub fn snapshot(&self) -> PathBuf {
        self.runtime.join("definition.yaml")
    }
    /// The definition with which a start is under way.
    pub fn starting(&self) -> PathBuf {
        self.runtime.join("starting.yaml")
    }
    /// The locks that processes inherit, a file for each.
    pub fn process_locks(&self) -> PathBuf {
        self.runtime.join("process")
    }
    /// The lock that the process called `instance` inherits.
    pub fn process_lock(&self, instance: &str) -> PathBuf {
        self.process_locks().join(instance)
    }
    /// The log of the process `instance`.
    pub fn process_log(&self, instance: &str) -> PathBuf {
        self.logs.join(format!("{instance}.log"))
    }
    /// The log of the supervisor.
    pub fn supervisor_log(&self) -> PathBuf {
        self.process_log(OWN_LOG)
    }
    /// The log of a supervisor that is not ours.
    pub fn wrapped_log(&self) -> PathBuf {
        self.process_log(WRAPPED)
    }
    /// What is known of the log at `log`: its files, its runs and its times.
    pub fn log_index(log: &Path) -> PathBuf {
        log.with_extension("log.index")
    }
    /// This node's history of the site.
    pub fn history(&self) -> PathBuf {
        self.logs.join("history.jsonl")
    }

    /// The sockets, each with the longest name that it can have.
    fn sockets(&self) -> Vec<PathBuf> {
        vec![self.socket(), self.notify_unseen(), self.notify_socket("0123456789abcdef")]
    }

    /// Every other file, with the longest name that it can have, while it is written and kept.
    fn longest_files(&self) -> Vec<PathBuf> {
        let instance = "x".repeat(LONGEST_INSTANCE);
        let files = [
            self.start_lock(),
            self.record(),
            self.token(),
            self.snapshot(),
            self.process_lock(&instance),
            Self::log_index(&self.process_log(&instance)),
            self.supervisor_log().with_extension("log.1"),
            self.history().with_extension("jsonl.1"),
        ];
        // As a file is called before it is renamed.
        let new = |path: PathBuf| {
            let mut name = path.into_os_string();
            name.push(".new.4194304");
            PathBuf::from(name)
        };
        files.into_iter().map(new).collect()
    }

    /// Refuses folders in which a name of this site would become too long for the system, whatever its
    /// processes are called.
    ///
    /// # Errors
    /// A sentence with the lengths.
    pub fn check_length(&self) -> anyhow::Result<()> {
        for socket in self.sockets() {
            let length = socket.as_os_str().len();
            if length > sockets::LONGEST_PATH {
                bail!(
                    "the path {} has {length} characters and a socket's path may have {}; choose a \
                     shorter runtime folder with --runtime-dir",
                    socket.display(),
                    sockets::LONGEST_PATH
                );
            }
        }
        for path in self.longest_files() {
            let length = path.as_os_str().len();
            let longest = path.iter().map(OsStr::len).max().unwrap_or(0);
            if length > files::LONGEST_PATH || longest > files::LONGEST_NAME {
                bail!(
                    "a path in the folder {} can have {length} characters, and a name in it \
                     {longest}; a path may have {}, and a name {}; choose a shorter folder with \
                     --runtime-dir or --log-dir",
                    path.parent().unwrap_or(&path).display(),
                    files::LONGEST_PATH,
                    files::LONGEST_NAME
                );
            }
        }
        Ok(())
    }
}

/// The most characters that the name of a process has with the number of its instance: `NAME@1000`.
pub(super) const LONGEST_INSTANCE: usize = 63 + 5;

/// The name of a supervisor that is not ours in logs and marks; no process name can begin so.
pub const WRAPPED: &str = "@wrapped";

/// The name of the supervisor's own log; no process is called so.
pub const OWN_LOG: &str = "siteward";

/// siteward's directory on the database, which follows the site to the next node.
pub fn on_database(database: &Path) -> PathBuf {
    database.join(".siteward")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::{File, create_dir_all};
    use std::os::unix::net::UnixListener;

    /// Makes every file that a site has, under the longest names.
    fn make_all(site: &SitePlaces, instance: &str) -> std::io::Result<()> {
        for folder in [&site.runtime, &site.logs, &site.process_locks()] {
            create_dir_all(folder)?;
        }
        create_dir_all(site.notify_folder())?;
        for socket in site.sockets() {
            UnixListener::bind(socket)?;
        }
        File::create(site.process_lock(instance))?;
        File::create(site.process_log(instance))?;
        let kept = SitePlaces::log_index(&site.process_log(instance));
        for path in [site.record(), site.snapshot(), site.stop_order(), kept] {
            files::write_durably(&path, b"words")?;
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn where_the_lengths_are_good_every_file_can_be_made(
            site in "[a-z]{1,63}",
            instance in "[a-zA-Z0-9._-]{60,63}(@[0-9]{1,4})?",
            runtime in "r{1,90}",
            logs in "(l{1,270}/){1,17}",
        ) {
            prop_assume!(!instance.starts_with(['.', '-']));
            let folder = tempfile::tempdir().unwrap();
            let places = Places {
                config: folder.path().into(),
                runtime: folder.path().join(runtime),
                logs: folder.path().join(logs),
                links: folder.path().into(),
            };
            let site = places.of(&site.parse().unwrap());
            if site.check_length().is_ok() {
                make_all(&site, &instance).unwrap();
            }
        }
    }
}
