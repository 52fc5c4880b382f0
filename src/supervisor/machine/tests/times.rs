//! The times of units and of the site: what becomes due when, and not before.

use super::*;

const C: UnitId = UnitId(2);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Its program runs since `at`.
fn run(m: &mut Machine, unit: UnitId, at: u64) -> Vec<Action> {
    tell(m, unit, UnitEvent::Forked(pid()), at);
    tell(m, unit, UnitEvent::Running, at)
}

fn tick(m: &mut Machine, at: u64) -> Vec<Action> {
    deeds(m.step(Event::Tick, s(at)))
}

fn cause(m: &Machine, unit: UnitId) -> Option<Cause> {
    m.memory(unit).last_cause.clone()
}

fn failure(m: &Machine) -> UnitFailure {
    let Desired::Down(Why::Failed(failure)) = m.desired() else { panic!("{:?}", m.desired()) };
    failure.clone()
}

fn restart(attempts: u32, within: u64) -> Option<Restart> {
    Some(Restart { attempts, within: seconds(within), delay: seconds(1), max_delay: seconds(8) })
}

#[test]
fn one_that_is_ready_after_a_time_is_ready_then_and_not_before() {
    let mut m = machine(vec![UnitPlan { ready: ReadyPlan::After(seconds(3)), ..unit("a", &[]) }]);
    begin(&mut m);
    assert_eq!(run(&mut m, A, 1), []);
    assert_eq!(m.next_tick(), Some(s(4)));
    tick(&mut m, 3);
    assert_eq!(m.state(), State::Starting);
    tick(&mut m, 4);
    assert_eq!((m.state(), m.memory(A).ready_since), (State::Running, Some(s(4))));
}

#[test]
fn one_that_would_be_ready_too_late_has_failed() {
    let late = ReadyPlan::After(seconds(20));
    let a = UnitPlan { ready: late, ready_timeout: Some(seconds(5)), ..unit("a", &[]) };
    let mut m = machine(vec![a]);
    begin(&mut m);
    run(&mut m, A, 1);
    assert_eq!(m.next_tick(), Some(s(6)));
    assert_eq!(tick(&mut m, 6), [Action::AskToStop(A)]);
    assert_eq!(cause(&m, A), Some(Cause::NotReady(seconds(5))));
    assert!(failure(&m).booting);
}

#[test]
fn one_that_runs_is_blamed_for_a_late_boot_before_one_that_waits() {
    let patient = |unit: UnitPlan| UnitPlan { ready_timeout: Some(seconds(600)), ..unit };
    // The one that waits stands first.
    let mut m = machine(vec![unit("a", &[1]), patient(unit("b", &[]))]);
    begin(&mut m);
    run(&mut m, B, 1);
    tick(&mut m, 59);
    assert_eq!(m.state(), State::Starting);
    assert_eq!(tick(&mut m, 60), [Action::AskToStop(B)]);
    let had = Cause::NotReadyAtBoot { had: seconds(59), boot: seconds(60) };
    assert_eq!((failure(&m).unit, failure(&m).cause), (B, had));

    // One that is not needed is not blamed, even if it is the only one that runs.
    let aside = patient(UnitPlan { essential: false, ..unit("a", &[]) });
    let mut m = machine(vec![aside, unit("b", &[0])]);
    begin(&mut m);
    run(&mut m, A, 1);
    tick(&mut m, 60);
    assert_eq!((failure(&m).unit, failure(&m).cause), (B, Cause::NeverStarted));
}

#[test]
fn what_has_its_turn_when_the_boot_is_over_is_not_started_and_waits_for_nothing() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    run(&mut m, A, 1);
    assert_eq!(tell(&mut m, A, UnitEvent::Ready, 60), [Action::AskToStop(A)]);
    let had = Cause::NotReadyAtBoot { had: Duration::ZERO, boot: seconds(60) };
    assert_eq!((failure(&m).unit, failure(&m).cause), (B, had));
}

