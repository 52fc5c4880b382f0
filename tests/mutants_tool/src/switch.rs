//! All mutants of a file at once, each behind a switch.

use std::cmp::Reverse;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::mutant::Mutant;

/// A place in the text, and what stands around it in the copy. What is within keeps its own switches.
#[derive(Debug)]
struct Site {
    range: Range<usize>,
    before: String,
    after: String,
    /// The outer one of two with one range has the smaller number.
    order: u8,
}

/// The text with every mutant behind its switch, and those for which no place was found.
pub(crate) fn with_switches(text: &str, mutants: &[&Mutant]) -> (String, Vec<usize>) {
    let file = syn::parse_file(text).expect("the source can be read");
    let at = mutants.iter().map(|m| (m.range(text), *m)).collect();
    let mut finder = Finder { text, mutants: at, placed: Vec::new(), sites: Vec::new() };
    finder.visit_file(&file);
    finder.bodies();
    let (mut sites, placed) = (finder.sites, finder.placed);
    sites.sort_by_key(|s| (s.range.start, !s.range.is_empty(), Reverse(s.range.end), s.order));
    let left_out = mutants.iter().map(|m| m.id).filter(|id| !placed.contains(id)).collect();
    let mut out = String::new();
    let mut rest = &sites[..];
    emit(text, 0..text.len(), &mut rest, &mut out);
    (out, left_out)
}

/// Prints a range with all sites in it.
fn emit(text: &str, range: Range<usize>, sites: &mut &[Site], out: &mut String) {
    let mut at = range.start;
    while let Some((site, rest)) = sites.split_first() {
        if site.range.start >= range.end {
            break;
        }
        *sites = rest;
        out.push_str(&text[at..site.range.start]);
        out.push_str(&site.before);
        if !site.range.is_empty() {
            emit(text, site.range.clone(), sites, out);
        }
        out.push_str(&site.after);
        at = site.range.end;
    }
    out.push_str(&text[at..range.end]);
}

/// The words that ask for the switch of a mutant.
pub(crate) fn asks(id: usize) -> String {
    format!("crate::mutants::is_on({id})")
}

struct Finder<'a> {
    text: &'a str,
    mutants: Vec<(Range<usize>, &'a Mutant)>,
    placed: Vec<usize>,
    sites: Vec<Site>,
}

impl<'a> Finder<'a> {
    fn of(&self, genre: &str, start: usize) -> Vec<(Range<usize>, &'a Mutant)> {
        let is_it = |(range, mutant): &&(Range<usize>, &Mutant)| {
            mutant.genre == genre && range.start == start
        };
        self.mutants.iter().filter(is_it).cloned().collect()
    }

    /// An expression that is another one for some mutants.
    fn choose(&mut self, range: Range<usize>, order: u8, found: &[(Range<usize>, &Mutant)]) {
        if found.is_empty() {
            return;
        }
        let mut before = "(".to_owned();
        for (part, mutant) in found {
            let head = &self.text[range.start..part.start];
            let tail = &self.text[part.end..range.end];
            let (id, asks) = (mutant.id, asks(mutant.id));
            let new = &mutant.replacement;
            before += &format!("if {asks} {{/*<{id}*/{head}{new}{tail}/*{id}>*/}} else ");
            self.placed.push(id);
        }
        before.push('{');
        self.sites.push(Site { range, before, after: "})".to_owned(), order });
    }

    /// A function that does nothing but answer.
    fn bodies(&mut self) {
        for (range, mutant) in self.mutants.clone() {
            if mutant.genre != "FnValue" || mutant.has_no_switch() {
                continue;
            }
            let (id, asks, answer) = (mutant.id, asks(mutant.id), &mutant.replacement);
            let before = format!("if {asks} {{/*<{id}*/return {answer};/*{id}>*/}}\n");
            let range = range.start..range.start;
            self.sites.push(Site { range, before, after: String::new(), order: 0 });
            self.placed.push(id);
        }
    }
}

fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(b) => binds(&b.left) || binds(&b.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, expression: &'ast syn::ExprBinary) {
        let found = self.of("BinaryOperator", expression.op.span().byte_range().start);
        // `let … || …` is no Rust: such a mutant cannot be built at all.
        if !binds(&expression.left) && !binds(&expression.right) {
            self.choose(expression.span().byte_range(), 2, &found);
        }
        visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast syn::ExprUnary) {
        let found = self.of("UnaryOperator", expression.op.span().byte_range().start);
        self.choose(expression.span().byte_range(), 2, &found);
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        let range = expression.span().byte_range();
        let mut found = Vec::new();
        for field in &expression.fields {
            for (mut part, mutant) in self.of("StructField", field.span().byte_range().start) {
                let tail = &self.text[part.end..range.end];
                let blank = tail.len() - tail.trim_start().len();
                if tail[blank..].starts_with(',') {
                    part.end += blank + 1;
                }
                found.push((part, mutant));
            }
        }
        self.choose(range, 2, &found);
        visit::visit_expr_struct(self, expression);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let guards: Vec<_> = match &arm.guard {
            Some((_, guard)) => self.of("MatchArmGuard", guard.span().byte_range().start),
            None => Vec::new(),
        };
        let deleted = self.of("MatchArm", arm.span().byte_range().start);
        for (_, mutant) in &deleted {
            let (id, asks) = (mutant.id, asks(mutant.id));
            let mark = format!("/*<{id}*/!{asks}/*{id}>*/");
            let (range, before, after) = match &arm.guard {
                Some((_, guard)) => {
                    (guard.span().byte_range(), format!("{mark} && ("), ")".to_owned())
                }
                None => {
                    let end = arm.pat.span().byte_range().end;
                    (end..end, format!(" if {mark}"), String::new())
                }
            };
            self.sites.push(Site { range, before, after, order: 0 });
            self.placed.push(id);
        }
        if let Some((_, guard)) = &arm.guard {
            self.choose(guard.span().byte_range(), 1, &guards);
        }
        visit::visit_arm(self, arm);
    }
}

/// The mutants to which a place in the copy's text belongs: the ones between whose marks it lies, or whose
/// switch it is.
pub(crate) fn blamed(text: &str, place: Range<usize>) -> Option<usize> {
    let asked = &text[place.start..place.end.min(text.len())];
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    };
    if let Some(id) = asked.strip_prefix("crate::mutants::is_on(").and_then(number) {
        return Some(id);
    }
    // The last mark before it that is not closed before it.
    let mut head = &text[..place.start];
    while let Some(at) = head.rfind("/*<") {
        if let Some(id) = number(&head[at + 3..]) {
            let close = format!("/*{id}>*/");
            let is_open = !text[at..place.start].contains(&close);
            if is_open && text[place.start..].contains(&close) {
                return Some(id);
            }
        }
        head = &head[..at];
        if place.start - at > 20_000 {
            break;
        }
    }
    None
}
