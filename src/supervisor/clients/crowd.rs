//! Who is let in where many want something, and who is let go for it.
//!
//! Promises: whoever only looks is answered, an order to stop finds a place, and who is sent away is told
//! that it is for the crowd. Must never: keep a place for one that asks nothing.

use std::io::ErrorKind;
use std::time::Duration;

use super::{Client, Clients, Wait};
use crate::control::{Denial, Reply};
use crate::linux::{files, sockets};
use crate::supervisor::event_loop::Supervisor;
use crate::values::Moment;

/// Verbs that may wait at once: a supervisor must not run out of descriptors. Where there are more,
/// whoever asks nothing is let go, then held monitors are answered, then those who would wait are told
/// that it is busy.
const MOST: usize = 200;

/// Beyond [`MOST`], for orders to stop, and for those who are yet to say what they want.
const RESERVE: usize = 32;

/// So many are let in at a time: a crowd must not keep the loop from everything else.
const AT_A_TIME: usize = 64;

/// How long one that asks nothing is listened to; and where there is a crowd.
const IDLE: Duration = Duration::from_secs(5);
const IDLE_IN_A_CROWD: Duration = Duration::from_secs(1);

/// How soon it is tried again to let somebody in, where that was not possible.
const CLOSED: Duration = Duration::from_millis(50);

pub(super) fn busy() -> Reply {
    Reply::Busy { why: format!("{MOST} verbs wait for the supervisor already") }
}

impl Clients {
    /// How long one that asks nothing is listened to.
    pub(super) fn patience(&self) -> Duration {
        if self.all.len() > MOST / 2 { IDLE_IN_A_CROWD } else { IDLE }
    }

    /// There are more than may wait.
    pub(super) fn is_crowded(&self) -> bool {
        self.all.len() > MOST
    }
}

impl Supervisor {
    /// Lets in whoever has come, and hears at once what it wants: who only looks, or is gone already,
    /// takes nobody's place.
    pub(in crate::supervisor) fn accept_clients(&mut self) {
        for _ in 0..AT_A_TIME {
            let stream = match self.foothold.listener().accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    // There is no descriptor for it; the listener would be readable all the time.
                    log::debug!("nobody can be let in: {error}");
                    self.clients.closed_until = Some(Moment::now() + CLOSED);
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let allowed = sockets::peer(&stream)
                .is_ok_and(|peer| peer.uid == 0 || peer.uid == files::effective_user());
            let wait = Wait::Nothing { since: Moment::now() };
            let mut client = Client { stream, input: Vec::new(), output: Vec::new(), wait };
            if !allowed {
                let why = "only root and the owner of the site may ask its supervisor".to_owned();
                client.send_away(&Denial { denied: why });
                continue;
            }
            let id = self.clients.next;
            self.clients.next += 1;
            self.clients.all.insert(id, client);
            self.on_client(id);
            if self.clients.is_crowded() {
                self.make_room(id);
            }
        }
    }

    /// Lets one go for `newest`: the one that has asked nothing for the longest time, or a held
    /// monitor, which is told what is so. Where all have orders that are being carried out, the
    /// reserve is used, and then `newest` is sent away.
    fn make_room(&mut self, newest: u64) {
        let all = &self.clients.all;
        let others = || all.iter().filter(|(id, _)| **id != newest);
        let idle = others().filter_map(|(id, c)| Some((c.idle_since()?, *id))).min();
        let held = others().find_map(|(id, c)| match c.wait {
            Wait::Held { key, .. } => Some((*id, key)),
            _ => None,
        });
        match (idle, held) {
            (Some((_, id)), _) => self.send_away(id),
            (None, Some((id, key))) => {
                let view = Box::new(self.view());
                self.reply(id, &Reply::Done(view));
                let verdict = self.verdict();
                self.series.answered(key, Moment::now(), verdict);
                self.clients.all.remove(&id);
            }
            (None, None) if all.len() > MOST + RESERVE => self.send_away(newest),
            (None, None) => {}
        }
    }

    /// One that has asked nothing, or that there is no place for.
    fn send_away(&mut self, id: u64) {
        if let Some(mut client) = self.clients.all.remove(&id) {
            client.send_away(&busy());
            self.drop_helpers_of_client(id);
        }
    }

    /// Those who have asked nothing for too long are let go.
    pub(in crate::supervisor) fn let_idle_clients_go(&mut self, now: Moment) {
        let patience = self.clients.patience();
        let is_over = |c: &Client| c.idle_since().is_some_and(|since| since + patience <= now);
        let over: Vec<u64> =
            self.clients.all.iter().filter(|(_, c)| is_over(c)).map(|(id, _)| *id).collect();
        for id in over {
            self.send_away(id);
        }
    }

    /// Somebody else may be let go.
    pub(super) fn can_make_room(&self, id: u64) -> bool {
        let may_go = |c: &Client| match c.wait {
            Wait::Nothing { .. } | Wait::Held { .. } => true,
            Wait::Up | Wait::Down | Wait::Paused | Wait::Resumed | Wait::Answers { .. } => false,
        };
        self.clients.all.iter().any(|(other, c)| *other != id && may_go(c))
    }
}
