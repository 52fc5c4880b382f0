//! Orders to a site that is up: pause, resume, reload, and a change of parameters. And what a watch ends with.

use super::entry::messages;

messages! {
    order_refused(verb, name, why): Failed,
        "the {verb} of `{name}` was not done: {why}",
        cause: "The supervisor refused the order in the state in which the site is.",
        next: "Do what the message names first, then repeat the order.";

    order_not_in_time(verb, name, why): Failed,
        "the {verb} of `{name}` was not done in time, and may still be: {why}",
        cause: "The supervisor had not carried the order out when the deadline of the verb was reached.",
        next: "Look at siteward status SITE, which shows what it waits for.";

    order_interrupted(verb, name): Failed,
        "the {verb} of `{name}` was interrupted",
        cause: "The verb was sent a signal while it waited.",
        next: "Look at siteward status SITE, then repeat the order if it is wanted.";

    no_supervisor(name, verb): Failed,
        "the site `{name}` has no supervisor to {verb} it; start it with: siteward start {name}",
        cause: "An order goes to the supervisor of the site, and none is there.",
        next: "Start the site. If its processes live without a supervisor: siteward adopt SITE.";

    not_up_to_pause(name, state): Failed,
        "the site `{name}` is {state}, so it has no supervisor to pause it; start it with: siteward start {name}",
        cause: "Only a site that is up can be paused.",
        next: "Start the site, then pause it.";

    not_well(name, state): Failed,
        "the site `{name}` is {state}",
        cause: "`watch` ends when the site is not well any more, so that a manager that watches its process learns of it.",
        next: "Look at siteward status SITE and siteward history SITE.";
}
