use super::READ;
use crate::site::{keys, parse};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// That no other key is read is asserted where one is read.
#[test]
fn each_key_of_the_table_is_read() {
    READ.take();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/keys");
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "yaml") {
            let text = fs::read_to_string(entry.path()).unwrap();
            parse(&"a".parse().unwrap(), Path::new("x"), &text).unwrap();
        }
    }
    let read = READ.take();
    // Names of the site's own, and items of lists, are gone through one by one.
    let is_named = |path: &&str| !path.ends_with('*') && !path.ends_with("[]");
    let table: BTreeSet<&str> = keys::all().iter().map(|p| p.path.as_str()).collect();
    let unread: Vec<&str> =
        table.iter().copied().filter(is_named).filter(|path| !read.contains(*path)).collect();
    assert_eq!(unread, [""; 0], "in the table and never read");
    let unknown: Vec<&String> = read.iter().filter(|p| !table.contains(p.as_str())).collect();
    assert!(unknown.is_empty(), "read and not in the table: {unknown:?}");
}
