//! The loss of the disk or of the address.

use super::*;
use crate::site::{OnLoss, Prerequisite, WhenLost};

fn site(units: Vec<UnitPlan>, on_loss: OnLoss) -> Machine {
    let second = Duration::from_secs(1);
    let plan = Plan::new(units, second * 60, second * 30, second * 5, second);
    Machine::new(Plan { when_lost: WhenLost::all(on_loss), ..plan })
}

fn two() -> Vec<UnitPlan> {
    vec![unit("a", &[]), unit("b", &[0])]
}

fn served(on_loss: OnLoss) -> Machine {
    let mut m = site(two(), on_loss);
    begin(&mut m);
    up(&mut m, 1);
    m
}

fn told(machine: &mut Machine, event: Event, at: u64) -> (Vec<Milestone>, Vec<Action>) {
    let (notes, actions): (Vec<_>, Vec<_>) =
        machine.step(event, s(at)).into_iter().partition(|a| matches!(a, Action::Note(_)));
    let milestone = |note| {
        let Action::Note(Note::Site(milestone)) = note else { return None };
        Some(milestone)
    };
    let deeds = actions.into_iter().filter(|a| !matches!(a, Action::DropHelpers(_))).collect();
    (notes.into_iter().filter_map(milestone).collect(), deeds)
}

const DISK: Prerequisite = Prerequisite::Disk;
const ADDRESS: Prerequisite = Prerequisite::Address;

#[test]
fn a_site_that_loses_its_disk_fails_and_is_stopped_in_order() {
    let mut m = served(OnLoss::Fail);
    let (notes, deeds) = told(&mut m, Event::Lost(DISK), 10);
    assert_eq!(notes, [Milestone::FailingWithout(DISK)]);
    assert_eq!(deeds, [Action::AskToStop(B)], "what needs another one comes first");
    assert_eq!(
        (m.state(), m.desired()),
        (State::StoppingFailed, &Desired::Down(Why::Without(DISK)))
    );
    // That it is back changes nothing any more, nor does another loss.
    assert_eq!(told(&mut m, Event::Back(DISK), 11), (vec![], vec![]));
    assert_eq!(told(&mut m, Event::Lost(ADDRESS), 11), (vec![], vec![]));
    assert_eq!(tell(&mut m, B, died(), 12), [Action::AskToStop(A)]);
    // It does not end in its time: then it is made to.
    assert_eq!(told(&mut m, Event::Tick, 40).1, [Action::TermAll(A)]);
    assert_eq!(told(&mut m, Event::Tick, 45).1, [Action::KillAll(A)]);
    tell(&mut m, A, died(), 46);
    assert_eq!(m.phase(), &SitePhase::Over);
}

#[test]
fn a_start_that_loses_its_address_is_rolled_back_in_its_time() {
    let mut m = site(two(), OnLoss::Fail);
    let (boot, rollback) = (Duration::from_secs(60), Duration::from_secs(2));
    m.step(Event::Begin { held: false, boot, rollback }, s(0));
    tell(&mut m, A, UnitEvent::Forked(pid()), 0);
    tell(&mut m, A, UnitEvent::Running, 0);
    told(&mut m, Event::Lost(ADDRESS), 1);
    assert_eq!(m.phase(), &SitePhase::Lowering { graceful_until: s(3) });
}

#[test]
fn a_degraded_site_is_well_again_when_what_it_lost_is_back() {
    let mut m = served(OnLoss::Degrade);
    assert_eq!(m.state(), State::Running);
    for lost in [DISK, ADDRESS] {
        assert_eq!(told(&mut m, Event::Lost(lost), 10), (vec![Milestone::Lost(lost)], vec![]));
        assert_eq!(told(&mut m, Event::Lost(lost), 11), (vec![], vec![]), "it is told once");
    }
    assert_eq!((m.state(), m.degraded_since()), (State::Degraded, Some(s(10))));
    assert_eq!(told(&mut m, Event::Back(DISK), 20), (vec![Milestone::Back(DISK)], vec![]));
    assert_eq!(m.state(), State::Degraded, "the address is still away");
    told(&mut m, Event::Back(ADDRESS), 21);
    assert_eq!((m.state(), m.degraded_since()), (State::Running, None));
}

#[test]
fn nothing_is_started_where_the_disk_was() {
    let restart = Restart {
        attempts: 3,
        within: Duration::from_secs(60),
        delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(1),
    };
    let restarted = |name| UnitPlan { restart: Some(restart), ..unit(name, &[]) };
    let units = || vec![restarted("a"), UnitPlan { essential: false, ..restarted("b") }];
    let lost = |m: &mut Machine, what| {
        begin(m);
        up(m, 1);
        told(m, Event::Lost(what), 10);
    };
    // One that the site can do without stays down; for the other the site is given up.
    let mut m = site(units(), OnLoss::Degrade);
    lost(&mut m, DISK);
    tell(&mut m, B, died(), 11);
    assert_eq!(told(&mut m, Event::Tick, 12).1, []);
    assert_eq!((m.unit(B), m.state()), (&Unit::GivenUp, State::Degraded));
    tell(&mut m, A, died(), 13);
    assert_eq!(told(&mut m, Event::Tick, 14).0, [Milestone::FailingWithout(DISK), Milestone::Over]);
    // Without the address it can be started.
    let mut m = site(units(), OnLoss::Degrade);
    lost(&mut m, ADDRESS);
    tell(&mut m, A, died(), 11);
    assert_eq!(told(&mut m, Event::Tick, 12).1, [Action::Spawn(A)]);
}

#[test]
fn a_loss_during_a_pause_is_told_and_bars_the_resume() {
    let mut m = served(OnLoss::Fail);
    told(&mut m, Event::Hold { graceful_until: s(20) }, 10);
    let (notes, deeds) = told(&mut m, Event::Lost(DISK), 10);
    assert_eq!((notes, deeds), (vec![Milestone::Lost(DISK)], vec![]));
    tell(&mut m, B, died(), 11);
    tell(&mut m, A, died(), 12);
    assert_eq!((m.phase(), m.state()), (&SitePhase::Held, State::Maintenance));
    let resume = || Event::Resume { boot: Duration::from_secs(60) };
    assert_eq!(told(&mut m, resume(), 13), (vec![], vec![]));
    assert_eq!(m.bars_start(), Some(DISK));
    assert_eq!(told(&mut m, Event::Back(DISK), 14).0, [Milestone::Back(DISK)]);
    assert_eq!(told(&mut m, resume(), 15).1, [Action::Spawn(A)]);
}

#[test]
fn what_is_ignored_is_no_loss() {
    let mut m = served(OnLoss::Ignore);
    assert_eq!(told(&mut m, Event::Lost(DISK), 10), (vec![], vec![]));
    assert_eq!((m.state(), m.bars_start()), (State::Running, None));
}

#[test]
fn what_is_lost_can_be_asked_until_it_is_back() {
    let mut m = served(OnLoss::Degrade);
    m.step(Event::Lost(DISK), s(10));
    m.step(Event::Lost(ADDRESS), s(11));
    assert_eq!(m.lost(), [DISK, ADDRESS]);
    m.step(Event::Back(DISK), s(12));
    assert_eq!(m.lost(), [ADDRESS]);
}
