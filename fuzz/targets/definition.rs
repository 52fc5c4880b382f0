//! Definitions: read, refused with places, and planned.

use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use siteward::site::{
    self, Adjustments, Definition, DefinitionError, SiteName, load_snapshot, nearest, parse,
    written_values,
};
use siteward::supervisor::machine::{Event, Machine};
use siteward::supervisor::plan::Plan;
use siteward::values::Moment;

use super::input::{assert_sentence, text};

const FILE: &str = "/etc/siteward/shop.yaml";

thread_local! {
    static NAME: SiteName = "shop".parse().expect("a name");
}

fn read(text: &str) -> Result<Definition, DefinitionError> {
    NAME.with(|name| parse(name, Path::new(FILE), text))
}

/// Any text: a definition that makes a plan, or complaints with places in it.
pub(crate) fn definition(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match read(text) {
        Ok(definition) => {
            assert_eq!(definition.text, text);
            assert_plan(&definition);
            let _ = written_values(text);
        }
        Err(refused) => assert_complaints(&refused, text),
    }
}

/// The same text, as a supervisor finds it in its snapshot.
pub(crate) fn snapshot(bytes: &[u8]) {
    thread_local! {
        static FILE: RefCell<Option<tempfile::NamedTempFile>> = const { RefCell::new(None) };
    }
    let read_snapshot = |path: &Path| NAME.with(|name| load_snapshot(path, name));
    FILE.with_borrow_mut(|file| {
        let file = file.get_or_insert_with(|| {
            // In memory where the node has such a place.
            let folder = Path::new("/dev/shm");
            let made = match folder.is_dir() {
                true => tempfile::NamedTempFile::new_in(folder),
                false => tempfile::NamedTempFile::new(),
            };
            made.expect("a file can be made")
        });
        file.as_file().set_len(0).expect("the file can be emptied");
        file.as_file().write_all_at(bytes, 0).expect("the file can be written");
        match read_snapshot(file.path()) {
            Ok(definition) => {
                assert_eq!(definition.text.as_bytes(), bytes);
                let again = read(&definition.text).expect("it was read before");
                assert_eq!(again.fingerprint, definition.fingerprint);
                assert_eq!(format!("{again:?}"), format!("{definition:?}"));
            }
            Err(error) => assert_sentence(&error.to_string()),
        }
    });
}

/// Words in the places of keys and values: suggestions, and words of other programs.
pub(crate) fn keys(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (key, value) = text.split_once('\n').unwrap_or((text, "x"));
    match bytes.len() % 6 {
        0 => {
            for place in site::keys::find(key) {
                assert!(!place.lines().is_empty());
            }
            return;
        }
        1 => {
            let places = site::keys::all().iter();
            let known: Vec<&str> = places.map(|place| place.path.as_str()).collect();
            assert!(nearest(key, &known).is_none_or(|meant| known.contains(&meant)));
            return;
        }
        _ => {}
    }
    let quoted = |word: &str| serde_json::to_string(word).expect("text is JSON");
    // JSON is YAML, so that any word can stand there.
    let (key, word) = (quoted(key), quoted(value));
    let definition = match bytes.len() % 6 {
        2 => format!("{{version: 1, {key}: {word}, processes: {{a: {{command: [x]}}}}}}"),
        3 => format!("{{version: 1, processes: {{a: {{command: [x], {key}: {word}}}}}}}"),
        4 => {
            format!("{{version: 1, processes: {{a: {{command: [x], ready: {{{key}: {word}}}}}}}}}")
        }
        _ => format!("{{version: 1, processes: {{a: {{command: [x], {key}: {value}}}}}}}"),
    };
    match read(&definition) {
        Ok(definition) => assert_plan(&definition),
        Err(refused) => assert_complaints(&refused, &definition),
    }
}

/// Each complaint is a sentence, and names a place within the text.
fn assert_complaints(refused: &DefinitionError, text: &str) {
    assert!(!refused.problems.is_empty(), "it is refused without a complaint");
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for problem in &refused.problems {
        assert_sentence(&problem.message);
        assert!(problem.message.len() < 4096, "a complaint of {} bytes", problem.message.len());
        if let Some(at) = problem.position {
            assert!(at.line >= 1 && at.column >= 1, "{at:?}");
            // The end of a text that ends with a line break is at the next line.
            assert!(at.line <= lines + 1, "line {} of {lines}: {}", at.line, problem.message);
        }
    }
    for message in refused.messages() {
        assert_sentence(&message.sentence);
        assert!(message.sentence.starts_with(FILE), "{}", message.sentence);
    }
    assert_sentence(&refused.to_string());
}

/// A definition that is read has a plan with an order, and the machine can begin with it.
fn assert_plan(definition: &Definition) {
    let plan = Plan::of(definition);
    let count = plan.units.len();
    let wanted: u32 = definition.processes.iter().map(|process| process.instances).sum();
    assert_eq!(count, wanted as usize);
    assert!(count > 0 || definition.wrapped.is_some(), "a site without a process");
    for (index, unit) in plan.units.iter().enumerate() {
        assert!(unit.process < definition.processes.len());
        assert!(unit.depends_on.iter().all(|other| *other < count && *other != index));
        assert!(!plan.needs.has(index, index), "`{}` needs itself", unit.name);
        assert!(unit.depends_on.iter().all(|other| plan.needs.has(index, *other)));
    }
    let adjusted = definition.clone().adjusted(&Adjustments::default());
    assert_eq!(adjusted.boot_timeout, definition.boot_timeout);
    if count > 64 {
        return;
    }
    let mut machine = Machine::new(plan);
    let now = Moment::since_boot(Duration::from_secs(1000));
    let boot = definition.boot_timeout;
    machine.step(Event::Begin { held: false, boot, rollback: boot }, now);
    machine.step(Event::Tick, now + boot);
    machine.step(Event::Stop { graceful_until: now + boot }, now + boot);
    let _ = machine.state();
}
