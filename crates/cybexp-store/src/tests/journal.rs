//! The journal of new events: the news that a reader gets, and their cost.

use std::collections::BTreeSet;

use bson::doc;
use bson::oid::ObjectId;
use tahoe_core::{Attribute, Event, OrgId, SubType, Timestamp};

use super::plan::Plan;
use super::server;
use crate::archive::open::Archive;
use crate::graph::journal::{self, News, Seen};
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;

async fn archive() -> (Archive, GraphWriter) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let writer = GraphWriter::new(&archive);
    (archive, writer)
}

async fn write(writer: &GraphWriter, hours: impl IntoIterator<Item = i64>) {
    let mut batch = GraphBatch::default();
    for hour in hours {
        let at = Timestamp::new(hour as f64 * 3600.0 + 7.0).unwrap();
        let orgid = OrgId::new("unr").unwrap();
        let children = vec![Attribute::new(SubType::from_static("ipv4"), "192.0.2.1").into()];
        batch.add_event(Event::new(SubType::from_static("ssh"), orgid, at, children).unwrap());
    }
    writer.write(&batch).await.unwrap();
}

fn news(hours: impl IntoIterator<Item = i64>) -> News {
    News::Hours(hours.into_iter().collect::<BTreeSet<i64>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_learns_the_hours_of_new_events_once() {
    let (archive, writer) = archive().await;
    write(&writer, [1, 2]).await;
    let mut seen = Seen::default();
    let look = async |seen: &mut Seen| seen.look(&archive.journal).await.unwrap();
    assert_eq!(look(&mut seen).await, News::Anything, "the first look");
    assert_eq!(look(&mut seen).await, news([]));
    write(&writer, [2, 3]).await;
    write(&writer, [9]).await;
    // only new events are written
    assert_eq!(look(&mut seen).await, news([3, 9]));
    assert_eq!(look(&mut seen).await, news([]));
    write(&writer, [1, 2, 3, 9]).await;
    assert_eq!(look(&mut seen).await, news([]));

    // another process
    let other = GraphWriter::new(&archive);
    write(&other, [20]).await;
    write(&writer, [21]).await;
    assert_eq!(look(&mut seen).await, news([20, 21]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_notices_notes_that_are_missing() {
    let (archive, writer) = archive().await;
    write(&writer, [1]).await;
    let mut seen = Seen::default();
    let look = async |seen: &mut Seen| seen.look(&archive.journal).await.unwrap();
    look(&mut seen).await;
    for hour in 2..5 {
        write(&writer, [hour]).await;
    }
    let gone = doc! {"_id.n": 2};
    archive.journal.driver().delete_many(gone).await.unwrap();
    assert_eq!(look(&mut seen).await, News::Anything);
    // a fail-over undoes a note that no majority has, and another note gets its number
    let set = doc! {"$set": {"mark": ObjectId::new()}};
    archive
        .journal
        .driver()
        .update_many(doc! {}, set)
        .await
        .unwrap();
    assert_eq!(look(&mut seen).await, News::Anything);
    assert_eq!(look(&mut seen).await, news([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_reads_the_heads_and_the_new_notes() {
    let (archive, writer) = archive().await;
    for hour in 0..200 {
        write(&writer, [hour]).await;
    }
    let plan = Plan::find(&archive.journal, &journal::heads()).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);
    let head = archive
        .journal
        .driver()
        .find_one(doc! {"_id": {"$type": "objectId"}})
        .await
        .unwrap();
    let lane = head.unwrap().get_object_id("_id").unwrap();
    let plan = Plan::find(&archive.journal, &journal::notes(lane, 191, 200)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
}
