//! The token endpoints: each platform's own, with the grant that it knows.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, BrokenOff, Reply};
use super::api::Api;
use super::carry_out::{carry_out, reset};
use super::exchange::{Unread, read, too_large};
use super::fault::{Behaviour, Target};
use super::ledger::Caller;
use super::open_call::OpenCall;
use super::settings::SimulatorSettings;
use super::state::Shared;
use super::wire::Wire;

/// How a token is asked for at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// client_credentials, the client in the form.
    Body,
    /// client_credentials, the client by Basic.
    Basic,
    /// password with an access key, the client either way.
    AccessKey,
    /// The access key as JSON.
    AccessKeyJson,
}

/// The grant at a path; `None`: the platform has no token endpoint there.
pub(super) fn at(api: Api, path: &str) -> Option<Grant> {
    match (api, path) {
        (Api::DataActions, "/oauth/token") => Some(Grant::Body),
        (Api::Genesys, "/oauth/token") => Some(Grant::Basic),
        (Api::Cxone, "/auth/token") => Some(Grant::AccessKey),
        (Api::Cxone, "/authentication/v1/token/access-key") => Some(Grant::AccessKeyJson),
        (Api::DataActions | Api::Cxone | Api::Genesys, _) => None,
    }
}

pub(super) async fn token(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    grant: Grant,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let call = OpenCall::begin(shared, Caller::of(Target::Token));
    let fault = call.meet_fault();
    if fault.as_ref().is_some_and(|fault| fault.behaviour == Behaviour::ResetBefore) {
        return Err(reset(call, wire));
    }
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => return Ok(too_large().to(Some(call), wire)),
        Err(Unread::ClientGone) => return Err(BrokenOff),
    };
    let healthy = match refusal(grant, &head.headers, &body, &shared.settings) {
        Some((status, error)) => Reply::json(status, json!({ "error": error }).to_string()),
        // A token that nobody will be told is none.
        None if fault.as_ref().is_some_and(|fault| !fault.behaviour.runs_the_action()) => Reply::empty(StatusCode::OK),
        None => Reply::json(StatusCode::OK, granted(&call, &shared.settings, field(&body, "scope")).to_string()),
    };
    carry_out(call, wire, fault, Duration::ZERO, healthy).await
}

