//! By whose order something happened.

use std::env;
use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::linux::{files, users};
use crate::values::Moment;

/// By whose order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// `Pacemaker`, `a person`, ...
    pub caller: String,
    /// The manager's name for the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The login name of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// How the login name is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_from: Option<LoginSource>,
}

/// How a login name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginSource {
    /// The user who has logged in, by the kernel (`/proc/self/loginuid`), whoever that one became since.
    Login,
    /// `SUDO_USER`, which its user may set.
    Sudo,
    /// Nobody has logged in: the user of the process.
    User,
}

/// A start: by whose order, and when that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderedStart {
    pub by: By,
    pub at: Moment,
}

impl By {
    /// A cluster manager, under its name for the site.
    pub fn manager(caller: &str, resource: Option<&str>) -> Self {
        Self { caller: caller.to_owned(), resource: resource.map(str::to_owned), ..Self::default() }
    }

    /// The person who runs this process. No directory server is asked for a name, as it may hang.
    pub fn person(caller: &str) -> Self {
        let (login, from) = login();
        Self {
            caller: caller.to_owned(),
            resource: None,
            login: Some(login),
            login_from: Some(from),
        }
    }
}

fn login() -> (String, LoginSource) {
    let text = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    // 4294967295: no session.
    let number = text.trim().parse::<u32>().ok().filter(|number| *number != u32::MAX);
    let sudo = || env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    match (number, sudo()) {
        (Some(number), _) => (name_of(number), LoginSource::Login),
        (None, Some(name)) => (name, LoginSource::Sudo),
        (None, None) => (name_of(files::effective_user()), LoginSource::User),
    }
}

fn name_of(number: u32) -> String {
    let is_of_sudo = || env::var("SUDO_UID").is_ok_and(|uid| uid.parse() == Ok(number));
    let by_sudo = || env::var("SUDO_USER").ok().filter(|_| is_of_sudo());
    let own = || env::var("USER").ok().filter(|_| number == files::effective_user());
    users::local_name(number).or_else(by_sudo).or_else(own).unwrap_or_else(|| number.to_string())
}

/// For the end of a sentence: by whom.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.caller)?;
        match (&self.resource, &self.login, self.login_from) {
            (Some(resource), None, _) => write!(f, " ({resource})"),
            (_, Some(login), Some(LoginSource::Sudo)) => write!(f, " ({login}, by sudo)"),
            (_, Some(login), Some(LoginSource::User)) => write!(f, " ({login}, without a login)"),
            (_, Some(login), Some(LoginSource::Login) | None) => write!(f, " ({login})"),
            (None, None, _) => Ok(()),
        }
    }
}
