//! The kinds of complaints about a definition.

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

    pub fn id(self) -> &'static str {
        match self {
            Self::NotYaml => "not-yaml",
            Self::TooLarge => "too-large",
            Self::VersionUnknown => "version-unknown",
            Self::KeyUnknown => "key-unknown",
            Self::KeyMissing => "key-missing",
            Self::KeyTwice => "key-twice",
            Self::KeysConflict => "keys-conflict",
            Self::KeyNeedsAnother => "key-needs-another",
            Self::TypeWrong => "type-wrong",
            Self::ValueWrong => "value-wrong",
            Self::WordUnknown => "word-unknown",
            Self::ReferenceUnknown => "reference-unknown",
            Self::OrderCircular => "order-circular",
        }
    }

    /// What it means, as one sentence.
    pub fn means(self) -> &'static str {
        match self {
            Self::NotYaml => "The text of the definition is not one YAML document.",
            Self::TooLarge => "The definition exceeds a bound of size, depth or number.",
            Self::VersionUnknown => {
                "The definition is written for a version of definitions that this siteward does not read."
            }
            Self::KeyUnknown => {
                "The definition has a key that siteward does not know at this place."
            }
            Self::KeyMissing => "A key that must be there is missing.",
            Self::KeyTwice => "A key or a name stands twice in the same map or list.",
            Self::KeysConflict => "Two keys of the definition exclude each other.",
            Self::KeyNeedsAnother => "A key has no effect without another key, which is missing.",
            Self::TypeWrong => {
                "A value is of the wrong type, such as text where a list is expected."
            }
            Self::ValueWrong => "A value has the right type, and is malformed or out of bounds.",
            Self::WordUnknown => {
                "A word is none of those that may stand there, such as the name of a signal or of an event."
            }
            Self::ReferenceUnknown => "The definition names a process that it does not define.",
            Self::OrderCircular => {
                "Processes wait for each other in a circle, so that none of them could ever start."
            }
        }
    }

    /// What to do, as one sentence.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::NotYaml => {
                "Correct the line that the message names: check brackets, quotes and the indentation, which is by spaces."
            }
            Self::TooLarge => "Shorten the definition, or divide it into several sites.",
            Self::VersionUnknown => {
                "Write `version: 1`, or install a siteward that reads the newer version."
            }
            Self::KeyUnknown => {
                "Write the key that the message suggests; `siteward explain KEY` describes each one."
            }
            Self::KeyMissing => "Add the key that the message names.",
            Self::KeyTwice => "Keep one of the two.",
            Self::KeysConflict => "Remove one of the two keys.",
            Self::KeyNeedsAnother => "Add the other key, or remove this one.",
            Self::TypeWrong => "Write the value in the form that the message names.",
            Self::ValueWrong => "Write a value within the bounds that the message names.",
            Self::WordUnknown => "Write one of the words that the message names.",
            Self::ReferenceUnknown => "Correct the name, or define a process of that name.",
            Self::OrderCircular => "Remove one of the `depends_on` that the message names.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_an_id_of_its_own_and_two_sentences() {
        let ids: BTreeSet<&str> = ProblemKind::ALL.iter().map(|kind| kind.id()).collect();
        assert_eq!(ids.len(), ProblemKind::ALL.len());
        for kind in ProblemKind::ALL {
            assert!(kind.means().ends_with('.') && kind.next_step().ends_with('.'), "{kind:?}");
        }
    }
}
