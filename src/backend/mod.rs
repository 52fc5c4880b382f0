//! The two kinds of supervisor behind one face: our own, spoken to by its socket, and (to come)
//! one that a site already has, spoken to by commands.
//!
//! Promises: an answer within the deadline, and "silent" told apart from "nobody there". Must
//! never: take silence for absence.

pub mod own;
