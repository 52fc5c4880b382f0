//! What a person asks for: of which sites, how deep, and in which form.

use std::time::Duration;

use super::gather::Gatherer;
use super::render::{Frame, SiteLook, all_sites, one_site};
use crate::agent::{self, Deadline, Level, Outcome, Target};
use crate::manager::{Manager, Verb};
use crate::operator::list::known_sites;
use crate::operator::page::PageLine;
use crate::process::MarkedSites;
use crate::site::Places;
use crate::values::Moment;

/// A question about the status of sites.
#[derive(Debug)]
pub struct StatusQuestion {
    pub places: Places,
    pub sites: AskedSites,
    pub level: Level,
    /// How long each site may take to answer.
    pub patience: Duration,
    pub json: bool,
    pub colours: bool,
}

/// The sites that are asked for.
#[derive(Debug)]
pub enum AskedSites {
    One(Box<Target>),
    Several(Vec<Target>),
    /// Every site that is defined here or lives here.
    All,
}

impl StatusQuestion {
    /// Looks at each site, one after the other.
    pub fn look(&self, gatherer: &mut Gatherer) -> Vec<SiteLook> {
        gatherer.begin();
        let mut look =
            |marked: Option<&MarkedSites>, target: &Target| self.look_at(marked, target, gatherer);
        match &self.sites {
            AskedSites::One(target) => vec![look(None, target)],
            AskedSites::Several(targets) => targets.iter().map(|t| look(None, t)).collect(),
            AskedSites::All => {
                let marked = MarkedSites::below(&self.places).ok();
                let names = known_sites(&self.places);
                let targets =
                    names.into_iter().map(|name| Target::new(name, self.places.clone(), None));
                targets
                    .map(|target| look(marked.as_ref(), &target))
                    .filter(|looked| !looked.is_of_nothing())
                    .collect()
            }
        }
    }

    fn look_at(
        &self,
        marked: Option<&MarkedSites>,
        target: &Target,
        gatherer: &mut Gatherer,
    ) -> SiteLook {
        let begun = Moment::now();
        let deadline = Deadline { begun, given: Some(self.patience) };
        let outcome = agent::monitor_among(marked, target, self.level, &deadline);
        let why = match &outcome {
            Outcome::Seen(seen) => {
                let report = gatherer.look(target, seen, begun + self.patience);
                return SiteLook::Seen(Box::new(report));
            }
            Outcome::Fault(fault) => fault.sentence.clone(),
            Outcome::Done(said) => said.clone(),
        };
        let code = Manager::Hand.answer(Verb::Monitor, false, &outcome).code;
        SiteLook::NotSeen { site: target.name.to_string(), why, code }
    }

    /// The lines for a person.
    pub fn lines(&self, looked: &[SiteLook], frame: Frame) -> Vec<PageLine> {
        match (&self.sites, looked) {
            (AskedSites::One(_), [SiteLook::Seen(report)]) => one_site(report, frame),
            _ => all_sites(looked, frame),
        }
    }

    /// As it is printed: an object for each site, or lines.
    pub fn print(&self, looked: &[SiteLook], frame: Frame) -> Vec<String> {
        match self.json {
            true => looked.iter().map(SiteLook::json).collect(),
            false => {
                let lines = self.lines(looked, frame);
                lines.iter().map(|line| line.print(self.colours)).collect()
            }
        }
    }
}

/// The exit code for several sites: that of the worst.
pub fn worst_code(looked: &[SiteLook]) -> u8 {
    let rank = |code: u8| match code {
        0 => 0,
        3 => 1,
        1 => 2,
        _ => 3,
    };
    looked.iter().map(SiteLook::code).max_by_key(|code| rank(*code)).unwrap_or(0)
}
