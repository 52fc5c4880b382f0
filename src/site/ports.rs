//! `reserve_ports:` of a definition.

use std::net::{IpAddr, Ipv4Addr};

use super::cursor::{Cursor, nearest};
use super::definition::Reservation;
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
        list.wrong_key(&format!("there are more than {MOST_SOCKETS} ports"));
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
        let port = u16::try_from(item.integer(1, 65_535)?).ok()?;
        if !wrapped {
            item.wrong(&format!(
                "it must say whose port it is: {{port: {port}, process: {}}}",
                processes[0]
            ));
            return None;
        }
        return Some(Reservation { address: of_site, port, process: None, pass: false });
    }
    item.check_keys(&["address", "port", "process", "pass"])?;
    let address = match item.field("address") {
        None => of_site,
        Some(cursor) => {
            let text = cursor.text()?;
            match text.parse() {
                Ok(address) => address,
                Err(_) => {
                    cursor.wrong(&format!("`{text}` is not an IP address"));
                    return None;
                }
            }
        }
    };
    let Some(port) = item.field("port") else {
        item.wrong_key("`port` is missing");
        return None;
    };
    let port = u16::try_from(port.integer(1, 65_535)?).ok()?;
    let process = match item.field("process") {
        None if wrapped => None,
        None => {
            item.wrong_key("`process` is missing: whose port is it?");
            return None;
        }
        Some(cursor) => {
            let wanted = cursor.text()?;
            match processes.iter().position(|n| *n == wanted) {
                Some(index) => Some(index),
                None => {
                    let advice = nearest(wanted, processes)
                        .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                    cursor.wrong(&format!("there is no process `{wanted}` in this site{advice}"));
                    return None;
                }
            }
        }
    };
    let pass = item.field("pass").and_then(|c| c.boolean()).unwrap_or(false);
    if pass && wrapped {
        item.wrong_key("a supervisor that is not ours cannot be given a socket");
    }
    Some(Reservation { address, port, process, pass })
}
