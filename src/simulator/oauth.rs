//! The token endpoint: client_credentials by form.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::answer::{Answer, BrokenOff, Reply};
use super::carry_out::{carry_out, reset};
use super::exchange::{Unread, read, too_large};
use super::fault::Behaviour;
use super::ledger::Caller;
use super::open_call::OpenCall;
use super::settings::SimulatorSettings;
use super::state::Shared;
use super::wire::Wire;

pub(super) async fn token(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let call = OpenCall::begin(shared, Caller::of_token());
    let fault = call.meet_fault();
    if fault.as_ref().is_some_and(|fault| fault.behaviour == Behaviour::ResetBefore) {
        return Err(reset(call, wire));
    }
    let form = match read(request.into_body()).await {
        Ok(form) => form,
        Err(Unread::TooLarge) => return Ok(too_large().to(Some(call), wire)),
        Err(Unread::ClientGone) => return Err(BrokenOff),
    };
    let healthy = match refusal(&form, &shared.settings) {
        Some((status, error)) => Reply::json(status, serde_json::json!({ "error": error }).to_string()),
        // A token that nobody will be told is none.
        None if fault.as_ref().is_some_and(|fault| !fault.behaviour.runs_the_action()) => Reply::empty(StatusCode::OK),
        None => {
            let answer = serde_json::json!({
                "access_token": call.issue_token(),
                "token_type": "Bearer",
                "expires_in": shared.settings.token_life.as_secs(),
            });
            Reply::json(StatusCode::OK, answer.to_string())
        }
    };
    carry_out(call, wire, fault, Duration::ZERO, healthy).await
}

/// RFC 6749, section 5.2.
fn refusal(form: &[u8], settings: &SimulatorSettings) -> Option<(StatusCode, &'static str)> {
    let field = |name: &str| url::form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value);
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Some((StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    let known = field("client_id").as_deref() == Some(&settings.client_id)
        && field("client_secret").as_deref() == Some(&settings.client_secret);
    (!known).then_some((StatusCode::UNAUTHORIZED, "invalid_client"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_client_gets_a_token_and_only_by_client_credentials() {
        let settings =
            SimulatorSettings { client_id: "c d".to_owned(), client_secret: "s&=é".to_owned(), ..Default::default() };
        let table = [
            ("grant_type=client_credentials&client_id=c+d&client_secret=s%26%3D%C3%A9&scope=x", None),
            (
                "grant_type=client_credentials&client_id=c%20d&client_secret=s",
                Some((StatusCode::UNAUTHORIZED, "invalid_client")),
            ),
            ("grant_type=client_credentials", Some((StatusCode::UNAUTHORIZED, "invalid_client"))),
            ("grant_type=password&client_id=c+d", Some((StatusCode::BAD_REQUEST, "unsupported_grant_type"))),
            ("", Some((StatusCode::BAD_REQUEST, "unsupported_grant_type"))),
        ];
        for (form, expected) in table {
            assert_eq!(refusal(form.as_bytes(), &settings), expected, "{form}");
        }
    }
}
