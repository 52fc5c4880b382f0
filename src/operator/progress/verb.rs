//! The verbs that take time.

/// The verbs that take time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowVerb {
    Start,
    Stop,
    Pause,
    Resume,
}

impl SlowVerb {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}
