//! The jobs that were submitted, for whoever polls them. Bounded: of a long run the oldest are forgotten, over or not.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::job::{Job, JobState, Order};
use super::job_fault::{JobFault, JobId};
use super::settings::SimulatorSettings;
use crate::chain::ActionId;

/// The most jobs that are remembered, and the most bytes of their input; the newest is remembered in any case.
const MOST: usize = 100_000;
const MOST_BYTES: usize = 256 << 20;
/// How long a job is remembered after its end.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A job is known by its action and its id.
type Key = (ActionId, String);

#[derive(Default)]
pub(super) struct Jobs {
    submitted: u64,
    known: HashMap<Key, Known>,
    /// In the order of their submission; names jobs that another of the same key has replaced, too.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    /// When those end that are under way and will; and how many will not.
    ends: BinaryHeap<Reverse<Instant>>,
    endless: u64,
}

/// What the answer to a submission says, and what is counted of it.
pub(super) struct Begun {
    /// `None`: the answer names none.
    pub(super) id: Option<Value>,
    pub(super) status: String,
    /// How many jobs are under way now. One that never ends is for good.
    pub(super) under_way: u64,
}

struct Known {
    number: u64,
    begun: Instant,
    job: Job,
}

impl Jobs {
    /// A job begins.
    pub(super) fn begin(
        &mut self,
        order: Order,
        fault: &JobFault,
        settings: &SimulatorSettings,
        now: Instant,
    ) -> Begun {
        self.submitted += 1;
        let id = match &fault.id {
            JobId::Own => Some(Value::from(format!("simulated-job-{}", self.submitted))),
            JobId::Missing => None,
            JobId::Text(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| text.as_ref().into())),
        };
        let job = Job::new(order, id.clone().unwrap_or_default(), fault, settings);
        let status = job.name(JobState::Queued);
        let under_way = self.under_way(&job, now);
        if id.is_some() {
            self.remember(job, now);
        }
        Begun { id, status, under_way }
    }

    /// How many are under way with this one.
    fn under_way(&mut self, job: &Job, now: Instant) -> u64 {
        while self.ends.peek().is_some_and(|Reverse(end)| *end <= now) {
            self.ends.pop();
        }
        match job.over_after().and_then(|after| now.checked_add(after)) {
            Some(end) => self.ends.push(Reverse(end)),
            None => self.endless += 1,
        }
        self.ends.len() as u64 + self.endless
    }

    fn remember(&mut self, job: Job, now: Instant) {
        self.bytes += job.order.input.len();
        let (key, number) = ((job.order.action.clone(), text(&job.id)), self.submitted);
        self.order.push_back((key.clone(), number));
        if let Some(replaced) = self.known.insert(key, Known { number, begun: now, job }) {
            self.bytes -= replaced.job.order.input.len();
        }
        while self.order.len() > MOST || self.bytes > MOST_BYTES || self.is_stale(now) {
            self.forget_the_oldest();
        }
    }

    /// A job and how long ago it was submitted.
    pub(super) fn find(&self, action: &ActionId, id: &str, now: Instant) -> Option<(&Job, Duration)> {
        let known = self.known.get(&(action.clone(), id.to_owned()))?;
        Some((&known.job, now.duration_since(known.begun)))
    }

    /// The oldest was over long ago.
    fn is_stale(&self, now: Instant) -> bool {
        let Some(oldest) = self.order.front().and_then(|(key, _)| self.known.get(key)) else { return false };
        let age = now.duration_since(oldest.begun);
        oldest.job.over_after().is_some_and(|over| age >= over.saturating_add(REMEMBERED))
    }

    fn forget_the_oldest(&mut self) {
        let Some((key, number)) = self.order.pop_front() else { return };
        if self.known.get(&key).is_some_and(|known| known.number == number)
            && let Some(forgotten) = self.known.remove(&key)
        {
            self.bytes -= forgotten.job.order.input.len();
        }
    }
}

