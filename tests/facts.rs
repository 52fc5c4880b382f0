//! `doctor --export` and `doctor --compare`: what has to be the same on every node and is not. The facts
//! of this node stand for those of others, after a change to them or to the node.

mod common;
mod jobcenter;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use common::*;
use jobcenter::Jobcenter;
use serde_json::{Value, json};

const SITE: &str = "shop";

/// A site with something of each kind that is compared.
fn site() -> (Bench, PathBuf) {
    let bench = Bench::new();
    let database = bench.path("disk");
    for folder in ["disk", "work", "etc", "bin"] {
        fs::create_dir(bench.path(folder)).unwrap();
    }
    let program = bench.path("bin/serve");
    fs::write(&program, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(bench.path("env"), "TOKEN=hush-in-file\nCOLOUR=red\n").unwrap();
    fs::write(bench.path("etc/shop.conf"), "listen 80\n").unwrap();
    fs::write(bench.path("etc/secret.conf"), "password hush-in-conf\n").unwrap();
    fs::set_permissions(bench.path("etc/secret.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let at = |name: &str| bench.path(name).display().to_string();
    bench.define_with_database(
        SITE,
        &database,
        &format!(
            "site: shop.example\nsame_on_all_nodes: [{}]\nenvironment: {{PASSWORD: hush-in-site}}\n\
             env_file: {}\n",
            at("etc"),
            at("env")
        ),
        &format!(
            "  serve:\n    command: [{}, --password, hush-in-argument, {}]\n    working_directory: {}\n    \
             environment: [KEY=hush-in-process]\n",
            at("bin/serve"),
            at("etc/shop.conf"),
            at("work")
        ),
    );
    (bench, database)
}

fn export(bench: &Bench) -> Value {
    serde_json::from_str(&succeed(bench.hand(&["doctor", SITE, "--export"]))).unwrap()
}

/// The facts of a node with this name, in a file.
fn of_node(bench: &Bench, name: &str, facts: &Value) -> PathBuf {
    let mut facts = facts.clone();
    facts["node"] = json!(name);
    facts["host"] = json!(name);
    let path = bench.path(&format!("{name}.json"));
    fs::write(&path, facts.to_string()).unwrap();
    path
}

fn compare(bench: &Bench, files: &[&Path]) -> Output {
    let files = files.iter().map(|file| file.to_str().unwrap());
    let words: Vec<&str> = ["doctor", "--compare"].into_iter().chain(files).collect();
    output(bench.hand(&words))
}

/// The findings that are worse than ok: severity, check, sentence, what mends it.
fn findings(bench: &Bench, files: &[&Path]) -> Vec<[String; 4]> {
    let files = files.iter().map(|file| file.to_str().unwrap());
    let words: Vec<&str> = ["doctor", "--json", "--compare"].into_iter().chain(files).collect();
    found_in(&output(bench.hand(&words)))
}

fn found_in(output: &Output) -> Vec<[String; 4]> {
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let all = told["findings"].as_array().unwrap();
    let of = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let worse = all.iter().filter(|finding| finding["severity"] != "ok");
    worse.map(|f| ["severity", "check", "sentence", "mend"].map(|key| of(f, key))).collect()
}

/// Compares the nodes with these facts; the one finding that there must be.
fn only_finding(bench: &Bench, one: &Value, other: &Value) -> [String; 4] {
    let files = [of_node(bench, "node-a", one), of_node(bench, "node-b", other)];
    let found = findings(bench, &[&files[0], &files[1]]);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn an_export_is_the_same_each_time_and_holds_no_secret() {
    let (bench, _) = site();
    let text = succeed(bench.hand(&["doctor", SITE, "--export"]));
    assert!(!text.contains("hush"), "{text}");
    let mut facts: Value = serde_json::from_str(&text).unwrap();
    let mut again = export(&bench);
    for facts in [&mut facts, &mut again] {
        facts["taken"] = json!(0);
    }
    assert_eq!(facts, again);
    assert_eq!(facts["siteward_facts"], 1);
    assert_eq!(facts["not_known"], json!([]));
    // Each of them is there, and none of what only looks like one.
    let values = facts["definition"]["values"].as_object().unwrap();
    for key in ["environment.PASSWORD", "processes.serve.environment.KEY"] {
        let value = values[key].as_str().unwrap();
        assert!(value.starts_with('#') && value.len() == 5, "{key}: {value}");
    }
    assert_eq!(values["database"], bench.path("disk").display().to_string());
    let env = &facts["files"]["settings"][bench.path("env").to_str().unwrap()]["values"];
    assert!(env["TOKEN"].as_str().unwrap().starts_with('#'), "{env}");
    // A file that not everyone may read is no better known than a password.
    let secret =
        &facts["files"]["same_on_all_nodes"][bench.path("etc/secret.conf").to_str().unwrap()];
    assert_eq!(secret["content"]["fingerprint"].as_str().unwrap().len(), 5, "{secret}");
}

#[test]
fn equal_nodes_have_no_difference() {
    let (bench, _) = site();
    let facts = export(&bench);
    let files = [of_node(&bench, "node-a", &facts), of_node(&bench, "node-b", &facts)];
    let compared = compare(&bench, &[&files[0], &files[1]]);
    let text = said(&compared);
    assert_eq!(compared.status.code(), Some(0), "{text}");
    assert!(text.contains("facts were compared of node-a (") && text.contains("and node-b ("));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("no errors, no warnings\n"), "{text}");
    // With this node now, by one file alone or by `-`.
    for files in [&[&*files[0]][..], &[&files[0], Path::new("-")]] {
        let compared = compare(&bench, files);
        assert_eq!(compared.status.code(), Some(0), "{}", said(&compared));
    }
}

#[test]
fn each_difference_on_the_node_is_found() {
    let (bench, _) = site();
    let before = of_node(&bench, "node-b", &export(&bench));
    let definition = bench.places.config.join("shop.yaml");
    let text = fs::read_to_string(&definition).unwrap();
    let here = siteward::linux::node::name();
    let at = |name: &str| bench.path(name).display().to_string();
    let find = |what: &str, check: &str, severity: &str, parts: &[&str]| {
        let found = findings(&bench, &[&before]);
        let is_it = |f: &&[String; 4]| {
            f[1] == check
                && f[0] == severity
                && parts.iter().chain(&["node-b", &here]).all(|part| f[2].contains(part))
        };
        assert!(found.iter().any(|f| is_it(&f)), "{what}: {found:#?}");
        found.len()
    };
    let define = |from: &str, to: &str| {
        assert!(text.contains(from));
        fs::write(&definition, text.replace(from, to)).unwrap();
    };
    let key = "facts-definition";
    define("boot_timeout: 10s", "boot_timeout: 25");
    assert_eq!(find("a duration", key, "error", &["`boot_timeout`", "is 25s on", "is 10s on"]), 1);
    define("hush-in-site", "louder");
    assert_eq!(find("a secret", key, "error", &["`environment.PASSWORD`", "is #"]), 1);
    define("hush-in-argument", "louder");
    assert_eq!(find("an argument", key, "error", &["`processes.serve.command`"]), 1);
    define("settle: 50ms\n", "");
    assert_eq!(find("a key", key, "error", &["`settle`", "is not given on"]), 1);
    fs::write(&definition, format!("# Another comment\n{text}\n")).unwrap();
    assert_eq!(findings(&bench, &[&before]).len(), 0, "a comment is no difference");
    fs::write(&definition, &text).unwrap();

    let change = |name: &str, to: &str| fs::write(bench.path(name), to).unwrap();
    change("env", "TOKEN=louder\nCOLOUR=red\n");
    let token = format!("`TOKEN` in {}", at("env"));
    assert_eq!(find("a variable", "facts-settings", "warning", &[&token, "is #"]), 1);
    change("env", "TOKEN=hush-in-file\nCOLOUR=red\nMORE=1\n");
    assert_eq!(find("one more", "facts-settings", "warning", &["`MORE`", "not given"]), 1);
    change("env", "TOKEN=hush-in-file\nCOLOUR=red\n");
    change("etc/secret.conf", "password louder\n");
    let secret = at("etc/secret.conf");
    assert_eq!(find("a copy", "facts-file", "error", &[&secret, "has the content #"]), 1);
    change("etc/secret.conf", "password hush-in-conf\n");
    change("etc/shop.conf", "listen 8080\n");
    // It stands in a command too.
    let conf = at("etc/shop.conf");
    assert_eq!(find("a file", "facts-file", "warning", &[&conf, "named by a command"]), 2);
    change("etc/shop.conf", "listen 80\n");
    change("bin/serve", "#!/bin/sh\nexec sleep 2000\n");
    let serve = at("bin/serve");
    assert_eq!(find("a program", "facts-program", "warning", &[&serve, "has the content"]), 1);
    let mode =
        |mode| fs::set_permissions(bench.path("bin/serve"), fs::Permissions::from_mode(mode));
    mode(0o644).unwrap();
    assert_eq!(find("no x", "facts-program", "error", &[&serve, "is not executable on"]), 1);
    fs::remove_file(bench.path("bin/serve")).unwrap();
    find("no program", "facts-program", "error", &[&serve, "is missing on"]);
    change("bin/serve", "#!/bin/sh\nexec sleep 1000\n");
    mode(0o755).unwrap();
    fs::set_permissions(bench.path("work"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        find("a mode", "facts-folder", "warning", &[&at("work"), "mode 0700", "mode 0755"]),
        1
    );
    fs::remove_dir(bench.path("work")).unwrap();
    assert_eq!(find("no folder", "facts-folder", "error", &[&at("work"), "is missing on"]), 1);
    fs::create_dir(bench.path("work")).unwrap();
    fs::set_permissions(bench.path("work"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(findings(&bench, &[&before]).len(), 0, "all is as before");
}

#[test]
fn each_difference_between_two_nodes_is_found_alone_and_with_all_others() {
    let (bench, _) = site();
    let mut base = export(&bench);
    base["users"] = json!({
        "job": {"uid": 1005, "gid": 1005, "home": "/home/job", "groups": [1005], "same_id": []}
    });
    base["groups"] = json!({"jobs": 2000});
    base["locales"] = json!({"de_DE.UTF-8": true});
    base["services"] = json!({"607/tcp": ["nqs"]});
    base["mount"] = json!({"at": "/db", "kind": "ext4", "options": ["relatime", "rw"]});
    let sentence = |subject: &str, one: &str, other: &str, result: &str| {
        format!("{subject} {one} on node-a, and {other} on node-b{result}")
    };
    let reads = ": a job that changes node could not read its files";
    let at_group = ": a process that changes node could not use its group's files";
    let planted: Vec<(&str, Value, &str, String)> = vec![
        (
            "/users/job/uid",
            json!(1010),
            "error",
            sentence("the user `job`", "has id 1005", "has id 1010", reads),
        ),
        (
            "/users/job/gid",
            json!(7),
            "error",
            sentence("the group of the user `job`", "has id 1005", "has id 7", at_group),
        ),
        (
            "/users/job/home",
            json!("/srv"),
            "warning",
            sentence("the home of the user `job`", "is /home/job", "is /srv", ""),
        ),
        (
            "/users/job/groups",
            json!([1005, 4]),
            "warning",
            sentence("the supplementary groups of the user `job`", "are 1005", "are 1005,4", ""),
        ),
        (
            "/users/job/same_id",
            json!(["bob"]),
            "warning",
            sentence("the id of the user `job`", "is shared with nobody", "is shared with bob", ""),
        ),
        (
            "/groups/jobs",
            Value::Null,
            "error",
            sentence("the group `jobs`", "has id 2000", "is missing", at_group),
        ),
        (
            "/siteward/version",
            json!("9.9.9"),
            "warning",
            sentence(
                "siteward",
                &format!("has version {}", env!("CARGO_PKG_VERSION")),
                "has version 9.9.9",
                "",
            ),
        ),
        (
            "/limits/nofile",
            json!("1 2"),
            "warning",
            sentence(
                "the limit `nofile` (soft, hard)",
                &format!("is {}", base["limits"]["nofile"].as_str().unwrap()),
                "is 1 2",
                "",
            ),
        ),
        (
            "/sysctls/kernel.sem",
            json!("1 2 3 4"),
            "warning",
            sentence(
                "the kernel parameter kernel.sem",
                &format!("is {}", base["sysctls"]["kernel.sem"].as_str().unwrap()),
                "is 1 2 3 4",
                "",
            ),
        ),
        (
            "/system/time_zone",
            json!("Asia/Tokyo"),
            "warning",
            sentence(
                "the time zone",
                &format!("is {}", base["system"]["time_zone"].as_str().unwrap()),
                "is Asia/Tokyo",
                ": jobs would run at another hour after a failover",
            ),
        ),
        (
            "/system/c_library",
            json!("glibc 1"),
            "warning",
            sentence(
                "the C library",
                &format!("is {}", base["system"]["c_library"].as_str().unwrap()),
                "is glibc 1",
                "",
            ),
        ),
        (
            "/system/selinux",
            json!("permissive"),
            "warning",
            sentence(
                "SELinux",
                &format!("is {}", base["system"]["selinux"].as_str().unwrap()),
                "is permissive",
                "",
            ),
        ),
        (
            "/system/architecture",
            json!("m68k"),
            "error",
            sentence(
                "the architecture",
                &format!("is {}", base["system"]["architecture"].as_str().unwrap()),
                "is m68k",
                ": programs of one node could not run on the other",
            ),
        ),
        (
            "/locales/de_DE.UTF-8",
            json!(false),
            "warning",
            sentence("the locale de_DE.UTF-8", "is installed", "is not installed", ""),
        ),
        (
            "/services/607~1tcp",
            json!(["other"]),
            "warning",
            sentence("the name of 607/tcp in /etc/services", "is nqs", "is other", ""),
        ),
        (
            "/hosts/shop.example",
            json!(["10.0.0.1"]),
            "warning",
            sentence(
                "the answer of /etc/hosts for shop.example",
                "is not there",
                "is 10.0.0.1",
                "",
            ),
        ),
        (
            "/mount/options",
            json!(["noatime", "rw"]),
            "warning",
            sentence("the mount of /db", "is ext4 relatime,rw", "is ext4 noatime,rw", ""),
        ),
    ];
    let mut all = base.clone();
    for (place, value, severity, sentence) in &planted {
        let mut other = base.clone();
        for facts in [&mut other, &mut all] {
            *facts.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value.clone();
        }
        // Another version makes the name of its program another too.
        if *place == "/siteward/version" {
            let files = [of_node(&bench, "node-a", &base), of_node(&bench, "node-b", &other)];
            let found = findings(&bench, &[&files[0], &files[1]]);
            assert!(found.iter().any(|f| f[2] == *sentence), "{found:#?}");
            continue;
        }
        let found = only_finding(&bench, &base, &other);
        assert_eq!([&found[0], &found[2]], [*severity, sentence.as_str()]);
        assert!(found[1].starts_with("facts-"), "{found:?}");
    }
    let files = [of_node(&bench, "node-a", &base), of_node(&bench, "node-b", &all)];
    let found = findings(&bench, &[&files[0], &files[1]]);
    for (.., sentence) in &planted {
        assert!(found.iter().any(|f| f[2] == *sentence), "{sentence}: {found:#?}");
    }
    assert_eq!(compare(&bench, &[&files[0], &files[1]]).status.code(), Some(1));

    // What mends it names the node, and both ways where nobody knows which node is right.
    let mut other = base.clone();
    other["users"]["job"]["uid"] = json!(1010);
    let ways = "on node-a: usermod -u 1010 job, and chown the files of id 1005; or on node-b: usermod -u \
                1005 job, and chown the files of id 1010";
    assert_eq!(only_finding(&bench, &base, &other)[3], ways);
    other["users"]["job"] = Value::Null;
    let found = only_finding(&bench, &base, &other);
    assert_eq!(
        [&*found[2], &*found[3]],
        [
            &*format!("the user `job` has id 1005 on node-a, and is missing on node-b{reads}"),
            "on node-b: useradd -u 1005 job"
        ]
    );
}

#[test]
fn of_three_nodes_the_odd_one_is_named() {
    let (bench, _) = site();
    let mut base = export(&bench);
    let agent = "/usr/lib/ocf/resource.d/siteward/site";
    base["siteward"]["agents"][agent] = Value::Null;
    let mut odd = base.clone();
    odd["siteward"]["agents"][agent] =
        json!({"target": "/usr/sbin/siteward", "program": base["siteward"]["program"]});
    odd["sysctls"]["kernel.sem"] = json!("1 2 3 4");
    let files = [
        of_node(&bench, "node-a", &base),
        of_node(&bench, "node-b", &odd),
        of_node(&bench, "node-c", &base),
    ];
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let found = findings(&bench, &files);
    let lacking = found.iter().find(|f| f[1] == "facts-agent").unwrap();
    assert!(
        lacking[2].starts_with(&format!("the agent {agent} is there on node-b, and is missing on"))
    );
    assert_eq!(lacking[3], format!("on node-a and node-c: ln -sf /usr/sbin/siteward {agent}"));
    let sem = base["sysctls"]["kernel.sem"].as_str().unwrap();
    let found = found.iter().find(|f| f[1] == "facts-sysctl").unwrap();
    assert_eq!(
        found[2],
        format!(
            "the kernel parameter kernel.sem is 1 2 3 4 on node-b, and is {sem} on node-a and node-c"
        )
    );
    assert_eq!(
        found[3],
        format!("on node-b: sysctl -w kernel.sem='{sem}', and write that to /etc/sysctl.d")
    );
}

#[test]
fn a_file_that_holds_no_facts_is_refused_by_its_name() {
    let (bench, _) = site();
    let facts = export(&bench);
    let good = of_node(&bench, "node-a", &facts);
    let bad = bench.path("bad.json");
    let refused = |text: &[u8], part: &str| {
        fs::write(&bad, text).unwrap();
        let compared = compare(&bench, &[&good, &bad]);
        let words = said(&compared);
        assert!(!compared.status.success() && compared.stdout.is_empty(), "{words}");
        assert!(words.contains(part) && words.contains(bad.to_str().unwrap()), "{words}");
        assert!(!words.contains("panicked"), "{words}");
    };
    refused(b"", "it is empty");
    refused(b"\xff\xfe\x00", "UTF-8");
    refused(b"no JSON", "it is not JSON");
    refused(b"[]", "was not written by siteward");
    refused(b"{\"a\": 1}", "was not written by siteward");
    refused(b"{\"siteward_facts\": 1}", "it is incomplete");
    refused(b"{\"siteward_facts\": 2}", "it is of version 2");
    refused(b"{\"siteward_facts\": \"x\"}", "it is of version ?");
    refused(&[b'['; 100_000], "it is not JSON");
    refused(&vec![b' '; (8 << 20) + 1], "it is longer than");
    let whole = serde_json::to_vec(&facts).unwrap();
    refused(&whole[..whole.len() / 2], "it is not JSON");
    let mut other = facts.clone();
    other["site"] = json!("bank");
    refused(other.to_string().as_bytes(), "is of the site `bank`");
    fs::remove_file(&bad).unwrap();
    let compared = compare(&bench, &[&good, &bad]);
    assert!(said(&compared).contains("bad.json holds no facts to compare"), "{compared:?}");
    assert!(said(&compare(&bench, &[bench.path("sites").as_path(), &good])).contains("directory"));
    assert!(said(&compare(&bench, &[Path::new("-")])).contains("needs the file of another node"));

    // Two files of one node say nothing of another one.
    fs::copy(&good, bench.path("copy.json")).unwrap();
    let compared = compare(&bench, &[&good, &bench.path("copy.json")]);
    assert!(![Some(0), Some(1)].contains(&compared.status.code()), "only a warning");
    assert!(said(&compared).contains("are of one node, node-a"), "{}", said(&compared));
    // What a file says cannot steer a terminal.
    let mut other = facts;
    other["system"]["kernel"] = json!("\u{1b}[2J\u{7}evil");
    let other = of_node(&bench, "node-b", &other);
    let words = said(&compare(&bench, &[&good, &other]));
    assert!(words.contains("evil") && !words.contains('\u{1b}') && !words.contains('\u{7}'));
}

#[test]
fn a_start_leaves_the_facts_on_the_database_and_doctor_compares_with_them() {
    let (bench, database) = site();
    let folder = database.join(".siteward/facts");
    succeed(bench.hand(&["start", SITE]));
    until("the facts are there", || {
        fs::read_dir(&folder).is_ok_and(|mut all| all.next().is_some())
    });
    let here = siteward::linux::node::name();
    let own = folder.join(format!("{here}.json"));
    until("the facts are whole", || own.exists());
    assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let facts: Value = serde_json::from_slice(&fs::read(&own).unwrap()).unwrap();
    assert!(!facts.to_string().contains("hush"), "{facts}");
    assert_eq!([&facts["node"], &facts["taken_by"]], [&json!(here), &json!("start")]);
    let found = || {
        let told = output(bench.hand(&["doctor", SITE, "--json"]));
        let all = found_in(&told).into_iter().filter(|f| f[1].starts_with("facts"));
        all.collect::<Vec<_>>()
    };
    assert_eq!(found().len(), 0, "this node alone: {:#?}", found());

    // As another node has left it, three hours ago, and limits of a start are not those of a shell.
    let mut other = facts.clone();
    other["node"] = json!("node-b");
    other["host"] = json!("node-b");
    other["taken"] = json!(facts["taken"].as_i64().unwrap() - 3 * 3600);
    other["limits"]["nofile"] = json!("1 2");
    let theirs = folder.join("node-b.json");
    fs::write(&theirs, other.to_string()).unwrap();
    assert_eq!(found().len(), 0, "{:#?}", found());
    // This node need not be a healthy one.
    let told = said(&output(bench.hand(&["doctor", SITE])));
    assert!(told.contains("and node-b (3 hours ago)"), "{told}");
    other["sysctls"]["kernel.sem"] = json!("1 2 3 4");
    fs::write(&theirs, other.to_string()).unwrap();
    let differing = found();
    assert_eq!(differing.len(), 1, "{differing:#?}");
    assert!(differing[0][2].contains("1 2 3 4 on node-b (3 hours ago)"), "{differing:?}");

    // A definition that was changed since may have been changed there too.
    let definition = bench.places.config.join("shop.yaml");
    let text = fs::read_to_string(&definition).unwrap();
    fs::write(&definition, text.replace("boot_timeout: 10s", "boot_timeout: 20s")).unwrap();
    let changed = found();
    let changed = changed.iter().find(|f| f[1] == "facts-definition").unwrap();
    assert!(
        changed[0] == "warning" && changed[3].contains("ssh node-b siteward doctor shop --export")
    );
    fs::write(&definition, text).unwrap();

    // What is no facts is told, and the rest is compared.
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    symlink("/etc/passwd", folder.join("link.json")).unwrap();
    fs::write(folder.join("half.json"), &other.to_string()[..100]).unwrap();
    let names = ["notes.txt", "link.json", "half.json"];
    let found = found();
    assert_eq!(found.len(), 4, "{found:#?}");
    for name in names {
        assert!(found.iter().any(|f| f[0] == "warning" && f[2].contains(name)), "{found:#?}");
    }
    succeed(bench.hand(&["stop", SITE]));
    nothing_is_left(&bench, SITE, "stopped");
}

#[test]
fn a_link_in_the_place_of_the_facts_is_not_followed_and_the_site_starts() {
    let (bench, database) = site();
    let victim = bench.path("victim");
    fs::create_dir(&victim).unwrap();
    fs::create_dir(database.join(".siteward")).unwrap();
    fs::set_permissions(database.join(".siteward"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&victim, database.join(".siteward/facts")).unwrap();
    succeed(bench.hand(&["start", SITE]));
    until("it is told", || {
        bench
            .log(SITE, "siteward.log")
            .contains("the facts of this node are not left on the database")
    });
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    succeed(bench.hand(&["stop", SITE]));
}

#[test]
fn a_wrapped_site_leaves_its_facts_too_and_its_users_and_settings_are_compared() {
    let center = Jobcenter::new("testsite");
    succeed(center.hand(&["start", "testsite"]));
    let here = siteward::linux::node::name();
    let own = center.database.join(format!(".siteward/facts/{here}.json"));
    until("the facts are there", || own.exists());
    let facts: Value = serde_json::from_slice(&fs::read(&own).unwrap()).unwrap();
    let conf = center.root.join("rc/daemon.conf");
    let settings = &facts["files"]["settings"][conf.to_str().unwrap()]["values"];
    assert_eq!(settings["local_daemon"], "SITE", "{facts:#}");
    let cjcpw = center.root.join("cluster/cjcpw");
    assert!(facts["files"]["programs"][cjcpw.to_str().unwrap()]["content"]["sha256"].is_string());
    assert!(facts["services"]["607/tcp"].is_array());
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}
