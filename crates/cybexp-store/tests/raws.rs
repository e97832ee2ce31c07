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
use tahoe_core::{Hash, Raw, Tlp};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_a_thousand_raws() {
    let (archive, _) = archive().await;
    let raws: Vec<_> = (0..1100).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    for expected in [1000, 100] {
        let taken = take(&mut queue).await;
        assert_eq!(taken.len(), expected);
        mark(&mut queue, &taken, |_| Ok(vec![]), 0.0).await;
    }
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_8_mib() {
    let (archive, _) = archive().await;
    let text = "x".repeat(5 << 19);
    let raws: Vec<_> = (0..5)
        .map(|i| raw("email", json!({"data": text, "i": i})))
        .collect();
    archive.write(&raws, filters).await.unwrap();
    let mut queue = archive.queue("email@1").await.unwrap();
    // the next ones are taken before the first are marked
    let first = take(&mut queue).await;
    assert_eq!(first.len(), 4);
    assert_eq!(take(&mut queue).await.len(), 1);
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
    mark(&mut queue, &first, |_| Ok(vec![]), 0.0).await;
    queue.release().await.unwrap();
    assert_eq!(take(&mut queue).await.len(), 1, "what was not marked");
}

#[tokio::test(flavor = "multi_thread")]
async fn raws_are_taken_in_the_order_in_which_they_were_accepted() {
    let (archive, _) = archive().await;
    let times = [7.0, 3.0, 9.0, 1.0, 5.0];
    let raws = times.map(|seconds| {
        let one = raw("cowrie", json!({"at": seconds}));
        let (kind, data) = (one.sub_type().clone(), one.data().clone());
        Raw::new(kind, data, org("unr"), "UTC".to_owned(), Some(at(seconds))).unwrap()
    });
    archive.write(&raws, filters).await.unwrap();
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let taken: Vec<f64> = take(&mut queue).await.iter().map(|r| r.timestamp).collect();
    assert_eq!(taken, [1.0, 3.0, 5.0, 7.0, 9.0]);
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
        ("timestamp", Bson::Undefined, "missing field `timestamp`"),
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
        (
            "_todo",
            vec![Bson::from("cowrie"), 5.into()].into(),
            "field _todo[1]: invalid type",
        ),
        ("_error", vec![5].into(), "field _error[0]: invalid type"),
    ];
    let raws: Vec<Raw> = (0..=wrong.len())
        .map(|i| raw("cowrie", json!({"i": i})))
        .collect();
    archive.write(&raws, filters).await.unwrap();
    let of = |raw: &Raw| doc! {"_hash": raw.hash().to_string()};
    for ((field, value, _), raw) in wrong.iter().zip(&raws) {
        let change = match value {
            Bson::Undefined => doc! {"$unset": {*field: ""}},
            value => doc! {"$set": {*field: value.clone()}},
        };
        coll.update_one(of(raw), change).await.unwrap();
    }
    // an id of a type that this suite does not give belongs to another program
    let foreign =
        doc! {"_id": "foreign", "itype": "raw", "sub_type": "cowrie", "_todo": ["cowrie"]};
    coll.insert_one(foreign).await.unwrap();

    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let Taken::Work(taken) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    assert_eq!(taken.len(), wrong.len() + 1);
    let outcomes = taken.into_iter().map(|raw| match raw {
        Ok(raw) => RawOutcome::new(&raw, Ok(vec![hash("made")])),
        Err(outcome) => outcome,
    });
    let outcomes: Vec<_> = outcomes.collect();
    queue.marker().mark(&outcomes, 7.5).await.unwrap();
    queue.marked(&outcomes);
    assert_eq!(
        coll.count_documents(doc! {"_valid": false}).await.unwrap(),
        wrong.len() as u64
    );
    for ((_, _, expected), raw) in wrong.iter().zip(&raws) {
        let refused = find(&coll, of(raw)).await.remove(0);
        assert!(!refused.contains_key("_todo"), "{refused}");
        assert_eq!(strings(&refused, "filters"), ["cowrie@1"]);
        let errors = refused.get_array("_error").unwrap();
        assert_eq!(errors.len(), 1);
        let reason = errors[0].as_document().unwrap().get_str("reason").unwrap();
        assert!(reason.contains(expected), "{reason} / {expected}");
    }
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_that_is_done_names_its_filter_and_waits_no_more() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    archive
        .write(&[raw("cowrie", json!({}))], filters)
        .await
        .unwrap();
    let python = doc! {"$set": {"filters": ["filt_cowrie"]}, "$unset": {"timezone": ""}};
    coll.update_one(doc! {}, python).await.unwrap();
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(
        taken[0].timezone, "UTC",
        "raws of the Python system may have none"
    );
    mark(&mut queue, &taken, |_| Ok(vec![hash("event")]), 7.5).await;
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "filters"), ["filt_cowrie", "cowrie@1"]);
    for gone in ["_todo", "_error", "_valid"] {
        assert!(!stored.contains_key(gone), "{stored}");
    }
    assert_eq!(archive.count_pending("cowrie@1").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_raw_tells_who_refused_it_and_waits_no_more() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    archive
        .write(&[raw("cowrie", json!({}))], filters)
        .await
        .unwrap();
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let taken = take(&mut queue).await;
    mark(&mut queue, &taken, |_| Err("$no eventid".to_owned()), 7.5).await;
    let stored = only(&coll).await;
    assert!(!stored.get_bool("_valid").unwrap());
    let error = doc! {"filter": "cowrie@1", "reason": "$no eventid", "at": 7.5};
    assert_eq!(stored.get_array("_error").unwrap(), &[error.into()]);
    assert!(!stored.contains_key("_todo"));
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
    assert_eq!(archive.refused(&["cowrie"], 10).await.unwrap().len(), 1);
    assert_eq!(archive.count_pending("cowrie@1").await.unwrap(), 0);

    // the filter's next version reads it, once it waits for the filter again
    assert!(archive.retry(hash_of(&stored).as_bytes()).await.unwrap());
    let mut next = archive.queue("cowrie@2").await.unwrap();
    let taken = take(&mut next).await;
    mark(&mut next, &taken, |_| Ok(vec![hash("event")]), 8.5).await;
    let stored = only(&coll).await;
    assert!(!stored.contains_key("_valid") && !stored.contains_key("_error"));
    assert_eq!(strings(&stored, "filters"), ["cowrie@2"]);
    for queue in [&mut queue, &mut next] {
        assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
    }
}

