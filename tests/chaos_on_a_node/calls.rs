//! Verbs of every kind, called by hand and as three cluster managers call them, many at once.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::Random;
use crate::sites::Site;
use crate::witness::now;

const SITEWARD: &str = env!("CARGO_BIN_EXE_siteward");

/// What each verb may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Start,
    Stop,
    Clean,
    Monitor,
    /// A recurring one that waits for a change.
    Held,
    Pause,
    Resume,
    Reload,
    Adopt,
    Status,
    History,
    Validate,
}

impl Verb {
    /// Whether a stop may kill it: a start, and a pause that starts siteward's own supervisor to hold the site, as that of a
    /// supervisor without a command for it does.
    pub(crate) fn yields(self) -> bool {
        self.starts() || self == Self::Pause
    }

    /// Whether processes of the site may begin because of it.
    pub(crate) fn starts(self) -> bool {
        matches!(self, Self::Start | Self::Resume | Self::Adopt)
    }

    pub(crate) fn stops(self) -> bool {
        matches!(self, Self::Stop | Self::Clean)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Clean => "clean",
            Self::Monitor | Self::Held => "monitor",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reload => "reload",
            Self::Adopt => "adopt",
            Self::Status => "status",
            Self::History => "history",
            Self::Validate => "validate-all",
        }
    }

    /// As the summary tells it.
    pub(crate) fn shown(self) -> &'static str {
        if self == Self::Held { "held monitor" } else { self.word() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Hand,
    Pacemaker,
    Clusterware,
    Serviceguard,
}

/// One call and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) site: &'static str,
    pub(crate) verb: Verb,
    pub(crate) caller: Caller,
    /// Before it was called, by CLOCK_MONOTONIC in nanoseconds.
    pub(crate) begun: u64,
    /// After it had ended.
    pub(crate) ended: u64,
    /// None: by a signal.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// It was killed with its group, as a manager does it.
    pub(crate) was_killed: bool,
    pub(crate) said: String,
}

/// The folders of a run, and who works in them.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) folder: PathBuf,
    pub(crate) sites: Vec<Site>,
    /// For each site: nobody may call what starts it, and how many such calls are under way.
    doors: Mutex<Vec<(bool, usize)>>,
    changed: Condvar,
    pub(crate) calls: Mutex<Vec<Called>>,
}

impl Node {
    pub(crate) fn new(folder: &Path, sites: Vec<Site>) -> Arc<Self> {
        for site in &sites {
            for manager in ["crs", "serviceguard"] {
                let links = folder.join(manager);
                fs::create_dir_all(&links).expect("a folder for links");
                std::os::unix::fs::symlink(SITEWARD, links.join(site.name)).expect("a link");
            }
        }
        Arc::new(Self {
            folder: folder.to_owned(),
            doors: Mutex::new(vec![(false, 0); sites.len()]),
            sites,
            changed: Condvar::new(),
            calls: Mutex::default(),
        })
    }

    fn command(&self, site: &str, verb: Verb, caller: Caller, held: Duration) -> Command {
        let limit = LIMIT.as_secs().to_string();
        let millis = LIMIT.as_millis().to_string();
        let program = match caller {
            Caller::Hand | Caller::Pacemaker => PathBuf::from(SITEWARD),
            Caller::Clusterware => self.folder.join("crs").join(site),
            Caller::Serviceguard => self.folder.join("serviceguard").join(site),
        };
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("SITEWARD_CONFIG_DIR", self.folder.join("sites"))
            .env("SITEWARD_RUNTIME_DIR", self.folder.join("run"))
            .env("SITEWARD_LOG_DIR", self.folder.join("log"))
            .env("SITEWARD_LINK_DIR", self.folder.join("links"))
            .stdin(Stdio::null())
            .process_group(0);
        match caller {
            Caller::Hand => {
                command.arg(verb.word()).arg(site);
                match verb {
                    Verb::History | Verb::Validate => {}
                    _ => drop(command.args(["--timeout", &format!("{limit}s")])),
                }
            }
            Caller::Pacemaker => {
                command
                    .arg(verb.word())
                    .env("OCF_ROOT", "/usr/lib/ocf")
                    .env("OCF_RESOURCE_INSTANCE", format!("r-{site}"))
                    .env("OCF_RESKEY_site", site)
                    .env("OCF_RESKEY_CRM_meta_timeout", millis)
                    .env("OCF_RESKEY_monitor_wait", held.as_secs().to_string());
                if !held.is_zero() {
                    command.env("OCF_RESKEY_CRM_meta_interval", "1000");
                }
            }
            Caller::Clusterware => {
                command
                    .arg(if verb == Verb::Monitor { "check" } else { verb.word() })
                    .env("_CRS_NAME", format!("{site}_res"))
                    .env("_CRS_TYPE", "cluster_resource")
                    .env("_CRS_SCRIPT_TIMEOUT", &limit)
                    .env("_CRS_START_TIMEOUT", &limit)
                    .env("_CRS_STOP_TIMEOUT", &limit)
                    .env("_CRS_CHECK_TIMEOUT", "0");
            }
            Caller::Serviceguard => {
                command
                    .arg(verb.word())
                    .env("SG_PACKAGE_NAME", site)
                    .env("SG_SCRIPT_ACTION", verb.word())
                    .env("SG_PACKAGE", site)
                    .env("SG_NODE", "node0");
            }
        }
        command
    }

