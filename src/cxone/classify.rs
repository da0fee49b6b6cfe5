//! What an exchange came to: the whole table "What an HTTP result means" of the contract, for calls in sync mode.
//!
//! Where the table is silent:
//! * a further status that the tenant retries (`retry_statuses`) falls under the row of 503, but is sent again only where
//!   that is harmless. 401, 408, 429, 502 and 504 keep their own rows: 408, 502 and 504 are sent again for idempotent
//!   steps anyway, and calling them failed would claim to know what nobody knows. Nor does a 2xx or 3xx become a failure
//!   to retry;
//! * other 5xx are like 500: the peer says that it failed;
//! * 1xx (that is, 101: the client deals with 100 itself) and statuses from 600 on are like 3xx: an answer of no use.

use crate::chain::{ErrorClass, Retryable, Verdict};

/// What is seen of an exchange when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The deadline had passed before anything was tried.
    TooLate,
    /// The request cannot be made from what we were given.
    Unsendable,
    /// No connection; provably nothing was sent.
    NotSent,
    /// Sent, perhaps in part, and no answer in time.
    TimedOut,
    /// Sent, perhaps in part, and the connection broke before an answer, or what came was no HTTP.
    Broken,
    /// A response's head came.
    Answered {
        /// Its status.
        status: u16,
        /// What became of the body. Matters for 2xx only.
        body: Body,
    },
}

/// What became of a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// Read to its end, and what it claims to be.
    Good,
    /// More than may be kept.
    Oversized,
    /// Not there in time.
    TimedOut,
    /// The connection broke, or the compressed stream is corrupt.
    Cut,
    /// Read to its end, and not the JSON that it claims to be.
    NotAsClaimed,
}

/// The row of the table.
pub(super) fn verdict(seen: Seen, retry_statuses: &[u16]) -> Verdict {
    match seen {
        // Nothing was sent, so it says nothing about what an earlier attempt did. That its time is over ends the step.
        Seen::TooLate => failed(ErrorClass::Timeout, Retryable::Yes),
        Seen::Unsendable => failed(ErrorClass::System, Retryable::No),
        Seen::NotSent => failed(ErrorClass::Network, Retryable::Yes),
        Seen::TimedOut => Verdict::Unknown { class: ErrorClass::Timeout },
        Seen::Broken => Verdict::Unknown { class: ErrorClass::Network },
        Seen::Answered { status, body } => match status {
            200..=299 => successful(body),
            401 => Verdict::Unauthorized,
            429 => Verdict::Throttled,
            503 => failed(ErrorClass::ComputeClusterUnavailable, Retryable::Yes),
            408 | 504 => Verdict::Unknown { class: ErrorClass::Timeout },
            502 => Verdict::Unknown { class: ErrorClass::Network },
            400..=599 if retry_statuses.contains(&status) => {
                failed(ErrorClass::ComputeClusterUnavailable, Retryable::IfIdempotent)
            }
            403 => failed(ErrorClass::Authorization, Retryable::No),
            404 => failed(ErrorClass::NotFound, Retryable::No),
            400..=499 => failed(ErrorClass::Validation, Retryable::No),
            500..=599 => failed(ErrorClass::ComputeFailure, Retryable::No),
            0..=199 | 300..=399 | 600..=u16::MAX => failed(ErrorClass::ResponseInvalid, Retryable::No),
        },
    }
}

fn successful(body: Body) -> Verdict {
    match body {
        Body::Good => Verdict::Success { class: ErrorClass::None },
        Body::Oversized => Verdict::Success { class: ErrorClass::ResponseTooLarge },
        Body::TimedOut => Verdict::Unknown { class: ErrorClass::Timeout },
        Body::Cut | Body::NotAsClaimed => failed(ErrorClass::ResponseInvalid, Retryable::IfIdempotent),
    }
}

