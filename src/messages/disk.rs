//! The disk of a site, the lease on it, and the mark of a pause.

use super::entry::messages;

messages! {
    disk_not_mounted(point, name, advice): Failed,
        "{point} of the site `{name}` is not mounted on this node; {advice}",
        cause: "The database is on a disk that the cluster manager mounts, and nothing is mounted there.",
        next: "Order the file system before the site in the cluster (a group does that), or mount it by hand first. Where \
               the database is on no disk of its own: `prerequisites: {mounted: false}`.";

    mounts_unreadable(error): Failed,
        "this node's mounts cannot be read: {error}",
        cause: "The list of mounts, /proc/self/mountinfo, cannot be read.",
        next: "Mount /proc, or mend what limits the process.";

    disk_silent(name, why): Failed,
        "it cannot be found out whether the site `{name}` may be started: {why}",
        cause: "What is on the disk is looked at by a helper process, and that did not answer in time or could not be \
                started.",
        next: "Look at the disk: `dmesg`, `multipath -ll`, `ls` of the database. Then start again.";

    lease_held(name, database, why): Failed,
        "the site `{name}` is not started: the lease on {database} is not had: {why}",
        cause: "Another node holds the lock on the database, so the site may run there. A start waits for it until its \
                deadline.",
        next: "Stop the site on that node, or fence the node. The lease of a node that is certainly off is broken with: \
               siteward clean SITE --break-lease.";

    lease_disk_silent(name, database, why): Failed,
        "the site `{name}` is not started: the lease on {database} is not had: {why}",
        cause: "The helper that takes the lease waited for the disk until the deadline.",
        next: "Look at the disk: `dmesg`, `multipath -ll`, `ls` of the database. Then start again.";

    lease_not_taken(name, database, why): Failed,
        "the site `{name}` is not started: the lease on {database} is not had: {why}",
        cause: "The helper that takes the lease could not be started, or could not make its files on the database: the disk \
                is read-only or full, or the lock is not supported there.",
        next: "Mend the cause that the message names, then start again.";

    repair_failed(name, why): Failed,
        "the site `{name}` is not started: {why}",
        cause: "The site did not end cleanly on its last node, and the command of `on_unclean_shutdown` did not succeed. \
                It runs again at each start until it does.",
        next: "Read what the command printed (siteward logs SITE), mend the database, then start again.";

    not_adopted_without_lease(name, database, why): Failed,
        "the site `{name}` is not adopted, though it lives on this node: the lease on {database} is not had: {why}",
        cause: "The processes of the site live without a supervisor, and another node has taken the lease since.",
        next: "Find out which node may use the database, and stop the site on the other one at once.";

    lease_lost(why): Failed,
        "{why}",
        cause: "The process that holds the lock on the database ended or lost it, and another node may use the database. A \
                site of siteward's is killed at once; one with a supervisor of its own fails its monitor.",
        next: "Find out what ended it (siteward history SITE, dmesg). Make sure that the disk is mounted on one node only.";

    disk_lost(why): Failed,
        "{why}",
        cause: "The disk of the site was unmounted, or another file system was mounted over it, while the site ran.",
        next: "Find out who unmounted it (siteward history SITE, the cluster manager's log). `prerequisites.when_lost` says \
               what such a loss does.";

    address_lost(why): Failed,
        "{why}",
        cause: "The address of the site was removed from this node, or its interface was set down, while the site ran.",
        next: "Find out who removed it (siteward history SITE, the cluster manager's log). `prerequisites.when_lost` says \
               what such a loss does.";

    lease_not_broken(why): Failed,
        "{why}",
        cause: "`clean --break-lease` could not remove the lease: the site has no database, the disk is not there, or a \
                living process holds the lock.",
        next: "Mount the disk here, and make sure that the other node is off.";

    disk_in_use(why): Failed,
        "{why}",
        cause: "The site is stopped, but processes that do not belong to it still use its disk, so that an unmount would \
                fail.",
        next: "`siteward holders SITE` lists them. `holders: terminate` or `holders: kill` in the definition ends them at \
               each stop.";

    database_missing(name): Failed,
        "the site `{name}` has no database",
        cause: "The definition has no `database`, so nothing can use it.",
        next: "Nothing is to be done, unless a database was meant: then add it to the definition.";

    pause_unreadable(name, why): Failed,
        "the site `{name}` is not started, as it may be paused: {why}",
        cause: "A pause is a mark on the database, and it could not be read in time.",
        next: "Look at the disk, then start again.";

    pause_not_written(name, mark, why): Failed,
        "the site `{name}` is not paused, as the mark {mark} cannot be written: {why}",
        cause: "A pause follows the site to other nodes by a mark on its database, and that could not be written.",
        next: "Mount the disk, make room on it, or mend it; then pause again.";

    paused_here_only(name, mark, why): Failed,
        "the site `{name}` is paused here, and a later start may run it, as the mark {mark} cannot be written: {why}",
        cause: "The processes are stopped, but the mark that keeps later starts from running them is not on the disk.",
        next: "Mend the disk, then pause again.";

    pause_not_removed(name, mark, why): Failed,
        "the site `{name}` is not resumed, as the mark {mark} cannot be removed: {why}",
        cause: "While the mark of the pause is on the database, every start comes up in maintenance.",
        next: "Mount the disk or mend it, then resume again.";
}
