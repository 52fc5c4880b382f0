//! Rust source as a list of tokens, without comments, literals and tests. From these the imports, the
//! definitions and the names of a file can be read.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// `::`
    PathSep,
    Sign(char),
}

impl Token {
    pub(crate) fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::PathSep | Self::Sign(_) => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// The tokens of a file without its tests, and the names of the modules that it declares for tests.
#[derive(Debug)]
pub(crate) struct Source {
    pub tokens: Vec<Token>,
    pub test_modules: Vec<String>,
}

impl Source {
    pub(crate) fn of(text: &str) -> Self {
        without_tests(&tokens(text))
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < text.len() {
        let c = text[i];
        if c == '/' && at(i + 1) == '/' {
            while i < text.len() && text[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i = after_block_comment(&text, i);
        } else if let Some(end) = after_raw_string(&text, i) {
            i = end;
        } else if c == '"' || (matches!(c, 'b' | 'c') && at(i + 1) == '"') {
            i = after_quoted(&text, if c == '"' { i } else { i + 1 }, '"');
        } else if c == 'b' && at(i + 1) == '\'' {
            i = after_quoted(&text, i + 1, '\'');
        } else if c == '\'' {
            // A character, or a lifetime.
            let is_character = at(i + 1) == '\\' || at(i + 2) == '\'';
            i = if is_character { after_quoted(&text, i, '\'') } else { i + 1 };
        } else if c.is_alphanumeric() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            found.push(Token::Word(text[start..i].iter().collect()));
        } else if c == ':' && at(i + 1) == ':' {
            found.push(Token::PathSep);
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(Token::Sign(c));
            }
            i += 1;
        }
    }
    found
}

fn after_block_comment(text: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut i = start;
    while i < text.len() {
        match (text[i], text.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn after_quoted(text: &[char], start: usize, quote: char) -> usize {
    let mut i = start + 1;
    while i < text.len() && text[i] != quote {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
fn after_raw_string(text: &[char], start: usize) -> Option<usize> {
    let prefix = usize::from(matches!(text[start], 'b' | 'c'));
    if text.get(start + prefix) != Some(&'r') {
        return None;
    }
    let rest = &text[start + prefix + 1..];
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut i = hashes + 1;
    while i < rest.len() {
        let closes = rest[i] == '"' && rest[i + 1..].iter().take(hashes).all(|c| *c == '#');
        i += 1;
        if closes {
            return Some(start + prefix + 1 + i + hashes);
        }
    }
    Some(text.len())
}

/// Removes each item after `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Source {
    let marker = [Token::Sign('#'), Token::Sign('['), Token::Word("cfg".to_owned())]
        .into_iter()
        .chain([Token::Sign('('), Token::Word("test".to_owned())])
        .chain([Token::Sign(')'), Token::Sign(']')])
        .collect::<Vec<_>>();
    let mut kept = Vec::new();
    let mut test_modules = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !tokens[i..].starts_with(&marker) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += marker.len();
        let item = &tokens[i..];
        let end = end_of_item(item);
        if let Some(at) = item[..end].iter().position(|t| t.is_word("mod"))
            && item.get(at + 2).is_some_and(|t| t.is(';'))
        {
            test_modules.extend(item[at + 1].word().map(ToOwned::to_owned));
        }
        i += end;
    }
    Source { tokens: kept, test_modules }
}

/// The index after the item's `;` or closing brace.
fn end_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth -= 1,
            Token::Sign('}') => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            Token::Sign(';' | ',') if depth == 0 => return i + 1,
            Token::Word(_) | Token::PathSep | Token::Sign(_) => {}
        }
    }
    tokens.len()
}
