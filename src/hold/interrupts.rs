//! The interruption of a start, by a stop order or by a signal.
//!
//! The signals are blocked before a start takes anything, so that no signal kills a start that holds a
//! lock or the lease. The order file is watched only once something waits for that: the kernel takes a grace period to
//! end a watch (inotify(7)), which is longer than the start of a small site.

use std::cell::{Cell, OnceCell};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::linux::any::AnyReadable;
use crate::linux::files;
use crate::linux::signals::Inbox;
use crate::linux::watch::Watcher;
use crate::site::SitePlaces;
use crate::values::{Moment, Signal};

/// The cause of an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    Stop,
    Signal(Signal),
}

/// The signals and the stop orders that a start has received.
#[derive(Debug)]
pub struct Interrupts<'a> {
    places: &'a SitePlaces,
    /// When the start began; an older order does not count.
    begun: Moment,
    inbox: Inbox,
    came: Cell<Option<Signal>>,
    /// Stop orders count, too.
    has_orders: Cell<bool>,
    orders: OnceCell<Option<OrderWatch>>,
}

/// A watch on the order file.
#[derive(Debug)]
struct OrderWatch {
    watcher: Watcher,
    /// Of the watch, and of the signals.
    any: AnyReadable,
    /// Readable for ever, if an order came before the watch.
    _come: Option<UnixStream>,
}

impl<'a> Interrupts<'a> {
    /// Blocks TERM, INT and HUP, and receives them from now on.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn first(places: &'a SitePlaces, begun: Moment) -> io::Result<Self> {
        let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP])?;
        let (came, has_orders) = (Cell::new(None), Cell::new(false));
        Ok(Self { places, begun, inbox, came, has_orders, orders: OnceCell::new() })
    }

    /// The signals have their usual effect again.
    pub fn end(self) {
        self.inbox.close();
    }

    /// Listens to stop orders as well. The runtime directory must exist.
    pub fn watch_orders(&self) {
        make_order_file(self.places);
        self.has_orders.set(true);
    }

    /// Becomes readable when a signal comes; a stop order is not told.
    pub fn signals(&self) -> BorrowedFd<'_> {
        self.inbox.as_fd()
    }

    /// Becomes readable when the start is interrupted; where the order file cannot be watched, by a signal alone.
    pub fn fd(&self) -> BorrowedFd<'_> {
        if !self.has_orders.get() {
            return self.signals();
        }
        let watch = self.orders.get_or_init(|| self.watch().ok());
        watch.as_ref().map_or_else(|| self.signals(), |watch| watch.any.as_fd())
    }

    fn watch(&self) -> io::Result<OrderWatch> {
        let watcher = Watcher::new()?;
        watch_order_with(&watcher, self.places)?;
        // The watch comes first, so that no order is missed between the two.
        let come = match is_overtaken(self.places, self.begun) {
            true => Some(UnixStream::pair()?.0),
            false => None,
        };
        let fds = [Some(watcher.as_fd()), Some(self.signals()), come.as_ref().map(AsFd::as_fd)];
        let any = AnyReadable::of(&fds.into_iter().flatten().collect::<Vec<_>>())?;
        Ok(OrderWatch { any, watcher, _come: come })
    }

    /// Whether the start is to end.
    pub fn is_cut(&self) -> bool {
        self.why().is_some()
    }

    /// The interruption, if there was one.
    pub fn why(&self) -> Option<Interruption> {
        self.watch_again();
        if is_overtaken(self.places, self.begun) {
            return Some(Interruption::Stop);
        }
        if self.came.get().is_none() {
            self.came.set(self.inbox.next());
        }
        self.came.get().map(Interruption::Signal)
    }

    /// The order file may be replaced, or removed with the runtime directory, which is no order. The watch
    /// is renewed before the file is read, so that no order is missed.
    fn watch_again(&self) {
        if let Some(Some(OrderWatch { watcher, .. })) = self.orders.get()
            && !watcher.told().is_empty()
        {
            // Where it cannot be watched any more, it is polled.
            let _ = watch_order_with(watcher, self.places);
        }
    }
}

/// Whether a stop was ordered since `begun`.
fn is_overtaken(places: &SitePlaces, begun: Moment) -> bool {
    files::read_plain(&places.stop_order(), 1 << 10)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Moment>(&bytes).ok())
        .is_some_and(|at| at > begun)
}

/// Creates the order file if it is missing.
fn make_order_file(places: &SitePlaces) {
    // Not empty: an order can then be written in place when the disk is full.
    let never = serde_json::to_vec(&Moment::since_boot(Duration::ZERO)).unwrap_or_default();
    let _ = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(places.stop_order())
        .and_then(|mut file| file.write_all(&[&never[..], &[b'\n'; 64]].concat()));
}

/// Creates the order file if it is missing, and watches it.
fn watch_order_with(watcher: &Watcher, places: &SitePlaces) -> io::Result<()> {
    make_order_file(places);
    watcher.changes_of(&places.stop_order()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::wait::Waiting;

    #[test]
    fn an_order_is_told_whether_it_came_before_the_watch_or_after() {
        let folder = tempfile::tempdir().unwrap();
        let places = SitePlaces {
            definition: folder.path().join("shop.yaml"),
            runtime: folder.path().to_owned(),
            logs: folder.path().join("log"),
        };
        let order = |at: Moment| {
            let bytes = serde_json::to_vec(&at).unwrap();
            files::write_even_if_full(&places.stop_order(), &bytes).unwrap();
        };
        let is_told = |interrupts: &Interrupts<'_>| {
            let mut waiting = Waiting::new();
            waiting.readable(interrupts.fd(), ());
            !waiting.wait(Some(Moment::now())).is_empty()
        };
        order(Moment::now());
        for is_before in [true, false] {
            let interrupts = Interrupts::first(&places, Moment::now()).unwrap();
            interrupts.watch_orders();
            assert!(!interrupts.is_cut(), "an older order does not count");
            assert!(interrupts.orders.get().is_none(), "nothing waits for an order yet");
            if !is_before {
                assert!(!is_told(&interrupts));
            }
            order(Moment::now());
            assert!(is_told(&interrupts) && interrupts.is_cut());
            assert_eq!(interrupts.why(), Some(Interruption::Stop));
            interrupts.end();
        }
    }
}