/// An id as it is written in a path, before it is encoded.
pub(super) fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Fault;

    fn action() -> ActionId {
        ActionId::parse("da-x").unwrap()
    }

    fn begin(jobs: &mut Jobs, fault: &str, bytes: usize, now: Instant) -> Begun {
        let input = " ".repeat(bytes);
        let order = Order { owner: None, action: action(), input, execution_timeout: None };
        let fault = fault.parse::<Fault>().unwrap().job;
        jobs.begin(order, &fault, &SimulatorSettings::default(), now)
    }

    fn is_known(jobs: &Jobs, id: &str, now: Instant) -> bool {
        jobs.find(&action(), id, now).is_some()
    }

    #[test]
    fn a_job_is_called_what_its_fault_says() {
        let (mut jobs, now) = (Jobs::default(), Instant::now());
        let table = [
            ("slow:0s", Some("\"simulated-job-1\""), "simulated-job-1"),
            ("job-id:../x", Some("\"../x\""), "../x"),
            ("job-id:17", Some("17"), "17"),
            ("job-id:\"17\"", Some("\"17\""), "17"),
            ("job-id:null", Some("null"), "null"),
            ("job-id:", Some("\"\""), ""),
            ("no-job-id", None, "simulated-job-7"),
        ];
        for (fault, said, id) in table {
            let begun = begin(&mut jobs, fault, 2, now);
            assert_eq!(begun.id.map(|id| id.to_string()).as_deref(), said, "{fault}");
            assert_eq!(is_known(&jobs, id, now), said.is_some(), "{fault}");
        }
        assert!(jobs.find(&ActionId::parse("da-y").unwrap(), "../x", now).is_none(), "it is another action's");
    }

    #[test]
    fn jobs_are_under_way_until_they_are_over() {
        let (mut jobs, start) = (Jobs::default(), Instant::now());
        let mut at = |ms, fault| begin(&mut jobs, fault, 2, start + Duration::from_millis(ms)).under_way;
        assert_eq!([at(0, "slow:0s"), at(0, "job-runs"), at(299, "slow:0s"), at(300, "no-job-id")], [1, 2, 3, 3]);
        assert_eq!(at(86_400_000, "slow:0s"), 2);
    }

    #[test]
    fn of_a_long_run_the_oldest_jobs_are_forgotten() {
        let (mut jobs, start) = (Jobs::default(), Instant::now());
        let over = Duration::from_millis(300);
        begin(&mut jobs, "slow:0s", 2, start);
        let later = start + over + REMEMBERED;
        begin(&mut jobs, "slow:0s", 2, later - Duration::from_nanos(1));
        assert!(is_known(&jobs, "simulated-job-1", later));
        begin(&mut jobs, "slow:0s", 2, later);
        assert!(!is_known(&jobs, "simulated-job-1", later), "it was over an hour ago");
        assert!(is_known(&jobs, "simulated-job-2", later));
        for _ in 0..MOST {
            begin(&mut jobs, "job-runs", 2, later);
        }
        assert!(!is_known(&jobs, "simulated-job-3", later) && is_known(&jobs, "simulated-job-4", later));
        assert_eq!((jobs.order.len(), jobs.known.len(), jobs.bytes), (MOST, MOST, 2 * MOST));
        begin(&mut jobs, "job-runs", MOST_BYTES - 2, later);
        assert_eq!((jobs.order.len(), jobs.known.len(), jobs.bytes), (2, 2, MOST_BYTES));
    }

    #[test]
    fn of_two_jobs_of_one_name_the_later_one_is_known_and_lives_as_long_as_it_should() {
        let (mut jobs, start) = (Jobs::default(), Instant::now());
        begin(&mut jobs, "job-id:a,job-runs", 10, start);
        begin(&mut jobs, "job-id:a,job-stuck", 20, start);
        let (job, age) = jobs.find(&action(), "a", start).unwrap();
        assert_eq!((job.state(age), jobs.bytes), (JobState::Queued, 20));
        jobs.forget_the_oldest();
        assert!(is_known(&jobs, "a", start));
        jobs.forget_the_oldest();
        assert_eq!((is_known(&jobs, "a", start), jobs.bytes), (false, 0));
    }
}
