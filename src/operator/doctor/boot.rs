//! What this node starts, mounts and configures by itself at boot, although it is the cluster's to do (JP-13,
//! JP-14, PP-07).

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::disk::is_shared;
use super::examined::Examined;
use super::manager::managers_here;
use super::units::{BootUnit, at_boot};
use crate::linux::node;
use crate::operator::finding::Finding;
use crate::site::Subject;

/// Every check.
pub(super) fn all(examined: &Examined<'_>) -> Vec<Finding> {
    let units = if node::has_systemd() { at_boot() } else { Vec::new() };
    let mut found = services(examined, &units);
    found.extend(scripts(examined));
    found.extend(mounts(examined, &units));
    found.extend(addresses(examined));
    found
}

/// Programs that run another one, so that they alone say nothing.
const INTERPRETERS: [&str; 26] = [
    "sh", "bash", "dash", "ash", "ksh", "zsh", "env", "perl", "ruby", "java", "node", "php",
    "python", "python2", "python3", "setsid", "nice", "ionice", "timeout", "sudo", "su", "runuser",
    "chroot", "sleep", "true", "siteward",
];

/// A command of the site, as it is looked for elsewhere.
struct SiteCommand<'a> {
    words: &'a [String],
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

impl SiteCommand<'_> {
    /// Whether these words run the same program. An interpreter must run the same file.
    fn is_run_by(&self, words: &[&str]) -> bool {
        let (Some(program), Some(theirs)) = (self.words.first(), words.first()) else {
            return false;
        };
        let same = base(program) == base(theirs)
            && (!program.contains('/') || !theirs.contains('/') || is_same(program, theirs));
        let file = || {
            let mut files = self.words.iter().skip(1).filter(|w| w.starts_with('/'));
            files.any(|file| words.iter().skip(1).any(|word| word == file))
        };
        same && (!INTERPRETERS.contains(&base(program)) || file())
    }
}

fn is_same(a: &str, b: &str) -> bool {
    a == b || fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b))
}

fn commands<'a>(examined: &'a Examined<'_>) -> Vec<SiteCommand<'a>> {
    let definition = &examined.definition;
    let processes = definition.processes.iter().map(|p| &p.command[..]);
    processes.map(|words| SiteCommand { words }).collect()
}

/// Whether these words start the site's wrapped supervisor.
fn starts_wrapped(examined: &Examined<'_>, words: &[&str]) -> bool {
    let Some(wrapped) = &examined.definition.wrapped else { return false };
    let resume = wrapped.resume.as_ref();
    [Some(&wrapped.start), resume].into_iter().flatten().any(|command| {
        let program = command.first().map(|word| base(word));
        let is_it = words.first().map(|word| base(word)) == program;
        let subject = match &wrapped.subject {
            Some(Subject::Config(path) | Subject::Directory(path)) => path.to_str(),
            // What starts a unit is told with what the unit needs.
            Some(Subject::Unit(_)) | None => None,
        };
        let names = |word: &&str| *word == examined.definition.site || Some(*word) == subject;
        is_it && words.iter().any(names)
    })
}

/// Whether these words have siteward start the site.
fn starts_by_siteward(examined: &Examined<'_>, words: &[&str]) -> bool {
    let is_siteward = words.first().is_some_and(|word| base(word) == "siteward");
    let verb = words.iter().any(|word| ["run", "start"].contains(word));
    is_siteward && verb && words.iter().any(|word| *word == examined.target.name.as_str())
}

/// What words that run at boot have to do with the site.
enum Meeting {
    /// They start the site, or a process of it.
    Starts,
    /// They run the same program, maybe for something else.
    SameProgram,
}

fn meeting(examined: &Examined<'_>, words: &[&str]) -> Option<Meeting> {
    if starts_wrapped(examined, words) {
        return Some(Meeting::Starts);
    }
    // Without a cluster manager, systemd is what starts the site (`siteward generate systemd`).
    if starts_by_siteward(examined, words) {
        return (!managers_here().is_empty()).then_some(Meeting::Starts);
    }
    let commands = commands(examined);
    let command = commands.iter().find(|command| command.is_run_by(words))?;
    let database = examined.definition.database.as_ref().map(|d| d.display().to_string());
    let uses_database =
        database.is_some_and(|database| words.iter().any(|word| word.contains(&database)));
    let is_all = command.words.len() > 1 && command.words[1..].iter().eq(words[1..].iter());
    Some(if uses_database || is_all { Meeting::Starts } else { Meeting::SameProgram })
}

fn services(examined: &Examined<'_>, units: &[BootUnit]) -> Vec<Finding> {
    const CHECK: &str = "boot-services";
    if !node::has_systemd() {
        return vec![Finding::ok(CHECK, "not here: this node is not run by systemd")];
    }
    let mut found = Vec::new();
    for unit in units.iter().filter(|unit| unit.name.ends_with(".service")) {
        let mend = format!("systemctl disable --now {}", unit.name);
        let met = unit.values("ExecStart").find_map(|line| {
            let line = line.trim_start_matches(['-', '@', ':', '+', '!', '|']);
            let words: Vec<&str> = line.split_whitespace().collect();
            Some((meeting(examined, &words)?, line))
        });
        match met {
            None => {}
            Some((Meeting::Starts, line)) => found.push(Finding::error(
                CHECK,
                format!(
                    "systemd starts {} at boot ({line}), which the cluster must start",
                    unit.name
                ),
                mend,
            )),
            Some((Meeting::SameProgram, line)) => found.push(Finding::warning(
                CHECK,
                format!(
                    "systemd starts {} at boot, which runs a program of the site ({line})",
                    unit.name
                ),
                mend,
            )),
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "systemd starts nothing of the site"));
    }
    found
}

