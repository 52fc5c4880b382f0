//! A person's call: the caller, and the options that every verb has.

use std::process::ExitCode;

use super::absent::Purpose;
use super::answer::give;
use super::arguments::{CommonOptions, SiteArgument};
use super::sites::with;
use crate::agent::{Deadline, Outcome, Target};
use crate::manager::{Manager, Verb};
use crate::site::Places;

/// The caller, and the options of any verb.
pub(super) struct Person {
    pub(super) common: CommonOptions,
    pub(super) caller: Manager,
    pub(super) places: Places,
    pub(super) deadline: Deadline,
}

impl Person {
    pub(super) fn with(
        &self,
        site: &SiteArgument,
        purpose: Purpose,
        verb: impl FnOnce(&Target) -> Outcome,
    ) -> Outcome {
        with(site, self.caller, &self.places, purpose, verb)
    }

    /// A verb that is neither a start nor a stop nor a monitor.
    pub(super) fn other(
        &self,
        site: &SiteArgument,
        purpose: Purpose,
        verb: impl FnOnce(&Target) -> Outcome,
    ) -> ExitCode {
        self.give(Verb::Other, &self.with(site, purpose, verb))
    }

    pub(super) fn give(&self, verb: Verb, outcome: &Outcome) -> ExitCode {
        give(self.caller, verb, false, outcome, self.common.quiet)
    }
}
