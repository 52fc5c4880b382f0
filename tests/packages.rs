//! The packages, in a clean Debian under its own systemd: installed, upgraded and removed with a site that
//! runs, purged, and the .rpm compared with the .deb. `tests/packages-run` makes the packages first; without
//! it all of this is left out.

#[path = "common/clean_root.rs"]
mod clean_root;
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clean_root::CleanRoot;
use common::*;

fn main() -> ExitCode {
    let no_packages = std::env::var_os("SITEWARD_PACKAGES").is_none();
    let missing = if no_packages {
        Some("the packages in a clean Debian. To make and try them, as root: tests/packages-run")
    } else {
        CleanRoot::missing().or_else(|| {
            let tools = [
                ("/usr/bin/lintian", "lintian: apt-get install lintian"),
                ("/usr/bin/rpmlint", "rpmlint: apt-get install rpmlint"),
                ("/usr/bin/rpm2cpio", "rpm2cpio: apt-get install rpm2cpio cpio"),
            ];
            tools.iter().find(|(path, _)| !Path::new(path).exists()).map(|(_, what)| *what)
        })
    };
    live_through(
        missing,
        !no_packages,
        &[
            (
                "the_deb_is_installed_upgraded_and_removed",
                the_deb_is_installed_upgraded_and_removed,
            ),
            (
                "the_rpm_is_installed_upgraded_and_removed",
                the_rpm_is_installed_upgraded_and_removed,
            ),
            ("the_rpm_holds_what_the_deb_holds", the_rpm_holds_what_the_deb_holds),
            ("each_package_is_of_its_architecture", each_package_is_of_its_architecture),
            ("lintian_and_rpmlint_find_no_error", lintian_and_rpmlint_find_no_error),
        ],
    )
}

/// A package, by the end of its name. `age`: new or old.
fn package(age: &str, end: &str) -> PathBuf {
    let folder = PathBuf::from(std::env::var_os("SITEWARD_PACKAGES").unwrap()).join(age);
    let found = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        found.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end} in {}: {found:?}", folder.display());
    found.remove(0)
}

/// How the names of the packages end, and the e_machine of elf(5) of their program. tests/packages-run may
/// have made those of amd64 alone.
fn architectures() -> &'static [(&'static str, &'static str, u16)] {
    match std::env::var_os("SITEWARD_PACKAGES_OF") {
        None => &[("_amd64.deb", ".x86_64.rpm", 62), ("_arm64.deb", ".aarch64.rpm", 183)],
        Some(_) => &[("_amd64.deb", ".x86_64.rpm", 62)],
    }
}

const SHOP: &str = "version: 1\n\
    database: /srv/shop\n\
    prerequisites: {mounted: false}\n\
    settle: 50ms\n\
    processes: {server: {command: [/bin/sleep, \"100000\"]}}\n";

/// A machine with the old package, and a site that runs.
fn machine_with_a_site(name: &str, end: &str, install: &[&str]) -> (CleanRoot, String) {
    let machine = CleanRoot::boot(name, "man-db,rpm");
    let old = machine.bring(&package("old", end));
    machine.must(&[install, &[&old]].concat());
    nothing_runs(&machine);
    fs::create_dir(machine.path("srv/shop")).unwrap();
    fs::write(machine.path("etc/siteward/sites/shop.yaml"), SHOP).unwrap();
    machine.must(&["siteward", "start", "shop"]);
    let living = processes(&machine);
    (machine, living)
}

fn nothing_runs(machine: &CleanRoot) {
    let script = "for p in /proc/[0-9]*; do readlink $p/exe || true; done | grep siteward || true";
    assert_eq!(machine.shell(script), "", "installing starts nothing");
}

/// The supervisor of the site and its processes, with their numbers.
fn processes(machine: &CleanRoot) -> String {
    let record = machine.must(&["cat", "/run/siteward/shop/record.json"]);
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    format!("{} {}", record["supervisor"], record["processes"])
}

