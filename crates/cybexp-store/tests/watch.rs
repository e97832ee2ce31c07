//! Waiting for new work.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use bson::doc;
use common::*;
use cybexp_store::{Archive, Cache, FilterVersion, Queries, Raws, Watch};
use serde_json::json;
use tahoe_core::{Query, Status};

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_wakes_and_nothing_else() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let mut watch = archive.watch();
    // before the stream was open something may have come in
    woken(&mut watch).await;
    let coll = collection(&db, COLL).await;
    coll.insert_one(doc! {"itype": "event", "_hash": "x"})
        .await
        .unwrap();
    for i in 0..3 {
        let waiting = tokio::spawn(async move {
            woken(&mut watch).await;
            (watch, Instant::now())
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished(), "woken by an event, or twice");
        let written = Instant::now();
        archive
            .write(&[raw("cowrie", json!({"i": i}))], filters)
            .await
            .unwrap();
        let woken;
        (watch, woken) = waiting.await.unwrap();
        let after = woken - written;
        assert!(after < Duration::from_secs(5), "woken after {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_wakes_when_a_filter_is_to_read_it_again() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let raws = [
        raw("shared", json!({"i": 1})),
        raw("unread", json!({"i": 2})),
    ];
    archive.write(&raws, filters).await.unwrap();
    let filter = FilterVersion {
        name: "new",
        version: 1,
        typetags: &["unread"],
    };
    archive.announce(filter).await.unwrap();
    let mut watch = archive.watch();
    woken(&mut watch).await;
    assert_eq!(archive.walk(filter).await.unwrap(), Some(1));
    woken(&mut watch).await;
    // one that waits for other filters anyway
    let shared = FilterVersion {
        name: "third",
        typetags: &["shared"],
        ..filter
    };
    archive.announce(shared).await.unwrap();
    assert_eq!(archive.walk(shared).await.unwrap(), Some(1));
    woken(&mut watch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_wakes_as_it_comes_and_when_it_is_to_be_tried_again() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let mut watch = cache.watch();
    woken(&mut watch).await;
    let submission = submission(1);
    cache.submit(&[submission]).await.unwrap();
    woken(&mut watch).await;
    let entries = collection(&db, "file_entries").await;
    for processed in [true, false] {
        let update = doc! {"$set": {"processed": processed}};
        entries.update_one(doc! {}, update).await.unwrap();
    }
    woken(&mut watch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_wakes_when_it_is_asked_again() {
    let (server, db) = server().await;
    let queries = Queries::open(&server, &db, COLL).await.unwrap();
    let mut watch = queries.watch();
    woken(&mut watch).await;
    let query = Query {
        qtype: "count".to_owned(),
        qdata: String::new(),
        qhash: String::new(),
        userid: String::new(),
        timestamp: at(1.0),
        encrypted: false,
        status: Status::Invalid,
        report_id: None,
        socket: Default::default(),
    };
    queries.put(std::slice::from_ref(&query)).await.unwrap();
    woken(&mut watch).await;
    queries
        .put(&[query.changed(Status::Wait, None)])
        .await
        .unwrap();
    woken(&mut watch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ended_is_opened_again() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let mut watch = archive.watch();
    woken(&mut watch).await;
    // ends every stream of the collection
    server.drop_database(&db).await.unwrap();
    woken(&mut watch).await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    // the new stream
    woken(&mut watch).await;
    archive
        .write(&[raw("cowrie", json!({}))], filters)
        .await
        .unwrap();
    woken(&mut watch).await;
}

async fn woken(watch: &mut Watch) {
    let changed = tokio::time::timeout(Duration::from_secs(30), watch.changed());
    changed.await.expect("nothing woke").unwrap();
}
