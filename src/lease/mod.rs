//! Who owns a site's database: a lock on it that lives as long as the owner's keeper, and a durable
//! record beside the lock that names the owner.
//!
//! The lease is no fence: flock(2) is cluster-wide on GFS2 and OCFS2, emulated on NFS, and local on ext4
//! and XFS, which only one node may mount.
//!
//! Promises: the record names the owner that holds the lock; if an owner ended without releasing the
//! lease, each later owner is told so until the repair has succeeded. Must never: touch the database in
//! the process of a verb or of the supervisor, which would hang with its disk. The keeper does that, a
//! process of its own that may hang and be killed.

mod keeper;
mod messages;
mod record;
mod release;
mod request;

pub use keeper::{Order, Settling, keep, settle_here};
pub use messages::{NotTaken, Taken};
pub use record::{Owner, OwnerRecord, UncleanEnd, owner};
pub use release::{
    PATIENCE, Settle, is_kept, living_keeper, release, release_by, release_or_cut, settle,
};
pub use request::{LeaseRequest, Taking, take};
