//! Several workers on one queue.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use bson::doc;
use common::*;
use cybexp_store::{Archive, Cache, RawId, RawQueue, Raws, Taken};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn each_raw_goes_to_one_worker() {
    let (archive, _) = archive_with_raws(1500).await;
    let mut queues = Vec::new();
    for _ in 0..3 {
        queues.push(archive.queue("cowrie@1").await.unwrap());
    }
    let first = ids(&mut queues[0]).await;
    let second = ids(&mut queues[1]).await;
    assert_eq!((first.len(), second.len()), (1000, 500));
    assert!(first.is_disjoint(&second));
    let Taken::Leased(ends) = queues[2].take().await.unwrap() else {
        panic!("all are leased");
    };
    // what others give back is taken soon
    assert!(ends > Duration::ZERO && ends <= Duration::from_secs(1));
    // a worker that takes again gets no raw twice, until it gives them back
    assert!(matches!(queues[0].take().await.unwrap(), Taken::Nothing));
    queues[0].release().await.unwrap();
    assert_eq!(ids(&mut queues[0]).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_filters_do_not_share_but_other_versions_do() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let raws: Vec<_> = (0..10).map(|i| raw("shared", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    let mut one = archive.queue("one@1").await.unwrap();
    let mut other = archive.queue("other@1").await.unwrap();
    assert_eq!(ids(&mut one).await, ids(&mut other).await);
    let mut next = archive.queue("one@2").await.unwrap();
    assert!(matches!(next.take().await.unwrap(), Taken::Leased(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_lease_ends_at_once() {
    let (archive, db) = archive_with_raws(10).await;
    let mut one = archive.queue("cowrie@1").await.unwrap();
    let mut two = archive.queue("cowrie@1").await.unwrap();
    let first = ids(&mut one).await;
    assert!(matches!(two.take().await.unwrap(), Taken::Leased(_)));
    one.release().await.unwrap();
    assert_eq!(ids(&mut two).await, first);
    two.release().await.unwrap();
    let leases = collection(&db, "leases").await;
    assert_eq!(leases.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_items_of_a_dead_worker_come_when_its_lease_ends() {
    let (archive, db) = archive_with_raws(10).await;
    let mut dead = archive.queue("cowrie@1").await.unwrap();
    let items = ids(&mut dead).await;
    drop(dead);
    let mut other = archive.queue("cowrie@1").await.unwrap();
    assert!(matches!(other.take().await.unwrap(), Taken::Leased(_)));
    end_leases(&db).await;
    assert_eq!(ids(&mut other).await, items);
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_share_entries_as_well() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let submission = submission(1);
    cache.submit(&vec![submission; 10]).await.unwrap();
    let mut dead = cache.pending().await.unwrap();
    let mut other = cache.pending().await.unwrap();
    assert!(matches!(dead.take().await.unwrap(), Taken::Work(taken) if taken.len() == 10));
    assert!(matches!(other.take().await.unwrap(), Taken::Leased(_)));
    end_leases(&db).await;
    assert!(matches!(other.take().await.unwrap(), Taken::Work(taken) if taken.len() == 10));
}

async fn archive_with_raws(n: i32) -> (Raws, String) {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let raws: Vec<_> = (0..n).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    (archive, db)
}

/// Ends all leases, as time would.
async fn end_leases(db: &str) {
    let leases = collection(db, "leases").await;
    let ended = doc! {"$set": {"until": bson::DateTime::from_millis(0)}};
    leases.update_many(doc! {}, ended).await.unwrap();
}

async fn ids(queue: &mut RawQueue) -> BTreeSet<RawId> {
    match queue.take().await.unwrap() {
        Taken::Work(taken) => taken.into_iter().map(|raw| raw.unwrap().id).collect(),
        other => panic!("there is work: {other:?}"),
    }
}
