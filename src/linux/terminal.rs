//! The terminal that a person looks at.

use std::os::fd::AsRawFd;

/// How many columns the terminal has that standard output is; None: it is none.
pub fn columns() -> Option<usize> {
    size_of(&std::io::stdout()).map(|(columns, _)| columns)
}

/// How many columns and rows the terminal has that standard error is; None: it is none.
pub fn size_of_stderr() -> Option<(usize, usize)> {
    size_of(&std::io::stderr())
}

fn size_of(stream: &impl AsRawFd) -> Option<(usize, usize)> {
    // SAFETY: all fields of winsize are numbers.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local that outlives the call, of the type that TIOCGWINSZ fills.
    let asked = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}
