//! Capabilities (capabilities(7)) by their names, as a set of bits.

/// In the order of their numbers (linux/capability.h).
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

const PREFIX: &str = "CAP_";

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// Every capability, also those of newer kernels.
    pub const ALL: Self = Self(u64::MAX);
    /// No capability.
    pub const NONE: Self = Self(0);

    /// The capability of this name, with or without `CAP_`, in upper or lower case; `ALL` is every one.
    pub fn named(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix(PREFIX).unwrap_or(&upper);
        if short == "ALL" {
            return Some(Self::ALL);
        }
        Self::names().iter().position(|known| *known == short).map(|number| Self(1 << number))
    }

    /// Every name, without `CAP_`.
    pub fn names() -> Vec<&'static str> {
        NAMES.iter().map(|name| name.trim_start_matches(PREFIX)).collect()
    }

    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the capability `number` is in the set.
    pub(super) fn holds(self, number: u32) -> bool {
        self.0 & (1_u64 << number.min(63)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers() {
        assert_eq!(Capabilities::named("CAP_CHOWN"), Some(Capabilities(1)));
        assert_eq!(Capabilities::named("net_bind_service"), Some(Capabilities(1 << 10)));
        assert_eq!(Capabilities::named("CHECKPOINT_RESTORE"), Some(Capabilities(1 << 40)));
        assert_eq!(Capabilities::named("NET_BINDSERVICE"), None);
        let some = Capabilities::ALL.without(Capabilities::ALL).with(Capabilities(1 << 10));
        assert!(some.holds(10) && !some.holds(11));
    }
}
