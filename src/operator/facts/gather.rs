//! The facts of this node, taken now.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::jobs::{FactsJob, FactsSource, WORD};
use super::named::{locales, users_and_groups};
use super::node_facts::{
    FileFact, FilesFact, MountFact, NodeFacts, Occasion, SitewardFact, UserFact, VERSION,
};
use super::secrets::without_secrets;
use super::system;
use crate::disk::{self, Undone};
use crate::linux::clock::WallTime;
use crate::linux::{limits, node, users};
use crate::site::{Definition, Places};
use crate::values::Moment;

/// Kernel parameters that databases and network services depend on.
const SYSCTLS: [&str; 28] = [
    "fs.aio-max-nr",
    "fs.file-max",
    "fs.nr_open",
    "fs.suid_dumpable",
    "kernel.core_pattern",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.pid_max",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "net.core.somaxconn",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv6.ip_nonlocal_bind",
    "vm.max_map_count",
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.swappiness",
];

/// How long the report of what the files hold may take beyond its own deadline.
const MARGIN: Duration = Duration::from_secs(2);

/// The first user id of a person or a job (login.defs(5)), and the end of that range.
const ORDINARY: std::ops::Range<u32> = 1000..60_000;

/// How many such users are told.
const MOST_USERS: usize = 2000;

/// Takes the facts until `until`. What cannot be found out in that time is told in them.
pub(super) fn gather(
    places: &Places,
    definition: &Definition,
    source: FactsSource,
    occasion: Occasion,
    until: Moment,
) -> NodeFacts {
    let mut not_known = Vec::new();
    let within = until.left().saturating_sub(MARGIN);
    let job = FactsJob::Files { name: definition.name.clone(), source, within };
    let at = Path::new("/");
    let asked: Result<(SitewardFact, FilesFact), Undone> =
        disk::ask(places, (WORD, &job), at, until, None);
    let (siteward, files) = asked.unwrap_or_else(|undone| {
        not_known.push(match undone {
            Undone::Because(why) if why.contains("does not answer") => {
                "a file system of the programs and files that the definition names does not answer"
                    .to_owned()
            }
            other => format!("the programs and files cannot be read: {other}"),
        });
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let program = FileFact::of(super::node_facts::FileContent::NotInTime);
        (SitewardFact { version, program, agents: BTreeMap::new() }, FilesFact::default())
    });
    let (users, groups) = users_here(definition, until, &mut not_known);
    NodeFacts {
        siteward_facts: VERSION,
        site: definition.name.to_string(),
        node: node::name(),
        host: node::host_name(),
        taken: WallTime::now(),
        taken_by: occasion,
        siteward,
        definition: without_secrets(&definition.text),
        users,
        groups,
        limits: limits_here(),
        sysctls: sysctls(),
        system: system::look(until),
        locales: system::installed(&locales(definition), until),
        hosts: hosts(definition),
        services: services(definition),
        mount: mount(definition),
        files,
        not_known,
    }
}

type FactsByName<T> = BTreeMap<String, Option<T>>;

fn users_here(
    definition: &Definition,
    until: Moment,
    not_known: &mut Vec<String>,
) -> (FactsByName<UserFact>, FactsByName<u32>) {
    let local = users::local_users();
    let same_id = |user: &users::User| {
        let others = local.iter().filter(|other| other.uid == user.uid && other.name != user.name);
        others.map(|other| other.name.clone()).collect()
    };
    let fact = |user: &users::User, groups| UserFact {
        uid: user.uid,
        gid: user.gid,
        home: user.home.clone(),
        groups,
        same_id: same_id(user),
    };
    let (named, groups) = users_and_groups(definition);
    let mut known = BTreeMap::new();
    let mut known_groups = BTreeMap::new();
    // A directory server may be slow for each of them.
    for name in named {
        if until.passed() {
            not_known.push(format!("the user `{name}` was not looked for, as the time was over"));
            continue;
        }
        let of_user = |user: &users::User| {
            let mut groups = user.credentials(None).groups;
            groups.sort_unstable();
            fact(user, Some(groups))
        };
        known.insert(name.to_owned(), users::user(name).as_ref().map(of_user));
    }
    for name in groups {
        match until.passed() {
            true => not_known.push(format!("the group `{name}` was not looked for in time")),
            false => drop(known_groups.insert(name.to_owned(), users::group(name))),
        }
    }
    // A job of JobCenter runs as any user of the machine (source document 003, SITE-11).
    if definition.jobcenter().is_some() {
        let ordinary = local.iter().filter(|user| ORDINARY.contains(&user.uid));
        for user in ordinary.take(MOST_USERS) {
            known.entry(user.name.clone()).or_insert_with(|| Some(fact(user, None)));
        }
    }
    (known, known_groups)
}

