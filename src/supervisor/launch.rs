//! How each program of a site is started: everything that must be looked up is looked up here,
//! once, before the loop begins, so that a restart at three in the morning needs no directory server.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use crate::linux::capabilities::Capabilities;
use crate::linux::files;
use crate::linux::limits::Limit;
use crate::linux::spawn::Command;
use crate::linux::users::{self, Credentials, User};
use crate::process::{MARK, Token, mark_entry};
use crate::site::{Context, Definition, SitePlaces, read_env_file, read_env_file_until};
use crate::values::Moment;

/// Where programs without a slash are looked for, unless the site's environment says otherwise.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the site's disk may take to give a file that the gate has just read.
const DISK: Duration = Duration::from_secs(5);

/// As whom, where and within which limits the programs of one process run.
#[derive(Clone, Debug)]
pub struct Launch {
    environment: BTreeMap<String, String>,
    directory: CString,
    umask: u32,
    capabilities: Option<Capabilities>,
    no_new_privileges: bool,
    limits: Vec<Limit>,
    oom_score_adj: Option<i32>,
    credentials: Option<Credentials>,
    token: Option<Token>,
}

/// A user or a group that nobody knows here.
#[derive(Debug, PartialEq, Eq)]
pub enum Unknown {
    User(String),
    Group(String),
}

/// The user and credentials that a context names; None: as whom we run.
///
/// # Errors
/// A name that this node does not know.
pub fn credentials(context: &Context) -> Result<Option<(User, Credentials)>, Unknown> {
    let group = match &context.group {
        None => None,
        Some(name) => Some(users::group(name).ok_or_else(|| Unknown::Group(name.clone()))?),
    };
    let name = match (&context.user, group) {
        (None, None) => return Ok(None),
        (Some(name), _) => name.clone(),
        (None, Some(_)) => files::effective_user().to_string(),
    };
    let user = users::user(&name).ok_or(Unknown::User(name))?;
    let credentials = user.credentials(group);
    Ok(Some((user, credentials)))
}

/// The token of a site, made if need be; None, and said, where that cannot be.
pub fn token(places: &SitePlaces) -> Option<Token> {
    let failed = |error: &std::io::Error| {
        log::warn!(
            "the site's token {} cannot be had, so that its processes are known without: {error}",
            places.token().display()
        );
    };
    Token::of(places).inspect_err(failed).ok()
}

impl Launch {
    /// For each process of the definition, in its order; within the limits `inherited`, unless the definition says
    /// otherwise. What is started is given the site's `token`. One that runs as the one before it shares with it.
    ///
    /// # Errors
    /// A sentence: an unknown user or group, or an env_file that cannot be read.
    pub fn prepare(
        definition: &Definition,
        inherited: &[Limit],
        token: Option<&Token>,
    ) -> Result<Vec<Rc<Self>>, String> {
        let mut prepared: Vec<Rc<Self>> = Vec::new();
        let mut before: Option<&Context> = None;
        for process in definition.processes.iter() {
            let context = &process.context;
            let launch = match prepared.last() {
                Some(last) if before == Some(context) => Rc::clone(last),
                Some(_) | None => {
                    let mut launch = Self::of(context, definition).map_err(|why| {
                        format!("the process `{}` cannot be started: {why}", process.name)
                    })?;
                    launch.limits.splice(0..0, inherited.iter().copied());
                    launch.token = token.cloned();
                    Rc::new(launch)
                }
            };
            prepared.push(launch);
            before = Some(context);
        }
        Ok(prepared)
    }

