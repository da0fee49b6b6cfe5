//! Records as they lie in the file: an event as the bytes that are published, a private record as JSON, each with a checksum.

use std::sync::Arc;

use super::fault::Trouble;
use crate::chain::log::{EventBody, Private, Record, Sealed};
use crate::chain::stamp::Millis;
use crate::ports::JournalError;

const EVENT: i64 = 1;
const PRIVATE: i64 = 2;

/// A record ready to be written.
pub(super) struct Encoded {
    body: Body,
    crc: u32,
}

enum Body {
    /// Its bytes lie in the event.
    Event(Arc<Sealed>),
    Private(Vec<u8>),
}

impl Encoded {
    fn of(record: Record) -> Result<Self, JournalError> {
        let body = match record {
            Record::Event(sealed) => Body::Event(sealed),
            Record::Private(private) => {
                let bytes = serde_json::to_vec(&private);
                Body::Private(bytes.map_err(|why| JournalError::Unavailable(format!("a record is no JSON: {why}")))?)
            }
        };
        let mut encoded = Self { body, crc: 0 };
        encoded.crc = crc32fast::hash(encoded.body());
        Ok(encoded)
    }

    pub(super) fn kind(&self) -> i64 {
        match self.body {
            Body::Event(_) => EVENT,
            Body::Private(_) => PRIVATE,
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        match &self.body {
            Body::Event(sealed) => sealed.bytes.as_bytes(),
            Body::Private(bytes) => bytes,
        }
    }

    /// The checksum of the record at its place: one that lies elsewhere does not match it either.
    pub(super) fn crc_at(&self, place: i64) -> u32 {
        crc_at(place, self.kind(), self.crc)
    }
}

fn crc_at(place: i64, kind: i64, body: u32) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&place.to_le_bytes());
    crc.update(&kind.to_le_bytes());
    crc.update(&body.to_le_bytes());
    crc.finalize()
}

/// The record that lies at `place`.
pub(super) fn decode(place: i64, kind: i64, body: &[u8], crc: i64) -> Result<Record, Trouble> {
    let damaged = |what: &str| Trouble::Damaged(format!("a record {what}"));
    if i64::from(crc_at(place, kind, crc32fast::hash(body))) != crc {
        return Err(damaged("does not match its checksum"));
    }
    match kind {
        EVENT => {
            let text = std::str::from_utf8(body).map_err(|_| damaged("is no text"))?;
            Ok(Record::Event(Arc::new(Sealed::parse(text).map_err(|_| damaged("is no event"))?)))
        }
        PRIVATE => {
            Ok(Record::Private(serde_json::from_slice::<Private>(body).map_err(|_| damaged("is of no known kind"))?))
        }
        _ => Err(damaged("is of no known kind")),
    }
}

/// A batch of records, and what it tells of its run.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Encoded>,
    pub(super) tells: Tells,
}

/// What the columns of a run are to say.
#[derive(Default)]
pub(super) struct Tells {
    pub(super) accepted: Option<Accepted>,
    /// Whoever wrote the last event.
    pub(super) worker: Option<String>,
    pub(super) steps_done: i64,
    pub(super) finished: Option<(i64, &'static str)>,
    pub(super) settled: bool,
}

/// What `run.accepted` tells.
pub(super) struct Accepted {
    pub(super) chain_id: Option<String>,
    pub(super) tenant: String,
    pub(super) definition_hash: String,
    pub(super) assigned: bool,
    pub(super) steps_total: u32,
    pub(super) at: Millis,
    pub(super) deadline: Millis,
}

impl Batch {
    pub(super) fn of(records: Vec<Record>) -> Result<Self, JournalError> {
        let mut tells = Tells::default();
        records.iter().for_each(|record| tells.note(record));
        let records = records.into_iter().map(Encoded::of).collect::<Result<_, _>>()?;
        Ok(Self { records, tells })
    }

    /// In bytes.
    pub(super) fn weight(&self) -> usize {
        self.records.iter().map(|record| record.body().len()).sum()
    }
}

impl Tells {
    fn note(&mut self, record: &Record) {
        let sealed = match record {
            Record::Event(sealed) => sealed,
            Record::Private(private) => {
                self.settled |= matches!(private, Private::Settled);
                return;
            }
        };
        let event = &sealed.event;
        self.worker = Some(event.worker.clone());
        match &event.body {
            EventBody::RunAccepted(accepted) => {
                self.accepted = Some(Accepted {
                    chain_id: event.chain_id.as_ref().map(ToString::to_string),
                    tenant: event.tenant.to_string(),
                    definition_hash: accepted.definition_hash.clone(),
                    assigned: accepted.run_id_assigned,
                    steps_total: accepted.steps_total,
                    at: event.timestamp,
                    deadline: accepted.deadline,
                });
            }
            EventBody::StepFinished(_) => self.steps_done += 1,
            EventBody::RunFinished(finished) => {
                self.finished = Some((event.timestamp.since_epoch(), finished.final_status.as_str()));
            }
            EventBody::StepRetried(_) | EventBody::RunResumed(_) | EventBody::RunRejected(_) => {}
        }
    }

    /// Nothing that a column holds.
    pub(super) fn is_silent(&self) -> bool {
        self.worker.is_none() && !self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled() -> Encoded {
        Encoded::of(Record::Private(Private::Settled)).unwrap()
    }

    #[test]
    fn a_record_is_what_was_written() {
        let encoded = settled();
        let crc = i64::from(encoded.crc_at(7));
        assert_eq!(decode(7, PRIVATE, encoded.body(), crc).unwrap(), Record::Private(Private::Settled));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let encoded = settled();
        let crc = i64::from(encoded.crc_at(7));
        for bit in 0..encoded.body().len() * 8 {
            let mut body = encoded.body().to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(7, PRIVATE, &body, crc), Err(Trouble::Damaged(_))), "bit {bit}");
        }
        assert!(decode(8, PRIVATE, encoded.body(), crc).is_err(), "elsewhere");
        assert!(decode(7, EVENT, encoded.body(), crc).is_err(), "as another kind");
        assert!(decode(7, PRIVATE, encoded.body(), crc ^ 1).is_err(), "another checksum");
    }
}