/// What a form says for `name`.
fn field(body: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn granted(call: &OpenCall, settings: &SimulatorSettings, scope: Option<String>) -> Value {
    let mut answer = json!({
        "access_token": call.issue_token(scope),
        "token_type": "Bearer",
        "expires_in": settings.token_life.as_secs(),
    });
    if settings.api == Api::Cxone {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let (head, claims) = (json!({"alg": "none"}), json!({"tenantId": settings.tenant_id}));
        answer["id_token"] = format!("{}.{}.", part(head), part(claims)).into();
        answer["refresh_token"] = "simulated-refresh".into();
    }
    answer
}

/// RFC 6749, section 5.2.
fn refusal(
    grant: Grant,
    headers: &HeaderMap,
    body: &[u8],
    settings: &SimulatorSettings,
) -> Option<(StatusCode, &'static str)> {
    const INVALID_CLIENT: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "invalid_client");
    const INVALID_GRANT: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "invalid_grant");
    if grant == Grant::AccessKeyJson {
        let known = |keys: AccessKey| {
            keys.access_key_id == settings.access_key_id && keys.access_key_secret == settings.access_key_secret
        };
        return (!serde_json::from_slice(body).is_ok_and(known)).then_some((StatusCode::UNAUTHORIZED, "invalid_grant"));
    }
    let is = |name: &str, expected: &str| field(body, name).as_deref() == Some(expected);
    let wanted = if grant == Grant::AccessKey { "password" } else { "client_credentials" };
    if !is("grant_type", wanted) {
        return Some((StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    let in_form = is("client_id", &settings.client_id) && is("client_secret", &settings.client_secret);
    let by_basic =
        basic(headers).is_some_and(|pair| pair == format!("{}:{}", settings.client_id, settings.client_secret));
    let known = match grant {
        Grant::Body => in_form,
        // What stands in the form, too, is told to whoever logs forms.
        Grant::Basic => by_basic && field(body, "client_secret").is_none(),
        Grant::AccessKey | Grant::AccessKeyJson => in_form != by_basic,
    };
    if !known {
        return Some(INVALID_CLIENT);
    }
    let has_key = is("username", &settings.access_key_id) && is("password", &settings.access_key_secret);
    (grant == Grant::AccessKey && !has_key).then_some(INVALID_GRANT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessKey {
    access_key_id: String,
    access_key_secret: String,
}

/// `id:secret` of HTTP Basic.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, pair) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(pair).ok())??;
    String::from_utf8(pair).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSUPPORTED: Option<(StatusCode, &str)> = Some((StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    const CLIENT: Option<(StatusCode, &str)> = Some((StatusCode::UNAUTHORIZED, "invalid_client"));
    const KEY: Option<(StatusCode, &str)> = Some((StatusCode::BAD_REQUEST, "invalid_grant"));

    fn judged(grant: Grant, basic: &str, body: &str) -> Option<(StatusCode, &'static str)> {
        let settings = SimulatorSettings {
            client_id: "c d".to_owned(),
            client_secret: "s&=é".to_owned(),
            access_key_id: "k".to_owned(),
            access_key_secret: "x+y".to_owned(),
            ..SimulatorSettings::default()
        };
        let mut headers = HeaderMap::new();
        if !basic.is_empty() {
            headers.insert(AUTHORIZATION, format!("Basic {}", STANDARD.encode(basic)).parse().unwrap());
        }
        refusal(grant, &headers, body.as_bytes(), &settings)
    }

    #[test]
    fn only_the_known_client_gets_a_token_and_only_by_client_credentials() {
        let table = [
            ("grant_type=client_credentials&client_id=c+d&client_secret=s%26%3D%C3%A9&scope=x", None),
            ("grant_type=client_credentials&client_id=c%20d&client_secret=s", CLIENT),
            ("grant_type=client_credentials", CLIENT),
            ("grant_type=password&client_id=c+d", UNSUPPORTED),
            ("", UNSUPPORTED),
        ];
        for (form, expected) in table {
            assert_eq!(judged(Grant::Body, "", form), expected, "{form}");
        }
        assert_eq!(judged(Grant::Body, "c d:s&=é", "grant_type=client_credentials"), CLIENT, "it wants the form");
    }

    #[test]
    fn basic_is_basic_alone() {
        for (basic, form, expected) in [
            ("c d:s&=é", "grant_type=client_credentials", None),
            ("c d:wrong", "grant_type=client_credentials", CLIENT),
            ("", "grant_type=client_credentials&client_id=c+d&client_secret=s%26%3D%C3%A9", CLIENT),
            ("c d:s&=é", "grant_type=client_credentials&client_id=c+d&client_secret=s%26%3D%C3%A9", CLIENT),
            ("c d:s&=é", "grant_type=password", UNSUPPORTED),
        ] {
            assert_eq!(judged(Grant::Basic, basic, form), expected, "{form}");
        }
    }

    #[test]
    fn an_access_key_is_a_password_and_needs_a_client() {
        let key = "grant_type=password&username=k&password=x%2By";
        for (basic, form, expected) in [
            ("c d:s&=é", key.to_owned(), None),
            ("", format!("{key}&client_id=c+d&client_secret=s%26%3D%C3%A9"), None),
            ("", key.to_owned(), CLIENT),
            ("c d:s&=é", "grant_type=password&username=k&password=x+y".to_owned(), KEY),
            ("c d:s&=é", "grant_type=client_credentials".to_owned(), UNSUPPORTED),
        ] {
            assert_eq!(judged(Grant::AccessKey, basic, &form), expected, "{form}");
        }
        let refused = Some((StatusCode::UNAUTHORIZED, "invalid_grant"));
        for (body, expected) in [
            (r#"{"accessKeyId":"k","accessKeySecret":"x+y"}"#, None),
            (r#"{"accessKeyId":"k","accessKeySecret":"x"}"#, refused),
            (r#"{"accessKeyId":"k"}"#, refused),
            (key, refused),
        ] {
            assert_eq!(judged(Grant::AccessKeyJson, "", body), expected, "{body}");
        }
    }
}
