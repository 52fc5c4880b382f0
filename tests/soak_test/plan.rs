//! Which faults there are, and in which order they come.

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    ProcessKilled,
    SupervisorKilled,
    KeeperKilled,
    BothKilled,
    AllKilled,
    NodeDead,
    CablePulled,
    CableFlicker,
    ProcessFrozen,
    StoreFrozenLong,
    SupervisorFrozen,
    SupervisorFrozenLong,
    DiskGone,
    AddressGone,
    SlowStop,
    NoStop,
    Moved,
    MaintenanceKill,
    Standby,
    Reloaded,
    Restarted,
    Load,
    Cleanup,
    MonitorTimeout,
    Disabled,
    NodeStopped,
    Paused,
    KilledInStart,
    KilledInMove,
    NodeDeadInMove,
}

impl Fault {
    pub(crate) const ALL: [Self; 30] = [
        Self::ProcessKilled,
        Self::SupervisorKilled,
        Self::KeeperKilled,
        Self::BothKilled,
        Self::AllKilled,
        Self::NodeDead,
        Self::CablePulled,
        Self::CableFlicker,
        Self::ProcessFrozen,
        Self::StoreFrozenLong,
        Self::SupervisorFrozen,
        Self::SupervisorFrozenLong,
        Self::DiskGone,
        Self::AddressGone,
        Self::SlowStop,
        Self::NoStop,
        Self::Moved,
        Self::MaintenanceKill,
        Self::Standby,
        Self::Reloaded,
        Self::Restarted,
        Self::Load,
        Self::Cleanup,
        Self::MonitorTimeout,
        Self::Disabled,
        Self::NodeStopped,
        Self::Paused,
        Self::KilledInStart,
        Self::KilledInMove,
        Self::NodeDeadInMove,
    ];

    /// As the summary calls it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ProcessKilled => "a process of the site is killed",
            Self::SupervisorKilled => "the supervisor is killed",
            Self::KeeperKilled => "the keeper of the lease is killed",
            Self::BothKilled => "supervisor and keeper are killed at once",
            Self::AllKilled => "all of a site is killed at once",
            Self::NodeDead => "a node loses its power",
            Self::CablePulled => "the network cable of a node is pulled",
            Self::CableFlicker => "the network cable is loose for a moment",
            Self::ProcessFrozen => "a process is stopped (SIGSTOP) for some seconds",
            Self::StoreFrozenLong => "PostgreSQL is stopped (SIGSTOP) until its healthcheck fails",
            Self::SupervisorFrozen => "the supervisor is stopped (SIGSTOP) for some seconds",
            Self::SupervisorFrozenLong => {
                "the supervisor is stopped (SIGSTOP) until a monitor fails"
            }
            Self::DiskGone => "the disk is unmounted under the site",
            Self::AddressGone => "the address is removed under the site",
            Self::SlowStop => "a move; a process ignores TERM for some seconds",
            Self::NoStop => "a move; a process ignores TERM for good",
            Self::Moved => "a move",
            Self::MaintenanceKill => "a process is killed in the cluster's maintenance mode",
            Self::Standby => "a node becomes standby, and comes back",
            Self::Reloaded => "a parameter changes that needs no restart",
            Self::Restarted => "a parameter changes that needs a restart",
            Self::Load => "a process is killed while eight busy loops run",
            Self::Cleanup => "the cluster forgets the site's state and asks anew",
            Self::MonitorTimeout => "a monitor hangs until the cluster kills it",
            Self::Disabled => "the resource is disabled and enabled",
            Self::NodeStopped => "a node is shut down in order, and booted",
            Self::Paused => "a person pauses the site and resumes it",
            Self::KilledInStart => "a process is killed, and the next one within its start",
            Self::KilledInMove => "a move; supervisor, keeper or process is killed within it",
            Self::NodeDeadInMove => "a move; one of the nodes loses its power within it",
        }
    }
}

/// Random numbers, the same ones again for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX: the high bits are random enough.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap_or(0)]
    }
}

/// All faults in a random order, again and again; the cheap ones come twice.
pub(crate) struct Plan {
    left: Vec<Fault>,
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self { left: Vec::new() }
    }

    pub(crate) fn next(&mut self, random: &mut Random) -> Fault {
        if self.left.is_empty() {
            self.left = Fault::ALL.to_vec();
            self.left.extend([Fault::ProcessKilled, Fault::SupervisorKilled, Fault::KeeperKilled]);
            for at in (1..self.left.len()).rev() {
                let other = random.below(at as u64 + 1);
                self.left.swap(at, usize::try_from(other).unwrap_or(at));
            }
        }
        self.left.pop().unwrap_or(Fault::ProcessKilled)
    }
}
