//! Starts siteward's supervisor, detached or in the foreground.

use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, bail};

use crate::backend::orders::{Ended, Orders};
use crate::linux::detached::spawn_detached_in;
use crate::linux::wait::Waiting;
use crate::linux::{inherit, node, spawn};
use crate::process::{Groups, MARK, SUPERVISOR, mark_entry};
use crate::site::SitePlaces;
use crate::supervisor::launch::DEFAULT_PATH;
use crate::supervisor::{self, Beginning, NotStarted, Setup};
use crate::values::Moment;

/// The messages on the handover pipe: the supervisor accepts requests; another supervisor runs.
const UP: &str = "up";
const ANOTHER: &str = "another";

/// Starts a detached supervisor, and waits until it accepts requests. True: another one was running
/// already.
///
/// # Errors
/// The supervisor did not start: its message.
pub(crate) fn launch(orders: &Orders<'_>, deadline: Moment) -> anyhow::Result<bool> {
    let site = orders.places.of(orders.name);
    let (reader, writer) = spawn::pipe().context("a pipe cannot be made")?;
    let text = |value: String| CString::new(value).context("a path holds a NUL character");
    let folder = |path: &Path| {
        CString::new(path.as_os_str().as_bytes()).context("a path holds a NUL character")
    };
    let mut arguments = vec![
        c"siteward".to_owned(),
        c"supervise".to_owned(),
        text(orders.name.to_string())?,
        c"--config-dir".to_owned(),
        folder(&orders.places.config)?,
        c"--runtime-dir".to_owned(),
        folder(&orders.places.runtime)?,
        c"--log-dir".to_owned(),
        folder(&orders.places.logs)?,
        c"--boot".to_owned(),
        text(orders.boot.up_by.left().as_millis().to_string())?,
        c"--rollback".to_owned(),
        text(orders.boot.rollback.as_millis().to_string())?,
    ];
    let node = node::name();
    let adjustments = serde_json::to_string(orders.adjustments).context("parameters")?;
    let keeper = orders.keeper.map(serde_json::to_string).transpose().context("a keeper")?;
    let order = serde_json::to_string(orders.order).context("an order")?;
    let held = match orders.beginning {
        Beginning::Held(pause) => Some(serde_json::to_string(pause).context("a pause")?),
        Beginning::Up => None,
        Beginning::Adopt => {
            arguments.push(c"--adopt".to_owned());
            None
        }
    };
    for (option, value) in [
        (c"--held", held.as_deref()),
        (c"--known-as", orders.known_as),
        (c"--adjust", Some(adjustments.as_str())),
        (c"--node", Some(node.as_str())),
        (c"--keeper", keeper.as_deref()),
        (c"--order", Some(order.as_str())),
    ] {
        if let Some(value) = value {
            arguments.push(option.to_owned());
            arguments.push(text(value.to_owned())?);
        }
    }
    // The caller's environment is not inherited: it may carry another site's marks or a shell's settings.
    let mut mark = format!("{MARK}=").into_bytes();
    mark.extend(mark_entry(&site, SUPERVISOR));
    let environment = [
        CString::new(format!("PATH={DEFAULT_PATH}"))?,
        CString::new(mark).context("a path holds a NUL character")?,
    ];
    let program = Path::new("/proc/self/exe");
    // Otherwise it joins its control group by itself, which takes longer.
    let group = Groups::of(&site).and_then(|groups| groups.door(SUPERVISOR).ok());
    let group = group.as_ref().map(spawn::OwnedDoor::as_door);
    spawn_detached_in(group, program, &arguments, &environment, writer.as_fd())
        .map_err(|error| anyhow::anyhow!("the supervisor {error}"))?;
    drop(writer);
    let said = read_handover(File::from(reader), deadline)?;
    match said.trim() {
        UP => Ok(false),
        ANOTHER => Ok(true),
        "" => bail!(
            "the supervisor ended before it could be spoken to; see {}",
            site.supervisor_log().display()
        ),
        words => bail!("{words}"),
    }
}

