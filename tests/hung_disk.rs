//! A disk that stops answering: bindfs(1), a file system in a process of its own, which is stopped by
//! a signal while the site lives on it. No verb waits for it beyond its deadline, and what lives on it
//! can be ended. And a disk that is full: a site starts on it all the same.

mod common;
mod jobcenter;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::*;
use jobcenter::Jobcenter;
use siteward::linux::descriptors::open_paths_below;
use siteward::linux::node;
use siteward::linux::process::Stat;
use siteward::process::{find_by_command_line, holders};
use siteward::values::{Pid, Signal};

const SITE: &str = "shop";

fn missing() -> Option<&'static str> {
    if !is_root() {
        Some("a disk that hangs. Missing: root: sudo tests/run")
    } else if !Path::new("/dev/fuse").exists() {
        Some("a disk that hangs. Missing: /dev/fuse: modprobe fuse")
    } else if !Path::new("/usr/bin/bindfs").exists() {
        Some("a disk that hangs. Missing: bindfs: apt-get install bindfs")
    } else {
        None
    }
}

fn main() -> ExitCode {
    // A kernel without FUSE can be given none.
    let can_be_had = Path::new("/dev/fuse").exists();
    live_through(
        missing(),
        can_be_had,
        &[
            ("every_verb_ends_in_its_time_while_the_disk_hangs", every_verb_ends_in_its_time),
            ("a_start_on_a_hung_disk_fails_in_its_time", a_start_on_a_hung_disk_fails_in_its_time),
            ("a_killed_supervisor_on_a_hung_disk", a_killed_supervisor_on_a_hung_disk),
            ("a_wrapped_site_on_a_hung_disk", a_wrapped_site_on_a_hung_disk),
            ("a_keeper_that_dies_on_a_hung_disk", a_keeper_that_dies_on_a_hung_disk),
            ("facts_that_cannot_be_left_delay_nothing", facts_that_cannot_be_left_delay_nothing),
            ("an_export_tells_of_a_file_system_that_hangs", an_export_tells_of_a_file_system),
            ("a_program_on_a_hung_disk_delays_no_other", a_program_on_a_hung_disk_delays_no_other),
            ("a_full_disk_stops_no_start", a_full_disk_stops_no_start),
            (
                "a_process_whose_memory_nobody_can_look_into",
                a_process_whose_memory_nobody_can_look_into,
            ),
        ],
    )
}

/// A file system that can be made to hang.
struct Disk {
    server: Child,
    at: PathBuf,
}

impl Disk {
    /// What lies in `backing`, at `at`.
    fn mount(backing: &Path, at: &Path) -> Self {
        Self::mount_with(backing, at, "nonempty")
    }

    fn mount_with(backing: &Path, at: &Path, options: &str) -> Self {
        for folder in [backing, at] {
            fs::create_dir_all(folder).unwrap();
        }
        let server = Command::new("bindfs")
            .args(["-f", "-o", options])
            .args([backing, at])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        until("the disk is mounted", || node::is_mount_point(at).unwrap());
        Self { server, at: at.to_owned() }
    }

    fn pid(&self) -> Pid {
        Pid::try_from(self.server.id().cast_signed()).unwrap()
    }

    /// It answers no more. Nobody waits for it at that moment: what its server has taken up already
    /// could not even be killed (fuse's request_wait_answer waits it out), and would be no disk that
    /// a site can be ended on.
    fn hang(&self) {
        // One that sleeps for another may be gone meanwhile.
        let stop = |pid: Pid| {
            signal_if_there(pid, Signal::STOP);
            until("it is stopped", || {
                Stat::of(pid).is_none_or(|stat| stat.is_stopped() || !stat.is_alive())
            });
        };
        let at_work: Vec<Pid> = holders(&self.at).unwrap().iter().map(|h| h.pid).collect();
        at_work.iter().for_each(|pid| stop(*pid));
        stop(self.pid());
        for pid in at_work {
            signal_if_there(pid, Signal::CONT);
        }
    }

