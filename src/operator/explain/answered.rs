//! The exit codes with which a failure is answered, for each caller and verb.

use std::collections::BTreeMap;

use crate::agent::{Fault, Outcome};
use crate::manager::{Manager, Verb};
use crate::messages::{Message, MessageId};

/// The codes of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredCodes {
    pub caller: Manager,
    /// Start, stop, monitor, and any other verb.
    pub codes: [u8; 4],
}

/// In the order of [`AnsweredCodes::codes`].
const VERBS: [(Verb, &str); 4] = [
    (Verb::Start, "start"),
    (Verb::Stop, "stop"),
    (Verb::Monitor, "monitor"),
    (Verb::Other, "the rest"),
];

/// The callers, with the name that a person knows.
pub(super) const CALLERS: [(Manager, &str); 5] = [
    (Manager::Pacemaker, "Pacemaker"),
    (Manager::Clusterware, "Clusterware"),
    (Manager::Serviceguard, "Serviceguard"),
    (Manager::Expresscluster, "ExpressCluster"),
    (Manager::Hand, "by hand"),
];

/// With which codes each caller is told of this failure.
pub fn answered_codes(id: MessageId) -> [AnsweredCodes; 5] {
    CALLERS.map(|(caller, _)| {
        let code = |(verb, _): (Verb, &str)| {
            let fault = Fault::from(Message { id, sentence: String::new() });
            caller.answer(verb, false, &Outcome::Fault(fault)).code
        };
        AnsweredCodes { caller, codes: VERBS.map(code) }
    })
}

impl AnsweredCodes {
    /// `1`, or `start 5, stop 1, monitor 5, the rest 5`.
    pub(super) fn words(&self) -> String {
        let [first, ..] = self.codes;
        if self.codes.iter().all(|code| *code == first) {
            return first.to_string();
        }
        // Verbs with the same code stand together.
        let mut of_code: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
        for ((_, word), code) in VERBS.iter().zip(self.codes) {
            of_code.entry(code).or_default().push(word);
        }
        let parts = of_code.iter().map(|(code, verbs)| format!("{code} ({})", verbs.join(", ")));
        parts.collect::<Vec<_>>().join(", ")
    }
}
