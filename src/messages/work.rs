//! The work of a site's programs: what a failover interrupted, and what runs before a pause.

use super::entry::messages;

messages! {
    work_not_listed(name, why): Failed,
        "the site `{name}` is not started: its interrupted work cannot be listed: {why}",
        cause: "The site did not end cleanly, and what its programs worked on, by `work` of the definition, could not be found \
                on the database or written into the list there. Without the list an item could be lost.",
        next: "Make room on the disk of the database, or mend what the message names, then start again.";

    work_unreadable(name, why): Failed,
        "the interrupted work of `{name}` cannot be read: {why}",
        cause: "The list is on the site's database, `.siteward/work.json`, and the disk does not answer or the file cannot be \
                read.",
        next: "Type it on the node that has the disk. Else look at the disk: `dmesg`, `ls` of the database.";

    work_item_unknown(name, item): Failed,
        "there is no interrupted work `{item}` of `{name}` to decide on",
        cause: "A decision is about an item of the list, by its path as `siteward work SITE` shows it.",
        next: "Look at siteward work SITE. Somebody else may have decided.";

    work_elsewhere(name, node): Failed,
        "nothing is decided on the work of `{name}`: the node `{node}` has its database",
        cause: "The lease on the database is another node's, whose start may be handing the work over.",
        next: "Type it on that node; or start the site here first, if that node is off.";

    work_undecided(name, why): Failed,
        "not all of that is done with the work of `{name}`: {why}",
        cause: "The command of `hand_to` failed for an item, or the list could not be written. The item stays in the list.",
        next: "Look at siteward work SITE, mend what the message names, and repeat it; or drop the item.";

    work_not_known(name): Failed,
        "the site `{name}` is not paused: what of its work runs is not known, as its definition has no `work`",
        cause: "`pause --drain` waits for the work that the definition describes by its files, or for the queues of JobCenter.",
        next: "Describe the work by `work: {{jobs: {{files: ..}}}}`, or pause without --drain.";

    not_drained(name, why, after): Failed,
        "the site `{name}` is not paused: {why}; {after}",
        cause: "`pause --drain` stops new work and waits until what runs has ended. It did not end in its time, could not be \
                looked at, or the wait was interrupted.",
        next: "Wait longer by --timeout, end the items that are named, or pause all the same by --anyway: what runs is then cut \
               off.";

    drain_not_undone(name, why): Failed,
        "the site `{name}` is resumed, but {why}",
        cause: "The pause had stopped new work, and the command of `drain: {{undo: ..}}` did not succeed or is not there.",
        next: "Let new work in by hand.";
}
