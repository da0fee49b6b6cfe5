//! What a token endpoint says: RFC 6749 sections 5.1 and 5.2, with what the platforms make of them.
//!
//! Nothing that it says is quoted but the error codes of the RFC: it was just told a secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::chain::ErrorClass;
use crate::ports::CredentialError;

/// The life of a token that does not tell. About what CXone gives; a 401 corrects it.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);
/// The most that is believed, so that no clock overflows.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The longest name of a tenant; CXone's are UUIDs.
const MOST_TENANT_ID: usize = 128;
/// The error codes of RFC 6749 section 5.2.
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// A token as granted.
pub(super) struct Grant {
    /// The `Authorization` header's value.
    pub(super) header: SecretString,
    /// From when it was asked for.
    pub(super) life: Duration,
    /// Which tenant it is for, if the answer says so in CXone's way.
    pub(super) tenant_id: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    /// Whatever it is; read when it is a JWT.
    #[serde(default)]
    id_token: Option<Value>,
}

/// Reads an answer that came whole.
///
/// # Errors
/// Refused credentials (400, 401, 403 and other 4xx) are `Authentication` and final. 429, and the 400 "rate limit exceeded" that
/// Genesys Cloud says instead, are `RateLimited`; 408 and 504 `Timeout`; other 5xx `ComputeClusterUnavailable`: later may help.
/// 404 is `NotFound`, and a redirect or a 2xx that grants no token that we can use is `ResponseInvalid`: the settings
/// name the wrong place, which waiting does not mend.
pub(super) fn judge(status: u16, body: &[u8]) -> Result<Grant, CredentialError> {
    match status {
        200..=299 => granted(body),
        429 => Err(error(ErrorClass::RateLimited, true, "the token endpoint throttles (429)")),
        408 | 504 => Err(error(ErrorClass::Timeout, true, &format!("the token endpoint timed out ({status})"))),
        500..=599 => Err(error(
            ErrorClass::ComputeClusterUnavailable,
            true,
            &format!("the token endpoint is not available ({status})"),
        )),
        400 if speaks_of_a_rate_limit(body) => {
            Err(error(ErrorClass::RateLimited, true, "the token endpoint throttles (400, rate limit)"))
        }
        404 => Err(error(ErrorClass::NotFound, false, "there is no token endpoint at its URL (404)")),
        400..=499 => {
            let code = code(body).map_or(String::new(), |code| format!(", {code}"));
            let message = format!("the token endpoint refused the credentials ({status}{code})");
            Err(error(ErrorClass::Authentication, false, &message))
        }
        0..=199 | 300..=399 | 600..=u16::MAX => Err(error(
            ErrorClass::ResponseInvalid,
            false,
            &format!("what is at the token endpoint's URL is none ({status})"),
        )),
    }
}

/// An error of the token endpoint.
pub(super) fn error(class: ErrorClass, retryable: bool, message: &str) -> CredentialError {
    CredentialError { class, retryable, message: message.to_owned() }
}

fn granted(body: &[u8]) -> Result<Grant, CredentialError> {
    let invalid =
        |what: &str| error(ErrorClass::ResponseInvalid, false, &format!("the token endpoint's answer {what}"));
    // The parser's own words are left out: they may quote the token.
    let granted: Granted = serde_json::from_slice(body).map_err(|_| invalid("is not JSON with an access_token"))?;
    if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(invalid("is not a bearer token"));
    }
    if granted.access_token.is_empty() || !granted.access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("has an access_token that cannot stand in a header"));
    }
    let life = match granted.expires_in {
        None | Some(Value::Null) => ASSUMED_LIFE,
        Some(value) => seconds(&value).ok_or_else(|| invalid("has an expires_in that is not a number of seconds"))?,
    };
    if life < Duration::from_secs(1) {
        return Err(invalid("is a token that has already expired"));
    }
    let tenant_id = granted.id_token.as_ref().and_then(Value::as_str).and_then(tenant_id);
    Ok(Grant { header: format!("Bearer {}", granted.access_token).into(), life, tenant_id })
}

/// A token that nobody is asked for.
///
/// # Errors
/// When there is none.
pub(super) fn fixed(header: Option<SecretString>) -> Result<Grant, CredentialError> {
    let header =
        header.ok_or_else(|| error(ErrorClass::Authentication, false, "no token is configured (auth.token)"))?;
    Ok(Grant { header, life: ASSUMED_LIFE, tenant_id: None })
}

/// `tenantId` in the payload of a JWT (RFC 7519 section 3). Its signature is not looked at: it came from the token endpoint itself.
fn tenant_id(jwt: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let id = claims.get("tenantId")?.as_str()?;
    (1..=MOST_TENANT_ID).contains(&id.len()).then(|| id.to_owned())
}

