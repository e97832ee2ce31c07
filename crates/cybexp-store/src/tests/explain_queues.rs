//! Indexes for the queues of entries, raws and queries, and for leases.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use tahoe_core::{Hash, Status};

use super::plan::Plan;
use super::{fill, hash, server};
use crate::archive::open::Archive;
use crate::cache::files;
use crate::cache::open::Cache;
use crate::cache::orphans;
use crate::cache::queue as entries;
use crate::mongo::lease::{self, Taken, unleased};
use crate::queries::queue::{self as queries, Queries};
use crate::raws::queue::{RawOutcome, RawQueue, Raws, pending};

#[tokio::test(flavor = "multi_thread")]
async fn pending_raws_are_found_among_those_done() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let typetags = ["cowrie".to_owned(), "unr_honeypot".to_owned()];
    let done = |i: i32, filters: &[&str]| {
        let mut raw = raw(i, "cowrie");
        raw.insert("filters", filters);
        raw
    };
    let refused = |i: i32| {
        let mut raw = done(i, &["cowrie@1"]);
        raw.insert("_valid", false);
        raw
    };
    fill(&archive.coll, (0..5000).map(|i| done(i, &["cowrie@1"]))).await;
    fill(&archive.coll, (5000..5500).map(refused)).await;
    fill(
        &archive.coll,
        (5500..7000).map(|i| done(i, &["cowrie@1", "filt_cowrie"])),
    )
    .await;
    fill(&archive.coll, (7000..8000).map(|i| raw(i, "email"))).await;
    fill(&archive.coll, (8000..8020).map(|i| raw(i, "cowrie"))).await;
    fill(
        &archive.coll,
        (8020..8030).map(|i| done(i, &["filt_cowrie"])),
    )
    .await;

    let find = pending(&typetags, "cowrie@1", unleased(&[]));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(30 + 10, 30);

    let rows = find.all(&archive.coll).await.unwrap();
    let leased: Vec<Bson> = rows[..20]
        .iter()
        .map(|row| row.get_object_id("_id").unwrap().into())
        .collect();
    let find = pending(&typetags, "cowrie@1", unleased(&leased));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(2 * 30 + 10, 10);

    let theirs = pending(&typetags, "cowrie@1", doc! {"$in": leased}).limit(1);
    let plan = Plan::find(&archive.coll, &theirs).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2 * 30 + 10, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_version_reads_what_is_pending_for_it() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let python = (0..1500).map(|i| {
        let mut raw = raw(i, "cowrie");
        raw.insert("filters", ["filt_cowrie"]);
        raw
    });
    fill(&archive.coll, python).await;
    fill(&archive.coll, (1500..3000).map(|i| raw(i, "cowrie"))).await;
    for version in ["cowrie@1", "cowrie@2", "cowrie@3"] {
        let mut queue = Raws::new(&archive)
            .queue(version, &["cowrie"])
            .await
            .unwrap();
        assert_eq!(process(&mut queue).await, 3000);
        let find = pending(&["cowrie".to_owned()], version, unleased(&[]));
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, 0);
        plan.reads_at_most(5, 0);
    }
    // a daemon of the version before does not take up again what the new one did, nor the other way
    let mut older = Raws::new(&archive)
        .queue("cowrie@2", &["cowrie"])
        .await
        .unwrap();
    assert_eq!(process(&mut older).await, 0);

    fill(&archive.coll, (3000..3020).map(|i| raw(i, "cowrie"))).await;
    let find = pending(&["cowrie".to_owned()], "cowrie@3", unleased(&[]));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(2 * 20 + 5, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_is_marked_by_its_id() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    fill(&archive.coll, (0..3000).map(|i| raw(i, "cowrie"))).await;
    let mut queue = Raws::new(&archive)
        .queue("cowrie@1", &["cowrie"])
        .await
        .unwrap();
    let Taken::Work(raws) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    let outcome = RawOutcome::new(raws[0].as_ref().unwrap(), Ok(vec![hash("made")]));
    let plan = Plan::update(&archive.coll, &queue.marked(&outcome, 0.0, true)).await;
    plan.reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_entries_are_found_among_those_done() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let entry = |processed: bool| doc! {"typetag": "cowrie", "processed": processed};
    fill(&cache.entries, (0..5000).map(|_| entry(true))).await;
    fill(&cache.entries, (0..20).map(|_| entry(false))).await;

    let plan = Plan::find(&cache.entries, &entries::pending(&[])).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(20 + 5, 20);

    let rows = entries::pending(&[]).all(&cache.entries).await.unwrap();
    let id = |row: &bson::RawDocumentBuf| row.get_object_id("_id").unwrap();
    let leased: Vec<Bson> = rows[..10].iter().map(|row| id(row).into()).collect();
    let plan = Plan::find(&cache.entries, &entries::pending(&leased)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(2 * 20 + 5, 10);

    let opened = entries::Opened {
        id: id(&rows[0]),
        raw: Ok(hash("raw")),
    };
    let plan = Plan::update(&cache.entries, &entries::marked(&opened)).await;
    plan.reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_found_by_id() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let fids: Vec<ObjectId> = (0..2000).map(|_| ObjectId::new()).collect();
    let file = |fid: &ObjectId| doc! {"_id": fid, "length": 3_i64, "filename": "x"};
    let chunk = |fid: &ObjectId, n: i32| doc! {"files_id": fid, "n": n};
    fill(&cache.files, fids.iter().map(file)).await;
    let chunks = fids
        .iter()
        .flat_map(|fid| (0..3).map(move |n| chunk(fid, n)));
    fill(&cache.chunks, chunks).await;

    let wanted: Vec<ObjectId> = fids.iter().step_by(50).copied().collect();
    let plan = Plan::find(&cache.files, &files::file_lengths(&wanted)).await;
    assert_eq!(plan.returned, 40);
    plan.reads_at_most(2 * 40 + 2, 40);
    let plan = Plan::find(&cache.chunks, &files::file_chunks(&wanted)).await;
    assert_eq!(plan.returned, 120);
    plan.reads_at_most(2 * 120 + 2, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_hold_are_found_among_those_that_ended() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let queue = Raws::new(&archive)
        .queue("cowrie@1", &["cowrie"])
        .await
        .unwrap();
    let leases = server.collection(&db, "leases");
    let row = |work: &str, ends_in_s: i64| {
        let until = bson::DateTime::now().timestamp_millis() + ends_in_s * 1000;
        let until = bson::DateTime::from_millis(until);
        doc! {"work": work, "until": until, "items": [ObjectId::new()]}
    };
    fill(&leases, (0..2000).map(|_| row("email@1", 60))).await;
    fill(&leases, (0..2000).map(|_| row("cowrie@1", -60))).await;
    fill(&leases, (0..3).map(|_| row("cowrie@1", 60))).await;
    let plan = Plan::find(&leases, &lease::rows("cowrie@1", ObjectId::new())).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(2 * 3 + 2, 3);
    // those of workers that died
    fill(&leases, (0..3).map(|_| row("email@1", -60))).await;
    let plan = Plan::find(&leases, &lease::ended("email@1", ObjectId::new())).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(2 * 3 + 2, 3);
    drop(queue);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_without_a_file_are_sought_in_the_index_alone() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let at = |second: u32, i: u8| {
        let mut id = [i; 12];
        id[..4].copy_from_slice(&second.to_be_bytes());
        ObjectId::from_bytes(id)
    };
    let chunks = (0..100).flat_map(|i| (0..20).map(move |second| (second, i)));
    let chunks = chunks.map(|(second, i)| doc! {"files_id": at(second, i), "n": 0});
    fill(&cache.chunks, chunks).await;
    let plan = Plan::find(&cache.chunks, &orphans::begun(at(5, 0), at(6, 0))).await;
    assert_eq!(plan.returned, 99);
    plan.reads_at_most(99 + 2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_found_by_status() {
    let (server, db) = server().await;
    let queries = Queries::open(&server, &db, "instance").await.unwrap();
    let in_status = |status: Status, i: i32| {
        let cref = [
            status.attribute().hash(),
            hash(format_args!("{status:?}{i}")),
        ];
        let cref = cref.map(|hash| hash.to_string());
        let lease = doc! {"until": bson::DateTime::from_millis(i64::from(i))};
        doc! {
            "itype": "object", "sub_type": "query", "data": {"status": [status.as_str()]},
            "_cref": &cref, "_ref": &cref, "_hash": hash(&cref[1]).to_string(), "_lease": lease,
        }
    };
    let many = |status: Status, n: i32| (0..n).map(move |i| in_status(status, i));
    fill(&queries.coll, many(Status::Ready, 3000)).await;
    fill(&queries.coll, many(Status::Failed, 1000)).await;
    fill(&queries.coll, many(Status::Processing, 5)).await;
    fill(&queries.coll, many(Status::Wait, 50)).await;

    let lease = Duration::from_secs(60);
    for (find, keys) in [(queries::waiting(), 2), (queries::abandoned(), 5 + 1)] {
        let plan = Plan::find(&queries.coll, &find).await;
        assert_eq!(plan.returned, 1);
        plan.reads_at_most(keys, keys);
        let taken = queries::taken(ObjectId::new(), lease);
        let plan = Plan::find_and_modify(&queries.coll, &find, taken).await;
        plan.reads_at_most(keys, keys);
    }

    let asked: Vec<String> = (0..100)
        .map(|i| hash(hash(format_args!("Ready{i}"))).to_string())
        .collect();
    let plan = Plan::find(&queries.coll, &queries::by_hash(&asked)).await;
    assert_eq!(plan.returned, 100);
    plan.reads_at_most(2 * 100 + 2, 100);
    let covered = queries::by_hash(&asked).project(doc! {"_id": 0, "_hash": 1});
    let plan = Plan::find(&queries.coll, &covered).await;
    plan.reads_at_most(2 * 100 + 2, 0);
}

fn raw(i: i32, sub_type: &str) -> Document {
    doc! {
        "itype": "raw", "sub_type": sub_type, "data": {"i": i}, "orgid": "unr", "timezone": "UTC",
        "_hash": hash(format_args!("{sub_type}{i}")).to_string(),
    }
}

/// Marks all pending raws as processed, and returns their number.
async fn process(queue: &mut RawQueue) -> usize {
    let mut count = 0;
    while let Taken::Work(raws) = queue.take().await.unwrap() {
        let made = |raw| RawOutcome::new(raw, Ok(Vec::<Hash>::new()));
        let outcomes: Vec<RawOutcome> =
            raws.iter().map(|raw| made(raw.as_ref().unwrap())).collect();
        queue.mark(&outcomes, 0.0).await.unwrap();
        count += outcomes.len();
    }
    count
}
