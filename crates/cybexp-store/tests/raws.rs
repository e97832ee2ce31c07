//! The raws that a filter has not processed.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use common::*;
use cybexp_store::{Archive, PendingRaw, RawOutcome, RawQueue, Raws, Taken};
use mongodb::Collection;
use serde_json::json;
use tahoe_core::Hash;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_a_thousand_raws() {
    let (archive, _) = archive().await;
    let raws: Vec<_> = (0..1100).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws).await.unwrap();
    let mut queue = archive.queue("cowrie@1", &["cowrie"]).await.unwrap();
    for expected in [1000, 100] {
        let taken = take(&mut queue).await;
        assert_eq!(taken.len(), expected);
        let made = taken.iter().map(|raw| RawOutcome::new(raw, Ok(vec![])));
        queue.mark(&made.collect::<Vec<_>>(), 0.0).await.unwrap();
    }
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_32_mib() {
    let (archive, _) = archive().await;
    let text = "x".repeat(10 << 20);
    let raws: Vec<_> = (0..5)
        .map(|i| raw("email", json!({"data": text, "i": i})))
        .collect();
    archive.write(&raws).await.unwrap();
    let mut queue = archive.queue("email@1", &["email"]).await.unwrap();
    for expected in [4, 1] {
        let taken = take(&mut queue).await;
        assert_eq!(taken.len(), expected);
        let made = taken.iter().map(|raw| RawOutcome::new(raw, Ok(vec![])));
        queue.mark(&made.collect::<Vec<_>>(), 0.0).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_raw_is_set_aside_with_the_reason() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    let wrong = [
        ("orgid", Bson::Undefined, "missing field `orgid`"),
        ("orgid", 5.into(), "field orgid: invalid type: integer"),
        ("data", Bson::Undefined, "missing field `data`"),
        (
            "data",
            bson::DateTime::now().into(),
            "field data: a BSON DateTime",
        ),
        (
            "data",
            doc! {"a": [ObjectId::new()]}.into(),
            "field data: a BSON ObjectId",
        ),
        ("data", f64::NAN.into(), "field data: NaN"),
        ("timezone", Bson::Null, "field timezone: invalid type"),
        (
            "timestamp",
            "yesterday".into(),
            "field timestamp: invalid type",
        ),
        (
            "filters",
            "filt_cowrie".into(),
            "field filters: invalid type",
        ),
        ("_ref", vec![5].into(), "field _ref[0]: invalid type"),
    ];
    for (i, (field, value, _)) in wrong.iter().enumerate() {
        let mut raw = python_raw(i as i32);
        match value {
            Bson::Undefined => drop(raw.remove(*field)),
            value => drop(raw.insert(*field, value.clone())),
        }
        coll.insert_one(raw).await.unwrap();
    }
    coll.insert_one(python_raw(100)).await.unwrap();
    // an id of a type that this suite does not give belongs to another program
    let mut foreign = python_raw(101);
    foreign.insert("_id", "foreign");
    coll.insert_one(foreign).await.unwrap();

    let mut queue = archive.queue("cowrie@1", &["cowrie"]).await.unwrap();
    let Taken::Work(taken) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    assert_eq!(taken.len(), wrong.len() + 1);
    let outcomes = taken.into_iter().map(|raw| match raw {
        Ok(raw) => RawOutcome::new(&raw, Ok(vec![hash("made")])),
        Err(outcome) => outcome,
    });
    let outcomes: Vec<_> = outcomes.collect();
    queue.mark(&outcomes, 7.5).await.unwrap();
    let refused = find(&coll, doc! {"_valid": false}).await;
    assert_eq!(refused.len(), wrong.len());
    for (refused, (_, _, expected)) in refused.iter().zip(&wrong) {
        let error = refused.get_document("_error").unwrap();
        let reason = error.get_str("reason").unwrap();
        assert!(reason.contains(expected), "{reason} / {expected}");
    }
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_raw_is_not_pending_until_the_version_is_raised() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    archive.write(&[raw("cowrie", json!({}))]).await.unwrap();
    let mut first = archive.queue("cowrie@1", &["cowrie"]).await.unwrap();
    let taken = take(&mut first).await;
    let refused = RawOutcome::new(&taken[0], Err("$no eventid".to_owned()));
    first.mark(&[refused], 7.5).await.unwrap();
    let stored = only(&coll).await;
    assert!(!stored.get_bool("_valid").unwrap());
    let error = doc! {"filter": "cowrie@1", "reason": "$no eventid", "at": 7.5};
    assert_eq!(stored.get_document("_error").unwrap(), &error);
    assert!(!stored.contains_key("_ref"));
    assert!(matches!(first.take().await.unwrap(), Taken::Nothing));
    assert_eq!(archive.refused(&["cowrie"], 10).await.unwrap().len(), 1);
    assert_eq!(
        archive
            .count_pending("cowrie@1", &["cowrie"])
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        archive
            .count_pending("cowrie@2", &["cowrie"])
            .await
            .unwrap(),
        1
    );

    let mut second = archive.queue("cowrie@2", &["cowrie"]).await.unwrap();
    let taken = take(&mut second).await;
    let made = RawOutcome::new(&taken[0], Ok(vec![hash("event")]));
    second.mark(&[made], 8.5).await.unwrap();
    let stored = only(&coll).await;
    assert!(!stored.contains_key("_valid") && !stored.contains_key("_error"));
    assert_eq!(hashes(&stored, "_ref"), [hash("event").to_string()]);
    assert_eq!(hashes(&stored, "filters"), ["cowrie@2", "cowrie@1"]);
    for queue in [&mut first, &mut second] {
        assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_of_the_python_system_keeps_what_was_made_of_it() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    let mut python = python_raw(1);
    let id = ObjectId::new();
    python.insert("_id", id);
    python.insert("filters", ["filt_cowrie"]);
    python.insert("_ref", [hash("b").to_string(), hash("old").to_string()]);
    coll.insert_one(python).await.unwrap();

    let mut queue = archive.queue("cowrie@1", &["cowrie"]).await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken[0].timezone, "UTC");
    let created = id.timestamp().timestamp_millis() as f64 / 1000.0;
    assert_eq!(taken[0].timestamp(), created);
    let made = RawOutcome::new(&taken[0], Ok(vec![hash("b"), hash("a"), hash("a")]));
    queue.mark(&[made], 0.0).await.unwrap();
    let stored = only(&coll).await;
    let mut expected = ["a", "b", "old"].map(|name| hash(name).to_string());
    expected.sort();
    assert_eq!(hashes(&stored, "_ref"), expected);
    assert_eq!(hashes(&stored, "filters"), ["cowrie@1", "filt_cowrie"]);
}

/// A feed makes tens of thousands of instances of one raw, and a raw may be as large as a document can be.
#[tokio::test(flavor = "multi_thread")]
async fn many_hashes_fit_and_too_many_are_left_out() {
    let (archive, db) = archive().await;
    let mut raws: Vec<_> = (0..12).map(|i| raw("feed", json!({"i": i}))).collect();
    raws.push(raw("feed", json!({"data": "x".repeat(14 << 20)})));
    archive.write(&raws).await.unwrap();
    let mut queue = archive.queue("feed@1", &["feed"]).await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken.len(), 13);
    let many: Vec<Hash> = (0..40_000).map(|n| hash(&n.to_string())).collect();
    let mut made: Vec<_> = taken
        .iter()
        .map(|raw| RawOutcome::new(raw, Ok(many.clone())))
        .collect();
    let beyond: Vec<Hash> = (0..250_000).map(|n| hash(&n.to_string())).collect();
    made[0] = RawOutcome::new(&taken[0], Ok(beyond));
    queue.mark(&made, 0.0).await.unwrap();
    let coll = collection(&db, COLL).await;
    let all = doc! {"filters": "feed@1"};
    assert_eq!(coll.count_documents(all).await.unwrap(), 13);
    let whole = doc! {"_ref.39999": {"$exists": true}};
    assert_eq!(coll.count_documents(whole).await.unwrap(), 11);
    let omitted = doc! {"_ref_omitted": {"$in": [40_000, 250_000]}};
    assert_eq!(coll.count_documents(omitted).await.unwrap(), 2);
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_leave_nothing() {
    let (archive, _) = archive().await;
    let raws: Vec<_> = (0..3000).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws).await.unwrap();
    let workers = (0..4).map(|_| {
        let archive = archive.clone();
        tokio::spawn(async move {
            let mut queue = archive.queue("cowrie@1", &["cowrie"]).await.unwrap();
            let mut seen = BTreeSet::new();
            loop {
                let taken = match queue.take().await.unwrap() {
                    Taken::Work(taken) => taken,
                    // the workers that lease them are at work
                    Taken::Leased(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        continue;
                    }
                    Taken::Nothing => return seen,
                };
                let made = |raw| RawOutcome::new(raw, Ok(vec![]));
                let made: Vec<_> = taken
                    .iter()
                    .map(|raw| made(raw.as_ref().unwrap()))
                    .collect();
                queue.mark(&made, 0.0).await.unwrap();
                seen.extend(made.iter().map(|outcome| outcome.id));
            }
        })
    });
    let mut all = BTreeSet::new();
    for seen in futures::future::join_all(workers.collect::<Vec<_>>()).await {
        all.extend(seen.unwrap());
    }
    assert_eq!(all.len(), 3000);
    assert_eq!(
        archive
            .count_pending("cowrie@1", &["cowrie"])
            .await
            .unwrap(),
        0
    );
}

async fn archive() -> (Raws, String) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    (Raws::new(&archive), db)
}

/// A raw as the Python system wrote it, without timestamp and timezone.
fn python_raw(i: i32) -> Document {
    doc! {
        "itype": "raw", "sub_type": "cowrie", "data": {"i": i}, "orgid": "unr",
        "_hash": hash(&i.to_string()).to_string(), "filters": [],
    }
}

async fn take(queue: &mut RawQueue) -> Vec<PendingRaw> {
    match queue.take().await.unwrap() {
        Taken::Work(taken) => taken.into_iter().map(Result::unwrap).collect(),
        other => panic!("there is work: {other:?}"),
    }
}

async fn only(coll: &Collection<Document>) -> Document {
    let mut all = find(coll, doc! {}).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn hashes(document: &Document, field: &str) -> Vec<String> {
    let hashes = document.get_array(field).unwrap().iter();
    hashes
        .map(|hash| hash.as_str().unwrap().to_owned())
        .collect()
}
