//! The page of a state.

use super::answered::CALLERS;
use crate::agent::Outcome;
use crate::control::State;
use crate::manager::Verb;
use crate::observe::Observation;

/// One word for a state, what is true in it, and what to do.
pub(super) struct StatePage {
    pub(super) word: &'static str,
    /// With what makes the difference where there are several.
    pub(super) states: &'static [(State, &'static str)],
    pub(super) is: &'static str,
    pub(super) next: &'static str,
}

pub(super) static STATES: [StatePage; 9] = [
    StatePage {
        word: "stopped",
        states: &[(State::Stopped, "")],
        is: "No supervisor and no process of the site lives, and that is proved. Clusterware is told 2 instead of 1 where a \
             person stopped the site by hand, so that it does not start it again.",
        next: "Start it: siteward start SITE.",
    },
    StatePage {
        word: "starting",
        states: &[(State::Starting, "")],
        is: "The supervisor is up, not every essential process is ready yet, and `boot_timeout` is not reached. A resume \
             goes through this state as well.",
        next: "Look at what it waits for, and for how long still: siteward status SITE.",
    },
    StatePage {
        word: "running",
        states: &[(State::Running, "")],
        is: "The supervisor answers, and every process is ready.",
        next: "Nothing is to be done.",
    },
    StatePage {
        word: "degraded",
        states: &[(State::Degraded, "")],
        is: "The site serves, but a process that is not essential is down, or an essential one is being restarted within its \
             budget, or a disk or address is away whose loss only degrades it. With `degraded_is: degraded` a recurring \
             monitor of Pacemaker is told 190 and Clusterware 4, once the site has been degraded for `degraded_after`.",
        next: "Look at which process is down, and why: siteward status SITE, siteward logs SITE --last-run.",
    },
    StatePage {
        word: "maintenance",
        states: &[(State::Maintenance, "")],
        is: "The supervisor is up and was told to hold the processes down, by `pause` or by `maintenance: true` in the \
             definition. The cluster sees a healthy site.",
        next: "Start the processes again: siteward resume SITE.",
    },
    StatePage {
        word: "stopping",
        states: &[
            (State::StoppingOrdered, "as it was ordered"),
            (State::StoppingFailed, "because it failed"),
        ],
        is: "A stop is under way, because it was ordered or because something failed.",
        next: "Wait for it, or end it at once: siteward clean SITE.",
    },
    StatePage {
        word: "failed",
        states: &[
            (State::Failed, "nothing of it lives"),
            (State::FailedWithSurvivors, "something of it lives"),
        ],
        is: "The supervisor gave the site up: it stopped the rest, wrote down what failed, when and why, and ended. The next \
             start, stop or clean ends this state; the history keeps it.",
        next: "Look at the cause: siteward status SITE, siteward history SITE --failed. Then start it.",
    },
    StatePage {
        word: "unsupervised",
        states: &[(State::Unsupervised, "")],
        is: "Processes of the site live, and nobody watches them: the supervisor was killed.",
        next: "Keep them with a new supervisor: siteward adopt SITE (put the cluster into maintenance first). Or end them: \
               siteward stop SITE. A start ends them first.",
    },
    StatePage {
        word: "unknown",
        states: &[(State::Unknown, "")],
        is: "It could not be found out in time: the supervisor or a wrapped command does not answer, or /proc cannot be read. \
             It is never taken for stopped.",
        next: "Look at what the message names. A stop kills what does not answer.",
    },
];

pub(super) fn words() -> impl Iterator<Item = &'static str> {
    STATES.iter().map(|state| state.word)
}

pub(super) fn page(word: &str) -> Option<Vec<String>> {
    let state = STATES.iter().find(|state| state.word == word)?;
    let mut lines = vec![format!("state {}: {}", state.word, state.is)];
    lines.push(format!("  What to do: {}", state.next));
    lines.push("  Exit codes of a monitor:".to_owned());
    for (caller, name) in CALLERS {
        let codes = state.states.iter().map(|(state, when)| match when.is_empty() {
            true => told(caller, *state).to_string(),
            false => format!("{} ({when})", told(caller, *state)),
        });
        lines.push(format!("    {name:15} {}", codes.collect::<Vec<_>>().join(", ")));
    }
    Some(lines)
}

/// The code of a monitor that has seen this state.
pub(super) fn told(caller: crate::manager::Manager, state: State) -> u8 {
    let seen = Observation { state, ..Observation::of_nothing() };
    caller.answer(Verb::Monitor, false, &Outcome::Seen(Box::new(seen))).code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_page() {
        for page in &STATES {
            for (state, _) in page.states {
                assert_eq!(state.word(), page.word);
            }
        }
        let known: usize = STATES.iter().map(|page| page.states.len()).sum();
        assert_eq!(known, State::ALL.len());
    }
}
