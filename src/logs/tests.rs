//! A fast writer, and a reader meanwhile.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::{LogBounds, LogWriter, Stream};
use crate::linux::files;
use crate::linux::thread::{self, StackSize};
use crate::values::Moment;

fn writer(log: &Path, bounds: LogBounds) -> LogWriter {
    LogWriter::new(log.to_owned(), log.with_extension("log.index"), bounds)
}

fn stream(log: &Path) -> Stream {
    Stream::new(log.to_owned(), log.with_extension("log.index"))
}

fn whole(log: &Path) -> Vec<u8> {
    let stream = stream(log);
    let (mut at, mut all) = (0, Vec::new());
    loop {
        let chunk = stream.read(at, 100_000).unwrap();
        if chunk.bytes.is_empty() {
            return all;
        }
        at = chunk.from + chunk.bytes.len() as u64;
        all.extend(chunk.bytes);
    }
}

/// The folders of file systems that cut in different ways.
fn folders() -> Vec<tempfile::TempDir> {
    let there = ["/tmp", "/dev/shm"].map(Path::new).into_iter().filter(|f| f.is_dir());
    there.map(|folder| tempfile::tempdir_in(folder).unwrap()).collect()
}

#[test]
fn no_line_of_a_fast_writer_is_lost_and_a_reader_sees_each_once() {
    for folder in folders() {
        let log = folder.path().join("a.log");
        let bounds = LogBounds { max_size: 100 << 10, max_file: 1000 };
        let mut keeper = writer(&log, bounds);
        let mut file = keeper.open().unwrap();
        let lines = 300_000;
        let writing = thread::start("writer", StackSize::Usual, move || {
            for n in 0..lines {
                writeln!(file, "line {n}").unwrap();
            }
        })
        .unwrap();
        let at = log.clone();
        let reading = thread::start("reader", StackSize::Usual, move || {
            let stream = stream(&at);
            let (mut from, mut all) = (0, Vec::new());
            let last = format!("line {}\n", lines - 1);
            while !all.ends_with(last.as_bytes()) {
                let chunk = stream.read(from, 10_000).unwrap();
                assert!(
                    chunk.from == from || chunk.bytes.is_empty(),
                    "a gap before {}",
                    chunk.from
                );
                from = chunk.from + chunk.bytes.len() as u64;
                all.extend(chunk.bytes);
            }
            all
        })
        .unwrap();
        while !writing.is_finished() {
            keeper.look().unwrap();
        }
        writing.join().unwrap();
        while keeper.look().unwrap().is_busy {}
        let expected: String = (0..lines).map(|n| format!("line {n}\n")).collect();
        assert!(reading.join().unwrap() == expected.as_bytes(), "followed: {folder:?}");
        assert!(whole(&log) == expected.as_bytes(), "afterwards: {folder:?}");
        assert!(log.with_extension("log.5").exists(), "it was cut: {folder:?}");
    }
}

#[test]
fn only_so_many_files_are_kept() {
    for folder in folders() {
        let log = folder.path().join("a.log");
        for max_file in [3, 1] {
            let mut keeper = writer(&log, LogBounds { max_size: 16 << 10, max_file });
            let mut file = keeper.open().unwrap();
            for n in 0..20_000 {
                writeln!(file, "line {n}").unwrap();
                if n % 500 == 0 {
                    while keeper.look().unwrap().is_busy {}
                }
            }
            while keeper.look().unwrap().is_busy {}
            let files = super::files::files_of(&log);
            assert_eq!(files.len() as u32, max_file, "{files:?}");
            let text = String::from_utf8(whole(&log)).unwrap();
            let bound = u64::from(max_file) * (24 << 10);
            assert!(text.len() as u64 <= bound, "{} bytes of {max_file} files", text.len());
            assert!(text.ends_with("line 19999\n"));
        }
    }
}

#[test]
fn a_log_that_grew_beyond_all_that_is_kept_is_shortened_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    let mut keeper = writer(&log, LogBounds { max_size: 1 << 20, max_file: 3 });
    let mut file = keeper.open().unwrap();
    for _ in 0..40 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    let begun = Moment::now();
    while keeper.look().unwrap().is_busy {}
    assert!(begun.until(Moment::now()) < Duration::from_secs(5));
    let kept: u64 = super::files::files_of(&log).iter().map(|file| file.length).sum();
    assert!((1 << 19..=3 << 20).contains(&kept), "{kept}");
}

