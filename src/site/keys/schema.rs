//! The JSON schema of a definition, for editors.

use serde_json::{Map, Value, json};

use super::find::{at, below};
use super::kinds::{DefaultValue, DefinitionKey, ValueType};
use super::ready::TIMEOUT;
use super::settings::{LARGEST_LOG, SMALLEST_LOG};
use crate::linux::capabilities::Capabilities;
use crate::values::Signal;

/// The schema, as JSON.
pub fn schema() -> String {
    let mut root = map_at("");
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("The definition of a site, for siteward");
    root["description"] = json!(
        "What siteward runs as one site. The manual is siteward.yaml(5). Keys that begin with x- are ignored."
    );
    root["patternProperties"] = json!({"^x-": true});
    let text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text + "\n"
}

/// The map of the keys that stand below this path.
fn map_at(path: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for word in below(path) {
        let here = if path.is_empty() { (*word).to_owned() } else { format!("{path}.{word}") };
        let Some(place) = at(&here) else { continue };
        // A process has the keys of the site for its user, its limits and its logs.
        let same = place.key.also_of_process && place.path != place.key.path;
        let value = match same {
            true => json!({"$ref": format!("#/properties/{word}")}),
            false => described(&here, place.key),
        };
        properties.insert((*word).to_owned(), value);
        if place.key.required && place.key.relations.is_empty() {
            required.push(*word);
        }
    }
    let mut map = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    for (keyword, rule) in rules(path) {
        map[keyword] = rule;
    }
    map
}

/// What holds between the keys of a map.
fn rules(path: &str) -> Vec<(&'static str, Value)> {
    match path {
        "" => vec![("oneOf", json!([{"required": ["processes"]}, {"required": ["supervisor"]}]))],
        "processes.*" => vec![("dependentRequired", json!({"pid_file": ["forks"]}))],
        "processes.*.ready" => {
            let ways = below(path).iter().filter(|word| **word != TIMEOUT);
            vec![("oneOf", ways.map(|way| json!({"required": [way]})).collect())]
        }
        "processes.*.reload" => {
            vec![("oneOf", json!([{"required": ["signal"]}, {"required": ["command"]}]))]
        }
        "processes.*.healthcheck" => {
            vec![("anyOf", json!([{"required": ["test"]}, {"required": ["disable"]}]))]
        }
        "supervisor" => vec![
            (
                "anyOf",
                json!([
                    {"required": ["profile"]},
                    {"required": ["start", "stop", "process"]},
                    {"required": ["start", "stop_signal", "process"]},
                ]),
            ),
            ("dependentRequired", json!({"pause": ["resume"], "resume": ["pause"]})),
        ],
        _ => Vec::new(),
    }
}

/// The value of a key with all that the table says of it.
fn described(path: &str, key: &DefinitionKey) -> Value {
    let mut schema = value_at(path, key.value);
    let mut text = vec![key.sentence.to_owned()];
    if let DefaultValue::Computed(words) = key.default {
        text.push(format!("Default: {words}."));
    } else if let Some(written) = key.default.shown() {
        schema["default"] = from_yaml(&written);
    }
    for choice in key.value.choices() {
        text.push(format!("{}: {}", choice.word, choice.means));
    }
    if !key.relations.is_empty() {
        text.push(key.relations.to_owned());
    }
    schema["description"] = json!(text.join(" "));
    schema["examples"] = json!([from_yaml(key.example)]);
    schema
}

fn from_yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or(Value::Null)
}