#[test]
fn a_site_serves_at_the_end_of_its_boot_without_one_that_is_not_needed() {
    let aside = UnitPlan { essential: false, ready_timeout: Some(seconds(600)), ..unit("b", &[]) };
    let mut m = machine(vec![unit("a", &[]), aside]);
    begin(&mut m);
    run(&mut m, A, 1);
    tell(&mut m, A, UnitEvent::Ready, 2);
    run(&mut m, B, 1);
    tick(&mut m, 59);
    assert!(matches!(m.phase(), SitePhase::Booting { .. }), "{:?}", m.phase());
    tick(&mut m, 60);
    assert_eq!((m.phase(), m.state()), (&SitePhase::Serving, State::Degraded));
}

#[test]
fn a_death_while_the_site_settles_takes_it_back_to_its_boot() {
    let mut m = machine(vec![UnitPlan { restart: restart(3, 60), ..unit("a", &[]) }]);
    begin(&mut m);
    run(&mut m, A, 1);
    tell(&mut m, A, UnitEvent::Ready, 2);
    assert_eq!(*m.phase(), SitePhase::Settling { until: s(3), boot_until: s(60) });
    tell(&mut m, A, died(), 2);
    assert_eq!(*m.phase(), SitePhase::Booting { until: s(60) });
    assert_eq!(m.state(), State::Starting);
}

/// A site of one unit that is ready since 0 and is asked every ten seconds, with two seconds for its answer.
fn asked(retries: u32, start_period: u64) -> Machine {
    let health = HealthPlan {
        interval: seconds(10),
        timeout: seconds(2),
        retries,
        start_period: seconds(start_period),
    };
    let ready = ReadyPlan::AtExec;
    let mut m = machine(vec![UnitPlan { ready, health: Some(health), ..unit("a", &[]) }]);
    begin(&mut m);
    run(&mut m, A, 0);
    tick(&mut m, 1);
    m
}

fn bad() -> UnitEvent {
    UnitEvent::Health(Err("no".to_owned()))
}

#[test]
fn a_healthcheck_is_due_after_its_interval_and_has_its_time_to_answer() {
    let mut m = asked(2, 0);
    assert_eq!(m.next_tick(), Some(s(10)));
    assert_eq!(tick(&mut m, 9), []);
    assert_eq!(tick(&mut m, 10), [Action::CheckHealth(A)]);
    assert_eq!(m.next_tick(), Some(s(12)));
    tell(&mut m, A, UnitEvent::Health(Ok(())), 11);
    assert_eq!(m.next_tick(), Some(s(21)), "from the answer on");
    assert_eq!(tick(&mut m, 21), [Action::CheckHealth(A)]);
    // No answer is a bad one, and the next is due an interval later.
    tick(&mut m, 23);
    assert_eq!((m.state(), m.next_tick()), (State::Running, Some(s(33))));
    tick(&mut m, 33);
    assert_eq!(tick(&mut m, 35), [Action::AskToStop(A)]);
    let said = "it did not answer in time".to_owned();
    assert_eq!(cause(&m, A), Some(Cause::Unhealthy(said)));
}

#[test]
fn bad_answers_count_in_a_row_and_only_after_the_start_period() {
    let mut m = asked(2, 25);
    for (at, answer) in [(10, bad()), (20, bad()), (30, bad())] {
        assert_eq!(tick(&mut m, at), [Action::CheckHealth(A)], "at {at}");
        assert_eq!(tell(&mut m, A, answer, at), [], "at {at}");
    }
    tick(&mut m, 40);
    tell(&mut m, A, UnitEvent::Health(Ok(())), 40);
    tick(&mut m, 50);
    assert_eq!(tell(&mut m, A, bad(), 50), [], "a good one came between");
    tick(&mut m, 60);
    assert_eq!(tell(&mut m, A, bad(), 60), [Action::AskToStop(A)]);
    assert_eq!(cause(&m, A), Some(Cause::Unhealthy("no".to_owned())));

    // The start period ends with its last moment.
    let mut m = asked(1, 10);
    tick(&mut m, 10);
    assert_eq!(tell(&mut m, A, bad(), 10), [Action::AskToStop(A)]);
}

