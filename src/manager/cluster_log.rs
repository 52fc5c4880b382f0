//! Pacemaker's log, by the rules of ocf_log in ocf-shellfuncs. A line goes to syslog if `HA_LOGFACILITY`
//! names a facility, to the file `HA_LOGFILE` if that is set, and to stderr if neither is set.

use std::env;
use std::ffi::OsString;
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

/// The socket of the node's syslog.
const SYSLOG: &str = "/dev/log";

/// The value of a variable. The word `none` stands for no value.
fn given(value: Option<OsString>) -> Option<String> {
    let value = value?.to_string_lossy().into_owned();
    Some(value).filter(|v| !v.is_empty() && v != "none")
}

/// Writes a line. False: the caller must write it to stderr.
pub(super) fn write(severity: LogSeverity, text: &str) -> bool {
    write_to(Path::new(SYSLOG), severity, text, |name| env::var_os(name))
}

/// As [`write`], with this socket of syslog, and the variables that `get` returns.
fn write_to(
    socket: &Path,
    severity: LogSeverity,
    text: &str,
    get: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let set = |variable: &str| given(get(variable));
    let instance = set("OCF_RESOURCE_INSTANCE").unwrap_or_default();
    let tag = format!("site({instance})[{}]", std::process::id());
    let line = format!("{}: {text}", severity.word());
    let to_syslog = set("HA_LOGFACILITY").is_some_and(|facility| {
        let priority = priority(&facility, severity);
        syslog(socket, &format!("<{priority}>{} {tag}: {line}", local_stamp()))
    });
    let to_file = set("HA_LOGFILE").is_some_and(|path| {
        let line = format!("{}  {tag}:    {line}\n", local_stamp());
        // The cluster creates its log file; siteward does not.
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).is_ok()
    });
    to_syslog || to_file
}

/// RFC 3164, 4.1.1. An unknown facility counts as `daemon`.
fn priority(facility: &str, severity: LogSeverity) -> u8 {
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
    number * 8 + severity.number()
}

fn syslog(path: &Path, message: &str) -> bool {
    let sent = UnixDatagram::unbound().and_then(|socket| {
        // A busy syslog must not delay the answer.
        socket.set_nonblocking(true)?;
        socket.send_to(message.as_bytes(), path)
    });
    sent.is_ok()
}

/// The file for a trace, if the environment asks for one (`OCF_TRACE_RA`, or the parameter `trace_ra`, which
/// crm sets).
pub fn trace_file(verb: &str) -> Option<PathBuf> {
    trace_file_from(verb, |name| env::var_os(name))
}

/// As [`trace_file`], from the variables that `get` returns.
fn trace_file_from(verb: &str, get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |variable: &str| given(get(variable));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_is_made_of_facility_and_severity() {
        for (facility, of_info, of_error) in [
            ("user", 14, 11),
            ("daemon", 30, 27),
            ("auth", 38, 35),
            ("syslog", 46, 43),
            ("local0", 134, 131),
            ("local1", 142, 139),
            ("local7", 190, 187),
            ("local8", 30, 27),
            ("local", 30, 27),
            ("no such", 30, 27),
        ] {
            let of = |severity| priority(facility, severity);
            assert_eq!((of(LogSeverity::Info), of(LogSeverity::Error)), (of_info, of_error));
        }
    }

    #[test]
    fn a_variable_that_is_empty_or_none_counts_as_not_given() {
        let value = |text: &str| given(Some(text.into()));
        assert_eq!((given(None), value(""), value("none")), (None, None, None));
        assert_eq!(value("local0").as_deref(), Some("local0"));
    }

    /// Writes an error with these variables. What came to syslog, and whether it was written anywhere.
    fn written(with_syslog: bool, variables: &[(&str, &str)]) -> (Option<String>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let syslog = with_syslog.then(|| UnixDatagram::bind(&path).unwrap());
        let get = |name: &str| {
            variables.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into())
        };
        let is_written = write_to(&path, LogSeverity::Error, "the disk is gone", get);
        let line = syslog.and_then(|syslog| {
            syslog.set_nonblocking(true).unwrap();
            let mut bytes = [0; 500];
            let length = syslog.recv(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
        });
        (line, is_written)
    }

    #[test]
    fn a_line_goes_where_the_cluster_says_and_otherwise_to_stderr() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ha.log");
        let to_file = ("HA_LOGFILE", file.to_str().unwrap());
        let to_local = ("HA_LOGFACILITY", "local0");
        let instance = ("OCF_RESOURCE_INSTANCE", "shop:1");
        let told = format!("site(shop:1)[{}]: ERROR: the disk is gone", std::process::id());

        let (line, is_written) = written(true, &[to_local, instance]);
        let line = line.unwrap();
        assert!(line.starts_with("<131>") && line.ends_with(&format!(" {told}")), "{line}");
        assert!(is_written);
        assert_eq!(written(false, &[to_local]), (None, false), "nobody reads syslog");
        assert_eq!(written(true, &[("HA_LOGFACILITY", "none")]), (None, false));
        assert_eq!(written(true, &[]), (None, false));

        assert_eq!(written(true, &[to_file]), (None, false), "the cluster creates its log file");
        assert!(!file.exists());
        std::fs::write(&file, "before\n").unwrap();
        assert_eq!(written(true, &[to_file, instance]), (None, true));
        let text = std::fs::read_to_string(&file).unwrap();
        let told = told.replace("]: ", "]:    ");
        assert!(text.starts_with("before\n") && text.ends_with(&format!("  {told}\n")), "{text}");

        let (line, is_written) = written(true, &[to_local, to_file]);
        assert!(line.is_some() && is_written);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3, "both have it");
        assert_eq!(written(false, &[to_local, to_file]), (None, true), "the file has it");
    }

    #[test]
    fn a_trace_is_written_only_where_one_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().to_str().unwrap();
        let file = |variables: &[(&str, &str)]| {
            trace_file_from("start", |name| {
                variables.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into())
            })
        };
        let named = ("OCF_TRACE_FILE", "/x/trace");
        assert_eq!(file(&[named]), None);
        for (value, is_asked_for) in
            [("1", true), ("y", true), ("Yes", true), ("TRUE", true), ("on", true), ("0", false)]
        {
            for variable in ["OCF_TRACE_RA", "OCF_RESKEY_trace_ra"] {
                let path = is_asked_for.then(|| PathBuf::from("/x/trace"));
                assert_eq!(file(&[(variable, value), named]), path, "{variable}={value}");
            }
        }
        let asked = ("OCF_TRACE_RA", "1");
        let is_in = |path: Option<PathBuf>, folder: PathBuf| {
            let path = path.unwrap();
            assert_eq!(path.parent(), Some(folder.as_path()));
            assert!(folder.is_dir(), "it is made for the trace");
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        let relative = ("OCF_TRACE_FILE", "trace");
        let instance = ("OCF_RESOURCE_INSTANCE", "shop");
        let name = is_in(
            file(&[asked, relative, instance, ("HA_VARLIB", below)]),
            folder.path().join("trace_ra/site"),
        );
        assert!(name.starts_with("shop.start.2"), "{name}");
        let of_crm = ("OCF_RESKEY_trace_dir", below);
        is_in(file(&[asked, of_crm, ("HA_VARLIB", "/x")]), folder.path().join("site"));
    }
}
