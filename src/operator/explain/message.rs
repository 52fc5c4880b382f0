//! The page of a message.

use super::answered::{CALLERS, answered_codes};
use crate::messages::MessageId;

pub(super) fn page(id: MessageId) -> Vec<String> {
    let entry = id.entry();
    let sentence = entry.sentence().map_or_else(String::new, |sentence| format!(": {sentence}."));
    let mut lines = vec![format!("message {id}{sentence}")];
    lines.push(format!("  {}", entry.cause));
    lines.push(format!("  What to do: {}", entry.next));
    lines.push("  Exit codes:".to_owned());
    for ((_, name), answered) in CALLERS.iter().zip(answered_codes(id)) {
        lines.push(format!("    {name:15} {}", answered.words()));
    }
    lines
}
