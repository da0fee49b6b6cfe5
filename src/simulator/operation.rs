//! A request to an API of many operations, as its method, path and query name it; and the answer of one that nothing more is known
//! about: an echo.

use hyper::{Method, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::answer::Reply;
use super::exchange::Served;
use super::fault::Fault;
use super::open_call::OpenCall;
use crate::chain::ActionId;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    /// What it is called here: the path's segments below its root, joined by dots, without numbers and what cannot be in a name.
    pub(super) action: ActionId,
    pub(super) method: Method,
    /// Below its root, decoded.
    pub(super) segments: Vec<String>,
    /// In the order of the query.
    pub(super) query: Vec<(String, String)>,
}

impl Operation {
    /// `path` is what comes after the root; `None` when nothing does, or nothing that could be an action.
    pub(super) fn new(method: &Method, path: &str, query: Option<&str>) -> Option<Self> {
        let decode = |part: &str| Some(percent_encoding::percent_decode_str(part).decode_utf8().ok()?.into_owned());
        let segments: Vec<String> = path.split('/').map(decode).collect::<Option<_>>()?;
        let is_name =
            |segment: &&str| ActionId::parse(segment).is_ok() && !segment.bytes().all(|byte| byte.is_ascii_digit());
        let named: Vec<&str> = segments.iter().map(String::as_str).filter(is_name).collect();
        let action = ActionId::parse(&named.join(".")).ok()?;
        let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Some(Self { action, method: method.clone(), segments, query })
    }

    /// The same under another name.
    pub(super) fn called(self, action: &str) -> Option<Self> {
        Some(Self { action: ActionId::parse(action).ok()?, ..self })
    }

    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// What the query says for `name`, if it says anything.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Carries it out, unless the fault is that it does not run: tells what was asked.
    pub(super) fn echo(&self, call: &OpenCall, payload: &[u8], fault: Option<&Fault>) -> Served {
        let query = listed(&self.query);
        let told = json!({
            "action": self.action.as_str(),
            "ok": true,
            "method": self.method.as_str(),
            "path": self.segments.join("/"),
            "query": query,
        });
        let Ok(payload) = json_of(payload) else { return not_json() };
        run(call, fault);
        // The payload as it came, to the byte.
        let told = told.to_string();
        let head = told.strip_suffix('}').unwrap_or(&told);
        Served::Well(Reply::json(StatusCode::OK, format!(r#"{head},"echo":{}}}"#, payload.get())))
    }
}

/// A query as JSON: a key that is repeated has a list.
fn listed(query: &[(String, String)]) -> Map<String, Value> {
    let mut told: Map<String, Value> = Map::new();
    for (name, value) in query {
        match told.get_mut(name) {
            None => drop(told.insert(name.clone(), value.as_str().into())),
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            Some(first) => *first = json!([first, value]),
        }
    }
    told
}

/// The body, `null` when it is empty.
pub(super) fn json_of(payload: &[u8]) -> serde_json::Result<&RawValue> {
    serde_json::from_slice(if payload.is_empty() { b"null" } else { payload })
}

pub(super) fn not_json() -> Served {
    Served::Refused(Reply::message(StatusCode::BAD_REQUEST, "the body is not JSON"))
}

/// Notes that it takes effect, unless the fault is that it does not.
pub(super) fn run(call: &OpenCall, fault: Option<&Fault>) {
    if fault.is_none_or(|fault| fault.behaviour.runs_the_action()) {
        call.note_run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_called_after_its_path_without_numbers() {
        for (path, query, action) in [
            ("scripts/start", Some("skillId=1"), Some("scripts.start")),
            ("interactions/500000001/signal", None, Some("interactions.signal")),
            ("agents/a%20b/17a", None, Some("agents.17a")),
            ("agents/%ff", None, None),
            ("17", None, None),
            ("a//b", None, Some("a.b")),
            ("../x", None, Some("x")),
        ] {
            let operation = Operation::new(&Method::POST, path, query);
            assert_eq!(operation.map(|operation| operation.action.to_string()).as_deref(), action, "{path}");
        }
        let operation = Operation::new(&Method::POST, "x", Some("a=1%7C2&b=&a=3")).unwrap();
        assert_eq!((operation.asked("a"), operation.asked("b"), operation.asked("c")), (Some("1|2"), None, None));
    }

    #[test]
    fn a_key_that_is_repeated_is_echoed_as_a_list() {
        let operation = Operation::new(&Method::GET, "x", Some("expand=a&one=1&expand=b&expand=")).unwrap();
        assert_eq!(Value::from(listed(&operation.query)), json!({"expand": ["a", "b", ""], "one": "1"}));
    }
}
