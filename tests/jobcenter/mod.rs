//! A machine with JobCenter on it, as far as the stand-in goes, and one site.
#![allow(dead_code)]

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use crate::common::*;
use siteward::linux::process::{Stat, working_folder};
use siteward::values::Pid;

const STANDIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standin/jobcenter");

pub(crate) struct Jobcenter {
    pub(crate) bench: Rc<Bench>,
    pub(crate) root: PathBuf,
    pub(crate) site: String,
    pub(crate) database: PathBuf,
    number: Rc<RefCell<u8>>,
}

impl Jobcenter {
    pub(crate) fn new(site: &str) -> Self {
        Self::with(site, "")
    }

    /// With more in the site's `supervisor:`.
    pub(crate) fn with(site: &str, more: &str) -> Self {
        let bench = Rc::new(Bench::new());
        let root = bench.path("nqs");
        for folder in ["cluster", "switches", "rc", "spool", "state", "gui/bin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for program in [
            "cluster/cjcpw",
            "cluster/cjcls",
            "cluster/cjcmksite",
            "nqsstart",
            "nqsstop",
            "nqsportkpr",
            "qstat",
            "gui/bin/spoolconv",
        ] {
            fs::copy(STANDIN, root.join(program)).unwrap();
        }
        fs::write(root.join("rc/daemon.conf"), "local_daemon=SITE\n").unwrap();
        let center = Self {
            database: bench.path("db-1"),
            bench,
            root,
            site: site.to_owned(),
            number: Rc::new(RefCell::new(1)),
        };
        center.make(more, 1);
        center
    }

    /// Another site on the same machine.
    pub(crate) fn another(&self, site: &str) -> Self {
        *self.number.borrow_mut() += 1;
        let number = *self.number.borrow();
        let other = Self {
            bench: Rc::clone(&self.bench),
            root: self.root.clone(),
            site: site.to_owned(),
            database: self.bench.path(&format!("db-{number}")),
            number: Rc::clone(&self.number),
        };
        other.make("", number);
        other
    }

    fn make(&self, more: &str, number: u8) {
        let (root, database) = (self.root.display(), self.database.display());
        let address = format!("127.0.0.{number}");
        for folder in ["nqs", "database"] {
            fs::create_dir_all(self.database.join(folder)).unwrap();
        }
        fs::write(self.database.join("nqs/daemon.conf"), format!("ipaddress={address}\n")).unwrap();
        let link = self.root.join(format!("spool/7F0000{number:02X}"));
        std::os::unix::fs::symlink(&self.database, &link).unwrap();
        let sites = self.root.join("sites");
        let before = fs::read_to_string(&sites).unwrap_or_default();
        fs::write(&sites, format!("{before}{} {database} {}\n", self.site, link.display()))
            .unwrap();
        // Only 127.0.0.1 is an address of this node by name; the others are not asked for.
        let present = number == 1;
        self.bench.define(
            &self.site,
            &format!(
                "database: {database}\naddress: {address}\ncountsleep: 1s\ncountmax: 10\n\
                 prerequisites: {{mounted: false, address_present: {present}}}\n\
                 supervisor: {{profile: jobcenter, {more}commands: {root}, spool: {root}/spool, qstat: {root}/qstat}}\n"
            ),
        );
    }

    pub(crate) fn hand(&self, words: &[&str]) -> Command {
        self.bench.hand(words)
    }

    /// Lets the stand-in misbehave.
    pub(crate) fn switch(&self, name: &str, value: &str) {
        fs::write(self.root.join("switches").join(name), value).unwrap();
    }

    /// Lets it behave.
    pub(crate) fn unswitch(&self) {
        for entry in fs::read_dir(self.root.join("switches")).unwrap().flatten() {
            fs::remove_file(entry.path()).unwrap();
        }
    }

    pub(crate) fn daemon_conf(&self, text: &str) {
        fs::write(self.root.join("rc/daemon.conf"), text).unwrap();
    }

    /// Begins a conversion of the site's database, as a person does.
    pub(crate) fn convert(&self) -> Call {
        let mut command = Command::new(self.root.join("gui/bin/spoolconv"));
        command.arg("-c").arg(self.database.join("nqs")).env("NQS_SITE", &self.site);
        let conversion = Call::begin(command);
        until("its jcdbs runs", || self.number_in("jcdbs").is_some());
        conversion
    }

    /// Lets a conversion end.
    pub(crate) fn converted(&self) {
        fs::write(self.root.join("state/converted"), "").unwrap();
    }

    /// Runs one of the stand-in's programs, as a person does.
    pub(crate) fn run(&self, program: &str, words: &[&str]) {
        let status = Command::new(self.root.join(program)).args(words).status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }

    /// The calls of the stand-in's programs that begin so.
    pub(crate) fn calls_of(&self, beginning: &str) -> Vec<String> {
        let all = fs::read_to_string(self.root.join("calls")).unwrap_or_default();
        all.lines().filter(|l| l.starts_with(beginning)).map(str::to_owned).collect()
    }

    fn number_in(&self, file: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.root.join("state").join(&self.site).join(file)).ok()?;
        let pid = Pid::try_from(text.trim().parse::<i32>().ok()?).ok()?;
        Stat::of(pid).filter(Stat::is_alive).map(|s| s.pid)
    }

    /// cjcpw, which says who it is once all of its daemons are up.
    pub(crate) fn supervisor(&self) -> Pid {
        until("cjcpw has said who it is", || self.is_watched());
        self.number_in("cjcpw").expect("cjcpw lives")
    }

    /// cjcpw lives, and has said so.
    pub(crate) fn is_watched(&self) -> bool {
        self.number_in("cjcpw").is_some()
    }

    pub(crate) fn daemon(&self, name: &str) -> Pid {
        self.number_in(name).unwrap_or_else(|| panic!("{name} lives"))
    }

    /// nqsdaemon lives.
    pub(crate) fn is_up(&self) -> bool {
        self.number_in("nqsdaemon").is_some()
    }

    /// The numbers of all that work for the site under cjcpw.
    pub(crate) fn daemons(&self) -> Vec<Pid> {
        let folder = self.root.join("state").join(&self.site);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        let daemons = names.filter(|name| name != "cjcpw");
        let mut numbers: Vec<Pid> = daemons.filter_map(|name| self.number_in(&name)).collect();
        numbers.sort();
        numbers
    }

    /// Everything of this machine's JobCenter that lives and works for the site, in words.
    pub(crate) fn living(&self) -> String {
        let root = self.root.display().to_string();
        let stats = siteward::linux::process::all().unwrap();
        let ours = stats.iter().filter(|stat| {
            let at_work = working_folder(stat.pid).is_some_and(|cwd| cwd == self.database);
            let line = words_of(stat.pid);
            let is_cjcpw = line.iter().any(|w| w.starts_with(root.as_bytes()))
                && line.iter().any(|w| *w == self.site.as_bytes());
            stat.is_alive() && (is_cjcpw || at_work)
        });
        ours.map(|s| format!("{} {} ", s.pid, s.comm)).collect()
    }
}

impl Drop for Jobcenter {
    fn drop(&mut self) {
        self.unswitch();
        let _ = self.hand(&["clean", &self.site, "--timeout", "20s"]).output();
    }
}
