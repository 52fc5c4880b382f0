//! The text of metrics, which is valid as OpenMetrics 1.0 and in the text format of Prometheus, which
//! node_exporter's textfile collector reads. So it has gauges and counters only: that collector refuses a file
//! with a stateset or an info.

use std::fmt::Write;

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Gauge,
    /// Its samples end in `_total`.
    Counter,
}

/// A family: its samples follow each other.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    kind: FamilyKind,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

impl Family {
    pub(super) fn new(kind: FamilyKind, name: &'static str, help: &'static str) -> Self {
        Self { name, kind, help, samples: Vec::new() }
    }

    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
        let labels: Vec<String> = labels.iter().map(label).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.samples.push((labels, value));
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All families that have a sample, with the end that OpenMetrics requires.
pub(super) fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        let Family { name, kind, help, samples } = family;
        let (kind, end) = match kind {
            FamilyKind::Gauge => ("gauge", ""),
            FamilyKind::Counter => ("counter", "_total"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", escaped(help));
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if name.ends_with("_seconds") {
            let _ = writeln!(text, "# UNIT {name} seconds");
        }
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{end}{labels} {value}");
        }
    }
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_written_once_and_labels_are_escaped() {
        let mut odd = Family::new(FamilyKind::Gauge, "x_seconds", "a \"b\"\nc");
        odd.add(&[("a", "q\"\\\n")], 1.5);
        odd.add(&[], 2.0);
        let empty = Family::new(FamilyKind::Counter, "y", "nothing");
        let expected = "# HELP x_seconds a \\\"b\\\"\\nc\n# TYPE x_seconds gauge\n# UNIT x_seconds seconds\n\
                        x_seconds{a=\"q\\\"\\\\\\n\"} 1.5\nx_seconds 2\n# EOF\n";
        assert_eq!(text(&[odd, empty]), expected);
    }
}
