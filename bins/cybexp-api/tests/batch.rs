//! Many questions in one request.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{Reporter, context, start};
use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Attribute, Event, Node, OrgId, SubType, Timestamp};

fn count(n: usize) -> Value {
    json!({"type": "count", "data": {"sub_type": "port", "data": n, "last": "7d"}})
}

#[tokio::test]
async fn each_of_a_list_is_answered_as_it_would_be_alone() {
    let (site, api) = start("batch", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let ctx = context(&site, "report", false);
    let shutdown = ctx.shutdown.clone();
    let reporter = tokio::spawn(cybexp_report::run(ctx));

    let wrong = json!({"type": "count", "data": {"sub_type": "port", "data": 1, "level": 9}});
    let unheard_of = json!({"type": "count", "data": {}, "colour": "red"});
    let missing = json!({"type": "threatrank", "data": {"_hash": "0".repeat(64)}});
    let redone = json!({"type": "count", "data": {"sub_type": "port", "data": 22, "last": "7d"}, "redo": true});
    let list = [
        count(22),
        wrong,
        count(23),
        count(22),
        unheard_of,
        missing,
        redone,
        json!(7),
    ];
    let answer = api.post("/query", Some(&token), &json!(&list)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answers = answer.json();
    let statuses = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64().unwrap());
    assert_eq!(
        statuses.collect::<Vec<_>>(),
        [201, 400, 201, 201, 400, 400, 201, 400]
    );
    for (n, message) in [
        (1, "field level: "),
        (4, "the question cannot be read: colour: unknown field"),
        (5, "field _hash: there is no such event"),
        (7, "the question cannot be read: "),
    ] {
        let said = answers[n]["body"]["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{said}");
    }
    for (n, question) in list.iter().enumerate() {
        assert_eq!(
            &answers[n]["question"], question,
            "each repeats its question"
        );
    }
    for n in [0, 2] {
        let alone = api.post("/query", Some(&token), &list[n]).await;
        let same = |field: &str| alone.json()[field] == answers[n]["body"][field];
        assert!(alone.status == 201 && same("data") && same("_hash") && same("about"));
    }
    assert_eq!(answers[0], answers[3]);
    assert_eq!(answers[0]["body"]["data"], json!(0));

    let hundreds: Vec<Value> = (0..300).map(count).collect();
    let answers = api
        .post("/query", Some(&token), &json!(hundreds))
        .await
        .json();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 300);
    assert!(answers.iter().all(|one| one["status"] == 201));

    shutdown.begin();
    reporter.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_list_is_bounded_and_does_not_wait_for_ever() {
    let (site, api) = start("batch_bounds", json!({"api": {"wait_s": 1}})).await;
    let token = site.token(&site.user().await);
    let ask = async |list: Value| api.post("/query", Some(&token), &list).await;
    let answer = ask(json!([])).await;
    assert_eq!((answer.status, answer.json()), (200, json!([])));
    let many: Vec<Value> = (0..1001).map(count).collect();
    let answer = ask(json!(many)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("1000"), "{answer:?}");
    let stranger = api.post("/query", None, &json!([count(1)])).await;
    assert_eq!(stranger.status, 401);

    // nobody answers
    let body = json!({"message": "check back later", "status": "processing"});
    let later = [1, 2].map(|n| json!({"status": 202, "body": body, "question": count(n)}));
    for _ in 0..2 {
        let answer = ask(json!([count(1), count(2)])).await;
        assert_eq!((answer.status, answer.json()), (200, json!(later)));
    }
}

/// The answers of one list have a limit. What is beyond it is told, and is there for who asks for less.
#[tokio::test]
async fn a_list_of_large_answers_is_cut() {
    let (site, api) = start("large_list", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let attribute = |sub_type: &'static str, data: &str| {
        Node::from(Attribute::new(SubType::from_static(sub_type), data))
    };
    let values = (0..3_000).map(|n| attribute("comment", &format!("{n} {}", "x".repeat(2_000))));
    let children = values.chain([attribute("info", "campaign")]).collect();
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let at = Timestamp::new(1_700_000_000.0).unwrap();
    let mut batch = GraphBatch::default();
    batch.add_event(Event::new(SubType::from_static("misp"), orgid, at, children).unwrap());
    site.graph.write(&batch).await.unwrap();
    let reporter = Reporter::start(&site);
    let question = |from: usize| {
        let data = json!({"sub_type": "info", "data": "campaign", "from": from});
        json!({"type": "related", "data": data})
    };
    // eight questions, and one question eight times
    for list in [
        Value::from_iter((0..8).map(question)),
        Value::from(vec![question(9); 8]),
    ] {
        let answer = api.post("/query", Some(&token), &list).await.json();
        let statuses: Vec<&Value> = answer
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["status"])
            .collect();
        let of = |status: u16| statuses.iter().filter(|one| ***one == status).count();
        assert_eq!((of(201), of(202)), (5, 3), "{statuses:?}");
        for one in answer.as_array().unwrap() {
            let told = one["body"]["message"].as_str().unwrap_or_default();
            assert_eq!(told.contains("at most 32 MiB"), one["status"] == 202);
        }
    }
    let alone = api.post("/query", Some(&token), &question(7)).await;
    assert_eq!(alone.status, 201);
    reporter.stop().await;
}
