//! Versions of filters, and the raws that a risen one reads again.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use bson::{Document, doc};
use common::*;
use cybexp_store::{
    Archive, FilterVersion, PendingRaw, RawOutcome, RawQueue, Raws, Taken, VersionStanding,
};
use mongodb::Collection;
use serde_json::json;

const LEASE: Duration = Duration::from_secs(30);

fn cowrie(version: u32) -> FilterVersion<'static> {
    FilterVersion {
        name: "cowrie",
        version,
        typetags: &["cowrie", "unr_honeypot"],
    }
}

async fn archive() -> (Raws, Collection<Document>, Collection<Document>) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    let filters = collection(&db, "instance_filters").await;
    (Raws::new(&archive), collection(&db, COLL).await, filters)
}

/// Writes raws that wait for no filter, as those do that were there before the filter.
async fn write(archive: &Raws, typetag: &'static str, numbers: std::ops::Range<i32>) {
    let raws: Vec<_> = numbers.map(|i| raw(typetag, json!({"i": i}))).collect();
    archive.write(&raws, |_| vec![]).await.unwrap();
}

/// Walks through all raws, and returns how many were made to wait.
async fn walk(archive: &Raws, filter: FilterVersion<'_>) -> u64 {
    let mut waiting = 0;
    while let Some(raws) = archive.walk(filter).await.unwrap() {
        waiting += raws;
    }
    waiting
}

/// Processes all pending raws, and returns their number.
async fn process(queue: &mut RawQueue) -> usize {
    let mut count = 0;
    while let Taken::Work(raws) = queue.take().await.unwrap() {
        let raws: Vec<PendingRaw> = raws.into_iter().map(Result::unwrap).collect();
        let outcomes = raws.iter().map(|raw| RawOutcome::new(raw, Ok(vec![])));
        let outcomes: Vec<RawOutcome> = outcomes.collect();
        queue.marker().mark(&outcomes, 0.0).await.unwrap();
        queue.marked(&outcomes);
        count += outcomes.len();
    }
    count
}

/// Lets the version have risen this long ago.
async fn rise_earlier(filters: &Collection<Document>, by: Duration) {
    let earlier = doc! {"$subtract": ["$risen", by.as_millis() as i64]};
    let set = vec![doc! {"$set": {"risen": earlier}}];
    filters
        .update_one(doc! {"_id": "cowrie"}, set)
        .await
        .unwrap();
}