    fn answer_again(&self) {
        signal(self.pid(), Signal::CONT);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever still hangs on it is let go when its server is gone.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// `more`: what else its definition says, of the disk at `DISK`. The disk comes last, as it must be
/// dropped first: it lies in the bench's folder.
fn site_on_disk(more: &str) -> (Bench, Disk) {
    let bench = Bench::new();
    let disk = Disk::mount(&bench.path("backing"), &bench.path("disk"));
    fs::write(disk.at.join("env"), "WORD=said\n").unwrap();
    // One that only works there, one that writes all the while.
    bench.define(
        SITE,
        &format!(
            "database: {0}\nworking_directory: {0}\n{1}stop_timeout: 2s\nprocesses:\n  \
             a: {{command: [ACT, steady]}}\n  \
             b: {{command: [/bin/sh, -c, \"while :; do echo $WORD >>written; sleep 0.01; done\"]}}\n",
            disk.at.display(),
            more.replace("DISK", &disk.at.display().to_string())
        ),
    );
    (bench, disk)
}

/// Runs it, which must end within its time and a little more; its code and all that it said.
fn within(seconds: u64, command: Command) -> (i32, String) {
    let begun = Instant::now();
    let ended = output(command);
    let took = begun.elapsed();
    let words = said(&ended);
    assert!(took < Duration::from_secs(seconds) + Duration::from_millis(500), "{took:?}: {words}");
    (ended.status.code().unwrap_or(-1), words)
}

fn every_verb_ends_in_its_time() {
    let (bench, disk) = site_on_disk("env_file: DISK/env\nwork: {jobs: {files: running/*}}\n");
    succeed(bench.hand(&["start", SITE]));
    until("it writes", || {
        fs::read_to_string(disk.at.join("written")).is_ok_and(|t| t.contains("said"))
    });
    disk.hang();
    let hand = |words: &[&str]| within(3, bench.hand(&[words, &["--timeout", "3s"]].concat()));
    for fine in [
        &["status", SITE][..],
        &["status", SITE, "--level", "20"],
        &["status", SITE, "--explain"],
        &["list"],
        &["holders", SITE],
        &["start", SITE],
        &["adopt", SITE],
        &["validate-all", SITE, "--level", "0"],
        &["generate", "systemd", SITE],
    ] {
        let (code, words) = hand(fine);
        assert_eq!(code, 0, "{fine:?}: {words}");
    }
    let (code, words) = within(6, bench.hand(&["pause", "--drain", SITE, "--timeout", "3s"]));
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("what runs cannot be looked at"), "{words}");
    for refused in
        [&["pause", SITE][..], &["resume", SITE], &["validate-all", SITE], &["work", SITE]]
    {
        let (code, words) = hand(refused);
        assert_eq!(code, 1, "{refused:?}: {words}");
        assert!(words.contains("does not answer"), "{refused:?}: {words}");
    }
    let (code, words) = hand(&["doctor", SITE]);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("the disk could not be checked"), "{words}");
    let new = disk.at.join("new").display().to_string();
    let words =
        ["create", "new", "--database", &new, "--unmounted", "--timeout", "3s", "--", "/bin/a"];
    let (code, words) = within(3, bench.hand(&words));
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("does not answer"), "{words}");
    assert!(!bench.places.config.join("new.yaml").exists());
    let probe = bench.ocf(SITE, "monitor", &[("OCF_RESKEY_CRM_meta_timeout", "3000")]);
    assert_eq!(within(3, probe).0, 0);
    let (code, words) = within(15, bench.hand(&["stop", SITE, "--timeout", "15s"]));
    assert_eq!(code, 0, "{words}");
    assert_eq!(bench.living(SITE), "");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    for refused in ["start", "run"] {
        let (code, words) = hand(&[refused, SITE]);
        assert_eq!(code, 1, "{refused}: {words}");
        assert!(words.contains("does not answer"), "{refused}: {words}");
        assert!(words.contains("[disk-silent]"), "{refused}: {words}");
    }
    assert_eq!(hand(&["watch", SITE]).0, 1);
    assert_eq!(hand(&["reload", SITE]).0, 1);
    assert_eq!(hand(&["clean", SITE]).0, 0);
    disk.answer_again();
    let again = succeed(bench.hand(&["start", SITE]));
    assert!(again.contains("ended uncleanly"), "nobody could write that it was released: {again}");
    succeed(bench.hand(&["stop", SITE]));
}

fn a_start_on_a_hung_disk_fails_in_its_time() {
    let (bench, disk) = site_on_disk("env_file: DISK/env\n");
    disk.hang();
    let (code, words) =
        within(4, bench.ocf(SITE, "start", &[("OCF_RESKEY_CRM_meta_timeout", "4000")]));
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("does not answer"), "{words}");
    assert_eq!(bench.living(SITE), "");
    let (code, words) =
        within(3, bench.ocf(SITE, "stop", &[("OCF_RESKEY_CRM_meta_timeout", "3000")]));
    assert_eq!(code, 0, "{words}");
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
    disk.answer_again();
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
}

