//! Creates a site: its definition, its database and the link to the database, as cjcmksite does (source
//! document 003, 2.3.5). If one of them cannot be created, the others are removed again.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, anyhow, bail};

use crate::agent::Deadline;
use crate::backend::command::{Marked, run};
use crate::backend::jobcenter::{
    Complaint, ComplaintSubject, complaints, find_link, link_names, local_daemons,
};
use crate::control::State;
use crate::disk::{FolderJob, do_with_folder};
use crate::linux::{files, node};
use crate::observe::observe;
use crate::site::{Definition, Jobcenter, Places, SiteName, load, parse};
use crate::values::Moment;

/// The time limit for the disk, unless the caller gives one.
const DISK: Duration = Duration::from_secs(60);
/// The time limit of cjcmksite, unless the caller gives one.
const CJCMKSITE: Duration = Duration::from_secs(600);

/// The options of a new site.
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
    /// The command of the first process; empty for JobCenter.
    pub command: Vec<String>,
}

/// Makes the site. Returns a line for each part that was made.
///
/// # Errors
/// A precondition does not hold, or a part could not be made. The other parts are then removed.
pub fn create(
    name: &SiteName,
    places: &Places,
    options: &CreateOptions,
    deadline: &Deadline,
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
    let maker = Maker { places, definition: &definition, database: &database, deadline };
    let mut made = Made::default();
    let result = maker.make(address, &mut made).and_then(|()| {
        if !written {
            write_definition(&file, &definition.text)?;
            made.lines.push(format!("the definition {}", file.display()));
        }
        Ok(())
    });
    match result {
        Ok(()) => Ok(made.lines),
        Err(error) => Err(maker.undo(&made, error)),
    }
}

fn text_of(options: &CreateOptions) -> anyhow::Result<String> {
    let Some(database) = &options.database else {
        bail!("the database directory is missing: --database DIRECTORY");
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
        bail!("the program is missing: -- PROGRAM ARGUMENTS, or --jobcenter");
    }
    let words: Vec<String> = options.command.iter().map(|w| quoted(w)).collect();
    text.push_str(&format!("processes:\n  main:\n    command: [{}]\n", words.join(", ")));
    Ok(text)
}

/// Checks the preconditions (DB-02): the disk is mounted, no other site has the database or the host name,
/// the site is down, and its address is present. Returns the address.
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
    // No two sites may share a database or a host name.
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
    if let Some(profile) = definition.jobcenter() {
        check_jobcenter(definition, profile, database, address)?;
    }
    Ok(address)
}

/// What cjcmksite asks for and does not always check (DB-02, DB-05, DB-06, DB-11).
fn check_jobcenter(
    definition: &Definition,
    profile: &Jobcenter,
    database: &Path,
    address: Option<IpAddr>,
) -> anyhow::Result<()> {
    let host = &definition.site;
    let Some(address) = address else {
        bail!(
            "the host name {host} has no address; write it to /etc/hosts on every node, or say --address"
        );
    };
    if definition.prerequisites.address_present && !node::addresses()?.contains(&address) {
        bail!(
            "the host name {host} is {address}, which is not on this node; let the cluster bring it first, or cjcmksite \
             fails"
        );
    }
    let is_of_daemon = |c: &Complaint| c.subject == ComplaintSubject::LocalDaemon;
    let complaints = complaints(profile, host, database, Some(address), false);
    if let Some(complaint) = complaints.into_iter().find(is_of_daemon) {
        bail!(
            "{}; write it, and restart the local site, before a site is made",
            complaint.sentence
        );
    }
    if let Some(local) = local_daemons().first() {
        bail!(
            "the local site of JobCenter is up (process {}); stop it on every node with: {}",
            local.pid,
            profile.command("nqsstop")
        );
    }
    Ok(())
}

/// The address of a host name, IPv4 before IPv6 (DB-07).
fn resolve(host: &str) -> Option<IpAddr> {
    let all: Vec<IpAddr> = (host, 0).to_socket_addrs().ok()?.map(|a| a.ip()).collect();
    all.iter().find(|a| a.is_ipv4()).or(all.first()).copied()
}

/// The parts that were made. They are removed if a later part fails.
#[derive(Default)]
struct Made {
    folder: bool,
    link: Option<PathBuf>,
    lines: Vec<String>,
}

struct Maker<'a> {
    places: &'a Places,
    definition: &'a Definition,
    database: &'a Path,
    deadline: &'a Deadline,
}

