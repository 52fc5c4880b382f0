//! What becomes of the jobs that ran when a JobCenter site ended uncleanly, and what its users see (source documents 003,
//! 1.1, 2.5.4 and 2.6.3, and 004; REC-01 to REC-08, REC-14 to REC-17). JobCenter does it; siteward only tells.

use std::fmt;
use std::time::Duration;

/// The restart attribute of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRestart {
    Restart,
    Purge,
    Stop,
    MigrationPurge,
    MigrationStop,
}

/// The setting "Restart" of a unit job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobRestart {
    /// The default.
    Enable,
    Disable,
}

/// What becomes of a job that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFate {
    RunsAgain,
    Deleted,
    /// The documents at hand do not say it.
    SeeManual,
}

impl QueueRestart {
    pub const ALL: [Self; 5] =
        [Self::Restart, Self::Purge, Self::Stop, Self::MigrationPurge, Self::MigrationStop];
}

impl JobRestart {
    pub const ALL: [Self; 2] = [Self::Enable, Self::Disable];
}

/// As JobCenter writes it.
impl fmt::Display for QueueRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "RESTART",
            Self::Purge => "PURGE",
            Self::Stop => "STOP",
            Self::MigrationPurge => "MIGRATION_PURGE",
            Self::MigrationStop => "MIGRATION_STOP",
        })
    }
}

/// As JobCenter writes it.
impl fmt::Display for JobRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enable => "ENABLE",
            Self::Disable => "DISABLE",
        })
    }
}

impl fmt::Display for JobFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RunsAgain => "executed again",
            Self::Deleted => "deleted, and not executed again",
            Self::SeeManual => "see the queue manual (NQS function guide, 6.1)",
        })
    }
}

/// What becomes of a job that was in such a queue when JobCenter stopped.
pub fn fate_of(queue: QueueRestart, job: JobRestart) -> JobFate {
    match (queue, job) {
        (QueueRestart::Restart, JobRestart::Enable) => JobFate::RunsAgain,
        (QueueRestart::Restart, JobRestart::Disable) => JobFate::Deleted,
        (QueueRestart::Purge, JobRestart::Enable | JobRestart::Disable) => JobFate::Deleted,
        (
            QueueRestart::Stop | QueueRestart::MigrationPurge | QueueRestart::MigrationStop,
            JobRestart::Enable | JobRestart::Disable,
        ) => JobFate::SeeManual,
    }
}

/// How long a client waits for a failover before it gives up what it fetches.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// All of that, for a person: sentences without their full stop.
pub fn after_an_unclean_end() -> Vec<String> {
    let mut lines = vec![
        "jobs that ran: JobCenter decides by the restart attribute of the queue and by [Restart] of the unit job"
            .to_owned(),
    ];
    // What does not depend on the job is told once, and so are queues of one fate.
    let mut undecided = Vec::new();
    for queue in QueueRestart::ALL {
        let fates = JobRestart::ALL.map(|job| (job, fate_of(queue, job)));
        match fates {
            [(_, JobFate::SeeManual), (_, JobFate::SeeManual)] => undecided.push(queue.to_string()),
            [(_, one), (_, other)] if one == other => {
                lines.push(format!("queue {queue}, whatever the job says: {one}"));
            }
            fates => {
                let told = fates.map(|(job, fate)| format!("queue {queue}, job {job}: {fate}"));
                lines.extend(told);
            }
        }
    }
    lines.push(format!("queue {}: {}", undecided.join(", "), JobFate::SeeManual));
    lines.extend(
        [
            "what is executed again has run before, in part or as a whole",
            "by hand: submit what was deleted and is wanted; execute again what ends in an error because its files \
             were not written to their end",
            "users: their sessions of CL/Win are gone, and they connect again; a client that fetches data waits 300 s; \
             alerts may be lost",
        ]
        .map(str::to_owned),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rec_01_to_06_the_fate_of_a_job_is_that_of_the_documents() {
        use JobFate::{Deleted, RunsAgain, SeeManual};
        let fates = |queue| JobRestart::ALL.map(|job| fate_of(queue, job));
        assert_eq!(fates(QueueRestart::Restart), [RunsAgain, Deleted], "cases 1 and 2");
        assert_eq!(fates(QueueRestart::Purge), [Deleted, Deleted], "case 3");
        for queue in [QueueRestart::Stop, QueueRestart::MigrationPurge, QueueRestart::MigrationStop]
        {
            assert_eq!(fates(queue), [SeeManual, SeeManual], "they are not guessed: {queue}");
        }
    }

    #[test]
    fn all_is_told_within_what_an_entry_of_the_history_holds() {
        let lines = after_an_unclean_end();
        assert!(lines.len() <= 10, "{lines:#?}");
        for words in [
            "queue RESTART, job ENABLE: executed again",
            "queue RESTART, job DISABLE: deleted, and not executed again",
            "queue PURGE, whatever the job says: deleted, and not executed again",
            "queue STOP, MIGRATION_PURGE, MIGRATION_STOP: see the queue manual",
            "connect again",
            "300 s",
            "alerts may be lost",
        ] {
            assert!(
                lines.iter().any(|line| line.starts_with(words) || line.contains(words)),
                "{words}"
            );
        }
    }
}
