//! The manual page siteward.yaml(5), made from the table of keys.

use super::DefinitionKey;
use super::find::SECTIONS;
use super::kinds::Word;
use crate::linux::limits::LimitedResource;
use crate::values::HistoryEvent;

const HEAD: &str = r#".TH SITEWARD.YAML 5 2026-11-26 siteward "File formats"
.SH NAME
siteward.yaml \- the definition of a site
.SH SYNOPSIS
.I /etc/siteward/sites/SITE.yaml
.SH DESCRIPTION
A definition says what
.BR siteward (8)
runs as one site: its processes, their order, the disk and the address that
move with them, and how long
each step may take.
The name of the file without
.I .yaml
is the name of the site: 1 to 63 characters of a\-z, 0\-9,
.RB \(dq . \(dq
and
.RB \(dq \- \(dq.
The file is the same on every node.
It must belong to root, and no other user may be able to write to it or to a
folder above it.
.PP
A site has either
.BR processes ,
which siteward supervises, or a
.B supervisor
of its own, which siteward wraps.
.PP
A definition is accepted or refused as a whole.
.B siteward validate\-all SITE
prints every fault with its line and column.
The supervisor keeps the definition that it was started with; a change counts
from the next start on.
.SS Form
A definition is one YAML document of at most 256 KiB, indented by spaces.
The order of the processes counts.
A key may stand only once in a map, and a key that is not in this manual is
refused.
Words and numbers are told apart: text that looks like a number is written in
quotes.
Only
.B true
and
.B false
are booleans.
.TP
.B durations
Numbers with their units, without spaces:
.BR 250ms ,
.BR 90s ,
.BR 3m ,
.BR 1m30s ,
.BR 2h ,
.BR 1d .
A bare number counts seconds. None is longer than a year.
.TP
.B sizes
A number with
.BR k ,
.B m
or
.BR g ,
which count by 1024. A bare number counts bytes.
.TP
.B commands
Lists of words, the program first. No shell reads them; a shell is called as
[/bin/sh, \-c, \(dq...\(dq].
.TP
.B paths
Absolute. No part of one may be two dots.
.TP
.B placeholders
In the commands of
.BR supervisor :
.BR {name} ,
the name of the file,
.BR {site} ,
.BR {database} ,
.B {address}
and
.BR {machine_id} .
.TP
.B x\- keys
Keys at the top that begin with x\- are ignored. They are a place for anchors.
.TP
.B anchors
A map takes the keys of an anchor by
.BR "<<: *NAME" ,
or of several by a list of them; its own keys win, then those of an earlier
one.
"#;

/// A whole definition, which is examined by the tests.
pub(super) const EXAMPLE: &str = r#"version: 1
site: shop.example.com
database: /mnt/shop
address: 192.0.2.10
boot_timeout: 60s
stop_timeout: 60s

x-shop: &shop
  user: shop
  working_directory: /mnt/shop

processes:
  schema:
    <<: *shop
    command: [/opt/shop/migrate]
    oneshot: true
  store:
    command: [/usr/lib/postgresql/15/bin/postgres, -D, /mnt/shop/pg]
    user: postgres
    ready: {notify: true}
    healthcheck: {test: [pg_isready, -h, 127.0.0.1], interval: 10s}
    stop_signal: INT
    stop_grace_period: 40s
  web:
    <<: *shop
    command: [/opt/shop/web, --port, "8080"]
    ready: {tcp: "127.0.0.1:8080", timeout: 20s}
    essential: false
    restart: {attempts: 3, within: 60s}
"#;

const TAIL: &str = r".SH FILES
.TP
.I /etc/siteward/sites/SITE.yaml
The definition. The directory is set by
.B \-\-config\-dir
or the variable
.BR SITEWARD_CONFIG_DIR .
.TP
.I /run/siteward/SITE
The socket, the lock and the record of a site that runs, and the definition
that it runs.
.TP
.I /var/log/siteward/SITE
What the processes print, and the history.
.TP
.I DATABASE/.siteward
The lease, the history of all nodes, and the mark of a pause.
.TP
.I /usr/share/siteward/siteward.schema.json
The same as a JSON schema, for editors. The language server of YAML takes it
from a comment in the first line of a definition:
.EX
# yaml\-language\-server: $schema=/usr/share/siteward/siteward.schema.json
.EE
.SH SEE ALSO
.BR siteward (8),
.BR ocf_siteward_site (7)
";

/// As roff, for section 5.
pub fn manual() -> String {
    let mut page = String::from(HEAD);
    page.push_str(".SH EXAMPLE\n.EX\n");
    for line in EXAMPLE.lines() {
        page.push_str(&format!("{}\n", escape(line)));
    }
    page.push_str(
        ".EE\n.SH KEYS\nNAME stands for a name of the site's own, and [] for each item of a list.\n",
    );
    for (title, keys) in SECTIONS {
        page.push_str(&format!(".SS {}\n", escape(title)));
        if keys.iter().any(|key| key.also_of_process) {
            page.push_str(
                "Each of these keys may stand at the top, for all processes,\n\
                 and in a process, where it counts for that process alone.\n",
            );
        }
        for key in *keys {
            page.push_str(&entry(key));
        }
    }
    page.push_str(&listed(
        "EVENTS",
        "The events of which a command of\n.B notify\nmay be told:",
        &HistoryEvent::ALL.iter().map(ToString::to_string).collect::<Vec<_>>(),
    ));
    page.push_str(&listed(
        "LIMITS",
        "The resources that\n.B ulimits\nmay name:",
        &LimitedResource::ALL.iter().map(|(word, _)| (*word).to_owned()).collect::<Vec<_>>(),
    ));
    page + TAIL
}

fn listed(title: &str, text: &str, words: &[String]) -> String {
    format!(".SH {title}\n{text}\n{}", folded(&format!("{}.", words.join(", "))))
}

fn entry(key: &DefinitionKey) -> String {
    let path = key.path.replace('*', "NAME");
    let mut text = format!(".TP\n.B {}\n{}", escape(&path), folded(key.sentence));
    let mut facts = vec![key.value.described()];
    facts.extend(key.value.unit().map(|unit| format!("a bare number counts {unit}")));
    facts.extend(key.required.then(|| "required".to_owned()));
    facts.extend(key.default.shown().map(|default| format!("default: {default}")));
    facts.push(format!("since {}", key.since));
    if !key.relations.is_empty() {
        text.push_str(&folded(key.relations));
    }
    text.push_str(&format!(".br\n{}", folded(&format!("({})", facts.join("; ")))));
    let meant =
        |word: &Word| format!(".br\n\\fB{}\\fR:\n{}", escape(word.word), folded(word.means));
    text.extend(key.value.choices().iter().map(meant));
    let word = match key.word() {
        "*" => "NAME",
        word => word,
    };
    let example = match path.ends_with("[]") {
        true => format!("- {}", key.example),
        false => format!("{word}: {}", key.example),
    };
    text.push_str(&format!(".br\nExample:\n.ft B\n{}.ft R\n", folded(&example)));
    text
}

/// Text in lines that are short enough for mandoc's taste; what stands in backquotes is bold.
fn folded(text: &str) -> String {
    let mut lines = vec![String::new()];
    let mut bold = false;
    for word in text.split(' ') {
        let mut out = String::new();
        for (index, part) in word.split('`').enumerate() {
            if index > 0 {
                bold = !bold;
                out.push_str(if bold { "\\fB" } else { "\\fR" });
            }
            out.push_str(&escape(part));
        }
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&out),
            Some(line) if line.len() + out.len() < WIDTH => line.push_str(&format!(" {out}")),
            _ => lines.push(out),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

const WIDTH: usize = 79;

/// For roff: no character of it means anything, also at the beginning of a line.
fn escape(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_example_is_a_definition() {
        let site = crate::site::parse(&"shop".parse().unwrap(), Path::new("x"), EXAMPLE).unwrap();
        assert_eq!(site.processes.len(), 3);
        assert_eq!(site.processes[0].context.user.as_deref(), Some("shop"));
        assert_eq!(site.warnings, [""; 0]);
    }
}
