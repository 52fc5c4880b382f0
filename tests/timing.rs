//! `timing`: how long a failover takes, by the numbers of the documents, of a CIB, and of a history; and what
//! managers have configured against what `generate` advises.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::*;
use serde_json::Value;
use siteward::operator::settings::{SettingDifference, SettingsSource, differences, read_settings};
use siteward::site::load;
use siteward::values::Moment;

/// The registration of the cluster manual of JobCenter, section 6.2.3.3, as `crsctl stat res -p` prints it.
const MANUAL: &str = "NAME=jobcenter_res\nTYPE=cluster_resource\n\
    ACTION_SCRIPT=/opt/oracle/cluster/scripts/as_jobcenter.sh\nCHECK_INTERVAL=30\nPLACEMENT=restricted\n\
    RESTART_ATTEMPTS=1\nSCRIPT_TIMEOUT=300\nSTART_TIMEOUT=600\nSTOP_TIMEOUT=600\nUPTIME_THRESHOLD=1h\n\
    START_DEPENDENCIES=hard(jobcenter_vip)pullup(jobcenter_vip)\nSTOP_DEPENDENCIES=hard(jobcenter_vip)\n\n\
    NAME=jobcenter_vip\nTYPE=app.appvip.type\nUSR_ORA_VIP=10.10.100.100\n";

/// The head of its action script.
const SCRIPT: &str = "#!/bin/sh\ncjccmd=\"/usr/lib/nqs/cluster/cjcpw\"\nsitename=\"testsite\"\n\
    sitepath=\"/mnt/jobdb\"\ncountmax=18\ncountsleep=10\n";

const WRAPPED: &str = "database: /mnt/jobdb\naddress: 10.10.100.100\nsupervisor: jobcenter\n\
    boot_timeout: 180s\nstop_timeout: 180s\n";

fn json(text: &str) -> Value {
    let all: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(all["schema"], 1);
    assert_eq!(all["reports"].as_array().map(Vec::len), Some(1), "{text}");
    all["reports"][0].clone()
}

/// The worst time of a path, in seconds.
fn worst(report: &Value, path: &str) -> u64 {
    let paths = report["paths"].as_array().expect("paths");
    let found = paths.iter().find(|p| p["path"] == path).expect(path);
    found["worst_ms"].as_u64().expect("a number") / 1000
}

fn phase<'a>(report: &'a Value, name: &str) -> &'a Value {
    let phases = report["phases"].as_array().expect("phases");
    phases.iter().find(|p| p["phase"] == name).expect(name)
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// 30 s until the check, 120 s of `-stop` in it, 300 s of clean, 180 s of a start that fails, 300 s of clean and
/// 180 s of the start on the other node.
#[test]
fn the_numbers_of_the_documents_give_their_worst_case() {
    let bench = Bench::new();
    let (script, resources) = (bench.path("as_jobcenter.sh"), bench.path("crsctl.txt"));
    fs::write(&script, SCRIPT).unwrap();
    fs::write(&resources, MANUAL).unwrap();
    let words = ["timing", "--script", script.to_str().unwrap()];
    let with_file = [&words[..], &["--crsctl", resources.to_str().unwrap()]].concat();
    let report = json(&succeed(bench.hand(&[&with_file[..], &["--json"]].concat())));
    assert_eq!(worst(&report, "fail-over"), 1110);
    assert_eq!(worst(&report, "recover-here"), 630);
    assert_eq!(worst(&report, "move"), 480);
    let first = &report["changes"][0];
    assert_eq!(
        (&first["number"], &first["from"], &first["to"]),
        (&"RESTART_ATTEMPTS".into(), &"1".into(), &"0".into())
    );
    assert_eq!(
        (first["saves_ms"].as_u64(), first["worst_after_ms"].as_u64()),
        (Some(480_000), Some(630_000))
    );
    // Without the registration, the one of the manual is assumed.
    let assumed = json(&succeed(bench.hand(&[&words[..], &["--json"]].concat())));
    assert_eq!(worst(&assumed, "fail-over"), 1110);
    let text = succeed(bench.hand(&with_file));
    for wanted in [
        "`jobcenter_res`, by ",
        "CHECK_INTERVAL 30 s, then `cjcpw -stop` in the check 120 s",
        "a client that waits 300 s for a failover gives up before the worst one is over, which takes 1110 s",
        "CHANGE FIRST: RESTART_ATTEMPTS from 1 to 0, which saves 480 s: at worst 630 s are left",
        "crsctl modify resource jobcenter_res -attr \"RESTART_ATTEMPTS=0\"",
        "with siteward in the place of the script",
    ] {
        assert!(text.contains(wanted), "`{wanted}` in\n{text}");
    }
    // Other numbers, other sums.
    fs::write(&script, SCRIPT.replace("countmax=18", "countmax=\"6\"")).unwrap();
    let quick = json(&succeed(bench.hand(&[&with_file[..], &["--json"]].concat())));
    assert_eq!(worst(&quick, "fail-over"), 30 + 120 + 180 + 60 + 180 + 60);
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    let refused = output(bench.hand(&with_file));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("has no line `countmax=NUMBER`"), "{}", said(&refused));
}

