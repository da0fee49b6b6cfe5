//! What was probably meant: a word of the contract, or the reader's own, and never one of somebody else.

use super::*;

/// What is said of a tenant by a worker that serves `served`, where the queue is `of-the-queue`'s.
fn said_of(tenant_name: &str, served: &str) -> String {
    let body = with("tenant", Some(tenant_name.into())).to_string();
    let catalogue = Catalogue::new([tenant("of-the-queue"), tenant(served)]);
    checked_as(body, None, &catalogue).unwrap_err().problems.list()[0].what.clone()
}

#[test]
fn a_slip_in_a_value_of_a_closed_set_is_understood() {
    for (field, value, meant) in [
        ("on_failure", "contine", "; did you mean continue?"),
        ("on_failure", "Abort", "; did you mean abort?"),
        ("on_failure", "fall-back", "; did you mean fallback?"),
        ("on_failure", "ignore", ""),
        ("on_unknown", "asFailure", "; did you mean as_failure?"),
        ("on_unknown", "retry ", "; did you mean retry?"),
        ("mode", "jobs", "; did you mean job?"),
        ("mode", "async", "; did you mean job?"),
        ("mode", "Asynchronous", "; did you mean job?"),
        ("mode", "sycn", "; did you mean sync?"),
        ("mode", "canary-7a", ""),
    ] {
        let field = format!("steps/0/{field}");
        let what = format!("is not an allowed value{meant}");
        assert_eq!(faults(&with(&field, Some(value.into()))), [(format!("/{field}"), what)], "{value}");
    }
}

#[test]
fn the_kinds_of_other_languages_are_understood() {
    for (kind, meant) in [
        ("int", "; did you mean integer?"),
        ("bool", "; did you mean boolean?"),
        ("str", "; did you mean string?"),
        ("float", "; did you mean number?"),
        ("Double", "; did you mean number?"),
        ("strng", "; did you mean string?"),
        ("job", ""),
        ("list", ""),
    ] {
        let taken = json!({"name": {"path": "a", "as": kind}});
        let found = faults(&with("steps/0/extract", Some(taken)));
        let expected = ("/steps/0/extract/name/as".to_owned(), format!("is not an allowed value{meant}"));
        assert_eq!(found, [expected], "{kind}");
    }
}

#[test]
fn the_tenant_of_the_queue_is_offered_and_no_other() {
    assert_eq!(said_of("of-the-qeue", "north"), "is not a tenant of this worker; did you mean of-the-queue?");
    assert_eq!(said_of("nort", "north"), "is not a tenant of this worker");
}
