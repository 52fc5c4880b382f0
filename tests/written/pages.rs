//! The manual pages, from clap's tree, the parameters and the tables of examples, variables, states and files.

use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;
use siteward::cli::command;
use siteward::cli::pages::{
    Example, ExitRow, FileRow, GLOBAL_EXAMPLES, GROUPS, PageGroup, STATES, VARIABLES, VariableUse,
    WHOLE, examples_of,
};
use siteward::manager::{MANUAL_DATE, manual};

/// The longest line of a page, in bytes: mandoc complains of longer ones.
const WIDEST: usize = 78;

pub(crate) fn all() -> Vec<(PathBuf, String)> {
    let mut tree = command();
    tree.build();
    let page = |name: &str, section: u8, text: &str| {
        // Nobody types a path that was broken with a hyphen.
        let (title, rest) = text.split_once('\n').unwrap();
        let text = format!(
            ".\\\" Made by tests/written from siteward's own tables; do not edit.\n{title}\n.nh\n.ad l\n{rest}"
        );
        (PathBuf::from(format!("man/{name}.{section}")), folded(&text))
    };
    let mut pages =
        vec![page("ocf_siteward_site", 7, &manual()), page("siteward", 8, &whole_page(&tree))];
    pages.extend(GROUPS.iter().map(|group| page(group.name, 8, &group_page(&tree, group))));
    pages
}

fn whole_page(tree: &Command) -> String {
    let mut page = title("siteward");
    page += ".SH NAME\nsiteward \\- runs a site and answers its cluster manager\n";
    page += ".SH SYNOPSIS\n.B siteward\n[global options]\n.I verb\n[options] [\\fISITE\\fR]\n";
    page += ".SH DESCRIPTION\n";
    page += &paragraphs(WHOLE.description);
    page += ".SS States of a site\n";
    for row in STATES {
        page += &term(&bold(row.state), &prose(row.means));
    }
    page += ".SH VERBS\nEach verb is told on the page that is named with it. Without the name of a site, a verb works on\n\
             .BR $SITEWARD_SITE ,\nor else on the only site that is defined.\n";
    for group in GROUPS {
        page += &format!(".SS \"{}(8)\"\n", escape(group.name));
        for verb in group.verbs {
            let about = find(tree, verb).get_about().unwrap().to_string();
            page += &term(&bold(verb), &format!("{}.", prose(&about)));
        }
    }
    page += ".SH OPTIONS\nThese stand before or after the verb.\n";
    page += &options(&only(tree.clone(), clap::Arg::is_global_set));
    page += ".SH EXIT STATUS\nFor a person and for scripts, as those of an LSB init script. Each cluster manager gets its own\
             ; see\n.BR siteward\\-generate (8)\nand\n.BR ocf_siteward_site (7).\n.SS status, monitor, check\n";
    page += &exits(WHOLE.exits_of_looks);
    page += ".SS Other verbs\nA few verbs add codes, which their pages tell.\n";
    page += &exits(WHOLE.exits);
    page += ".SH ENVIRONMENT\n";
    for used in VariableUse::ALL {
        page += &format!(".SS {}\n", escape(used.heading()));
        for variable in VARIABLES.iter().filter(|variable| variable.used == used) {
            let means = format!(
                "{}\n.br\nExample:\n\\fB{}\\fR",
                prose(variable.means),
                escape_line(variable.example)
            );
            page += &term(&bold(variable.name), &means);
        }
    }
    page += ".SH FILES\n";
    for FileRow { path, of_user, means } in WHOLE.files {
        let as_user = of_user.map_or_else(String::new, |path| {
            format!("\n.br\nAs an ordinary user:\n.I {}", escape(path))
        });
        page += &term(&format!(".I {}", escape(path)), &format!("{}{as_user}", prose(means)));
    }
    page += ".SH EXAMPLES\n";
    page += &examples(GLOBAL_EXAMPLES);
    let others: Vec<(&str, u8)> = GROUPS.iter().map(|group| (group.name, 8)).collect();
    page + &see_also(&[WHOLE.see_also, &others].concat())
}

