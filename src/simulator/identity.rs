//! Whose call it is, as its headers say.

use hyper::HeaderMap;

use crate::chain::{RunId, StepId};

/// `X-Request-ID: {run_id}.{step_id}.{attempt}`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId {
    pub(super) run: String,
    /// `parent.child` in a nested chain.
    pub(super) step: String,
    pub(super) attempt: u32,
}

/// What a call says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) request: Option<RequestId>,
    /// `X-Request-ID` as it came.
    pub(super) request_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

impl Identity {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bounded = |name| text(name).filter(|text| !text.is_empty() && text.len() <= 512);
        let (id, key) = (bounded("x-request-id"), bounded("idempotency-key"));
        let request = id.and_then(|id| RequestId::parse(id, key));
        Self { request, request_id: id.map(str::to_owned), idempotency_key: key.map(str::to_owned) }
    }

    /// The same call, for the step that is known to be behind it.
    pub(super) fn of_step(self, owner: Option<RequestId>) -> Self {
        Self { request: owner.or(self.request), ..self }
    }
}

impl RequestId {
    /// Run ids may hold dots, and so does the step id of a nested chain; where one ends and the other begins is told by the
    /// idempotency key, which is the same text with a colon there. Without one, the step id is taken to hold no dot.
    fn parse(text: &str, idempotency_key: Option<&str>) -> Option<Self> {
        let (name, attempt) = text.rsplit_once('.')?;
        let attempt = attempt.parse().ok()?;
        let split = idempotency_key.and_then(|key| boundary(name, key)).or_else(|| name.rfind('.'))?;
        let (run, step) = (name.get(..split)?, name.get(split + 1..)?);
        let valid = RunId::parse(run).is_ok() && step.split('.').all(|part| StepId::parse(part).is_ok());
        valid.then(|| Self { run: run.to_owned(), step: step.to_owned(), attempt })
    }
}

fn boundary(name: &str, key: &str) -> Option<usize> {
    let key = if key.len() == name.len() { key } else { key.strip_suffix(":fallback")? };
    let differs: Vec<usize> = (name.len() == key.len())
        .then(|| name.bytes().zip(key.bytes()).enumerate().filter(|(_, (a, b))| a != b).map(|(i, _)| i).collect())?;
    match differs[..] {
        [split] if name.as_bytes()[split] == b'.' && key.as_bytes()[split] == b':' => Some(split),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_step_and_attempt_come_apart() {
        let table = [
            ("run-1.step_0.1", None, Some(("run-1", "step_0", 1))),
            ("a.b.c.step_0.12", None, Some(("a.b.c", "step_0", 12))),
            ("run.parent.child.2", None, Some(("run.parent", "child", 2))),
            ("run.parent.child.2", Some("run:parent.child"), Some(("run", "parent.child", 2))),
            ("run.parent.child.2", Some("run.parent:child"), Some(("run.parent", "child", 2))),
            ("a.b.fallback.1", Some("a.b:fallback"), Some(("a.b", "fallback", 1))),
            ("a:b.s.t.3", Some("a:b:s.t:fallback"), Some(("a:b", "s.t", 3))),
            ("run.s.1", Some("my-own-key"), Some(("run", "s", 1))),
            ("run.s.1", Some("rux.s"), Some(("run", "s", 1))),
            ("run.s", None, None),
            ("run.s.x", None, None),
            ("run.s-1.1", None, None),
            (".s.1", None, None),
            ("s.1", None, None),
            ("", None, None),
        ];
        for (id, key, expected) in table {
            let expected =
                expected.map(|(run, step, attempt)| RequestId { run: run.to_owned(), step: step.to_owned(), attempt });
            assert_eq!(RequestId::parse(id, key), expected, "{id} {key:?}");
        }
    }
}