/// A number, or a string that is one, as some endpoints write it.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let number = number.floor().clamp(0.0, LONGEST_LIFE.as_secs_f64());
    Duration::try_from_secs_f64(number).ok()
}

fn code(body: &[u8]) -> Option<&'static str> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let said = json.get("error")?.as_str()?;
    CODES.into_iter().find(|&code| code == said)
}

fn speaks_of_a_rate_limit(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains("rate limit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{
        Authentication, ComputeClusterUnavailable, NotFound, RateLimited, ResponseInvalid, Timeout as TimedOut,
    };

    #[test]
    fn a_grant_tells_its_life_in_many_ways() {
        for (expires_in, life) in [
            (r#", "expires_in": 1800"#, 1800),
            (r#", "expires_in": "1800""#, 1800),
            (r#", "expires_in": 1799.9"#, 1799),
            (r#", "expires_in": 1"#, 1),
            (r#", "expires_in": null"#, 3600),
            ("", 3600),
            (r#", "expires_in": 1e300"#, LONGEST_LIFE.as_secs()),
        ] {
            let body = format!(r#"{{"access_token": "canary", "token_type": "bearer", "id_token": 7{expires_in}}}"#);
            assert_eq!(judge(200, body.as_bytes()).ok().map(|grant| grant.life.as_secs()), Some(life), "{expires_in}");
        }
        assert!(judge(200, br#"{"access_token": "a"}"#).is_ok(), "token_type may be missing");
    }

    #[test]
    fn the_tenant_is_told_by_the_id_token() {
        let said = |id_token: &str| {
            let body = format!(r#"{{"access_token": "a", "id_token": {id_token}}}"#);
            judge(200, body.as_bytes()).ok().unwrap().tenant_id
        };
        let jwt = |claims: &str| format!("\"e30.{}.sig\"", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(said(&jwt(r#"{"tenantId": "11e8-ä"}"#)).as_deref(), Some("11e8-ä"));
        let long = format!(r#"{{"tenantId": "{}"}}"#, "x".repeat(129));
        for claims in ["{}", "[]", "x", r#"{"tenantId": 7}"#, r#"{"tenantId": ""}"#, r#"{"tenantid": "x"}"#, &long] {
            assert_eq!(said(&jwt(claims)), None, "{claims}");
        }
        for other in ["7", "null", "{}", "\"\"", "\"a.b\"", "\"a.!.c\"", "\"..\""] {
            assert_eq!(said(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_without_a_usable_token_is_invalid_and_not_quoted() {
        for body in [
            "<html>canary",
            "\"canary\"",
            r#"{"access_token": ["canary"]}"#,
            r#"{"access_token": ""}"#,
            r#"{"access_token": "canary\r\nX: y"}"#,
            r#"{"access_token": "canary", "token_type": "mac"}"#,
            r#"{"access_token": "canary", "expires_in": 0}"#,
            r#"{"access_token": "canary", "expires_in": -5}"#,
            r#"{"access_token": "canary", "expires_in": "canary"}"#,
            r#"{"access_token": "canary", "expires_in": "NaN"}"#,
            r#"{"access_token": "canary", "expires_in": true}"#,
        ] {
            let error = judge(200, body.as_bytes()).err().unwrap();
            assert_eq!((error.class, error.retryable), (ResponseInvalid, false), "{body}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn every_status_has_its_class() {
        for status in (100..=199).chain(300..=999) {
            let expected = match status {
                404 => (NotFound, false),
                408 | 504 => (TimedOut, true),
                429 => (RateLimited, true),
                400..=499 => (Authentication, false),
                500..=599 => (ComputeClusterUnavailable, true),
                _ => (ResponseInvalid, false),
            };
            let error = judge(status, b"canary").err().unwrap();
            assert_eq!((error.class, error.retryable), expected, "{status}");
            assert!(!error.message.contains("canary"));
        }
    }

    #[test]
    fn a_refusal_names_the_code_if_it_is_one() {
        let said = |body: &[u8]| judge(400, body).err().unwrap();
        insta::assert_snapshot!(said(br#"{"error": "invalid_client"}"#), @"the token endpoint refused the credentials (400, invalid_client)");
        insta::assert_snapshot!(said(br#"{"error": "canary"}"#), @"the token endpoint refused the credentials (400)");
        let throttled = said(br#"{"description": "Rate limit exceeded the maximum"}"#);
        assert_eq!((throttled.class, throttled.retryable), (RateLimited, true));
    }
}
