//! `related`: levels, shapes, kinds, and what must not be seen.

use std::collections::BTreeSet;

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Event, Hash, Instance, Org, Session, SubType, User};

use crate::world::{World, attribute, event, object, org_id};

struct Chain {
    world: World,
    /// Events of the subject, of its session, of the next session, and of a session out of reach.
    events: [Event; 4],
    foreign: Event,
    sessions: [Hash; 3],
}

fn session(name: &str, events: &[&Event]) -> Session {
    // an object, so that the session has descendants that are no children
    let place = object(
        "place",
        vec![attribute("city", format!("city of {name}")).into()],
    );
    let children = vec![attribute("sessionid", name).into(), place.into()];
    let session = Session::new(SubType::new("cowrie_session").unwrap(), children).unwrap();
    session.with_events(events.iter().map(|event| event.hash()))
}

/// event 0 –s1– event 1 –s2– event 2 –s3– event 3, and another organisation's event in a session of the same name.
async fn chain(name: &str) -> Chain {
    let world = World::new(name).await;
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let other = Org::new(
        "other",
        "Other",
        std::slice::from_ref(&eve),
        std::slice::from_ref(&eve),
    );
    let other = other.unwrap();
    world.site.identity.add(&other, &[eve]).await.unwrap();

    let make = |orgid: Hash, n: u32| {
        let ip = attribute("ipv4", format!("192.0.2.{n}"));
        let username = attribute("username", format!("user{n}"));
        let attacker = object("attacker", vec![ip.into()]);
        let credential = object("credential", vec![username.into()]);
        event(
            orgid,
            f64::from(n),
            vec![attacker.into(), credential.into()],
        )
    };
    let events = [0, 1, 2, 3].map(|n| make(world.site.orgid, n));
    let foreign = make(other.hash(), 9);
    let sessions = [
        session("s1", &[&events[0], &events[1]]),
        session("s2", &[&events[1], &events[2]]),
        session("s3", &[&events[2], &events[3]]),
    ];
    let hashes = sessions.each_ref().map(Session::hash);
    let mut batch = GraphBatch::default();
    events
        .iter()
        .chain([&foreign])
        .for_each(|event| drop(batch.add_event(event.clone())));
    let ours = org_id(world.site.orgid);
    sessions
        .into_iter()
        .for_each(|session| drop(batch.add_session(session, &ours)));
    batch.add_session(session("s1", &[&foreign]), &org_id(other.hash()));
    world.write(&batch).await;
    Chain {
        world,
        events,
        foreign,
        sessions: hashes,
    }
}

fn about(more: Value) -> Value {
    let mut question = json!({"sub_type": "ipv4", "data": "192.0.2.0"});
    question
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    question
}

