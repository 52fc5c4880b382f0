//! A supervisor with services: what it is asked, and what its answer means for the site.
//!
//! Promises: a service counts as up only if its supervisor says so, and if it names a process, that process lives. Must
//! never: take a supervisor that does not answer for one that is gone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::daemon::Daemon;
use super::rows::{Doing, ServiceRow, paragraphs, property, services_in};
use crate::backend::command::{Marked, Ran, run};
use crate::linux::cgroup;
use crate::linux::wait::Waiting;
use crate::process::Identity;
use crate::site::{Definition, List, Rows, SitePlaces, Subject, Wrapped};
use crate::values::{Moment, Pid};

/// A service with its process.
#[derive(Clone, Debug)]
pub struct ListedService {
    pub name: String,
    pub identity: Option<Identity>,
    pub is_up: bool,
    /// It is down, and nothing says that it should be up.
    pub is_idle: bool,
    /// In the words of its supervisor.
    pub words: String,
}

/// What its list has said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) daemon: Daemon,
    pub(super) services: Vec<ListedService>,
    /// The processes in the control groups of the units; of systemd only.
    pub(super) in_groups: Vec<Identity>,
    /// It could not be asked, for a reason that is none if its supervisor is gone.
    pub(super) is_mute: bool,
    /// It shows a process as up that is gone.
    is_late: bool,
}

impl Answer {
    fn unknown(why: String) -> Self {
        Daemon::Unknown(why).into()
    }
}

/// Without a service.
impl From<Daemon> for Answer {
    fn from(daemon: Daemon) -> Self {
        Self { daemon, services: Vec::new(), in_groups: Vec::new(), is_mute: false, is_late: false }
    }
}

/// What its commands are run for.
pub(super) struct Asking<'a> {
    pub(super) wrapped: &'a Wrapped,
    pub(super) definition: &'a Definition,
    pub(super) places: &'a SitePlaces,
    pub(super) deadline: Moment,
}

impl Asking<'_> {
    fn run(&self, words: &[String], marked: Marked) -> Result<Ran, String> {
        run(words, self.definition, self.places, marked, self.deadline)
    }

    /// Asks until the supervisor has noticed what has ended, but not for long.
    pub(super) fn ask(&self, list: &List) -> Answer {
        let patience = self.deadline.min(Moment::now() + NOTICING);
        loop {
            let answer = self.ask_once(list);
            if !answer.is_late || patience.passed() {
                return answer;
            }
            Waiting::<()>::new().wait(Some((Moment::now() + AGAIN).min(patience)));
        }
    }

    /// Asks once for all services, or once for each.
    fn ask_once(&self, list: &List) -> Answer {
        let begun = Moment::now();
        let commands = match commands(&list.command, &self.names(), self.directory()) {
            Ok(commands) => commands,
            Err(why) => return Answer::unknown(why),
        };
        let mut found = Vec::new();
        let mut in_groups = Vec::new();
        for (words, asked) in commands {
            let (text, is_success) = match self.answer_of(&words) {
                Ok(answer) => answer,
                Err(answer) => return *answer,
            };
            match services_in(list.rows, &text, asked.as_deref()) {
                Ok(services) => found.extend(services),
                // A project that is down has no containers.
                Err(_) if list.rows == Rows::Compose && is_success => {
                    return Daemon::Absent.into();
                }
                Err(why) => {
                    let mut answer = Answer::unknown(format!("`{}` {why}", words.join(" ")));
                    answer.is_mute = true;
                    return answer;
                }
            }
            if list.rows == Rows::Systemd {
                match self.units(&words, &text, &mut found) {
                    Ok(all) => in_groups = all,
                    Err(answer) => return *answer,
                }
            }
        }
        let services = found.iter().map(|service| listed(service, begun)).collect::<Vec<_>>();
        let daemon = verdict(&found, &services, self.wrapped);
        let is_late =
            found.iter().zip(&services).any(|(of, is)| of.doing == Doing::Up && !is.is_up);
        Answer { daemon, services, in_groups, is_mute: false, is_late }
    }

    /// What a command has printed, and whether it succeeded, whatever its exit status: it may count the services that are down.
    fn answer_of(&self, words: &[String]) -> Result<(String, bool), Box<Answer>> {
        let ran = match self.run(words, Marked::No) {
            Ok(ran) => ran,
            Err(why) => return Err(Answer::unknown(why).into()),
        };
        match &ran {
            Ran::NotRun(error) if error.is_not_found() => {
                Err(Box::new(Daemon::NotInstalled.into()))
            }
            Ran::NotRun(_) | Ran::TimedOut | Ran::Interrupted => {
                let why = ran.complaint().unwrap_or_default();
                Err(Answer::unknown(format!("`{}` {why}", words.join(" "))).into())
            }
            Ran::Ended { .. } => Ok((ran.text(), ran.is_success())),
        }
    }

    /// Asks for the services of a target, and for the processes of all units. The list without its last word shows any
    /// unit.
    fn units(
        &self,
        words: &[String],
        text: &str,
        found: &mut Vec<ServiceRow>,
    ) -> Result<Vec<Identity>, Box<Answer>> {
        let mut groups = groups_in(text);
        let members = match self.wrapped.unit() {
            Some(unit) if unit.ends_with(".target") => members_of(text),
            Some(_) | None => Vec::new(),
        };
        if !members.is_empty() {
            let named = &self.wrapped.services;
            let show = words.len().saturating_sub(1);
            let words: Vec<String> = words[..show].iter().cloned().chain(members).collect();
            let (text, _) = self.answer_of(&words)?;
            let services = services_in(Rows::Systemd, &text, None)
                .map_err(|why| Answer::unknown(format!("`{}` {why}", words.join(" "))))?;
            groups.extend(groups_in(&text));
            found.extend(
                services.into_iter().filter(|s| named.is_empty() || named.contains(&s.name)),
            );
        }
        let processes = processes_in(&groups).map_err(|error| {
            Answer::unknown(format!("the control groups of the units cannot be read: {error}"))
        })?;
        Ok(processes)
    }

    /// Runs a command for the services that are meant to be up; what went wrong.
    pub(super) fn order(&self, words: &[String]) -> Result<Option<String>, String> {
        let is_for_services = words.iter().any(|word| word == SERVICES || word == SERVICE);
        let names = match (&self.wrapped.list, is_for_services) {
            (Some(list), true) => self.meant(list)?,
            (Some(_) | None, _) => self.names(),
        };
        let mut complaint = None;
        for (words, _) in commands(words, &names, self.directory())? {
            complaint = complaint.or(self.run(&words, Marked::Yes)?.complaint());
        }
        Ok(complaint)
    }

    /// The services that its list does not show as meant to be down.
    fn meant(&self, list: &List) -> Result<Vec<String>, String> {
        let answer = self.ask(list);
        if let Daemon::Unknown(why) = answer.daemon {
            return Err(why);
        }
        let is_meant = |of: &ListedService| !of.is_idle || !self.wrapped.services.is_empty();
        Ok(answer.services.into_iter().filter(is_meant).map(|of| of.name).collect())
    }

    fn directory(&self) -> Option<&Path> {
        match &self.wrapped.subject {
            Some(Subject::Directory(directory)) => Some(directory),
            Some(Subject::Config(_) | Subject::Unit(_)) | None => None,
        }
    }

    /// What `{services}` stands for: the unit, or the folders of the services.
    fn names(&self) -> Vec<String> {
        match &self.wrapped.subject {
            Some(Subject::Unit(unit)) => vec![unit.clone()],
            Some(Subject::Directory(directory)) if self.wrapped.services.is_empty() => {
                folders_in(directory)
            }
            Some(Subject::Directory(_) | Subject::Config(_)) | None => {
                self.wrapped.services.clone()
            }
        }
    }
}

