//! `cxchain run`: one chain here, without a broker. The result is on standard output, what a person watches on standard error.

use std::process::Stdio;
use std::time::{Duration, Instant};

use cxchain::simulator::{Simulator, SimulatorSettings};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::support::{SOON, worker::cxchain};
use super::{BAD, Ended, File, GOOD, env, run};

/// Nobody listens at port 1.
const NOBODY: &str = "http://127.0.0.1:1";

fn simulator(faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|fault| fault.parse().expect(fault)).collect();
    Simulator::start(SimulatorSettings { faults, ..SimulatorSettings::default() }).expect("the simulator listens")
}

/// No broker is needed: the one that is configured is not there.
fn at(url: &str) -> Vec<(String, String)> {
    env(&[
        ("BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f"),
        ("TENANTS__DEFAULT__BASE_URL", url),
        ("TENANTS__DEFAULT__AUTH__CLIENT_ID", "simulator-client"),
        ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "simulator-secret"),
    ])
}

async fn run_here(simulator: &Simulator, arguments: &[&str], chain: &str) -> Ended {
    run(&[&["run", "-"], arguments].concat(), &at(&simulator.url()), chain).await
}

fn result(ended: &Ended) -> Value {
    assert_eq!(ended.out.matches('\n').count(), 1, "one line: {}", ended.out);
    serde_json::from_str(&ended.out).expect("the result is JSON")
}

fn chain(steps: &Value) -> String {
    json!({"chain_id": "here", "metadata": {"ticket": "T-1"}, "steps": steps}).to_string()
}

