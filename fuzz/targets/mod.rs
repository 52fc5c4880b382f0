//! What is done with the bytes of a fuzzer. Each target gives them to readers of the program, and asserts what must
//! hold of anything that is read. The targets of cargo-fuzz and `tests/fuzz_replay.rs` share them.

mod calls;
mod cluster;
mod control;
mod definition;
mod input;
mod journals;
mod notes;
mod procfs;
mod records;
mod values;

/// One target.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
    /// The longest input that is made for it, in bytes.
    pub(crate) longest: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), longest: usize) -> Target {
    Target { name, run, longest }
}

/// Every target.
pub(crate) static TARGETS: [Target; 21] = [
    target("definition", definition::definition, 2048),
    target("keys", definition::keys, 96),
    target("snapshot", definition::snapshot, 512),
    target("env_file", values::env_file, 512),
    target("request", control::request, 1024),
    target("reply", control::reply, 1024),
    target("notice", notes::notice, 1024),
    target("log_lines", notes::log_lines, 512),
    target("table", notes::table, 1024),
    target("calls", calls::calls, 512),
    target("owner", records::owner, 1024),
    target("record", records::record, 2048),
    target("pause", records::pause, 512),
    target("history", journals::history, 2048),
    target("log_index", journals::log_index, 1024),
    target("process_files", procfs::process_files, 1024),
    target("node_files", procfs::node_files, 1024),
    target("cib", cluster::cib, 2048),
    target("profiles", cluster::profiles, 1024),
    target("values", values::values, 128),
    target("placeholders", values::placeholders, 256),
];

/// The target of this name.
pub(crate) fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
