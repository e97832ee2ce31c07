//! Replacing the events of an older version of a filter, and several writers of the same events.

use std::collections::BTreeSet;

use bson::{Bson, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event, Hash, Session, SubType};

use super::{attribute, event, hash, org, server, visible};
use crate::archive::ids::{self, OrgTag, RawId, SessionId};
use crate::archive::keys;
use crate::archive::open::Archive;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::replace::Remade;
use crate::graph::write::writer::GraphWriter;

/// The time at which all raws of these tests were accepted.
const AT: f64 = 1_700_000_000.0;

async fn opened() -> (Archive, GraphWriter, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let (writer, reader) = (GraphWriter::new(&archive), GraphReader::new(&archive));
    (archive, writer, reader)
}

fn subject() -> Attribute {
    attribute("subject")
}

fn one(n: i32) -> Event {
    event("unr", f64::from(n), &[&subject()])
}

fn raw(name: &str) -> RawId {
    RawId::new(hash(name), "unr")
}

fn hashes(events: impl IntoIterator<Item = i32>) -> Vec<Hash> {
    events.into_iter().map(|n| one(n).hash()).collect()
}

/// Makes the batch of a raw of which a filter made these events.
fn made(raw: &RawId, filter: &str, events: impl IntoIterator<Item = i32>) -> GraphBatch {
    let mut batch = GraphBatch::default();
    for n in events {
        batch.add_source(raw, AT, filter, [one(n).hash()]);
        batch.add_event(one(n));
    }
    batch
}

/// Returns the elements of an event that are no references; `None` if the event is not stored.
async fn elements(archive: &Archive, event: Hash) -> Option<BTreeSet<Vec<u8>>> {
    let find = archive
        .coll
        .driver()
        .find_one(doc! {"_id": ids::of_hash(event)});
    let row = find.await.unwrap()?;
    let keys = row
        .get_array("_keys")
        .unwrap()
        .into_iter()
        .map(Result::unwrap);
    let keys = keys.map(|key| key.as_binary().unwrap().bytes.to_vec());
    Some(keys.filter(|key| key.len() > 18).collect())
}

async fn stored(archive: &Archive, events: std::ops::Range<i32>) -> Vec<i32> {
    let mut stored = Vec::new();
    for n in events {
        if elements(archive, one(n).hash()).await.is_some() {
            stored.push(n);
        }
    }
    stored
}

