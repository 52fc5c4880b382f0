//! Somebody takes the address or the disk away from a running site, behind the cluster's back.

use std::time::Duration;

use super::lab::Lab;
use super::small::*;

const ADDRESS: &str = "10.77.0.50";
const DISK: &str = "/run/jobdb";

/// The cause is to be seen within a second; the limit leaves room for a busy machine.
const LIMIT: Duration = Duration::from_secs(5);

/// What is done to the active node, and the cause that must be seen.
const LOSSES: [(&str, &str); 2] = [
    (
        "ip address del 10.77.0.50/24 dev eth0",
        "the address 10.77.0.50 was removed under the running",
    ),
    ("umount -l /run/jobdb", "/run/jobdb was unmounted under the running site"),
];

pub(crate) fn the_address_and_the_disk_go() {
    let lab = Lab::up();
    lab.on("node1", &["mkdir", "-p", "/mnt/shared/jobdb"]);
    for node in ["node1", "node2"] {
        lab.on(node, &["mkdir", "-p", DISK]);
    }
    define(&lab, "shop", &format!("database: {DISK}\naddress: {ADDRESS}\n"));
    create(&lab, "shop", "", "");
    for line in [
        format!(
            "primitive disk ocf:heartbeat:Filesystem params device=/mnt/shared/jobdb \
             directory={DISK} fstype=none options=bind op monitor interval=20s timeout=40s"
        ),
        format!(
            "primitive vip ocf:heartbeat:IPaddr2 params ip={ADDRESS} cidr_netmask=24 \
             op monitor interval=10s timeout=20s"
        ),
        "group all disk vip shop".to_owned(),
    ] {
        let words = format!("crm --force configure {line}");
        lab.on("node1", &words.split_whitespace().collect::<Vec<_>>());
    }
    lab.on("node1", &["crm_resource", "--refresh"]);
    for (round, (act, cause)) in LOSSES.iter().cycle().take(4).enumerate() {
        let node = all_is_well(&lab, "shop");
        wait_until_held(&lab, &node, "shop");
        let took = time_until_seen(&lab, &node, act, cause);
        println!("round {round}: {act}: crm_mon shows the cause after {} ms", took.as_millis());
        assert!(took < LIMIT, "{took:?}");
        // The site cannot be started there, so that all of it moves.
        let there = other(&node);
        lab.until("it runs on the other node", 60, || {
            lab.located("shop") == [there] && lab.is_well(there, "shop")
        });
        assert!(lab.is_on(&node), "nobody was fenced");
        no_stop_failed(&lab);
        lab.on("node1", &["crm_resource", "-C"]);
        lab.on("node1", &["crm_resource", "--wait", "--timeout=60s"]);
    }
}

/// How long it takes on the node itself from the act until `crm_mon` shows the cause.
fn time_until_seen(lab: &Lab, node: &str, act: &str, cause: &str) -> Duration {
    let script = format!(
        "begun=$(date +%s%N); {act}; n=0; until crm_mon -1rf | grep -qF '{cause}'; do n=$((n+1)); \
         [ $n -lt 300 ] || exit 1; done; echo $(( ($(date +%s%N) - begun) / 1000 ))"
    );
    let micros = lab.on(node, &["sh", "-c", &script]);
    Duration::from_micros(micros.trim().parse().expect("a number"))
}