async fn waiting(coll: &Collection<Document>) -> u64 {
    coll.count_documents(doc! {"_todo": "cowrie"})
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_reads_what_is_there_at_once() {
    let (archive, coll, _) = archive().await;
    write(&archive, "cowrie", 0..2500).await;
    write(&archive, "unr_honeypot", 0..10).await;
    write(&archive, "email", 0..700).await;
    let standing = archive.announce(cowrie(1)).await.unwrap();
    assert_eq!(standing, VersionStanding::Risen(Duration::ZERO));
    assert_eq!(waiting(&coll).await, 0);
    assert_eq!(walk(&archive, cowrie(1)).await, 2510);
    assert_eq!(waiting(&coll).await, 2510, "not those of other typetags");
    assert_eq!(
        archive.announce(cowrie(1)).await.unwrap(),
        VersionStanding::Current
    );
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    assert_eq!(process(&mut queue).await, 2510);
    assert_eq!(waiting(&coll).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_risen_version_reads_again_one_lease_later() {
    let (archive, coll, filters) = archive().await;
    write(&archive, "cowrie", 0..100).await;
    archive.announce(cowrie(1)).await.unwrap();
    walk(&archive, cowrie(1)).await;
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    assert_eq!(process(&mut queue).await, 100);

    let VersionStanding::Risen(wait) = archive.announce(cowrie(2)).await.unwrap() else {
        panic!("it is higher");
    };
    assert!(
        wait <= LEASE && wait > LEASE - Duration::from_secs(10),
        "{wait:?}"
    );
    assert_eq!(
        archive.announce(cowrie(1)).await.unwrap(),
        VersionStanding::Outdated
    );
    rise_earlier(&filters, Duration::from_secs(12)).await;
    let VersionStanding::Risen(wait) = archive.announce(cowrie(2)).await.unwrap() else {
        panic!("it has not walked");
    };
    assert!(wait <= LEASE - Duration::from_secs(12), "{wait:?}");
    rise_earlier(&filters, LEASE).await;
    let standing = archive.announce(cowrie(2)).await.unwrap();
    assert_eq!(standing, VersionStanding::Risen(Duration::ZERO));

    // one was read by the new version already, and one waits anyway
    let rows = find(&coll, doc! {}).await;
    let of = |n: usize| doc! {"_id": rows[n].get("_id").unwrap()};
    let read = doc! {"$set": {"filters": ["other@1", "cowrie@2"]}};
    coll.update_one(of(3), read).await.unwrap();
    let waits = doc! {"$set": {"_todo": ["cowrie"]}};
    coll.update_one(of(4), waits).await.unwrap();
    walk(&archive, cowrie(2)).await;
    assert_eq!(waiting(&coll).await, 99);
    let twice = doc! {"_todo.1": {"$exists": true}};
    assert_eq!(coll.count_documents(twice).await.unwrap(), 0);
    assert_eq!(
        archive.announce(cowrie(2)).await.unwrap(),
        VersionStanding::Current
    );
    assert_eq!(
        archive.announce(cowrie(1)).await.unwrap(),
        VersionStanding::Outdated
    );
    let mut queue = archive.queue("cowrie@2").await.unwrap();
    assert_eq!(process(&mut queue).await, 99);
    let left = doc! {"filters": "cowrie@1"};
    assert_eq!(
        coll.count_documents(left).await.unwrap(),
        0,
        "a raw names a filter once"
    );
    assert_eq!(walk(&archive, cowrie(2)).await, 0);
    assert_eq!(waiting(&coll).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_goes_on_where_another_worker_ended() {
    let (archive, coll, filters) = archive().await;
    write(&archive, "cowrie", 0..5000).await;
    archive.announce(cowrie(1)).await.unwrap();
    assert_eq!(archive.walk(cowrie(1)).await.unwrap(), Some(2000));
    let other = archive.clone();
    assert_eq!(other.walk(cowrie(1)).await.unwrap(), Some(2000));
    // meanwhile the first raws are read
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    assert_eq!(process(&mut queue).await, 4000);
    let standing = archive.announce(cowrie(1)).await.unwrap();
    assert!(
        matches!(standing, VersionStanding::Risen(_)),
        "{standing:?}"
    );
    assert_eq!(archive.walk(cowrie(1)).await.unwrap(), Some(1000));
    assert_eq!(archive.walk(cowrie(1)).await.unwrap(), None);
    assert_eq!(waiting(&coll).await, 1000);
    assert_eq!(process(&mut queue).await, 1000);

    // the next version begins from the beginning, and the walk of the one before ends
    archive.announce(cowrie(2)).await.unwrap();
    rise_earlier(&filters, LEASE).await;
    assert_eq!(archive.walk(cowrie(1)).await.unwrap(), None);
    assert_eq!(waiting(&coll).await, 0);
    assert_eq!(walk(&archive, cowrie(2)).await, 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_announce_at_once_agree() {
    let (archive, _, _) = archive().await;
    let all = (0..40).map(|n| {
        let archive = archive.clone();
        tokio::spawn(async move { (n, archive.announce(cowrie(n % 4 + 1)).await.unwrap()) })
    });
    for done in futures::future::join_all(all.collect::<Vec<_>>()).await {
        let (n, standing) = done.unwrap();
        if n % 4 == 3 {
            assert!(
                matches!(standing, VersionStanding::Risen(_)),
                "{standing:?}"
            );
        }
    }
    for version in 1..4 {
        let standing = archive.announce(cowrie(version)).await.unwrap();
        assert_eq!(standing, VersionStanding::Outdated);
    }
}
