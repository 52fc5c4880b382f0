//! A new site: its definition, its database and the link to that, as cjcmksite makes them (source
//! document 003, 2.3.5). Either all of it is made, or nothing.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::backend::command::{Marked, Ran, run};
use crate::backend::jobcenter::{find_link, link_names};
use crate::control::State;
use crate::linux::{Moment, files, node};
use crate::observe::observe;
use crate::site::{Definition, Places, SiteName, load, parse};

/// What a person says of the new site.
#[derive(Debug, Default)]
pub struct CreateOptions {
    /// The virtual host name; None: the name itself.
    pub site: Option<String>,
    pub machine_id: Option<u32>,
    pub database: Option<PathBuf>,
    pub address: Option<IpAddr>,
    pub jobcenter: bool,
    /// The database does not lie on a disk that is mounted.
    pub unmounted: bool,
    /// The first process; none is known for JobCenter.
    pub command: Vec<String>,
}

/// Makes the site; what was done, a line for each.
///
/// # Errors
/// A precondition does not hold, or something could not be made; then nothing is left of it.
pub fn create(
    name: &SiteName,
    places: &Places,
    options: &CreateOptions,
) -> anyhow::Result<Vec<String>> {
    let file = places.of(name).definition;
    let written = file.exists();
    let definition = if written {
        if options.database.is_some() || options.machine_id.is_some() || options.site.is_some() {
            bail!(
                "{} is there already, and says what the site is; leave the options out to make its \
                 database and link on this node",
                file.display()
            );
        }
        load(places, name).map_err(|e| anyhow!("{e}"))?
    } else {
        let text = text_of(options)?;
        parse(name, &file, &text).map_err(|e| anyhow!("{e}"))?
    };
    let Some(database) = definition.database.clone() else {
        bail!("the site `{name}` has no database, so there is nothing to make but its definition");
    };
    let address = check(places, &definition, &database)?;
    let mut made = Made::default();
    let result = make(places, &definition, &database, address, &mut made).and_then(|()| {
        if !written {
            write_definition(&file, &definition.text)?;
            made.lines.push(format!("the definition {}", file.display()));
        }
        Ok(())
    });
    match result {
        Ok(()) => Ok(made.lines),
        Err(error) => {
            made.undo();
            Err(error)
        }
    }
}

fn text_of(options: &CreateOptions) -> anyhow::Result<String> {
    let Some(database) = &options.database else {
        bail!("where the site's database lies is missing: --database FOLDER");
    };
    let mut text = String::from("version: 1\n");
    let quoted = |value: &str| serde_json::to_string(value).unwrap_or_default();
    if let Some(site) = &options.site {
        text.push_str(&format!("site: {}\n", quoted(site)));
    }
    if let Some(id) = options.machine_id {
        text.push_str(&format!("machine_id: {id}\n"));
    }
    text.push_str(&format!("database: {}\n", quoted(&database.display().to_string())));
    if let Some(address) = options.address {
        text.push_str(&format!("address: {}\n", quoted(&address.to_string())));
    }
    if options.unmounted {
        text.push_str("prerequisites: {mounted: false}\n");
    }
    if options.jobcenter {
        text.push_str("supervisor: jobcenter\n");
        return Ok(text);
    }
    if options.command.is_empty() {
        bail!("what the site runs is missing: -- PROGRAM ARGUMENTS, or --jobcenter");
    }
    let words: Vec<String> = options.command.iter().map(|w| quoted(w)).collect();
    text.push_str(&format!("processes:\n  main:\n    command: [{}]\n", words.join(", ")));
    Ok(text)
}

/// The four preconditions (DB-02): the disk is here, the site is down, its address is here, and
/// nobody else has its database (which reading the definition has shown).
fn check(
    places: &Places,
    definition: &Definition,
    database: &Path,
) -> anyhow::Result<Option<IpAddr>> {
    let name = &definition.name;
    if let Some(point) = &definition.prerequisites.mounted
        && !node::is_mount_point(point)?
    {
        bail!(
            "{} is not mounted on this node; mount the site's disk, or say --unmounted if its \
             database lies on none",
            point.display()
        );
    }
    // A new site clashes with an old one that has its database or its host name.
    for other in crate::site::defined_sites(places).iter().filter(|other| *other != name) {
        let Ok(other) = load(places, other) else { continue };
        if other.database.as_deref() == Some(database) || other.site == definition.site {
            bail!(
                "the site `{}` has the database {} or the host name {} already; choose others",
                other.name,
                database.display(),
                definition.site
            );
        }
    }
    let now = Moment::now();
    let seen = observe(&places.of(name), now, now + Duration::from_secs(10)).map_err(|d| d.0)?;
    if !matches!(seen.state, State::Stopped | State::Failed) {
        bail!("the site `{name}` is {}; stop it first with: siteward stop {name}", seen.state);
    }
    let address = match definition.address {
        Some(address) => Some(address),
        None => resolve(&definition.site),
    };
    if let Some(address) = definition.address
        && definition.prerequisites.address_present
        && !node::addresses()?.contains(&address)
    {
        bail!("the address {address} is not on this node; let the cluster bring it first");
    }
    Ok(address)
}

