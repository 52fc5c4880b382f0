//! Two nodes on which one site is started and stopped, and the lease of its database: a lock that a keeper holds, and
//! a record that says who had it last, and whether it was given back.

use std::collections::BTreeMap;
use std::time::Duration;

use siteward::supervisor::machine::{Event, SitePhase};
use siteward::values::Moment;

use crate::dice::Dice;
use crate::world::{Order, Trouble, World};

/// How long another node waits that finds the lock free and the lease not given back.
const OTHERS_WAIT: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A manager orders it.
    Start,
    Stop,
    Pause,
    Resume,
    KeeperDies,
    NodeDies,
    /// A start looks at the lease.
    Look,
    /// The supervisor sees that its keeper is dead.
    Seen,
    /// Its next keeper tries to take the lease.
    TakeAgain,
}

#[derive(Debug, Default)]
struct Lease {
    holder: Option<usize>,
    free_since: Option<Moment>,
    /// Who had it last.
    owner: Option<usize>,
    was_released: bool,
}

#[derive(Default)]
struct Node {
    /// A site that runs here.
    world: Option<World>,
    /// A start waits for the lease until then.
    waits_until: Option<Moment>,
    saw_it_free: Option<Moment>,
    /// The supervisor has no keeper at present.
    is_without_keeper: bool,
}

pub(crate) struct TwoNodes {
    dice: Dice,
    now: Moment,
    /// The site, before it is started anywhere.
    site: World,
    nodes: [Node; 2],
    lease: Lease,
    future: BTreeMap<(Moment, u64), (usize, Happening)>,
    next: u64,
    trace: bool,
    steps: u64,
}

impl TwoNodes {
    pub(crate) fn new(dice: Dice, trace: bool) -> Self {
        let mut site = World::new(dice, Trouble::default(), trace);
        let dice = std::mem::replace(&mut site.dice, Dice::of_list(Vec::new()));
        Self {
            dice,
            now: site.now,
            site,
            nodes: [Node::default(), Node::default()],
            lease: Lease::default(),
            future: BTreeMap::new(),
            next: 0,
            trace,
            steps: 0,
        }
    }

    pub(crate) fn decisions(self) -> Vec<u64> {
        self.dice.taken
    }

    pub(crate) fn steps(&self) -> u64 {
        let running = self.nodes.iter().filter_map(|n| n.world.as_ref());
        self.steps + running.map(|w| w.steps).sum::<u64>()
    }

    fn plan(&mut self, after: Duration, node: usize, what: Happening) {
        self.next += 1;
        self.future.insert((self.now + after, self.next), (node, what));
    }

    pub(crate) fn live(&mut self) -> Result<(), String> {
        self.plan(Duration::ZERO, 0, Happening::Start);
        let mut at = Duration::ZERO;
        for _ in 0..4 + self.dice.below(16) {
            at += match self.dice.below(3) {
                0 => self.dice.millis(0, 100),
                1 => self.dice.millis(0, 3000),
                _ => self.dice.millis(0, 20_000),
            };
            let node = self.dice.below(2) as usize;
            let what = match self.dice.below(12) {
                0..=4 => Happening::Start,
                5 | 6 => Happening::Stop,
                7 => Happening::Pause,
                8 => Happening::Resume,
                9 | 10 => Happening::KeeperDies,
                _ => Happening::NodeDies,
            };
            self.plan(at, node, what);
        }
        let over = self.now + at + Duration::from_secs(60);
        while self.now < over {
            let own = self.future.keys().next().map(|(at, _)| *at);
            let worlds = [0, 1].map(|n| self.nodes[n].world.as_ref().and_then(World::next_moment));
            let Some(next) = worlds.into_iter().flatten().chain(own).min() else { break };
            self.now = self.now.max(next);
            if own == Some(next)
                && let Some((_, (node, what))) = self.future.pop_first()
            {
                if self.trace {
                    println!("{:?} node {node}: {what:?}", self.now);
                }
                self.happens(node, what)?;
            }
            for (node, due) in worlds.into_iter().enumerate() {
                if due == Some(next) {
                    self.within(node, |world| world.go(next))?;
                }
                self.may_be_over(node);
            }
            self.check()?;
        }
        Ok(())
    }

    /// Lets the world of a node take its decisions from the one list.
    fn within(
        &mut self,
        node: usize,
        what: impl FnOnce(&mut World) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(world) = &mut self.nodes[node].world else { return Ok(()) };
        if self.trace {
            println!("   on node {node}:");
        }
        world.now = world.now.max(self.now);
        std::mem::swap(&mut world.dice, &mut self.dice);
        let outcome = what(world);
        std::mem::swap(&mut world.dice, &mut self.dice);
        outcome
    }