#[test]
fn a_bad_answer_to_a_site_that_is_stopped_is_no_fault() {
    let mut m = asked(1, 0);
    tick(&mut m, 10);
    m.step(Event::Stop { graceful_until: s(40) }, s(10));
    assert_eq!(tell(&mut m, A, bad(), 10), []);
    assert_eq!((cause(&m, A), m.desired()), (None, &Desired::Down(Why::Ordered)));
}

#[test]
fn faults_older_than_the_window_are_forgotten_once_it_was_ready() {
    let ready = ReadyPlan::AtExec;
    let mut m = machine(vec![UnitPlan { ready, restart: restart(2, 100), ..unit("a", &[]) }]);
    begin(&mut m);
    run(&mut m, A, 0);
    tick(&mut m, 1);
    for at in [10, 20] {
        tell(&mut m, A, died(), at);
        tick(&mut m, at + 5);
        run(&mut m, A, at + 5);
    }
    assert_eq!(m.memory(A).restarts, 2);
    // The first is just out of the window: one more is allowed, with the delay after one.
    tell(&mut m, A, died(), 110);
    assert_eq!((m.state(), m.next_tick()), (State::Degraded, Some(s(112))));
    tick(&mut m, 112);
    run(&mut m, A, 112);
    assert_eq!(m.memory(A).restarts, 3);
    // Those of 20 and 110 are in it.
    tell(&mut m, A, died(), 119);
    assert_eq!(m.state(), State::StoppingFailed);
}

#[test]
fn faults_of_one_that_never_gets_ready_do_not_expire() {
    let mut m = machine(vec![UnitPlan { restart: restart(2, 1), ..unit("a", &[]) }]);
    begin(&mut m);
    let mut now = 0;
    for delay in [1, 2] {
        run(&mut m, A, now);
        now += 10;
        tell(&mut m, A, died(), now);
        assert_eq!(m.next_tick().map(|at| at.min(s(now + delay))), Some(s(now + delay)));
        now += delay;
        assert_eq!(tick(&mut m, now), [Action::Spawn(A)]);
    }
    run(&mut m, A, now);
    tell(&mut m, A, died(), now + 10);
    assert_eq!(m.state(), State::StoppingFailed);
}

#[test]
fn the_delay_doubles_up_to_its_greatest() {
    let mut m = machine(vec![UnitPlan { restart: restart(6, 1000), ..unit("a", &[]) }]);
    m.plan.boot_timeout = seconds(1000);
    m.step(Event::Begin { held: false, boot: seconds(1000), rollback: seconds(9) }, s(0));
    let mut now = 0;
    for delay in [1, 2, 4, 8, 8, 8] {
        run(&mut m, A, now);
        let actions = m.step(Event::Unit(A, died()), s(now));
        let told = actions.contains(&Action::Note(Note::RestartIn(A, seconds(delay))));
        assert!(told, "{delay}: {actions:?}");
        now += delay;
        assert_eq!(tick(&mut m, now), [Action::Spawn(A)]);
    }
}

#[test]
fn one_that_is_not_needed_is_given_up_and_the_site_goes_on() {
    let aside = UnitPlan { essential: false, ..unit("b", &[]) };
    let mut m = machine(vec![unit("a", &[]), aside]);
    begin(&mut m);
    up(&mut m, 1);
    let actions = m.step(Event::Unit(B, died()), s(10));
    assert!(actions.contains(&Action::Note(Note::GaveUp(B))), "{actions:?}");
    assert_eq!((m.unit(B), m.state()), (&Unit::GivenUp, State::Degraded));
    assert_eq!((m.phase(), m.degraded_since()), (&SitePhase::Serving, Some(s(10))));
    tick(&mut m, 20);
    assert_eq!(m.degraded_since(), Some(s(10)));
}

