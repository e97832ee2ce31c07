//! Counts while events are being written: under a note that is open, of a writer that died, and of one that is slow.

use std::collections::BTreeSet;
use std::time::Duration;

use bson::doc;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event};

use super::{attribute, event, fill_stored, server, stored_event, visible};
use crate::archive::ids;
use crate::archive::open::Archive;
use crate::graph::hours::hour_of;
use crate::graph::journal::{Lane, News, Seen};
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;

/// Events of the hub. They are more than are counted key by key, so a timeline is kept.
const EVENTS: i32 = 2_100;

fn hub() -> Attribute {
    attribute("hub")
}

/// An event of the hub, one each minute.
fn of_hub(n: i32) -> Event {
    event("unr", f64::from(n) * 60.0, &[&hub()])
}

async fn archive() -> (Archive, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let mut batch = GraphBatch::default();
    (0..EVENTS).for_each(|n| drop(batch.add_event(of_hub(n))));
    GraphWriter::new(&archive).write(&batch).await.unwrap();
    let reader = GraphReader::new(&archive);
    assert_eq!(counts(&reader).await, [EVENTS, EVENTS - 11, 49]);
    (archive, reader)
}

/// Counts the events of the hub: all, those from the middle of an hour on, and those of a time with both ends.
async fn counts(reader: &GraphReader) -> [i32; 3] {
    let ranges = [
        (None, None),
        (Some(630.0), None),
        (Some(60.0), Some(2970.0)),
    ];
    let mut counts = [0; 3];
    for (count, (start, end)) in counts.iter_mut().zip(ranges) {
        let of = Conditions {
            subjects: vec![hub().hash()],
            attribute: None,
            range: TimeRange { start, end },
            category: None,
            context: Context::All,
            derived: false,
        };
        *count = reader.count(&of, &visible(&["unr"])).await.unwrap() as i32;
    }
    counts
}

/// Writes by hand, as no writer does.
async fn insert(archive: &Archive, event: &Event) {
    fill_stored(&archive.coll, [stored_event(event, [])]).await;
}

fn hours(events: &[Event]) -> BTreeSet<i64> {
    events
        .iter()
        .map(|e| hour_of(e.timestamp().get()))
        .collect()
}

/// Makes all that was noted so old that its writer counts as dead.
async fn die(archive: &Archive) {
    let long_ago = doc! {"$set": {"at": {"$subtract": ["$$NOW", 100_000_i64]}}};
    let all = archive
        .journal
        .driver()
        .update_many(doc! {}, vec![long_ago]);
    all.await.unwrap();
}

/// New events of three hours: one that has events, one far away, and one before the others.
fn fresh() -> Vec<Event> {
    [5.0, 9e6, 30.0, 9e6 + 1.0, 40.0, 3601.0]
        .map(|seconds| event("unr", seconds + 0.5, &[&hub()]))
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_at_every_moment_of_an_open_note() {
    let (archive, reader) = archive().await;
    let late = GraphReader::new(&archive);
    let mut expected = counts(&reader).await;
    let fresh = fresh();
    let mut lane = Lane::new();
    for round in 0..2 {
        lane.open(&archive.journal, &hours(&fresh)).await.unwrap();
        assert_eq!(counts(&reader).await, expected);
        for event in &fresh {
            let change = match round {
                0 => {
                    insert(&archive, event).await;
                    1
                }
                _ => {
                    let one = doc! {"_id": ids::of_hash(event.hash())};
                    archive.coll.driver().delete_one(one).await.unwrap();
                    -1
                }
            };
            let at = event.timestamp().get();
            expected[0] += change;
            expected[1] += change * i32::from(at >= 630.0);
            expected[2] += change * i32::from((60.0..=2970.0).contains(&at));
            assert_eq!(counts(&reader).await, expected, "{at} in round {round}");
            // it looks for the first time while the note is open
            assert_eq!(counts(&late).await, expected, "{at} in round {round}");
        }
        lane.close(&archive.journal).await.unwrap();
        assert_eq!(counts(&reader).await, expected);
        assert_eq!(counts(&late).await, expected);
    }
    // what nobody noted does not show, so the counts above were kept ones
    insert(&archive, &fresh[0]).await;
    assert_eq!(counts(&reader).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_note_of_a_dead_writer_is_closed_once() {
    let (archive, reader) = archive().await;
    let fresh = fresh();
    let mut seen = Seen::default();
    seen.look(&archive.journal).await.unwrap();
    let mut lane = Lane::new();
    let noted = hours(&fresh[..1]);
    lane.open(&archive.journal, &noted).await.unwrap();
    assert_eq!(counts(&reader).await[0], EVENTS);
    for _ in 0..2 {
        // open hours are news each time
        let news = seen.look(&archive.journal).await.unwrap();
        assert_eq!(news, News::Hours(noted.clone()));
    }
    insert(&archive, &fresh[0]).await;
    die(&archive).await;
    assert_eq!(counts(&reader).await[0], EVENTS + 1);
    for expected in [noted, BTreeSet::new()] {
        let news = seen.look(&archive.journal).await.unwrap();
        assert_eq!(news, News::Hours(expected));
    }
    // the dead write no more
    insert(&archive, &fresh[2]).await;
    assert_eq!(counts(&reader).await[0], EVENTS + 1);
    let first_look = GraphReader::new(&archive);
    assert_eq!(counts(&first_look).await[0], EVENTS + 2);
}

/// A writer that took longer than anybody expected writes a note once more, for readers that took it for dead.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_writer_wrote_is_counted_once_it_is_done() {
    let (archive, reader) = archive().await;
    let fresh = fresh();
    let mut lane = Lane::new();
    lane.open(&archive.journal, &hours(&fresh)).await.unwrap();
    die(&archive).await;
    assert_eq!(counts(&reader).await[0], EVENTS, "taken for dead");
    insert(&archive, &fresh[0]).await;
    lane.delay(Duration::from_secs(100));
    lane.close(&archive.journal).await.unwrap();
    assert_eq!(counts(&reader).await[0], EVENTS + 1);

    // a slow one that renews its note in time is not taken for dead
    lane.open(&archive.journal, &hours(&fresh)).await.unwrap();
    die(&archive).await;
    lane.delay(Duration::from_secs(40));
    lane.renew(&archive.journal).await.unwrap();
    for (n, event) in fresh[1..].iter().enumerate() {
        insert(&archive, event).await;
        assert_eq!(counts(&reader).await[0], EVENTS + 2 + n as i32);
    }
    let heads = doc! {"_id": {"$type": "objectId"}};
    let lanes = archive.journal.driver().count_documents(heads).await;
    assert_eq!(lanes.unwrap(), 2, "renewing makes no further lanes");
}
