//! Indexes for uploads, as the sweep reads them.

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::plan::Plan;
use super::{fill, server};
use crate::cache::open::Cache;
use crate::cache::sweep;

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_ended_are_found_among_those_that_live() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let now = DateTime::now().timestamp_millis();
    let upload = |ends_in_s: i64| {
        let until = DateTime::from_millis(now + ends_in_s * 1000);
        doc! {"_id": ObjectId::new(), "until": until}
    };
    fill(&cache.uploads, (0..2000).map(|_| upload(60))).await;
    fill(&cache.uploads, (0..3).map(|_| upload(-60))).await;

    let plan = Plan::find(&cache.uploads, &sweep::overdue()).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(3 + 1, 3);
    let one = cache
        .uploads
        .driver()
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    let plan = Plan::delete(
        &cache.uploads,
        sweep::overdue_one(one.get_object_id("_id").unwrap()),
    );
    plan.await.reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chunks_of_an_upload_are_found_among_those_of_others() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let fids: Vec<ObjectId> = (0..500).map(|_| ObjectId::new()).collect();
    let chunks = fids
        .iter()
        .flat_map(|fid| (0..4).map(move |n| doc! {"files_id": fid, "n": n}));
    fill(&cache.chunks, chunks).await;
    let plan = Plan::delete(&cache.chunks, sweep::of_file(fids[250])).await;
    plan.reads_at_most(4 + 1, 4);
}
