//! What ends a start before its time: the order of a stop, or a signal.
//!
//! Made before anything else of a start, so that a signal never ends a start that holds something.

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

/// What has interrupted a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    Stop,
    Signal(Signal),
}

/// See the module.
#[derive(Debug)]
pub struct Interrupts<'a> {
    places: &'a SitePlaces,
    /// When the start began; an order that is older does not count.
    begun: Moment,
    inbox: Inbox,
    came: Cell<Option<Signal>>,
    /// Empty: this node cannot tell of an order at once.
    orders: OnceCell<(Watcher, AnyReadable)>,
}

impl<'a> Interrupts<'a> {
    /// Blocks TERM, INT and HUP, which are heard from now on.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn first(places: &'a SitePlaces, begun: Moment) -> io::Result<Self> {
        let inbox = Inbox::new(&[Signal::TERM, Signal::INT, Signal::HUP])?;
        Ok(Self { places, begun, inbox, came: Cell::new(None), orders: OnceCell::new() })
    }

    /// Listens for the order of a stop as well; the site's folder is there.
    pub(super) fn watch_orders(&self) {
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

    /// What has interrupted the start, if anything has.
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

    /// The file of the order may be replaced, or removed with the site's folder, which is no order. It is
    /// watched again before it is read, so that no order is missed.
    fn watch_again(&self) {
        if let Some((watcher, _)) = self.orders.get()
            && !watcher.told().is_empty()
        {
            watch_order_with(watcher, self.places);
        }
    }

    /// For a wait of a backend's; `is_cut` asks [`Self::is_cut`].
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

/// Watches for the order of a stop.
fn watch_order(places: &SitePlaces) -> Option<Watcher> {
    let watcher = Watcher::new().ok()?;
    watch_order_with(&watcher, places).then_some(watcher)
}

/// The same, in a file that is there from now on; it may hold an old order. False: there is no such file.
fn watch_order_with(watcher: &Watcher, places: &SitePlaces) -> bool {
    let path = places.stop_order();
    // With something in it, so that an order finds room where the disk is full by then.
    let never = serde_json::to_vec(&Moment::since_boot(Duration::ZERO)).unwrap_or_default();
    let _ = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&[&never[..], &[b'\n'; 64]].concat()));
    watcher.changes_of(&path).is_ok()
}
