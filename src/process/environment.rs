//! The mark in the environment of a process: what it claims, and whether the claim is believed.
//!
//! Every process can write anything into its environment, so this mark only adds to what the kernel
//! says. It is believed from a process of root or of the site's owner, and from one that knows the
//! site's token.

use std::cell::OnceCell;
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::identity::Seen;
use super::identity::wait_place;
use super::token::Token;
use crate::linux::process::{Environment, Stat, Unreadable, Users, all, users};
use crate::linux::{files, users as accounts};
use crate::site::{SitePlaces, load_snapshot};

/// The environment variable that every process of a site is given: `RUNTIME_FOLDER:PROCESS`.
pub const MARK: &str = "SITEWARD_MARK";

/// The name in the supervisor's own mark; no process of a definition can begin with an `@`.
pub const SUPERVISOR: &str = "@supervisor";

/// The name in the mark of the keeper of a site's lease. The keeper is no process of the site: it ends
/// after the last of them.
pub const LEASE: &str = "@lease";

/// The name in the mark of a helper that saves the site's history or tells of an event. It is no process of the
/// site either, and ends by itself.
pub const HELPER: &str = "@helper";

/// The name in the mark of the process that leaves a node's facts on the database of a wrapped site. It is no process
/// of the site either; a stop ends it, so that the disk can be unmounted.
pub const FACTS: &str = "@facts";

/// The name in the mark of the process that lets a cluster manager ask when the site has failed. It is no process of the
/// site either, and ends by itself.
pub const ASKER: &str = "@asker";

/// Whether a process of this name is started for the site and is none of its processes.
pub(super) fn is_apart(name: &str) -> bool {
    [LEASE, HELPER, FACTS, ASKER].contains(&name)
}

/// The value of the mark for the process `name` of the site at `places`.
pub fn mark_entry(places: &SitePlaces, name: &str) -> Vec<u8> {
    let mut entry = places.runtime.as_os_str().as_bytes().to_vec();
    entry.push(b':');
    entry.extend_from_slice(name.as_bytes());
    entry
}

/// The claim in the environment of a process: its site, and its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The site's runtime folder.
    pub(super) folder: Vec<u8>,
    pub(super) name: String,
    /// In hexadecimal digits.
    pub(super) token: Option<Vec<u8>>,
}

/// The claim in the environment of a process; None: it has no mark.
///
/// # Errors
/// The environment cannot be read. If the process hangs, that is logged once.
pub(super) fn claim_of(stat: &Stat) -> Result<Option<Claim>, Unreadable> {
    let environment = Environment::of(stat).inspect_err(|unreadable| {
        if unreadable.is_news && unreadable.error().is_none() {
            let place = wait_place(stat.pid);
            log::warn!(
                "process {} ({}) hangs{place}: its environment cannot be read, so only its other \
                 marks count",
                stat.pid,
                stat.comm
            );
        }
    })?;
    // A process's name has no colon, so the last colon ends the folder.
    Ok(environment.get(MARK).and_then(|value| {
        let colon = value.iter().rposition(|&b| b == b':')?;
        Some(Claim {
            folder: value[..colon].to_vec(),
            name: String::from_utf8_lossy(&value[colon + 1..]).into_owned(),
            token: environment.get(Token::VARIABLE).map(<[u8]>::to_vec),
        })
    }))
}

/// The mark in the environment of a process, true or forged: the site's runtime folder and the name.
///
/// # Errors
/// The environment cannot be read. If the process hangs, that is logged once.
pub fn environment_mark(stat: &Stat) -> Result<Option<(Vec<u8>, String)>, Unreadable> {
    Ok(claim_of(stat)?.map(|claim| (claim.folder, claim.name)))
}

/// As [`environment_mark`]; None also if the environment cannot be read.
pub fn mark_of(stat: &Stat) -> Option<(Vec<u8>, String)> {
    environment_mark(stat).ok().flatten()
}

