//! The exchanges that a chain makes when nothing goes wrong but what is meant to: how far log and calls are when a worker dies at one
//! of them, and what is left to do for whoever comes next.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::{Played, Unknown, called};
use crate::evidence::{Proven, Published};
use crate::ground::Ground;
use crate::standing::Standing;

/// A chain, by what it does.
#[derive(Debug)]
pub(crate) struct Course {
    /// The chain whose steps are of that kind; the answers to the exchanges at these places take longer than a token lives.
    pub(crate) definition: fn(Unknown, &[&str]) -> Value,
    /// In their order.
    pub(crate) exchanges: &'static [Exchange],
    /// The one that submits a job.
    pub(crate) job: &'static str,
    /// How many steps have an outcome in the end, nested ones counted.
    pub(crate) outcomes: u16,
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Its arrows are at this place: the indices of the step, and `:2` for the step's fallback, which comes by there as well.
    pub(crate) place: &'static str,
    /// How many steps have an outcome when its turn comes.
    pub(crate) after: u16,
}

/// What is lost with a worker that dies within an exchange.
pub(crate) struct Loss {
    /// Where the exchange stands in its course.
    pub(crate) exchange: usize,
    /// Whether it is made again.
    pub(crate) resent: bool,
}

impl Exchange {
    /// The step's id.
    pub(crate) fn step(&self) -> String {
        let indices = self.place.split(':').next().unwrap_or_default();
        let ids: Vec<String> = indices.split('.').map(|index| format!("step_{index}")).collect();
        ids.join(".")
    }
}

impl Course {
    /// `sent@0`, `sent@1`, …: where it comes by a place with each of its exchanges.
    pub(crate) fn each(&'static self, place: &str) -> impl Iterator<Item = String> {
        self.exchanges.iter().map(move |exchange| format!("{place}@{}", exchange.place))
    }

