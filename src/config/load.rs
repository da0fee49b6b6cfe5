//! The layers: built-in defaults (each key's own), the file, the environment. The later one wins key by key.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path as FilePath;

use ::config::{Environment, Source, Value, ValueKind};

use super::inline;
use super::path::{Path, is_bare};
use super::problem::{Origin, Problem};
use super::reference;

/// The file that is read when none is named and it exists.
pub const DEFAULT_PATH: &str = "config/cxchain.toml";
const PREFIX: &str = "CXCHAIN";
const SEPARATOR: &str = "__";

/// A file's text with its path as it was given.
pub(super) struct FileText {
    pub path: String,
    pub text: String,
}

/// A configuration is never so large: what is may have no end.
const MOST: u64 = 16 * 1024 * 1024;

fn read(path: &FilePath) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if length as u64 > MOST { Err(io::Error::other(format!("it is longer than {MOST} bytes"))) } else { Ok(text) }
}

/// The file named, else the default one if there is one.
pub(super) fn file(path: Option<&FilePath>) -> Result<Option<FileText>, Problem> {
    let named = path.is_some();
    let path = path.unwrap_or(FilePath::new(DEFAULT_PATH));
    let shown = path.display().to_string();
    match read(path) {
        Ok(text) => Ok(Some(FileText { path: shown, text })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(None),
        Err(error) => {
            let text = format!("the configuration file cannot be read: {error}");
            Err(Problem { origin: Origin::File { path: shown, line: 0 }, key: String::new(), text })
        }
    }
}

/// Lays the layers over one another. What cannot be a layer is written down and left out.
pub(super) fn layers(file: Option<&FileText>, env: Vec<(OsString, OsString)>, problems: &mut Vec<Problem>) -> Value {
    let mut builder = ::config::Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(file_layer(file, problems));
    }
    for layer in env_layers(env, problems) {
        builder = builder.add_source(layer);
    }
    match builder.build() {
        Ok(config) => config.cache,
        Err(_) => {
            let text = "the layers do not go together".to_owned();
            problems.push(Problem { origin: Origin::Default, key: String::new(), text });
            Value::default()
        }
    }
}

/// One layer. Its values may be secret, so it does not print them.
#[derive(Clone)]
struct Layer(HashMap<String, Value>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn file_layer(file: &FileText, problems: &mut Vec<Problem>) -> Layer {
    let origin = |line| Origin::File { path: file.path.clone(), line };
    let mut table = inline::document(&file.path, &file.text).unwrap_or_else(|errors| {
        problems.extend(errors.into_iter().map(|error| Problem {
            origin: origin(error.line),
            key: String::new(),
            text: format!("not TOML: {}", error.message),
        }));
        HashMap::new()
    });
    // At the top the layering takes a name for a path: one with dots in it would end up elsewhere.
    let odd: BTreeMap<_, _> = table.extract_if(|name, _| !is_bare(name)).collect();
    for (name, value) in odd {
        let key = Path::root().key(&name).to_string();
        let text = format!("{key}: unknown key");
        problems.push(Problem { origin: Origin::of(&value).unwrap_or(origin(0)), key, text });
    }
    Layer(table)
}

/// One layer a variable, whole sections before single keys, so that the single key wins.
fn env_layers(env: Vec<(OsString, OsString)>, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let mut found: BTreeMap<(usize, String), (String, Value)> = BTreeMap::new();
    for (name, text) in env {
        let Some((name, key, value)) = variable(name, text, problems) else { continue };
        match found.get(&(key.matches('.').count(), key.clone())) {
            Some((other, _)) => {
                let what = format!("{key}: also given by {other}, which differs in upper and lower case only");
                problems.push(Problem { origin: Origin::Env(name), key, text: what });
            }
            None => {
                found.insert((key.matches('.').count(), key), (name, value));
            }
        }
    }
    let mut layers = Vec::new();
    for ((_, key), (name, value)) in found {
        let origin = Origin::Env(name);
        match spread(&key, value, &origin) {
            Ok(value) => layers.push(Layer(HashMap::from([(key, value)]))),
            Err(what) => problems.push(Problem { origin, text: format!("{key}: {what}"), key }),
        }
    }
    layers
}

/// A variable of ours: its name, the key that it stands for, and its value.
fn variable(name: OsString, text: OsString, problems: &mut Vec<Problem>) -> Option<(String, String, Value)> {
    let name = name.into_string().ok()?;
    let Ok(text) = text.into_string() else {
        if name.starts_with(&format!("{PREFIX}{SEPARATOR}")) {
            let what = format!("{name}: not UTF-8");
            problems.push(Problem { origin: Origin::Env(name), key: String::new(), text: what });
        }
        return None;
    };
    let one = HashMap::from([(name.clone(), text)]);
    let source = Environment::with_prefix(PREFIX).prefix_separator(SEPARATOR).separator(SEPARATOR).source(Some(one));
    let (key, value) = source.collect().ok()?.into_iter().next()?;
    let origin = Origin::Env(name.clone()).encode();
    Some((name, key, Value::new(origin.as_ref(), value.kind)))
}

/// Where a section is wanted, the text is an inline table, which goes over the section key by key.
fn spread(key: &str, value: Value, origin: &Origin) -> Result<Value, String> {
    let path: Vec<_> = key.split('.').collect();
    let ValueKind::String(text) = &value.kind else { return Ok(value) };
    if !reference::is_section(&path) {
        return Ok(value);
    }
    match inline::value(text.trim(), origin) {
        Ok(table) if matches!(table.kind, ValueKind::Table(_)) => Ok(table),
        Ok(_) => Err("must be a TOML table such as {key = \"value\"}".into()),
        Err(error) => Err(format!("must be a TOML table such as {{key = \"value\"}}: {}", error.message)),
    }
}
