//! The source files as their paths tell them: for every file what it names by path, at which line, resolved to the crate's
//! root. Comments, strings and test code are left out. Reads with the compiler's own tokens, so that no layout escapes.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One file of `src`.
pub(crate) struct Source {
    /// From the package's root: `src/chain/ids.rs`.
    pub(crate) file: String,
    /// Its module: `["chain", "ids"]`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) text: String,
    /// What it names outside of its tests.
    pub(crate) mentions: Vec<Mention>,
}

/// A path somewhere in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    /// `["crate", "ports", "Clock"]`, with `self` and `super` resolved; `["lapin", "Channel"]`.
    pub(crate) path: Vec<String>,
}

/// Every file of `src` but those that are compiled for tests only.
pub(crate) fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    let mut sources = Vec::new();
    let mut tests: Vec<Vec<String>> = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).expect("collected below the root").to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        let module = module_of(&file);
        let reading = read(&file, &text, &module);
        tests.extend(reading.test_modules);
        sources.push(Source { file, module, text, mentions: reading.mentions });
    }
    sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
    sources
}

/// Rust files below `folder`.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the package") {
        let path = entry.expect("a folder that can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_of(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// What a file names, and its modules that are for tests only.
pub(crate) struct Reading {
    pub(crate) mentions: Vec<Mention>,
    test_modules: Vec<Vec<String>>,
}

pub(crate) fn read(file: &str, text: &str, module: &[String]) -> Reading {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file} is not Rust: {error}"));
    let mut reading = Reading { mentions: Vec::new(), test_modules: Vec::new() };
    reading.tokens(&tokens.into_iter().collect::<Vec<_>>(), module);
    reading.mentions.sort();
    reading.mentions.dedup();
    reading
}

impl Reading {
    fn tokens(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            if let Some(end) = attribute(tokens, at) {
                if is_for_tests(&tokens[end - 1]) {
                    if is_punct(&tokens[at + 1], '!') {
                        return;
                    }
                    at = self.skip_item(tokens, end, module);
                    continue;
                }
                at = end - 1;
            }
            match &tokens[at] {
                TokenTree::Group(_) if in_use(tokens, at) => at = self.path(tokens, at, &[], module, true),
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    let named = at.checked_sub(2).filter(|&mod_at| is_ident(&tokens[mod_at], "mod"));
                    let mut within = module.to_vec();
                    if named.is_some() && group.delimiter() == Delimiter::Brace {
                        within.extend(ident(&tokens[at - 1]));
                    }
                    self.tokens(&inner, &within);
                    at += 1;
                }
                TokenTree::Ident(_) if begins_path(tokens, at) => {
                    at = self.path(tokens, at, &[], module, in_use(tokens, at));
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
            }
        }
    }

    /// Reads the path (or tree of paths) that begins at `at`; answers where it ends. A path of one name counts in a `use` only.
    fn path(&mut self, tokens: &[TokenTree], at: usize, prefix: &[String], module: &[String], in_use: bool) -> usize {
        let mut names = prefix.to_vec();
        let mut at = at;
        let line = tokens[at].span().start().line;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => names.push(name.to_string()),
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => names.push("*".into()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    let mut inside = 0;
                    while inside < inner.len() {
                        inside = if matches!(inner[inside], TokenTree::Punct(_)) && !is_punct(&inner[inside], '*') {
                            inside + 1
                        } else {
                            self.path(&inner, inside, &names, module, in_use)
                        };
                    }
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
            if tokens.len() < at + 2 || !is_punct(&tokens[at], ':') || !is_punct(&tokens[at + 1], ':') {
                break;
            }
            at += 2;
        }
        if names.len() > 1 || in_use {
            self.mentions.push(Mention { line, path: resolve(&names, module) });
        }
        let renamed = in_use && tokens.get(at).is_some_and(|token| is_ident(token, "as"));
        if renamed { at + 2 } else { at }
    }

    /// Goes over the item or statement that begins at `at`; answers where it ends.
    fn skip_item(&mut self, tokens: &[TokenTree], mut at: usize, module: &[String]) -> usize {
        while let Some(end) = attribute(tokens, at) {
            at = end;
        }
        let mut ends_at_brace = true;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(name) if ["use", "const", "static", "type", "let"].contains(&&*name.to_string()) => {
                    // `const fn` is a function all the same.
                    ends_at_brace = tokens.get(at + 1).is_some_and(|next| is_ident(next, "fn"));
                }
                TokenTree::Ident(name) if name == "mod" && at + 1 < tokens.len() => {
                    let mut test_module = module.to_vec();
                    test_module.extend(ident(&tokens[at + 1]));
                    self.test_modules.push(test_module);
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && ends_at_brace => return at + 1,
                TokenTree::Punct(end) if end.as_char() == ';' => return at + 1,
                _ => {}
            }
            at += 1;
        }
        at
    }
}

