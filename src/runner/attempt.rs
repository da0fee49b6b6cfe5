//! One exchange of a step: back-off → token → permit → intent → exchange → what came of it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Span, debug, error_span};

use super::Runner;
use super::begin::ActiveStep;
use super::drive::{Halt, Live};
use super::lead::Lead;
use super::recorder::{Entry, RENEW_EVERY};
use crate::chain::log::Private;
use crate::chain::run::{Command, OpenStep, decide};
use crate::chain::{ActionId, ErrorClass, Mode, Operation, StepPath, Verdict};
use crate::failpoint;
use crate::ports::{Answer, Call, Credential, JournalError, Permit};

/// A token endpoint in trouble is not asked again sooner.
const SHORTEST_TOKEN_DELAY: Duration = Duration::from_millis(250);

/// How a wait ended.
pub(super) enum Waited<T> {
    Done(T),
    /// The time given was over first.
    Over,
    /// The worker stops.
    Interrupted,
}

impl Runner {
    /// Makes one exchange for the step and records what came of it. Returns early, with nothing in flight, when the run
    /// clock is over or the worker stops: the core is asked again.
    pub(super) async fn try_step(&self, live: &mut Live, path: StepPath) -> Result<(), Halt> {
        if !self.begin(live, &path)? {
            return Ok(());
        }
        let Some(credential) = self.credential(live).await? else { return Ok(()) };
        let Some((permit, attempt)) = self.permit_and_intent(live, &credential).await? else { return Ok(()) };
        let (call, answer) = self.exchange(live, &credential, attempt).await?;
        self.record(live, &call, answer, permit).await
    }

    /// A token, after the back-off that is due. `None`: the step is over, or the core is to be asked again.
    async fn credential(&self, live: &mut Live) -> Result<Option<Credential>, Halt> {
        let deadline = live.deadline().min(active(live).clock.deadline());
        if let Some(at) = active(live).resume_at.take() {
            match live.wait(tokio::time::sleep_until(at), deadline, true).await? {
                Waited::Done(()) => {}
                Waited::Over => {}
                Waited::Interrupted => {
                    active(live).resume_at = Some(at);
                    return Ok(None);
                }
            }
        }
        let backoff = self.backoff(&live.chain.tenant);
        let mut failures = 0;
        let mut class = ErrorClass::Timeout;
        loop {
            let until = deadline.min(self.last_start(live));
            let tenant = live.chain.tenant.clone();
            let error = match live.wait(self.ports.actions.credential(&tenant), until, true).await? {
                Waited::Done(Ok(credential)) => {
                    live.comes_by("token");
                    return Ok(Some(credential));
                }
                Waited::Done(Err(error)) => error,
                Waited::Interrupted => return Ok(None),
                Waited::Over if until < deadline => return Ok(None),
                Waited::Over => return self.end_unsent(live, class, "no token in time"),
            };
            failures += 1;
            class = error.class;
            let delay = self.ports.dice.up_to(backoff.most(failures)).max(SHORTEST_TOKEN_DELAY);
            if !error.retryable || Instant::now() + delay >= deadline {
                return self.end_unsent(live, class, &error.message);
            }
            debug!(class = class.as_str(), "no token yet");
            match live.wait(tokio::time::sleep(delay), until, true).await? {
                Waited::Done(()) => {}
                Waited::Over | Waited::Interrupted => return Ok(None),
            }
        }
    }

    /// A fresh permit with its intent journaled. `None`: the core is to be asked again.
    async fn permit_and_intent(&self, live: &mut Live, credential: &Credential) -> Result<Option<(Permit, u32)>, Halt> {
        // Before there is a permit: that grows old while a large body is hashed.
        let payload_hash = self.settings.hasher.hash(&active(live).request.body);
        loop {
            let Some(permit) = self.permit(live, Some(&self.lead)).await? else { return Ok(None) };
            live.comes_by("permit");
            // Whoever waited long at the gate may have a token that did not, and may not be wanted any more: ask again, without
            // the permit.
            if Instant::now() >= credential.stale_at || !self.is_still_due(live) {
                return Ok(None);
            }
            if Instant::now() >= active(live).clock.deadline() {
                let last = live.recorder.state().open().and_then(|open| open.last_class);
                let class = last.unwrap_or(ErrorClass::Timeout);
                return self.end_unsent(live, class, "the step's time was over before it could be sent");
            }
            if !permit.is_fresh() {
                continue;
            }
            let step = active(live).path.clone();
            let attempt = live.recorder.state().open().map_or(0, |open| open.attempts) + 1;
            let at = live.recorder.now();
            let intent = Private::Intent { step: step.clone(), attempt, at, payload_hash: payload_hash.clone() };
            let asked = Instant::now();
            live.append(vec![Entry::Private(intent)]).await?;
            self.lead.took(asked.elapsed());
            live.until_due(&permit).await;
            if !live.recorder.lease().holds() {
                return Err(JournalError::Fenced.into());
            }
            // A journal that took long may have used the run's time up.
            let in_time = Instant::now() < live.deadline().min(active(live).clock.deadline());
            if in_time && let Some(permit) = self.fresh(live, permit) {
                return Ok(Some((permit, attempt)));
            }
            live.recorder.stage(vec![Entry::Private(Private::Withdrawn { step, attempt })])?;
        }
    }

