mod losses;
mod times;

use std::time::Duration;

use super::*;
use crate::site::Restart;
use crate::supervisor::plan::{HealthPlan, Plan, ReadyPlan, UnitId, UnitPlan};
use crate::values::{ExecError, ExecStage, ExitStatus};
use crate::values::{Pid, Signal};

const A: UnitId = UnitId(0);
const B: UnitId = UnitId(1);

fn s(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

fn unit(name: &str, depends_on: &[usize]) -> UnitPlan {
    UnitPlan {
        name: name.to_owned(),
        process: 0,
        instance: 1,
        depends_on: depends_on.to_vec(),
        essential: true,
        oneshot: false,
        forks: false,
        ready: ReadyPlan::WhenTold,
        ready_timeout: None,
        health: None,
        restart: None,
        has_stop_command: false,
        stop_grace: Duration::from_secs(10),
        evidence: None,
    }
}

fn machine(units: Vec<UnitPlan>) -> Machine {
    let second = Duration::from_secs(1);
    let plan = Plan::new(units, second * 60, second * 30, second * 5, second);
    Machine::new(plan)
}

fn begin(machine: &mut Machine) -> Vec<Action> {
    let time = Duration::from_secs(60);
    machine.step(Event::Begin { held: false, boot: time, rollback: time }, s(0))
}

fn tell(machine: &mut Machine, unit: UnitId, event: UnitEvent, at: u64) -> Vec<Action> {
    let mut actions = machine.step(Event::Unit(unit, event), s(at));
    actions.retain(|a| !matches!(a, Action::Note(_) | Action::DropHelpers(_)));
    actions
}

fn pid() -> Pid {
    Pid::try_from(42).unwrap()
}

/// Brings both units of a plan of two up at `at`, one after the other.
fn up(machine: &mut Machine, at: u64) {
    for unit in [A, B] {
        tell(machine, unit, UnitEvent::Forked(pid()), at);
        tell(machine, unit, UnitEvent::Running, at);
        tell(machine, unit, UnitEvent::Ready, at);
    }
    machine.step(Event::Tick, s(at + 1));
}

fn died() -> UnitEvent {
    UnitEvent::Ended { status: ExitStatus::Signal(Signal::KILL), rest: false }
}

#[test]
fn the_next_is_started_when_the_one_before_is_ready_and_the_site_settles() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    assert_eq!(begin(&mut m), [Action::Spawn(A)]);
    assert_eq!(m.state(), State::Starting);
    tell(&mut m, A, UnitEvent::Forked(pid()), 0);
    assert_eq!(tell(&mut m, A, UnitEvent::Running, 1), [Action::AwaitReady(A)]);
    assert_eq!(tell(&mut m, A, UnitEvent::Ready, 2), [Action::Spawn(B)]);
    tell(&mut m, B, UnitEvent::Forked(pid()), 2);
    tell(&mut m, B, UnitEvent::Running, 2);
    tell(&mut m, B, UnitEvent::Ready, 3);
    assert_eq!(m.state(), State::Running);
    assert_eq!(*m.phase(), SitePhase::Settling { until: s(4), boot_until: s(60) });
    m.step(Event::Tick, s(4));
    assert_eq!(*m.phase(), SitePhase::Serving);
    assert_eq!(m.next_tick(), None, "nothing is due while nothing happens");
}

#[test]
fn a_stop_goes_in_reverse_and_its_ladder_has_its_times() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    let actions = m.step(Event::Stop { graceful_until: s(130) }, s(100));
    assert!(actions.contains(&Action::AskToStop(B)) && !actions.contains(&Action::AskToStop(A)));
    assert_eq!(m.next_tick(), Some(s(110)), "its grace");
    assert!(m.step(Event::Tick, s(110)).contains(&Action::TermAll(B)));
    assert!(m.step(Event::Tick, s(115)).contains(&Action::KillAll(B)));
    assert_eq!(tell(&mut m, B, died(), 116), [Action::AskToStop(A)]);
    // A second stop with less time shortens the first.
    m.step(Event::Stop { graceful_until: s(118) }, s(117));
    assert_eq!(m.next_tick(), Some(s(118)));
    assert!(m.step(Event::Tick, s(118)).contains(&Action::TermAll(A)));
    tell(&mut m, A, died(), 119);
    assert_eq!((m.phase(), m.desired()), (&SitePhase::Over, &Desired::Down(Why::Ordered)));
}