/// Where the attribute that begins at `at` ends: `#[…]` or `#![…]`.
fn attribute(tokens: &[TokenTree], at: usize) -> Option<usize> {
    let hash = tokens.get(at).filter(|token| is_punct(token, '#'));
    hash?;
    let inner = tokens.get(at + 1).is_some_and(|token| is_punct(token, '!'));
    let group = at + 1 + usize::from(inner);
    match tokens.get(group)? {
        TokenTree::Group(found) if found.delimiter() == Delimiter::Bracket => Some(group + 1),
        _ => None,
    }
}

/// `cfg(test)`, or `cfg(all(test, …))`.
fn is_for_tests(attribute: &TokenTree) -> bool {
    let TokenTree::Group(group) = attribute else { return false };
    let text = group.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Words that stand before a path and are no part of one.
const KEYWORDS: [&str; 24] = [
    "as", "async", "await", "break", "const", "dyn", "else", "extern", "fn", "for", "if", "impl", "in", "let", "match",
    "mod", "move", "mut", "pub", "ref", "return", "use", "where", "while",
];

fn is_keyword(token: &TokenTree) -> bool {
    ident(token).is_some_and(|name| KEYWORDS.contains(&&*name))
}

/// Whether the path or the brace at `at` is what a `use` or an `extern crate` names.
fn in_use(tokens: &[TokenTree], at: usize) -> bool {
    let colons = at >= 2 && is_punct(&tokens[at - 1], ':') && is_punct(&tokens[at - 2], ':');
    let at = if colons { at - 2 } else { at };
    let before = |n: usize, word| at.checked_sub(n).is_some_and(|before| is_ident(&tokens[before], word));
    before(1, "use") || (before(1, "crate") && before(2, "extern"))
}

/// Whether a path begins at `at`: not in the middle of one, not a field or a method, not a lifetime.
fn begins_path(tokens: &[TokenTree], at: usize) -> bool {
    if is_keyword(&tokens[at]) {
        return false;
    }
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return true };
    if is_punct(before, '.') || is_punct(before, '\'') {
        return false;
    }
    let after_colons = at >= 2 && is_punct(before, ':') && is_punct(&tokens[at - 2], ':');
    // `::lapin::Channel` begins with its colons; `Vec::<T>::new` does not begin with `new`.
    let global = after_colons && at.checked_sub(3).is_none_or(|earlier| !ends_path(&tokens[earlier]));
    !after_colons || global
}

fn ends_path(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(_) => !is_keyword(token),
        TokenTree::Punct(punct) => punct.as_char() == '>',
        TokenTree::Group(_) | TokenTree::Literal(_) => true,
    }
}

/// `names` from the crate's root, where they begin with `crate`, `self` or `super`.
fn resolve(names: &[String], module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = names;
    let mut relative = false;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            _ => break,
        }
        relative = true;
        rest = after;
    }
    let root = relative.then(|| "crate".to_owned());
    let base = if relative { base } else { Vec::new() };
    // `c::{self}` is `c`.
    let rest = rest.iter().filter(|name| *name != "self").cloned();
    root.into_iter().chain(base).chain(rest).collect()
}

fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(name) => Some(name.to_string()),
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}
