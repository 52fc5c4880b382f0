//! Who has JobCenter's port on this node (source document 003, PORT-01 to PORT-06).

use std::net::{IpAddr, Ipv4Addr};

use super::processes::{NAMES, is_named, words};
use crate::backend::nqs_site::SITE_VARIABLE;
use crate::linux::ports::{Listener, listeners};
use crate::linux::process::{Stat, all, environment_value};
use crate::site::Jobcenter;

/// The port of JobCenter's daemon (PORT-01).
pub const PORT: u16 = 607;

/// What binds it until the daemon does (PORT-02). It need not listen, so it is known by its name.
const KEEPER: &str = "nqsportkpr";

/// Who has the port. Each in words, as `process 12 (/usr/lib/nqs/nqsdaemon)`; None: nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortHolders {
    /// At the site's address, and not the site itself.
    pub at_site: Option<String>,
    /// At every address.
    pub everywhere: Option<String>,
    /// At 127.0.0.1, or at every address.
    pub at_localhost: Option<String>,
    /// The site itself, wherever it listens.
    pub site: Option<String>,
}

impl PortHolders {
    /// Looks, and binds nothing: that could keep JobCenter from its port for a moment.
    pub fn of_site(site: &str, address: Option<IpAddr>) -> Self {
        let mut found = Self::default();
        for listener in listeners(PORT) {
            let who = listener.describe();
            if listener.address.is_unspecified() {
                found.at_localhost.get_or_insert_with(|| who.clone());
            }
            if is_of_site(&listener, site) {
                found.site.get_or_insert(who);
            } else if listener.address.is_unspecified() {
                found.everywhere.get_or_insert(who);
            } else if listener.address == IpAddr::V4(Ipv4Addr::LOCALHOST) {
                found.at_localhost.get_or_insert_with(|| who.clone());
                if address == Some(listener.address) {
                    found.at_site.get_or_insert(who);
                }
            } else if Some(listener.address) == address {
                found.at_site.get_or_insert(who);
            }
        }
        found.at_localhost = found.at_localhost.or_else(keeper);
        found
    }

    /// What a person has to know before a start, a sentence for each.
    pub fn warnings(&self, profile: &Jobcenter) -> Vec<String> {
        let takers = [(&self.at_site, "the site's address"), (&self.everywhere, "every address")];
        let taken = takers.into_iter().filter_map(|(who, at)| {
            let who = who.as_ref()?;
            Some(format!(
                "{who} listens on port {PORT} of {at}, so JobCenter's daemon cannot; end that, or give it another \
                 port or address"
            ))
        });
        let open = self.at_localhost.is_none().then(|| {
            format!(
                "nobody has port {PORT} of 127.0.0.1, so any program can take it at every address, and then JobCenter \
                 does not start; {}",
                guard(profile)
            )
        });
        taken.chain(open).collect()
    }
}

/// What makes sure that nobody takes the port at every address.
pub fn guard(profile: &Jobcenter) -> String {
    format!("let each boot of this node run: {} 127.0.0.1", profile.command(KEEPER))
}

fn is_of_site(listener: &Listener, site: &str) -> bool {
    let Some(stat) = listener.holder.and_then(Stat::of) else { return false };
    is_named(&words(&stat), &NAMES)
        && environment_value(&stat, SITE_VARIABLE)
            .is_ok_and(|value| value.is_some_and(|value| value == site.as_bytes()))
}

fn keeper() -> Option<String> {
    let is_one = |stat: &Stat| stat.is_alive() && is_named(&words(stat), &[KEEPER]);
    let stat = all().ok()?.into_iter().find(is_one)?;
    Some(Listener { address: Ipv4Addr::LOCALHOST.into(), holder: Some(stat.pid) }.describe())
}
