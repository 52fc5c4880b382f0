//! Which connections are accepted, and which are closed where there are too many.
//!
//! Where more verbs wait than may, connections without a request are closed first, then held monitors are
//! answered early, then the next verb that would wait is told to ask again.
//!
//! Promises: a request that is answered at once, and an order to stop, are always served; a verb that is
//! sent away is told that it may ask again. Must never: close a connection whose order is carried out.

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::connection::{Connection, Wait};
use super::control_server::{ControlServer, MOST, Situation};
use crate::control::{Denial, Reply, Request};
use crate::linux::{files, sockets};
use crate::values::Moment;

/// Connections beyond [`MOST`], for orders to stop and for requests that are not read yet.
const RESERVE: usize = 32;

/// How many connections are accepted in a turn, so that they do not hold up the loop.
pub(super) const AT_A_TIME: usize = 64;

/// How soon a connection is accepted again where that was not possible.
const CLOSED: Duration = Duration::from_millis(50);

fn busy() -> Reply {
    Reply::Busy { why: format!("{MOST} verbs wait for the supervisor already") }
}

/// What came of accepting one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Accepted(u64),
    /// It was refused.
    Denied,
    /// None is waiting, or none can be accepted for now.
    Nobody,
}

impl ControlServer {
    /// Accepts one connection.
    pub(super) fn accept(&mut self, listener: &UnixListener) -> Admission {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Admission::Nobody,
            Err(error) => {
                // There is no descriptor for it, and the listener would stay readable.
                log::debug!("no connection can be accepted: {error}");
                self.closed_until = Some(Moment::now() + CLOSED);
                return Admission::Nobody;
            }
        };
        if stream.set_nonblocking(true).is_err() {
            return Admission::Denied;
        }
        let allowed = sockets::peer(&stream)
            .is_ok_and(|peer| peer.uid == 0 || peer.uid == files::effective_user());
        let mut connection = Connection::new(stream);
        if !allowed {
            let why = "only root and the owner of the site may ask its supervisor".to_owned();
            connection.send_away(&Denial { denied: why });
            return Admission::Denied;
        }
        let id = self.next;
        self.next += 1;
        self.connections.insert(id, connection);
        Admission::Accepted(id)
    }

    fn is_crowded(&self) -> bool {
        self.connections.len() > MOST
    }

    /// Refuses a request for which the verb would have to wait, if there is no place for it. Says whether it
    /// was refused.
    pub(super) fn refuse_if_crowded(&mut self, id: u64, request: &Request) -> bool {
        let waits = match request {
            Request::AwaitUp
            | Request::CheckHealth { .. }
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Reload { .. } => true,
            Request::Look
            | Request::Stop { .. }
            | Request::Hold { .. }
            | Request::Adjust { .. }
            | Request::Details => false,
        };
        let refused = waits && self.is_crowded() && !self.can_make_room(id);
        if refused {
            self.reply(id, &busy());
        }
        refused
    }

    /// Another connection could be closed.
    fn can_make_room(&self, id: u64) -> bool {
        let may_go = |connection: &Connection| match connection.wait {
            Wait::Nothing { .. } | Wait::Held { .. } => true,
            Wait::Up | Wait::Down | Wait::Paused | Wait::Resumed | Wait::Answers { .. } => false,
        };
        self.connections.iter().any(|(other, connection)| *other != id && may_go(connection))
    }

    /// Closes a connection for `newest`, if there are too many: the one that has been without a request for
    /// the longest time, or a held monitor, which is answered. Where all others have orders that are carried
    /// out, the reserve is used, and then `newest` is closed. Returns the one that was closed.
    pub(super) fn make_room(&mut self, newest: u64, situation: &Situation<'_>) -> Option<u64> {
        if !self.is_crowded() {
            return None;
        }
        let all = &self.connections;
        let others = || all.iter().filter(|(id, _)| **id != newest);
        let idle = others().filter_map(|(id, c)| Some((c.idle_since()?, *id))).min();
        let held = others().find_map(|(id, c)| match c.wait {
            Wait::Held { key, .. } => Some((*id, key)),
            Wait::Nothing { .. }
            | Wait::Up
            | Wait::Down
            | Wait::Paused
            | Wait::Resumed
            | Wait::Answers { .. } => None,
        });
        match (idle, held) {
            (Some((_, id)), _) => self.send_away(id),
            (None, Some((id, key))) => {
                self.reply(id, &situation.done());
                self.series.answered(key, Moment::now(), situation.verdict);
                self.connections.remove(&id);
                Some(id)
            }
            (None, None) if all.len() > MOST + RESERVE => self.send_away(newest),
            (None, None) => None,
        }
    }

    /// Tells a verb to ask again, and closes its connection.
    fn send_away(&mut self, id: u64) -> Option<u64> {
        self.connections.remove(&id)?.send_away(&busy());
        Some(id)
    }

    /// Closes the connections that have been without a request for too long, and returns them.
    pub(super) fn close_idle(&mut self, now: Moment) -> Vec<u64> {
        let time = self.idle_time();
        let is_over = |c: &Connection| c.idle_since().is_some_and(|since| since + time <= now);
        let over: Vec<u64> =
            self.connections.iter().filter(|(_, c)| is_over(c)).map(|(id, _)| *id).collect();
        over.into_iter().filter_map(|id| self.send_away(id)).collect()
    }
}
