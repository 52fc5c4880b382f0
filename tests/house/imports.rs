//! The imports between files: which names a file uses from which other file. Names in macros are not
//! followed.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, Token};

/// For each file, the files that it imports from, with the names.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A module: a file, or a `mod name { … }` within one.
#[derive(Debug, Default)]
struct Module {
    file: String,
    /// The items that it defines, without modules.
    items: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths in its code, outside `use`.
    paths: Vec<Vec<String>>,
    /// Every word of its code outside `use`.
    words: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Import {
    path: Vec<String>,
    /// The name in this module. None: all names of `path` (`use path::*`).
    name: Option<String>,
    is_public: bool,
}

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Module(String),
    Item { file: String, name: String },
}

/// All modules by their paths (`linux::files`; the crate itself is empty).
#[derive(Debug)]
pub(crate) struct Crate {
    modules: BTreeMap<String, Module>,
    types: Vec<(String, String)>,
}

impl Crate {
    /// Reads files by name and text. A name is relative to `src`, such as `linux/files.rs`.
    pub(crate) fn read(files: &[(String, String)]) -> Self {
        let sources: Vec<(&String, Source)> =
            files.iter().map(|(file, text)| (file, Source::of(text))).collect();
        let tests: BTreeSet<String> = sources
            .iter()
            .flat_map(|(file, source)| {
                let within = module_of(file);
                source.test_modules.iter().map(move |name| join(&within, name))
            })
            .collect();
        let mut found = Self { modules: BTreeMap::new(), types: Vec::new() };
        found.module("", "lib.rs");
        for (file, source) in &sources {
            let module = module_of(file);
            let is_test =
                |test: &String| module == *test || module.starts_with(&format!("{test}::"));
            if !tests.iter().any(is_test) {
                found.read_file(file, &module, &source.tokens);
            }
        }
        found
    }

    fn read_file(&mut self, file: &str, module: &str, tokens: &[Token]) {
        // The inline modules that are open, each with the depth of braces in which it stands.
        let mut open = vec![(module.to_owned(), 0)];
        let mut depth = 0;
        let mut i = 0;
        self.module(module, file);
        while i < tokens.len() {
            let Some((at, its_depth)) = open.last().cloned() else { return };
            let next = tokens.get(i + 1);
            match &tokens[i] {
                Token::Word(word) if word == "use" => {
                    let is_public = i > 0 && is_visibility(&tokens[..i]);
                    let end =
                        tokens[i..].iter().position(|t| t.is(';')).map_or(tokens.len(), |n| i + n);
                    let mut imports = Vec::new();
                    expand(&tokens[i + 1..end], &[], is_public, &mut imports);
                    self.module(&at, file).imports.extend(imports);
                    i = end;
                }
                // The path of `pub(in path)` names no import.
                Token::Word(word)
                    if word == "pub"
                        && next.is_some_and(|t| t.is('('))
                        && tokens.get(i + 2).is_some_and(|t| t.is_word("in")) =>
                {
                    let rest = &tokens[i..];
                    i += rest.iter().position(|t| t.is(')')).unwrap_or(rest.len());
                }
                Token::Word(word) if word == "mod" && next.is_some_and(|t| t.word().is_some()) => {
                    let name = next.and_then(Token::word).unwrap_or_default();
                    if tokens.get(i + 2).is_some_and(|t| t.is('{')) {
                        let inner = join(&at, name);
                        self.module(&inner, file);
                        open.push((inner, depth + 1));
                        depth += 1;
                    }
                    i += 2;
                }
                Token::Word(word) => {
                    let is_definition = depth == its_depth
                        && matches!(
                            word.as_str(),
                            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static"
                        );
                    if let Some(name) = next.and_then(Token::word).filter(|_| is_definition) {
                        self.module(&at, file).items.insert(name.to_owned());
                    }
                    let is_type = matches!(word.as_str(), "struct" | "enum" | "trait")
                        || (word == "type" && depth == its_depth);
                    if let Some(name) = next.and_then(Token::word).filter(|_| is_type) {
                        self.types.push((name.to_owned(), file.to_owned()));
                    }
                    let module = self.module(&at, file);
                    module.words.insert(word.clone());
                    let is_behind = |sign: &Token| *sign == Token::PathSep || sign.is('.');
                    if next == Some(&Token::PathSep) && !(i > 0 && is_behind(&tokens[i - 1])) {
                        let mut path = vec![word.clone()];
                        let mut end = i + 1;
                        while tokens.get(end) == Some(&Token::PathSep)
                            && let Some(word) = tokens.get(end + 1).and_then(Token::word)
                        {
                            path.push(word.to_owned());
                            end += 2;
                        }
                        module.words.extend(path.iter().cloned());
                        module.paths.push(path);
                        i = end - 1;
                    }
                }
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => {
                    if open.len() > 1 && depth == its_depth {
                        open.pop();
                    }
                    depth -= 1;
                }
                Token::PathSep | Token::Sign(_) => {}
            }
            i += 1;
        }
    }

