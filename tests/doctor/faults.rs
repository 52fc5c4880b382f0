//! The faults that are planted, each with the check that finds it and a word of its mend.

use std::fs;
use std::os::unix::fs::symlink;

use crate::node::{JOBS, Node, SHOP};

/// Faults that can be on one node at once. Those of `Passive` are planted on a node that has neither the
/// disks nor the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Active,
    ActiveToo,
    Passive,
}

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) scene: Scene,
    pub(crate) check: &'static str,
    /// A part of the sentence.
    pub(crate) says: &'static str,
    /// A part of the mend.
    pub(crate) mend: &'static str,
    /// Its direct consequences: other checks that find it as well.
    pub(crate) also: &'static [&'static str],
    /// What is done to the node's files.
    pub(crate) files: fn(&Node),
    /// What is done on the node.
    pub(crate) shell: &'static str,
    /// The mend is a whole command, after which the fault is gone.
    pub(crate) can_be_run: bool,
}

const PLAIN: Fault = Fault {
    name: "",
    scene: Scene::Active,
    check: "",
    says: "",
    mend: "",
    also: &[],
    files: |_| {},
    shell: "",
    can_be_run: false,
};

fn replace(node: &Node, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(node.at(file)).unwrap();
    assert!(text.contains(from), "{file} holds no {from}");
    fs::write(node.at(file), text.replacen(from, to, 1)).unwrap();
}

fn jobs(node: &Node, from: &str, to: &str) {
    replace(node, "etc/siteward/sites/jobs.yaml", from, to);
}

fn shop(node: &Node, from: &str, to: &str) {
    replace(node, "etc/siteward/sites/shop.yaml", from, to);
}

fn hosts(node: &Node, from: &str, to: &str) {
    replace(node, "etc/hosts", from, to);
}

/// Another site on the node, which is not examined itself unless it is called `broken`.
fn another(node: &Node, name: &str, text: &str) {
    node.write(&format!("etc/siteward/sites/{name}.yaml"), text);
}

const LISTEN: &str = "python3 -c 'import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"0.0.0.0\", PORT)); s.listen(); time.sleep(1000)' & pids=\"${pids:-} $!\"
until grep -q ':HEX 0' /proc/net/tcp; do :; done
";

/// Every fault. Those of a node are planted in this order.
pub(crate) fn all() -> Vec<Fault> {
    let mut all = disk();
    all.extend(names());
    all.extend(definitions());
    all.extend(jobcenter());
    all.extend(programs());
    all.extend(boot());
    all.extend(ports_and_limits());
    all.extend(node());
    all.extend(passive());
    all
}

