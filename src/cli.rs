//! The words that a person or a manager may type, and what is done at each.

mod absent;
mod hidden;
mod pacemaker;
mod scripts;
mod sites;

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::agent::{self, Deadline, Fault, FaultKind, Level, Outcome, PauseOrder, Target};
use crate::linux::clock::WallTime;
use crate::linux::{inherit, signals};
use crate::manager::{self, Manager, Verb};
use crate::operator::{self, CreateOptions, Generator, RehearseOptions};
use crate::site::{Overrides, Places, SiteName, load};
use crate::values::Moment;
use absent::Purpose;
use hidden::Hidden;
use sites::{create, hint_at_undefined, if_wanted, named, with};

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
    /// The folder for links to databases [default: /var/lib/siteward]
    #[arg(long, global = true, value_name = "FOLDER")]
    link_dir: Option<PathBuf>,
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
    Clusterware,
    Serviceguard,
    Expresscluster,
    Hand,
    /// Only for a rehearsal: each of them in turn
    All,
}

impl From<ManagerWord> for Manager {
    fn from(word: ManagerWord) -> Self {
        match word {
            ManagerWord::Pacemaker => Self::Pacemaker,
            ManagerWord::Clusterware => Self::Clusterware,
            ManagerWord::Serviceguard => Self::Serviceguard,
            ManagerWord::Expresscluster => Self::Expresscluster,
            // Nobody is all of them; whoever says so is a person.
            ManagerWord::Hand | ManagerWord::All => Self::Hand,
        }
    }
}

#[derive(Args, Debug)]
struct Site {
    /// The name of the site: the stem of its definition's file [default: $SITEWARD_SITE, else the
    /// only site that is defined here]
    #[arg(value_name = "SITE")]
    name: Option<String>,
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
        #[arg(long, default_value_t = 0, value_name = "LEVEL", value_parser = level())]
        level: u32,
        /// Say by which marks its processes are known here, and by which its last stop was proved
        #[arg(long)]
        explain: bool,
    },
    /// Kill everything of the site at once, and prove it
    Clean {
        #[command(flatten)]
        site: Site,
        /// Take the database's lease away from whoever has it: only when that node is dead for sure
        #[arg(long)]
        break_lease: bool,
    },
    /// Run the site in the foreground: SIGTERM is an ordered stop
    Run {
        #[command(flatten)]
        site: Site,
        /// While this file is there, a failed site does not end this; it ends when the file is gone
        #[arg(long, value_name = "FILE")]
        maintenance_flag: Option<PathBuf>,
    },
    /// Watch the site and end as soon as it is not well
    Watch {
        #[command(flatten)]
        site: Site,
        /// While this file is there, nothing that is seen counts
        #[arg(long, value_name = "FILE")]
        maintenance_flag: Option<PathBuf>,
    },
    /// Check the definition; at level 10 also whether this node can run it
    ValidateAll {
        #[command(flatten)]
        site: Site,
        /// 0: the definition; 10: also the programs and users of this node
        #[arg(long, default_value_t = 10, value_name = "LEVEL", value_parser = level())]
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
        /// Until when it is meant: a time like 18:00 or "2026-11-21 18:00", or how long, like 2h
        #[arg(long, value_name = "TIME", value_parser = read_until)]
        until: Option<WallTime>,
    },
    /// Start the processes of a paused site again
    Resume(Site),
    /// Give a site whose supervisor was killed a new one; its processes run on
    Adopt(Site),
    /// Let the processes that have a `reload` read their configuration again
    Reload(Site),
    /// Make a new site: its definition, its database and the link to that
    Create {
        /// What the site is to be called
        #[arg(value_name = "SITE")]
        name: String,
        /// Where its data lie
        #[arg(long, value_name = "FOLDER")]
        database: Option<PathBuf>,
        /// Its virtual host name [default: SITE]
        #[arg(long = "site", value_name = "HOST")]
        host: Option<String>,
        /// Its machine ID
        #[arg(long, value_name = "NUMBER")]
        machine_id: Option<u32>,
        /// Its relocatable address
        #[arg(long, value_name = "ADDRESS")]
        address: Option<std::net::IpAddr>,
        /// Its supervisor is JobCenter's
        #[arg(long, conflicts_with = "words")]
        jobcenter: bool,
        /// Its database lies on no disk of its own
        #[arg(long)]
        unmounted: bool,
        /// The program that it runs, and its arguments
        #[arg(last = true, value_name = "PROGRAM")]
        words: Vec<String>,
    },
    /// Print what would have to be typed or saved to give the site to a cluster manager
    Generate {
        #[arg(value_name = "FOR")]
        generator: Generator,
        #[command(flatten)]
        site: Site,
    },
    /// List everybody who holds the site's database
    Holders(Site),
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
    #[command(flatten)]
    Hidden(Hidden),
}

