//! What `cxchain journal adopt` needs of the broker: a queue's lock, and its claim to read and to write.

use super::claim::{self, Claim, Found, claim_queue};
use super::client::{Client, ClientError, answered, is_not_found, refused};
use super::lock;
use super::rights::Doing;
use crate::chain::stamp::Millis;
use crate::ports::{Clock, SystemClock};

impl Client {
    /// Takes the lock of a work queue, so that no worker works on it for as long as this connection stands. False: one does.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lock(&self, queue: &str) -> Result<bool, ClientError> {
        answered(async {
            match lock::take(&self.connection, queue).await {
                Ok(()) => Ok(true),
                Err(error) if lock::is_held(&error) => Ok(false),
                Err(error) => Err(refused(error, Doing::Locking)),
            }
        })
        .await
    }

    /// The claim on a work queue whose lock was taken.
    ///
    /// # Errors
    /// [`ClientError::NoQueue`] when there is no queue for it.
    pub async fn claim(&self, queue: &str) -> Result<Found, ClientError> {
        answered(async { claim::read(&self.connection, queue).await.map_err(|error| of_claim(error, queue)) }).await
    }

    /// Makes the journal the one that knows all of a work queue whose lock was taken.
    ///
    /// # Errors
    /// [`ClientError::NoQueue`] when there is no queue for the claim.
    pub async fn adopt(&self, queue: &str, journal: &str, worker: &str) -> Result<(), ClientError> {
        let claim = Claim::new(journal, false, worker, Millis::of(SystemClock.now()));
        answered(async { claim::write(&self.connection, queue, &claim).await.map_err(|error| of_claim(error, queue)) })
            .await
    }
}

fn of_claim(error: lapin::Error, queue: &str) -> ClientError {
    if is_not_found(&error) { ClientError::NoQueue(claim_queue(queue)) } else { refused(error, Doing::Claiming) }
}
