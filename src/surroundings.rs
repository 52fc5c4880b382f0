//! What a site needs of its node while it runs: its disk mounted and its address present. The question is the
//! same for the gate before a start, for the supervisor, and for the monitor of a wrapped site.
//!
//! Promises: a loss is told with its object and with who can have caused it.
//! Must never: touch the disk. Only the mount table and the addresses are read.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::linux::addresses::{Presence, presence};
use crate::linux::mounts::{Mount, MountSource, MountTable};
use crate::site::{Definition, OnLoss, Prerequisite};

/// A loss counts if a second look, so much later, finds it too: an address may be removed and added again at once,
/// as by a network service that reads its settings again.
pub const CONFIRMED_AFTER: Duration = Duration::from_millis(150);

/// A prerequisite that does not hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    Unmounted(PathBuf),
    /// Another file system is mounted over it.
    MountedOver(PathBuf),
    AddressRemoved(IpAddr),
    /// The address is only on this interface, which is down.
    InterfaceDown(IpAddr, String),
}

impl Loss {
    /// What happened, and who can have done it, as a sentence without its full stop. `site`: how the site was,
    /// such as "running".
    pub fn sentence(&self, site: &str) -> String {
        // siteward mounts nothing and moves no address.
        format!("{self} under the {site} site, by the cluster manager or by hand: see their logs")
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmounted(path) => write!(f, "{} was unmounted", path.display()),
            Self::MountedOver(path) => write!(f, "another disk was mounted on {}", path.display()),
            Self::AddressRemoved(address) => write!(f, "the address {address} was removed"),
            Self::InterfaceDown(address, name) => {
                write!(f, "the interface {name} of the address {address} was set down")
            }
        }
    }
}

/// The disk that must be mounted while the site runs.
#[derive(Clone, Debug)]
pub struct SiteDisk {
    /// Where it is mounted.
    point: PathBuf,
    /// What must lie on it.
    path: PathBuf,
}

impl SiteDisk {
    /// None: the definition asks for none, or nobody is to look.
    pub fn of(definition: &Definition) -> Option<Self> {
        let needs = &definition.prerequisites;
        let point = needs.mounted.clone().filter(|_| needs.when_lost.mounted != OnLoss::Ignore)?;
        let path = definition.database.clone().unwrap_or_else(|| point.clone());
        Some(Self { point, path })
    }

    /// What is mounted there, by this table; None: nothing, or what will be mounted is not known yet.
    pub fn source(&self, table: &MountTable) -> Option<MountSource> {
        table.at(&self.point)?;
        table.of(&self.path).filter(|mount| !mount.is_automatic()).map(|mount| mount.source.clone())
    }

    /// What is wrong with it by this table. `expected`: what was mounted when the site was started, if that is
    /// known.
    pub fn loss(&self, table: &MountTable, expected: Option<&MountSource>) -> Option<Loss> {
        match (table.of(&self.path), expected) {
            (Some(mount), Some(expected)) if mount.source == *expected => None,
            (Some(_), None) if table.at(&self.point).is_some() => None,
            (Some(mount), _) if self.is_hidden_by(mount, table, expected) => {
                Some(Loss::MountedOver(mount.point.clone()))
            }
            (Some(_) | None, _) => Some(Loss::Unmounted(self.point.clone())),
        }
    }

    /// This other mount lies over the disk or nearer to the database, or over a folder above the disk, which is
    /// still mounted below it.
    fn is_hidden_by(&self, mount: &Mount, table: &MountTable, disk: Option<&MountSource>) -> bool {
        let is_there_still = || disk.is_some_and(|disk| table.has(&self.point, disk));
        !mount.is_automatic() && (mount.point.starts_with(&self.point) || is_there_still())
    }
}

/// The address that must be on this node while the site runs; None: the definition asks for none, or nobody is
/// to look.
pub fn watched_address(definition: &Definition) -> Option<IpAddr> {
    let needs = &definition.prerequisites;
    let is_watched = needs.address_present && needs.when_lost.address_present != OnLoss::Ignore;
    definition.address.filter(|_| is_watched)
}

/// What is wrong with an address.
pub fn address_loss(address: IpAddr, presence: Presence) -> Option<Loss> {
    match presence {
        Presence::Here => None,
        Presence::Down(interface) => Some(Loss::InterfaceDown(address, interface)),
        Presence::Nowhere => Some(Loss::AddressRemoved(address)),
    }
}