fn disk() -> Vec<Fault> {
    vec![
        Fault {
            name: "the database is on a small disk in memory",
            check: "database-space",
            says: "nearly full",
            mend: "make room",
            also: &["mount-options"],
            shell: "mount -t tmpfs -o size=4m,mode=755 none /mnt/shopdb\n",
            ..PLAIN
        },
        Fault {
            name: "a user of the site may not enter the database",
            check: "database-permissions",
            says: "900 cannot enter /mnt/shopdb",
            mend: "chmod a+x /mnt/shopdb",
            shell: "chmod 700 /mnt/shopdb\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "JobCenter's folder is closed",
            check: "database-permissions",
            says: "needs 755",
            mend: "chmod 755 /mnt/jobdb/nqs",
            shell: "chmod 750 /mnt/jobdb/nqs\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "everybody may write to the folder of the lease",
            check: "lease-directory",
            says: "/mnt/shopdb/.siteward",
            mend: "chmod 700",
            shell: "mkdir -m 777 /mnt/shopdb/.siteward\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "the other node's clock is ahead",
            check: "clock-of-nodes",
            says: "node2",
            mend: "makestep",
            shell: "mkdir -p -m 700 /mnt/jobdb/.siteward\n\
                    echo '{\"released\":true,\"site\":\"jobs\",\"node\":\"node2\",\"boot\":\"b\",\
                    \"since\":33000000000,\"fingerprint\":\"f\"}' >/mnt/jobdb/.siteward/owner.json\n",
            ..PLAIN
        },
        Fault {
            name: "a pause was forgotten",
            check: "pause",
            says: "for the backup",
            mend: "rm /mnt/jobdb/.siteward/paused",
            shell: "mkdir -p -m 700 /mnt/jobdb/.siteward\n\
                    echo '{\"words\":\"for the backup\",\"until\":null}' >/mnt/jobdb/.siteward/paused\n\
                    chmod 600 /mnt/jobdb/.siteward/*\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "the storage is that of an old JobCenter",
            check: "database-layout",
            says: "R13.1",
            mend: "NQS_SITE=jobs.example.com /opt/nqs/gui/bin/spoolconv -c",
            files: |node| fs::remove_dir(node.at("disk-jobs/database")).unwrap(),
            ..PLAIN
        },
        Fault {
            name: "JobCenter's site is not on the disk",
            scene: Scene::ActiveToo,
            check: "jobcenter-site",
            says: "no folder nqs",
            mend: "/opt/nqs/cluster/cjcmksite jobs.example.com MACHINE-ID /mnt/jobdb",
            also: &["listen-address"],
            files: |node| fs::remove_dir_all(node.at("disk-jobs/nqs")).unwrap(),
            ..PLAIN
        },
        Fault {
            name: "the site listens on every address",
            check: "listen-address",
            says: "ipaddress",
            mend: "echo ipaddress=10.10.100.100 >>/mnt/jobdb/nqs/daemon.conf",
            files: |node| node.write("disk-jobs/nqs/daemon.conf", "# nothing\n"),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "a process was left on the disk",
            check: "database-holders",
            says: "/mnt/jobdb, while the site is down",
            mend: "siteward holders jobs",
            shell: "cd /mnt/jobdb; sleep 1000 & pids=\"${pids:-} $!\"; cd /\n",
            ..PLAIN
        },
        Fault {
            name: "the user of JobCenter's supervisor is unknown",
            scene: Scene::ActiveToo,
            // Its list cannot be asked as that user.
            also: &["state"],
            check: "user",
            says: "no user `jobadmin`, which the supervisor",
            mend: "useradd",
            files: |node| jobs(node, "version: 1\n", "version: 1\nuser: jobadmin\n"),
            ..PLAIN
        },
        Fault {
            name: "the disk is not mounted",
            scene: Scene::ActiveToo,
            check: "mount",
            says: "/mnt/shopdb is not mounted",
            mend: "cluster manager",
            shell: "umount /mnt/shopdb\n",
            ..PLAIN
        },
        Fault {
            name: "the address is not here",
            scene: Scene::ActiveToo,
            check: "address",
            says: "10.10.100.101",
            mend: "let the cluster manager bring 10.10.100.101",
            shell: "ip addr del 10.10.100.101/24 dev eth0\n",
            ..PLAIN
        },
        Fault {
            name: "the link leads elsewhere",
            check: "link",
            says: "leads to /mnt/other",
            mend: "ln -sfn /mnt/jobdb /opt/nqs/spool/0A0A6464",
            files: |node| {
                let link = node.at("opt/nqs/spool/0A0A6464");
                fs::remove_file(&link).unwrap();
                symlink("/mnt/other", link).unwrap();
            },
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "the disk is read-only",
            check: "mount-options",
            says: "/mnt/jobdb is mounted read-only",
            mend: "remount,rw /mnt/jobdb",
            shell: "mount -o remount,bind,ro /mnt/jobdb\n",
            ..PLAIN
        },
    ]
}

