//! The token of a site: a random number that each of its processes gets beside the mark in its
//! environment, and that other users cannot read. It proves that the mark is not forged.
//!
//! Must never: be printed, logged or written anywhere but to its own file.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::linux::files;
use crate::site::SitePlaces;

/// The token of a site on this node.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Its length in bytes, each of which is written as two digits.
const BYTES: usize = 16;

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The environment variable in which a process of the site gets it.
    pub const VARIABLE: &str = "SITEWARD_TOKEN";

    /// The token of the site; if there is none yet, a new one is written durably.
    ///
    /// # Errors
    /// The runtime folder is not this user's, or the file cannot be read or written.
    pub fn of(places: &SitePlaces) -> io::Result<Self> {
        if !files::is_own_folder(&places.runtime) {
            return Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "its folder is missing, or belongs to another user",
            ));
        }
        // If several processes make one at once, the first wins.
        loop {
            if let Some(token) = Self::read(places)? {
                return Ok(token);
            }
            let token = Self::random()?;
            if token.put(places)? {
                return Ok(token);
            }
        }
    }

    /// The token of the site; None if there is no file, or no token in it.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(places: &SitePlaces) -> io::Result<Option<Self>> {
        match files::read_plain(&places.token(), 1024) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it again if it is missing. Says whether it was.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn put_back(&self, places: &SitePlaces) -> io::Result<bool> {
        if Self::read(places)?.as_ref() == Some(self) {
            return Ok(false);
        }
        files::write_durably(&places.token(), self.line().as_bytes())?;
        Ok(true)
    }

    /// `VARIABLE=TOKEN`, for the environment of a process of the site.
    pub fn entry(&self) -> String {
        format!("{}={}", Self::VARIABLE, self.0)
    }

    /// Whether `claimed` is this token.
    pub(super) fn is(&self, claimed: &[u8]) -> bool {
        self.0.as_bytes() == claimed
    }

    fn line(&self) -> String {
        format!("{}\n", self.0)
    }

    /// The token in the bytes of its file.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(bytes).ok()?.trim_end();
        let is_one = digits.len() == 2 * BYTES && digits.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then(|| Self(digits.to_owned()))
    }

    fn random() -> io::Result<Self> {
        let mut bytes = [0u8; BYTES];
        fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(bytes.iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// Writes it if there is none. False: another process was first.
    fn put(&self, places: &SitePlaces) -> io::Result<bool> {
        let path = places.token();
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new.{}", std::process::id()));
        let temporary = Path::new(&name);
        let written = (|| {
            let _ = fs::remove_file(temporary);
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
            file.write_all(self.line().as_bytes())?;
            file.sync_all()?;
            is_first(fs::hard_link(temporary, &path))
        })();
        let first = match written {
            // The file holds no token: it is a planted link, or a crash left it.
            Ok(false) if Self::read(places)?.is_none() => {
                fs::rename(temporary, &path).map(|()| true)
            }
            other => other,
        };
        let _ = fs::remove_file(temporary);
        fs::File::open(&places.runtime)?.sync_all()?;
        first
    }
}

/// Whether this process was the first to give the file its name. Only a name that is taken says no.
fn is_first(linked: io::Result<()>) -> io::Result<bool> {
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    }
}

/// There is no such file, or it is no plain file.
fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn places(folder: &Path) -> SitePlaces {
        let runtime = folder.join("shop");
        fs::create_dir(&runtime).unwrap();
        SitePlaces { definition: folder.join("shop.yaml"), runtime, logs: folder.join("log") }
    }

    #[test]
    fn a_site_has_one_token_that_its_owner_alone_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        assert_eq!(Token::read(&places).unwrap(), None);
        let token = Token::of(&places).unwrap();
        assert!(Token::of(&places).unwrap() == token);
        assert!(!Token::random().unwrap().put(&places).unwrap(), "the first one wins");
        assert!(Token::read(&places).unwrap().as_ref() == Some(&token));
        assert_eq!(fs::metadata(places.token()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(token.0.len(), 32);
        assert_eq!(fs::read_dir(&places.runtime).unwrap().count(), 1);
        assert_eq!(format!("{token:?}"), "Token", "it is a secret");
    }

    #[test]
    fn a_token_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let at = |runtime| SitePlaces { runtime, ..places.clone() };
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(Token::read(&places).unwrap(), None);
        assert_eq!(Token::read(&at(file)).unwrap(), None);
        assert!(Token::read(&at(folder.path().join("x".repeat(300)))).is_err());
        fs::create_dir(places.token()).unwrap();
        assert_eq!(Token::read(&places).unwrap(), None, "it is no plain file");
    }

    #[test]
    fn only_a_name_that_is_taken_says_that_another_process_was_first() {
        assert!(is_first(Ok(())).unwrap());
        assert!(!is_first(Err(ErrorKind::AlreadyExists.into())).unwrap());
        for kind in [ErrorKind::PermissionDenied, ErrorKind::NotFound, ErrorKind::StorageFull] {
            assert_eq!(is_first(Err(kind.into())).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn a_token_that_is_lost_or_spoilt_is_made_anew_or_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let first = Token::of(&places).unwrap();
        assert!(!first.put_back(&places).unwrap());
        fs::remove_file(places.token()).unwrap();
        assert!(first.put_back(&places).unwrap());
        assert!(Token::of(&places).unwrap() == first);
        fs::write(places.token(), "0123").unwrap();
        assert_eq!(Token::read(&places).unwrap(), None);
        assert!(Token::of(&places).unwrap() != first);
        fs::remove_file(places.token()).unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, places.token()).unwrap();
        let made = Token::of(&places).unwrap();
        assert!(Token::read(&places).unwrap() == Some(made));
        assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
    }
}
