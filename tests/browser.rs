//! A report in a headless Chromium: that something is drawn, that nothing is wider than the page, and that no two
//! labels stand on each other, on a wide page and on a narrow one. `SITEWARD_SCREENSHOTS` is a folder to keep
//! the pictures in.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::{Bench, Call, live_through, succeed};
use siteward::site::SiteName;

const MONTH: &str = include_str!("report/month.jsonl");

/// The widths of a page on a desk and on a telephone, in pixels.
const WIDTHS: [u32; 2] = [1200, 360];

fn main() -> ExitCode {
    let there =
        Command::new("chromium").arg("--version").output().is_ok_and(|o| o.status.success());
    let missing = (!there).then_some(
        "Chromium, which shows what a report looks like. Debian: apt-get install chromium",
    );
    live_through(
        missing,
        true,
        &[
            ("a_report_is_drawn", a_report_is_drawn),
            ("nothing_is_too_wide_and_no_labels_meet", nothing_is_too_wide_and_no_labels_meet),
            ("many_nodes_and_long_names_fit", many_nodes_and_long_names_fit),
        ],
    )
}

/// The page of a report on this history.
fn page(bench: &Bench, history: &str) -> String {
    bench.define(
        "jobs",
        "processes:\n  schema: {command: [/opt/migrate], oneshot: true}\n  \
         store: {command: [/opt/store]}\n  engine: {command: [/opt/engine], depends_on: [store]}\n  \
         web: {command: [/opt/web], depends_on: [store], essential: false, \
         restart: {attempts: 3, within: 60s, delay: 1s, max_delay: 30s}}\n",
    );
    let path = bench.places.of(&"jobs".parse::<SiteName>().unwrap()).history();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, history).unwrap();
    let mut command = bench.hand(&["report", "jobs", "-o", "-"]);
    command.env("TZ", "Asia/Tokyo");
    succeed(command)
}

/// One at a time: each takes a processor and more for itself.
static TURN: Mutex<()> = Mutex::new(());

/// Shows a file, with these options more.
fn chromium(bench: &Bench, file: &Path, options: &[&str]) -> String {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .arg("--disable-dev-shm-usage")
        .arg(format!("--user-data-dir={}", bench.path("profile").display()))
        .args(options)
        .arg(format!("file://{}", file.display()))
        .env("HOME", bench.path(""));
    let ended = Call::begin(command).end_within(Duration::from_secs(180), "Chromium");
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(!ended.said.contains("CONSOLE"), "the page has a fault: {}", ended.said);
    ended.said
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;")
}

/// The page in a frame of this width, which a script beside it may measure; the page itself has none.
fn framed(page: &str, width: u32, script: &str) -> String {
    format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><body style=\"margin:0\">\
         <iframe id=\"page\" style=\"width:{width}px;height:12000px;border:0\"></iframe>\
         <pre id=\"result\"></pre><template id=\"source\" data-page=\"{}\"></template><script>{script}</script>",
        escape(page)
    )
}

/// Measures the framed page once it is drawn.
const MEASURE: &str = r#"
const frame = document.getElementById('page');
frame.onload = () => {
  const page = frame.contentDocument, found = [];
  const wide = page.documentElement.scrollWidth;
  if (wide > frame.clientWidth) found.push(`the page is ${wide} wide`);
  if (page.scripts.length) found.push('it has a script');
  const labels = svg => [...svg.querySelectorAll('text')].map(text => ({
    words: [...text.childNodes].filter(n => n.nodeType == 3).map(n => n.data).join('').trim(),
    box: text.getBoundingClientRect() }));
  let count = 0;
  for (const svg of page.querySelectorAll('.chart > svg')) {
    const all = labels(svg);
    count += all.length;
    for (const [index, one] of all.entries()) {
      if (one.box.left < -0.5 || one.box.right > frame.clientWidth + 0.5)
        found.push(`"${one.words}" leaves the page`);
      for (const other of all.slice(index + 1)) {
        const a = one.box, b = other.box;
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
          found.push(`"${one.words}" and "${other.words}" meet`);
      }
    }
  }
  document.getElementById('result').textContent = `labels: ${count}; faults: ${found.join('; ') || 'none'}; end`;
};
frame.srcdoc = document.getElementById('source').dataset.page;
"#;

fn measured(bench: &Bench, page: &str, width: u32) -> String {
    let file = bench.path("measure.html");
    fs::write(&file, framed(page, width, MEASURE)).unwrap();
    let dom = chromium(bench, &file, &["--dump-dom", "--virtual-time-budget=10000"]);
    let after = dom.split("<pre id=\"result\">").nth(1).unwrap_or_else(|| panic!("{dom}"));
    after.split("; end").next().unwrap().to_owned()
}

fn fits(bench: &Bench, page: &str) {
    for width in WIDTHS {
        let said = measured(bench, page, width);
        let labels = said.strip_prefix("labels: ").and_then(|s| s.split(';').next()?.parse().ok());
        assert!(labels.is_some_and(|count: usize| count > 20), "{width}: {said}");
        assert!(said.ends_with("faults: none"), "{width}: {said}");
    }
}

fn nothing_is_too_wide_and_no_labels_meet() {
    let bench = Bench::new();
    let page = page(&bench, MONTH);
    fits(&bench, &page);
}

fn many_nodes_and_long_names_fit() {
    let bench = Bench::new();
    let long = "database-node-with-a-rather-long-name.east.example.com";
    let mut history =
        MONTH.replace("node-b", long).replace("\"engine\"", &format!("\"{}\"", "e".repeat(63)));
    // A week later on two other nodes, and one outage after the other.
    for (day, node) in [("27", "node-c"), ("28", "node-d")] {
        let moved = MONTH.replace("2026-10-27", &format!("2026-10-{day}")).replace("node-a", node);
        let first: Vec<&str> = moved.lines().take(13).collect();
        history.push_str(&first.join("\n"));
        history.push('\n');
    }
    let page = page(&bench, &history);
    fits(&bench, &page);
}

fn a_report_is_drawn() {
    let bench = Bench::new();
    let page = page(&bench, MONTH);
    for width in WIDTHS {
        let file = bench.path("shown.html");
        fs::write(&file, framed(&page, width, "document.getElementById('page').srcdoc = document.getElementById('source').dataset.page")).unwrap();
        let picture = bench.path("picture.png");
        let size = format!("--window-size={},9000", width.max(500));
        chromium(&bench, &file, &[&format!("--screenshot={}", picture.display()), &size]);
        if let Some(folder) = std::env::var_os("SITEWARD_SCREENSHOTS") {
            fs::copy(&picture, Path::new(&folder).join(format!("report-{width}.png"))).unwrap();
        }
        let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&picture).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let bytes = info.color_type.samples();
        let count = |colour: [u8; 3]| {
            pixels[..info.buffer_size()].chunks_exact(bytes).filter(|p| p[..3] == colour).count()
        };
        // Text, running, starting, the critical path.
        for (what, colour, least) in [
            ("running", [0x00, 0x81, 0x5f], 2000),
            ("starting", [0x8c, 0xcb, 0xf0], 1000),
            ("text and the critical path", [0x1b, 0x1f, 0x24], 3000),
            ("a fault", [0xb3, 0x26, 0x1e], 50),
        ] {
            let found = count(colour);
            assert!(found >= least, "{width}: {what}: {found} pixels");
        }
    }
}
