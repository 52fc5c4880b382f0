//! The rule by which a process belongs to a site. Verbs and the supervisor use the same one.
//!
//! Promises: marks that a process cannot forge decide, in the order of [`Mark`]; what its environment
//! claims only adds to them. Must never: look at anything itself.

use std::io;

/// A mark by which a process belongs to a site; the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// It is in a leaf of the site's control groups.
    Group,
    /// The record names it, with its start time.
    Record,
    /// It holds the inherited lock of a process of the site.
    Lock,
    /// It is in the session of a recorded process that lives.
    Session,
    /// It descends from the supervisor, or from a process with a stronger mark.
    Descent,
    /// Its environment claims so and is believed.
    Environment,
}

impl Mark {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Group => "cgroup",
            Self::Record => "record",
            Self::Lock => "lock",
            Self::Session => "session",
            Self::Descent => "descent",
            Self::Environment => "environment",
        }
    }

    /// A process of another site has this mark too, if a process of this site started it.
    fn is_inherited(self) -> bool {
        matches!(self, Self::Session | Self::Descent)
    }
}

/// The claim of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClaimKind {
    Nothing,
    /// The process hangs, and its environment cannot be read.
    Unreadable,
    /// To belong to this site.
    Ours {
        believed: bool,
    },
    /// To keep this site's lease, or to be a helper.
    Keeper {
        believed: bool,
    },
    /// To belong to another site.
    AnotherSite,
}

/// The owner of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ours(Mark),
    /// A process of the site started it, and it may belong to another site since. It is not signalled,
    /// and the site is not stopped while it lives.
    Unsure(Mark),
    /// The keeper of the site's lease or a helper, which is no process of the site.
    Keeper,
    /// It belongs to another site, which confirms that.
    AnotherSite,
    /// It claims to belong to the site and does not.
    Stranger,
    /// It has nothing to do with the site.
    Unrelated,
}

/// Judges a process by its strongest mark that it cannot forge, and by its claim. `is_owned_elsewhere`
/// is asked only about a process that claims to belong to another site and has a mark of this one.
///
/// # Errors
/// Those of `is_owned_elsewhere`.
pub(super) fn judge(
    strong: Option<Mark>,
    claim: ClaimKind,
    is_owned_elsewhere: impl FnOnce(Mark) -> io::Result<bool>,
) -> io::Result<Verdict> {
    Ok(match (claim, strong) {
        // The record names this very process, so no other site can own it.
        (_, Some(Mark::Record)) => Verdict::Ours(Mark::Record),
        (ClaimKind::AnotherSite, Some(mark)) => match is_owned_elsewhere(mark)? {
            true => Verdict::AnotherSite,
            false => Verdict::Ours(mark),
        },
        (ClaimKind::AnotherSite, None) => Verdict::Unrelated,
        (ClaimKind::Keeper { believed: true }, None | Some(Mark::Descent)) => Verdict::Keeper,
        (ClaimKind::Unreadable, Some(mark)) if mark.is_inherited() => Verdict::Unsure(mark),
        (_, Some(mark)) => Verdict::Ours(mark),
        (ClaimKind::Ours { believed: true }, None) => Verdict::Ours(Mark::Environment),
        (ClaimKind::Ours { believed: false } | ClaimKind::Keeper { .. }, None) => Verdict::Stranger,
        (ClaimKind::Nothing | ClaimKind::Unreadable, None) => Verdict::Unrelated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: [Mark; 5] = [Mark::Group, Mark::Record, Mark::Lock, Mark::Session, Mark::Descent];

    const CLAIMS: [ClaimKind; 7] = [
        ClaimKind::Nothing,
        ClaimKind::Unreadable,
        ClaimKind::Ours { believed: true },
        ClaimKind::Ours { believed: false },
        ClaimKind::Keeper { believed: true },
        ClaimKind::Keeper { believed: false },
        ClaimKind::AnotherSite,
    ];

    fn verdict(strong: Option<Mark>, claim: ClaimKind, elsewhere: bool) -> Verdict {
        judge(strong, claim, |_| Ok(elsewhere)).unwrap()
    }

    #[test]
    fn no_claim_of_a_process_takes_it_out_of_the_site() {
        for mark in STRONG {
            for claim in CLAIMS {
                let may_be = match (claim, mark) {
                    (ClaimKind::Keeper { believed: true }, Mark::Descent) => Verdict::Keeper,
                    (ClaimKind::Unreadable, Mark::Session | Mark::Descent) => Verdict::Unsure(mark),
                    _ => Verdict::Ours(mark),
                };
                assert_eq!(verdict(Some(mark), claim, false), may_be, "{mark:?} {claim:?}");
            }
        }
    }

    #[test]
    fn another_site_owns_a_process_only_if_both_say_so() {
        for mark in STRONG {
            let expected = match mark {
                Mark::Record => Verdict::Ours(mark),
                _ => Verdict::AnotherSite,
            };
            assert_eq!(verdict(Some(mark), ClaimKind::AnotherSite, true), expected, "{mark:?}");
            for claim in CLAIMS.into_iter().filter(|claim| *claim != ClaimKind::AnotherSite) {
                let asked = judge(Some(mark), claim, |_| panic!("{mark:?} {claim:?}: not asked"));
                assert!(asked.is_ok());
            }
        }
        assert_eq!(verdict(None, ClaimKind::AnotherSite, true), Verdict::Unrelated);
        assert!(judge(None, ClaimKind::AnotherSite, |_| panic!("not asked")).is_ok());
    }

    #[test]
    fn the_environment_adds_only_claims_that_are_believed() {
        assert_eq!(
            verdict(None, ClaimKind::Ours { believed: true }, false),
            Verdict::Ours(Mark::Environment)
        );
        assert_eq!(verdict(None, ClaimKind::Ours { believed: false }, false), Verdict::Stranger);
        assert_eq!(verdict(None, ClaimKind::Keeper { believed: true }, false), Verdict::Keeper);
        assert_eq!(verdict(None, ClaimKind::Keeper { believed: false }, false), Verdict::Stranger);
        assert_eq!(verdict(None, ClaimKind::Nothing, false), Verdict::Unrelated);
        assert_eq!(verdict(None, ClaimKind::Unreadable, false), Verdict::Unrelated);
    }

    #[test]
    fn an_error_about_another_site_is_an_error() {
        let failed =
            judge(Some(Mark::Group), ClaimKind::AnotherSite, |_| Err(io::Error::other("no")));
        assert!(failed.is_err());
    }
}