#[test]
fn evidence_is_gathered_for_at_most_half_of_the_time_to_stop() {
    let with = |time| UnitPlan { evidence: Some(seconds(time)), ..unit("a", &[]) };
    for (time, until) in [(4, 104), (1000, 115)] {
        let mut m = machine(vec![with(time), unit("b", &[0])]);
        begin(&mut m);
        up(&mut m, 1);
        assert_eq!(tell(&mut m, A, died(), 100), [Action::GatherEvidence(A)]);
        let graceful_until = s(130);
        let gathering = SitePhase::Gathering { unit: A, until: s(until), graceful_until };
        assert_eq!(*m.phase(), gathering);
        assert_eq!((m.next_tick(), tick(&mut m, until - 1)), (Some(s(until)), vec![]));
        assert_eq!(tick(&mut m, until), [Action::AskToStop(B)]);
    }
}

#[test]
fn the_main_process_of_one_that_failed_stays_until_its_evidence_is_gathered() {
    let ready_timeout = Some(seconds(5));
    let a = UnitPlan { evidence: Some(seconds(4)), ready_timeout, ..unit("a", &[]) };
    let mut m = machine(vec![a]);
    begin(&mut m);
    run(&mut m, A, 0);
    assert_eq!(tick(&mut m, 5), [Action::GatherEvidence(A)]);
    assert_eq!(deeds(m.step(Event::Gathered, s(6))), [Action::AskToStop(A)]);
}

#[test]
fn a_failed_boot_is_rolled_back_within_its_own_time() {
    for (rollback, until) in [(7, 17), (1000, 40)] {
        let mut m = machine(vec![unit("a", &[]), unit("b", &[])]);
        let (boot, rollback) = (seconds(60), seconds(rollback));
        m.step(Event::Begin { held: false, boot, rollback }, s(0));
        run(&mut m, A, 1);
        run(&mut m, B, 1);
        tell(&mut m, A, died(), 10);
        assert_eq!(*m.phase(), SitePhase::Lowering { graceful_until: s(until) });
        assert!(failure(&m).booting);
    }
    let mut m = machine(vec![unit("a", &[]), unit("b", &[])]);
    begin(&mut m);
    up(&mut m, 1);
    tell(&mut m, A, died(), 10);
    assert_eq!(*m.phase(), SitePhase::Lowering { graceful_until: s(40) });
}

#[test]
fn a_stop_command_has_the_grace_and_its_signal_has_it_again() {
    let stop_grace = seconds(10);
    let mut m = machine(vec![UnitPlan { has_stop_command: true, stop_grace, ..unit("a", &[]) }]);
    begin(&mut m);
    run(&mut m, A, 0);
    let actions = deeds(m.step(Event::Stop { graceful_until: s(90) }, s(50)));
    assert_eq!((actions, m.next_tick()), (vec![Action::RunStopCommand(A)], Some(s(60))));
    let failed = UnitEvent::StopCommand { succeeded: false };
    assert_eq!(tell(&mut m, A, failed, 55), [Action::AskToStop(A)]);
    assert_eq!(m.next_tick(), Some(s(65)));
    assert_eq!(tick(&mut m, 65), [Action::TermAll(A)]);
    assert_eq!(m.next_tick(), Some(s(70)));
    assert_eq!(tick(&mut m, 70), [Action::KillAll(A)]);
    assert_eq!(m.next_tick(), Some(s(90)).filter(|_| false), "KILL is the last");
}

#[test]
fn when_the_graceful_time_is_over_all_get_term_at_once() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Stop { graceful_until: s(55) }, s(50));
    assert_eq!(m.next_tick(), Some(s(55)));
    let mut actions = tick(&mut m, 55);
    actions.sort_by_key(|a| format!("{a:?}"));
    assert_eq!(actions, [Action::TermAll(A), Action::TermAll(B)]);
    assert_eq!(m.next_tick(), Some(s(60)));
    let actions = tick(&mut m, 60);
    assert_eq!(actions, [Action::KillAll(A), Action::KillAll(B)]);
}