#[test]
fn a_site_in_clusterware_is_found_by_its_link_and_by_its_name() {
    let bench = Bench::new();
    bench.define("testsite", WRAPPED);
    let tools = bench.path("grid/bin");
    fs::create_dir_all(&tools).unwrap();
    let printed =
        MANUAL.replace("/opt/oracle/cluster/scripts/as_jobcenter.sh", "/opt/siteward/crs/testsite");
    let crsctl = tools.join("crsctl");
    executable(
        &crsctl,
        &format!("#!/bin/sh\n[ \"$*\" = 'stat res -p' ] || exit 9\ncat <<'END'\n{printed}END\n"),
    );
    let timing = |extra: &[&str]| {
        let mut command = bench.hand(&[&["timing", "testsite"], extra].concat());
        command.env("CRS_HOME", bench.path("grid"));
        command
    };
    let report = json(&succeed(timing(&["--json"])));
    assert_eq!(report["resource"], "jobcenter_res");
    assert_eq!(report["source"], "crsctl stat res -p");
    assert!(worst(&report, "fail-over") < 600, "siteward stops sooner than the script: {report}");
    assert_eq!(report["limits"][0]["is_enough"], true);

    executable(
        &crsctl,
        &format!(
            "#!/bin/sh\ncat <<'END'\n{}END\n",
            printed.replace("START_TIMEOUT=600", "START_TIMEOUT=60")
        ),
    );
    let text = succeed(timing(&[]));
    assert!(
        text.contains("TOO SMALL: START_TIMEOUT must be at least 220 s, and is 60 s"),
        "{text}"
    );
    assert!(
        text.contains("crsctl modify resource jobcenter_res -attr \"START_TIMEOUT=220\""),
        "{text}"
    );

    // A tool that hangs is killed, and what is left is computed.
    executable(&crsctl, "#!/bin/sh\nsleep 1031.7 & sleep 1031.7\n");
    let begun = Instant::now();
    let text = succeed(timing(&["--timeout", "1s"]));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(
        text.contains("`crsctl stat res -p` did not end in its time, and was killed"),
        "{text}"
    );
    assert!(text.contains("of which nothing is configured here"), "{text}");
    executable(
        &crsctl,
        "#!/bin/sh\necho CRS-4639: Could not contact Oracle High Availability Services\nexit 1\n",
    );
    let text = succeed(timing(&[]));
    assert!(text.contains("CRS-4639: Could not contact"), "{text}");
}

/// A CIB with one site in a group behind its disk and its address, as `generate` advises it.
const CIB: &str = r#"<cib><configuration>
 <crm_config><cluster_property_set id="p"><nvpair id="p1" name="stonith-timeout" value="20s"/></cluster_property_set></crm_config>
 <resources>
  <primitive id="power" class="stonith" type="fence_lab"/>
  <group id="g">
   <primitive id="disk" class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="d"><nvpair id="d1" name="directory" value="/mnt/shop"/></instance_attributes></primitive>
   <primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"><instance_attributes id="i"><nvpair id="i1" name="ip" value="10.1.2.3"/></instance_attributes></primitive>
   <primitive id="shop" class="ocf" provider="siteward" type="site">
    <instance_attributes id="s"><nvpair id="s1" name="site" value="shop"/></instance_attributes>
    <operations>
     <op id="o1" name="start" interval="0" timeout="240s"/>
     <op id="o2" name="stop" interval="0" timeout="360s"/>
     <op id="o3" name="monitor" interval="1s" timeout="40s"/>
    </operations>
    <meta_attributes id="m"><nvpair id="m1" name="migration-threshold" value="2"/><nvpair id="m2" name="failure-timeout" value="1h"/></meta_attributes>
   </primitive>
  </group>
 </resources>
