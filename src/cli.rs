//! Reads what a person or a manager types, does it, and answers.

mod absent;
mod answer;
mod arguments;
mod by_hand;
mod doctor;
mod hidden;
mod logs;
mod metrics;
mod own_call;
mod pacemaker;
pub mod pages;
mod past;
mod person;
mod scripts;
mod sites;
mod slow;
mod status;
mod timing;
mod validate;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::linux::{brief_memory, inherit, signals};
use crate::manager::{self, Manager};
use crate::values::Moment;
use arguments::Arguments;
use by_hand::{by_hand, is_word_of_ours};

pub use past::read_past;

/// Reads the call, does it, answers.
pub fn main() -> ExitCode {
    let begun = Moment::now();
    let arguments: Vec<OsString> = env::args_os().collect();
    inherit::fill_standard_streams();
    if let Some(code) = manager::quick_monitor(&arguments) {
        return ExitCode::from(code);
    }
    brief_memory::process_lasts();
    signals::let_writes_fail();
    signals::hear_of_children();
    inherit::usual_umask();
    if let Some(code) = own_call::by_itself(&arguments) {
        return code;
    }
    let recognised = Manager::recognise(arguments.first().map(OsString::as_os_str));
    // A manager that calls by the agent's link gives one word, and everything else by environment.
    if let [called_as, verb, ..] = &arguments[..]
        && recognised != Manager::Hand
        && !verb.as_encoded_bytes().starts_with(b"-")
        && (arguments.len() == 2
            || Manager::is_called_by_link(called_as)
            || !is_word_of_ours(&arguments))
    {
        match recognised {
            Manager::Pacemaker => {
                logs::init_pacemaker_log(&verb.to_string_lossy());
                return pacemaker::by_pacemaker(verb, begun);
            }
            Manager::Clusterware => return scripts::by_clusterware(called_as, verb, begun),
            Manager::Serviceguard => return scripts::by_serviceguard(called_as, verb, begun),
            // Its scripts are files of its own, which call us by words.
            Manager::Expresscluster | Manager::Hand => {}
        }
    }
    by_hand(&arguments, begun)
}

/// The tree of words, as `--help`, the manual pages and the completions tell it.
pub fn command() -> clap::Command {
    pages::with_examples(Arguments::command())
}
