//! The limits of this node, for all sites that may come to it (source document 003, NOTE-01).

use std::fs;

use super::examined::Examined;
use crate::linux::limits::LimitedResource;
use crate::operator::finding::Finding;
use crate::site::{Context, Definition};

/// JobCenter needs so much stack (SUP-08).
const STACK: u64 = 8 << 20;

fn numbers(file: &str) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn number(file: &str) -> Option<u64> {
    numbers(file).first().copied()
}

fn limit(context: &Context, resource: LimitedResource) -> Option<u64> {
    context.ulimits.iter().find(|l| l.resource == resource).map(|l| l.hard.unwrap_or(l.soft))
}

/// The contexts in which programs of the site run, each with how many there are.
fn contexts(definition: &Definition) -> Vec<(&str, &Context, u64)> {
    if definition.wrapped.is_some() {
        return vec![("supervisor", &definition.context, 1)];
    }
    let of = |p: &'_ crate::site::Process| u64::from(p.instances);
    definition.processes.iter().map(|p| (p.name.as_str(), &p.context, of(p))).collect()
}

/// `ulimits` that this kernel refuses, or that are too low for JobCenter.
pub(super) fn ulimits(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "ulimits";
    let mut found = Vec::new();
    let file = examined.target.site.definition.display();
    let most = number("/proc/sys/fs/nr_open").unwrap_or(u64::MAX);
    for (name, context, _) in contexts(&examined.definition) {
        let nofile = limit(context, LimitedResource::Nofile);
        if let Some(wanted) = nofile.filter(|n| *n > most) {
            let words =
                if wanted == u64::MAX { "unlimited".to_owned() } else { wanted.to_string() };
            found.push(Finding::error(
                CHECK,
                format!("`{name}` wants {words} open files, and this kernel gives at most {most}"),
                format!("sysctl -w fs.nr_open={words}, or lower ulimits.nofile in {file}"),
            ));
        }
        let stack = limit(context, LimitedResource::Stack);
        if examined.jobcenter().is_some() && stack.is_some_and(|stack| stack < STACK) {
            found.push(Finding::error(
                CHECK,
                "JobCenter needs a stack of 8 MiB, and the definition gives less",
                format!("write `ulimits: {{stack: {STACK}}}` in {file}"),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "this kernel grants them"));
    }
    found
}

fn of_sites(count: u64) -> String {
    if count == 1 { "the one site".to_owned() } else { format!("the {count} sites") }
}

/// What all sites here want together.
pub(super) fn open_files(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "open-files";
    let sites = || examined.others.iter().chain([&examined.definition]);
    let wanted = |definition: &Definition| -> u64 {
        let of = |(_, context, times): (&str, &Context, u64)| {
            limit(context, LimitedResource::Nofile)
                .filter(|n| *n != u64::MAX)
                .map_or(0, |n| n.saturating_mul(times))
        };
        contexts(definition).into_iter().map(of).fold(0, u64::saturating_add)
    };
    let all = sites().map(wanted).fold(0, u64::saturating_add);
    let count = of_sites(sites().count() as u64);
    let Some(most) = number("/proc/sys/fs/file-max") else {
        return vec![Finding::unchecked(CHECK, "/proc/sys/fs/file-max cannot be read")];
    };
    vec![if all > most {
        Finding::warning(
            CHECK,
            format!("{count} here may open {all} files, and this kernel gives {most}"),
            format!("sysctl -w fs.file-max={all}, and write it to /etc/sysctl.d"),
        )
    } else {
        Finding::ok(CHECK, format!("{count} here may open {all} of {most}"))
    }]
}

/// What else of root's may want an inotify instance.
const OTHER_WATCHERS: u64 = 32;

/// The supervisor of each site watches its runtime directory, and follows log files, by an inotify instance (inotify(7)).
pub(super) fn watches(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "inotify";
    const NAME: &str = "fs.inotify.max_user_instances";
    let is_ours = |definition: &&Definition| definition.wrapped.is_none();
    let sites = examined.others.iter().chain([&examined.definition]).filter(is_ours).count() as u64;
    if sites == 0 {
        return vec![Finding::ok(CHECK, "no site here has a supervisor of siteward's")];
    }
    let Some(most) = number("/proc/sys/fs/inotify/max_user_instances") else {
        return vec![Finding::unchecked(CHECK, format!("{NAME} cannot be read"))];
    };
    let needed = sites + OTHER_WATCHERS;
    vec![if needed > most {
        Finding::warning(
            CHECK,
            format!(
                "a user may watch files {most} times, and {} here and root's other programs may need {needed}; a \
                 supervisor that cannot does not notice that its runtime directory is removed",
                of_sites(sites)
            ),
            format!(
                "sysctl -w {NAME}={}, and write it to /etc/sysctl.d",
                needed.next_power_of_two()
            ),
        )
    } else {
        Finding::ok(CHECK, format!("there is room for {}", of_sites(sites)))
    }]
}

/// Semaphores, shared memory and message queues: what is used now, for each site that may come here.
pub(super) fn ipc(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "ipc-limits";
    let sites = examined.others.len() as u64 + 1;
    let lines = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().count().saturating_sub(1) as u64
    };
    let kinds = [
        ("semaphore sets", "/proc/sysvipc/sem", "/proc/sys/kernel/sem", 3, "kernel.sem"),
        (
            "shared memory segments",
            "/proc/sysvipc/shm",
            "/proc/sys/kernel/shmmni",
            0,
            "kernel.shmmni",
        ),
        ("message queues", "/proc/sysvipc/msg", "/proc/sys/kernel/msgmni", 0, "kernel.msgmni"),
    ];
    let mut found = Vec::new();
    for (what, used, limit, field, name) in kinds {
        let Some(most) = numbers(limit).get(field).copied() else { continue };
        // At least one for each site: with none, no program that wants one can start.
        let needed = lines(used).max(1).saturating_mul(sites);
        if needed > most {
            found.push(Finding::warning(
                CHECK,
                format!(
                    "{most} {what} are allowed, and {} here may need {needed}",
                    of_sites(sites)
                ),
                format!("raise {name} by sysctl -w, and write it to /etc/sysctl.d"),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, format!("there is room for {}", of_sites(sites))));
    }
    found
}
