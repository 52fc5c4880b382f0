//! What one thread rings and others wait for (eventfd(2)).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};
use std::sync::Arc;

/// Readable from the moment on in which it is rung.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<File>);

impl Bell {
    /// # Errors
    /// EMFILE and the like.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes two numbers.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        Ok(Self(Arc::new(unsafe { File::from_raw_fd(raw) })))
    }

    pub(super) fn ring(&self) {
        let _ = (&*self.0).write_all(&1_u64.to_ne_bytes());
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