fn limits_here() -> BTreeMap<String, String> {
    let amount = |limit: u64| match limit {
        u64::MAX => "unlimited".to_owned(),
        limit => limit.to_string(),
    };
    let shown = |(word, soft, hard): (&str, u64, u64)| {
        (word.to_owned(), format!("{} {}", amount(soft), amount(hard)))
    };
    // These two follow from the node's memory.
    let is_told = |(word, ..): &(&str, u64, u64)| !["nproc", "sigpending"].contains(word);
    limits::current().into_iter().filter(is_told).map(shown).collect()
}

fn sysctls() -> BTreeMap<String, String> {
    let read = |name: &&str| {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        let text = fs::read_to_string(path).ok()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        Some(((*name).to_owned(), words.join(" ")))
    };
    SYSCTLS.iter().filter_map(read).collect()
}

/// What a file of lines says, without its comments.
fn lines_of(path: &str) -> Vec<Vec<String>> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let words = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    text.lines().map(words).filter(|words| words.len() > 1).collect()
}

fn hosts(definition: &Definition) -> BTreeMap<String, Vec<String>> {
    let lines = lines_of("/etc/hosts");
    let named = |name: &str| -> Vec<String> {
        let lines = lines.iter().filter(|words| words[1..].iter().any(|word| word == name));
        lines.map(|words| words[0].clone()).collect()
    };
    let mut hosts = BTreeMap::from([(definition.site.clone(), named(&definition.site))]);
    if let Some(address) = definition.address {
        let is_it = |words: &&Vec<String>| words[0].parse() == Ok(address);
        let names = lines.iter().filter(is_it).flat_map(|words| words[1..].to_vec()).collect();
        hosts.insert(address.to_string(), names);
    }
    hosts
}

/// JobCenter's own port by its names in /etc/services (source document 003, PORT-01).
fn services(definition: &Definition) -> BTreeMap<String, Vec<String>> {
    if definition.wrapped.as_ref().is_none_or(|wrapped| wrapped.jobcenter.is_none()) {
        return BTreeMap::new();
    }
    let mut services = BTreeMap::from(["607/tcp", "607/udp"].map(|p| (p.to_owned(), Vec::new())));
    for words in lines_of("/etc/services") {
        if let Some(names) = services.get_mut(&words[1]) {
            names.push(words[0].clone());
        }
    }
    services
}

/// How the site's disk is mounted here.
fn mount(definition: &Definition) -> Option<MountFact> {
    let at = definition.prerequisites.mounted.as_deref()?;
    let text = fs::read("/proc/self/mountinfo").ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter(|line| line.split(' ').nth(4).is_some());
    // The last one is on top.
    let (_, line) =
        node::mount_points().ok()?.into_iter().zip(lines).filter(|(p, _)| p == at).last()?;
    let (head, tail) = line.split_once(" - ")?;
    let of_mount = head.split(' ').nth(5)?;
    let mut tail = tail.split(' ');
    let (kind, of_disk) = (tail.next()?, tail.nth(1).unwrap_or_default());
    let mut options: Vec<String> =
        of_mount.split(',').chain(of_disk.split(',')).map(str::to_owned).collect();
    options.sort();
    options.dedup();
    Some(MountFact { at: at.display().to_string(), kind: kind.to_owned(), options })
}