    fn module(&mut self, path: &str, file: &str) -> &mut Module {
        let module = self.modules.entry(path.to_owned()).or_default();
        if module.file.is_empty() {
            module.file = file.to_owned();
        }
        module
    }

    /// The names of structs, enums, traits and type aliases that are defined more than once, each with its
    /// files.
    pub(crate) fn types_that_stand_twice(&self) -> BTreeMap<String, Vec<String>> {
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, file) in &self.types {
            files.entry(name.clone()).or_default().push(file.clone());
        }
        files.retain(|_, files| files.len() > 1);
        files
    }

    /// The imports between files. If a face (mod.rs) hands a name on by `pub use` and does not use it, that is
    /// no import of the face. A file that imports the name from the face imports it from the file that
    /// defines it.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (path, module) in &self.modules {
            let mut add = |target: Target| {
                let (file, name) = match target {
                    Target::Item { file, name } => (file, name),
                    Target::Module(path) => match self.modules.get(&path) {
                        Some(of) => (of.file.clone(), last(&path)),
                        None => return,
                    },
                };
                if file != module.file {
                    let to = arrows.entry(module.file.clone()).or_default();
                    to.entry(file).or_default().insert(name);
                }
            };
            for import in &module.imports {
                match &import.name {
                    Some(name) if import.is_public && !module.words.contains(name) => {}
                    Some(_) => self.resolve(path, &import.path, 0).into_iter().for_each(&mut add),
                    None if import.is_public => {}
                    None => {
                        if let Some(Target::Module(of)) = self.resolve(path, &import.path, 0) {
                            let used = module.words.iter().map(|word| vec![word.clone()]);
                            used.filter_map(|word| self.within(&of, &word, 0)).for_each(&mut add);
                        }
                    }
                }
            }
            for inline in &module.paths {
                self.resolve(path, inline, 0).into_iter().for_each(&mut add);
            }
        }
        arrows
    }

    /// The target of a path in the code of `module`. None: it is outside this crate, or not known.
    fn resolve(&self, module: &str, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "siteward" => self.within("", rest, depth),
            "self" => self.within(module, rest, depth),
            "super" => {
                let mut above = parent(module)?;
                let mut rest = rest;
                while let Some((first, behind)) = rest.split_first().filter(|(w, _)| *w == "super")
                {
                    debug_assert_eq!(first, "super");
                    (above, rest) = (parent(&above)?, behind);
                }
                self.within(&above, rest, depth)
            }
            _ => self.within(module, path, depth),
        }
    }

    /// The target of `path`, which begins inside `module`.
    fn within(&self, module: &str, path: &[String], depth: usize) -> Option<Target> {
        let here = self.modules.get(module)?;
        let Some((first, rest)) = path.split_first() else {
            return Some(Target::Module(module.to_owned()));
        };
        // Imports of each other have no target.
        if depth > 20 {
            return None;
        }
        let child = join(module, first);
        if self.modules.contains_key(&child) {
            return self.within(&child, rest, depth);
        }
        if here.items.contains(first) {
            return Some(Target::Item { file: here.file.clone(), name: first.clone() });
        }
        let named = here.imports.iter().find(|import| import.name.as_ref() == Some(first));
        if let Some(import) = named {
            return match self.resolve(module, &import.path, depth + 1)? {
                Target::Module(of) => self.within(&of, rest, depth + 1),
                item @ Target::Item { .. } => Some(item),
            };
        }
        here.imports.iter().filter(|import| import.name.is_none()).find_map(|import| {
            match self.resolve(module, &import.path, depth + 1)? {
                Target::Module(of) if of != module => self.within(&of, path, depth + 1),
                Target::Module(_) | Target::Item { .. } => None,
            }
        })
    }
}

