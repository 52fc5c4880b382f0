//! The table of states and events at the head of `src/supervisor/state.rs` says what the machine does.
//!
//! It is made by telling the machine every event in every state. `SITEWARD_WRITE_TABLE=1 cargo test --test
//! state_table` writes it anew.

use std::fs;
use std::path::Path;
use std::time::Duration;

use siteward::site::{Prerequisite, Restart};
use siteward::supervisor::machine::{
    Action, AdoptionState, Desired, Event, Health, Machine, Run, SitePhase, Then, Unit, UnitEvent,
};
use siteward::supervisor::plan::{HealthPlan, Plan, ReadyPlan, UnitId, UnitPlan};
use siteward::values::{ExecError, ExecStage, ExitStatus, Moment, Pid, Signal};

const BEGIN: &str = "//! ## Units\n";
const END: &str = "\nuse std::time::Duration;";

/// The machine before it is told how it begins.
const NEW: &str = "(new)";

const UNIT: UnitId = UnitId(0);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Moment {
    Moment::since_boot(SECOND * u32::try_from(seconds).unwrap())
}

fn pid() -> Pid {
    Pid::try_from(42).unwrap()
}

fn unit() -> UnitPlan {
    let restart =
        Restart { attempts: 3, within: SECOND * 600, delay: SECOND, max_delay: SECOND * 60 };
    UnitPlan {
        name: "unit".to_owned(),
        process: 0,
        instance: 1,
        depends_on: Vec::new(),
        essential: true,
        oneshot: false,
        forks: false,
        ready: ReadyPlan::WhenTold,
        ready_timeout: Some(SECOND * 30),
        health: None,
        restart: Some(restart),
        has_stop_command: false,
        stop_grace: SECOND * 10,
        evidence: None,
    }
}

/// A machine at one moment.
#[derive(Clone)]
struct At {
    machine: Machine,
    now: Moment,
}

impl At {
    fn new(units: Vec<UnitPlan>) -> Self {
        let plan = Plan::new(units, SECOND * 60, SECOND * 30, SECOND * 5, SECOND);
        Self { machine: Machine::new(plan), now: at(0) }
    }

    /// Begun with one unit.
    fn begun(unit: UnitPlan) -> Self {
        Self::new(vec![unit]).after(begin(false))
    }

    fn after(mut self, event: Event) -> Self {
        self.machine.step(event, self.now);
        self
    }

    fn after_unit(self, event: UnitEvent) -> Self {
        self.after(Event::Unit(UNIT, event))
    }

    /// At the next moment in which something is due.
    fn later(mut self) -> Self {
        self.now = self.machine.next_tick().unwrap_or(self.now);
        self.after(Event::Tick)
    }

    fn running(self) -> Self {
        self.after_unit(UnitEvent::Forked(pid())).after_unit(UnitEvent::Running)
    }

    fn ready(self) -> Self {
        self.running().after_unit(UnitEvent::Ready)
    }

    fn stopping(self) -> Self {
        self.after(stop())
    }
}

fn begin(held: bool) -> Event {
    Event::Begin { held, boot: SECOND * 60, rollback: SECOND * 30 }
}

fn stop() -> Event {
    Event::Stop { graceful_until: at(10_000) }
}

fn ended(code: i32, rest: bool) -> UnitEvent {
    let status = match code {
        0 => ExitStatus::Code(0),
        _ => ExitStatus::Signal(Signal::KILL),
    };
    UnitEvent::Ended { status, rest }
}

fn word(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn then(then: Then) -> String {
    if then == Then::Idle { String::new() } else { format!(", then {}", word(&then)) }
}

fn name_of_unit(unit: &Unit) -> String {
    match unit {
        Unit::Stopping { rung, then: next, .. } => {
            format!("Stopping: {}{}", word(rung), then(*next))
        }
        Unit::Clearing { rung, then: next } => {
            format!("Clearing: {}{}", word(rung), then(*next))
        }
        Unit::Ready { health: Health::Asked { .. }, .. } => "Ready, asked".to_owned(),
        other => word(other),
    }
}

fn name_of_site(machine: &Machine) -> String {
    let to = match machine.desired() {
        Desired::Up => "resume",
        Desired::Held => "pause",
        Desired::Down(_) => "end",
    };
    match machine.phase() {
        SitePhase::Lowering { .. } => format!("Lowering, to {to}"),
        other => word(other),
    }
}

/// What is done, without what is only written down or cleaned up.
fn deeds(actions: &[Action]) -> String {
    let mut deeds: Vec<String> = actions
        .iter()
        .filter(|action| !matches!(action, Action::Note(_) | Action::DropHelpers(_)))
        .map(word)
        .collect();
    deeds.dedup();
    deeds.join(", ")
}

/// One table: for each state what the events make of it, those with the same outcome in one row.
struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    fn new(what: &str) -> Self {
        let head = [what, "becomes", "action", "on"].map(str::to_owned);
        Self { rows: vec![head] }
    }

    fn add(
        &mut self,
        state: &str,
        before: &At,
        events: &[(&str, Event)],
        name: impl Fn(&Machine) -> String,
    ) {
        let mut outcomes: Vec<[String; 4]> = Vec::new();
        let is = if state == NEW { NEW.to_owned() } else { name(&before.machine) };
        for (label, event) in events {
            let mut after = before.clone();
            if *event == Event::Tick {
                after.now = match after.machine.next_tick() {
                    Some(due) => due,
                    None => continue,
                };
            }
            let deeds = deeds(&after.machine.step(event.clone(), after.now));
            let becomes = name(&after.machine);
            if becomes == is && deeds.is_empty() {
                continue;
            }
            match outcomes.iter_mut().find(|row| row[1] == becomes && row[2] == deeds) {
                Some(row) => row[3] = format!("{}; {label}", row[3]),
                None => {
                    outcomes.push([String::new(), becomes, deeds, (*label).to_owned()]);
                }
            }
        }
        if outcomes.is_empty() {
            outcomes.push(["", "", "", "no event"].map(str::to_owned));
        }
        outcomes[0][0] = state.to_owned();
        self.rows.extend(outcomes);
    }

    fn lines(&self) -> Vec<String> {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let (a, b, c) = (width(0), width(1), width(2));
        let line =
            |row: &[String; 4]| format!("{:a$}  {:b$}  {:c$}  {}", row[0], row[1], row[2], row[3]);
        self.rows.iter().map(line).collect()
    }
}

