//! The words that a person or a manager may type, and what is done at each.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, Target};
use crate::backend::own;
use crate::linux::clock::WallTime;
use crate::linux::{Moment, inherit, node, signals};
use crate::manager::{self, Manager, Verb};
use crate::operator::{self, RehearseOptions};
use crate::site::{Adjustments, LoadError, Overrides, Places, SiteName, load};
use crate::supervisor::Setup;

/// Runs a site, the group of processes that fails over as a unit, and answers its cluster manager.
#[derive(Debug, Parser)]
#[command(
    name = "siteward",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Word,
}

#[derive(Args, Debug)]
struct Common {
    /// The folder that holds the definitions of sites [default: /etc/siteward/sites]
    #[arg(long, global = true, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// The folder for what is true now [default: /run/siteward]
    #[arg(long, global = true, value_name = "FOLDER")]
    runtime_dir: Option<PathBuf>,
    /// The folder for what the processes print [default: /var/log/siteward]
    #[arg(long, global = true, value_name = "FOLDER")]
    log_dir: Option<PathBuf>,
    /// Answer as this manager wants it [default: found out from the environment]
    #[arg(long = "as", global = true, value_name = "MANAGER")]
    manager: Option<ManagerWord>,
    /// Be done within this time, like 90s or 3m
    #[arg(long, global = true, value_name = "TIME", value_parser = crate::site::duration::parse)]
    timeout: Option<Duration>,
    /// Say nothing when all is well
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ManagerWord {
    Pacemaker,
    Hand,
}

#[derive(Args, Debug)]
struct Site {
    /// The name of the site: the stem of its definition's file
    #[arg(value_name = "SITE")]
    name: String,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Start the site and wait until it runs
    Start(Site),
    /// Stop the site in order, by force in the end, and prove that nothing of it lives
    Stop(Site),
    /// Look at the site; changes nothing
    #[command(visible_aliases = ["status", "check"])]
    Monitor {
        #[command(flatten)]
        site: Site,
        /// 0: the supervisor's answer; 10: also every process by identity; 20: also every healthcheck
        #[arg(long, default_value_t = 0, value_name = "LEVEL")]
        level: u32,
    },
    /// Kill everything of the site at once, and prove it
    Clean(Site),
    /// Run the site in the foreground: SIGTERM is an ordered stop
    Run(Site),
    /// Check the definition; at level 10 also whether this node can run it
    ValidateAll {
        #[command(flatten)]
        site: Site,
        /// 0: the definition; 10: also the programs and users of this node
        #[arg(long, default_value_t = 10, value_name = "LEVEL")]
        level: u32,
    },
    /// Print the OCF meta-data of the agent
    MetaData,
    /// Stop the processes under a supervisor that stays: the cluster sees a healthy site
    Pause {
        #[command(flatten)]
        site: Site,
        /// Why, for whoever looks at the site
        #[arg(long, value_name = "WORDS")]
        reason: Option<String>,
    },
    /// Start the processes of a paused site again
    Resume(Site),
    /// Let the processes that have a `reload` read their configuration again
    Reload(Site),
    /// List every site that is defined here
    List {
        /// A line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Play the cluster manager: the whole life of a site, each verb, each failure
    Rehearse {
        /// A site of your own, which must not run; without it the built-in sample
        #[arg(value_name = "SITE")]
        name: Option<String>,
        /// A line of JSON for each step
        #[arg(long)]
        json: bool,
        /// Do not ask whether a site of your own may be killed
        #[arg(long)]
        yes: bool,
    },
    #[command(hide = true)]
    Supervise {
        name: String,
        #[arg(long)]
        boot: u64,
        #[arg(long)]
        rollback: u64,
        #[arg(long)]
        held: Option<String>,
        #[arg(long)]
        known_as: Option<String>,
        /// The manager's parameters, as JSON
        #[arg(long)]
        adjust: String,
        #[arg(long)]
        node: String,
    },
    #[command(hide = true)]
    Await { kind: String, what: String },
    #[command(hide = true)]
    Act { part: String, argument: Option<String> },
}

/// Reads the call, does it, answers.
pub fn main() -> ExitCode {
    let begun = Moment::now();
    let arguments: Vec<OsString> = env::args_os().collect();
    inherit::fill_standard_streams();
    if let Some(code) = manager::quick_monitor(&arguments) {
        return ExitCode::from(code);
    }
    signals::ignore_broken_pipes();
    inherit::usual_umask();
    let recognised = Manager::recognise(arguments.first().map(OsString::as_os_str));
    // A manager that calls by the agent's link gives one word, and everything else by environment.
    if recognised == Manager::Pacemaker
        && let [_, verb, ..] = &arguments[..]
        && !verb.as_encoded_bytes().starts_with(b"-")
        && (arguments.len() == 2 || !is_word_of_ours(&arguments))
    {
        init_pacemaker_log(&verb.to_string_lossy());
        return by_pacemaker(verb, begun);
    }
    by_words(&arguments, begun)
}

fn is_word_of_ours(arguments: &[OsString]) -> bool {
    Cli::try_parse_from(arguments).is_ok()
}

fn init_log(verbose: u8) {
    let level = match verbose {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format(|out, record| writeln!(out, "siteward: {}", record.args()))
        .init();
}

/// As Pacemaker's administrators want it: warnings to stderr, and everything to a trace if asked.
fn init_pacemaker_log(verb: &str) {
    let file = manager::trace_file(verb)
        .and_then(|path| std::fs::OpenOptions::new().create(true).append(true).open(path).ok());
    let Some(file) = file else { return init_log(0) };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Debug)
        .target(env_logger::Target::Pipe(Box::new(file)))
        .format(|out, record| {
            writeln!(out, "{} {:5} {}", WallTime::now(), record.level(), record.args())
        })
        .init();
    for (variable, value) in env::vars().filter(|(v, _)| v.starts_with("OCF_")) {
        log::debug!("{variable}={value}");
    }
}

fn init_supervisor_log() {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .format(|out, record| {
            writeln!(out, "{} {:5} {}", WallTime::now(), record.level(), record.args())
        })
        .init();
}

// --- Pacemaker --------------------------------------------------------------------------------

fn by_pacemaker(verb: &OsStr, begun: Moment) -> ExitCode {
    if verb == "meta-data" {
        return print_metadata();
    }
    let (kind, recurring, outcome) = match manager::read_call() {
        Ok(call) => {
            if let Some(name) = call.node.clone() {
                node::call_it(name);
            }
            let (kind, outcome) = do_for_pacemaker(verb, &call, begun);
            (kind, call.recurring, outcome)
        }
        Err(error) => {
            let fault = Fault::new(FaultKind::Misconfigured, error.0);
            (Verb::Other, false, fault.into())
        }
    };
    give(Manager::Pacemaker, kind, recurring, &outcome, false)
}

fn do_for_pacemaker(verb: &OsStr, call: &manager::Call, begun: Moment) -> (Verb, Outcome) {
    let deadline = Deadline { begun, given: call.timeout };
    let (kind, known) = match verb.to_str() {
        Some("start") => (Verb::Start, true),
        Some("stop") => (Verb::Stop, true),
        Some("monitor" | "status") => (Verb::Monitor, true),
        Some("validate-all" | "clean" | "pause" | "resume" | "reload" | "reload-agent") => {
            (Verb::Other, true)
        }
        _ => (Verb::Other, false),
    };
    if !known {
        let sentence = format!("there is no verb `{}`", verb.to_string_lossy());
        return (kind, Fault::new(FaultKind::NoSuchVerb, sentence).into());
    }
    // An instance of a clone is refused before anything is looked at: nothing of it can live.
    if call.clone {
        let refused = Fault::new(
            FaultKind::Misconfigured,
            "a site runs on one node at a time; it cannot be cloned",
        );
        return (kind, clone_outcome(kind, refused));
    }
    let values = match (&call.values, kind) {
        (Ok(values), _) => values.adjustments.clone(),
        // A site that runs is watched and stopped by what it was started with.
        (Err(_), Verb::Monitor | Verb::Stop) => Adjustments::default(),
        (Err(why), Verb::Start | Verb::Other) => {
            return (kind, Fault::new(FaultKind::Misconfigured, why.clone()).into());
        }
    };
    let target = match target_for_pacemaker(call) {
        Ok(Some(target)) => Target { adjustments: values, ..target },
        // No site is named, and none is known by the resource's name: nothing of it can live.
        Ok(None) if kind == Verb::Stop => {
            return (kind, Outcome::Done("no site of this resource is known here".to_owned()));
        }
        Ok(None) => {
            let fault = Fault::new(FaultKind::Misconfigured, "the parameter `site` is missing");
            return (kind, fault.into());
        }
        Err(fault) => return (kind, fault.into()),
    };
    let level = Level::from(call.level);
    let outcome = match verb.to_str() {
        Some("start") => agent::start(&target, &deadline),
        Some("stop") => agent::stop(&target, &deadline),
        Some("monitor" | "status") => agent::monitor(&target, level, &deadline),
        Some("validate-all") => agent::validate(&target, level),
        Some("clean") => agent::clean(&target, &deadline),
        Some("pause") => agent::pause(&target, None, &deadline),
        Some("resume") => agent::resume(&target, &deadline),
        Some("reload-agent") => agent::adjust(&target, &deadline),
        _ => agent::reload(&target, &deadline),
    };
    (kind, outcome)
}

fn clone_outcome(kind: Verb, refused: Fault) -> Outcome {
    match kind {
        Verb::Stop => Outcome::Done("a clone of a site never runs".to_owned()),
        Verb::Monitor => Outcome::Seen(Box::new(crate::observe::Observation::of_nothing())),
        Verb::Start | Verb::Other => refused.into(),
    }
}

fn target_for_pacemaker(call: &manager::Call) -> Result<Option<Target>, Fault> {
    let misconfigured = |why: String| Fault::new(FaultKind::Misconfigured, why);
    let places =
        Places::resolve(call.overrides.clone()).map_err(|e| misconfigured(format!("{e:#}")))?;
    let name: Option<SiteName> = match &call.site {
        Some(text) => Some(text.parse().map_err(misconfigured)?),
        None => call.instance.as_ref().and_then(|i| manager::find_by_instance(&places, i)),
    };
    Ok(name.map(|name| Target::new(name, places, call.instance.clone())))
}

// --- a person ---------------------------------------------------------------------------------

fn by_words(arguments: &[OsString], begun: Moment) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // 0 for --help and --version; LSB: 3 for a verb that does not exist, 2 for the rest.
            return match error.kind() {
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
                    ExitCode::SUCCESS
                }
                clap::error::ErrorKind::InvalidSubcommand => ExitCode::from(3),
                _ => ExitCode::from(2),
            };
        }
    };
    let common = cli.common;
    let called_by = match common.manager {
        Some(ManagerWord::Pacemaker) => Manager::Pacemaker,
        Some(ManagerWord::Hand) => Manager::Hand,
        None => Manager::recognise(arguments.first().map(OsString::as_os_str)),
    };
    match cli.verb {
        Word::MetaData => return print_metadata(),
        Word::Supervise { .. } => init_supervisor_log(),
        Word::Run(_) => init_supervisor_log(),
        _ => init_log(common.verbose),
    }
    // What the supervisor and the rehearsal start themselves needs no folder, and may have no home.
    match &cli.verb {
        Word::Await { kind, what } => return await_ready(kind, what),
        Word::Act { part, argument } => {
            return ExitCode::from(u8::from(!operator::act(part, argument.as_deref())));
        }
        _ => {}
    }
    let overrides = Overrides {
        config: common.config_dir.clone(),
        runtime: common.runtime_dir.clone(),
        logs: common.log_dir.clone(),
    };
    let places = match Places::resolve(overrides) {
        Ok(places) => places,
        Err(error) => {
            let fault = Fault::new(FaultKind::WrongHere, format!("{error:#}"));
            return give(called_by, Verb::Other, false, &fault.into(), common.quiet);
        }
    };
    let deadline = Deadline { begun, given: common.timeout };
    let (kind, outcome) = match cli.verb {
        Word::List { json } => return print_lines(&operator::list(&places, json)),
        Word::Rehearse { name, json, yes } => return rehearse(name, &places, json, yes),
        Word::Supervise { name, boot, rollback, held, known_as, adjust, node } => {
            node::call_it(node);
            let Ok(name) = name.parse::<SiteName>() else { return ExitCode::from(2) };
            let times = (Duration::from_millis(boot), Duration::from_millis(rollback));
            return supervise(Target::new(name, places, known_as), times, held, &adjust);
        }
        Word::MetaData | Word::Await { .. } | Word::Act { .. } => return ExitCode::SUCCESS,
        Word::Start(site) => (Verb::Start, with(&site, &places, |t| agent::start(t, &deadline))),
        Word::Stop(site) => (Verb::Stop, with(&site, &places, |t| agent::stop(t, &deadline))),
        Word::Monitor { site, level } => {
            let level = Level::from(level);
            if called_by == Manager::Hand {
                hint_at_undefined(&site, &places);
            }
            (Verb::Monitor, with(&site, &places, |t| agent::monitor(t, level, &deadline)))
        }
        Word::Clean(site) => (Verb::Other, with(&site, &places, |t| agent::clean(t, &deadline))),
        Word::Run(site) => (Verb::Other, with(&site, &places, |t| agent::run(t, &deadline))),
        Word::ValidateAll { site, level } => {
            (Verb::Other, with(&site, &places, |t| agent::validate(t, Level::from(level))))
        }
        Word::Pause { site, reason } => {
            (Verb::Other, with(&site, &places, |t| agent::pause(t, reason.as_deref(), &deadline)))
        }
        Word::Resume(site) => (Verb::Other, with(&site, &places, |t| agent::resume(t, &deadline))),
        Word::Reload(site) => (Verb::Other, with(&site, &places, |t| agent::reload(t, &deadline))),
    };
    give(called_by, kind, false, &outcome, common.quiet)
}

