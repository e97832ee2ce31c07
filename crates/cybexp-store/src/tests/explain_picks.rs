//! Indexes for picking events of attributes, as the walks of a threatrank do.

use std::collections::BTreeSet;

use tahoe_core::Hash;
use threatrank::{Pick, Picked};

use super::explain_neighbours::{POPULAR, archive, ours, popular, visible};
use super::plan::Plan;
use super::{attribute, hash};
use crate::graph::read::picks;
use crate::mongo::indexes::EVENT_KEYS;

fn pick(attribute: Hash, at: f64) -> Pick {
    Pick { attribute, at }
}

/// The server reads no event but the one that is picked, however many an attribute has.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_picked_event_is_read() {
    let (archive, _) = archive().await;
    let picks = (0..50).map(|i| pick(attribute(i).hash(), 0.5));
    let picks: Vec<Pick> = picks.chain([pick(popular().hash(), 0.5)]).collect();
    let seeks = 2 * 2 * 12 * 51;
    for (most, keys, events) in [
        (POPULAR, POPULAR as i64, 51),
        // the list ends where there are too many
        (100, 101, 50),
    ] {
        let pipeline = picks::pick_events(&picks, archive.coll.name(), &visible("unr"), most);
        let plan = Plan::lookup(&archive.coll, pipeline).await;
        assert_eq!(plan.returned, 51);
        plan.reads_at_most(keys + 2 * 50 + 2 + seeks, events);
        assert_eq!(plan.stages, [EVENT_KEYS; 2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_the_reader_may_see_has_one_place() {
    let (_, reader) = archive().await;
    let places = (0..POPULAR).map(|n| (n as f64 + 0.5) / POPULAR as f64);
    let picks: Vec<Pick> = places.map(|at| pick(popular().hash(), at)).collect();
    let picked = reader.pick_events(&picks, &visible("unr"), POPULAR).await;
    let events = picked.unwrap().into_iter().map(|picked| match picked {
        Picked::Event(open) => open.event.hash,
        other => panic!("{other:?}"),
    });
    let all = (0..POPULAR as i32).map(|i| ours("unr", i).hash());
    assert_eq!(BTreeSet::from_iter(events), BTreeSet::from_iter(all));

    let picks = [
        pick(hash("nothing"), 0.0),
        pick(popular().hash(), 0.0),
        pick(attribute(7).hash(), 0.99),
    ];
    let read = async |orgid: &str| {
        reader
            .pick_events(&picks, &visible(orgid), 100)
            .await
            .unwrap()
    };
    let found = read("unr").await;
    assert_eq!(found[..2], [Picked::Nothing, Picked::TooMany]);
    assert!(
        matches!(&found[2], Picked::Event(open) if open.event.hash == ours("unr", 7).hash()
            && open.attributes.as_ref().is_some_and(|all| all.contains(&attribute(7).hash())))
    );
    assert_eq!(read("nobody").await, vec![Picked::Nothing; 3]);
}