/// Whether `before` ends with `pub` or `pub(…)`.
fn is_visibility(before: &[Token]) -> bool {
    let mut before = before;
    if before.last().is_some_and(|t| t.is(')')) {
        let Some(open) = before.iter().rposition(|t| t.is('(')) else { return false };
        before = &before[..open];
    }
    before.last().is_some_and(|t| t.is_word("pub"))
}

/// Adds the imports of a `use` to `found`. `prefix` is the part of the path before `tokens`.
fn expand(tokens: &[Token], prefix: &[String], is_public: bool, found: &mut Vec<Import>) {
    let mut path = prefix.to_vec();
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            Token::Word(word) if word == "as" => {
                let name = tokens.get(i + 1).and_then(Token::word).map(ToOwned::to_owned);
                found.push(Import { path, name, is_public });
                return;
            }
            Token::Word(word) => path.push(word.clone()),
            Token::Sign('*') => {
                found.push(Import { path, name: None, is_public });
                return;
            }
            Token::Sign('{') => {
                let inner = &tokens[i + 1..tokens.len().saturating_sub(1)];
                for item in split_list(inner) {
                    expand(item, &path, is_public, found);
                }
                return;
            }
            Token::PathSep | Token::Sign(_) => {}
        }
        i += 1;
    }
    if path.len() > prefix.len() {
        if path.last().is_some_and(|word| word == "self") {
            path.pop();
        }
        let name = path.last().cloned();
        found.push(Import { path, name, is_public });
    }
}

/// Split at the commas outside braces.
fn split_list(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0;
    tokens
        .split(|token| {
            match token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                Token::Word(_) | Token::PathSep | Token::Sign(_) => {}
            }
            depth == 0 && token.is(',')
        })
        .collect()
}

fn module_of(file: &str) -> String {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { String::new() } else { path.replace('/', "::") }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> Option<String> {
    if module.is_empty() {
        return None;
    }
    Some(module.rsplit_once("::").map(|(above, _)| above.to_owned()).unwrap_or_default())
}

fn last(path: &str) -> String {
    path.rsplit("::").next().unwrap_or_default().to_owned()
}

/// The sets of nodes in which each reaches each.
pub(crate) fn circles(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = arrows
        .keys()
        .map(|from| {
            let mut reached = BTreeSet::new();
            let mut queue = vec![from];
            while let Some(at) = queue.pop() {
                for to in arrows.get(at).into_iter().flat_map(BTreeMap::keys) {
                    if reached.insert(to) {
                        queue.push(to);
                    }
                }
            }
            (from, reached)
        })
        .collect();
    let is_mutual = |a: &String, b: &String| {
        reached.get(a).is_some_and(|r| r.contains(b))
            && reached.get(b).is_some_and(|r| r.contains(a))
    };
    let mut found: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for from in arrows.keys() {
        let circle: BTreeSet<String> =
            arrows.keys().filter(|to| is_mutual(from, to)).cloned().collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// The imports in a circle as lines: `file -> file: names`.
pub(crate) fn describe(circle: &BTreeSet<String>, arrows: &Arrows) -> String {
    let mut lines = Vec::new();
    for from in circle {
        for (to, names) in arrows.get(from).into_iter().flatten() {
            if circle.contains(to) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                lines.push(format!("  {from} -> {to}: {}", names.join(", ")));
            }
        }
    }
    lines.join("\n")
}

/// The imports between the parts of `folder`: its files and folders. A folder and the file of its name are
/// one part. The folder's own face (mod.rs) is left out.
pub(crate) fn side_by_side(folder: &str, arrows: &Arrows) -> Arrows {
    let part = |file: &str| -> Option<String> {
        let below = match folder {
            "" => file,
            folder => file.strip_prefix(folder)?.strip_prefix('/')?,
        };
        let part = below.split('/').next()?.trim_end_matches(".rs");
        (part != "mod" && part != "lib").then(|| part.to_owned())
    };
    let mut between = Arrows::new();
    for (from, to_names) in arrows {
        for (to, names) in to_names {
            if let (Some(from), Some(to)) = (part(from), part(to))
                && from != to
            {
                let to_names = between.entry(from).or_default();
                to_names.entry(to).or_default().extend(names.iter().cloned());
            }
        }
    }
    between
}
