//! What must not be in a text about a call: our token, the action's secret headers, what the action's `redact` names in the
//! peer's answer, and what it names in our payload.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;

use super::{error_text, secrets};
use crate::chain::action::Redaction;
use crate::ports::{Credential, Hidden};

/// Covers up what must not be shown.
pub(super) struct Cover<'a> {
    pub(super) credential: &'a Credential,
    pub(super) secret_headers: &'a BTreeMap<String, SecretString>,
    pub(super) redaction: &'a Redaction,
    pub(super) hidden: &'a Hidden,
}

impl Cover<'_> {
    /// What the peer says of an error in `body`, on one line, covered.
    pub(super) fn error_text(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        if self.redaction.is_empty() {
            return error_text::find(headers, body).map(|text| self.line(&text, None));
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        let text = match &answer {
            // Masked before a text is taken out of it, for the text may be all of it.
            Some(answer) => error_text::find(headers, self.redaction.mask(answer).to_string().as_bytes()),
            // Where the places are that are to be masked cannot be told in JSON that is broken, or not all here.
            None if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") => {
                error_text::find(headers, b"")
            }
            None => error_text::find(headers, body),
        };
        text.map(|text| self.line(&text, answer.as_ref()))
    }

    /// `text` on one line of at most 300 characters, covered. `answer` is where it was found.
    pub(super) fn line(&self, text: &str, answer: Option<&Value>) -> String {
        let text = secrets::redact(text, self.credential, self.secret_headers);
        let quoted = answer.map(|answer| self.redaction.texts(answer)).unwrap_or_default();
        // Cut after that, so that nothing is left of what stands where it is cut.
        error_text::line(&Redaction::scrub(&text, self.hidden.0.iter().chain(&quoted)))
    }
}
