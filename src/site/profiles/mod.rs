//! The supervisors that siteward knows, as data: a file for each, and nothing about one of them elsewhere in this room.

mod compose;
mod jobcenter;
mod monit;
mod profile;
mod runit;
mod s6;
mod supervisord;
mod systemd;

pub use profile::{Profile, ProfileKey, Rows};

/// Every profile.
pub const PROFILES: [&Profile; 7] = [
    &jobcenter::PROFILE,
    &supervisord::PROFILE,
    &runit::PROFILE,
    &s6::PROFILE,
    &monit::PROFILE,
    &systemd::PROFILE,
    &compose::PROFILE,
];

/// The profile of this name.
pub(super) fn profile(word: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.word == word).copied()
}
