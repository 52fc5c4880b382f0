//! The ports of a site, held before any of its processes is started. A port that is taken already fails the
//! start at once, and no other process can take one before the site's own process has it (source document
//! 003, PORT-01 to PORT-07).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use crate::linux::ports::{hold, hold_listening, who_listens};
use crate::site::{Definition, Reservation};

/// The sockets that hold ports, by the index of their reservation.
#[derive(Debug, Default)]
pub struct Reserved(BTreeMap<usize, OwnedFd>);

/// Holds every port that the definition reserves.
///
/// # Errors
/// A sentence: the process that has a port, or why it cannot be held.
pub fn reserve(definition: &Definition) -> Result<Reserved, String> {
    let mut reserved = Reserved::default();
    for (index, reservation) in definition.reserve_ports.iter().enumerate() {
        reserved.0.insert(index, hold_one(definition, reservation)?);
    }
    Ok(reserved)
}

fn hold_one(definition: &Definition, reservation: &Reservation) -> Result<OwnedFd, String> {
    let at = SocketAddr::new(reservation.address, reservation.port);
    let held = if reservation.pass { hold_listening(at) } else { hold(at) };
    held.map_err(|error| complaint(definition, at, &error))
}

/// An error if another process has `port` at `address`.
///
/// # Errors
/// A sentence that names it.
pub fn check_free(definition: &Definition, address: IpAddr, port: u16) -> Result<(), String> {
    let at = SocketAddr::new(address, port);
    match hold(at) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(complaint(definition, at, &error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn complaint(definition: &Definition, at: SocketAddr, error: &io::Error) -> String {
    let name = &definition.name;
    match error.kind() {
        ErrorKind::AddrInUse => {
            let who = who_listens(at.ip(), at.port())
                .unwrap_or_else(|| "a connection that is still closing".to_owned());
            format!(
                "the port {at} of the site `{name}` is taken by {who}; end that, or give one of \
                 them another port"
            )
        }
        ErrorKind::AddrNotAvailable => format!(
            "the port {at} of the site `{name}` cannot be held, as its address is not on this \
             node; the cluster must bring it before the site is started"
        ),
        _ => format!("the port {at} of the site `{name}` cannot be held: {error}"),
    }
}

impl Reserved {
    /// The process at `index` of the definition is about to be started: the ports that it binds itself are
    /// released; those that it is to be given are returned, and stay held.
    pub fn for_process(&mut self, definition: &Definition, index: usize) -> Vec<&OwnedFd> {
        let of = |at: &usize| definition.reserve_ports.get(*at);
        self.0.retain(|at, _| of(at).is_none_or(|r| r.process != Some(index) || r.pass));
        self.0
            .iter()
            .filter(|(at, _)| of(at).is_some_and(|r| r.process == Some(index)))
            .map(|(_, fd)| fd)
            .collect()
    }

    /// Holds again the ports that the process at `index` is to be given, where an earlier supervisor held them.
    ///
    /// # Errors
    /// As [`reserve`].
    pub fn hold_again(&mut self, definition: &Definition, index: usize) -> Result<(), String> {
        for (at, reservation) in definition.reserve_ports.iter().enumerate() {
            let wanted = reservation.pass && reservation.process == Some(index);
            if wanted && !self.0.contains_key(&at) {
                self.0.insert(at, hold_one(definition, reservation)?);
            }
        }
        Ok(())
    }

    /// Releases all ports.
    pub fn release(&mut self) {
        self.0.clear();
    }
}
