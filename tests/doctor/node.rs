//! A node in namespaces of its own, on which `siteward doctor` finds nothing: with a JobCenter site `jobs` and a
//! site `shop` of siteward's own, under Pacemaker. Nothing of it is left when it ends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::*;

const STANDIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standin/jobcenter");

pub(crate) const JOBS: &str = "version: 1
site: jobs.example.com
machine_id: 200
database: /mnt/jobdb
address: 10.10.100.100
supervisor: {profile: jobcenter, commands: /opt/nqs, spool: /opt/nqs/spool}
";

pub(crate) const SHOP: &str = "version: 1
site: shop.example.com
machine_id: 300
database: /mnt/shopdb
address: 10.10.100.101
ulimits: {nofile: 4096}
processes:
  store:
    command: [/opt/shop/store]
    ready: {tcp: \"10.10.100.101:6379\"}
    healthcheck: {test: [/opt/shop/check, now]}
  web:
    command: [/opt/shop/web, --root, /mnt/shopdb]
    user: shop
    working_directory: /opt/shop/web.d
    env_file: /etc/shop.env
  worker:
    command: [/opt/shop/worker]
    user: shop
    group: shop
";

/// What Pacemaker has for both sites, as `siteward generate` says.
fn cib() -> String {
    let pair = |id: &str, name: &str, value: &str| {
        format!("<nvpair id=\"{id}\" name=\"{name}\" value=\"{value}\"/>")
    };
    let agent = |id: &str, kind: &str, parameter: &str, operations: &str| {
        format!(
            "<primitive id=\"{id}\" class=\"ocf\" {kind}><instance_attributes id=\"{id}-i\">{parameter}\
             </instance_attributes><operations>{operations}</operations>"
        )
    };
    let op = |id: &str, name: &str, interval: u32, timeout: u32| {
        format!(
            "<op id=\"{id}-{name}\" name=\"{name}\" interval=\"{interval}s\" timeout=\"{timeout}s\"/>\n"
        )
    };
    let group = |site: &str, disk: &str, address: &str| {
        let directory = pair(&format!("{site}-d"), "directory", disk);
        let ip = pair(&format!("{site}-a"), "ip", address);
        let name = pair(&format!("{site}-n"), "site", site);
        let all = op(site, "start", 0, 240) + &op(site, "stop", 0, 360);
        let all = all + &op(site, "monitor", 1, 40);
        let filesystem = "provider=\"heartbeat\" type=\"Filesystem\"";
        let ipaddr = "provider=\"heartbeat\" type=\"IPaddr2\"";
        format!(
            "<group id=\"{site}-group\">{}</primitive>{}</primitive>{}\
             <meta_attributes id=\"{site}-m\">{}{}</meta_attributes></primitive></group>\n",
            agent(&format!("{site}-disk"), filesystem, &directory, ""),
            agent(&format!("{site}-ip"), ipaddr, &ip, ""),
            agent(site, "provider=\"siteward\" type=\"site\"", &name, &all),
            pair(&format!("{site}-t"), "migration-threshold", "2"),
            pair(&format!("{site}-f"), "failure-timeout", "1h"),
        )
    };
    format!(
        "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.7\" epoch=\"1\" num_updates=\"0\" \
         admin_epoch=\"0\"><configuration><crm_config>\
         <cluster_property_set id=\"boot\">{}</cluster_property_set></crm_config><nodes/>\n\
         <resources><primitive id=\"power\" class=\"stonith\" type=\"fence_lab\"/>\n{}{}</resources>\
         <constraints/></configuration><status/></cib>\n",
        pair("fencing", "stonith-enabled", "true"),
        group("jobs", "/mnt/jobdb", "10.10.100.100"),
        group("shop", "/mnt/shopdb", "10.10.100.101")
    )
}

/// The node's files. Each path of the node that differs from this machine's is a directory here.
pub(crate) struct Node {
    folder: tempfile::TempDir,
    /// The group that the node sees as the root of the tree of control groups.
    group: Option<PathBuf>,
}

/// What the doctor has said.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) codes: Vec<i32>,
    /// The findings that are not ok: site, check, sentence, mend.
    pub(crate) found: Vec<Found>,
    pub(crate) checks: usize,
    pub(crate) said: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) site: String,
    pub(crate) check: String,
    pub(crate) sentence: String,
    pub(crate) mend: String,
}

