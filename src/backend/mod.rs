//! The two kinds of supervisor behind one face: our own, spoken to by its socket, and one that a
//! site already has, spoken to by commands.
//!
//! Promises: an answer within the deadline, and "silent" told apart from "nobody there". Must
//! never: take silence for absence, or let a command outlive its share of the time.

pub mod command;
pub mod external;
pub mod jobcenter;
pub mod own;
