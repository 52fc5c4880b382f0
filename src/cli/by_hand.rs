//! The door for a person, and for scripts that call by words.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use super::absent::Purpose;
use super::answer::{give, print_fitted, print_lines, print_metadata};
use super::arguments::{Arguments, CreateArguments, ManagerName, MonitorArguments, PersonVerb};
use super::arguments::{CommonOptions, SiteArgument};
use super::doctor::doctor;
use super::hidden;
use super::logs::{init_log, init_supervisor_log};
use super::sites::{create, hint_at_undefined, if_wanted, named, with};
use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, PauseOrder, Target};
use crate::linux::inherit;
use crate::manager::{Manager, Verb};
use crate::operator::{self, CreateOptions, Generator, RehearseOptions};
use crate::site::{Overrides, Places, SiteName, load};
use crate::values::Moment;

pub(super) fn is_word_of_ours(arguments: &[OsString]) -> bool {
    Arguments::try_parse_from(arguments).is_ok()
}

pub(super) fn by_hand(arguments: &[OsString], begun: Moment) -> ExitCode {
    let Arguments { common, verb } = match Arguments::try_parse_from(arguments) {
        Ok(read) => read,
        Err(error) => {
            let _ = error.print();
            // 0 for --help and --version; LSB: 3 for a verb that does not exist, 2 for the rest.
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                ErrorKind::InvalidSubcommand => ExitCode::from(3),
                _ => ExitCode::from(2),
            };
        }
    };
    let caller = common.manager.map_or_else(
        || Manager::recognise(arguments.first().map(OsString::as_os_str)),
        Manager::from,
    );
    match &verb {
        PersonVerb::MetaData => return print_metadata(),
        PersonVerb::Hidden(_) => {}
        PersonVerb::Run { .. } | PersonVerb::Watch { .. } => init_supervisor_log(),
        PersonVerb::Start(_)
        | PersonVerb::Stop(_)
        | PersonVerb::Status(_)
        | PersonVerb::Monitor(_)
        | PersonVerb::Check(_)
        | PersonVerb::Clean { .. }
        | PersonVerb::ValidateAll { .. }
        | PersonVerb::Pause { .. }
        | PersonVerb::Resume(_)
        | PersonVerb::Adopt(_)
        | PersonVerb::Reload(_)
        | PersonVerb::Create(_)
        | PersonVerb::Generate { .. }
        | PersonVerb::Holders(_)
        | PersonVerb::Doctor(_)
        | PersonVerb::List { .. }
        | PersonVerb::Rehearse { .. } => init_log(common.verbose),
    }
    let overrides = Overrides {
        config: common.config_dir.clone(),
        runtime: common.runtime_dir.clone(),
        logs: common.log_dir.clone(),
        links: common.link_dir.clone(),
    };
    let verb = match verb {
        PersonVerb::Hidden(word) => return hidden::obey(word, overrides),
        verb => verb,
    };
    let places = match Places::resolve(overrides) {
        Ok(places) => places,
        Err(error) => {
            let fault = Fault::new(FaultKind::WrongHere, format!("{error:#}"));
            return give(caller, Verb::Other, false, &fault.into(), common.quiet);
        }
    };
    let deadline = Deadline { begun, given: common.timeout };
    Person { common, caller, places, deadline }.obey(verb)
}

/// The caller, and the options of any verb.
struct Person {
    common: CommonOptions,
    caller: Manager,
    places: Places,
    deadline: Deadline,
}

