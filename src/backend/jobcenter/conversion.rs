//! The conversion of a site's database to another layout, which a person does beside a site that is down.

use std::io;
use std::path::Path;

use super::processes::{NAMES, is_named, words, works_for};
use crate::linux::process::{Stat, all};
use crate::process::{Identity, environment_mark};
use crate::site::Jobcenter;

/// The two names of the process that is Redis (PROC-03, DB-15).
const DATABASES: [&str; 2] = ["jcdb", "jcdbs"];

/// What converts a database to another layout (UPG-02).
const CONVERTER: &str = "spoolconv";

/// A conversion of the site's database to another layout (UPG-02, UPG-03). It is neither the site nor left over from it,
/// and is never ended by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// spoolconv runs.
    UnderWay(Identity),
    /// Nothing of the site lives but a jcdbs that no site of siteward's has started: spoolconv starts one for its time.
    Alone(Identity),
}

impl Conversion {
    /// What is under way, and what to do about it: a sentence without its end.
    pub fn describe(&self) -> String {
        match self {
            Self::UnderWay(by) => {
                format!(
                    "spoolconv (process {}) converts its database; wait until that has ended",
                    by.pid
                )
            }
            Self::Alone(jcdbs) => format!(
                "jcdbs (process {0}) runs alone on its database, as it does while spoolconv converts it; wait until that \
                 has ended, or if no conversion runs, end it with: kill {0}",
                jcdbs.pid
            ),
        }
    }
}

/// A jcdbs that no site of siteward's has started. One whose mark cannot be read may be a site's.
pub fn is_jcdbs_of_nobody(stat: &Stat) -> bool {
    is_named(&words(stat), &DATABASES) && matches!(environment_mark(stat), Ok(None))
}

/// The conversion of the site's database on this node, if there is one. A site that runs is not asked for.
///
/// # Errors
/// /proc cannot be read.
pub fn conversion_of(
    profile: &Jobcenter,
    site: &str,
    database: Option<&Path>,
) -> io::Result<Option<Conversion>> {
    let mut alone = Vec::new();
    let mut is_site = false;
    for stat in all()?.into_iter().filter(Stat::is_alive) {
        let words = words(&stat);
        let is = |names: &[&str]| is_named(&words, names);
        if !is(&NAMES) && !is(&[CONVERTER]) || !works_for(&stat, profile, site, database)? {
            continue;
        }
        let Some(identity) = Identity::of(stat.pid).filter(|i| i.start == stat.start) else {
            continue;
        };
        if is(&[CONVERTER]) {
            return Ok(Some(Conversion::UnderWay(identity)));
        }
        match is_jcdbs_of_nobody(&stat) {
            true => alone.push(identity),
            false => is_site = true,
        }
    }
    Ok(alone.into_iter().next().filter(|_| !is_site).map(Conversion::Alone))
}
