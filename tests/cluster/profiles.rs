//! Real supervisors of other makers under the real Pacemaker: start, death, maintenance, move, stop.

use super::lab::Lab;
use super::small::{delete, nothing_lives, other};

const SITES: [(&str, &str, &str); 4] = [
    (
        "by-supervisord",
        "profile: supervisord, config: /var/lib/own/supervisord.conf",
        "supervisord --nodaemon",
    ),
    ("by-runit", "profile: runit, directory: /var/lib/own/runit", "runsvdir -P"),
    ("by-s6", "profile: s6, directory: /var/lib/own/s6", "s6-svscan /var/lib/own"),
    ("by-monit", "profile: monit, config: /var/lib/own/monitrc", "monit -I"),
];

/// What each node has of its own.
const INSTALL: &str = r#"
own=/var/lib/own
mkdir -p $own/runit/web $own/s6/web
printf '#!/bin/sh\nexec sleep 4401\n' >$own/runit/web/run
printf '#!/bin/sh\nexec sleep 4402\n' >$own/s6/web/run
chmod +x $own/runit/web/run $own/s6/web/run
cat >$own/supervisord.conf <<END
[unix_http_server]
file=$own/sock
[supervisord]
logfile=$own/log
pidfile=$own/pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$own/sock
[program:web]
command=/bin/sleep 4403
END
cat >$own/start <<END
#!/bin/sh
setsid sleep 4404 >/dev/null 2>&1 &
echo \$! >$own/web.pid
END
chmod +x $own/start
cat >$own/monitrc <<END
set daemon 1
set httpd unixsocket $own/monit.sock
  allow localhost
set statefile $own/monit.state
set idfile $own/monit.id
set pidfile /run/own-monit.pid
check process web with pidfile $own/web.pid
  start program = "$own/start"
  stop program = "/usr/bin/pkill -f 'sleep 4404'"
END
chmod 600 $own/monitrc
"#;

pub(crate) fn other_supervisors_live() {
    let lab = Lab::up();
    for node in ["node1", "node2"] {
        lab.on(node, &["sh", "-ec", INSTALL]);
    }
    for (name, keys, supervisor) in SITES {
        lab.define(
            name,
            &format!(
                "version: 1\nboot_timeout: 30s\nstop_timeout: 20s\nforcekill_time: 1s\ncountsleep: 1s\nsupervisor: {{{keys}}}\n"
            ),
        );
        let create = format!(
            "crm configure primitive {name} ocf:siteward:site params site={name} op start timeout=60s interval=0 \
             op stop timeout=60s interval=0 op monitor interval=2s timeout=40s"
        );
        lab.on("node1", &create.split_whitespace().collect::<Vec<_>>());
        let node = lab.runs_on_one(name);
        // Its start has ended too.
        lab.on("node1", &["crm_resource", "--wait"]);
        // Its service dies: its supervisor's to mend. The supervisor dies: the cluster's.
        let of = |node: &str| lab.try_on(node, &["pgrep", "-f", supervisor]).1.trim().to_owned();
        let before = of(&node);
        lab.on(&node, &["pkill", "-KILL", "-f", supervisor]);
        lab.until(&format!("another life of {name} on the same node"), 60, || {
            let now = of(&node);
            !now.is_empty() && now != before && lab.is_well(&node, name)
        });
        assert_eq!(lab.located(name), std::slice::from_ref(&node));
        let shown = lab.on("node1", &["crm_mon", "-1"]);
        let failed = shown.lines().find(|line| line.contains(name) && line.contains("returned"));
        assert!(failed.is_some_and(|line| line.contains("watches")), "{name}: {shown}");
        lab.on(&node, &["siteward", "pause", name, "--reason", "new disks"]);
        let failures = || {
            let words = ["crm_failcount", "--query", "-r", name, "-N", &node];
            let text = lab.on(&node, &words);
            text.split("value=").nth(1).map(|v| v.trim().to_owned()).unwrap_or_default()
        };
        // Three monitors long.
        let (counted, paused_at) = (failures(), std::time::Instant::now());
        lab.until("the cluster has asked again", 30, || {
            paused_at.elapsed() > std::time::Duration::from_secs(6)
        });
        assert_eq!(failures(), counted, "{name}: maintenance is no failure");
        lab.on(&node, &["siteward", "resume", name]);
        lab.on("node1", &["crm_resource", "-r", name, "--move", "--force"]);
        let next = other(&node);
        lab.until(&format!("{name} runs on the other node"), 60, || {
            lab.located(name) == [next] && lab.is_well(next, name)
        });
        assert!(nothing_lives(&lab, &node, name), "{name}");
        assert_eq!(of(&node), "", "{name}");
        lab.on("node1", &["pcs", "resource", "clear", name]);
        delete(&lab, name);
    }
    for node in ["node1", "node2"] {
        let (any, who) = lab.try_on(node, &["pgrep", "-af", "sleep 440[1-4]"]);
        assert!(!any, "{node}: {who}");
    }
}
