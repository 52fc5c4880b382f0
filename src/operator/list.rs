//! The list of all sites on this node, in the columns of cjcls (source document 003, 2.5.3.1).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::page::{PageColumn, PageLine, PageRow, PageTable, Tone, Words, tone_of, wrap};
use crate::agent::Target;
use crate::backend::jobcenter::find_link;
use crate::control::State;
use crate::observe::{Drift, drift_of, observe_among};
use crate::process::MarkedSites;
use crate::site::{
    Claims, Definition, LoadError, Places, SiteName, defined_sites, load_uncompared,
    misnamed_files, no_directory,
};
use crate::values::Moment;

/// A site in the list.
#[derive(Debug, Serialize)]
struct SiteRow {
    name: String,
    /// The virtual host name.
    site: Option<String>,
    state: &'static str,
    #[serde(skip)]
    tone: Tone,
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

/// All sites as a table, or as a block each where the table does not fit.
pub fn list(places: &Places, width: Option<usize>) -> Vec<PageLine> {
    let rows = rows(places);
    // The author of a misnamed file expects its site in this list.
    let misnamed = misnamed_files(places).into_iter().map(|file| {
        format!(
            "{} defines no site: a definition is called NAME.yaml, and NAME holds a-z, 0-9, `.` and \
             `-` alone; rename it",
            file.display()
        )
    });
    let none = rows.is_empty().then(|| {
        no_directory(places)
            .unwrap_or_else(|| format!("no site is defined in {}", places.config.display()))
    });
    let sentences = none.into_iter().chain(misnamed).map(Words::plain);
    let table = if rows.is_empty() { Vec::new() } else { table(&rows, width) };
    table.into_iter().chain(sentences.flat_map(|words| wrap(&words, width, 0, 2))).collect()
}

/// The sites that are defined here, and those that may live here though their definition was removed.
pub fn known_sites(places: &Places) -> BTreeSet<SiteName> {
    let mut names: BTreeSet<SiteName> = defined_sites(places).into_iter().collect();
    for entry in std::fs::read_dir(&places.runtime).into_iter().flatten().flatten() {
        names.extend(entry.file_name().to_str().and_then(|n| n.parse::<SiteName>().ok()));
    }
    names
}

fn rows(places: &Places) -> Vec<SiteRow> {
    let claims = Claims::of_installed(places);
    // Where the walk failed, each look walks by itself, and its site's row tells why that failed.
    let marked = MarkedSites::below(places).ok();
    let row = |name: &SiteName| row(places, name, &claims, marked.as_ref());
    known_sites(places).iter().filter_map(row).collect()
}

/// The names of cjcls for the first columns.
const COLUMNS: [PageColumn; 5] = [
    PageColumn::left("SITE-NAME"),
    PageColumn::right("DAEMON-PID"),
    PageColumn::left("DB-PATH(LINK)"),
    PageColumn::left("SITEWARD"),
    PageColumn::left("STATE"),
];

fn table(rows: &[SiteRow], width: Option<usize>) -> Vec<PageLine> {
    let row = |row: &SiteRow| PageRow {
        cells: vec![row.name.clone(), row.pid(), row.place(), row.on().to_owned()],
        last: vec![row.told_state()],
    };
    let table = PageTable { columns: COLUMNS.to_vec(), rows: rows.iter().map(row).collect() };
    if !table.fits(width, 0) {
        return table.rows.iter().flat_map(|row| block(row, width)).collect();
    }
    let (title, lines) = table.lines(width, 0);
    std::iter::once(title).chain(lines.into_iter().flatten()).collect()
}

fn block(row: &PageRow, width: Option<usize>) -> Vec<PageLine> {
    let mut cells = row.cells.iter();
    let mut lines: Vec<PageLine> =
        cells.next().map(|name| name.clone().into()).into_iter().collect();
    for (column, cell) in COLUMNS[1..].iter().zip(cells) {
        lines.extend(labelled(column.title, &Words::plain(cell), width));
    }
    lines.extend(row.last.iter().flat_map(|state| labelled(COLUMNS[4].title, state, width)));
    lines
}

/// The text beside its label.
fn labelled(label: &str, words: &Words, width: Option<usize>) -> Vec<PageLine> {
    let before = format!("  {label:15}");
    let mut lines = wrap(words, width, before.len(), before.len());
    if let Some(first) = lines.first_mut() {
        first.text.replace_range(..before.len(), &before);
    }
    lines
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
    fn told_state(&self) -> Words {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let note = self.definition_note.as_ref().map_or_else(String::new, |n| format!("; {n}"));
        Words::plain(self.state).in_tone(self.tone).then(&format!("{why}{note}"))
    }
}

fn link_of(places: &Places, definition: &Definition) -> Option<PathBuf> {
    let profile = definition.jobcenter();
    let folder = profile.map_or(&places.links, |p| &p.spool);
    find_link(folder, definition.address?).map(|(link, _)| link)
}

fn row(
    places: &Places,
    name: &SiteName,
    claims: &Claims,
    marked: Option<&MarkedSites>,
) -> Option<SiteRow> {
    let target = Target::new(name.clone(), places.clone(), None);
    let site = &target.site;
    let read =
        load_uncompared(places, name).and_then(|definition| match claims.clash(&definition) {
            Some(clash) => Err(LoadError::Unusable(clash)),
            None => Ok(definition),
        });
    let (drift, definition) = drift_of(read, places, name);
    let of = definition.as_ref();
    let mut row = SiteRow {
        name: name.to_string(),
        site: of.map(|d| d.site.clone()),
        state: State::Unknown.word(),
        tone: tone_of(State::Unknown),
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
    let until = now + Duration::from_secs(2);
    match observe_among(marked, site, now, until) {
        Ok(seen) => {
            if !site.definition.exists() && seen.view.is_none() && seen.members.is_empty() {
                return None;
            }
            (row.state, row.tone) = (seen.state.word(), tone_of(seen.state));
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