fn a_killed_supervisor_on_a_hung_disk() {
    let (bench, disk) = site_on_disk("environment: {WORD: said}\n");
    for verb in ["stop", "clean"] {
        succeed(bench.hand(&["start", SITE]));
        disk.hang();
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        until("it is seen", || bench.monitor(SITE) == (1, 1, 1));
        let (code, words) = within(10, bench.hand(&["adopt", SITE, "--timeout", "10s"]));
        assert_eq!(code, 0, "{words}");
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        let (code, words) = within(15, bench.hand(&[verb, SITE, "--timeout", "15s"]));
        assert_eq!(code, 0, "{words}");
        assert_eq!(bench.living(SITE), "");
        assert_eq!(bench.monitor(SITE), (7, 7, 3));
        disk.answer_again();
    }
}

fn a_wrapped_site_on_a_hung_disk() {
    let center = Jobcenter::new(SITE);
    let backing = center.root.join("backing");
    fs::rename(&center.database, &backing).unwrap();
    let disk = Disk::mount(&backing, &center.database);
    succeed(center.hand(&["start", SITE]));
    disk.hang();
    let hand = |seconds: u64, words: &[&str]| {
        let timeout = format!("{seconds}s");
        within(seconds, center.hand(&[words, &["--timeout", &timeout]].concat()))
    };
    assert_eq!(hand(3, &["status", SITE]).0, 0);
    assert_eq!(hand(3, &["list"]).0, 0);
    assert_eq!(hand(3, &["start", SITE]).0, 0, "it runs already");
    let (code, words) = hand(3, &["pause", SITE]);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("does not answer"), "{words}");
    let (code, words) = hand(15, &["stop", SITE]);
    assert_eq!(code, 0, "{words}");
    assert_eq!(center.daemons(), []);
    let (code, words) = hand(3, &["start", SITE]);
    assert_eq!(code, 1, "{words}");
    assert!(words.contains("does not answer"), "{words}");
    assert_eq!(hand(10, &["clean", SITE]).0, 0);
    disk.answer_again();
    succeed(center.hand(&["start", SITE]));
    succeed(center.hand(&["stop", SITE]));
}

/// Maps a file when it is told to, and reads of it if it is to. `FILE FLAG READ`.
const MAPPER: &str = "\
import ctypes, os, sys, time\n\
file = os.open(sys.argv[1], os.O_RDONLY)\n\
while not os.path.exists(sys.argv[2]): time.sleep(0.01)\n\
mmap = ctypes.CDLL(None).mmap\n\
mmap.restype = ctypes.c_void_p\n\
mapped = mmap(None, ctypes.c_size_t(4096), 1, 2, file, ctypes.c_long(0))\n\
if len(sys.argv) > 3: print(ctypes.string_at(mapped, 1))\n\
time.sleep(1000)\n";

