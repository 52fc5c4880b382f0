//! The door for a person, and for scripts that call by words.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::absent::Purpose;
use super::answer::{give, print_fitted, print_lines, print_metadata, print_page};
use super::arguments::{Arguments, CreateArguments, ManagerName, MonitorArguments, PersonVerb};
use super::arguments::{
    HistoryArguments, LogsArguments, ReportArguments, SiteArgument, SlowArguments, StatusArguments,
    TimelineArguments, TimingArguments, WorkArguments,
};
use super::doctor::doctor;
use super::hidden;
use super::logs::{init_log, init_supervisor_log};
use super::metrics;
use super::pages::with_examples;
use super::person::Person;
use super::sites::{create, hint_at_undefined, logs_meant, named, unwanted};
use super::slow::Slow;
use super::status;
use super::timing;
use crate::agent::{self, Deadline, DrainOrder, Fault, Level, Outcome, PauseOrder, Target};
use crate::linux::inherit;
use crate::manager::{Manager, Verb, code_by_kind};
use crate::messages;
use crate::operator::progress::SlowVerb;
use crate::operator::{
    self, CreateOptions, FilledIn, Generator, HistoryOptions, LogsOptions, RehearseOptions,
    ReportOptions, WorkOptions,
};
use crate::site::{Overrides, Places, SiteName, load};
use crate::values::Moment;

pub(super) fn is_word_of_ours(arguments: &[OsString]) -> bool {
    Arguments::try_parse_from(arguments).is_ok()
}

pub(super) fn by_hand(arguments: &[OsString], begun: Moment) -> ExitCode {
    let Arguments { common, verb } = match Arguments::try_parse_from(arguments) {
        Ok(read) => read,
        Err(error) => {
            let error = match error.kind() {
                // Only whoever asks for help waits for the examples to be put in.
                ErrorKind::DisplayHelp => with_examples(Arguments::command())
                    .try_get_matches_from(arguments)
                    .err()
                    .unwrap_or(error),
                _ => error,
            };
            let _ = error.print();
            // 0 for --help and --version; LSB: 3 for a verb that does not exist, 2 for the rest.
            let wrong = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return ExitCode::SUCCESS,
                ErrorKind::InvalidSubcommand => messages::verb_not_known(),
                _ => messages::usage(),
            };
            let _ = writeln!(std::io::stderr(), "\n[{}]", wrong.id);
            return ExitCode::from(code_by_kind(wrong.id.kind()));
        }
    };
    let caller = common.manager.map_or_else(
        || Manager::recognise(arguments.first().map(OsString::as_os_str)),
        Manager::from,
    );
    match &verb {
        PersonVerb::MetaData => return print_metadata(),
        PersonVerb::Explain { word } => return explain(word.as_deref(), common.quiet),
        PersonVerb::Hidden(_) => {}
        PersonVerb::Run { .. } | PersonVerb::Watch { .. } => init_supervisor_log(),
        PersonVerb::Start(_)
        | PersonVerb::Stop(_)
        | PersonVerb::Status(_)
        | PersonVerb::Monitor(_)
        | PersonVerb::Check(_)
        | PersonVerb::Clean { .. }
        | PersonVerb::ValidateAll(_)
        | PersonVerb::Pause { .. }
        | PersonVerb::Resume(_)
        | PersonVerb::Adopt(_)
        | PersonVerb::Reload(_)
        | PersonVerb::Create(_)
        | PersonVerb::History(_)
        | PersonVerb::Work(_)
        | PersonVerb::Generate { .. }
        | PersonVerb::Timing(_)
        | PersonVerb::Metrics { .. }
        | PersonVerb::Holders(_)
        | PersonVerb::Logs(_)
        | PersonVerb::Report(_)
        | PersonVerb::Timeline(_)
        | PersonVerb::Doctor(_)
        | PersonVerb::List { .. }
        | PersonVerb::Rehearse { .. } => init_log(common.verbose),
    }
    let overrides = Overrides::from(&common.folders);
    let verb = match verb {
        PersonVerb::Hidden(word) => return hidden::obey(word, overrides),
        verb => verb,
    };
    let places = match Places::resolve(overrides) {
        Ok(places) => places,
        Err(error) => {
            let fault = messages::no_place(format!("{error:#}"));
            return give(caller, Verb::Other, false, &fault.into(), common.quiet);
        }
    };
    let deadline = Deadline { begun, given: common.timeout };
    Person { common, caller, places, deadline }.obey(verb)
}

fn explain(word: Option<&str>, quiet: bool) -> ExitCode {
    match operator::explain(word) {
        Ok(lines) => print_fitted(&lines),
        Err(fault) => give(Manager::Hand, Verb::Other, false, &fault.into(), quiet),
    }
}

