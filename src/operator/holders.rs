//! Lists the processes that use a site's database.

use crate::agent::{Fault, Outcome, Target};
use crate::messages;
use crate::process::{Holder, Record, find_members, holders, mounted_below};
use crate::site::load_file_first;

/// Lists the processes that use the database of a site, at any time.
pub fn list_holders(target: &Target) -> Outcome {
    let definition = match load_file_first(&target.places, &target.name) {
        Ok(definition) => definition,
        Err(error) => return Fault::from(error).into(),
    };
    let Some(database) = &definition.database else {
        return messages::database_missing(&target.name).into();
    };
    let found = match holders(database) {
        Ok(found) => found,
        Err(error) => return messages::proc_unreadable(error).into(),
    };
    let record = Record::read(&target.site).ok().flatten();
    let members = find_members(&target.site, record.as_ref()).unwrap_or_default();
    let describe = |holder: &Holder| holder.describe_among(&target.site, &members);
    let mut lines: Vec<String> = found.iter().map(describe).collect();
    lines.extend(mounted_below(database));
    Outcome::Done(match lines.is_empty() {
        true => format!("nobody holds {}", database.display()),
        false => format!("{} is held:\n  {}", database.display(), lines.join("\n  ")),
    })
}