</configuration></cib>
"#;

const SHOP: &str = "database: /mnt/shop\naddress: 10.1.2.3\nboot_timeout: 200s\nstop_timeout: 300s\nforcekill_time: 5s\n\
    processes:\n  x: {command: [ACT, steady], stop_grace_period: 20s}\n  y: {command: [ACT, steady]}\n";

#[test]
fn a_site_in_pacemaker_is_computed_from_its_cib() {
    let bench = Bench::new();
    bench.define("shop", SHOP);
    let cib = bench.path("cib.xml");
    fs::write(&cib, CIB).unwrap();
    let timing = |cib: &str, extra: &[&str]| {
        fs::write(bench.path("cib.xml"), cib).unwrap();
        let file = bench.path("cib.xml");
        let words = [&["timing", "shop", "--cib", file.to_str().unwrap()], extra].concat();
        succeed(bench.hand(&words))
    };
    let report = json(&timing(CIB, &["--json"]));
    assert_eq!(report["manager"], "Pacemaker");
    let ms = |name: &str| phase(&report, name)["worst_ms"].as_u64().unwrap();
    assert_eq!(ms("notice"), 41_000);
    assert_eq!(phase(&report, "notice")["usual_ms"], 0, "a monitor is held");
    // y has 10 s and x 20 s, each with 5 s to SIGKILL; then 7 s.
    assert_eq!(ms("stop"), 47_000);
    assert_eq!(ms("start"), 200_000);
    assert_eq!(ms("lose-node"), 20_000);
    assert_eq!(worst(&report, "recover-here"), 41 + 47 + 200);
    assert_eq!(worst(&report, "move"), 247);
    assert_eq!(report["changes"][0]["number"], "migration-threshold");

    let short = timing(&CIB.replace("timeout=\"240s\"", "timeout=\"60s\""), &[]);
    assert!(
        short.contains("TOO SMALL: op start timeout must be at least 240 s, and is 60 s"),
        "{short}"
    );
    assert!(short.contains("pcs resource update shop op start timeout=240s"), "{short}");
    assert!(
        short.contains("op start timeout 60 s less the time to undo it, which is shorter than boot_timeout 200 s"),
        "{short}"
    );
    let polled = CIB.replace(
        "name=\"site\" value=\"shop\"/>",
        "name=\"site\" value=\"shop\"/><nvpair id=\"s2\" name=\"monitor_wait\" value=\"0\"/>",
    );
    let polled = json(&timing(&polled.replace("interval=\"1s\"", "interval=\"30s\""), &["--json"]));
    assert_eq!(phase(&polled, "notice")["usual_ms"], 15_000, "half of the interval");
    let blind = json(&timing(&CIB.replace("name=\"monitor\"", "name=\"validate\""), &["--json"]));
    assert_eq!(phase(&blind, "notice")["worst_ms"], "never");
    let other = output(bench.hand(&[
        "timing",
        "shop",
        "--cib",
        cib.to_str().unwrap(),
        "--resource",
        "nobody",
    ]));
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    fs::write(&cib, "<cib>").unwrap();
    let broken = output(bench.hand(&["timing", "shop", "--cib", cib.to_str().unwrap()]));
    assert!(said(&broken).contains("is no configuration of Pacemaker"), "{}", said(&broken));
}

