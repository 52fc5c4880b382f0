//! `reserve_ports:` of a definition.

use std::net::{IpAddr, Ipv4Addr};

use super::cursor::Cursor;
use super::definition::Reservation;
use super::nearest::nearest;
use super::problem::ProblemKind;
use super::yaml::Node;
use crate::linux::spawn::MOST_SOCKETS;

/// Reads the list. `processes` are the names of the site's; none where its supervisor is not ours.
pub(super) fn read_reservations(
    root: &Cursor<'_>,
    processes: &[&str],
    address: Option<IpAddr>,
) -> Vec<Reservation> {
    let Some(list) = root.field("reserve_ports") else { return Vec::new() };
    let items = list.items().unwrap_or_default();
    if items.len() > MOST_SOCKETS {
        list.wrong_key(ProblemKind::TooLarge, &format!("there are more than {MOST_SOCKETS} ports"));
    }
    items.iter().filter_map(|item| read_reservation(item, processes, address)).collect()
}

fn read_reservation(
    item: &Cursor<'_>,
    processes: &[&str],
    address: Option<IpAddr>,
) -> Option<Reservation> {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let of_site = address.unwrap_or(everywhere);
    let wrapped = processes.is_empty();
    if let Node::Integer(_) = item.node {
        let port = u16::try_from(item.integer()?).ok()?;
        if !wrapped {
            item.wrong(
                ProblemKind::TypeWrong,
                &format!(
                    "it must say whose port it is: {{port: {port}, process: {}}}",
                    processes[0]
                ),
            );
            return None;
        }
        return Some(Reservation { address: of_site, port, process: None, pass: false });
    }
    item.check_keys()?;
    let address = match item.field("address") {
        None => of_site,
        Some(cursor) => cursor.address()?,
    };
    let Some(port) = item.field("port") else {
        item.wrong_key(ProblemKind::KeyMissing, "`port` is missing");
        return None;
    };
    let port = u16::try_from(port.integer()?).ok()?;
    let process = match item.field("process") {
        None if wrapped => None,
        None => {
            item.wrong_key(ProblemKind::KeyMissing, "`process` is missing: whose port is it?");
            return None;
        }
        Some(cursor) => {
            let wanted = cursor.text()?;
            match processes.iter().position(|n| *n == wanted) {
                Some(index) => Some(index),
                None => {
                    let advice = nearest(wanted, processes)
                        .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                    cursor.wrong(
                        ProblemKind::ReferenceUnknown,
                        &format!("there is no process `{wanted}` in this site{advice}"),
                    );
                    return None;
                }
            }
        }
    };
    let pass = item.boolean_of("pass");
    if pass && wrapped {
        item.wrong_key(
            ProblemKind::KeysConflict,
            "a supervisor that is not ours cannot be given a socket",
        );
    }
    Some(Reservation { address, port, process, pass })
}
