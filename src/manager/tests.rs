//! What all managers are answered, and what is read from the environment of the process.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::cluster_log::{LogSeverity, write};
use super::samples::{
    SupervisorStandIn, because, degraded_for, message, of_state, of_view, stopped_by, view,
};
use super::*;
use crate::agent::{Fault, Outcome};
use crate::control::{Reply, State, View};
use crate::messages::FaultKind;
use crate::observe::Observation;
use crate::site::DegradedIs;

const MANAGERS: [Manager; 5] = [
    Manager::Pacemaker,
    Manager::Clusterware,
    Manager::Serviceguard,
    Manager::Expresscluster,
    Manager::Hand,
];

fn codes(verb: Verb, recurring: bool, outcome: &Outcome) -> [u8; 5] {
    MANAGERS.map(|manager| manager.answer(verb, recurring, outcome).code)
}

fn monitored(recurring: bool, observation: Observation) -> [u8; 5] {
    codes(Verb::Monitor, recurring, &Outcome::Seen(Box::new(observation)))
}

#[test]
fn each_state_has_the_code_of_the_contract_for_each_manager() {
    // Pacemaker, Clusterware, Serviceguard, ExpressCluster, by hand.
    for (state, expected) in [
        (State::Running, [0, 0, 0, 0, 0]),
        (State::Maintenance, [0, 0, 0, 0, 0]),
        (State::Degraded, [0, 0, 0, 0, 0]),
        (State::Starting, [0, 4, 0, 0, 0]),
        (State::StoppingOrdered, [1, 4, 1, 1, 1]),
        (State::StoppingFailed, [1, 5, 1, 1, 1]),
        (State::Stopped, [7, 1, 1, 1, 3]),
        (State::Failed, [7, 1, 1, 1, 1]),
        (State::FailedWithSurvivors, [1, 5, 1, 1, 1]),
        (State::Unsupervised, [1, 5, 1, 1, 1]),
        (State::Unknown, [1, 3, 1, 1, 4]),
    ] {
        for recurring in [false, true] {
            assert_eq!(monitored(recurring, of_state(state)), expected, "{state:?}");
            let told = View { state, ..degraded_for(30) };
            if state != State::Degraded {
                assert_eq!(monitored(recurring, of_view(told)), expected, "{state:?}");
            }
        }
    }
    assert_eq!(monitored(false, stopped_by("a person")), [7, 2, 1, 1, 3]);
    assert_eq!(monitored(false, stopped_by("Clusterware")), [7, 1, 1, 1, 3]);
    // An ordered stop before says nothing about another state.
    let failed = Observation { state: State::Failed, ..stopped_by("a person") };
    assert_eq!(monitored(false, failed), [7, 1, 1, 1, 1]);
}

#[test]
fn a_degraded_site_is_told_as_such_after_its_time_if_its_definition_says_so() {
    let unasked = View { degraded_is: DegradedIs::Running, ..degraded_for(31) };
    let unsince = View { degraded_for: None, ..degraded_for(0) };
    for (view, recurring, pacemaker, clusterware) in [
        (degraded_for(30), true, 190, 4),
        (degraded_for(31), true, 190, 4),
        (degraded_for(31), false, 0, 4),
        (degraded_for(29), true, 0, 0),
        (unasked, true, 0, 0),
        (unsince, true, 0, 0),
    ] {
        let expected = [pacemaker, clusterware, 0, 0, 0];
        assert_eq!(monitored(recurring, of_view(view.clone())), expected, "{view:?}");
    }
}

#[test]
fn each_kind_of_failure_has_the_code_of_the_contract_for_each_verb_and_manager() {
    use FaultKind::{Failed, Misconfigured, NoSuchVerb, NotInstalled, NotPermitted, WrongHere};
    use Verb::{Monitor, Other, Start, Stop};
    for (verb, kind, expected) in [
        (Start, Failed, [1, 1, 2, 1, 1]),
        (Start, WrongHere, [2, 1, 2, 1, 2]),
        (Start, NoSuchVerb, [3, 1, 1, 1, 3]),
        (Start, NotPermitted, [4, 1, 2, 1, 4]),
        (Start, NotInstalled, [5, 1, 2, 1, 5]),
        (Start, Misconfigured, [6, 1, 1, 1, 6]),
        (Stop, Failed, [1, 1, 1, 1, 1]),
        (Stop, WrongHere, [1, 1, 1, 1, 2]),
        (Stop, NoSuchVerb, [1, 1, 1, 1, 3]),
        (Stop, NotPermitted, [1, 1, 1, 1, 4]),
        (Stop, NotInstalled, [1, 1, 1, 1, 5]),
        (Stop, Misconfigured, [1, 1, 1, 1, 6]),
        (Monitor, Failed, [1, 3, 1, 1, 1]),
        (Monitor, WrongHere, [2, 3, 1, 1, 4]),
        (Monitor, NoSuchVerb, [3, 3, 1, 1, 3]),
        (Monitor, NotPermitted, [4, 3, 1, 1, 4]),
        (Monitor, NotInstalled, [5, 3, 1, 1, 5]),
        (Monitor, Misconfigured, [1, 3, 1, 1, 6]),
        (Other, Failed, [1, 1, 1, 1, 1]),
        (Other, WrongHere, [2, 1, 1, 1, 2]),
        (Other, NoSuchVerb, [3, 1, 1, 1, 3]),
        (Other, NotPermitted, [4, 1, 1, 1, 4]),
        (Other, NotInstalled, [5, 1, 1, 1, 5]),
        (Other, Misconfigured, [6, 1, 1, 1, 6]),
    ] {
        let fault = Outcome::Fault(Fault::from(message(kind)));
        assert_eq!(codes(verb, false, &fault), expected, "{verb:?} {kind:?}");
        let done = Outcome::Done("it is done".to_owned());
        assert_eq!(codes(verb, false, &done), [0; 5], "{verb:?}");
    }
    for (kind, code) in [(Failed, 1), (NotPermitted, 4), (Misconfigured, 6)] {
        assert_eq!(code_by_kind(kind), code);
    }
}