/// One process waits for a page of a file, and another one for that page to be dropped, in mmap(2),
/// with its memory map locked: ps(1) hangs on such a one, as does whoever else reads its environment.
fn a_process_whose_memory_nobody_can_look_into() {
    let bench = Bench::new();
    let disk = Disk::mount_with(&bench.path("backing"), &bench.path("disk"), "direct_io");
    let file = disk.at.join("file");
    fs::write(&file, [0; 4096]).unwrap();
    let mapper = |flag: &Path, more: &str| {
        let (file, flag) = (file.display(), flag.display());
        format!("[/usr/bin/python3, -c, {MAPPER:?}, {file}, {flag}{more}]")
    };
    let (first, then) = (bench.path("first"), bench.path("then"));
    let (reads, maps) = (mapper(&first, ", read"), mapper(&then, ""));
    bench.define(
        "stuck",
        &format!("stop_timeout: 1s\nprocesses:\n  reads: {{command: {reads}}}\n  maps: {{command: {maps}}}\n"),
    );
    bench.define(SITE, "processes:\n  a: {command: [ACT, steady]}\n");
    succeed(bench.hand(&["start", "stuck"]));
    succeed(bench.hand(&["start", SITE]));
    let opened = |name: &str| {
        let pid = bench.pid("stuck", name);
        until("it has opened its file", || !open_paths_below(pid, &disk.at).unwrap().is_empty());
        pid
    };
    let (reads, maps) = (opened("reads"), opened("maps"));
    disk.hang();
    let hangs = |pid: Pid, flag: &Path| {
        fs::write(flag, "").unwrap();
        until("it hangs", || Stat::of(pid).is_some_and(|stat| stat.state == 'D'));
    };
    hangs(reads, &first);
    hangs(maps, &then);
    let mut reader = Command::new("timeout");
    reader.args(["1", "cat"]).arg(format!("/proc/{maps}/environ"));
    assert_eq!(reader.status().unwrap().code(), Some(124), "whoever reads its environment hangs");

    // It may be what is looked for, and is surely nothing that executes another program.
    let find = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
        find_by_command_line(&words).map(|found| found.len())
    };
    let unknown = find(&["/usr/bin/python3", "-c"]).unwrap_err().to_string();
    assert!(unknown.contains(&format!("process {maps} (python3) hangs")), "{unknown}");
    assert_eq!(find(&["/usr/bin/no-such-program"]).unwrap(), 0);

    // Another site has nothing to do with it.
    let hand = |seconds: u64, words: &[&str]| {
        let timeout = format!("{seconds}s");
        within(seconds, bench.hand(&[words, &["--timeout", &timeout]].concat()))
    };
    for verb in ["stop", "start", "clean", "start"] {
        let (code, words) = hand(8, &[verb, SITE]);
        assert_eq!(code, 0, "{verb}: {words}");
        assert!(verb == "start" || words.contains("its environment cannot be read"), "{words}");
    }
    signal(bench.pid(SITE, "supervisor"), Signal::KILL);
    assert_eq!(hand(8, &["adopt", SITE]).0, 0);
    assert_eq!(hand(8, &["stop", SITE]).0, 0);
    assert_eq!(bench.living(SITE), "");

    // Its own cannot be stopped, which is said in time.
    assert_eq!(hand(3, &["status", "stuck", "--level", "10"]).0, 0);
    for verb in ["stop", "clean"] {
        let (code, words) = hand(8, &[verb, "stuck"]);
        assert_eq!(code, 1, "{verb}: {words}");
        assert!(words.contains(&format!("{maps} ([python3])")), "{verb}: {words}");
        assert!(words.contains("which waits uninterruptibly"), "{verb}: {words}");
        // It has heard the order, and cannot carry it out.
        assert!(verb == "clean" || words.contains("has not stopped it in its time"), "{words}");
    }
    let (code, words) = hand(3, &["status", "stuck"]);
    assert_eq!(code, 1, "{words}");
    disk.answer_again();
    until("it dies of its KILL", || bench.living("stuck").is_empty());
    assert_eq!(hand(8, &["clean", "stuck"]).0, 0);
    assert_eq!(bench.monitor("stuck"), (7, 7, 3));
}

/// Its keeper is killed, and no other can take the lease: nobody knows whether another node does. The
/// supervisor answers all the while.
fn a_keeper_that_dies_on_a_hung_disk() {
    let (bench, disk) = site_on_disk("environment: {WORD: said}\n");
    succeed(bench.hand(&["start", SITE]));
    let keeper = siteward::lease::living_keeper(&bench.places.of(&SITE.parse().unwrap())).unwrap();
    disk.hang();
    signal(keeper.pid, Signal::KILL);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        let (code, words) = within(3, bench.hand(&["monitor", SITE, "--timeout", "3s"]));
        assert_eq!(code, 0, "{words}");
    }
    until("it has given up", || bench.monitor(SITE) == (7, 7, 1));
    let (_, words) = within(3, bench.hand(&["status", SITE, "--timeout", "3s"]));
    assert!(words.contains("the lease on"), "{words}");
    assert!(words.contains("does not answer"), "{words}");
    let (code, words) = within(15, bench.hand(&["stop", SITE, "--timeout", "15s"]));
    assert_eq!(code, 0, "{words}");
    assert_eq!(bench.living(SITE), "");
    disk.answer_again();
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
}

/// Writes until nothing more can be written.
fn fill(folder: &Path) {
    for (name, piece) in [("large", 4096), ("small", 1)] {
        let mut file = fs::File::create(folder.join(name)).unwrap();
        let piece = vec![b'x'; piece];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
    }
}