impl Person {
    fn obey(&self, verb: PersonVerb) -> ExitCode {
        let deadline = &self.deadline;
        match verb {
            PersonVerb::Start(SlowArguments { site, wait }) => {
                let slow = Slow { verb: SlowVerb::Start, site: &site, wait };
                match unwanted(self.caller) {
                    Some(outcome) => self.give(Verb::Start, &outcome),
                    None => self.slow(slow, |t| agent::start(t, deadline)),
                }
            }
            PersonVerb::Stop(SlowArguments { site, wait }) => {
                let slow = Slow { verb: SlowVerb::Stop, site: &site, wait };
                self.slow(slow, |t| agent::stop(t, deadline))
            }
            PersonVerb::Status(arguments) => self.status(&arguments),
            PersonVerb::Monitor(look) | PersonVerb::Check(look) => self.monitor(&look),
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
                let outcome =
                    unwanted(self.caller).unwrap_or_else(|| self.with(&site, Purpose::Other, run));
                self.give(Verb::Other, &outcome)
            }
            PersonVerb::Watch { site, maintenance_flag } => {
                let watch = |t: &Target| agent::watch(t, maintenance_flag.as_deref(), deadline);
                self.other(&site, Purpose::Other, watch)
            }
            PersonVerb::ValidateAll(arguments) => self.validate(&arguments),
            PersonVerb::MetaData => print_metadata(),
            PersonVerb::Explain { word } => explain(word.as_deref(), self.common.quiet),
            PersonVerb::Pause { site, reason, until, drain, anyway, wait } => {
                let order = PauseOrder { reason, until, drained: false };
                let slow = Slow { verb: SlowVerb::Pause, site: &site, wait };
                match drain {
                    true => self.drain_and_pause(slow, order, DrainOrder { anyway }),
                    false => self.slow(slow, |t| agent::pause(t, &order, deadline)),
                }
            }
            PersonVerb::Resume(SlowArguments { site, wait }) => {
                let slow = Slow { verb: SlowVerb::Resume, site: &site, wait };
                self.slow(slow, |t| agent::resume(t, deadline))
            }
            PersonVerb::Adopt(site) => self.give(
                Verb::Start,
                &self.with(&site, Purpose::Other, |t| agent::adopt(t, deadline)),
            ),
            PersonVerb::Reload(site) => {
                self.other(&site, Purpose::Other, |t| agent::reload(t, deadline))
            }
            PersonVerb::Create(arguments) => self.create(arguments),
            PersonVerb::Generate { generator, site, values } => {
                self.generate(generator, &site, &values)
            }
            PersonVerb::History(arguments) => self.history(arguments),
            PersonVerb::Work(arguments) => self.work(arguments),
            PersonVerb::Timing(arguments) => self.timing(arguments),
            PersonVerb::Metrics { name, write } => self.metrics(name, write.as_deref()),
            PersonVerb::Holders(site) => self.other(&site, Purpose::Other, operator::list_holders),
            PersonVerb::Logs(arguments) => self.logs(&arguments),
            PersonVerb::Report(arguments) => self.report(arguments),
            PersonVerb::Timeline(arguments) => self.timeline(&arguments),
            PersonVerb::Doctor(arguments) => {
                doctor(&arguments, &self.places, deadline, self.common.quiet)
            }
            PersonVerb::List { json: true } => print_lines(&operator::list_as_json(&self.places)),
            PersonVerb::List { json: false } => {
                print_page(&operator::list(&self.places, operator::layout::columns()))
            }
            PersonVerb::Rehearse { name, json, yes } => self.rehearse(name, json, yes),
            PersonVerb::Hidden(_) => ExitCode::SUCCESS,
        }
    }

    /// The time that was given is that of the wait for the work; the pause has its own.
    fn drain_and_pause(&self, slow: Slow<'_>, order: PauseOrder, drain: DrainOrder) -> ExitCode {
        let mut drained = None;
        let outcome = self.with(slow.site, Purpose::Other, |target| {
            match agent::drain(target, drain, &self.deadline) {
                Ok(done) => {
                    drained = done;
                    Outcome::Done(String::new())
                }
                Err(fault) => fault.into(),
            }
        });
        if let Outcome::Fault(_) = outcome {
            return self.give(Verb::Other, &outcome);
        }
        let order = PauseOrder { drained: drained.is_some(), ..order };
        let deadline = Deadline { begun: Moment::now(), given: None };
        self.slow(slow, |target| {
            let outcome = agent::pause(target, &order, &deadline);
            if let (Outcome::Fault(_), Some(drained)) = (&outcome, &drained) {
                log::warn!("{}", drained.undo());
            }
            outcome
        })
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
                more.extend(operator::tracking(target));
            }
            outcome
        });
        let code = self.give(Verb::Monitor, &outcome);
        print_fitted(&more);
        code
    }

    fn history(&self, arguments: HistoryArguments) -> ExitCode {
        let options = HistoryOptions {
            since: arguments.since,
            failed: arguments.failed,
            node: arguments.node,
            lines: arguments.lines,
            follow: arguments.follow,
            json: arguments.json,
            interrupted: arguments.interrupted,
        };
        let shown = named(&arguments.site, &self.places).and_then(|name| {
            operator::history(&name, &self.places.of(&name), &options, self.common.timeout)
        });
        match shown {
            Ok(was_interrupted) => ExitCode::from(u8::from(was_interrupted)),
            Err(fault) => self.give(Verb::Other, &fault.into()),
        }
    }

    fn work(&self, arguments: WorkArguments) -> ExitCode {
        let WorkArguments { site, rerun, drop, json } = arguments;
        let options = WorkOptions { rerun, drop, json };
        let mut lines = Vec::new();
        let outcome = self.with(&site, Purpose::Other, |target| {
            match operator::work(target, &options, self.common.timeout) {
                Ok(told) => {
                    lines = told;
                    Outcome::Done(String::new())
                }
                Err(fault) => fault.into(),
            }
        });
        match outcome {
            Outcome::Done(_) if json => print_lines(&lines),
            Outcome::Done(_) => print_fitted(&lines),
            outcome => self.give(Verb::Other, &outcome),
        }
    }

    /// A manager, and a script that wants no words, get the answer of a monitor.
    fn status(&self, arguments: &StatusArguments) -> ExitCode {
        let is_plain = self.caller != Manager::Hand || self.common.quiet;
        match &arguments.names[..] {
            [] | [_] if is_plain && !arguments.clear_failure => self.monitor(&MonitorArguments {
                site: SiteArgument { name: arguments.names.first().cloned() },
                level: arguments.level,
                explain: false,
            }),
            _ => status::answer(arguments, &self.common, &self.places, &self.deadline),
        }
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

    fn logs(&self, arguments: &LogsArguments) -> ExitCode {
        let printed = logs_meant(arguments, &self.places).and_then(|(target, processes)| {
            let options = LogsOptions {
                processes,
                follow: arguments.follow,
                tail: arguments.tail,
                since: arguments.since,
                last_run: arguments.last_run,
                prefix: !arguments.no_prefix,
            };
            operator::print_logs(&target, &options)
        });
        match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => self.give(Verb::Other, &fault.into()),
        }
    }

    fn report(&self, arguments: ReportArguments) -> ExitCode {
        let ReportArguments { site, output, force, since } = arguments;
        let is_on_output = output.as_deref() == Some(Path::new("-"));
        let options = ReportOptions { output, force, since };
        let outcome = self.with(&site, Purpose::Other, |target| {
            operator::write_report(target, &options).map_or_else(
                |e| messages::report_not_written(format!("{e:#}")).into(),
                Outcome::Done,
            )
        });
        // The page must stay alone there.
        match outcome {
            Outcome::Done(_) if is_on_output => ExitCode::SUCCESS,
            outcome => self.give(Verb::Other, &outcome),
        }
    }

    fn timeline(&self, arguments: &TimelineArguments) -> ExitCode {
        let mut lines = Vec::new();
        let outcome = self.with(&arguments.site, Purpose::Other, |target| {
            lines = operator::timeline(target, arguments.since);
            Outcome::Done(String::new())
        });
        match outcome {
            Outcome::Done(_) => print_lines(&lines),
            outcome => self.give(Verb::Other, &outcome),
        }
    }

    fn generate(&self, generator: Generator, site: &SiteArgument, values: &[FilledIn]) -> ExitCode {
        let lines = named(site, &self.places)
            .and_then(|name| Ok(load(&self.places, &name)?))
            .and_then(|site| operator::generate(generator, &site, &self.places, values));
        match lines {
            Ok(lines) => print_lines(&lines),
            Err(fault) => self.give(Verb::Other, &fault.into()),
        }
    }

    fn metrics(&self, name: Option<String>, write: Option<&Path>) -> ExitCode {
        let (printed, outcome) = metrics::collect(name, write, &self.places, &self.deadline);
        if let Some(text) = printed {
            print_lines(&[text.trim_end().to_owned()]);
            if let Outcome::Done(_) = outcome {
                return ExitCode::SUCCESS;
            }
        }
        self.give(Verb::Other, &outcome)
    }

    fn timing(&self, arguments: TimingArguments) -> ExitCode {
        match timing::compute(arguments, self.common.manager, &self.places, &self.deadline) {
            Ok((lines, false)) => print_lines(&lines),
            Ok((lines, true)) => print_fitted(&lines),
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
            Err(why) => return refused(messages::name_wrong(why).into()),
        };
        match operator::rehearse(name, &self.places, &options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => refused(messages::rehearsal_refused(format!("{error:#}")).into()),
        }
    }
}
