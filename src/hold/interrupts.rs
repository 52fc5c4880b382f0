//! The interruption of a start, by a stop order or by a signal.
//!
//! The signals are blocked before a start takes anything, so that no signal kills a start that holds a
//! lock or the lease.

use std::cell::{Cell, OnceCell};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use crate::backend::Cut;
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
    /// Empty: the order file cannot be watched, and is only polled.
    orders: OnceCell<(Watcher, AnyReadable)>,
}

impl<'a> Interrupts<'a> {
    /// Blocks TERM, INT and HUP, and receives them from now on.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn first(places: &'a SitePlaces, begun: Moment) -> io::Result<Self> {
        let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP])?;
        Ok(Self { places, begun, inbox, came: Cell::new(None), orders: OnceCell::new() })
    }

    /// The signals have their usual effect again.
    pub fn end(self) {
        self.inbox.close();
    }

    /// Watches for a stop order as well. The runtime directory must exist.
    pub fn watch_orders(&self) {
        let Some(watcher) = watch_order(self.places) else { return };
        if let Ok(any) = AnyReadable::of(&[watcher.as_fd(), self.inbox.as_fd()]) {
            let _ = self.orders.set((watcher, any));
        }
    }

    /// Becomes readable when the start is interrupted.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.orders.get().map_or_else(|| self.inbox.as_fd(), |(_, any)| any.as_fd())
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
        if let Some((watcher, _)) = self.orders.get()
            && !watcher.told().is_empty()
        {
            watch_order_with(watcher, self.places);
        }
    }

    /// For the waits of a backend; `is_cut` calls [`Self::is_cut`].
    pub fn cut<'b>(&'b self, is_cut: &'b dyn Fn() -> bool) -> Cut<'b> {
        Cut { fd: Some(self.fd()), is_cut }
    }
}

/// Whether a stop was ordered since `begun`.
fn is_overtaken(places: &SitePlaces, begun: Moment) -> bool {
    files::read_plain(&places.stop_order(), 1 << 10)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Moment>(&bytes).ok())
        .is_some_and(|at| at > begun)
}

/// Watches for a stop order.
fn watch_order(places: &SitePlaces) -> Option<Watcher> {
    let watcher = Watcher::new().ok()?;
    watch_order_with(&watcher, places).then_some(watcher)
}

/// Creates the order file if it is missing, and watches it. False: it cannot be watched.
fn watch_order_with(watcher: &Watcher, places: &SitePlaces) -> bool {
    let path = places.stop_order();
    // Not empty: an order can then be written in place when the disk is full.
    let never = serde_json::to_vec(&Moment::since_boot(Duration::ZERO)).unwrap_or_default();
    let _ = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&[&never[..], &[b'\n'; 64]].concat()));
    watcher.changes_of(&path).is_ok()
}
