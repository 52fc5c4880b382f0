//! The disk or the address goes while the site runs. The tests live in network and mount namespaces of
//! their own, so that they can take both away.

mod common;
mod jobcenter;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use common::*;
use jobcenter::Jobcenter;
use siteward::values::Signal;

const SITE: &str = "shop";
const INSIDE: &str = "SITEWARD_TEST_INSIDE";

/// How long a loss may take to be told. It is confirmed after 150 ms; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--propagation", "private", "--"]);
    command
}

fn missing() -> Option<&'static str> {
    if !is_root() {
        Some("a disk and an address that go. Missing: root: sudo tests/run")
    } else if !Path::new("/usr/sbin/ip").exists() {
        Some("a disk and an address that go. Missing: ip: apt-get install iproute2")
    } else if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        Some("a disk and an address that go. Missing: namespaces (unshare --net --mount)")
    } else {
        None
    }
}

fn main() -> ExitCode {
    let missing = missing();
    if missing.is_none() && std::env::var_os(INSIDE).is_none() {
        let own = std::env::current_exe().unwrap();
        let status =
            unshare().arg(own).args(std::env::args_os().skip(1)).env(INSIDE, "1").status().unwrap();
        return ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1));
    }
    if missing.is_none() {
        ip("link set lo up");
    }
    live_through(
        missing,
        true,
        &[
            ("a_removed_address_fails_the_site_at_once", a_removed_address_fails_the_site_at_once),
            ("an_address_that_is_added_again_at_once", an_address_that_is_added_again_at_once),
            ("an_interface_that_is_set_down", an_interface_that_is_set_down),
            ("a_flood_of_changes_hides_no_loss", a_flood_of_changes_hides_no_loss),
            ("a_disk_that_is_unmounted_lazily", a_disk_that_is_unmounted_lazily),
            ("another_disk_mounted_over_it", another_disk_mounted_over_it),
            ("a_degraded_site_is_well_again", a_degraded_site_is_well_again),
            ("a_disk_that_is_only_missed", a_disk_that_is_only_missed),
            (
                "a_paused_site_is_not_resumed_without_them",
                a_paused_site_is_not_resumed_without_them,
            ),
            (
                "a_paused_site_is_not_resumed_on_another_disk",
                a_paused_site_is_not_resumed_on_another_disk,
            ),
            ("a_start_that_loses_its_address", a_start_that_loses_its_address),
            ("a_new_supervisor_knows_the_disk", a_new_supervisor_knows_the_disk),
            ("a_wrapped_site_is_monitored_for_both", a_wrapped_site_is_monitored_for_both),
        ],
    )
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split_whitespace()).status().unwrap();
    assert!(status.success(), "ip {words}: {status}");
}

fn run(words: &str) {
    let words: Vec<&str> = words.split_whitespace().collect();
    assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{words:?}");
}

/// A site with this address, which is here. `more`: of its prerequisites.
fn with_address(address: &str, more: &str) -> Bench {
    let bench = Bench::new();
    ip(&format!("address add {address}/32 dev lo"));
    bench.define(
        SITE,
        &format!(
            "address: {address}\ndegraded_is: degraded\ndegraded_after: 0s\n\
             prerequisites: {{address_present: true{more}}}\n\
             processes: {{a: {{command: [ACT, steady]}}, b: {{command: [ACT, steady]}}}}\n"
        ),
    );
    succeed(bench.hand(&["start", SITE]));
    bench
}

fn remove(address: &str) {
    ip(&format!("address del {address}/32 dev lo"));
}

/// A disk that can be mounted again after it was unmounted: a folder on another mount.
struct Disk {
    whole: PathBuf,
    at: PathBuf,
}

impl Disk {
    fn mount(bench: &Bench) -> Self {
        let disk = Self { whole: bench.path("whole"), at: bench.path("disk") };
        for folder in [&disk.whole, &disk.at] {
            fs::create_dir(folder).unwrap();
        }
        run(&format!("mount -t tmpfs -o mode=0755 none {}", disk.whole.display()));
        disk.mount_again();
        disk
    }

    fn mount_again(&self) {
        run(&format!("mount --bind {} {}", self.whole.display(), self.at.display()));
    }

