//! The kinds of complaints about a definition.

use std::fmt;

use crate::messages::{self, Message};

/// What is wrong with a definition, as a kind: each complaint has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    NotYaml,
    TooLarge,
    VersionUnknown,
    KeyUnknown,
    KeyMissing,
    KeyTwice,
    KeysConflict,
    KeyNeedsAnother,
    TypeWrong,
    ValueWrong,
    WordUnknown,
    ReferenceUnknown,
    OrderCircular,
}

impl ProblemKind {
    pub const ALL: [Self; 13] = [
        Self::NotYaml,
        Self::TooLarge,
        Self::VersionUnknown,
        Self::KeyUnknown,
        Self::KeyMissing,
        Self::KeyTwice,
        Self::KeysConflict,
        Self::KeyNeedsAnother,
        Self::TypeWrong,
        Self::ValueWrong,
        Self::WordUnknown,
        Self::ReferenceUnknown,
        Self::OrderCircular,
    ];

    /// The complaint in the catalogue of messages.
    pub fn message(self, complaint: impl fmt::Display) -> Message {
        match self {
            Self::NotYaml => messages::not_yaml(complaint),
            Self::TooLarge => messages::definition_too_large(complaint),
            Self::VersionUnknown => messages::version_unknown(complaint),
            Self::KeyUnknown => messages::key_unknown(complaint),
            Self::KeyMissing => messages::key_missing(complaint),
            Self::KeyTwice => messages::key_twice(complaint),
            Self::KeysConflict => messages::keys_conflict(complaint),
            Self::KeyNeedsAnother => messages::key_needs_another(complaint),
            Self::TypeWrong => messages::type_wrong(complaint),
            Self::ValueWrong => messages::value_wrong(complaint),
            Self::WordUnknown => messages::word_unknown(complaint),
            Self::ReferenceUnknown => messages::reference_unknown(complaint),
            Self::OrderCircular => messages::order_circular(complaint),
        }
    }

    pub(super) fn id(self) -> String {
        self.message("").id.to_string()
    }
}
