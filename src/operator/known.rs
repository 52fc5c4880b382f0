//! Whether there is such a site on this node at all.

use std::io::ErrorKind;
use std::path::Path;

use crate::agent::{Fault, Target};
use crate::messages;
use crate::process::find_members;
use crate::site::{misnamed_site, nearest_site, no_directory};

/// A refusal, where the site has no definition, no record and no process with its mark on this node: its name
/// was mistyped.
pub fn unknown_here(target: &Target) -> Option<Fault> {
    let site = &target.site;
    let written = [&site.definition, &site.record(), &site.snapshot(), &site.socket()];
    if written.into_iter().any(|path| may_be_there(path)) {
        return None;
    }
    if find_members(site, None).map_or(true, |members| !members.is_empty()) {
        return None;
    }
    let name = &target.name;
    if let Some(why) = no_directory(&target.places) {
        return Some(messages::directory_is_file(why).into());
    }
    let near = (misnamed_site(&target.places, name), nearest_site(&target.places, name));
    let next = match near {
        (Some(file), _) => {
            format!("rename {} to {}", file.display(), site.definition.display())
        }
        (None, Some(nearest)) => format!("did you mean the site `{nearest}`?"),
        (None, None) => "see: siteward list".to_owned(),
    };
    Some(messages::site_unknown(name, next).into())
}

/// A path that this user may not look at may be there.
fn may_be_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}
