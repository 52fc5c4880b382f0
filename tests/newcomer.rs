//! The README as a newcomer takes it: two clean Debians, each under its own systemd, in a real Pacemaker cluster.
//! Only what the README wants to be there before is set up. Then the package and every line of it, pasted as it
//! stands; then the end of the trial, as the guide says it.
//!
//! The package is that of `tests/packages-run`, or one of the program under test.

#[path = "common/clean_root.rs"]
mod clean_root;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clean_root::CleanRoot;
use common::*;

const TREE: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    let missing = CleanRoot::missing().or_else(|| {
        let free = Command::new("losetup").arg("-f").output();
        if !free.is_ok_and(|free| free.status.success()) {
            Some("a loop device, for the disk that moves: modprobe loop")
        } else if !Path::new("/usr/bin/dpkg-deb").exists() {
            Some("dpkg-deb: this is tried on Debian and Ubuntu")
        } else if std::env::consts::ARCH != "x86_64" {
            Some("an x86_64, for which the package that the README names is")
        } else {
            None
        }
    });
    live_through(
        missing,
        true,
        &[("the_readme_leads_to_a_failover", the_readme_leads_to_a_failover)],
    )
}

/// What is pasted: where, and the lines.
struct Pasted {
    place: String,
    lines: String,
}

/// The blocks of the README, in order.
fn blocks_of_the_readme() -> Vec<Pasted> {
    let text = fs::read_to_string(Path::new(TREE).join("README.md")).unwrap();
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let marked = line.strip_prefix("<!-- paste: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(place) = marked else { continue };
        assert_eq!(lines.next(), Some("```sh"));
        let block = lines.by_ref().take_while(|line| *line != "```");
        let lines = block.flat_map(|line| [line, "\n"]).collect();
        found.push(Pasted { place: place.to_owned(), lines });
    }
    assert_eq!(text.matches("<!-- paste: ").count(), found.len());
    found
}

/// The lines of code of a chapter of the guide.
fn lines_of_the_guide(heading: &str) -> String {
    let text = fs::read_to_string(Path::new(TREE).join("docs/guides/pacemaker.md")).unwrap();
    let chapter = text.split("\n## ").find(|chapter| chapter.starts_with(heading));
    let code = chapter.expect(heading).lines().filter_map(|line| line.strip_prefix("    "));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// A disk that both machines can reach.
struct Disk {
    device: String,
    _file: tempfile::NamedTempFile,
}

impl Disk {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(256 << 20).unwrap();
        let mut losetup = Command::new("losetup");
        losetup.args(["-f", "--show"]).arg(file.path());
        Self { device: succeed(losetup).trim().to_owned(), _file: file }
    }

    fn plug_into(&self, machine: &CleanRoot, path: &str) {
        let number = self.device.strip_prefix("/dev/loop").expect("it is a loop device");
        machine.must(&["mknod", "-m", "660", path, "b", "7", number]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.device]).status();
    }
}