/// The disk hangs when the facts of the node are to be left: the site is up, stays up, and is stopped, as
/// if nothing were; and once it is stopped, nothing uses the disk.
fn facts_that_cannot_be_left_delay_nothing() {
    let (own, database) = Bench::with_database(SITE, "", "  a: {command: [ACT, steady]}\n");
    let wrapped = Jobcenter::new("testsite");
    for (bench, site, database) in
        [(&own, SITE, &database), (&*wrapped.bench, "testsite", &wrapped.database)]
    {
        let private = database.join(".siteward");
        fs::create_dir(&private).unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
        let disk = Disk::mount(&bench.path("backing"), &private.join("facts"));
        fs::set_permissions(&disk.at, fs::Permissions::from_mode(0o700)).unwrap();
        disk.hang();
        let (code, said) = within(5, bench.hand(&["start", site]));
        assert_eq!(code, 0, "{said}");
        until("its facts are waiting for the disk", || leaving_facts(bench) > 1);
        assert_eq!(bench.monitor(site), (0, 0, 0), "{site}");
        let (_, said) = within(5, bench.hand(&["doctor", site, "--timeout", "4s"]));
        assert!(said.contains("the disk at") && said.contains("does not answer"), "{said}");
        let (code, said) = within(5, bench.hand(&["stop", site]));
        assert_eq!(code, 0, "{said}");
        until("nothing waits for the disk", || leaving_facts(bench) == 0);
        nothing_is_left(bench, site, "it is stopped");
        disk.answer_again();
        let (code, said) = within(5, bench.hand(&["start", site]));
        assert_eq!(code, 0, "{said}");
        let node = node::name();
        until("the facts are left", || disk.at.join(format!("{node}.json")).exists());
        until("the helper has ended", || leaving_facts(bench) == 0);
        assert_eq!(within(5, bench.hand(&["stop", site])).0, 0);
    }
}

/// A program lies on a file system that hangs: the rest of the facts is told in time.
fn an_export_tells_of_a_file_system() {
    let bench = Bench::new();
    let disk = Disk::mount(&bench.path("backing"), &bench.path("opt"));
    let program = disk.at.join("serve");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    bench.define(SITE, &format!("processes:\n  a: {{command: [{}]}}\n", program.display()));
    disk.hang();
    let (code, said) = within(6, bench.hand(&["doctor", SITE, "--export", "--timeout", "6s"]));
    assert_eq!(code, 0, "{said}");
    let facts: serde_json::Value = serde_json::from_str(&said).unwrap();
    let words = facts["not_known"][0].as_str().unwrap();
    assert!(words.contains("does not answer"), "{words}");
    assert!(facts["sysctls"]["kernel.sem"].is_string());
}

/// How many processes leave facts for a site of this bench.
fn leaving_facts(bench: &Bench) -> usize {
    let config = bench.places.config.as_os_str().as_encoded_bytes();
    let is_one = |stat: &&Stat| {
        let words = words_of(stat.pid);
        let has = |wanted: &[u8]| words.iter().any(|word| word == wanted);
        stat.is_alive() && has(config) && (has(b"leave-facts") || has(b"facts-job"))
    };
    siteward::linux::process::all().unwrap().iter().filter(is_one).count()
}

