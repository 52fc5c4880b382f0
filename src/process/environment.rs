//! The mark in the environment of a process: what it says, and whether that is to be believed.
//!
//! Every process can write into its environment what it likes, so this mark only adds to what the kernel
//! tells: whoever bears it must run as root or as the owner of the site, or know the site's token.

use std::cell::OnceCell;
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::identity::Seen;
use super::identity::wait_place;
use super::token::Token;
use crate::linux::process::{Environment, Stat, Unreadable, Users, users};
use crate::linux::{files, users as accounts};
use crate::site::{SitePlaces, load_snapshot};

/// The environment variable that every process of a site is given: `RUNTIME_FOLDER:PROCESS`.
pub const MARK: &str = "SITEWARD_MARK";

/// The name in the supervisor's own mark; no process of a definition can begin with an `@`.
pub const SUPERVISOR: &str = "@supervisor";

/// The name in the mark of the keeper of a site's lease, which is no process of the site: it ends
/// when nothing of that lives.
pub const LEASE: &str = "@lease";

/// The value of the mark for the process `name` of the site at `places`.
pub fn mark_entry(places: &SitePlaces, name: &str) -> Vec<u8> {
    let mut entry = places.runtime.as_os_str().as_bytes().to_vec();
    entry.push(b':');
    entry.extend_from_slice(name.as_bytes());
    entry
}

/// The site's runtime folder, and the name of the process.
pub(super) type Mark = (Vec<u8>, String);

/// What the environment of a process claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) folder: Vec<u8>,
    pub(super) name: String,
    /// In hexadecimal digits.
    pub(super) token: Option<Vec<u8>>,
}

/// What the environment of a process claims; None: it bears no mark.
///
/// # Errors
/// It cannot be read; that it hangs is said once.
pub(super) fn claim_of(stat: &Stat) -> Result<Option<Claim>, Unreadable> {
    let environment = Environment::of(stat).inspect_err(|mute| {
        if mute.is_news && mute.error().is_none() {
            let place = wait_place(stat.pid);
            log::warn!(
                "process {} ({}) hangs{place}: its environment cannot be read, so that it is known \
                 by its other marks alone",
                stat.pid,
                stat.comm
            );
        }
    })?;
    // No name of a process holds a colon, so the last one ends the folder.
    Ok(environment.get(MARK).and_then(|value| {
        let colon = value.iter().rposition(|&b| b == b':')?;
        Some(Claim {
            folder: value[..colon].to_vec(),
            name: String::from_utf8_lossy(&value[colon + 1..]).into_owned(),
            token: environment.get(Token::VARIABLE).map(<[u8]>::to_vec),
        })
    }))
}

/// The mark in the environment of a process, whether it is true or not.
///
/// # Errors
/// It cannot be read; that it hangs is said once.
pub fn told_by(stat: &Stat) -> Result<Option<Mark>, Unreadable> {
    Ok(claim_of(stat)?.map(|claim| (claim.folder, claim.name)))
}

/// As [`told_by`], where it does not matter why there is none.
pub fn mark_of(stat: &Stat) -> Option<Mark> {
    told_by(stat).ok().flatten()
}

impl Seen {
    /// The mark in its environment, whether it is true or not; None once it is gone.
    ///
    /// # Errors
    /// As of [`told_by`].
    pub fn told(self) -> Result<Option<Mark>, Unreadable> {
        self.stat().map_or(Ok(None), |stat| told_by(&stat))
    }

    /// Whether it calls itself `name` of the site at `places`, and is root's or this user's.
    pub fn is_called(self, places: &SitePlaces, name: &str) -> bool {
        let folder = places.runtime.as_os_str().as_bytes();
        matches!(self.told(), Ok(Some((of, who))) if of == folder && who == name)
            && matches!(users(self.pid), Ok(Some(users)) if is_trusted(users))
    }
}

/// It was started by root or by the user that owns what is looked at: nobody else could give himself
/// out for a supervisor or a keeper.
pub(super) fn is_trusted(users: Users) -> bool {
    users.real == 0 || users.real == files::effective_user()
}

/// Tells whether a claim to be of this very site is to be believed.
pub(super) struct Believer<'a> {
    places: &'a SitePlaces,
    token: OnceCell<Option<Token>>,
    users: OnceCell<Vec<u32>>,
}

impl<'a> Believer<'a> {
    pub(super) fn new(places: &'a SitePlaces) -> Self {
        Self { places, token: OnceCell::new(), users: OnceCell::new() }
    }

    /// Of a process that runs as `users`; None: it is gone, and cannot be asked.
    ///
    /// # Errors
    /// The site's token is there and cannot be read.
    pub(super) fn believes(&self, claim: &Claim, users: Option<Users>) -> io::Result<bool> {
        if users.is_some_and(is_trusted) {
            return Ok(true);
        }
        let token = match self.token.get() {
            Some(token) => token,
            None => {
                let read = Token::read(self.places)?;
                self.token.get_or_init(|| read)
            }
        };
        Ok(match (token, users) {
            (Some(token), _) => claim.token.as_ref().is_some_and(|told| token.is(told)),
            // What its owner gave the site's processes is lost: those users are all that is known.
            (None, Some(users)) => self.users_of_site().contains(&users.real),
            (None, None) => false,
        })
    }

    fn users_of_site(&self) -> &[u32] {
        self.users.get_or_init(|| {
            let name = self.places.name().or_else(|| "snapshot".parse().ok());
            let snapshot = name.and_then(|n| load_snapshot(&self.places.snapshot(), &n).ok());
            let Some(definition) = snapshot else { return Vec::new() };
            let contexts = definition.processes.iter().map(|p| &p.context);
            let names = contexts.chain([&definition.context]).filter_map(|c| c.user.clone());
            let names: std::collections::BTreeSet<String> = names.collect();
            names.iter().filter_map(|name| accounts::user(name)).map(|user| user.uid).collect()
        })
    }
}