#[test]
fn what_was_measured_is_told_beside_it() {
    let bench = Bench::new();
    bench.define(
        "shop",
        "boot_timeout: 100s\nstop_timeout: 100s\nprocesses:\n  x: {command: [ACT, steady], ready: {delay: 200ms}}\n",
    );
    let timing = || json(&succeed(bench.hand(&["timing", "shop", "--json"])));
    assert!(phase(&timing(), "start")["measured"].is_null());
    for _ in 0..3 {
        succeed(bench.hand(&["start", "shop"]));
        succeed(bench.hand(&["stop", "shop"]));
    }
    let report = timing();
    let measured = &phase(&report, "start")["measured"];
    assert_eq!(measured["count"], 3);
    let (median, slowest) =
        (measured["median_ms"].as_u64().unwrap(), measured["slowest_ms"].as_u64().unwrap());
    assert!((200..=slowest).contains(&median) && slowest < 20_000, "{measured}");
    assert_eq!(phase(&report, "start")["usual_ms"].as_u64(), Some(median));
    assert_eq!(phase(&report, "stop")["measured"]["count"], 3);
    let times = 100_000 / slowest;
    let said_so = format!("boot_timeout (100 s) is {times} times the slowest of 3 starts");
    let sentences = report["sentences"].as_array().unwrap();
    assert!(sentences.iter().any(|s| s.as_str().unwrap().starts_with(&said_so)), "{sentences:?}");
}

#[test]
fn it_is_readable_at_every_width() {
    let bench = Bench::new();
    bench.define("shop", SHOP);
    for width in [40, 64, 80, 200] {
        let mut command = bench.hand(&["timing", "shop"]);
        command.env("COLUMNS", width.to_string());
        let text = succeed(command);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: `{line}`");
        }
        assert_eq!(text.contains("PHASE "), width >= 64, "{text}");
        assert!(text.contains("the same node recovers"), "{text}");
    }
}

/// Each fault, planted alone, is found alone.
#[test]
fn what_differs_from_what_is_advised_is_found() {
    let bench = Bench::new();
    bench.define("shop", SHOP);
    let name = "shop".parse().unwrap();
    let definition = load(&bench.places, &name).unwrap();
    let file = bench.path("cib.xml");
    let found = |cib: &str| -> Vec<SettingDifference> {
        fs::write(&file, cib).unwrap();
        let source = SettingsSource { cib: Some(file.clone()), ..SettingsSource::default() };
        let until = Moment::now() + Duration::from_secs(5);
        let read = read_settings(&name, Some(&definition), &source, until);
        assert!(read.failures.is_empty(), "{:?}", read.failures);
        differences(&definition, &read.found[0])
    };
    let names = |cib: &str| found(cib).into_iter().map(|d| d.name).collect::<Vec<_>>();
    assert_eq!(names(CIB), [""; 0], "what is advised has no fault");
    let meta = |pair: &str| format!("<meta_attributes id=\"m\">{pair}");
    let property =
        |pair: &str| CIB.replace("<nvpair id=\"p1\"", &format!("{pair}<nvpair id=\"p1\""));
    let ip = "<primitive id=\"ip\" class=\"ocf\" provider=\"heartbeat\" type=\"IPaddr2\"><instance_attributes id=\"i\"><nvpair id=\"i1\" name=\"ip\" value=\"10.1.2.3\"/></instance_attributes></primitive>";
    let without_ip = CIB.replace(ip, "");
    let planted = [
        (CIB.replace("timeout=\"240s\"", "timeout=\"20s\""), "shop, op start timeout"),
        (CIB.replace("<op id=\"o2\" name=\"stop\" interval=\"0\" timeout=\"360s\"/>", ""), "shop, op stop timeout"),
        (CIB.replace("<op id=\"o3\" name=\"monitor\" interval=\"1s\" timeout=\"40s\"/>", ""), "shop, op monitor"),
        (CIB.replace("interval=\"1s\"", "interval=\"1min\""), "shop, op monitor interval"),
        (CIB.replace("timeout=\"40s\"", "timeout=\"20s\""), "shop, op monitor timeout"),
        (CIB.replace("value=\"2\"", "value=\"INFINITY\""), "shop, migration-threshold"),
        (CIB.replace("value=\"1h\"", "value=\"0\""), "shop, failure-timeout"),
        (CIB.replace("timeout=\"40s\"", "timeout=\"40s\" on-fail=\"ignore\""), "shop, op monitor on-fail"),
        (CIB.replace("timeout=\"360s\"", "timeout=\"360s\" on-fail=\"ignore\""), "shop, op stop on-fail"),
        (CIB.replace("<meta_attributes id=\"m\">", &meta("<nvpair id=\"x\" name=\"is-managed\" value=\"false\"/>")), "shop, is-managed"),
        (CIB.replace("<meta_attributes id=\"m\">", &meta("<nvpair id=\"x\" name=\"target-role\" value=\"Stopped\"/>")), "shop, target-role"),
        (property("<nvpair id=\"x\" name=\"maintenance-mode\" value=\"true\"/>"), "shop, maintenance"),
        (property("<nvpair id=\"x\" name=\"stonith-enabled\" value=\"false\"/>"), "shop, stonith-enabled"),
        (property("<nvpair id=\"x\" name=\"no-quorum-policy\" value=\"ignore\"/>"), "shop, no-quorum-policy"),
        (CIB.replace("class=\"stonith\"", "class=\"ocf\""), "shop, fence device"),
        (CIB.replace("</configuration>", "<constraints><rsc_location id=\"cli-ban-shop\" rsc=\"shop\" node=\"n\" score=\"-INFINITY\"/></constraints></configuration>"), "shop, constraint"),
        (CIB.replace("value=\"/mnt/shop\"", "value=\"/mnt/other\""), "shop, disk /mnt/shop"),
        (without_ip.clone(), "shop, address 10.1.2.3"),
        (without_ip.replace("  </group>", &format!("{ip}</group>")), "shop, address 10.1.2.3"),
        (without_ip.replace("  <group", &format!("{ip}<group")), "shop, address 10.1.2.3"),
    ];
    for (cib, wanted) in &planted {
        assert_ne!(cib, CIB, "{wanted} is planted");
        let found = found(cib);
        assert!(!found.is_empty(), "{wanted}");
        for difference in &found {
            assert_eq!(&difference.name, wanted, "alone");
            assert!(!difference.why.is_empty() && !difference.mend.is_empty(), "{difference:?}");
        }
    }
}