    fn unmount(&self) {
        run(&format!("umount -l {}", self.at.display()));
    }

    fn site(bench: &Bench, more: &str, processes: &str) -> Self {
        let disk = Self::mount(bench);
        let at = disk.at.display();
        bench.define(
            SITE,
            &format!(
                "database: {at}\nprerequisites: {{mounted: true{more}}}\nprocesses:\n{processes}"
            ),
        );
        succeed(bench.hand(&["start", SITE]));
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for at in [&self.at, &self.whole] {
            let _ = Command::new("umount").arg("-l").arg(at).output();
        }
    }
}

const WRITES: &str = "  a: {command: [/bin/sh, -c, \"exec >>DISK/written; while :; do echo x; sleep \
                      0.02; done\"], stop_grace_period: 1s}\n";

fn writes(bench: &Bench) -> String {
    WRITES.replace("DISK", &bench.path("disk").display().to_string())
}

fn status(bench: &Bench) -> String {
    said(&output(bench.hand(&["status", SITE])))
}

fn history(bench: &Bench) -> String {
    bench.log(SITE, "history.jsonl")
}

/// Waits until the site has failed; the exit reason of a monitor before that must say this.
fn fails(bench: &Bench, begun: Instant, what: &str) {
    until("it has failed", || bench.monitor(SITE) == (7, 7, 1));
    println!("{what}: failed and down after {} ms", begun.elapsed().as_millis());
    let told = reason(&output(bench.ocf(SITE, "monitor", &[])));
    assert!(told.contains(what), "{told}");
    assert!(told.contains("by the cluster manager or by"), "{told}");
    assert!(told.len() <= 128, "{told}");
    assert!(status(bench).contains(what), "{}", status(bench));
    assert!(history(bench).contains(what), "{}", history(bench));
    assert_eq!(bench.living(SITE), "");
}

fn a_removed_address_fails_the_site_at_once() {
    let address = "10.77.1.1";
    let bench = with_address(address, "");
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    // The second monitor of a series is held until something happens.
    let recurring = [("OCF_RESKEY_CRM_meta_interval", "1000"), ("OCF_RESKEY_monitor_wait", "20s")];
    assert_eq!(code(bench.ocf(SITE, "monitor", &recurring)), 0);
    let held = Call::begin(bench.ocf(SITE, "monitor", &recurring));
    wait_for(Duration::from_millis(300));
    let begun = Instant::now();
    remove(address);
    let ended = held.end_within(SOON, "the address was removed");
    println!("the held monitor was answered after {} ms", begun.elapsed().as_millis());
    assert!(matches!(ended.code, Some(1 | 7)), "{ended:?}");
    let what = format!("the address {address} was removed under the running site");
    assert!(ended.said.contains(&what), "{ended:?}");
    fails(&bench, begun, &what);
    // The next start says what it is waiting for, and goes once it is there.
    assert_eq!(code(bench.ocf(SITE, "start", &[])), 1);
    ip(&format!("address add {address}/32 dev lo"));
    succeed(bench.hand(&["start", SITE]));
    succeed(bench.hand(&["stop", SITE]));
    assert_eq!(bench.monitor(SITE), (7, 7, 3));
}

fn an_address_that_is_added_again_at_once() {
    let address = "10.77.1.2";
    let bench = with_address(address, "");
    let supervisor = bench.pid(SITE, "supervisor");
    // By one program, as two may be far apart on a busy machine.
    let again = bench.path("again");
    let lines = ["del", "add"].map(|verb| format!("address {verb} {address}/32 dev lo\n"));
    fs::write(&again, lines.concat()).unwrap();
    for _ in 0..5 {
        run(&format!("ip -batch {}", again.display()));
        wait_for(Duration::from_millis(100));
    }
    wait_for(Duration::from_millis(400));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    assert_eq!(bench.pid(SITE, "supervisor"), supervisor);
    // Once more on another interface, it may go from the first one.
    ip("link add other type veth peer name other-end");
    ip("link set other up");
    ip(&format!("address add {address}/32 dev other"));
    remove(address);
    wait_for(Duration::from_millis(400));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    assert!(!history(&bench).contains("removed"), "{}", history(&bench));
    let begun = Instant::now();
    ip("link del other");
    fails(&bench, begun, &format!("the address {address} was removed"));
}

