//! The rule by which a process belongs to a site: evidence in, verdict out. Verbs and the supervisor
//! judge by it alike.
//!
//! Promises: what a process cannot forge decides, in the order of [`Mark`]; what it says of itself only
//! adds. Must never: look at anything itself.

use std::io;

/// By what a process is known to be the site's, from the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// It is in a leaf of the site's control groups.
    Group,
    /// The record names it, with its start.
    Record,
    /// It holds the lock of a process of the site.
    Lock,
    /// It is in the session of a recorded process that lives.
    Session,
    /// It descends from the supervisor, or from what bears a stronger mark.
    Descent,
    /// Its environment says so, and is to be believed.
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

    /// Another site's process may have it by no more than having been started from within this one.
    fn is_inherited(self) -> bool {
        matches!(self, Self::Session | Self::Descent)
    }
}

/// What the environment of a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// It hangs, and nobody can read it.
    Unreadable,
    /// That it is this site's.
    Ours {
        believed: bool,
    },
    /// That it keeps this site's lease.
    Keeper {
        believed: bool,
    },
    /// That it is another site's.
    Another,
}

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ours(Mark),
    /// It began within the site, and may be another one's since: it is left alone, and counts.
    Unsure(Mark),
    /// Of the site's lease, and no process of the site.
    Keeper,
    /// Another site can be seen to own it.
    Another,
    /// It says that it is the site's, and is not.
    Stranger,
    /// It has nothing to do with the site.
    Not,
}

/// Judges a process by the strongest mark that it did not give itself, and by what it says. Whether
/// another site can be seen to own it, though it bears that mark of ours, is asked only where it says so.
///
/// # Errors
/// Those of the question.
pub(super) fn judge(
    strong: Option<Mark>,
    told: Told,
    is_owned_elsewhere: impl FnOnce(Mark) -> io::Result<bool>,
) -> io::Result<Verdict> {
    Ok(match (told, strong) {
        // Nobody else can be its owner: the record names that very process.
        (_, Some(Mark::Record)) => Verdict::Ours(Mark::Record),
        (Told::Another, Some(mark)) => match is_owned_elsewhere(mark)? {
            true => Verdict::Another,
            false => Verdict::Ours(mark),
        },
        (Told::Another, None) => Verdict::Not,
        (Told::Keeper { believed: true }, None | Some(Mark::Descent)) => Verdict::Keeper,
        (Told::Unreadable, Some(mark)) if mark.is_inherited() => Verdict::Unsure(mark),
        (_, Some(mark)) => Verdict::Ours(mark),
        (Told::Ours { believed: true }, None) => Verdict::Ours(Mark::Environment),
        (Told::Ours { believed: false } | Told::Keeper { .. }, None) => Verdict::Stranger,
        (Told::Nothing | Told::Unreadable, None) => Verdict::Not,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: [Mark; 5] = [Mark::Group, Mark::Record, Mark::Lock, Mark::Session, Mark::Descent];

    const SAYINGS: [Told; 7] = [
        Told::Nothing,
        Told::Unreadable,
        Told::Ours { believed: true },
        Told::Ours { believed: false },
        Told::Keeper { believed: true },
        Told::Keeper { believed: false },
        Told::Another,
    ];

    fn verdict(strong: Option<Mark>, told: Told, elsewhere: bool) -> Verdict {
        judge(strong, told, |_| Ok(elsewhere)).unwrap()
    }

    #[test]
    fn nothing_that_a_process_says_of_itself_takes_it_out_of_the_site() {
        for mark in STRONG {
            for told in SAYINGS {
                let may_be = match (told, mark) {
                    (Told::Keeper { believed: true }, Mark::Descent) => Verdict::Keeper,
                    (Told::Unreadable, Mark::Session | Mark::Descent) => Verdict::Unsure(mark),
                    _ => Verdict::Ours(mark),
                };
                assert_eq!(verdict(Some(mark), told, false), may_be, "{mark:?} {told:?}");
            }
        }
    }

    #[test]
    fn another_site_has_it_only_if_it_says_so_and_that_can_be_seen() {
        for mark in STRONG {
            let expected = match mark {
                Mark::Record => Verdict::Ours(mark),
                _ => Verdict::Another,
            };
            assert_eq!(verdict(Some(mark), Told::Another, true), expected, "{mark:?}");
            for told in SAYINGS.into_iter().filter(|told| *told != Told::Another) {
                let asked = judge(Some(mark), told, |_| panic!("{mark:?} {told:?}: not asked"));
                assert!(asked.is_ok());
            }
        }
        assert_eq!(verdict(None, Told::Another, true), Verdict::Not);
        assert!(judge(None, Told::Another, |_| panic!("not asked")).is_ok());
    }

    #[test]
    fn the_environment_adds_only_what_is_believed() {
        assert_eq!(
            verdict(None, Told::Ours { believed: true }, false),
            Verdict::Ours(Mark::Environment)
        );
        assert_eq!(verdict(None, Told::Ours { believed: false }, false), Verdict::Stranger);
        assert_eq!(verdict(None, Told::Keeper { believed: true }, false), Verdict::Keeper);
        assert_eq!(verdict(None, Told::Keeper { believed: false }, false), Verdict::Stranger);
        assert_eq!(verdict(None, Told::Nothing, false), Verdict::Not);
        assert_eq!(verdict(None, Told::Unreadable, false), Verdict::Not);
    }

    #[test]
    fn what_cannot_be_asked_of_another_site_is_not_decided() {
        let failed = judge(Some(Mark::Group), Told::Another, |_| Err(io::Error::other("no")));
        assert!(failed.is_err());
    }
}
