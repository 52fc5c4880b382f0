//! Pacemaker's log, by the rules of ocf_log in ocf-shellfuncs. A line goes to syslog if `HA_LOGFACILITY`
//! names a facility, to the file `HA_LOGFILE` if that is set, and to stderr if neither is set.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::linux::clock::local_stamp;

/// The severity of a line, in ocf_log's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogSeverity {
    Info,
    Error,
}

impl LogSeverity {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }

    /// RFC 3164, 4.1.1.
    fn number(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Error => 3,
        }
    }
}

fn set(variable: &str) -> Option<String> {
    let value = env::var_os(variable)?.to_string_lossy().into_owned();
    Some(value).filter(|v| !v.is_empty() && v != "none")
}

/// Writes a line. False: the caller must write it to stderr.
pub(super) fn write(severity: LogSeverity, text: &str) -> bool {
    let instance = set("OCF_RESOURCE_INSTANCE").unwrap_or_default();
    let tag = format!("site({instance})[{}]", std::process::id());
    let line = format!("{}: {text}", severity.word());
    let to_syslog =
        set("HA_LOGFACILITY").is_some_and(|facility| syslog(&facility, severity, &tag, &line));
    let to_file = set("HA_LOGFILE").is_some_and(|path| {
        let line = format!("{}  {tag}:    {line}\n", local_stamp());
        // The cluster creates its log file; siteward does not.
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).is_ok()
    });
    to_syslog || to_file
}

fn syslog(facility: &str, severity: LogSeverity, tag: &str, line: &str) -> bool {
    let number = match facility {
        "user" => 1,
        "daemon" => 3,
        "auth" => 4,
        "syslog" => 5,
        _ => match facility.strip_prefix("local").and_then(|n| n.parse::<u8>().ok()) {
            Some(n @ 0..=7) => 16 + n,
            _ => 3,
        },
    };
    let message = format!("<{}>{} {tag}: {line}", number * 8 + severity.number(), local_stamp());
    let sent = UnixDatagram::unbound().and_then(|socket| {
        // A busy syslog must not delay the answer.
        socket.set_nonblocking(true)?;
        socket.send_to(message.as_bytes(), "/dev/log")
    });
    sent.is_ok()
}

/// The file for a trace, if the environment asks for one (`OCF_TRACE_RA`, or the parameter `trace_ra`, which
/// crm sets).
pub fn trace_file(verb: &str) -> Option<PathBuf> {
    let wanted = ["OCF_TRACE_RA", "OCF_RESKEY_trace_ra"].iter().any(|v| {
        set(v).is_some_and(|v| ["1", "y", "yes", "true", "on"].contains(&v.to_lowercase().as_str()))
    });
    if !wanted {
        return None;
    }
    if let Some(file) = set("OCF_TRACE_FILE").filter(|f| Path::new(f).is_absolute()) {
        return Some(PathBuf::from(file));
    }
    let folder = set("OCF_RESKEY_trace_dir").map_or_else(
        || {
            PathBuf::from(set("HA_VARLIB").unwrap_or_else(|| "/var/lib/heartbeat".to_owned()))
                .join("trace_ra")
        },
        PathBuf::from,
    );
    let folder = folder.join("site");
    std::fs::create_dir_all(&folder).ok()?;
    let instance = set("OCF_RESOURCE_INSTANCE").unwrap_or_default();
    let stamp = crate::linux::clock::WallTime::now();
    Some(folder.join(format!("{instance}.{verb}.{stamp}")))
}
