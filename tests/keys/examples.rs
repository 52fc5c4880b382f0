//! The files below examples/keys, each of them started for real.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{all_paths, as_json, at};
use crate::common::*;
use crate::jobcenter::Jobcenter;

pub(crate) fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(at("examples/keys")).unwrap().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

/// Each file with the test that starts it.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("times", || lives("times", "running", &[])),
    ("disk", || lives("disk", "running", &[])),
    ("order", || lives("order", "running", &[])),
    ("ready", || lives("ready", "running", &[])),
    ("health", || lives("health", "running", &[])),
    ("stopping", || lives("stopping", "running", &[("reload", "running")])),
    ("settings", || lives("settings", "running", &[])),
    ("logging", || lives("logging", "running", &[])),
    ("telling", || lives("telling", "running", &[])),
    ("work", || lives("work", "running", &[])),
    ("ports", || lives("ports", "running", &[])),
    ("maintenance", || lives("maintenance", "maintenance", &[("resume", "running")])),
    ("supervisor", || {
        lives("supervisor", "running", &[("pause", "maintenance"), ("resume", "running")]);
    }),
    ("jobcenter", jobcenter),
    ("supervisord", || {
        lives("supervisord", "running", &[("pause", "maintenance"), ("resume", "running")]);
    }),
    ("runit", || lives("runit", "running", &[("pause", "maintenance"), ("resume", "running")])),
    ("unit", || lives("unit", "running", &[("pause", "maintenance"), ("resume", "running")])),
];

/// The paths of the keys that a value has, as the table writes them.
fn collect(value: &Value, path: &str, table: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let named = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let here = if table.contains(&named) { named } else { format!("{path}.*") };
                if table.contains(&here) {
                    found.insert(here.clone());
                    collect(value, &here, table, found);
                } else {
                    assert!(path.is_empty() && key.starts_with("x-"), "{here} is not in the table");
                }
            }
        }
        Value::Array(items) => {
            let here = format!("{path}[]");
            for item in items.iter().filter(|_| table.contains(&here)) {
                found.insert(here.clone());
                collect(item, &here, table, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn each_key_stands_in_one() {
    let table = all_paths();
    let mut found = BTreeSet::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        collect(&as_json(&text).unwrap(), "", &table, &mut found);
    }
    let missing: Vec<&String> = table.difference(&found).collect();
    assert!(missing.is_empty(), "no example has: {missing:?}");
    let names: Vec<String> = files()
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut started: Vec<&str> = TESTS.iter().map(|(file, _)| *file).collect();
    started.sort_unstable();
    assert_eq!(names, started, "each example is started");
    let page = fs::read_to_string(at("examples/keys/README.md")).unwrap();
    for name in names {
        assert!(page.contains(&format!("({name}.yaml)")), "{name} is not in the README");
    }
}

/// A supervisor that stays, starts one process, and knows of a pause.
const KEEPER: &str = r#"#!/bin/sh
here=$(dirname "$0")
case $1 in
start)
	trap 'kill $child 2>/dev/null; rm -f "$here/up"; exit 0' TERM
	trap 'sleep infinity & child=$!; touch "$here/up"' USR1
	sleep infinity &
	child=$!
	echo $$ >"$here/keeper.pid"
	touch "$here/up"
	while :; do
		wait
		sleep 0.1
	done
	;;
pause) rm -f "$here/up" && pkill -P "$(cat "$here/keeper.pid")" sleep ;;
resume) kill -USR1 "$(cat "$here/keeper.pid")" ;;
stop) kill "$(cat "$here/keeper.pid")" ;;
status) test -e "$here/up" || exit 3 ;;
esac
"#;

/// A systemctl for a machine that has no systemd: it says of the unit what it was told last.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=$(dirname "$0")
case $1 in
start) echo active >"$here/unit" ;;
stop) echo inactive >"$here/unit" ;;
show) printf 'Id=example.service\nLoadState=loaded\nActiveState=%s\n' "$(cat "$here/unit" 2>/dev/null || echo inactive)" ;;
esac
"#;

