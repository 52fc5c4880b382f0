//! What siteward costs, beside its floor and its peers. `benches/run` builds this program, brings it into namespaces of
//! its own, and it writes docs/performance.md. Nothing timed is asserted.

mod chart;
mod cluster;
mod death;
mod load;
mod monitor;
mod page;
mod peers;
mod recovery;
mod rest;
mod scale;
mod sites;
mod tools;

#[path = "../tests/common/clean_root.rs"]
mod clean_root;
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/cluster/lab.rs"]
#[allow(dead_code)]
mod lab;
#[path = "../tests/cluster/small.rs"]
#[allow(dead_code)]
mod small;

use std::process::ExitCode;

use page::{Circumstances, Section};

type Part = fn() -> Result<Section, String>;

/// In the order of the page.
const PARTS: [(&str, Part); 7] = [
    ("monitor", monitor::measure),
    ("death", death::measure),
    (CLUSTER, cluster::measure),
    ("scale", scale::measure),
    ("rest", rest::measure),
    ("sites", sites::measure),
    ("load", load::measure),
];

/// It comes first: Pacemaker does less at once while the load average is high, and others leave a high one.
const CLUSTER: &str = "cluster";

fn main() -> ExitCode {
    let names = PARTS.map(|(name, _)| name);
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if std::env::var_os("SITEWARD_BENCH").is_none() || wanted.is_empty() {
        println!("Run it with: benches/run [{}]", names.join("|"));
        return ExitCode::SUCCESS;
    }
    let mut all_measured = true;
    let mut parts: Vec<&(&str, Part)> = PARTS.iter().collect();
    parts.retain(|(name, _)| wanted.iter().any(|word| word == name));
    parts.sort_by_key(|(name, _)| *name != CLUSTER);
    for (name, part) in parts {
        eprintln!("{name}:");
        let how = Circumstances::now();
        // A part that fails leaves nothing behind, and the others are measured all the same.
        let measured = std::panic::catch_unwind(part);
        match measured.unwrap_or_else(|_| Err("it panicked, see above".to_owned())) {
            Ok(section) => page::renew(name, &section, &how, &names),
            Err(why) => {
                eprintln!("\n*** NOT MEASURED: {name}: {why} ***\n");
                all_measured = false;
            }
        }
        eprintln!("{name}: {} s", how.took());
    }
    if all_measured { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
