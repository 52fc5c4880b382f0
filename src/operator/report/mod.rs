//! `siteward report`: one page of HTML about what happened to a site, which needs no network and no script.
//!
//! Promises: every text from outside is escaped; each moment on the page is that of an entry. Must never: tell
//! a value of the environment, or the arguments of a command.

mod drawing;
mod entries;
mod incidents;
mod outages;
mod overview;
mod page;
mod settings;
mod startups;
mod summary;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::account::Account;
use super::chart::Calendar;
use crate::agent::Target;
use crate::linux::files;

/// Where a report goes, and what is in it.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// `-` is standard output. None: `SITE-DATE.html` in the current directory.
    pub output: Option<PathBuf>,
    /// An existing file is replaced.
    pub force: bool,
    pub since: Option<Timestamp>,
}

/// Writes the page. Gives a sentence for the person.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn write_report(target: &Target, options: &ReportOptions) -> anyhow::Result<String> {
    let calendar = Calendar::local();
    let named = options.output.clone();
    let path = named.unwrap_or_else(|| {
        PathBuf::from(format!("{}-{}.html", target.name, calendar.date(Timestamp::now())))
    });
    let is_output = path == Path::new("-");
    match path.symlink_metadata() {
        Ok(there) if !is_output && !there.is_file() => bail!(
            "{} is no plain file; name a file with -o, or `-` for standard output",
            path.display()
        ),
        Ok(_) if !is_output && !options.force => bail!("{}", exists(&path)),
        _ => {}
    }
    let account = Account::read(target, options.since);
    let page = page::page(&account, &calendar);
    if is_output {
        let mut out = io::stdout().lock();
        match out.write_all(page.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(error).context("the report could not be written to standard output");
            }
            _ => return Ok(String::new()),
        }
    }
    let written = match options.force {
        true => files::write_durably(&path, page.as_bytes()),
        false => files::write_new(&path, page.as_bytes()),
    };
    match written {
        Ok(()) => {
            Ok(format!("the report on the site `{}` is written to {}", target.name, path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!("{}", exists(&path)),
        Err(error) => Err(error).with_context(|| {
            format!("the report cannot be written to {}; name another file with -o", path.display())
        }),
    }
}

fn exists(path: &Path) -> String {
    format!("{} exists; name another file with -o, or replace it with --force", path.display())
}
