//! The sites of a rehearsal: the sample sites in a directory of their own, or a site of the user. Also the
//! calls of the manager, with their results.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::contract::{self, Refusal, Want};
use super::report::StepResult;
use crate::backend::own;
use crate::control::{Request, State, View};
use crate::linux::wait::Waiting;
use crate::linux::{files, node};
use crate::manager::Manager;
use crate::observe::observe;
use crate::operator::warden::LIES;
use crate::process::{Identity, Record, find_members};
use crate::site::{Definition, Places, SiteName, SitePlaces, load};
use crate::values::{Moment, Pid, Signal};

/// The sample site with a supervisor of its own.
pub(super) const WRAPPED: &str = "wrapped";

/// The built-in sample sites. They are removed when this value is dropped.
pub(super) struct Sample {
    folder: PathBuf,
    places: Places,
}

impl Sample {
    pub(super) fn build() -> anyhow::Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("siteward-rehearsal-{}", node::random_name()));
        files::private_folder(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let places = Places {
            config: folder.join("sites"),
            runtime: folder.join("run"),
            logs: folder.join("log"),
            links: folder.join("links"),
        };
        let sample = Self { folder, places };
        fs::create_dir(&sample.places.config)?;
        let me = std::env::current_exe().context("this program cannot be found")?;
        let me = me.display();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        sample.define(
            "rehearsal",
            &format!(
                "boot_timeout: 20s\nstop_timeout: 10s\nforcekill_time: 1s\nprocesses:\n\
                 \x20 prepare: {{command: [\"{me}\", act, worker], oneshot: true}}\n\
                 \x20 store: {{command: [\"{me}\", act, notifier], ready: {{notify: true}}}}\n\
                 \x20 door: {{command: [\"{me}\", act, listener, \"127.0.0.1:{port}\"], \
                 ready: {{tcp: \"127.0.0.1:{port}\"}}}}\n\
                 \x20 engine: {{command: [\"{me}\", act, daemon], forks: true}}\n\
                 \x20 again: {{command: [\"{me}\", act, steady], \
                 restart: {{attempts: 3, within: 60s, delay: 50ms}}}}\n\
                 \x20 extra: {{command: [\"{me}\", act, steady], essential: false, depends_on: [store]}}\n"
            ),
        )?;
        sample.define(
            "stubborn",
            &format!(
                "boot_timeout: 20s\nstop_timeout: 10s\nforcekill_time: 500ms\nprocesses:\n\
                 \x20 family: {{command: [\"{me}\", act, escaper]}}\n\
                 \x20 stubborn: {{command: [\"{me}\", act, stubborn], stop_grace_period: 300ms}}\n"
            ),
        )?;
        sample.define(
            "unready",
            &format!(
                "boot_timeout: 1s\nstop_timeout: 5s\nforcekill_time: 1s\nprocesses:\n\
                 \x20 first: {{command: [\"{me}\", act, steady]}}\n\
                 \x20 late: {{command: [\"{me}\", act, steady], ready: {{notify: true}}}}\n"
            ),
        )?;
        let wrapped = sample.folder.join(WRAPPED);
        fs::create_dir(&wrapped)?;
        let wrapped = wrapped.display();
        sample.define(
            WRAPPED,
            &format!(
                "boot_timeout: 20s\nstop_timeout: 1s\nforcekill_time: 200ms\ncountsleep: 200ms\nsupervisor:\n\
                 \x20 start: [\"{me}\", act, warden, \"{wrapped}\"]\n\
                 \x20 stop: [\"{me}\", act, warden-stop, \"{wrapped}\"]\n\
                 \x20 process: [\"{me}\", act, warden, \"{wrapped}\"]\n\
                 \x20 list: {{command: [\"{me}\", act, warden-list, \"{wrapped}\"], rows: exit-status}}\n"
            ),
        )?;
        sample.define("wrong", "processes:\n  a: {comand: [/bin/true]}\n")?;
        Ok(sample)
    }

    fn define(&self, name: &str, rest: &str) -> anyhow::Result<()> {
        let file = self.places.config.join(format!("{name}.yaml"));
        files::write_durably(&file, format!("version: 1\n{rest}").as_bytes())
            .with_context(|| format!("{} cannot be written", file.display()))
    }

    pub(super) fn stage(&self, manager: Manager, name: &str) -> anyhow::Result<RehearsedSite> {
        let name: SiteName = name.parse().map_err(anyhow::Error::msg)?;
        RehearsedSite::of_own(manager, &name, &self.places)
    }

    /// The folder of the site with a supervisor of its own.
    pub(super) fn wrapped(&self) -> PathBuf {
        self.folder.join(WRAPPED)
    }

    /// Calls for a name that may have no valid definition.
    pub(super) fn bare(&self, manager: Manager, name: &str) -> Bare {
        Bare { manager, name: name.to_owned(), places: self.places.clone() }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // A failed step may have left processes alive, so they are ended here.
        let _ = fs::remove_file(self.wrapped().join(LIES));
        for name in ["rehearsal", "stubborn", "unready", WRAPPED] {
            let _ = self.bare(Manager::Hand, name).call("clean", &[], Duration::from_secs(20));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Calls of the manager for a site of this name.
pub(super) struct Bare {
    pub(super) manager: Manager,
    pub(super) name: String,
    pub(super) places: Places,
}

/// The result of a call.
pub(super) struct Called {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Called {
    /// The reason that the manager shows: for Pacemaker the last line with the prefix, for the others the
    /// whole output.
    pub(super) fn reason(&self, manager: Manager) -> Option<&str> {
        let last = self.stderr.lines().rev().find_map(|line| line.strip_prefix("ocf-exit-reason:"));
        match manager {
            Manager::Pacemaker => last,
            _ if self.stdout.trim().is_empty() => Some(&self.stderr),
            _ => Some(&self.stdout),
        }
    }
}

impl Bare {
    /// Calls a verb as the manager does.
    pub(super) fn call(&self, verb: &str, extra: &[(&str, &str)], timeout: Duration) -> Called {
        match contract::command(self.manager, &self.name, &self.places, verb, extra, timeout)
            .output()
        {
            Ok(output) => Called {
                code: output.status.code(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            },
            Err(error) => Called { code: None, stdout: String::new(), stderr: error.to_string() },
        }
    }

    /// Calls monitor, and compares the exit code with the expected one.
    pub(super) fn looks(&self, want: Want) -> StepResult {
        self.answers("monitor", &[], contract::code(self.manager, want))
    }

    /// Calls start, and compares the exit code with that of the expected refusal.
    pub(super) fn refuses(&self, refusal: Refusal) -> StepResult {
        self.answers("start", &[], contract::refused(self.manager, refusal))
    }

    /// Calls a verb and compares its exit code.
    pub(super) fn answers(&self, verb: &str, extra: &[(&str, &str)], code: i32) -> StepResult {
        let called = self.call(verb, extra, Duration::from_secs(30));
        told(&called, called.code == Some(code))
    }
}

fn told(called: &Called, as_expected: bool) -> StepResult {
    let code = called.code.map_or_else(|| "a signal".to_owned(), |c| c.to_string());
    let said = || called.stderr.lines().chain(called.stdout.lines()).next_back();
    let what = match called.reason(Manager::Pacemaker).or_else(said) {
        Some(words) if !as_expected => format!("{code}: {words}"),
        _ => code,
    };
    StepResult::new(as_expected, what)
}

/// A site of a rehearsal.
pub(super) struct RehearsedSite {
    pub(super) bare: Bare,
    site: SitePlaces,
    pub(super) definition: Definition,
}

/// The interval of a recurring monitor.
pub(super) const RECURRING: (&str, &str) = ("OCF_RESKEY_CRM_meta_interval", "10000");

impl RehearsedSite {
    pub(super) fn of_own(
        manager: Manager,
        name: &SiteName,
        places: &Places,
    ) -> anyhow::Result<Self> {
        let definition = match load(places, name) {
            Ok(definition) => definition,
            Err(error) => bail!("{error}"),
        };
        let bare = Bare { manager, name: name.to_string(), places: places.clone() };
        Ok(Self { bare, site: places.of(name), definition })
    }

    /// Calls a verb with as much time as it may need.
    pub(super) fn verb(&self, verb: &str, code: i32) -> StepResult {
        let times = self.definition.boot_timeout + self.definition.stop_timeout * 2;
        let called = self.bare.call(verb, &[], times + Duration::from_secs(30));
        told(&called, called.code == Some(code))
    }

    /// Calls the manager's recurring monitor.
    pub(super) fn monitor(&self, want: Want) -> StepResult {
        let code = contract::code(self.bare.manager, want);
        self.bare.answers("monitor", &[RECURRING], code)
    }

    /// The expected exit code of a monitor, for the report.
    pub(super) fn says(&self, want: Want) -> String {
        contract::code(self.bare.manager, want).to_string()
    }

    pub(super) fn places(&self) -> SitePlaces {
        self.site.clone()
    }

    pub(super) fn is_wrapped(&self) -> bool {
        self.definition.wrapped.is_some()
    }

    /// Its own supervisor starts a service again that has died.
    pub(super) fn restarts_itself(&self) -> bool {
        let wrapped = self.definition.wrapped.as_ref();
        wrapped.is_some_and(|wrapped| wrapped.subject.is_some() && !wrapped.detached)
    }

    /// A word in the reason of a failure of its own supervisor.
    pub(super) fn word_of_death(&self) -> &'static str {
        match self.definition.wrapped.as_ref().and_then(|wrapped| wrapped.unit()) {
            Some(_) => "failed",
            None => "ended",
        }
    }

    /// No supervisor of it stays that could be killed.
    pub(super) fn is_detached(&self) -> bool {
        self.definition.wrapped.as_ref().is_some_and(|wrapped| wrapped.detached)
    }

    pub(super) fn view(&self) -> Option<View> {
        let until = Moment::now() + Duration::from_secs(5);
        let ours = own::glance(&self.site, &Request::Look, until);
        ours.or_else(|| observe(&self.site, Moment::now(), until).ok()?.view)
    }

    /// Calls monitor until the exit code is the expected one.
    pub(super) fn monitor_until(&self, want: Want) -> StepResult {
        let code = contract::code(self.bare.manager, want);
        self.until(|| {
            let called = self.bare.call("monitor", &[RECURRING], Duration::from_secs(20));
            told(&called, called.code == Some(code))
        })
    }

    /// Repeats `look` until the result is as expected, but not longer than the site may take to stop and start.
    pub(super) fn until(&self, look: impl Fn() -> StepResult) -> StepResult {
        let times = self.definition.boot_timeout + self.definition.stop_timeout;
        let deadline = Moment::now() + times + Duration::from_secs(10);
        loop {
            let seen = look();
            if seen.as_expected || deadline.passed() {
                return seen;
            }
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(20)));
        }
    }

    /// Checks that no process of the site lives.
    pub(super) fn nothing_lives(&self) -> StepResult {
        let record = Record::read(&self.site).ok().flatten();
        let supervisor = record.as_ref().is_some_and(|r| r.supervisor.is_alive());
        match find_members(&self.site, record.as_ref()) {
            Ok(members) if members.is_empty() && !supervisor => StepResult::new(true, "nothing"),
            Ok(_) if supervisor => StepResult::new(false, "the supervisor"),
            Ok(members) => StepResult::new(false, members.describe()),
            Err(error) => StepResult::new(false, error.to_string()),
        }
    }

    /// Sends a signal to the process that has this PID now.
    pub(super) fn signal(&self, pid: Pid, signal: Signal) -> StepResult {
        match Identity::of(pid).and_then(|identity| identity.open()) {
            Some(handle) => match handle.send(signal) {
                Ok(()) => StepResult::new(true, format!("{signal} to {pid}")),
                Err(error) => StepResult::new(false, error.to_string()),
            },
            None => StepResult::new(false, format!("{pid} is gone already")),
        }
    }
}

/// A process of the site, once the site is running. None: it is not running in time.
pub(super) fn wait_for_process(site: &SitePlaces) -> Option<Pid> {
    let deadline = Moment::now() + Duration::from_secs(20);
    while !deadline.passed() {
        let view = own::glance(site, &Request::Look, deadline);
        if let Some(view) = view.filter(|v| v.state == State::Running) {
            return view.processes.into_iter().find_map(|p| p.pid);
        }
        Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(20)));
    }
    None
}
