//! The action script for Oracle Clusterware that the cluster manual of JobCenter prints (source document 003,
//! 6.2.3.2): the numbers of its loops.

use std::path::Path;
use std::time::Duration;

use super::super::settings::Setting;

/// How long `cjcpw -stop` takes at most by that manual (4.1.2.2: one or two minutes).
pub(super) const STOP_COMMAND: Duration = Duration::from_secs(120);

/// The numbers of its loops: it asks so often, with so long a sleep after each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScriptNumbers {
    pub(super) count: u32,
    pub(super) sleep: Duration,
    pub(super) file: String,
}

impl ScriptNumbers {
    /// Reads `countmax=` and `countsleep=`.
    ///
    /// # Errors
    /// A sentence without its full stop.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        let whole = std::fs::canonicalize(path);
        let text = whole
            .and_then(|path| crate::linux::files::read_plain(&path, 1 << 20))
            .map_err(|error| format!("the script {file} cannot be read: {error}"))?;
        let text = String::from_utf8_lossy(&text);
        let number = |name: &str| {
            let line = text.lines().find_map(|l| l.trim().strip_prefix(name)?.strip_prefix('='));
            let word = line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned());
            word.and_then(|w| w.parse::<u32>().ok()).filter(|n| *n > 0 && *n < 100_000).ok_or_else(|| {
                format!(
                    "the script {file} has no line `{name}=NUMBER`; this verb knows the action script \
                     of JobCenter's cluster manual, and no other"
                )
            })
        };
        Ok(Self {
            count: number("countmax")?,
            sleep: Duration::from_secs(u64::from(number("countsleep")?)),
            file,
        })
    }

    /// How long one of its loops takes.
    pub(super) fn time(&self) -> Setting<Duration> {
        Setting {
            value: self.sleep.saturating_mul(self.count),
            origin: format!(
                "countmax {} x countsleep {} s of the script",
                self.count,
                self.sleep.as_secs()
            ),
        }
    }
}
