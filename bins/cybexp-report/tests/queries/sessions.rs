//! Attributes that only sessions have (`sensor`, `sessionid`): a query for one is a query for the events of its sessions.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Category, Event, Hash, Org, Session, SubType, Timestamp, User};

use crate::world::{NOW, World, attribute, event, org_id};

fn session(id: &str, start: f64, events: &[&Event]) -> Session {
    let children = vec![
        attribute("sessionid", id).into(),
        attribute("sensor", "london").into(),
    ];
    let session = Session::new(SubType::new("cowrie_session").unwrap(), children).unwrap();
    session
        .with_start_time(Timestamp::new(NOW + start).unwrap())
        .with_events(events.iter().map(|event| event.hash()))
}

#[tokio::test]
async fn the_events_of_sessions_are_found_by_what_those_are_known_by() {
    let world = World::new("by_session").await;
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let users = std::slice::from_ref(&eve);
    let other = Org::new("other", "Other", users, users).unwrap();
    world.site.identity.add(&other, users).await.unwrap();
    let make = |orgid: Hash, n: u32| {
        let event = event(
            orgid,
            f64::from(n),
            vec![attribute("username", format!("user{n:02}")).into()],
        );
        event.with_category(if n.is_multiple_of(2) {
            Category::Malicious
        } else {
            Category::Unknown
        })
    };
    let mine: Vec<Event> = (0..25).map(|n| make(world.site.orgid, n)).collect();
    let foreign = make(other.hash(), 99);
    let mut batch = GraphBatch::default();
    mine.iter()
        .chain([&foreign])
        .for_each(|event| drop(batch.add_event(event.clone())));
    let (first, second) = (
        mine[..12].iter().collect::<Vec<_>>(),
        mine[12..].iter().collect::<Vec<_>>(),
    );
    let (ours, theirs) = (org_id(world.site.orgid), org_id(other.hash()));
    batch.add_session(session("s1", 0.0, &first), &ours);
    batch.add_session(session("s2", 12.0, &second), &ours);
    // another organisation's session of the same name
    batch.add_session(session("s1", 3.0, &[&foreign]), &theirs);
    // seen for itself, too
    batch.add_event(event(
        world.site.orgid,
        50.0,
        vec![attribute("sensor", "london").into()],
    ));
    world.write(&batch).await;

    let count = async |sub_type: &str, data: &str, more: Value| {
        let mut question = json!({"sub_type": sub_type, "data": data});
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        world.count(question).await
    };
    assert_eq!(
        count("sessionid", "s1", json!({})).await,
        12,
        "not the other organisation's"
    );
    assert_eq!(count("sessionid", "s2", json!({})).await, 13);
    assert_eq!(count("sessionid", "s3", json!({})).await, 0);
    assert_eq!(count("sensor", "london", json!({})).await, 26);
    assert_eq!(
        count("sensor", "london", json!({"to": NOW + 11.0})).await,
        12
    );
    assert_eq!(
        count(
            "sensor",
            "london",
            json!({"from": NOW + 12.0, "to": NOW + 20.0})
        )
        .await,
        9
    );
    assert_eq!(
        count("sensor", "london", json!({"category": "malicious"})).await,
        13
    );
    assert_eq!(
        count("sensor", "london", json!({"context": "malicious"})).await,
        0
    );
    assert_eq!(count("sensor", "paris", json!({})).await, 0);
    let id = attribute("sessionid", "s1").hash();
    assert_eq!(world.count(json!({"_hash": id})).await, 12);

    let report = world
        .ask("count", json!({"sub_type": "sessionid", "data": "s1"}))
        .await
        .unwrap();
    assert_eq!(
        (&report["first_seen"], &report["last_seen"]),
        (&json!(NOW), &json!(NOW + 11.0))
    );
    let page = async |page: u32| {
        world
            .related(json!({"sub_type": "sensor", "data": "london", "page": page}))
            .await
    };
    let mut names = Vec::new();
    for (at, events, more) in [(1, 10, true), (2, 10, true), (3, 6, false), (4, 0, false)] {
        let report = page(at).await;
        let listed = report["events"].as_array().unwrap();
        assert_eq!(
            (listed.len(), &report["more"]),
            (events, &json!(more)),
            "page {at}"
        );
        assert_eq!(report["total"], 26);
        names.extend(
            listed
                .iter()
                .map(|event| event["timestamp"].as_f64().unwrap()),
        );
    }
    assert_eq!(names.len(), 26);
    assert!(names.is_sorted_by(|a, b| a >= b), "newest first: {names:?}");

    let graph = json!({"sub_type": "sessionid", "data": "s1", "summary_graph": true});
    let data = &world.related(graph).await["data"];
    assert_eq!(
        data["username"][0],
        json!([
            "user02",
            [
                "username=attribute",
                "ssh=event",
                "cowrie_session=session",
                "sessionid=attribute"
            ]
        ])
    );
    let documents = json!({"sub_type": "sessionid", "data": "s1", "summary": false});
    let text = world.related(documents).await.to_string();
    assert!(!text.contains(&foreign.hash().to_string()));
}