    /// Whether a step is what comes next, now that time has passed.
    fn is_still_due(&self, live: &Live) -> bool {
        matches!(decide(&live.chain, live.recorder.state(), self.inputs(live)), Command::Try { .. })
    }

    /// The permit, or in the place of one that grew old while the intent was journaled another one, if it is to be had at
    /// once: a slow journal must not make every permit one that came too late.
    fn fresh(&self, live: &Live, permit: Permit) -> Option<Permit> {
        if permit.is_fresh() {
            return Some(permit);
        }
        drop(permit);
        let action = live.action_at_work();
        self.ports.gate.permit_now(&live.chain.tenant, action.as_ref(), live.age).filter(Permit::is_fresh)
    }

    /// A permit; without a wait if that can be. What is staged is journaled before the run stands in the line: a permit that came
    /// in the meantime would be stale. Where quota is short enough to be waited for, none is to be lost: `lead` knows what
    /// comes between permit and request, if anything does.
    pub(super) async fn permit(&self, live: &mut Live, lead: Option<&Lead>) -> Result<Option<Permit>, Halt> {
        let (tenant, age, until) = (live.chain.tenant.clone(), live.age, live.deadline().min(self.last_start(live)));
        // A poll is not what an action's limits are about.
        let action = lead.and_then(|_| live.action_at_work());
        if let Some(permit) = self.ports.gate.permit_now(&tenant, action.as_ref(), age) {
            return Ok(Some(permit));
        }
        live.commit().await?;
        let lead = lead.map_or(Duration::ZERO, Lead::expected);
        active(live).clock.enter_gate();
        let waited = live.wait(self.ports.gate.permit(&tenant, action.as_ref(), age, lead), until, true).await;
        active(live).clock.go_on();
        match waited? {
            Waited::Done(Ok(permit)) => Ok(Some(permit)),
            Waited::Done(Err(_)) => Err(Halt::Stopped),
            Waited::Over | Waited::Interrupted => Ok(None),
        }
    }

    /// Until when a run that has made no exchange may make its first. Read off the time of day anew each time: whoever is too
    /// late asks the core, and the core finds the run expired.
    fn last_start(&self, live: &Live) -> Instant {
        let now = Instant::now();
        let far = live.deadline() + Duration::from_secs(3600);
        let untouched = live.recorder.state().is_untouched();
        let Some(expires_at) = live.chain.expires_at.filter(|_| untouched) else { return far };
        match Duration::try_from(expires_at.duration_since(self.ports.clock.now())) {
            // A timer's grain more, so that it is over by the time of day as well.
            Ok(left) if !left.is_zero() => {
                now.checked_add(left + Duration::from_millis(1)).map_or(far, |at| at.min(far))
            }
            _ => now,
        }
    }

    async fn exchange(&self, live: &mut Live, credential: &Credential, attempt: u32) -> Result<(Call, Answer), Halt> {
        let deadline = live.deadline().min(active(live).clock.deadline());
        let path = active(live).path.clone();
        let request = active(live).request.clone();
        let fallback = active(live).fallback;
        let operation = live.operation(&path, fallback);
        let call = Call {
            tenant: live.chain.tenant.clone(),
            run_id: live.recorder.run_id().clone(),
            step_id: live.chain.step_id(&path),
            action: operation.action.clone(),
            request,
            attempt,
            job: matches!(operation.mode, Mode::Job(_)),
            fallback,
            deadline,
        };
        let sending = self.ports.actions.send(&call, credential);
        // An exchange is never cut off, and its end is the adapter's to say: the deadline is part of the call.
        let far = deadline + Duration::from_secs(3600);
        let Waited::Done(answer) = live.wait(sending, far, false).await? else {
            return Err(JournalError::Unavailable("an exchange did not end at its deadline".into()).into());
        };
        failpoint::hit_at("sent", Some(&path));
        // A second 401 on the same request is about the caller, not about the token: no refresh for that.
        let repeated = live.recorder.state().open().is_some_and(|open| open.reauthorized);
        if answer.verdict == Verdict::Unauthorized && !repeated {
            self.ports.actions.refused(&call.tenant, credential);
        }
        Ok((call, answer))
    }
}

