//! Sockets of unix(7): connecting without hanging, who is at the other end, and the datagrams of
//! sd_notify(3).

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, connect,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::Pid;

/// The longest path that a socket can have (`sun_path` of unix(7), less its final NUL).
pub const LONGEST_PATH: usize = 107;

/// Connects to the stream socket at `path`, waiting no longer than `patience` for a listener that
/// does not accept.
///
/// # Errors
/// ENOENT, ECONNREFUSED, EACCES; EAGAIN when `patience` is over.
pub fn connect_stream(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let micros = i64::try_from(patience.as_micros().max(1000)).unwrap_or(i64::MAX);
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(micros / 1_000_000, micros % 1_000_000))?;
    connect(fd.as_raw_fd(), &address)?;
    Ok(UnixStream::from(fd))
}

/// Who connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// None when the peer lives in a PID namespace that cannot be seen from here.
    pub pid: Option<Pid>,
    pub uid: u32,
}

/// The process at the other end of a connected stream (`SO_PEERCRED`).
///
/// # Errors
/// As getsockopt(2).
pub fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = nix::sys::socket::getsockopt(stream, sockopt::PeerCredentials)?;
    Ok(Peer { pid: Pid::from_raw(credentials.pid()), uid: credentials.uid() })
}

/// One datagram of sd_notify(3), with the sender that the kernel vouches for.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    pub from: Peer,
    pub text: String,
}

/// Receives what one process says by the protocol of sd_notify(3).
#[derive(Debug)]
pub struct NotifySocket(OwnedFd);

impl NotifySocket {
    /// Binds an abstract name, which needs no folder that the process's user may enter. The second
    /// value is what `NOTIFY_SOCKET` must hold.
    ///
    /// # Errors
    /// EADDRINUSE if the name is taken.
    pub fn bind(name: &str) -> io::Result<(Self, String)> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&fd, sockopt::PassCred, &true)?;
        bind(fd.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
        Ok((Self(fd), format!("@{name}")))
    }

    /// The next datagram, if one has come. Descriptors that came along are closed: that is what a
    /// sender of `BARRIER=1` waits for.
    pub fn receive(&self) -> Option<Notice> {
        let mut buffer = [0u8; 4096];
        let mut control = nix::cmsg_space!(libc::ucred, [i32; 16]);
        let (length, from) = {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<UnixAddr>(
                self.0.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT,
            )
            .ok()?;
            let mut from = None;
            for part in message.cmsgs().ok()? {
                match part {
                    ControlMessageOwned::ScmCredentials(c) => {
                        from = Some(Peer { pid: Pid::from_raw(c.pid()), uid: c.uid() });
                    }
                    ControlMessageOwned::ScmRights(descriptors) => {
                        for raw in descriptors {
                            // SAFETY: the kernel has just made it for us; it is closed here.
                            drop(unsafe { OwnedFd::from_raw_fd(raw) });
                        }
                    }
                    _ => {}
                }
            }
            (message.bytes, from?)
        };
        Some(Notice { from, text: String::from_utf8_lossy(&buffer[..length]).into_owned() })
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends one datagram of sd_notify(3) to where `NOTIFY_SOCKET` points.
///
/// # Errors
/// As sendto(2).
pub fn notify(target: &str, text: &str) -> io::Result<()> {
    let address = match target.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes())?,
        None => UnixAddr::new(target)?,
    };
    let fd = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    nix::sys::socket::sendto(fd.as_raw_fd(), text.as_bytes(), &address, MsgFlags::empty())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_comes_with_its_sender() {
        let name = format!("siteward-test-{}", super::super::node::random_name());
        let (socket, target) = NotifySocket::bind(&name).unwrap();
        assert_eq!(socket.receive(), None);
        notify(&target, "READY=1\nSTATUS=up").unwrap();
        let notice = socket.receive().unwrap();
        assert_eq!(notice.text, "READY=1\nSTATUS=up");
        assert_eq!(notice.from.pid, Some(Pid::this()));
        assert!(NotifySocket::bind(&name).is_err(), "nobody else can take the name");
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error() {
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        assert!(connect_stream(Path::new(&long), Duration::from_millis(1)).is_err());
    }
}
