//! The verbs that take time, as a person types them: their progress, and `--no-wait`.

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

use super::absent::Purpose;
use super::arguments::{SiteArgument, WaitArguments};
use super::person::Person;
use crate::agent::{Outcome, Target};
use crate::linux::inherit;
use crate::manager::{Manager, Verb};
use crate::messages;
use crate::operator::progress::{Background, Progress, SlowVerb, go_on_in_background};

/// A verb that takes time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slow<'a> {
    pub(super) verb: SlowVerb,
    pub(super) site: &'a SiteArgument,
    pub(super) wait: WaitArguments,
}

impl Slow<'_> {
    fn kind(&self) -> Verb {
        match self.verb {
            SlowVerb::Start => Verb::Start,
            SlowVerb::Stop => Verb::Stop,
            SlowVerb::Pause | SlowVerb::Resume => Verb::Other,
        }
    }

    fn purpose(&self) -> Purpose {
        match self.verb {
            SlowVerb::Stop => Purpose::Stop,
            SlowVerb::Start | SlowVerb::Pause | SlowVerb::Resume => Purpose::Other,
        }
    }
}

impl Person {
    /// Does the verb by `act`, here or in the background.
    pub(super) fn slow(&self, slow: Slow<'_>, act: impl FnOnce(&Target) -> Outcome) -> ExitCode {
        if slow.wait.no_wait {
            return self.in_background(slow);
        }
        if slow.wait.in_background {
            answer_the_caller();
        }
        let is_shown =
            self.caller == Manager::Hand && !self.common.quiet && !slow.wait.in_background;
        let outcome = self.with(slow.site, slow.purpose(), |target| {
            let _shown = is_shown.then(|| Progress::show(slow.verb, target));
            act(target)
        });
        self.give(slow.kind(), &outcome)
    }

    fn in_background(&self, slow: Slow<'_>) -> ExitCode {
        if self.caller != Manager::Hand {
            let refused = messages::background_refused(self.caller.who());
            return self.give(slow.kind(), &refused.into());
        }
        let arguments: Vec<_> = std::env::args_os().collect();
        let mut ended = None;
        let outcome = self.with(slow.site, slow.purpose(), |target| {
            match go_on_in_background(slow.verb, target, &arguments) {
                Background::GoesOn(outcome) => outcome,
                Background::Ended { code, said } => {
                    ended = Some((code, said));
                    Outcome::Done(String::new())
                }
            }
        });
        let Some((code, said)) = ended else { return self.give(slow.kind(), &outcome) };
        let _ = match code {
            0 => std::io::stdout().write_all(said.as_bytes()),
            _ => std::io::stderr().write_all(said.as_bytes()),
        };
        ExitCode::from(code)
    }
}

/// Everything that this process prints goes to the one that has called it, as long as that one is there.
fn answer_the_caller() {
    let null = File::open("/dev/null");
    if let (Ok(null), Ok(caller)) = (null, inherit::take_descriptor(3)) {
        let _ = inherit::replace_standard_streams(&null.into(), &caller);
    }
}
