//! Indexes for feeds: a reader of one reads what it returns, however many values other feeds have.

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use tahoe_core::Tlp;
use tahoe_core::question::{Conditions, Context};

use super::plan::Plan;
use super::{attribute, event, fill, fill_stored, server, stored_event, visible};
use crate::archive::ids::binary;
use crate::archive::open::Archive;
use crate::feeds::definition::{Feed, Feeds, NewFeed};
use crate::feeds::{keeper, labelled, observables, removed, rows};
use crate::graph::read::wanted::Wanted;

/// A feed of this name, whose values came at these times.
fn feed(name: &str) -> Feed {
    let text = |text: &str| text.to_owned();
    let new = NewFeed {
        name: text(name),
        description: text("a feed"),
        organisation: text("unr"),
        orgs: vec![text("unr")],
        maker: text("someone"),
        sub_types: vec![text("hostname")],
        context: text("all"),
        category: None,
        min_count: 1,
        keep_s: 1000,
        tlp: text("green"),
        comments: false,
        token: text(name),
    };
    new.at(5000.0)
}

/// Values came in every second from 0 to 999; those of every tenth have left.
async fn full(feeds: &Feeds, key: ObjectId) {
    let row = |n: i32| {
        let hash = attribute(n).hash();
        let mut row = doc! {
            "_id": rows::id_of(key, hash), "feed": key, "sub_type": "hostname", "data": n.to_string(), "seq": 1_i64,
            "added": f64::from(n), "changed": f64::from(n), "first": 0.0, "last": 0.0, "count": 1_i64,
            "place": i64::from(n),
        };
        match n % 10 {
            0 => row.insert("gone", DateTime::now()),
            _ => {
                let number = observables::number(key, observable(n));
                row.insert(observables::OBSERVABLE, number);
                row.insert("until", 2000.0 + f64::from(n))
            }
        };
        row
    };
    fill(&feeds.values, (0..1000).map(row)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_feed_read_its_values_alone() {
    let (server, db) = server().await;
    let feeds = Feeds::open(&server, &db).await.unwrap();
    let (one, other) = (feed("one"), feed("other"));
    assert!(feeds.add(&one).await.unwrap() && feeds.add(&other).await.unwrap());
    assert!(!feeds.add(&feed("one")).await.unwrap(), "the name is taken");
    full(&feeds, one.key).await;
    full(&feeds, other.key).await;

    let plan = Plan::find(&feeds.values, &rows::values(one.key, 1000.0)).await;
    assert_eq!(plan.returned, 900);
    plan.reads_at_most(1001, 1000);
    let plan = Plan::find(&feeds.values, &rows::places(one.key, 10, 19, 1000.0)).await;
    assert_eq!(plan.returned, 9);
    plan.reads_at_most(11, 10);
    let after = (500.0, Some(attribute(500).hash()));
    for after in [(500.0, None), after] {
        let plan = Plan::find(&feeds.values, &rows::added(&one, after, 1000.0).limit(10)).await;
        assert_eq!(plan.returned, 10);
        plan.reads_at_most(12, 12);
    }
    let plan = Plan::find(&feeds.values, &keeper::over(one.key, 2005.0)).await;
    assert_eq!(plan.returned, 5);
    plan.reads_at_most(6, 5);

    assert_eq!(feeds.size(&one).await.unwrap(), 900);
    assert!(feeds.remove("one").await.unwrap());
    assert_eq!(feeds.size(&one).await.unwrap(), 0);
    assert_eq!(
        feeds.size(&other).await.unwrap(),
        900,
        "another feed's values stay"
    );
    assert_eq!(
        feeds.of_token("other").await.unwrap().unwrap().name,
        "other"
    );
    assert_eq!(feeds.of_token("one").await.unwrap(), None);
}

/// The UUID of the observable of the nth value.
fn observable(n: i32) -> [u8; 16] {
    let mut uuid = [7; 16];
    uuid[12..].copy_from_slice(&n.to_be_bytes());
    uuid
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_looked_up_by_their_observables() {
    let (server, db) = server().await;
    let feeds = Feeds::open(&server, &db).await.unwrap();
    let (one, other) = (feed("one"), feed("other"));
    for feed in [&one, &other] {
        assert!(feeds.add(feed).await.unwrap());
        full(&feeds, feed.key).await;
    }
    // those that an id may be of: most are of no value at all, one has left, and one is there
    let mut asked: Vec<_> = (5000..5010).map(observable).collect();
    asked.extend([observable(500), observable(501)]);
    let find = observables::of_observables(&one, &asked, 1000.0);
    let plan = Plan::find(&feeds.values, &find).await;
    assert_eq!(plan.returned, 1);
    // a seek for each, and the end of what it finds
    plan.reads_at_most(2 * asked.len() as i64, 1);
    let found = feeds.of_observables(&one, &asked, 1000.0).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, attribute(501).hash());
    let early = Feed {
        changed: 500.5,
        ..one.clone()
    };
    let found = feeds.of_observables(&early, &asked, 1000.0).await.unwrap();
    assert_eq!(found, [], "rows that are being written are not told of yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_removed_values_are_looked_for_by_an_index() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let value = attribute("evil.example");
    let red = Some(Tlp::Red);
    let events = (0..1000).flat_map(|n| {
        let ours = event("unr", f64::from(n), &[&value, &attribute(n)]);
        let theirs = event("usc", f64::from(n), &[&attribute(n)]).with_tlp_at_least(red);
        [ours, theirs]
    });
    let strict =
        (0..5).map(|n| event("unr", f64::from(2000 + n), &[&value]).with_tlp_at_least(red));
    let stored = events.chain(strict).map(|event| stored_event(&event, []));
    fill_stored(&archive.coll, stored.collect::<Vec<_>>()).await;
    let of = Conditions {
        subjects: vec![value.hash()],
        attribute: None,
        range: Default::default(),
        category: None,
        context: Context::All,
        derived: false,
    };
    let visible = visible(&["unr"]);
    let wanted = Wanted::new(&of, &visible);
    for (tlp, found) in [(Tlp::Clear, 1), (Tlp::AmberStrict, 1), (Tlp::Red, 0)] {
        let find = labelled::stricter(&wanted, tlp);
        assert_eq!(
            find.clone().count(&archive.coll).await.unwrap(),
            found,
            "{tlp}"
        );
        Plan::count(&archive.coll, &find).await.reads_at_most(10, 0);
    }
    let plan = Plan::find(&archive.coll, &labelled::labelled(&wanted).limit(10)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(10 + 2 * 12, 10);

    let note = |n: i64| {
        let id = binary([&n.to_be_bytes()[..], &[0; 40]].concat());
        let kind = if n % 2 == 0 { 2 } else { 1 };
        doc! {"_id": id, "kind": kind, "at": DateTime::from_millis(n)}
    };
    fill(&archive.going, (0..1000).map(note)).await;
    let plan = Plan::find(
        &archive.going,
        &removed::since(Some(DateTime::from_millis(980))),
    )
    .await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
}
