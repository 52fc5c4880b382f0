//! Limits of what a process may use (getrlimit(2)).

use nix::sys::resource::{RLIM_INFINITY, Resource as Raw, getrlimit, setrlimit};

/// A limit of getrlimit(2); u64::MAX is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub resource: LimitedResource,
    pub soft: u64,
    /// None leaves the hard limit as it is, and the soft limit is at most that.
    pub hard: Option<u64>,
}

macro_rules! resources {
    ($($name:ident $word:literal $constant:ident;)*) => {
        /// A resource that getrlimit(2) limits, named as in Compose and systemd.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum LimitedResource { $($name),* }

        impl LimitedResource {
            /// Every resource with its name.
            pub const ALL: &[(&str, Self)] = &[$(($word, Self::$name)),*];

            pub(super) fn raw(self) -> Raw {
                match self { $(Self::$name => Raw::$constant),* }
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

/// The limits of this process: name, soft, hard.
pub fn current() -> Vec<(&'static str, u64, u64)> {
    let limit = |(word, resource): &(&'static str, LimitedResource)| {
        let (soft, hard) = getrlimit(resource.raw()).ok()?;
        Some((*word, soft, hard))
    };
    LimitedResource::ALL.iter().filter_map(limit).collect()
}

/// Raises the limits that could end this process, or keep it from opening files, as far as it may: root
/// raises the hard limits too, another user raises the soft limits up to the hard ones. Gives the limits
/// that were raised as they were before, for the programs that this process starts.
pub fn widen() -> Vec<Limit> {
    const DESCRIPTORS: u64 = 65536;
    [
        (LimitedResource::As, RLIM_INFINITY),
        (LimitedResource::Cpu, RLIM_INFINITY),
        (LimitedResource::Data, RLIM_INFINITY),
        (LimitedResource::Fsize, RLIM_INFINITY),
        (LimitedResource::Nofile, DESCRIPTORS),
    ]
    .into_iter()
    .filter_map(|(resource, enough)| {
        let raw = resource.raw();
        let (soft, hard) = getrlimit(raw).ok().filter(|(soft, _)| *soft < enough)?;
        setrlimit(raw, enough, hard.max(enough))
            .or_else(|_| setrlimit(raw, hard.min(enough), hard))
            .ok()?;
        Some(Limit { resource, soft, hard: Some(hard) })
    })
    .collect()
}