async fn count(reader: &GraphReader) -> u64 {
    let of = Conditions {
        subjects: vec![subject().hash()],
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context: Context::All,
        derived: false,
    };
    reader.count(&of, &visible(&["unr"])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_removes_what_only_the_old_one_made() {
    let (archive, writer, reader) = opened().await;
    // enough for a hub, whose counts are kept
    writer
        .write(&made(&raw("many"), "cowrie", 1_000..3_100))
        .await
        .unwrap();
    let (ours, other) = (raw("ours"), raw("other"));
    for batch in [
        made(&ours, "cowrie", 0..10),
        made(&other, "cowrie", [2]),
        made(&ours, "another", [3]),
    ] {
        writer.write(&batch).await.unwrap();
    }
    let judged = doc! {"_id": ids::of_hash(one(4).hash())};
    let judge = doc! {"$set": {"_judged": {"by": "an analyst"}}};
    archive
        .coll
        .driver()
        .update_one(judged, judge)
        .await
        .unwrap();
    assert_eq!(count(&reader).await, 2_110);

    writer
        .write(&made(&ours, "cowrie", [0, 1, 20]))
        .await
        .unwrap();
    let made = hashes([0, 1, 20]);
    let remade = [Remade {
        raw: ours,
        accepted: AT,
        made: &made,
    }];
    assert_eq!(writer.replace("cowrie", &remade).await.unwrap(), 5);
    assert_eq!(stored(&archive, 0..30).await, [0, 1, 2, 3, 4, 20]);
    assert_eq!(count(&reader).await, 2_106);
    let element = |raw: &RawId, filter| keys::of_raw(raw, AT, filter).to_vec();
    for (n, left) in [
        (0, vec![element(&ours, "cowrie")]),
        (2, vec![element(&other, "cowrie")]),
        (3, vec![element(&ours, "another")]),
        (4, vec![]),
    ] {
        let elements = elements(&archive, one(n).hash()).await.unwrap();
        assert_eq!(elements, left.into_iter().collect(), "{n}");
    }
    assert_eq!(writer.replace("cowrie", &remade).await.unwrap(), 0);
    assert_eq!(count(&reader).await, 2_106);
}

/// Two raws of the same part made the same event: it is gone once neither makes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_two_raws_goes_with_the_second() {
    let (archive, writer, _) = opened().await;
    let (a, b) = (raw("a"), raw("b"));
    for raw in [&a, &b] {
        writer.write(&made(raw, "cowrie", [1])).await.unwrap();
    }
    let event = hashes([1]);
    let remade = [
        Remade {
            raw: a,
            accepted: AT,
            made: &[],
        },
        Remade {
            raw: b,
            accepted: AT,
            made: &event,
        },
    ];
    assert_eq!(writer.replace("cowrie", &remade).await.unwrap(), 0);
    let left = elements(&archive, event[0]).await.unwrap();
    assert_eq!(left, [keys::of_raw(&b, AT, "cowrie").to_vec()].into());
    let remade = [Remade {
        raw: b,
        accepted: AT,
        made: &[],
    }];
    assert_eq!(writer.replace("cowrie", &remade).await.unwrap(), 1);
    assert_eq!(elements(&archive, event[0]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_the_same_events_leave_the_marks_of_both() {
    let (archive, writer, reader) = opened().await;
    let writers = [writer, GraphWriter::new(&archive)];
    let part = |name: &str, events: std::ops::Range<i32>| {
        let mut batch = made(&raw(name), "cowrie", events.clone());
        let kind = SubType::from_static("cowrie_session");
        let session = Session::new(kind, vec![attribute(name).into()]).unwrap();
        let id = SessionId::of(session.hash(), &OrgTag::of("unr"));
        batch.add_session(session.with_events(hashes(events)), &org("unr"));
        (batch, id)
    };
    for round in 0..6 {
        let events = round * 400..(round + 1) * 400;
        let parts = ["a", "b"].map(|name| part(&format!("{name}{round}"), events.clone()));
        let (one, two) =
            futures::join!(writers[0].write(&parts[0].0), writers[1].write(&parts[1].0));
        let written = [one.unwrap(), two.unwrap()];
        let new = 400 + 2 + 2 + u64::from(round == 0);
        assert_eq!(written[0].inserted + written[1].inserted, new);
        assert!(written.iter().all(|written| written.rejected.is_empty()));
        let mut expected = BTreeSet::new();
        for (name, (_, session)) in ["a", "b"].into_iter().zip(&parts) {
            expected.insert(keys::of_raw(&raw(&format!("{name}{round}")), AT, "cowrie").to_vec());
            expected.insert(session.bytes().to_vec());
        }
        for event in hashes(events) {
            assert_eq!(elements(&archive, event).await.unwrap(), expected);
        }
        for (_, session) in parts {
            let (rows, more) = reader.events_of_sessions(&[session], 400).await.unwrap();
            assert_eq!((rows.len(), more), (400, false));
        }
    }
}

/// A writer finds an event stored, another removes it since its last raw makes it no more: it is there in the end.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_goes_while_another_raw_makes_it_stays() {
    let (archive, writer, reader) = opened().await;
    let other = GraphWriter::new(&archive);
    let mut raced = 0;
    for round in 0..25 {
        let events = round * 40..(round + 1) * 40;
        let (old, new) = (raw(&format!("old{round}")), raw(&format!("new{round}")));
        writer
            .write(&made(&old, "cowrie", events.clone()))
            .await
            .unwrap();
        let batch = made(&new, "cowrie", events.clone());
        let remade = [Remade {
            raw: old,
            accepted: AT,
            made: &[],
        }];
        let (removed, written) =
            futures::join!(writer.replace("cowrie", &remade), other.write(&batch));
        raced += removed.unwrap();
        assert!(written.unwrap().rejected.is_empty());
        let ours = keys::of_raw(&new, AT, "cowrie").to_vec();
        for event in hashes(events) {
            let elements = elements(&archive, event).await;
            assert_eq!(elements, Some([ours.clone()].into()));
        }
    }
    assert_eq!(count(&reader).await, 25 * 40, "{raced} were removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_list_takes_no_more_and_stops_nobody() {
    let (archive, writer, _) = opened().await;
    writer
        .write(&made(&raw("first"), "cowrie", [1]))
        .await
        .unwrap();
    let of_event = doc! {"_id": ids::of_hash(one(1).hash())};
    let many = (0..20_000_u32).map(|n| ids::binary([&[b'R'; 25][..], &n.to_be_bytes()].concat()));
    let full = doc! {"$push": {"_keys": {"$each": many.collect::<Vec<Bson>>()}}};
    archive
        .coll
        .driver()
        .update_one(of_event, full)
        .await
        .unwrap();
    let before = elements(&archive, one(1).hash()).await.unwrap();
    let written = writer
        .write(&made(&raw("one more"), "cowrie", [1, 2]))
        .await
        .unwrap();
    assert_eq!(
        (written.existing, written.rejected.len()),
        (2, 0),
        "with the subject"
    );
    assert_eq!(elements(&archive, one(1).hash()).await.unwrap(), before);
}
