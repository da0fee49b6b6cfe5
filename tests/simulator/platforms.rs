//! The platforms besides data actions: each with its own way in, its own operations and its own words.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cxchain::simulator::{Api, Simulator, SimulatorSettings};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{http, quick};

const SERVICES: &str = "/incontactapi/services/v31.0";

fn playing(api: Api, faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|rule| rule.parse().unwrap()).collect();
    let (job_queued, job_running) = (Duration::ZERO, Duration::ZERO);
    Simulator::start(SimulatorSettings { api, faults, job_queued, job_running, ..quick() }).unwrap()
}

/// A client of the platform, with a token.
struct Guest {
    http: Client,
    url: String,
    token: String,
}

impl Guest {
    async fn of(simulator: &Simulator) -> Self {
        let http = http();
        let grant = match simulator.token_url().ends_with("/auth/token") {
            true => {
                vec![("grant_type", "password"), ("username", "simulator-key"), ("password", "simulator-key-secret")]
            }
            false => vec![("grant_type", "client_credentials")],
        };
        let request = http.post(simulator.token_url()).basic_auth("simulator-client", Some("simulator-secret"));
        let answer: Value = request.form(&grant).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { http, url: simulator.url(), token }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        request.header("accept", "application/json").header("x-request-id", "r.s.1")
    }

    async fn post(&self, path: &str) -> Response {
        self.ask(Method::POST, path).send().await.unwrap()
    }
}

async fn body(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn cxone_starts_a_script_signals_it_and_disposes_of_the_contact() {
    let simulator = playing(Api::Cxone, &[]);
    let guest = Guest::of(&simulator).await;
    let start = format!("{SERVICES}/scripts/start?skillId=17&scriptPath=a%5Cb&Parameters=x%7Cy");
    let (status, started) = body(guest.post(&start).await).await;
    assert_eq!((status, &started["parameters"]), (202, &json!(["x", "y"])));
    let contact = started["contactId"].as_u64().unwrap();
    let signal = guest.post(&format!("{SERVICES}/interactions/{contact}/signal?p1=go")).await;
    assert_eq!((signal.status().as_u16(), signal.bytes().await.unwrap().len()), (202, 0));
    let dispose = format!("{SERVICES}/agent-sessions/abc/interactions/{contact}/disposition");
    let disposed = guest.ask(Method::PUT, &dispose).json(&json!({"primaryDispositionId": 3})).send().await.unwrap();
    assert_eq!(disposed.status().as_u16(), 204);

    for (path, error) in [
        (format!("{SERVICES}/scripts/start?skillId=17"), "scriptPath is required"),
        (dispose, "primaryDispositionId is required"),
    ] {
        let refused = guest.post(&path).await;
        assert_eq!(refused.headers()["icstatusdescription"], error);
        assert_eq!(body(refused).await, (400, json!({"error": "MissingParameter", "errorDescription": error})));
    }
    let unknown = guest.post(&format!("{SERVICES}/interactions/{}/signal", contact + 1)).await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.headers()["icstatusdescription"].to_str().unwrap()),
        (404, "there is no such contact")
    );
    assert_eq!(unknown.bytes().await.unwrap(), "", "the header alone says why");
    let echo = guest.ask(Method::PATCH, &format!("{SERVICES}/agents/17/skills?a=b")).json(&json!({"n": 1.0}));
    let (status, told) = body(echo.send().await.unwrap()).await;
    assert_eq!((status, &told["echo"], &told["query"]), (200, &json!({"n": 1.0}), &json!({"a": "b"})));
    assert_eq!((&told["method"], &told["path"]), (&json!("PATCH"), &json!("agents/17/skills")));

    let calls = simulator.calls();
    let ran: Vec<_> = calls.actions.iter().map(|(action, tally)| (action.as_str(), tally.calls, tally.ran)).collect();
    let expected = [
        ("agents.skills", 1, 1),
        ("interactions.disposition", 2, 1),
        ("interactions.signal", 2, 1),
        ("scripts.start", 2, 1),
    ];
    assert_eq!(ran, expected);
    assert_eq!(calls.step("r", "s").calls, 7);
}

#[tokio::test]
async fn cxone_renders_json_only_for_who_takes_it() {
    let simulator = playing(Api::Cxone, &[]);
    let guest = Guest::of(&simulator).await;
    for accept in ["*/*", "text/html"] {
        let request = guest.http.get(format!("{}{SERVICES}/agents", guest.url)).bearer_auth(&guest.token);
        let answer = request.header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 406);
        assert_eq!(answer.text().await.unwrap(), "No known way to render data");
    }
    assert_eq!(simulator.calls().totals.ran, 0);
}

