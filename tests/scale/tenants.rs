//! Several tenants and queues in one worker.

use std::collections::BTreeSet;

use super::*;
use crate::support::Broker;

fn runs(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{name}-{n}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "one request, to the simulator")]
async fn spend_a_token(simulator: &Simulator) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let form = [("grant_type", "client_credentials"), ("client_id", Second::ID), ("client_secret", "second-secret")];
    let spent = reqwest::Client::new().post(simulator.token_url()).form(&form).send().await.unwrap();
    assert_eq!(spent.status().as_u16(), 200);
    simulator.revoke_tokens();
}

#[tokio::test]
async fn each_tenant_has_its_own_credentials_pace_places_and_queues() {
    let _busy = QUIET.read().await;
    let mut stage = Stage::new(Broker::shared().await, taking(Duration::from_millis(200))).await;
    // The platform of b counts, and lets its client have no more than two calls a second.
    let strict = SimulatorSettings { limits: vec!["2/1s".parse().unwrap()], ..taking(Duration::ZERO) };
    let b = Second::join(&mut stage, "[{limit = 2, per = \"1s\", burst = 1}]", strict);
    let more = stage.name("b.more");
    let queues = format!(
        "[{{name = \"{}\", prefetch = 50}}, {{name = \"{}\", tenant = \"b\"}}, {{name = \"{more}\", tenant = \"b\"}}]",
        stage.queue, b.queue
    );
    stage.set("queues", &queues).set("tenants.default.max_concurrent", "3");
    // Both simulators number their tokens. This one is spent, so that no token of the one is good at the other.
    spend_a_token(&b.simulator).await;
    b.simulator.reset();

    let mut worker = Worker::spawn(&stage.env());
    worker.consuming(3, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&channel, &stage.queue, &chain(2), "first", 12).await;
    submit(&channel, &b.queue, &chain(1), "second", 3).await;
    submit(&channel, &more, &chain(1), "more", 3).await;
    let mut elsewhere = chain(1);
    elsewhere["tenant"] = "b".into();
    submit(&channel, &stage.queue, &elsewhere, "elsewhere", 2).await;
    let results = stage.results(&channel, 20, SOON).await;
    drained(&mut worker).await;

    let to_b = [runs("second", 3), runs("more", 3), runs("elsewhere", 2)].concat();
    for (simulator, expected, calls) in [(&stage.simulator, runs("first", 12), 24), (&b.simulator, to_b.clone(), 8)] {
        let seen = simulator.calls();
        let expected: BTreeSet<String> = expected.into_iter().collect();
        assert_eq!(seen.runs.keys().cloned().collect::<BTreeSet<_>>(), expected);
        assert_eq!(seen.totals.statuses.into_iter().collect::<Vec<_>>(), [(200, calls)], "no 401, no 429");
        assert_eq!(seen.tokens.issued, 1);
    }
    assert_eq!(stage.simulator.calls().max_concurrent, 3, "max_concurrent of the default tenant, all in use");
    let windows = b.simulator.calls().quota.windows;
    assert!(windows[0].max <= 2, "both queues of b went through one gate: {windows:?}");
    for result in &results {
        let run = result.body["run_id"].as_str().unwrap();
        let tenant = if to_b.iter().any(|name| name == run) { "b" } else { "default" };
        assert_eq!(
            (result.body["tenant"].as_str(), &*result.routing_key),
            (Some(tenant), &*format!("{tenant}.completed"))
        );
    }
    let log = worker.log();
    assert!(log.contains(&format!("consuming queue=\"{more}\" prefetch=")), "{log}");
}
