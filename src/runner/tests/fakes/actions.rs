use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Tape;
use crate::chain::{ActionId, ErrorClass, JobEnd, JobId, JobProgress, Mode, Retryable, TenantName, Verdict};
use crate::ports::{
    Actions, Answer, BoxFuture, Call, Credential, CredentialError, Finished, Poll, Polled, Prepared, Seen, SubmittedJob,
};

/// A platform that answers as scripted; with success at once when the script is over.
pub(crate) struct FakeActions {
    tape: Tape,
    replies: Mutex<VecDeque<Reply>>,
    tokens: Mutex<VecDeque<Token>>,
    polls: Mutex<VecDeque<(Duration, Polled)>>,
    generation: AtomicU64,
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) asked: Mutex<Vec<Poll>>,
}

#[derive(Clone)]
pub(crate) struct Reply {
    after: Duration,
    answer: Option<Answer>,
}

#[derive(Clone)]
pub(crate) enum Token {
    Good { after: Duration, life: Duration },
    Bad { after: Duration, class: ErrorClass, retryable: bool },
}

fn reply(ms: u64, status: Option<u16>, verdict: Verdict, data: Option<Value>) -> Reply {
    let body = data.as_ref().map(|data| Bytes::from(data.to_string()));
    let answer = Answer { verdict, http_status: status, data, message: None, body, retry_after: None, job: None };
    Reply { after: Duration::from_millis(ms), answer: Some(answer) }
}

pub(crate) fn good(ms: u64) -> Reply {
    good_with(ms, json!({"ok": true}))
}

pub(crate) fn good_with(ms: u64, data: Value) -> Reply {
    reply(ms, Some(200), Verdict::Success { class: ErrorClass::None }, Some(data))
}

pub(crate) fn failed(ms: u64, status: u16, class: ErrorClass, retry: Retryable) -> Reply {
    reply(ms, Some(status), Verdict::Failed { class, retry }, Some(json!({"error": "secret-words"})))
}

/// The connection broke.
pub(crate) fn lost(ms: u64) -> Reply {
    reply(ms, None, Verdict::Unknown { class: ErrorClass::Network }, None)
}

/// No answer: the deadline of the call ends it.
pub(crate) fn never() -> Reply {
    lost(1_000_000_000)
}

pub(crate) fn refused_by_429(ms: u64, retry_after: Option<u64>) -> Reply {
    let retry_after = retry_after.map(Duration::from_secs);
    reply(ms, Some(429), Verdict::Throttled, None).with(|answer| answer.retry_after = retry_after)
}

pub(crate) fn unauthorized(ms: u64) -> Reply {
    reply(ms, Some(401), Verdict::Unauthorized, None)
}

/// The platform has the job `j`.
pub(crate) fn submitted(ms: u64) -> Reply {
    submitted_as(ms, JobProgress::Queued)
}

/// As [`submitted`], with a word on how far it is.
pub(crate) fn submitted_as(ms: u64, progress: JobProgress) -> Reply {
    let id = JobId::parse("j").unwrap();
    reply(ms, Some(202), Verdict::Submitted, None).with(|answer| answer.job = Some(SubmittedJob { id, progress }))
}

/// What the question after a job comes to, and after how long.
pub(crate) fn polled(ms: u64, http_status: Option<u16>, seen: Seen) -> (Duration, Polled) {
    (Duration::from_millis(ms), Polled { seen, http_status })
}

pub(crate) fn pending(ms: u64, progress: JobProgress) -> (Duration, Polled) {
    polled(ms, Some(200), Seen::Pending(progress))
}

pub(crate) fn over(ms: u64, end: JobEnd) -> (Duration, Polled) {
    let done = matches!(end, JobEnd::Completed);
    let finished = Finished {
        end,
        data: done.then(|| json!({"out": 1})),
        message: (!done).then(|| "secret-words".into()),
        body: Some("body".into()),
    };
    polled(ms, Some(200), Seen::Over(Box::new(finished)))
}

pub(crate) fn panicking() -> Reply {
    Reply { after: Duration::ZERO, answer: None }
}

impl Reply {
    pub(crate) fn with(mut self, edit: impl FnOnce(&mut Answer)) -> Self {
        if let Some(answer) = &mut self.answer {
            edit(answer);
        }
        self
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.answer.as_ref().unwrap().verdict
    }
}

