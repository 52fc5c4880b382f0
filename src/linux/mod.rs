//! Every system call that std lacks.
//!
//! Promises: unsafe code is in this room only, and each block says why it is sound. The number of a
//! process, of a signal and of a moment leaves this room as a type. Whatever has a name of the program's
//! own, such as a file, a variable or the program itself, is a parameter here.
//! Must never: decide anything, log, or know what the rooms above use it for.
#![allow(unsafe_code)]

pub mod addresses;
pub mod any;
pub mod attributes;
pub mod batch;
mod bell;
pub mod bounded;
pub mod brief_memory;
pub mod capabilities;
pub mod captured;
pub mod cgroup;
mod child;
pub mod children;
pub mod clock;
mod command;
pub mod descriptors;
pub mod detached;
mod exec;
mod failure;
pub mod files;
pub mod folder;
mod fork;
pub mod growing;
pub mod health;
pub mod inherit;
mod late;
pub mod limits;
pub mod lock;
mod memory;
pub mod mounts;
#[cfg(test)]
mod no_allocation;
pub mod node;
pub mod own_program;
pub mod pidfd;
pub mod ports;
pub mod priority;
mod proc;
pub mod process;
mod reap;
mod rtnetlink;
pub mod signals;
pub mod sockets;
pub mod spawn;
mod stat;
pub mod syslog;
pub mod terminal;
pub mod thread;
pub mod tree;
pub mod users;
mod vfork;
pub mod wait;
mod walk;
pub mod watch;

pub use pidfd::PidFd;
pub use stat::{BootId, StartTicks};