fn names() -> Vec<Fault> {
    vec![
        Fault {
            name: "the address has another name",
            check: "reverse-lookup",
            says: "10.10.100.100 is old.example.com",
            mend: "/etc/hosts",
            files: |node| {
                let (now, old) = ("10.10.100.100 jobs", "10.10.100.100 old.example.com\n");
                hosts(node, now, &format!("{old}{now}"));
            },
            ..PLAIN
        },
        Fault {
            name: "the name has another address as well",
            check: "name-lookup",
            says: "10.10.100.150",
            mend: "leave only",
            files: |node| hosts(node, "127.0.0.1", "10.10.100.150 jobs.example.com\n127.0.0.1"),
            ..PLAIN
        },
        Fault {
            name: "the name is unknown",
            scene: Scene::ActiveToo,
            check: "name-lookup",
            says: "no address is known for jobs.example.com",
            mend: "echo '10.10.100.100 jobs.example.com' >>/etc/hosts",
            also: &["reverse-lookup"],
            files: |node| hosts(node, "10.10.100.100 jobs.example.com jobs\n", ""),
            ..PLAIN
        },
        Fault {
            name: "no name server answers",
            scene: Scene::Passive,
            check: "name-lookup",
            says: "cannot be looked up",
            mend: "/etc/hosts",
            also: &["reverse-lookup"],
            files: |node| {
                hosts(node, "10.10.100.101 shop.example.com shop\n", "");
                replace(node, "etc/nsswitch.conf", "hosts: files", "hosts: files dns");
                node.write("etc/resolv.conf", "nameserver 192.168.50.99\n");
            },
            ..PLAIN
        },
        Fault {
            name: "the name is an alias",
            check: "alias",
            says: "an alias of real.example.com",
            mend: "first",
            also: &["reverse-lookup"],
            files: |node| {
                hosts(node, "101 shop.example.com", "101 real.example.com shop.example.com");
            },
            ..PLAIN
        },
        Fault {
            name: "the name is not a full one",
            scene: Scene::Passive,
            check: "site-name",
            says: "no full domain name",
            mend: "cjcmksite",
            files: |node| {
                jobs(node, "site: jobs.example.com", "site: jobs");
                hosts(node, "jobs.example.com jobs", "jobs");
            },
            ..PLAIN
        },
        Fault {
            name: "the name is the node's",
            check: "host-name",
            says: "the name of this node",
            mend: "change `site`",
            shell: "hostname shop.example.com\n",
            ..PLAIN
        },
    ]
}

