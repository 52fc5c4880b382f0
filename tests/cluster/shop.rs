//! A site of PostgreSQL, redis and nginx whose data lie on the shared folder.

use std::collections::BTreeMap;

use super::lab::{Lab, postgres_folder};

const SITE: &str = "shop";

fn definition(lab: &Lab) -> String {
    let postgres = postgres_folder().expect("looked for before");
    let database = "/mnt/shared/shop";
    lab.on("node1", &["mkdir", "-p", &format!("{database}/redis"), &format!("{database}/pg")]);
    lab.on("node1", &["chown", "postgres", &format!("{database}/pg")]);
    lab.on("node1", &["chown", "redis", &format!("{database}/redis")]);
    let initdb = postgres.join("initdb").display().to_string();
    lab.on(
        "node1",
        &[
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            &initdb,
            "-D",
            &format!("{database}/pg"),
            "-A",
            "trust",
            "--no-sync",
        ],
    );
    let nginx = "pid /run/shop-nginx.pid; error_log /dev/null; events {} http { access_log off; \
                 server { listen 127.0.0.1:8080; location / { return 200 'shop'; } } }";
    lab.on("node1", &["sh", "-c", &format!("echo \"{nginx}\" > {database}/nginx.conf")]);
    format!(
        r#"
version: 1
site: shop.example.com
database: {database}
prerequisites: {{mounted: /mnt/shared}}
boot_timeout: 30s
stop_timeout: 20s
forcekill_time: 3s
processes:
  store:
    command: [{postgres}/postgres, -D, {database}/pg, -c, listen_addresses=127.0.0.1, -c, unix_socket_directories=/tmp]
    user: postgres
    ready: {{notify: true}}
    healthcheck: {{test: [{postgres}/pg_isready, -h, 127.0.0.1], interval: 5s, timeout: 3s}}
    stop_signal: INT
  cache:
    command: [redis-server, --port, "6379", --dir, {database}/redis, --save, ""]
    user: redis
    ready: {{tcp: "127.0.0.1:6379"}}
    healthcheck: {{test: [redis-cli, ping], interval: 5s, timeout: 3s}}
  web:
    command: [nginx, -c, {database}/nginx.conf]
    forks: true
    pid_file: /run/shop-nginx.pid
    ready: {{tcp: "127.0.0.1:8080"}}
    stop_signal: QUIT
"#,
        postgres = postgres.display()
    )
}

/// What of the services lives on a node.
fn services(lab: &Lab, node: &str) -> String {
    let text = lab.on(node, &["ps", "-eo", "comm=,args="]);
    // The verb of a monitor that runs just now is called `site`, and is none of the site's.
    let ours = ["postgres", "redis-server", "nginx", "siteward"];
    let is_ours = |line: &&str| line.split_whitespace().next().is_some_and(|c| ours.contains(&c));
    text.lines().filter(is_ours).collect::<Vec<_>>().join("\n")
}

fn other(node: &str) -> &'static str {
    if node == "node1" { "node2" } else { "node1" }
}

fn sql(lab: &Lab, node: &str, statement: &str) -> String {
    lab.on(node, &["psql", "-h", "127.0.0.1", "-U", "postgres", "-Atc", statement])
}

/// Runs on one node, nothing on the other, and every row is there; tells the node.
fn all_is_well(lab: &Lab, rows: u32) -> String {
    let node = lab.runs_on_one(SITE);
    let there = other(&node);
    if lab.is_on(there) {
        let mut left = String::new();
        lab.until(&format!("nothing of the site lives on {there}"), 10, || {
            left = services(lab, there);
            left.is_empty()
        });
    }
    assert_eq!(sql(lab, &node, "select count(*) from rows").trim(), rows.to_string());
    assert_eq!(lab.on(&node, &["redis-cli", "ping"]).trim(), "PONG");
    let request =
        "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    assert!(lab.on(&node, &["bash", "-c", request]).ends_with("shop"), "nginx answers");
    node
}