/// A site that runs holds the package. `remove`: the command that is refused; `is_there`: one that shows that the
/// package is installed.
fn a_running_site_keeps_the_package(machine: &CleanRoot, remove: &[&str], is_there: &[&str]) {
    let living = processes(machine);
    let refused = |who: &str| {
        let (code, said) = machine.inside(remove);
        assert_ne!(code, 0, "{said}");
        assert!(said.contains(who) && said.contains("siteward stop NAME"), "{said}");
        machine.must(is_there);
        machine.must(&["/usr/lib/ocf/resource.d/siteward/site", "meta-data"]);
    };
    refused("shop (running)");
    assert_eq!(processes(machine), living);
    machine.must(&["siteward", "pause", "shop", "--reason", "new disks"]);
    refused("shop (maintenance)");
    machine.must(&["siteward", "resume", "shop"]);
    machine.shell("kill -KILL $(sed 's/.*\"supervisor\":{[^}]*\"pid\":\\([0-9]*\\).*/\\1/' /run/siteward/shop/record.json)");
    until("nobody supervises it", || {
        machine.must(&["siteward", "list", "--json"]).contains("\"unsupervised\"")
    });
    refused("shop (unsupervised)");
    machine.must(&["siteward", "adopt", "shop"]);
    machine.must(&["siteward", "stop", "shop"]);
    // A site in folders of its own is known by its supervisor.
    machine.shell(
        "mkdir -p /srv/other && sed '/database\\|prereq/d' /etc/siteward/sites/shop.yaml >/srv/other/aside.yaml
         siteward start aside --config-dir /srv/other --runtime-dir /srv/run --log-dir /srv/log",
    );
    let (code, said) = machine.inside(remove);
    assert_ne!(code, 0, "{said}");
    assert!(said.contains("aside (its supervisor is process "), "{said}");
    machine.shell(
        "siteward stop aside --config-dir /srv/other --runtime-dir /srv/run --log-dir /srv/log",
    );
}