fn an_interface_that_is_set_down() {
    let address = "2001:db8::77";
    let bench = Bench::new();
    ip("link add down0 type veth peer name down1");
    ip("link set down0 up");
    ip("link set down1 up");
    // Without this the kernel takes an IPv6 address away with the interface.
    fs::write("/proc/sys/net/ipv6/conf/down0/keep_addr_on_down", "1").unwrap();
    ip(&format!("address add {address}/64 dev down0 nodad"));
    bench.define(
        SITE,
        &format!("address: \"{address}\"\nprocesses: {{a: {{command: [ACT, steady]}}}}\n"),
    );
    succeed(bench.hand(&["start", SITE]));
    let begun = Instant::now();
    ip("link set down0 down");
    fails(&bench, begun, &format!("the interface down0 of the address {address} was set down"));
    assert_eq!(code(bench.ocf(SITE, "start", &[])), 1, "the gate asks the same");
    ip("link del down0");
}

fn a_flood_of_changes_hides_no_loss() {
    let address = "10.77.1.3";
    let bench = with_address(address, "");
    let supervisor = bench.pid(SITE, "supervisor");
    // More than its socket holds while it does not read.
    signal(supervisor, Signal::STOP);
    let line = |i: u32, verb| format!("address {verb} 10.78.{}.{}/32 dev lo\n", i / 250, i % 250);
    let many: String = (0..4000).map(|i| line(i, "add") + &line(i, "del")).collect();
    let script = bench.path("many");
    fs::write(&script, many + &format!("address del {address}/32 dev lo\n")).unwrap();
    run(&format!("ip -batch {}", script.display()));
    let begun = Instant::now();
    signal(supervisor, Signal::CONT);
    fails(&bench, begun, &format!("the address {address} was removed"));
}

fn a_disk_that_is_unmounted_lazily() {
    let bench = Bench::new();
    let disk = Disk::site(&bench, "", &writes(&bench));
    // Mounts elsewhere, and the same disk once more, are no loss.
    let elsewhere = bench.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for _ in 0..20 {
        run(&format!("mount -t tmpfs none {}", elsewhere.display()));
        run(&format!("umount {}", elsewhere.display()));
    }
    disk.mount_again();
    wait_for(Duration::from_millis(400));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    disk.unmount();
    wait_for(Duration::from_millis(400));
    assert_eq!(bench.monitor(SITE), (0, 0, 0), "it lies there still");
    let begun = Instant::now();
    disk.unmount();
    let what = format!("{} was unmounted under the running site", disk.at.display());
    until("it is told", || status(&bench).contains(&what));
    println!("told after {} ms", begun.elapsed().as_millis());
    fails(&bench, begun, &what);
    assert!(begun.elapsed() < Duration::from_secs(8), "the stop is bounded");
    succeed(bench.hand(&["stop", SITE]));
    nothing_is_left(&bench, SITE, "the disk was unmounted");
    assert!(!exists(&disk.at.join("written")), "nothing was written where the disk was");
    assert_eq!(code(bench.ocf(SITE, "start", &[])), 1);
    disk.mount_again();
    let started = output(bench.hand(&["start", SITE]));
    assert!(started.status.success(), "{}", said(&started));
    succeed(bench.hand(&["stop", SITE]));
}

fn another_disk_mounted_over_it() {
    for (above, what) in [("disk", "disk"), ("disk/db", "disk/db"), ("", "")] {
        let bench = Bench::new();
        let disk = Disk::mount(&bench);
        fs::create_dir(disk.at.join("db")).unwrap();
        bench.define(
            SITE,
            &format!(
                "database: {0}/db\nprerequisites: {{mounted: {0}}}\n\
                 processes: {{a: {{command: [ACT, steady]}}}}\n",
                disk.at.display()
            ),
        );
        succeed(bench.hand(&["start", SITE]));
        let begun = Instant::now();
        let over = bench.path(above);
        if above.is_empty() {
            // Over the folder in which the disk is mounted, and all else with it: its own folder, once more.
            run(&format!("mount --bind {0} {0}", over.display()));
        } else {
            run(&format!("mount -t tmpfs none {}", over.display()));
        }
        let over = bench.path(what).display().to_string();
        let over = over.trim_end_matches('/');
        fails(&bench, begun, &format!("another disk was mounted on {over} under the"));
        run(&format!("umount -l {over}"));
    }
}