fn value_at(path: &str, value: ValueType) -> Value {
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let words = |choices: &'static [super::Word]| {
        let words: Vec<&str> = choices.iter().map(|choice| choice.word).collect();
        json!({"enum": words})
    };
    let whole = |from: i64, to: i64| json!({"type": "integer", "minimum": from, "maximum": to});
    let list = |items: &Value| json!({"type": "array", "items": items});
    let either = |one: Value, other: Value| json!({"anyOf": [one, other]});
    let absolute =
        || json!({"type": "string", "pattern": "^/", "not": {"pattern": "(^|/)\\.\\.(/|$)"}});
    let duration = |least: i64| {
        let written = text("^([0-9]+|([0-9]+(ms|s|m|h|d))+)$");
        either(json!({"type": "integer", "minimum": least}), written)
    };
    let command = |first: Value| json!({"type": "array", "minItems": 1, "prefixItems": [first], "items": {"type": "string"}});
    let limit = || json!({"anyOf": [{"type": "integer", "minimum": -1}, {"const": "unlimited"}]});
    match value {
        ValueType::Version => json!({"const": 1}),
        ValueType::Text | ValueType::Pattern => json!({"type": "string"}),
        ValueType::ProcessName => json!({"type": "string"}),
        ValueType::HostName => text("^[A-Za-z0-9._-]{1,253}$"),
        ValueType::Path => absolute(),
        ValueType::Paths => either(absolute(), list(&absolute())),
        ValueType::PathList => list(&absolute()),
        ValueType::Duration => duration(0),
        ValueType::PositiveDuration => duration(1),
        ValueType::Whole { from, to } => whole(from, to),
        ValueType::Count { from, to } => either(whole(from, to), text("^[0-9]{1,4}$")),
        ValueType::Boolean => json!({"type": "boolean"}),
        ValueType::Choice(choices) => words(choices),
        ValueType::Command => command(json!({"type": "string", "minLength": 1})),
        ValueType::FilledCommand => command(text("^/")),
        ValueType::Signal => text(&signals()),
        ValueType::Address => {
            text("^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$")
        }
        ValueType::HostAndPort => text("^.+:[0-9]{1,5}$"),
        ValueType::Octal => text("^0?[0-7]{1,3}$"),
        ValueType::Size => either(
            json!({"type": "integer", "minimum": SMALLEST_LOG, "maximum": LARGEST_LOG}),
            text("^[0-9]+([bB]|[kKmMgG][bB]?)?$"),
        ),
        ValueType::Processes => {
            json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true})
        }
        ValueType::Events => list(&json!({"enum": value.items()})),
        ValueType::Capabilities => {
            let names = Capabilities::names().join("|");
            let lower = names.to_ascii_lowercase();
            list(&text(&format!("^((CAP_)?({names}|ALL)|(cap_)?({lower}|all))$")))
        }
        ValueType::Environment => {
            let name = "[A-Za-z_][A-Za-z0-9_]*";
            let variables = json!({
                "type": "object",
                "propertyNames": {"pattern": format!("^{name}$")},
                "additionalProperties": at(&format!("{path}.*"))
                    .map(|place| described(&place.path, place.key)),
            });
            either(variables, list(&text(&format!("^{name}="))))
        }
        ValueType::Variable => json!({"type": ["string", "integer", "null"]}),
        ValueType::Limit => limit(),
        ValueType::Limits => {
            let mut both = map_at(path);
            both["required"] = json!(below(path));
            either(limit(), both)
        }
        ValueType::Map => map_at(path),
        ValueType::Named(_) => {
            let mut map = named(path);
            if path == "processes" {
                map["minProperties"] = json!(1);
                map["propertyNames"] = json!({
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
                    "not": {"const": "siteward"},
                });
            }
            map
        }
        ValueType::LimitsByName => {
            let mut map = named(path);
            map["propertyNames"] = json!({"enum": value.names()});
            map
        }
        ValueType::List => {
            let items = at(&format!("{path}[]")).map(|place| described(&place.path, place.key));
            json!({"type": "array", "items": items})
        }
        ValueType::PortOrMap => either(whole(1, i64::from(u16::MAX)), map_at(path)),
        ValueType::CommandOrMap => {
            either(command(json!({"type": "string", "minLength": 1})), map_at(path))
        }
        ValueType::BooleanOrPath => either(json!({"type": "boolean"}), absolute()),
        ValueType::ChoiceOrMap(choices) => either(words(choices), map_at(path)),
    }
}

/// A map from any names to what stands below `*`.
fn named(path: &str) -> Value {
    let of_each = at(&format!("{path}.*")).map(|place| described(&place.path, place.key));
    json!({"type": "object", "additionalProperties": of_each})
}

fn signals() -> String {
    let names: Vec<&str> =
        Signal::names().filter(|name| !["KILL", "STOP", "RTMIN"].contains(name)).collect();
    let names = names.join("|");
    let lower = names.to_ascii_lowercase();
    format!("^((SIG)?({names}|RTMIN(\\+[0-9]+)?)|(sig)?({lower}|rtmin(\\+[0-9]+)?))$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::keys::all;

    #[test]
    fn each_example_and_default_is_yaml() {
        for place in all() {
            let read = serde_yaml::from_str::<Value>(place.key.example);
            assert!(read.is_ok_and(|value| !value.is_null()), "{}", place.path);
            assert!(!place.key.example.contains('\n'), "{}", place.path);
        }
    }
}
