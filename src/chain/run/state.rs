//! What a run's log says: see `apply` for how it gets here.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::action::Redaction;
use super::super::ids::StepPath;
use super::super::log::{Head, Origin, RunFinished};
use super::super::outcome::StepStatus;
use super::super::result::FinalStatus;
use super::super::stamp::Millis;
use super::finished::FinishedStep;
use super::open::OpenStep;
use super::resumes::Resumes;

/// A run as its log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    pub(super) phase: Phase,
    pub(super) origin: Origin,
    pub(super) definition_hash: String,
    pub(super) head: Head,
    pub(super) worker: String,
    pub(super) resumes: Resumes,
    pub(super) steps_total: u32,
    pub(super) started_at: Option<Millis>,
    pub(super) deadline: Option<Millis>,
    /// The chains that the run is in: the outermost, and those nested in its step at work, from outside inwards. Never empty.
    pub(super) frames: Vec<Frame>,
    /// All steps with an outcome, in the order of the log.
    pub(super) ended: Vec<Arc<FinishedStep>>,
    pub(super) open: Option<OpenStep>,
    /// What the log tells of the step whose end comes next.
    pub(super) data: Option<StepData>,
    pub(super) cancel_requested: bool,
    pub(super) finished: Option<RunFinished>,
    pub(super) result: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    New,
    Open,
    Finished,
    Settled,
}

/// What a step leaves besides its event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StepData {
    pub(super) path: StepPath,
    pub(super) data: Option<Arc<Value>>,
    pub(super) extracted: Map<String, Value>,
    pub(super) child: Option<FinalStatus>,
    pub(super) message: Option<String>,
    pub(super) omitted: bool,
    pub(super) redaction: Redaction,
}

impl StepData {
    /// Of a step of which nothing is told.
    pub(super) fn nothing(path: StepPath) -> Self {
        let (extracted, redaction) = (Map::new(), Redaction::default());
        Self { path, data: None, extracted, child: None, message: None, omitted: false, redaction }
    }
}

/// A chain that the run is in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    /// The step that it is nested in; `None`: it is the outermost.
    pub within: Option<StepPath>,
    /// When its own clock is over, if it has one besides the run's.
    pub deadline: Option<Millis>,
    /// Its steps with an outcome, in order.
    pub steps: Vec<Arc<FinishedStep>>,
}

impl Frame {
    /// The path of its first step without an outcome, should it have one.
    #[must_use]
    pub fn next(&self) -> StepPath {
        let index = u16::try_from(self.steps.len()).unwrap_or(u16::MAX);
        self.within.as_ref().map_or_else(|| StepPath::top(index), |within| within.child(index))
    }
}

impl RunState {
    /// A run of which nothing is recorded. `definition_hash` is the first link of its hash chain.
    #[must_use]
    pub fn new(definition_hash: String) -> Self {
        Self {
            phase: Phase::New,
            origin: Origin::default(),
            head: Head { seq: 0, hash: definition_hash.clone() },
            definition_hash,
            worker: String::new(),
            resumes: Resumes::default(),
            steps_total: 0,
            started_at: None,
            deadline: None,
            frames: vec![Frame::default()],
            ended: Vec::new(),
            open: None,
            data: None,
            cancel_requested: false,
            finished: None,
            result: None,
        }
    }

    /// Where the message came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The hash of the definition that the run is of.
    #[must_use]
    pub fn definition_hash(&self) -> &str {
        &self.definition_hash
    }

    /// The end of the hash chain.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The steps of the chain, nested ones counted.
    #[must_use]
    pub fn steps_total(&self) -> u32 {
        self.steps_total
    }

    /// When the run was accepted.
    #[must_use]
    pub fn started_at(&self) -> Option<Millis> {
        self.started_at
    }

    /// When the run clock is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// The steps of the outermost chain with an outcome, in order.
    #[must_use]
    pub fn steps(&self) -> &[Arc<FinishedStep>] {
        self.frames.first().map(|frame| frame.steps.as_slice()).unwrap_or_default()
    }

    /// All steps with an outcome, nested ones among them, in the order of the log: a nested chain's stand before the step that it is
    /// nested in.
    #[must_use]
    pub fn ended(&self) -> &[Arc<FinishedStep>] {
        &self.ended
    }

    /// The chains that the run is in, from the outermost inwards.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The innermost chain that the run is in.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        self.frames.last().unwrap_or_else(|| unreachable!("a run is in its outermost chain, always"))
    }

    /// The step that has begun and has no outcome.
    #[must_use]
    pub fn open(&self) -> Option<&OpenStep> {
        self.open.as_ref()
    }

    /// Who wrote the last event; empty before the first.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Whether it was taken up again, and nothing is recorded yet that came of it.
    #[must_use]
    pub fn is_taken_up_in_vain(&self) -> bool {
        self.resumes.in_vain()
    }

    /// How many steps had [ended](Self::ended) when the run was taken up once too often without getting any further, if it was: it
    /// ends now. An outcome that the step at work gets after that says how it ends.
    #[must_use]
    pub fn looped_at(&self) -> Option<usize> {
        self.resumes.looped_at()
    }

    /// Whether somebody asked for the end of the run.
    #[must_use]
    pub fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Whether `run.accepted` is recorded.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.phase >= Phase::Open
    }

    /// Whether nothing of the chain has begun. That a step's own chain is entered, or that steps are skipped, is no beginning.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        // The steps of a chain that is over stand before the step around it.
        let nothing = |step: &Arc<FinishedStep>| step.event.status == StepStatus::Skipped || step.child.is_some();
        self.open.is_none() && self.ended.iter().all(nothing)
    }

    /// How the run ended, once it has.
    #[must_use]
    pub fn finished(&self) -> Option<&RunFinished> {
        self.finished.as_ref()
    }

    /// The result's bytes, once the run has ended.
    #[must_use]
    pub fn result(&self) -> Option<&Arc<str>> {
        self.result.as_ref()
    }

    /// Whether all events and the result are known to be published.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Settled
    }
}