/// A feed makes tens of thousands of instances of one raw, and a raw may be as large as a document can be.
#[tokio::test(flavor = "multi_thread")]
async fn a_raw_does_not_grow_with_what_is_made_of_it() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    let large = json!({"data": "x".repeat(14 << 20)});
    let raws = [raw("cowrie", json!({"i": 1})), raw("cowrie", large)];
    archive.write(&raws, filters).await.unwrap();
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let mut taken = take(&mut queue).await;
    if taken.len() < 2 {
        // the large one came first, and is a batch by itself
        taken.extend(take(&mut queue).await);
    }
    let many: Vec<Hash> = (0..250_000).map(|n| hash(&n.to_string())).collect();
    mark(&mut queue, &taken, |_| Ok(many.clone()), 0.0).await;
    for stored in find(&coll, doc! {}).await {
        assert_eq!(strings(&stored, "filters"), ["cowrie@1"]);
        assert!(!stored.contains_key("_ref"));
    }
}

/// Each of several filters of a typetag reads a raw once, whatever the others made of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_raw_waits_for_each_of_its_filters() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    archive
        .write(&[raw("shared", json!({}))], filters)
        .await
        .unwrap();
    assert_eq!(strings(&only(&coll).await, "_todo"), ["one", "other"]);
    let mut one = archive.queue("one@3").await.unwrap();
    let mut other = archive.queue("other@1").await.unwrap();
    // both have it in hand
    let (of_one, of_other) = (take(&mut one).await, take(&mut other).await);
    mark(&mut one, &of_one, |_| Err("not mine".to_owned()), 7.5).await;
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "_todo"), ["other"]);
    assert_eq!(strings(&stored, "filters"), ["one@3"]);
    assert!(!stored.contains_key("_valid"), "another filter may read it");
    assert_eq!(archive.count_pending("one@3").await.unwrap(), 0);

    // a mark by what the raw was before is no mark, and the raw is taken again
    mark(&mut other, &of_other, |_| Ok(vec![]), 8.0).await;
    assert_eq!(only(&coll).await, stored);
    let of_other = take(&mut other).await;
    mark(&mut other, &of_other, |_| Ok(vec![]), 8.0).await;
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "filters"), ["one@3", "other@1"]);
    assert!(!stored.contains_key("_todo") && !stored.contains_key("_valid"));
    let refusal = doc! {"filter": "one@3", "reason": "not mine", "at": 7.5};
    assert_eq!(stored.get_array("_error").unwrap(), &[refusal.into()]);

    // only the one that refused it reads it again
    assert!(archive.retry(hash_of(&stored).as_bytes()).await.unwrap());
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "_todo"), ["one"]);
    assert_eq!(strings(&stored, "filters"), ["other@1"]);
    assert!(!stored.contains_key("_error"));
    assert!(matches!(other.take().await.unwrap(), Taken::Nothing));
    let of_one = take(&mut one).await;
    mark(&mut one, &of_one, |_| Ok(vec![]), 9.0).await;
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "filters"), ["other@1", "one@3"]);
    assert!(!stored.contains_key("_todo") && !stored.contains_key("_error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_that_all_filters_refused_is_not_valid() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    archive
        .write(&[raw("shared", json!({}))], filters)
        .await
        .unwrap();
    for (filter, at) in [("one@1", 1.0), ("other@2", 2.0)] {
        let mut queue = archive.queue(filter).await.unwrap();
        let taken = take(&mut queue).await;
        mark(&mut queue, &taken, |_| Err(format!("no {filter}")), at).await;
        queue.release().await.unwrap();
    }
    let stored = only(&coll).await;
    assert!(!stored.get_bool("_valid").unwrap());
    let refusals = [
        doc! {"filter": "one@1", "reason": "no one@1", "at": 1.0},
        doc! {"filter": "other@2", "reason": "no other@2", "at": 2.0},
    ];
    let refusals: Vec<Bson> = refusals.map(Bson::from).into();
    assert_eq!(stored.get_array("_error").unwrap(), &refusals);

    assert!(archive.retry(hash_of(&stored).as_bytes()).await.unwrap());
    let stored = only(&coll).await;
    assert_eq!(strings(&stored, "_todo"), ["one", "other"]);
    assert_eq!(strings(&stored, "filters"), [""; 0]);
    assert!(!stored.contains_key("_valid") && !stored.contains_key("_error"));
    // one reads it now, the other refuses it again
    let mut queue = archive.queue("one@1").await.unwrap();
    let taken = take(&mut queue).await;
    mark(&mut queue, &taken, |_| Ok(vec![]), 3.0).await;
    let mut queue = archive.queue("other@2").await.unwrap();
    let taken = take(&mut queue).await;
    mark(&mut queue, &taken, |_| Err("still no".to_owned()), 4.0).await;
    let stored = only(&coll).await;
    assert!(!stored.contains_key("_valid"), "{stored}");
    let refusal = doc! {"filter": "other@2", "reason": "still no", "at": 4.0};
    assert_eq!(stored.get_array("_error").unwrap(), &[refusal.into()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_leave_nothing() {
    let (archive, _) = archive().await;
    let raws: Vec<_> = (0..3000).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    let workers = (0..4).map(|_| {
        let archive = archive.clone();
        tokio::spawn(async move {
            let mut queue = archive.queue("cowrie@1").await.unwrap();
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
                let taken: Vec<PendingRaw> = taken.into_iter().map(Result::unwrap).collect();
                mark(&mut queue, &taken, |_| Ok(vec![]), 0.0).await;
                seen.extend(taken.iter().map(|raw| raw.id));
            }
        })
    });
    let mut all = BTreeSet::new();
    for seen in futures::future::join_all(workers.collect::<Vec<_>>()).await {
        all.extend(seen.unwrap());
    }
    assert_eq!(all.len(), 3000);
    assert_eq!(archive.count_pending("cowrie@1").await.unwrap(), 0);
}

async fn archive() -> (Raws, String) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    (Raws::new(&archive), db)
}

async fn take(queue: &mut RawQueue) -> Vec<PendingRaw> {
    match queue.take().await.unwrap() {
        Taken::Work(taken) => taken.into_iter().map(Result::unwrap).collect(),
        other => panic!("there is work: {other:?}"),
    }
}

/// Marks raws with what a filter made of them.
async fn mark(
    queue: &mut RawQueue,
    raws: &[PendingRaw],
    made: impl Fn(&PendingRaw) -> Result<Vec<Hash>, String>,
    at: f64,
) {
    let outcomes = raws.iter().map(|raw| RawOutcome::new(raw, made(raw)));
    let outcomes: Vec<RawOutcome> = outcomes.collect();
    queue.marker().mark(&outcomes, at).await.unwrap();
    queue.marked(&outcomes);
}

async fn only(coll: &Collection<Document>) -> Document {
    let mut all = find(coll, doc! {}).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn hash_of(document: &Document) -> Hash {
    document.get_str("_hash").unwrap().parse().unwrap()
}

fn strings(document: &Document, field: &str) -> Vec<String> {
    let strings = document.get_array(field).unwrap().iter();
    strings
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_whose_label_becomes_stricter_is_read_again() {
    let (archive, db) = archive().await;
    let coll = collection(&db, COLL).await;
    let label = async || {
        let stored = coll.find_one(doc! {}).await.unwrap().unwrap();
        stored.get_str("tlp").ok().map(str::to_owned)
    };
    let labelled = |tlp| raw("cowrie", json!({"n": 1})).with_tlp(tlp);
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    archive.write(&[labelled(None)], filters).await.unwrap();
    let first = take(&mut queue).await;
    // while a worker has it in hand, it comes again with a label: what was made of it lacks the label
    archive
        .write(&[labelled(Some(Tlp::Amber))], filters)
        .await
        .unwrap();
    mark(&mut queue, &first, |_| Ok(vec![]), 0.0).await;
    let again = take(&mut queue).await;
    assert_eq!(again[0].tlp.as_deref(), Some("amber"));
    mark(&mut queue, &again, |_| Ok(vec![]), 0.0).await;
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));

    for open in [None, Some(Tlp::Clear), Some(Tlp::Green), Some(Tlp::Amber)] {
        archive.write(&[labelled(open)], filters).await.unwrap();
        assert_eq!(label().await.as_deref(), Some("amber"), "{open:?}");
        assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
    }
    archive
        .write(&[labelled(Some(Tlp::Red))], filters)
        .await
        .unwrap();
    assert_eq!(label().await.as_deref(), Some("red"));
    assert_eq!(take(&mut queue).await.len(), 1);
}