/// The main processes and the supervisor by name.
fn pids(lab: &Lab, node: &str) -> BTreeMap<String, i64> {
    let text = lab.on(node, &["cat", "/run/siteward/shop/record.json"]);
    let record: serde_json::Value = serde_json::from_str(&text).expect("a record");
    let mut found: BTreeMap<String, i64> = record["processes"]
        .as_array()
        .expect("processes")
        .iter()
        .map(|p| (p["name"].as_str().unwrap().to_owned(), p["identity"]["pid"].as_i64().unwrap()))
        .collect();
    found.insert("supervisor".to_owned(), record["supervisor"]["pid"].as_i64().unwrap());
    found
}

fn recover_from_death_of(lab: &Lab, victim: &str, rows: u32) {
    let node = all_is_well(lab, rows);
    let before = pids(lab, &node);
    lab.on(&node, &["kill", "-KILL", &before[victim].to_string()]);
    lab.until(&format!("the site runs again after the death of {victim}"), 60, || {
        let at = lab.located(SITE);
        at.len() == 1
            && lab.is_well(&at[0], SITE)
            && pids(lab, &at[0])["supervisor"] != before["supervisor"]
    });
    all_is_well(lab, rows);
    lab.on("node1", &["crm_resource", "-C", "-r", SITE]);
}

pub(crate) fn through_every_mishap() {
    let lab = Lab::up();
    lab.define(SITE, &definition(&lab));
    let mut rows = 0;
    for (maker, create) in [
        (
            "pcs",
            "pcs resource create shop ocf:siteward:site site=shop op start timeout=60s \
             op stop timeout=40s op monitor interval=2s timeout=20s",
        ),
        (
            "crm",
            "crm configure primitive shop ocf:siteward:site params site=shop op start timeout=60s \
             interval=0 op stop timeout=40s interval=0 op monitor interval=2s timeout=20s",
        ),
    ] {
        let words: Vec<&str> = create.split_whitespace().collect();
        lab.on("node1", &words);
        let node = lab.runs_on_one(SITE);
        sql(&lab, &node, "create table if not exists rows (made_by text)");
        let insert = |node: &str, rows: &mut u32| {
            sql(&lab, node, &format!("insert into rows values ('{maker}')"));
            *rows += 1;
        };
        insert(&node, &mut rows);

        for victim in ["store", "cache", "web", "supervisor"] {
            recover_from_death_of(&lab, victim, rows);
            let node = lab.runs_on_one(SITE);
            insert(&node, &mut rows);
        }

        let from = all_is_well(&lab, rows);
        let to = other(&from);
        lab.on("node1", &["crm_resource", "--move", "-r", SITE, "-N", to]);
        lab.until("the site has moved", 60, || lab.located(SITE) == [to] && lab.is_well(to, SITE));
        lab.on("node1", &["crm_resource", "--clear", "-r", SITE]);
        let node = all_is_well(&lab, rows);
        insert(&node, &mut rows);

        // Power off: fencing makes sure, and the other node goes on.
        lab.verb(&["kill-node", &node]);
        let survivor = other(&node);
        lab.until("the site runs on the other node", 60, || {
            lab.is_well(survivor, SITE) && lab.located(SITE) == [survivor]
        });
        assert_eq!(sql(&lab, survivor, "select count(*) from rows").trim(), rows.to_string());
        lab.until("the fenced node is back", 60, || lab.is_on(&node));
        lab.verb(&["wait-online"]);
        all_is_well(&lab, rows);

        for node in ["node1", "node2"] {
            let log = lab.log(node);
            assert!(
                !log.contains("will be fenced: shop failed"),
                "a failed stop asked for a fence"
            );
            let stops = log.lines().filter(|l| l.contains("Result of stop operation for shop on"));
            for stop in stops {
                assert!(stop.contains(": ok"), "a stop failed: {stop}");
            }
        }
        lab.on("node1", &["pcs", "resource", "delete", SITE]);
        lab.until("nothing of the site lives", 40, || {
            services(&lab, "node1").is_empty() && services(&lab, "node2").is_empty()
        });
    }
}
