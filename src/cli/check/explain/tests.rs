use std::collections::BTreeMap;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::super::judge;
use super::*;
use crate::chain::check::Catalogue;
use crate::chain::plan::Terms;

const OWN: Source<'static> = Source { configuration: "my.toml", assumed: None };

/// The plan of a definition for so many columns, without colours.
fn explained(definition: &str, source: &Source<'_>, columns: usize) -> String {
    let chain = judge(definition.as_bytes(), &Catalogue::any()).unwrap_or_else(|problems| panic!("{problems}"));
    let window = |limit, per, interval| Window {
        limit,
        per: Duration::from_secs(per),
        interval: Duration::from_millis(interval),
    };
    let windows = vec![window(10, 1, 100), window(100, 60, 660)];
    let plan =
        Plan::of(&chain, &Terms { max_attempts: 4, poll: Duration::from_secs(3), windows, actions: BTreeMap::new() });
    let text = lines(&plan, source, columns).join("\n");
    anstream::adapter::strip_str(&text).to_string()
}

const PLAIN: &str = r#"{"chain_id": "welcome", "steps": [
    {"id": "profile", "action_id": "da-profile", "idempotent": true},
    {"id": "score", "action_id": "da-score", "on_failure": "continue", "retry": {"max_attempts": 1}},
    {"id": "notify", "action_id": "da-notify", "timeout_seconds": 20, "on_unknown": "retry", "on_failure": "fallback"}]}"#;

const RICH: &str = r#"{"chain_id": "rich", "global_timeout_seconds": 120, "steps": [
    {"id": "sync", "action_id": "da-sync", "mode": "job", "timeout_seconds": 90, "extract": {"tier": "tier", "score": "a.score"},
     "on_failure": "fallback", "fallback": {"action_id": "da-note"}},
    {"id": "offer", "when": "steps.sync.extracted.tier == 'gold'", "chain": {"chain_id": "offer-flow", "global_timeout_seconds": 60, "steps": [
        {"id": "a_long_name_of_a_step", "action_id": "da-pick", "timeout_seconds": 50,
         "payload": {"score": "${{ steps.sync.extracted.score }}"}},
        {"id": "book", "action_id": "da-book", "on_failure": "fallback", "fallback": {"output": 1}}]}}]}"#;

