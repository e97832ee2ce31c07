//! `session`: all that happened in one session, in order of time.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Event, Hash, OrgId, Session, SubType, Timestamp, User};

use crate::world::{NOW, World, attribute, event, object, org_id};

fn at(after: f64) -> Timestamp {
    Timestamp::new(*NOW + after).unwrap()
}

/// A session of the sensor `london`.
fn session(id: &str, after: f64, events: &[Event]) -> Session {
    let known = vec![
        attribute("sessionid", id).into(),
        attribute("sensor", "london").into(),
    ];
    let session = Session::new(SubType::new("cowrie_session").unwrap(), known).unwrap();
    let session = session.with_start_time(at(after));
    session.with_events(events.iter().map(Event::hash))
}

fn command(orgid: Hash, after: f64, text: &str) -> Event {
    let ip = object("attacker", vec![attribute("ipv4", "203.0.113.7").into()]);
    let children = vec![attribute("shell_command", text).into(), ip.into()];
    let kind = SubType::new("shell_command").unwrap();
    Event::new(kind, org_id(orgid), at(after), children).unwrap()
}

fn add(batch: &mut GraphBatch, session: Session, events: &[Event], org: &OrgId) {
    events
        .iter()
        .for_each(|event| drop(batch.add_event(event.clone())));
    batch.add_session(session, org);
}

async fn story(world: &World, question: Value) -> Value {
    let report = world.ask("session", question.clone()).await;
    report.unwrap_or_else(|reason| panic!("{question}: {reason}"))
}

fn said(report: &Value) -> Vec<String> {
    let steps = report["data"]["steps"].as_array().unwrap();
    let told = steps.iter().map(|step| {
        let value = step["value"]["data"].as_str().unwrap_or_default();
        format!("{} {value}", step["said"].as_str().unwrap())
    });
    told.collect()
}

#[tokio::test]
async fn a_session_is_told_in_order_of_time() {
    let world = World::new("story").await;
    let unr = world.site.orgid;
    let credential = object(
        "credential",
        vec![
            attribute("username", "root").into(),
            attribute("password", "123456").into(),
        ],
    );
    let events = [
        event(
            unr,
            0.0,
            vec![attribute("ssh_version", "SSH-2.0-Go").into()],
        ),
        event(
            unr,
            1.5,
            vec![credential.into(), attribute("success", true).into()],
        ),
        command(unr, 40.0, "uname -a"),
        command(unr, 41.0, "id"),
    ];
    let first = session("s1", 0.0, &events).with_end_time(at(50.0));
    let first = first.with_duration(Timestamp::new(50.0).unwrap());
    let later = [command(unr, 500.0, "w")];
    let second = session("s2", 500.0, &later);
    let mut batch = GraphBatch::default();
    add(&mut batch, first.clone(), &events, &org_id(unr));
    add(&mut batch, second.clone(), &later, &org_id(unr));
    world.write(&batch).await;

    let by_id = story(&world, json!({"sub_type": "sessionid", "data": "s1"})).await;
    let expected = [
        "said that its client is SSH-2.0-Go",
        "tried the password 123456",
        "typed uname -a",
        "typed id",
    ];
    assert_eq!(said(&by_id), expected);
    let data = &by_id["data"];
    assert_eq!(
        data["session"],
        json!({
            "_hash": first.hash(), "sub_type": "cowrie_session", "orgid": unr.to_string(),
            "data": {"sensor": ["london"], "sessionid": ["s1"]},
            "start_time": *NOW, "end_time": *NOW + 50.0, "duration": 50.0,
        })
    );
    let step = &data["steps"][1];
    assert_eq!(
        (&step["kind"], &step["rest"], &step["after"], &step["gap"]),
        (
            &json!("access"),
            &json!("as root, and was let in"),
            &json!(1.5),
            &json!(1.5)
        )
    );
    assert_eq!(step["_hash"], json!(events[1].hash()));
    assert_eq!(step["data"]["credential"][0]["username"], json!(["root"]));
    assert_eq!(
        (
            &by_id["total"],
            &by_id["more"],
            by_id.get("cut"),
            &data["others"]
        ),
        (&json!(4), &json!(false), None, &json!([]))
    );
    // by its hash, and by the hash of one of its events
    for hash in [first.hash(), events[2].hash()] {
        let report = story(&world, json!({"_hash": hash})).await;
        assert_eq!(report["data"], by_id["data"]);
    }
    // a value that identifies many: the newest is told
    let of_sensor = story(&world, json!({"sub_type": "sensor", "data": "london"})).await;
    assert_eq!(said(&of_sensor), ["typed w"]);
    assert_eq!(of_sensor["data"]["others"], json!([data["session"]]));

    let alone = event(unr, 0.0, vec![attribute("port", 1).into()]);
    let mut batch = GraphBatch::default();
    batch.add_event(alone.clone());
    world.write(&batch).await;
    for (question, reason) in [
        (
            json!({"_hash": alone.hash()}),
            "field _hash: there is no such session",
        ),
        (
            json!({"_hash": Hash::of(&["x"])}),
            "field _hash: there is no such session",
        ),
        (
            json!({"sub_type": "sessionid", "data": "s9"}),
            "field data: there is no such session",
        ),
        (json!({"sub_type": "ipv4", "data": "x"}), "field data: "),
        (json!({"sub_type": "sessionid"}), "field data: is missing"),
        (
            json!({"_hash": first.hash(), "last": "7d"}),
            "field last: is not a field of a session",
        ),
        (json!({"_hash": first.hash(), "page": 0}), "field page: "),
    ] {
        let told = world.ask("session", question.clone()).await.unwrap_err();
        assert!(told.starts_with(reason), "{question}: {told}");
    }
}

