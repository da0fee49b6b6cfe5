//! What is left out of a result that is larger than it may be. Of the steps of all levels, the largest data go first; where that is
//! not enough, what was extracted; and at last what nested chains came to, as a whole.
//!
//! Every part is measured once, and what it saves is reckoned with: the document is written when it should fit, and not once for
//! each part.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::render::text;
use super::response::own_id;
use super::{ChainData, Content, Data, RunResult, StepResponse};

/// What can be left out of a step's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `response_data` of a step without a chain of its own.
    Data,
    /// `extracted`, and the same in the `outputs` of its chain.
    Extracted,
    /// `response_data` of a step of the outermost chain that has a chain of its own.
    Chain,
}

/// A part of one step's entry.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    /// By how many bytes the document is shorter without it.
    saves: usize,
    /// The index of its step in each level, the outermost first.
    at: Vec<usize>,
}

/// The document, of at most `max_bytes` as far as leaving out gets it there.
pub(super) fn fit(mut result: RunResult, max_bytes: usize) -> String {
    let mut document = text(&result);
    for part in [Part::Data, Part::Extracted, Part::Chain] {
        if document.len() <= max_bytes {
            break;
        }
        document = without(&mut result, part, document.len(), max_bytes);
    }
    document
}

/// The document of `bytes` without the largest of these parts.
fn without(result: &mut RunResult, part: Part, mut bytes: usize, max_bytes: usize) -> String {
    let mut found = Vec::new();
    find(part, &result.aggregated_responses, &mut Vec::new(), &mut found);
    found.sort_unstable_by(|a, b| b.cmp(a));
    for Found { saves, at } in found {
        if bytes <= max_bytes {
            let document = text(result);
            bytes = document.len();
            if bytes <= max_bytes {
                return document;
            }
        }
        leave_out(&mut result.aggregated_responses, &mut result.outputs, part, &at);
        bytes = bytes.saturating_sub(saves);
    }
    text(result)
}

fn find(part: Part, responses: &[StepResponse], at: &mut Vec<usize>, found: &mut Vec<Found>) {
    for (index, response) in responses.iter().enumerate() {
        at.push(index);
        if let Some(saves) = part.saves(response) {
            found.push(Found { saves, at: at.clone() });
        }
        if let (Some(Data::Chain(chain)), Part::Data | Part::Extracted) = (response.content.data(), part) {
            find(part, &chain.aggregated_responses, at, found);
        }
        at.pop();
    }
}

fn leave_out(responses: &mut [StepResponse], outputs: &mut Map<String, Value>, part: Part, at: &[usize]) {
    let [index, inner @ ..] = at else { return };
    let response = &mut responses[*index];
    if !inner.is_empty() {
        if let Some(Data::Chain(chain)) = response.content.data_mut() {
            let ChainData { aggregated_responses, outputs, .. } = Arc::make_mut(chain);
            leave_out(aggregated_responses, outputs, part, inner);
        }
        return;
    }
    response.response_omitted = true;
    match part {
        Part::Data | Part::Chain => response.content.data_mut().into_iter().for_each(|data| *data = Data::default()),
        Part::Extracted => {
            response.extracted = Map::new();
            outputs.remove(own_id(&response.step_id));
        }
    }
}

impl Part {
    /// By how many bytes the document is shorter without this part of an entry; nothing where there is none, or nothing to gain.
    fn saves(self, response: &StepResponse) -> Option<usize> {
        let bytes = match (self, response.content.data()) {
            (Self::Data, Some(Data::Value(value))) => length(value).checked_sub("null".len()),
            (Self::Chain, Some(Data::Chain(chain))) => length(chain).checked_sub("null".len()),
            (Self::Extracted, _) if !response.extracted.is_empty() => {
                let (name, extracted) = (length(own_id(&response.step_id)), length(&response.extracted));
                Some(extracted - "{}".len() + name + ":,".len() + extracted)
            }
            _ => None,
        };
        let said = if response.response_omitted { 0 } else { "false".len() - "true".len() };
        bytes.filter(|bytes| *bytes > 0).map(|bytes| bytes + said)
    }
}

impl Content {
    fn data(&self) -> Option<&Data> {
        match self {
            Self::Data { response_data } | Self::Both { response_data, .. } => Some(response_data),
            Self::Error { .. } => None,
        }
    }

    fn data_mut(&mut self) -> Option<&mut Data> {
        match self {
            Self::Data { response_data } | Self::Both { response_data, .. } => Some(response_data),
            Self::Error { .. } => None,
        }
    }
}

