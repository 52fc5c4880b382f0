//! `metrics`: the sites that are meant, and where the text goes.

use std::path::Path;
use std::time::Duration;

use crate::agent::{Deadline, Fault, FaultKind, Outcome};
use crate::operator::metrics::{all_sites, metrics, write_metrics};
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
                let why = format!("there is no site `{name}` here; see: siteward list");
                return (None, Fault::new(FaultKind::NotInstalled, why).into());
            }
            vec![name]
        }
        Ok(None) => all_sites(places),
        Err(why) => return (None, Fault::new(FaultKind::Misconfigured, why).into()),
    };
    let until = deadline.begun + deadline.given.unwrap_or(PATIENCE);
    let found = metrics(places, &names, until);
    let printed = match write {
        None => Some(found.text),
        Some(file) => {
            if let Err(error) = write_metrics(file, &found.text) {
                let why = format!("the metrics cannot be written to {}: {error}", file.display());
                return (None, Fault::failed(why).into());
            }
            None
        }
    };
    let outcome = match &found.denied[..] {
        [] => Outcome::Done(match write {
            Some(file) => format!("the metrics of {} are in {}", count(names.len()), file.display()),
            None => String::new(),
        }),
        [first, ..] => Fault::new(
            FaultKind::NotPermitted,
            format!("this user may not look at the site `{first}`, which is told as unknown; try as root"),
        )
        .into(),
    };
    (printed, outcome)
}

fn count(sites: usize) -> String {
    match sites {
        1 => "one site".to_owned(),
        more => format!("{more} sites"),
    }
}
