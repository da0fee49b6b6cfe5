//! The tokens that were issued. They are opaque and numbered, so that a test's output reads the same every time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct Tokens {
    issued: u64,
    /// Until when each is good.
    good: HashMap<String, Instant>,
}

impl Tokens {
    pub(super) fn issue(&mut self, now: Instant, life: Duration) -> String {
        self.good.retain(|_, until| *until > now);
        self.issued += 1;
        let token = format!("simulated-token-{}", self.issued);
        self.good.insert(token.clone(), now + life);
        token
    }

    pub(super) fn is_good(&self, token: &str, now: Instant) -> bool {
        self.good.get(token).is_some_and(|until| *until > now)
    }

    pub(super) fn revoke(&mut self, token: &str) {
        self.good.remove(token);
    }

    pub(super) fn revoke_all(&mut self) {
        self.good.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_life_is_over_or_it_is_revoked() {
        let (start, life) = (Instant::now(), Duration::from_secs(2));
        let mut tokens = Tokens::default();
        let (first, second) = (tokens.issue(start, life), tokens.issue(start, life));
        assert_ne!(first, second);
        assert!(tokens.is_good(&first, start + life - Duration::from_nanos(1)));
        assert!(!tokens.is_good(&first, start + life));
        assert!(!tokens.is_good("made up", start));
        tokens.revoke(&first);
        assert!(!tokens.is_good(&first, start) && tokens.is_good(&second, start));
        tokens.revoke_all();
        assert!(!tokens.is_good(&second, start));
    }
}