/// The scripts that init runs at boot, and the tables of cron.
fn boot_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["/etc/rc.local", "/etc/rc.d/rc.local", "/etc/crontab"].map(PathBuf::from).to_vec();
    for folder in ["/etc/rc3.d", "/etc/rc5.d", "/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d"] {
        files.extend(files_in(folder).into_iter().filter(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"S"))
        }));
    }
    for folder in ["/etc/cron.d", "/var/spool/cron", "/var/spool/cron/crontabs"] {
        files.extend(files_in(folder).into_iter().filter(|path| path.is_file()));
    }
    files.sort();
    files
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn scripts(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "boot-scripts";
    let mut found = Vec::new();
    for file in boot_files() {
        let at = file.display();
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let is_cron =
            file.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"cron"));
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let met = lines.filter(|line| !is_cron || line.starts_with("@reboot")).find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let starts = (0..words.len()).filter(|at| words[*at].starts_with('/'));
            starts.into_iter().any(|at| {
                // In a script, only what surely is the site's counts.
                matches!(meeting(examined, &words[at..]), Some(Meeting::Starts))
                    || commands(examined).iter().any(|c| c.is_run_by(&words[at..]))
            })
        });
        if let Some(line) = met {
            found.push(Finding::error(
                CHECK,
                format!("{at} starts a program of the site at boot: {line}"),
                format!(
                    "take that line out of {at}, or disable the script: update-rc.d, chkconfig"
                ),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "no script and no table of cron starts it"));
    }
    found
}

/// The disk is mounted by the cluster alone, unless several nodes may have it at once.
fn mounts(examined: &Examined<'_>, units: &[BootUnit]) -> Vec<Finding> {
    const CHECK: &str = "boot-mount";
    let Some(point) = &examined.definition.prerequisites.mounted else {
        return vec![Finding::ok(CHECK, "the site needs no mount")];
    };
    let at = point.display();
    let table = fs::read_to_string("/etc/fstab").unwrap_or_default();
    let lines = table.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut found = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, of, kind, options, ..] = fields[..] else { continue };
        let is_it = Path::new(of).components().eq(point.components());
        let options: Vec<&str> = options.split(',').collect();
        if is_it && !is_shared(kind) && !options.contains(&"noauto") {
            found.push(Finding::error(
                CHECK,
                format!("/etc/fstab mounts {at} at boot, on this node whichever has the site"),
                format!(
                    "write noauto among the options of {at} in /etc/fstab, or take the line out"
                ),
            ));
        }
    }
    for unit in units.iter().filter(|unit| unit.name.ends_with(".mount")) {
        let is_it =
            unit.values("Where").any(|of| Path::new(of).components().eq(point.components()));
        if is_it && !unit.values("Type").any(is_shared) {
            found.push(Finding::error(
                CHECK,
                format!("systemd mounts {at} at boot ({})", unit.name),
                format!("systemctl disable {}", unit.name),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(CHECK, format!("nothing mounts {at} at boot")));
    }
    found
}

/// The files in which distributions keep the addresses of a node.
fn network_files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/network/interfaces")];
    for folder in [
        "/etc/network/interfaces.d",
        "/etc/netplan",
        "/etc/sysconfig/network-scripts",
        "/etc/sysconfig/network",
        "/etc/NetworkManager/system-connections",
        "/etc/systemd/network",
    ] {
        files.extend(files_in(folder).into_iter().filter(|path| path.is_file()));
    }
    files
}

/// The address is brought by the cluster alone.
fn addresses(examined: &Examined<'_>) -> Vec<Finding> {
    const CHECK: &str = "boot-address";
    let Some(address) = examined.definition.address else {
        return vec![Finding::ok(CHECK, "the site has no address")];
    };
    let holds = |file: &PathBuf| {
        fs::read_to_string(file).is_ok_and(|text| {
            text.lines().filter(|l| !l.trim_start().starts_with('#')).any(|l| names(l, address))
        })
    };
    match network_files().into_iter().find(holds) {
        None => vec![Finding::ok(CHECK, format!("nothing brings {address} at boot"))],
        Some(file) => vec![Finding::error(
            CHECK,
            format!("{} gives this node {address} at boot, whichever has the site", file.display()),
            format!("take {address} out of {}", file.display()),
        )],
    }
}

/// Whether a line holds this address, with or without the length of its prefix.
fn names(line: &str, address: IpAddr) -> bool {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    line.split(|c| !is_part(c)).any(|word| word.parse() == Ok(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_whole() {
        let address = "10.1.2.3".parse().unwrap();
        assert!(names("    addresses: [10.1.2.3/24]", address));
        assert!(names("IPADDR=\"10.1.2.3\"", address));
        assert!(!names("IPADDR=10.1.2.30", address));
        assert!(!names("IPADDR=110.1.2.3", address));
    }

    #[test]
    fn an_interpreter_alone_is_no_program_of_the_site() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let runs = |of: &str, line: &str| {
            let theirs: Vec<&str> = line.split(' ').collect();
            SiteCommand { words: &words(of) }.is_run_by(&theirs)
        };
        assert!(runs("redis-server --port 1", "/usr/bin/redis-server /etc/redis.conf"));
        assert!(!runs("/opt/a/redis-server", "/usr/bin/redis-server"));
        assert!(!runs("/usr/bin/python3 /opt/job.py", "/usr/bin/python3 /usr/bin/other"));
        assert!(runs("/usr/bin/python3 /opt/job.py", "/usr/bin/python3 -u /opt/job.py"));
    }
}
