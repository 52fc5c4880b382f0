//! systemd, for a node without a cluster manager: a service that runs the site.

use std::fmt::Write;

use super::facts::SiteFacts;

pub(super) fn generate(facts: &SiteFacts<'_>) -> (String, String) {
    let SiteFacts { name, program, start, stop, .. } = facts;
    let folders: String = facts
        .folders()
        .iter()
        .map(|f| format!("Environment=\"{}={}\"\n", f.variable, f.path().replace('%', "%%")))
        .collect();
    let mut body = format!(
        "[Unit]\n\
         Description=Site {name}, run by siteward\n\
         Documentation=man:siteward(8)\n\
         Wants=network-online.target\n\
         After=network-online.target\n"
    );
    if let Some(mount) = facts.mount() {
        let _ = writeln!(body, "RequiresMountsFor={}", escaped(&mount));
    }
    let _ = write!(
        body,
        "\n[Service]\n\
         Type=exec\n\
         {folders}\
         ExecStart={program} run {name}\n\
         # Only siteward gets SIGTERM. It stops the site in order.\n\
         KillMode=mixed\n\
         TimeoutStartSec={start}\n\
         TimeoutStopSec={stop}\n\
         ExecStopPost={program} clean {name}\n\
         OOMPolicy=continue\n\
         TasksMax=infinity\n\
         LimitSTACK=8M:infinity\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    );
    let title = format!(
        "The site `{name}` as a service: save this as /etc/systemd/system/site-{name}.service"
    );
    (title, body)
}

/// In quotes if necessary: a blank separates the paths of a list.
fn escaped(path: &str) -> String {
    if path.contains(' ') { format!("\"{path}\"") } else { path.to_owned() }
}
