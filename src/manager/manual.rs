//! The manual page of the OCF agent, made from the same description as its meta-data.

use std::fmt::Write;

use super::metadata::{TIMEOUTS, Timeouts};
use super::parameters::{PARAMETERS, ParameterKind};

/// The date of the manual pages: that of the last change to what they say.
pub const MANUAL_DATE: &str = "2026-11-26";

/// The exit codes with what they mean to Pacemaker.
const CODES: [(&str, &str); 9] = [
    ("0", "It is done. From monitor: the site is running, starting, in maintenance, or degraded."),
    (
        "1",
        "It failed here, and may work on another node or later. From monitor: the site is stopping, \
         unsupervised or unknown. From stop: it is not proved that nothing of the site lives.",
    ),
    ("2", "The definition on this node is wrong."),
    ("3", "There is no such action."),
    ("4", "The agent is not run by a user who may do it."),
    ("5", "The definition, a program or a user is missing on this node."),
    ("6", "A parameter of the resource is wrong, and so on every node."),
    ("7", "From monitor alone: the site is stopped, or has failed and nothing of it lives."),
    (
        "190",
        "From a recurring monitor alone: the site has been degraded for degraded_after, and \
         degraded_is says that this is to be told.",
    ),
];

/// As roff, for section 7. Its lines are as long as they come.
pub fn manual() -> String {
    let Timeouts { start, stop, monitor, interval, validate, reload } = TIMEOUTS;
    let mut page = format!(
        ".TH OCF_SITEWARD_SITE 7 {MANUAL_DATE} \"siteward {version}\" \"OCF resource agents\"\n\
         .SH NAME\nocf_siteward_site \\- runs a group of processes as one site\n\
         .SH SYNOPSIS\n.B site\n[start|stop|monitor|reload\\-agent|validate\\-all|meta\\-data|usage]\n\
         .SH DESCRIPTION\n\
         ocf:siteward:site is the resource agent by which Pacemaker manages a site of\n.BR siteward (8).\n\
         A site runs on one node at a time and cannot be cloned.\n\
         .PP\n\
         A site without a database has no lease. Only a lock in the runtime directory then prevents a \
         second supervisor, so two starts with different runtime directories both run. Use one runtime \
         directory on each node.\n\
         .SH PARAMETERS\n\
         Each example is an argument of\n.BR pcs (8),\n\
         as in:\n.B pcs resource update shop monitor_wait=10s\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    for p in &PARAMETERS {
        let kind = match p.kind {
            ParameterKind::Text => "a text".to_owned(),
            ParameterKind::Duration => {
                "a time, like 90s or 3m; bare numbers are seconds".to_owned()
            }
            ParameterKind::Count => "a number".to_owned(),
            ParameterKind::Choice(words) => words.join(" or "),
        };
        let mut notes = vec![kind];
        notes.extend(p.required.then(|| "required".to_owned()));
        notes.extend(p.unique.then(|| "unique".to_owned()));
        notes.extend(p.default.map(|d| format!("default {d}")));
        notes.push(
            if p.reloadable {
                "can change under a running site"
            } else {
                "a change restarts the site"
            }
            .to_owned(),
        );
        let (name, example) = (escape(p.id.name()), escape(p.example));
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            ".TP\n.B {name}\n{}\n.br\nThe value: {}.\n.br\nExample:\n.B {name}={example}\n",
            escape(p.long),
            escape(&notes.join("; "))
        );
    }
    let _ = write!(
        page,
        ".SH OPERATIONS\nThe advised ones: start timeout={start}s, stop timeout={stop}s, monitor \
         interval={interval}s timeout={monitor}s, reload\\-agent timeout={reload}s, validate\\-all \
         timeout={validate}s.\n\
         .PP\nA recurring monitor is held. It is answered at once when the site stops being well, and \
         otherwise after\n\
         .BR monitor_wait .\nWith the default of 20s, an interval of 1s costs one process in 20 seconds.\n\
         .SH EXIT STATUS\nThose of the OCF resource agent API 1.1. stop answers 0 or 1, nothing else.\n"
    );
    for (code, means) in CODES {
        let _ = write!(page, ".TP\n.B {code}\n{}\n", escape(means));
    }
    let _ = write!(
        page,
        ".SH EXAMPLES\nA resource for the site shop:\n.PP\n.nf\n.RS\n\
         pcs resource create shop ocf:siteward:site site=shop \\e\n\
         \\&    op start timeout={start}s op stop timeout={stop}s \\e\n\
         \\&    op monitor interval={interval}s timeout={monitor}s\n.RE\n.fi\n.PP\n\
         All of it, with the disk, the address and the timeouts of the site, is printed by\n\
         .BR \"siteward generate pacemaker\\-pcs shop\" .\n\
         .SH SEE ALSO\n.BR siteward (8),\n.BR siteward\\-generate (8),\n.BR siteward.yaml (5)\n"
    );
    page
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_each_parameter_each_code_and_the_advised_times() {
        let page = manual();
        assert!(page.starts_with(&format!(".TH OCF_SITEWARD_SITE 7 {MANUAL_DATE} ")), "{page}");
        for text in [
            ".B site\n",
            "The value: a text; required; unique; a change restarts the site.\n",
            ".B site=shop\n",
            ".B config_dir\n",
            "The value: a text; default /etc/siteward/sites; a change restarts the site.\n",
            "The value: a time, like 90s or 3m; bare numbers are seconds; default 20s; can change \
             under a running site.\n",
            "The value: a number; can change under a running site.\n",
            "The value: running or degraded; can change under a running site.\n",
            "start timeout=240s, stop timeout=360s, monitor interval=1s timeout=40s, \
             reload\\-agent timeout=20s, validate\\-all timeout=20s.\n",
            "op monitor interval=1s timeout=40s\n",
        ] {
            assert!(page.contains(text), "{text} is not in\n{page}");
        }
        for parameter in &PARAMETERS {
            let name = parameter.id.name();
            assert!(page.contains(&format!(".TP\n.B {name}\n{}\n", escape(parameter.long))));
            assert!(page.contains(&format!(".B {name}={}\n", escape(parameter.example))));
        }
        let (_, codes) = page.split_once(".SH EXIT STATUS\n").unwrap();
        for code in ["0", "1", "2", "3", "4", "5", "6", "7", "190"] {
            assert!(codes.contains(&format!(".TP\n.B {code}\n")), "{code}");
        }
    }

    #[test]
    fn what_means_something_to_roff_is_escaped() {
        assert_eq!(escape(r"a\b-c"), r"a\\b\-c");
    }
}
