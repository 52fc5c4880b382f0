//! `run`, the supervisor in the foreground: SIGTERM is an ordered stop in every phase of its life, from
//! its first moment on, and no death of a process is missed.

mod common;
mod jobcenter;
mod players;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::*;
use jobcenter::Jobcenter;
use players::Node;
use players::serviceguard::Serviceguard;
use siteward::history::{self, HistoryEvent};
use siteward::lease::owner;
use siteward::linux::lock::{Attempt, Lock};
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

/// How long a `run` may take to end after it was told to, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// A process that is ready once it can be told to end, and writes down that it was, and how.
fn teller(name: &str, signal: &str, log: &Path) -> String {
    let words = format!(
        "trap 'echo {name} {signal} >>{log}; exit 0' {signal}; echo listening; \
         while :; do sleep 0.02; done",
        log = log.display()
    );
    format!(
        "  {name}:\n    command: [/bin/sh, -c, {words:?}]\n    stop_signal: {signal}\n    \
         ready: {{log: listening}}\n"
    )
}

/// In the order in which they start, each with its own signal.
fn tellers(log: &Path) -> String {
    [("a", "INT"), ("b", "USR1"), ("c", "TERM")]
        .map(|(name, signal)| teller(name, signal, log))
        .concat()
}

const IN_REVERSE: &str = "c TERM\nb USR1\na INT\n";

const STEADY: &str = "  a: {command: [ACT, steady]}\n  b: {command: [ACT, steady]}\n";

fn is_at_rest(bench: &Bench, database: &Path, story: &str) {
    nothing_is_left(bench, SITE, story);
    lease_is_free(database, story);
}

/// Every process of the site is ready: a site that is starting is well too, for a cluster.
fn runs(bench: &Bench) -> bool {
    said(&output(bench.hand(&["status", SITE]))).starts_with("running")
}

/// A `run` that was told to end says with 0 that it has, in time, and leaves nothing; a start works then.
fn ended_as_ordered(run: Call, bench: &Bench, database: &Path, story: &str) {
    let told = Instant::now();
    let ended = run.end_within(SOON, story);
    assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
    assert!(told.elapsed() < SOON, "{story}");
    is_at_rest(bench, database, story);
    assert_eq!(bench.monitor(SITE), (7, 7, 3), "{story}");
}

fn starts_again(bench: &Bench, database: &Path, story: &str) {
    let started = output(bench.hand(&["start", SITE]));
    assert!(started.status.success(), "{story}: {}", said(&started));
    assert_eq!(bench.monitor(SITE), (0, 0, 0), "{story}");
    succeed(bench.hand(&["stop", SITE]));
    is_at_rest(bench, database, story);
}

// --- by whom it is run ----------------------------------------------------------------------------

#[test]
fn a_signal_to_a_run_of_a_shell_is_an_ordered_stop() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (mut bench, database) = Bench::with_database(SITE, "", &tellers(log.path()));
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::TERM] {
        // In the background of a shell SIGINT is ignored, and must be heard all the same.
        for script in ["\"$@\"; echo \"ended with $?\"", "\"$@\" & wait $!; echo \"ended with $?\""]
        {
            let story = format!("{signal}, {script}");
            fs::write(log.path(), "").unwrap();
            bench.within = ["/bin/sh", "-c", script, "-"].map(str::to_owned).to_vec();
            let shell = Call::begin(bench.hand(&["run", SITE]));
            bench.within.clear();
            until("it runs", || runs(&bench));
            assert!(!owner(&database).unwrap().released, "{story}");
            let run = bench.pid(SITE, "supervisor");
            assert_ne!(run, shell.pid(), "{story}");
            signal_if_there(run, signal);
            let ended = shell.end_within(SOON, &story);
            assert!(ended.said.contains("ended with 0"), "{story}: {}", ended.said);
            is_at_rest(&bench, &database, &story);
            assert_eq!(bench.monitor(SITE), (7, 7, 3), "{story}");
            assert_eq!(fs::read_to_string(log.path()).unwrap(), IN_REVERSE, "{story}");
        }
    }
    starts_again(&bench, &database, "by a shell");
}

#[test]
fn a_run_leaves_no_empty_control_group_behind() {
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    let Some(tree) = group_of(&bench, SITE) else { return };
    let run = Call::begin(bench.hand(&["run", SITE]));
    until("it runs", || runs(&bench));
    run.signal(Signal::TERM);
    ended_as_ordered(run, &bench, &database, "it ran");
    assert!(!exists(&tree), "{} is left", tree.display());
}

