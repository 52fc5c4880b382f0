//! The facts of one node as rows, of which each can be compared with the same row of another node.

use super::node_facts::{
    DefinitionFact, FileContent, FileFact, FilesFact, FolderFact, NodeFacts, SettingsFact, UserFact,
};
use crate::operator::finding::Severity;

/// One fact that should be the same on every node.
#[derive(Clone, Debug)]
pub(super) struct FactRow {
    pub(super) check: &'static str,
    /// What it is a fact of, for the beginning of a sentence.
    pub(super) subject: String,
    /// The verb before the value.
    pub(super) verb: &'static str,
    /// None: it could not be found out here, for this reason.
    pub(super) value: Result<String, String>,
    /// What helps a person to tell which one is older; not compared.
    hint: Option<String>,
    /// How bad it is if it differs.
    pub(super) severity: Severity,
    /// What follows if it differs; may be empty.
    pub(super) result: &'static str,
    /// What to do on this node to make it as on the other; `{}` stands for the value there.
    pub(super) mend: String,
}

impl FactRow {
    /// What it is, for a sentence.
    pub(super) fn words(&self) -> Option<String> {
        Some(format!("{} {}", self.verb, self.value.as_ref().ok()?))
    }

    /// As [`words`](Self::words), with the hint.
    pub(super) fn told(&self) -> String {
        let words = self.words().unwrap_or_default();
        let hint = self.hint.as_ref().filter(|_| !self.is_lacking());
        hint.map_or_else(|| words.clone(), |hint| format!("{words} ({hint})"))
    }

    /// Its value as a command wants it.
    pub(super) fn bare(&self) -> &str {
        let value = self.value.as_deref().unwrap_or_default();
        value.strip_prefix("id ").unwrap_or(value)
    }

    /// This node has none of it, so that it is the one to be changed.
    pub(super) fn is_lacking(&self) -> bool {
        let lacking = ["missing", "not executable", "not installed", NOT_GIVEN, "not there"];
        self.value.as_ref().is_ok_and(|value| lacking.contains(&value.as_str()))
    }

    /// The same row of a node that has no such key. None: that says nothing, as what it is a fact of
    /// follows from the definition there.
    pub(super) fn not_given(&self, there: &[Self]) -> Option<Self> {
        let is_file_there = |name: &str| {
            let is_it = |row: &&Self| row.subject == format!("the file {name}");
            there.iter().find(is_it).is_some_and(|row| row.value.as_deref() == Ok("there"))
        };
        let counts = match self.check {
            "facts-definition" => true,
            "facts-settings" => {
                self.subject.split_once("` in ").is_some_and(|(_, file)| is_file_there(file))
            }
            _ => false,
        };
        counts.then(|| Self { value: Ok(NOT_GIVEN.to_owned()), verb: "is", ..self.clone() })
    }

    fn new(check: &'static str, subject: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            check,
            subject: subject.into(),
            verb: "is",
            value: Ok(value.into()),
            hint: None,
            severity: Severity::Warning,
            result: "",
            mend: String::new(),
        }
    }

    fn verb(self, verb: &'static str) -> Self {
        Self { verb, ..self }
    }

    fn error(self) -> Self {
        Self { severity: Severity::Error, ..self }
    }

    fn result(self, result: &'static str) -> Self {
        Self { result, ..self }
    }

    fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: mend.into(), ..self }
    }
}

/// The value of a key that only another node has.
const NOT_GIVEN: &str = "not given";

/// Every row of a node. `with_limits`: the limits were taken in the same way as on the other nodes.
pub(super) fn rows(facts: &NodeFacts, with_limits: bool) -> Vec<FactRow> {
    let mut rows = Vec::new();
    siteward(facts, &mut rows);
    definition(&facts.site, &facts.definition, &mut rows);
    for (name, user) in &facts.users {
        user_rows(name, user.as_ref(), &mut rows);
    }
    for (name, gid) in &facts.groups {
        let row = |value: String| {
            let subject = format!("the group `{name}`");
            FactRow::new("facts-group", subject, value).error().result(GROUP_RESULT)
        };
        rows.push(match gid {
            Some(gid) => row(format!("id {gid}"))
                .verb("has")
                .mend(format!("groupmod -g {{}} {name}, and chgrp the files of id {gid}")),
            None => row("missing".to_owned()).mend(format!("groupadd -g {{}} {name}")),
        });
    }
    files(facts, &mut rows);
    system(facts, &mut rows);
    if with_limits {
        rows.extend(facts.limits.iter().map(|(name, limit)| {
            FactRow::new("facts-limit", format!("the limit `{name}` (soft, hard)"), limit)
                .mend("set it in /etc/security/limits.d, or as `ulimits` in the definition")
        }));
    }
    rows
}

