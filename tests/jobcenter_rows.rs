//! What JobCenter's manual says of a site, row by row, shown with the stand-in: each test names its sections (R15.2,
//! "Guide for using Cluster function").

mod common;
mod jobcenter;

use std::fs;

use common::*;
use jobcenter::Jobcenter;
use siteward::values::Signal;

const DEEP: (&str, &str) = ("OCF_CHECK_LEVEL", "10");

/// 2.1.4 (PROC-01, PROC-04): nqsdaemon forks, netdaemon is its child, and of two jnwcaster the parent is watched.
#[test]
fn of_processes_of_one_name_those_count_that_cjcpw_watches() {
    let center = Jobcenter::new("testsite");
    center.switch("forks", "");
    center.switch("blind", "");
    succeed(center.hand(&["start", "testsite"]));
    let deep = || output(center.bench.ocf("testsite", "monitor", &[DEEP]));
    let status = || said(&output(center.hand(&["status", "testsite"])));
    let seen = status();
    let kinds = ["nqsdaemon", "nqsdaemon-fork", "netdaemon", "jnwcaster", "jnwcaster-child"];
    for kind in kinds {
        assert!(seen.contains(&format!("  {kind} ")), "{kind}: {seen}");
    }
    assert_eq!(deep().status.code(), Some(0), "{}", said(&deep()));
    // A fork is not nqsdaemon.
    signal(center.daemon("nqsdaemon-fork"), Signal::KILL);
    until("it is gone", || !status().contains("nqsdaemon-fork"));
    assert_eq!(deep().status.code(), Some(0), "{}", said(&deep()));
    // A parent without its child is no pair, nor is the child without its parent.
    signal(center.daemon("jnwcaster-1"), Signal::KILL);
    until("the child is alone", || !status().contains("jnwcaster-child"));
    let seen = deep();
    assert_eq!(seen.status.code(), Some(1), "{}", said(&seen));
    assert!(reason(&seen).contains("one alone"), "{}", said(&seen));
    succeed(center.hand(&["stop", "testsite"]));
    assert_eq!(center.living(), "");
}

fn validate(center: &Jobcenter) -> String {
    let validated = output(center.bench.ocf(&center.site, "validate-all", &[DEEP]));
    assert_eq!(validated.status.code(), Some(0), "{}", said(&validated));
    said(&validated)
}

/// Calls run behind these words of a shell, in namespaces of their own.
fn behind(center: &mut Jobcenter, namespace: &str, shell: &str) {
    let script =
        format!("{shell}\n\"$0\" \"$@\"\ncode=$?\n[ -z \"$pid\" ] || kill $pid\nexit $code");
    let words = ["unshare", namespace, "bash", "-c", &script];
    let bench = std::rc::Rc::get_mut(&mut center.bench).expect("there is one site");
    bench.within = words.map(str::to_owned).into();
}

fn lacks_root(what: &str) -> bool {
    let lacks = !is_root();
    assert!(
        !lacks || !leave_out(&format!("{what}. Missing: {}", missing_root().unwrap_or_default()))
    );
    lacks
}

