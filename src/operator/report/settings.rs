//! The settings that decide how long a failure, a stop and a start take. Of commands only the programs are told, as
//! their arguments may hold passwords; values of the environment are never told.

use std::time::Duration;

use maud::{Markup, html};

use crate::operator::account::Account;
use crate::operator::chart::harmless;
use crate::site::duration::show;
use crate::site::{Definition, DegradedIs, Holders, Process, Ready};

pub(super) fn settings(account: &Account) -> Markup {
    let Some(definition) = &account.definition else {
        return html! { p class="none" { "The definition could not be read." } };
    };
    html! {
        p {
            @if account.is_snapshot {
                "As the supervisor on " (account.node) " was started with them."
            } @else {
                "As they stand in the definition on " (account.node) "; no supervisor runs them."
            }
            " Of commands only the programs are told, as their arguments may hold passwords. Where a process \
             has printed a value of its environment, the page has the variable's name instead."
        }
        div class="wide" {
            table {
                caption { "The site" }
                tbody {
                    @for (name, value) in of_site(definition) {
                        tr { td { code { (name) } } td { (harmless(&value)) } }
                    }
                }
            }
        }
        @if !definition.processes.is_empty() { (processes(definition)) }
    }
}

fn of_site(definition: &Definition) -> Vec<(&'static str, String)> {
    let time = |time: Duration, is_given: bool| {
        format!("{}{}", show(time), if is_given { "" } else { " (default)" })
    };
    let none = || "none".to_owned();
    let mut rows = vec![
        ("site", definition.site.clone()),
        ("machine_id", definition.machine_id.map_or_else(none, |id| id.to_string())),
        ("database", definition.database.as_ref().map_or_else(none, |d| d.display().to_string())),
        ("address", definition.address.map_or_else(none, |address| address.to_string())),
        ("boot_timeout", time(definition.boot_timeout, definition.given.boot_timeout)),
        ("stop_timeout", time(definition.stop_timeout, definition.given.stop_timeout)),
        ("forcekill_time", show(definition.forcekill_time)),
        ("settle", show(definition.settle)),
        ("degraded_is", degraded(definition)),
        ("prerequisites", prerequisites(definition)),
        ("holders", holders(definition.holders).to_owned()),
        (
            "on_unclean_shutdown",
            definition.on_unclean_shutdown.as_ref().map_or_else(none, |repair| {
                format!("{}, at most {}", program(&repair.command), show(repair.timeout))
            }),
        ),
    ];
    if let Some(wrapped) = &definition.wrapped {
        rows.push(("supervisor", format!("its own: {}", program(&wrapped.start))));
        rows.push(("countmax", definition.countmax.to_string()));
        rows.push(("countsleep", show(definition.countsleep)));
    }
    rows
}

fn program(command: &[String]) -> &str {
    command.first().map_or("", String::as_str)
}

fn degraded(definition: &Definition) -> String {
    match definition.degraded_is {
        DegradedIs::Running => "running: the manager is not told".to_owned(),
        DegradedIs::Degraded => {
            format!("degraded: the manager is told after {}", show(definition.degraded_after))
        }
    }
}

fn prerequisites(definition: &Definition) -> String {
    let wanted = &definition.prerequisites;
    let mounted = match &wanted.mounted {
        Some(path) => format!("{} is mounted", path.display()),
        None => "no mount is needed".to_owned(),
    };
    match wanted.address_present {
        true => format!("{mounted}; the address is on the node"),
        false => format!("{mounted}; no address is needed"),
    }
}

fn holders(holders: Holders) -> &'static str {
    match holders {
        Holders::Report => "report",
        Holders::Terminate => "terminate",
        Holders::Kill => "kill",
    }
}

fn processes(definition: &Definition) -> Markup {
    html! {
        div class="wide" {
            table class="stack" {
                caption { "Its processes" }
                thead {
                    tr {
                        th { "Process" } th { "Waits for" } th { "Ready when" } th { "Health" }
                        th { "After a fault" } th { "Stop" }
                    }
                }
                tbody {
                    @for process in definition.processes.iter() {
                        tr {
                            td {
                                code { (process.name) }
                                @if process.instances > 1 { " \u{d7} " (process.instances) }
                                @if process.oneshot { ", runs once" }
                                @if !process.essential { ", not essential" }
                            }
                            td data-name="Waits for" { (needs(definition, process)) }
                            td data-name="Ready when" { (harmless(&ready(process))) }
                            td data-name="Health" { (harmless(&health(process))) }
                            td data-name="After a fault" { (restart(process)) }
                            td data-name="Stop" { (harmless(&stop(process))) }
                        }
                    }
                }
            }
        }
    }
}

fn needs(definition: &Definition, process: &Process) -> String {
    let names: Vec<&str> = process
        .depends_on
        .iter()
        .filter_map(|at| definition.processes.get(*at))
        .map(|process| process.name.as_str())
        .collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn ready(process: &Process) -> String {
    let when = match &process.ready {
        _ if process.oneshot => "it has ended with 0".to_owned(),
        Ready::AtExec => "its program runs".to_owned(),
        Ready::Notify => "it says so".to_owned(),
        Ready::Tcp(at) => format!("{at} accepts a connection"),
        Ready::Socket(path) => format!("{} accepts a connection", path.display()),
        Ready::File(path) => format!("{} is there", path.display()),
        Ready::Log(_) => "it prints a certain line".to_owned(),
        Ready::Exec(command) => format!("{} ends with 0", program(command)),
        Ready::Delay(time) => format!("{} have passed", show(*time)),
    };
    match process.ready_timeout {
        Some(time) => format!("{when}, within {}", show(time)),
        None => when,
    }
}

fn health(process: &Process) -> String {
    let Some(check) = &process.healthcheck else { return "not checked".to_owned() };
    format!(
        "{} every {}, {} retries of at most {}, from {} on",
        program(&check.test),
        show(check.interval),
        check.retries,
        show(check.timeout),
        show(check.start_period)
    )
}

fn restart(process: &Process) -> String {
    let without = if process.essential { "the site fails" } else { "the site serves without it" };
    match &process.restart {
        None => without.to_owned(),
        Some(restart) => format!(
            "at most {} restarts within {}, after {} to {}; then {without}",
            restart.attempts,
            show(restart.within),
            show(restart.delay),
            show(restart.max_delay)
        ),
    }
}

fn stop(process: &Process) -> String {
    let how = match &process.stop_command {
        Some(command) => program(command).to_owned(),
        None => process.stop_signal.to_string(),
    };
    format!("{how}, SIGKILL after {}", show(process.stop_grace_period))
}
