//! An address of this node, watched: the kernel tells each change of addresses and interfaces
//! (rtnetlink(7)).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    setsockopt, socket, sockopt,
};

use super::thread::{self, StackSize};
use super::wait::Waiting;
use crate::values::Moment;

/// Room for a burst of changes, in bytes, so that none is lost.
const ROOM: usize = 1 << 20;

/// The longest datagram of the kernel is shorter.
const LONGEST: usize = 64 << 10;

/// How long the kernel may take for its list of interfaces and addresses.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a list that changed while it was told is asked for again.
const ATTEMPTS: u32 = 5;

/// The interfaces on which an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is on an interface that is up.
    Here,
    /// It is only on interfaces that are down; the name of the first.
    Down(String),
    Nowhere,
}

/// See the module. The address counts as [`super::node::addresses`] counts it. A change is received and not asked
/// for: a question may have to wait for a driver that hangs.
#[derive(Debug)]
pub struct AddressWatcher {
    fd: OwnedFd,
    known: Known,
}

impl AddressWatcher {
    /// Asks for the interfaces and addresses as they are, and is told each change from then on.
    ///
    /// # Errors
    /// As socket(2) and bind(2); the kernel does not answer.
    pub fn new(address: IpAddr) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let family = AddressFamily::Netlink;
        let fd = socket(family, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        // Less room is no error: see `receive`.
        let _ = setsockopt(&fd, sockopt::RcvBuf, &ROOM);
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups.cast_unsigned()))?;
        let mut watcher = Self { fd, known: Known::nothing(address) };
        watcher.ask()?;
        Ok(watcher)
    }

    /// Where the address is, by all changes that have been told. This waits for nothing, unless changes were
    /// lost, as too many came at once: then the whole list is asked for.
    ///
    /// # Errors
    /// Changes were lost, and the kernel does not answer; the next call asks again.
    pub fn look(&mut self) -> io::Result<Presence> {
        let is_whole = self.known.is_whole && self.receive()?;
        if !is_whole {
            self.ask()?;
        }
        Ok(self.known.presence())
    }

    /// Takes up the changes that have come. False: some were lost.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0u8; LONGEST];
        loop {
            match self.next(&mut buffer) {
                Ok(length) => self.known.learn(&buffer[..length]),
                Err(Errno::EAGAIN) => return Ok(true),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => {
                    self.known.is_whole = false;
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next datagram of the kernel; one of another process counts as empty.
    fn next(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let (length, sender) = recvfrom::<NetlinkAddr>(self.fd.as_raw_fd(), buffer)?;
        Ok(if sender.is_some_and(|sender| sender.pid() == 0) { length } else { 0 })
    }

    /// Asks for the whole list. Changes that come between its parts are told in their order.
    fn ask(&mut self) -> io::Result<()> {
        let deadline = Moment::now() + PATIENCE;
        for _ in 0..ATTEMPTS {
            self.known = Known::nothing(self.known.address);
            let links = self.ask_for(libc::RTM_GETLINK, deadline)?;
            let addresses = self.ask_for(libc::RTM_GETADDR, deadline)?;
            if links == Listed::Whole && addresses == Listed::Whole {
                self.known.is_whole = true;
                return Ok(());
            }
        }
        Err(io::Error::other("the interfaces of this node change all the time"))
    }

    fn ask_for(&mut self, kind: u16, deadline: Moment) -> io::Result<Listed> {
        let request = request(kind);
        let kernel = NetlinkAddr::new(0, 0);
        sendto(self.fd.as_raw_fd(), &request, &kernel, MsgFlags::empty())?;
        let mut buffer = vec![0u8; LONGEST];
        let mut listed = Listed::Whole;
        loop {
            match self.next(&mut buffer) {
                Ok(length) => {
                    let bytes = &buffer[..length];
                    if messages(bytes).any(|message| message.is_error()) {
                        return Err(io::Error::other("the kernel refuses to list them"));
                    }
                    if messages(bytes).any(|message| message.is_interrupted()) {
                        listed = Listed::Changed;
                    }
                    self.known.learn(bytes);
                    if messages(bytes).any(|message| message.is_end()) {
                        return Ok(listed);
                    }
                }
                Err(Errno::EAGAIN) => {
                    if deadline.passed() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    let mut waiting = Waiting::new();
                    waiting.readable(self.fd.as_fd(), ());
                    waiting.wait(Some(deadline));
                }
                Err(Errno::EINTR) => {}
                // Changes were lost; the list itself is not.
                Err(Errno::ENOBUFS) => listed = Listed::Changed,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for AddressWatcher {
    /// Readable when a change has been told.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Where `address` is now. The question may have to wait for a driver that hangs: then this waits for `patience`
/// and no longer.
///
/// # Errors
/// As [`AddressWatcher::new`]; there was no answer in time.
pub fn presence(address: IpAddr, patience: Duration) -> io::Result<Presence> {
    let (tell, told) = mpsc::channel();
    thread::start("addresses", StackSize::Usual, move || {
        // Nobody waits for an answer that comes too late.
        let _ = tell.send(AddressWatcher::new(address).map(|watcher| watcher.known.presence()));
    })?;
    told.recv_timeout(patience).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A list of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Whole,
    /// It changed while it was told.
    Changed,
}

/// Where one address is on one interface. The same address may be there more than once.
type Placement = (u32, u8, Vec<u8>);

/// What has been told of an address.
#[derive(Debug)]
struct Known {
    address: IpAddr,
    holders: BTreeSet<Placement>,
    /// Each interface by its number: its name, and whether it is up.
    interfaces: BTreeMap<u32, (String, bool)>,
    is_whole: bool,
}

impl Known {
    fn nothing(address: IpAddr) -> Self {
        let (holders, interfaces) = (BTreeSet::new(), BTreeMap::new());
        Self { address, holders, interfaces, is_whole: false }
    }

    fn presence(&self) -> Presence {
        let interfaces = || self.holders.iter().filter_map(|(at, ..)| self.interfaces.get(at));
        if interfaces().any(|(_, is_up)| *is_up) {
            return Presence::Here;
        }
        interfaces().next().map_or(Presence::Nowhere, |(name, _)| Presence::Down(name.clone()))
    }

    fn learn(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            match message.kind {
                libc::RTM_NEWLINK | libc::RTM_DELLINK => self.learn_of_link(&message),
                libc::RTM_NEWADDR | libc::RTM_DELADDR => self.learn_of_address(&message),
                _ => {}
            }
        }
    }

    fn learn_of_link(&mut self, message: &Message<'_>) {
        // `struct ifinfomsg`. Another family tells of a bridge, and nothing of the interface.
        let Some(head) = message.body.get(..16).filter(|head| head[0] == 0) else { return };
        let (number, flags) = (u32_at(head, 4), u32_at(head, 8));
        if message.kind == libc::RTM_DELLINK {
            self.interfaces.remove(&number);
            self.holders.retain(|(at, ..)| *at != number);
            return;
        }
        let name = attributes(&message.body[16..]).find(|(kind, _)| *kind == libc::IFLA_IFNAME);
        let name = name.map_or_else(String::new, |(_, text)| {
            String::from_utf8_lossy(text).trim_end_matches('\0').to_owned()
        });
        let is_up = flags & libc::IFF_UP.cast_unsigned() != 0;
        self.interfaces.insert(number, (name, is_up));
    }

    fn learn_of_address(&mut self, message: &Message<'_>) {
        // `struct ifaddrmsg`
        let Some(head) = message.body.get(..8) else { return };
        let mut remote: &[u8] = &[];
        let mut local: &[u8] = &[];
        for (kind, value) in attributes(&message.body[8..]) {
            match kind {
                libc::IFA_ADDRESS => remote = value,
                libc::IFA_LOCAL => local = value,
                _ => {}
            }
        }
        // Of a point-to-point interface, IFA_ADDRESS is the other end.
        let own = if local.is_empty() { remote } else { local };
        if read_address(own) != Some(self.address) {
            return;
        }
        let holder = (u32_at(head, 4), head[1], remote.to_vec());
        match message.kind {
            libc::RTM_NEWADDR => self.holders.insert(holder),
            _ => self.holders.remove(&holder),
        };
    }
}

fn read_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::V4(Ipv4Addr::from(b)));
    let v6 = || <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::V6(Ipv6Addr::from(b)));
    v4().or_else(v6)
}

/// One message of netlink(7).
struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

impl Message<'_> {
    /// The list ends here.
    fn is_end(&self) -> bool {
        i32::from(self.kind) == libc::NLMSG_DONE
    }

    fn is_error(&self) -> bool {
        i32::from(self.kind) == libc::NLMSG_ERROR
    }

    fn is_interrupted(&self) -> bool {
        self.flags & libc::NLM_F_DUMP_INTR.cast_unsigned() as u16 != 0
    }
}

/// The length of `struct nlmsghdr`.
const HEAD: usize = 16;

/// The messages of a datagram; what is cut off is left out.
fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..HEAD)?;
        let length = usize::try_from(u32_at(head, 0)).ok()?;
        let body = rest.get(HEAD..length)?;
        let message = Message { kind: u16_at(head, 4), flags: u16_at(head, 6), body };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes (rtnetlink(7), `struct rtattr`) of a message, each with its type.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..4)?;
        let length = usize::from(u16_at(head, 0));
        let value = rest.get(4..length)?;
        let kind = u16_at(head, 2);
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A request for a whole list, of all families.
fn request(kind: u16) -> Vec<u8> {
    // `struct ifinfomsg` is long enough for both kinds.
    let mut bytes = vec![0u8; HEAD + 16];
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP).cast_unsigned() as u16;
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, head: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = head.to_vec();
        for (kind, value) in attributes {
            let length = u16::try_from(4 + value.len()).unwrap();
            body.extend(length.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(aligned(body.len()), 0);
        }
        let mut bytes = u32::try_from(HEAD + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEAD, 0);
        bytes.extend(body);
        bytes
    }

    fn link(kind: u16, family: u8, number: u32, is_up: bool) -> Vec<u8> {
        let mut head = vec![family, 0, 0, 0];
        head.extend(number.to_ne_bytes());
        head.extend(u32::from(is_up).to_ne_bytes());
        head.extend([0; 4]);
        message(kind, &head, &[(libc::IFLA_IFNAME, format!("eth{number}\0").as_bytes())])
    }

    fn address(kind: u16, number: u32, prefix: u8, local: &[u8], remote: &[u8]) -> Vec<u8> {
        let mut head = vec![0, prefix, 0, 0];
        head.extend(number.to_ne_bytes());
        message(kind, &head, &[(libc::IFA_ADDRESS, remote), (libc::IFA_LOCAL, local)])
    }

    const OWN: [u8; 4] = [10, 0, 0, 5];

    fn known() -> Known {
        let mut known = Known::nothing("10.0.0.5".parse().unwrap());
        known.learn(&link(libc::RTM_NEWLINK, 0, 2, true));
        known.learn(&address(libc::RTM_NEWADDR, 2, 24, &OWN, &OWN));
        known
    }

    #[test]
    fn an_address_is_here_until_its_last_holder_is_gone_or_down() {
        let mut known = known();
        assert_eq!(known.presence(), Presence::Here);
        // The same address once more on the same interface; and another one.
        known.learn(&address(libc::RTM_NEWADDR, 2, 32, &OWN, &OWN));
        known.learn(&address(libc::RTM_DELADDR, 2, 24, &[10, 0, 0, 6], &[10, 0, 0, 6]));
        known.learn(&address(libc::RTM_DELADDR, 2, 24, &OWN, &OWN));
        assert_eq!(known.presence(), Presence::Here);
        known.learn(&link(libc::RTM_NEWLINK, 0, 2, false));
        assert_eq!(known.presence(), Presence::Down("eth2".to_owned()));
        known.learn(&link(libc::RTM_NEWLINK, 0, 2, true));
        known.learn(&address(libc::RTM_DELADDR, 2, 32, &OWN, &OWN));
        assert_eq!(known.presence(), Presence::Nowhere);
    }

    #[test]
    fn an_interface_that_goes_takes_its_addresses_and_a_bridge_that_lets_it_go_does_not() {
        let mut known = known();
        let bridge = u8::try_from(libc::AF_BRIDGE).unwrap();
        known.learn(&link(libc::RTM_DELLINK, bridge, 2, true));
        assert_eq!(known.presence(), Presence::Here);
        known.learn(&link(libc::RTM_DELLINK, 0, 2, true));
        assert_eq!(known.presence(), Presence::Nowhere);
    }

    #[test]
    fn the_other_end_of_an_interface_is_no_address_of_this_node() {
        let mut known = Known::nothing("10.0.0.5".parse().unwrap());
        known.learn(&link(libc::RTM_NEWLINK, 0, 2, true));
        known.learn(&address(libc::RTM_NEWADDR, 2, 32, &[10, 0, 0, 6], &OWN));
        assert_eq!(known.presence(), Presence::Nowhere);
        known.learn(&address(libc::RTM_NEWADDR, 2, 32, &OWN, &[10, 0, 0, 6]));
        assert_eq!(known.presence(), Presence::Here);
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_left_out() {
        let mut known = known();
        let whole = address(libc::RTM_DELADDR, 2, 24, &OWN, &OWN);
        for end in 0..whole.len() {
            known.learn(&whole[..end]);
        }
        known.learn(&[0; 64]);
        known.learn(&[0xff; 64]);
        assert_eq!(known.presence(), Presence::Here);
    }

    #[test]
    fn loopback_is_here_and_another_is_not() {
        let look = |text: &str| {
            let address = text.parse().unwrap();
            let seen = AddressWatcher::new(address).unwrap().look().unwrap();
            assert_eq!(presence(address, PATIENCE).unwrap(), seen);
            seen
        };
        assert_eq!(look("127.0.0.1"), Presence::Here);
        assert_eq!(look("192.0.2.77"), Presence::Nowhere);
        assert_eq!(look("2001:db8::77"), Presence::Nowhere);
    }
}
