//! The facts of a node as they are written: the format of an exported file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::linux::clock::WallTime;

/// The version of the format. A file of another version is refused.
pub(super) const VERSION: u64 = 1;

/// Everything that has to be the same on each node of a site, as it is on one of them. Holds no secret: see
/// `secrets`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NodeFacts {
    /// [`VERSION`]. By this key a file is known as ours.
    pub(super) siteward_facts: u64,
    pub(super) site: String,
    /// As the cluster calls the node.
    pub(super) node: String,
    /// Its host name.
    pub(super) host: String,
    /// In seconds since 1970.
    pub(super) taken: WallTime,
    pub(super) taken_by: Occasion,
    pub(super) siteward: SitewardFact,
    pub(super) definition: DefinitionFact,
    /// None: this node does not know it.
    pub(super) users: BTreeMap<String, Option<UserFact>>,
    pub(super) groups: BTreeMap<String, Option<u32>>,
    /// `SOFT HARD`, of the process that took the facts.
    pub(super) limits: BTreeMap<String, String>,
    pub(super) sysctls: BTreeMap<String, String>,
    pub(super) system: SystemFact,
    /// Locales that the definition names: whether they are installed.
    pub(super) locales: BTreeMap<String, bool>,
    /// What /etc/hosts says of the site's name and of its address.
    pub(super) hosts: BTreeMap<String, Vec<String>>,
    /// The names of JobCenter's port in /etc/services, by protocol.
    pub(super) services: BTreeMap<String, Vec<String>>,
    /// Of the site's disk, where it is mounted.
    pub(super) mount: Option<MountFact>,
    pub(super) files: FilesFact,
    /// What could not be found out, as sentences.
    pub(super) not_known: Vec<String>,
}

/// When facts are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Occasion {
    Export,
    Start,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SitewardFact {
    pub(super) version: String,
    pub(super) program: FileFact,
    /// What cluster managers call, by its path; None: there is none.
    pub(super) agents: BTreeMap<String, Option<LinkFact>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LinkFact {
    /// None: it is no link.
    pub(super) target: Option<String>,
    pub(super) program: FileFact,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DefinitionFact {
    /// Of `values`, as SHA-256: comments and layout do not count.
    pub(super) fingerprint: String,
    /// By its keys, as in `processes.db.user`.
    pub(super) values: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UserFact {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
    /// Supplementary groups; None: not asked for.
    pub(super) groups: Option<Vec<u32>>,
    /// Other users of this node with the same id.
    pub(super) same_id: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct SystemFact {
    pub(super) kernel: String,
    pub(super) architecture: String,
    pub(super) distribution: String,
    pub(super) c_library: String,
    pub(super) time_zone: String,
    pub(super) selinux: String,
    pub(super) control_groups: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MountFact {
    pub(super) at: String,
    pub(super) kind: String,
    /// Sorted. Not the device: its name may differ from node to node.
    pub(super) options: Vec<String>,
}

/// What the files outside the site's database hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct FilesFact {
    /// The programs that the definition runs, by their word there, and their interpreters.
    pub(super) programs: BTreeMap<String, FileFact>,
    /// Files that stand in a command as an absolute path.
    pub(super) arguments: BTreeMap<String, FileFact>,
    /// Those of `same_on_all_nodes`.
    pub(super) same_on_all_nodes: BTreeMap<String, FileFact>,
    /// Working directories; None: there is no such folder.
    pub(super) folders: BTreeMap<String, Option<FolderFact>>,
    /// Files of `KEY=VALUE` lines: each `env_file`, and JobCenter's daemon.conf.
    pub(super) settings: BTreeMap<String, SettingsFact>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FolderFact {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SettingsFact {
    Values(BTreeMap<String, String>),
    Absent,
    Unreadable(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileFact {
    pub(super) content: FileContent,
    /// Where it is, if that is not where it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// A hint for a person; not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// The same, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) modified: Option<WallTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FileContent {
    Sha256(String),
    /// Of a file that not every user may read.
    Fingerprint(String),
    Absent,
    /// It may not be executed by this user.
    NotExecutable,
    Unreadable(String),
    /// Larger than what is read; its size.
    TooLarge(u64),
    /// It was not read to its end within the time.
    NotInTime,
}

impl FileFact {
    pub(super) fn of(content: FileContent) -> Self {
        Self { content, path: None, size: None, modified: None }
    }
}