#[test]
fn what_is_started_while_nothing_is_needed_any_more_is_not_waited_for_in_order() {
    // Both are stopped at once, as neither needs the other.
    let mut m = machine(vec![unit("a", &[]), unit("b", &[]), unit("c", &[0, 1])]);
    begin(&mut m);
    for id in [A, B] {
        run(&mut m, id, 1);
        tell(&mut m, id, UnitEvent::Ready, 2);
    }
    run(&mut m, C, 2);
    tell(&mut m, C, UnitEvent::Ready, 2);
    tick(&mut m, 3);
    let actions = deeds(m.step(Event::Stop { graceful_until: s(50) }, s(10)));
    assert_eq!(actions, [Action::AskToStop(C)]);
    assert_eq!(tell(&mut m, C, died(), 11), [Action::AskToStop(A), Action::AskToStop(B)]);
}

fn daemon() -> UnitPlan {
    UnitPlan { forks: true, ready: ReadyPlan::AtExec, ..unit("a", &[]) }
}

fn ends(rest: bool) -> UnitEvent {
    UnitEvent::Ended { status: ExitStatus::Code(0), rest }
}

#[test]
fn one_that_daemonises_is_followed_for_ten_seconds() {
    let mut m = machine(vec![daemon()]);
    begin(&mut m);
    assert_eq!(run(&mut m, A, 1), []);
    assert_eq!(m.state(), State::Starting, "its main process is not known yet");
    assert_eq!(tell(&mut m, A, ends(true), 2), [Action::Follow(A)]);
    assert_eq!((m.next_tick(), tick(&mut m, 11)), (Some(s(12)), vec![]));
    assert_eq!(tick(&mut m, 12), [Action::TermAll(A)]);
    assert_eq!(cause(&m, A), Some(Cause::NoMain));
}

#[test]
fn the_first_process_of_a_double_fork_is_only_a_stepping_stone() {
    let mut m = machine(vec![daemon()]);
    begin(&mut m);
    run(&mut m, A, 1);
    tell(&mut m, A, ends(true), 2);
    let main = Pid::try_from(77).unwrap();
    tell(&mut m, A, UnitEvent::Main(main), 3);
    assert_eq!(m.state(), State::Running);
    let kept = Run { pid: main, since: s(1), main_since: s(3) };
    assert_eq!(m.unit(A).run(), Some(kept));
    // It ends at once, and leaves another: that one is looked for.
    assert_eq!(tell(&mut m, A, ends(true), 3), [Action::Follow(A)]);
    tell(&mut m, A, UnitEvent::Main(pid()), 4);
    tick(&mut m, 5);
    // A second later it is the end of the main process.
    tell(&mut m, A, ends(true), 5);
    assert_eq!(cause(&m, A), Some(Cause::Died(ExitStatus::Code(0))));
}

#[test]
fn one_that_daemonises_and_leaves_nothing_has_no_main_process() {
    let mut m = machine(vec![daemon()]);
    begin(&mut m);
    run(&mut m, A, 1);
    tell(&mut m, A, ends(false), 2);
    assert_eq!(cause(&m, A), Some(Cause::NoMain));

    let mut m = machine(vec![daemon()]);
    begin(&mut m);
    run(&mut m, A, 1);
    let status = ExitStatus::Code(1);
    tell(&mut m, A, UnitEvent::Ended { status, rest: true }, 2);
    assert_eq!(cause(&m, A), Some(Cause::Died(status)), "it failed, and is not followed");
}

#[test]
fn one_that_daemonises_while_the_site_is_stopped_is_not_followed() {
    let mut m = machine(vec![daemon()]);
    begin(&mut m);
    run(&mut m, A, 1);
    m.step(Event::Stop { graceful_until: s(50) }, s(2));
    assert_eq!(tell(&mut m, A, ends(true), 3), [Action::TermAll(A)]);
    assert_eq!(tell(&mut m, A, UnitEvent::Emptied, 4), []);
    assert_eq!(*m.phase(), SitePhase::Over);
}

