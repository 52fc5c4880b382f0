//! Signals as names.

use std::fmt;
use std::str::FromStr;

use nix::sys::signal::Signal as NixSignal;
use serde::{Deserialize, Serialize};

/// A signal of signal(7), written by its name; also a real-time signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(i32);

impl Signal {
    /// The null signal of kill(2): it is not sent, and only checks whether it could be.
    pub(crate) const NONE: Self = Self(0);
    pub const TERM: Self = Self(libc::SIGTERM);
    pub const KILL: Self = Self(libc::SIGKILL);
    pub const CONT: Self = Self(libc::SIGCONT);
    pub const STOP: Self = Self(libc::SIGSTOP);
    pub const INT: Self = Self(libc::SIGINT);
    pub const HUP: Self = Self(libc::SIGHUP);
    pub const CHLD: Self = Self(libc::SIGCHLD);
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// Ctrl-Z.
    pub const TSTP: Self = Self(libc::SIGTSTP);
    /// The terminal has another size.
    pub const WINCH: Self = Self(libc::SIGWINCH);

    /// The names that [`FromStr`] takes, without their SIG; of the real-time signals only the first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NixSignal::iterator().map(|s| s.as_str().trim_start_matches("SIG")).chain(["RTMIN"])
    }

    pub(crate) fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn from_raw(raw: i32) -> Self {
        Self(raw)
    }
}

/// `TERM`, `SIGTERM` or `RTMIN+3`, in either case, as kill(1) and Compose take them.
impl FromStr for Signal {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Some(offset) = bare.strip_prefix("RTMIN") {
            let number = match offset {
                "" => Some(0),
                // Digits alone: `+-1` would be another signal than a real-time one.
                more => {
                    more.strip_prefix('+').filter(|n| is_digits(n)).and_then(|n| n.parse().ok())
                }
            };
            return number
                .and_then(|n: i32| libc::SIGRTMIN().checked_add(n))
                .filter(|n| *n <= libc::SIGRTMAX())
                .map(Self)
                .ok_or_else(|| format!("`{text}` is not the name of a signal"));
        }
        NixSignal::from_str(&format!("SIG{bare}"))
            .map(|s| Self(s as i32))
            .map_err(|_| format!("`{text}` is not the name of a signal"))
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

impl TryFrom<String> for Signal {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> Self {
        signal.to_string()
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NixSignal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "SIGRTMIN+{}", self.0 - libc::SIGRTMIN()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_either_form() {
        for text in ["TERM", "SIGTERM", "term", "sigterm"] {
            assert_eq!(text.parse::<Signal>(), Ok(Signal::TERM));
        }
        assert!("SIGNOPE".parse::<Signal>().is_err());
        assert!("15".parse::<Signal>().is_err());
        assert!(Signal::names().any(|n| n == "USR1"));
        let third: Signal = "RTMIN+3".parse().unwrap();
        assert_eq!(third.to_string(), "SIGRTMIN+3");
        for none in ["RTMIN+99", "RTMIN+-10", "RTMIN++1", "RTMIN+", "RTMIN+2147483647"] {
            assert!(none.parse::<Signal>().is_err(), "{none}");
        }
    }
}
