//! The site's name: a full one, no alias, found in both directions, and not the node's.

use std::net::IpAddr;
use std::time::Duration;

use super::examined::Examined;
use super::lookup::{HostAddresses, Lookup, addresses_of, names_of};
use crate::backend::jobcenter::is_name_of_node;
use crate::linux::node;
use crate::operator::finding::{Finding, Severity};

/// The time for one question.
const PATIENCE: Duration = Duration::from_secs(5);

/// JobCenter does not start without these; for another site only its clients need them.
fn severity(examined: &Examined<'_>) -> Severity {
    if examined.jobcenter().is_some() { Severity::Error } else { Severity::Warning }
}

/// Whether anybody looks the name up: a site's file name alone is no host name.
fn is_host_name(examined: &Examined<'_>) -> bool {
    let definition = &examined.definition;
    examined.jobcenter().is_some()
        || (definition.address.is_some() && definition.site != definition.name.as_str())
}

/// Every check of the name.
pub(super) fn all(examined: &Examined<'_>) -> Vec<Finding> {
    let mut found = vec![full_name(examined), not_the_nodes(examined)];
    if !is_host_name(examined) {
        found.push(Finding::ok("name-lookup", "the site has no host name of its own"));
        return found;
    }
    let site = &examined.definition.site;
    let looked = addresses_of(site, examined.share(PATIENCE));
    if let Lookup::Found(host) = &looked {
        found.extend(alias(examined, host));
    }
    found.push(forward(examined, &looked));
    if let Some(address) = examined.definition.address {
        found.push(reverse(examined, address));
    }
    found
}

fn full_name(examined: &Examined<'_>) -> Finding {
    const CHECK: &str = "site-name";
    let site = &examined.definition.site;
    if examined.jobcenter().is_none() || site.contains('.') {
        return Finding::ok(CHECK, site.as_str());
    }
    // SITE-04.
    Finding::warning(
        CHECK,
        format!("`{site}` is no full domain name, which JobCenter wants as the name of a site"),
        format!(
            "make the site anew with cjcmksite and its full name, and write that as `site` in {}",
            examined.target.site.definition.display()
        ),
    )
}

// ENV-02: NQS_SITE with the name of the host means the local site.
fn not_the_nodes(examined: &Examined<'_>) -> Finding {
    const CHECK: &str = "host-name";
    let (site, node) = (&examined.definition.site, node::name());
    if !is_name_of_node(site) || !is_host_name(examined) {
        return Finding::ok(CHECK, format!("this node is `{node}`"));
    }
    Finding::bad(
        severity(examined),
        CHECK,
        format!("`{site}` is the name of this node itself, and must be one that moves"),
        format!("change `site` in {}", examined.target.site.definition.display()),
    )
}

/// The line that the name needs in /etc/hosts.
fn line_in_hosts(site: &str, address: Option<IpAddr>) -> String {
    let address = address.map_or_else(|| "ADDRESS".to_owned(), |a| a.to_string());
    format!("echo '{address} {site}' >>/etc/hosts, on every node, or mend the name server")
}

// SITE-03.
fn forward(examined: &Examined<'_>, looked: &Lookup<HostAddresses>) -> Finding {
    const CHECK: &str = "name-lookup";
    let (site, wanted) = (&examined.definition.site, examined.definition.address);
    let mend = line_in_hosts(site, wanted);
    let bad = |sentence| Finding::bad(severity(examined), CHECK, sentence, mend.clone());
    let host = match looked {
        Lookup::Found(host) => host,
        Lookup::Nothing => return bad(format!("no address is known for {site}")),
        Lookup::Failed(why) => return bad(format!("{site} cannot be looked up: {why}")),
    };
    let words: Vec<String> = host.addresses.iter().map(IpAddr::to_string).collect();
    let words = words.join(", ");
    let Some(wanted) = wanted else {
        return Finding::ok(CHECK, format!("{site} is {words}"));
    };
    let mend = format!("leave only `{wanted} {site}` in /etc/hosts or in the name server");
    if !host.addresses.contains(&wanted) {
        return Finding::bad(
            severity(examined),
            CHECK,
            format!("{site} is {words}, and the definition says {wanted}"),
            mend,
        );
    }
    // IPv4 takes precedence where a name has both (DB-07).
    let other_family = wanted.is_ipv6() && host.addresses.iter().any(IpAddr::is_ipv4);
    if host.addresses.len() > 1 {
        let most = if other_family { severity(examined) } else { Severity::Warning };
        return Finding::bad(
            most,
            CHECK,
            format!("{site} has more addresses than {wanted}: {words}"),
            mend,
        );
    }
    Finding::ok(CHECK, format!("{site} is {words}"))
}

// SITE-04.
fn alias(examined: &Examined<'_>, host: &HostAddresses) -> Vec<Finding> {
    const CHECK: &str = "alias";
    let site = &examined.definition.site;
    let canonical = host.canonical.as_deref().map(|name| name.trim_end_matches('.'));
    vec![match canonical.filter(|name| !name.eq_ignore_ascii_case(site)) {
        None => Finding::ok(CHECK, format!("{site} is no alias")),
        Some(name) => Finding::bad(
            severity(examined),
            CHECK,
            format!("{site} is an alias of {name}"),
            format!(
                "put {site} first behind its address in /etc/hosts, or give it an address record \
                 in place of its CNAME"
            ),
        ),
    }]
}

// SITE-03.
fn reverse(examined: &Examined<'_>, address: IpAddr) -> Finding {
    const CHECK: &str = "reverse-lookup";
    let site = &examined.definition.site;
    let bad = |sentence| {
        Finding::bad(severity(examined), CHECK, sentence, line_in_hosts(site, Some(address)))
    };
    match names_of(address, examined.share(PATIENCE)) {
        Lookup::Found(names) if names[0].trim_end_matches('.').eq_ignore_ascii_case(site) => {
            Finding::ok(CHECK, format!("{address} is {site}"))
        }
        Lookup::Found(names) => bad(format!("{address} is {}, and not {site}", names[0])),
        Lookup::Nothing => bad(format!("no name is known for {address}")),
        Lookup::Failed(why) => bad(format!("{address} cannot be looked up: {why}")),
    }
}
