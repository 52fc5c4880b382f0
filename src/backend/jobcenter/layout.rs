//! The layout of a site's database, which R13.1 has changed (source document 003, UPG-01).

use std::path::Path;

use crate::backend::nqs_site::SITE_VARIABLE;
use crate::linux::node;
use crate::site::Jobcenter;

/// The storage of a site is that of R12.10.x or older, and this JobCenter's is newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldLayout {
    pub sentence: String,
    /// What a person types.
    pub conversion: String,
}

/// None: there is nothing to convert.
pub fn old_layout(profile: &Jobcenter, site: &str, database: &Path) -> Option<OldLayout> {
    // R13.1 brought both the new layout and this program.
    let is_newer = node::check_executable(&profile.commands.join("gui/bin/spoolconv")).is_ok();
    let has_redis = ["database", "nqs/database"].iter().any(|below| database.join(below).is_dir());
    if !is_newer || has_redis || !database.join("nqs").is_dir() {
        return None;
    }
    Some(OldLayout {
        sentence: format!(
            "{} holds no directory `database`, as before R13.1, and this JobCenter is newer",
            database.display()
        ),
        conversion: format!(
            "{SITE_VARIABLE}={site} {} -c {}",
            profile.command("gui/bin/spoolconv"),
            database.join("nqs").display()
        ),
    })
}
