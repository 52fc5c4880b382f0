//! The completions, from clap's tree. The names of sites are asked for by a word of siteward's own, which the
//! generators do not know of: they write a placeholder, and it is replaced by the call.

use std::path::PathBuf;

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::{Shell, generate};
use siteward::cli::command;
use siteward::operator::explained_words;

/// Where the names of sites belong, and where a file may stand instead.
const SITES: &str = "@SITES@";
const SITES_OR_FILES: &str = "@SITES-OR-FILES@";

pub(crate) fn all() -> Vec<(PathBuf, String)> {
    let tree = marked(&command());
    let made = |shell: Shell, name: &str, finish: fn(&str) -> String| {
        let mut out = Vec::new();
        generate(shell, &mut tree.clone(), "siteward", &mut out);
        let text = finish(&String::from_utf8(out).unwrap());
        assert!(!text.contains("@SITES"), "{name}: a placeholder is left:\n{text}");
        assert!(text.contains("defined-sites"), "{name} asks for no sites");
        (PathBuf::from("completions").join(name), text)
    };
    vec![
        made(Shell::Bash, "siteward.bash", finish_bash),
        made(Shell::Zsh, "_siteward", finish_zsh),
        made(Shell::Fish, "siteward.fish", finish_fish),
    ]
}

/// The words that are for people, with a placeholder for the names of sites.
fn marked(tree: &Command) -> Command {
    let verbs = tree.get_subcommands().filter(|verb| !verb.is_hide_set()).map(|verb| {
        let shown = |arg: &clap::Arg| !arg.is_hide_set();
        let arguments: Vec<clap::Arg> = verb
            .get_arguments()
            .filter(|arg| shown(arg))
            .cloned()
            .map(|arg| match sites_for(verb, &arg) {
                _ if verb.get_name() == "explain" && arg.is_positional() => {
                    // clap wants names that live as long as the program.
                    let words = explained_words().into_iter().map(|word| &*word.leak());
                    arg.value_parser(PossibleValuesParser::new(words))
                }
                Some(placeholder) => arg.value_parser(PossibleValuesParser::new([placeholder])),
                None => arg,
            })
            .collect();
        // clap wants names that live as long as the program.
        let name: &'static str = verb.get_name().to_owned().leak();
        Command::new(name).about(verb.get_about().cloned().unwrap_or_default()).args(arguments)
    });
    Command::new("siteward")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .about(tree.get_about().cloned().unwrap_or_default())
        .args(tree.get_arguments())
        .subcommands(verbs)
}

/// The placeholder for a site's name. The name of a new site is none that there is.
fn sites_for(verb: &Command, arg: &clap::Arg) -> Option<&'static str> {
    if !arg.is_positional() || verb.get_name() == "create" {
        return None;
    }
    match arg.get_value_names().unwrap_or_default() {
        [name] if name == "SITE" => Some(SITES),
        [name] if name == "SITE|FILE" => Some(SITES_OR_FILES),
        _ => None,
    }
}

fn finish_bash(text: &str) -> String {
    let own = "\
# The names of the sites that are defined in the directory that the line names.
_siteward_sites() {
    \"$1\" defined-sites \"${COMP_WORDS[@]}\" 2>/dev/null
}

# Options only where one is begun, or where there is nothing else.
_siteward_complete() {
    _siteward \"$@\"
    [[ $2 == -* ]] && return
    local word others=()
    for word in \"${COMPREPLY[@]}\"; do
        [[ $word == -* ]] || others+=(\"$word\")
    done
    ((${#others[@]} == 0)) || COMPREPLY=(\"${others[@]}\")
}
";
    // Where no site is called so, `-o default` completes a file.
    let text = text
        .replace(SITES_OR_FILES, SITES)
        .replace(SITES, "$(_siteward_sites \"$1\")")
        .replace("complete -F _siteward ", "complete -F _siteward_complete ");
    let (before, after) = text.split_once("\nif [[ \"${BASH_VERSINFO[0]}\" -eq 4").unwrap();
    headed("#", &format!("{before}\n{own}\nif [[ \"${{BASH_VERSINFO[0]}}\" -eq 4{after}"))
}

fn finish_zsh(text: &str) -> String {
    let own = "\
# The names of the sites that are defined in the directory that the line names.
(( $+functions[_siteward_sites] )) ||
_siteward_sites() {
    local -a sites
    sites=(${(f)\"$(siteward defined-sites ${(Q)${(z)LBUFFER}} 2>/dev/null)\"})
    _describe -t sites site sites
}

(( $+functions[_siteward_sites_or_files] )) ||
_siteward_sites_or_files() {
    _siteward_sites || _files
}

";
    let text = text
        .replace(&format!("({SITES})"), "_siteward_sites")
        .replace(&format!("({SITES_OR_FILES})"), "_siteward_sites_or_files");
    // Its first line must stay the first.
    let (tag, rest) = text.split_once('\n').unwrap();
    assert_eq!(tag, "#compdef siteward");
    format!("{tag}\n{}", headed("#", &format!("{own}{rest}")))
}

/// The generator for fish knows nothing of words without an option, so all of it stands here.
fn finish_fish(text: &str) -> String {
    let mut own = String::from(
        "
# The names of the sites that are defined in the directory that the line names.
function __fish_siteward_sites
    siteward defined-sites (commandline -opc) 2>/dev/null
end

",
    );
    let tree = command();
    for verb in tree.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        for arg in verb.get_arguments().filter(|arg| arg.is_positional()) {
            let values: Vec<String> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            // Without -f, files too.
            let what = match sites_for(verb, arg) {
                Some(SITES) => "-f -a \"(__fish_siteward_sites)\" -d Site".to_owned(),
                Some(_) => "-a \"(__fish_siteward_sites)\" -d Site".to_owned(),
                None if !values.is_empty() => format!("-f -a \"{}\"", values.join(" ")),
                None => continue,
            };
            own += &format!(
                "complete -c siteward -n \"__fish_siteward_using_subcommand {}\" {what}\n",
                verb.get_name()
            );
        }
    }
    headed("#", &format!("{text}{own}"))
}

fn headed(comment: &str, text: &str) -> String {
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    format!(
        "{comment} Made by siteward's tests/written from its command line; do not edit.\n{text}"
    )
}
