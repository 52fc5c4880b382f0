//! Waiting for descriptors (poll(2)).

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::values::Moment;

/// The descriptors to wait for, each with a token of the caller's.
#[derive(Debug, Default)]
pub struct Waiting<'a, T> {
    fds: Vec<PollFd<'a>>,
    tokens: Vec<T>,
}

impl<'a, T> Waiting<'a, T> {
    /// No descriptor yet.
    pub fn new() -> Self {
        Self { fds: Vec::new(), tokens: Vec::new() }
    }

    /// Waits until `fd` can be read, is at its end, or has an error.
    pub fn readable(&mut self, fd: BorrowedFd<'a>, token: T) {
        self.add(fd, PollFlags::POLLIN, token);
    }

    /// Waits until `fd` can be read or written, is at its end, or has an error.
    pub fn readable_or_writable(&mut self, fd: BorrowedFd<'a>, token: T) {
        self.add(fd, PollFlags::POLLIN | PollFlags::POLLOUT, token);
    }

    /// Waits until `fd` has an exceptional condition, or an error.
    pub fn exceptional(&mut self, fd: BorrowedFd<'a>, token: T) {
        self.add(fd, PollFlags::POLLPRI, token);
    }

    /// Waits until `fd` can be written, or has an error.
    pub fn writable(&mut self, fd: BorrowedFd<'a>, token: T) {
        self.add(fd, PollFlags::POLLOUT, token);
    }

    /// Waits until the other end of `fd` is closed, or it has an error.
    pub fn closed(&mut self, fd: BorrowedFd<'a>, token: T) {
        self.add(fd, PollFlags::empty(), token);
    }

    fn add(&mut self, fd: BorrowedFd<'a>, flags: PollFlags, token: T) {
        self.fds.push(PollFd::new(fd, flags));
        self.tokens.push(token);
    }

    /// The tokens of the descriptors that are ready. Waits until `deadline` if none is ready, and without
    /// a deadline for ever.
    pub fn wait(mut self, deadline: Option<Moment>) -> Vec<T> {
        let timeout = deadline.map_or(PollTimeout::NONE, |d| {
            // Rounded up: a wait that ends just before its deadline would only be begun again.
            let left = d.left().saturating_add(Duration::from_nanos(999_999));
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        // An interrupted wait has no ready descriptor.
        if poll(&mut self.fds, timeout).unwrap_or(0) == 0 {
            return Vec::new();
        }
        self.fds
            .iter()
            .zip(self.tokens)
            .filter(|(fd, _)| fd.any().unwrap_or(false))
            .map(|(_, token)| token)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn what_has_come_is_told_by_its_token() {
        let (quiet, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let (loud, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        peer.write_all(b"x").unwrap();
        let mut waiting = Waiting::new();
        waiting.readable(quiet.as_fd(), "quiet");
        waiting.readable(loud.as_fd(), "loud");
        assert_eq!(waiting.wait(None), ["loud"]);
        let mut waiting = Waiting::new();
        waiting.readable(quiet.as_fd(), "quiet");
        assert!(waiting.wait(Some(Moment::now())).is_empty());
    }
}
