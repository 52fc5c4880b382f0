//! Records in files: who owns a lease, what runs, and why a site is paused.

use siteward::disk::pause_of;
use siteward::lease::OwnerRecord;
use siteward::process::{Record, Token};

/// The record of the owner of a lease. What cannot be read is an unclean end.
pub(crate) fn owner(bytes: &[u8]) {
    let record = OwnerRecord::of(bytes);
    match &record {
        OwnerRecord::Owner(owner) => {
            let written = serde_json::to_vec(owner).expect("a record is JSON");
            assert_eq!(OwnerRecord::of(&written), record);
            assert_eq!(record.owes().is_some(), !owner.released || owner.owes.is_some());
            if let Some(end) = record.owes() {
                let _ = end.to_string();
            }
        }
        OwnerRecord::Unreadable => assert!(record.owes().is_some()),
        OwnerRecord::Absent => panic!("there are bytes"),
    }
}

/// The record of what runs, and the token.
pub(crate) fn record(bytes: &[u8]) {
    match Record::of(bytes) {
        Ok(record) => {
            let written = serde_json::to_vec(&record).expect("a record is JSON");
            let again = Record::of(&written).expect("it was written just now");
            assert_eq!(again, record);
            assert!(record.supervisor.pid.number() > 0);
            let _ = record.supervisor.start.age();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(token) = Token::parse(bytes) {
        let entry = token.entry();
        assert!(entry.bytes().all(|byte| byte.is_ascii_graphic()), "{entry:?}");
    }
}

/// The mark of a pause. What cannot be read is a pause too.
pub(crate) fn pause(bytes: &[u8]) {
    let pause = pause_of(bytes);
    if let Some(pause) = &pause {
        let _ = (pause.is_over(), pause.to_string());
    }
    if serde_json::from_slice::<serde_json::Value>(bytes).is_err() {
        assert!(pause.is_some(), "a torn mark counts as a pause");
    }
}
