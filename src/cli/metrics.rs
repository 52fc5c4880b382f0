//! `metrics`: the sites that are meant, and where the text goes.

use std::path::Path;
use std::time::Duration;

use crate::agent::{Deadline, Outcome};
use crate::messages;
use crate::operator::known_sites;
use crate::operator::metrics::{metrics, write_metrics};
use crate::site::{Places, SiteName};

/// How long all sites together may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Prints or writes the metrics of the site, or of all sites. The lines that are printed, and the outcome.
pub(super) fn collect(
    name: Option<String>,
    write: Option<&Path>,
    places: &Places,
    deadline: &Deadline,
) -> (Option<String>, Outcome) {
    let names = match name.map(|name| name.parse::<SiteName>()).transpose() {
        Ok(Some(name)) => {
            let known = places.of(&name);
            if !known.definition.exists() && !known.runtime.exists() {
                return (None, messages::site_unknown(name, "see: siteward list").into());
            }
            vec![name]
        }
        Ok(None) => known_sites(places).into_iter().collect(),
        Err(why) => return (None, messages::name_wrong(why).into()),
    };
    let until = deadline.begun + deadline.given.unwrap_or(PATIENCE);
    let found = metrics(places, &names, until);
    let printed = match write {
        None => Some(found.text),
        Some(file) => {
            if let Err(error) = write_metrics(file, &found.text) {
                return (None, messages::metrics_not_written(file.display(), error).into());
            }
            None
        }
    };
    let outcome = match &found.denied[..] {
        [] => Outcome::Done(match write {
            Some(file) => {
                format!("the metrics of {} are in {}", count(names.len()), file.display())
            }
            None => String::new(),
        }),
        [first, ..] => messages::metrics_denied(first).into(),
    };
    (printed, outcome)
}

fn count(sites: usize) -> String {
    match sites {
        1 => "one site".to_owned(),
        more => format!("{more} sites"),
    }
}
