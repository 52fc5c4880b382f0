//! What is kept of a violation.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::eye::{NODES, all_on};
use crate::world::{SITES, World, lock};

/// Prints and keeps what both nodes say, what /proc shows, what was done before, and the logs.
pub(crate) fn keep(world: &World, number: usize, what: &str) {
    let folder = world.kept.join(format!("violation-{number}"));
    let _ = fs::create_dir_all(&folder);
    let mut text = format!("{what}\n\nbefore:\n");
    let story = lock(&world.story).clone();
    for line in story.iter().rev().take(60).rev() {
        let _ = writeln!(text, "  {line}");
    }
    for (node, name) in NODES.iter().enumerate() {
        let _ = writeln!(text, "\nprocesses on {name}, as this machine sees them:");
        for (pid, words) in all_on(world.folder(), node) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = |key: &str| {
                status.lines().find(|l| l.starts_with(key)).unwrap_or_default().to_owned()
            };
            let _ =
                writeln!(text, "  {pid} {} {} {}", words.join(" "), line("State:"), line("NSpid:"));
        }
    }
    let lives = {
        let seen = lock(&world.seen);
        let last: Vec<_> = seen.lives.iter().rev().take(40).cloned().collect();
        last
    };
    let _ = writeln!(text, "\nthe last lives that the witness saw:");
    for life in lives.iter().rev() {
        let at = |t: std::time::Instant| t.duration_since(world.begun).as_secs_f64();
        let _ = writeln!(
            text,
            "  {} {:?} {} on {}: {:.2} s to {:.2} s{}",
            life.site,
            life.part,
            life.process.pid,
            NODES[life.node],
            at(life.first),
            at(life.last),
            if life.ended.is_some() { "" } else { ", and lives" }
        );
    }
    let powered = world.powered();
    for (index, node) in powered.iter().map(|n| NODES[*n]).enumerate() {
        let mut words: Vec<String> = Vec::new();
        if index == 0 {
            words
                .push("crm_mon -1rfn; stonith_admin -H '*'; cibadmin -Q -o constraints".to_owned());
        }
        words.extend(SITES.map(|site| {
            format!("siteward status {site} --explain; siteward monitor {site}; echo code $?; siteward history {site} | tail -60")
        }));
        for command in words {
            let _ = writeln!(
                text,
                "\non {node}: {command}\n{}",
                world.on(node, &["sh", "-c", &command]).1
            );
        }
    }
    let _ = fs::write(folder.join("what.txt"), &text);
    copy_logs(world, &folder);
    println!("{text}\nkept in {}", folder.display());
}

/// The logs of both nodes, of the lab, and what the processes of the sites noted.
pub(crate) fn copy_logs(world: &World, to: &Path) {
    let lab = world.folder();
    let mut from = vec![lab.join("console.log"), lab.join("shared/lives")];
    for node in NODES {
        from.push(lab.join("nodes").join(node));
    }
    let _ = Command::new("cp").arg("-a").args(from).arg(to).status();
}
