//! What the tests of several files here need: a made-up site as the target of a verb.

use super::Target;
use crate::observe::samples::Site;
use crate::site::Places;

impl Site {
    /// The site of a verb; its definitions, runtime and logs are in this folder.
    pub(crate) fn target(&self) -> Target {
        let (runtime, links) = (self.folder().to_owned(), self.folder().join("links"));
        let places = Places { config: runtime.clone(), logs: runtime.join("log"), runtime, links };
        let target = Target::new("shop".parse().unwrap(), places, None);
        Target { site: self.places.clone(), ..target }
    }
}
