//! Submissions of any size are stored completely or not at all, whatever happens in the meantime.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use bson::{Document, doc};
use common::*;
use cybexp_store::{
    Cache, Head, Incoming, LooseEnds, NewEntry, StoreError, Submission, Submitter, Upload,
};
use futures::future::join_all;

const CHUNK: usize = 255 << 10;
/// More bytes than an upload holds in memory.
const LARGE: usize = 20 * CHUNK + 5;

#[tokio::test(flavor = "multi_thread")]
async fn any_size_comes_out_as_it_went_in() {
    let (cache, _) = cache().await;
    let submitter = Submitter::new(&cache);
    let borders = [1, 2, 16, 17, 18, 33].map(|n| n * CHUNK);
    let sizes = borders.iter().flat_map(|size| [size - 1, *size, size + 1]);
    let sizes: Vec<usize> = [0, 1, 300].into_iter().chain(sizes).collect();
    for (i, size) in sizes.iter().enumerate() {
        let Submission { entry, sealed } = submission(*size);
        let mut incoming = Incoming::new(&cache, &submitter);
        for piece in sealed.chunks([1000, CHUNK, 1 << 20, LARGE][i % 4]) {
            incoming.write(piece).await.unwrap();
        }
        incoming.commit(entry, None).await.unwrap();
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
async fn the_head_is_written_last() {
    let (cache, _) = cache().await;
    let submitter = Submitter::new(&cache);
    for size in [300, CHUNK, LARGE] {
        let Submission { entry, mut sealed } = submission(size);
        let mut incoming = Incoming::new(&cache, &submitter);
        incoming.write(&sealed).await.unwrap();
        let head = Head {
            offset: 272,
            bytes: [7; 16],
        };
        incoming.commit(entry, Some(head)).await.unwrap();
        sealed[272..288].fill(7);
        assert!(take_all(&cache).await == [sealed], "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_leaves_nothing() {
    let (cache, db) = cache().await;
    let submitter = Submitter::new(&cache);
    for size in [0, 100, CHUNK + 1, LARGE] {
        let mut incoming = Incoming::new(&cache, &submitter);
        incoming.write(&submission(size).sealed).await.unwrap();
        incoming.abort().await;
        assert_eq!(left(&db).await, [0; 4], "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upload_is_swept_when_its_lease_ends_and_no_other_is() {
    let (cache, db) = cache().await;
    let mut live = begun(&cache).await;
    drop(begun(&cache).await);
    assert_eq!(cache.sweep_uploads().await.unwrap(), 0);
    end_leases(&db).await;
    // this renews its lease
    live.write(&submission(LARGE).sealed).await.unwrap();
    assert_eq!(cache.sweep_uploads().await.unwrap(), 1);
    assert_eq!(cache.sweep_uploads().await.unwrap(), 0);
    live.commit(entry(), None).await.unwrap();
    let stored = take_all(&cache).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].len(), 2 * LARGE);
    let chunks = stored[0].len().div_ceil(CHUNK) as u64;
    assert_eq!(left(&db).await, [chunks, 1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_swept_alive_fails_and_leaves_nothing() {
    let (cache, db) = cache().await;
    let mut writing = begun(&cache).await;
    let committing = begun(&cache).await;
    let aborting = begun(&cache).await;
    end_leases(&db).await;
    assert_eq!(cache.sweep_uploads().await.unwrap(), 3);
    let written = writing.write(&submission(LARGE).sealed).await;
    assert!(matches!(written, Err(StoreError::Swept)), "{written:?}");
    let committed = committing.commit(entry(), None).await;
    assert!(matches!(committed, Err(StoreError::Swept)), "{committed:?}");
    aborting.abort().await;
    assert_eq!(left(&db).await, [0; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_and_an_upload_at_once_leave_all_or_nothing() {
    let (cache, db) = cache().await;
    let mut committed = 0;
    for round in 0..4 {
        let uploads = join_all((0..8).map(|_| begun(&cache))).await;
        end_leases(&db).await;
        let go_on = uploads
            .into_iter()
            .enumerate()
            .map(async |(i, mut upload)| {
                // the sweeps come from the other end
                tokio::time::sleep(Duration::from_millis(40 * (7 - i as u64))).await;
                if i % 2 == round % 2 {
                    upload.write(&submission(LARGE).sealed).await?;
                }
                upload.commit(entry(), None).await
            });
        let sweeps = join_all((0..2).map(|_| cache.sweep_uploads()));
        let (done, swept) = tokio::join!(join_all(go_on), sweeps);
        let swept: u64 = swept.into_iter().map(Result::unwrap).sum();
        let ok = done.iter().filter(|done| done.is_ok()).count();
        let gone = done
            .iter()
            .filter(|done| matches!(done, Err(StoreError::Swept)));
        assert_eq!(
            (ok as u64 + swept, gone.count() as u64),
            (8, swept),
            "{done:?}"
        );
        committed += ok;
    }
    assert_eq!(cache.loose_ends().await.unwrap(), LooseEnds::default());
    assert_eq!(take_all(&cache).await.len(), committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cut_short_at_any_moment_is_all_or_nothing() {
    let (cache, db) = cache().await;
    let submitter = Submitter::new(&cache);
    for ms in 0..60 {
        let sealed = submission([300, LARGE][ms % 2]).sealed;
        let mut incoming = Incoming::new(&cache, &submitter);
        let all = async {
            incoming.write(&sealed).await.unwrap();
            incoming.commit(entry(), None).await.unwrap();
        };
        // as if the client went away and the request was dropped
        let _ = tokio::time::timeout(Duration::from_millis(ms as u64), all).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    end_leases(&db).await;
    cache.sweep_uploads().await.unwrap();
    assert_eq!(cache.loose_ends().await.unwrap(), LooseEnds::default());
    let stored = take_all(&cache).await;
    assert!(
        stored
            .iter()
            .all(|sealed| [300, LARGE].contains(&sealed.len()))
    );
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
    assert_eq!(left(&db).await[1..], [1000, 1000, 0]);
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
    assert_eq!(left(&db).await, [0; 4]);

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
    assert_eq!(left(&db).await, [49, 49, 49, 0]);
}

async fn cache() -> (Cache, String) {
    let (server, db) = server().await;
    (Cache::open(&server, &db, "file_entries").await.unwrap(), db)
}

fn entry() -> NewEntry {
    submission(0).entry
}

/// Starts an upload that has chunks in the database.
async fn begun(cache: &Cache) -> Upload {
    let mut upload = cache.begin_upload();
    upload.write(&submission(LARGE).sealed).await.unwrap();
    upload
}

/// Ends all leases, as if a minute had passed.
async fn end_leases(db: &str) {
    let past = doc! {"$set": {"until": bson::DateTime::from_millis(1)}};
    let uploads = collection(db, "uploads").await;
    uploads.update_many(doc! {}, past).await.unwrap();
}

/// Counts the chunks, files, entries and uploads.
async fn left(db: &str) -> [u64; 4] {
    let count = async |coll| {
        let coll = collection(db, coll).await;
        coll.count_documents(doc! {}).await.unwrap()
    };
    [
        count("fs.chunks").await,
        count("fs.files").await,
        count("file_entries").await,
        count("uploads").await,
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
