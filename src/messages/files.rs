//! What cannot be read or written for a person: logs, history, reports, facts, metrics, saved configurations.

use super::entry::messages;

messages! {
    logs_denied(folder, error): NotPermitted,
        "the logs in {folder} cannot be read: {error}; call as the user to whom the site belongs",
        cause: "The directory of logs belongs to another user.",
        next: "Call as root, or as the user to whom the site belongs.";

    logs_not_printed(error): Failed,
        "the logs cannot be printed: {error}",
        cause: "Standard output was closed, or a log could not be read while it was printed.",
        next: "Look at the disk of the directory of logs.";

    history_missing(name): NotInstalled,
        "there is no site `{name}` here, and no history of one; see: siteward list",
        cause: "This node has neither a definition of that name nor a history of such a site.",
        next: "Type `siteward list`; the history of a site is also on its database.";

    failure_not_cleared(name, file): Failed,
        "the failure of `{name}` is not cleared, as {file} cannot be written by this user",
        cause: "That a failure was seen is noted in the history of the site, which belongs to another user or is on a full \
                disk.",
        next: "Call as root, or as the user to whom the site belongs.";

    site_to_clear_missing(): Misconfigured,
        "name the site whose last failure is to be cleared",
        cause: "`status --clear-failure` without a site would clear the failures of all.",
        next: "Name the site.";

    facts_not_written(error): Failed,
        "the facts of this node cannot be written: {error}",
        cause: "The facts that `doctor --export` prints could not be put into words.",
        next: "Report this: it is a fault of siteward.";

    facts_unreadable(file, why): Misconfigured,
        "{file} holds no facts to compare: {why}",
        cause: "The file was not written by `siteward doctor SITE --export`, is cut off, or is of another version.",
        next: "Make it again on that node: siteward doctor SITE --export > FILE.";

    facts_missing(): Misconfigured,
        "`--compare` needs the file of another node; make it there with: siteward doctor SITE --export > FILE",
        cause: "This node alone has nothing to be compared with.",
        next: "Bring the file of another node.";

    facts_of_other_site(file, site, other_file, other_site): Misconfigured,
        "{file} is of the site `{site}`, and {other_file} is of the site `{other_site}`",
        cause: "Only facts of one site can be compared.",
        next: "Export the facts of the same site on each node.";

    report_not_written(why): Failed,
        "{why}",
        cause: "The page could not be written: a file of its name is there, or the directory cannot be written.",
        next: "Name another file with -o, or add --force to replace it.";

    settings_unreadable(why): WrongHere,
        "{why}",
        cause: "A saved configuration of a manager or a script was named, and it is not what it should be.",
        next: "Save it again as the option's help says, and look whether the file is whole.";

    resource_unknown(resource): WrongHere,
        "no resource `{resource}` was found in the manager's configuration",
        cause: "The manager's configuration was read, and it has no resource of that name.",
        next: "Look at the names in `pcs status`, `crsctl stat res` or `cmviewcl`.";

    resource_not_found(name): WrongHere,
        "no resource for the site `{name}` was found in the file; name it with --resource",
        cause: "The saved configuration was read, and no resource in it names this site.",
        next: "Name the resource with --resource.";

    metrics_not_written(file, error): Failed,
        "the metrics cannot be written to {file}: {error}",
        cause: "The file is replaced by a new one in the same directory, which could not be written.",
        next: "Look at the owner and the room of the directory.";

    metrics_denied(name): NotPermitted,
        "this user may not look at the site `{name}`, which is told as unknown; try as root",
        cause: "The site belongs to another user, so its state cannot be seen.",
        next: "Collect the metrics as root.";

    site_not_made(name, why): Failed,
        "the site `{name}` is not made: {why}",
        cause: "`create` makes the definition, the database directory and a link, and one of them could not be made. What was \
                made before is removed again.",
        next: "Mend the cause that the message names, then create again.";

    no_site_defined(folder): Misconfigured,
        "no site is defined in {folder}",
        cause: "The directory of definitions has no file NAME.yaml.",
        next: "Write a definition, or name the directory with --config-dir.";

    rehearsal_refused(why): Failed,
        "{why}",
        cause: "A rehearsal starts, kills and stops a site, so it is refused for one that is up, or without a confirmation.",
        next: "Stop the site first, or name none to rehearse the built-in sample.";
}