fn length<T: Serialize + ?Sized>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::chain::ids::TenantName;
    use crate::chain::outcome::{ErrorClass, StepStatus};
    use crate::chain::result::{FinalStatus, RESULT_SCHEMA};
    use crate::chain::stamp::Millis;

    fn entry(step_id: &str, data: Data, extracted: usize) -> StepResponse {
        let extracted = (extracted > 0).then(|| ("all".to_owned(), Value::from("x".repeat(extracted))));
        StepResponse {
            step_index: 0,
            step_id: step_id.into(),
            action_id: None,
            status: StepStatus::Success,
            http_status: Some(200),
            content: Content::Data { response_data: data },
            error_classification: ErrorClass::None,
            latency_ms: 1,
            gate_wait_ms: 2,
            attempts: 3,
            job_id: None,
            extracted: extracted.into_iter().collect(),
            directive: None,
            fallback_used: false,
            response_hash: Some(format!("the hash of {step_id}")),
            response_omitted: false,
            timestamp: Millis::from_epoch(0),
        }
    }

    fn call(step_id: &str, data: usize, extracted: usize) -> StepResponse {
        entry(step_id, Data::Value(Arc::new(Value::from("x".repeat(data)))), extracted)
    }

    fn outputs(steps: &[StepResponse]) -> Map<String, Value> {
        let with = steps.iter().filter(|step| !step.extracted.is_empty());
        with.map(|step| (own_id(&step.step_id).to_owned(), step.extracted.clone().into())).collect()
    }

    fn chain(step_id: &str, extracted: usize, steps: Vec<StepResponse>) -> StepResponse {
        let (final_status, outputs) = (FinalStatus::TerminatedEarly, outputs(&steps));
        let chain = ChainData { final_status, aggregated_responses: steps, outputs };
        let mut entry = entry(step_id, Data::default(), extracted);
        entry.content =
            Content::Both { response_data: Data::Chain(Arc::new(chain)), error_message: "it is why".into() };
        entry
    }

    /// Of three levels; what is larger than anything beside it stands at the innermost one.
    fn result() -> RunResult {
        let innermost = chain("c.b", 600, vec![call("c.b.a", 5_000, 700), call("c.b.b", 10, 0)]);
        let middle = chain("c", 0, vec![call("c.a", 2_000, 0), innermost, call("c.c", 4_000, 500)]);
        let steps = vec![call("a", 1_000, 800), call("b", 3_000, 0), middle];
        RunResult {
            schema: RESULT_SCHEMA,
            run_id: None,
            chain_id: None,
            tenant: TenantName::parse("t").expect("a name"),
            final_status: FinalStatus::Completed,
            reason: None,
            steps_total: 7,
            steps_executed: 7,
            completion_rate_percent: json!(100),
            total_latency_ms: 0,
            outputs: outputs(&steps),
            aggregated_responses: steps,
            audit_log: Vec::new(),
            audit_head: None,
            started_at: Millis::from_epoch(0),
            finished_at: Millis::from_epoch(0),
            worker: "w".into(),
            metadata: BTreeMap::new(),
        }
    }

    fn fitted(max_bytes: usize) -> (Value, usize) {
        let document = fit(result(), max_bytes);
        (serde_json::from_str(&document).expect("JSON"), document.len())
    }

    /// The ids of the steps of all levels, those with something left out marked, those without data twice.
    fn marks(responses: &Value) -> String {
        let entries = responses.as_array().into_iter().flatten();
        entries.fold(String::new(), |all, entry| {
            let mark = match (entry["response_omitted"] == true, entry["response_data"].is_null()) {
                (true, true) => "--",
                (true, false) => "-",
                (false, _) => "",
            };
            let nested = marks(&entry["response_data"]["aggregated_responses"]);
            format!("{all} {}{mark}{nested}", entry["step_id"].as_str().expect("text"))
        })
    }

    /// `value` as it is with everything in it that can be left out.
    fn filled(value: &mut Value, whole: &Value) {
        match (value, whole) {
            (Value::Object(object), Value::Object(whole)) => {
                for (name, whole) in whole {
                    match name.as_str() {
                        "response_data" if object[name].is_null() => object[name] = whole.clone(),
                        "response_omitted" => object[name] = false.into(),
                        "extracted" => object[name] = whole.clone(),
                        "outputs" => object[name] = whole.clone(),
                        _ => filled(&mut object[name], whole),
                    }
                }
            }
            (Value::Array(items), Value::Array(whole)) => {
                items.iter_mut().zip(whole).for_each(|(item, whole)| filled(item, whole));
            }
            _ => {}
        }
    }

    #[test]
    fn the_largest_go_first_wherever_they_stand_and_no_more_of_them_than_needed() {
        let (_, whole) = fitted(usize::MAX);
        // `null` and `true` in the place of the text and `false` save one byte less than the text is long.
        for (max, expected) in [
            (whole, " a b c c.a c.b c.b.a c.b.b c.c"),
            (whole - 1, " a b c c.a c.b c.b.a-- c.b.b c.c"),
            (whole - 4_999, " a b c c.a c.b c.b.a-- c.b.b c.c"),
            (whole - 5_000, " a b c c.a c.b c.b.a-- c.b.b c.c--"),
            (whole - 8_998, " a b c c.a c.b c.b.a-- c.b.b c.c--"),
            (whole - 8_999, " a b-- c c.a c.b c.b.a-- c.b.b c.c--"),
            (whole - 12_000, " a b-- c c.a-- c.b c.b.a-- c.b.b c.c--"),
            (whole - 14_000, " a-- b-- c c.a-- c.b c.b.a-- c.b.b c.c--"),
            (whole - 15_000, " a-- b-- c c.a-- c.b c.b.a-- c.b.b-- c.c--"),
        ] {
            let (mut result, bytes) = fitted(max);
            assert_eq!(marks(&result["aggregated_responses"]), expected, "{max} of {whole}");
            assert!(bytes <= max, "{bytes} of {max}");
            // Hashes, texts, what was extracted and how the nested chains ended are all there.
            for kept in ["outputs", "aggregated_responses"] {
                let text = result[kept].to_string();
                assert_eq!(text.matches("\"all\"").count(), if kept == "outputs" { 1 } else { 7 }, "{text}");
            }
            filled(&mut result, &fitted(usize::MAX).0);
            assert_eq!(result, fitted(usize::MAX).0);
        }
    }

    #[test]
    fn where_that_is_not_enough_what_was_extracted_goes_at_every_level() {
        let (_, without_data) = fitted(fitted(usize::MAX).1 - 15_000);
        for (max, expected) in [
            (without_data - 1, ["a"].as_slice()),
            (without_data - 1_700, &["a", "c.b.a"]),
            (without_data - 3_200, &["a", "c.b.a", "c.b"]),
            (without_data - 4_400, &["a", "c.b.a", "c.b", "c.c"]),
        ] {
            let (mut result, bytes) = fitted(max);
            assert!(bytes <= max, "{bytes} of {max}");
            let text = result.to_string();
            for (id, bytes) in [("a", 800), ("c.b.a", 700), ("c.b", 600), ("c.c", 500)] {
                let times = if expected.contains(&id) { 0 } else { 2 };
                assert_eq!(text.matches(&format!("\"{}\"", "x".repeat(bytes))).count(), times, "{id}, {max}");
            }
            filled(&mut result, &fitted(usize::MAX).0);
            assert_eq!(result, fitted(usize::MAX).0);
        }
    }

    #[test]
    fn at_last_nested_chains_go_as_a_whole_and_what_cannot_be_left_out_stays() {
        let (result, bytes) = fitted(10);
        assert_eq!(marks(&result["aggregated_responses"]), " a-- b-- c--");
        assert_eq!(result["aggregated_responses"][2]["response_hash"], "the hash of c");
        assert_eq!(result["aggregated_responses"][2]["error_message"], "it is why");
        assert_eq!(fitted(bytes).1, bytes);
        assert_eq!(marks(&fitted(bytes + 500).0["aggregated_responses"]), " a-- b-- c--");
    }

    #[test]
    fn every_size_that_can_be_had_is_kept_and_nothing_is_left_out_in_vain() {
        let (_, whole) = fitted(usize::MAX);
        let (_, least) = fitted(0);
        let mut sizes: Vec<usize> = (least..=whole).step_by(53).map(|max| fitted(max).1).collect();
        assert!((least..=whole).step_by(53).zip(&sizes).all(|(max, bytes)| *bytes <= max));
        assert!(sizes.is_sorted(), "who may have more gets more: {sizes:?}");
        sizes.dedup();
        // Six data, four extracts, one chain, and whole is not among them.
        assert_eq!(sizes.len(), 11, "{sizes:?}");
    }
}