fn definitions() -> Vec<Fault> {
    vec![
        Fault {
            name: "two sites have one machine ID",
            check: "machine-id",
            says: "200",
            mend: "change machine_id",
            files: |node| shop(node, "machine_id: 300", "machine_id: 200"),
            ..PLAIN
        },
        Fault {
            name: "two JobCenter sites have one address",
            check: "shared-address",
            says: "`second`",
            mend: "change address",
            also: &["shared-ports"],
            files: |node| {
                let text = JOBS.replace("jobs.example", "second.example");
                let text = text.replace("/mnt/jobdb", "/mnt/second").replace("200", "201");
                another(node, "second", &text);
            },
            ..PLAIN
        },
        Fault {
            name: "two sites have one port",
            check: "shared-ports",
            says: "6379",
            mend: "another port",
            files: |node| {
                let ready = "ready: {tcp: \"10.10.100.101:6379\"}";
                let text = "version: 1\nprocesses:\n  a: {command: [/bin/true], READY}\n";
                another(node, "third", &text.replace("READY", ready));
            },
            ..PLAIN
        },
        Fault {
            name: "a database lies in another",
            check: "nested-database",
            says: "`inner`",
            mend: "file system of its own",
            files: |node| {
                let text = "version: 1\ndatabase: /mnt/shopdb/inner\nprocesses:\n  a: {command: [/bin/true]}\n";
                another(node, "inner", text);
            },
            ..PLAIN
        },
        Fault {
            name: "a definition has a wrong name",
            check: "misnamed-definition",
            says: "Shop_2.yml",
            mend: "mv",
            files: |node| node.write("etc/siteward/sites/Shop_2.yml", SHOP),
            ..PLAIN
        },
        Fault {
            name: "others may write to the definition",
            check: "definition",
            says: "written by others",
            mend: "chmod go-w /etc/siteward/sites/shop.yaml",
            shell: "chmod g+w /etc/siteward/sites/shop.yaml\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "the definition is wrong",
            check: "definition",
            says: "did you mean `machine_id`",
            mend: "edit",
            files: |node| another(node, "broken", "version: 1\nmachin_id: 3\n"),
            ..PLAIN
        },
        Fault {
            name: "two sites have one host name",
            scene: Scene::Passive,
            check: "definition",
            says: "both claim the virtual host name",
            mend: "edit",
            files: |node| {
                another(
                    node,
                    "twin",
                    "version: 1\nsite: shop.example.com\nprocesses:\n  a: {command: [/bin/true]}\n",
                );
            },
            ..PLAIN
        },
        Fault {
            name: "maintenance was forgotten in the definition",
            check: "maintenance",
            says: "maintenance: true",
            mend: "out of /etc/siteward/sites/shop.yaml",
            files: |node| shop(node, "version: 1\n", "version: 1\nmaintenance: true\n"),
            ..PLAIN
        },
        Fault {
            name: "maintenance was forgotten in Serviceguard",
            check: "maintenance",
            says: "jobs.debug",
            mend: "rm /etc/siteward/serviceguard/jobs.debug",
            files: |node| node.write("etc/siteward/serviceguard/jobs.debug", ""),
            can_be_run: true,
            ..PLAIN
        },
    ]
}

fn jobcenter() -> Vec<Fault> {
    vec![
        Fault {
            name: "maintenance was forgotten in daemon.conf",
            check: "jobcenter-maintenance",
            says: "maintenance=ON",
            mend: "sed -i",
            files: |node| {
                node.write("opt/nqs/rc/daemon.conf", "local_daemon=SITE\nmaintenance=ON\n");
            },
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "daemon.conf keeps cluster sites out",
            scene: Scene::ActiveToo,
            check: "local-daemon",
            says: "nothing of local_daemon",
            mend: "echo local_daemon=SITE >>/opt/nqs/rc/daemon.conf",
            files: |node| node.write("opt/nqs/rc/daemon.conf", "# nothing\n"),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "daemon.conf is not yet in force",
            check: "daemon-conf-in-force",
            says: "was changed after",
            mend: "/opt/nqs/nqsstop && /opt/nqs/nqsstart",
            shell: "bash -c 'exec -a \"NQS nqsdaemon\" sleep 1000' & pids=\"${pids:-} $!\"\n\
                    touch -d '+1 hour' /opt/nqs/rc/daemon.conf\n\
                    until grep -q nqsdaemon /proc/$!/cmdline; do :; done\n",
            ..PLAIN
        },
        Fault {
            name: "the local site has the site's address",
            check: "local-listen-address",
            says: "gives the local site the address 10.10.100.100",
            mend: "ipaddress=ADDRESS-OF-THIS-NODE",
            files: |node| node.write("opt/nqs/spool/daemon.conf", "ipaddress=10.10.100.100\n"),
            ..PLAIN
        },
        Fault {
            name: "the local site listens on every address of two networks",
            scene: Scene::Passive,
            check: "networks",
            says: "2 networks",
            mend: "ipaddress=",
            also: &["local-listen-address"],
            files: |node| fs::remove_file(node.at("opt/nqs/spool/daemon.conf")).unwrap(),
            shell: "ip link add eth1 type veth peer name far1\nip link set eth1 up\n\
                    ip addr add 172.16.0.11/24 dev eth1\n",
            ..PLAIN
        },
        Fault {
            // CONF-09.
            name: "resolv.def gives the site another address",
            check: "resolv-def",
            says: "jobs.example.com is 10.9.9.9",
            mend: "write 10.10.100.100 there",
            files: |node| {
                node.write("opt/nqs/rc/resolv.def", "10.9.9.9 jobs.example.com jobs\n");
            },
            ..PLAIN
        },
        Fault {
            name: "resolv.def does not name the site",
            scene: Scene::ActiveToo,
            check: "resolv-def",
            says: "does not name jobs.example.com",
            mend: "echo '10.10.100.100 jobs.example.com jobs' >>/opt/nqs/rc/resolv.def",
            files: |node| node.write("opt/nqs/rc/resolv.def", "10.9.9.9 other.example.com other\n"),
            ..PLAIN
        },
        Fault {
            name: "a program of JobCenter is missing",
            check: "jobcenter-programs",
            says: "/opt/nqs/nqsstop",
            mend: "install",
            files: |node| fs::remove_file(node.at("opt/nqs/nqsstop")).unwrap(),
            ..PLAIN
        },
        Fault {
            name: "the supervisor is misspelt as in the manual",
            scene: Scene::ActiveToo,
            check: "program",
            says: "cjcpcw",
            mend: "write /opt/nqs/cluster/cjcpw",
            files: |node| {
                let start = "start: [/opt/nqs/cluster/cjcpcw, \"{site}\", \"{database}\"]";
                jobs(node, "profile: jobcenter", &format!("profile: jobcenter, {start}"));
            },
            ..PLAIN
        },
        Fault {
            name: "the umask takes rights from the database",
            check: "umask",
            says: "0077",
            mend: "umask: \"0022\"",
            files: |node| jobs(node, "version: 1\n", "version: 1\numask: \"0077\"\n"),
            ..PLAIN
        },
        Fault {
            name: "JobCenter's stack is too small",
            check: "ulimits",
            says: "8 MiB",
            mend: "stack: 8388608",
            files: |node| jobs(node, "version: 1\n", "version: 1\nulimits: {stack: 2097152}\n"),
            ..PLAIN
        },
    ]
}