#[test]
fn a_halt_of_serviceguards_service_is_an_ordered_stop() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (bench, database) = Bench::with_database(SITE, "", &tellers(log.path()));
    let legacy = succeed(bench.hand(&["generate", "serviceguard-legacy", SITE]));
    let line = legacy.lines().find_map(|l| l.strip_prefix("SERVICE_CMD[0]=")).unwrap();
    let words: Vec<&str> = line.trim_matches('"').split(' ').skip(1).collect();
    let mut sg = Serviceguard::new(vec![Node::Ours { bench, site: SITE.to_owned() }]);
    for round in 0..3 {
        let story = format!("round {round}");
        fs::write(log.path(), "").unwrap();
        let service = sg.service(0, &words);
        until("it runs", || runs(sg.nodes[0].bench()));
        assert!(!owner(&database).unwrap().released);
        assert!(sg.halt(service, SOON), "it ends by the TERM");
        is_at_rest(sg.nodes[0].bench(), &database, &story);
        assert_eq!(sg.nodes[0].bench().monitor(SITE), (7, 7, 3), "{story}");
        assert_eq!(fs::read_to_string(log.path()).unwrap(), IN_REVERSE, "{story}");
        assert_eq!(sg.external(0, "stop").code, Some(0), "the halt commands find nothing to do");
    }
    assert_eq!(sg.breaches, Vec::<String>::new());
    starts_again(sg.nodes[0].bench(), &database, "as a service");
}

// --- every phase ----------------------------------------------------------------------------------

const ENDS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

#[test]
fn a_run_that_waits_for_the_lease_ends_when_it_is_told_to() {
    let (one, database) = Bench::with_database(SITE, "", STEADY);
    let two = Bench::new();
    two.define_with_database(SITE, &database, "", STEADY);
    succeed(one.hand(&["start", SITE]));
    let has = owner(&database).unwrap();
    for signal in ENDS {
        let run = Call::begin(two.hand(&["run", SITE]));
        let places = two.places.of(&SITE.parse().unwrap());
        until("its keeper waits", || siteward::lease::is_kept(&places));
        run.signal(signal);
        let ended = run.end_within(SOON, &format!("{signal} while it waits for the lease"));
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.said);
        nothing_is_left(&two, SITE, "it waited for the lease");
        assert_eq!(two.monitor(SITE), (7, 7, 3), "{signal}");
        assert_eq!(owner(&database).unwrap(), has, "{signal}: the lease is its owner's");
        assert_eq!(one.monitor(SITE), (0, 0, 0), "{signal}");
    }
    succeed(one.hand(&["stop", SITE]));
    starts_again(&two, &database, "it waited for the lease");
}

#[test]
fn a_run_that_repairs_an_unclean_end_ends_when_it_is_told_to() {
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    let disk = database.display();
    let words = format!(
        "sleep 1000 & echo $! >{disk}/begun; test -e {disk}/slow && wait; kill $!; \
         echo done >>{disk}/repairs"
    );
    let hook =
        format!("on_unclean_shutdown: {{command: [/bin/sh, -c, {words:?}], timeout: 60s}}\n");
    bench.define_with_database(SITE, &database, &format!("boot_timeout: 60s\n{hook}"), STEADY);
    succeed(bench.hand(&["start", SITE]));
    lose_power(&bench, SITE);
    fs::write(database.join("slow"), "").unwrap();
    let begun = database.join("begun");
    for signal in ENDS {
        let _ = fs::remove_file(&begun);
        let run = Call::begin(bench.hand(&["run", SITE]));
        until("the repair has begun", || {
            fs::read_to_string(&begun).is_ok_and(|text| text.ends_with('\n'))
        });
        run.signal(signal);
        ended_as_ordered(run, &bench, &database, &format!("{signal} while it repairs"));
        let child: i32 = fs::read_to_string(&begun).unwrap().trim().parse().unwrap();
        let stat = siteward::linux::process::Stat::of(Pid::try_from(child).unwrap());
        assert!(stat.is_none_or(|s| !s.is_alive()), "what the repair started is gone");
        assert!(owner(&database).unwrap().owes.is_some(), "{signal}: it is still owed");
    }
    assert!(!database.join("repairs").exists());
    fs::remove_file(database.join("slow")).unwrap();
    starts_again(&bench, &database, "it repaired");
    assert_eq!(fs::read_to_string(database.join("repairs")).unwrap(), "done\n");
}

