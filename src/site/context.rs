//! User, directory, environment and limits: the settings that a site and each of its processes may have.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::definition::Context;
use super::environment::is_variable;
use super::nearest::nearest;
use super::problem::ProblemKind;
use super::yaml::Node;
use crate::linux::capabilities::Capabilities;
use crate::linux::limits::{Limit, LimitedResource};

/// The default limit of the stack, which JobCenter needs (source document 003, 4.1.2.1).
const STACK: u64 = 8 << 20;

/// The settings that a process inherits from its site unless it has its own.
pub(super) fn read_context(cursor: &Cursor<'_>, above: &Context) -> Context {
    let mut context = above.clone();
    let text = |key: &str| {
        cursor.field(key).and_then(|c| {
            let text = c.text()?;
            if text.is_empty() {
                c.wrong(ProblemKind::ValueWrong, "it is empty");
            }
            Some(text.to_owned())
        })
    };
    if let Some(user) = text("user") {
        // The site's group belongs to the site's user, not to another user of a process.
        context.group = None;
        context.user = Some(user);
    }
    context.group = text("group").or(context.group);
    if let Some(path) = cursor.field("working_directory").and_then(|c| c.path()) {
        context.working_directory = Some(path);
    }
    if let Some(environment) = cursor.field("environment") {
        context.environment.extend(read_environment(&environment));
    }
    if let Some(files) = cursor.field("env_file") {
        context.env_file.extend(match files.node {
            Node::Text(_) => files.path().into_iter().collect::<Vec<_>>(),
            _ => files.items().unwrap_or_default().iter().filter_map(Cursor::path).collect(),
        });
    }
    if let Some(limits) = cursor.field("ulimits") {
        for limit in read_ulimits(&limits) {
            context.ulimits.retain(|l| l.resource != limit.resource);
            context.ulimits.push(limit);
        }
    }
    if !context.ulimits.iter().any(|l| l.resource == LimitedResource::Stack) {
        context.ulimits.push(Limit { resource: LimitedResource::Stack, soft: STACK, hard: None });
    }
    if let Some(umask) = cursor.field("umask") {
        match umask.node {
            Node::Text(octal) if !octal.is_empty() && octal.len() <= 4 => {
                match u32::from_str_radix(octal, 8) {
                    Ok(mask) if mask <= 0o777 => context.umask = Some(mask),
                    _ => {
                        let message = format!("`{octal}` is not an octal number from 0000 to 0777");
                        umask.wrong(ProblemKind::ValueWrong, &message);
                    }
                }
            }
            _ => umask.wrong(
                ProblemKind::TypeWrong,
                "four octal digits are expected here, like \"0022\"",
            ),
        }
    }
    let capabilities = |key: &str| {
        let list = cursor.field(key)?;
        let named = |item: &Cursor<'_>| {
            let name = item.text()?;
            let known = Capabilities::named(name);
            if known.is_none() {
                let advice = nearest(name, &Capabilities::names())
                    .map_or_else(String::new, |n| format!("; did you mean {n}?"));
                item.wrong(
                    ProblemKind::WordUnknown,
                    &format!("there is no capability {name}{advice}"),
                );
            }
            known
        };
        let all = list.items()?;
        Some(all.iter().filter_map(named).fold(Capabilities::NONE, Capabilities::with))
    };
    // As in Compose: cap_drop removes capabilities, and cap_add keeps some of those.
    let (dropped, added) = (capabilities("cap_drop"), capabilities("cap_add"));
    if dropped.is_some() || added.is_some() {
        let had = context.capabilities.unwrap_or(Capabilities::ALL);
        let left = had.without(dropped.unwrap_or(Capabilities::NONE));
        context.capabilities = Some(left.with(added.unwrap_or(Capabilities::NONE)));
    }
    if let Some(flag) = cursor.field("no_new_privileges").and_then(|c| c.boolean()) {
        context.no_new_privileges = flag;
    }
    if let Some(score) = cursor.field("oom_score_adj").and_then(|c| c.integer()) {
        context.oom_score_adj = i32::try_from(score).ok();
    }
    context
}

fn read_environment(cursor: &Cursor<'_>) -> BTreeMap<String, String> {
    let mut result = BTreeMap::new();
    let mut add = |at: &Cursor<'_>, key: &str, value: String| {
        if !is_variable(key) {
            at.wrong_key(
                ProblemKind::ValueWrong,
                &format!("`{key}` cannot be the name of an environment variable"),
            );
        } else if key == "NOTIFY_SOCKET" || key.starts_with("SITEWARD_") {
            at.wrong_key(ProblemKind::ValueWrong, &format!("{key} is set by siteward itself"));
        } else {
            result.insert(key.to_owned(), value);
        }
    };
    if let Node::List(_) = cursor.node {
        for item in cursor.items().unwrap_or_default() {
            match item.text().map(|t| (t, t.split_once('='))) {
                Some((_, Some((key, value)))) => add(&item, key, value.to_owned()),
                Some((text, None)) => {
                    item.wrong(ProblemKind::ValueWrong, &format!("`{text}` is not KEY=VALUE"));
                }
                None => {}
            }
        }
        return result;
    }
    for (key, value) in cursor.entries().unwrap_or_default() {
        let text = match value.node {
            Node::Integer(number) => Some(number.to_string()),
            Node::Null => Some(String::new()),
            _ => value.text().map(str::to_owned),
        };
        if let Some(text) = text {
            add(&value, key, text);
        }
    }
    result
}

fn read_ulimits(cursor: &Cursor<'_>) -> Vec<Limit> {
    if cursor.check_keys().is_none() {
        return Vec::new();
    }
    let amount = |c: &Cursor<'_>| match c.node {
        Node::Integer(-1) => Some(u64::MAX),
        Node::Integer(n) if *n >= 0 => u64::try_from(*n).ok(),
        Node::Text(text) if text == "unlimited" => Some(u64::MAX),
        _ => {
            c.wrong(ProblemKind::TypeWrong, "a whole number or `unlimited` is expected here");
            None
        }
    };
    let mut limits = Vec::new();
    for (word, value) in cursor.entries().unwrap_or_default() {
        let Some((_, resource)) = LimitedResource::ALL.iter().find(|(w, _)| *w == word) else {
            continue;
        };
        let both = match value.node {
            Node::Map(_) => {
                value.check_keys();
                let part = |key: &str| value.field(key).and_then(|c| amount(&c));
                match (part("soft"), part("hard")) {
                    (Some(soft), Some(hard)) if soft <= hard => Some((soft, hard)),
                    (Some(_), Some(_)) => {
                        value.wrong_key(ProblemKind::ValueWrong, "`soft` is above `hard`");
                        None
                    }
                    _ => {
                        value.wrong_key(
                            ProblemKind::KeyMissing,
                            "`soft` and `hard` must both stand here",
                        );
                        None
                    }
                }
            }
            _ => amount(&value).map(|n| (n, n)),
        };
        if let Some((soft, hard)) = both {
            limits.push(Limit { resource: *resource, soft, hard: Some(hard) });
        }
    }
    limits
}
