//! What the world may do to a run: random chains, and random turns of events.

use proptest::prelude::*;

use super::*;

const FOREVER: u64 = 1_000_000;

/// One thing that the world does: to the exchange that is made next, or in its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// The gate holds it for so long, if at all; it is answered so after `took`; a back-off of `delay` is drawn.
    Answer { held: u64, verdict: Verdict, took: u64, delay: u64 },
    /// The worker dies there; another one comes `later`.
    Crash { there: Place, later: u64 },
    /// The permit grows old while the intent is journaled.
    Withdraw,
    /// Time goes by at the gate.
    Wait { ms: u64 },
    /// No token, ever.
    NoToken,
    /// Somebody asks for the run's end.
    Cancel,
    /// The worker stops; another one comes `later`.
    HandBack { later: u64 },
}

/// Where a worker dies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Before what is staged is journaled.
    Staged,
    /// At the gate, with nothing in flight.
    Gate,
    /// Between the intent and the exchange.
    Intent,
    /// With the exchange in flight.
    Sent,
    /// With the answer in hand, and nothing of it journaled.
    Answered(Verdict),
}

pub(super) fn chains() -> impl Strategy<Value = Chain> {
    let on_failure = prop_oneof![Just(OnFailure::Abort), Just(OnFailure::Continue), Just(OnFailure::Fallback)];
    let on_unknown = prop_oneof![Just(OnUnknown::AsFailure), Just(OnUnknown::Retry), Just(OnUnknown::Stop)];
    let fallback = prop_oneof![
        Just(None),
        Just(Some(Fallback::Output(Template::of(json!({"instead": true}))))),
        any::<bool>().prop_map(|idempotent| {
            Some(Fallback::Call(Box::new(Operation { idempotent, ..operation("instead") })))
        }),
    ];
    let one = (on_failure, on_unknown, any::<bool>(), prop::option::of(1_u8..=10), fallback);
    let call = one.prop_map(|(on_failure, on_unknown, idempotent, max_attempts, fallback)| {
        let mut step = Step { on_failure, on_unknown, fallback, ..step(0) };
        (step.call_mut().idempotent, step.call_mut().max_attempts) = (idempotent, max_attempts);
        step
    });
    // A chain takes the place of some of the calls, and of some of that chain's calls, too.
    let tree = call.prop_recursive(2, 8, 3, |inner| {
        let clock = prop::option::of((60_u64..=200).prop_map(Duration::from_secs));
        (inner.clone(), prop::collection::vec(inner, 1..=3), clock).prop_map(|(around, steps, global_timeout)| {
            let chain_id = ChainId::parse("nested").unwrap();
            let nested = Nested { chain_id, global_timeout, steps: numbered(steps) };
            Step { work: Work::Chain(nested), ..around }
        })
    });
    prop::collection::vec(tree, 1..=6).prop_map(|steps| chain(numbered(steps)))
}

fn numbered(steps: Vec<Step>) -> Vec<Step> {
    let numbered = steps.into_iter().enumerate();
    numbered.map(|(index, it)| Step { id: StepId::parse(&format!("step_{index}")).unwrap(), ..it }).collect()
}

pub(super) fn scripts() -> impl Strategy<Value = Vec<Turn>> {
    let class = prop_oneof![Just(ErrorClass::Network), Just(ErrorClass::Validation), Just(ErrorClass::Timeout)];
    let retry = prop_oneof![Just(Retryable::No), Just(Retryable::Yes), Just(Retryable::IfIdempotent)];
    let verdict = prop_oneof![
        3 => Just(Verdict::Success { class: ErrorClass::None }),
        3 => (class.clone(), retry).prop_map(|(class, retry)| Verdict::Failed { class, retry }),
        2 => class.prop_map(|class| Verdict::Unknown { class }),
        1 => Just(Verdict::Throttled),
        1 => Just(Verdict::Unauthorized),
        2 => Just(Verdict::Submitted),
    ];
    let later = || prop_oneof![4 => 0..1_000_u64, 1 => Just(FOREVER)];
    let place = prop_oneof![
        Just(Place::Staged),
        Just(Place::Gate),
        Just(Place::Intent),
        Just(Place::Sent),
        verdict.clone().prop_map(Place::Answered),
    ];
    let held = prop_oneof![Just(0_u64), 1..1_000_u64];
    let answer = (held, verdict, 0..20_000_u64, 0..5_000_u64);
    let turn = prop_oneof![
        8 => answer.prop_map(|(held, verdict, took, delay)| Turn::Answer { held, verdict, took, delay }),
        2 => (place.clone(), later()).prop_map(|(there, later)| Turn::Crash { there, later }),
        1 => Just(Turn::Withdraw),
        1 => (0..60_000_u64).prop_map(|ms| Turn::Wait { ms }),
        1 => Just(Turn::NoToken),
        1 => Just(Turn::Cancel),
        1 => later().prop_map(|later| Turn::HandBack { later }),
    ];
    let crashes = prop::collection::vec(place.prop_map(|there| Turn::Crash { there, later: 10 }), 0..8);
    (prop::collection::vec(turn, 0..25), prop::option::weighted(0.2, (crashes, 0..25_usize))).prop_map(
        |(mut script, crashes)| {
            if let Some((crashes, place)) = crashes {
                let place = place.min(script.len());
                script.splice(place..place, crashes);
            }
            script
        },
    )
}