#[tokio::test]
async fn a_long_session_has_pages() {
    let world = World::new("long_story").await;
    let unr = world.site.orgid;
    // two at each time
    let make = |n: u32| command(unr, f64::from(n / 2), &format!("echo {n:03}"));
    let events: Vec<Event> = (0..450).map(make).collect();
    let mut batch = GraphBatch::default();
    add(
        &mut batch,
        session("s1", 0.0, &events),
        &events,
        &org_id(unr),
    );
    world.write(&batch).await;
    let mut told = Vec::new();
    for (page, steps, next) in [
        (1, 200, 2),
        (2, 200, 3),
        (3, 50, 1),
        (4, 0, 1),
        (u32::MAX, 0, 1),
    ] {
        let question = json!({"sub_type": "sessionid", "data": "s1", "page": page});
        let report = story(&world, question).await;
        assert_eq!(report["total"], 450);
        assert_eq!(
            (&report["current_page"], &report["next_page"]),
            (&json!(page), &json!(next))
        );
        let found = report["data"]["steps"].as_array().unwrap().clone();
        assert_eq!(found.len(), steps, "page {page}");
        if let Some(first) = found.first() {
            let gap = if page == 1 { Value::Null } else { json!(1.0) };
            assert_eq!(first["gap"], gap, "page {page}");
        }
        told.extend(found);
    }
    let times = told.iter().map(|step| step["timestamp"].as_f64().unwrap());
    assert!(times.is_sorted());
    let mut commands: Vec<String> = told
        .iter()
        .map(|step| step["value"]["data"].to_string())
        .collect();
    commands.sort();
    commands.dedup();
    assert_eq!(commands.len(), 450, "each is told once");
}

#[tokio::test]
async fn another_organisations_session_is_not_told() {
    let world = World::new("story_access").await;
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let users = std::slice::from_ref(&eve);
    let other = tahoe_core::Org::new("other", "Other", users, users).unwrap();
    world.site.identity.add(&other, users).await.unwrap();
    let (unr, foreign) = (world.site.orgid, other.hash());
    let ours = [command(unr, 0.0, "ours")];
    let theirs = [
        command(foreign, 1.0, "theirs"),
        command(foreign, 2.0, "theirs, too"),
    ];
    let secret = [command(foreign, 3.0, "secret")];
    let mut batch = GraphBatch::default();
    // the same session, seen by both
    add(&mut batch, session("s1", 0.0, &ours), &ours, &org_id(unr));
    add(
        &mut batch,
        session("s1", 0.0, &theirs),
        &theirs,
        &org_id(foreign),
    );
    add(
        &mut batch,
        session("s2", 9.0, &secret),
        &secret,
        &org_id(foreign),
    );
    world.write(&batch).await;
    let of_sensor = json!({"sub_type": "sensor", "data": "london"});
    for question in [
        json!({"sub_type": "sessionid", "data": "s1"}),
        json!({"_hash": session("s1", 0.0, &[]).hash()}),
        of_sensor.clone(),
    ] {
        let report = story(&world, question).await;
        assert_eq!(said(&report), ["typed ours"]);
        assert_eq!(
            (&report["total"], &report["data"]["others"]),
            (&json!(1), &json!([]))
        );
        assert_eq!(report["last_seen"], json!(*NOW));
    }
    // the same for what is hidden and what is not there
    for hash in [
        session("s2", 0.0, &[]).hash(),
        secret[0].hash(),
        theirs[0].hash(),
        Hash::of(&["x"]),
    ] {
        let reason = world
            .ask("session", json!({"_hash": hash}))
            .await
            .unwrap_err();
        assert_eq!(reason, "field _hash: there is no such session");
    }
    for id in ["s2", "s3"] {
        let question = json!({"sub_type": "sessionid", "data": id});
        let reason = world.ask("session", question).await.unwrap_err();
        assert_eq!(reason, "field data: there is no such session");
    }
    let mut of_eve = world.query("session", &of_sensor);
    of_eve.userid = eve.hash().to_string();
    let report = world.answer(of_eve).await.unwrap();
    assert_eq!(said(&report), ["typed secret"]);
    assert_eq!(report["data"]["others"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn long_data_is_left_out() {
    let world = World::new("long_data").await;
    let unr = world.site.orgid;
    let long = |n: u32| {
        command(
            unr,
            f64::from(n),
            &format!("echo {n} {}", "\"x".repeat(15_000)),
        )
    };
    let mut events: Vec<Event> = (0..150).map(long).collect();
    // longer than what is read
    events.push(command(unr, 150.0, &"y".repeat(70_000)));
    events.push(command(unr, 151.0, "id"));
    let mut batch = GraphBatch::default();
    add(
        &mut batch,
        session("s1", 0.0, &events),
        &events,
        &org_id(unr),
    );
    world.write(&batch).await;
    let report = story(&world, json!({"sub_type": "sessionid", "data": "s1"})).await;
    assert_eq!(
        (&report["cut"], &report["total"]),
        (&json!(true), &json!(152))
    );
    let steps = report["data"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 152);
    let whole = |n: usize| steps[n].get("data").is_some();
    assert!(whole(0) && !whole(149) && !whole(150) && whole(151));
    assert!(report["data"].to_string().len() < 8 << 20);
}