/// What the examples of the profiles need.
fn make_supervisors(folder: &Path) {
    let at = folder.display();
    let executable = |file: PathBuf, text: &str| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    executable(folder.join("systemctl"), SYSTEMCTL);
    executable(folder.join("services/web/run"), "#!/bin/sh\nexec sleep infinity\n");
    let config = format!(
        "[unix_http_server]\nfile={at}/sock\n[supervisord]\nlogfile={at}/log\npidfile={at}/pid\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{at}/sock\n\
         [program:web]\ncommand=/bin/sleep infinity\n[program:store]\ncommand=/bin/sleep infinity\n"
    );
    fs::write(folder.join("supervisord.conf"), config).unwrap();
}

/// The example, with a folder and a port of the test's own.
fn text_of(file: &str, bench: &Bench) -> String {
    let folder = bench.path("example");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let text = fs::read_to_string(at(&format!("examples/keys/{file}.yaml"))).unwrap();
    let mut text = text
        // The root of the node is mounted everywhere, and this address is its own.
        .replace("mounted: /mnt/example ", "mounted: / ")
        .replace("192.0.2.10", "127.0.0.1")
        .replace("/mnt/example", &folder.display().to_string())
        .replace("8080", &port);
    if !is_root() {
        // Only root can start what is another user's.
        let user = std::process::Command::new("id").arg("-un").output().unwrap();
        let group = std::process::Command::new("id").arg("-gn").output().unwrap();
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        for (key, mine, others) in [
            ("user", name(&user.stdout), ["nobody", "daemon"]),
            ("group", name(&group.stdout), ["nogroup", "daemon"]),
        ] {
            for other in others {
                text = text.replace(&format!("{key}: {other}\n"), &format!("{key}: {mine}\n"));
            }
        }
    }
    text
}

/// The example reaches the state, and another one by each of the verbs, and is stopped.
fn lives(file: &str, state: &str, verbs: &[(&str, &str)]) {
    let bench = Bench::new();
    let folder = bench.path("example");
    fs::create_dir_all(folder.join("disk")).unwrap();
    fs::write(folder.join("env"), "SHOP=1\n").unwrap();
    fs::write(folder.join("keeper"), KEEPER).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder.join("keeper"), fs::Permissions::from_mode(0o755)).unwrap();
    make_supervisors(&folder);
    let definition = bench.places.config.join(format!("{file}.yaml"));
    fs::write(definition, text_of(file, &bench)).unwrap();
    succeed(bench.hand(&["validate-all", file]));
    for (verb, state) in [("start", state)].iter().chain(verbs) {
        let words: &[&str] = if *verb == "reload" { &[] } else { &["--timeout", "20s"] };
        succeed(bench.hand(&[&[*verb, file], words].concat()));
        let shown = succeed(bench.hand(&["status", file]));
        assert!(shown.lines().next().unwrap_or_default().contains(state), "{verb}: {shown}");
    }
    succeed(bench.hand(&["stop", file, "--timeout", "20s"]));
    nothing_is_left(&bench, file, file);
}

/// JobCenter, by the stand-in for its programs.
fn jobcenter() {
    let center = Jobcenter::new("jobcenter");
    let (root, database) = (center.root.display(), center.database.display());
    let text = fs::read_to_string(at("examples/keys/jobcenter.yaml")).unwrap();
    let text = text
        .replace("/mnt/example/disk", &database.to_string())
        .replace("/usr/lib/nqs", &root.to_string())
        .replace("/usr/spool/nqs", &format!("{root}/spool"))
        // The test has no disk of its own.
        + "prerequisites: {mounted: false}\n";
    fs::write(center.bench.places.config.join("jobcenter.yaml"), text).unwrap();
    succeed(center.hand(&["start", "jobcenter", "--timeout", "20s"]));
    let shown = succeed(center.hand(&["status", "jobcenter"]));
    assert!(shown.lines().next().unwrap_or_default().contains("running"), "{shown}");
    succeed(center.hand(&["stop", "jobcenter", "--timeout", "20s"]));
    assert_eq!(center.living(), "");
}
