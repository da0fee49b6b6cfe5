//! `cxchain submit`: nothing but valid chains gets into a queue, and `--wait` tells how it went.

use cxchain::simulator::{Fault, SimulatorSettings};
use serde_json::Value;

use super::support::{Broker, SOON, Stage, amqp};
use super::{BAD, Ended, File, GOOD, run};

async fn stage() -> Stage {
    Stage::new(Broker::shared().await, SimulatorSettings::default()).await
}

/// Submits what comes from standard input.
async fn submit(stage: &Stage, arguments: &[&str], input: &str) -> Ended {
    run(&[&["submit", "-"], arguments].concat(), &stage.env(), input).await
}

#[tokio::test]
async fn a_chain_is_in_the_queue_when_submit_says_so() {
    let stage = stage().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let ended = submit(&stage, &["--run-id", "run-1"], GOOD).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    assert_eq!(ended.out, format!("✔ run run-1 is in {}\n", stage.queue));
    let file = File::new("chain", GOOD);
    let ended = run(&["submit", file.path(), "--json"], &stage.env(), "").await;
    let told: Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(told["queue"], stage.queue);

    let messages = amqp::take(&channel, &stage.queue, 2, SOON).await;
    assert!(messages.iter().all(|message| message.delivery.data == GOOD.as_bytes()), "byte for byte");
    let id = |n: usize| messages[n].delivery.properties.message_id().clone().unwrap_or_default().to_string();
    assert_eq!((id(0).as_str(), id(1).as_str()), ("run-1", told["run_id"].as_str().expect("a run id")));
    assert_eq!(*messages[0].delivery.properties.delivery_mode(), Some(2));
}

#[tokio::test]
async fn an_invalid_chain_ends_with_3_and_is_not_published() {
    let stage = stage().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let large = GOOD.replacen('{', &format!("{{{}", " ".repeat(1 << 20)), 1);
    for (input, why) in [
        (BAD, "<stdin>:1:14: /chain_id is not a valid name"),
        ("{", "is not valid JSON"),
        (&large, "at most 1048576 bytes"),
    ] {
        for flag in [&[][..], &["--wait"], &["--json"]] {
            let ended = submit(&stage, flag, input).await;
            assert_eq!(ended.code, 3);
            assert!(ended.said.contains(why) && ended.said.contains("Nothing was published."), "{}", ended.said);
            assert_eq!(ended.out, "");
        }
    }
    let own = GOOD.replacen('{', r#"{"run_id": "own", "#, 1);
    let ended = submit(&stage, &["--run-id", "given"], &own).await;
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("run_id of its own"), "{}", ended.said);
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
}