const SERVICES: &str = "{services}";
const SERVICE: &str = "{service}";

/// A command, and the service that it is about, if it is one.
type ForServices = (Vec<String>, Option<String>);

/// The commands that `words` stand for, each with the service that it asks about, if it is one.
fn commands(
    words: &[String],
    names: &[String],
    directory: Option<&Path>,
) -> Result<Vec<ForServices>, String> {
    let path = |name: &String| {
        directory.map_or_else(|| name.clone(), |folder| folder.join(name).display().to_string())
    };
    let holds = |placeholder: &str| words.iter().any(|word| word == placeholder);
    if (holds(SERVICES) || holds(SERVICE)) && names.is_empty() {
        let folder = directory.map_or_else(String::new, |folder| folder.display().to_string());
        return Err(format!("there is no service in {folder}"));
    }
    if holds(SERVICE) {
        let of = |name: &String| {
            let words = words.iter().map(|word| match word == SERVICE {
                true => path(name),
                false => word.clone(),
            });
            (words.collect(), Some(name.clone()))
        };
        return Ok(names.iter().map(of).collect());
    }
    let all = words.iter().flat_map(|word| match word == SERVICES {
        true => names.iter().map(path).collect(),
        false => vec![word.clone()],
    });
    Ok(vec![(all.collect(), None)])
}

