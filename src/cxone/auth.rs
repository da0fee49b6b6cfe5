//! A tenant's token: cached, refreshed early, one refresh for all who wait.
//!
//! A refresh runs in a task of its own (the *flight*), so that whoever waits for it can go without harm to the others. When
//! it fails, all who wait are told, and for a moment (the *hold*) so is everybody who asks next: a token endpoint
//! in trouble is not hammered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::body::{self, End};
use super::retry_after::retry_after;
use super::tenants::AuthSettings;
use super::token::{self, Grant};
use super::{secrets, transport};
use crate::chain::ErrorClass;
use crate::ports::{Clock, Credential, CredentialError, SystemClock};

/// The most that one token request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 64 * 1024;
const FIRST_HOLD: Duration = Duration::from_millis(250);
const LONGEST_HOLD: Duration = Duration::from_secs(5);
/// The most of the token endpoint's Retry-After that is heeded: a slip there must not stop the tenant for a day.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

type Outcome = Result<Credential, CredentialError>;

/// How a tenant's token stands.
#[derive(Debug, Clone)]
pub enum TokenStatus {
    /// Nobody has needed one yet.
    NotAsked,
    /// There is one that is valid.
    Valid,
    /// The last one is over; the next call gets a new one.
    Over,
    /// The last request for one failed; the next call tries again.
    Failed(CredentialError),
}

/// Holds a tenant's token.
pub(super) struct TokenCache(Arc<Inner>);

struct Inner {
    http: Client,
    settings: AuthSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Credential>,
    /// Of the newest token, also when that is no longer kept.
    generation: u64,
    flight: Option<watch::Receiver<Option<Outcome>>>,
    /// Failures in a row.
    failures: u32,
    /// The last failure, and until when it stands.
    hold: Option<(Instant, CredentialError)>,
}

/// A failed request for a token.
struct Failure {
    error: CredentialError,
    retry_after: Option<Duration>,
}

impl TokenCache {
    pub(super) fn new(http: Client, settings: AuthSettings) -> Self {
        Self(Arc::new(Inner { http, settings, state: Mutex::default() }))
    }

    /// A token that is valid now.
    pub(super) async fn credential(&self) -> Outcome {
        let mut flight = {
            let mut state = self.0.state();
            let now = Instant::now();
            if let Some(token) = state.token.as_ref().filter(|token| now < token.stale_at) {
                return Ok(token.clone());
            }
            if let Some((_, error)) = state.hold.as_ref().filter(|(until, _)| now < *until) {
                return Err(error.clone());
            }
            match &state.flight {
                // A flight whose task is gone without a word (a runtime that ends) lands no more.
                Some(flight) if flight.has_changed().is_ok() => flight.clone(),
                _ => state.flight.insert(Inner::take_off(&self.0)).clone(),
            }
        };
        // In a binding of its own, for the borrow of the channel must not outlive it.
        let landed = flight.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        landed.unwrap_or_else(|| Err(token::error(ErrorClass::System, true, "the request for a token was given up")))
    }

    /// How it stands. Asks nobody.
    pub(super) fn status(&self) -> TokenStatus {
        let state = self.0.state();
        match (&state.token, &state.hold) {
            (Some(token), _) if Instant::now() < token.stale_at => TokenStatus::Valid,
            (_, Some((_, error))) => TokenStatus::Failed(error.clone()),
            _ if state.generation == 0 => TokenStatus::NotAsked,
            _ => TokenStatus::Over,
        }
    }

    /// Forgets the token that was refused; a newer one stays.
    pub(super) fn refused(&self, credential: &Credential) {
        let mut state = self.0.state();
        if state.token.as_ref().is_some_and(|token| token.generation == credential.generation) {
            state.token = None;
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_off(this: &Arc<Self>) -> watch::Receiver<Option<Outcome>> {
        let (landing, flight) = watch::channel(None);
        let this = Arc::clone(this);
        tokio::spawn(async move {
            let asked = Instant::now();
            let fetched = this.fetch(asked + TIMEOUT).await;
            let outcome = this.land(asked, fetched);
            landing.send_replace(Some(outcome));
        });
        flight
    }

    fn land(&self, asked: Instant, fetched: Result<Grant, Failure>) -> Outcome {
        let mut state = self.state();
        state.flight = None;
        match fetched {
            Ok(Grant { header, life }) => {
                state.generation += 1;
                let margin = self.settings.refresh_margin.min(life / 4);
                // The life counts from before the request was sent: the token was made at some time after that.
                let token = Credential { header, generation: state.generation, stale_at: asked + life - margin };
                state.token = Some(token.clone());
                (state.failures, state.hold) = (0, None);
                Ok(token)
            }
            Err(Failure { error, retry_after }) => {
                let until = Instant::now() + hold(state.failures, retry_after);
                state.failures = state.failures.saturating_add(1);
                state.hold = Some((until, error.clone()));
                Err(error)
            }
        }
    }

    /// One request to the token endpoint.
    async fn fetch(&self, deadline: Instant) -> Result<Grant, Failure> {
        let request = self
            .http
            .post(self.settings.token_url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(secrets::token_form(&self.settings))
            .send();
        let mut response = match timeout_at(deadline, request).await {
            Err(_) => return Err(silent()),
            Ok(Err(error)) => {
                let class = if error.is_timeout() { ErrorClass::Timeout } else { ErrorClass::Network };
                let message = format!("no answer from the token endpoint: {}", transport::message(&error, true));
                return Err(token::error(class, !error.is_builder(), &message).into());
            }
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemClock.now());
        let reading = body::read(&mut response, MOST_BYTES, deadline).await;
        // Only a grant needs its body; an error's status says enough.
        match reading.end {
            End::TimedOut if status < 300 => Err(silent()),
            End::Cut if status < 300 => {
                Err(token::error(ErrorClass::Network, true, "the token endpoint's answer was cut short").into())
            }
            End::Whole | End::Oversized | End::TimedOut | End::Cut => {
                token::judge(status, &reading.bytes).map_err(|error| Failure { error, retry_after })
            }
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self { error, retry_after: None }
    }
}

fn silent() -> Failure {
    token::error(ErrorClass::Timeout, true, "no answer from the token endpoint in time").into()
}

/// How long an error stands after so many failures in a row before it.
fn hold(failures: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = FIRST_HOLD.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_HOLD);
    doubled.max(retry_after.unwrap_or_default().min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_double_and_heed_retry_after() {
        let millis = |failures| hold(failures, None).as_millis();
        assert_eq!([0, 1, 2, 4, 5, 100].map(millis), [250, 500, 1000, 4000, 5000, 5000]);
        assert_eq!(hold(0, Some(Duration::from_secs(30))), Duration::from_secs(30));
        assert_eq!(hold(9, Some(Duration::from_secs(1))), LONGEST_HOLD);
        assert_eq!(hold(0, Some(Duration::MAX)), LONGEST_WAIT);
    }
}
