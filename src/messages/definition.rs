//! Failures of a definition as a file. What is wrong in its text has entries of its own kind.

use super::entry::messages;

messages! {
    definition_missing(file, next): NotInstalled,
        "there is no definition {file} on this node; {next}",
        cause: "The file of the definition is not on this node. A start in a cluster is then tried on another node.",
        next: "Copy the definition from a node that has it, with its owner and mode, or create it.";

    definition_denied(file, error): NotPermitted,
        "the definition {file} cannot be read as this user: {error}",
        cause: "The user who called may not read the file or enter its directory.",
        next: "Call as root, or as the user to whom the site belongs.";

    definition_untrusted(why): WrongHere,
        "{why}",
        cause: "Root runs the programs that a definition names. So the file and every directory above it must belong to root, \
                and nobody else may be able to write to them.",
        next: "Type the chown or chmod that the message ends with.";

    definition_unusable(why): WrongHere,
        "{why}",
        cause: "The file cannot be read as text, or it claims a virtual host name, a database or a path that cannot be used \
                or that another site on this node has.",
        next: "Correct what the message names, then: siteward validate-all SITE.";

    directory_is_file(why): WrongHere,
        "{why}",
        cause: "The directory of definitions was named, and there is a file at that path.",
        next: "Give the directory, usually /etc/siteward/sites, not one of its files.";

    definition_wrong(problem): WrongHere,
        "{problem}",
        cause: "The text of the definition breaks a rule. Each problem is told with its file, line and column.",
        next: "Correct the lines that the message names, then: siteward validate-all SITE.";

    path_too_long(why): WrongHere,
        "{why}",
        cause: "The path of a Unix socket may have 107 bytes, and the runtime directory with the name of the site has more.",
        next: "Use a shorter runtime directory or a shorter name of the site.";
}