const GROUP_RESULT: &str = "a process that changes node could not use its group's files";
const USER_RESULT: &str = "a job that changes node could not read its files";

fn siteward(facts: &NodeFacts, rows: &mut Vec<FactRow>) {
    let siteward = &facts.siteward;
    let install = "install the same siteward on all nodes";
    rows.push(FactRow::new("facts-siteward", "siteward", &siteward.version).verb("has version"));
    let program = format!("the program of siteward {}", siteward.version);
    rows.push(file("facts-siteward", &program, &siteward.program));
    rows.iter_mut().for_each(|row| row.mend = install.to_owned());
    for (path, agent) in &siteward.agents {
        let subject = format!("the agent {path}");
        let row = match agent {
            Some(link) if link.program.content == siteward.program.content => {
                FactRow::new("facts-agent", subject, "there")
            }
            Some(link) => file("facts-agent", &subject, &link.program),
            None => FactRow::new("facts-agent", subject, "missing"),
        };
        let result = "its cluster manager could not start the site on each node";
        let row = row.error().result(result);
        let is_right = row.value.as_deref() == Ok("there");
        let link = format!("ln -sf /usr/sbin/siteward {path}");
        rows.push(row.mend(if is_right { String::new() } else { link }));
    }
}

fn definition(site: &str, definition: &DefinitionFact, rows: &mut Vec<FactRow>) {
    rows.extend(definition.values.iter().map(|(key, value)| {
        FactRow::new("facts-definition", format!("`{key}` in the definition of `{site}`"), value)
            .error()
            .mend(format!("copy the right {site}.yaml to all nodes"))
    }));
}

fn user_rows(name: &str, user: Option<&UserFact>, rows: &mut Vec<FactRow>) {
    let subject = format!("the user `{name}`");
    let row = |value: String| FactRow::new("facts-user", subject.clone(), value);
    let Some(user) = user else {
        let missing = row("missing".to_owned()).error().result(USER_RESULT);
        return rows.push(missing.mend(format!("useradd -u {{}} {name}")));
    };
    let id = user.uid;
    rows.push(
        row(format!("id {id}"))
            .verb("has")
            .error()
            .result(USER_RESULT)
            .mend(format!("usermod -u {{}} {name}, and chown the files of id {id}")),
    );
    let of = |what: &str, value: String| {
        FactRow::new("facts-user", format!("the {what} of the user `{name}`"), value)
    };
    rows.push(
        of("group", format!("id {}", user.gid))
            .verb("has")
            .error()
            .result(GROUP_RESULT)
            .mend(format!("usermod -g {{}} {name}")),
    );
    rows.push(of("home", user.home.clone()).mend(format!("usermod -d {{}} {name}")));
    if let Some(groups) = &user.groups {
        let words: Vec<String> = groups.iter().map(u32::to_string).collect();
        let value = words.join(",");
        rows.push(
            of("supplementary groups", value).verb("are").mend(format!("usermod -G {{}} {name}")),
        );
    }
    let others = match user.same_id.is_empty() {
        true => "nobody".to_owned(),
        false => user.same_id.join(", "),
    };
    rows.push(of("id", others).verb("is shared with").mend("give each user an id of its own"));
}

fn files(facts: &NodeFacts, rows: &mut Vec<FactRow>) {
    let FilesFact { programs, arguments, same_on_all_nodes, folders, settings } = &facts.files;
    for (name, fact) in programs {
        let row = file("facts-program", &format!("the program {name}"), fact);
        let breaks = matches!(fact.content, FileContent::Absent | FileContent::NotExecutable);
        let severity = if breaks { Severity::Error } else { Severity::Warning };
        rows.push(FactRow { severity, ..row });
    }
    for (name, fact) in arguments {
        let row = file("facts-file", &format!("the file {name}, named by a command,"), fact);
        rows.push(row);
    }
    for (name, fact) in same_on_all_nodes {
        let row = file("facts-file", &format!("the file {name} of `same_on_all_nodes`"), fact);
        rows.push(row.error());
    }
    for (name, fact) in folders {
        rows.push(folder(name, fact.as_ref()));
    }
    for (name, fact) in settings {
        settings_rows(name, fact, rows);
    }
}

