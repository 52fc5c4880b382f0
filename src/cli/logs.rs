//! The destination of log lines, for each kind of caller.

use std::env;
use std::ffi::OsString;
use std::io::Write;

use crate::linux::clock::WallTime;
use crate::manager;
use crate::operator::progress::StderrBesideScreen;

pub(super) fn init_log(verbose: u8) {
    let level = match verbose {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .target(env_logger::Target::Pipe(Box::new(StderrBesideScreen)))
        .format(|out, record| writeln!(out, "siteward: {}", record.args()))
        .init();
}

/// As Pacemaker's administrators want it: warnings to stderr, and everything to a trace if asked.
pub(super) fn init_pacemaker_log(verb: &str) {
    let file = manager::trace_file(verb)
        .and_then(|path| std::fs::OpenOptions::new().create(true).append(true).open(path).ok());
    let Some(file) = file else { return init_log(0) };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Debug)
        .target(env_logger::Target::Pipe(Box::new(file)))
        .format(|out, record| {
            writeln!(out, "{} {:5} {}", WallTime::now(), record.level(), record.args())
        })
        .init();
    let of_cluster = |variable: &OsString| variable.as_encoded_bytes().starts_with(b"OCF_");
    for (variable, value) in env::vars_os().filter(|(v, _)| of_cluster(v)) {
        log::debug!("{}={}", variable.display(), value.display());
    }
}

pub(super) fn init_supervisor_log() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .format(|out, record| {
            writeln!(out, "{} {:5} {}", WallTime::now(), record.level(), record.args())
        })
        .init();
}

/// crsctl shows those lines of a script that have a tag.
pub(super) fn init_clusterware_log() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .target(env_logger::Target::Stdout)
        .format(|out, record| {
            writeln!(out, "CRS_WARNING:{}", record.args().to_string().replace('\n', " "))
        })
        .init();
}