/// Several processes start together, and the program of one, or its folder, lies on a disk that hangs: the others run,
/// and the supervisor answers. Once the disk is well again that one runs too; and the site can be stopped before.
fn a_program_on_a_hung_disk_delays_no_other() {
    let bench = Bench::new();
    // Nothing of it is remembered, so that the folder cannot be entered either.
    let options = "nonempty,attr_timeout=0,entry_timeout=0";
    let disk = Disk::mount_with(&bench.path("backing"), &bench.path("opt"), options);
    fs::copy("/bin/sleep", disk.at.join("serve")).unwrap();
    let at = disk.at.display();
    let others: String =
        (0..6).map(|n| format!("  p{n}: {{command: [ACT, steady], depends_on: []}}\n")).collect();
    for on_disk in [
        format!("command: [{at}/serve, \"1000\"]"),
        format!("command: [/bin/sleep, \"1000\"], working_directory: {at}"),
    ] {
        bench.define(
            SITE,
            &format!(
                "boot_timeout: 60s\nstop_timeout: 2s\nprocesses:\n{}  stuck: {{{on_disk}, depends_on: []}}\n{}",
                "  first: {command: [ACT, steady], depends_on: []}\n", others
            ),
        );
        succeed(bench.hand(&["start", SITE]));
        for is_stopped in [false, true] {
            succeed(bench.hand(&["pause", SITE]));
            disk.hang();
            let mut resume = Call::begin(bench.hand(&["resume", SITE]));
            let names = (0..6).map(|n| format!("p{n}")).chain(["first".to_owned()]);
            let names: Vec<String> = names.collect();
            until("all others run", || {
                let record = bench.record(SITE).unwrap();
                let is_up =
                    |name: &String| record.processes.iter().any(|p| p.name == *name && p.ready);
                names.iter().all(is_up)
            });
            let stuck = bench.pid(SITE, "stuck");
            let supervisor = bench.pid(SITE, "supervisor");
            assert_eq!(words_of(stuck), words_of(supervisor), "it has not executed its program");
            let (code, words) = within(3, bench.hand(&["status", SITE, "--timeout", "3s"]));
            assert!(words.contains("starting"), "{code}: {words}");
            assert!(!resume.is_over());
            if is_stopped {
                let (code, words) = within(15, bench.hand(&["stop", SITE, "--timeout", "15s"]));
                assert_eq!(code, 0, "{words}");
                nothing_is_left(&bench, SITE, "it is stopped");
                disk.answer_again();
                resume.end("it was overtaken");
                continue;
            }
            disk.answer_again();
            let ended = resume.end("the disk is well again");
            assert_eq!(ended.code, Some(0), "{}", ended.said);
            assert_eq!(bench.pid(SITE, "stuck"), stuck);
        }
    }
}

fn a_full_disk_stops_no_start() {
    let bench = Bench::new();
    let at = bench.path("disk");
    fs::create_dir(&at).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=128k,mode=0755", "none"])
        .arg(&at)
        .status()
        .unwrap();
    assert!(mounted.success());
    /// Dropped before the bench, in whose folder it lies.
    struct Mounted<'a>(&'a Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }
    let _mounted = Mounted(&at);
    let repairs = bench.path("repairs");
    bench.define(
        SITE,
        &format!(
            "database: {}\non_unclean_shutdown: {{command: [/bin/sh, -c, \"echo x >>{}\"], timeout: \
             5s}}\nprocesses:\n  a: {{command: [ACT, steady]}}\n",
            at.display(),
            repairs.display()
        ),
    );
    let repaired = || fs::read_to_string(&repairs).unwrap_or_default().len() / 2;
    let places = bench.places.of(&SITE.parse().unwrap());
    let crash = || {
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        signal(siteward::lease::living_keeper(&places).unwrap().pid, Signal::KILL);
        until("its lease has no keeper", || siteward::lease::living_keeper(&places).is_none());
    };

    // The very first start finds it full: the lock is held, and the record says at least that.
    fill(&at);
    let started = output(bench.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("has no room for the record"), "{}", said(&started));
    succeed(bench.hand(&["stop", SITE]));
    let started = output(bench.hand(&["start", SITE]));
    assert!(!said(&started).contains("uncleanly"), "{}", said(&started));
    crash();
    succeed(bench.hand(&["stop", SITE]));
    let started = output(bench.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    assert!(said(&started).contains("ended uncleanly"), "{}", said(&started));
    assert_eq!(repaired(), 1);
    succeed(bench.hand(&["stop", SITE]));

    // From then on its room is kept.
    fs::remove_file(at.join("large")).unwrap();
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    fill(&at);
    for _ in 0..3 {
        let started = output(bench.hand(&["start", SITE]));
        assert!(started.status.success(), "{}", said(&started));
        for word in ["no room", "uncleanly"] {
            assert!(!said(&started).contains(word), "{}", said(&started));
        }
        assert_eq!(siteward::lease::owner(&at).map(|o| o.released), Some(false));
        succeed(bench.hand(&["stop", SITE]));
        assert_eq!(siteward::lease::owner(&at).map(|o| o.released), Some(true));
    }
    succeed(bench.hand(&["start", SITE]));
    crash();
    succeed(bench.hand(&["clean", SITE]));
    let started = output(bench.hand(&["start", SITE]));
    assert!(said(&started).contains("ended uncleanly"), "{}", said(&started));
    assert_eq!(repaired(), 2);
    succeed(bench.hand(&["stop", SITE]));
}
