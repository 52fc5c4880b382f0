//! The list of all sites on this node, in the columns of cjcls (source document 003, 2.5.3.1).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::agent::Target;
use crate::backend::jobcenter::find_link;
use crate::observe::observe;
use crate::observe::{Drift, drift};
use crate::site::{
    Definition, LoadError, Places, SiteName, defined_sites, load, load_snapshot, misnamed_files,
    no_directory,
};
use crate::values::Moment;

/// A site in the list.
#[derive(Debug, Serialize)]
struct SiteRow {
    name: String,
    /// The virtual host name.
    site: Option<String>,
    state: String,
    /// The PID of the daemon of a wrapped supervisor, or else of siteward's supervisor. None: SHUT.
    daemon: Option<i32>,
    database: Option<String>,
    link: Option<String>,
    /// None: this user may not look at the site.
    supervised: Option<bool>,
    /// `siteward`, or `its own` for a wrapped supervisor.
    supervisor: &'static str,
    why: Option<String>,
    /// The definition compared with the snapshot that runs: same, changed, broken or removed. For a site that is
    /// down: same or broken. None: this user may not read it.
    definition: Option<&'static str>,
    /// A sentence about the definition.
    definition_note: Option<String>,
}

/// All sites, one JSON object for each line.
pub fn list_as_json(places: &Places) -> Vec<String> {
    rows(places).iter().filter_map(|row| serde_json::to_string(row).ok()).collect()
}

/// All sites as a table, or as a paragraph each if the table is wider than `width`.
pub fn list(places: &Places, width: Option<usize>) -> Vec<String> {
    let rows = rows(places);
    // The author of a misnamed file expects its site in this list.
    let misnamed = misnamed_files(places).into_iter().map(|file| {
        format!(
            "{} defines no site: a definition is called NAME.yaml, and NAME holds a-z, 0-9, `.` and \
             `-` alone; rename it",
            file.display()
        )
    });
    if rows.is_empty() {
        let none = no_directory(places)
            .unwrap_or_else(|| format!("no site is defined in {}", places.config.display()));
        return [none].into_iter().chain(misnamed).collect();
    }
    let table = table(&rows);
    let too_wide = |width: usize| table.iter().any(|line| line.chars().count() > width);
    let mut lines = match width.is_some_and(too_wide) {
        true => paragraphs(&rows),
        false => table,
    };
    lines.extend(misnamed);
    lines
}

fn rows(places: &Places) -> Vec<SiteRow> {
    let mut names: BTreeSet<SiteName> = defined_sites(places).into_iter().collect();
    // A site that runs is listed even if its definition was removed.
    for entry in std::fs::read_dir(&places.runtime).into_iter().flatten().flatten() {
        names.extend(entry.file_name().to_str().and_then(|n| n.parse::<SiteName>().ok()));
    }
    names.iter().filter_map(|name| row(places, name)).collect()
}

fn table(rows: &[SiteRow]) -> Vec<String> {
    let width = rows.iter().map(|r| r.name.len()).max().unwrap_or(0).max(9);
    let wide = rows.iter().map(|r| r.place().len()).max().unwrap_or(0).max(13);
    let mut lines = vec![format!(
        "{:width$}  {:>10}  {:wide$}  {:8}  {}",
        "SITE-NAME", "DAEMON-PID", "DB-PATH(LINK)", "SITEWARD", "STATE"
    )];
    lines.extend(rows.iter().map(|r| {
        let (pid, on, state) = (r.pid(), r.on(), r.told_state());
        format!("{:width$}  {pid:>10}  {:wide$}  {on:8}  {state}", r.name, r.place())
    }));
    lines
}

fn paragraphs(rows: &[SiteRow]) -> Vec<String> {
    let of = |r: &SiteRow| {
        [
            r.name.clone(),
            format!("  DAEMON-PID     {}", r.pid()),
            format!("  DB-PATH(LINK)  {}", r.place()),
            format!("  SITEWARD       {}", r.on()),
            format!("  STATE          {}", r.told_state()),
        ]
    };
    rows.iter().flat_map(of).collect()
}

impl SiteRow {
    fn place(&self) -> String {
        match (&self.database, &self.link) {
            (Some(database), Some(link)) => format!("{database} ({link})"),
            (Some(database), None) => database.clone(),
            (None, _) => "-".to_owned(),
        }
    }

    fn pid(&self) -> String {
        match (self.daemon, self.supervised) {
            (Some(pid), _) => pid.to_string(),
            (None, Some(_)) => "SHUT".to_owned(),
            (None, None) => "?".to_owned(),
        }
    }

    fn on(&self) -> &'static str {
        match self.supervised {
            Some(true) => "ON",
            Some(false) => "OFF",
            None => "?",
        }
    }

    /// The state, its reason, and the note on the definition.
    fn told_state(&self) -> String {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let note = self.definition_note.as_ref().map_or_else(String::new, |n| format!("; {n}"));
        format!("{}{why}{note}", self.state)
    }
}

fn link_of(places: &Places, definition: &Definition) -> Option<PathBuf> {
    let profile = definition.wrapped.as_ref().and_then(|w| w.jobcenter.as_ref());
    let folder = profile.map_or(&places.links, |p| &p.spool);
    find_link(folder, definition.address?).map(|(link, _)| link)
}

fn row(places: &Places, name: &SiteName) -> Option<SiteRow> {
    let target = Target::new(name.clone(), places.clone(), None);
    let site = &target.site;
    let drift = drift(&target.places, &target.name);
    let definition = load(places, name).ok().or_else(|| load_snapshot(&site.snapshot(), name).ok());
    let of = definition.as_ref();
    let mut row = SiteRow {
        name: name.to_string(),
        site: of.map(|d| d.site.clone()),
        state: "unknown".to_owned(),
        daemon: None,
        database: of.and_then(|d| d.database.as_ref()).map(|d| d.display().to_string()),
        link: of.and_then(|d| link_of(places, d)).map(|l| l.display().to_string()),
        supervised: None,
        supervisor: match of.is_some_and(|d| d.wrapped.is_some()) {
            true => "its own",
            false => "siteward",
        },
        why: None,
        definition: None,
        definition_note: None,
    };
    let now = Moment::now();
    match observe(site, now, now + Duration::from_secs(2)) {
        Ok(seen) => {
            if !site.definition.exists() && seen.view.is_none() && seen.members.is_empty() {
                return None;
            }
            row.state = seen.state.to_string();
            let up = seen.is_up();
            row.definition = match &drift {
                Drift::Broken(LoadError::Denied { .. }) => None,
                Drift::Changed | Drift::Removed if !up => Some(Drift::Same.word()),
                other => Some(other.word()),
            };
            row.definition_note =
                if up { drift.while_up(&site.definition) } else { drift.while_down() };
            row.daemon = match &seen.wrapped {
                Some(wrapping) => wrapping.daemon.as_ref().map(|d| d.pid.number()),
                None => seen.view.as_ref().map(|v| v.supervisor.number()),
            };
            row.supervised = Some(seen.is_supervised());
            row.why = seen.why;
        }
        Err(denied) => row.why = Some(format!("this user may not look at it: {}", denied.0)),
    }
    Some(row)
}