fn group_page(tree: &Command, group: &PageGroup) -> String {
    let mut page = title(group.name);
    let names: Vec<String> =
        group.verbs.iter().map(|verb| escape(&format!("siteward-{verb}"))).collect();
    let names = match names.contains(&escape(group.name)) {
        true => names,
        false => [vec![escape(group.name)], names].concat(),
    };
    page += &format!(".SH NAME\n{} \\- {}\n", names.join(", "), escape(group.about));
    page += ".SH SYNOPSIS\n";
    for (at, verb) in group.verbs.iter().enumerate() {
        page += if at > 0 { ".br\n" } else { "" };
        page += &synopsis(&own(tree, verb));
    }
    page += ".SH DESCRIPTION\n";
    page += &paragraphs(group.description);
    page += &format!(
        ".PP\nThe options that every verb has are told in\n{}.\n",
        reference("siteward", 8)
    );
    for verb in group.verbs {
        let command = own(tree, verb);
        page += &format!(".SH {}\n", escape(&verb.to_uppercase()));
        page += &synopsis(&command);
        page += &format!(".PP\n{}.\n", prose(&command.get_about().unwrap().to_string()));
        page += &options(&command);
        page += ".SS Examples\n";
        page += &examples(examples_of(verb));
    }
    page += ".SH EXIT STATUS\nAs in\n.BR siteward (8).\n";
    page += &exits(group.exits);
    page + &see_also(&[&[("siteward", 8)], group.see_also].concat())
}

/// The verb without the options that every verb has.
fn own(tree: &Command, verb: &str) -> Command {
    let is_common = |arg: &clap::Arg| {
        arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str())
    };
    only(find(tree, verb).clone(), |arg| !is_common(arg))
}

fn find<'a>(tree: &'a Command, verb: &str) -> &'a Command {
    tree.find_subcommand(verb).unwrap_or_else(|| panic!("there is no verb `{verb}`"))
}

fn only(command: Command, is_told: impl Fn(&clap::Arg) -> bool) -> Command {
    command.mut_args(|arg| {
        let hidden = arg.is_hide_set() || !is_told(&arg);
        arg.hide(hidden)
    })
}

fn title(name: &str) -> String {
    format!(
        ".TH {} 8 {MANUAL_DATE} \"siteward {}\" \"System administration\"\n",
        escape(&name.to_uppercase()),
        env!("CARGO_PKG_VERSION")
    )
}

/// With the values of the options, which clap_mangen leaves out here.
fn synopsis(command: &Command) -> String {
    let told = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let (positionals, options): (Vec<&clap::Arg>, Vec<&clap::Arg>) =
        told.partition(|arg| arg.is_positional());
    let mut words = vec![format!("\\fB{}\\fR", escape(command.get_bin_name().unwrap()))];
    let value = |arg: &clap::Arg| {
        let name = arg.get_value_names().unwrap_or_default().join(" ");
        format!("\\fI{}\\fR", escape(&name))
    };
    let more =
        |arg: &clap::Arg| if arg.get_num_args().unwrap().max_values() > 1 { "..." } else { "" };
    for option in options {
        let name = format!("\\fB{}\\fR", escape(&format!("--{}", option.get_long().unwrap())));
        let range = option.get_num_args().unwrap();
        words.push(match (range.takes_values(), range.min_values()) {
            (false, _) => format!("[{name}]"),
            (true, 0) => format!("[{name}[={}]]", value(option)),
            (true, _) => format!("[{name}\\~{}{}]", value(option), more(option)),
        });
    }
    for positional in positionals {
        let (value, more) = (value(positional), more(positional));
        words.push(match (positional.is_required_set(), positional.is_last_set()) {
            (true, _) => format!("{value}{more}"),
            (false, true) => format!("[\\fB\\-\\-\\fR\\~{value}{more}]"),
            (false, false) => format!("[{value}]{more}"),
        });
    }
    words.join(" ") + "\n"
}

