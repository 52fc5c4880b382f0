//! The meta-data of the agent, for Pacemaker, pcs and crmsh. It needs no root, no configuration and no site.

use std::fmt::Write;

use super::parameters::{PARAMETERS, ParameterKind};

/// The advised timeouts. That of a start is the default `boot_timeout` and the time to roll back. That of a
/// stop is the default `stop_timeout` and the time to kill and to check. `monitor_wait` fits into three
/// quarters of a monitor's timeout.
pub const TIMEOUTS: Timeouts =
    Timeouts { start: 240, stop: 360, monitor: 40, interval: 1, validate: 20, reload: 20 };

/// In seconds.
#[derive(Debug)]
pub struct Timeouts {
    pub start: u64,
    pub stop: u64,
    pub monitor: u64,
    pub interval: u64,
    pub validate: u64,
    pub reload: u64,
}

/// In the format of OCF 1.1 (`<version>`). It is also valid by the DTD of OCF 1.0, which ocf-tester uses:
/// its internal subset declares the additions of 1.1. That DTD has no `select`, and an element cannot be
/// declared twice, so a choice is a string, and the agent checks its values.
pub fn metadata() -> String {
    let mut parameters = String::new();
    for p in &PARAMETERS {
        let unique =
            if p.unique { format!(" unique-group=\"{}\"", p.id.name()) } else { String::new() };
        let default = p.default.map_or_else(String::new, |d| format!(" default=\"{}\"", escape(d)));
        let kind = match p.kind {
            ParameterKind::Text | ParameterKind::Duration | ParameterKind::Choice(_) => "string",
            ParameterKind::Count => "integer",
        };
        let words = match p.kind {
            ParameterKind::Choice(words) => format!(" One of: {}.", words.join(", ")),
            ParameterKind::Duration => " Like 90s or 3m; bare numbers are seconds.".to_owned(),
            ParameterKind::Text | ParameterKind::Count => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            parameters,
            "<parameter name=\"{}\" unique=\"{}\"{unique} required=\"{}\" reloadable=\"{}\">\n\
             <longdesc lang=\"en\">\n{}{} Example: {}\n</longdesc>\n\
             <shortdesc lang=\"en\">{}</shortdesc>\n\
             <content type=\"{kind}\"{default}/>\n</parameter>\n",
            p.id.name(),
            u8::from(p.unique),
            u8::from(p.required),
            u8::from(p.reloadable),
            escape(p.long),
            escape(&words),
            escape(p.example),
            escape(p.short),
        );
    }
    let Timeouts { start, stop, monitor, interval, validate, reload } = TIMEOUTS;
    format!(
        r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!ATTLIST parameter reloadable (1|0) "0" unique-group CDATA #IMPLIED>
<!ATTLIST action name CDATA #REQUIRED>
]>
<resource-agent name="site" version="{version}">
<version>1.1</version>
<longdesc lang="en">
Runs a site, a group of processes that fails over as a unit, under its own supervisor: started in
order, watched together, stopped together. The site is described in a file that is the same on every
node. It runs on one node at a time and cannot be cloned.
</longdesc>
<shortdesc lang="en">Runs a group of processes as one site</shortdesc>
<parameters>
{parameters}</parameters>
<actions>
<action name="start" timeout="{start}s"/>
<action name="stop" timeout="{stop}s"/>
<action name="monitor" timeout="{monitor}s" interval="{interval}s" depth="0"/>
<action name="reload-agent" timeout="{reload}s"/>
<action name="validate-all" timeout="{validate}s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>
"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::reserve_of_start;
    use crate::site::{SiteName, parse};
    use std::time::Duration;

    #[test]
    fn the_advised_timeouts_hold_the_defaults_and_the_reserve() {
        let name: SiteName = "a".parse().unwrap();
        let text = "version: 1\nprocesses: {a: {command: [x]}}\n";
        let site = parse(&name, std::path::Path::new("x"), text).unwrap();
        let start = Duration::from_secs(TIMEOUTS.start);
        assert_eq!(start - reserve_of_start(start, site.kill_reserve()), site.boot_timeout);
        let stop = Duration::from_secs(TIMEOUTS.stop);
        assert!(stop >= site.stop_timeout + site.kill_reserve() + Duration::from_secs(1));
        let values = super::super::parameters::read(|_| None).unwrap();
        assert!(values.monitor_wait <= Duration::from_secs(TIMEOUTS.monitor) * 3 / 4);
    }

    #[test]
    fn every_parameter_is_told() {
        let xml = metadata();
        for p in &PARAMETERS {
            assert!(xml.contains(&format!("<parameter name=\"{}\"", p.id.name())));
        }
        assert!(!xml.contains("  "), "no run of blanks from the source");
    }

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        assert_eq!(escape("a < b & c > \"d\""), "a &lt; b &amp; c &gt; &quot;d&quot;");
    }

    #[test]
    fn each_parameter_has_its_attributes() {
        let xml = metadata();
        for text in [
            "<parameter name=\"site\" unique=\"1\" unique-group=\"site\" required=\"1\" reloadable=\"0\">",
            "<parameter name=\"log_dir\" unique=\"0\" required=\"0\" reloadable=\"0\">",
            "<content type=\"string\" default=\"/var/log/siteward\"/>",
            "<parameter name=\"countmax\" unique=\"0\" required=\"0\" reloadable=\"1\">",
            "<content type=\"integer\"/>",
            " One of: running, degraded. Example: degraded\n",
            " Like 90s or 3m; bare numbers are seconds. Example: 30s\n",
            "<action name=\"monitor\" timeout=\"40s\" interval=\"1s\" depth=\"0\"/>",
        ] {
            assert!(xml.contains(text), "{text} is not in\n{xml}");
        }
    }
}
