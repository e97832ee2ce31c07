//! The sweep of old raws, and of what nothing makes or names any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bson::{Document, doc};
use futures::TryStreamExt;
use serde_json::json;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event, Hash, Node, Object, Raw, Session, SubType};

use super::plan::Plan;
use super::{at, attribute, hash, org, server, visible};
use crate::archive::having::Having;
use crate::archive::ids::{self, OrgTag, RawId, SessionId};
use crate::archive::keys::{self, DerivedFrom};
use crate::archive::open::Archive;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk;
use crate::mongo::indexes::{EVENT_KEYS, SESSION_KNOWN};
use crate::raws::queue::Raws;
use crate::sweep::named::Naming;
use crate::sweep::rows::{self, RowKind};
use crate::sweep::step::{Sweep, Swept};
use crate::sweep::{named, nodes, raws, values};
use crate::values::search::ValueSearch;

const DAY_S: f64 = 86_400.0;
/// The second at which the tests take place.
const NOW: f64 = 2000.0 * DAY_S;
/// Time between two raws.
const STEP_S: f64 = 4.0 * 3600.0;

async fn archive() -> Archive {
    let (server, db) = server().await;
    Archive::open(&server, &db, "instance").await.unwrap()
}

fn sub_type(name: &'static str) -> SubType {
    SubType::from_static(name)
}

fn raw(orgid: &str, n: i32, seconds: f64) -> Raw {
    let data = json!({"n": n});
    let sub_type = sub_type("cowrie");
    Raw::new(
        sub_type,
        data,
        org(orgid),
        "UTC".to_owned(),
        Some(at(seconds)),
    )
    .unwrap()
}

fn id(raw: &Raw) -> RawId {
    RawId::new(raw.hash(), raw.orgid().as_str())
}

fn address(n: i32) -> Attribute {
    Attribute::new(sub_type("ipv4"), format!("192.0.2.{n}"))
}

/// The event of a raw: of an address that few share, a command of its own, and a sensor that all share.
fn event(orgid: &str, n: i32, seconds: f64) -> Event {
    let attacker = Object::new(sub_type("attacker"), vec![address(n % 50).into()]).unwrap();
    let command = Attribute::new(sub_type("shell_command"), format!("run {n}"));
    let children: Vec<Node> = vec![attacker.into(), command.into(), attribute("shared").into()];
    Event::new(sub_type("shell_command"), org(orgid), at(seconds), children).unwrap()
}

/// A session of ten events, known by a sensor that no event names.
fn session(n: i32, events: &[Hash]) -> Session {
    let known: Vec<Node> = vec![
        Attribute::new(sub_type("sensor"), "s1").into(),
        Attribute::new(sub_type("sessionid"), format!("{}", n / 10)).into(),
    ];
    let session = Session::new(sub_type("cowrie_session"), known).unwrap();
    session.with_events(events.iter().copied())
}

/// Stores the raws of a range, one in four hours up to now, and what a filter makes of each, and marks them.
async fn submit(
    archive: &Archive,
    writer: &GraphWriter,
    orgid: &str,
    range: std::ops::Range<i32>,
    last: i32,
) {
    let seconds = |n: i32| NOW - f64::from(last - n) * STEP_S;
    let all: Vec<Raw> = range.clone().map(|n| raw(orgid, n, seconds(n))).collect();
    Raws::new(archive).write(&all, |_| vec![]).await.unwrap();
    let mut batch = GraphBatch::default();
    for (n, raw) in range.zip(&all) {
        let event = event(orgid, n, seconds(n));
        batch.add_source(&id(raw), seconds(n), "cowrie", [event.hash()]);
        batch.add_session(session(n, &[event.hash()]), &org(orgid));
        batch.add_event(event);
    }
    writer.write(&batch).await.unwrap();
    let marked: Vec<_> = all.iter().map(|raw| id(raw).bson()).collect();
    let these = doc! {"_id": {"$in": marked}};
    let mark = doc! {"$set": {"filters": ["cowrie@1"]}};
    bulk::update_all(&archive.coll, &[(these, mark)], "testing")
        .await
        .unwrap();
}

fn sweep(archive: &Archive, days: f64) -> Sweep {
    let keep = BTreeMap::from([("cowrie".to_owned(), days * DAY_S)]);
    Sweep::new(archive, keep).without_waits()
}