    /// Calls a verb, and kills it after a time, if one is given.
    pub(crate) fn call(
        &self,
        site: usize,
        verb: Verb,
        caller: Caller,
        held: Duration,
        kill_after: Option<Duration>,
    ) -> Called {
        let site = self.sites[site].name;
        let printed = tempfile::tempfile_in(&self.folder).expect("a file for what is printed");
        let file = |file: &File| file.try_clone().expect("a descriptor");
        let mut command = self.command(site, verb, caller, held);
        command.stdout(file(&printed)).stderr(file(&printed));
        let begun = now();
        let mut child = command.spawn().expect("the program can be run");
        let group = Pid::from_raw(child.id().cast_signed());
        let mut was_killed = false;
        // A call that hangs is killed long after its time, and that is told.
        let patience = kill_after.unwrap_or(LIMIT * 4);
        let give_up = begun + u64::try_from(patience.as_nanos()).expect("a short time");
        let over = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        let mut pause = Duration::from_millis(1);
        let mut ended = now();
        while !has_ended(waitid(Id::Pid(group), over)) {
            ended = now();
            if ended >= give_up {
                let _ = killpg(group, Signal::SIGKILL);
                was_killed = true;
                break;
            }
            // The end is noted late by that at most, which is in nobody's disfavour.
            std::thread::sleep(pause);
            pause = (pause * 3 / 2).min(Duration::from_millis(20));
        }
        let status = child.wait().expect("it is a child");
        let ended = if was_killed { now() } else { ended.max(now()) };
        let called = Called {
            site,
            verb,
            caller,
            begun,
            ended,
            code: status.code(),
            signal: status.signal(),
            was_killed: was_killed && status.code().is_none(),
            said: read(&printed),
        };
        self.calls.lock().expect("no thread has panicked").push(called.clone());
        called
    }

    /// As [`Self::call`], counted if it can start the site, and not made if nobody may start it now.
    fn call_at_the_door(
        &self,
        site: usize,
        verb: Verb,
        caller: Caller,
        kill_after: Option<Duration>,
    ) {
        if verb.starts() {
            let mut doors = self.doors.lock().expect("no thread has panicked");
            if doors[site].0 {
                return;
            }
            doors[site].1 += 1;
        }
        self.call(site, verb, caller, Duration::ZERO, kill_after);
        if verb.starts() {
            self.doors.lock().expect("no thread has panicked")[site].1 -= 1;
            self.changed.notify_all();
        }
    }

    /// Closes the door, waits for the starts under way, stops the site, and lets nobody start it for a moment.
    fn stop_for_good(&self, site: usize, verb: Verb, caller: Caller, random: &mut Random) {
        let mut doors = self.doors.lock().expect("no thread has panicked");
        if doors[site].0 {
            return;
        }
        doors[site].0 = true;
        while doors[site].1 > 0 {
            doors = self.changed.wait(doors).expect("no thread has panicked");
        }
        drop(doors);
        self.call(site, verb, caller, Duration::ZERO, None);
        self.call(site, Verb::Monitor, Caller::Hand, Duration::ZERO, None);
        std::thread::sleep(Duration::from_millis(random.below(300)));
        self.doors.lock().expect("no thread has panicked")[site].0 = false;
    }

    /// Calls verbs until that time.
    pub(crate) fn work(&self, random: &mut Random, until: u64) {
        const VERBS: [Verb; 24] = [
            Verb::Start,
            Verb::Start,
            Verb::Start,
            Verb::Start,
            Verb::Start,
            Verb::Stop,
            Verb::Stop,
            Verb::Clean,
            Verb::Monitor,
            Verb::Monitor,
            Verb::Monitor,
            Verb::Monitor,
            Verb::Monitor,
            Verb::Held,
            Verb::Held,
            Verb::Pause,
            Verb::Resume,
            Verb::Resume,
            Verb::Reload,
            Verb::Adopt,
            Verb::Adopt,
            Verb::Status,
            Verb::History,
            Verb::Validate,
        ];
        let at = |list_len: usize, random: &mut Random| {
            usize::try_from(random.below(list_len as u64)).expect("it is in the list")
        };
        while now() < until {
            let site = at(self.sites.len(), random);
            let verb = match VERBS[at(VERBS.len(), random)] {
                Verb::Pause if self.sites[site].is_never_paused => Verb::Monitor,
                verb => verb,
            };
            let caller = match verb {
                Verb::Start | Verb::Stop | Verb::Monitor => {
                    [Caller::Hand, Caller::Pacemaker, Caller::Clusterware, Caller::Serviceguard]
                        [at(4, random)]
                }
                Verb::Clean => {
                    [Caller::Hand, Caller::Pacemaker, Caller::Clusterware][at(3, random)]
                }
                Verb::Held => Caller::Pacemaker,
                Verb::Pause | Verb::Resume | Verb::Reload | Verb::Adopt => Caller::Hand,
                Verb::Status | Verb::History | Verb::Validate => Caller::Hand,
            };
            // Serviceguard's entry point has no such word, and no time limit.
            let caller = match (caller, verb) {
                (Caller::Serviceguard, Verb::Monitor) => Caller::Pacemaker,
                (caller, _) => caller,
            };
            let is_killed = random.below(6) == 0;
            let kill_after = is_killed.then(|| Duration::from_millis(random.below(500)));
            if verb == Verb::Held {
                for _ in 0..3 {
                    self.call(site, verb, caller, Duration::from_secs(3), kill_after);
                }
            } else if verb.stops() && random.below(3) == 0 {
                self.stop_for_good(site, verb, caller, random);
            } else {
                self.call_at_the_door(site, verb, caller, kill_after);
            }
            std::thread::sleep(Duration::from_millis(random.below(60)));
        }
    }
}

fn has_ended(status: nix::Result<nix::sys::wait::WaitStatus>) -> bool {
    !matches!(status, Ok(nix::sys::wait::WaitStatus::StillAlive))
}

fn read(mut file: &File) -> String {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.take(4096).read_to_end(&mut bytes)).expect("it can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
