//! Publishes a run's events in their order, one confirmed before the next goes out, beside the run's next step.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::chain::log::{Event, EventBody, Origin, Sealed};
use crate::failpoint;
use crate::ports::{Destination, Outbox, Outgoing, Stopped};

/// The line of a run's events on their way out. Bounded by the run itself: a few events per
/// step, and one a second while the tenant throttles.
pub(super) struct EventLine {
    line: mpsc::UnboundedSender<Outgoing>,
    publisher: JoinHandle<Result<(), Stopped>>,
    correlation_id: String,
    traceparent: Option<String>,
}

impl EventLine {
    /// An empty line.
    pub(super) fn open(outbox: Arc<dyn Outbox>, origin: &Origin, correlation_id: String) -> Self {
        let (line, mut waiting) = mpsc::unbounded_channel::<Outgoing>();
        let publishing = async move {
            while let Some(message) = waiting.recv().await {
                outbox.publish(message).await?;
                failpoint::hit("event_published");
            }
            Ok(())
        };
        let publisher = tokio::spawn(publishing.in_current_span());
        Self { line, publisher, correlation_id, traceparent: origin.traceparent.clone() }
    }

    /// Puts one more event at the end.
    pub(super) fn push(&self, sealed: &Sealed) {
        let message = audit_message(sealed, Some(self.correlation_id.clone()), self.traceparent.clone());
        // The receiver is gone only after `Stopped`, which `finish` tells.
        let _ = self.line.send(message);
    }

    /// Waits until all are confirmed.
    ///
    /// # Errors
    /// [`Stopped`] when the worker stops before that.
    pub(super) async fn finish(self) -> Result<(), Stopped> {
        drop(self.line);
        self.publisher.await.unwrap_or(Err(Stopped))
    }
}

/// An event as a message.
pub(crate) fn audit_message(sealed: &Sealed, correlation_id: Option<String>, traceparent: Option<String>) -> Outgoing {
    let event = &sealed.event;
    Outgoing {
        to: Destination::Audit { routing_key: routing_key(event) },
        message_id: event.event_id.clone(),
        schema: event.schema.clone(),
        body: Bytes::from(sealed.bytes.clone()),
        correlation_id,
        traceparent,
        timestamp: event.timestamp,
    }
}

/// `{tenant}.{event}`, plus `.{status}` for a finished step and `.{final_status}` for a finished run.
fn routing_key(event: &Event) -> String {
    let (tenant, name) = (&event.tenant, event.body.name());
    match &event.body {
        EventBody::StepFinished(step) => format!("{tenant}.{name}.{}", step.status.as_str()),
        EventBody::RunFinished(run) => format!("{tenant}.{name}.{}", run.final_status.as_str()),
        EventBody::RunAccepted(_)
        | EventBody::StepRetried(_)
        | EventBody::RunResumed(_)
        | EventBody::RunRejected(_) => format!("{tenant}.{name}"),
    }
}
