//! The files of what a process prints: where each byte of its output is, when its runs began and ended, and
//! when what was printed.
//!
//! What a log has ever been given is one stream of bytes, and a position in it stays valid when files are set
//! aside. Its files are `NAME.log`, which the process appends to, and `NAME.log.1`, `.2`, ... with what came
//! before. `NAME.log.index` says which part of the stream each file holds; files are told apart by their
//! inodes.
//!
//! Promises: what a process writes while its file is cut is kept (see `cut`); an index is written without
//! waiting for the disk, and a part of it that cannot be read is left out. Must never: touch a file that is
//! no log, follow a link, or wait for another process.

mod cut;
mod files;
mod index;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

pub use files::{LogBounds, NoLogs, logs_in};
pub use index::{LogIndex, Marker, RunSeen};
pub use stream::{Chunk, Stream};
pub use writer::{Growth, LogWriter};