/// Reads the call, does it, answers.
pub fn main() -> ExitCode {
    let begun = Moment::now();
    let arguments: Vec<OsString> = env::args_os().collect();
    inherit::fill_standard_streams();
    if let Some(code) = manager::quick_monitor(&arguments) {
        return ExitCode::from(code);
    }
    signals::let_writes_fail();
    signals::hear_of_children();
    inherit::usual_umask();
    let recognised = Manager::recognise(arguments.first().map(OsString::as_os_str));
    // A manager that calls by the agent's link gives one word, and everything else by environment.
    if let [called_as, verb, ..] = &arguments[..]
        && !verb.as_encoded_bytes().starts_with(b"-")
        && (arguments.len() == 2
            || Manager::is_called_by_link(called_as)
            || !is_word_of_ours(&arguments))
    {
        match recognised {
            Manager::Pacemaker => {
                init_pacemaker_log(&verb.to_string_lossy());
                return pacemaker::by_pacemaker(verb, begun);
            }
            Manager::Clusterware => return scripts::by_clusterware(called_as, verb, begun),
            Manager::Serviceguard => return scripts::by_serviceguard(called_as, verb, begun),
            // Its scripts are files of its own, which call us by words.
            Manager::Expresscluster | Manager::Hand => {}
        }
    }
    by_words(&arguments, begun)
}

/// The levels that there are; Pacemaker's may be any number.
fn level() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=20)
}