#[test]
fn a_death_without_a_budget_is_the_end_of_the_site() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    assert_eq!(tell(&mut m, A, died(), 50), [Action::AskToStop(B)]);
    assert_eq!(m.state(), State::StoppingFailed);
    tell(&mut m, B, died(), 51);
    let Desired::Down(Why::Failed(failure)) = m.desired() else { panic!("{:?}", m.desired()) };
    assert_eq!((failure.unit, failure.booting), (A, false));
    assert_eq!(*m.phase(), SitePhase::Over);
}

#[test]
fn a_budget_gives_longer_and_longer_delays_and_ends() {
    let mut a = unit("a", &[]);
    a.ready = ReadyPlan::AtExec;
    let second = Duration::from_secs(1);
    a.restart =
        Some(Restart { attempts: 3, within: second * 600, delay: second, max_delay: second * 3 });
    let mut m = machine(vec![a]);
    begin(&mut m);
    let mut now = 1;
    for delay in [1, 2, 3] {
        tell(&mut m, A, UnitEvent::Forked(pid()), now);
        tell(&mut m, A, UnitEvent::Running, now);
        m.step(Event::Tick, s(now + 2));
        assert_eq!(m.state(), State::Running);
        now += 10;
        assert_eq!(tell(&mut m, A, died(), now), []);
        assert_eq!(m.state(), State::Degraded, "an essential one is being restarted");
        assert_eq!(m.next_tick(), Some(s(now + delay)));
        now += delay;
        assert_eq!(m.step(Event::Tick, s(now)), [Action::Spawn(A)]);
    }
    tell(&mut m, A, UnitEvent::Forked(pid()), now);
    tell(&mut m, A, UnitEvent::Running, now);
    tell(&mut m, A, died(), now + 10);
    assert_eq!(*m.phase(), SitePhase::Over, "the fourth death is one too many");
}

#[test]
fn a_stop_in_the_middle_of_a_start_starts_nothing_more() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    tell(&mut m, A, UnitEvent::Forked(pid()), 1);
    assert!(m.step(Event::Stop { graceful_until: s(30) }, s(2)).contains(&Action::AskToStop(A)));
    assert_eq!(tell(&mut m, A, UnitEvent::Running, 3), []);
    assert_eq!(tell(&mut m, A, UnitEvent::Ready, 3), []);
    assert_eq!(tell(&mut m, A, died(), 4), []);
    assert_eq!(*m.phase(), SitePhase::Over);
}

#[test]
fn a_resume_that_comes_during_a_pause_boots_when_all_is_down() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Hold { graceful_until: s(60) }, s(10));
    assert_eq!(m.state(), State::Maintenance);
    m.step(Event::Resume { boot: Duration::from_secs(60) }, s(11));
    assert_eq!(m.state(), State::Starting);
    tell(&mut m, B, died(), 12);
    assert_eq!(tell(&mut m, A, died(), 13), [Action::Spawn(A)]);
    assert_eq!(*m.phase(), SitePhase::Booting { until: s(73) });
}

/// A site of two units whose ports a pause, under way since 10, has released.
fn pausing_with_ports() -> Machine {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    m.plan.reserves_ports = true;
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Hold { graceful_until: s(60) }, s(10));
    m
}

#[test]
fn a_resume_reserves_the_ports_once_no_process_of_the_site_can_have_them() {
    let boot = Duration::from_secs(60);
    let mut m = pausing_with_ports();
    let actions = deeds(m.step(Event::Resume { boot }, s(11)));
    assert_eq!(actions, [], "its own processes have the ports");
    assert_eq!(tell(&mut m, B, died(), 12), [Action::AskToStop(A)]);
    assert_eq!(tell(&mut m, A, died(), 13), [Action::ReservePorts]);
    assert_eq!(m.state(), State::Starting);
    assert_eq!(m.step(Event::PortsReserved, s(13)), [Action::Spawn(A)]);

    let mut m = pausing_with_ports();
    tell(&mut m, B, died(), 12);
    tell(&mut m, A, died(), 13);
    assert_eq!(deeds(m.step(Event::Resume { boot }, s(20))), [Action::ReservePorts]);
    m.step(Event::PortsTaken, s(20));
    assert_eq!((m.phase(), m.desired()), (&SitePhase::Held, &Desired::Held), "it stays paused");
    assert_eq!(deeds(m.step(Event::Resume { boot }, s(21))), [Action::ReservePorts]);
    m.step(Event::Stop { graceful_until: s(60) }, s(22));
    assert_eq!(*m.phase(), SitePhase::Over, "a stop overtakes it");
    assert_eq!(m.step(Event::PortsReserved, s(23)), []);
}

