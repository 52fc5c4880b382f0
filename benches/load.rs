//! The monitor and a start and a stop of 50 processes, in small, on a node that is not quiet: busy cores, many other
//! processes, and a slow disk under the logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use siteward::linux::node::is_mount_point;
use siteward::values::{Pid, Signal};

use crate::chart::Bars;
use crate::common::{Bench, signal_if_there, until, wait_for};
use crate::monitor::{AGENTS, RECURRING};
use crate::page::{Section, picture, table};
use crate::scale::{Lives, our_life, raw_life};
use crate::tools::{
    Others, Payload, Times, busy_cores, code_of, documents_check, ms, ms_or_none, need, quiet,
    shell_agent, tell, timed,
};

const MONITORS: usize = 50;
const LIVES: usize = 5;
const SIZE: usize = 50;
const OTHERS: usize = 5000;

/// The slow disk does nothing for so long, and then works for so long, again and again.
const STALLS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(5));

/// One of the figures.
type Of = fn(&Figures) -> &Times;

#[derive(Default)]
struct Figures {
    true_: Times,
    ours: Times,
    anything: Times,
    documents: Times,
    raw: Lives,
    site: Lives,
}

/// A file system in a process of its own, which is stopped by a signal most of the time.
struct SlowDisk {
    server: Child,
    at: PathBuf,
    _backing: tempfile::TempDir,
}

impl SlowDisk {
    fn mount() -> Self {
        let backing = tempfile::tempdir().unwrap();
        let [below, at] = ["below", "at"].map(|name| backing.path().join(name));
        [&below, &at].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let mut command = quiet(Command::new("bindfs"));
        command.arg("-f").args([&below, &at]);
        let server = command.spawn().unwrap();
        until("the disk is mounted", || is_mount_point(&at).unwrap());
        Self { server, at, _backing: backing }
    }

    /// It is slow for as long as this takes.
    fn while_slow(&self, act: impl FnOnce()) {
        let pid = Pid::try_from(self.server.id().cast_signed()).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    signal_if_there(pid, Signal::STOP);
                    wait_for(STALLS.0);
                    signal_if_there(pid, Signal::CONT);
                    wait_for(STALLS.1);
                }
            });
            act();
            is_over.store(true, Ordering::Relaxed);
        });
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        let _ = code_of({
            let mut command = Command::new("umount");
            command.arg("-l").arg(&self.at);
            command
        });
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(crate) fn measure() -> Result<Section, String> {
    need(&AGENTS)?;
    need(&[("/usr/bin/bindfs", "bindfs")])?;
    if !Path::new("/dev/fuse").exists() {
        return Err("a slow disk needs /dev/fuse: modprobe fuse".to_owned());
    }
    tell("quiet");
    let calm = figures(None);
    tell("every core busy");
    let busy = {
        let _busy = busy_cores();
        figures(None)
    };
    tell(&format!("{OTHERS} other processes"));
    let crowd = {
        let _others = Others::so_many(OTHERS);
        figures(None)
    };
    tell("a slow disk under the logs");
    let disk = SlowDisk::mount();
    let mut slow = Figures::default();
    disk.while_slow(|| slow = figures(Some(&disk.at)));
    drop(disk);
    Ok(written(&[
        ("quiet", calm),
        ("every core busy", busy),
        ("5,000 other processes", crowd),
        ("slow disk under the logs", slow),
    ]))
}

