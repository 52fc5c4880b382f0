//! Pacemaker, by pcs and by crmsh: disk, address and site in one group, in this order.

use std::fmt::Write;

use super::advice::ADVISED_THRESHOLD;
use super::facts::{SiteFacts, quoted};
use crate::manager::Manager;

struct ClusterResource {
    id: String,
    agent: &'static str,
    parameters: Vec<(&'static str, String)>,
    start: u64,
    stop: u64,
    meta: String,
    /// Interval and timeout of the monitor, in seconds.
    monitor: (u64, u64),
}

fn resources(facts: &SiteFacts<'_>) -> Vec<ClusterResource> {
    let mut list = Vec::new();
    if let Some(mount) = facts.mount() {
        list.push(ClusterResource {
            id: format!("{}-disk", facts.name),
            agent: "ocf:heartbeat:Filesystem",
            parameters: vec![
                ("device", "<DEVICE>".to_owned()),
                ("directory", mount),
                ("fstype", "<FSTYPE>".to_owned()),
            ],
            meta: String::new(),
            start: 60,
            stop: 60,
            monitor: (20, 40),
        });
    }
    if let Some(address) = facts.address() {
        list.push(ClusterResource {
            id: format!("{}-ip", facts.name),
            agent: "ocf:heartbeat:IPaddr2",
            parameters: vec![("ip", address), ("cidr_netmask", "<NETMASK-BITS>".to_owned())],
            meta: String::new(),
            start: 20,
            stop: 20,
            monitor: (10, 20),
        });
    }
    let times = facts.times(Manager::Pacemaker);
    let mut parameters = vec![("site", facts.name.to_owned())];
    parameters.extend(facts.folders().iter().map(|f| (f.parameter.name(), f.path())));
    list.push(ClusterResource {
        id: facts.name.to_owned(),
        agent: "ocf:siteward:site",
        parameters,
        meta: format!(" meta migration-threshold={ADVISED_THRESHOLD} failure-timeout=1h"),
        start: facts.start,
        stop: facts.stop,
        monitor: (times.monitor_interval.as_secs(), times.monitor_timeout.as_secs()),
    });
    list
}

/// Why the site has a threshold. siteward has already restarted a process as often as its `restart` says
/// before it reports a failure.
const THRESHOLD: &str = "\
# migration-threshold=2: a first failure restarts the site on its node, a second one within the hour
# (failure-timeout) moves it to another. Without a threshold Pacemaker restarts it on the same node
# for ever, however often it fails.
";

pub(super) fn pcs(facts: &SiteFacts<'_>) -> (String, String) {
    let mut body = String::from(THRESHOLD);
    for resource in resources(facts) {
        let ClusterResource { id, agent, meta, start, stop, monitor: (interval, timeout), .. } =
            &resource;
        let _ = write!(body, "pcs resource create {id} {agent}");
        for (name, value) in &resource.parameters {
            let _ = write!(body, " {}", quoted(&format!("{name}={value}")));
        }
        let _ = writeln!(
            body,
            " \\\n    op start timeout={start}s op stop timeout={stop}s \\\n    \
             op monitor interval={interval}s timeout={timeout}s{meta} --group {}-group",
            facts.name
        );
    }
    let title = format!("The site `{}` in Pacemaker, for pcs: run this on one node.", facts.name);
    (title, body)
}

pub(super) fn crm(facts: &SiteFacts<'_>) -> (String, String) {
    let mut body = String::from(THRESHOLD);
    let all = resources(facts);
    for resource in &all {
        let ClusterResource { id, agent, meta, start, stop, monitor: (interval, timeout), .. } =
            resource;
        let _ = write!(body, "primitive {id} {agent} params");
        for (name, value) in &resource.parameters {
            let _ = write!(body, " {name}=\"{value}\"");
        }
        let _ = writeln!(
            body,
            " \\\n    op start interval=0 timeout={start}s op stop interval=0 timeout={stop}s \\\n    \
             op monitor interval={interval}s timeout={timeout}s{meta}"
        );
    }
    let ids: Vec<&str> = all.iter().map(|r| r.id.as_str()).collect();
    let _ = writeln!(body, "group {}-group {}", facts.name, ids.join(" "));
    let title = format!(
        "The site `{}` in Pacemaker, for crmsh: save this, and: crm configure load update FILE",
        facts.name
    );
    (title, body)
}
