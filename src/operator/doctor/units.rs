//! The units that systemd starts at boot, read from their files, so that no systemd has to answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of units, the first of which counts (systemd.unit(5)).
const FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A unit that is started at boot.
#[derive(Debug)]
pub(super) struct BootUnit {
    pub(super) name: String,
    text: String,
}

impl BootUnit {
    /// The values of a setting, in its order.
    pub(super) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter_map(move |line| {
            line.trim().strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim)
        })
    }
}

/// Every unit that a target wants or requires, and that is not masked.
pub(super) fn at_boot() -> Vec<BootUnit> {
    let mut names = BTreeSet::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let wants = entry.file_name().to_string_lossy().into_owned();
            if wants.ends_with(".wants") || wants.ends_with(".requires") {
                let units = fs::read_dir(entry.path()).into_iter().flatten().flatten();
                names.extend(units.map(|unit| unit.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    names.into_iter().filter_map(read).collect()
}

fn read(name: String) -> Option<BootUnit> {
    let path = find(&name).or_else(|| find(&template(&name)?))?;
    // The file of a masked unit is /dev/null, which is empty.
    let text = fs::read_to_string(&path).ok()?.replace("\\\n", " ");
    Some(BootUnit { name, text })
}

fn find(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// `getty@tty1.service` is made of `getty@.service`.
fn template(name: &str) -> Option<String> {
    let (stem, rest) = name.split_once('@')?;
    let (_, ending) = rest.rsplit_once('.')?;
    Some(format!("{stem}@.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_their_continued_lines() {
        let unit = BootUnit {
            name: "a.service".to_owned(),
            text: "[Service]\n# ExecStart=/no\nExecStart = /usr/bin/a  b\nExecStartPost=/c\n"
                .to_owned(),
        };
        assert_eq!(unit.values("ExecStart").collect::<Vec<_>>(), ["/usr/bin/a  b"]);
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("cron.service"), None);
    }
}
