//! The copy of the definition that a start works with.

use std::fs;

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

/// Removes the copy that a killed start has left. Only for a stop that has proved its result within its turn.
pub fn remove_set_aside(places: &SitePlaces) {
    drop(SetAside(places));
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.starting());
    }
}
