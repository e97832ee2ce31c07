//! Indexes for walking the graph, as threatrank does.

use std::collections::HashMap;

use tahoe_core::{Attribute, Category, Event, Hash, Object, SubType};
use threatrank::{Draw, EventTime};

use super::plan::Plan;
use super::{attribute, event, fill_stored, hash, server, stored_event};
use crate::archive::keys::SAMPLED;
use crate::archive::open::Archive;
use crate::archive::stored;
use crate::graph::read::neighbours;
use crate::graph::read::reader::GraphReader;
use crate::mongo::indexes::EVENT_KEYS;
use crate::visible::Visible;

/// Visible events of the attribute `popular`; each other attribute is in one of them.
pub(super) const POPULAR: usize = 900;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_found_by_its_hash_and_who_may_see_it() {
    let (archive, _) = archive().await;
    for (orgid, n) in [("unr", 1), ("other", 0)] {
        let find = neighbours::event_time(ours("unr", 7).hash(), &visible(orgid));
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, n);
        plan.reads_at_most(2, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_told_from_objects_by_hash() {
    let (archive, reader) = archive().await;
    let attributes = (0..100).map(|i| attribute(i).hash());
    let hashes: Vec<Hash> = attributes.chain([object().hash()]).collect();
    let plan = Plan::find(&archive.coll, &neighbours::kinds(&hashes)).await;
    assert_eq!(plan.returned, 101);
    plan.reads_at_most(2 * 101 + 2, 101);
    let kinds = reader.kinds(&hashes).await.unwrap();
    assert_eq!(kinds.iter().filter(|kind| kind.is_attribute).count(), 100);
}

/// The server reads no events of an attribute with more than wanted, and counts no more than wanted.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_attributes_are_read_by_the_index() {
    let (archive, _) = archive().await;
    let attributes = (0..50).map(|i| attribute(i).hash());
    let attributes: Vec<Hash> = attributes.chain([popular().hash()]).collect();
    let most = 100;
    let pipeline =
        neighbours::events_of_attributes(&attributes, archive.coll.name(), &visible("unr"), most);
    let plan = Plan::lookup(&archive.coll, pipeline).await;
    assert_eq!(plan.returned, 51);
    plan.reads_at_most(50 + 101 + 50 + 2 * 2 * 12 * 51, 50);
    assert_eq!(plan.stages, [EVENT_KEYS; 2]);
}

/// The cost does not depend on the number of the hub's events.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_drawn_in_the_order_of_the_sample() {
    let (archive, reader) = archive().await;
    let popular = popular().hash();
    let find = neighbours::drawn(popular, &["unr"], [0, SAMPLED], 10);
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(10 + 2 * 12, 10);

    let draw = async |part, events| {
        let draw = Draw {
            hub: popular,
            part,
            from: hash("anything"),
            events,
        };
        let drawn = reader.draw_events(&[draw], &visible("unr")).await;
        let events = drawn.unwrap().remove(0);
        events
            .iter()
            .map(|open| open.event.hash)
            .collect::<Vec<_>>()
    };
    let all: Vec<Hash> = (0..POPULAR as i32).map(|i| ours("unr", i).hash()).collect();
    for (part, digits) in [(0, '0'..'5'), (1, '5'..'a'), (2, 'a'..'f')] {
        let drawn = draw(part, POPULAR).await;
        let own = |hash: &&Hash| {
            let text = hash.to_string();
            let second = text.chars().nth(1).unwrap();
            text.starts_with('0') && digits.contains(&second)
        };
        let mut expected: Vec<Hash> = all.iter().filter(own).copied().collect();
        expected.sort();
        assert!((5..40).contains(&drawn.len()), "{}", drawn.len());
        // from the given hash on, and then from the beginning
        let begin = expected.iter().position(|hash| *hash == drawn[0]).unwrap();
        expected.rotate_left(begin);
        assert_eq!(drawn, expected);
        assert_eq!(draw(part, 3).await, drawn[..3]);
    }
}

