//! What is to be started: a program, and how its process is to be set up.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::capabilities::Capabilities;
use super::limits::Limit;

/// What is to be started, everything decided: the child only carries it out.
#[derive(Debug)]
pub struct Command<'a> {
    /// Tried in turn, as execvp(3) goes along PATH.
    pub candidates: Vec<CString>,
    pub arguments: Vec<CString>,
    pub environment: Vec<CString>,
    pub directory: CString,
    pub umask: u32,
    /// The bounding set; None leaves it as it is.
    pub capabilities: Option<Capabilities>,
    pub no_new_privileges: bool,
    pub limits: Vec<Limit>,
    /// None sets it to 0, so that the parent's is not inherited.
    pub oom_score_adj: Option<i32>,
    /// None: as whom we run.
    pub credentials: Option<Credentials>,
    /// Standard input; None: /dev/null.
    pub input: Option<OwnedFd>,
    /// Standard output and error.
    pub output: BorrowedFd<'a>,
    /// Descriptors the program inherits, at numbers from 100 on.
    pub inherited: Vec<BorrowedFd<'a>>,
    /// Listening sockets that the program inherits from descriptor 3 on, told of as
    /// sd_listen_fds(3) wants it.
    pub listen: Vec<BorrowedFd<'a>>,
    /// The control group that it joins.
    pub group: Option<GroupDoor<'a>>,
    /// The child is sent KILL when its parent ends.
    pub dies_with_parent: bool,
}

/// The folder of a control group that a program joins.
#[derive(Clone, Copy, Debug)]
pub enum GroupDoor<'a> {
    /// It was made just now, so that nothing in it was ever killed: the program may begin its life there.
    New(BorrowedFd<'a>),
    /// The program joins it before it is executed.
    Old(BorrowedFd<'a>),
}

/// The same, kept open.
#[derive(Debug)]
pub enum OwnedDoor {
    New(OwnedFd),
    Old(OwnedFd),
}

impl OwnedDoor {
    pub fn as_door(&self) -> GroupDoor<'_> {
        match self {
            Self::New(folder) => GroupDoor::New(folder.as_fd()),
            Self::Old(folder) => GroupDoor::Old(folder.as_fd()),
        }
    }
}

/// The descriptors of a command: those of its fields that have these names.
#[derive(Debug)]
pub struct Descriptors {
    pub output: OwnedFd,
    pub inherited: Vec<OwnedFd>,
    pub listen: Vec<OwnedFd>,
    pub group: Option<OwnedDoor>,
}

/// A command with its descriptors, which are open as long as it is.
#[derive(Debug)]
pub struct OwnedCommand {
    command: Command<'static>,
    /// Behind the command, which names them.
    _descriptors: Descriptors,
}

impl OwnedCommand {
    /// `prepare` makes the command that prints into the given descriptor; the others are added to it.
    pub fn new<F>(descriptors: Descriptors, prepare: F) -> Self
    where
        F: for<'a> FnOnce(BorrowedFd<'a>) -> Command<'a>,
    {
        let mut command = prepare(descriptors.output.as_fd());
        command.inherited.extend(descriptors.inherited.iter().map(AsFd::as_fd));
        command.listen.extend(descriptors.listen.iter().map(AsFd::as_fd));
        command.group = descriptors.group.as_ref().map(OwnedDoor::as_door);
        // SAFETY: only the lifetime changes. What the command names is a number each, of a descriptor that is kept in
        // the same value, is not changed there, and is closed after the command; it is given away by `get` alone.
        let command = unsafe { std::mem::transmute::<Command<'_>, Command<'static>>(command) };
        Self { command, _descriptors: descriptors }
    }

    pub fn get(&self) -> &Command<'_> {
        &self.command
    }
}

impl<'a> GroupDoor<'a> {
    pub(super) fn folder(self) -> BorrowedFd<'a> {
        match self {
            Self::New(folder) | Self::Old(folder) => folder,
        }
    }
}

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, `gid` among them.
    pub groups: Vec<u32>,
}

impl<'a> Command<'a> {
    /// A program of the node, in the root folder and as whom we run, with no environment but
    /// `environment` and nothing of anybody's open.
    pub fn plain(
        candidates: Vec<CString>,
        words: &[&OsStr],
        environment: Vec<CString>,
        output: BorrowedFd<'a>,
    ) -> Self {
        Self {
            candidates,
            arguments: words.iter().filter_map(|w| CString::new(w.as_bytes()).ok()).collect(),
            environment,
            directory: c"/".to_owned(),
            umask: 0o022,
            capabilities: None,
            no_new_privileges: false,
            limits: Vec::new(),
            oom_score_adj: None,
            credentials: None,
            input: None,
            output,
            inherited: Vec::new(),
            listen: Vec::new(),
            group: None,
            dies_with_parent: false,
        }
    }

    /// Takes a variable out of the environment again.
    pub fn remove_variable(&mut self, name: &str) {
        let is_it = |entry: &CString| {
            let rest = entry.as_bytes().strip_prefix(name.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"="))
        };
        self.environment.retain(|entry| !is_it(entry));
    }

    /// Gives a variable this value, whichever it had before.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.remove_variable(name);
        self.environment.extend(CString::new(format!("{name}={value}")).ok());
    }

    /// The files that `program` may mean: itself if it holds a slash, else one in each folder of `path`.
    pub fn candidates(program: &OsStr, path: &str) -> Vec<CString> {
        let c_string = |bytes: &[u8]| CString::new(bytes).ok();
        if program.as_bytes().contains(&b'/') {
            return c_string(program.as_bytes()).into_iter().collect();
        }
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .filter_map(|folder| c_string(Path::new(folder).join(program).as_os_str().as_bytes()))
            .collect()
    }
}

/// The most listening sockets that one program can be given.
pub const MOST_SOCKETS: usize = 64;
