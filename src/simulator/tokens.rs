//! The tokens that were issued. They are opaque and numbered, so that a test's output reads the same every time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(super) struct Tokens {
    issued: u64,
    good: HashMap<String, Good>,
}

struct Good {
    until: Instant,
    /// The scopes it was asked for, with blanks between; `None`: all, which is what this endpoint gives to whoever names none (RFC 6749,
    /// section 3.3).
    scope: Option<String>,
}

impl Tokens {
    pub(super) fn issue(&mut self, now: Instant, life: Duration, scope: Option<String>) -> String {
        self.good.retain(|_, good| good.until > now);
        self.issued += 1;
        let token = format!("simulated-token-{}", self.issued);
        self.good.insert(token.clone(), Good { until: now + life, scope });
        token
    }

    pub(super) fn is_good(&self, token: &str, now: Instant) -> bool {
        self.good.get(token).is_some_and(|good| good.until > now)
    }

    /// Whether a token that is good is good for this, too.
    pub(super) fn allows(&self, token: &str, wanted: &str) -> bool {
        let scope = self.good.get(token).and_then(|good| good.scope.as_deref());
        scope.is_none_or(|scope| scope.split(' ').any(|scope| scope == wanted))
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
        let (first, second) = (tokens.issue(start, life, None), tokens.issue(start, life, None));
        assert_ne!(first, second);
        assert!(tokens.is_good(&first, start + life - Duration::from_nanos(1)));
        assert!(!tokens.is_good(&first, start + life));
        assert!(!tokens.is_good("made up", start));
        tokens.revoke(&first);
        assert!(!tokens.is_good(&first, start) && tokens.is_good(&second, start));
        tokens.revoke_all();
        assert!(!tokens.is_good(&second, start));
    }

    #[test]
    fn a_token_is_good_for_the_scopes_it_was_asked_for_and_without_any_for_all() {
        let (start, life) = (Instant::now(), Duration::from_secs(2));
        let mut tokens = Tokens::default();
        let all = tokens.issue(start, life, None);
        let some = tokens.issue(start, life, Some("jobs:read a:b".into()));
        for (token, scope, allowed) in [
            (&all, "x", true),
            (&some, "jobs:read", true),
            (&some, "a:b", true),
            (&some, "jobs", false),
            (&some, "", false),
        ] {
            assert_eq!(tokens.allows(token, scope), allowed, "{token} {scope}");
        }
    }
}