impl FakeActions {
    pub(crate) fn new(tape: Tape) -> Self {
        let generation = AtomicU64::new(1);
        Self {
            tape,
            replies: Mutex::default(),
            tokens: Mutex::default(),
            polls: Mutex::default(),
            generation,
            calls: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// How jobs are found; running when the script is over.
    pub(crate) fn poll(&self, polls: impl IntoIterator<Item = (Duration, Polled)>) {
        self.polls.lock().unwrap().extend(polls);
    }

    pub(crate) fn grant(&self, tokens: impl IntoIterator<Item = Token>) {
        self.tokens.lock().unwrap().extend(tokens);
    }
}

/// Tells the tape when an exchange is dropped in the middle.
struct InFlight<'a> {
    tape: &'a Tape,
    what: String,
    over: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.tape.say(format!("CUT {}", self.what));
        }
    }
}

impl Actions for FakeActions {
    fn credential<'a>(&'a self, _: &'a TenantName) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(async {
            let next = self.tokens.lock().unwrap().pop_front();
            let (after, token) = match next {
                Some(Token::Good { after, life }) => (after, Ok(life)),
                Some(Token::Bad { after, class, retryable }) => (after, Err((class, retryable))),
                None => (Duration::ZERO, Ok(Duration::from_secs(3600))),
            };
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            let generation = self.generation.load(Ordering::Relaxed);
            match token {
                Ok(life) => {
                    self.tape.say(format!("token {generation}"));
                    Ok(Credential { header: "Bearer x".into(), generation, stale_at: Instant::now() + life })
                }
                Err((class, retryable)) => {
                    self.tape.say(format!("no token: {}", class.as_str()));
                    Err(CredentialError { class, retryable, message: "no token for you".into() })
                }
            }
        })
    }

    fn send<'a>(&'a self, call: &'a Call, credential: &'a Credential) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let what = format!("{} #{}", call.step_id, call.attempt);
            self.tape.say(format!("send {what} with token {}", credential.generation));
            self.calls.lock().unwrap().push(call.clone());
            let mut in_flight = InFlight { tape: &self.tape, what: what.clone(), over: false };
            let next = self.replies.lock().unwrap().pop_front().unwrap_or_else(|| good(0));
            let mut answer = next.answer.expect("the platform's adapter panics");
            if Instant::now() + next.after > call.deadline {
                tokio::time::sleep_until(call.deadline).await;
                let verdict = Verdict::Unknown { class: ErrorClass::Timeout };
                answer = lost(0).with(|answer| answer.verdict = verdict).answer.unwrap_or(answer);
            } else {
                tokio::time::sleep(next.after).await;
            }
            in_flight.over = true;
            self.tape.say(format!("answer {what}"));
            answer
        })
    }

    fn prepare(
        &self,
        _: &TenantName,
        _: &ActionId,
        mode: &Mode,
        payload: &Map<String, Value>,
    ) -> Result<Prepared, String> {
        let body = match mode {
            Mode::Sync => serde_json::to_vec(payload).unwrap().into(),
            Mode::Job(_) => json!({"job": payload}).to_string().into(),
        };
        Ok(Prepared { body, ..Prepared::default() })
    }

    fn poll<'a>(&'a self, poll: &'a Poll, credential: &'a Credential) -> BoxFuture<'a, Polled> {
        Box::pin(async move {
            let what = format!("poll {} {}", poll.step_id, poll.job);
            self.asked.lock().unwrap().push(poll.clone());
            self.tape.say(format!("{what} with token {}", credential.generation));
            let mut in_flight = InFlight { tape: &self.tape, what, over: false };
            let next = self.polls.lock().unwrap().pop_front();
            let (after, mut answer) = next.unwrap_or_else(|| pending(0, JobProgress::Running));
            if Instant::now() + after > poll.deadline {
                tokio::time::sleep_until(poll.deadline).await;
                answer = Polled { seen: Seen::Trouble, http_status: None };
            } else {
                tokio::time::sleep(after).await;
            }
            in_flight.over = true;
            answer
        })
    }

    fn refused(&self, _: &TenantName, credential: &Credential) {
        self.tape.say(format!("refused token {}", credential.generation));
        self.generation.store(credential.generation + 1, Ordering::Relaxed);
    }
}
