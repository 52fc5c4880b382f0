//! The commands by which siteward runs itself: the supervisor, the keeper of a lease, and helpers for work
//! that may hang. They are in no help text.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::answer::print_lines;
use super::logs::init_supervisor_log;
use crate::agent::{self, Target};
use crate::backend::own;
use crate::disk;
use crate::journal;
use crate::lease;
use crate::linux::{inherit, node};
use crate::operator;
use crate::site::{Overrides, Places, SiteName, defined_sites, load_snapshot_to_keep, print_file};
use crate::supervisor::{Beginning, Setup, scope};
use crate::values::Pid;

#[derive(Debug, Subcommand)]
pub(super) enum Hidden {
    #[command(hide = true)]
    Supervise(Supervise),
    #[command(hide = true)]
    KeepLease(KeepLease),
    #[command(hide = true)]
    SettleLease(SettleLease),
    #[command(hide = true)]
    BreakLease { database: PathBuf },
    #[command(hide = true)]
    DiskJob { job: String },
    #[command(hide = true)]
    GateJob { job: String },
    #[command(hide = true)]
    ReadOwner { job: String },
    #[command(hide = true)]
    DoctorJob { job: String },
    #[command(hide = true)]
    ConfirmPause { database: PathBuf },
    #[command(hide = true)]
    SaveHistory { history: PathBuf, node: String, database: Option<PathBuf> },
    #[command(hide = true)]
    Tell,
    #[command(hide = true)]
    ReadLog { path: PathBuf },
    #[command(hide = true)]
    ReadHistories { database: PathBuf },
    #[command(hide = true)]
    LeaveFacts(LeaveFacts),
    #[command(hide = true)]
    AskCheck {
        name: String,
        resource: String,
        /// The moment of the start, as JSON
        #[arg(long)]
        begun: String,
    },
    #[command(hide = true)]
    FactsJob { job: String },
    #[command(hide = true)]
    ReadFile { path: PathBuf },
    #[command(hide = true)]
    MoveIn { supervisor: i32, leaf: PathBuf },
    #[command(hide = true)]
    Await { kind: String, what: String },
    #[command(hide = true)]
    Act { part: String, argument: Option<String> },
    /// For the completions: the names of the sites that are defined in the directory that the line names
    #[command(hide = true)]
    DefinedSites {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        line: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct KeepLease {
    name: String,
    database: PathBuf,
    fingerprint: String,
    node: String,
    #[arg(long, default_value = "")]
    home: String,
    #[arg(long)]
    again: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SettleLease {
    database: PathBuf,
    #[arg(long, default_value = "")]
    node: String,
    #[arg(long, default_value = "")]
    home: String,
    #[arg(long)]
    unclean: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct LeaveFacts {
    name: String,
    #[arg(long)]
    node: String,
    /// The moment of the start, as JSON
    #[arg(long)]
    begun: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Supervise {
    name: String,
    /// In milliseconds, as the next
    #[arg(long)]
    boot: u64,
    #[arg(long)]
    rollback: u64,
    /// The reason, as JSON
    #[arg(long)]
    held: Option<String>,
    #[arg(long)]
    adopt: bool,
    #[arg(long)]
    known_as: Option<String>,
    /// The manager's parameters, as JSON
    #[arg(long)]
    adjust: String,
    #[arg(long)]
    node: String,
    /// The keeper of the database's lease, as JSON
    #[arg(long)]
    keeper: Option<String>,
    /// By whose order, as JSON
    #[arg(long)]
    order: Option<String>,
}

/// Runs the command. Only a command that needs directories looks for them: a helper may have no home
/// directory.
pub(super) fn obey(word: Hidden, folders: Overrides) -> ExitCode {
    let done = |it_is: bool| ExitCode::from(u8::from(!it_is));
    match word {
        Hidden::Supervise(word) => {
            // Behind the handover; nothing of ours is open yet.
            inherit::close_from(4);
            init_supervisor_log();
            let Ok(places) = Places::resolve(folders) else { return ExitCode::from(2) };
            supervise(word, places).unwrap_or(ExitCode::from(2))
        }
        Hidden::DiskJob { job } => {
            disk::obey(&job).map_or(ExitCode::from(2), |said| print_lines(&[said]))
        }
        Hidden::GateJob { job } => {
            let places = Places::resolve(folders).ok();
            let said = places.and_then(|places| agent::pass_gate_here(&job, &places));
            said.map_or(ExitCode::from(2), |said| print_lines(&[said]))
        }
        Hidden::ReadOwner { job } => operator::status::read_owner_here(&job)
            .map_or(ExitCode::from(2), |said| print_lines(&[said])),
        Hidden::DoctorJob { job } => {
            let places = Places::resolve(folders).ok();
            let said = places.and_then(|places| operator::examine_disk_here(&job, &places));
            said.map_or(ExitCode::from(2), |said| print_lines(&[said]))
        }
        Hidden::ConfirmPause { database } => match disk::confirm_pause(&database) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                print_lines(&[why]);
                ExitCode::from(1)
            }
        },
        Hidden::LeaveFacts(word) => leave_facts(word, folders).unwrap_or(ExitCode::from(2)),
        Hidden::AskCheck { name, resource, begun } => {
            inherit::close_from(3);
            let asked = || {
                let places = Places::resolve(folders).ok()?;
                let (name, begun) = (name.parse().ok()?, serde_json::from_str(&begun).ok()?);
                Some(operator::ask_on_failure(name, places, &resource, begun).is_ok())
            };
            asked().map_or(ExitCode::from(2), done)
        }
        Hidden::FactsJob { job } => {
            let places = Places::resolve(folders).ok();
            let said = places.and_then(|places| operator::facts::obey(&job, &places));
            said.map_or(ExitCode::from(2), |said| print_lines(&[said]))
        }
        Hidden::KeepLease(word) => match word.name.parse() {
            Ok(site) => done(lease::keep(&lease::Order {
                site,
                database: word.database,
                fingerprint: word.fingerprint,
                node: word.node,
                home: word.home,
                again: word.again,
            })),
            Err(_) => ExitCode::from(2),
        },
        Hidden::SettleLease(SettleLease { database, node, home, unclean }) => {
            let how = lease::Settling::Own { node, home, clean: !unclean };
            done(lease::settle_here(&database, &how))
        }
        Hidden::BreakLease { database } => {
            done(lease::settle_here(&database, &lease::Settling::Broken))
        }
        Hidden::SaveHistory { history, node, database } => {
            done(journal::save_here(&history, database.as_deref(), &node).is_ok())
        }
        Hidden::Tell => done(journal::tell_here().is_some()),
        Hidden::ReadLog { path } => done(operator::read_log_here(&path)),
        Hidden::ReadHistories { database } => {
            journal::read_here(&database).map_or(ExitCode::from(2), |said| print_lines(&[said]))
        }
        Hidden::ReadFile { path } => {
            let (sign, bytes) = match print_file(&path) {
                Ok(bytes) => (b'+', bytes),
                Err(why) => (b'-', why.into_bytes()),
            };
            let mut out = std::io::stdout().lock();
            done(out.write_all(&[sign]).and_then(|()| out.write_all(&bytes)).is_ok())
        }
        Hidden::MoveIn { supervisor, leaf } => match Pid::try_from(supervisor) {
            Ok(supervisor) => match scope::move_in(supervisor, &leaf) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    print_lines(&[format!("{} cannot be entered: {error}", leaf.display())]);
                    ExitCode::from(1)
                }
            },
            Err(_) => ExitCode::from(2),
        },
        Hidden::Await { kind, what } => operator::await_ready(&kind, &what, |why| {
            print_lines(&[why.to_owned()]);
        })
        .map_or(ExitCode::from(2), |answer| print_lines(&[answer])),
        Hidden::Act { part, argument } => done(operator::act(&part, argument.as_deref())),
        Hidden::DefinedSites { line } => {
            let config = config_dir_in(&line).map(PathBuf::from).or(folders.config.clone());
            let places = Places::resolve(Overrides { config, ..folders });
            let names = places.map(|places| defined_sites(&places)).unwrap_or_default();
            print_lines(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    }
}

/// The directory that a line with `--config-dir` names, as far as it is typed.
fn config_dir_in(line: &[String]) -> Option<&str> {
    let (at, joined) = line.iter().enumerate().rev().find_map(|(at, word)| {
        let value = word.strip_prefix("--config-dir")?;
        (value.is_empty() || value.starts_with('=')).then(|| (at, value.strip_prefix('=')))
    })?;
    // bash takes the `=` for a word of its own.
    joined.or_else(|| line[at + 1..].iter().find(|word| *word != "=").map(String::as_str))
}

/// None: the arguments are not those that siteward writes.
fn leave_facts(word: LeaveFacts, folders: Overrides) -> Option<ExitCode> {
    // A start that was called by a cluster manager must not hold its descriptors by this process.
    inherit::close_from(3);
    let places = Places::resolve(folders).ok()?;
    let order = operator::facts::LeaveOrder {
        name: word.name.parse().ok()?,
        node: word.node,
        begun: serde_json::from_str(&word.begun).ok()?,
    };
    Some(match operator::facts::leave(order, &places) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            print_lines(&[why]);
            ExitCode::from(1)
        }
    })
}

/// None: the arguments are not those that siteward writes.
fn supervise(word: Supervise, places: Places) -> Option<ExitCode> {
    node::set_name(word.node);
    let name: SiteName = word.name.parse().ok()?;
    let target = Target::new(name, places, word.known_as);
    let held = word.held.as_deref().map(serde_json::from_str).transpose().ok()?;
    let keeper = word.keeper.as_deref().map(serde_json::from_str).transpose().ok()?;
    let beginning = if word.adopt { Beginning::Adopt } else { Beginning::of(held) };
    let loaded = match beginning {
        // The processes were started by the snapshot; the file may be missing, wrong or newer.
        Beginning::Adopt => load_snapshot_to_keep(&target.site.snapshot(), &target.name),
        // The very text that passed the gate.
        Beginning::Up | Beginning::Held(_) => {
            load_snapshot_to_keep(&target.site.starting(), &target.name)
        }
    };
    let definition = match loaded {
        Ok(definition) => definition,
        Err(error) => {
            own::say_on_handover(&error.to_string());
            return Some(ExitCode::from(1));
        }
    };
    let setup = Setup {
        places: target.site,
        definition,
        adjustments: serde_json::from_str(&word.adjust).ok()?,
        beginning,
        boot: Duration::from_millis(word.boot),
        rollback: Duration::from_millis(word.rollback),
        known_as: target.known_as,
        keeper,
        // A word about it that this version does not know costs no start.
        order: word.order.as_deref().and_then(|order| serde_json::from_str(order).ok()),
        foreground: false,
    };
    Some(ExitCode::from(u8::from(!own::be_launched(setup))))
}
