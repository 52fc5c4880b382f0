use super::*;

fn call(pairs: &[(&str, &str)]) -> OcfCall {
    let variables = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.into())).collect();
    OcfCall::read_from(OsStr::new("monitor"), &variables)
}

fn kind(call: &OcfCall) -> MonitorKind {
    match call.action {
        OcfAction::OfSite(SiteAction::Monitor(kind)) => kind,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn every_action_that_usage_names_is_one() {
    for word in ACTIONS {
        let action = OcfAction::of(word, None);
        assert!(!matches!(action, OcfAction::Unknown(_)), "{word}");
    }
    for word in ["promote", "", "Start"] {
        assert_eq!(OcfAction::of(word, None), OcfAction::Unknown(word.to_owned()));
    }
    for action in
        crate::manager::metadata().lines().filter_map(|l| l.strip_prefix("<action name=\""))
    {
        let name = action.split('"').next().unwrap();
        assert!(ACTIONS.contains(&name), "{name}");
    }
}

#[test]
fn a_probe_has_the_interval_0_and_a_recurring_monitor_has_one() {
    assert_eq!(kind(&call(&[("OCF_RESKEY_site", "a")])), MonitorKind::Once);
    assert_eq!(kind(&call(&[("OCF_RESKEY_CRM_meta_interval", "0")])), MonitorKind::Probe);
    let recurring = call(&[
        ("OCF_RESKEY_CRM_meta_interval", "3000"),
        ("OCF_RESKEY_CRM_meta_timeout", "15000"),
        ("OCF_CHECK_LEVEL", "10"),
    ]);
    let interval = Duration::from_secs(3);
    assert_eq!(kind(&recurring), MonitorKind::Recurring { interval });
    assert!(recurring.is_recurring() && recurring.level == 10);
    assert_eq!(recurring.timeout, Some(Duration::from_secs(15)));
    assert_eq!(recurring.warnings, [""; 0]);
}

#[test]
fn what_is_no_number_counts_as_not_given_and_is_warned_of() {
    for name in ["OCF_RESKEY_CRM_meta_timeout", "OCF_RESKEY_CRM_meta_interval", "OCF_CHECK_LEVEL"] {
        for text in ["soon", "-5", "1e3", "18446744073709551615", "99999999999999999999"] {
            let call = call(&[(name, text)]);
            assert_eq!((call.timeout, call.level, call.is_recurring()), (None, 0, false));
            assert_eq!(call.warnings.len(), 1, "{name}={text}");
            assert!(call.warnings[0].starts_with(&format!("{name} is `{text}`")));
        }
        assert_eq!(call(&[(name, "")]).warnings, [""; 0], "that is not given");
    }
}

#[test]
fn a_stop_is_answered_with_0_or_1_whatever_comes_of_it() {
    use crate::agent::Fault;
    use crate::messages::Message;
    use crate::observe::Observation;
    for id in crate::messages::all() {
        let kind = id.kind();
        let fault = Fault::from(Message { id, sentence: "a reason".to_owned() });
        let fault = Outcome::Fault(fault);
        assert_eq!(answer(Verb::Stop, false, &fault).code, 1, "{kind:?}");
        assert_ne!(answer(Verb::Start, false, &fault).code, 0, "{kind:?}");
        assert_ne!(answer(Verb::Start, false, &fault).code, 190, "{kind:?}");
        let monitored = answer(Verb::Monitor, true, &fault).code;
        assert!(![0, 6, 7, 190].contains(&monitored), "{kind:?}");
    }
    let seen = Outcome::Seen(Box::new(Observation::of_nothing()));
    assert_eq!(answer(Verb::Stop, true, &seen).code, 1);
    assert_eq!(answer(Verb::Stop, true, &Outcome::Done(String::new())).code, 0);
}

#[test]
fn a_reason_is_cut_at_a_word() {
    assert_eq!(cut("short"), "short");
    let long = "the site `a` did not start: `store` did not get ready ".repeat(4);
    let reason = cut(&long);
    assert!(reason.len() <= 128 && reason.ends_with("..."), "{reason}");
    assert!(cut(&"ä".repeat(100)).len() <= 128);
}

#[test]
fn a_reason_is_cut_at_a_word_to_the_length_that_is_shown() {
    let whole = "x".repeat(LONGEST_REASON);
    assert_eq!(cut(&whole), whole);
    let room = LONGEST_REASON - 3;
    assert_eq!(cut(&format!("{whole}y")), format!("{}...", "x".repeat(room)));
    let late = format!("{} {}", "a".repeat(room / 2 + 1), "b".repeat(LONGEST_REASON));
    assert_eq!(cut(&late), format!("{}...", "a".repeat(room / 2 + 1)));
    // At a word that ends so early too much would be lost.
    let early = format!("{} {}", "a".repeat(room / 2), "b".repeat(LONGEST_REASON));
    assert_eq!(cut(&early).len(), LONGEST_REASON);
    assert_eq!(cut("two\n lines"), "two lines");
}

#[test]
fn a_timeout_of_zero_is_none() {
    let timeout = |text| call(&[("OCF_RESKEY_CRM_meta_timeout", text)]).timeout;
    assert_eq!((timeout("0"), timeout("1")), (None, Some(Duration::from_millis(1))));
}

#[test]
fn each_action_has_its_word() {
    let monitor = SiteAction::Monitor(MonitorKind::Once);
    for (word, action) in [
        ("start", SiteAction::Start),
        ("stop", SiteAction::Stop),
        ("monitor", monitor),
        ("status", monitor),
        ("clean", SiteAction::Clean),
        ("validate-all", SiteAction::ValidateAll),
        ("pause", SiteAction::Pause),
        ("resume", SiteAction::Resume),
        ("reload", SiteAction::Reload),
        ("reload-agent", SiteAction::ReloadAgent),
    ] {
        assert_eq!(OcfAction::of(word, None), OcfAction::OfSite(action));
    }
    assert_eq!(OcfAction::of("meta-data", None), OcfAction::MetaData);
    assert_eq!(OcfAction::of("usage", None), OcfAction::Usage);
    let usage = "usage: site {start|stop|monitor|status|reload-agent|reload|validate-all|clean\
                 |pause|resume|meta-data|usage}";
    assert_eq!(ocf_usage(), usage);
}

#[test]
fn a_monitor_is_held_for_three_quarters_of_its_timeout_at_most() {
    let begun = Moment::since_boot(Duration::from_secs(1000));
    let timeout = |ms| ("OCF_RESKEY_CRM_meta_timeout", ms);
    let wait = |text| ("OCF_RESKEY_monitor_wait", text);
    for (given, seconds) in [
        (&[timeout("40000")][..], Some(20)),
        (&[timeout("40000"), wait("30s")], Some(30)),
        (&[timeout("40000"), wait("31s")], Some(30)),
        (&[], Some(15)),
        (&[wait("4s")], Some(4)),
        (&[wait("0")], None),
        (&[("OCF_RESKEY_boot_timeout", "never")], None),
    ] {
        let until = seconds.map(|seconds| begun + Duration::from_secs(seconds));
        assert_eq!(call(given).hold_until(begun), until, "{given:?}");
    }
}

#[test]
fn the_variables_name_the_site_the_resource_the_node_and_the_directories() {
    let all = call(&[
        ("OCF_RESKEY_site", "shop"),
        ("OCF_RESOURCE_INSTANCE", "shop_res"),
        ("OCF_RESKEY_CRM_meta_on_node", "node1"),
        ("OCF_RESKEY_config_dir", "/config"),
        ("OCF_RESKEY_runtime_dir", "/run"),
        ("OCF_RESKEY_log_dir", "/log"),
        ("OCF_RESKEY_link_dir", "/links"),
        ("OCF_RESKEY_CRM_meta_clone", "0"),
    ]);
    let names = [all.site.as_deref(), all.instance.as_deref(), all.node.as_deref()];
    assert_eq!(names, ["shop", "shop_res", "node1"].map(Some));
    let Overrides { config, runtime, logs, links } = all.overrides;
    let expected = ["/config", "/run", "/log", "/links"].map(|path| Some(PathBuf::from(path)));
    assert_eq!([config, runtime, logs, links], expected);
    assert!(all.clone);
    let none = call(&[("OCF_RESKEY_site", ""), ("OCF_RESOURCE_INSTANCE", "")]);
    assert_eq!((none.site, none.instance, none.node, none.clone), (None, None, None, false));
}

#[test]
fn a_resource_is_found_by_its_name_in_the_records() {
    use crate::linux::files::private_folder;
    use crate::process::Identity;
    let folder = tempfile::tempdir().unwrap();
    let path = || folder.path().to_path_buf();
    let places = Places { config: path(), runtime: path(), logs: path(), links: path() };
    assert_eq!(find_by_instance(&places, "shop_res"), None);
    let me = Identity::of(crate::values::Pid::this()).unwrap();
    for (site, known_as) in
        [("shop", Some("shop_res")), ("store", Some("store_res")), ("web", None)]
    {
        let name: SiteName = site.parse().unwrap();
        private_folder(&places.of(&name).runtime).unwrap();
        let record = Record {
            known_as: known_as.map(str::to_owned),
            ..Record::begun(name.clone(), me.clone())
        };
        record.write(&places.of(&name)).unwrap();
    }
    let found = |instance| find_by_instance(&places, instance).map(|name| name.to_string());
    assert_eq!(found("shop_res").as_deref(), Some("shop"));
    assert_eq!(found("store_res").as_deref(), Some("store"));
    assert_eq!(found("web"), None);
}

#[test]
fn the_log_has_the_identifier_and_the_status_only_the_reason() {
    use crate::agent::Fault;
    use crate::manager::samples::{because, failure, message, of_state};
    let told = |outcome: &Outcome| {
        let ManagerAnswer { log, stderr, .. } = answer(Verb::Monitor, true, outcome);
        (log, stderr)
    };
    let error = |text: &str| (LogSeverity::Error, text.to_owned());
    let seen = |observation| told(&Outcome::Seen(Box::new(observation)));
    for state in [State::Running, State::Stopped] {
        assert_eq!(seen(because(state, "a reason")), (vec![], vec![]), "{state}");
    }
    let degraded = (
        vec![error("the site is degraded")],
        vec!["ocf-exit-reason:the site is degraded".to_owned()],
    );
    assert_eq!(seen(of_state(State::Degraded)), degraded);
    let id = message(FaultKind::Failed).id;
    let found = Some(failure(Some(id), "it died"));
    let failed = Observation { found, ..because(State::Failed, "it died") };
    let expected = (
        vec![error(&format!("failed: it died [{id}]"))],
        vec!["ocf-exit-reason:failed: it died".to_owned()],
    );
    assert_eq!(seen(failed), expected);
    let mut fault = Fault::from(message(FaultKind::Failed));
    fault.details.push("its last line".to_owned());
    let expected = (
        vec![error("its last line"), error(&format!("the disk is gone [{id}]"))],
        vec!["ocf-exit-reason:the disk is gone".to_owned()],
    );
    assert_eq!(told(&Outcome::Fault(fault)), expected);
    let done = told(&Outcome::Done("it is done".to_owned()));
    assert_eq!(done, (vec![(LogSeverity::Info, "it is done".to_owned())], vec![]));
}
