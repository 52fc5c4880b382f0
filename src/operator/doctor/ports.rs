//! The ports of the site: JobCenter's, and those of the definition.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use super::examined::Examined;
use crate::backend::jobcenter::{PORT, PortHolders, guard};
use crate::linux::ports::who_listens;
use crate::operator::finding::Finding;
use crate::site::{Definition, Ready};

/// The ports that the site is known to listen on.
fn ports_of(definition: &Definition) -> Vec<(IpAddr, u16)> {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut ports: Vec<(IpAddr, u16)> =
        definition.reserve_ports.iter().map(|r| (r.address, r.port)).collect();
    for process in definition.processes.iter() {
        if let Ready::Tcp(to) = &process.ready
            && let Some((host, port)) = to.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            let host = host.trim_matches(['[', ']']);
            ports.push((host.parse().unwrap_or(everywhere), port));
        }
    }
    if definition.jobcenter().is_some() {
        ports.push((definition.address.unwrap_or(everywhere), PORT));
    }
    ports.sort();
    ports.dedup();
    ports
}

fn meets(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}

/// Nobody else has the site's ports while the site is down (PORT-04, PORT-05).
pub(super) fn free(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "ports";
    let ports = ports_of(&examined.definition);
    if ports.is_empty() {
        return vec![Finding::ok(CHECK, "the definition names none")];
    }
    let words: Vec<String> = ports.iter().map(|(_, port)| port.to_string()).collect();
    let words = words.join(", ");
    if examined.is_up() {
        return vec![Finding::ok(CHECK, format!("{words}: the site has them"))];
    }
    let taken = ports.iter().filter_map(|&(address, port)| {
        let who = who_listens(address, port)?;
        Some(told(examined, port, &who))
    });
    let found: Vec<Finding> = taken.collect();
    if found.is_empty() {
        return vec![Finding::ok(CHECK, format!("{words}: nobody else listens there"))];
    }
    found
}

/// Who has JobCenter's port where it matters (PORT-05), and whether it is kept at 127.0.0.1, so that no program can take
/// it at every address (PORT-06).
pub(super) fn of_jobcenter(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "jobcenter-port";
    let Some(profile) = examined.jobcenter() else { return Vec::new() };
    let definition = &examined.definition;
    let holders = PortHolders::of_site(&definition.site, definition.address);
    let PortHolders { at_site, everywhere, at_localhost, site } = &holders;
    let nobody = || "nobody".to_owned();
    let address = definition.address.map_or_else(|| "its address".to_owned(), |a| a.to_string());
    let who = format!(
        "port {PORT} is had at {address} by {}, at every address by {}, at 127.0.0.1 by {}",
        at_site.as_ref().or(site.as_ref()).cloned().unwrap_or_else(nobody),
        everywhere.clone().unwrap_or_else(nobody),
        at_localhost.clone().unwrap_or_else(nobody),
    );
    // Who takes it from a site that is down is told by the check of all ports.
    vec![match at_localhost {
        Some(_) => Finding::ok(CHECK, who),
        None => Finding::warning(
            CHECK,
            format!(
                "{who}: any program can take it at every address, and JobCenter does not start then"
            ),
            guard(profile),
        ),
    }]
}

fn told(examined: &Examined<'_>, port: u16, who: &str) -> Finding {
    const CHECK: &str = "ports";
    let said = format!("{who} listens on port {port}, which the site needs");
    let commands = examined.jobcenter().map(|profile| profile.commands.display().to_string());
    let is_local_site = commands.is_some_and(|commands| who.contains(&commands));
    if port == PORT && (is_local_site || who.contains("NQS ")) {
        let spool = examined.jobcenter().map(|p| p.spool.join("daemon.conf").display().to_string());
        return Finding::error(
            CHECK,
            format!("{said}; it is JobCenter's local site, which listens on every address"),
            format!(
                "write ipaddress=ADDRESS-OF-THIS-NODE to {}, and restart the local site",
                spool.unwrap_or_default()
            ),
        );
    }
    Finding::error(CHECK, said, "stop that program, or give it another port")
}

/// No port may be given to an outgoing connection of any program before the site has it.
pub(super) fn ephemeral(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "ephemeral-ports";
    const NET: &str = "/proc/sys/net/ipv4";
    let read = |name: &str| fs::read_to_string(format!("{NET}/{name}")).unwrap_or_default();
    let range: Vec<u16> =
        read("ip_local_port_range").split_whitespace().filter_map(|w| w.parse().ok()).collect();
    let [low, high] = range[..] else {
        return vec![Finding::unchecked(CHECK, "the range of such ports cannot be read")];
    };
    let reserved = read("ip_local_reserved_ports");
    let is_reserved = |port: u16| {
        reserved.trim().split(',').any(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u16>().ok();
            number(from).zip(number(to)).is_some_and(|(from, to)| (from..=to).contains(&port))
        })
    };
    let open: Vec<String> = ports_of(&examined.definition)
        .into_iter()
        .map(|(_, port)| port)
        .filter(|port| (low..=high).contains(port) && !is_reserved(*port))
        .map(|port| port.to_string())
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(CHECK, format!("no port of the site is in {low} to {high}"))];
    }
    let list = open.join(",");
    vec![Finding::warning(
        CHECK,
        format!("any outgoing connection may get port {list}, as it is in {low} to {high}"),
        format!(
            "sysctl -w net.ipv4.ip_local_reserved_ports={}, and write it to /etc/sysctl.d",
            if reserved.trim().is_empty() { list } else { format!("{},{list}", reserved.trim()) }
        ),
    )]
}

/// No other site here has the same port at the same address: both may come to one node.
pub(super) fn shared(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "shared-ports";
    let own = ports_of(&examined.definition);
    let mut found = Vec::new();
    for other in &examined.others {
        for (address, port) in ports_of(other) {
            if own.iter().any(|&(a, p)| p == port && meets(a, address)) {
                found.push(Finding::error(
                    CHECK,
                    format!("the site `{}` listens on port {port} as well", other.name),
                    format!(
                        "give one of both another port or address in {}",
                        examined.target.site.definition.display()
                    ),
                ));
            }
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "no other site here has the same"));
    }
    found
}
