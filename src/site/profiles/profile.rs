//! What is known of a supervisor that is not siteward's.

use crate::values::Signal;

/// The words of a command. `{commands}`, `{config}`, `{directory}` and `{unit}` stand for the keys of these names, `{site}` and
/// `{database}` for those of the site. `{services}` stands for all its services as words, and a command with `{service}` is run
/// once for each. Empty: there is no such command.
type CommandWords = &'static [&'static str];

/// One supervisor.
#[derive(Debug)]
pub struct Profile {
    /// Its name in a definition.
    pub word: &'static str,
    pub means: &'static str,
    /// The key that names what it supervises.
    pub needs: ProfileKey,
    /// The folder of its programs, where `commands` is not there.
    pub commands: &'static str,
    pub start: CommandWords,
    pub stop: CommandWords,
    /// Sent to the supervisor itself, after the command.
    pub stop_signal: Option<Signal>,
    /// How the command line of its process begins.
    pub process: CommandWords,
    pub list: CommandWords,
    pub rows: Rows,
    pub pause: CommandWords,
    pub resume: CommandWords,
    /// No process of it stays.
    pub detached: bool,
    /// A service that was stopped stays down after the supervisor's next start: a start needs the `resume` as well.
    pub remembers: bool,
    /// What must stand in its configuration, so that it can be asked.
    pub config_holds: CommandWords,
    /// What is seen of the death of a service.
    pub death: &'static str,
    /// What cannot be proved with it: sentences without their ends.
    pub unproved: &'static [&'static str],
}

/// The key that a profile needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKey {
    /// `database` of the site.
    Database,
    /// `config`: a file.
    Config,
    /// `directory`: a folder with one folder for each service.
    Directory,
    /// `unit`: the name of a unit of systemd.
    Unit,
}

impl ProfileKey {
    pub fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Config => "config",
            Self::Directory => "directory",
            Self::Unit => "unit",
        }
    }
}

/// The form of the answer of a list command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The table of cjcls: site, daemon's PID or SHUT, database and link, ON or OFF.
    Cjcls,
    /// No table but an exit status, in the words of LSB: 0 up, 3 down.
    ExitStatus,
    /// `supervisorctl status`: a line for each program.
    Supervisord,
    /// `sv status`: a line for each service.
    Runit,
    /// `s6-svstat -o` of one service: the values of [`Rows::S6_FIELDS`].
    S6,
    /// `monit status`: a paragraph for each thing that is watched.
    Monit,
    /// `systemctl show`: a paragraph of properties for each unit.
    Systemd,
    /// `docker compose ps --format json`: an object for each container.
    Compose,
}

impl Rows {
    /// What s6-svstat is asked for.
    pub const S6_FIELDS: &'static str = "up,wantedup,normallyup,pid,exitcode,signum";
}
