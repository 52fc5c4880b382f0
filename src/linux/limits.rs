//! What a process may use (getrlimit(2)).

use nix::sys::resource::{RLIM_INFINITY, Resource as Raw, getrlimit, setrlimit};

/// The type of the first argument of getrlimit(2), which the C libraries disagree on.
#[cfg(target_env = "gnu")]
type RawResource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type RawResource = libc::c_int;

/// A limit of getrlimit(2); u64::MAX is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub resource: Resource,
    pub soft: u64,
    /// None leaves the hard limit as it is, and takes the soft one no higher.
    pub hard: Option<u64>,
}

macro_rules! resources {
    ($($name:ident $word:literal $constant:ident;)*) => {
        /// What getrlimit(2) can limit, in Compose's and systemd's words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Resource { $($name),* }

        impl Resource {
            /// Every one with its word.
            pub const ALL: &[(&str, Self)] = &[$(($word, Self::$name)),*];

            pub(super) fn raw(self) -> RawResource {
                match self { $(Self::$name => libc::$constant),* }
            }
        }
    };
}

resources! {
    As "as" RLIMIT_AS;
    Core "core" RLIMIT_CORE;
    Cpu "cpu" RLIMIT_CPU;
    Data "data" RLIMIT_DATA;
    Fsize "fsize" RLIMIT_FSIZE;
    Locks "locks" RLIMIT_LOCKS;
    Memlock "memlock" RLIMIT_MEMLOCK;
    Msgqueue "msgqueue" RLIMIT_MSGQUEUE;
    Nice "nice" RLIMIT_NICE;
    Nofile "nofile" RLIMIT_NOFILE;
    Nproc "nproc" RLIMIT_NPROC;
    Rss "rss" RLIMIT_RSS;
    Rtprio "rtprio" RLIMIT_RTPRIO;
    Sigpending "sigpending" RLIMIT_SIGPENDING;
    Stack "stack" RLIMIT_STACK;
}

/// Takes this process out of those limits of its caller by which it would end or fall silent, as far
/// as it may: root out of all, others up to the hard ones. Gives those that it had, for the programs
/// that it starts.
pub fn widen() -> Vec<Limit> {
    const DESCRIPTORS: u64 = 65536;
    [
        (Resource::As, Raw::RLIMIT_AS, RLIM_INFINITY),
        (Resource::Cpu, Raw::RLIMIT_CPU, RLIM_INFINITY),
        (Resource::Data, Raw::RLIMIT_DATA, RLIM_INFINITY),
        (Resource::Fsize, Raw::RLIMIT_FSIZE, RLIM_INFINITY),
        (Resource::Nofile, Raw::RLIMIT_NOFILE, DESCRIPTORS),
    ]
    .into_iter()
    .filter_map(|(resource, raw, enough)| {
        let (soft, hard) = getrlimit(raw).ok().filter(|(soft, _)| *soft < enough)?;
        setrlimit(raw, enough, hard.max(enough))
            .or_else(|_| setrlimit(raw, hard.min(enough), hard))
            .ok()?;
        Some(Limit { resource, soft, hard: Some(hard) })
    })
    .collect()
}
