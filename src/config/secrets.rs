//! Secrets and their `_file` twins. Nothing read here can be printed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ::config::Value;
use secrecy::zeroize::Zeroize;
use secrecy::{SecretSlice, SecretString};

use super::headers;
use super::key::{Given, Key, Shape};
use super::places::absolute;
use super::problem::Origin;
use super::reader::Section;
use super::shapes::FilePath;

/// No secret is longer; a path to an endless file is found out.
const MOST: u64 = 64 * 1024;

/// The secret at `key`, or in the file that its twin names. Both in one layer is a problem; in different layers the
/// later one wins, as for any key.
pub(super) fn secret<S>(section: &mut Section<'_>, key: &Key<S>, twin: &Key<FilePath>) -> Option<SecretString>
where
    S: Shape<Value = SecretString>,
{
    let (direct, filed) = (section.given(key), section.given(twin));
    let from_file = match (&direct, &filed) {
        (Some(Origin::Env(_)), Some(Origin::Env(_))) | (Some(Origin::File { .. }), Some(Origin::File { .. })) => {
            let what = format!("given together with {}; give one of the two", section.path.key(twin.name));
            section.blame(key.name, direct?, &what);
            section.take(key);
            section.take(twin);
            return None;
        }
        (None, Some(_)) | (Some(Origin::File { .. } | Origin::Default), Some(Origin::Env(_))) => true,
        _ => false,
    };
    if !from_file {
        section.drop_key(twin);
        return section.get(key);
    }
    section.drop_key(key);
    let path = absolute(&section.get(twin)?);
    let origin = filed?;
    match text_of(&path) {
        Ok(mut text) => {
            let value = Value::new(None, text.as_str());
            text.zeroize();
            let secret = section.check(key, &Given { value: &value, origin: &origin });
            let secret = secret?;
            section.show(key.name, key.shape.show(&secret), origin);
            Some(secret)
        }
        Err(what) => {
            section.blame(twin.name, origin, &what);
            None
        }
    }
}

/// A request header's value: what the file holds.
pub(super) fn header_value(path: &Path) -> Result<SecretString, String> {
    let path = absolute(path);
    let mut text = text_of(&path)?;
    if headers::is_value(&text) {
        return Ok(text.into());
    }
    text.zeroize();
    Err(format!("{} holds no header's value: must be {}", path.display(), headers::VALUE))
}

/// A key for HMAC: the file's bytes as they are, a newline at the end included.
pub(super) fn key_bytes(section: &mut Section<'_>, key: &Key<FilePath>, least: usize) -> Option<SecretSlice<u8>> {
    let origin = section.given(key);
    let (path, origin) = section.get(key).zip(origin)?;
    let path = absolute(&path);
    match bytes_of(&path) {
        Ok(bytes) if bytes.len() >= least => Some(bytes.into()),
        Ok(bytes) => {
            let what = format!("{} holds {} bytes; must be at least {least}", path.display(), bytes.len());
            section.blame(key.name, origin, &what);
            None
        }
        Err(what) => {
            section.blame(key.name, origin, &what);
            None
        }
    }
}

/// A file's text without what editors put around it: newlines at its end, a byte order mark.
fn text_of(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(bytes_of(path)?).map_err(|_| format!("{} is not UTF-8", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}');
    if text.is_empty() { Err(format!("{} is empty", path.display())) } else { Ok(text.to_owned()) }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() as u64 > MOST {
        return Err(format!("{} is longer than {MOST} bytes", path.display()));
    }
    Ok(bytes)
}