fn the_deb_is_installed_upgraded_and_removed() {
    let install = ["apt-get", "install", "-y", "-q"];
    let (machine, living) = machine_with_a_site("deb", "_amd64.deb", &install);
    let new = machine.bring(&package("new", "_amd64.deb"));
    let said = machine.must(&["apt-get", "install", "-y", "-q", &new]);
    let told = said.matches("siteward: these sites run on.").count();
    assert_eq!(told, 1, "{said}");
    assert!(said.contains("the program of version 0.0.9, until"), "{said}");
    assert!(said.contains("\n  shop (running)"), "{said}");
    assert_eq!(processes(&machine), living);
    // The program of before still supervises, and the new one speaks with it.
    machine.must(&["siteward", "monitor", "shop"]);

    let version = env!("CARGO_PKG_VERSION");
    assert!(machine.must(&["siteward", "--version"]).contains(version));
    assert_eq!(machine.must(&["dpkg", "--verify", "siteward"]), "");
    let stat = |path: &str| machine.must(&["stat", "-c", "%U:%G %a %F", path]);
    assert_eq!(stat("/usr/sbin/siteward"), "root:root 755 regular file\n");
    assert_eq!(stat("/etc/siteward/sites"), "root:root 755 directory\n");
    let agent = "/usr/lib/ocf/resource.d/siteward/site";
    assert_eq!(machine.must(&["readlink", "-f", agent]), "/usr/sbin/siteward\n");
    assert!(machine.must(&[agent, "meta-data"]).contains("<resource-agent name=\"site\""));
    // Pacemaker reads the meta-data as an ordinary user.
    machine.must(&["setpriv", "--reuid=65534", "--clear-groups", agent, "meta-data"]);
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/man")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (page, section) = name.rsplit_once('.').unwrap();
        let found = machine.must(&["man", "-w", section, page]);
        assert_eq!(found, format!("/usr/share/man/man{section}/{name}.gz\n"));
    }
    for shipped in [
        "siteward/crs/add-type.sh",
        "siteward/serviceguard/external_script.sh",
        "siteward/siteward.schema.json",
        "bash-completion/completions/siteward",
        "zsh/vendor-completions/_siteward",
        "fish/vendor_completions.d/siteward.fish",
        "doc/siteward/README.md",
        "doc/siteward/messages.md",
        "doc/siteward/packaging.md",
        "doc/siteward/security-modules.md",
        "doc/siteward/examples/resource-agents-deps.conf",
        "doc/siteward/examples/shop/shop.yaml",
        "doc/siteward/copyright",
        "doc/siteward/changelog.gz",
    ] {
        machine.must(&["test", "-s", &format!("/usr/share/{shipped}")]);
    }
    // systemd takes the drop-in as it stands.
    machine.shell(
        "mkdir -p /etc/systemd/system/resource-agents-deps.target.d
         cp /usr/share/doc/siteward/examples/resource-agents-deps.conf /etc/systemd/system/resource-agents-deps.target.d/
         printf '[Unit]\\n' >/etc/systemd/system/resource-agents-deps.target
         systemctl daemon-reload
         systemctl show -p After resource-agents-deps.target | grep -q iscsi.service
         rm -r /etc/systemd/system/resource-agents-deps.target*",
    );

    a_running_site_keeps_the_package(
        &machine,
        &["apt-get", "remove", "-y", "-q", "siteward"],
        &["siteward", "--version"],
    );
    machine.must(&["apt-get", "remove", "-y", "-q", "siteward"]);
    machine.must(&["test", "-s", "/etc/siteward/sites/shop.yaml"]);
    machine.must(&["test", "-s", "/var/log/siteward/shop/history.jsonl"]);
    let said = machine.must(&["apt-get", "purge", "-y", "-q", "siteward"]);
    assert!(said.contains("/etc/siteward is kept"), "{said}");
    let left =
        || machine.shell("find / -xdev -path /root -prune -o -path '*siteward*' -print | sort");
    let of_dpkg =
        |path: &&str| !path.starts_with("/var/cache/") && !path.starts_with("/var/lib/dpkg/");
    let all = left();
    let ours: Vec<&str> = all.lines().filter(of_dpkg).filter(|p| !p.starts_with("/srv/")).collect();
    assert_eq!(ours, ["/etc/siteward", "/etc/siteward/sites", "/etc/siteward/sites/shop.yaml"]);
    assert!(all.contains("/srv/shop/.siteward/history/"), "the database is left alone: {all}");
    // Without a definition nothing at all is left.
    machine.must(&["rm", "/etc/siteward/sites/shop.yaml"]);
    machine.must(&["apt-get", "install", "-y", "-q", &new]);
    machine.must(&["apt-get", "purge", "-y", "-q", "siteward"]);
    let all = left();
    let ours: Vec<&str> = all.lines().filter(of_dpkg).filter(|p| !p.starts_with("/srv/")).collect();
    assert_eq!(ours, [""; 0]);
}

fn the_rpm_is_installed_upgraded_and_removed() {
    // No package of this Debian is in rpm's own list.
    let (machine, living) = machine_with_a_site("rpm", ".x86_64.rpm", &["rpm", "-i", "--nodeps"]);
    let new = machine.bring(&package("new", ".x86_64.rpm"));
    let said = machine.must(&["rpm", "-U", "--nodeps", &new]);
    assert_eq!(said.matches("siteward: these sites run on.").count(), 1, "{said}");
    assert!(said.contains("  shop (running)\n"), "{said}");
    assert_eq!(processes(&machine), living);
    assert_eq!(machine.must(&["rpm", "-V", "--nodeps", "siteward"]), "");
    a_running_site_keeps_the_package(
        &machine,
        &["rpm", "-e", "siteward"],
        &["rpm", "-q", "siteward"],
    );
    machine.must(&["rpm", "-e", "siteward"]);
    machine.must(&["test", "-s", "/etc/siteward/sites/shop.yaml"]);
    machine.must(&["test", "-s", "/var/log/siteward/shop/history.jsonl"]);
    machine.must(&["test", "!", "-e", "/usr/sbin/siteward"]);
    machine.must(&["test", "!", "-e", "/usr/lib/ocf/resource.d/siteward"]);
}

