//! Whose run a message is, also when it is rejected.

use super::*;

fn body(fields: &str) -> String {
    format!(r#"{{"chain_id":"c",{fields}"steps":[{{"action_id":"a"}}]}}"#)
}

fn run_id(fields: &str, message_id: Option<&str>) -> Result<Option<String>, Rejection> {
    let chain = checked_as(body(fields), message_id, &Catalogue::any())?;
    Ok(chain.run_id.map(|id| id.to_string()))
}

#[test]
fn the_run_id_is_the_bodys_or_the_message_id() {
    assert_eq!(run_id("", None).unwrap(), None);
    assert_eq!(run_id("", Some("")).unwrap(), None);
    assert_eq!(run_id("", Some("m")).unwrap().as_deref(), Some("m"));
    assert_eq!(run_id(r#""run_id":"r","#, None).unwrap().as_deref(), Some("r"));
    assert_eq!(run_id(r#""run_id":"r","#, Some("")).unwrap().as_deref(), Some("r"));
    assert_eq!(run_id(r#""run_id":"r","#, Some("r")).unwrap().as_deref(), Some("r"));
}

#[test]
fn two_different_run_ids_are_a_problem() {
    let rejection = run_id(r#""run_id":"r","#, Some("m")).unwrap_err();
    insta::assert_snapshot!(rejection.problems, @"1:26 /run_id is not the same as the AMQP message_id (allowed: one of them, or both the same)");
    assert_eq!(rejection.run_id, RunId::parse("r").ok());
}

#[test]
fn a_message_id_that_cannot_be_a_run_id_is_a_problem_of_the_message() {
    for hostile in ["a b", "a/b", "a\r\nb", &"a".repeat(129), "ä"] {
        for fields in ["", r#""run_id":"r","#] {
            let rejection = run_id(fields, Some(hostile)).unwrap_err();
            assert_eq!(rejection.problems.total(), 1);
            assert_eq!(rejection.problems.list()[0].pointer, "");
            assert!(rejection.problems.list()[0].what.contains("AMQP message_id"));
            assert_eq!(rejection.run_id.is_some(), !fields.is_empty());
        }
    }
    let rejection = checked_as("", Some("a b"), &Catalogue::any()).unwrap_err();
    insta::assert_snapshot!(rejection.problems, @"
    1:1 the message is empty (allowed: a JSON value)
    1:1 the message has an AMQP message_id that cannot be a run id (allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -)
    ");
}

#[test]
fn a_rejection_tells_whatever_names_are_valid() {
    let told = |body: &str, message_id| {
        let rejection = checked_as(body, message_id, &Catalogue::new([tenant("known")])).unwrap_err();
        let name = |name: Option<String>| name.unwrap_or_default();
        let (run_id, chain_id) = (rejection.run_id.map(Into::into), rejection.chain_id.map(Into::into));
        [name(run_id), name(chain_id), rejection.tenant.into()]
    };
    assert_eq!(told("", None), ["", "", "of-the-queue"]);
    assert_eq!(told("[]", Some("m")), ["m", "", "of-the-queue"]);
    assert_eq!(told(r#"{"run_id":"r","chain_id":"c","tenant":"known"}"#, None), ["r", "c", "known"]);
    assert_eq!(told(r#"{"run_id":"no no","chain_id":1,"tenant":"other"}"#, Some("m")), ["m", "", "of-the-queue"]);
    assert_eq!(told(r#"{"chain_id":"c","tenant":"NO"} trailing"#, Some("m")), ["m", "c", "of-the-queue"]);
}

#[test]
fn the_tenant_must_be_known_to_the_worker() {
    let fields = r#""tenant":"north","#;
    let with = |catalogue: &Catalogue| checked_as(body(fields), None, catalogue);
    assert_eq!(with(&Catalogue::any()).unwrap().tenant, tenant("north"));
    assert_eq!(with(&Catalogue::new([tenant("south"), tenant("north")])).unwrap().tenant, tenant("north"));
    insta::assert_snapshot!(with(&Catalogue::new([tenant("south")])).unwrap_err().problems, @"1:26 /tenant is not a tenant of this worker (allowed: a configured tenant; absent: the tenant of the queue)");
}