fn a_degraded_site_is_well_again() {
    let address = "10.77.1.4";
    let bench = with_address(address, ", when_lost: degrade");
    let supervisor = bench.pid(SITE, "supervisor");
    let recurring = ("OCF_RESKEY_CRM_meta_interval", "10000");
    let what = format!("the address {address} was removed under the running site");
    for _ in 0..2 {
        remove(address);
        until("it is degraded", || code(bench.ocf(SITE, "monitor", &[recurring])) == 190);
        let told = status(&bench);
        assert!(told.starts_with("degraded") && told.contains(&what), "{told}");
        let again = succeed(bench.hand(&["start", SITE]));
        assert!(again.contains("degraded: ") && again.contains(&what), "{again}");
        ip(&format!("address add {address}/32 dev lo"));
        until("it is well again", || bench.monitor(SITE) == (0, 0, 0));
        assert!(status(&bench).starts_with("running"), "{}", status(&bench));
    }
    // A process can be started again without the address.
    assert_eq!(bench.pid(SITE, "supervisor"), supervisor);
    assert!(history(&bench).contains("on this node again"), "{}", history(&bench));
    succeed(bench.hand(&["stop", SITE]));
}

fn a_disk_that_is_only_missed() {
    let bench = Bench::new();
    let restart = ", restart: {attempts: 3, within: 60s, delay: 10ms, max_delay: 10ms}}";
    let processes = writes(&bench).replace('}', restart);
    let disk = Disk::site(&bench, ", when_lost: {mounted: degrade}", &processes);
    disk.unmount();
    until("it is degraded", || status(&bench).starts_with("degraded"));
    disk.mount_again();
    until("it is well again", || status(&bench).starts_with("running"));
    disk.unmount();
    until("it is degraded", || status(&bench).starts_with("degraded"));
    let begun = Instant::now();
    // It would be started again where the disk was.
    signal(bench.pid(SITE, "a"), Signal::KILL);
    fails(&bench, begun, &format!("{} was unmounted", disk.at.display()));
    assert!(!exists(&disk.at.join("written")));
}

fn a_paused_site_is_not_resumed_without_them() {
    let address = "10.77.1.5";
    let bench = with_address(address, "");
    succeed(bench.hand(&["pause", SITE]));
    remove(address);
    let what = format!("the address {address} was removed under the paused site");
    until("it is told", || status(&bench).contains(&what));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    let refused = output(bench.hand(&["resume", SITE]));
    assert!(!refused.status.success() && said(&refused).contains(&what), "{}", said(&refused));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    ip(&format!("address add {address}/32 dev lo"));
    until("it is back", || !status(&bench).contains(&what));
    succeed(bench.hand(&["resume", SITE]));
    assert!(status(&bench).starts_with("running"), "{}", status(&bench));
    succeed(bench.hand(&["stop", SITE]));
}

fn a_paused_site_is_not_resumed_on_another_disk() {
    let bench = Bench::new();
    let disk = Disk::site(&bench, "", &writes(&bench));
    succeed(bench.hand(&["pause", SITE]));
    disk.unmount();
    run(&format!("mount -t tmpfs none {}", disk.at.display()));
    let what = format!("another disk was mounted on {} under the paused site", disk.at.display());
    until("it is told", || status(&bench).contains(&what));
    let refused = output(bench.hand(&["resume", SITE]));
    assert!(!refused.status.success() && said(&refused).contains(&what), "{}", said(&refused));
    disk.unmount();
    disk.mount_again();
    until("it is back", || !status(&bench).contains(&what));
    succeed(bench.hand(&["resume", SITE]));
    let written = || fs::read_to_string(disk.at.join("written")).unwrap_or_default().len();
    let before = written();
    until("it writes to its disk", || written() > before);
    succeed(bench.hand(&["stop", SITE]));
    lease_is_free(&disk.at, "the disk was away during a pause");
}