/// The files below a folder: the mode, and the content or where the link leads.
fn files_below(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            let content = match metadata.is_symlink() {
                true => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                false => fs::read(&path).unwrap(),
            };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, (metadata.permissions().mode() & 0o7777, content));
        }
    }
    found
}

fn unpack(script: &str, file: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script, "-"])
        .arg(file)
        .current_dir(folder.path())
        .status();
    assert!(status.unwrap().success(), "{} cannot be unpacked", file.display());
    folder
}

fn the_rpm_holds_what_the_deb_holds() {
    for (deb, rpm, _) in architectures() {
        let deb = unpack("dpkg-deb -x \"$1\" .", &package("new", deb));
        let rpm = unpack("rpm2cpio \"$1\" | cpio -id --quiet", &package("new", rpm));
        assert!(rpm.path().join("etc/siteward/sites").is_dir(), "the .deb makes it when installed");
        let mut deb = files_below(deb.path());
        let mut rpm = files_below(rpm.path());
        // Each where its distribution looks for it.
        for alone in ["usr/share/lintian/overrides/siteward", "usr/share/doc/siteward/copyright"] {
            assert!(deb.remove(alone).is_some(), "{alone}");
        }
        assert!(deb.remove("usr/share/doc/siteward/changelog.gz").is_some());
        let changes = deb.remove("usr/share/doc/siteward/CHANGELOG.md.gz").unwrap();
        assert_eq!(rpm.remove("usr/share/doc/siteward/changelog.gz"), Some(changes));
        for text in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
            assert!(rpm.remove(&format!("usr/share/licenses/siteward/{text}")).is_some(), "{text}");
        }
        let words = "usr/share/zsh/vendor-completions/_siteward";
        if let Some(words) = deb.remove(words) {
            assert_eq!(rpm.remove("usr/share/zsh/site-functions/_siteward"), Some(words));
        }
        let names = |files: &BTreeMap<String, _>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&deb), names(&rpm));
        for (name, file) in &deb {
            assert!(*file == rpm[name], "{name} differs");
        }
    }
}

fn each_package_is_of_its_architecture() {
    for (deb, rpm, machine) in architectures() {
        for folder in [
            unpack("dpkg-deb -x \"$1\" .", &package("new", deb)),
            unpack("rpm2cpio \"$1\" | cpio -id --quiet", &package("new", rpm)),
        ] {
            let program = fs::read(folder.path().join("usr/sbin/siteward")).unwrap();
            assert_eq!(u16::from_le_bytes([program[18], program[19]]), *machine, "{deb}");
            // No program header PT_INTERP: nothing is loaded.
            let word = |at: usize| u64::from_le_bytes(program[at..at + 8].try_into().unwrap());
            let headers = usize::try_from(word(32)).unwrap();
            let count = usize::from(u16::from_le_bytes([program[56], program[57]]));
            let kinds = (0..count).map(|i| program[headers + i * 56]);
            assert!(!kinds.into_iter().any(|kind| kind == 3), "{deb} needs a loader");
        }
    }
}

fn lintian_and_rpmlint_find_no_error() {
    for (end, _, _) in architectures() {
        let mut lintian = Command::new("lintian");
        lintian.args(["--fail-on", "error", "--tag-display-limit", "0"]).arg(package("new", end));
        // As root, lintian warns of that alone.
        println!("{}", succeed(lintian));
    }
    for (_, end, _) in architectures() {
        let mut rpmlint = Command::new("rpmlint");
        let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/rpmlint.toml");
        rpmlint.args(["--config", settings]).arg(package("new", end));
        println!("{}", succeed(rpmlint));
    }
}
