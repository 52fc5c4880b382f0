//! The children of this process, by the kernel's own list.

use std::fs;
use std::io;

use super::proc::{patiently, unless_gone, whole};
use crate::values::Pid;

/// Every child of this process that it has not reaped, dead or alive; None: this kernel does not tell
/// (`CONFIG_PROC_CHILDREN`).
///
/// A child stays in the list until it is reaped, and a new one is put at its end, so that a reader misses none if no
/// child is reaped meanwhile: this is for the one thread that reaps. The children of a process become those of its
/// subreaper before its own parent can reap it. So a subreaper whose only children are known, and which has reaped
/// everything else, has no other descendants than theirs.
///
/// # Errors
/// /proc cannot be read, or shows other numbers than this process uses.
pub fn unreaped() -> io::Result<Option<Vec<Pid>>> {
    let me = Pid::this().to_string();
    let mut tasks = Vec::new();
    for task in patiently(|| fs::read_dir("/proc/self/task"))? {
        tasks.push(task?.file_name());
    }
    // The children of a thread that ends become those of the first thread, which is read last.
    tasks.sort_by_key(|task| *task == *me);
    if tasks.last().is_none_or(|last| *last != *me) {
        return Err(io::Error::other("/proc does not show this very process"));
    }
    let mut found = Vec::new();
    for task in tasks {
        let path = format!("/proc/self/task/{}/children", task.to_string_lossy());
        match unless_gone(whole(path))? {
            Some(listed) => found.extend(listed_in(&listed).ok_or_else(misread)?),
            None if *task == *me => return Ok(None),
            None => {}
        }
    }
    Ok(Some(found))
}

fn misread() -> io::Error {
    io::Error::other("the list of children cannot be understood")
}

/// The processes in the text of /proc/PID/task/TID/children; None: one has no number here.
fn listed_in(listed: &[u8]) -> Option<Vec<Pid>> {
    let listed = std::str::from_utf8(listed).ok()?;
    listed.split_ascii_whitespace().map(|number| Pid::from_raw(number.parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_in_the_list_from_its_fork_until_it_is_reaped() {
        if unreaped().unwrap().is_none() {
            return eprintln!("LEFT OUT: this kernel does not tell of children");
        }
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        assert!(unreaped().unwrap().unwrap().contains(&pid));
        drop(child.stdin.take());
        while super::super::stat::Stat::of(pid).unwrap().is_alive() {}
        assert!(unreaped().unwrap().unwrap().contains(&pid), "dead, and not reaped");
        child.wait().unwrap();
        assert!(!unreaped().unwrap().unwrap().contains(&pid));
    }

    #[test]
    fn a_list_that_is_not_understood_is_not_taken_for_an_empty_one() {
        let pid = |raw| Pid::from_raw(raw).unwrap();
        assert_eq!(listed_in(b"7 42 "), Some(vec![pid(7), pid(42)]));
        assert_eq!(listed_in(b""), Some(Vec::new()));
        for text in [&b"0 "[..], b"x", b"7 -1", b"\xff"] {
            assert_eq!(listed_in(text), None);
        }
    }
}
