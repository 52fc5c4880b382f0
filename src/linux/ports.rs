//! TCP ports: reserving a port, and finding the process that has it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};

use super::process::command_line;
use crate::values::Pid;

/// Reserves `address` without listening there: no other process can bind it, and none can connect.
///
/// # Errors
/// EADDRINUSE if another socket has it, EADDRNOTAVAIL if the address is not on this node, EACCES below
/// port 1024 for an ordinary user.
pub fn hold(address: SocketAddr) -> io::Result<OwnedFd> {
    match try_hold(address, false) {
        // Connections that were closed a moment ago prevent a plain bind. A bind that may reuse the
        // address is prevented by a listener only.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let fd = try_hold(address, true)?;
            start_listening(&fd)?;
            Ok(fd)
        }
        other => other,
    }
}

/// Reserves `address` and listens there: a client that connects waits until a process accepts.
///
/// # Errors
/// As [`hold`].
pub fn hold_listening(address: SocketAddr) -> io::Result<OwnedFd> {
    let fd = try_hold(address, true)?;
    start_listening(&fd)?;
    Ok(fd)
}

fn start_listening(fd: &OwnedFd) -> io::Result<()> {
    Ok(listen(fd, Backlog::MAXCONN)?)
}

fn try_hold(address: SocketAddr, reuse: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    if reuse {
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    bind(fd.as_fd().as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// A socket that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: IpAddr,
    /// None: its process cannot be seen from here.
    pub holder: Option<Pid>,
}

impl Listener {
    /// Its process, with its command line as far as that can be seen.
    pub fn describe(&self) -> String {
        let Some(pid) = self.holder else {
            return "a process that cannot be seen from here".to_owned();
        };
        match command_line(pid) {
            Some(line) => format!("process {pid} ({line})"),
            None => format!("process {pid}"),
        }
    }
}

/// The process that listens on `port` at `address`, or at every address: its number and its command
/// line, as far as they can be seen from here.
pub fn who_listens(address: IpAddr, port: u16) -> Option<String> {
    let inode = lines().iter().find_map(|line| listening_inode(line, address, port))?;
    Some(Listener { address, holder: holder_of(inode) }.describe())
}

/// All that listens on `port`, at whichever address.
pub fn listeners(port: u16) -> Vec<Listener> {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let lines = lines();
    let found = lines.iter().filter_map(|line| {
        let inode = listening_inode(line, everywhere, port)?;
        let (address, _) = line.split_whitespace().nth(1)?.split_once(':')?;
        Some(Listener { address: parse_address(address)?, holder: holder_of(inode) })
    });
    found.collect()
}

fn lines() -> Vec<String> {
    let read = |table| fs::read_to_string(table).unwrap_or_default();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(read);
    tables.iter().flat_map(|text| text.lines().skip(1)).map(str::to_owned).collect()
}

/// The process that has the socket of this inode open.
fn holder_of(inode: u64) -> Option<Pid> {
    let wanted = format!("socket:[{inode}]");
    let holds = |pid: &Pid| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                fs::read_link(entry.path()).is_ok_and(|to| to.to_str() == Some(wanted.as_str()))
            })
        })
    };
    super::walk::all().ok()?.into_iter().map(|s| s.pid).find(holds)
}

// proc_net_tcp(5): sl local_address rem_address st ... uid timeout inode
/// The inode of the socket that listens there, in a line of /proc/net/tcp or tcp6.
pub fn listening_inode(line: &str, address: IpAddr, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, of_port) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != LISTEN || u16::from_str_radix(of_port, 16).ok()? != port {
        return None;
    }
    let local = parse_address(local)?;
    let meets = local == address || local.is_unspecified() || address.is_unspecified();
    meets.then(|| fields.get(9)?.parse().ok()).flatten()
}

// Words of four bytes, each in the byte order of the node.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    if hex.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?)));
    }
    let mut bytes = [0u8; 16];
    for (i, chunk) in bytes.chunks_mut(4).enumerate() {
        chunk.copy_from_slice(&word(i * 8)?);
    }
    let v6 = Ipv6Addr::from(bytes);
    Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A child of another test's has copies of all descriptors until its exec.
    fn soon(what: &str, is_so: impl Fn() -> bool) {
        let deadline = crate::values::Moment::now() + std::time::Duration::from_secs(10);
        while !is_so() {
            assert!(!deadline.passed(), "it never came: {what}");
        }
    }

    #[test]
    fn a_port_that_is_held_is_nobody_elses_until_it_is_let_go() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let held = hold(free).unwrap();
        assert!(TcpListener::bind(free).is_err(), "it is held");
        assert!(std::net::TcpStream::connect(free).is_err(), "and nobody listens");
        drop(held);
        soon("it is let go", || TcpListener::bind(free).is_ok());
        let listener = TcpListener::bind(free).unwrap();
        assert_eq!(hold(free).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let who = who_listens(free.ip(), free.port()).unwrap();
        assert!(who.contains(&format!("process {}", std::process::id())), "{who}");
        let [one] = &listeners(free.port())[..] else { panic!("one listens") };
        assert_eq!((one.address, one.holder), (free.ip(), Some(Pid::this())));
        drop(listener);
        soon("nobody listens", || who_listens(free.ip(), free.port()).is_none());
    }

    #[test]
    fn a_closed_connection_does_not_keep_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        // Closed by the server first, its side is the one that waits (TIME_WAIT).
        drop(server);
        drop(client);
        drop(listener);
        assert!(hold(address).is_ok());
    }

    #[test]
    fn addresses_of_the_kernels_tables() {
        assert_eq!(parse_address("0100007F"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(parse_address("00000000"), Some("0.0.0.0".parse().unwrap()));
        let loopback = parse_address("00000000000000000000000001000000");
        assert_eq!(loopback, Some("::1".parse().unwrap()));
    }
}
