//! The site's address, and the networks of this node.

use std::collections::BTreeSet;

use super::examined::Examined;
use crate::backend::fitness::{UnfitSubject, surroundings};
use crate::backend::jobcenter::setting;
use crate::operator::finding::Finding;

/// The address is on this node, if the site is up here or is to be.
pub(super) fn address(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "address";
    let definition = &examined.definition;
    let Some(address) = definition.address else {
        return vec![Finding::ok(CHECK, "the site has none")];
    };
    let mut unfit = surroundings(definition).into_iter();
    let missing = unfit.find(|unfit| unfit.subject == UnfitSubject::Address);
    vec![match missing {
        None => Finding::ok(CHECK, format!("{address} is on this node, or need not be")),
        Some(_) if !examined.is_here => {
            Finding::ok(CHECK, format!("{address} is not on this node, where the site is down"))
        }
        Some(unfit) => Finding::error(
            CHECK,
            unfit.message.sentence.split("; ").next().unwrap_or_default(),
            format!("let the cluster manager bring {address} before the site is started"),
        ),
    }]
}

/// A node with several networks must say on which of them JobCenter's local site listens (CONF-05, JP-02, JP-17).
pub(super) fn networks(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "networks";
    let interfaces = match &examined.interfaces {
        Ok(interfaces) => interfaces,
        Err(why) => return vec![Finding::unchecked(CHECK, why)],
    };
    let sites = examined.others.iter().chain([&examined.definition]);
    let of_sites: Vec<_> = sites.filter_map(|definition| definition.address).collect();
    let lans: BTreeSet<&str> = interfaces
        .iter()
        .filter(|(_, address)| address.is_ipv4() && !address.is_loopback())
        .filter(|(_, address)| !of_sites.contains(address))
        .map(|(name, _)| name.split(':').next().unwrap_or(name))
        .collect();
    let names: Vec<&str> = lans.into_iter().collect();
    let words = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let Some(profile) = examined.jobcenter() else {
        return vec![Finding::ok(CHECK, words)];
    };
    let conf = profile.spool.join("daemon.conf");
    if names.len() < 2 || setting(&conf, "ipaddress").is_some() {
        return vec![Finding::ok(CHECK, words)];
    }
    vec![Finding::warning(
        CHECK,
        format!(
            "this node is on {} networks ({words}), of which JobCenter supports one, and nothing \
             says which",
            names.len()
        ),
        format!("write ipaddress=ADDRESS-OF-THIS-NODE to {}", conf.display()),
    )]
}