fn programs() -> Vec<Fault> {
    vec![
        Fault {
            name: "a program is missing",
            check: "program",
            says: "/opt/shop/web",
            mend: "install /opt/shop/web",
            files: |node| fs::remove_file(node.at("opt/shop/web")).unwrap(),
            ..PLAIN
        },
        Fault {
            name: "a program cannot be executed",
            check: "program",
            says: "/opt/shop/worker cannot be executed",
            mend: "chmod +x /opt/shop/worker",
            shell: "chmod 644 /opt/shop/worker\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "anybody may replace what root runs",
            check: "program-trust",
            says: "/opt/shop/store",
            mend: "chmod go-w /opt/shop/store",
            shell: "chmod o+w /opt/shop/store\n",
            ..PLAIN
        },
        Fault {
            name: "a user is unknown",
            check: "user",
            says: "no user `web-user`",
            mend: "useradd",
            files: |node| shop(node, "user: shop", "user: web-user"),
            ..PLAIN
        },
        Fault {
            name: "a group is unknown",
            scene: Scene::ActiveToo,
            check: "user",
            says: "no group `workers`",
            mend: "groupadd",
            files: |node| shop(node, "group: shop", "group: workers"),
            ..PLAIN
        },
        Fault {
            name: "a working directory is missing",
            check: "working-directory",
            says: "/opt/shop/web.d",
            mend: "mkdir -p /opt/shop/web.d",
            files: |node| fs::remove_dir(node.at("opt/shop/web.d")).unwrap(),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "an env_file is missing",
            check: "env-file",
            says: "/etc/shop.env",
            mend: "copy /etc/shop.env",
            files: |node| fs::remove_file(node.at("etc/shop.env")).unwrap(),
            ..PLAIN
        },
        Fault {
            name: "the program of a health check is missing",
            check: "healthcheck",
            says: "/opt/shop/check",
            mend: "install /opt/shop/check",
            files: |node| fs::remove_file(node.at("opt/shop/check")).unwrap(),
            ..PLAIN
        },
    ]
}