    /// The exchanges with which it comes by at the arrows of the one at `place`, up to that one.
    pub(crate) fn passages(&self, place: &str) -> Vec<&'static str> {
        let up_to = &self.exchanges[..=self.nth(place)];
        let last = up_to.last().map(Exchange::step);
        up_to.iter().filter(|exchange| Some(exchange.step()) == last).map(|exchange| exchange.place).collect()
    }

    /// The exchanges before those.
    pub(crate) fn before(&self, place: &str) -> Vec<&'static str> {
        let before = |place: &str| self.nth(place).checked_sub(1).map(|before| self.exchanges[before].place);
        self.passages(place).into_iter().filter_map(before).collect()
    }

    fn nth(&self, place: &str) -> usize {
        let nth = self.exchanges.iter().position(|exchange| exchange.place == place);
        nth.unwrap_or_else(|| panic!("{place} is no exchange of this chain"))
    }

    fn open(&self, nth: usize) -> Option<(String, u32)> {
        let step = self.exchanges[nth].step();
        let attempt = self.exchanges[..=nth].iter().filter(|exchange| exchange.step() == step).count();
        Some((step, u32::try_from(attempt).expect("a few")))
    }

    /// How often each step was called when so many exchanges were made.
    fn calls<'a>(&self, made: impl IntoIterator<Item = &'a Exchange>) -> BTreeMap<String, u64> {
        made.into_iter().fold(BTreeMap::new(), |mut calls, exchange| {
            *calls.entry(exchange.step()).or_default() += 1;
            calls
        })
    }

    /// The first worker died exactly where it should: log and calls are those of this arrow.
    pub(crate) fn died_there(&self, played: &Played) {
        let place = played.case.places[0].as_str();
        let (name, at) = place.split_once('@').unwrap_or((place, self.exchanges[0].place));
        let last = self.exchanges.len() - 1;
        let nth = if matches!(name, "submitted" | "polled") { self.nth(self.job) } else { self.nth(at) };
        let outcomes = self.exchanges[nth].after;
        let at = Standing { accepted: true, outcomes, ..Standing::default() };
        let over = Standing { outcomes: self.outcomes, finished: true, ..at.clone() };
        let (standing, called) = match name {
            "claimed" => (Standing::default(), 0),
            "accepted" | "token" | "permit" => (at, nth),
            "intent" => (Standing { open: self.open(nth), ..at }, nth),
            "sent" => (Standing { open: self.open(nth), ..at }, nth + 1),
            "submitted" | "polled" => (Standing { job: true, ..at }, nth + 1),
            // The end of the run goes the same way as the outcome of its last step.
            "outcome" if nth == last => (over, nth + 1),
            "outcome" => (Standing { outcomes: self.exchanges[nth + 1].after, ..at }, nth + 1),
            "finished" | "result_published" => (over, last + 1),
            "settled" | "acked" => (Standing { settled: true, ..over }, last + 1),
            other => panic!("{other} is no arrow of a run's first worker"),
        };
        let death = &played.deaths[0];
        assert_eq!(death.standing, standing, "{}", played.run);
        assert_eq!(death.calls, self.calls(&self.exchanges[..called]), "{}", played.run);
    }

    /// Whoever came after the dead did what the log that they left asks for, and no more. `ends`: a loss that is not made up for
    /// ends the run.
    pub(crate) fn went_on_well(
        &self,
        (ground, published): (&Ground, &Published),
        played: &Played,
        ends: bool,
    ) -> (Proven, Option<Loss>) {
        let Played { case, run, deaths, came_again, log } = played;
        let calls = ground.stage.simulator.calls();
        let proven = published.prove(run, log, &calls);
        // The exchange that was in flight when the first one died: at most one, since each of these runs loses one at most.
        let open = deaths[0].standing.open.clone();
        let at = |open| (0..self.exchanges.len()).find(|nth| self.open(*nth) == open).expect("one of its exchanges");
        let resent = case.unknown.is_resent();
        let loss = open.clone().map(|open| Loss { exchange: at(Some(open)), resent });
        let lost = open.map(|(step, _)| step);

        let anywhere = case.places[0].starts_with("event_published");
        let never_sent = case.places[0].starts_with("intent@");
        let now = called(&calls, run);
        let made = self.exchanges.iter().enumerate().filter(|(nth, _)| match &loss {
            Some(loss) if !loss.resent && *nth == loss.exchange => !never_sent,
            Some(loss) if !loss.resent && *nth > loss.exchange => !ends,
            _ => true,
        });
        let mut wanted = self.calls(made.map(|(_, exchange)| exchange));
        if let Some(lost) = &lost {
            let again = u64::from(resent && !never_sent);
            *wanted.entry(lost.clone()).or_default() += again;
            // What was about to be sent when an event was confirmed may have got out, or not.
            let most = wanted[lost];
            let least = if anywhere { most - 1 } else { most };
            let times = now.get(lost).copied().unwrap_or_default();
            assert!((least..=most).contains(&times), "{run}: {lost} was called {times} times");
            wanted.insert(lost.clone(), times);
        }
        wanted.retain(|_, times| *times > 0);
        assert_eq!(now, wanted, "{run}");

        let never_made = &proven.unknown_uncalled;
        assert!(never_made.iter().all(|step| lost.as_ref() == Some(step)), "{run}: {never_made:?}");
        if !anywhere {
            // With the intent durable and not a byte sent, nobody can know. There is no other arrow where that is so.
            assert_eq!(!never_made.is_empty(), never_sent, "{run}");
        }
        assert_eq!(proven.resumed, deaths.iter().filter(|death| death.standing.is_to_be_resumed()).count(), "{run}");
        assert_eq!(proven.repeated, Vec::from_iter(lost.filter(|_| resent)), "{run}");
        let by_the_dead = deaths[0].standing.settled || case.places[0] == "result_published";
        let at_least = if by_the_dead && *came_again { 2 } else { 1 };
        assert!(proven.published >= at_least, "{run}: the result comes again");
        (proven, loss)
    }
}