fn a_start_that_loses_its_address() {
    let address = "10.77.1.6";
    let bench = Bench::new();
    ip(&format!("address add {address}/32 dev lo"));
    bench.define(
        SITE,
        &format!(
            "address: {address}\nprocesses: {{a: {{command: [ACT, steady], ready: {{file: \
             /no/such}}}}}}\n"
        ),
    );
    let start = Call::begin(bench.ocf(SITE, "start", &[]));
    until("it is starting", || status(&bench).starts_with("starting"));
    remove(address);
    let ended = start.end_within(SOON, "the address was removed");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let what = format!("the address {address} was removed under the starting site");
    assert!(ended.said.contains(&what), "{ended:?}");
    assert_eq!(bench.living(SITE), "");
}

fn a_new_supervisor_knows_the_disk() {
    let bench = Bench::new();
    let disk = Disk::site(&bench, "", &writes(&bench));
    until("the disk is in the record", || bench.record(SITE).is_some_and(|r| r.disk.is_some()));
    let kill = || {
        signal(bench.pid(SITE, "supervisor"), Signal::KILL);
        until("nobody watches it", || bench.monitor(SITE).0 == 1);
    };
    kill();
    succeed(bench.hand(&["adopt", SITE]));
    wait_for(Duration::from_millis(400));
    assert_eq!(bench.monitor(SITE), (0, 0, 0));
    kill();
    run(&format!("mount -t tmpfs none {}", disk.at.display()));
    let begun = Instant::now();
    let _ = output(bench.hand(&["adopt", SITE]));
    fails(&bench, begun, &format!("another disk was mounted on {}", disk.at.display()));
    disk.unmount();
}

fn a_wrapped_site_is_monitored_for_both() {
    let center = Jobcenter::new("first");
    let wrapped = center.another("second");
    let path = center.bench.places.config.join("second.yaml");
    let (address, database) = ("127.0.0.2", wrapped.database.display().to_string());
    let define = |when_lost: &str| {
        let text = fs::read_to_string(&path).unwrap();
        let begin = text.find("prerequisites:").unwrap();
        let end = begin + text[begin..].find('\n').unwrap();
        let line = format!(
            "prerequisites: {{mounted: true, address_present: true, when_lost: {when_lost}}}\n\
             degraded_is: degraded"
        );
        fs::write(&path, format!("{}{line}{}", &text[..begin], &text[end..])).unwrap();
    };
    let text = |site: &str| said(&output(center.hand(&["status", site])));
    run(&format!("mount --bind {database} {database}"));
    ip(&format!("address add {address}/32 dev lo"));
    define("fail");
    succeed(center.hand(&["start", "second"]));
    assert_eq!(center.bench.monitor("second"), (0, 0, 0));
    remove(address);
    assert_eq!(center.bench.monitor("second"), (1, 1, 1));
    let told = reason(&output(center.bench.ocf("second", "monitor", &[])));
    assert!(told.contains("the address 127.0.0.2 was removed under the running site"), "{told}");
    ip(&format!("address add {address}/32 dev lo"));
    assert_eq!(center.bench.monitor("second"), (0, 0, 0));
    run(&format!("mount -t tmpfs none {database}"));
    assert_eq!(center.bench.monitor("second"), (1, 1, 1));
    assert!(text("second").contains("another disk was mounted on"), "{}", text("second"));
    run(&format!("umount {database}"));
    assert_eq!(center.bench.monitor("second"), (0, 0, 0));
    succeed(center.hand(&["stop", "second"]));
    let text_of_file = fs::read_to_string(&path).unwrap();
    fs::write(&path, text_of_file.replace("\ndegraded_is: degraded", "")).unwrap();
    define("degrade");
    succeed(center.hand(&["start", "second"]));
    remove(address);
    assert_eq!(center.bench.monitor("second"), (0, 190, 0));
    assert!(text("second").starts_with("degraded"), "{}", text("second"));
    ip(&format!("address add {address}/32 dev lo"));
    assert_eq!(center.bench.monitor("second"), (0, 0, 0));
    succeed(center.hand(&["stop", "second"]));
    run(&format!("umount -l {database}"));
}
