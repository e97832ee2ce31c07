//! The journal of new events: what a reader learns of it, and what that costs.

use std::collections::BTreeSet;

use bson::doc;
use bson::oid::ObjectId;
use tahoe_core::{Attribute, Event, OrgId, SubType, Timestamp};

use super::plan::Plan;
use super::server;
use crate::archive::missing::{Archive, GraphBatch};
use crate::graph::journal::{self, News, Seen};

async fn archive() -> Archive {
    let (server, db) = server().await;
    Archive::open(&server, &db, "instance").await.unwrap()
}

fn batch(hours: impl IntoIterator<Item = i64>) -> GraphBatch {
    let mut batch = GraphBatch::default();
    for hour in hours {
        let at = Timestamp::new(hour as f64 * 3600.0 + 7.0).unwrap();
        let orgid = OrgId::new("unr").unwrap();
        let children = vec![Attribute::new(SubType::from_static("ipv4"), "192.0.2.1").into()];
        batch.add_event(Event::new(SubType::from_static("ssh"), orgid, at, children).unwrap());
    }
    batch
}

fn news(hours: impl IntoIterator<Item = i64>) -> News {
    News::Hours(hours.into_iter().collect::<BTreeSet<i64>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_learns_the_hours_of_new_events_once() {
    let archive = archive().await;
    archive.write_graph(&batch([1, 2])).await.unwrap();
    let mut seen = Seen::default();
    let look = async |seen: &mut Seen| seen.look(&archive.journal).await.unwrap();
    assert_eq!(look(&mut seen).await, News::Anything, "the first look");
    assert_eq!(look(&mut seen).await, news([]));
    archive.write_graph(&batch([2, 3])).await.unwrap();
    archive.write_graph(&batch([9])).await.unwrap();
    // only what was not there yet is written
    assert_eq!(look(&mut seen).await, news([3, 9]));
    assert_eq!(look(&mut seen).await, news([]));
    archive.write_graph(&batch([1, 2, 3, 9])).await.unwrap();
    assert_eq!(look(&mut seen).await, news([]));

    // another process
    let other = Archive::new(&archive.server, &archive.db, "instance");
    other.write_graph(&batch([20])).await.unwrap();
    archive.write_graph(&batch([21])).await.unwrap();
    assert_eq!(look(&mut seen).await, news([20, 21]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_notices_notes_that_are_missing() {
    let archive = archive().await;
    archive.write_graph(&batch([1])).await.unwrap();
    let mut seen = Seen::default();
    let look = async |seen: &mut Seen| seen.look(&archive.journal).await.unwrap();
    look(&mut seen).await;
    for hour in 2..5 {
        archive.write_graph(&batch([hour])).await.unwrap();
    }
    let gone = doc! {"_id.n": 2};
    archive.journal.delete_many(gone).await.unwrap();
    assert_eq!(look(&mut seen).await, News::Anything);
    // as a fail-over takes back what no majority has, and another note gets the number
    let set = doc! {"$set": {"mark": ObjectId::new()}};
    archive.journal.update_many(doc! {}, set).await.unwrap();
    assert_eq!(look(&mut seen).await, News::Anything);
    assert_eq!(look(&mut seen).await, news([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_reads_the_heads_and_the_new_notes() {
    let archive = archive().await;
    for hour in 0..200 {
        archive.write_graph(&batch([hour])).await.unwrap();
    }
    let plan = Plan::find(&archive.journal, &journal::heads()).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);
    let head = archive
        .journal
        .find_one(doc! {"_id": {"$type": "objectId"}})
        .await
        .unwrap();
    let lane = head.unwrap().get_object_id("_id").unwrap();
    let plan = Plan::find(&archive.journal, &journal::notes(lane, 191, 200)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
}
