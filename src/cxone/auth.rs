//! A tenant's token: cached, refreshed early, one refresh for all who wait.
//!
//! A refresh runs in a task of its own (the *flight*), so that whoever waits for it can go without harm to the others. When
//! it fails, all who wait are told, and for a moment (the *hold*) so is everybody who asks next: a token endpoint
//! in trouble is not hammered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ask::{Failure, ask};
use super::places::Places;
use super::secrets;
use super::settings::AuthSettings;
use super::token::{self, Grant};
use crate::chain::ErrorClass;
use crate::ports::{Credential, CredentialError};

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
    places: Arc<Places>,
    unplaced: Unplaced,
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

impl TokenCache {
    pub(super) fn new(http: Client, settings: AuthSettings, places: Arc<Places>) -> Self {
        Self(Arc::new(Inner { http, settings, places, unplaced: Unplaced::default(), state: Mutex::default() }))
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
            let fetched = this.fetch().await;
            let outcome = this.land(fetched);
            landing.send_replace(Some(outcome));
        });
        flight
    }

    fn land(&self, fetched: Result<Asked, Failure>) -> Outcome {
        let mut state = self.state();
        state.flight = None;
        match fetched {
            Ok(Asked { at, grant: Grant { header, life, .. } }) => {
                state.generation += 1;
                let margin = self.settings.refresh_margin.min(life / 4);
                // The life counts from before the request was sent: the token was made at some time after that.
                let token = Credential { header, generation: state.generation, stale_at: at + life - margin };
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

    /// A token, and where it is good for: one request, or up to three with a tenant that has to be found.
    async fn fetch(&self) -> Result<Asked, Failure> {
        let asked = match self.unplaced.take() {
            Some(asked) if asked.at.elapsed() < asked.grant.life / 2 => asked,
            _ => Asked { at: Instant::now(), grant: self.ask_for_token().await? },
        };
        match self.places.find_base_url(asked.grant.tenant_id.as_deref()).await {
            Ok(()) => Ok(asked),
            Err(failure) => {
                self.unplaced.keep(asked);
                Err(failure)
            }
        }
    }

    async fn ask_for_token(&self) -> Result<Grant, Failure> {
        let Some(asking) = secrets::token_request(&self.settings.grant) else {
            return Ok(token::fixed(secrets::static_header(&self.settings.grant))?);
        };
        let mut request = Request::new(Method::POST, self.places.token_url().await?);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asking.content_type));
        if let Some(authorization) = asking.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        *request.body_mut() = Some(asking.body.into());
        let granted = ask(&self.http, request, "the token endpoint", token::judge).await;
        if let Err(Failure { error, .. }) = &granted
            && matches!(error.class, ErrorClass::NotFound | ErrorClass::ResponseInvalid)
        {
            self.places.forget_token_url();
        }
        granted
    }
}

/// A token, and when it was asked for.
struct Asked {
    at: Instant,
    grant: Grant,
}

/// A token that was granted while nobody could say where it is good for: it is not asked for again for that.
#[derive(Default)]
struct Unplaced(Mutex<Option<Asked>>);

impl Unplaced {
    fn take(&self) -> Option<Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, asked: Asked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }
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