/// The package. It goes with its folder.
fn package(folder: &Path) -> PathBuf {
    if let Some(made) = std::env::var_os("SITEWARD_PACKAGES") {
        let found = fs::read_dir(Path::new(&made).join("new")).unwrap().flatten();
        let mut found = found.map(|entry| entry.path());
        return found.find(|path| path.to_string_lossy().ends_with("_amd64.deb")).unwrap();
    }
    let root = folder.join("root");
    let mut install = Command::new(Path::new(TREE).join("packaging/install"));
    install.arg(&root).arg(program_for_all()).env("LICENSES", "");
    succeed(install);
    // As in the real one, in which a script makes it.
    fs::remove_dir_all(root.join("etc")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let about = root.join("DEBIAN");
    fs::create_dir(&about).unwrap();
    for script in fs::read_dir(Path::new(TREE).join("packaging/debian")).unwrap().flatten() {
        fs::copy(script.path(), about.join(script.file_name())).unwrap();
    }
    let control = format!(
        "Package: siteward\nVersion: {version}\nArchitecture: amd64\nMaintainer: none <none@siteward.example>\n\
         Description: the program under test\n"
    );
    fs::write(about.join("control"), control).unwrap();
    let file = folder.join(format!("siteward_{version}_amd64.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(["-Znone", "--root-owner-group", "--build"]).arg(&root).arg(&file);
    succeed(build);
    file
}

const NODES: [&str; 2] = ["node1", "node2"];
const ADDRESSES: [&str; 2] = ["10.10.100.1", "10.10.100.2"];

/// What the README wants to be there: two nodes with a running Pacemaker that pcs configures, and no fencing for
/// the trial.
fn running_cluster() -> [CleanRoot; 2] {
    let boot = |host| {
        let packages = "pacemaker,pacemaker-cli-utils,corosync,pcs,e2fsprogs,kmod";
        let fetched = ["redis-server", "resource-agents"];
        CleanRoot::boot_node(&format!("newcomer-{host}"), host, packages, &fetched)
    };
    let machines = NODES.map(boot);
    let [first, second] = &machines;
    first.join(second, &format!("{}/24", ADDRESSES[0]), &format!("{}/24", ADDRESSES[1]));
    let mut members = String::new();
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    for (i, (node, address)) in NODES.iter().zip(ADDRESSES).enumerate() {
        members += &format!("node {{ name: {node}\nnodeid: {}\nring0_addr: {address}\n}}\n", i + 1);
        hosts += &format!("{address} {node}\n");
    }
    let members = members.replace("{ ", "{\n");
    let settings = format!(
        "totem {{\nversion: 2\ncluster_name: trial\ntransport: knet\ncrypto_cipher: none\ncrypto_hash: none\n}}\n\
         quorum {{\nprovider: corosync_votequorum\ntwo_node: 1\n}}\n\
         logging {{\nto_syslog: yes\n}}\n\
         nodelist {{\n{members}}}\n"
    );
    for machine in &machines {
        machine.shell("systemctl stop pacemaker corosync; rm -rf /var/lib/pacemaker/cib/* /var/lib/corosync/*");
        fs::write(machine.path("etc/corosync/corosync.conf"), &settings).unwrap();
        fs::write(machine.path("etc/hosts"), &hosts).unwrap();
    }
    for machine in &machines {
        machine.must(&["systemctl", "start", "corosync", "pacemaker"]);
    }
    // Two nodes that start at once elect after 20 s (dc-deadtime).
    first.shell(
        "timeout 180 bash -c 'until [[ $(crm_mon -1 --output-as=xml 2>/dev/null |
            grep -c \"<node name=.* online=.true.*pending=.false\") = 2 ]]; do sleep 0.5; done'",
    );
    first.must(&["pcs", "property", "set", "stonith-enabled=false"]);
    machines
}

/// Lines that come into a shell of root as a terminal sends them, on a machine where the first block was pasted.
/// The first line that fails ends it.
fn paste(machine: &CleanRoot, node: &str, variables: &str, lines: &str) -> String {
    // What reads the rest of what was pasted takes this line too.
    let end = "that was all";
    fs::write(machine.path("root/pasted"), format!("{variables}{lines}echo {end}\n")).unwrap();
    println!("--- on {node}:\n{lines}");
    let shell = "cd /root; exec timeout 300 bash -eo pipefail <pasted";
    let began = Instant::now();
    let (code, said) = machine.inside(&["bash", "-c", shell]);
    println!("--- says, after {:.1} s:\n{said}", began.elapsed().as_secs_f64());
    if code != 0 || !said.contains(end) {
        let state = machine.inside(&["crm_mon", "-1rf"]).1;
        let log = machine.inside(&["journalctl", "-n", "100", "--no-pager"]).1;
        panic!("{code} on {node} after:\n{lines}\n{said}\n{state}\n{log}");
    }
    said
}

fn the_readme_leads_to_a_failover() {
    let blocks = blocks_of_the_readme();
    let (variables, blocks) = blocks.split_first().expect("the README has blocks");
    let variables = &variables.lines;
    // This is where the disk and the network of the two machines are.
    for set in ["DISK=/dev/sdb ", "ADDRESS=10.10.100.100 ", "NETMASK_BITS=24 "] {
        assert!(variables.contains(set), "{set} is no longer in the README: {variables}");
    }
    let folder = tempfile::tempdir().unwrap();
    let package = package(folder.path());
    let disk = Disk::new();
    let machines = running_cluster();
    for machine in &machines {
        disk.plug_into(machine, "/dev/sdb");
        machine.bring(&package);
    }
    let [first, second] = &machines;
    let where_it_runs = || {
        let said = first.must(&["crm_resource", "--resource", "shop", "--locate", "--quiet"]);
        NODES.iter().position(|node| said.trim() == *node).expect("it runs on one of the two")
    };

    let began = Instant::now();
    let mut said = Vec::new();
    let mut killed = None;
    for block in blocks {
        let at: &[usize] = match block.place.as_str() {
            "both" => &[0, 1],
            "active" => {
                killed = Some(where_it_runs());
                &[killed.unwrap()]
            }
            _ => &[0],
        };
        for at in at {
            said.push(paste(&machines[*at], NODES[*at], variables, &block.lines));
        }
        if block.place == "active" {
            until("redis answers again", || {
                let ask = ["redis-cli", "-h", "10.10.100.100", "ping"];
                second.inside(&ask) == (0, "PONG\n".to_owned())
            });
        }
    }
    let printed = |word: &str| said.iter().any(|said| said.contains(word));
    assert!(printed("was killed by SIGKILL, which siteward did not send"));
    assert!(printed("the definition of `shop` is valid"));
    let killed = killed.expect("a process is killed");
    assert_ne!(where_it_runs(), killed, "it has moved");
    assert!(said.last().unwrap().contains("hello"), "the data has moved too");

    paste(first, NODES[0], variables, &lines_of_the_guide("7. Remove"));
    for (machine, node) in machines.iter().zip(NODES) {
        let gone = "siteward status shop || [ $? = 3 ]\napt-get remove -y siteward\n";
        paste(machine, node, variables, gone);
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("*** From `apt-get install` to the end: {minutes:.1} minutes. ***");
}