/// More organisations than one query merges in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_draw_from_many_organisations_is_in_the_same_order() {
    let (archive, reader) = archive().await;
    let orgs: Vec<String> = (0..40).map(|n| format!("org{n}")).collect();
    let events: Vec<Event> = (0..2000).map(|i| ours(&orgs[i % 40], i as i32)).collect();
    let documents = events.iter().map(|event| stored_event(event, []));
    fill_stored(&archive.coll, documents).await;
    let names: Vec<&str> = orgs.iter().map(String::as_str).collect();
    let draw = Draw {
        hub: popular().hash(),
        part: 1,
        from: hash("anything"),
        events: 2000,
    };
    let drawn = reader.draw_events(&[draw], &super::visible(&names)).await;
    let drawn = drawn.unwrap().remove(0);
    let drawn: Vec<Hash> = drawn.iter().map(|open| open.event.hash).collect();
    let own = |event: &&Event| (0x05..0x0a).contains(&event.hash().as_bytes()[0]);
    let mut expected: Vec<Hash> = events.iter().filter(own).map(Event::hash).collect();
    expected.sort();
    let begin = expected.iter().position(|hash| *hash == drawn[0]).unwrap();
    expected.rotate_left(begin);
    assert_eq!(drawn, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attributes_of_events_are_found_by_hash_and_who_may_see_them() {
    let (archive, _) = archive().await;
    let hashes = ["unr", "other"].map(|org| (0..50).map(move |i| ours(org, i).hash()));
    let hashes: Vec<Hash> = hashes.into_iter().flatten().collect();
    let find = neighbours::event_refs(&hashes, &visible("unr"));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 100 + 2, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_attributes_are_what_the_reader_may_see() {
    let (_, reader) = archive().await;
    let read = async |orgid: &str, most, room| {
        let attributes = [attribute(7).hash(), popular().hash(), hash("nothing")];
        let visible = visible(orgid);
        let rows = reader.events_of_attributes(&attributes, &visible, most, room);
        let rows = rows.await.unwrap().into_iter();
        let rows = rows.map(|row| (row.hash, row.events));
        HashMap::<Hash, Option<Vec<EventTime>>>::from_iter(rows)
    };
    let (seven, popular) = (attribute(7).hash(), popular().hash());
    let rows = read("unr", POPULAR, usize::MAX).await;
    assert_eq!(rows.len(), 3);
    let event = EventTime {
        hash: ours("unr", 7).hash(),
        timestamp: 7.0,
        malicious: false,
    };
    assert_eq!(rows[&seven], Some(vec![event]));
    let events = rows[&popular].as_ref().unwrap();
    assert_eq!(events.len(), POPULAR);
    let malicious = events.iter().filter(|event| event.malicious);
    assert_eq!(malicious.count(), POPULAR / 3);

    let rows = read("unr", POPULAR - 1, usize::MAX).await;
    assert_eq!(rows[&popular], None, "too many");
    assert_eq!(rows[&seven], Some(vec![event]));
    assert!(read("unr", POPULAR, 0).await.is_empty());
    let foreign = read("nobody", POPULAR, usize::MAX).await;
    assert!(foreign.values().all(|events| events == &Some(vec![])));
}

pub(super) fn popular() -> Attribute {
    attribute("popular")
}

fn object() -> Object {
    Object::new(SubType::from_static("url"), vec![attribute("x").into()]).unwrap()
}

/// The `i`th event of the popular attribute in an organisation; that of `unr` has the `i`th attribute, too.
pub(super) fn ours(orgid: &str, i: i32) -> Event {
    let own = match orgid {
        "unr" => attribute(i),
        _ => attribute(format_args!("x{i}")),
    };
    let categories = [Category::Malicious, Category::Benign, Category::Unknown];
    event(orgid, f64::from(i), &[&own, &popular()]).with_category(categories[i as usize % 3])
}

pub(super) async fn archive() -> (Archive, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let attributes = (0..3000).map(attribute).chain([popular()]);
    let documents = attributes.map(|one| stored::plain(one.hash(), &one).unwrap());
    fill_stored(&archive.coll, documents).await;
    let object = stored::plain(object().hash(), &object()).unwrap();
    fill_stored(&archive.coll, [object]).await;
    let events = ["unr", "other"].into_iter();
    let events = events.flat_map(|org| (0..POPULAR as i32).map(move |i| ours(org, i)));
    let documents = events.map(|event| stored_event(&event, []));
    fill_stored(&archive.coll, documents).await;
    let reader = GraphReader::new(&archive);
    (archive, reader)
}

pub(super) fn visible(orgid: &str) -> Visible {
    super::visible(&[orgid])
}