/// What each manager prints to stdout and stderr.
fn printed(verb: Verb, outcome: &Outcome) -> [(Vec<String>, Vec<String>); 5] {
    MANAGERS.map(|manager| {
        let answer = manager.answer(verb, true, outcome);
        (answer.stdout, answer.stderr)
    })
}

#[test]
fn each_manager_is_told_the_reason_in_its_own_way() {
    let seen = Outcome::Seen(Box::new(because(State::Unknown, "a disk\nhangs")));
    let [pacemaker, clusterware, serviceguard, expresscluster, hand] =
        printed(Verb::Monitor, &seen);
    assert_eq!(pacemaker.1, ["ocf-exit-reason:unknown: a disk hangs"]);
    assert_eq!(clusterware.0, ["CRS_WARNING:the site is unknown: a disk hangs"]);
    assert!(serviceguard.0[0].ends_with("Z siteward: the site is unknown: a disk\nhangs."));
    assert_eq!(expresscluster.0, ["siteward: the site is unknown: a disk\nhangs."]);
    assert_eq!(hand.0, ["unknown", "  a disk\nhangs"]);

    let mut fault = Fault::from(message(FaultKind::Failed));
    fault.details.push("its last line".to_owned());
    let id = fault.id;
    let [pacemaker, clusterware, serviceguard, expresscluster, hand] =
        printed(Verb::Start, &Outcome::Fault(fault));
    assert_eq!(pacemaker.1, ["ocf-exit-reason:the disk is gone"]);
    let expected = ["its last line".to_owned(), format!("CRS_ERROR:the disk is gone [{id}]")];
    assert_eq!(clusterware.0, expected);
    let told = format!("Z siteward: ERROR: the disk is gone. [{id}]");
    assert!(serviceguard.0[0].ends_with(&told), "{serviceguard:?}");
    assert_eq!(serviceguard.0[1..], ["  its last line"]);
    let by_line = vec![format!("siteward: the disk is gone. [{id}]"), "  its last line".to_owned()];
    assert_eq!(expresscluster.1, by_line);
    assert_eq!(hand.1, by_line);

    let done = Outcome::Done("the site is started".to_owned());
    let [pacemaker, clusterware, serviceguard, expresscluster, hand] = printed(Verb::Start, &done);
    assert_eq!(pacemaker, (vec![], vec![]), "it is in the log");
    assert_eq!(clusterware.0, ["CRS_PROGRESS:the site is started"]);
    assert!(serviceguard.0[0].ends_with("Z siteward: the site is started."));
    assert_eq!(expresscluster.0, ["siteward: the site is started."]);
    assert_eq!(hand.0, ["siteward: the site is started."]);
}

/// The name of the test below, and the variable by which it knows that it is the inner run.
const WITH_VARIABLES: &str = "manager::tests::the_variables_of_the_process_are_those_that_count";

/// It runs itself with the variables of four managers, and the inner run reads them.
#[test]
fn the_variables_of_the_process_are_those_that_count() {
    if env::var("OCF_RESOURCE_INSTANCE").as_deref() == Ok("the inner run") {
        return read_the_variables();
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("ha.log");
    fs::write(&log, "").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", WITH_VARIABLES]).env("OCF_RESOURCE_INSTANCE", "the inner run");
    for variable in ["OCF_RESKEY_site", "_CRS_SITEWARD_SITE", "PEV_SITEWARD_SITE"] {
        command.env(variable, "shop");
    }
    command.env("CLP_EVENT", "RECOVER").env("CLP_DISK", "SUCCESS");
    command.env("HA_LOGFILE", &log).env("HA_LOGFACILITY", "none");
    command.env("OCF_TRACE_RA", "1").env("OCF_TRACE_FILE", "/x/trace");
    for kind in ["CONFIG", "RUNTIME", "LOG", "LINK"] {
        command.env(format!("SITEWARD_{kind}_DIR"), folder.path());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let written = fs::read_to_string(&log).unwrap();
    assert!(written.ends_with("ERROR: the disk is gone\n"), "{written}");
}

fn read_the_variables() {
    let (shop, word) = (Some("shop"), OsStr::new("monitor"));
    let usual = OsStr::new("/usr/sbin/siteward");
    assert_eq!(Manager::recognise(Some(usual)), Manager::Pacemaker);
    assert_eq!(OcfCall::read(word).site.as_deref(), shop);
    assert_eq!(ClusterwareCall::read(usual, word).site.as_deref(), shop);
    assert_eq!(ServiceguardCall::read(usual, word).site.as_deref(), shop);
    let order = ExpressclusterCall::read().start_order();
    assert!(matches!(order, Ok(StartOrder::Nothing(_))));
    assert_eq!(trace_file("start").as_deref(), Some(Path::new("/x/trace")));
    assert!(write(LogSeverity::Error, "the disk is gone"));

    let call: Vec<OsString> = ["/x/resource.d/siteward/site", "monitor"].map(OsString::from).into();
    assert_eq!(quick_monitor(&call), None, "no supervisor listens");
    let runtime = env::var_os("SITEWARD_RUNTIME_DIR").unwrap();
    let well = Reply::Done(Box::new(view(State::Running)));
    let supervisor = SupervisorStandIn::new(Path::new(&runtime), well);
    assert_eq!(quick_monitor(&call), Some(0));
    assert!(supervisor.asked().is_some());
}