#[tokio::test]
async fn a_chain_is_judged_as_one_of_the_queues_tenant() {
    let mut stage = stage().await;
    let tenant = "{base_url = \"http://127.0.0.1:1\", auth = {client_id = \"i\", client_secret = \"s\"}}";
    stage.set("tenants.north", tenant);
    let queues = format!(
        "[{{name = \"cxchain.elsewhere\", tenant = \"north\"}}, {{name = \"{}\", tenant = \"default\"}}]",
        stage.queue
    );
    stage.set("queues", &queues);
    let of = |tenant: &str| {
        let nested = serde_json::json!({"chain_id": "n", "tenant": tenant, "steps": [{"action_id": "a"}]});
        serde_json::json!({"chain_id": "c", "steps": [{"chain": nested}]}).to_string()
    };
    let queue = stage.queue.clone();
    let ended = submit(&stage, &["--queue", &queue], &of("default")).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    for (flags, tenant) in [(&["--queue", queue.as_str()][..], "north"), (&[], "default")] {
        let ended = submit(&stage, flags, &of(tenant)).await;
        assert_eq!(ended.code, 3, "{}", ended.said);
        assert!(
            ended.said.contains("/steps/0/chain/tenant is not the tenant of the outermost chain"),
            "{}",
            ended.said
        );
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named_with_what_to_do() {
    let stage = stage().await;
    let ended = submit(&stage, &["--queue", "no-such-queue"], GOOD).await;
    assert_eq!(ended.code, 78);
    assert!(ended.said.contains("RabbitMQ has no queue no-such-queue"), "{}", ended.said);
    assert!(ended.said.contains(&format!("Work queues in the configuration: {}\n", stage.queue)), "{}", ended.said);

    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    channel.queue_delete(stage.queue.as_str().into(), Default::default()).await.expect("it was there");
    let ended = submit(&stage, &[], GOOD).await;
    assert_eq!(ended.code, 78);
    assert!(
        ended.said.contains("cxchain topology apply") && ended.said.contains("Nothing was published."),
        "{}",
        ended.said
    );

    channel.exchange_delete(stage.name("results").as_str().into(), Default::default()).await.expect("it was there");
    let ended = submit(&stage, &["--wait"], GOOD).await;
    assert_eq!(ended.code, 78);
    assert!(ended.said.contains(&format!("RabbitMQ has no exchange {}", stage.name("results"))), "{}", ended.said);
}

#[tokio::test]
async fn waiting_shows_each_step_and_ends_as_the_run_does() {
    let stage = stage().await;
    let _worker = stage.worker().await;
    stage.simulator.set_fault("da-fails".parse::<cxchain::simulator::Target>().expect("a target"), Fault::status(400));
    let two = r#"{"chain_id": "two", "steps": [{"action_id": "da-fails", "on_failure": "continue"}, {"action_id": "da-good"}]}"#;
    let ended = submit(&stage, &["--wait"], two).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", ended.out);
    assert!(lines[0].contains("waiting for a worker"), "{}", lines[0]);
    assert!(lines[1].contains("accepted: 2 steps"), "{}", lines[1]);
    for part in ["da-fails", "400", "VALIDATION", "→ continue"] {
        assert!(lines[2].contains(part), "{}", lines[2]);
    }
    assert!(lines[3].contains("da-good") && lines[3].contains("200"), "{}", lines[3]);
    assert!(lines[4].contains("completed  2 of 2 steps, 50 % successful"), "{}", lines[4]);

    let abort = r#"{"chain_id": "one", "steps": [{"action_id": "da-fails"}, {"action_id": "da-good"}]}"#;
    let ended = submit(&stage, &["--wait"], abort).await;
    assert_eq!((ended.code, ended.said.as_str()), (1, ""));
    assert!(ended.out.contains("terminated_early  1 of 2 steps, 0 % successful"), "{}", ended.out);
}

#[tokio::test]
async fn as_json_waiting_prints_the_result_and_nothing_else() {
    let stage = stage().await;
    let _worker = stage.worker().await;
    stage.simulator.set_fault("da-fails".parse::<cxchain::simulator::Target>().expect("a target"), Fault::status(500));
    let evil = "\u{1b}[2J\u{9b}31m\u{7f}";
    let fault = format!("status:200,body:{}", serde_json::json!({ "said": evil })).parse().expect("a fault");
    stage.simulator.set_fault("da-evil".parse::<cxchain::simulator::Target>().expect("a target"), fault);
    let ends = [("da-good", 0, "completed"), ("da-fails", 1, "terminated_early"), ("da-evil", 0, "completed")];
    for (action, code, status) in ends {
        let chain = GOOD.replace("da-good", action);
        let ended = submit(&stage, &["--wait", "--json", "--run-id", action], &chain).await;
        assert_eq!((ended.code, ended.said.as_str()), (code, ""), "{action}");
        let result: Value = serde_json::from_str(&ended.out).expect("one JSON value");
        assert!(!ended.out.trim_end().chars().any(char::is_control), "a terminal would obey it: {:?}", ended.out);
        if action == "da-evil" {
            assert_eq!(result["aggregated_responses"][0]["response_data"]["said"], evil);
        }
        assert_eq!((&result["final_status"], &result["run_id"]), (&status.into(), &action.into()));
        assert_eq!(result["schema"], "cxchain.result.v1");
    }
}

#[tokio::test]
async fn waiting_ends_with_1_when_no_worker_takes_the_chain() {
    let stage = stage().await;
    let ended = submit(&stage, &["--wait", "--timeout", "1s"], GOOD).await;
    assert_eq!(ended.code, 1);
    assert!(ended.said.contains("No result within 1s. Does a worker run?"), "{}", ended.said);
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 1, "it stays in the queue");
}
