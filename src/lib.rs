//! siteward runs a site, a group of processes that fails over as a unit, for any cluster manager.
//!
//! The modules are listed from the top floor down. Each uses only those below it (ARCHITECTURE.md).
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod cli;

pub mod operator;

pub mod manager;

pub mod agent;

pub mod hold;

pub mod observe;

pub mod backend;

pub mod supervisor;

pub mod lease;

pub mod control;
pub mod disk;
pub mod history;
pub mod journal;
pub mod process;

pub mod logs;
pub mod surroundings;

pub mod site;

pub mod messages;

pub mod linux;

pub mod values;