fn boot() -> Vec<Fault> {
    vec![
        Fault {
            name: "Pacemaker's link is missing",
            check: "agent-link",
            says: "is not there",
            mend: "ln -sfn /usr/local/sbin/siteward",
            files: |node| fs::remove_file(node.at("ocf/siteward/site")).unwrap(),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "Pacemaker's link leads to nothing",
            scene: Scene::ActiveToo,
            check: "agent-link",
            says: "leads to nothing",
            mend: "ln -sfn",
            shell: "ln -sfn /usr/sbin/no-such-program /usr/lib/ocf/resource.d/siteward/site\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "Pacemaker's link leads to another siteward",
            scene: Scene::Passive,
            check: "agent-link",
            says: "not to this siteward",
            mend: "ln -sfn",
            shell: "ln -sfn /usr/bin/true /usr/lib/ocf/resource.d/siteward/site\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "Pacemaker cuts the start short",
            check: "manager-settings",
            says: "jobs, op start timeout is 20 s",
            mend: "pcs resource update jobs op start timeout=240s",
            files: |node| replace(node, "etc/cib.xml", "timeout=\"240s\"", "timeout=\"20s\""),
            ..PLAIN
        },
        Fault {
            name: "Pacemaker asks too seldom",
            check: "manager-settings",
            says: "shop, op monitor interval",
            mend: "pcs resource update shop op monitor interval=1s",
            files: |node| {
                let monitor = |interval: &str| {
                    format!("id=\"shop-monitor\" name=\"monitor\" interval=\"{interval}\"")
                };
                replace(node, "etc/cib.xml", &monitor("1s"), &monitor("120s"));
            },
            ..PLAIN
        },
        Fault {
            name: "Pacemaker's maintenance was forgotten",
            check: "manager-settings",
            says: "maintenance",
            mend: "crm_attribute -n maintenance-mode -v false",
            files: |node| {
                let more = "<nvpair id=\"mm\" name=\"maintenance-mode\" value=\"true\"/><nvpair id=\"fencing\"";
                replace(node, "etc/cib.xml", "<nvpair id=\"fencing\"", more);
            },
            ..PLAIN
        },
        Fault {
            name: "Pacemaker does not fence",
            scene: Scene::ActiveToo,
            check: "manager-settings",
            says: "stonith-enabled",
            mend: "crm_attribute -n stonith-enabled -v true",
            files: |node| replace(node, "etc/cib.xml", "value=\"true\"", "value=\"false\""),
            ..PLAIN
        },
        Fault {
            name: "the manager's tool cannot say what is configured",
            scene: Scene::Passive,
            check: "manager-settings",
            says: "could not be checked",
            mend: "run doctor again",
            shell: "mkdir /run/bin; PATH=/run/bin:$PATH
printf '#!/bin/sh\\necho nonsense\\n' >/run/bin/cibadmin; chmod 755 /run/bin/cibadmin
",
            ..PLAIN
        },
        Fault {
            name: "systemd starts a process of the site",
            check: "boot-services",
            says: "my-shop.service",
            mend: "systemctl disable --now my-shop.service",
            files: |node| node.enable("my-shop", "-/opt/shop/web --root /mnt/shopdb"),
            ..PLAIN
        },
        Fault {
            name: "systemd starts JobCenter's site",
            check: "boot-services",
            says: "nqs.service",
            mend: "systemctl disable --now nqs.service",
            files: |node| node.enable("nqs", "/opt/nqs/cluster/cjcpw jobs.example.com /mnt/jobdb"),
            ..PLAIN
        },
        Fault {
            name: "systemd starts the site beside Pacemaker",
            scene: Scene::ActiveToo,
            check: "boot-services",
            says: "site-jobs.service",
            mend: "systemctl disable --now site-jobs.service",
            files: |node| node.enable("site-jobs", "/usr/local/sbin/siteward run jobs"),
            ..PLAIN
        },
        Fault {
            name: "rc.local starts a process of the site",
            check: "boot-scripts",
            says: "/etc/rc.local",
            mend: "take that line out",
            files: |node| node.write("etc/rc.local", "#!/bin/sh\nnohup /opt/shop/worker &\n"),
            ..PLAIN
        },
        Fault {
            name: "cron starts a process of the site at boot",
            scene: Scene::ActiveToo,
            check: "boot-scripts",
            says: "/etc/cron.d/jobs",
            mend: "take that line out",
            files: |node| {
                node.write("etc/cron.d/jobs", "@reboot root /opt/nqs/nqsstart jobs.example.com\n");
            },
            ..PLAIN
        },
        Fault {
            name: "fstab mounts the disk at boot",
            check: "boot-mount",
            says: "/etc/fstab mounts /mnt/jobdb",
            mend: "noauto",
            files: |node| node.write("etc/fstab", "/dev/sdb1 /mnt/jobdb/ ext4 defaults 0 2\n"),
            ..PLAIN
        },
        Fault {
            name: "a unit mounts the disk at boot",
            check: "boot-mount",
            says: "mnt-shopdb.mount",
            mend: "systemctl disable mnt-shopdb.mount",
            files: |node| {
                node.write("units/mnt-shopdb.mount", "[Mount]\nWhere=/mnt/shopdb\nType=ext4\n");
                let wants = node.at("etc/systemd/system/multi-user.target.wants/mnt-shopdb.mount");
                symlink("/usr/lib/systemd/system/mnt-shopdb.mount", wants).unwrap();
            },
            ..PLAIN
        },
        Fault {
            name: "the node has the address at boot",
            check: "boot-address",
            says: "/etc/netplan/50.yaml",
            mend: "take 10.10.100.101 out",
            files: |node| node.write("etc/netplan/50.yaml", "addresses: [10.10.100.101/24]\n"),
            ..PLAIN
        },
    ]
}

