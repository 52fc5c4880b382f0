//! Two nodes of a cluster that differ in ten ways: each is found, by files that a person carries, and by
//! what the starts have left on the shared disk.

use serde_json::Value;

use super::lab::Lab;
use super::small::{create, other};

/// What a node has of its own: the same on both, before anything is planted.
const NODE: &str = "
set -e
mkdir -p /tmp/shop/work
printf '#!/bin/sh\\nexec sleep 100000\\n' >/tmp/shop/serve
chmod 755 /tmp/shop/serve /tmp/shop/work
echo TOKEN=one >/tmp/shop/env
echo listen 80 >/tmp/shop/conf
cat /etc/passwd >/tmp/passwd; echo 'jobadmin:x:61005:61005::/home/job:/bin/sh' >>/tmp/passwd
cat /etc/group >/tmp/group; echo 'jobs:x:61005:' >>/tmp/group
cat /etc/hosts >/tmp/hosts; echo '10.77.0.99 shop.example' >>/tmp/hosts
cat /etc/os-release >/tmp/release
for file in passwd group hosts; do mount --bind /tmp/$file /etc/$file; done
mount --bind /tmp/release $(realpath /etc/os-release)
cp -r /etc/siteward/sites /tmp/sites
mount --bind /tmp/sites /etc/siteward/sites
mkdir -p /mnt/shared/shop
";

/// sed(1) would make another file, behind the mount.
const EDIT: &str = "edit() { sed \"$1\" \"$2\" >/tmp/edited && cat /tmp/edited >\"$2\"; }; ";

/// The differences, by what plants them on one node: the check that finds it, and what its finding says.
/// None keeps the site from starting.
const PLANTED: [(&str, &str, &[&str]); 13] = [
    (
        "edit s/:61005:61005:/:61010:61005:/ /tmp/passwd",
        "facts-user",
        &["the user `jobadmin` has id", "61005", "61010"],
    ),
    (
        "edit s,/home/job,/srv, /tmp/passwd",
        "facts-user",
        &["the home of the user `jobadmin`", "is /home/job on", "is /srv on"],
    ),
    (
        "edit s/jobs:x:61005/jobs:x:61006/ /tmp/group",
        "facts-group",
        &["the group `jobs`", "61005", "61006"],
    ),
    (
        "echo '# two' >>/tmp/shop/serve",
        "facts-program",
        &["the program /tmp/shop/serve", "has the content"],
    ),
    (
        "edit 's/^boot_timeout.*/boot_timeout: 25s/' /tmp/sites/shop.yaml",
        "facts-definition",
        &["`boot_timeout`", "is 10s on", "is 25s on"],
    ),
    (
        "edit 's/COLOUR: red/COLOUR: blue/' /tmp/sites/shop.yaml",
        "facts-definition",
        &["`environment.COLOUR`", "is #"],
    ),
    (
        "echo 500 64000 100 256 >/proc/sys/kernel/sem",
        "facts-sysctl",
        &["kernel.sem", "is 500 64000 100 256 on"],
    ),
    (
        "echo 2000 3000 >/proc/sys/net/ipv4/ip_local_port_range",
        "facts-sysctl",
        &["ip_local_port_range", "is 2000 3000 on"],
    ),
    ("echo TOKEN=two >/tmp/shop/env", "facts-settings", &["`TOKEN` in /tmp/shop/env", "is #"]),
    (
        "edit s/10.77.0.99/10.77.0.98/ /tmp/hosts",
        "facts-hosts",
        &["shop.example", "is 10.77.0.99 on", "is 10.77.0.98 on"],
    ),
    (
        "rm /tmp/shop/conf",
        "facts-file",
        &["/tmp/shop/conf of `same_on_all_nodes`", "has the content", "is missing on node2"],
    ),
    (
        "chmod 711 /tmp/shop/work; chown 61010 /tmp/shop/work",
        "facts-folder",
        &["/tmp/shop/work", "owner 0:0 and mode 0755", "owner 61010:0 and mode 0711"],
    ),
    (
        "edit s/^PRETTY_NAME=.*/PRETTY_NAME=Other/ /tmp/release",
        "facts-distribution",
        &["the distribution", "is Other on"],
    ),
];

const DEFINITION: &str = "version: 1
site: shop.example
database: /mnt/shared/shop
prerequisites: {mounted: false}
boot_timeout: 10s
stop_timeout: 10s
forcekill_time: 1s
settle: 50ms
environment: {COLOUR: red, PASSWORD: hush}
env_file: /tmp/shop/env
same_on_all_nodes: [/tmp/shop/conf]
processes:
  serve: {command: [/tmp/shop/serve], user: jobadmin, group: jobs, working_directory: /tmp/shop/work}
";

pub(crate) fn ten_differences_are_found() {
    let lab = Lab::up();
    lab.define("shop", DEFINITION);
    for node in ["node1", "node2"] {
        lab.on(node, &["sh", "-c", NODE]);
    }
    let by_files = || {
        for node in ["node1", "node2"] {
            let export = format!("siteward doctor shop --export >/mnt/shared/{node}.json");
            lab.on(node, &["sh", "-c", &export]);
        }
        let files = ["/mnt/shared/node1.json", "/mnt/shared/node2.json"];
        findings(&lab, "node1", &[&["--compare"][..], &files].concat())
    };
    assert_eq!(by_files(), Vec::<[String; 2]>::new(), "two nodes that are alike");
    for (plant, ..) in PLANTED {
        lab.on("node2", &["sh", "-c", &format!("{EDIT}{plant}")]);
    }
    let found = by_files();
    expect(&found, "node1", "node2");
    assert_eq!(found.len(), PLANTED.len(), "{found:#?}");
    let exported = lab.on("node2", &["cat", "/mnt/shared/node2.json"]);
    assert!(!exported.contains("hush"), "{exported}");

    // Without a file: each start has left the facts of its node on the disk that they share.
    create(&lab, "shop", "", "");
    let first = lab.runs_on_one("shop");
    let left = |node: &str| {
        lab.until(&format!("{node} has left its facts"), 60, || {
            lab.try_on(
                node,
                &["test", "-e", &format!("/mnt/shared/shop/.siteward/facts/{node}.json")],
            )
            .0
        });
    };
    left(&first);
    let second = other(&first);
    lab.on("node1", &["crm_resource", "--move", "-r", "shop", "-N", second]);
    lab.until("it has moved", 60, || {
        lab.located("shop") == [second] && lab.is_well(second, "shop")
    });
    left(second);
    let found = findings(&lab, second, &["shop"]);
    expect(&found, second, &first);
}

/// The check and the sentence of each finding of the comparison that is worse than ok.
fn findings(lab: &Lab, node: &str, words: &[&str]) -> Vec<[String; 2]> {
    let (_, text) = lab.try_on(node, &[&["siteward", "doctor", "--json"][..], words].concat());
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    let told: Value = serde_json::from_str(line).expect("a line of JSON");
    let all = told["findings"].as_array().expect("findings").iter();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    all.filter(|finding| finding["severity"] != "ok" && word(finding, "check").starts_with("facts"))
        .map(|finding| [word(finding, "check"), word(finding, "sentence")])
        .collect()
}

/// Each planted difference is found, with both nodes.
fn expect(found: &[[String; 2]], one: &str, other: &str) {
    for (plant, check, parts) in PLANTED {
        let is_it = |[of, sentence]: &&[String; 2]| {
            of == check && parts.iter().chain(&[one, other]).all(|word| sentence.contains(word))
        };
        assert!(found.iter().any(|f| is_it(&f)), "{plant}: {found:#?}");
    }
}
