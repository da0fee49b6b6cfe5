//! One small question to whoever logs a tenant in: the token endpoint, or the issuer that knows where things are.

use std::time::Duration;

use reqwest::{Client, Request};
use tokio::time::{Instant, timeout_at};

use super::body::{self, End};
use super::retry_after::retry_after;
use super::{token, transport};
use crate::chain::ErrorClass;
use crate::ports::{Clock, CredentialError, SystemClock};

/// The most that one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// Why there is no token.
pub(super) struct Failure {
    pub(super) error: CredentialError,
    /// The peer's Retry-After.
    pub(super) retry_after: Option<Duration>,
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self { error, retry_after: None }
    }
}

/// Asks, and judges status and body of the answer. `whom` is for people.
pub(super) async fn ask<T>(
    http: &Client,
    request: Request,
    whom: &str,
    judge: impl FnOnce(u16, &[u8]) -> Result<T, CredentialError>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + TIMEOUT;
    let silent = || token::error(ErrorClass::Timeout, true, &format!("no answer from {whom} in time")).into();
    let mut response = match timeout_at(deadline, http.execute(request)).await {
        Err(_) => return Err(silent()),
        Ok(Err(error)) => {
            let class = if error.is_timeout() { ErrorClass::Timeout } else { ErrorClass::Network };
            let message = format!("no answer from {whom}: {}", transport::message(&error, true));
            return Err(token::error(class, !error.is_builder(), &message).into());
        }
        Ok(Ok(response)) => response,
    };
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), SystemClock.now());
    let reading = body::read(&mut response, MOST_BYTES, deadline).await;
    // Only a good answer needs its body; an error's status says enough.
    match reading.end {
        End::TimedOut if status < 300 => Err(silent()),
        End::Cut if status < 300 => {
            Err(token::error(ErrorClass::Network, true, &format!("{whom}'s answer was cut short")).into())
        }
        End::Whole | End::Oversized | End::TimedOut | End::Cut => {
            judge(status, &reading.bytes).map_err(|error| Failure { error, retry_after })
        }
    }
}