impl Person {
    fn obey(&self, verb: PersonVerb) -> ExitCode {
        let deadline = &self.deadline;
        match verb {
            PersonVerb::Start(site) => self.give(
                Verb::Start,
                &if_wanted(self.caller, || {
                    self.with(&site, Purpose::Other, |t| agent::start(t, deadline))
                }),
            ),
            PersonVerb::Stop(site) => self
                .give(Verb::Stop, &self.with(&site, Purpose::Stop, |t| agent::stop(t, deadline))),
            PersonVerb::Status(look) | PersonVerb::Monitor(look) | PersonVerb::Check(look) => {
                self.monitor(&look)
            }
            PersonVerb::Clean { site, break_lease } => {
                let clean = |t: &Target| agent::clean_and_break(t, break_lease, deadline);
                self.other(&site, Purpose::Stop, clean)
            }
            PersonVerb::Run { site, maintenance_flag } => {
                // A site that runs for months must not hold the caller's descriptors open. None is ours
                // yet.
                inherit::close_from(3);
                let run = |t: &Target| {
                    agent::run_until_unflagged(t, maintenance_flag.as_deref(), deadline)
                };
                self.give(
                    Verb::Other,
                    &if_wanted(self.caller, || self.with(&site, Purpose::Other, run)),
                )
            }
            PersonVerb::Watch { site, maintenance_flag } => {
                let watch = |t: &Target| agent::watch(t, maintenance_flag.as_deref(), deadline);
                self.other(&site, Purpose::Other, watch)
            }
            PersonVerb::ValidateAll { site, level } => {
                let level = Level::from(level);
                self.other(&site, Purpose::Other, |t| agent::validate(t, level, deadline))
            }
            PersonVerb::MetaData => print_metadata(),
            PersonVerb::Pause { site, reason, until } => {
                let order = PauseOrder { reason, until };
                self.other(&site, Purpose::Other, |t| agent::pause(t, &order, deadline))
            }
            PersonVerb::Resume(site) => {
                self.other(&site, Purpose::Other, |t| agent::resume(t, deadline))
            }
            PersonVerb::Adopt(site) => self.give(
                Verb::Start,
                &self.with(&site, Purpose::Other, |t| agent::adopt(t, deadline)),
            ),
            PersonVerb::Reload(site) => {
                self.other(&site, Purpose::Other, |t| agent::reload(t, deadline))
            }
            PersonVerb::Create(arguments) => self.create(arguments),
            PersonVerb::Generate { generator, site } => self.generate(generator, &site),
            PersonVerb::Holders(site) => self.other(&site, Purpose::Other, operator::list_holders),
            PersonVerb::Doctor(arguments) => {
                doctor(&arguments, &self.places, deadline, self.common.quiet)
            }
            PersonVerb::List { json: true } => print_lines(&operator::list_as_json(&self.places)),
            PersonVerb::List { json: false } => {
                print_fitted(&operator::list(&self.places, operator::layout::columns()))
            }
            PersonVerb::Rehearse { name, json, yes } => self.rehearse(name, json, yes),
            PersonVerb::Hidden(_) => ExitCode::SUCCESS,
        }
    }

    fn with(
        &self,
        site: &SiteArgument,
        purpose: Purpose,
        verb: impl FnOnce(&Target) -> Outcome,
    ) -> Outcome {
        with(site, self.caller, &self.places, purpose, verb)
    }

    /// A verb that is neither a start nor a stop nor a monitor.
    fn other(
        &self,
        site: &SiteArgument,
        purpose: Purpose,
        verb: impl FnOnce(&Target) -> Outcome,
    ) -> ExitCode {
        self.give(Verb::Other, &self.with(site, purpose, verb))
    }

    fn give(&self, verb: Verb, outcome: &Outcome) -> ExitCode {
        give(self.caller, verb, false, outcome, self.common.quiet)
    }

    fn monitor(&self, look: &MonitorArguments) -> ExitCode {
        let mut more = Vec::new();
        let outcome = self.with(&look.site, Purpose::Look, |target| {
            let outcome = agent::monitor(target, Level::from(look.level), &self.deadline);
            if self.caller == Manager::Hand && !self.common.quiet {
                hint_at_undefined(target, &outcome);
                more = operator::definition_lines(target, &outcome);
            }
            if look.explain || self.common.verbose > 0 {
                more.extend(operator::explain(target));
            }
            outcome
        });
        let code = self.give(Verb::Monitor, &outcome);
        print_fitted(&more);
        code
    }

    fn create(&self, arguments: CreateArguments) -> ExitCode {
        let options = CreateOptions {
            site: arguments.host,
            machine_id: arguments.machine_id,
            database: arguments.database.and_then(|path| std::path::absolute(path).ok()),
            address: arguments.address,
            jobcenter: arguments.jobcenter,
            unmounted: arguments.unmounted,
            command: arguments.words,
        };
        let outcome = create(&arguments.name, &self.places, &options, &self.deadline);
        self.give(Verb::Other, &outcome)
    }

    fn generate(&self, generator: Generator, site: &SiteArgument) -> ExitCode {
        match named(site, &self.places).and_then(|name| Ok(load(&self.places, &name)?)) {
            Ok(definition) => {
                print_lines(&operator::generate(generator, &definition, &self.places))
            }
            Err(fault) => self.give(Verb::Other, &fault.into()),
        }
    }

    fn rehearse(&self, name: Option<String>, json: bool, yes: bool) -> ExitCode {
        let contracts = match self.common.manager {
            None | Some(ManagerName::Pacemaker | ManagerName::Hand) => vec![Manager::Pacemaker],
            Some(ManagerName::All) => Manager::ALL.to_vec(),
            Some(
                name @ (ManagerName::Clusterware
                | ManagerName::Serviceguard
                | ManagerName::Expresscluster),
            ) => vec![Manager::from(name)],
        };
        let options = RehearseOptions { json, yes, contracts };
        let refused = |fault: Fault| give(Manager::Hand, Verb::Other, false, &fault.into(), false);
        let name = match name.map(|n| n.parse::<SiteName>()).transpose() {
            Ok(name) => name,
            Err(why) => return refused(Fault::new(FaultKind::Misconfigured, why)),
        };
        match operator::rehearse(name, &self.places, &options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => refused(Fault::failed(format!("{error:#}"))),
        }
    }
}
