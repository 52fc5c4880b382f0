//! What a site needs of its node: its disk mounted, its address present. And what is done when one of
//! them is lost while the site runs.

use std::path::{Path, PathBuf};

use super::cursor::Cursor;
use super::problem::ProblemKind;
use super::yaml::Node;

/// The preconditions of a start on the node; they must hold as long as the site runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prerequisites {
    /// The directory that must be a mount point: the database itself, or one above it.
    pub mounted: Option<PathBuf>,
    /// The relocatable address is on this node.
    pub address_present: bool,
    pub when_lost: WhenLost,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// The mount of the disk.
    Disk,
    Address,
}

/// What is done for each of them when it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhenLost {
    pub mounted: OnLoss,
    pub address_present: OnLoss,
}

/// What is done when a prerequisite is lost while the site runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// The site fails: it would write to a disk, or use an address, that may be in use elsewhere.
    Fail,
    /// The site is degraded until it is back.
    Degrade,
    /// Nobody looks.
    Ignore,
}

impl WhenLost {
    /// The same for all.
    pub const fn all(of_each: OnLoss) -> Self {
        Self { mounted: of_each, address_present: of_each }
    }

    pub fn of(self, prerequisite: Prerequisite) -> OnLoss {
        match prerequisite {
            Prerequisite::Disk => self.mounted,
            Prerequisite::Address => self.address_present,
        }
    }
}

fn on_loss(word: &str) -> Option<OnLoss> {
    match word {
        "fail" => Some(OnLoss::Fail),
        "degrade" => Some(OnLoss::Degrade),
        "ignore" => Some(OnLoss::Ignore),
        _ => None,
    }
}

pub(super) fn read_prerequisites(
    root: &Cursor<'_>,
    database: Option<&Path>,
    has_address: bool,
) -> Prerequisites {
    let mut result = Prerequisites {
        mounted: database.map(Path::to_owned),
        address_present: has_address,
        when_lost: WhenLost::all(OnLoss::Fail),
    };
    let Some(cursor) = root.field("prerequisites") else { return result };
    cursor.check_keys();
    if let Some(mounted) = cursor.field("mounted") {
        result.mounted = read_mounted(&mounted, database);
    }
    if let Some(present) = cursor.field("address_present") {
        result.address_present = present.boolean().unwrap_or(false);
        if result.address_present && !has_address {
            present
                .wrong(ProblemKind::KeyNeedsAnother, "there is no `address` that could be present");
        }
    }
    if let Some(when_lost) = cursor.field("when_lost") {
        result.when_lost = read_when_lost(&when_lost, &result).unwrap_or(result.when_lost);
    }
    result
}

fn read_mounted(mounted: &Cursor<'_>, database: Option<&Path>) -> Option<PathBuf> {
    if *mounted.node == Node::Bool(true) && database.is_none() {
        mounted.wrong(ProblemKind::KeyNeedsAnother, "there is no `database` that could be mounted");
    }
    let Node::Text(_) = mounted.node else {
        return mounted.boolean().unwrap_or(false).then(|| database.map(Path::to_owned)).flatten();
    };
    let path = mounted.path();
    if let (Some(path), Some(database)) = (&path, database)
        && !database.starts_with(path)
    {
        mounted.wrong(ProblemKind::ValueWrong, "the database does not lie below this mount point");
    }
    path
}

/// One word for all, or one for each.
fn read_when_lost(cursor: &Cursor<'_>, needs: &Prerequisites) -> Option<WhenLost> {
    if needs.mounted.is_none() && !needs.address_present {
        cursor.wrong_key(
            ProblemKind::KeyNeedsAnother,
            "the site has neither a disk nor an address that could be lost",
        );
        return None;
    }
    match cursor.node {
        Node::Text(_) => return cursor.choice(on_loss).map(WhenLost::all),
        Node::Map(_) => cursor.check_keys(),
        _ => {
            cursor.wrong(
                ProblemKind::TypeWrong,
                "`fail`, `degrade` or `ignore` is expected here, or a map such as {mounted: fail, \
                 address_present: degrade}",
            );
            return None;
        }
    };
    let read = |key: &str, is_needed: bool, without: &str| {
        if let Some(value) = cursor.field(key).filter(|_| !is_needed) {
            value.wrong_key(ProblemKind::KeyNeedsAnother, without);
        }
        cursor.choice_of(key, on_loss).unwrap_or(OnLoss::Fail)
    };
    Some(WhenLost {
        mounted: read(
            "mounted",
            needs.mounted.is_some(),
            "the site has no disk that must be mounted, so none is lost",
        ),
        address_present: read(
            "address_present",
            needs.address_present,
            "the site has no address that must be present, so none is lost",
        ),
    })
}
