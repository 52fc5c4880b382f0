//! docs/messages.md: the catalogue as a document.

use std::fmt::Write;

use super::answered::{AnsweredCodes, CALLERS, answered_codes};
use super::code::KINDS;
use crate::messages::{self, FaultKind};

/// The whole document.
pub fn messages_document() -> String {
    let mut text = String::from(
        "# Messages\n\n\
         Every failure that siteward reports, by the identifier that stands in brackets at its end. The same is on every node: \
         `siteward explain ID`. `siteward explain` alone lists all.\n\n\
         A failure has a kind, and the kind decides the exit code:\n\n",
    );
    let names: Vec<&str> = CALLERS.iter().map(|(_, name)| *name).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| kind | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for (kind, words) in KINDS {
        let Some(id) = messages::all().find(|id| id.kind() == kind) else { continue };
        let codes: Vec<String> = answered_codes(id).iter().map(AnsweredCodes::words).collect();
        let _ = writeln!(text, "| **{}**: {words} | {} |", name(kind), codes.join(" | "));
    }
    for section in &messages::SECTIONS {
        let _ = write!(text, "\n## {}\n", section.title);
        for id in section.ids() {
            let entry = id.entry();
            let sentence = entry.sentence().map_or_else(String::new, |s| format!("> {s}.\n\n"));
            let _ = write!(
                text,
                "\n### {id}\n\n{sentence}{}\n\n**What to do.** {}\n\n*Kind: {}.*\n",
                entry.cause,
                entry.next,
                name(id.kind()),
            );
        }
    }
    text
}

fn name(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Failed => "failed",
        FaultKind::WrongHere => "wrong here",
        FaultKind::NoSuchVerb => "no such verb",
        FaultKind::NotPermitted => "not permitted",
        FaultKind::NotInstalled => "not installed",
        FaultKind::Misconfigured => "misconfigured",
    }
}
