//! The ports of a site whose supervisor is not ours: held until that one is started.

use std::net::{IpAddr, Ipv4Addr};

use super::Fault;
use crate::site::Definition;
pub(super) use crate::supervisor::ports::Reserved;

/// JobCenter's port (source document 003, PORT-01).
pub(super) const NQS: u16 = 607;

pub(super) fn reserve(definition: &Definition) -> Result<Reserved, Fault> {
    crate::supervisor::ports::reserve(definition).map_err(Fault::failed)
}

pub(super) fn check_free(definition: &Definition, port: u16) -> Result<(), Fault> {
    let address = definition.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    crate::supervisor::ports::check_free(definition, address, port).map_err(Fault::failed)
}