/// A row of a file by its content.
fn file(check: &'static str, subject: &str, fact: &FileFact) -> FactRow {
    let not_read = |why: String| Err(format!("{subject} was not compared: {why}"));
    let value = match &fact.content {
        FileContent::Sha256(hash) => Ok(format!("the content {}", &hash[..hash.len().min(12)])),
        FileContent::Fingerprint(mark) => Ok(format!("the content {mark}")),
        FileContent::Absent => Ok("missing".to_owned()),
        FileContent::NotExecutable => Ok("not executable".to_owned()),
        FileContent::TooLarge(size) => {
            not_read(format!("it has {size} bytes, which is more than is read"))
        }
        FileContent::Unreadable(why) => not_read(why.clone()),
        FileContent::NotInTime => not_read("it was not read within the time".to_owned()),
    };
    let verb = match fact.content {
        FileContent::Sha256(_) | FileContent::Fingerprint(_) => "has",
        _ => "is",
    };
    let mend = match fact.content {
        FileContent::Absent => "install it",
        FileContent::NotExecutable => "chmod +x it",
        _ => "install the same version",
    };
    let hint = fact.size.zip(fact.modified);
    let hint = hint.map(|(size, at)| format!("{size} bytes, of {at}"));
    FactRow { value, verb, hint, ..FactRow::new(check, subject, "") }.mend(mend)
}

fn folder(name: &str, fact: Option<&FolderFact>) -> FactRow {
    let row = |value| FactRow::new("facts-folder", format!("the working directory {name}"), value);
    match fact {
        None => row("missing".to_owned()).error().mend(format!("mkdir -p {name}")),
        Some(FolderFact { uid, gid, mode }) => row(format!("owner {uid}:{gid} and mode {mode}"))
            .verb("has")
            .mend(format!("chown and chmod {name} as there")),
    }
}

fn settings_rows(name: &str, fact: &SettingsFact, rows: &mut Vec<FactRow>) {
    let row = |subject: String, value: &str| FactRow::new("facts-settings", subject, value);
    let whole = format!("the file {name}");
    match fact {
        SettingsFact::Absent => {
            rows.push(row(whole, "missing").error().mend("copy it to this node"));
        }
        SettingsFact::Unreadable(why) => {
            let value = Err(format!("{whole} was not compared: {why}"));
            rows.push(FactRow { value, ..row(whole, "") });
        }
        SettingsFact::Values(values) => {
            rows.push(row(whole, "there"));
            rows.extend(values.iter().map(|(key, value)| {
                let same = format!("make {name} the same on all nodes");
                row(format!("`{key}` in {name}"), value).mend(same)
            }));
        }
    }
}

fn system(facts: &NodeFacts, rows: &mut Vec<FactRow>) {
    let system = &facts.system;
    for (check, subject, value) in [
        ("facts-kernel", "the kernel", &system.kernel),
        ("facts-distribution", "the distribution", &system.distribution),
        ("facts-c-library", "the C library", &system.c_library),
    ] {
        rows.push(FactRow::new(check, subject, value).mend("install the same updates"));
    }
    let architecture = FactRow::new("facts-architecture", "the architecture", &system.architecture);
    rows.push(architecture.error().result("programs of one node could not run on the other"));
    rows.push(
        FactRow::new("facts-time-zone", "the time zone", &system.time_zone)
            .result("jobs would run at another hour after a failover")
            .mend("timedatectl set-timezone {}"),
    );
    rows.push(
        FactRow::new("facts-selinux", "SELinux", &system.selinux).mend("see /etc/selinux/config"),
    );
    let groups =
        FactRow::new("facts-cgroups", "the tree of control groups", &system.control_groups);
    rows.push(groups.mend("boot all nodes with the same version of control groups"));
    rows.extend(facts.sysctls.iter().map(|(name, value)| {
        FactRow::new("facts-sysctl", format!("the kernel parameter {name}"), value)
            .mend(format!("sysctl -w {name}='{{}}', and write that to /etc/sysctl.d"))
    }));
    rows.extend(facts.locales.iter().map(|(name, is_there)| {
        let row = |value: &str| FactRow::new("facts-locale", format!("the locale {name}"), value);
        match is_there {
            true => row("installed"),
            false => {
                row("not installed").mend(format!("generate the locale {name}: see locale-gen"))
            }
        }
    }));
    rows.extend(facts.hosts.iter().map(|(name, said)| {
        let subject = format!("the answer of /etc/hosts for {name}");
        let row = match said.is_empty() {
            true => FactRow::new("facts-hosts", subject, "not there"),
            false => FactRow::new("facts-hosts", subject, said.join(", ")),
        };
        row.mend("make the line the same in /etc/hosts on all nodes")
    }));
    rows.extend(facts.services.iter().map(|(port, names)| {
        let value = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        FactRow::new("facts-services", format!("the name of {port} in /etc/services"), value)
            .mend("make the line the same in /etc/services on all nodes")
    }));
    if let Some(mount) = &facts.mount {
        let value = format!("{} {}", mount.kind, mount.options.join(","));
        rows.push(
            FactRow::new("facts-mount", format!("the mount of {}", mount.at), value)
                .mend("use the same file system and options on all nodes"),
        );
    }
}