#[test]
fn a_plan_tells_of_each_step_what_becomes_of_it_and_of_all_what_they_cost() {
    insta::assert_snapshot!(explained(PLAIN, &OWN, 80), @r"
    profile  da-profile · 30 s · up to 4 attempts
             fails  the run ends
             lost   sent again: it is idempotent
    score    da-score · 30 s · 1 attempt
             fails  the chain goes on
             lost   unknown, not sent again; the chain goes on
    notify   da-notify · 20 s · up to 4 attempts
             fails  the chain goes on; the fallback is only recorded
             lost   sent again, and may be carried out twice (on_unknown: retry)

    Time      1 min 20 s at most, of the run's 5 min; waiting for the rate limit
              comes on top.
    Requests  3 when all goes well, 9 at most. Not counted: tokens, and calls that
              a 429 or a 401 sends back.
    Limits    10 in 1 s and 100 in 1 min for tenant default (my.toml): about 30
              runs a minute when all goes well, 10 at worst, all workers together.
    Lost      a call whose worker died, or whose connection broke, before its
              answer was there: nobody knows whether it was carried out. Once its
              step's time is over, it stays unknown. What is known is never sent
              again.
    ");
}

#[test]
fn a_nested_chain_a_job_and_a_clock_that_is_too_short_are_told() {
    insta::assert_snapshot!(explained(RICH, &OWN, 80), @r"
    sync                  da-sync · job, 1 min 30 s · up to 4 attempts, then up to
                          30 polls
                          gives  score and tier
                          fails  falls back on da-note · 30 s · up to 4 attempts
                          lost   unknown, not sent again; falls back (a job that
                                 is known is polled on)
                                 its fallback: unknown, not sent again; the chain
                                 goes on
    offer                 chain offer-flow · 2 steps · 1 min by its own clock
                          when   steps.sync.extracted.tier == 'gold'; else it is
                                 skipped
                          fails  the run ends
      offer.a_long_name_of_a_step  da-pick · 50 s · up to 4 attempts
                          uses   sync
                          fails  its chain ends
                          lost   unknown, not sent again; its chain ends
      offer.book          da-book · 30 s · up to 4 attempts
                          fails  falls back on its fixed output
                          lost   unknown, not sent again; falls back

    Time      3 min at most, but the run has 2 min: its clock can end it at
              offer.a_long_name_of_a_step (global_timeout_seconds: 180 would be
              enough for all of them); waiting for the rate limit comes on top.
              offer has 1 min for steps of 1 min 20 s: its clock can end it at
              offer.book.
    Requests  2 to 4 when all goes well, depending on the conditions, 46 at most.
              Not counted: tokens, and calls that a 429 or a 401 sends back.
    Limits    10 in 1 s and 100 in 1 min for tenant default (my.toml): about 22
              runs a minute when all goes well, 2.0 at worst, all workers
              together.
    Lost      a call whose worker died, or whose time was over, before its answer
              was there: nobody knows whether it was carried out. What is known is
              never sent again.
    ");
}

#[test]
fn what_becomes_of_a_fallback_that_is_lost_is_told() {
    let told = |more: &str| {
        let nested = r#""chain": {"chain_id": "inner", "steps": [{"action_id": "b"}]}"#;
        let fallback = r#""on_failure": "fallback", "fallback": {"action_id": "f"}"#;
        let steps = [r#""action_id": "a""#, nested].map(|work| {
            let text =
                explained(&format!(r#"{{"chain_id": "c", "steps": [{{{work}, {fallback}{more}}}]}}"#), &OWN, 100);
            let line = text.lines().find(|line| line.contains("its fallback:")).unwrap_or_default();
            line.trim_start().to_owned()
        });
        steps.join(" | ")
    };
    let same = |words: &str| format!("its fallback: {words} | lost   its fallback: {words}");
    assert_eq!(told(""), same("unknown, not sent again; the chain goes on"));
    assert_eq!(told(r#", "on_unknown": "stop""#), same("unknown, not sent again; the run ends"));
    let twice = "sent again, and may be carried out twice (on_unknown: retry)";
    assert_eq!(told(r#", "on_unknown": "retry""#), same(twice));
    // What the step itself says of its own call is not its fallback's.
    let own = explained(
        r#"{"chain_id": "c", "steps": [{"action_id": "a", "idempotent": true, "on_failure": "fallback", "fallback": {"action_id": "f"}}]}"#,
        &OWN,
        100,
    );
    assert!(own.contains("its fallback: unknown, not sent again; the chain goes on"), "{own}");
}

/// One attempt is used up by an answer that is lost, and not by a worker that dies.
#[test]
fn a_call_with_one_attempt_is_sent_again_only_if_its_worker_died() {
    let told = |more: &str| {
        let step = format!(r#"{{"action_id": "a", "retry": {{"max_attempts": 1}}, {more}}}"#);
        let text = explained(&format!(r#"{{"chain_id": "c", "steps": [{step}]}}"#), &OWN, 100);
        let lost = text.split("  lost   ").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        (lost.split_whitespace().collect::<Vec<_>>().join(" "), text)
    };
    let (lost, text) = told(r#""idempotent": true"#);
    assert_eq!(lost, "sent again only if its worker died, else unknown; the run ends");
    assert!(!text.contains("or whose time was over") && text.contains("it stays unknown"), "{text}");
    let (lost, _) = told(r#""on_unknown": "retry", "on_failure": "continue""#);
    let twice = "and may be carried out twice then (on_unknown: retry), else unknown; the chain goes on";
    assert_eq!(lost, format!("sent again only if its worker died, {twice}"));
    let (lost, text) = told(r#""idempotent": false"#);
    assert_eq!(lost, "unknown, not sent again; the run ends");
    assert!(text.contains("or whose time was over"), "{text}");
}

#[test]
fn a_tenant_that_is_not_configured_has_the_limits_of_another_one() {
    let other = TenantName::parse("south").expect("a name");
    let assumed = Source { configuration: "built-in defaults", assumed: Some(&other) };
    let text = explained(&PLAIN.replacen('{', r#"{"tenant": "north", "#, 1), &assumed, 200);
    let limits = text.split("Limits").nth(1).and_then(|rest| rest.split("Lost").next()).expect("they are told");
    let words: Vec<&str> = limits.split_whitespace().collect();
    insta::assert_snapshot!(words.join(" "), @"10 in 1 s and 100 in 1 min of south, for tenant north is not in the configuration (built-in defaults): about 30 runs a minute when all goes well, 10 at worst, all workers together.");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for definition in [PLAIN, RICH] {
        for columns in 50..110 {
            let text = explained(definition, &OWN, columns);
            for line in text.lines() {
                assert!(line.width() <= columns, "{columns}: {line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }
}
