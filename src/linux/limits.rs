//! What a process may use (getrlimit(2)).

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

            pub(super) fn raw(self) -> libc::__rlimit_resource_t {
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
