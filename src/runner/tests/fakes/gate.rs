use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::Tape;
use crate::chain::TenantName;
use crate::ports::{BoxFuture, Gate, GateClosed, Outcome, Permit, RunAge, Slot};

const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A gate that lets everybody through at once, unless its script says otherwise.
pub(crate) struct FakeGate {
    tape: Tape,
    waits: Mutex<VecDeque<(Duration, Duration)>>,
    at_once: Mutex<u32>,
    /// How long every permit takes when the script is over.
    pub(crate) usual_wait: Mutex<Duration>,
    /// Where there is a line: how long a newcomer would wait, and how much longer for each other who comes before.
    pub(crate) lines: Mutex<BTreeMap<TenantName, (Duration, Duration)>>,
}

struct Place(Tape);

impl Slot for Place {
    fn finish(self: Box<Self>, outcome: Outcome) {
        self.0.say(format!("gate {outcome:?}"));
    }
}

impl FakeGate {
    pub(crate) fn new(tape: Tape) -> Self {
        Self {
            tape,
            waits: Mutex::default(),
            at_once: Mutex::default(),
            usual_wait: Mutex::default(),
            lines: Mutex::default(),
        }
    }

    /// The next permits take so long.
    pub(crate) fn hold(&self, waits: impl IntoIterator<Item = u64>) {
        let waits = waits.into_iter().map(|ms| (Duration::from_millis(ms), FOR_EVER));
        self.waits.lock().unwrap().extend(waits);
    }

    /// The next permit is good for so long only.
    pub(crate) fn brief(&self, fresh_ms: u64) {
        self.waits.lock().unwrap().push_back((Duration::ZERO, Duration::from_millis(fresh_ms)));
    }

    /// So many times a permit can be had without waiting in line.
    pub(crate) fn at_once(&self, times: u32) {
        *self.at_once.lock().unwrap() = times;
    }

    fn grant(&self, fresh_for: Duration) -> Permit {
        Permit::new(Instant::now(), fresh_for, Box::new(Place(self.tape.clone())))
    }
}

impl Gate for FakeGate {
    fn permit<'a>(&'a self, _: &'a TenantName, _: RunAge) -> BoxFuture<'a, Result<Permit, GateClosed>> {
        Box::pin(async {
            let next = self.waits.lock().unwrap().pop_front();
            let (wait, fresh_for) = next.unwrap_or((*self.usual_wait.lock().unwrap(), FOR_EVER));
            tokio::time::sleep(wait).await;
            self.tape.say("permit");
            Ok(self.grant(fresh_for))
        })
    }

    fn permit_now(&self, _: &TenantName, _: RunAge) -> Option<Permit> {
        let mut left = self.at_once.lock().unwrap();
        *left = left.checked_sub(1)?;
        self.tape.say("permit at once");
        Some(self.grant(FOR_EVER))
    }

    fn line_behind(&self, tenant: &TenantName, others: usize) -> Duration {
        let (line, each) = self.lines.lock().unwrap().get(tenant).copied().unwrap_or_default();
        line + each * u32::try_from(others).unwrap()
    }
}
