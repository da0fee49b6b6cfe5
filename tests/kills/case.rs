//! One run, and the places where its workers die one after the other, until one is left alone.

use std::collections::BTreeMap;

use cxchain::chain::log::Record;
use cxchain::simulator::{Calls, StepCalls};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use crate::course::Course;
use crate::evidence::Published;
use crate::ground::{Ground, sound};
use crate::standing::Standing;
use crate::support::load::{LONG, logs_again};

/// So many cases go on at once: most of what a case does is wait.
const AT_ONCE: usize = 16;

/// What the author of a chain says of a step whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Continue,
    Abort,
    Stop,
    Retry,
    Idempotent,
}

impl Unknown {
    pub(crate) const ALL: [Self; 5] = [Self::Continue, Self::Abort, Self::Stop, Self::Retry, Self::Idempotent];

    /// Whether it is sent again.
    pub(crate) fn is_resent(self) -> bool {
        matches!(self, Self::Retry | Self::Idempotent)
    }

    /// Whether it ends the run.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::Abort | Self::Stop)
    }

    /// A step with what its author says of it; what is said already stays.
    pub(crate) fn of(self, mut step: Value) -> Value {
        let (failure, unknown, idempotent) = match self {
            Self::Continue => ("continue", "as_failure", false),
            Self::Abort => ("abort", "as_failure", false),
            Self::Stop => ("continue", "stop", false),
            Self::Retry => ("abort", "retry", false),
            Self::Idempotent => ("abort", "as_failure", true),
        };
        let mut said = json!({"on_failure": failure, "on_unknown": unknown, "idempotent": idempotent});
        let said = said.as_object_mut().expect("an object");
        if step.get("chain").is_some() {
            // A chain is not idempotent: its steps are, or not.
            said.remove("idempotent");
        }
        for (name, value) in said {
            if step.get(name.as_str()).is_none() {
                step[name.as_str()] = value.clone();
            }
        }
        step
    }
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Where its workers die, one after the other.
    pub(crate) places: Vec<String>,
    pub(crate) unknown: Unknown,
    course: &'static Course,
    /// The exchanges whose answers take longer than a token lives.
    slow: Vec<&'static str>,
    pub(crate) catalogue: Option<Catalogue>,
}

/// The tenant's actions, in TOML: those that a run is begun under, and those of whoever goes on with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalogue {
    pub(crate) first: &'static str,
    pub(crate) then: &'static str,
    /// What is said of those.
    pub(crate) name: &'static str,
}

/// What a worker that died left behind.
#[derive(Debug)]
pub(crate) struct Death {
    pub(crate) standing: Standing,
    /// The calls that each step had got by then.
    pub(crate) calls: BTreeMap<String, u64>,
}

/// A case that is over.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) case: Case,
    pub(crate) run: String,
    pub(crate) deaths: Vec<Death>,
    /// Whether its message came again after the last death.
    pub(crate) came_again: bool,
    pub(crate) log: Vec<Record>,
}

impl Case {
    pub(crate) fn new<P: ToString>(
        course: &'static Course,
        places: impl IntoIterator<Item = P>,
        unknown: Unknown,
    ) -> Self {
        let places = places.into_iter().map(|place| place.to_string()).collect();
        Self { places, unknown, course, slow: Vec::new(), catalogue: None }
    }

    /// The same, but the answers to the exchanges at `slow` take longer than a token lives: what is recorded of them shares no append
    /// with what comes after.
    pub(crate) fn with_slow(self, slow: Vec<&'static str>) -> Self {
        Self { slow, ..self }
    }

    /// The same, but the tenant's actions change with the first death.
    pub(crate) fn with_catalogue(self, catalogue: Catalogue) -> Self {
        Self { catalogue: Some(catalogue), ..self }
    }

    /// A name that tells the case.
    fn run(&self) -> String {
        let slow = if self.slow.is_empty() { "" } else { ".slow" };
        let catalogue = self.catalogue.map_or_else(String::new, |catalogue| format!(".{}", catalogue.name));
        format!("{}.{:?}{slow}{catalogue}", self.places.join(".").replace('@', "-"), self.unknown)
    }

    fn definition(&self) -> Value {
        (self.course.definition)(self.unknown, &self.slow)
    }

    async fn play(self, ground: &Ground) -> Played {
        let (run, mut place) = (self.run(), ground.place());
        place.actions = self.catalogue.map(|catalogue| catalogue.first);
        let (mut deaths, mut messages) = (Vec::new(), 1);
        for at in &self.places {
            let mut worker = place.doomed(at);
            if deaths.is_empty() {
                worker.consuming(1, LONG).await;
                place.submit(self.definition().to_string().as_bytes(), Some(&run)).await;
            }
            assert_eq!(worker.ended(LONG).await, 137, "{run}: it did not come by {at}:\n{}", worker.log());
            sound(&worker);
            place.actions = self.catalogue.map(|catalogue| catalogue.then);
            let standing = Standing::of(&place.log(&run));
            deaths.push(Death { standing, calls: called(&ground.stage.simulator.calls(), &run) });
            messages = place.abandoned().await;
        }
        let worker = place.worker().await;
        if messages > 0 {
            logs_again(&worker, "run finished", 0, LONG).await;
        }
        place.stops(worker).await;
        assert_eq!(place.abandoned().await, 0, "{run}: its message is left over");
        let log = place.log(&run);
        Played { run, deaths, came_again: messages > 0, log, case: self }
    }
}

/// Plays all of them, several at once, and gathers what was published.
pub(crate) async fn play(ground: &Ground, cases: Vec<Case>) -> (Vec<Played>, Published) {
    let count = cases.len();
    let played: Vec<Played> =
        stream::iter(cases).map(|case| case.play(ground)).buffer_unordered(AT_ONCE).collect().await;
    let (results, events) = ground.caught().await;
    let published = Published::new(results, events);
    assert_eq!(published.runs().count(), count, "one result for each run, and none of anybody else");
    assert_eq!(ground.stage.dead_depth(&ground.channel).await, 0, "messages are dead");
    (played, published)
}

/// How often each step was called, by its id; only those that were.
pub(crate) fn called(calls: &Calls, run: &str) -> BTreeMap<String, u64> {
    let steps = calls.runs.get(run).into_iter().flatten();
    // One that is refused for a token that grew old on the way (401) has not called anything, and is made again.
    let made = |seen: &StepCalls| seen.calls - seen.statuses.get(&401).copied().unwrap_or(0);
    steps.map(|(step, seen)| (step.clone(), made(seen))).filter(|(_, times)| *times > 0).collect()
}
