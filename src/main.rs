//! Reads the call, finds the verb, runs it, answers: see `siteward::cli`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    siteward::cli::main()
}
