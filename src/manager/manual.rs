//! The manual page of the OCF agent, made from the same description as its meta-data.

use std::fmt::Write;

use super::metadata::TIMEOUTS;
use super::parameters::{PARAMETERS, ParameterKind};

/// As roff, for section 7.
pub fn manual() -> String {
    let mut page = String::from(
        ".TH OCF_SITEWARD_SITE 7 \"\" siteward \"OCF resource agents\"\n\
         .SH NAME\nocf_siteward_site \\- runs a group of processes as one site\n\
         .SH SYNOPSIS\n.B site\n[start|stop|monitor|reload\\-agent|validate\\-all|meta\\-data|usage]\n\
         .SH DESCRIPTION\n\
         The resource agent by which Pacemaker manages a site of\n.BR siteward (8).\n\
         A site runs on one node at a time and cannot be cloned.\n\
         .PP\n\
         A site without a database has no lease. Only a lock in the runtime directory then prevents a\n\
         second supervisor, so two starts with different runtime directories both run. Use one runtime\n\
         directory on each node.\n\
         .SH PARAMETERS\n",
    );
    for p in &PARAMETERS {
        let kind = match p.kind {
            ParameterKind::Text => "text".to_owned(),
            ParameterKind::Duration => "time, like 90s or 3m; bare numbers are seconds".to_owned(),
            ParameterKind::Count => "number".to_owned(),
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
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            ".TP\n.B {}\n{} ({}).\n",
            escape(p.id.name()),
            escape(p.long),
            escape(&notes.join("; "))
        );
    }
    let t = &TIMEOUTS;
    let _ = write!(
        page,
        ".SH OPERATIONS\nThe advised ones: start timeout={}s, stop timeout={}s, monitor interval={}s \
         timeout={}s, reload\\-agent timeout={}s, validate\\-all timeout={}s.\n\
         .PP\nA recurring monitor is held. It is answered at once when the site stops being well, and otherwise after\n\
         .BR monitor_wait .\nWith the default of 20s, an interval of 1s costs one process in 20 seconds.\n\
         .SH EXIT STATUS\nThe codes of the OCF resource agent API 1.1.\n\
         .SH SEE ALSO\n.BR siteward (8)\n",
        t.start, t.stop, t.interval, t.monitor, t.reload, t.validate
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
    fn the_page_in_the_tree_is_made_from_the_parameters() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/man/ocf_siteward_site.7");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, manual()).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert_eq!(written, manual(), "write it with: UPDATE=1 cargo test --lib");
    }
}