#[test]
fn a_run_that_waits_for_another_start_ends_when_it_is_told_to() {
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    let places = bench.places.of(&SITE.parse().unwrap());
    for signal in ENDS {
        let Attempt::Taken(lock) = Lock::attempt(&places.start_lock()).unwrap() else {
            panic!("the lock is free")
        };
        let run = Call::begin(bench.hand(&["run", SITE]));
        until("it waits", || waits(run.pid()));
        // Long enough to be at the lock.
        wait_for(Duration::from_millis(100));
        run.signal(signal);
        let story = format!("{signal} while another start has the lock");
        let ended = run.end_within(SOON, &story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        drop(lock);
        is_at_rest(&bench, &database, &story);
    }
    starts_again(&bench, &database, "it waited for another start");
}

/// A disk that can be made to hang: bindfs(1), stopped.
struct Hanging {
    server: std::process::Child,
    at: PathBuf,
}

impl Hanging {
    fn mount(backing: &Path, at: &Path) -> Self {
        fs::create_dir_all(backing).unwrap();
        fs::create_dir_all(at).unwrap();
        let mut command = std::process::Command::new("bindfs");
        let server = command.args(["-f", "-o", "nonempty"]).args([backing, at]).spawn().unwrap();
        until("it is mounted", || siteward::linux::node::is_mount_point(at).unwrap());
        Self { server, at: at.to_owned() }
    }

    fn send(&self, what: Signal) {
        signal(Pid::try_from(self.server.id().cast_signed()).unwrap(), what);
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.at).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_run_whose_gate_hangs_ends_when_it_is_told_to() {
    let has = |path: &str| Path::new(path).exists();
    if !(is_root() && has("/dev/fuse") && has("/usr/bin/bindfs")) {
        return eprintln!("\n*** LEFT OUT: a gate that hangs. Missing: root, FUSE or bindfs ***\n");
    }
    let (bench, database) = Bench::with_database(SITE, "", STEADY);
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    let disk = Hanging::mount(&bench.path("backing"), &bench.path("programs"));
    let program = bench.path("programs/program");
    fs::copy("/bin/sleep", &program).unwrap();
    let processes = format!("  a: {{command: [{}, \"1000\"]}}\n", program.display());
    bench.define_with_database(SITE, &database, "boot_timeout: 60s\n", &processes);
    for signal in ENDS {
        disk.send(Signal::STOP);
        let run = Call::begin(bench.hand(&["run", SITE]));
        // Long enough to be at the gate.
        until("it waits", || waits(run.pid()));
        wait_for(Duration::from_millis(200));
        run.signal(signal);
        let story = format!("{signal} while the gate hangs");
        let ended = run.end_within(SOON, &story);
        disk.send(Signal::CONT);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        is_at_rest(&bench, &database, &story);
    }
    starts_again(&bench, &database, "its gate hung");
}

#[test]
fn a_run_whose_processes_get_ready_ends_when_it_is_told_to() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut processes = teller("a", "INT", log.path());
    processes.push_str("  b: {command: [ACT, steady], ready: {notify: true}}\n");
    let (bench, database) = Bench::with_database(SITE, "boot_timeout: 60s\n", &processes);
    for signal in ENDS {
        fs::write(log.path(), "").unwrap();
        let run = Call::begin(bench.hand(&["run", SITE]));
        until("both are there", || {
            bench.record(SITE).is_some_and(|r| r.ending.is_none() && r.processes.len() == 2)
        });
        run.signal(signal);
        ended_as_ordered(run, &bench, &database, &format!("{signal} while they get ready"));
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "a INT\n", "{signal}");
    }
    bench.define_with_database(SITE, &database, "", STEADY);
    starts_again(&bench, &database, "its processes were getting ready");
}