/// `logs`: where they are, if not in memory.
fn figures(logs: Option<&Path>) -> Figures {
    let mut bench = Bench::in_memory();
    if let Some(logs) = logs {
        bench.places.logs = logs.join("monitored");
    }
    let payload = Payload::in_folder(&bench.path(""));
    let program = payload.program.display().to_string();
    let process = |n: u32| format!("  p{n}: {{command: [{program}, \"77{n}\"]}}\n");
    let three: String = (1..=3).map(process).collect();
    bench.define("up", &format!("processes:\n{three}"));
    assert_eq!(code_of(bench.ocf("up", "start", &[])), 0);
    let pidfile = bench.path("anything.pid").display().to_string();
    let with = [
        ("OCF_RESKEY_binfile", program.as_str()),
        ("OCF_RESKEY_cmdline_options", "779"),
        ("OCF_RESKEY_pidfile", &pidfile),
    ];
    let folder = bench.path("");
    let anything = |verb| shell_agent("anything", verb, &folder, &with);
    assert_eq!(code_of(anything("start")), 0);
    let lines: Vec<String> = (1..=3).map(|n| format!("{program} 77{n}")).collect();
    let mut figures = Figures::default();
    let good = |command| timed(|| assert_eq!(code_of(command), 0));
    for round in 0..MONITORS {
        figures.true_.add(good(Command::new("/bin/true")));
        figures.ours.add(good(bench.ocf("up", "monitor", &[RECURRING])));
        figures.anything.add(good(anything("monitor")));
        if round % 5 == 0 {
            figures.documents.add(good(documents_check(&lines)));
        }
    }
    let memory = Path::new("/dev/shm");
    for round in 0..LIVES {
        let logs = logs.map(|logs| logs.join(format!("life-{round}")));
        for (lives, (start, stop)) in [
            (&mut figures.raw, raw_life(SIZE)),
            (&mut figures.site, our_life(SIZE, memory, logs.as_deref())),
        ] {
            lives.start.add(start);
            lives.stop.add(stop);
        }
    }
    figures
}

fn written(all: &[(&'static str, Figures)]) -> Section {
    let columns: [(&str, Of); 8] = [
        ("/bin/true", |f| &f.true_),
        ("siteward monitor", |f| &f.ours),
        ("anything monitor", |f| &f.anything),
        ("ps \\| grep for 3", |f| &f.documents),
        ("raw start of 50", |f| &f.raw.start),
        ("siteward start of 50", |f| &f.site.start),
        ("raw stop of 50", |f| &f.raw.stop),
        ("siteward stop of 50", |f| &f.site.stop),
    ];
    let row = |(node, figures): &(&'static str, Figures)| {
        let times = columns.iter().map(|(_, of)| ms_or_none(of(figures).median()));
        [vec![(*node).to_owned()], times.collect()].concat()
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let names = columns.iter().map(|(name, _)| *name);
    let head: Vec<&str> = ["the node"].into_iter().chain(names).collect();
    let text = format!(
        "The monitor of section 1 ({MONITORS} rounds, `ps | grep` 10) and the start and stop of section 4 with {SIZE} processes \
         ({LIVES} rounds), medians in turn. \"Busy\": an endless loop for each core, at the usual priority. The slow disk is a file \
         system that does nothing for {} ms and then works for {} ms, again and again; only siteward's logs are on it, so that the \
         others are no slower there.\n{}\
         What it means: a busy machine shares its cores, with siteward as with a program that does nothing. Other processes do \
         not matter to a monitor; a start and a stop look through them, so as to prove that nothing of the site lives unseen. A \
         slow disk under the logs delays a start, which opens a log for each process, and no monitor.\n{}",
        STALLS.0.as_millis(),
        STALLS.1.as_millis(),
        table(&head, &rows),
        picture("load", "Monitor, start and stop on a node under load")
    );
    let series: Vec<&str> = all.iter().map(|(node, _)| *node).collect();
    let groups = columns
        .iter()
        .map(|(name, of)| {
            let values = all.iter().map(|(_, figures)| of(figures).median()).collect();
            (name.replace("\\|", "|"), values)
        })
        .collect();
    let bars = Bars {
        title: "On a node under load",
        axis: "milliseconds, logarithmic; less is better",
        series: &series,
        groups,
        shown: ms,
    };
    Section { title: "7. On a node under load", text, pictures: vec![("load", bars.draw())] }
}
