//! The terminal that a person looks at.

use std::os::fd::AsRawFd;

/// How many columns the terminal has that standard output is; None: it is none.
pub fn columns() -> Option<usize> {
    // SAFETY: all fields of winsize are numbers.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    let out = std::io::stdout();
    // SAFETY: the pointer is to a local that outlives the call, of the type that TIOCGWINSZ fills.
    let asked = unsafe { libc::ioctl(out.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then(|| usize::from(size.ws_col))
}