#[tokio::test]
async fn cxones_issuer_says_where_things_are_and_whose_a_token_is() {
    let simulator = playing(Api::Cxone, &["@discovery=status:503,times:1"]);
    let (http, url) = (http(), simulator.url());
    let get = async |path: &str| body(http.get(format!("{url}{path}")).send().await.unwrap()).await;
    assert_eq!(get("/.well-known/openid-configuration").await.0, 503);
    let (_, openid) = get("/.well-known/openid-configuration").await;
    assert_eq!(openid["token_endpoint"], simulator.token_url());
    let (_, tenant) = get("/.well-known/cxone-configuration?tenantId=simulator-tenant").await;
    assert_eq!(tenant["api_endpoint"], url);
    assert_eq!(get("/.well-known/cxone-configuration?tenantId=other").await.0, 404);
    let key = json!({"accessKeyId": "simulator-key", "accessKeySecret": "simulator-key-secret"});
    let older = http.post(format!("{url}/authentication/v1/token/access-key")).json(&key).send().await.unwrap();
    let (status, granted) = body(older).await;
    let claims = granted["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((status, claims), (200, json!({"tenantId": "simulator-tenant"})));
    let calls = simulator.calls();
    assert_eq!((calls.discovery.calls, calls.tokens.issued, calls.totals.calls), (4, 1, 0));
}

#[tokio::test]
async fn cxone_extracts_data_as_a_job_with_a_bare_id() {
    let simulator = playing(Api::Cxone, &["data-extraction.jobs=job-fails:no rows,times:1"]);
    let guest = Guest::of(&simulator).await;
    for (state, result) in [
        ("FAILED", json!({"errorMessage": "no rows"})),
        ("SUCCEEDED", json!({"url": "https://simulated.invalid/simulated-job-2"})),
    ] {
        let job = guest.ask(Method::POST, "/data-extraction/v1/jobs").json(&json!({"entityName": "x"}));
        let (status, id) = body(job.send().await.unwrap()).await;
        let id = id.as_str().unwrap().to_owned();
        let polled = guest.ask(Method::GET, &format!("/data-extraction/v1/jobs/{id}")).send().await.unwrap();
        let told = json!({"jobStatus": {"id": id, "status": state, "result": result}});
        assert_eq!((status, body(polled).await), (202, (200, told)));
    }
    assert_eq!((simulator.calls().jobs.submitted, simulator.calls().step("r", "s").polls.calls), (2, 2));
}

#[tokio::test]
async fn genesys_executes_unflattened_and_says_how_the_quota_stands() {
    let limits = vec!["2/60s".parse().unwrap()];
    let simulator = Simulator::start(SimulatorSettings { api: Api::Genesys, limits, ..quick() }).unwrap();
    let guest = Guest::of(&simulator).await;
    let execute = "/api/v2/integrations/actions/custom-1/execute";
    let answer =
        guest.ask(Method::POST, &format!("{execute}?flatten=false")).json(&json!({"a": 1})).send().await.unwrap();
    let header = |answer: &Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&answer, "inin-ratelimit-allowed"), "2");
    assert_eq!(header(&answer, "inin-ratelimit-count"), "1");
    assert!(header(&answer, "inin-correlation-id").starts_with("simulated-"));
    assert_eq!(body(answer).await, (200, json!({"action": "custom-1", "ok": true, "echo": {"a": 1}})));
    let flat = guest.post(execute).await;
    assert_eq!(flat.status().as_u16(), 400);
    let throttled = guest.post(&format!("{execute}?flatten=false")).await;
    assert_eq!((throttled.status().as_u16(), header(&throttled, "inin-ratelimit-count").as_str()), (429, "2"));
    assert!(throttled.headers().contains_key("retry-after"));
    assert_eq!(simulator.calls().action("custom-1").ran, 1);
}

#[tokio::test]
async fn genesys_answers_queries_as_jobs() {
    let simulator = playing(Api::Genesys, &[]);
    let guest = Guest::of(&simulator).await;
    let jobs = "/api/v2/analytics/conversations/details/jobs";
    let (status, receipt) = body(guest.ask(Method::POST, jobs).json(&json!({})).send().await.unwrap()).await;
    assert_eq!((status, &receipt), (202, &json!({"jobId": "simulated-job-1"})));
    let polled = guest.ask(Method::GET, &format!("{jobs}/simulated-job-1")).send().await.unwrap();
    assert_eq!(body(polled).await, (200, json!({"state": "FULFILLED"})));
    let results = guest.ask(Method::GET, &format!("{jobs}/simulated-job-1/results")).send().await.unwrap();
    assert_eq!(results.status().as_u16(), 200);
}

#[tokio::test]
async fn a_token_endpoint_can_throttle_with_400_and_no_platform_has_anothers_paths() {
    let simulator = playing(Api::Genesys, &["@token=rate-limited,times:1"]);
    let http = http();
    let ask = || http.post(simulator.token_url()).basic_auth("simulator-client", Some("simulator-secret"));
    let form = [("grant_type", "client_credentials")];
    let (status, told) = body(ask().form(&form).send().await.unwrap()).await;
    assert_eq!((status, &told["description"]), (400, &json!("rate limit exceeded")));
    assert_eq!(ask().form(&form).send().await.unwrap().status().as_u16(), 200);
    for (api, path) in [
        (Api::DataActions, "/.well-known/openid-configuration"),
        (Api::DataActions, "/auth/token"),
        (Api::Cxone, "/oauth/token"),
        (Api::Cxone, "/api/v2/integrations/actions/x/execute"),
        (Api::Genesys, "/auth/token"),
        (Api::Genesys, "/incontactapi/services/v31.0/agents"),
    ] {
        let simulator = playing(api, &[]);
        let answer = http.post(format!("{}{path}", simulator.url())).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{api} {path}");
    }
}