/// 3.1.3 (PORT-05, PORT-06): told before a start, with the process that has the port.
#[test]
fn who_prepares_a_node_is_told_who_has_jobcenters_port() {
    if lacks_root("who has JobCenter's port") {
        return;
    }
    let mut center = Jobcenter::new("testsite");
    let mut seen = |listens_at: &str, address: &str| {
        let file = center.bench.places.config.join("testsite.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let from = text.lines().find(|line| line.starts_with("address: ")).unwrap();
        fs::write(&file, text.replace(from, &format!("address: {address}"))).unwrap();
        let listener = match listens_at {
            "" => String::new(),
            at => format!(
                "{SITEWARD} act listener {at}:607 >/dev/null & pid=$!\n\
                 until grep -q ':025F .* 0A ' /proc/net/tcp; do :; done"
            ),
        };
        behind(&mut center, "--net", &format!("ip link set lo up; pid=\n{listener}"));
        validate(&center)
    };
    let free = seen("", "127.0.0.1");
    assert!(free.contains("nobody has port 607 of 127.0.0.1"), "{free}");
    assert!(free.contains("nqsportkpr 127.0.0.1"), "{free}");
    let taken = seen("127.0.0.1", "127.0.0.1");
    // Its command line is shortened.
    let is_named = |said: &str| said.contains("siteward act listener ");
    assert!(is_named(&taken) && taken.contains("port 607 of the site's address"), "{taken}");
    // Of a site with another address, it is what keeps everybody from all addresses.
    let kept = seen("127.0.0.1", "127.0.0.2");
    assert!(!kept.contains("port 607"), "{kept}");
    let taken = seen("0.0.0.0", "127.0.0.2");
    assert!(is_named(&taken) && taken.contains("port 607 of every address"), "{taken}");
}

/// 2.5.2 (ENV-02): NQS_SITE with the name of the machine means its local site.
#[test]
fn a_site_with_the_name_of_its_machine_is_ambiguous() {
    if lacks_root("the name of a node") {
        return;
    }
    let mut center = Jobcenter::new("testsite");
    let of_its_own = validate(&center);
    assert!(!of_its_own.contains("is the name of this node"), "{of_its_own}");
    behind(&mut center, "--uts", "hostname testsite; pid=");
    let seen = validate(&center);
    assert!(seen.contains("`testsite` is the name of this node too"), "{seen}");
}

/// 2.5.2 (ENV-01, ENV-05, SUP-10): a command that needs its site by NQS_SITE gets it, others get none, and none gets
/// the caller's.
#[test]
fn a_command_is_told_its_site_and_never_the_callers() {
    let center = Jobcenter::with("testsite", "port_keeper: true, ");
    for verb in ["start", "pause", "resume", "monitor", "stop"] {
        let mut command = center.hand(&[verb, "testsite"]);
        command.env("NQS_SITE", "wrong");
        succeed(command);
    }
    let told = fs::read_to_string(center.root.join("environments")).unwrap();
    let programs = ["cjcpw", "cjcls", "nqsstop", "nqsstart", "nqsportkpr"];
    for program in programs {
        let of_it: Vec<&str> =
            told.lines().filter_map(|line| line.strip_prefix(program)?.strip_prefix(' ')).collect();
        let wanted = if program == "nqsportkpr" { "testsite" } else { "unset" };
        assert!(!of_it.is_empty() && of_it.iter().all(|site| *site == wanted), "{program}: {told}");
    }
}

/// 2.5.2 (ENV-03): the error names neither the variable nor what to look at.
#[test]
fn an_error_of_a_command_that_does_not_know_its_site_is_explained() {
    let center = Jobcenter::with("testsite", "port_keeper: true, ");
    center.switch("no-root", "");
    let refused = output(center.bench.ocf("testsite", "start", &[]));
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    for words in ["Unable to setup NQS rootdir", "NQS_SITE=testsite is no site", "cluster/cjcls"] {
        assert!(said(&refused).contains(words), "{words}: {}", said(&refused));
    }
    assert_eq!(center.living(), "");
}

/// 2.6.2 (UPG-01, UPG-02): told at a start as the doctor tells it; a person converts it.
#[test]
fn a_database_of_the_old_layout_is_told_with_the_command_that_converts_it() {
    let center = Jobcenter::new("testsite");
    let started = output(center.hand(&["start", "testsite"]));
    assert!(!said(&started).contains("R13.1"), "{}", said(&started));
    succeed(center.hand(&["stop", "testsite"]));
    fs::remove_dir(center.database.join("database")).unwrap();
    let started = output(center.hand(&["start", "testsite"]));
    assert!(started.status.success(), "{}", said(&started));
    let nqs = center.database.join("nqs");
    let command = format!("NQS_SITE=testsite {}/gui/bin/spoolconv -c", center.root.display());
    assert!(said(&started).contains("before R13.1"), "{}", said(&started));
    assert!(said(&started).contains(&format!("{command} {}", nqs.display())), "{}", said(&started));
    assert!(center.calls_of("spoolconv").is_empty(), "it is never run by siteward");
    succeed(center.hand(&["stop", "testsite"]));
    let checked = said(&output(center.hand(&["doctor", "testsite"])));
    assert!(checked.contains("database-layout") && checked.contains(&command), "{checked}");
}