/// The living processes whose mark says that they are `name` of the site at `places`, and that run as root or this user.
///
/// # Errors
/// /proc cannot be read: then nothing is known.
pub fn called(places: &SitePlaces, name: &str) -> io::Result<Vec<Seen>> {
    let living = all()?.into_iter().filter(|stat| stat.is_alive() && !stat.is_kernels);
    Ok(living.map(|stat| Seen::from(&stat)).filter(|seen| seen.is_called(places, name)).collect())
}

impl Seen {
    /// The mark in its environment, true or forged; None if the process is gone.
    ///
    /// # Errors
    /// As [`environment_mark`].
    pub fn environment_mark(self) -> Result<Option<(Vec<u8>, String)>, Unreadable> {
        self.stat().map_or(Ok(None), |stat| environment_mark(&stat))
    }

    /// Whether its mark says that it is `name` of the site at `places`, and it runs as root or this user.
    pub fn is_called(self, places: &SitePlaces, name: &str) -> bool {
        let folder = places.runtime.as_os_str().as_bytes();
        matches!(self.environment_mark(), Ok(Some((of, is))) if of == folder && is == name)
            && matches!(users(self.pid), Ok(Some(users)) if is_trusted(users))
    }
}

/// Whether root or this user started the process: only they can run a supervisor or a keeper.
pub(super) fn is_trusted(users: Users) -> bool {
    is_trusted_by(files::effective_user(), users)
}

fn is_trusted_by(me: u32, users: Users) -> bool {
    users.real == 0 || users.real == me
}

/// Verifies the claims of processes to belong to one site.
pub(super) struct ClaimVerifier<'a> {
    places: &'a SitePlaces,
    token: OnceCell<Option<Token>>,
    users: OnceCell<Vec<u32>>,
}

impl<'a> ClaimVerifier<'a> {
    pub(super) fn new(places: &'a SitePlaces) -> Self {
        Self { places, token: OnceCell::new(), users: OnceCell::new() }
    }

    /// Whether the claim of a process that runs as `users` is believed; None: the process is gone.
    ///
    /// # Errors
    /// The site's token is there and cannot be read.
    pub(super) fn is_believed(&self, claim: &Claim, users: Option<Users>) -> io::Result<bool> {
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
            (Some(token), _) => claim.token.as_ref().is_some_and(|claimed| token.is(claimed)),
            // The site's token is lost, so only the users of its processes can be compared.
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::super::samples::{Running, another_user, site};
    use super::*;

    #[test]
    fn root_and_this_user_are_trusted_by_who_started_the_process() {
        for (real, effective, is_trusted) in
            [(0, 0, true), (0, 1001, true), (1000, 1000, true), (1000, 1001, true)]
                .into_iter()
                .chain([(1001, 0, false), (1001, 1000, false), (1001, 1001, false)])
        {
            let users = Users { real, effective };
            assert_eq!(is_trusted_by(1000, users), is_trusted, "{users:?}");
        }
        assert!(is_trusted(users(crate::values::Pid::this()).unwrap().unwrap()));
    }

    #[test]
    fn a_process_is_called_by_its_site_and_its_name_there() {
        let folder = tempfile::tempdir().unwrap();
        let places = site(folder.path(), "shop");
        let other = site(folder.path(), "other");
        let it = Running::marked(&mark_entry(&places, FACTS));
        let _beside = [mark_entry(&places, "a"), mark_entry(&other, FACTS), b"none".to_vec()]
            .map(|mark| Running::marked(&mark));
        assert_eq!(called(&places, FACTS).unwrap(), [it.seen()]);
        assert_eq!(called(&places, SUPERVISOR).unwrap(), []);
        let Some(user) = another_user() else { return };
        let mark = String::from_utf8(mark_entry(&places, LEASE)).unwrap();
        let _forged = Running::new(Command::new("cat").env(MARK, mark).uid(user));
        assert_eq!(called(&places, LEASE).unwrap(), [], "any user can claim so");
    }
}