fn failed(class: ErrorClass, retry: Retryable) -> Verdict {
    Verdict::Failed { class, retry }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{
        Authorization, ComputeClusterUnavailable, ComputeFailure, Network, NotFound, ResponseInvalid, ResponseTooLarge,
        System, Timeout, Validation,
    };

    const BODIES: [Body; 5] = [Body::Good, Body::Oversized, Body::TimedOut, Body::Cut, Body::NotAsClaimed];

    fn answered(status: u16, body: Body, retry_statuses: &[u16]) -> Verdict {
        verdict(Seen::Answered { status, body }, retry_statuses)
    }

    /// The table, written down a second time: as ranges that do not overlap.
    fn table() -> Vec<(std::ops::RangeInclusive<u16>, Verdict)> {
        vec![
            (100..=199, failed(ResponseInvalid, Retryable::No)),
            (200..=299, Verdict::Success { class: ErrorClass::None }),
            (300..=399, failed(ResponseInvalid, Retryable::No)),
            (400..=400, failed(Validation, Retryable::No)),
            (401..=401, Verdict::Unauthorized),
            (402..=402, failed(Validation, Retryable::No)),
            (403..=403, failed(Authorization, Retryable::No)),
            (404..=404, failed(NotFound, Retryable::No)),
            (405..=407, failed(Validation, Retryable::No)),
            (408..=408, Verdict::Unknown { class: Timeout }),
            (409..=428, failed(Validation, Retryable::No)),
            (429..=429, Verdict::Throttled),
            (430..=499, failed(Validation, Retryable::No)),
            (500..=501, failed(ComputeFailure, Retryable::No)),
            (502..=502, Verdict::Unknown { class: Network }),
            (503..=503, failed(ComputeClusterUnavailable, Retryable::Yes)),
            (504..=504, Verdict::Unknown { class: Timeout }),
            (505..=599, failed(ComputeFailure, Retryable::No)),
            (600..=999, failed(ResponseInvalid, Retryable::No)),
        ]
    }

    #[test]
    fn every_status_has_its_row() {
        let mut next = 100;
        for (range, expected) in table() {
            assert_eq!(*range.start(), next, "the table has no gap");
            next = range.end() + 1;
            for status in range {
                for retry_statuses in [&[429, 503][..], &[]] {
                    assert_eq!(answered(status, Body::Good, retry_statuses), expected, "{status}");
                }
            }
        }
        assert_eq!(next, 1000);
    }

    #[test]
    fn a_further_status_to_retry_is_an_unavailable_cluster_for_idempotent_steps() {
        for status in 100..=999 {
            let expected = match status {
                401 | 408 | 429 | 502..=504 => answered(status, Body::Good, &[]),
                400..=599 => failed(ComputeClusterUnavailable, Retryable::IfIdempotent),
                _ => answered(status, Body::Good, &[]),
            };
            assert_eq!(answered(status, Body::Good, &[status]), expected, "{status}");
        }
    }

    #[test]
    fn the_body_decides_for_2xx() {
        for (body, expected) in [
            (Body::Good, Verdict::Success { class: ErrorClass::None }),
            (Body::Oversized, Verdict::Success { class: ResponseTooLarge }),
            (Body::TimedOut, Verdict::Unknown { class: Timeout }),
            (Body::Cut, failed(ResponseInvalid, Retryable::IfIdempotent)),
            (Body::NotAsClaimed, failed(ResponseInvalid, Retryable::IfIdempotent)),
        ] {
            for status in [200, 201, 202, 204, 299] {
                assert_eq!(answered(status, body, &[]), expected, "{status} {body:?}");
            }
        }
    }

    #[test]
    fn the_body_changes_nothing_for_any_other_status() {
        for status in (100..=199).chain(300..=999) {
            for body in BODIES {
                assert_eq!(answered(status, body, &[]), answered(status, Body::Good, &[]), "{status} {body:?}");
            }
        }
    }

    #[test]
    fn without_an_answer_only_what_was_provably_not_sent_has_failed() {
        for (seen, expected) in [
            (Seen::TooLate, failed(Timeout, Retryable::Yes)),
            (Seen::Unsendable, failed(System, Retryable::No)),
            (Seen::NotSent, failed(Network, Retryable::Yes)),
            (Seen::TimedOut, Verdict::Unknown { class: Timeout }),
            (Seen::Broken, Verdict::Unknown { class: Network }),
        ] {
            assert_eq!(verdict(seen, &[]), expected, "{seen:?}");
        }
    }
}
