//! Every target in one program, so that it is linked once: `SITEWARD_FUZZ_TARGET` names the one that it runs.
#![no_main]

// The longest input of a target is for `tests/fuzz`.
#[allow(dead_code)]
#[path = "../targets/mod.rs"]
mod targets;

use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("SITEWARD_FUZZ_TARGET").expect("SITEWARD_FUZZ_TARGET names a target");
    targets::named(&name).unwrap_or_else(|| panic!("there is no target {name}")).run
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (*RUN)(bytes));
