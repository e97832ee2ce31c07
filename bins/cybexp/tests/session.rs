//! A session that grows: one more record costs what a record costs, however many there were, and its story is read a
//! page at a time.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are part of what it shows, and clippy sees helpers of a test as no test"
)]

use std::time::{Duration, Instant};

use bson::{Bson, doc};
use cybexp_filters::readers;
use cybexp_testkit::{Api, Daemon, Site, now};
use serde_json::{Value, json};
use tahoe_core::{OrgId, Raw, SubType, Timestamp};

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
/// The most events of a session that its story tells.
const TOLD: usize = 20_000;
/// Seconds since 1970 at which the session began.
const BEGAN: f64 = 1_790_000_000.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_session_takes_a_record_at_the_price_of_a_record() {
    grow(5_000).await;
}

/// `cargo test --release -p cybexp --test session -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes without optimisation"]
async fn a_session_of_100_000_events() {
    grow(100_000).await;
}

/// Fills a session with so many commands, adds one to it when it is short and one when it is long, and reads its story.
async fn grow(events: usize) {
    let site = Site::new("long_session", json!({})).await;
    let short = 100;
    add(&site, 0..short).await;
    let first = written_by(&site, short).await;
    add(&site, short + 1..events - 1).await;
    let last = written_by(&site, events - 1).await;
    println!(
        "bytes written for one more record: {first} beside {short} events, {last} beside {events}"
    );
    assert!(last < first + first / 5, "{last} after {first}");

    let _report = Daemon::start(CYBEXP, &["daemon", "report"], &site);
    let api = Api::start(CYBEXP, &["daemon", "api"], &site).await;
    let token = site.token(&site.user().await);
    for page in [1, 2] {
        let asked = Instant::now();
        let question = json!({"sub_type": "sessionid", "data": "5e551011", "page": page});
        let story = ask(&api, &token, &question).await;
        println!(
            "page {page} of its story: {:.0} ms, {} bytes",
            asked.elapsed().as_secs_f64() * 1000.0,
            story.to_string().len()
        );
        assert_eq!(story["total"], json!(events.min(TOLD)), "{story}");
        assert_eq!(story["cut"] == json!(true), events > TOLD);
        assert!(!story["data"]["steps"].as_array().unwrap().is_empty());
    }
}

/// Asks until the answer is there.
async fn ask(api: &Api, token: &str, question: &Value) -> Value {
    let body = json!({"type": "session", "data": question});
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = api.post("/query", Some(token), &body).await;
        match answer.status {
            201 => return answer.json(),
            status => assert!(
                status == 202 && Instant::now() < until,
                "{}",
                answer.message()
            ),
        }
    }
}

/// Stores commands of the session as raws and runs analytics.
async fn add(site: &Site, numbers: std::ops::Range<usize>) {
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let numbers: Vec<usize> = numbers.collect();
    for part in numbers.chunks(5_000) {
        let raws = part.iter().map(|n| {
            let data = json!({
                "eventid": "cowrie.command.input", "session": "5e551011", "sensor": "london", "src_ip": "203.0.113.9",
                "timestamp": BEGAN + *n as f64 / 10.0, "input": format!("echo {n}"),
            });
            let data = serde_json::from_value(data).unwrap();
            let at = Timestamp::new(now()).unwrap();
            let raw = Raw::new(SubType::new("cowrie").unwrap(), data, orgid.clone(), "UTC".to_owned(), Some(at));
            raw.unwrap()
        });
        let raws: Vec<Raw> = raws.collect();
        site.raws.write(&raws, readers).await.unwrap();
    }
    let analytics = Daemon::start(CYBEXP, &["daemon", "analytics", "--once"], site);
    assert!(analytics.wait().success());
}

/// Returns the bytes that the replication log got for all that one more command changed.
async fn written_by(site: &Site, number: usize) -> i64 {
    let archive = site.collection("tahoe", "instance").await;
    let log = archive
        .client()
        .database("local")
        .collection::<bson::Document>("oplog.rs");
    let newest = log
        .find_one(doc! {})
        .sort(doc! {"$natural": -1})
        .await
        .unwrap()
        .unwrap();
    let since = newest.get_timestamp("ts").unwrap();
    add(site, number..number + 1).await;
    let of = format!("{}.{}", archive.namespace().db, archive.name());
    let pipeline = vec![
        doc! {"$match": {"ts": {"$gt": since}, "ns": of}},
        doc! {"$group": {"_id": null, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}},
    ];
    let mut found = log.aggregate(pipeline).await.unwrap();
    assert!(found.advance().await.unwrap());
    match found.deserialize_current().unwrap().get("bytes") {
        Some(Bson::Int32(bytes)) => i64::from(*bytes),
        Some(Bson::Int64(bytes)) => *bytes,
        other => panic!("{other:?}"),
    }
}
