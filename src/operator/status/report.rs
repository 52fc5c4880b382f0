//! The status of a site as one value, which is shown to a person and printed as JSON. docs/status-json.md
//! describes each field; a test compares the two.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::control::State;
use crate::disk::WorkState;
use crate::messages::MessageId;
use crate::operator::takeover::TakeoverStatus;

/// The version of the JSON. It changes when a field is removed or gets another meaning.
pub(super) const SCHEMA: u32 = 1;

/// The status of one site.
#[derive(Clone, Debug, Serialize)]
pub struct SiteStatusReport {
    pub schema: u32,
    pub site: String,
    /// The virtual host name.
    pub host: Option<String>,
    pub node: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// One of the nine words.
    pub state: &'static str,
    /// Of a site that is stopping: `order` or `failure`.
    pub stopping_after: Option<&'static str>,
    /// The exit code of `status` for this site.
    pub exit_code: u8,
    /// The reason of the state.
    pub why: Option<String>,
    /// Since when the site is in its state.
    pub since: Option<Timestamp>,
    pub state_seconds: Option<f64>,
    /// On whose order it is in its state.
    pub by: Option<String>,
    pub supervisor: Option<SupervisorStatus>,
    pub phase: Option<PhaseStatus>,
    pub processes: Vec<ProcessStatus>,
    pub disk: Option<DiskStatus>,
    pub lease: Option<LeaseStatus>,
    pub address: Option<AddressStatus>,
    /// What the site needs on this node and has lost.
    pub lost: Vec<String>,
    pub maintenance: Option<MaintenanceStatus>,
    pub definition: DefinitionStatus,
    /// Interrupted work that nobody has decided on; None: the definition names none.
    pub work: Option<WorkStatus>,
    /// The last takeover after an unclean end, for a day.
    pub takeover: Option<TakeoverStatus>,
    pub last_failure: Option<FailureStatus>,
    /// What to do next.
    pub advice: Option<String>,
    #[serde(skip)]
    pub exact_state: State,
}

/// The process that supervises the site.
#[derive(Clone, Debug, Serialize)]
pub struct SupervisorStatus {
    pub pid: i32,
    /// `siteward`, or `its own` for a wrapped supervisor.
    pub kind: &'static str,
    /// When it began.
    pub since: Timestamp,
    /// Why it tells less than it could.
    pub note: Option<String>,
}

/// A start or a stop under way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseStatus {
    /// `start`, `settle`, `evidence`, `stop` or `pause`.
    pub what: String,
    pub left_seconds: Option<f64>,
}

/// A process of the definition.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessStatus {
    pub name: String,
    /// Its state, in a word or two.
    pub doing: String,
    pub up: bool,
    pub essential: bool,
    pub pid: Option<i32>,
    pub started: Option<Timestamp>,
    pub uptime_seconds: Option<f64>,
    pub ready_seconds: Option<f64>,
    pub restarts: u32,
    pub next_start_seconds: Option<f64>,
    pub usage: Option<UsageStatus>,
    /// The last answer of its healthcheck.
    pub health: Option<String>,
    pub waits: Option<WaitStatus>,
    /// Its own status (`STATUS=`), or its last failure.
    pub detail: Option<String>,
    /// The last line that it printed, if it is not well.
    pub last_line: Option<String>,
}

/// What the processes of one entry of the definition use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsageStatus {
    /// How many processes were added up.
    pub processes: usize,
    pub memory_bytes: u64,
    /// `cgroup`, or `processes`: their resident memory, with what they share counted for each.
    pub memory_from: &'static str,
    /// All the time on a CPU.
    pub cpu_seconds: f64,
    /// In hundredths of one CPU.
    pub cpu_percent: Option<f64>,
    /// The time over which that is the mean.
    pub cpu_over_seconds: Option<f64>,
}

/// What a process waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitStatus {
    pub what: String,
    pub left_seconds: Option<f64>,
    /// What is done to it then.
    pub then: Option<String>,
}

/// The disk that moves with the site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiskStatus {
    pub database: PathBuf,
    /// The directory that must be a mount point, if one must.
    pub mount_point: Option<PathBuf>,
    /// None: it need not be one, or that cannot be found out.
    pub mounted: Option<bool>,
}

/// Who owns the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaseStatus {
    /// A keeper on this node holds it for the site.
    pub held_here: bool,
    /// The present or last owner.
    pub node: Option<String>,
    pub since: Option<Timestamp>,
    /// The owner has released it.
    pub released: Option<bool>,
    /// Why the owner is not known.
    pub note: Option<String>,
}

/// The address that moves with the site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AddressStatus {
    pub address: String,
    /// None: that cannot be found out.
    pub on_this_node: Option<bool>,
}

/// Why the processes are held down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaintenanceStatus {
    pub reason: String,
    pub until: Option<Timestamp>,
    /// The planned end is past.
    pub overdue: bool,
}

