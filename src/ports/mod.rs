//! What a run needs of the world, one trait a file. The runner and the worker know these; the adapters
//! (`amqp`, `cxone`, `gate`, `journal`) fill them; `app` joins the two.

mod actions;
mod clock;
mod gate;

pub use actions::{Actions, Answer, Call, Credential, CredentialError};
pub use clock::{Clock, Dice, SystemClock, SystemDice};
pub use gate::{Gate, GateClosed, Outcome, Permit, RunAge, Slot};

/// What the ports' async methods return: they are used as `Arc<dyn Port>`.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