fn read_until(text: &str) -> Result<WallTime, String> {
    let long = crate::site::duration::parse(text).ok().map(|time| WallTime::now().after(time));
    let at = long.or_else(|| WallTime::parse(text)).ok_or_else(|| {
        format!(
            "`{text}` is neither a time like 18:00 or \"2026-11-21 18:00\" nor how long, like 2h"
        )
    })?;
    if at <= WallTime::now() {
        return Err(format!("{at} is past"));
    }
    Ok(at)
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
    let of_cluster = |variable: &OsString| variable.as_encoded_bytes().starts_with(b"OCF_");
    for (variable, value) in env::vars_os().filter(|(v, _)| of_cluster(v)) {
        log::debug!("{}={}", variable.display(), value.display());
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
    let contracts = match common.manager {
        None | Some(ManagerWord::Pacemaker | ManagerWord::Hand) => vec![Manager::Pacemaker],
        Some(ManagerWord::All) => Manager::ALL.to_vec(),
        Some(word) => vec![Manager::from(word)],
    };
    let called_by = common.manager.map_or_else(
        || Manager::recognise(arguments.first().map(OsString::as_os_str)),
        Manager::from,
    );
    match cli.verb {
        Word::MetaData => return print_metadata(),
        Word::Hidden(_) => {}
        Word::Run { .. } | Word::Watch { .. } => init_supervisor_log(),
        _ => init_log(common.verbose),
    }
    let overrides = Overrides {
        config: common.config_dir.clone(),
        runtime: common.runtime_dir.clone(),
        logs: common.log_dir.clone(),
        links: common.link_dir.clone(),
    };
    if let Word::Hidden(word) = cli.verb {
        return hidden::obey(word, overrides);
    }
    let places = match Places::resolve(overrides) {
        Ok(places) => places,
        Err(error) => {
            let fault = Fault::new(FaultKind::WrongHere, format!("{error:#}"));
            return give(called_by, Verb::Other, false, &fault.into(), common.quiet);
        }
    };
    let deadline = Deadline { begun, given: common.timeout };
    let mut explained = Vec::new();
    let (kind, outcome) = match cli.verb {
        Word::List { json } => return print_lines(&operator::list(&places, json)),
        Word::Rehearse { name, json, yes } => {
            return rehearse(name, &places, &RehearseOptions { json, yes, contracts });
        }
        Word::Generate { generator, site } => {
            match named(&site, &places).and_then(|name| Ok(load(&places, &name)?)) {
                Ok(definition) => return print_lines(&operator::generate(generator, &definition)),
                Err(fault) => (Verb::Other, fault.into()),
            }
        }
        Word::Create { name, database, host, machine_id, address, jobcenter, unmounted, words } => {
            let options = CreateOptions {
                site: host,
                machine_id,
                database: database.and_then(|path| std::path::absolute(path).ok()),
                address,
                jobcenter,
                unmounted,
                command: words,
            };
            (Verb::Other, create(&name, &places, &options, &deadline))
        }
        Word::MetaData | Word::Hidden(_) => return ExitCode::SUCCESS,
        Word::Start(site) => (
            Verb::Start,
            if_wanted(called_by, || {
                with(&site, called_by, &places, Purpose::Other, |t| agent::start(t, &deadline))
            }),
        ),
        Word::Stop(site) => (
            Verb::Stop,
            with(&site, called_by, &places, Purpose::Stop, |t| agent::stop(t, &deadline)),
        ),
        Word::Monitor { site, level, explain } => {
            let level = Level::from(level);
            (
                Verb::Monitor,
                with(&site, called_by, &places, Purpose::Look, |t| {
                    let outcome = agent::monitor(t, level, &deadline);
                    if called_by == Manager::Hand && !common.quiet {
                        hint_at_undefined(t, &outcome);
                        explained = agent::definition_lines(t, &outcome);
                    }
                    if explain || common.verbose > 0 {
                        explained.extend(agent::explain(t));
                    }
                    outcome
                }),
            )
        }
        Word::Holders(site) => {
            (Verb::Other, with(&site, called_by, &places, Purpose::Other, agent::list_holders))
        }
        Word::Clean { site, break_lease } => {
            let clean = |t: &Target| agent::clean_and_break(t, break_lease, &deadline);
            (Verb::Other, with(&site, called_by, &places, Purpose::Stop, clean))
        }
        Word::Run { site, maintenance_flag } => {
            // What the caller left open must not be held open by a site that runs for months. Nothing of
            // ours is open yet.
            inherit::close_from(3);
            let run =
                |t: &Target| agent::run_until_unflagged(t, maintenance_flag.as_deref(), &deadline);
            (
                Verb::Other,
                if_wanted(called_by, || with(&site, called_by, &places, Purpose::Other, run)),
            )
        }
        Word::Watch { site, maintenance_flag } => {
            let watch = |t: &Target| agent::watch(t, maintenance_flag.as_deref(), &deadline);
            (Verb::Other, with(&site, called_by, &places, Purpose::Other, watch))
        }
        Word::ValidateAll { site, level } => (
            Verb::Other,
            with(&site, called_by, &places, Purpose::Other, |t| {
                agent::validate(t, Level::from(level), &deadline)
            }),
        ),
        Word::Pause { site, reason, until } => {
            let order = PauseOrder { reason, until };
            (
                Verb::Other,
                with(&site, called_by, &places, Purpose::Other, |t| {
                    agent::pause(t, &order, &deadline)
                }),
            )
        }
        Word::Resume(site) => (
            Verb::Other,
            with(&site, called_by, &places, Purpose::Other, |t| agent::resume(t, &deadline)),
        ),
        Word::Adopt(site) => (
            Verb::Start,
            with(&site, called_by, &places, Purpose::Other, |t| agent::adopt(t, &deadline)),
        ),
        Word::Reload(site) => (
            Verb::Other,
            with(&site, called_by, &places, Purpose::Other, |t| agent::reload(t, &deadline)),
        ),
    };
    let code = give(called_by, kind, false, &outcome, common.quiet);
    print_lines(&explained);
    code
}

fn rehearse(name: Option<String>, places: &Places, options: &RehearseOptions) -> ExitCode {
    let name = match name.map(|n| n.parse::<SiteName>()).transpose() {
        Ok(name) => name,
        Err(why) => {
            let fault = Fault::new(FaultKind::Misconfigured, why);
            return give(Manager::Hand, Verb::Other, false, &fault.into(), false);
        }
    };
    match operator::rehearse(name, places, options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let fault = Fault::failed(format!("{error:#}"));
            give(Manager::Hand, Verb::Other, false, &fault.into(), false)
        }
    }
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