/// Sweeps until nothing is left to do.
async fn swept(sweep: &mut Sweep) -> Swept {
    let mut all = Swept::default();
    loop {
        let one = sweep.step(NOW).await.unwrap();
        all.raws += one.raws;
        all.events += one.events;
        all.nodes += one.nodes;
        all.sessions += one.sessions;
        if !one.more {
            return all;
        }
    }
}

/// Returns all documents by their `_id`.
async fn documents(archive: &Archive) -> HashMap<Vec<u8>, Document> {
    let all = archive.coll.driver().find(doc! {}).await.unwrap();
    let all: Vec<bson::RawDocumentBuf> = all.try_collect().await.unwrap();
    let all = all.iter().map(|row| Document::try_from(row).unwrap());
    let id = |row: &Document| row.get_binary_generic("_id").unwrap().clone();
    all.map(|row| (id(&row), row)).collect()
}

/// Checks that every reference leads somewhere, and that something leads to every attribute, object and session.
async fn nothing_dangles(archive: &Archive) {
    let all = documents(archive).await;
    let mut named: BTreeSet<Vec<u8>> = BTreeSet::new();
    for row in all.values() {
        let itype = row.get_str("itype").unwrap();
        if itype != "raw" {
            for hash in row.get_array("_ref").into_iter().flatten() {
                let hash: Hash = hash.as_str().unwrap().parse().unwrap();
                let reference = hash.as_bytes().to_vec();
                assert!(all.contains_key(&reference), "{row} names {hash}");
                if itype != "object" {
                    named.insert(reference);
                }
            }
        }
        for key in row.get_array("_keys").into_iter().flatten() {
            let bson::Bson::Binary(key) = key else {
                panic!("{row}")
            };
            if SessionId::read(&key.bytes).is_some() {
                assert!(all.contains_key(&key.bytes), "{row} is in a session");
                named.insert(key.bytes.clone());
            }
            if keys::is_of_raw(&key.bytes) {
                let mut of_raw = all.iter().filter(|(id, raw)| {
                    let accepted = raw.get_f64("timestamp").unwrap_or_default();
                    let element = RawId::read(id).map(|id| keys::raw_element(&id, accepted));
                    element.is_some_and(|element| element[..] == *keys::raw_of(&key.bytes))
                });
                assert!(of_raw.next().is_some(), "{row} is of a raw");
            }
        }
    }
    for (id, row) in &all {
        let itype = row.get_str("itype").unwrap();
        if ["attribute", "object", "session"].contains(&itype) {
            assert!(named.contains(id), "nothing names {row}");
            assert!(!row.contains_key("_going"), "{row}");
        }
    }
}

