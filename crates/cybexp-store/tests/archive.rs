//! Writing raws and the graph.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use bson::{Document, doc};
use common::*;
use cybexp_store::{Archive, GraphBatch, GraphWriter, PendingRaw, Raws, StoreError, Taken};
use serde_json::json;
use tahoe_core::{Category, Event, Instance, Object, Session, SubType};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_twice_is_there_once() {
    let (archive, _, db) = archive().await;
    let (batch, expected) = (batch(), batch().instances().count() as u64);
    let first = archive.write(&batch).await.unwrap();
    assert_eq!((first.inserted, first.existing), (expected, 0));
    assert!(first.rejected.is_empty());
    let again = archive.write(&batch).await.unwrap();
    assert_eq!((again.inserted, again.existing), (0, expected));

    let by_hash = |document: Document| (document.get_str("_hash").unwrap().to_owned(), document);
    let stored = find(&collection(&db, COLL).await, doc! {}).await;
    let stored: BTreeMap<_, _> = stored.into_iter().map(sorted).map(by_hash).collect();
    let made = batch.instances().map(|instance| match instance {
        Instance::Session(session) => by_hash(session_of("unr", session)),
        instance => by_hash(document(&instance)),
    });
    let made: BTreeMap<_, _> = made.collect();
    assert_eq!(stored.len(), made.len());
    for (hash, made) in &made {
        // fields may stand in any order
        let fields = |document: &Document| BTreeMap::from_iter(document.clone());
        let (stored, made) = (fields(&stored[hash]), fields(made));
        assert_eq!(format!("{stored:?}"), format!("{made:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_category_that_an_analyst_set_stays() {
    let (archive, _, db) = archive().await;
    let event = event("unr", 1.0, "192.0.2.1").with_category(Category::Malicious);
    let mut batch = GraphBatch::default();
    batch.add_event(event.clone());
    archive.write(&batch).await.unwrap();
    let coll = collection(&db, COLL).await;
    let of_event = doc! {"_hash": event.hash().to_string()};
    let benign = doc! {"$set": {"category": "benign"}};
    coll.update_one(of_event.clone(), benign).await.unwrap();
    archive.write(&batch).await.unwrap();
    let stored = find(&coll, of_event).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get_str("category").unwrap(), "benign");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_the_same_in_whatever_order_its_parts_come() {
    let (archive, _, db) = archive().await;
    let coll = collection(&db, COLL).await;
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for (i, order) in orders.into_iter().enumerate() {
        let parts = parts_of_session(&format!("c0ffee{i}"));
        for part in order {
            let mut batch = GraphBatch::default();
            batch.add_session(parts[part].clone(), &org("unr"));
            archive.write(&batch).await.unwrap();
        }
        let mut whole = parts[0].clone();
        parts[1..].iter().for_each(|part| whole.merge(part));
        let stored = find(&coll, doc! {"_hash": whole.hash().to_string()}).await;
        assert_eq!(stored.len(), 1);
        let fields = |document: Document| BTreeMap::from_iter(document);
        assert_eq!(
            format!("{:?}", fields(sorted(stored[0].clone()))),
            format!("{:?}", fields(session_of("unr", whole)))
        );
        assert_eq!(stored[0].get_f64("start_time").unwrap(), 5.0);
        assert_eq!(stored[0].get_f64("end_time").unwrap(), 90.5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_of_the_same_make_no_duplicates() {
    let (archive, _, db) = archive().await;
    let writers = (0..8).map(|_| {
        let archive = archive.clone();
        tokio::spawn(async move { archive.write(&batch()).await.unwrap() })
    });
    let mut inserted = 0;
    for written in futures::future::join_all(writers.collect::<Vec<_>>()).await {
        let written = written.unwrap();
        assert!(written.rejected.is_empty());
        inserted += written.inserted;
    }
    let expected = batch().instances().count() as u64;
    assert_eq!(inserted, expected);
    let coll = collection(&db, COLL).await;
    assert_eq!(coll.count_documents(doc! {}).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_document_can_hold_is_rejected_and_the_rest_written() {
    let (archive, store, db) = archive().await;
    let body = "x".repeat(16 << 20);
    let huge = attribute("body", &body);
    let mut batch = GraphBatch::default();
    let mail = vec![huge.clone(), attribute("subject", "hello")];
    let mail = Event::new(SubType::from_static("email"), org("unr"), at(1.0), mail).unwrap();
    batch.add_event(mail.clone());
    batch.add_event(event("unr", 1.0, "192.0.2.1"));
    let written = archive.write(&batch).await.unwrap();
    let mut rejected: Vec<_> = written.rejected.iter().map(|r| r.hash).collect();
    let mut expected = vec![huge.hash(), mail.hash()];
    rejected.sort();
    expected.sort();
    assert_eq!(rejected, expected);
    let reason = &written.rejected[0].reason;
    assert!(reason.contains("15 MiB"), "{reason}");
    assert_eq!((written.inserted, written.existing), (4, 0));
    let coll = collection(&db, COLL).await;
    assert_eq!(coll.count_documents(doc! {}).await.unwrap(), 4);

    let raws = [
        raw("email", json!({"data": body})),
        raw("email", json!({"data": "short"})),
        raw("email", json!({"data": u64::MAX})),
    ];
    let written = store.write(&raws, filters).await.unwrap();
    assert_eq!((written.inserted, written.existing), (1, 0));
    assert_eq!(written.rejected.len(), 2, "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_refers_to_too_much_is_rejected() {
    let (archive, _, db) = archive().await;
    let mut batch = GraphBatch::default();
    let event = |n: usize| {
        let children = (0..n).map(|i| attribute("port", &format!("{n} {i}")));
        Event::new(
            SubType::from_static("scan"),
            org("unr"),
            at(1.0),
            children.collect(),
        )
        .unwrap()
    };
    let (most, beyond) = (event(10_000), event(10_001));
    for event in [&most, &beyond] {
        batch.add_event(event.clone());
    }
    let written = archive.write(&batch).await.unwrap();
    let rejected: Vec<_> = written.rejected.iter().map(|r| r.hash).collect();
    assert_eq!(rejected, [beyond.hash()]);
    assert!(written.rejected[0].reason.contains("10000"), "{written:?}");
    let events = find(&collection(&db, COLL).await, doc! {"itype": "event"}).await;
    assert_eq!(events.len(), 1);
    // its organisation, too
    assert_eq!(events[0].get_array("_keys").unwrap().len(), 10_001);
}

/// A session does not list its events, so it does not matter how many they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_as_long_as_it_is() {
    let (archive, _, db) = archive().await;
    let mut batch = GraphBatch::default();
    let events = (0..240_000).map(|n| hash(&n.to_string()));
    batch.add_session(session("long").with_events(events), &org("unr"));
    for i in 0..20 {
        let events = (0..20_000).map(|n| hash(&format!("{i} {n}")));
        let session = session(&format!("c0ffee{i}")).with_events(events);
        batch.add_session(session, &org("unr"));
    }
    let written = archive.write(&batch).await.unwrap();
    assert!(written.rejected.is_empty());
    let sessions = find(&collection(&db, COLL).await, doc! {"itype": "session"}).await;
    assert_eq!(sessions.len(), 21);
    for session in sessions {
        assert_eq!(session.get_array("_ref").unwrap().len(), 2, "{session}");
    }
}

/// Nobody can write to a session of another organisation, nor see its times, by naming it.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_session_of_two_organisations_stays_two() {
    let (archive, _, db) = archive().await;
    for (orgid, start) in [("unr", 5.0), ("usc", 3.0), ("unr", 4.0)] {
        let event = event(orgid, start, "192.0.2.1");
        let part = session("c0ffee").with_events([event.hash()]);
        let mut batch = GraphBatch::default();
        batch.add_session(part.with_start_time(at(start)), &org(orgid));
        batch.add_event(event);
        archive.write(&batch).await.unwrap();
    }
    let coll = collection(&db, COLL).await;
    for (orgid, start, events) in [("unr", 4.0, 2), ("usc", 3.0, 1)] {
        let of_org = doc! {"itype": "session", "orgid": orgid};
        let sessions = find(&coll, of_org).await;
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].get_f64("start_time").unwrap(), start);
        let id = sessions[0].get("_id").unwrap();
        let of_session = find(&coll, doc! {"_keys": id}).await;
        assert_eq!(of_session.len(), events);
        let ours = |event: &Document| event.get_str("orgid").unwrap() == orgid;
        assert!(of_session.iter().all(ours));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn raws_come_back_as_they_were() {
    let (_, store, _) = archive().await;
    let values = [
        json!({"$oid": "x"}),
        json!({"$oid": "5f07a6f25f07a6f25f07a6f2"}),
        json!({"$date": 1, "$numberLong": "7", "a": {"$binary": {"base64": "", "subType": "00"}}}),
        json!({"$set": {"a.b": 1, ".": 2, "$": 3, "": 4}}),
        json!({"_id": 1, "itype": "event", "_hash": null}),
        json!({"n": [i64::MIN, i64::MAX, 0, -1, 1, 1.0, 1e300, 5e-324, 0.1, 1u32 << 31]}),
        json!({"text": "grüße \u{0} \u{1f600} \u{fffd}", "z": 1, "a": [true, null, [], {}]}),
        json!({"data": "$$ROOT"}),
        json!("text"),
        json!([1, 1.0, true]),
        json!(1.0),
        json!(null),
        json!((0..10).fold(json!(0), |inner, _| json!([inner]))),
    ];
    let raws: Vec<_> = values.iter().map(|v| raw("any", v.clone())).collect();
    let written = store.write(&raws, filters).await.unwrap();
    assert_eq!(written.inserted, values.len() as u64, "{written:?}");
    let mut queue = store.queue("any@1").await.unwrap();
    let Taken::Work(taken) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    // as text, for 1.0 is no 1 and the order of keys is kept
    let text = |raw: Result<PendingRaw, _>| raw.unwrap().data.to_string();
    let taken: Vec<String> = taken.into_iter().map(text).collect();
    for value in &values {
        let text = value.to_string();
        let same = taken.iter().filter(|other| **other == text);
        assert_eq!(same.count(), 1, "{text} in {taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_raw_of_two_organisations_stays_two() {
    let (_, store, db) = archive().await;
    let data = json!({"eventid": "cowrie.session.connect"});
    let raws = ["unr", "usc", "unr"].map(|orgid| raw_of(orgid, "cowrie", data.clone()));
    let written = store.write(&raws, filters).await.unwrap();
    assert_eq!((written.inserted, written.existing), (2, 0));
    let written = store.write(&raws, filters).await.unwrap();
    assert_eq!((written.inserted, written.existing), (0, 2));
    let coll = collection(&db, COLL).await;
    assert_eq!(coll.count_documents(doc! {}).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_the_old_form_is_told_and_left_alone() {
    let (server, db) = server().await;
    let coll = collection(&db, COLL).await;
    // no collection, then an empty one, then one of the new form
    for _ in 0..2 {
        Archive::open(&server, &db, COLL).await.unwrap();
    }
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    GraphWriter::new(&archive).write(&batch()).await.unwrap();
    Archive::open(&server, &db, COLL).await.unwrap();
    let old = doc! {"itype": "attribute", "sub_type": "ipv4", "data": "192.0.2.1", "_hash": "x"};
    coll.insert_one(old).await.unwrap();
    let error = Archive::open(&server, &db, COLL).await.unwrap_err();
    assert!(matches!(&error, StoreError::OldForm(name) if *name == format!("{db}.{COLL}")));
    assert!(error.to_string().contains("cybexp migrate"), "{error}");

    // such an archive gets no new indexes
    let old = collection(&db, "old").await;
    old.insert_one(doc! {"_hash": "x"}).await.unwrap();
    let refused = Archive::open(&server, &db, "old").await;
    assert!(matches!(refused, Err(StoreError::OldForm(_))));
    assert_eq!(old.list_index_names().await.unwrap(), ["_id_"]);
}

async fn archive() -> (GraphWriter, Raws, String) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, COLL).await.unwrap();
    (GraphWriter::new(&archive), Raws::new(&archive), db)
}

/// Events that share attributes, objects and a session; more of them than one command takes.
fn batch() -> GraphBatch {
    let mut batch = GraphBatch::default();
    for i in 0..1200 {
        let attacker = vec![attribute("ipv4", &format!("192.0.2.{}", i % 256))];
        let attacker = Object::new(SubType::from_static("attacker"), attacker).unwrap();
        let children = vec![attacker.into(), attribute("username", "root")];
        let sub_type = SubType::from_static("ssh");
        let event = Event::new(sub_type, org("unr"), at(f64::from(i)), children).unwrap();
        let part = session("c0ffee").with_events([event.hash()]);
        batch.add_session(part, &org("unr"));
        batch.add_event(event);
    }
    batch
}

/// Returns the expected document of a session of an organisation.
fn session_of(orgid: &str, session: Session) -> Document {
    let mut expected = document(&session.without_events());
    expected.insert("orgid", orgid);
    expected
}

fn session(id: &str) -> Session {
    let children = vec![attribute("sessionid", id), attribute("sensor", "london")];
    Session::new(SubType::from_static("cowrie_session"), children).unwrap()
}

fn parts_of_session(id: &str) -> [Session; 3] {
    [
        session(id)
            .with_events([hash("connect"), hash("login")])
            .with_start_time(at(7.0)),
        session(id)
            .with_events([hash("login"), hash("command")])
            .with_start_time(at(5.0))
            .with_end_time(at(80.0))
            .with_duration(at(75.5)),
        session(id).with_end_time(at(90.5)).with_duration(at(3.0)),
    ]
}
