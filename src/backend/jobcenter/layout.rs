//! The layout of a site's database, which R13.1 has changed (source document 003, UPG-01).

use std::path::Path;

use crate::backend::nqs_site::SITE_VARIABLE;
use crate::linux::node;
use crate::site::Jobcenter;

/// A sentence if the storage is that of R12.10.x or older, and this JobCenter's is newer.
pub fn old_layout(profile: &Jobcenter, site: &str, database: &Path) -> Option<String> {
    // R13.1 brought both the new layout and this program.
    let is_newer = node::check_executable(&profile.commands.join("gui/bin/spoolconv")).is_ok();
    let has_redis = ["database", "nqs/database"].iter().any(|below| database.join(below).is_dir());
    if !is_newer || has_redis || !database.join("nqs").is_dir() {
        return None;
    }
    Some(format!(
        "{} holds no directory `database`, as before R13.1, and this JobCenter is newer; convert it with: \
         {SITE_VARIABLE}={site} {} -c {}",
        database.display(),
        profile.command("gui/bin/spoolconv"),
        database.join("nqs").display()
    ))
}