async fn count(reader: &GraphReader, of: Hash) -> u64 {
    let of = Conditions {
        subjects: vec![of],
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context: Context::All,
        derived: false,
    };
    reader.count(&of, &visible(&["unr"])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_is_swept_to_thirty_days_while_a_writer_is_at_work() {
    let archive = archive().await;
    let (writer, reader) = (GraphWriter::new(&archive), GraphReader::new(&archive));
    let year = 365 * 6;
    submit(&archive, &writer, "unr", 0..year, year).await;
    submit(&archive, &writer, "other", year - 150..year - 50, year).await;
    // a hub, whose count is kept
    assert_eq!(count(&reader, attribute("shared").hash()).await, 2190);

    let load = async {
        let writer = GraphWriter::new(&archive);
        for n in 0..40 {
            // new events of addresses and commands that the sweep is about to remove
            submit(&archive, &writer, "late", n * 20..(n + 1) * 20, n * 20 + 20).await;
        }
    };
    let mut sweep = sweep(&archive, 30.0);
    let (one, ()) = futures::join!(swept(&mut sweep), load);
    let two = swept(&mut sweep).await;
    assert_eq!(one.raws, 2190 - 180);
    assert_eq!(one.events + two.events, 2190 - 180);
    nothing_dangles(&archive).await;
    assert_eq!(count(&reader, attribute("shared").hash()).await, 180);
    assert_eq!(
        sweep.oldest().await.unwrap()["cowrie"],
        NOW - 180.0 * STEP_S
    );
    let rows = archive
        .going
        .driver()
        .count_documents(doc! {"kind": {"$exists": true}});
    assert_eq!(rows.await.unwrap(), 0);
    assert_eq!(swept(&mut sweep).await, Swept::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_what_is_judged_and_what_another_raw_makes_stays() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..10, 9000).await;
    let of = |n: i32| event("unr", n, NOW - f64::from(9000 - n) * STEP_S);
    // a raw that waits, an event that an analyst judged, and one that a raw of today makes, too
    let waits = id(&raw("unr", 0, 0.0)).bson();
    for (id, set) in [
        (waits, doc! {"_todo": ["cowrie"]}),
        (
            ids::of_hash(of(1).hash()),
            doc! {"_judged": {"by": "an analyst"}},
        ),
    ] {
        let update = doc! {"$set": set};
        archive
            .coll
            .driver()
            .update_one(doc! {"_id": id}, update)
            .await
            .unwrap();
    }
    let today = raw("unr", 1000, NOW);
    Raws::new(&archive)
        .write(std::slice::from_ref(&today), |_| vec![])
        .await
        .unwrap();
    let mut batch = GraphBatch::default();
    batch.add_source(&id(&today), NOW, "cowrie", [of(2).hash()]);
    batch.add_event(of(2));
    writer.write(&batch).await.unwrap();

    let swept = swept(&mut sweep(&archive, 30.0)).await;
    assert_eq!((swept.raws, swept.events), (9, 7));
    let left = documents(&archive).await;
    let events = left
        .values()
        .filter(|row| row.get_str("itype").is_ok_and(|itype| itype == "event"));
    let events: BTreeSet<&str> = events.map(|row| row.get_str("_hash").unwrap()).collect();
    let expected = [0, 1, 2].map(|n| of(n).hash().to_string());
    assert_eq!(events, expected.iter().map(String::as_str).collect());
    nothing_dangles(&archive).await;
}

/// A node is marked, a writer meets it before it is deleted, and one after.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_keeps_a_node_that_goes_or_makes_it_anew() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..10, 9000).await;
    let zero = std::time::Duration::ZERO;
    let old = raws::older("cowrie", 0.0, NOW - DAY_S);
    let old: Vec<raws::OldRaw> = old.read(&archive.coll).await.unwrap();
    let removed = raws::remove(&archive, &writer, &old).await.unwrap();
    assert_eq!((removed.raws, removed.events), (10, 10));
    while nodes::look(&archive, &writer, zero).await.unwrap().0 > 0 {}
    let going = documents(&archive).await;
    let going = going
        .values()
        .filter(|row| row.contains_key("_going"))
        .count();
    // ten attackers, addresses and commands, the shared attribute, and the session
    assert_eq!(going, 32);

    // another process, which knows nothing yet
    let late = GraphWriter::new(&archive);
    submit(&archive, &late, "unr", 0..5, 5).await;
    while nodes::remove(&archive, zero).await.unwrap().looked > 0 {}
    nothing_dangles_but_sessions(&archive).await;
    submit(&archive, &GraphWriter::new(&archive), "unr", 5..10, 10).await;
    while raws::look_again(&archive, &writer, zero).await.unwrap().0 > 0 {}
    swept(&mut sweep(&archive, 30.0)).await;
    nothing_dangles(&archive).await;
    assert_eq!(documents(&archive).await.len(), 10 + 10 + 32 + 2);
}

async fn nothing_dangles_but_sessions(archive: &Archive) {
    let all = documents(archive).await;
    let events = all
        .values()
        .filter(|row| row.get_str("itype").is_ok_and(|itype| itype == "event"));
    for event in events {
        for hash in event.get_array("_ref").unwrap() {
            let hash: Hash = hash.as_str().unwrap().parse().unwrap();
            assert!(
                all.contains_key(&hash.as_bytes()[..]),
                "{event} names {hash}"
            );
        }
    }
}

/// A raw that was submitted anew while its old events were removed is read again.
#[tokio::test(flavor = "multi_thread")]
async fn a_raw_that_comes_back_is_read_again() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..1, 9000).await;
    let old = raws::older("cowrie", 0.0, NOW)
        .read(&archive.coll)
        .await
        .unwrap();
    raws::remove(&archive, &writer, &old).await.unwrap();
    submit(&archive, &writer, "unr", 0..1, 0).await;
    raws::look_again(&archive, &writer, std::time::Duration::ZERO)
        .await
        .unwrap();
    let row = documents(&archive)
        .await
        .remove(&id(&raw("unr", 0, 0.0)).bytes()[..])
        .unwrap();
    let list = |field: &str| row.get_array(field).unwrap().clone();
    assert_eq!(list("_todo"), ["cowrie".into()]);
    assert_eq!(list("filters"), ["cowrie@0".into()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_sweeps_at_a_time() {
    let archive = archive().await;
    submit(&archive, &GraphWriter::new(&archive), "unr", 0..300, 9000).await;
    let mut sweeps = [sweep(&archive, 30.0), sweep(&archive, 30.0)];
    assert!(sweeps[0].step(NOW).await.unwrap().raws > 0);
    assert_eq!(sweeps[1].step(NOW).await.unwrap(), Swept::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_look_of_the_sweep_is_served_by_an_index() {
    let archive = archive().await;
    submit(&archive, &GraphWriter::new(&archive), "unr", 0..3000, 3000).await;
    let plan = Plan::find(
        &archive.coll,
        &raws::older("cowrie", 0.0, NOW - 1000.0 * STEP_S),
    )
    .await;
    assert_eq!(plan.returned, 500);
    plan.reads_at_most(501, 500);
    let plan = Plan::find(&archive.coll, &raws::typetag_after("")).await;
    plan.reads_at_most(2, 1);

    let orgs: Vec<OrgTag> = (0..20).map(|n| OrgTag::of(&format!("org{n}"))).collect();
    let orgs = [&[OrgTag::of("unr")], &orgs[..]].concat();
    // one that all events name costs no more than one that none does
    let shared = attribute("shared").hash();
    let sensor = Attribute::new(sub_type("sensor"), "s1").hash();
    let none = hash("unknown");
    let wanted =
        [shared, none, shared].map(|node| named::references(node, &orgs, Naming::Any.kinds()));
    let any = Having::Events.any(&archive.coll, "", &wanted).await;
    assert_eq!(any.unwrap(), [true, false, true]);
    let pipeline = Having::Events.pipeline(&wanted, archive.coll.name());
    let plan = Plan::lookup(&archive.coll, pipeline).await;
    plan.reads_at_most(3 * 2 * 36 * 21, 0);
    assert_eq!(plan.stages, [EVENT_KEYS]);
    let wanted = [sensor, none].map(|node| named::known(node, &orgs));
    let any = Having::Sessions.any(&archive.coll, "", &wanted).await;
    assert_eq!(any.unwrap(), [true, false]);
    let pipeline = Having::Sessions.pipeline(&wanted, archive.coll.name());
    let plan = Plan::lookup(&archive.coll, pipeline).await;
    plan.reads_at_most(2 * 2 * 21, 1);
    assert_eq!(plan.stages, [SESSION_KNOWN]);

    let nodes: Vec<_> = (0..3000).map(|n| ids::of_hash(hash(n))).collect();
    let candidates = (0..3000).map(|n| (hash(n).as_bytes().to_vec(), "unr".to_owned()));
    rows::note_candidates(&archive.going, &candidates.collect())
        .await
        .unwrap();
    rows::note_going(&archive.going, &nodes[..100], bson::oid::ObjectId::new())
        .await
        .unwrap();
    let plan = Plan::find(&archive.going, &rows::going_among(&nodes[50..150])).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 100, 0);
    let find = rows::due(RowKind::Candidate, std::time::Duration::ZERO, 500);
    let plan = Plan::find(&archive.going, &find).await;
    assert_eq!(plan.returned, 500);
    plan.reads_at_most(501, 500);
}

/// What was derived from an attribute stays while an observed event of the organisation holds the attribute.
#[tokio::test(flavor = "multi_thread")]
async fn derived_events_go_with_what_they_were_derived_from() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..20, 9000).await;
    // an event of today of the first address
    submit(&archive, &writer, "unr", 50..51, 51).await;
    let network = Attribute::new(sub_type("cidr"), "192.0.2.0/24");
    let mut batch = GraphBatch::default();
    for n in 0..20 {
        let children: Vec<Node> = vec![address(n).into(), network.clone().into()];
        let event = Event::new(sub_type("netblock"), org("unr"), at(0.0), children).unwrap();
        let source = DerivedFrom::Attribute(address(n).hash());
        batch.add_derived(event, source, "netblock");
    }
    writer.write(&batch).await.unwrap();
    let mut sweep = sweep(&archive, 30.0).with_second_stage(vec!["netblock"]);
    let swept = swept(&mut sweep).await;
    assert_eq!((swept.raws, swept.events), (20, 20 + 19));
    nothing_dangles(&archive).await;
    let left = documents(&archive).await;
    let networks = left
        .values()
        .filter(|row| row.get_str("sub_type").unwrap() == "netblock");
    assert_eq!(networks.count(), 1);
    assert!(left.contains_key(&network.hash().as_bytes()[..]));
}

/// Returns the texts of an organisation's values that a search finds, with their first times.
async fn searched(archive: &Archive, orgid: &str, sub_type: &str) -> Vec<(Hash, f64)> {
    let search = ValueSearch::new(sub_type, "").unwrap();
    let reader = GraphReader::new(archive);
    let ours = visible(&[orgid]);
    let page = reader
        .search_values(&search, None, 1000, &ours)
        .await
        .unwrap();
    let (types, always) = ([sub_type], TimeRange::default());
    let newest = reader.new_values(&types, &always, None, 1000, &ours);
    let newest: BTreeSet<Hash> = newest
        .await
        .unwrap()
        .rows
        .iter()
        .map(|row| row.hash)
        .collect();
    let found: Vec<_> = page.rows.iter().map(|row| (row.hash, row.first)).collect();
    assert_eq!(
        found.iter().map(|(hash, _)| *hash).collect::<BTreeSet<_>>(),
        newest
    );
    found
}

/// A value that no event of an organisation names any more is neither found nor new there; elsewhere it stays.
#[tokio::test(flavor = "multi_thread")]
async fn values_vanish_with_the_last_event_of_their_organisation() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..5, 9000).await;
    submit(&archive, &writer, "unr", 8998..9000, 9000).await;
    submit(&archive, &writer, "other", 0..3, 3).await;
    assert_eq!(searched(&archive, "unr", "ipv4").await.len(), 7);
    assert_eq!(searched(&archive, "other", "ipv4").await.len(), 3);
    let all_rows = || {
        archive
            .values
            .driver()
            .count_documents(doc! {"by": {"$exists": true}})
    };
    // addresses and commands, and the attribute that all share
    assert_eq!(all_rows().await.unwrap(), 7 * 2 + 1 + 3 * 2 + 1);
    let mut sweep = sweep(&archive, 30.0);
    swept(&mut sweep).await;
    let left: Vec<Hash> = searched(&archive, "unr", "ipv4")
        .await
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(left, [address(48).hash(), address(49).hash()]);
    assert_eq!(searched(&archive, "unr", "shell_command").await.len(), 2);
    assert_eq!(searched(&archive, "unr", "hostname").await.len(), 1);
    assert_eq!(searched(&archive, "other", "ipv4").await.len(), 3);
    assert_eq!(all_rows().await.unwrap(), 2 * 2 + 1 + 3 * 2 + 1);
}

