//! Loads that a person runs by hand, with the figures they gave: `cargo test -p cybexp-report --test load -- --ignored
//! --nocapture`.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::time::Instant;

use cybexp_store::GraphBatch;
use cybexp_testkit::{Daemon, Site, eventually, now, status_of};
use serde_json::json;
use tahoe_core::{Attribute, Event, Node, OrgId, Query, Socket, Status, SubType, Timestamp};

/// Sixteen questions on ten events of 6 MB each, as values, paths and documents.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a load of a minute"]
async fn sixteen_questions_on_large_events_stay_within_the_budget() {
    let more = json!({"report": {"accept_unsigned": true}});
    let site = Site::new("load", more).await;
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let attribute = |sub_type: &'static str, data: &str| {
        Node::from(Attribute::new(SubType::from_static(sub_type), data))
    };
    for n in 0..10_usize {
        let values = (0..3_000).map(|i| {
            let value = format!("{n} {i} {}", "x".repeat(2_000));
            attribute("comment", &value)
        });
        let info = attribute("info", "campaign");
        let at = Timestamp::new(now() - n as f64).unwrap();
        let misp = SubType::from_static("misp");
        let mut batch = GraphBatch::default();
        let children = values.chain([info]).collect();
        batch.add_event(Event::new(misp, orgid.clone(), at, children).unwrap());
        site.graph.write(&batch).await.unwrap();
    }
    let daemon = Daemon::start::<&str>(env!("CARGO_BIN_EXE_cybexp-report"), &[], &site);
    let shapes = [
        json!({}),
        json!({"summary_graph": true}),
        json!({"summary": false}),
        json!({"summary": false, "return_type": "event"}),
    ];
    let mut queries: Vec<Query> = Vec::new();
    for n in 0..16 {
        let mut question = json!({"sub_type": "info", "data": "campaign", "from": n});
        let fields = question.as_object_mut().unwrap();
        fields.extend(shapes[n % 4].as_object().unwrap().clone());
        queries.push(site.query("related", &question, now(), Socket::default()));
    }
    let since = Instant::now();
    site.queries.put(&queries).await.unwrap();
    for query in &queries {
        let hash = query.to_object().unwrap().hash();
        let ready = async || {
            let (query, reason) = site.queries.find(hash).await.unwrap().unwrap();
            assert_eq!(reason, None);
            query.status == Status::Ready
        };
        eventually("a report", ready).await;
    }
    let peak = status_of(daemon.pid(), "VmHWM").unwrap();
    println!(
        "16 questions: {:?}, at most {} MiB",
        since.elapsed(),
        peak >> 10
    );
    assert!(peak < 1 << 20, "{peak} KiB");
    assert!(daemon.terminate().success());
}