fn units_table() -> Table {
    let no_program = ExecError { stage: ExecStage::Exec, errno: 2 };
    let no_room = ExecError { stage: ExecStage::Fork, errno: 11 };
    let tell = |event: UnitEvent| Event::Unit(UNIT, event);
    let events = vec![
        ("forked", tell(UnitEvent::Forked(pid()))),
        ("not forked", tell(UnitEvent::NotForked(no_room))),
        ("occupied", tell(UnitEvent::Occupied)),
        ("running", tell(UnitEvent::Running)),
        ("not run", tell(UnitEvent::NotRun(no_program))),
        ("ready", tell(UnitEvent::Ready)),
        ("ends with 0", tell(ended(0, false))),
        ("killed", tell(ended(9, false))),
        ("ends with 0, leaves others", tell(ended(0, true))),
        ("killed, leaves others", tell(ended(9, true))),
        ("main process found", tell(UnitEvent::Main(pid()))),
        ("no main process", tell(UnitEvent::NoMain)),
        ("emptied", tell(UnitEvent::Emptied)),
        ("healthy", tell(UnitEvent::Health(Ok(())))),
        ("unhealthy", tell(UnitEvent::Health(Err(String::new())))),
        ("not asked", tell(UnitEvent::NotAsked(String::new()))),
        ("stop command failed", tell(UnitEvent::StopCommand { succeeded: false })),
        ("stop command succeeded", tell(UnitEvent::StopCommand { succeeded: true })),
        ("unidentified", tell(UnitEvent::Unidentified)),
        ("time", Event::Tick),
        ("stop", stop()),
        ("lease lost", Event::LeaseLost),
        ("disk lost", Event::Lost(Prerequisite::Disk)),
    ];
    let plain = || At::begun(unit());
    let forks = || At::begun(UnitPlan { forks: true, ..unit() });
    let health = HealthPlan {
        interval: SECOND * 5,
        timeout: SECOND,
        retries: 1,
        start_period: Duration::ZERO,
    };
    let checked = || At::begun(UnitPlan { health: Some(health), ..unit() });
    let with_command = || At::begun(UnitPlan { has_stop_command: true, ..unit() });
    let oneshot = || At::begun(UnitPlan { oneshot: true, ..unit() });
    let given_up = || At::begun(UnitPlan { essential: false, restart: None, ..unit() });
    // Idle as long as another unit, on which it depends, is not ready.
    let mut waiting =
        At::new(vec![UnitPlan { depends_on: vec![1], ..unit() }, unit()]).after(begin(false));
    for event in [UnitEvent::Forked(pid()), UnitEvent::Running] {
        waiting = waiting.after(Event::Unit(UnitId(1), event));
    }
    let its_turn = ("what it depends on is ready", Event::Unit(UnitId(1), UnitEvent::Ready));
    let only = |labels: &[&str]| -> Vec<(&str, Event)> {
        events.iter().filter(|(label, _)| labels.contains(label)).cloned().collect()
    };
    let deaths = only(&["ends with 0", "ends with 0, leaves others"]);
    let asked = only(&["healthy", "unhealthy", "not asked", "time"]);

    let mut table = Table::new("unit");
    let mut add = |state: &str, before: At, events: &[(&str, Event)]| {
        assert_eq!(
            name_of_unit(before.machine.unit(UNIT)),
            state.split(" (").next().unwrap_or_default(),
            "the sample is what it is called"
        );
        table.add(state, &before, events, |machine| name_of_unit(machine.unit(UNIT)));
    };
    add("Idle", waiting, &[its_turn]);
    add("Spawning", plain(), &events);
    add("Forked", plain().after_unit(UnitEvent::Forked(pid())), &events);
    add("Starting", plain().running(), &events);
    add("Starting (oneshot)", oneshot().running(), &deaths);
    add("Starting (forks)", forks().running(), &deaths);
    add("Following (forks)", forks().running().after_unit(ended(0, true)), &events);
    add("Ready", plain().ready().later(), &events);
    add("Ready (stop_command)", with_command().ready().later(), &only(&["stop"]));
    add("Ready (healthcheck)", checked().ready().later(), &asked);
    add("Ready, asked", checked().ready().later().later(), &asked);
    add("Backoff", plain().ready().after_unit(ended(9, false)), &events);
    add("Done (oneshot)", oneshot().running().after_unit(ended(0, false)), &events);
    add("GivenUp (not essential)", given_up().ready().after_unit(ended(9, false)), &events);
    add("Stopping: Command", with_command().ready().stopping(), &events);
    add("Stopping: Asked", plain().ready().stopping(), &events);
    add("Stopping: Termed", plain().ready().stopping().later(), &events);
    add("Stopping: Killed", plain().ready().stopping().later().later(), &events);
    let cleared = || plain().ready().stopping().after_unit(ended(0, true));
    add("Clearing: Termed", cleared(), &events);
    add("Clearing: Killed", cleared().later(), &events);
    table
}

