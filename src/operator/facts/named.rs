//! The commands and the users that a definition names.

use std::collections::BTreeSet;
use std::path::Path;

use crate::site::{Definition, Process, Ready, Reload};
use crate::supervisor::launch::DEFAULT_PATH;

/// A command, and what its program is looked for by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) words: &'a [String],
    pub(super) path: &'a str,
    pub(super) folder: Option<&'a Path>,
}

/// Every command that the site may run.
pub(super) fn commands(definition: &Definition) -> Vec<Named<'_>> {
    let mut all: Vec<Named<'_>> = definition.processes.iter().flat_map(of_process).collect();
    let context = &definition.context;
    let of_site = |words: &'static str| context.environment.get(words).map(String::as_str);
    let path = of_site("PATH").unwrap_or(DEFAULT_PATH);
    if let Some(evidence) = &definition.on_unclean_shutdown {
        let folder = context.working_directory.as_deref();
        all.push(Named { words: &evidence.command, path, folder });
    }
    let drain = definition.drain.iter();
    let drain = drain.flat_map(|drain| std::iter::once(&drain.command).chain(&drain.undo));
    for words in definition.work.iter().filter_map(|kind| kind.hand_to.as_ref()).chain(drain) {
        let folder = context.working_directory.as_deref();
        all.push(Named { words, path, folder });
    }
    if let Some(wrapped) = &definition.wrapped {
        let list = wrapped.list.as_ref().map(|list| &list.command);
        let (pause, resume) = (wrapped.pause.as_ref(), wrapped.resume.as_ref());
        let commands = [Some(&wrapped.start), Some(&wrapped.stop), list, pause, resume];
        let named = |words| Named { words, path: DEFAULT_PATH, folder: None };
        all.extend(
            commands
                .into_iter()
                .flatten()
                .filter(|words| !words.is_empty())
                .map(|words| named(words)),
        );
    }
    all
}

fn of_process(process: &Process) -> Vec<Named<'_>> {
    let path = process.context.environment.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    let folder = process.context.working_directory.as_deref();
    let mut commands = vec![&process.command];
    commands.extend(&process.stop_command);
    commands.extend(process.healthcheck.as_ref().map(|check| &check.test));
    commands.extend(process.on_failure.as_ref().map(|evidence| &evidence.command));
    if let Ready::Exec(words) = &process.ready {
        commands.push(words);
    }
    if let Some(Reload::Command(words)) = &process.reload {
        commands.push(words);
    }
    commands.into_iter().map(|words| Named { words, path, folder }).collect()
}

/// The users and the groups that the site runs as.
pub(super) fn users_and_groups(definition: &Definition) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let contexts = || {
        let of_processes = definition.processes.iter().map(|process| &process.context);
        std::iter::once(&definition.context).chain(of_processes)
    };
    let users = contexts().filter_map(|context| context.user.as_deref()).collect();
    let groups = contexts().filter_map(|context| context.group.as_deref()).collect();
    (users, groups)
}

/// The locales that the site's programs are told to use (locale(7)).
pub(super) fn locales(definition: &Definition) -> BTreeSet<&str> {
    let of_processes = definition.processes.iter().map(|process| &process.context);
    let contexts = std::iter::once(&definition.context).chain(of_processes);
    let variables = contexts.flat_map(|context| &context.environment);
    variables
        .filter(|(key, value)| (*key == "LANG" || key.starts_with("LC_")) && !value.is_empty())
        .map(|(_, value)| value.as_str())
        .collect()
}
