//! Every system call that std lacks.
//!
//! Promises: the only room with unsafe code; each block says why it is sound. Numbers that
//! name a process, a moment or a user leave here as types, never bare. Must never: decide
//! anything, log, or know what a site is.
#![allow(unsafe_code)]

pub mod attributes;
pub mod bounded;
pub mod capabilities;
pub mod captured;
pub mod cgroup;
mod child;
pub mod clock;
mod command;
pub mod descriptors;
pub mod detached;
mod exec;
pub mod files;
pub mod folder;
mod fork;
pub mod inherit;
pub mod limits;
pub mod lock;
mod memory;
pub mod node;
pub mod own_program;
pub mod pidfd;
pub mod ports;
mod proc;
pub mod process;
mod reap;
pub mod signals;
pub mod sockets;
pub mod spawn;
mod stat;
pub mod thread;
pub mod tree;
pub mod users;
pub mod wait;
mod walk;
pub mod watch;

pub use pidfd::PidFd;
pub use stat::{BootId, StartTicks};
