//! Ctrl-C at a verb whose order goes on without it.

use std::io::Write;
use std::time::Duration;

use super::verb::SlowVerb;
use crate::agent::Target;
use crate::backend::own;
use crate::control::{Request, State};
use crate::values::Moment;

/// 128 and the number of SIGINT, as a shell has it.
const CODE: i32 = 130;

/// Says what goes on and how to end it, and ends this process.
pub(super) fn leave(verb: SlowVerb, target: &Target) -> ! {
    let until = Moment::now() + Duration::from_millis(500);
    let view = own::glance(&target.site, &Request::Look, until);
    let said = sentence(verb, target, view.map(|view| view.state));
    let _ = writeln!(std::io::stderr(), "siteward: {said}.");
    std::process::exit(CODE)
}

fn sentence(verb: SlowVerb, target: &Target, state: Option<State>) -> String {
    let name = &target.name;
    match (verb, state) {
        (SlowVerb::Stop, Some(State::StoppingOrdered | State::StoppingFailed)) => format!(
            "the site `{name}` is still being stopped, by its supervisor; see: siteward status \
             {name}; end it at once with: siteward clean {name}"
        ),
        (SlowVerb::Stop, _) => format!(
            "the stop of `{name}` was interrupted, and it is not proved that nothing of the site \
             lives; repeat it: siteward stop {name}"
        ),
        (SlowVerb::Pause, Some(_)) => format!(
            "the supervisor goes on stopping the processes of `{name}`; see: siteward status \
             {name}; start them again with: siteward resume {name}"
        ),
        (SlowVerb::Resume, Some(_)) => format!(
            "the supervisor goes on starting the processes of `{name}`; see: siteward status \
             {name}; stop them again with: siteward pause {name}"
        ),
        (SlowVerb::Start | SlowVerb::Pause | SlowVerb::Resume, _) => format!(
            "the {} of `{name}` was interrupted; see what became of it: siteward status {name}",
            verb.word()
        ),
    }
}