/// The folders that a supervisor takes for services.
fn folders_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| fs::metadata(entry.path()).is_ok_and(|of| of.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// A service with its process. One that was started after the question is another one with the same number.
fn listed(service: &ServiceRow, begun: Moment) -> ListedService {
    let identity = service.pid.and_then(Identity::of).filter(|of| {
        let asked = Moment::now().since(begun);
        of.is_alive() && of.age().is_some_and(|age| age + TICK >= asked)
    });
    let is_up = service.doing == Doing::Up && (service.pid.is_none() || identity.is_some());
    ListedService {
        name: service.name.clone(),
        identity,
        is_up,
        is_idle: service.doing == Doing::Idle,
        words: service.words.clone(),
    }
}

/// How long a supervisor may take to notice that a process of it has ended.
const NOTICING: Duration = Duration::from_millis(500);

/// Between two questions meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// The kernel counts the start of a process in hundredths of a second.
const TICK: Duration = Duration::from_millis(20);

/// What the services mean for the site.
fn verdict(found: &[ServiceRow], listed: &[ListedService], wrapped: &Wrapped) -> Daemon {
    let named = &wrapped.services;
    let is_wanted = |service: &ServiceRow| match named.is_empty() {
        // A target has its services, which are found by it.
        true => service.doing != Doing::Idle,
        false => {
            named.iter().any(|name| is_called(service, name))
                || wrapped.unit() == Some(service.name.as_str())
        }
    };
    let missing = named.iter().find(|name| !found.iter().any(|service| is_called(service, name)));
    if let Some(missing) = missing {
        return Daemon::Broken(format!("`{missing}` is not in its list"));
    }
    let wanted: Vec<(&ServiceRow, &ListedService)> =
        found.iter().zip(listed).filter(|(service, _)| is_wanted(service)).collect();
    let not_up: Vec<&(&ServiceRow, &ListedService)> =
        wanted.iter().filter(|(_, of)| !of.is_up).collect();
    let told = not_up.iter().map(|(service, _)| match service.doing {
        Doing::Up => format!("the process of `{}` is gone", service.name),
        Doing::Coming | Doing::Down | Doing::Ending | Doing::Gone | Doing::Idle => {
            format!("`{}` is {}", service.name, service.words)
        }
    });
    let why = told.collect::<Vec<_>>().join("; ");
    let is = |doing: &[Doing]| wanted.iter().any(|(of, _)| doing.contains(&of.doing));
    match wanted.is_empty() {
        true => Daemon::Broken("no service of it is meant to be up".to_owned()),
        false if not_up.is_empty() => Daemon::Up(None),
        false if !is(&[Doing::Up, Doing::Coming, Doing::Ending]) => {
            match (is(&[Doing::Gone]), wrapped.detached) {
                (false, _) => Daemon::Shut(None),
                (true, true) => Daemon::Shut(Some(why)),
                (true, false) => Daemon::Broken(why),
            }
        }
        false if is(&[Doing::Down, Doing::Ending, Doing::Gone, Doing::Idle]) => Daemon::Broken(why),
        false => Daemon::Partly(why),
    }
}

/// supervisord writes GROUP:PROGRAM for one in a group.
fn is_called(service: &ServiceRow, name: &str) -> bool {
    service.name == name || service.name.split(':').any(|part| part == name)
}

/// The services and scopes of a target.
pub(super) fn members_of(text: &str) -> Vec<String> {
    let mut members: Vec<String> = Vec::new();
    for of in paragraphs(text) {
        for key in ["Requires", "Wants", "BindsTo", "ConsistsOf"] {
            for unit in property(&of, key).split_whitespace() {
                let is_known = members.iter().any(|member| member == unit);
                if unit.ends_with(".service") && !is_known {
                    members.push(unit.to_owned());
                }
            }
        }
    }
    members
}

/// The control groups of the units. systemd forgets that of a unit which is down, and the processes that it has left stay
/// in it.
fn groups_in(text: &str) -> Vec<String> {
    let of_unit = |of: Vec<(&str, &str)>| {
        let (group, slice, id) =
            (property(&of, "ControlGroup"), property(&of, "Slice"), property(&of, "Id"));
        match (group, slice) {
            ("", "") => None,
            ("", slice) => Some(format!("{}/{id}", folder_of_slice(slice))),
            (group, _) => Some(group.to_owned()),
        }
    };
    paragraphs(text).filter_map(of_unit).collect()
}

/// `a-b.slice` lies in `a.slice`.
fn folder_of_slice(slice: &str) -> String {
    let stem = slice.trim_end_matches(".slice");
    let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
    ends.filter(|_| stem != "-").map(|at| format!("/{}.slice", &stem[..at])).collect()
}

fn processes_in(groups: &[String]) -> std::io::Result<Vec<Identity>> {
    let Some(mount) = cgroup::mounted()? else { return Ok(Vec::new()) };
    let mut pids: Vec<Pid> = Vec::new();
    for group in groups {
        pids.extend(cgroup::processes(&mount.join(group.trim_start_matches('/')))?);
    }
    Ok(pids.into_iter().filter_map(Identity::of).filter(Identity::is_alive).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lies_in_those_that_its_name_begins_with() {
        assert_eq!(folder_of_slice("system.slice"), "/system.slice");
        assert_eq!(folder_of_slice("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
        assert_eq!(folder_of_slice("-.slice"), "");
    }

    #[test]
    fn a_command_is_made_for_each_service_or_for_all() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let names = words("a b");
        let of = |line: &str| commands(&words(line), &names, Some(Path::new("/s"))).unwrap();
        assert_eq!(of("sv status {services}"), [(words("sv status /s/a /s/b"), None)]);
        let each = [
            (words("s6-svc -d /s/a"), Some("a".to_owned())),
            (words("s6-svc -d /s/b"), Some("b".to_owned())),
        ];
        assert_eq!(of("s6-svc -d {service}"), each);
        assert!(commands(&words("sv status {services}"), &[], None).is_err());
    }
}