fn site_table() -> Table {
    let unit = || UnitPlan { restart: None, evidence: Some(SECOND * 3), ..unit() };
    let new = || {
        let plan = Plan::new(vec![unit()], SECOND * 60, SECOND * 30, SECOND * 5, SECOND);
        At { machine: Machine::new(Plan { reserves_ports: true, ..plan }), now: at(0) }
    };
    let run = Run { pid: pid(), since: at(0), main_since: at(0) };
    let adopted = |ready| Event::Adopt {
        units: vec![AdoptionState::Alive { run, ready }],
        boot: SECOND * 60,
    };
    let first = [
        ("begin", begin(false)),
        ("begin paused", begin(true)),
        ("adopt, the unit not ready", adopted(false)),
        ("adopt, the unit ready", adopted(true)),
    ];
    let hold = || Event::Hold { graceful_until: at(10_000) };
    let resume = || Event::Resume { boot: SECOND * 60 };
    let events = [
        ("the unit is ready", Event::Unit(UNIT, UnitEvent::Ready)),
        ("the unit ends", Event::Unit(UNIT, ended(9, false))),
        ("stop", stop()),
        ("pause", hold()),
        ("resume", resume()),
        ("ports reserved", Event::PortsReserved),
        ("ports taken", Event::PortsTaken),
        ("evidence gathered", Event::Gathered),
        ("lease lost", Event::LeaseLost),
        ("disk lost", Event::Lost(Prerequisite::Disk)),
        ("time", Event::Tick),
    ];
    let booting = || new().after(begin(false)).running();
    let settling = || booting().after_unit(UnitEvent::Ready);
    let serving = || settling().later();
    let held = || new().after(begin(true));
    let mut table = Table::new("site");
    table.add(NEW, &new(), &first, name_of_site);
    let mut add = |state: &str, before: At| {
        assert_eq!(name_of_site(&before.machine), state, "the sample is what it is called");
        table.add(state, &before, &events, name_of_site);
    };
    add("Booting", booting());
    add("Settling", settling());
    add("Serving", serving());
    add("Gathering", booting().later());
    add("Lowering, to end", serving().stopping());
    add("Lowering, to pause", serving().after(hold()));
    add("Lowering, to resume", serving().after(hold()).after(resume()));
    add("Held", held());
    add("Reserving", held().after(resume()));
    add("Over", serving().stopping().after_unit(ended(0, false)));
    table
}

fn block(words: &str, table: &Table) -> String {
    let lines = words.lines().map(str::to_owned);
    let fence = |text: &str| vec![String::new(), text.to_owned()];
    let lines = lines.chain(fence("```text")).chain(table.lines()).chain(["```".to_owned()]);
    lines.map(|line| format!("{}\n", format!("//! {line}").trim_end())).collect()
}

fn head() -> String {
    let units = block(
        "\nFor a unit with a restart budget. A unit without one becomes GivenUp instead of Backoff, and if it is\n\
         essential, the site fails.",
        &units_table(),
    );
    let site = block(
        "\nFor a site that reserves ports, with one essential unit that has an on_failure command and no restart\n\
         budget. Without ports there is no Reserving, without on_failure no Gathering. With `when_lost: degrade`\n\
         the site stays where it is when its disk is lost, and nothing is started.",
        &site_table(),
    );
    format!("{BEGIN}{units}//!\n//! ## The site\n{site}")
}

#[test]
fn the_table_of_states_and_events_is_what_the_machine_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/supervisor/state.rs");
    let text = fs::read_to_string(&path).unwrap();
    let begin = text.find(BEGIN).expect("the table begins");
    let end = text.find(END).expect("the table ends");
    let made = head();
    if std::env::var_os("SITEWARD_WRITE_TABLE").is_some() {
        fs::write(&path, [&text[..begin], &made, &text[end..]].concat()).unwrap();
        return;
    }
    assert_eq!(
        &text[begin..end],
        made,
        "write it anew: SITEWARD_WRITE_TABLE=1 cargo test --test state_table"
    );
}
