//! Waiting for what happens outside of the test.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within the time, saying `what` was waited for.
pub async fn eventually<T>(what: &str, within: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
