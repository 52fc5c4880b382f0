//! Sockets of unix(7): connecting within a time, the process at the other end, and the datagrams of
//! sd_notify(3).

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, connect,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::values::Pid;

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

/// The process at the other end of a socket.
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

/// One datagram of sd_notify(3), with its sender as the kernel tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    pub from: Peer,
    pub text: String,
}

/// Receives the datagrams of sd_notify(3), at a path of its own.
#[derive(Debug)]
pub struct NotifySocket {
    fd: OwnedFd,
    path: PathBuf,
    /// Which file it is.
    id: (u64, u64),
}

/// The most descriptors that one message carries (`SCM_MAX_FD` of the kernel).
const MOST_DESCRIPTORS: usize = 253;

impl NotifySocket {
    /// Binds a socket at `path`; one that is there is replaced. The socket is bound at `unseen`, in a
    /// folder that no other user may enter, and then renamed: /proc/net/unix shows everybody the path at
    /// which a socket was bound, and `path` must be known only to the processes that are told it.
    ///
    /// `owner`: only this user, and root, may send; None: every user may.
    ///
    /// # Errors
    /// As bind(2), chown(2) and rename(2); EEXIST if something else than a socket is at `path`.
    pub fn bind(path: &Path, unseen: &Path, owner: Option<u32>) -> io::Result<Self> {
        for taken in [path, unseen] {
            match fs::symlink_metadata(taken) {
                Ok(there) if !there.file_type().is_socket() => {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&fd, sockopt::PassCred, &true)?;
        match fs::remove_file(unseen) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        bind(fd.as_raw_fd(), &UnixAddr::new(unseen)?)?;
        let there = fs::symlink_metadata(unseen)?;
        let id = (there.dev(), there.ino());
        let me = nix::unistd::geteuid().as_raw();
        if let Some(owner) = owner.filter(|owner| *owner != me) {
            std::os::unix::fs::lchown(unseen, Some(owner), None)?;
        }
        // To send is to write to it (unix(7)).
        let mode = if owner.is_some() { 0o600 } else { 0o666 };
        fs::set_permissions(unseen, fs::Permissions::from_mode(mode))?;
        fs::rename(unseen, path)?;
        Ok(Self { fd, path: path.to_owned(), id })
    }

    /// Whether it is still at its path.
    pub fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.id)
    }

    /// The value of `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next datagram, if one has come. Descriptors that came with it are closed: the sender of
    /// `BARRIER=1` waits for that.
    pub fn receive(&self) -> Option<Notice> {
        let mut buffer = [0u8; 4096];
        // Room for all descriptors that a message may carry: one that did not fit would stay open here.
        let mut control = nix::cmsg_space!(libc::ucred, [i32; MOST_DESCRIPTORS]);
        let (length, from) = {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<UnixAddr>(
                self.fd.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT,
            )
            .ok()?;
            let mut from = Peer { pid: None, uid: u32::MAX };
            for part in message.cmsgs().into_iter().flatten() {
                match part {
                    ControlMessageOwned::ScmCredentials(c) => {
                        from = Peer { pid: Pid::from_raw(c.pid()), uid: c.uid() };
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
            (message.bytes, from)
        };
        Some(Notice { from, text: String::from_utf8_lossy(&buffer[..length]).into_owned() })
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
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

    fn bound(folder: &Path) -> NotifySocket {
        NotifySocket::bind(&folder.join("secret"), &folder.join("new"), None).unwrap()
    }

    #[test]
    fn a_notice_comes_with_its_sender() {
        let folder = tempfile::tempdir().unwrap();
        let socket = bound(folder.path());
        assert_eq!(socket.receive(), None);
        notify(socket.path().to_str().unwrap(), "READY=1\nSTATUS=up").unwrap();
        let notice = socket.receive().unwrap();
        assert_eq!(notice.text, "READY=1\nSTATUS=up");
        assert_eq!(notice.from.pid, Some(Pid::this()));
    }

    #[test]
    fn where_a_socket_is_can_be_read_nowhere_and_it_goes_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let socket = bound(folder.path());
        let path = socket.path().to_str().unwrap().to_owned();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        assert!(!table.contains(&path), "{table}");
        let again = bound(folder.path());
        assert!(!socket.is_in_place());
        drop(socket);
        assert!(again.is_in_place(), "the one that took its place stays");
        drop(again);
        assert!(notify(&path, "READY=1").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn descriptors_that_come_with_a_notice_are_closed_however_many() {
        use std::io::IoSlice;
        let folder = tempfile::tempdir().unwrap();
        let socket = bound(folder.path());
        let address = UnixAddr::new(socket.path()).unwrap();
        let sender = nix::sys::socket::socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let many = vec![writer.as_raw_fd(); MOST_DESCRIPTORS];
        nix::sys::socket::sendmsg(
            sender.as_raw_fd(),
            &[IoSlice::new(b"BARRIER=1")],
            &[nix::sys::socket::ControlMessage::ScmRights(&many)],
            MsgFlags::empty(),
            Some(&address),
        )
        .unwrap();
        drop(writer);
        assert_eq!(socket.receive().unwrap().text, "BARRIER=1");
        let mut end = Vec::new();
        reader.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(
            io::Read::read_to_end(&mut reader, &mut end).unwrap(),
            0,
            "all copies are closed"
        );
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error() {
        let long = format!("/{}", "x".repeat(LONGEST_PATH));
        assert!(connect_stream(Path::new(&long), Duration::from_millis(1)).is_err());
    }
}