#[test]
fn what_a_main_process_leaves_is_ended_before_anything_else_follows() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Stop { graceful_until: s(60) }, s(10));
    let left = UnitEvent::Ended { status: ExitStatus::Code(0), rest: true };
    assert_eq!(tell(&mut m, B, left, 11), [Action::TermAll(B)]);
    assert!(m.step(Event::Tick, s(16)).contains(&Action::KillAll(B)));
    assert_eq!(tell(&mut m, B, UnitEvent::Emptied, 17), [Action::AskToStop(A)]);
}

fn adopt(machine: &mut Machine, units: Vec<AdoptionState>) -> Vec<Action> {
    machine.step(Event::Adopt { units, boot: Duration::from_secs(60) }, s(100))
}

fn alive(ready: bool) -> AdoptionState {
    AdoptionState::Alive { run: Run { pid: pid(), since: s(0), main_since: s(0) }, ready }
}

#[test]
fn what_is_adopted_alive_is_not_touched() {
    let mut site = machine(vec![unit("a", &[]), unit("b", &[0])]);
    let actions = adopt(&mut site, vec![alive(true), alive(true)]);
    assert_eq!((site.state(), site.phase()), (State::Running, &SitePhase::Serving));
    let harmless = |a: &Action| matches!(a, Action::Note(_) | Action::DropHelpers(_));
    assert!(actions.iter().all(harmless), "{actions:?}");
}

#[test]
fn what_ended_before_it_was_adopted_has_failed_and_what_never_began_has_its_turn() {
    let mut site = machine(vec![unit("a", &[]), unit("b", &[0])]);
    adopt(&mut site, vec![alive(true), AdoptionState::Gone { rest: false }]);
    assert_eq!(site.state(), State::StoppingFailed);

    let mut site = machine(vec![unit("a", &[]), unit("b", &[0])]);
    let actions = adopt(&mut site, vec![alive(true), AdoptionState::Never]);
    assert!(actions.contains(&Action::Spawn(B)), "{actions:?}");
    assert_eq!(site.state(), State::Starting);

    let mut site = machine(vec![unit("a", &[]), unit("b", &[0])]);
    let actions = adopt(&mut site, vec![alive(false), AdoptionState::Never]);
    assert!(actions.contains(&Action::AwaitReady(A)), "{actions:?}");
}

fn with_healthcheck(retries: u32) -> UnitPlan {
    let second = Duration::from_secs(1);
    let health =
        HealthPlan { interval: second * 2, timeout: second, retries, start_period: Duration::ZERO };
    UnitPlan { ready: ReadyPlan::AtExec, health: Some(health), ..unit("a", &[]) }
}

#[test]
fn a_healthcheck_that_could_not_be_started_is_tried_again_and_is_no_answer() {
    let mut m = machine(vec![with_healthcheck(3)]);
    begin(&mut m);
    tell(&mut m, A, UnitEvent::Forked(pid()), 0);
    tell(&mut m, A, UnitEvent::Running, 0);
    let full = || UnitEvent::NotAsked("could not make a process".to_owned());
    let mut notes = 0;
    for second in 2..=8 {
        assert!(m.step(Event::Tick, s(second)).contains(&Action::CheckHealth(A)), "at {second}");
        let actions = m.step(Event::Unit(A, full()), s(second));
        notes += actions.iter().filter(|a| matches!(a, Action::Note(Note::NotAsked(..)))).count();
        assert_eq!(m.state(), State::Running, "at {second}");
    }
    assert_eq!(notes, 1, "it is said once");
    m.step(Event::Tick, s(9));
    tell(&mut m, A, UnitEvent::Health(Ok(())), 9);
    m.step(Event::Tick, s(11));
    tell(&mut m, A, full(), 11);
    assert_eq!(m.state(), State::Running, "an answer between them begins it anew");
    for second in 12..=17 {
        m.step(Event::Tick, s(second));
        tell(&mut m, A, full(), second);
    }
    assert_eq!(m.state(), State::Running);
    m.step(Event::Tick, s(18));
    tell(&mut m, A, full(), 18);
    assert_eq!(m.state(), State::StoppingFailed);
    assert!(matches!(m.memory(A).last_cause, Some(Cause::NotAsked(..))), "{:?}", m.memory(A));
}

