//! The copy of the definition that a start works with.

use std::fs;

use super::series::forget_told;
use crate::linux::files;
use crate::site::{Definition, SitePlaces};

/// A file with the text of the definition, which exists until the supervisor has read it.
#[derive(Debug)]
pub struct SetAside<'a>(&'a SitePlaces);

impl<'a> SetAside<'a> {
    /// # Errors
    /// A sentence.
    pub fn write(places: &'a SitePlaces, definition: &Definition) -> Result<Self, String> {
        let path = places.starting();
        files::write_durably(&path, definition.text.as_bytes())
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        Ok(Self(places))
    }
}

/// Removes what killed verbs have left: the copy of the definition, and files that were being written. Only for a
/// stop that has proved its result within its turn.
pub fn remove_left_files(places: &SitePlaces) {
    drop(SetAside(places));
    forget_told(places);
    for folder in [&places.runtime, &places.logs] {
        files::clear_leftovers(folder);
    }
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.starting());
    }
}
