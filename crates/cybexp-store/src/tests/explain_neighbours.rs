//! Indexes for walking the graph, as threatrank does.

use std::collections::HashMap;

use bson::doc;
use tahoe_core::{Hash, OrgId};

use threatrank::{Draw, EventTime};

use super::plan::Plan;
use super::{fill, hash, server};
use crate::archive::open::Archive;
use crate::graph::read::neighbours;
use crate::graph::read::reader::GraphReader;
use crate::mongo::indexes::{EVENT_REF, IDENTITY};
use crate::visible::Visible;

/// Visible events of the attribute `popular`; each other attribute is in one of them.
const POPULAR: usize = 900;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_found_by_its_hash_and_who_may_see_it() {
    let (archive, _) = archive().await;
    for (orgid, n) in [("unr", 1), ("other", 0)] {
        let find = neighbours::event_time(hash("unr7"), &visible(orgid));
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, n);
        plan.reads_at_most(2, n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_told_from_objects_by_hash() {
    let (archive, reader) = archive().await;
    let hashes: Vec<Hash> = (0..100).map(hash).chain([hash("an object")]).collect();
    let plan = Plan::find(&archive.coll, &neighbours::kinds(&hashes)).await;
    assert_eq!(plan.returned, 101);
    plan.reads_at_most(2 * 101 + 2, 101);
    let kinds = reader.kinds(&hashes).await.unwrap();
    assert_eq!(kinds.iter().filter(|kind| kind.is_attribute).count(), 100);
}

/// The server reads no more events of an attribute than wanted, and only their index keys.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_attributes_are_read_from_the_index_alone() {
    let (archive, _) = archive().await;
    let attributes: Vec<Hash> = (0..50).map(hash).chain([hash("popular")]).collect();
    let most = 100;
    let pipeline =
        neighbours::events_of_attributes(&attributes, archive.coll.name(), &visible("unr"), most);
    let plan = Plan::lookup(&archive.coll, IDENTITY, pipeline).await;
    plan.reads_at_most(2 * 51 + 2 + 2 * 50 + 100 + 10, 51);
    assert!(
        plan.stages.contains(&format!("\"{EVENT_REF}\"")),
        "{plan:?}"
    );
}

/// The cost does not depend on the number of the hub's events.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_drawn_from_the_index_alone() {
    let (archive, reader) = archive().await;
    let popular = hash("popular");
    let find = neighbours::drawn(popular, &visible("unr"), ["0", "1"], 10);
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(12, 0);

    let draw = async |part, events| {
        let draw = Draw {
            hub: popular,
            part,
            from: hash("anything"),
            events,
        };
        let drawn = reader.draw_events(&[draw], &visible("unr")).await;
        let events = drawn.unwrap().remove(0);
        events.iter().map(|event| event.hash).collect::<Vec<_>>()
    };
    let ours = (0..POPULAR).map(|i| hash(format_args!("unr{i}")));
    let ours: Vec<Hash> = ours.collect();
    for (part, digits) in [(0, '0'..'5'), (1, '5'..'a'), (2, 'a'..'f')] {
        let all = draw(part, POPULAR).await;
        let own = |hash: &&Hash| {
            let text = hash.to_string();
            let second = text.chars().nth(1).unwrap();
            text.starts_with('0') && digits.contains(&second)
        };
        let mut expected: Vec<Hash> = ours.iter().filter(own).copied().collect();
        expected.sort();
        assert!((5..40).contains(&all.len()), "{}", all.len());
        // from the given hash on, and then from the beginning
        let begin = expected.iter().position(|hash| *hash == all[0]).unwrap();
        expected.rotate_left(begin);
        assert_eq!(all, expected);
        assert_eq!(draw(part, 3).await, all[..3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attributes_of_events_are_found_by_hash_and_who_may_see_them() {
    let (archive, _) = archive().await;
    let hashes = ["unr", "other"].map(|org| (0..50).map(move |i| hash(format_args!("{org}{i}"))));
    let hashes: Vec<Hash> = hashes.into_iter().flatten().collect();
    let find = neighbours::event_refs(&hashes, &visible("unr"));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 100 + 2, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_attributes_are_what_the_reader_may_see() {
    let (_, reader) = archive().await;
    let read = async |orgid: &str, most, room| {
        let attributes = [hash(7), hash("popular"), hash("an object"), hash("nothing")];
        let visible = visible(orgid);
        let rows = reader.events_of_attributes(&attributes, &visible, most, room);
        let rows = rows.await.unwrap();
        assert!(rows.is_sorted_by_key(|row| row.hash));
        let rows = rows.into_iter().map(|row| (row.hash, row.events));
        HashMap::<Hash, Option<Vec<EventTime>>>::from_iter(rows)
    };
    let rows = read("unr", POPULAR, usize::MAX).await;
    assert_eq!(rows.len(), 2, "objects are no attributes");
    let event = EventTime {
        hash: hash("unr7"),
        timestamp: 7.0,
        malicious: false,
    };
    assert_eq!(rows[&hash(7)], Some(vec![event]));
    let popular = rows[&hash("popular")].as_ref().unwrap();
    assert_eq!(popular.len(), POPULAR);
    assert_eq!(
        popular.iter().filter(|event| event.malicious).count(),
        POPULAR / 3
    );

    let rows = read("unr", POPULAR - 1, usize::MAX).await;
    assert_eq!(rows[&hash("popular")], None, "too many");
    assert_eq!(rows[&hash(7)], Some(vec![event]));
    assert!(read("unr", POPULAR, 0).await.is_empty());
    let foreign = read("nobody", POPULAR, usize::MAX).await;
    assert!(foreign.values().all(|events| events == &Some(vec![])));
}

async fn archive() -> (Archive, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let popular = hash("popular").to_string();
    let attribute = |hash: Hash| doc! {"itype": "attribute", "sub_type": "ipv4", "data": 1, "_hash": hash.to_string()};
    fill(&archive.coll, (0..3000).map(|i| attribute(hash(i)))).await;
    let object = doc! {"itype": "object", "sub_type": "url", "_cref": [], "_hash": hash("an object").to_string()};
    fill(&archive.coll, [attribute(hash("popular")), object]).await;
    let events = |orgid: &'static str, own: &'static str| {
        let popular = popular.clone();
        (0..POPULAR as i32).map(move |i| {
            let own = hash(format_args!("{own}{i}")).to_string();
            let category = ["malicious", "benign", "unknown"][i as usize % 3];
            doc! {
                "itype": "event", "sub_type": "ssh", "orgid": orgid, "timestamp": f64::from(i),
                "category": category,
                "_cref": [&own, &popular], "_ref": [own, popular.clone()],
                "_hash": hash(format_args!("{orgid}{i}")).to_string(),
            }
        })
    };
    fill(&archive.coll, events("unr", "").chain(events("other", "x"))).await;
    let reader = GraphReader::new(&archive);
    (archive, reader)
}

fn visible(orgid: &str) -> Visible {
    Visible(vec![OrgId::new(orgid).unwrap()])
}
