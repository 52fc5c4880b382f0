use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;

fn order(again: bool) -> Order {
    Order {
        site: "shop".parse().unwrap(),
        database: PathBuf::from("/disk"),
        fingerprint: "f".to_owned(),
        node: "alpha".to_owned(),
        home: "/run/one".to_owned(),
        again,
    }
}

fn owner(node: &str, home: &str, released: bool) -> Owner {
    Owner {
        released,
        owes: None,
        site: "shop".parse().unwrap(),
        node: node.to_owned(),
        boot: BootId::none(),
        since: WallTime::now(),
        home: home.to_owned(),
        fingerprint: "f".to_owned(),
    }
}

fn decision(order: &Order, found: &OwnerRecord, left_alone: bool) -> Decision {
    decide(order, &BootId::none(), found, left_alone)
}

/// A requester whose socket does not block, and the other end of it.
fn requester() -> (Requester, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Requester(Some(File::from(OwnedFd::from(ours)))), theirs)
}

#[test]
fn a_requester_reports_a_repair_says_something_else_or_nothing_yet() {
    let (mut requester, mut other) = requester();
    assert!(!requester.reports_repair());
    assert!(requester.0.is_some(), "it has said nothing yet, and is there");
    other.write_all(&vec![b'?'; REPAIRED.len()]).unwrap();
    assert!(!requester.reports_repair());
    other.write_all(REPAIRED).unwrap();
    assert!(requester.reports_repair());
    drop(other);
    assert!(!requester.reports_repair());
    assert!(requester.0.is_none(), "it has closed the connection");
}

#[test]
fn a_requester_whose_connection_is_reset_is_gone() {
    let (mut requester, other) = requester();
    // It ends with words of ours that it has not read.
    requester.say(&KeeperMessage::Settled);
    drop(other);
    assert!(!requester.reports_repair());
    assert!(requester.0.is_none());
}

/// A database on which this boot's `before` is the record.
fn database(before: &Owner) -> (tempfile::TempDir, LeaseFolder) {
    let database = tempfile::tempdir().unwrap();
    let folder = LeaseFolder::open(database.path(), true).unwrap();
    assert!(folder.write(before).unwrap());
    (database, folder)
}

fn of_this_boot(released: bool) -> Owner {
    Owner { boot: BootId::current().unwrap(), ..owner("alpha", "/run/one", released) }
}

#[test]
fn a_record_is_settled_only_by_its_own_node_or_a_person() {
    let own = |home: &str, clean| {
        let (node, home) = ("alpha".to_owned(), home.to_owned());
        Settling::Own { node, home, clean }
    };
    let owed = UncleanEnd::At { node: "beta".to_owned(), since: WallTime::now() };
    let mine = of_this_boot(false);
    let my_end = UncleanEnd::At { node: "alpha".to_owned(), since: mine.since };
    let owing = Owner { owes: Some(owed.clone()), ..mine.clone() };
    let settled = |before: &Owner, owes: Option<&UncleanEnd>| Owner {
        released: true,
        owes: owes.cloned(),
        ..before.clone()
    };
    let free = of_this_boot(true);
    for (before, how, after) in [
        (&mine, own("/run/one", true), settled(&mine, None)),
        (&mine, own("/run/one", false), settled(&mine, Some(&my_end))),
        // What was owed before is owed still, however this one ended.
        (&owing, own("/run/one", true), settled(&owing, Some(&owed))),
        (&owing, own("/run/one", false), settled(&owing, Some(&owed))),
        (&mine, own("/run/two", true), mine.clone()),
        (&free, own("/run/one", false), free.clone()),
        (&mine, Settling::Broken, settled(&mine, Some(&my_end))),
        (&owing, Settling::Broken, settled(&owing, Some(&owed))),
        (&free, Settling::Broken, free.clone()),
    ] {
        let (database, folder) = database(before);
        settle(database.path(), &how).unwrap();
        assert_eq!(folder.read().unwrap(), OwnerRecord::Owner(after), "{before:?} {how:?}");
    }
}

