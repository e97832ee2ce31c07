//! Submissions, queries and reports that are too old, and data that a person forgets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bson::doc;
use common::*;
use cybexp_store::{
    Answer, Archive, Cache, CacheKeep, CacheSweep, EntryId, Forget, GraphBatch, GraphWriter,
    Opened, Queries, RawId, Raws, ReportSweep, Selection, Sweep, Taken, Turn,
};
use serde_json::json;
use tahoe_core::{Query, Report, Socket, Status, SubType};

const DAY_S: f64 = 86_400.0;

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_go_when_they_are_done_and_old() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    // two chunks each
    let submissions: Vec<_> = (0..6).map(|_| submission(300_000)).collect();
    cache.submit(&submissions).await.unwrap();
    let mut queue = cache.pending().await.unwrap();
    let Taken::Work(taken) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    let ids: Vec<EntryId> = taken.iter().map(|entry| entry.id).collect();
    let opened = |n: usize, raw| Opened { id: ids[n], raw };
    let bad = || Err("the seal is broken".to_owned());
    // the first four became raws, the fifth is bad, and the last one waits
    let mut outcomes: Vec<Opened> = (0..4).map(|n| opened(n, Ok(hash("raw")))).collect();
    outcomes.push(opened(4, bad()));
    queue.mark(&outcomes).await.unwrap();

    let keep = CacheKeep {
        good_s: Some(DAY_S),
        bad_s: Some(30.0 * DAY_S),
    };
    let mut sweep = CacheSweep::new(&cache, keep);
    let left = async || {
        let entries = find(&collection(&db, "file_entries").await, doc! {}).await;
        let files = find(&collection(&db, "fs.files").await, doc! {}).await;
        let chunks = find(&collection(&db, "fs.chunks").await, doc! {}).await;
        let loose = cache.loose_ends().await.unwrap();
        assert_eq!(loose, Default::default());
        assert_eq!(
            (files.len(), chunks.len()),
            (entries.len(), 2 * entries.len())
        );
        entries.len()
    };
    assert_eq!(sweep.step(now() + 0.5 * DAY_S).await.unwrap(), None);
    assert_eq!(left().await, 6);
    assert_eq!(cache.count_old(keep, now() + 2.0 * DAY_S).await.unwrap(), 4);
    assert_eq!(sweep.step(now() + 2.0 * DAY_S).await.unwrap(), Some(4));
    assert_eq!(sweep.step(now() + 2.0 * DAY_S).await.unwrap(), None);
    assert_eq!(left().await, 2);
    assert_eq!(sweep.step(now() + 31.0 * DAY_S).await.unwrap(), Some(1));
    assert_eq!(left().await, 1, "what waits stays, however old it is");
    queue.mark(&[opened(5, Ok(hash("raw")))]).await.unwrap();
    assert_eq!(sweep.step(now() + 31.0 * DAY_S).await.unwrap(), None);
    sweep.begin_again();
    assert_eq!(sweep.step(now() + 31.0 * DAY_S).await.unwrap(), Some(1));
    assert_eq!(left().await, 0);
}