#[test]
fn what_lives_of_an_earlier_run_is_ended_before_a_unit_is_started() {
    let mut m = machine(vec![unit("a", &[])]);
    assert_eq!(begin(&mut m), [Action::Spawn(A)]);
    assert_eq!(tell(&mut m, A, UnitEvent::Occupied, 0), [Action::TermAll(A)]);
    assert!(m.step(Event::Tick, s(5)).contains(&Action::KillAll(A)));
    assert_eq!(tell(&mut m, A, UnitEvent::Emptied, 6), [Action::Spawn(A)]);
    assert_eq!(m.memory(A).restarts, 0, "it was no fault of the unit's");
}

#[test]
fn a_process_that_nobody_can_identify_is_given_up_with_that_reason() {
    let mut m = machine(vec![unit("a", &[])]);
    begin(&mut m);
    tell(&mut m, A, UnitEvent::Forked(pid()), 0);
    tell(&mut m, A, UnitEvent::Running, 0);
    assert_eq!(tell(&mut m, A, UnitEvent::Unidentified, 5), [Action::AskToStop(A)]);
    assert_eq!(m.state(), State::StoppingFailed);
    assert_eq!(m.memory(A).last_cause, Some(Cause::Unidentified));
}

#[test]
fn a_process_for_which_there_was_no_room_is_started_again_within_its_budget() {
    let restart = Restart {
        attempts: 1,
        within: Duration::from_secs(60),
        delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(1),
    };
    let no_room = ExecError { stage: ExecStage::Fork, errno: 11 };
    let no_program = ExecError { stage: ExecStage::Exec, errno: 2 };
    let site = || machine(vec![UnitPlan { restart: Some(restart), ..unit("a", &[]) }]);
    let mut m = site();
    begin(&mut m);
    tell(&mut m, A, UnitEvent::NotForked(no_room), 0);
    assert_eq!(m.step(Event::Tick, s(1)), [Action::Spawn(A)]);
    tell(&mut m, A, UnitEvent::NotForked(no_room), 1);
    assert_eq!(m.state(), State::StoppingFailed, "the budget is spent");
    let mut m = site();
    begin(&mut m);
    tell(&mut m, A, UnitEvent::NotForked(no_program), 0);
    assert_eq!(m.state(), State::StoppingFailed, "it would be missing again");
}

/// What is said of helpers and for the history left out.
fn deeds(mut actions: Vec<Action>) -> Vec<Action> {
    actions.retain(|a| !matches!(a, Action::Note(_) | Action::DropHelpers(_)));
    actions
}

#[test]
fn a_site_that_lost_its_lease_is_killed_at_once_and_starts_nothing_more() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    let actions = m.step(Event::LeaseLost, s(100));
    assert!(actions.contains(&Action::Note(Note::Site(Milestone::LeaseLost))));
    assert_eq!(deeds(actions), [Action::KillAll(A), Action::KillAll(B)], "all at once");
    assert_eq!(m.state(), State::StoppingFailed);
    m.step(Event::Resume { boot: Duration::from_secs(60) }, s(100));
    for id in [A, B] {
        tell(&mut m, id, died(), 100);
    }
    assert_eq!((m.phase(), m.desired()), (&SitePhase::Over, &Desired::Down(Why::LeaseLost)));
    assert_eq!(m.step(Event::LeaseLost, s(101)), []);
}

#[test]
fn a_stop_under_way_becomes_a_kill_when_the_lease_is_lost_and_stays_a_stop() {
    let mut stopping = unit("b", &[0]);
    stopping.has_stop_command = true;
    let mut m = machine(vec![unit("a", &[]), stopping]);
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Stop { graceful_until: s(130) }, s(100));
    let mut actions = deeds(m.step(Event::LeaseLost, s(101)));
    actions.sort_by_key(|a| format!("{a:?}"));
    assert_eq!(actions, [Action::KillAll(A), Action::KillAll(B)]);
    for id in [A, B] {
        tell(&mut m, id, died(), 101);
    }
    assert_eq!((m.phase(), m.desired()), (&SitePhase::Over, &Desired::Down(Why::Ordered)));
}

#[test]
fn a_site_at_rest_ends_when_its_lease_is_lost() {
    let mut m = machine(vec![unit("a", &[])]);
    let time = Duration::from_secs(60);
    m.step(Event::Begin { held: true, boot: time, rollback: time }, s(0));
    m.step(Event::LeaseLost, s(1));
    assert_eq!((m.phase(), m.desired()), (&SitePhase::Over, &Desired::Down(Why::LeaseLost)));
}
