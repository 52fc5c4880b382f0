//! A random site, which follows from its seed.

use siteward::site::{OnLoss, Restart, WhenLost};
use siteward::supervisor::plan::{HealthPlan, Plan, ReadyPlan, UnitPlan};

use crate::dice::Dice;

pub(crate) fn random_plan(dice: &mut Dice) -> Plan {
    let count = 1 + dice.below(7) as usize;
    let units = (0..count)
        .map(|index| {
            let oneshot = dice.chance(15);
            UnitPlan {
                name: format!("unit{index}"),
                process: index,
                instance: 1,
                depends_on: (0..index).filter(|_| dice.chance(45)).collect(),
                essential: dice.chance(75),
                oneshot,
                forks: !oneshot && dice.chance(15),
                ready: match dice.below(4) {
                    0 => ReadyPlan::AtExec,
                    1 => ReadyPlan::After(dice.millis(0, 3000)),
                    _ => ReadyPlan::WhenTold,
                },
                ready_timeout: dice.chance(30).then(|| dice.millis(500, 10_000)),
                health: (!oneshot && dice.chance(30)).then(|| HealthPlan {
                    interval: dice.millis(500, 5000),
                    timeout: dice.millis(100, 2000),
                    retries: 1 + dice.below(3) as u32,
                    start_period: dice.millis(0, 3000),
                }),
                restart: dice.chance(40).then(|| Restart {
                    attempts: 1 + dice.below(3) as u32,
                    within: dice.millis(1000, 60_000),
                    delay: dice.millis(0, 1000),
                    max_delay: dice.millis(1000, 5000),
                }),
                has_stop_command: dice.chance(20),
                stop_grace: dice.millis(0, 5000),
                evidence: dice.chance(15).then(|| dice.millis(100, 3000)),
            }
        })
        .collect();
    let plan = Plan::new(
        units,
        dice.millis(2000, 30_000),
        dice.millis(0, 20_000),
        dice.millis(0, 3000),
        dice.millis(0, 500),
    );
    let mut on_loss = || match dice.below(5) {
        0 => OnLoss::Ignore,
        1 | 2 => OnLoss::Degrade,
        _ => OnLoss::Fail,
    };
    let when_lost = WhenLost { mounted: on_loss(), address_present: on_loss() };
    Plan { reserves_ports: dice.chance(30), when_lost, ..plan }
}