#[test]
fn a_run_that_stops_after_a_failure_ends_with_that() {
    let (bench, database) = Bench::with_database(
        SITE,
        "stop_timeout: 60s\nforcekill_time: 300ms\n",
        "  a: {command: [ACT, stubborn], stop_grace_period: 60s}\n  b: {command: [ACT, steady]}\n",
    );
    let run = Call::begin(bench.hand(&["run", SITE]));
    until("it runs", || runs(&bench));
    signal(bench.pid(SITE, "b"), Signal::KILL);
    until("it stops", || bench.monitor(SITE).2 == 1);
    run.signal(Signal::TERM);
    // A second one asks for the same again.
    run.signal(Signal::TERM);
    succeed(bench.ocf(SITE, "stop", &[("OCF_RESKEY_CRM_meta_timeout", "4000")]));
    let ended = run.end_within(SOON, "told while it stopped");
    assert!(matches!(ended.code, Some(0 | 1)), "{:?} {}", ended.code, ended.said);
    is_at_rest(&bench, &database, "told while it stopped");
}

#[test]
fn a_wrapped_run_ends_in_every_phase_when_it_is_told_to() {
    let center = Jobcenter::new("testsite");
    let site = center.site.clone();
    let at_rest = |story: &str| {
        assert_eq!(center.living(), "", "{story}");
        nothing_is_left(&center.bench, &site, story);
        lease_is_free(&center.database, story);
        assert_eq!(center.bench.monitor(&site), (7, 7, 3), "{story}");
    };
    for signal in ENDS {
        let run = Call::begin(center.hand(&["run", &site]));
        until("it runs", || center.bench.monitor(&site) == (0, 0, 0) && center.is_watched());
        run.signal(signal);
        let story = format!("{signal}, running");
        let ended = run.end_within(SOON, &story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        at_rest(&story);
    }
    // While its supervisor hangs in its beginning.
    center.switch("start-hangs", "");
    for signal in ENDS {
        let run = Call::begin(center.hand(&["run", &site]));
        until("cjcpw is there", || center.bench.record(&site).is_some_and(|r| r.ending.is_none()));
        run.signal(signal);
        let story = format!("{signal}, starting");
        let ended = run.end_within(SOON, &story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        at_rest(&story);
    }
    center.unswitch();
    // While another start is under way.
    for signal in ENDS {
        let places = center.bench.places.of(&site.parse().unwrap());
        let Attempt::Taken(lock) = Lock::attempt(&places.start_lock()).unwrap() else {
            panic!("the lock is free")
        };
        let run = Call::begin(center.hand(&["run", &site]));
        until("it waits", || waits(run.pid()));
        wait_for(Duration::from_millis(100));
        run.signal(signal);
        let story = format!("{signal}, waiting");
        let ended = run.end_within(SOON, &story);
        assert_eq!(ended.code, Some(0), "{story}: {}", ended.said);
        drop(lock);
        at_rest(&story);
    }
    succeed(center.hand(&["start", &site]));
    succeed(center.hand(&["stop", &site]));
    at_rest("a start worked");
}

/// SIGTERM at random moments of the beginning of a run. `SITEWARD_ROUNDS` gives more of them, and
/// `SITEWARD_SEED` the same ones again.
#[test]
fn a_run_that_is_told_to_end_at_any_moment_leaves_nothing() {
    let rounds = number_of("SITEWARD_ROUNDS").unwrap_or(200);
    let mut random = Random::new();
    // Two nodes at a time, each with a quarter of its runs in the first milliseconds.
    let delays: Vec<u64> = (0..rounds)
        .map(|round| match round % 4 {
            0 => random.below(6_000),
            1 => random.below(30_000),
            _ => random.below(120_000),
        })
        .collect();
    let left = Mutex::new(delays.into_iter().enumerate());
    let seed = random.seed;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (bench, database) = Bench::with_database(SITE, "settle: 5ms\n", STEADY);
                loop {
                    let Some((round, delay)) = left.lock().unwrap().next() else { break };
                    let story = format!("round {round} of seed {seed}, TERM after {delay} us");
                    told_at(&bench, &database, Duration::from_micros(delay), &story);
                }
                starts_again(&bench, &database, "after all rounds");
            });
        }
    });
}

fn told_at(bench: &Bench, database: &Path, delay: Duration, story: &str) {
    let history = || bench.log(SITE, "history.jsonl");
    let before = history();
    let mut run = Call::begin(bench.hand(&["run", SITE]));
    wait_for(delay);
    assert!(!run.is_over(), "{story}: {}", run.said());
    run.signal(Signal::TERM);
    let ended = run.end_within(SOON, story);
    match ended.code {
        Some(0) => {}
        // Before it is a program of ours: nobody can do anything about that.
        None => assert_eq!((history(), ended.said.as_str()), (before, ""), "{story}"),
        Some(code) => panic!("{story}: it ended with {code}: {}", ended.said),
    }
    is_at_rest(bench, database, story);
    assert_eq!(code(bench.hand(&["status", SITE])), 3, "{story}");
}

