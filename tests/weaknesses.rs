//! The weaknesses W01 to W40 of the manual's sample script (reference: source-documents.md), each as
//! a scenario on the stand-in for JobCenter, in Clusterware's hands. A scenario must find its
//! weakness in a script that has them all, and must not find it in siteward.
//!
//! W27 (other Unixes cut long command lines in ps) concerns systems that siteward does not run on.
//! W39 (an edited copy of the script for every site) is a matter of design: `managers` drives every
//! site with links to one binary.

mod common;
mod jobcenter;
mod players;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use jobcenter::Jobcenter;
use players::clusterware::Clusterware;
use players::expresscluster::write_script;
use players::{Called, Node};
use siteward::linux::process::working_folder;
use siteward::process::find_by_command_line;
use siteward::values::{Pid, Signal};

/// Whose action script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    Siteward,
    Weak,
    /// With one `done` too many.
    Unparsable,
    /// Run by a shell that knows no `[[`.
    Dash,
    /// With no name of a site.
    Nameless,
}

/// A cluster of one node, with JobCenter and an action script.
struct World {
    crs: Clusterware,
    /// What a person has started, to be waited for.
    by_hand: Vec<std::process::Child>,
}

/// What is wrong, if the weakness shows.
type Found = Result<(), String>;

fn script(center: &Jobcenter, agent: Agent) -> String {
    let text = include_str!("standin/weak-script")
        .replace("@ROOT@", &center.root.display().to_string())
        .replace("@DATABASE@", &center.database.display().to_string());
    let name = if agent == Agent::Nameless { "" } else { &center.site };
    let text = text.replace("@SITE@", name);
    match agent {
        Agent::Unparsable => text.replace("*)\n", "done\n*)\n"),
        Agent::Dash => text
            .replace("#!/bin/bash", "#!/bin/dash")
            .replace("for ((i = 0; i < times; i++)); do", "for i in 1 2 3; do"),
        Agent::Siteward | Agent::Weak | Agent::Nameless => text,
    }
}

impl World {
    fn new(agent: Agent) -> Self {
        Self::with(agent, "testsite", "")
    }

    fn with(agent: Agent, site: &str, more: &str) -> Self {
        Self::of(agent, Jobcenter::with(site, more))
    }

    fn of(agent: Agent, center: Jobcenter) -> Self {
        // What the script's loops have, ours has as well.
        let file = center.bench.places.config.join(format!("{}.yaml", center.site));
        let text = fs::read_to_string(&file).unwrap().replace("countmax: 10", "countmax: 3");
        fs::write(&file, text).unwrap();
        let crs = match agent {
            Agent::Siteward => Clusterware::with_siteward(vec![Node::Wrapped(center)]),
            _ => {
                let path = center.bench.path("as_jobcenter.sh");
                write_script(&path, &script(&center, agent));
                Clusterware::with_scripts(vec![Node::Wrapped(center)], vec![path])
            }
        };
        Self { crs, by_hand: Vec::new() }
    }

    fn center(&self) -> &Jobcenter {
        match &self.crs.nodes[0] {
            Node::Wrapped(center) => center,
            Node::Ours { .. } => unreachable!("only wrapped sites are made here"),
        }
    }

    fn call(&mut self, entry: &str) -> Called {
        self.crs.call(0, entry)
    }

    /// Its own supervisors, however many.
    fn supervisors(&self) -> Vec<Pid> {
        let center = self.center();
        let cjcpw = center.root.join("cluster/cjcpw").display().to_string();
        let found = find_by_command_line(&[cjcpw, center.site.clone()]).unwrap();
        // A shell that has only forked for a moment is no second one.
        let mine = |pid: &Pid| words_of(*pid).len() >= 3;
        let leaders: Vec<_> = found.iter().map(|s| s.pid).collect();
        found
            .iter()
            .filter(|s| !s.parent.is_some_and(|p| leaders.contains(&p)))
            .map(|s| s.pid)
            .filter(mine)
            .collect()
    }

