//! Why a site is not started, run or adopted.

use super::entry::messages;

messages! {
    not_started(name, why): Failed,
        "the site `{name}` could not be started: {why}",
        cause: "The supervisor could not be started, or could not begin its work.",
        next: "Mend the cause that the message names. The supervisor's own log is siteward.log in the site's directory of \
               logs.";

    did_not_start(name, why): Failed,
        "the site `{name}` did not start: {why}",
        cause: "The site was not up when the time of the start was over, and what had been started was ended again.",
        next: "Look at what the message waits for and at `siteward logs SITE`. A start that needs longer gets it by \
               `boot_timeout` and by the manager's start timeout: siteward timing SITE.";

    start_not_written(why): Failed,
        "{why}",
        cause: "The copy of the definition that the supervisor is to run could not be written into the runtime directory.",
        next: "Make room in /run, or mount it writable; then start again.";

    start_interrupted(name, signal): Failed,
        "the start of `{name}` was interrupted by {signal} and is rolled back: nothing of it lives",
        cause: "The start was sent a signal, by Ctrl-C, a closed terminal or a manager that gave up.",
        next: "Nothing is left. Start again when it is wanted.";

    start_not_rolled_back(name, left): Failed,
        "the start of `{name}` was interrupted, and is not rolled back: {left}",
        cause: "The start was interrupted by a signal, and not everything that it had started could be ended.",
        next: "End the rest: siteward clean SITE.";

    overtaken(verb, name, by): Failed,
        "the {verb} of `{name}` was overtaken by {by}",
        cause: "A stop overtakes a start, resume, pause or restart that is under way. The overtaken verb ends with a failure, \
                as it did not do what it was asked.",
        next: "Nothing is wrong. Call the verb again after the stop if it is still wanted.";

    goes_on_coming_up(name): Failed,
        "the site `{name}` goes on coming up; this verb no longer waits for it",
        cause: "The verb waited for another start's site and was interrupted. That start goes on.",
        next: "Follow it with: siteward status SITE --watch. End it with: siteward stop SITE.";

    still_coming_up(name, why): Failed,
        "the site `{name}` is still coming up: {why}",
        cause: "Another start is under way, and its end was not reached before the deadline of this verb.",
        next: "Give the verb more time, or wait: siteward status SITE shows what it waits for.";

    verb_under_way(what, name, who): Failed,
        "{what} of `{name}` has not come to an end: {who}",
        cause: "Another verb works on the site, and did not end before the deadline of this one.",
        next: "Wait for the other verb, or end it. A stop overtakes a start.";

    still_stopping(name): Failed,
        "the site `{name}` is still being stopped; wait for that, or end it with: siteward clean {name}",
        cause: "A stop is under way and did not end before the deadline of the start.",
        next: "Wait for the stop, or kill what is left: siteward clean SITE.";

    another_supervisor(name): Failed,
        "the site `{name}` is run by another supervisor already; stop it first with: siteward stop {name}",
        cause: "`run` is itself the supervisor, and the site has one.",
        next: "Stop the site, then run it; or leave it to the supervisor that it has.";

    state_unknown(name, why): Failed,
        "it cannot be found out whether the site `{name}` runs: {why}",
        cause: "The supervisor does not answer, or a command of a wrapped supervisor hangs. Nothing is started, as it could \
                run twice.",
        next: "Look at what the message names. `siteward stop SITE` ends what does not answer.";

    supervisor_left(name): Failed,
        "the supervisor of the site `{name}` ended, and with it the site",
        cause: "A wrapped supervisor that was run in the foreground ended by itself.",
        next: "Look at the log of that supervisor and at siteward history SITE.";

    supervisor_gave_no_reason(name, log): Failed,
        "the supervisor of `{name}` ended and left no reason; see {log}",
        cause: "The supervisor was killed while the site was starting, by the OOM killer or by a person.",
        next: "Look at the log that the message names, and at dmesg.";

    root_not_entered(error): Failed,
        "/ cannot be entered: {error}",
        cause: "The supervisor works in / so that it holds no other directory, and may not enter it.",
        next: "Look at what limits the process: a sandbox or another root directory.";

    not_adopted(name, why): Failed,
        "the site `{name}` is not adopted, and lives on as it was: {why}",
        cause: "The new supervisor could not be started. The processes were not touched.",
        next: "Mend the cause that the message names, then adopt again.";

    nothing_lives(name, state): Failed,
        "nothing of the site `{name}` lives ({state}); start it with: siteward start {name}",
        cause: "`adopt` takes living processes over, and there are none.",
        next: "Start the site.";

    no_record_to_adopt(name, why): Failed,
        "the site `{name}` has no record, so that nothing can be verified: {why}; end it with: siteward stop {name}",
        cause: "The runtime directory has no record of the site, so nothing says which of the processes were started by \
                siteward.",
        next: "End them with `siteward stop SITE`, then start the site.";

    given_up_not_adopted(name, why): Failed,
        "the site `{name}` was given up, and is not adopted: {why}; end the rest with: siteward stop {name}",
        cause: "The supervisor recorded a failure of the site, and some of its processes live on.",
        next: "End the rest, then start the site.";

    nothing_to_adopt(name, why): Failed,
        "nothing of the site `{name}` can be adopted: {why}; end it with: siteward stop {name}",
        cause: "Only processes that the record names, and that are the same by their start time, are taken over.",
        next: "End what lives with `siteward stop SITE`, or start the site.";

    adopt_refused(name, why): Failed,
        "the site `{name}` cannot be adopted: {why}",
        cause: "The site is in a state in which a new supervisor must not take over.",
        next: "Look at `siteward status SITE`.";

    wrapped_not_adoptable(name): Failed,
        "the site `{name}` has a supervisor of its own, and only that can watch its processes; end them with: siteward stop \
         {name}",
        cause: "The definition names a `supervisor`, so siteward does not watch the processes itself.",
        next: "Stop the site, then start it.";

    wrapped_not_runnable(name): Failed,
        "the supervisor of `{name}` does not stay (monitored: false), so nothing could be watched in the foreground; use \
         start and stop",
        cause: "With `monitored: false` the start command of the supervisor ends when the site is up.",
        next: "Use start and stop, or take `monitored: false` out of the definition.";

}