#[test]
fn a_lost_lease_kills_what_is_being_ended_already() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    m.step(Event::Stop { graceful_until: s(90) }, s(10));
    assert_eq!(tell(&mut m, B, ends(true), 11), [Action::TermAll(B)]);
    let actions = deeds(m.step(Event::LeaseLost, s(12)));
    assert_eq!(actions, [Action::KillAll(B), Action::KillAll(A)]);
    assert_eq!(deeds(m.step(Event::LeaseLost, s(13))), [], "once is enough");
    // What is left of one that is killed is killed too.
    assert_eq!(tell(&mut m, A, ends(true), 13), [Action::KillAll(A)]);
}

#[test]
fn a_oneshot_is_done_when_it_ends_well() {
    let a = UnitPlan { oneshot: true, ..unit("a", &[]) };
    let mut m = machine(vec![a, unit("b", &[0])]);
    begin(&mut m);
    assert_eq!(run(&mut m, A, 1), [], "it is not asked whether it is ready");
    assert_eq!(tell(&mut m, A, ends(false), 2), [Action::Spawn(B)]);
    assert_eq!((m.unit(A), m.memory(A).ready_since), (&Unit::Done, Some(s(2))));
}

#[test]
fn an_adopted_unit_that_is_not_ready_has_its_whole_time() {
    let mut m = machine(vec![UnitPlan { ready_timeout: Some(seconds(5)), ..unit("a", &[]) }]);
    adopt(&mut m, vec![alive(false)]);
    assert_eq!(m.next_tick(), Some(s(105)));
    assert!(matches!(m.phase(), SitePhase::Booting { .. }), "{:?}", m.phase());
    // Of one that was done nothing is started again.
    let mut m = machine(vec![UnitPlan { oneshot: true, ..unit("a", &[]) }]);
    assert_eq!(deeds(adopt(&mut m, vec![AdoptionState::Done])), []);
    assert_eq!((m.state(), m.unit(A)), (State::Running, &Unit::Done));
    // What one that is gone has left is ended first.
    let mut m = machine(vec![UnitPlan { restart: restart(1, 60), ..unit("a", &[]) }]);
    let actions = deeds(adopt(&mut m, vec![AdoptionState::Gone { rest: true }]));
    assert_eq!(actions, [Action::TermAll(A)]);
}

#[test]
fn the_parameters_of_a_manager_count_from_when_they_are_told() {
    let mut m = machine(vec![unit("a", &[]), unit("b", &[0])]);
    begin(&mut m);
    up(&mut m, 1);
    m.adjust(seconds(90), seconds(20));
    tell(&mut m, A, died(), 10);
    assert_eq!(*m.phase(), SitePhase::Lowering { graceful_until: s(30) });
    assert_eq!(m.plan().boot_timeout, seconds(90));
}

#[test]
fn one_that_was_to_be_started_again_stays_down_while_the_site_gathers_evidence_of_its_failure() {
    let a = UnitPlan { evidence: Some(seconds(10)), ..unit("a", &[]) };
    let again = restart(3, 60);
    let b = UnitPlan { restart: again, ready_timeout: Some(seconds(5)), ..unit("b", &[]) };
    let mut m = machine(vec![a, b]);
    begin(&mut m);
    run(&mut m, A, 0);
    run(&mut m, B, 0);
    tell(&mut m, A, UnitEvent::Ready, 1);
    assert_eq!(tick(&mut m, 5), [Action::AskToStop(B)]);
    tell(&mut m, A, died(), 6);
    assert!(matches!(m.phase(), SitePhase::Gathering { .. }), "{:?}", m.phase());
    assert_eq!(tell(&mut m, B, died(), 7), []);
    assert_eq!(m.unit(B), &Unit::Idle);
}