/// The address of a host name, IPv4 before IPv6 (DB-07).
fn resolve(host: &str) -> Option<IpAddr> {
    let all: Vec<IpAddr> = (host, 0).to_socket_addrs().ok()?.map(|a| a.ip()).collect();
    all.iter().find(|a| a.is_ipv4()).or(all.first()).copied()
}

/// What was made, to be undone if the rest fails.
#[derive(Default)]
struct Made {
    folder: Option<PathBuf>,
    link: Option<PathBuf>,
    lines: Vec<String>,
}

impl Made {
    fn undo(&self) {
        if let Some(link) = &self.link {
            let _ = fs::remove_file(link);
        }
        // Only what is empty: nothing that anybody put there is ours to remove.
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn make(
    places: &Places,
    definition: &Definition,
    database: &Path,
    address: Option<IpAddr>,
    made: &mut Made,
) -> anyhow::Result<()> {
    match fs::create_dir(database) {
        Ok(()) => made.folder = Some(database.to_owned()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(database)?.is_dir() {
                bail!("{} is there, and is no folder", database.display());
            }
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be made", database.display()));
        }
    }
    // Whatever the umask is: others must be able to enter (source document 003, DB-12).
    if made.folder.is_some() || fs::metadata(database)?.mode() & 0o755 != 0o755 {
        fs::set_permissions(database, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("the mode of {} cannot be set", database.display()))?;
    }
    made.lines.push(format!("the database {} (mode 755)", database.display()));
    if definition.wrapped.as_ref().is_some_and(|w| w.jobcenter.is_some()) {
        return make_with_cjcmksite(places, definition, database, made);
    }
    let Some(address) = address else {
        made.lines.push(format!(
            "no link: the site names no address, and nobody knows one of {}",
            definition.site
        ));
        return Ok(());
    };
    make_link(&places.links, address, database, made)
}

fn make_link(
    folder: &Path,
    address: IpAddr,
    database: &Path,
    made: &mut Made,
) -> anyhow::Result<()> {
    if let Some((link, to)) = find_link(folder, address) {
        if to == database {
            made.lines.push(format!("the link {} was there", link.display()));
            return Ok(());
        }
        bail!(
            "the link {} leads to {} and not to {}; remove it if that site is gone",
            link.display(),
            to.display(),
            database.display()
        );
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let link = folder.join(&link_names(address)[0]);
    symlink(database, &link).with_context(|| format!("{} cannot be made", link.display()))?;
    made.lines.push(format!("the link {} (the address {address})", link.display()));
    made.link = Some(link);
    Ok(())
}

/// JobCenter makes its database and its link itself.
fn make_with_cjcmksite(
    places: &Places,
    definition: &Definition,
    database: &Path,
    made: &mut Made,
) -> anyhow::Result<()> {
    let (Some(wrapped), Some(id)) = (&definition.wrapped, definition.machine_id) else {
        bail!("JobCenter's sites have a machine ID, and none is given: --machine-id NUMBER");
    };
    let Some(profile) = &wrapped.jobcenter else { return Ok(()) };
    let words = [
        profile.command("cluster/cjcmksite"),
        definition.site.clone(),
        id.to_string(),
        database.display().to_string(),
    ];
    let until = Moment::now() + Duration::from_secs(600);
    let site = places.of(&definition.name);
    let ran = run(&words, definition, &site, Marked::No, until)
        .map_err(|why| anyhow!("`{}` was not run: {why}", words[0]))?;
    let said = match &ran {
        Ran::Ended { said, .. } => said.as_str(),
        Ran::NotRun(_) | Ran::TimedOut => "",
    };
    // Its exit status is not documented; its last words are (DB-03).
    if ran.complaint().is_some() || !said.contains("cjcmksite Complete") {
        let why = ran.complaint().unwrap_or_else(|| format!("did not complete: {said}"));
        bail!("`{}` {why}", words.join(" "));
    }
    if !database.join("nqs").is_dir() {
        bail!("`{}` said that it is complete, and made no folder nqs", words.join(" "));
    }
    made.lines.push(format!("JobCenter's site, by {}", words.join(" ")));
    Ok(())
}

fn write_definition(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    files::write_durably(file, text.as_bytes())
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(0o644)))
        .with_context(|| format!("{} cannot be written", file.display()))
}