/// Where each directory is to be seen on the node.
const SEEN: [(&str, &str); 8] = [
    ("etc", "/etc"),
    ("opt", "/opt"),
    ("mnt", "/mnt"),
    ("varlib", "/var/lib"),
    ("varlog", "/var/log"),
    ("cron", "/var/spool"),
    ("ocf", "/usr/lib/ocf/resource.d"),
    ("units", "/usr/lib/systemd/system"),
];

impl Node {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("siteward-doctor-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let group = siteward::linux::cgroup::mount().map(|mount| {
            let name = folder.path().file_name().unwrap();
            let group = mount.join(name);
            fs::create_dir(&group).expect("root may make control groups");
            group
        });
        let node = Self { folder, group };
        node.write_etc();
        node.write_opt();
        node.write_disks();
        for (path, _) in SEEN {
            fs::create_dir_all(node.at(path)).unwrap();
        }
        fs::create_dir_all(node.at("varlog/siteward")).unwrap();
        fs::create_dir_all(node.at("ocf/siteward")).unwrap();
        symlink("/usr/local/sbin/siteward", node.at("ocf/siteward/site")).unwrap();
        node
    }

    /// The place of a file of the node, such as `etc/hosts`.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn write_etc(&self) {
        self.write("etc/siteward/sites/jobs.yaml", JOBS);
        self.write("etc/siteward/sites/shop.yaml", SHOP);
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nshop:x:900:900::/:/bin/sh\n");
        self.write("etc/group", "root:x:0:\nshop:x:900:\n");
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
        self.write("etc/shop.env", "COLOUR=red\n");
        self.write(
            "etc/hosts",
            "127.0.0.1 localhost\n192.168.50.11 node1.example.com node1\n\
             10.10.100.100 jobs.example.com jobs\n10.10.100.101 shop.example.com shop\n",
        );
        self.write("etc/fstab", "# nothing of a site\n/dev/vda / ext4 defaults 0 1\n");
        self.write("etc/cib.xml", &cib());
        self.write("etc/rc.local", "#!/bin/sh\nexit 0\n");
        self.write("etc/crontab", "0 3 * * * root /opt/shop/web --root /mnt/shopdb\n");
        for name in ["pacemaker", "corosync", "cron"] {
            self.enable(name, &format!("/usr/sbin/{name}d --started"));
        }
        for file in ["ld.so.cache", "ld.so.conf"] {
            let _ = fs::copy(Path::new("/etc").join(file), self.at("etc").join(file));
        }
    }

    /// A service that systemd starts at boot.
    pub(crate) fn enable(&self, name: &str, command: &str) {
        let file = format!("/usr/lib/systemd/system/{name}.service");
        self.write(
            &format!("units/{name}.service"),
            &format!("[Unit]\nDescription=x\n[Service]\nExecStart={command}\n"),
        );
        let wants = self.at("etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink(file, wants.join(format!("{name}.service"))).unwrap();
    }

    fn write_opt(&self) {
        for program in [
            "cluster/cjcpw",
            "cluster/cjcls",
            "cluster/cjcmksite",
            "nqsstart",
            "nqsstop",
            "nqsportkpr",
            "gui/bin/spoolconv",
        ] {
            let to = self.at("opt/nqs").join(program);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(STANDIN, &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        }
        self.write("opt/nqs/rc/daemon.conf", "local_daemon=SITE\n");
        self.write("opt/nqs/spool/daemon.conf", "ipaddress=192.168.50.11\n");
        self.write("opt/nqs/sites", "jobs.example.com /mnt/jobdb /opt/nqs/spool/0A0A6464\n");
        for folder in ["opt/nqs/state", "opt/nqs/switches", "opt/shop/web.d"] {
            fs::create_dir_all(self.at(folder)).unwrap();
        }
        symlink("/mnt/jobdb", self.at("opt/nqs/spool/0A0A6464")).unwrap();
        for program in ["store", "web", "worker", "check"] {
            let file = format!("opt/shop/{program}");
            self.write(&file, "#!/bin/sh\nexec sleep 1000\n");
            fs::set_permissions(self.at(&file), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn write_disks(&self) {
        self.write("disk-jobs/nqs/daemon.conf", "ipaddress=10.10.100.100\n");
        for folder in ["disk-jobs/database", "disk-shop", "mnt/jobdb", "mnt/shopdb", "cg"] {
            fs::create_dir_all(self.at(folder)).unwrap();
        }
    }

    /// The words of a shell that make the node. `active`: it has the disks and the addresses.
    fn script(&self, active: bool, faults: &str) -> String {
        let here = self.folder.path().display();
        let mut words = String::from(
            "set -eu\nmount --make-rprivate /\ntrap 'test -z \"${pids:-}\" || kill $pids' EXIT\n",
        );
        if let (Some(mount), Some(group)) = (siteward::linux::cgroup::mount(), &self.group) {
            let (mount, group) = (mount.display(), group.display());
            words.push_str(&format!(
                "mount --bind {group} {here}/cg\nmount -t tmpfs none /sys/fs\n\
                 mkdir -p {mount} /sys/fs/selinux\nmount --bind {here}/cg {mount}\nG={mount}\n"
            ));
        } else {
            words.push_str("mount -t tmpfs none /sys/fs\nmkdir -p /sys/fs/selinux\n");
        }
        words.push_str("echo 1 >/sys/fs/selinux/enforce\n");
        let program = program_for_all().parent().unwrap().display();
        words.push_str(&format!("mount --bind {program} /usr/local/sbin\n"));
        words.push_str("mount -t tmpfs -o mode=755 none /run\nmkdir -p /run/systemd/system\n");
        // Their files are seen through /tmp until then.
        for (path, at) in SEEN {
            words.push_str(&format!("mount --bind {here}/{path} {at}\n"));
        }
        words.push_str(
            "hostname node1.example.com\nip link set lo up\n\
             ip link add eth0 type veth peer name far0\n\
             ip link set eth0 up\nip link set far0 up\n\
             ip addr add 192.168.50.11/24 dev eth0\n",
        );
        if active {
            words.push_str(&format!(
                "mount --bind {here}/disk-jobs /mnt/jobdb\n\
                 mount --bind {here}/disk-shop /mnt/shopdb\n\
                 ip addr add 10.10.100.100/24 dev eth0\nip addr add 10.10.100.101/24 dev eth0\n"
            ));
        }
        // JobCenter's port is kept at 127.0.0.1, as at the boot of a node (3.1.3).
        words.push_str(
            "bash -c 'exec -a /opt/nqs/nqsportkpr sleep 1000' & guard=$! pids=$!\n\
             until grep -qa '^/opt/nqs/nqsportkpr' /proc/$guard/cmdline; do :; done\n",
        );
        words.push_str(faults);
        // Without the right to set the clock, the clock is the host's.
        let doctor = "CIB_file=/etc/cib.xml setpriv --bounding-set=-sys_time /usr/local/sbin/siteward doctor";
        let here = if active { "--here" } else { "" };
        let broken = self.at("etc/siteward/sites/broken.yaml").exists().then_some("broken");
        for site in ["jobs", "shop"].into_iter().chain(broken) {
            words.push_str(&format!(
                "\ncode=0; {doctor} {site} --json {here} </dev/null || code=$?\necho \"code $code\"\n"
            ));
        }
        words
    }

    /// Lets the doctor examine both sites.
    pub(crate) fn doctor(&self, active: bool, faults: &str) -> Verdict {
        let script = self.script(active, faults);
        let output = Command::new("unshare")
            .args(["--mount", "--uts", "--net", "--ipc", "--pid", "--fork", "--mount-proc"])
            .args(["bash", "-c", &script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = said(&output);
        let mut verdict = Verdict { codes: Vec::new(), found: Vec::new(), checks: 0, said };
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(code) = line.strip_prefix("code ") {
                verdict.codes.push(code.parse().unwrap());
            } else if line.starts_with('{') {
                verdict.read(line);
            }
        }
        assert!(verdict.codes.len() >= 2, "the node could not be made: {}", verdict.said);
        verdict
    }
}

impl Verdict {
    fn read(&mut self, line: &str) {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        let site = told["site"].as_str().unwrap();
        for finding in told["findings"].as_array().unwrap() {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            self.checks += 1;
            if text("severity") != "ok" {
                self.found.push(Found {
                    site: site.to_owned(),
                    check: text("check"),
                    sentence: text("sentence"),
                    mend: text("mend"),
                });
            }
        }
    }

    /// The checks that found something, each with its sentences.
    pub(crate) fn by_check(&self) -> BTreeMap<String, Vec<&Found>> {
        let mut all: BTreeMap<String, Vec<&Found>> = BTreeMap::new();
        for found in &self.found {
            all.entry(found.check.clone()).or_default().push(found);
        }
        all
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Some(group) = &self.group else { return };
        siteward::linux::cgroup::remove(group);
    }
}
