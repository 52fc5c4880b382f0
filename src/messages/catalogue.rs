//! All entries, section by section.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entry::{CatalogueEntry, FaultKind, MessageId};
use super::{call, definition, disk, files, node, orders, process, start, stop, work};

/// Entries that belong together.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    entries: &'static [&'static CatalogueEntry],
}

impl Section {
    /// The identifiers of its entries.
    pub fn ids(&self) -> impl Iterator<Item = MessageId> + use<> {
        self.entries.iter().map(|entry| MessageId(entry))
    }
}

/// Every section, in the order in which they are shown.
pub static SECTIONS: [Section; 10] = [
    Section { title: "The call", entries: call::ENTRIES },
    Section { title: "The definition", entries: definition::ENTRIES },
    Section { title: "The node", entries: node::ENTRIES },
    Section { title: "The disk and its lease", entries: disk::ENTRIES },
    Section { title: "The work of the processes", entries: work::ENTRIES },
    Section { title: "Start, run and adopt", entries: start::ENTRIES },
    Section { title: "The processes", entries: process::ENTRIES },
    Section { title: "Stop and clean", entries: stop::ENTRIES },
    Section { title: "Pause, resume, reload and monitor", entries: orders::ENTRIES },
    Section { title: "Logs, history, reports and other files", entries: files::ENTRIES },
];

/// Every identifier.
pub fn all() -> impl Iterator<Item = MessageId> {
    SECTIONS.iter().flat_map(Section::ids)
}

/// The entry of this identifier.
pub fn find(id: &str) -> Option<MessageId> {
    all().find(|known| known.to_string() == id)
}

/// Another version of siteward wrote it.
static OF_ANOTHER_VERSION: CatalogueEntry = CatalogueEntry {
    name: "of_another_version",
    kind: FaultKind::Failed,
    template: "this version of siteward does not know the message",
    cause: "",
    next: "",
};

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Ok(find(&id).unwrap_or(Self(&OF_ANOTHER_VERSION)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_has_a_name_of_its_own_and_whole_sentences() {
        let names: BTreeSet<String> = all().map(|id| id.to_string()).collect();
        assert_eq!(names.len(), all().count(), "two entries share a name");
        for id in all() {
            let CatalogueEntry { template, cause, next, .. } = id.entry();
            assert!(!template.ends_with('.'), "{id}: the full stop is added at the door");
            for text in [cause, next] {
                assert!(text.ends_with('.') && text.len() > 12, "{id}: `{text}`");
                assert!(text.starts_with(|c: char| c.is_uppercase() || c == '`'), "{id}: `{text}`");
            }
            assert_eq!(find(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn a_sentence_is_shown_with_its_placeholders_in_capitals() {
        let entry =
            CatalogueEntry { template: "`{a_b}` says {{x}}: {why}", ..OF_ANOTHER_VERSION_COPY };
        assert_eq!(entry.sentence().as_deref(), Some("`A-B` says {x}: WHY"));
        let open = CatalogueEntry { template: "{why}", ..OF_ANOTHER_VERSION_COPY };
        assert_eq!(open.sentence(), None);
    }

    const OF_ANOTHER_VERSION_COPY: CatalogueEntry =
        CatalogueEntry { name: "x", kind: FaultKind::Failed, template: "", cause: "", next: "" };

    #[test]
    fn an_identifier_of_another_version_is_read() {
        let known = find("site_unknown".replace('_', "-").as_str()).unwrap();
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(text, "\"site-unknown\"");
        assert_eq!(serde_json::from_str::<MessageId>(&text).unwrap(), known);
        let other: MessageId = serde_json::from_str("\"made-in-2031\"").unwrap();
        assert_eq!(other.to_string(), "of-another-version");
    }
}
