//! Failures of the call itself: no verb, no site, a parameter that cannot be.

use super::entry::messages;

messages! {
    usage(): WrongHere,
        "the call is wrong: an option or an argument is not known or is missing",
        cause: "The command line is not one of siteward's. The text above the identifier says which word is wrong.",
        next: "Look at `siteward --help`, at the help of the verb, or at siteward(8).";

    verb_not_known(): NoSuchVerb,
        "there is no such verb",
        cause: "The first word of the call is no verb of siteward. The text above the identifier names it, and a verb that may \
                have been meant.",
        next: "Type `siteward --help` for all verbs.";

    action_unknown(word, known): NoSuchVerb,
        "there is no action `{word}`; {known}",
        cause: "A verb, an action or an entry point was called that siteward does not have. A manager that calls one has \
                another version's meta-data, or another agent's configuration.",
        next: "Use one of the words that the message lists. In Pacemaker, compare with `pcs resource describe \
               ocf:siteward:site`.";

    name_wrong(why): Misconfigured,
        "{why}",
        cause: "The name of a site consists of 1 to 63 lower-case letters, digits, `.` and `-`, and begins with a letter or \
                digit. It is the name of the definition's file without `.yaml`, not the virtual host name.",
        next: "Give the name of a site that `siteward list` shows.";

    site_not_named(why): Misconfigured,
        "no site is named, and {why}",
        cause: "Without a name siteward takes the only site that is defined on this node, and there is not exactly one.",
        next: "Name the site, or set the variable SITEWARD_SITE.";

    site_of_environment_wrong(why): Misconfigured,
        "SITEWARD_SITE is {why}",
        cause: "The variable SITEWARD_SITE names the site where the command line does not, and no site is called so here.",
        next: "Correct the variable, unset it, or name the site on the command line. `siteward list` shows all sites.";

    site_unknown(name, next): NotInstalled,
        "there is no site `{name}` here; {next}",
        cause: "This node has neither a definition of that name nor a record, a socket or a process of such a site. Usually \
                the name is mistyped, or the definition was not copied to this node.",
        next: "Type `siteward list`; copy the definition to this node if it is missing.";

    site_or_process_unknown(word, site, process): NotInstalled,
        "there is neither a site `{word}` here nor a process `{word}` in the site `{site}`; did you mean the process \
         `{process}`?",
        cause: "The first word after `logs` is a site or a process of the default site, and it is neither.",
        next: "Name the process as the message suggests, or name the site first.";

    process_unknown(word, site, advice): Misconfigured,
        "there is no process `{word}` in the site `{site}`; {advice}",
        cause: "Neither the definition nor the directory of logs has a process of that name.",
        next: "Use one of the names that the message lists, or `siteward logs SITE` for all.";

    site_parameter_missing(): Misconfigured,
        "the parameter `site` is missing",
        cause: "The resource has no value for the parameter `site`, and so names no site on any node.",
        next: "Set it: pcs resource update RESOURCE site=NAME.";

    site_attribute_missing(how): Misconfigured,
        "no site is named; {how}",
        cause: "The script was called by a manager's link, and neither the name of the link nor an attribute or variable of \
                the manager names a site.",
        next: "Set the attribute or the variable that the message names, or call the script by a link that has the site's \
               name.";

    placeholder_unknown(word, next): Misconfigured,
        "there is no placeholder {word} here; {next}",
        cause: "`generate --set` fills in a placeholder that the generated text does not have.",
        next: "Use one of the placeholders that `siteward generate FOR SITE` lists at its top.";

    clone_refused(): Misconfigured,
        "a site runs on one node at a time; it cannot be cloned",
        cause: "The resource was made as a clone, and Pacemaker would start it on several nodes.",
        next: "Remove the clone and keep the primitive: pcs resource unclone RESOURCE.";

    parameter_wrong(why): Misconfigured,
        "{why}",
        cause: "A parameter of the resource, an attribute or a variable has a value that siteward cannot use, on any node.",
        next: "Correct the value: `pcs resource describe ocf:siteward:site` shows the form of each parameter.";

    no_place(why): WrongHere,
        "{why}",
        cause: "A directory that siteward needs cannot be named: a path is not absolute, is not text, or the environment of \
                the user names none.",
        next: "Give the directory by its option (--config-dir, --runtime-dir, --log-dir, --link-dir) or its variable.";

    nothing_to_explain(word, next): Misconfigured,
        "there is no message, state, key or exit code `{word}`; {next}",
        cause: "`explain` knows the identifiers of messages, the nine states, the keys of a definition, and numbers.",
        next: "Type `siteward explain` for a list of all.";

    background_refused(manager): Misconfigured,
        "{manager} has to know how the call ends, so it must not use --no-wait, which is for a person",
        cause: "A cluster manager acts by the result of a verb. A verb in the background has none yet.",
        next: "Take --no-wait out of the manager's script.";

    background_failed(verb, name, why): Failed,
        "the {verb} of `{name}` was not begun: {why}",
        cause: "With --no-wait siteward starts itself again in the background, and this could not be done.",
        next: "Mend the cause that the message names, or call the verb without --no-wait.";

    caller_not_cluster(): Misconfigured,
        "CLP_EVENT is not set, so this start does not come from the cluster; start the site by hand with: siteward start SITE \
         --as hand",
        cause: "A start script of ExpressCluster was called without the variables that the cluster sets.",
        next: "Let the cluster start the group, or start the site by hand.";

    cluster_event_unknown(word): Misconfigured,
        "CLP_EVENT is `{word}`, and only START, FAILOVER and RECOVER are known",
        cause: "ExpressCluster set the variable CLP_EVENT to a word that its documents do not have.",
        next: "Look at the version of ExpressCluster and at the script that calls siteward.";

    cluster_disk_failed(word): Failed,
        "CLP_DISK is `{word}`: the cluster did not bring the disk; see its disk resource",
        cause: "ExpressCluster started the group although its disk resource failed, and told so.",
        next: "Look at the disk resource of the failover group in clplogcc and in the alert log.";
}