/// JobCenter's manual, 6.2.3.3 (CRS-10, CRS-15): each timeout of a resource against what the site needs.
#[test]
fn the_timeouts_of_clusterware_are_compared_with_what_the_site_needs() {
    let bench = Bench::new();
    bench.define("testsite", WRAPPED);
    let name = "testsite".parse().unwrap();
    let definition = load(&bench.places, &name).unwrap();
    let file = bench.path("resource");
    let found = |add: &str, from: &str, to: &str| {
        assert!(MANUAL.contains(from), "{from}");
        let text = MANUAL.replace(from, to).replacen("\n\n", &format!("\n{add}\n\n"), 1);
        fs::write(&file, text).unwrap();
        let source = SettingsSource { crsctl: Some(file.clone()), ..SettingsSource::default() };
        let until = Moment::now() + Duration::from_secs(5);
        let read = read_settings(&name, Some(&definition), &source, until);
        assert!(read.failures.is_empty(), "{:?}", read.failures);
        differences(&definition, &read.found[0])
    };
    let timeouts = |add: &str, from: &str, to: &str| -> Vec<String> {
        let all = found(add, from, to).into_iter();
        let all = all.filter(|d| d.name.ends_with("_TIMEOUT"));
        all.map(|d| format!("{} = {}: {}", d.name, d.configured, d.mend)).collect()
    };
    assert_eq!(timeouts("", "NAME", "NAME"), [""; 0], "those of the manual are long enough");
    for (add, from, to, wanted, mend) in [
        ("", "START_TIMEOUT=600", "START_TIMEOUT=60", "START_TIMEOUT = 60 s", "START_TIMEOUT=220"),
        ("", "STOP_TIMEOUT=600", "STOP_TIMEOUT=60", "STOP_TIMEOUT = 60 s", "STOP_TIMEOUT="),
        ("CLEAN_TIMEOUT=30", "NAME", "NAME", "CLEAN_TIMEOUT = 30 s", "CLEAN_TIMEOUT="),
        ("CHECK_TIMEOUT=5", "NAME", "NAME", "CHECK_TIMEOUT = 5 s", "CHECK_TIMEOUT=60"),
        (
            "",
            "SCRIPT_TIMEOUT=300",
            "SCRIPT_TIMEOUT=20",
            "SCRIPT_TIMEOUT = 20 s",
            "SCRIPT_TIMEOUT=60",
        ),
    ] {
        let told = timeouts(add, from, to);
        let [one] = &told[..] else { panic!("{wanted}: {told:?}") };
        assert!(one.contains(wanted) && one.contains(mend), "{wanted}: {one}");
    }
}
