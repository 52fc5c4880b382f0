//! The door for siteward itself: its supervisor, its keepers and its helpers.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::arguments::FolderOptions;
use super::hidden::{self, Hidden};
use crate::site::Overrides;

/// As siteward calls itself: without the words for people, which take longer to prepare than most helpers run.
#[derive(Debug, Parser)]
#[command(name = "siteward", args_override_self = true)]
struct OwnCall {
    #[command(flatten)]
    folders: FolderOptions,
    #[command(subcommand)]
    word: Hidden,
}

/// Runs the command if siteward called itself, which it does with the word first; None: this is another call.
pub(super) fn by_itself(arguments: &[OsString]) -> Option<ExitCode> {
    let word = arguments.get(1)?.to_str()?;
    if !Hidden::has_subcommand(word) {
        return None;
    }
    // What is wrong with it is told by the parser of all words.
    let OwnCall { folders, word } = OwnCall::try_parse_from(arguments).ok()?;
    Some(hidden::obey(word, Overrides::from(&folders)))
}
