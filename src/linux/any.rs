//! One descriptor in the place of several (epoll(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

/// Is readable as long as any of several descriptors is, and as long as those are open.
#[derive(Debug)]
pub struct AnyReadable(Epoll);

impl AnyReadable {
    /// Of `fds`.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn of(fds: &[BorrowedFd<'_>]) -> io::Result<Self> {
        let any = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for fd in fds {
            any.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        }
        Ok(Self(any))
    }
}

impl AsFd for AnyReadable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::wait::Waiting;
    use crate::values::Moment;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn it_is_readable_when_one_of_them_is() {
        let (quiet, _other) = UnixStream::pair().unwrap();
        let (loud, mut peer) = UnixStream::pair().unwrap();
        let any = AnyReadable::of(&[quiet.as_fd(), loud.as_fd()]).unwrap();
        let is_readable = || {
            let mut waiting = Waiting::new();
            waiting.readable(any.as_fd(), ());
            !waiting.wait(Some(Moment::now())).is_empty()
        };
        assert!(!is_readable());
        peer.write_all(b"x").unwrap();
        assert!(is_readable());
    }
}