    fn start_well(&mut self) {
        // By hand and by its own words, so that every agent finds the same.
        let center = self.center();
        let mut command = Command::new(center.root.join("cluster/cjcpw"));
        command.arg(&center.site).arg(&center.database);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.by_hand.push(command.spawn().unwrap());
        until("the site is up", || {
            self.center().daemons().len() == 9
                && self.supervisors().len() == 1
                && self.center().is_watched()
        });
    }
}

fn must(holds: bool, what: impl Into<String>) -> Found {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn code_is(called: &Called, code: i32) -> Found {
    must(called.code == Some(code), format!("{:?} and not {code}: {}", called.code, called.said))
}

impl Drop for World {
    fn drop(&mut self) {
        // What a weak script has left is no other test's.
        self.center().unswitch();
        let site = self.center().site.clone();
        let _ = self.center().hand(&["clean", &site, "--timeout", "20s"]).output();
        for child in &mut self.by_hand {
            let _ = child.wait();
        }
    }
}

fn w01(mut w: World) -> Found {
    w.start_well();
    let called = w.call("check");
    code_is(&called, 0)
}

fn w02(mut w: World) -> Found {
    code_is(&w.call("start"), 0)
}

fn w03(mut w: World) -> Found {
    let called = w.call("monitor");
    must(called.code.is_some_and(|c| c != 0), "an unknown entry point ends with 0")
}

fn w04(mut w: World) -> Found {
    w.start_well();
    w.center().switch("stop-does-nothing", "");
    let called = w.call("stop");
    must(called.code != Some(0) || w.supervisors().is_empty(), "stopped, and cjcpw lives")
}

fn w05(mut w: World) -> Found {
    w.start_well();
    w.center().switch("stop-does-nothing", "");
    let called = w.call("clean");
    code_is(&called, 0)?;
    must(w.center().living().is_empty(), "cleaned, and there live processes")
}

fn w06(mut w: World) -> Found {
    w.call("check");
    must(w.center().calls_of("cjcpw -stop").is_empty(), "a check gives the order to stop")
}

fn w07(mut w: World) -> Found {
    let database = w.center().database.display().to_string();
    w.center().run("cluster/cjcpw", &["-c", "testsite", &database]);
    let called = w.call("check");
    must(w.center().is_up(), "a check stops a site that is up")?;
    code_is(&called, 0)
}

fn w08(mut w: World) -> Found {
    w.center().run("nqsstart", &["testsite"]);
    w.call("check");
    must(w.center().is_up(), "a check stops what a person has started")
}

fn w09(mut w: World) -> Found {
    w.center().switch("stop-hangs", "");
    w.crs.script_timeout = Duration::from_secs(3);
    let called = w.call("check");
    must(called.code.is_some(), "a check waits for a stop that hangs")
}

fn w10(mut w: World) -> Found {
    w.center().switch("ls-hangs", "");
    w.crs.start_timeout = Duration::from_secs(8);
    let called = w.call("start");
    must(called.code.is_some(), "a start waits for a list that hangs")
}

fn w11(mut w: World) -> Found {
    w.start_well();
    w.center().switch("stop-slow", "3");
    w.center().switch("stop-does-nothing", "");
    w.crs.stop_timeout = Duration::from_secs(5);
    let called = w.call("stop");
    must(called.code.is_some(), "a stop takes longer than it is given")
}

fn w12(mut w: World) -> Found {
    w.center().switch("start-slow", "5");
    code_is(&w.call("start"), 0)
}

fn w13(w: World) -> Found {
    let mut w = w;
    let file = w.center().bench.places.config.join("testsite.yaml");
    // The time of three looks, a second apart, for ours as well.
    let text = fs::read_to_string(&file).unwrap().replace("boot_timeout: 10s", "boot_timeout: 3s");
    fs::write(&file, text).unwrap();
    w.center().switch("start-slow", "2.3");
    code_is(&w.call("start"), 0)
}

fn w14(mut w: World) -> Found {
    w.center().switch("start-hangs", "");
    w.crs.start_timeout = Duration::from_secs(8);
    let called = w.call("start");
    must(called.code.is_none_or(|c| c != 0), "a site that never comes up is started")?;
    must(w.supervisors().is_empty(), "a start that failed leaves cjcpw behind")
}

fn w15(mut w: World) -> Found {
    w.start_well();
    code_is(&w.call("start"), 0)?;
    must(w.supervisors().len() == 1, "a second supervisor runs")
}

fn w16(mut w: World) -> Found {
    w.center().run("nqsstart", &["testsite"]);
    w.center().switch("start-exits", "3");
    let started = w.call("start");
    let checked = w.call("check");
    must(
        started.code != Some(0) || matches!(checked.code, Some(0 | 4)),
        "start sees it up, and check sees it down",
    )
}

fn w17(mut w: World) -> Found {
    w.center().daemon_conf("local_daemon=SITE\nmaintenance=ON\n");
    let started = w.call("start");
    code_is(&started, 0)?;
    code_is(&w.call("check"), 0)
}

fn w18(mut w: World) -> Found {
    fs::remove_file(w.center().root.join("cluster/cjcpw")).unwrap();
    let before = w.center().calls_of("cjcls").len();
    let called = w.call("start");
    code_is(&called, 1)?;
    let asked = w.center().calls_of("cjcls").len() - before;
    must(asked <= 1, format!("it asks {asked} times for what was never started"))
}

fn w19(mut w: World) -> Found {
    w.center().switch("start-exits", "3");
    let called = w.call("start");
    must(called.said.contains("license expired"), "nobody learns what cjcpw said")
}

fn like(mut w: World, other: &str) -> Found {
    let other = w.center().another(other);
    succeed(other.hand(&["start", &other.site]));
    let checked = w.call("check");
    let result = must(matches!(checked.code, Some(1 | 2)), "another site is taken for this one");
    succeed(other.hand(&["stop", &other.site]));
    result
}

fn w20(w: World) -> Found {
    like(w, "testsite2")
}

fn w21(w: World) -> Found {
    like(w, "jobxexample")
}

fn w22(mut w: World) -> Found {
    let cjcpw = w.center().root.join("cluster/cjcpw").display().to_string();
    let mut editor = Command::new("/usr/bin/tail")
        .args(["-f", &cjcpw, "testsite"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // As `vi PATH SITE` would be: the words stand behind each other.
    let mut same = Command::new("/bin/sh")
        .args(["-c", "read x", &cjcpw, "testsite", "/nowhere"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let checked = w.call("check");
    for child in [&mut editor, &mut same] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    must(matches!(checked.code, Some(1 | 2)), "a bystander is taken for cjcpw")
}

fn w23(mut w: World) -> Found {
    w.start_well();
    let checked = w.call("check");
    must(w.center().is_up(), "a site with this name is stopped by a check")?;
    code_is(&checked, 0)
}

fn w24(mut w: World) -> Found {
    w.start_well();
    let nameless = match w.crs.scripts[0].ends_with("testsite") {
        true => {
            // Ours without a link of a site's name, and without an attribute.
            let mut command = Command::new(SITEWARD);
            command.arg("check").env_clear().env("_CRS_NAME", "any");
            w.crs.nodes[0].with_folders(&mut command);
            output(command).status.code()
        }
        false => w.call("check").code,
    };
    must(nameless == Some(3), format!("no name, and the answer is {nameless:?}"))
}

fn w25(mut w: World) -> Found {
    w.center().switch("ls-twice", "");
    code_is(&w.call("start"), 0)
}

fn w26(mut w: World) -> Found {
    w.center().switch("start-hangs", "");
    w.center().switch("ls-stale", "4194303");
    w.crs.start_timeout = Duration::from_secs(8);
    let called = w.call("start");
    must(called.code != Some(0), "a number of no process is taken for a daemon")
}

fn w28(mut w: World) -> Found {
    w.start_well();
    signal(w.center().supervisor(), Signal::KILL);
    w.center().switch("stop-does-nothing", "");
    let called = w.call("stop");
    must(called.code != Some(0) || !w.center().is_up(), "stopped, and daemons live")
}

fn w29(mut w: World) -> Found {
    w.start_well();
    w.center().switch("stop-leaves", "comagent");
    let called = w.call("stop");
    let database = w.center().database.clone();
    let holders = siteward::linux::process::all()
        .unwrap()
        .into_iter()
        .filter(|s| s.is_alive() && working_folder(s.pid).is_some_and(|f| f == database));
    must(called.code != Some(0) || holders.count() == 0, "stopped, and the disk is held")
}

fn w30(mut w: World) -> Found {
    code_is(&w.call("stop"), 0)
}

fn w31(mut w: World) -> Found {
    fs::rename(w.center().database.join("nqs"), w.center().database.join("away")).unwrap();
    let called = w.call("start");
    code_is(&called, 1)?;
    must(w.center().calls_of("cjcpw").is_empty(), "cjcpw is started on an empty folder")?;
    must(called.said.contains("nqs"), "nobody learns what is missing")
}

/// Two nodes and one disk: Clusterware does not keep a second server from it (DB-18).
fn w32(mut w: World) -> Found {
    code_is(&w.call("start"), 0)?;
    let agent = if w.crs.scripts[0].ends_with("testsite") { Agent::Siteward } else { Agent::Weak };
    let mut other = Jobcenter::new("testsite");
    let theirs = other.bench.places.config.join("testsite.yaml");
    let text = fs::read_to_string(&theirs).unwrap();
    let (ours, disk) = (other.database.clone(), w.center().database.clone());
    let text = text.replace(&ours.display().to_string(), &disk.display().to_string());
    fs::write(&theirs, text).unwrap();
    let link = other.root.join("spool/7F000001");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&disk, &link).unwrap();
    other.database = disk;
    let mut second = World::of(agent, other);
    second.crs.start_timeout = Duration::from_secs(5);
    let started = second.call("start");
    must(started.code != Some(0), "two nodes have started on one database")?;
    must(started.said.contains("has it, since"), format!("no owner is named: {}", started.said))
}

/// Starts with a caller that has everything wrong.
fn start_from_a_strange_place(w: &mut World) -> Vec<Pid> {
    let link = w.crs.scripts[0].display().to_string();
    let mut command = Command::new("/bin/bash");
    let strange = "umask 077; ulimit -S -s 2048; exec 7</etc/passwd; exec \"$0\" start";
    command
        .args(["-c", strange, &link])
        .current_dir(&w.center().database)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("NQS_SITE", "wrong")
        .env("_CRS_NAME", "any")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    w.crs.nodes[0].with_folders(&mut command);
    let called = players::call(command, Duration::from_secs(20));
    assert_eq!(called.code, Some(0), "{}", called.said);
    w.supervisors()
}

fn proc(pid: Pid, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status_line(pid: Pid, key: &str) -> String {
    let status = proc(pid, "status");
    let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    line.trim_start_matches(':').trim().to_owned()
}

fn w33(mut w: World) -> Found {
    let [cjcpw] = start_from_a_strange_place(&mut w)[..] else { return Err("not one".into()) };
    let stat = siteward::linux::process::Stat::of(cjcpw).ok_or("it is gone")?;
    must(stat.session == Some(cjcpw), "it lives in its caller's session")?;
    must(
        working_folder(cjcpw).is_some_and(|f| f.as_os_str() == "/"),
        "it holds its caller's folder",
    )?;
    must(status_line(cjcpw, "Umask") == "0022", "it has its caller's umask")?;
    must(!proc(cjcpw, "environ").contains("NQS_SITE=wrong"), "its caller's NQS_SITE leaks")?;
    let held = fs::read_dir(format!("/proc/{cjcpw}/fd")).unwrap().flatten();
    let held = held.filter_map(|e| fs::read_link(e.path()).ok());
    must(
        held.into_iter().all(|p| p.as_os_str() != "/etc/passwd"),
        "its caller's descriptor is open",
    )
}

fn w34(mut w: World) -> Found {
    let [cjcpw] = start_from_a_strange_place(&mut w)[..] else { return Err("not one".into()) };
    let ignored = u64::from_str_radix(&status_line(cjcpw, "SigIgn"), 16).unwrap_or(u64::MAX);
    // bash ignores QUIT by itself (bash(1), SIGNALS).
    must(ignored & 0b010 == 0, "it ignores INT")
}

fn w35(mut w: World) -> Found {
    let [cjcpw] = start_from_a_strange_place(&mut w)[..] else { return Err("not one".into()) };
    let limits = proc(cjcpw, "limits");
    let stack = limits.lines().find(|l| l.starts_with("Max stack size")).unwrap_or_default();
    let soft = stack.split_whitespace().nth(3).unwrap_or_default();
    must(soft == "8388608", format!("its stack is {soft}"))
}

fn w36(mut w: World) -> Found {
    w.center().switch("start-slow", "0.5");
    let script = w.crs.scripts[0].clone();
    let starts: Vec<_> = (0..2)
        .map(|_| {
            let mut command = Command::new(&script);
            command.arg("start").env_clear().env("PATH", "/usr/bin:/bin").env("_CRS_NAME", "any");
            w.crs.nodes[0].with_folders(&mut command);
            background(command)
        })
        .collect();
    for start in starts {
        let _ = start.wait_with_output();
    }
    let called = w.center().calls_of("cjcpw testsite").len();
    w.call("clean");
    must(called == 1, format!("two starts at once start {called} supervisors"))
}

fn w37(mut w: World) -> Found {
    w.start_well();
    signal(w.center().supervisor(), Signal::KILL);
    let checked = w.call("check");
    // 1 is "stopped": then Clusterware starts a second one beside what is left.
    code_is(&checked, 5)
}

fn w38(mut w: World) -> Found {
    w.center().switch("start-exits", "3");
    let called = w.call("start");
    must(
        called.said.lines().any(|l| l.starts_with("CRS_ERROR:") && l.contains("testsite")),
        "nobody learns of which site, and why",
    )
}

fn w40(mut w: World) -> Found {
    w.center().switch("start-slow", "0.7");
    code_is(&w.call("start"), 0)?;
    let looks = w.center().calls_of("cjcls").len();
    must(looks >= 4, format!("it looks {looks} times in a second, and sleeps"))
}

/// A test for each: the weakness is found in `weak`, and not in ours.
macro_rules! weaknesses {
    ($($name:ident: $play:ident, $weak:expr, $site:literal, $more:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let found = $play(World::with($weak, $site, $more));
                assert!(found.is_err(), "the scenario finds nothing in a script that has it");
                let found = $play(World::with(Agent::Siteward, $site, $more));
                assert_eq!(found, Ok(()));
            }
        )*
    };
}

weaknesses! {
    w01_the_script_does_not_parse: w01, Agent::Unparsable, "testsite", "";
    w02_the_shell_is_another_one: w02, Agent::Dash, "testsite", "";
    w03_an_unknown_verb_is_a_success: w03, Agent::Weak, "testsite", "";
    w04_stopped_while_the_supervisor_lives: w04, Agent::Weak, "testsite", "";
    w05_clean_is_only_another_stop: w05, Agent::Weak, "testsite", "";
    w06_a_check_stops: w06, Agent::Weak, "testsite", "";
    w07_a_check_stops_what_is_not_watched_on_purpose: w07, Agent::Weak, "testsite", "monitored: false, ";
    w08_a_check_stops_what_a_person_started: w08, Agent::Weak, "testsite", "";
    w09_a_check_hangs: w09, Agent::Weak, "testsite", "";
    w10_a_helper_that_hangs_is_waited_for: w10, Agent::Weak, "testsite", "";
    w11_the_parts_of_a_stop_add_up_to_too_much: w11, Agent::Weak, "testsite", "";
    w12_a_start_gives_up_long_before_its_time: w12, Agent::Weak, "testsite", "";
    w13_the_last_look_comes_before_the_last_sleep: w13, Agent::Weak, "testsite", "";
    w14_a_failed_start_leaves_a_supervisor: w14, Agent::Weak, "testsite", "";
    w15_a_second_start_starts_a_second_one: w15, Agent::Weak, "testsite", "";
    w16_start_and_check_look_at_different_things: w16, Agent::Weak, "testsite", "";
    w17_maintenance_is_a_failure: w17, Agent::Weak, "testsite", "";
    w18_the_end_of_the_supervisor_is_not_noticed: w18, Agent::Weak, "testsite", "";
    w19_what_the_supervisor_says_is_thrown_away: w19, Agent::Weak, "testsite", "";
    w20_a_name_that_begins_alike: w20, Agent::Weak, "testsite", "";
    w21_a_dot_is_any_character: w21, Agent::Weak, "job.example", "";
    w22_a_bystander_with_the_same_words: w22, Agent::Weak, "testsite", "";
    w23_a_name_with_grep_in_it: w23, Agent::Weak, "grepsite", "";
    w24_no_name_at_all: w24, Agent::Nameless, "testsite", "";
    w25_two_rows_for_one_site: w25, Agent::Weak, "testsite", "";
    w26_any_number_is_a_daemon: w26, Agent::Weak, "testsite", "";
    w28_the_daemons_outlive_their_supervisor: w28, Agent::Weak, "testsite", "";
    w29_the_disk_is_still_held: w29, Agent::Weak, "testsite", "";
    w30_a_second_stop_fails: w30, Agent::Weak, "testsite", "";
    w31_nothing_is_looked_at_before_a_start: w31, Agent::Weak, "testsite", "";
    w32_two_nodes_start_on_one_database: w32, Agent::Weak, "testsite", "";
    w33_the_supervisor_inherits_its_callers_surroundings: w33, Agent::Weak, "testsite", "";
    w34_the_supervisor_ignores_signals: w34, Agent::Weak, "testsite", "";
    w35_the_supervisors_stack_is_its_callers: w35, Agent::Weak, "testsite", "";
    w36_two_verbs_at_once: w36, Agent::Weak, "testsite", "";
    w37_every_answer_is_0_or_1: w37, Agent::Weak, "testsite", "";
    w38_nobody_learns_why: w38, Agent::Weak, "testsite", "";
    w40_the_sleeps_are_fixed: w40, Agent::Weak, "testsite", "";
}

/// The player itself sees what a script breaks, without being told what to look for.
#[test]
fn the_player_lists_what_a_weak_script_breaks() {
    let broken_by = |agent: Agent| {
        let mut w = World::new(agent);
        w.crs.start_timeout = Duration::from_secs(10);
        w.crs.stop_timeout = Duration::from_secs(10);
        w.crs.check(0);
        w.crs.start(0);
        w.crs.pester(0);
        w.center().switch("stop-does-nothing", "");
        w.crs.stop(0);
        w.center().unswitch();
        w.crs.clean(0);
        w.center().switch("start-exits", "3");
        w.crs.start(0);
        w.center().unswitch();
        w.crs.clean(0);
        std::mem::take(&mut w.crs.breaches)
    };
    let breaches = broken_by(Agent::Weak);
    for rule in [
        "check only looks",
        "an entry point that is not known fails",
        "after a stop or clean that answers 0, check answers 1 or 2",
        "a resource that is OFFLINE has no process left",
        "a failure says why",
    ] {
        assert!(breaches.iter().any(|b| b.starts_with(rule)), "{rule} is not among {breaches:#?}");
    }
    assert_eq!(broken_by(Agent::Siteward), Vec::<String>::new());
}