/// What is mounted now where the site's disk must be.
pub fn mounted_disk(definition: &Definition) -> Option<MountSource> {
    SiteDisk::of(definition)?.source(&MountTable::read().ok()?)
}

/// Looks once at all that the site needs of this node, for `patience` at most. What cannot be looked at counts as
/// there.
pub fn look_for_losses(
    definition: &Definition,
    expected: Option<&MountSource>,
    patience: Duration,
) -> Vec<(Prerequisite, Loss)> {
    let disk = SiteDisk::of(definition).and_then(|disk| {
        let table = MountTable::read().ok()?;
        Some((Prerequisite::Disk, disk.loss(&table, expected)?))
    });
    let address = watched_address(definition).and_then(|address| {
        let presence = presence(address, patience).ok()?;
        Some((Prerequisite::Address, address_loss(address, presence)?))
    });
    disk.into_iter().chain(address).collect()
}

/// Whether a file system is mounted at `point`; one that another mount hides counts as none.
///
/// # Errors
/// If /proc is not mounted.
pub fn is_mounted(point: &Path) -> io::Result<bool> {
    Ok(MountTable::read()?.at(point).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    const DISK: &str = "30 21 8:17 / /mnt/a rw - ext4 /dev/sdb1 rw\n";

    fn disk() -> SiteDisk {
        SiteDisk { point: "/mnt/a".into(), path: "/mnt/a/db".into() }
    }

    fn table(lines: &[&str]) -> MountTable {
        MountTable::parse(lines.concat().as_bytes())
    }

    #[test]
    fn the_disk_is_lost_when_it_is_unmounted_or_another_lies_over_it() {
        let begun = table(&[NODE, DISK]);
        let expected = disk().source(&begun);
        assert!(expected.is_some());
        let unmounted = Some(Loss::Unmounted("/mnt/a".into()));
        let over = |path: &str| Some(Loss::MountedOver(path.into()));
        for (more, loss) in [
            (vec![DISK], None),
            (vec![], unmounted.clone()),
            // The same disk, once more: a bind mount of itself.
            (vec![DISK, "31 30 8:17 / /mnt/a rw - ext4 /dev/sdb1 rw\n"], None),
            (vec![DISK, "31 30 8:17 /x /mnt/a rw - ext4 /dev/sdb1 rw\n"], over("/mnt/a")),
            (vec![DISK, "31 30 0:40 / /mnt/a rw - tmpfs none rw\n"], over("/mnt/a")),
            (vec![DISK, "31 30 0:40 / /mnt/a/db rw - tmpfs none rw\n"], over("/mnt/a/db")),
            (vec![DISK, "31 21 0:40 / /mnt rw - tmpfs none rw\n"], over("/mnt")),
            (vec!["31 21 0:40 / /mnt rw - tmpfs none rw\n"], unmounted.clone()),
            (vec!["31 21 8:33 / /mnt/a rw - ext4 /dev/sdc1 rw\n"], over("/mnt/a")),
            (vec!["31 21 0:40 / /mnt/a rw - autofs x rw\n"], unmounted.clone()),
            (vec![DISK, "31 21 0:40 / /mnt/b rw - tmpfs none rw\n"], None),
        ] {
            let lines = [&[NODE], &more[..]].concat();
            assert_eq!(disk().loss(&table(&lines), expected.as_ref()), loss, "{more:?}");
        }
    }

    #[test]
    fn any_disk_will_do_while_none_is_known() {
        assert_eq!(disk().loss(&table(&[NODE, DISK]), None), None);
        assert_eq!(disk().loss(&table(&[NODE]), None), Some(Loss::Unmounted("/mnt/a".into())));
        // What an automatic mount will mount is known once it is used.
        let automatic = "30 21 0:40 / /mnt/a rw - autofs x rw\n";
        assert_eq!(disk().loss(&table(&[NODE, automatic]), None), None);
        assert_eq!(disk().source(&table(&[NODE, automatic])), None);
    }

    #[test]
    fn what_happened_and_to_what_stands_first_and_fits_into_an_exit_reason() {
        for loss in [
            Loss::Unmounted("/mnt/jobdb".into()),
            Loss::MountedOver("/mnt/jobdb".into()),
            Loss::AddressRemoved("10.10.100.100".parse().unwrap()),
        ] {
            let reason = format!("stopping: {}", loss.sentence("running"));
            assert!(reason.len() <= 128, "{reason}");
        }
    }
}
