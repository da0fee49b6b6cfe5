//! How far a log is: what a worker that died left behind.

use cxchain::chain::StepPath;
use cxchain::chain::log::{EventBody, Private, Record};

/// How far a log is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) accepted: bool,
    /// Steps with an outcome, nested ones counted.
    pub(crate) outcomes: u16,
    /// The exchange that was about to be made, by step id and attempt: nothing is known of what came of it.
    pub(crate) open: Option<(String, u32)>,
    /// The job of the step at work is known.
    pub(crate) job: bool,
    /// Nothing was recorded since somebody took the run up again.
    pub(crate) resumed: bool,
    pub(crate) finished: bool,
    pub(crate) settled: bool,
}

impl Standing {
    pub(crate) fn of(log: &[Record]) -> Self {
        log.iter().fold(Self::default(), Self::after)
    }

    fn after(self, record: &Record) -> Self {
        let outcomes = self.outcomes + 1;
        let next = Self { resumed: false, ..self };
        match record {
            Record::Event(sealed) => match &sealed.event.body {
                EventBody::RunAccepted(_) => Self { accepted: true, ..next },
                EventBody::StepRetried(_) => Self { open: None, ..next },
                EventBody::StepFinished(_) => Self { outcomes, open: None, job: false, ..next },
                EventBody::RunResumed(_) => Self { resumed: true, ..next },
                EventBody::RunFinished(_) => Self { finished: true, ..next },
                EventBody::RunRejected(_) => panic!("a rejection is in no log"),
            },
            Record::Private(Private::Intent { step, attempt, .. }) => Self { open: Some((id(step), *attempt)), ..next },
            Record::Private(Private::Withdrawn { .. }) => Self { open: None, ..next },
            Record::Private(Private::Submitted { .. }) => Self { open: None, job: true, ..next },
            Record::Private(Private::FellBack { .. }) => Self { job: false, ..next },
            Record::Private(Private::Settled) => Self { settled: true, ..next },
            Record::Private(_) => next,
        }
    }

    /// Whether whoever comes next has to say that it goes on with the run.
    pub(crate) fn is_to_be_resumed(&self) -> bool {
        self.accepted && !self.finished
    }
}

/// The step's id, as it is where the definition gives none.
pub(crate) fn id(step: &StepPath) -> String {
    let ids: Vec<String> = step.indices().iter().map(|index| format!("step_{index}")).collect();
    ids.join(".")
}