// --- ten thousand deaths --------------------------------------------------------------------------

/// So many processes die at the same time, again and again.
const MORTALS: usize = 8;

/// `SITEWARD_DEATHS` gives another number of them.
#[test]
fn of_ten_thousand_deaths_none_is_missed() {
    let wanted = number_of("SITEWARD_DEATHS").map_or(10_000, |n| usize::try_from(n).unwrap());
    let bench = Bench::in_memory();
    let database = bench.path("disk");
    fs::create_dir(&database).unwrap();
    let births = |n: usize| bench.path(&format!("births-{n}"));
    let enough = bench.path("enough");
    // Each is born, says so, and dies at once; and lives when there were enough of them.
    let mut processes = "  steady: {command: [ACT, steady]}\n".to_owned();
    for n in 0..MORTALS {
        let words = format!(
            "echo x >>{}; test -e {} && exec sleep 1000; exit 3",
            births(n).display(),
            enough.display()
        );
        processes.push_str(&format!(
            "  m{n}: {{command: [/bin/sh, -c, {words:?}], essential: false, depends_on: [steady], \
             restart: {{attempts: 1000, within: 1s, delay: 0, max_delay: 0}}}}\n"
        ));
    }
    bench.define_with_database(SITE, &database, "boot_timeout: 120s\n", &processes);
    let run = Call::begin(bench.hand(&["run", SITE]));
    let born =
        |n: usize| fs::metadata(births(n)).map_or(0, |m| usize::try_from(m.len()).unwrap() / 2);
    let all = || (0..MORTALS).map(born).sum::<usize>();
    let begun = Instant::now();
    let (mut last, mut since) = (0, begun);
    while all() < wanted + MORTALS {
        if all() > last {
            (last, since) = (all(), Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "none is born any more after {}: {}", last, run.said());
        wait_for(Duration::from_millis(20));
    }
    fs::write(&enough, "").unwrap();
    println!("{} births in {:?}", all(), begun.elapsed());
    until("all of them live", || {
        bench.record(SITE).is_some_and(|r| r.ending.is_none() && r.processes.len() == MORTALS + 1)
            && bench.monitor(SITE) == (0, 0, 0)
    });
    // The last ones are not dying any more: each is what it wrote last, asleep.
    until("none of them is about to die", || {
        let asleep = |n: usize| {
            words_of(bench.pid(SITE, &format!("m{n}"))).last().is_some_and(|w| w == b"1000")
        };
        (0..MORTALS).all(asleep)
    });
    let view = view_of(&bench);
    let history = history::read(&bench.places.of(&SITE.parse().unwrap()).history());
    let history = history.entries;
    let log = run.said();
    for n in 0..MORTALS {
        let name = format!("m{n}");
        let deaths = born(n) - 1;
        let died = format!("`{name}` ended with exit status 3");
        let noted =
            history.iter().filter(|e| e.event == HistoryEvent::Fault && e.detail == died).count();
        assert_eq!(noted, deaths, "{name}: in the history");
        let said =
            log.lines().filter(|line| line.contains(&format!("`{name}` is started again"))).count();
        assert_eq!(said, deaths, "{name}: in the log");
        let seen = view.processes.iter().find(|p| p.name == name).unwrap();
        assert!(seen.up, "{name}: {}", seen.doing);
        assert_eq!(usize::try_from(seen.restarts).unwrap(), deaths, "{name}: by the supervisor");
    }
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    run.signal(Signal::TERM);
    ended_as_ordered(run, &bench, &database, "after ten thousand deaths");
}

/// The site as its supervisor sees it.
fn view_of(bench: &Bench) -> siteward::control::View {
    use siteward::control::{Client, Reply, Request};
    let places = bench.places.of(&SITE.parse().unwrap());
    let until = siteward::values::Moment::now() + PATIENCE;
    let mut client = Client::connect(&places.socket(), until).unwrap();
    match client.ask(&Request::Look, until).unwrap() {
        Reply::Done(view) => *view,
        other => panic!("{other:?}"),
    }
}