impl Maker<'_> {
    /// The end of the caller's time, or of `usual` from now where the caller gave none.
    fn until(&self, usual: Duration) -> Moment {
        let given = self.deadline.given.map(|given| self.deadline.begun + given);
        given.unwrap_or_else(|| Moment::now() + usual)
    }

    fn folder(&self, path: &Path, job: FolderJob) -> anyhow::Result<bool> {
        do_with_folder(self.places, path, job, self.until(DISK)).map_err(Error::msg)
    }

    fn make(&self, address: Option<IpAddr>, made: &mut Made) -> anyhow::Result<()> {
        made.folder = self.folder(self.database, FolderJob::Make)?;
        let at = self.database.display();
        made.lines.push(match made.folder {
            true => format!("the database {at} (mode 755)"),
            false => format!("the database {at}, which was there and keeps its mode"),
        });
        if self.definition.jobcenter().is_some() {
            return self.make_with_cjcmksite(address, made);
        }
        let Some(address) = address else {
            made.lines.push(format!(
                "no link: the definition has no address, and the host name {} has none",
                self.definition.site
            ));
            return Ok(());
        };
        make_link(&self.places.links, address, self.database, made)
    }

    /// Removes the parts that were made. The error then also names a part that could not be removed.
    fn undo(&self, made: &Made, error: Error) -> Error {
        if let Some(link) = &made.link {
            let _ = fs::remove_file(link);
        }
        // A directory that is not empty stays, because its files are not siteward's.
        match made.folder.then(|| self.folder(self.database, FolderJob::Remove)) {
            Some(Err(left)) => anyhow!("{error:#}; left as it is: {left:#}"),
            Some(Ok(_)) | None => error,
        }
    }

    /// JobCenter makes the database and the link itself.
    fn make_with_cjcmksite(&self, address: Option<IpAddr>, made: &mut Made) -> anyhow::Result<()> {
        let Self { definition, database, .. } = self;
        let Some(profile) = definition.jobcenter() else {
            return Ok(());
        };
        let elsewhere = address.map(|address| {
            let link = profile.spool.join(&link_names(address)[0]);
            let file = self.places.of(&definition.name).definition;
            format!(
                "to do on every other node: copy {} there, and: ln -s {} {}",
                file.display(),
                database.display(),
                link.display()
            )
        });
        // A site that is there is taken over, and never made again.
        if self.folder(&database.join("nqs"), FolderJob::Look)? {
            made.lines.push(format!("JobCenter's site in {}, which was there", database.display()));
            if let Some(address) = address {
                make_link(&profile.spool, address, database, made)?;
                made.lines.push(self.how_to_make_anew(profile, address));
            }
            made.lines.extend(elsewhere);
            return Ok(());
        }
        if !made.folder && self.folder(database, FolderJob::IsUsed)? {
            bail!(
                "{} holds something else than a site of JobCenter (no folder nqs); choose an empty directory",
                database.display()
            );
        }
        let Some(id) = definition.machine_id else {
            bail!("JobCenter's sites have a machine ID, and none is given: --machine-id NUMBER");
        };
        let words = [
            profile.command("cluster/cjcmksite"),
            definition.site.clone(),
            id.to_string(),
            database.display().to_string(),
        ];
        let site = self.places.of(&definition.name);
        let ran = run(&words, definition, &site, Marked::No, self.until(CJCMKSITE))
            .map_err(|why| anyhow!("`{}` was not run: {why}", words[0]))?;
        let said = ran.text();
        // Its exit status is not documented; its last words are (DB-03).
        if ran.complaint().is_some() || !said.contains("cjcmksite Complete") {
            let why = ran.complaint().unwrap_or_else(|| format!("did not complete: {said}"));
            bail!("`{}` {why}", words.join(" "));
        }
        if !self.folder(&database.join("nqs"), FolderJob::Look)? {
            bail!("`{}` said that it is complete, and made no folder nqs", words.join(" "));
        }
        made.lines.push(format!("JobCenter's site, by {}", words.join(" ")));
        made.lines.extend(elsewhere);
        Ok(())
    }

    /// What a person does who wants another site in the place of the one that is there (DB-10). It is never done here.
    fn how_to_make_anew(&self, profile: &Jobcenter, address: IpAddr) -> String {
        format!(
            "to make it anew, which loses its job networks and their results: {} and rm {} on every node, then delete all \
             that is in {}, and: siteward create {}",
            profile.command("nqsstop"),
            profile.spool.join(&link_names(address)[0]).display(),
            self.database.display(),
            self.definition.name
        )
    }
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

fn write_definition(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    files::write_durably(file, text.as_bytes())
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(0o644)))
        .with_context(|| format!("{} cannot be written", file.display()))
}