#[test]
fn another_who_empties_or_replaces_the_file_confuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    let mut keeper = writer(&log, LogBounds { max_size: 1 << 20, max_file: 3 });
    let mut file = keeper.open().unwrap();
    file.write_all(b"one\n").unwrap();
    keeper.look().unwrap();
    file.set_len(0).unwrap();
    file.write_all(b"2\n").unwrap();
    keeper.look().unwrap();
    assert_eq!((keeper.begin(), keeper.end()), (4, 6));
    assert_eq!(whole(&log), b"2\n");
    std::fs::remove_file(&log).unwrap();
    let mut file = keeper.open().unwrap();
    file.write_all(b"three\n").unwrap();
    assert_eq!(keeper.read(0, 100).unwrap(), (6, b"three\n".to_vec()));
    assert_eq!(whole(&log), b"three\n");
}

#[test]
fn logs_of_an_earlier_version_are_read_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    std::fs::write(log.with_extension("log.1"), "old\n").unwrap();
    files::append_to(&log).unwrap().write_all(b"new\n").unwrap();
    assert_eq!(whole(&log), b"old\nnew\n");
    let mut keeper = writer(&log, LogBounds { max_size: 1 << 20, max_file: 3 });
    let mut file = keeper.open().unwrap();
    keeper.run_began(keeper.end(), 7);
    file.write_all(b"newer\n").unwrap();
    assert_eq!(whole(&log), b"old\nnew\nnewer\n");
    assert_eq!(stream(&log).index().runs[0].from, 8);
}

#[test]
fn a_supervisor_that_is_killed_in_a_cut_leaves_a_log_that_can_be_read() {
    // The three moments: before the cut, after it, and after it where a hole is punched.
    let text: String = (0..2000).map(|n| format!("line {n}\n")).collect();
    let bytes = text.as_bytes();
    for moment in ["before", "after", "hole"] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        let current = match moment {
            "before" => bytes.to_vec(),
            "after" => bytes[4096..].to_vec(),
            _ => [&[0; 4096], &bytes[4096..]].concat(),
        };
        std::fs::write(&log, &current).unwrap();
        std::fs::write(log.with_extension("log.1"), &bytes[..4096]).unwrap();
        let inode = |number: u32| {
            let files = super::files::files_of(&log);
            files.iter().find(|file| file.number == number).unwrap().inode
        };
        let markers = format!(
            "{{\"file\":{{\"inode\":{0},\"from\":0,\"skip\":0}}}}\n\
             {{\"file\":{{\"inode\":{1},\"from\":0,\"skip\":0}}}}\n\
             {{\"cutting\":{{\"inode\":{0},\"to\":4096}}}}\n",
            inode(0),
            inode(1)
        );
        std::fs::write(log.with_extension("log.index"), markers).unwrap();
        assert!(whole(&log) == bytes, "{moment}");
        let mut keeper = writer(&log, LogBounds { max_size: 1 << 20, max_file: 3 });
        keeper.go_on();
        assert_eq!(keeper.end(), bytes.len() as u64, "{moment}");
        assert_eq!(keeper.begin(), if moment == "before" { 0 } else { 4096 }, "{moment}");
        assert!(whole(&log) == bytes, "{moment}");
    }
}

#[test]
fn a_file_that_somebody_has_shortened_while_nobody_looked_has_new_positions() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.log");
    let bounds = LogBounds { max_size: 1 << 20, max_file: 3 };
    let mut keeper = writer(&log, bounds);
    let mut file = keeper.open().unwrap();
    file.write_all(b"the first run\n").unwrap();
    keeper.run_began(0, 1);
    keeper.run_ended("is over".to_owned());
    drop(keeper);
    file.set_len(0).unwrap();
    let mut keeper = writer(&log, bounds);
    let mut file = keeper.open().unwrap();
    assert_eq!((keeper.begin(), keeper.end()), (14, 14));
    keeper.run_began(keeper.end(), 2);
    file.write_all(b"the second\n").unwrap();
    let index = stream(&log).index();
    assert_eq!(index.end_of_run(0), Some(14));
    assert_eq!(stream(&log).read(14, 100).unwrap().bytes, b"the second\n");
}
