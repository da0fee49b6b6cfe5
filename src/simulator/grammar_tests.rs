use std::time::Duration;

use proptest::prelude::*;

use super::fault::{Behaviour, Fault, FaultRule, Per, RetryAfter, Target};
use super::job_fault::{JobEnd, JobFault, JobId, Span, StateCase};
use crate::chain::ActionId;

fn status(code: u16, retry_after: Option<RetryAfter>, body: Option<&str>) -> Behaviour {
    Behaviour::Status { code, retry_after, body: body.map(Into::into) }
}

#[test]
fn every_part_means_what_it_says() {
    let seconds = Duration::from_secs;
    let table: &[(&str, Fault)] = &[
        ("status:503", Fault::status(503)),
        ("status:429,retry-after:2,times:2", Fault::retry_after(429, 2).times(2)),
        ("status:429,retry-at:3", Fault::new(status(429, Some(RetryAfter::Date(3)), None))),
        ("status:400,body:{\"a\":1,\"b\":2}", Fault::new(status(400, None, Some("{\"a\":1,\"b\":2}")))),
        ("status:400,body:", Fault::new(status(400, None, Some("")))),
        ("slow:2s", Fault::slow(seconds(2))),
        ("hang,times:1,per:run", Fault::new(Behaviour::Hang).times(1).per_run()),
        ("hang,times:1,per:action", Fault::new(Behaviour::Hang).times(1)),
        ("slow:1s,status:500", Fault::status(500).after(seconds(1))),
        ("drip:100ms", Fault::new(Behaviour::Drip(Duration::from_millis(100)))),
        ("reset-before", Fault::new(Behaviour::ResetBefore)),
        ("reset-after", Fault::new(Behaviour::ResetAfter)),
        ("truncate", Fault::new(Behaviour::Truncate(None))),
        ("truncate:0", Fault::new(Behaviour::Truncate(Some(0)))),
        ("broken-json", Fault::new(Behaviour::BrokenJson)),
        ("text", Fault::new(Behaviour::Text)),
        ("empty", Fault::new(Behaviour::Empty)),
        ("huge:10MB", Fault::new(Behaviour::Huge(10_000_000))),
        ("huge:4096", Fault::new(Behaviour::Huge(4096))),
        ("bomb:1GiB", Fault::new(Behaviour::Bomb(1 << 30))),
        ("bomb:7B", Fault::new(Behaviour::Bomb(7))),
        ("redirect", Fault::new(Behaviour::Redirect)),
        (
            "rate-limited,times:1",
            Fault::new(status(400, None, Some(r#"{"error":"invalid_request","description":"rate limit exceeded"}"#)))
                .times(1),
        ),
        ("unauthorized,times:1", Fault::new(Behaviour::Unauthorized).times(1)),
    ];
    for (text, fault) in table {
        assert_eq!(text.parse::<Fault>().as_ref(), Ok(fault), "{text}");
    }
}

#[test]
fn every_part_about_jobs_means_what_it_says() {
    let (well, two) = (JobFault::default(), Duration::from_secs(2));
    let named = |id: &str| JobFault { id: JobId::Text(id.into()), ..JobFault::default() };
    let table: &[(&str, JobFault)] = &[
        ("job-queued:2s", JobFault { queued: Some(Span::For(two)), ..well.clone() }),
        ("job-stuck", JobFault { queued: Some(Span::Ever), ..well.clone() }),
        ("job-runs-for:2s", JobFault { running: Some(Span::For(two)), ..well.clone() }),
        ("job-runs", JobFault { running: Some(Span::Ever), ..well.clone() }),
        ("job-state:PAUSED", JobFault { running_as: Some("PAUSED".into()), ..well.clone() }),
        ("job-fails", JobFault { end: JobEnd::Fails(None), ..well.clone() }),
        ("job-fails:no such: row", JobFault { end: JobEnd::Fails(Some("no such: row".into())), ..well.clone() }),
        ("job-times-out", JobFault { end: JobEnd::TimesOut, ..well.clone() }),
        ("no-job-id", JobFault { id: JobId::Missing, ..well.clone() }),
        ("job-id:../x", named("../x")),
        ("job-id:", named("")),
        ("job-case:lower", JobFault { case: StateCase::Lower, ..well.clone() }),
        ("job-case:title", JobFault { case: StateCase::Title, ..well.clone() }),
        ("job-case:upper,slow:0s", well),
    ];
    for (text, job) in table {
        assert_eq!(text.parse::<Fault>().as_ref(), Ok(&Fault::job(job.clone())), "{text}");
    }
    let all = "slow:1s,job-runs-for:2s,job-fails:x,times:1,status:202,body:{},job-stuck".parse::<Fault>().unwrap();
    let job = JobFault { running: Some(Span::For(two)), end: JobEnd::Fails(Some("x".into())), ..JobFault::default() };
    let call = Fault::new(status(202, None, Some("{},job-stuck"))).after(Duration::from_secs(1)).times(1);
    assert_eq!(all, Fault { job, ..call });
}

#[test]
fn a_target_is_an_action_or_every_action_or_their_polls_or_the_token_endpoint() {
    let rule: FaultRule = "da-x=status:400,body:a=b".parse().unwrap();
    assert_eq!(rule.target, Target::Action(ActionId::parse("da-x").unwrap()));
    assert_eq!(rule.fault, Fault::new(status(400, None, Some("a=b"))));
    assert_eq!("*=hang".parse::<FaultRule>().unwrap().target, Target::Every);
    assert_eq!("@token=hang".parse::<FaultRule>().unwrap().target, Target::Token);
    let polls = Target::Poll(ActionId::parse("da-x").unwrap());
    assert_eq!("da-x@poll=hang".parse::<FaultRule>().unwrap().target, polls);
    assert_eq!("@poll=hang".parse::<FaultRule>().unwrap().target, Target::EveryPoll);
    assert_eq!("@discovery=hang".parse::<FaultRule>().unwrap().target, Target::Discovery);
    for text in ["*", "@token", "@discovery", "da-x", "da-x@poll", "@poll"] {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let table: &[(&str, &[&str])] = &[
        ("da-x", &["is not TARGET=FAULT"]),
        ("da/x=hung,times:0,slow:2", &["da/x", "hung", "times:0", "slow:2"]),
        ("*=", &["is none of"]),
        ("*=times:2", &["nothing of what goes wrong"]),
        ("*=status", &["value is missing"]),
        ("*=status:99,hang:3", &["200 to 599", "takes no value"]),
        ("*=status:204,body:x", &["have no body"]),
        ("*=rate-limited:1", &["takes no value"]),
        ("*=rate-limited,status:503", &["said already"]),
        ("*=hang,retry-after:2", &["go with status"]),
        ("*=hang,body:x", &["go with status"]),
        ("*=hang,per:run", &["per goes with times"]),
        ("*=hang,times:1,per:step", &["is action or run"]),
        ("*=hang,text", &["said already"]),
        ("*=status:503,retry-after:2,retry-at:2", &["said already"]),
        ("*=status:503,retry-after:1.5", &["whole seconds"]),
        ("*=truncate:x", &["number of bytes"]),
        ("*=huge:1", &["a size is"]),
        ("*=bomb:99999999999GiB", &["a size is"]),
        ("*=times:2,,hang", &["is none of"]),
        ("da-x@token=hang", &["is no target"]),
        ("@poll@poll=hang", &["is no target"]),
        ("*@poll=hang", &["is no target"]),
        ("*=job-stuck:2s,job-runs-for:2,job-state", &["takes no value", "a duration is", "value is missing"]),
        ("*=job-stuck,job-queued:2s", &["said already"]),
        ("*=job-runs,job-runs-for:2s", &["said already"]),
        ("*=job-fails,job-times-out", &["said already"]),
        ("*=no-job-id,job-id:x", &["said already"]),
        ("*=job-case:wild", &["upper, lower or title"]),
        ("*=job-explodes", &["job-queued, job-stuck"]),
        ("@poll=job-fails", &["the action that submits it"]),
        ("da-x@poll=hang,job-id:x", &["the action that submits it"]),
        ("@token=job-stuck", &["the action that submits it"]),
    ];
    for (text, wanted) in table {
        let problems = text.parse::<FaultRule>().unwrap_err().problems;
        assert_eq!(problems.len(), wanted.len(), "{text}: {problems:?}");
        for (problem, part) in problems.iter().zip(*wanted) {
            assert!(problem.contains(part), "{text}: {problem:?} lacks {part:?}");
        }
    }
}

fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    let millis = || (0_u64..100_000).prop_map(Duration::from_millis);
    let retry_after = prop_oneof![
        Just(None),
        any::<u64>().prop_map(|n| Some(RetryAfter::Seconds(n))),
        any::<u64>().prop_map(|n| Some(RetryAfter::Date(n))),
    ];
    prop_oneof![
        (205_u16..304, retry_after, any::<Option<String>>()).prop_map(|(code, retry_after, body)| Behaviour::Status {
            code,
            retry_after,
            body: body.map(Into::into)
        }),
        millis().prop_map(Behaviour::Drip),
        any::<Option<usize>>().prop_map(Behaviour::Truncate),
        (2_u64..).prop_map(Behaviour::Huge),
        (2_u64..).prop_map(Behaviour::Bomb),
        Just(Behaviour::Healthy),
        Just(Behaviour::ResetBefore),
        Just(Behaviour::ResetAfter),
        Just(Behaviour::BrokenJson),
        Just(Behaviour::Text),
        Just(Behaviour::Empty),
        Just(Behaviour::Redirect),
        Just(Behaviour::Hang),
        Just(Behaviour::Unauthorized),
    ]
}

fn any_job() -> impl Strategy<Value = JobFault> {
    let span = || prop_oneof![(0_u64..100_000).prop_map(|ms| Span::For(Duration::from_millis(ms))), Just(Span::Ever)];
    let text = || "[^,]*".prop_map(Into::into);
    let end =
        prop_oneof![Just(JobEnd::Completes), Just(JobEnd::TimesOut), prop::option::of(text()).prop_map(JobEnd::Fails),];
    let id = prop_oneof![Just(JobId::Own), Just(JobId::Missing), text().prop_map(JobId::Text)];
    let case = prop_oneof![Just(StateCase::Upper), Just(StateCase::Lower), Just(StateCase::Title)];
    (prop::option::of(span()), prop::option::of(span()), prop::option::of(text()), end, id, case).prop_map(
        |(queued, running, running_as, end, id, case)| JobFault { queued, running, running_as, end, id, case },
    )
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_as_the_same(behaviour in any_behaviour(), job in any_job(), slow in 0_u64..100_000, times in prop::option::of(1_u32..), run: bool) {
        let per = if run && times.is_some() { Per::Run } else { Per::Action };
        let fault = Fault { behaviour, job, slow: Duration::from_millis(slow), times, per };
        prop_assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
    }
}
