//! What once led to a fence, to two active nodes, or to a failover that nobody needed.

use std::time::Duration;

use siteward::linux::wait::Waiting;
use siteward::values::Moment;

use super::lab::Lab;
use super::small::*;

/// A resource whose `site` no site can have: it does not run, and no node is fenced for it.
pub(crate) fn a_mistyped_site_fences_nobody() {
    let lab = Lab::up();
    let node = site(&lab, "shop", "", "");
    let before = pid(&lab, &node, "shop", "supervisor");
    for (resource, name) in [("capital", "Shop"), ("score", "my_shop"), ("unknown", "shpo")] {
        let line = format!(
            "crm --force configure primitive {resource} ocf:siteward:site params site={name} \
             op start timeout=20s interval=0 op stop timeout=20s interval=0 \
             op monitor interval=1s timeout=40s"
        );
        lab.try_on("node1", &line.split_whitespace().collect::<Vec<_>>());
        lab.until("its start has failed", 30, || {
            failures(&lab).contains(&format!("* {resource} start on "))
        });
        lab.on("node1", &["crm_resource", "--wait", "--timeout=30s"]);
        assert!(lab.located(resource).is_empty(), "{}", failures(&lab));
        lab.on("node1", &["pcs", "resource", "delete", "--force", resource]);
    }
    lab.on("node1", &["crm_resource", "--wait", "--timeout=30s"]);
    assert!(lab.is_on("node1") && lab.is_on("node2"));
    let (_, fenced) = lab.try_on("node1", &["stonith_admin", "-H", "*"]);
    assert!(!fenced.contains("reboot"), "{fenced}");
    assert_eq!(all_is_well(&lab, "shop"), node);
    assert_eq!(pid(&lab, &node, "shop", "supervisor"), before, "the other site was let be");
}

/// The keeper of a lease is killed again and again on the active node, while somebody starts the site
/// by hand on the other one: never do both run it.
pub(crate) fn a_killed_keeper_makes_no_second_active_node() {
    let lab = Lab::up();
    define(&lab, "shop", "database: /mnt/shared/shop\nprerequisites: {mounted: false}\n");
    lab.on("node1", &["mkdir", "-p", "/mnt/shared/shop"]);
    create(&lab, "shop", "", "");
    let node = lab.runs_on_one("shop");
    let there = other(&node);
    let keeper = "pgrep -f '^siteward keep-lease shop'";
    for round in 0..10 {
        wait_until_held(&lab, &node, "shop");
        let supervisor = pid(&lab, &node, "shop", "supervisor");
        let by_hand = "siteward --timeout 4s start shop; echo code $?";
        let said = std::thread::scope(|scope| {
            let start = scope.spawn(|| lab.on(there, &["sh", "-c", by_hand]));
            let kill = format!("sleep 0.{round}; kill -KILL $({keeper}); sleep 0.5");
            lab.on(&node, &["sh", "-c", &kill]);
            start.join().expect("the other node is asked")
        });
        assert!(said.contains("code 1"), "round {round}: it started there too: {said}");
        assert!(nothing_lives(&lab, there, "shop"), "round {round}");
        assert!(lab.is_well(&node, "shop"), "round {round}: {}", failures(&lab));
        assert_eq!(pid(&lab, &node, "shop", "supervisor"), supervisor, "round {round}");
        lab.on(&node, &["sh", "-c", keeper]);
    }
    assert_eq!(all_is_well(&lab, "shop"), node);
    assert!(!failures(&lab).contains("Failed Resource Actions"), "{}", failures(&lab));
}

/// Another user floods a site with notices for a minute: no failover, and monitors are answered.
pub(crate) fn a_flood_of_notices_is_no_failure() {
    let lab = Lab::up();
    lab.define(
        "shop",
        "version: 1\nboot_timeout: 10s\nstop_timeout: 10s\nforcekill_time: 1s\nsettle: 50ms\n\
         processes:\n  x: {command: [/usr/local/bin/siteward, act, notifier], ready: {notify: true}}\n",
    );
    create(&lab, "shop", "", "");
    let node = lab.runs_on_one("shop");
    wait_until_held(&lab, &node, "shop");
    let supervisor = pid(&lab, &node, "shop", "supervisor");
    let process = pid(&lab, &node, "shop", "x");
    let socket = format!("tr '\\0' '\\n' </proc/{process}/environ | sed -n 's/^NOTIFY_SOCKET=//p'");
    let socket = lab.on(&node, &["sh", "-c", &socket]);
    let seconds: u64 =
        std::env::var("SITEWARD_FLOOD_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let flood = format!(
        "import socket, time\n\
         name = '{}'\n\
         name = '\\0' + name[1:] if name.startswith('@') else name\n\
         end = time.time() + {seconds}; sent = refused = 0\n\
         while time.time() < end:\n\
         \x20   s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.setblocking(False)\n\
         \x20   try: s.sendto(b'STATUS=flood\\nMAINPID=1', name); sent += 1\n\
         \x20   except OSError: refused += 1\n\
         \x20   s.close()\n\
         print('sent', sent, 'refused', refused)\n",
        socket.trim()
    );
    lab.on(&node, &["sh", "-c", &format!("cat >/tmp/flood.py <<'END'\n{flood}END\n")]);
    let said = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            lab.on(&node, &["su", "-s", "/bin/sh", "nobody", "-c", "python3 /tmp/flood.py"])
        });
        while !flood.is_finished() {
            assert!(lab.is_well(&node, "shop"), "{}", failures(&lab));
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(500)));
        }
        flood.join().expect("the flood ends")
    });
    println!("{said}");
    assert_eq!(pid(&lab, &node, "shop", "supervisor"), supervisor, "{}", failures(&lab));
    assert_eq!(all_is_well(&lab, "shop"), node);
    assert!(!failures(&lab).contains("Failed Resource Actions"), "{}", failures(&lab));
    let log = lab.on(&node, &["sh", "-c", "wc -c </var/log/siteward/shop/siteward.log"]);
    assert!(log.trim().parse::<u64>().expect("a number") < 100_000, "its log holds {log} bytes");
}
