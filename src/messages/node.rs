//! What a node lacks to run a site.

use super::entry::messages;

messages! {
    user_unknown(user, what): NotInstalled,
        "this node knows no user `{user}`, which {what} is to run as; add it here",
        cause: "The user is neither in /etc/passwd nor known to the name services that getent asks.",
        next: "Create the user on this node with the same number as on the other nodes, or mend the name service.";

    group_unknown(group, what): NotInstalled,
        "this node knows no group `{group}`, which {what} is to run as; add it here",
        cause: "The group is neither in /etc/group nor known to the name services that getent asks.",
        next: "Create the group on this node with the same number as on the other nodes.";

    needs_root(what, user): NotPermitted,
        "{what} is to run as `{user}`, and only root can start it so; try as root",
        cause: "An ordinary user cannot start a process as another user.",
        next: "Call the verb as root, or take `user` out of the definition.";

    jobcenter_needs_root(site, program): NotPermitted,
        "the site `{site}` is started by {program}, which needs root; try as root",
        cause: "JobCenter's cjcpw, cjcls and nqsstop need root (its manual, 6.2.3.2).",
        next: "Call the verb as root; a cluster manager does.";

    program_missing(what, program, error): NotInstalled,
        "{what} needs the program {program}, and {error}; install it on this node",
        cause: "A program that the definition names is not on this node. A path that is relative is looked for in the \
                working directory, and a bare name in PATH.",
        next: "Install the program on this node, or correct the definition on every node.";

    program_not_executable(what, program, error): NotPermitted,
        "{what} needs the program {program}, and {error}; chmod +x it",
        cause: "The file is there, and the user who called may not execute it: a mode bit is missing, or the file system is \
                mounted with noexec.",
        next: "Set the mode, or call as the user who may execute it.";

    working_directory_missing(process, folder): NotInstalled,
        "`{process}` is to run in {folder}, which is no folder on this node; make it here",
        cause: "The definition names a `working_directory` that this node does not have.",
        next: "Create the directory on this node with the owner that it has elsewhere.";

    env_file_unreadable(process, why): NotInstalled,
        "`{process}`: {why}",
        cause: "An `env_file` of the definition is missing on this node, cannot be read, or has a line that is no NAME=VALUE.",
        next: "Copy the file from a node that has it, or correct the line that the message names.";

    address_missing(address, name): Failed,
        "the address {address} of the site `{name}` is not on this node; the cluster must bring it before the site is started",
        cause: "The relocatable address is brought by the cluster manager, and it is not on any interface of this node.",
        next: "Order the address before the site in the cluster (a group does that), or start it by hand first. \
               `prerequisites: {address_present: false}` turns the check off.";

    addresses_unreadable(error): Failed,
        "this node's addresses cannot be read: {error}",
        cause: "The kernel did not tell the addresses of its interfaces.",
        next: "Look at what limits the process: a sandbox, a seccomp filter, or no free descriptors.";

    jobcenter_site_missing(why): NotInstalled,
        "{why}",
        cause: "The database directory holds no site of JobCenter.",
        next: "Make it with cjcmksite as the message shows, on the node that has the disk.";

    jobcenter_converts(why): Failed,
        "the site is not started: {why}",
        cause: "Somebody converts the database of the site to another layout with spoolconv, or jcdbs was left on it alone. \
                siteward ends neither, and never starts a site beside it.",
        next: "Wait until the conversion has ended, then start again; or end the process that the message names.";

    jobcenter_link_wrong(why): Failed,
        "{why}",
        cause: "The link of the site in JobCenter's spool directory leads to another directory than the database.",
        next: "Remove the link and make it again, as the message shows.";

    jobcenter_link_missing(why): NotInstalled,
        "{why}",
        cause: "JobCenter finds the database of a cluster site by a link in its spool directory, on every node.",
        next: "Make the link on this node as the message shows.";

    jobcenter_unfit(why): Failed,
        "{why}",
        cause: "A setting of JobCenter on this node or on the disk does not fit a cluster site.",
        next: "Correct the file that the message names.";

    profile_lacks(site, why): NotInstalled,
        "the supervisor of `{site}` lacks something here: {why}",
        cause: "The configuration, the folder of services or the unit that the definition names is not on this node.",
        next: "Copy it from another node or install it, as the message shows.";

    profile_unfit(site, why): Failed,
        "the supervisor of `{site}` does not fit: {why}",
        cause: "Something on this node starts, restarts or ends the supervisor or its services beside the cluster, or keeps \
                siteward from asking it. siteward.yaml(5) names what each profile needs.",
        next: "Do what the message shows, on every node.";

    folder_denied(folder, error): NotPermitted,
        "the folder {folder} cannot be used as this user: {error}",
        cause: "The runtime directory of the site belongs to another user.",
        next: "Call as root, or as the user to whom the site belongs.";

    folder_unusable(folder, error): Failed,
        "the folder {folder} cannot be used as this user: {error}",
        cause: "The runtime directory of the site cannot be made or written: its file system is full or read-only, or a file \
                has its name.",
        next: "Make room or mount it again, then repeat the verb. A stop works all the same.";

    not_permitted(error): NotPermitted,
        "this user may not see into the site: {error}; try as root",
        cause: "The processes, the socket or the record of the site belong to another user.",
        next: "Call as root, or as the user to whom the site belongs.";

    proc_unreadable(error): Failed,
        "/proc cannot be read, so nothing can be proved: {error}",
        cause: "The processes of a site are found in /proc, and it is not mounted or cannot be read.",
        next: "Mount /proc without hidepid for this user, or mend what limits the process, then repeat the verb.";

    signals_unreceivable(error): Failed,
        "signals cannot be received: {error}",
        cause: "The kernel gave no descriptor for signals: this process or the node has no free descriptors.",
        next: "Raise the limit of open files (ulimit -n, fs.file-max).";
}
