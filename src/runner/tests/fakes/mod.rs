//! The ports of a run, faked: each does what its script says and tells the tape what it was asked for.

mod actions;
mod gate;
mod journal;
mod outbox;
mod tape;

pub(crate) use actions::{
    FakeActions, Reply, Token, failed, good, good_with, lost, never, over, panicking, pending, polled, refused_by_429,
    submitted, submitted_as, unauthorized,
};
pub(crate) use gate::FakeGate;
pub(crate) use journal::FakeJournal;
pub(crate) use outbox::FakeOutbox;
pub(crate) use tape::{FixedDice, Tape, TapeClock};