fn ports_and_limits() -> Vec<Fault> {
    vec![
        Fault {
            name: "another program has JobCenter's port",
            check: "ports",
            says: "python3",
            mend: "stop that program",
            shell: "LISTEN 607 025F",
            ..PLAIN
        },
        Fault {
            // PORT-06.
            name: "nobody keeps JobCenter's port at 127.0.0.1",
            scene: Scene::ActiveToo,
            check: "jobcenter-port",
            says: "at 127.0.0.1 by nobody",
            mend: "/opt/nqs/nqsportkpr 127.0.0.1",
            shell: "kill $guard; wait $guard || :\n",
            ..PLAIN
        },
        Fault {
            name: "another program has the site's port",
            check: "ports",
            says: "port 6379",
            mend: "stop that program",
            shell: "LISTEN 6379 18EB",
            ..PLAIN
        },
        Fault {
            name: "a port may be given away",
            check: "ephemeral-ports",
            says: "6379",
            mend: "sysctl -w net.ipv4.ip_local_reserved_ports=6379",
            shell: "echo 6000 60999 >/proc/sys/net/ipv4/ip_local_port_range\n",
            ..PLAIN
        },
        Fault {
            name: "a limit is above the kernel's",
            check: "ulimits",
            says: "99999999999",
            mend: "fs.nr_open",
            files: |node| {
                shop(
                    node,
                    "/opt/shop/worker]\n",
                    "/opt/shop/worker]\n    ulimits: {nofile: 99999999999}\n",
                );
            },
            also: &["open-files"],
            ..PLAIN
        },
        Fault {
            name: "all sites together want too many files",
            check: "open-files",
            says: "may open",
            mend: "sysctl -w fs.file-max",
            shell: "echo 5000 >/run/file-max; mount --bind /run/file-max /proc/sys/fs/file-max\n",
            ..PLAIN
        },
        Fault {
            name: "a user may watch fewer files than there are sites",
            check: "inotify",
            says: "does not notice that its runtime directory is removed",
            mend: "fs.inotify.max_user_instances=64",
            shell: "echo 16 >/run/instances; mount --bind /run/instances /proc/sys/fs/inotify/max_user_instances\n",
            ..PLAIN
        },
        Fault {
            name: "there are semaphores for one site alone",
            check: "ipc-limits",
            says: "semaphore sets",
            mend: "kernel.sem",
            shell: "echo 250 32000 32 1 >/proc/sys/kernel/sem\n",
            ..PLAIN
        },
    ]
}

