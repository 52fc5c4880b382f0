//! An address of this node, watched: the kernel tells each change of addresses and interfaces
//! (rtnetlink(7)).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    setsockopt, socket, sockopt,
};

use super::rtnetlink::{NetlinkMessage, attributes, messages, request, u32_at};
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
    /// Changes were lost, and this one will know all of them.
    successor: Option<Receiver<io::Result<Self>>>,
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
        let mut watcher = Self { fd, known: Known::nothing(address), successor: None };
        watcher.ask()?;
        Ok(watcher)
    }

    /// As [`Self::new`], in a thread, as the question may have to wait.
    fn in_a_thread(address: IpAddr) -> io::Result<Receiver<io::Result<Self>>> {
        let (tell, told) = channel();
        thread::start("addresses", StackSize::Small, move || {
            // Nobody waits for an answer that comes too late.
            let _ = tell.send(Self::new(address));
        })?;
        Ok(told)
    }

    /// Where the address is, by all changes that have been told; this waits for nothing. None: too many changes
    /// came at once, and the whole list is being asked for; look again soon.
    ///
    /// # Errors
    /// The list cannot be asked for. The next call tries it again.
    pub fn look(&mut self) -> io::Result<Option<Presence>> {
        let is_whole = self.receive()?;
        let successor = match self.successor.take() {
            None if is_whole => return Ok(Some(self.known.presence())),
            None => Self::in_a_thread(self.known.address)?,
            Some(successor) => successor,
        };
        match successor.try_recv() {
            Ok(watcher) => {
                *self = watcher?;
                self.look()
            }
            Err(TryRecvError::Empty) => {
                self.successor = Some(successor);
                Ok(None)
            }
            Err(TryRecvError::Disconnected) => Err(io::Error::other("its thread has ended")),
        }
    }

    /// Takes up the changes that have come. False: some were lost.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0u8; LONGEST];
        loop {
            match self.next(&mut buffer) {
                Ok(length) => self.known.learn(&buffer[..length]),
                Err(Errno::EAGAIN) => return Ok(self.known.is_whole),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => self.known.is_whole = false,
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
    let told = AddressWatcher::in_a_thread(address)?;
    let watcher =
        told.recv_timeout(patience).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(watcher.known.presence())
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
pub struct Known {
    address: IpAddr,
    holders: BTreeSet<Placement>,
    /// Each interface by its number: its name, and whether it is up.
    interfaces: BTreeMap<u32, (String, bool)>,
    is_whole: bool,
}

impl Known {
    /// Nothing has been told yet.
    pub fn nothing(address: IpAddr) -> Self {
        let (holders, interfaces) = (BTreeSet::new(), BTreeMap::new());
        Self { address, holders, interfaces, is_whole: false }
    }

    /// Where the address is by all that was told.
    pub fn presence(&self) -> Presence {
        let interfaces = || self.holders.iter().filter_map(|(at, ..)| self.interfaces.get(at));
        if interfaces().any(|(_, is_up)| *is_up) {
            return Presence::Here;
        }
        interfaces().next().map_or(Presence::Nowhere, |(name, _)| Presence::Down(name.clone()))
    }

    /// The messages of a datagram of rtnetlink(7).
    pub fn learn(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            match message.kind {
                libc::RTM_NEWLINK | libc::RTM_DELLINK => self.learn_of_link(&message),
                libc::RTM_NEWADDR | libc::RTM_DELADDR => self.learn_of_address(&message),
                _ => {}
            }
        }
    }

    fn learn_of_link(&mut self, message: &NetlinkMessage<'_>) {
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

    fn learn_of_address(&mut self, message: &NetlinkMessage<'_>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::rtnetlink::{HEAD, aligned};

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
    fn after_lost_changes_the_whole_list_is_asked_for() {
        let mut watcher = AddressWatcher::new("127.0.0.1".parse().unwrap()).unwrap();
        watcher.known.is_whole = false;
        watcher.known.holders.clear();
        let deadline = Moment::now() + PATIENCE * 5;
        let seen = loop {
            match watcher.look().unwrap() {
                Some(seen) => break seen,
                None => assert!(!deadline.passed()),
            }
            Waiting::<()>::new().wait(Some(Moment::now() + Duration::from_millis(1)));
        };
        assert_eq!(seen, Presence::Here);
        assert!(watcher.known.is_whole && watcher.successor.is_none());
    }

    #[test]
    fn loopback_is_here_and_another_is_not() {
        let look = |text: &str| {
            let address = text.parse().unwrap();
            let seen = AddressWatcher::new(address).unwrap().look().unwrap().unwrap();
            assert_eq!(presence(address, PATIENCE).unwrap(), seen);
            seen
        };
        assert_eq!(look("127.0.0.1"), Presence::Here);
        assert_eq!(look("192.0.2.77"), Presence::Nowhere);
        assert_eq!(look("2001:db8::77"), Presence::Nowhere);
    }
}