/// How the definition's file compares with what runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DefinitionStatus {
    pub file: PathBuf,
    /// `same`, `changed`, `broken` or `removed`.
    pub compared: &'static str,
    pub note: Option<String>,
}

/// The work that a failover has interrupted and that nobody has decided on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkStatus {
    /// How many items there are; not all may be listed.
    pub open: usize,
    pub items: Vec<WorkItemStatus>,
    /// Why it is not known.
    pub note: Option<String>,
}

/// An item of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkItemStatus {
    pub kind: String,
    /// Its path below the database.
    pub file: String,
    /// `due`, `begun`, `failed` or `asked`.
    pub state: WorkState,
    /// The same, and why, in words.
    pub told: String,
    pub found: Option<Timestamp>,
}

/// The last failure, which is shown for a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureStatus {
    pub at: Timestamp,
    pub node: String,
    /// The event of the history.
    pub event: String,
    pub process: Option<String>,
    pub reason: String,
    /// Its identifier, for `siteward explain`.
    pub message: Option<MessageId>,
    pub exit: Option<String>,
    pub last_lines: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::messages;

    const DOCUMENT: &str = include_str!("../../../docs/status-json.md");

    /// Every field below `value`, by its path.
    fn paths(at: &str, value: &Value, found: &mut BTreeSet<String>) {
        let Value::Object(object) = value else { return };
        for (key, value) in object {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            paths(&path, value, found);
            for element in value.as_array().into_iter().flatten() {
                paths(&format!("{path}[]"), element, found);
            }
            found.insert(path);
        }
    }

    fn text() -> Option<String> {
        Some("text".to_owned())
    }

    fn with_all() -> SiteStatusReport {
        let at = Timestamp::now();
        let process = ProcessStatus {
            name: "a".to_owned(),
            doing: "ready".to_owned(),
            up: true,
            essential: true,
            pid: Some(1),
            started: Some(at),
            uptime_seconds: Some(1.0),
            ready_seconds: Some(1.0),
            restarts: 1,
            next_start_seconds: Some(1.0),
            usage: Some(UsageStatus {
                processes: 1,
                memory_bytes: 1,
                memory_from: "processes",
                cpu_seconds: 1.0,
                cpu_percent: Some(1.0),
                cpu_over_seconds: Some(1.0),
            }),
            health: text(),
            waits: Some(WaitStatus {
                what: "text".to_owned(),
                left_seconds: Some(1.0),
                then: text(),
            }),
            detail: text(),
            last_line: text(),
        };
        SiteStatusReport {
            schema: SCHEMA,
            site: "a".to_owned(),
            host: text(),
            node: "alpha".to_owned(),
            at,
            state: State::Running.word(),
            stopping_after: Some("order"),
            exit_code: 0,
            why: text(),
            since: Some(at),
            state_seconds: Some(1.0),
            by: text(),
            supervisor: Some(SupervisorStatus {
                pid: 1,
                kind: "siteward",
                since: at,
                note: text(),
            }),
            phase: Some(PhaseStatus { what: "start".to_owned(), left_seconds: Some(1.0) }),
            processes: vec![process],
            disk: Some(DiskStatus {
                database: "/data".into(),
                mount_point: Some("/data".into()),
                mounted: Some(true),
            }),
            lease: Some(LeaseStatus {
                held_here: true,
                node: text(),
                since: Some(at),
                released: Some(false),
                note: text(),
            }),
            address: Some(AddressStatus {
                address: "192.0.2.1".to_owned(),
                on_this_node: Some(true),
            }),
            lost: vec!["text".to_owned()],
            maintenance: Some(MaintenanceStatus {
                reason: "text".to_owned(),
                until: Some(at),
                overdue: false,
            }),
            definition: DefinitionStatus {
                file: "/etc/a.yaml".into(),
                compared: "same",
                note: text(),
            },
            work: Some(WorkStatus {
                open: 1,
                items: vec![WorkItemStatus {
                    kind: "jobs".to_owned(),
                    file: "running/1".to_owned(),
                    state: WorkState::Asked,
                    told: "text".to_owned(),
                    found: Some(at),
                }],
                note: text(),
            }),
            takeover: Some(TakeoverStatus {
                at,
                node: "beta".to_owned(),
                end: "text".to_owned(),
                last_heard: Some(at),
                up: Some(at),
                down_at_least_seconds: Some(1.0),
                down_at_most_seconds: Some(1.0),
            }),
            last_failure: Some(FailureStatus {
                at,
                node: "alpha".to_owned(),
                event: "failed".to_owned(),
                process: text(),
                reason: "text".to_owned(),
                message: messages::find("process-killed"),
                exit: text(),
                last_lines: vec!["text".to_owned()],
            }),
            advice: text(),
            exact_state: State::Running,
        }
    }

    #[test]
    fn the_document_has_every_field_and_no_other() {
        let mut found = BTreeSet::new();
        paths("", &serde_json::to_value(with_all()).unwrap(), &mut found);
        let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: BTreeSet<String> =
            rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect();
        assert_eq!(found, documented);
    }
}