    fn happens(&mut self, node: usize, what: Happening) -> Result<(), String> {
        let it = &mut self.nodes[node];
        match what {
            Happening::Start => {
                if it.world.is_none() && it.waits_until.is_none() {
                    it.waits_until = Some(self.now + Duration::from_secs(10));
                    it.saw_it_free = None;
                    return self.looks_at_lease(node);
                }
                Ok(())
            }
            Happening::Stop => {
                it.waits_until = None;
                let time = self.dice.millis(0, 5000);
                self.orders(node, Order::Stop(time))
            }
            Happening::Pause => self.orders(node, Order::Hold),
            Happening::Resume => self.orders(node, Order::Resume),
            Happening::KeeperDies => {
                let works = it.world.as_ref().is_some_and(|world| !world.is_alone);
                if works && self.lease.holder == Some(node) {
                    it.is_without_keeper = true;
                    if let Some(world) = &mut it.world {
                        // Both at one time is left out.
                        world.dies_in = None;
                    }
                    self.lets_go();
                    let after = self.dice.millis(0, 20);
                    self.plan(after, node, Happening::Seen);
                }
                Ok(())
            }
            Happening::NodeDies => {
                self.steps += it.world.take().map_or(0, |world| world.steps);
                *it = Node::default();
                if self.lease.holder == Some(node) {
                    self.lets_go();
                }
                Ok(())
            }
            Happening::Look => self.looks_at_lease(node),
            Happening::Seen | Happening::TakeAgain => self.takes_again(node, what),
        }
    }

    fn lets_go(&mut self) {
        self.lease.holder = None;
        self.lease.free_since = Some(self.now);
    }

    fn orders(&mut self, node: usize, order: Order) -> Result<(), String> {
        self.within(node, |world| {
            if world.is_alone {
                world.order_alone(order);
                return Ok(());
            }
            world.order(order)
        })
    }

    /// A start waits until it may take the lease.
    fn looks_at_lease(&mut self, node: usize) -> Result<(), String> {
        let it = &mut self.nodes[node];
        let Some(until) = it.waits_until else { return Ok(()) };
        if self.now > until {
            it.waits_until = None;
            return Ok(());
        }
        let lease = &self.lease;
        let is_clean = lease.owner.is_none() || lease.was_released || lease.owner == Some(node);
        if lease.holder.is_some() {
            it.saw_it_free = None;
        } else if is_clean {
            return self.starts(node);
        } else {
            let since = *it.saw_it_free.get_or_insert(self.now);
            let stayed_free = lease.free_since.is_none_or(|free| free <= since);
            if !stayed_free {
                it.saw_it_free = Some(self.now);
            } else if self.now >= since + OTHERS_WAIT {
                return self.starts(node);
            }
        }
        let after = self.dice.millis(1, 100);
        self.plan(after, node, Happening::Look);
        Ok(())
    }

    fn starts(&mut self, node: usize) -> Result<(), String> {
        self.lease =
            Lease { holder: Some(node), owner: Some(node), free_since: None, was_released: false };
        let mut world = self.site.clone();
        world.now = self.now;
        world.quiet_from = self.now + self.dice.millis(0, 60_000);
        world.dies_in = self.dice.chance(30).then(|| self.dice.below(60));
        self.nodes[node] = Node { world: Some(world), ..Node::default() };
        let rollback = Duration::from_secs(5);
        self.within(node, |world| {
            let boot = world.machine.plan().boot_timeout;
            world.step(Event::Begin { held: false, boot, rollback })
        })
    }

    /// The supervisor has another keeper take the lease again, as long as nobody else had it.
    fn takes_again(&mut self, node: usize, what: Happening) -> Result<(), String> {
        if !self.nodes[node].is_without_keeper || self.nodes[node].world.is_none() {
            return Ok(());
        }
        let fails = matches!(what, Happening::Seen) || self.dice.chance(20);
        let is_taken = self.lease.holder.is_some() || self.lease.owner != Some(node);
        if is_taken {
            self.nodes[node].is_without_keeper = false;
            return self.orders(node, Order::LoseLease);
        }
        if fails && self.lease.free_since.is_some_and(|free| free.until(self.now).as_millis() < 300)
        {
            let after = self.dice.millis(5, 100);
            self.plan(after, node, Happening::TakeAgain);
            return Ok(());
        }
        self.nodes[node].is_without_keeper = false;
        self.lease.holder = Some(node);
        Ok(())
    }

    /// A site that is over, or was ended by a verb, gives its lease back.
    fn may_be_over(&mut self, node: usize) {
        let Some(world) = &self.nodes[node].world else { return };
        let is_over = !world.is_alone && *world.machine.phase() == SitePhase::Over;
        if !is_over && !world.is_swept {
            return;
        }
        self.steps += world.steps;
        self.nodes[node].world = None;
        if self.lease.holder == Some(node) {
            self.lets_go();
            self.lease.was_released = true;
        }
    }

    fn check(&self) -> Result<(), String> {
        let lives = |node: &Node| {
            node.world.as_ref().is_some_and(|w| w.bodies.iter().any(|b| b.main || b.others))
        };
        if self.nodes.iter().all(lives) {
            return Err("processes of the site live on both nodes".to_owned());
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let is_lost = node.world.as_ref().is_some_and(|world| world.is_lease_lost);
            let keeps = self.lease.holder == Some(number);
            if lives(node) && !keeps && !node.is_without_keeper && !is_lost {
                return Err(format!("node {number} has processes, and not the lease"));
            }
        }
        Ok(())
    }
}