/// A value whose row was hidden begins anew with its next event, whether or not the writer knows of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_comes_back_is_found_again() {
    let archive = archive().await;
    let writer = GraphWriter::new(&archive);
    submit(&archive, &writer, "unr", 0..4, 9000).await;
    let zero = std::time::Duration::ZERO;
    let old: Vec<raws::OldRaw> = raws::older("cowrie", 0.0, NOW)
        .read(&archive.coll)
        .await
        .unwrap();
    raws::remove(&archive, &writer, &old).await.unwrap();
    while nodes::look(&archive, &writer, zero).await.unwrap().0 > 0 {}
    assert_eq!(searched(&archive, "unr", "ipv4").await, []);
    let first = |n: i32| NOW - f64::from(4 - n) * STEP_S;
    // one writer trusts that the row exists, another one looks, and a third comes once it is deleted
    submit(&archive, &writer, "unr", 0..1, 4).await;
    submit(&archive, &GraphWriter::new(&archive), "unr", 1..2, 4).await;
    assert_eq!(
        searched(&archive, "unr", "ipv4").await,
        [(address(1).hash(), first(1))]
    );
    while values::look_again(&archive, zero).await.unwrap() > 0 {}
    submit(&archive, &GraphWriter::new(&archive), "unr", 2..3, 4).await;
    let expected = [0, 1, 2].map(|n| (address(n).hash(), first(n)));
    assert_eq!(searched(&archive, "unr", "ipv4").await, expected);
    let rows = archive.values.driver().count_documents(doc! {"gone": true});
    assert_eq!(rows.await.unwrap(), 0);

    let plan = Plan::find(&archive.coll, &values::first_with(address(1).hash(), "unr")).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2 * 12, 0);
}