fn with(site: &Site, places: &Places, verb: impl FnOnce(&Target) -> Outcome) -> Outcome {
    match site.name.parse::<SiteName>() {
        Ok(name) => verb(&Target::new(name, places.clone(), None)),
        Err(why) => Fault::new(FaultKind::Misconfigured, why).into(),
    }
}

/// A site that is nowhere defined is stopped, and yet a person who asks for it has mistyped.
fn hint_at_undefined(site: &Site, places: &Places) {
    if let Ok(name) = site.name.parse::<SiteName>()
        && let Err(error @ LoadError::Missing { .. }) = load(places, &name)
    {
        log::warn!("{error}");
    }
}

fn rehearse(name: Option<String>, places: &Places, json: bool, yes: bool) -> ExitCode {
    let name = match name.map(|n| n.parse::<SiteName>()).transpose() {
        Ok(name) => name,
        Err(why) => {
            let fault = Fault::new(FaultKind::Misconfigured, why);
            return give(Manager::Hand, Verb::Other, false, &fault.into(), false);
        }
    };
    match operator::rehearse(name, places, &RehearseOptions { json, yes }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let fault = Fault::failed(format!("{error:#}"));
            give(Manager::Hand, Verb::Other, false, &fault.into(), false)
        }
    }
}

fn await_ready(kind: &str, what: &str) -> ExitCode {
    match operator::await_ready(kind, what) {
        Some(answer) => print_lines(&[answer]),
        None => ExitCode::from(2),
    }
}

fn supervise(
    target: Target,
    (boot, rollback): (Duration, Duration),
    held: Option<String>,
    adjust: &str,
) -> ExitCode {
    let Ok(adjustments) = serde_json::from_str(adjust) else { return ExitCode::from(2) };
    let definition = match load(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => {
            own::say_on_handover(&error.to_string());
            return ExitCode::from(1);
        }
    };
    let setup = Setup {
        places: target.site,
        definition,
        adjustments,
        held,
        boot,
        rollback,
        known_as: target.known_as,
        foreground: false,
    };
    ExitCode::from(u8::from(!own::be_launched(setup)))
}

fn print_metadata() -> ExitCode {
    print_lines(&[manager::metadata().trim_end().to_owned()])
}

fn print_lines(lines: &[String]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::SUCCESS
}

fn give(manager: Manager, verb: Verb, recurring: bool, outcome: &Outcome, quiet: bool) -> ExitCode {
    let answer = manager.answer(verb, recurring, outcome);
    // A person who wants quiet gets it where all is well; a cluster's log is never kept short.
    if !(quiet && answer.code == 0) {
        answer.give();
    }
    log::debug!("answered {}", answer.code);
    ExitCode::from(answer.code)
}
