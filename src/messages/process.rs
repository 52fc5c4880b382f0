//! Why a site failed: what went wrong with one of its processes.

use super::entry::messages;

messages! {
    process_ended(process, code): Failed,
        "`{process}` ended with exit status {code}",
        cause: "The main process of an essential process ended by itself. A oneshot must end with 0, and every other process \
                must not end at all.",
        next: "Read its last lines: siteward logs SITE PROCESS --last-run. If it puts itself into the background, the \
               definition must say `forks: true`.";

    process_killed(process, signal): Failed,
        "`{process}` was killed by {signal}, which siteward did not send",
        cause: "A signal ended the process: SIGKILL often comes from the OOM killer, SIGSEGV and SIGABRT from a fault in the \
                program, others from a person or another program.",
        next: "Look at dmesg for the OOM killer, and at siteward logs SITE PROCESS --last-run.";

    process_ended_untold(process): Failed,
        "`{process}` has ended; its exit status is not known",
        cause: "The process was adopted or daemonised, so that the kernel tells its end to another parent.",
        next: "Read its last lines: siteward logs SITE PROCESS --last-run.";

    process_not_run(process, error, program): Failed,
        "`{process}` {error} ({program})",
        cause: "The program could not be executed. The message names the step that failed and the error of the kernel.",
        next: "Look at the program's path, its mode and its interpreter, at `user`, `working_directory` and `ulimits`.";

    process_not_ready(process, time, what): Failed,
        "`{process}` was not ready within {time}{what}",
        cause: "The process ran, and did not become ready as its `ready` says before `ready.timeout` was over.",
        next: "Look at what the message waits for and at siteward logs SITE PROCESS. Raise `ready.timeout` if it needs \
               longer.";

    process_not_ready_at_boot(process, limit, had, what): Failed,
        "`{process}` was not ready when {limit} ended; it had {had}{what}",
        cause: "The time of the whole start was over before the process became ready.",
        next: "Raise `boot_timeout` and the manager's start timeout (siteward timing SITE), or find out what is slow: \
               siteward report SITE shows the critical path.";

    process_never_started(process, waits): Failed,
        "`{process}` was never started: it waits for {waits}",
        cause: "The time of the whole start was over while the processes before it were not ready yet.",
        next: "Look at the processes that the message names.";

    process_unhealthy(process, times, said): Failed,
        "`{process}` failed its healthcheck{times}: {said}",
        cause: "The command of `healthcheck` ended with another status than 0, or not in time, `retries` times in a row.",
        next: "Run the command by hand as the user of the process. Raise `timeout`, `retries` or `start_period` if the \
               process is well.";

    healthcheck_not_run(process, time, why): Failed,
        "the healthcheck of `{process}` could not be started for {time}: it {why}",
        cause: "The command of `healthcheck` could not be executed, so nothing is known of the process.",
        next: "Look at the command's path and mode, and at the limits of the node (processes, memory).";

    process_unidentified(process): Failed,
        "`{process}` could not be identified, as /proc could not be read, and is ended",
        cause: "A process that cannot be identified could not be found again after a crash, so siteward does not keep it.",
        next: "Mount /proc, or mend what limits the supervisor.";

    main_process_missing(process): Failed,
        "`{process}` was to daemonise, and no main process was found",
        cause: "The definition says `forks: true`, and when the command had ended nothing of it lived, or its `pid_file` \
                names none of its processes.",
        next: "Look at siteward logs SITE PROCESS. If the program stays in the foreground, take `forks` out.";

    process_missing(process, name, pid, why): Failed,
        "`{process}` of the site `{name}` should be process {pid}, and {why}",
        cause: "A monitor with level 10 looked for every process by its identity, and one that the supervisor believes to \
                live is not there.",
        next: "Look at siteward status SITE and at the supervisor's log; a restart of the site mends it.";

    wrapped_process_missing(why): Failed,
        "{why}",
        cause: "The wrapped supervisor lives, and a kind of process that a running site must have does not.",
        next: "Look at the log of that supervisor. The manager's recovery restarts the site.";

    redis_silent(name, why): Failed,
        "the site `{name}` is not healthy: {why}",
        cause: "A monitor with level 20 sent a PING to jcdbs, JobCenter's Redis, on its socket on the database.",
        next: "Look whether jcdbs lives and what it has printed. A restart of the site makes a new socket.";

    site_unhealthy(name, why): Failed,
        "the site `{name}` is not healthy: {why}",
        cause: "A monitor with level 20 ran the healthcheck of each process once, and one failed.",
        next: "Run the command by hand as the user of the process.";

    healthchecks_silent(name): Failed,
        "the healthchecks of the site `{name}` did not answer in time",
        cause: "A monitor with level 20 waits for all healthchecks, and they were not done before its deadline.",
        next: "Raise the manager's monitor timeout, or lower `healthcheck.timeout`.";

    site_failed(name, verb, why): Failed,
        "the site `{name}` {verb}: {why}",
        cause: "The supervisor gave the site up for a reason that this version has no words for.",
        next: "Look at siteward history SITE.";
}
