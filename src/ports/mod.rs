//! What a run needs of the world, one trait a file. The runner and the worker know these; the adapters
//! (`amqp`, `cxone`, `gate`, `journal`) fill them; `app` joins the two.

mod actions;
mod clock;
mod gate;
mod inbox;
mod jobs;
mod journal;
mod outbox;
mod prepared;
mod standing;

pub use actions::{Actions, Answer, Call, Credential, CredentialError};
pub use clock::{Clock, Dice, SystemClock, SystemDice};
pub use gate::{Gate, GateClosed, Outcome, Permit, RunAge, Slot};
pub use inbox::{DeadReason, Delivery, Inbox, Receipt, Tether};
pub use jobs::{Finished, Poll, Polled, Seen, SubmittedJob};
pub use journal::{Claimed, Journal, JournalError, Lease, RunKey};
pub use outbox::{Destination, Outbox, Outgoing, Stopped};
pub use prepared::{Hidden, Prepared};
pub use standing::{Report, Standing};

/// What the ports' async methods return: they are used as `Arc<dyn Port>`.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
