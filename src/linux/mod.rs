//! Every system call that std lacks.
//!
//! Promises: the only room with unsafe code; each block says why it is sound. Numbers that
//! name a process, a moment or a user leave here as types, never bare. Must never: decide
//! anything, log, or know what a site is.
#![allow(unsafe_code)]

pub mod attributes;
pub mod capabilities;
pub mod cgroup;
mod child;
pub mod clock;
pub mod descriptors;
pub mod detached;
pub mod files;
pub mod folder;
pub mod inherit;
pub mod limits;
pub mod lock;
mod memory;
pub mod node;
pub mod ourselves;
pub mod pidfd;
pub mod ports;
mod proc;
pub mod process;
pub mod signals;
pub mod sockets;
pub mod spawn;
pub mod terminal;
pub mod users;
pub mod wait;
pub mod watch;

pub use pidfd::PidFd;
pub use process::{BootId, StartTicks};