fn query(n: i32, timestamp: f64) -> Query {
    Query {
        qtype: "count".to_owned(),
        qdata: format!("question {n}"),
        qhash: hash(&format!("question {n}")).to_string(),
        userid: hash("user").to_string(),
        timestamp: at(timestamp),
        encrypted: false,
        status: Status::Wait,
        report_id: None,
        socket: Socket {
            nonce: format!("nonce {n}"),
            ..Socket::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_and_reports_go_with_what_only_they_refer_to() {
    let (server, db) = server().await;
    let queries = Queries::open(&server, &db, COLL).await.unwrap();
    let coll = collection(&db, COLL).await;
    let before = find(&coll, doc! {}).await.len();
    let time = now();
    for n in 0..20 {
        let asked = query(n, time + f64::from(n));
        queries.put(std::slice::from_ref(&asked)).await.unwrap();
        let hour = std::time::Duration::from_secs(3600);
        let claim = queries.claim(hour, Turn::default()).await.unwrap().unwrap();
        let report = Report::refusal(
            "count",
            hash("user").to_string(),
            asked.timestamp,
            &format!("{n}"),
        );
        let answer = Answer::Ready(Box::new(report.unwrap()));
        assert!(queries.finish(&claim, &answer).await.unwrap());
    }
    let mut sweep = ReportSweep::new(&queries, 30.0 * DAY_S);
    assert_eq!(sweep.step(time + DAY_S).await.unwrap(), None);
    let rows = find(&coll, doc! {"sub_type": "query"}).await;
    assert_eq!(rows.len(), 20);

    // one is asked again a month later, under another nonce
    let later = time + 33.0 * DAY_S;
    coll.update_one(
        doc! {"_id": rows[7].get_object_id("_id").unwrap()},
        doc! {"$set": {"_asked": later}},
    )
    .await
    .unwrap();
    let mut passes = 0;
    while passes < 3 {
        passes += u32::from(sweep.step(later).await.unwrap().is_none());
    }
    let left = find(&coll, doc! {}).await;
    let of = |sub_type: &str| {
        left.iter()
            .filter(|row| row.get_str("sub_type").unwrap() == sub_type)
            .count()
    };
    assert_eq!(
        (of("query"), of("qdata"), of("qhash"), of("socket")),
        (1, 1, 1, 1)
    );
    let query = left
        .iter()
        .find(|row| row.get_str("sub_type").unwrap() == "query")
        .unwrap();
    for hash in query.get_array("_cref").unwrap() {
        let named = left.iter().any(|row| row.get("_hash") == Some(hash));
        assert!(named, "{hash}");
    }
    assert!(left.len() < before + 20, "{}", left.len());
}

/// Makes two raws with an event each of a shared address, and one of an own address.
async fn graph(archive: &Archive, orgid: &str) -> Vec<RawId> {
    let writer = GraphWriter::new(archive);
    let mut ids = Vec::new();
    for (n, ip) in ["192.0.2.1", "192.0.2.1", "192.0.2.2"].iter().enumerate() {
        let raw = raw_of(orgid, "cowrie", json!({"n": n}));
        Raws::new(archive)
            .write(std::slice::from_ref(&raw), filters)
            .await
            .unwrap();
        let id = RawId::new(raw.hash(), orgid);
        let mut batch = GraphBatch::default();
        for more in 0..2 {
            let event = event(
                orgid,
                (10 * n + more) as f64,
                if more == 0 { ip } else { "192.0.2.9" },
            );
            let accepted = raw.timestamp().map_or(0.0, |at| at.get());
            batch.add_source(&id, accepted, "cowrie", [event.hash()]);
            batch.add_event(event);
        }
        writer.write(&batch).await.unwrap();
        ids.push(id);
    }
    ids
}

async fn counts(archive: &Archive) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in archive.census().await.unwrap() {
        *counts.entry(row.itype).or_default() += 1;
    }
    counts
}

async fn swept(archive: &Archive) {
    let mut sweep = Sweep::new(archive, BTreeMap::new()).without_waits();
    while sweep.step(now()).await.unwrap().more {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_is_forgotten_with_all_that_was_made_of_it() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    let raws = graph(&archive, "unr").await;
    // even an event that an analyst judged
    collection(&db, COLL)
        .await
        .update_many(
            doc! {"itype": "event"},
            doc! {"$set": {"_judged": {"by": "an analyst"}}},
        )
        .await
        .unwrap();
    let forget = Forget::new(&archive);
    let begin = hex(&raws[2].to_string()[..8]);
    assert_eq!(forget.raws(&begin).await.unwrap(), raws[2..]);
    let forgotten = forget.forget_raws(&raws[2..]).await.unwrap();
    assert_eq!((forgotten.raws, forgotten.events), (1, 2));
    swept(&archive).await;
    let left = counts(&archive).await;
    // addresses .1 and .9, and the protocol
    assert_eq!((left["raw"], left["event"], left["attribute"]), (2, 4, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_raw_is_deleted_with_what_another_filter_made_of_it() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    let raws = graph(&archive, "unr").await;
    let instances = collection(&db, COLL).await;
    let refusal = vec![doc! {"filter": "other@1", "reason": "no", "at": 5.0}];
    let refused = doc! {
        "$set": {"filters": ["cowrie@1", "other@1"], "_error": refusal},
        "$unset": {"_todo": ""},
    };
    instances
        .update_many(doc! {"itype": "raw"}, refused)
        .await
        .unwrap();
    let store = Raws::new(&archive);
    let third = hex(&raws[2].to_string()[..8]);
    assert!(store.delete_refused(&third).await.unwrap());
    assert!(!store.delete_refused(&third).await.unwrap());
    let left = counts(&archive).await;
    assert_eq!((left["raw"], left["event"]), (2, 4));
    // a document that is no raw stops nobody
    let broken = doc! {"$set": {"filters": "none"}};
    instances
        .update_one(doc! {"itype": "raw"}, broken)
        .await
        .unwrap();
    let all = Selection::default();
    let deleted = store.delete_all_refused(&["cowrie"], &all).await.unwrap();
    assert_eq!(deleted, 2);
    let left = counts(&archive).await;
    assert_eq!((left.get("raw"), left["event"]), (None, 2));
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_forgotten_with_the_raws_that_hold_it() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    graph(&archive, "unr").await;
    graph(&archive, "other").await;
    let forget = Forget::new(&archive);
    let address = tahoe_core::Attribute::new(SubType::from_static("ipv4"), "192.0.2.1");
    let (raws, events) = forget.raws_of_values(&[address.hash()]).await.unwrap();
    assert_eq!((raws.len(), events), (4, 4));
    let forgotten = forget.forget_raws(&raws).await.unwrap();
    assert_eq!((forgotten.raws, forgotten.events), (4, 8));
    assert_eq!(forget.forget_events_of(&[address.hash()]).await.unwrap(), 0);
    swept(&archive).await;
    let left = archive.census().await.unwrap();
    assert!(
        left.iter()
            .all(|row| row.hash != address.hash().to_string())
    );
    assert_eq!(counts(&archive).await["event"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_forgotten_and_no_other() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    graph(&archive, "unr").await;
    let before = archive.census().await.unwrap();
    graph(&archive, "other").await;
    let forgotten = Forget::new(&archive).forget_org("other").await.unwrap();
    assert_eq!((forgotten.raws, forgotten.events), (3, 6));
    swept(&archive).await;
    assert_eq!(archive.census().await.unwrap(), before);

    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    cache
        .submit(&[submission(10), submission(20)])
        .await
        .unwrap();
    assert_eq!(cache.forget_org("other").await.unwrap(), 0);
    assert_eq!(cache.forget_org("unr").await.unwrap(), 2);
    assert_eq!(cache.loose_ends().await.unwrap(), Default::default());
}