#[test]
fn a_record_whose_lock_is_held_is_settled_by_a_person_alone() {
    let (database, folder) = database(&of_this_boot(false));
    let lock = folder.lock().unwrap().unwrap();
    let (node, home) = ("alpha".to_owned(), "/run/one".to_owned());
    settle(database.path(), &Settling::Own { node, home, clean: true }).unwrap();
    assert_eq!(folder.read().unwrap().owner().map(|o| o.released), Some(false));
    settle(database.path(), &Settling::Broken).unwrap();
    assert_eq!(folder.read().unwrap().owner().map(|o| o.released), Some(true));
    assert!(!folder.has(&lock).unwrap());
}

#[test]
fn one_that_takes_it_again_waits_for_its_own_predecessor_alone() {
    let inbox = Inbox::new(&[Signal::HUP]).unwrap();
    let taken_again = |before: &Owner| {
        let (database, folder) = database(before);
        let lock = folder.lock().unwrap();
        assert!(lock.is_some());
        let order = Order { database: database.path().to_owned(), ..order(true) };
        let (mut requester, other) = requester();
        // It waits as long as somebody wants the lease.
        drop(other);
        take(&order, &inbox, &mut requester).map(|lease| lease.is_some())
    };
    assert_eq!(taken_again(&of_this_boot(false)), Ok(false));
    let another = Owner { node: "beta".to_owned(), boot: BootId::none(), ..of_this_boot(false) };
    assert!(taken_again(&another).unwrap_err().contains("`beta`"));
}

#[test]
fn a_lease_is_ours_by_its_lock_and_its_record() {
    let mine = of_this_boot(false);
    let (_database, folder) = database(&mine);
    let lock = folder.lock().unwrap().unwrap();
    let lease = LockedLease { folder, lock, owner: mine.clone() };
    let is_ours_with = |record: &Owner| {
        lease.folder.write(record).unwrap();
        lease.is_ours().unwrap()
    };
    assert!(is_ours_with(&mine));
    let later = mine.since.after(Duration::from_secs(1));
    assert!(!is_ours_with(&Owner { since: later, ..mine.clone() }), "the same node, anew");
    assert!(!is_ours_with(&Owner { home: "/run/two".to_owned(), ..mine.clone() }));
    assert!(is_ours_with(&mine));
    lease.release().unwrap();
    assert_eq!(lease.folder.read().unwrap().owner().map(|o| o.released), Some(true));
    lease.folder.set_lock_aside().unwrap();
    assert!(!is_ours_with(&mine), "the lock was broken");
    lease.release().unwrap();
    let there = lease.folder.read().unwrap().owner();
    assert_eq!(there.map(|o| o.released), Some(false), "and what is there is another's");
}

#[test]
fn a_free_lock_whose_owner_did_not_release_it_is_left_alone_once() {
    let start = order(false);
    for there in [owner("beta", "", false), owner("alpha", "/run/two", false)] {
        let found = OwnerRecord::Owner(there);
        assert_eq!(decision(&start, &found, false), Decision::LeaveAlone);
        assert_eq!(decision(&start, &found, true), Decision::Take);
    }
    assert_eq!(decision(&start, &OwnerRecord::Unreadable, false), Decision::LeaveAlone);
    assert_eq!(decision(&start, &OwnerRecord::Unreadable, true), Decision::Take);
    for there in [owner("beta", "/run/two", true), owner("alpha.net", "/run/one", false)] {
        assert_eq!(decision(&start, &OwnerRecord::Owner(there), false), Decision::Take);
    }
    assert_eq!(decision(&start, &OwnerRecord::Absent, false), Decision::Take);
}

#[test]
fn a_lease_is_taken_again_only_if_nobody_else_has_had_it() {
    let again = order(true);
    for released in [true, false] {
        let ours = owner("alpha", "/run/one", released);
        let wanted = Decision::TakeAgain(Owner { released: false, ..ours.clone() });
        assert_eq!(decision(&again, &OwnerRecord::Owner(ours), false), wanted);
        for other in [owner("beta", "", released), owner("alpha", "/run/two", released)] {
            let there = OwnerRecord::Owner(other);
            assert!(matches!(decision(&again, &there, true), Decision::Refuse(_)));
        }
    }
    assert!(matches!(decision(&again, &OwnerRecord::Unreadable, true), Decision::Refuse(_)));
    assert_eq!(decision(&again, &OwnerRecord::Absent, false), Decision::Take);
}
