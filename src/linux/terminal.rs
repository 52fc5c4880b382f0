//! The terminal that a person looks at.

use std::io::{IsTerminal, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

/// How many columns and lines the terminal has that standard output is; None: it is none.
pub fn size() -> Option<(usize, usize)> {
    size_of(&std::io::stdout())
}

/// As [`size`], the columns alone.
pub fn columns() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// As [`size`], of the terminal that standard error is.
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

/// The keys of standard input, as they are pressed and without an echo. Ctrl-C and Ctrl-Z stay signals. When
/// it is dropped the terminal is as it was.
pub struct Keys(Termios);

impl Keys {
    /// None: standard input is no terminal.
    pub fn take() -> Option<Self> {
        let input = std::io::stdin();
        if !input.is_terminal() {
            return None;
        }
        let before = tcgetattr(&input).ok()?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        quiet.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        quiet.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&input, SetArg::TCSANOW, &quiet).ok()?;
        Some(Self(before))
    }

    /// The keys that were pressed; None: the terminal is gone.
    pub fn pressed(&self) -> Option<Vec<u8>> {
        let mut keys = [0u8; 64];
        // Unbuffered: a lock on the buffered reader would read ahead.
        let mut input = std::fs::File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
        input.read(&mut keys).ok().map(|count| keys[..count].to_vec())
    }
}

impl AsFd for Keys {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: descriptor 0 is open as long as the program runs: nothing closes standard input.
        unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
