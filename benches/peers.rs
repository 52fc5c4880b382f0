//! Supervisors of other makers, from Debian's packages, each with any number of processes that only sleep.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use siteward::linux::PidFd;
use siteward::values::{Pid, Signal};

use crate::common::signal_if_there;
use crate::tools::{Payload, code_of, family, quiet, script};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Supervisord,
    S6,
    Runit,
    Monit,
}

impl Maker {
    pub(crate) const ALL: [Self; 4] = [Self::Supervisord, Self::S6, Self::Runit, Self::Monit];

    /// What must be installed for all of them.
    pub(crate) const NEEDED: [(&str, &str); 4] = [
        ("/usr/bin/supervisord", "supervisor"),
        ("/usr/bin/s6-svscan", "s6"),
        ("/usr/bin/runsvdir", "runit"),
        ("/usr/bin/monit", "monit"),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Supervisord => "supervisord",
            Self::S6 => "s6",
            Self::Runit => "runit",
            Self::Monit => "monit",
        }
    }

    /// What is typed to ask after one process.
    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Supervisord => "supervisorctl status",
            Self::S6 => "s6-svstat",
            Self::Runit => "sv status",
            Self::Monit => "monit status",
        }
    }
}

/// One that has been started. When it is dropped, all of it is killed.
pub(crate) struct Peer {
    maker: Maker,
    size: usize,
    child: Child,
    payload: Payload,
    folder: tempfile::TempDir,
}

impl Peer {
    /// What it needs is written; `Prepared::start` is what is timed.
    pub(crate) fn prepare(maker: Maker, size: usize) -> Prepared {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let payload = Payload::in_folder(folder.path());
        let prepared = Prepared { maker, size, folder, payload };
        match maker {
            Maker::Supervisord => prepared.write_supervisord(),
            Maker::S6 | Maker::Runit => prepared.write_services(),
            Maker::Monit => prepared.write_monit(),
        }
        prepared
    }

    pub(crate) fn question(&self) -> Command {
        let (service, conf) = (self.path("scan/p0"), self.path("conf"));
        let (program, words) = match self.maker {
            Maker::Supervisord => ("/usr/bin/supervisorctl", vec!["-c", &conf, "status", "p0"]),
            Maker::S6 => ("/usr/bin/s6-svstat", vec![service.as_str()]),
            Maker::Runit => ("/usr/bin/sv", vec!["status", &service]),
            Maker::Monit => ("/usr/bin/monit", vec!["-c", &conf, "status", "p0"]),
        };
        let mut command = Command::new(program);
        command.args(words);
        command
    }

    /// Stops all processes; false: they do not end in this time.
    pub(crate) fn stop(&mut self, limit: Duration) -> bool {
        let pid = Pid::try_from(self.child.id().cast_signed()).unwrap();
        let send = |signal| PidFd::open(pid).unwrap().send(signal).unwrap();
        match self.maker {
            Maker::Supervisord => send(Signal::TERM),
            // Its services are told to end, and it ends after them.
            Maker::S6 => {
                let mut command = Command::new("/usr/bin/s6-svscanctl");
                command.args(["-t", &self.path("scan")]);
                assert_eq!(code_of(command), 0);
            }
            // It is gone at once, and its services end on their own.
            Maker::Runit => send(Signal::HUP),
            Maker::Monit => {
                let mut command = Command::new("/usr/bin/monit");
                command.args(["-c", &self.path("conf"), "stop", "all"]);
                assert_eq!(code_of(command), 0);
            }
        }
        self.payload.come_to(0, limit)
    }

    /// Its own processes, without those that it watches.
    pub(crate) fn own(&self) -> Vec<Pid> {
        let watched = self.payload.processes();
        let all = family(Pid::try_from(self.child.id().cast_signed()).unwrap());
        all.iter().map(|stat| stat.pid).filter(|pid| !watched.contains(pid)).collect()
    }

    pub(crate) fn is_up(&self, limit: Duration) -> bool {
        self.payload.come_to(self.size, limit)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nobody is left to start one again.
        for _ in 0..2 {
            self.own().into_iter().for_each(|pid| signal_if_there(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// One that has only to be started.
pub(crate) struct Prepared {
    maker: Maker,
    size: usize,
    folder: tempfile::TempDir,
    payload: Payload,
}

impl Prepared {
    pub(crate) fn start(self) -> Peer {
        let conf = self.path("conf");
        let scan = self.path("scan");
        let (program, words) = match self.maker {
            Maker::Supervisord => ("/usr/bin/supervisord", vec!["-n", "-c", &conf]),
            Maker::S6 => ("/usr/bin/s6-svscan", vec!["-c", "2000", &scan]),
            Maker::Runit => ("/usr/bin/runsvdir", vec!["-P", &scan]),
            Maker::Monit => ("/usr/bin/monit", vec!["-I", "-c", &conf]),
        };
        let mut command = Command::new(program);
        command.args(words);
        let child = quiet(command).spawn().unwrap();
        let Self { maker, size, folder, payload } = self;
        Peer { maker, size, child, payload, folder }
    }

    /// All processes run before it is started, which then only watches them: for one that starts them slowly.
    pub(crate) fn start_with_living(self) -> Peer {
        for n in 0..self.size {
            assert_eq!(code_of(Command::new(self.path(&format!("start{n}")))), 0);
        }
        self.start()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write_supervisord(&self) {
        let at = |name: &str| self.path(name);
        let mut text = format!(
            "[unix_http_server]\nfile={0}\n[supervisorctl]\nserverurl=unix://{0}\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisord]\nlogfile={1}\npidfile={2}\nminfds=8192\n",
            at("socket"),
            at("log"),
            at("pid")
        );
        let program = self.payload.program.display();
        for n in 0..self.size {
            text += &format!("[program:p{n}]\ncommand={program} infinity\nstartsecs=0\n");
            text += &format!("stdout_logfile={}\nredirect_stderr=true\n", at(&format!("p{n}.log")));
        }
        fs::write(at("conf"), text).unwrap();
    }

    fn write_services(&self) {
        for n in 0..self.size {
            let service = PathBuf::from(self.path(&format!("scan/p{n}")));
            fs::create_dir_all(&service).unwrap();
            let program = self.payload.program.display();
            script(&service.join("run"), &format!("exec {program} infinity >/dev/null 2>&1"));
        }
    }

    fn write_monit(&self) {
        let at = |name: &str| self.path(name);
        let mut text = format!(
            "set daemon 10\nset httpd unixsocket {}\n  allow localhost\nset statefile {}\nset idfile {}\nset pidfile {}\n",
            at("socket"),
            at("state"),
            at("id"),
            at("monit.pid")
        );
        for n in 0..self.size {
            let (pid, begin, end) =
                (at(&format!("p{n}.pid")), at(&format!("start{n}")), at(&format!("stop{n}")));
            let program = self.payload.program.display();
            let start = format!("setsid {program} infinity >/dev/null 2>&1 &\necho $! >{pid}");
            script(&PathBuf::from(&begin), &start);
            script(&PathBuf::from(&end), &format!("kill $(cat {pid})"));
            text +=
                &format!("check process p{n} with pidfile {pid}\n  start program = \"{begin}\"\n");
            text += &format!("  stop program = \"{end}\"\n");
        }
        fs::write(at("conf"), text).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(at("conf"), fs::Permissions::from_mode(0o600)).unwrap();
    }
}