impl Live {
    /// What every line about this step carries. `ahead`: 1 where an exchange is to be made, else 0.
    pub(super) fn span(&self, path: &StepPath, ahead: u32) -> Span {
        let open = self.recorder.state().open();
        let attempt = open.map_or(0, |open| open.intent.unwrap_or(open.attempts)) + ahead;
        let fallback = open.is_some_and(OpenStep::is_fallback);
        let step_id = self.chain.step_id(path);
        let operation = self.chain.step(path).and_then(|step| step.operation(fallback));
        error_span!("step", step_id, action_id = operation.map(|operation| operation.action.as_str()), attempt)
    }

    /// What is called for the step.
    pub(super) fn operation(&self, path: &StepPath, fallback: bool) -> &Operation {
        let operation = self.chain.step(path).and_then(|step| step.operation(fallback));
        operation.unwrap_or_else(|| unreachable!("what is sent is an operation"))
    }

    /// The action of the exchange that is to be made.
    fn action_at_work(&self) -> Option<ActionId> {
        let active = self.step.as_ref()?;
        Some(self.operation(&active.path, active.fallback).action.clone())
    }

    /// Waits for the time of a permit that was handed out ahead of it: as at the gate. Its lead at most.
    async fn until_due(&mut self, permit: &Permit) {
        if permit.due() <= Instant::now() {
            return;
        }
        active(self).clock.enter_gate();
        tokio::time::sleep_until(permit.due()).await;
        active(self).clock.go_on();
    }

    /// Journals what is staged. The step's clock stands still for so long: a disk that is full for a minute is no step's timeout.
    pub(super) async fn commit(&mut self) -> Result<(), JournalError> {
        if !self.recorder.has_staged() {
            return Ok(());
        }
        if let Some(active) = &mut self.step {
            active.clock.hold();
        }
        self.recorder.commit().await?;
        if let Some(active) = &mut self.step {
            active.clock.go_on();
        }
        Ok(())
    }

    /// Journals `entries`, and before them what is staged.
    pub(super) async fn append(&mut self, entries: Vec<Entry>) -> Result<(), JournalError> {
        self.recorder.stage(entries)?;
        self.commit().await
    }

    /// The process comes by this place; not if something is staged, for then it is still at the one before.
    fn comes_by(&self, place: &'static str) {
        if !self.recorder.has_staged() {
            failpoint::hit_at(place, self.step.as_ref().map(|step| &step.path));
        }
    }

    /// Waits for `work` until `until`, and renews the lease meanwhile. What is there already is not waited for; a run that does
    /// wait has nothing staged.
    pub(super) async fn wait<T>(
        &mut self,
        work: impl Future<Output = T>,
        until: Instant,
        interruptible: bool,
    ) -> Result<Waited<T>, Halt> {
        let mut work = std::pin::pin!(work);
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return Ok(Waited::Done(done));
        }
        self.commit().await?;
        loop {
            let stop = self.hand_back.wait_for(|stop| *stop);
            tokio::select! {
                biased;
                done = &mut work => return Ok(Waited::Done(done)),
                Ok(_) = stop, if interruptible => return Ok(Waited::Interrupted),
                () = tokio::time::sleep_until(until) => return Ok(Waited::Over),
                () = tokio::time::sleep(RENEW_EVERY) => {}
            }
            tokio::select! {
                biased;
                done = &mut work => return Ok(Waited::Done(done)),
                () = tokio::time::sleep_until(until) => return Ok(Waited::Over),
                // What is in flight is not cut off: its record will tell whether the journal still takes any.
                renewed = self.recorder.renew() => if interruptible { self.kept(renewed)? },
            }
        }
    }

    /// Renews the lease if that is due: for a run whose waits are each too short for it.
    pub(super) async fn keep(&mut self) -> Result<(), Halt> {
        if self.recorder.renewal_is_due() {
            let renewed = self.recorder.renew().await;
            self.kept(renewed)?;
        }
        Ok(())
    }

    /// A run is not given up for a renewal that did not come about while its lease still holds.
    fn kept(&self, renewed: Result<(), JournalError>) -> Result<(), Halt> {
        match renewed {
            Err(why) if why == JournalError::Fenced || !self.recorder.lease().holds() => Err(why.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

pub(super) fn active(live: &mut Live) -> &mut ActiveStep {
    let Some(active) = live.step.as_mut() else { unreachable!("a step is made active before it is worked on") };
    active
}