    /// For programs of the site that run in this context.
    ///
    /// # Errors
    /// A sentence: an unknown user or group, or an env_file that cannot be read.
    pub fn of(context: &Context, definition: &Definition) -> Result<Self, String> {
        let mut environment = BTreeMap::from([
            ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
            ("SITEWARD_SITE".to_owned(), definition.name.to_string()),
        ]);
        let who = credentials(context).map_err(|unknown| match unknown {
            Unknown::User(name) => format!("this node knows no user `{name}`"),
            Unknown::Group(name) => format!("this node knows no group `{name}`"),
        })?;
        // An ordinary user's processes are its own, and find its home as in any session.
        let own = || users::user(&files::effective_user().to_string());
        let named = who.as_ref().map(|(user, _)| user.clone());
        if let Some(user) = named.or_else(|| own().filter(|_| !files::is_root())) {
            for (variable, value) in
                [("USER", &user.name), ("LOGNAME", &user.name), ("HOME", &user.home)]
            {
                environment.insert(variable.to_owned(), value.clone());
            }
        }
        let credentials = who.map(|(_, credentials)| credentials);
        for file in &context.env_file {
            // The supervisor must not wait on the site's disk.
            let on_disk = definition.database.as_ref().is_some_and(|d| file.starts_with(d));
            environment.extend(match on_disk {
                true => read_env_file_until(file, Moment::now() + DISK)?,
                false => read_env_file(file)?,
            });
        }
        environment.extend(context.environment.clone());
        let directory = context
            .working_directory
            .as_ref()
            .map_or(Ok(c"/".to_owned()), |d| CString::new(d.as_os_str().as_encoded_bytes()))
            .map_err(|_| "its working_directory holds a NUL character".to_owned())?;
        Ok(Self {
            environment,
            directory,
            umask: context.umask.unwrap_or(0o022),
            // Only root has something to drop.
            capabilities: context.capabilities.filter(|_| files::is_root()),
            no_new_privileges: context.no_new_privileges,
            limits: context.ulimits.clone(),
            oom_score_adj: context.oom_score_adj,
            // Changing to whom we are already would need rights that an ordinary user lacks.
            credentials: credentials.filter(|_| files::is_root()),
            token: None,
        })
    }

    /// As whom its programs run; None: as whom we run.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// What is started is given the token of the site at `places`, which is made if need be. Without
    /// one it is started all the same, and known by its other marks.
    #[must_use]
    pub fn with_token(mut self, places: &SitePlaces) -> Self {
        self.token = token(places);
        self
    }

    /// What the site's processes are given to prove their mark by.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The folders in which programs without a slash are looked for.
    pub fn path(&self) -> &str {
        self.environment.get("PATH").map_or(DEFAULT_PATH, String::as_str)
    }

    /// A program of this process, ready to be started.
    pub fn command<'a>(
        &self,
        words: &[String],
        extra: &[(&str, String)],
        mark: (&SitePlaces, &str),
        output: BorrowedFd<'a>,
    ) -> Command<'a> {
        let mut environment: Vec<CString> = self
            .environment
            .iter()
            .map(|(k, v)| (k.as_str(), v))
            .chain(extra.iter().map(|(k, v)| (*k, v)))
            .filter_map(|(key, value)| CString::new(format!("{key}={value}")).ok())
            .collect();
        let mut entry = format!("{MARK}=").into_bytes();
        entry.extend(mark_entry(mark.0, mark.1));
        environment.extend(CString::new(entry));
        environment.extend(self.token.iter().filter_map(|token| CString::new(token.entry()).ok()));
        let program = words.first().map_or("", String::as_str);
        Command {
            candidates: Command::candidates(OsStr::new(program), self.path()),
            arguments: words.iter().filter_map(|w| CString::new(w.as_str()).ok()).collect(),
            environment,
            directory: self.directory.clone(),
            umask: self.umask,
            capabilities: self.capabilities,
            no_new_privileges: self.no_new_privileges,
            limits: self.limits.clone(),
            oom_score_adj: self.oom_score_adj,
            credentials: self.credentials.clone(),
            input: None,
            output,
            inherited: Vec::new(),
            listen: Vec::new(),
            group: None,
            dies_with_parent: false,
        }
    }
}
