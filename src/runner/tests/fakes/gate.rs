use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::Tape;
use crate::chain::{ActionId, TenantName};
use crate::ports::{BoxFuture, Gate, GateClosed, Outcome, Permit, RunAge, Slot};

const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A gate that lets everybody through at once, unless its script says otherwise. Who waits with a lead gets a permit for then.
pub(crate) struct FakeGate {
    tape: Tape,
    waits: Mutex<VecDeque<(Duration, Duration)>>,
    /// How long every permit takes when the script is over.
    pub(crate) usual_wait: Mutex<Duration>,
    /// Where there is a line: how long a newcomer would wait, and how much longer for each other who comes before.
    pub(crate) lines: Mutex<BTreeMap<TenantName, (Duration, Duration)>>,
    /// What permits were asked for, each time.
    pub(crate) asked: Mutex<Vec<Option<ActionId>>>,
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
            usual_wait: Mutex::default(),
            lines: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The next permits take so long.
    pub(crate) fn hold(&self, waits: impl IntoIterator<Item = u64>) {
        let waits = waits.into_iter().map(|ms| (Duration::from_millis(ms), FOR_EVER));
        self.waits.lock().unwrap().extend(waits);
    }

    /// The next permit is there at once, and good for so long only; with nothing, it is old when it comes.
    pub(crate) fn brief(&self, fresh_ms: u64) {
        self.waits.lock().unwrap().push_back((Duration::ZERO, Duration::from_millis(fresh_ms)));
    }

    fn next(&self, waits: &mut VecDeque<(Duration, Duration)>) -> (Duration, Duration) {
        waits.pop_front().unwrap_or((*self.usual_wait.lock().unwrap(), FOR_EVER))
    }

    fn grant(&self, fresh_for: Duration, lead: Duration) -> Permit {
        let late = if fresh_for.is_zero() { Duration::from_millis(1) } else { Duration::ZERO };
        Permit::new(Instant::now() + lead - late, fresh_for, Box::new(Place(self.tape.clone())))
    }
}

impl Gate for FakeGate {
    fn permit<'a>(
        &'a self,
        _: &'a TenantName,
        action: Option<&'a ActionId>,
        _: RunAge,
        lead: Duration,
    ) -> BoxFuture<'a, Result<Permit, GateClosed>> {
        self.asked.lock().unwrap().push(action.cloned());
        Box::pin(async move {
            let (wait, fresh_for) = self.next(&mut self.waits.lock().unwrap());
            tokio::time::sleep(wait).await;
            self.tape.say("permit");
            Ok(self.grant(fresh_for, lead))
        })
    }

    fn permit_now(&self, _: &TenantName, action: Option<&ActionId>, _: RunAge) -> Option<Permit> {
        self.asked.lock().unwrap().push(action.cloned());
        let mut waits = self.waits.lock().unwrap();
        let (wait, _) = waits.front().copied().unwrap_or((*self.usual_wait.lock().unwrap(), FOR_EVER));
        wait.is_zero().then(|| {
            self.tape.say("permit");
            let (_, fresh_for) = self.next(&mut waits);
            self.grant(fresh_for, Duration::ZERO)
        })
    }

    fn line_behind(&self, tenant: &TenantName, others: usize) -> Duration {
        let (line, each) = self.lines.lock().unwrap().get(tenant).copied().unwrap_or_default();
        line + each * u32::try_from(others).unwrap()
    }
}
