//! The values of a definition one by one, as they are written: for a comparison of two definitions.

use super::yaml::{self, Node};

/// One value, or one list of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenValue {
    /// The keys that lead to it; an item of a list is `[0]`, `[1]`, ...
    pub path: Vec<String>,
    pub words: Vec<String>,
    pub is_list: bool,
}

/// Every value of a definition, in its order. Keys that begin with `x-` say nothing, and are left out; what
/// anchors and merge keys say stands where they are used. The order of the processes is a value too. None:
/// the text is not YAML.
pub fn written_values(text: &str) -> Option<Vec<WrittenValue>> {
    let Node::Map(root) = yaml::read(text).ok()? else { return None };
    let mut values = Vec::new();
    for (key, node) in &root {
        if key.starts_with("x-") {
            continue;
        }
        let path = vec![key.clone()];
        if let (Node::Map(processes), "processes") = (node, key.as_str()) {
            let words = processes.iter().map(|(name, _)| name.clone()).collect();
            values.push(WrittenValue { path: path.clone(), words, is_list: true });
        }
        collect(node, path, &mut values);
    }
    Some(values)
}

fn collect(node: &Node, path: Vec<String>, values: &mut Vec<WrittenValue>) {
    let below = |step: String| [&path[..], &[step]].concat();
    match node {
        Node::Map(entries) if !entries.is_empty() => {
            for (key, node) in entries {
                collect(node, below(key.clone()), values);
            }
        }
        Node::List(items) if items.iter().any(|item| scalar(item).is_none()) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, below(format!("[{index}]")), values);
            }
        }
        Node::List(items) => {
            let words = items.iter().filter_map(scalar).collect();
            values.push(WrittenValue { path, words, is_list: true });
        }
        Node::Map(_) => values.push(WrittenValue { path, words: Vec::new(), is_list: true }),
        Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => {
            let words = scalar(node).into_iter().collect();
            values.push(WrittenValue { path, words, is_list: false });
        }
    }
}

fn scalar(node: &Node) -> Option<String> {
    match node {
        Node::Null => Some(String::new()),
        Node::Bool(value) => Some(value.to_string()),
        Node::Integer(value) => Some(value.to_string()),
        Node::Float(value) => Some(value.to_string()),
        Node::Text(text) => Some(text.clone()),
        Node::List(_) | Node::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_at_its_path() {
        let text = "x-all: &all {user: job}\nversion: 1\nprocesses:\n  b:\n    <<: *all\n    command: \
                    [/bin/b, -v]\n  a: {command: [/bin/a]}\nreserve_ports:\n- {port: 80}\n";
        let values = written_values(text).unwrap();
        let shown: Vec<String> = values
            .iter()
            .map(|v| format!("{}={}{}", v.path.join("."), v.words.join(" "), u8::from(v.is_list)))
            .collect();
        let expected = [
            "version=10",
            "processes=b a1",
            "processes.b.command=/bin/b -v1",
            "processes.b.user=job0",
            "processes.a.command=/bin/a1",
            "reserve_ports.[0].port=800",
        ];
        assert_eq!(shown, expected);
        assert_eq!(written_values("- 1\n"), None);
    }
}
