//! Failures of a definition: as a file, and in its text.

use super::entry::messages;

messages! {
    definition_missing(file, next): NotInstalled,
        "there is no definition {file} on this node; {next}",
        cause: "The file of the definition is not on this node. A start in a cluster is then tried on another node.",
        next: "Copy the definition from a node that has it, with its owner and mode, or create it.";

    file_missing(): NotInstalled,
        "there is no such file",
        cause: "A path was given to `validate-all` at which there is no file.",
        next: "Look at the path; a name of a site has neither a slash nor `.yaml`.";

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

    path_too_long(why): WrongHere,
        "{why}",
        cause: "The path of a Unix socket may have 107 bytes, and the runtime directory with the name of the site has more.",
        next: "Use a shorter runtime directory or a shorter name of the site.";

    not_yaml(complaint): WrongHere,
        "{complaint}",
        cause: "The text of the definition is not one YAML document.",
        next: "Correct the line that the message names: look at brackets, quotes and the indentation, which is by spaces.";

    definition_too_large(complaint): WrongHere,
        "{complaint}",
        cause: "The definition exceeds a bound of size, depth or number.",
        next: "Shorten the definition, or divide it into several sites.";

    version_unknown(complaint): WrongHere,
        "{complaint}",
        cause: "The definition names no version, or one that this siteward does not read.",
        next: "Write `version: 1`, or install a siteward that reads the newer version.";

    key_unknown(complaint): WrongHere,
        "{complaint}",
        cause: "The definition has a key that siteward does not know at this place.",
        next: "Write the key that the message suggests. `siteward explain KEY` describes each one.";

    key_missing(complaint): WrongHere,
        "{complaint}",
        cause: "A key that must be there is missing.",
        next: "Add the key that the message names. `siteward explain KEY` describes it.";

    key_twice(complaint): WrongHere,
        "{complaint}",
        cause: "A key or a name stands twice in the same map or list.",
        next: "Keep one of the two, and remove the other.";

    keys_conflict(complaint): WrongHere,
        "{complaint}",
        cause: "Two keys of the definition exclude each other.",
        next: "Remove one of the two keys.";

    key_needs_another(complaint): WrongHere,
        "{complaint}",
        cause: "A key has no effect without another key, which is missing.",
        next: "Add the other key, or remove this one.";

    type_wrong(complaint): WrongHere,
        "{complaint}",
        cause: "A value is of the wrong type, such as text where a list is expected.",
        next: "Write the value in the form that the message names.";

    value_wrong(complaint): WrongHere,
        "{complaint}",
        cause: "A value has the right type, and is malformed or out of bounds.",
        next: "Write a value within the bounds that the message names.";

    word_unknown(complaint): WrongHere,
        "{complaint}",
        cause: "A word is none of those that may stand there, such as the name of a signal or of an event.",
        next: "Write one of the words that the message names.";

    reference_unknown(complaint): WrongHere,
        "{complaint}",
        cause: "The definition names a process that it does not define.",
        next: "Correct the name, or define a process of that name.";

    order_circular(complaint): WrongHere,
        "{complaint}",
        cause: "Processes wait for each other in a circle, so that none of them could ever start.",
        next: "Remove one of the `depends_on` that the message names.";
}
