//! What the manual pages and `--help` say beside what clap knows of the verbs.
//!
//! Promises: every verb has a page and an example, every option stands in an example of its verb, every variable
//! has a sentence and an example; tests/written.rs holds it, and makes the pages and completions of it.

mod examples;
mod groups;
mod variables;

pub use examples::{Example, GLOBAL_EXAMPLES, VERB_EXAMPLES, VerbExamples, examples_of};
pub use groups::{ExitRow, FileRow, GROUPS, PageGroup, STATES, StateRow, WHOLE};
pub use variables::{VARIABLES, Variable, VariableUse};

/// The verbs with their examples in `--help`.
pub(super) fn with_examples(mut tree: clap::Command) -> clap::Command {
    for VerbExamples { verb, examples } in VERB_EXAMPLES {
        if tree.find_subcommand(verb).is_some() {
            tree = tree.mut_subcommand(*verb, |c| c.after_long_help(text_of(examples)));
        }
    }
    tree.after_long_help(
        "`siteward VERB --help` shows a verb with examples; `man siteward` tells of sites, states, exit codes and \
         variables.",
    )
}

fn text_of(examples: &[Example]) -> String {
    let each = |example: &Example| format!("  {}\n      {}", example.line, example.does);
    format!("Examples:\n{}", examples.iter().map(each).collect::<Vec<_>>().join("\n"))
}