fn node() -> Vec<Fault> {
    vec![
        Fault {
            name: "there is no room for logs",
            check: "log-space",
            says: "/var/log/siteward",
            mend: "du -xh",
            shell: "mount -t tmpfs -o size=512k,mode=755 none /var/log/siteward\n",
            ..PLAIN
        },
        Fault {
            name: "there is no room for the state",
            check: "runtime-space",
            says: "/run/siteward",
            mend: "du -xh",
            shell: "mkdir -p /run/siteward; mount -t tmpfs -o size=64k,mode=755 none /run/siteward\n",
            ..PLAIN
        },
        Fault {
            name: "everybody may write to the logs",
            check: "log-directory",
            says: "others than its owner",
            mend: "chmod go-w /var/log/siteward",
            shell: "chmod 777 /var/log/siteward\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "everybody may write to the state",
            check: "runtime-directory",
            says: "others than its owner",
            mend: "chmod go-w /run/siteward",
            shell: "mkdir -p /run/siteward; chmod 777 /run/siteward\n",
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "a file has a label of SELinux's that nobody may read",
            check: "selinux",
            says: "user_home_t",
            mend: "restorecon",
            shell: "python3 -c 'import os; os.setxattr(\"/etc/siteward/sites/shop.yaml\", \
                    \"security.selinux\", b\"system_u:object_r:user_home_t:s0\\0\")'\n",
            ..PLAIN
        },
        Fault {
            name: "no control group can be made",
            check: "control-groups",
            says: "no more groups",
            mend: "echo max",
            shell: "echo 0 >$G/cgroup.max.descendants\n",
            can_be_run: true,
            ..PLAIN
        },
    ]
}

fn passive() -> Vec<Fault> {
    vec![
        Fault {
            name: "a copy of the data is below the mount",
            scene: Scene::Passive,
            check: "mount-point",
            says: "/mnt/jobdb holds files",
            mend: "/mnt/jobdb.stale",
            files: |node| node.write("mnt/jobdb/nqs/daemon.conf", "old\n"),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "there is nothing to mount on",
            scene: Scene::Passive,
            check: "mount-point",
            says: "/mnt/shopdb is not there",
            mend: "mkdir -p /mnt/shopdb",
            files: |node| fs::remove_dir(node.at("mnt/shopdb")).unwrap(),
            can_be_run: true,
            ..PLAIN
        },
        Fault {
            name: "the link is missing on the standby node",
            scene: Scene::Passive,
            check: "link",
            says: "is not there",
            mend: "ln -sfn /mnt/jobdb /opt/nqs/spool/0A0A6464",
            files: |node| fs::remove_file(node.at("opt/nqs/spool/0A0A6464")).unwrap(),
            can_be_run: true,
            ..PLAIN
        },
    ]
}

impl Fault {
    /// What is done on the node, for its shell.
    pub(crate) fn commands(&self) -> String {
        match self.shell.strip_prefix("LISTEN ").and_then(|rest| rest.split_once(' ')) {
            Some((port, hex)) => LISTEN.replace("PORT", port).replace("HEX", hex),
            None => self.shell.to_owned(),
        }
    }
}
