//! One entry of the catalogue, and the macro that declares the entries of a section.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a failure, as cluster managers distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// It failed here and now; it may work elsewhere or later.
    Failed,
    /// The configuration is wrong on this node.
    WrongHere,
    NoSuchVerb,
    NotPermitted,
    /// A program, user or file is missing on this node.
    NotInstalled,
    /// The manager's parameters are wrong, and so on every node.
    Misconfigured,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Failed,
        Self::WrongHere,
        Self::NoSuchVerb,
        Self::NotPermitted,
        Self::NotInstalled,
        Self::Misconfigured,
    ];
}

/// One failure that siteward reports.
#[derive(Debug)]
pub struct CatalogueEntry {
    /// The name of the function that makes the message; with hyphens it is the identifier.
    pub(super) name: &'static str,
    pub kind: FaultKind,
    /// The sentence without its full stop, with `{placeholders}`.
    pub(super) template: &'static str,
    /// Why it happens: whole sentences.
    pub cause: &'static str,
    /// What to do: whole sentences.
    pub next: &'static str,
}

impl CatalogueEntry {
    /// The sentence as it is shown to a reader: placeholders in capitals. None: the sentence is another one each
    /// time, and the cause says what it is about.
    pub fn sentence(&self) -> Option<String> {
        let is_open = self.template.starts_with('{')
            && self.template.find('}') == Some(self.template.len() - 1);
        (!is_open).then(|| self.with_capitals())
    }

    fn with_capitals(&self) -> String {
        let mut shown = String::new();
        let mut rest = self.template;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            shown.push_str(before);
            rest = match after.as_bytes() {
                // `{{` and `}}` stand for a brace.
                [b'{', b'{', ..] | [b'}', b'}', ..] => {
                    shown.push_str(&after[..1]);
                    &after[2..]
                }
                _ => {
                    let end = after.find('}').unwrap_or(after.len() - 1);
                    shown.push_str(&after[1..end].to_ascii_uppercase().replace('_', "-"));
                    &after[end + 1..]
                }
            };
        }
        shown + rest
    }
}

/// The identifier of an entry, in words with hyphens.
#[derive(Clone, Copy)]
pub struct MessageId(pub(super) &'static CatalogueEntry);

impl MessageId {
    pub fn entry(self) -> &'static CatalogueEntry {
        self.0
    }

    pub fn kind(self) -> FaultKind {
        self.0.kind
    }
}

impl PartialEq for MessageId {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for MessageId {}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.name.replace('_', "-"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A failure in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    /// Object, cause and next step, without its full stop.
    pub sentence: String,
}

impl Message {
    /// The sentence with its identifier.
    pub fn identified(&self) -> String {
        format!("{} [{}]", self.sentence, self.id)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Declares the entries of a section. Each becomes a function that takes the placeholders of its sentence and
/// returns the [`Message`]; a placeholder that is not there, or is not used, does not compile.
macro_rules! messages {
    ($(
        $name:ident($($placeholder:ident),*): $kind:ident,
        $template:literal,
        cause: $cause:literal,
        next: $next:literal;
    )*) => {
        /// In the order in which they are shown.
        pub(super) static ENTRIES: &[&super::entry::CatalogueEntry] = &[$(&entries::$name),*];

        mod entries {
            // An entry is called as its function is, so that both can be found by one word.
            #![allow(non_upper_case_globals)]

            use super::super::entry::{CatalogueEntry, FaultKind};

            $(
                pub(super) static $name: CatalogueEntry = CatalogueEntry {
                    name: stringify!($name),
                    kind: FaultKind::$kind,
                    template: $template,
                    cause: $cause,
                    next: $next,
                };
            )*
        }

        $(
            #[doc = $template]
            pub fn $name($($placeholder: impl std::fmt::Display),*) -> super::entry::Message {
                super::entry::Message {
                    id: super::entry::MessageId(&entries::$name),
                    sentence: crate::values::printable(
                        format!($template $(, $placeholder = $placeholder)*),
                    ),
                }
            }
        )*
    };
}

pub(super) use messages;
