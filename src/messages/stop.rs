//! Why a stop or a clean does not say that the site is stopped.

use super::entry::messages;

messages! {
    not_stopped(name, why): Failed,
        "the site `{name}` is not stopped: {why}; see to that, then: siteward clean {name}",
        cause: "A process of the site lives, or could not be ruled out, when the time was over. A cluster manager takes this as \
                a failed stop, and fences the node.",
        next: "End what the message names. A process in state D waits for a device and cannot be killed: mend the device. \
               Then: siteward clean SITE.";

    stop_has_no_turn(name, why): Failed,
        "the site `{name}` is not stopped: {why}; end that, then: siteward clean {name}",
        cause: "The lock by which stops and starts exclude each other could not be taken in time.",
        next: "End the process that holds it, then: siteward clean SITE.";

    stop_not_proved(name, why): Failed,
        "the site `{name}` is not proved stopped: {why}; see to that, then: siteward clean {name}",
        cause: "No process of the site was found, but the list of its own supervisor did not answer, and without it that is no \
                proof.",
        next: "Find out why the list command hangs, then: siteward clean SITE.";

    supervisor_not_killed(name, error): Failed,
        "the supervisor of `{name}` cannot be killed: {error}",
        cause: "The kernel refused the signal to the supervisor: it belongs to another user, or a security module forbids it.",
        next: "Call as root, and look at the audit log.";
}
