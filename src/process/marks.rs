//! Which marks this node offers for the processes of a site, and by which of them a stop was proved.

use super::environment::{MARK, mark_entry};
use super::groups::Groups;
use super::record::{LOCK, Record};
use crate::linux::{files, pidfd};
use crate::site::SitePlaces;

/// A mark on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub mark: &'static str,
    pub offered: bool,
    pub detail: String,
}

/// All marks, the strongest first. For a site that was started: those that its processes have.
pub fn offered(places: &SitePlaces, record: Option<&Record>) -> Vec<Offer> {
    let offer = |mark, offered, detail| Offer { mark, offered, detail };
    let none = "version 2 is not mounted here, or systemd gives none to an ordinary user";
    let group = Groups::of(places).ok_or_else(|| none.to_owned()).and_then(|g| g.describe());
    let group = match record {
        Some(Record { group: None, phase: None, .. }) if group.is_ok() => {
            Err("the supervisor got none; its log says why".to_owned())
        }
        _ => group,
    };
    let as_one = match pidfd::signals_groups() {
        true => "signalled as one",
        false => "signalled one by one, as this kernel (before 6.9) knows no other way",
    };
    let mark = String::from_utf8_lossy(&mark_entry(places, "...")).into_owned();
    let environ = match files::is_root() {
        true => format!("{MARK}={mark}"),
        false => format!("{MARK}={mark}, readable only in this user's processes"),
    };
    vec![
        offer("cgroup", group.is_ok(), group.unwrap_or_else(|why| why)),
        offer("session", true, format!("one for each process, and its group is {as_one}")),
        offer(LOCK, true, places.process_locks().display().to_string()),
        offer("record", true, places.record().display().to_string()),
        offer("environment", true, environ),
        offer("descent", true, "from the supervisor, to which orphans return".to_owned()),
    ]
}

/// The marks that a verb looks for before it says "stopped".
pub fn proof(places: &SitePlaces, record: &Record) -> Vec<String> {
    offered(places, Some(record))
        .into_iter()
        .filter(|o| o.offered)
        .map(|o| o.mark.to_owned())
        .collect()
}