fn read_handover(mut pipe: File, deadline: Moment) -> anyhow::Result<String> {
    let mut said = Vec::new();
    loop {
        let mut chunk = [0u8; 4096];
        match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if deadline.passed() {
                    bail!("the supervisor did not begin its work in time");
                }
                let mut waiting = Waiting::new();
                waiting.readable(pipe.as_fd(), ());
                waiting.wait(Some(deadline));
            }
            Err(error) => return Err(error).context("the supervisor cannot be heard"),
        }
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// This process becomes the supervisor, in the foreground.
pub(crate) fn run(orders: &Orders<'_>, at_work: impl FnOnce()) -> Ended {
    let setup = Setup {
        places: orders.places.of(orders.name),
        definition: orders.definition.clone(),
        adjustments: orders.adjustments.clone(),
        beginning: orders.beginning.clone(),
        boot: orders.boot.time,
        rollback: orders.boot.rollback,
        known_as: orders.known_as.map(str::to_owned),
        keeper: orders.keeper.cloned(),
        order: Some(orders.order.clone()),
        foreground: true,
    };
    // This process may continue, as with a maintenance flag, so the supervisor's locks are dropped.
    match supervisor::supervise(setup, at_work).map(|(finished, _)| finished) {
        Ok(supervisor::Finished::Stopped) => Ended::Stopped,
        Ok(supervisor::Finished::Failed(failure)) => Ended::Failed(failure.into()),
        Err(NotStarted::AnotherIs) => Ended::Another,
        Err(NotStarted::Because(error)) => Ended::NotBegun(format!("{error:#}")),
    }
}

/// The other end of a launch: this process becomes the supervisor. Descriptor 3 is the handover pipe.
pub fn be_launched(setup: Setup) -> bool {
    let Ok(handover) = inherit::take_descriptor(3) else { return false };
    let mut handover = Some(File::from(handover));
    let log = setup.places.supervisor_log();
    let _ = std::env::set_current_dir("/");
    redirect_output(&setup.places, &log);
    let name = setup.definition.name.clone();
    let mut announced = false;
    let supervised = {
        let announced = &mut announced;
        let handover = &mut handover;
        supervisor::supervise(setup, move || {
            if let Some(mut pipe) = handover.take() {
                let _ = pipe.write_all(UP.as_bytes());
            }
            *announced = true;
        })
    };
    let finished = supervised.map(|(finished, holdings)| {
        holdings.keep();
        finished
    });
    match finished {
        Ok(supervisor::Finished::Stopped) => log::info!("the site `{name}` is stopped"),
        Ok(supervisor::Finished::Failed(failure)) => {
            log::error!("the site `{name}` failed: {}", failure.reason);
        }
        Err(error) => {
            let words = match error {
                NotStarted::AnotherIs => ANOTHER.to_owned(),
                NotStarted::Because(error) => format!("{error:#}"),
            };
            if let Some(mut pipe) = handover {
                let _ = pipe.write_all(words.as_bytes());
            }
        }
    }
    announced
}

/// Reports on the handover pipe why the supervisor could not start.
pub fn say_on_handover(words: &str) {
    if let Ok(handover) = inherit::take_descriptor(3) {
        let _ = File::from(handover).write_all(words.as_bytes());
    }
}

fn redirect_output(places: &SitePlaces, log: &Path) {
    use crate::linux::files;
    if files::private_folder(&places.logs).is_err() {
        // The next step that needs the folder reports the error on the handover pipe.
        return;
    }
    for folder in [&places.logs, &places.runtime] {
        files::clear_leftovers(folder);
    }
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    if let (Ok(null), Ok(file)) = (null, files::append_to(log)) {
        let _ = inherit::replace_standard_streams(&null.into(), &file.into());
    }
}