fn hashes(documents: &Value) -> Vec<Hash> {
    let documents = documents.as_array().unwrap().iter();
    documents
        .map(|document| document["_hash"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn each_level_adds_the_sessions_and_their_other_events() {
    let Chain { world, .. } = chain("levels").await;
    let summary = async |more: Value| world.related(about(more)).await["data"].clone();
    let one = json!({"ipv4": ["192.0.2.0"], "username": ["user0"]});
    assert_eq!(summary(json!({})).await, one);
    assert_eq!(
        summary(json!({"level": 1, "summary": true, "return_type": "all"})).await,
        one
    );
    assert_eq!(summary(json!({"return_type": "attribute"})).await, one);
    assert_eq!(
        summary(json!({"level": 2})).await,
        json!({
            "city": ["city of s1"], "ipv4": ["192.0.2.0", "192.0.2.1"], "sessionid": ["s1"],
            "username": ["user0", "user1"],
        })
    );
    assert_eq!(
        summary(json!({"level": 3})).await,
        json!({
            "city": ["city of s1", "city of s2"], "ipv4": ["192.0.2.0", "192.0.2.1", "192.0.2.2"],
            "sessionid": ["s1", "s2"], "username": ["user0", "user1", "user2"],
        })
    );
    // a summary is of attributes
    assert_eq!(
        summary(json!({"level": 3, "return_type": "event"})).await,
        json!({})
    );
}

#[tokio::test]
async fn a_summary_graph_names_the_shortest_path_to_the_subject() {
    let Chain { world, .. } = chain("paths").await;
    let question = about(json!({"level": 2, "summary_graph": true}));
    let path = |before: &[&'static str]| {
        [before, &["ssh=event", "attacker=object", "ipv4=attribute"]].concat()
    };
    let over_session =
        |before: &[&'static str]| path(&[before, &["cowrie_session=session"]].concat());
    let expected = json!({
        "city": [["city of s1", over_session(&["city=attribute", "place=object"])]],
        "ipv4": [
            ["192.0.2.0", ["ipv4=attribute"]],
            ["192.0.2.1", over_session(&["ipv4=attribute", "attacker=object", "ssh=event"])],
        ],
        "sessionid": [["s1", over_session(&["sessionid=attribute"])]],
        "username": [
            ["user0", path(&["username=attribute", "credential=object"])],
            ["user1", over_session(&["username=attribute", "credential=object", "ssh=event"])],
        ],
    });
    assert_eq!(world.related(question).await["data"], expected);
    // also where the subject is an object
    let attacker = object("attacker", vec![attribute("ipv4", "192.0.2.0").into()]);
    let question = json!({"_hash": attacker.hash(), "summary_graph": true});
    let expected = json!({
        "ipv4": [["192.0.2.0", ["ipv4=attribute", "attacker=object"]]],
        "username": [["user0", [
            "username=attribute", "credential=object", "ssh=event", "attacker=object",
        ]]],
    });
    assert_eq!(world.related(question).await["data"], expected);
}

#[tokio::test]
async fn documents_hold_nothing_of_an_organisation_that_the_user_may_not_see() {
    let Chain {
        world,
        events,
        foreign,
        sessions,
    } = chain("documents").await;
    let documents = async |more: Value| {
        let mut question = about(json!({"summary": false}));
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        world.related(question).await["data"].clone()
    };
    let level_1: BTreeSet<Hash> = events[0].children().refs().iter().copied().collect();
    let found = hashes(&documents(json!({})).await);
    assert_eq!(found[0], events[0].hash(), "events come first");
    assert_eq!(found.len(), 1 + level_1.len(), "each once");
    assert_eq!(BTreeSet::from_iter(found[1..].iter().copied()), level_1);
    let in_order = hashes(&documents(json!({"level": 3})).await);
    let newest = [&events[2], &events[1], &events[0]].map(Event::hash);
    assert_eq!(in_order[..3], newest, "newest first");

    let level_3 = documents(json!({"level": 3})).await;
    let text = level_3.to_string();
    assert!(
        !text.contains(&foreign.hash().to_string()),
        "its event's hash"
    );
    assert!(
        !text.contains("192.0.2.9") && !text.contains("user9"),
        "its data"
    );
    assert!(!text.contains("192.0.2.3") && !text.contains("\"_id\""));
    for document in level_3.as_array().unwrap() {
        // whole, with the hashes of its content
        Instance::from_document(document).unwrap_or_else(|error| panic!("{error}: {document}"));
    }

    let kind = async |itype: &str| {
        let found = documents(json!({"level": 3, "return_type": itype})).await;
        let all = found.as_array().unwrap();
        assert!(
            all.iter().all(|document| document["itype"] == itype),
            "{itype}: {found}"
        );
        BTreeSet::from_iter(hashes(&found))
    };
    assert_eq!(
        kind("event").await,
        events[..3].iter().map(Event::hash).collect()
    );
    assert_eq!(
        kind("session").await,
        sessions[..2].iter().copied().collect()
    );
    assert_eq!(kind("object").await.len(), 2 * 3 + 2);
    assert_eq!(kind("attribute").await.len(), 2 * 3 + 2 * 2);

    let found = documents(json!({"level": 2, "return_type": "session"})).await;
    let expected = session("s1", &[&events[0], &events[1]]);
    let mut expected = serde_json::to_value(&expected).unwrap();
    expected["orgid"] = json!(world.site.orgid);
    assert_eq!(found, json!([expected]));
}

#[tokio::test]
async fn the_same_query_gives_the_same_answer() {
    let Chain { world, .. } = chain("same").await;
    for more in [
        json!({"level": 3}),
        json!({"level": 3, "summary_graph": true}),
        json!({"level": 3, "summary": false}),
    ] {
        let first = world.related(about(more.clone())).await;
        for _ in 0..3 {
            let again = world.related(about(more.clone())).await;
            assert_eq!(
                again["data"].to_string(),
                first["data"].to_string(),
                "{more}"
            );
            assert_eq!(again["_hash"], first["_hash"], "{more}");
        }
    }
}
