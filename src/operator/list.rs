//! Every site defined here, in the columns of cjcls.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::linux::Moment;
use crate::observe::observe;
use crate::site::{Places, SiteName, defined_sites, load, load_snapshot};

/// One line.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    state: String,
    /// The supervisor's number; None: SHUT.
    supervisor: Option<i32>,
    database: Option<String>,
    supervised: bool,
    why: Option<String>,
}

/// The table, or JSON.
pub fn list(places: &Places, json: bool) -> Vec<String> {
    let mut names: BTreeSet<SiteName> = defined_sites(places).into_iter().collect();
    // A site that runs without its definition is listed all the same.
    for entry in std::fs::read_dir(&places.runtime).into_iter().flatten().flatten() {
        names.extend(entry.file_name().to_str().and_then(|n| n.parse::<SiteName>().ok()));
    }
    let rows: Vec<Row> = names.iter().filter_map(|name| row(places, name)).collect();
    if json {
        return rows.iter().filter_map(|row| serde_json::to_string(row).ok()).collect();
    }
    if rows.is_empty() {
        return vec![format!("no site is defined in {}", places.config.display())];
    }
    let width = rows.iter().map(|r| r.name.len()).max().unwrap_or(0).max(9);
    let database = |r: &Row| r.database.clone().unwrap_or_else(|| "-".to_owned());
    let wide = rows.iter().map(|r| database(r).len()).max().unwrap_or(0).max(7);
    let mut lines = vec![format!(
        "{:width$}  {:>10}  {:wide$}  {:8}  {}",
        "SITE-NAME", "DAEMON-PID", "DB-PATH", "SITEWARD", "STATE"
    )];
    lines.extend(rows.iter().map(|r| {
        let pid = r.supervisor.map_or_else(|| "SHUT".to_owned(), |p| p.to_string());
        let on = if r.supervised { "ON" } else { "OFF" };
        let why = r.why.as_ref().map_or_else(String::new, |w| format!(" ({w})"));
        format!("{:width$}  {pid:>10}  {:wide$}  {on:8}  {}{why}", r.name, database(r), r.state)
    }));
    lines
}

fn row(places: &Places, name: &SiteName) -> Option<Row> {
    let site = places.of(name);
    let defined = load(places, name);
    let database = defined.ok().or_else(|| load_snapshot(&site.snapshot(), name).ok());
    let database = database.and_then(|d| d.database).map(|d| d.display().to_string());
    let now = Moment::now();
    match observe(&site, now, now + Duration::from_secs(2)) {
        Ok(seen) => {
            if !site.definition.exists() && seen.view.is_none() && seen.members.is_empty() {
                return None;
            }
            Some(Row {
                name: name.to_string(),
                state: seen.state.to_string(),
                supervisor: seen.view.as_ref().map(|v| v.supervisor.number()),
                database,
                supervised: seen.is_supervised(),
                why: seen.why,
            })
        }
        Err(denied) => Some(Row {
            name: name.to_string(),
            state: "unknown".to_owned(),
            supervisor: None,
            database,
            supervised: false,
            why: Some(denied.0.to_string()),
        }),
    }
}