#[tokio::test]
async fn a_chain_runs_its_steps_are_shown_and_its_result_is_on_standard_output() {
    let simulator = simulator(&["da-b=status:422,body:no", "da-c=status:503,retry-after:0,times:1"]);
    let steps = json!([{"action_id": "da-a"}, {"action_id": "da-b", "on_failure": "continue"}, {"action_id": "da-c"}]);
    let events = File::new("events", "");
    let file = File::new("chain", chain(&steps));
    let arguments = ["run", file.path(), "--run-id", "run-1", "--events", events.path()];
    let ended = run(&arguments, &at(&simulator.url()), "").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let result = result(&ended);
    assert_eq!((&result["schema"], &result["final_status"]), (&json!("cxchain.result.v1"), &json!("completed")));
    assert_eq!((&result["run_id"], &result["metadata"]["ticket"]), (&json!("run-1"), &json!("T-1")));
    let lines: Vec<&str> = ended.said.lines().collect();
    assert_eq!(lines.len(), 7, "{}", ended.said);
    for (line, parts) in lines.iter().zip([
        &["Run run-1 of here for tenant default"][..],
        &["▸ accepted: 3 steps"],
        &["✔ da-a", " 200 "],
        &["✖ da-b", " 422 ", "failed VALIDATION → continue"],
        &["↻ da-c", " 503 ", "COMPUTE_CLUSTER_UNAVAILABLE, again in"],
        &["✔ da-c", " 200 "],
        &["■ completed  3 of 3 steps, 66.67 % successful"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
    }
    assert!(!ended.said.contains('\u{1b}'), "no colours where nobody sees them");
    assert_eq!(simulator.calls().step("run-1", "step_2").calls, 2, "the simulator was told the run's name");

    let events = std::fs::read_to_string(events.path()).expect("it is there");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    let step = "step.finished";
    assert_eq!(names, ["run.accepted", step, step, "step.retried", step, "run.finished"]);
    assert_eq!(result["audit_head"]["hash"], events[5]["hash"]);
}

#[tokio::test]
async fn with_json_there_is_the_result_and_nothing_else() {
    let simulator = simulator(&["da-good=status:500"]);
    let ended = run_here(&simulator, &["--json"], GOOD).await;
    assert_eq!((ended.code, ended.said.as_str()), (1, ""));
    let result = result(&ended);
    assert_eq!(result["final_status"], "terminated_early");
    let id = uuid::Uuid::parse_str(result["run_id"].as_str().expect("a run id")).expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn an_expired_chain_and_one_of_another_tenant_end_as_in_a_worker() {
    let simulator = simulator(&[]);
    let late = GOOD.replacen('{', r#"{"expires_at": "2020-01-01T00:00:00Z", "#, 1);
    let ended = run_here(&simulator, &[], &late).await;
    assert_eq!((ended.code, &result(&ended)["final_status"]), (1, &json!("expired")));
    assert_eq!(simulator.calls().totals.calls, 0);

    let mut two = at(NOBODY);
    let north = env(&[
        ("TENANTS__NORTH__BASE_URL", &simulator.url()),
        ("TENANTS__NORTH__AUTH__CLIENT_ID", "simulator-client"),
        ("TENANTS__NORTH__AUTH__CLIENT_SECRET", "simulator-secret"),
    ]);
    two.extend(north);
    let ended = run(&["run", "-", "--tenant", "north"], &two, GOOD).await;
    assert_eq!((ended.code, &result(&ended)["tenant"]), (0, &json!("north")), "{ended:?}");
}

#[tokio::test]
async fn what_cannot_be_run_is_said_and_nothing_is_called() {
    let simulator = simulator(&[]);
    let own = GOOD.replacen('{', r#"{"run_id": "own", "#, 1);
    let south = GOOD.replacen('{', r#"{"tenant": "south", "#, 1);
    for (code, arguments, input, why) in [
        (3, &["run", "-"][..], BAD, "<stdin>:1:14: /chain_id is not a valid name"),
        (3, &["run", "-", "--json"], BAD, "Nothing was called."),
        (3, &["run", "-"], &south, "/tenant"),
        (2, &["run", "/no/such/file"], "", "/no/such/file cannot be read: "),
        (2, &["run"], "", "<FILE>"),
        (
            2,
            &["run", "-", "--tenant", "south"],
            GOOD,
            "there is no tenant south in the configuration; there are: default",
        ),
        (2, &["run", "-", "--tenant", "So__uth"], GOOD, "--tenant"),
        (2, &["run", "-", "--run-id", "given"], &own, "run_id of its own"),
        (2, &["run", "-", "--events", "/no/such/folder/file"], GOOD, "/no/such/folder/file cannot be written: "),
    ] {
        let ended = run(arguments, &at(&simulator.url()), input).await;
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{arguments:?}: {ended:?}");
        assert!(ended.said.contains(why), "{why}: {}", ended.said);
        assert!(!ended.said.contains("canary"), "{}", ended.said);
    }
    let ended = run(&["run", "-"], &env(&[("WROKER__ID", "x")]), GOOD).await;
    assert_eq!(ended.code, 78, "{ended:?}");
    let ended = run(&["run", "-"], &[], GOOD).await;
    assert_eq!(ended.code, 78, "the built-in platform is somebody's production: {ended:?}");
    assert!(ended.said.contains("tenants.default.auth has no client_id"), "{}", ended.said);
    assert_eq!((simulator.calls().totals.calls, simulator.calls().tokens.calls), (0, 0));
}

#[tokio::test]
async fn a_platform_that_is_not_there_or_lets_nobody_in_is_69() {
    let simulator = simulator(&[]);
    let short = json!([{"action_id": "da-a", "timeout_seconds": 5}]);
    let mut wrong = at(&simulator.url());
    wrong.extend(env(&[("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "canary-wrong")]));
    for (env, class, why) in [
        (at(NOBODY), "NETWORK", "no answer from the token endpoint: could not connect: connection refused"),
        (wrong, "AUTHENTICATION", "the token endpoint refused the credentials (401"),
    ] {
        let ended = run(&["run", "-"], &env, &chain(&short)).await;
        assert_eq!(ended.code, 69, "{ended:?}");
        assert_eq!(result(&ended)["aggregated_responses"][0]["error_classification"], class);
        for part in [why, "tenants.default.base_url"] {
            assert!(ended.said.contains(part), "{part}: {}", ended.said);
        }
        assert!(!ended.said.contains("canary"), "{}", ended.said);
    }
    assert_eq!(simulator.calls().totals.calls, 0);
}

/// A run that has begun its `hang` or `slow` step.
async fn running(simulator: &Simulator, action: &str) -> Child {
    let steps = json!([{"action_id": "da-first"}, {"action_id": action}, {"action_id": "da-never"}]);
    let file = File::new("chain", chain(&steps));
    let mut command: Command = cxchain(&at(&simulator.url()));
    command.args(["run", file.path()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("cxchain starts");
    simulator.wait_until(|calls| calls.action(action).calls == 1).await;
    child
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill runs").success());
}

async fn ended(child: Child) -> Ended {
    let done = tokio::time::timeout(SOON, child.wait_with_output()).await.expect("it ends").expect("it is waited for");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: done.status.code().unwrap_or(-1), out: text(&done.stdout), said: text(&done.stderr) }
}

#[tokio::test]
async fn a_signal_lets_the_call_on_its_way_finish_and_the_result_says_what_is_known() {
    for name in ["INT", "TERM"] {
        let simulator = simulator(&["da-slow=slow:2s"]);
        let child = running(&simulator, "da-slow").await;
        signal(&child, name).await;
        let ended = ended(child).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        let result = result(&ended);
        assert_eq!((&result["final_status"], &result["reason"]["code"]), (&json!("cancelled"), &json!("cancelled")));
        let statuses: Vec<&Value> =
            result["aggregated_responses"].as_array().expect("a list").iter().map(|step| &step["status"]).collect();
        assert_eq!(statuses, ["success", "success"], "{result:#}");
        assert_eq!(ended.said.matches("da-slow").count(), 1, "no event is told twice: {}", ended.said);
        assert!(ended.said.contains("stopping: a call on its way is waited for"), "{}", ended.said);
        assert_eq!((simulator.calls().action("da-slow").answered, simulator.calls().action("da-never").calls), (1, 0));
    }
}

#[tokio::test]
async fn a_run_that_waits_for_its_next_attempt_ends_at_the_signal() {
    let simulator = simulator(&["da-throttled=status:429,retry-after:60"]);
    let child = running(&simulator, "da-throttled").await;
    let begun = Instant::now();
    signal(&child, "TERM").await;
    let ended = ended(child).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let result = result(&ended);
    assert_eq!((ended.code, &result["final_status"]), (1, &json!("cancelled")));
    let last = &result["aggregated_responses"][1];
    assert_eq!((&last["status"], &last["error_classification"]), (&json!("failed"), &json!("CANCELLED")), "{result:#}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let simulator = simulator(&["da-hangs=hang"]);
    let mut child = running(&simulator, "da-hangs").await;
    signal(&child, "INT").await;
    let mut said = tokio::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        let read = tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line);
        assert_ne!(tokio::time::timeout(SOON, read).await.expect("it says so").expect("text"), 0);
    }
    let begun = Instant::now();
    signal(&child, "INT").await;
    assert_eq!(ended(child).await.code, 143);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// A terminal obeys what it is sent; what a response holds must not be that. `script` runs a command on a terminal of its own.
#[tokio::test]
async fn on_a_terminal_the_view_moves_and_no_response_speaks_to_it() {
    let evil = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";
    let simulator = simulator(&["da-slow=slow:1s"]);
    let said = json!({"said": evil}).to_string();
    let faults = [("da-evil", format!("status:200,body:{said}")), ("da-worse", format!("status:400,body:{evil}"))];
    for (target, fault) in &faults {
        simulator.set_fault(
            target.parse::<cxchain::simulator::Target>().expect("a target"),
            fault.parse().expect("a fault"),
        );
    }
    let steps = json!([{"action_id": "da-slow"}, {"action_id": "da-evil"}, {"action_id": "da-worse"}]);
    let file = File::new("chain", chain(&steps));
    let binary = cxchain(&[]).as_std().get_program().to_str().expect("text").to_owned();
    let mut command = Command::new("script");
    command.envs(at(&simulator.url())).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
    let done = command.args(["-qec", &format!("{binary} run {}", file.path()), "/dev/null"]).output().await;
    let done = done.expect("script(1) is there");
    assert_eq!(done.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part:?} is not in {shown:?}"));
    let (moving, done_line) = (at("\u{1b}[2K\u{1b}[?7l"), at("✔"));
    assert!(moving < done_line, "{shown:?}");
    assert!(at("da-slow") < at("terminated_early") && at("{\r\n  \"schema\": \"cxchain.result.v1\",\r\n") > at("■"));
    for unfit in ["\u{1b}[2J", "\u{9b}", "\u{7f}", "\u{202e}"] {
        assert!(!shown.contains(unfit), "{unfit:?} is in {shown:?}");
    }
    for escaped in [r"\u001b[2J", r"\u009b31m", r"\u007f", r"\u202e"] {
        assert!(shown.contains(escaped), "{escaped} is not in {shown:?}");
    }
}

#[tokio::test]
async fn calls_that_were_made_are_told_although_the_rest_of_the_output_is_lost() {
    let simulator = simulator(&[]);
    let file = File::new("chain", chain(&json!([{"action_id": "da-a"}])));
    let command = format!(
        "\"$0\" run {0} --json --events /dev/full; code=$?; \"$0\" run {0} 2>/dev/full; exit $code",
        file.path()
    );
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", &command, env!("CARGO_BIN_EXE_cxchain")]).envs(at(&simulator.url()));
    let done = shell.stdin(Stdio::null()).output().await.expect("sh runs");
    let (out, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(70), "{said}");
    let results: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("a result")).collect();
    assert_eq!(results.len(), 2, "{out}");
    assert!(results.iter().all(|result| result["final_status"] == "completed"), "{out}");
    assert!(said.contains("the events could not be written"), "{said}");
    assert_eq!(simulator.calls().action("da-a").answered, 2);
}

#[tokio::test]
async fn events_do_not_go_over_the_chain() {
    let simulator = simulator(&[]);
    let file = File::new("chain", chain(&json!([{"action_id": "da-a"}])));
    let ended = run(&["run", file.path(), "--events", file.path()], &at(&simulator.url()), "").await;
    assert_eq!((ended.code, simulator.calls().action("da-a").calls), (2, 0), "{ended:?}");
    assert!(ended.said.contains("would overwrite the chain"), "{ended:?}");
}

#[tokio::test]
async fn a_signal_ends_a_run_whose_chain_does_not_come() {
    let fifo = File::new("fifo", "");
    let command = format!("rm {0}; mkfifo {0}; exec \"$0\" run {0}", fifo.path());
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", &command, env!("CARGO_BIN_EXE_cxchain")]).envs(at(NOBODY)).kill_on_drop(true);
    let mut child = shell.spawn().expect("sh runs");
    let reads = format!("/proc/{}/exe", child.id().expect("it runs"));
    super::support::eventually("it is cxchain", SOON, async || {
        std::fs::read_link(&reads).is_ok_and(|exe| exe.ends_with("cxchain")).then_some(())
    })
    .await;
    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(SOON, child.wait()).await.expect("the first signal ends it").expect("waited for");
    assert!(!ended.success(), "{ended}");
}