/// A section of clap_mangen without its heading, for a place of our own.
fn section_of(
    command: &Command,
    render: impl Fn(&Man, &mut Vec<u8>) -> std::io::Result<()>,
) -> String {
    let mut out = Vec::new();
    render(&Man::new(command.clone()), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let is_kept = |line: &&str| {
        let is_preamble = line.starts_with(".ie \\n(.g") || line.starts_with(".el .ds Aq");
        !is_preamble && !line.starts_with(".SH ") && !line.trim().is_empty()
    };
    let mut lines: Vec<&str> = text.lines().filter(is_kept).map(str::trim_end).collect();
    // Before a list of possible values it writes two breaks.
    lines.dedup_by(|next, line| next == line && *line == ".br");
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

fn options(command: &Command) -> String {
    let text = section_of(command, |man, out| man.render_options_section(out));
    let mut follows_head = false;
    let each = |line: &str| {
        let line = quoted_in_bold(&line.replace("\\*(Aq", "\\(aq"));
        // A sentence ends with a full stop here, and in `--help` it does not. A word in a list, or before its sentence, is none.
        let is_sentence = !follows_head
            && !line.starts_with(['.', '\\', '['])
            && !line.ends_with(['.', ']', ':']);
        follows_head = line.starts_with(".IP ") || line == ".TP";
        format!("{line}{}\n", if is_sentence { "." } else { "" })
    };
    text.lines().map(each).collect()
}

fn exits(rows: &[ExitRow]) -> String {
    rows.iter().map(|row| term(&bold(row.code), &prose(row.means))).collect()
}

fn examples(examples: &[Example]) -> String {
    let each = |example: &Example| {
        let lines: Vec<String> =
            broken(example.line).iter().map(|line| escape_line(line)).collect();
        format!(".PP\n{}:\n.PP\n.nf\n.RS\n{}\n.RE\n.fi\n", prose(example.does), lines.join("\n"))
    };
    // A paragraph right behind a heading is one already.
    let text: String = examples.iter().map(each).collect();
    text.strip_prefix(".PP\n").unwrap_or_default().to_owned()
}

/// A line for a shell in several, where it is too long.
fn broken(line: &str) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for word in line.split(' ') {
        // An option keeps its value.
        match chunks.last_mut().filter(|_| !word.starts_with(['-', '>', '|'])) {
            Some(chunk) => *chunk += &format!(" {word}"),
            None => chunks.push(word.to_owned()),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for chunk in chunks {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + chunk.len() <= WIDEST - 16 => {
                *line += &format!(" {chunk}");
            }
            Some(line) => {
                *line += " \\";
                lines.push(format!("    {chunk}"));
            }
            None => lines.push(chunk),
        }
    }
    lines
}

fn see_also(pages: &[(&str, u8)]) -> String {
    let mut pages = pages.to_vec();
    pages.sort_by_key(|(name, section)| (*section, *name));
    pages.dedup();
    let last = pages.len() - 1;
    let each = |(at, (name, section)): (usize, &(&str, u8))| {
        format!("{}{}\n", reference(name, *section), if at < last { "," } else { "" })
    };
    format!(".SH SEE ALSO\n{}", pages.iter().enumerate().map(each).collect::<String>())
}

fn reference(name: &str, section: u8) -> String {
    format!(".BR {} ({section})", escape(name))
}

fn paragraphs(texts: &[&str]) -> String {
    texts.iter().map(|text| prose(text)).collect::<Vec<_>>().join("\n.PP\n") + "\n"
}

fn term(head: &str, body: &str) -> String {
    format!(".TP\n{head}\n{body}\n")
}

fn bold(text: &str) -> String {
    format!(".B \"{}\"", escape(text).replace('"', "\\(dq"))
}

/// Words in backticks are those that one types.
fn prose(text: &str) -> String {
    quoted_in_bold(&escape(text))
}

fn quoted_in_bold(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let each = |(at, part): (usize, &&str)| match at % 2 {
        1 => format!("\\fB{part}\\fR"),
        _ => (*part).to_owned(),
    };
    parts.iter().enumerate().map(each).collect()
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}

/// A line that stands as it is.
fn escape_line(line: &str) -> String {
    let line = escape(line).replace('`', "\\(ga").replace('^', "\\(ha").replace('~', "\\(ti");
    match line.starts_with(['.', '\'', ' ']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

/// Breaks long lines of text between two words; requests and lines that stand as they are have a short one each.
fn folded(page: &str) -> String {
    let mut lines = Vec::new();
    let mut as_it_is = false;
    for line in page.lines() {
        as_it_is = match line {
            ".nf" => true,
            ".fi" => false,
            _ => as_it_is,
        };
        if as_it_is || line.starts_with('.') {
            lines.push(line.to_owned());
            continue;
        }
        let mut current = String::new();
        for word in line.split(' ') {
            // A new sentence begins a new line, as roff wants it.
            let ends = current.ends_with('.') && current.len() > 1;
            if !current.is_empty() && (ends || current.len() + 1 + word.len() > WIDEST) {
                lines.push(std::mem::take(&mut current));
            }
            current.push_str(if current.is_empty() { "" } else { " " });
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n") + "\n"
}
