//! Submissions of any size are stored completely or not at all, whatever happens in the meantime.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use bson::{Document, doc};
use common::*;
use cybexp_store::{Cache, LooseEnds, Submitter};
use cybexp_testkit::eventually;
use futures::future::join_all;

const CHUNK: usize = 255 << 10;
/// More bytes than a command or a group of submissions has.
const LARGE: usize = 40 * CHUNK + 5;

#[tokio::test(flavor = "multi_thread")]
async fn any_size_comes_out_as_it_went_in() {
    let (cache, _) = cache().await;
    let submitter = Submitter::new(&cache);
    let borders = [1, 2, 32, 33, 34, 100].map(|n| n * CHUNK);
    let sizes = borders.iter().flat_map(|size| [size - 1, *size, size + 1]);
    let sizes: Vec<usize> = [0, 1, 300].into_iter().chain(sizes).collect();
    for size in &sizes {
        submitter.submit(submission(*size)).await.unwrap();
    }
    let stored = take_all(&cache).await;
    assert_eq!(stored.len(), sizes.len());
    for (sealed, size) in stored.iter().zip(sizes) {
        assert!(
            *sealed == submission(size).sealed,
            "{size} / {}",
            sealed.len()
        );
    }
    assert_eq!(cache.loose_ends().await.unwrap(), LooseEnds::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_submissions_hold_up_no_small_ones() {
    let (cache, db) = cache().await;
    let submitter = Submitter::new(&cache);
    let large = (0..3).map(|_| submitter.submit(submission(70 << 20)));
    let small = async {
        let since = std::time::Instant::now();
        for _ in 0..20 {
            submitter.submit(submission(300)).await.unwrap();
        }
        since.elapsed()
    };
    let since = std::time::Instant::now();
    let (large, small) = tokio::join!(join_all(large), small);
    assert!(large.iter().all(Result::is_ok), "{large:?}");
    assert!(small < since.elapsed(), "{small:?}");
    let chunks = 3 * (70_usize << 20).div_ceil(CHUNK) as u64;
    assert_eq!(left(&db).await, [chunks + 20, 23, 23]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_cut_short_at_any_moment_is_all_or_nothing() {
    let (cache, _) = cache().await;
    let submitter = Submitter::new(&cache);
    for ms in 0..60 {
        let submission = submission([300, LARGE][ms % 2]);
        // as if the client went away and the request was dropped
        let submit = submitter.submit(submission);
        let _ = tokio::time::timeout(Duration::from_millis(ms as u64), submit).await;
    }
    // those that were left alone go on by themselves
    eventually("every submission is whole or gone", async || {
        cache.loose_ends().await.unwrap() == LooseEnds::default()
    })
    .await;
    let stored = take_all(&cache).await;
    assert!(
        stored
            .iter()
            .all(|sealed| [300, LARGE].contains(&sealed.len()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_and_never_finished_is_swept_and_nothing_else() {
    let (cache, db) = cache().await;
    cache
        .submit(&[submission(300), submission(LARGE)])
        .await
        .unwrap();
    let before = left(&db).await;
    let chunks = collection(&db, "fs.chunks").await;
    let orphan = bson::oid::ObjectId::new();
    let chunk = |n: i32| doc! {"files_id": orphan, "n": n, "data": "x"};
    chunks.insert_many((0..7).map(chunk)).await.unwrap();
    let now = orphan.timestamp().timestamp_millis() as f64 / 1000.0;
    // somebody may still be writing it
    assert_eq!(cache.sweep_orphans(0.0, now - 3600.0).await.unwrap(), 0);
    assert_eq!(
        cache.sweep_orphans(now + 10.0, now + 20.0).await.unwrap(),
        0
    );
    assert_eq!(left(&db).await[0], before[0] + 7);
    assert_eq!(cache.sweep_orphans(0.0, now + 10.0).await.unwrap(), 1);
    assert_eq!(cache.sweep_orphans(0.0, now + 10.0).await.unwrap(), 0);
    assert_eq!(left(&db).await, before);
    assert_eq!(take_all(&cache).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_few_transactions() {
    let (cache, db) = cache().await;
    let submitter = Submitter::new(&cache);
    let before = transactions().await;
    let submit = |i: usize| submitter.submit(submission(i));
    let stored = join_all((0..1000).map(submit)).await;
    assert!(stored.iter().all(Result::is_ok));
    let used = transactions().await - before;
    // some of them belong to the other tests
    assert!(used < 500, "{used}");
    assert_eq!(left(&db).await[1..], [1000, 1000]);
    let mut lengths: Vec<usize> = take_all(&cache).await.iter().map(Vec::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (0..1000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_the_server_refuses_fails_alone_and_leaves_nothing() {
    let (cache, db) = cache().await;
    let client = mongodb::Client::with_uri_str(cybexp_testkit::mongo_url())
        .await
        .unwrap();
    let validator = doc! {"typetag": {"$ne": "poison"}};
    let refuse = doc! {"collMod": "file_entries", "validator": validator};
    client.database(&db).run_command(refuse).await.unwrap();
    let mut poison = submission(10);
    poison.entry.tags.typetag = "poison".to_owned();

    let both = [submission(10), poison.clone()];
    assert!(cache.submit(&both).await.is_err());
    assert_eq!(left(&db).await, [0; 3]);

    let submitter = Submitter::new(&cache);
    let submit = |i| {
        submitter.submit(if i == 25 {
            poison.clone()
        } else {
            submission(10)
        })
    };
    let stored = join_all((0..50).map(submit)).await;
    let refused: Vec<usize> = (0..50).filter(|i| stored[*i].is_err()).collect();
    assert_eq!(refused, [25]);
    let error = stored[25].as_ref().unwrap_err().to_string();
    assert!(error.contains("validation"), "{error}");
    assert_eq!(left(&db).await, [49, 49, 49]);
}

async fn cache() -> (Cache, String) {
    let (server, db) = server().await;
    (Cache::open(&server, &db, "file_entries").await.unwrap(), db)
}

/// Counts the chunks, files and entries.
async fn left(db: &str) -> [u64; 3] {
    let count = async |coll| {
        let coll = collection(db, coll).await;
        coll.count_documents(doc! {}).await.unwrap()
    };
    [
        count("fs.chunks").await,
        count("fs.files").await,
        count("file_entries").await,
    ]
}

/// Returns the number of transactions that the server has committed.
async fn transactions() -> i64 {
    let admin = mongodb::Client::with_uri_str(cybexp_testkit::mongo_url())
        .await
        .unwrap();
    let status = admin
        .database("admin")
        .run_command(doc! {"serverStatus": 1})
        .await
        .unwrap();
    let transactions: &Document = status.get_document("transactions").unwrap();
    transactions.get_i64("totalCommitted").unwrap()
}
