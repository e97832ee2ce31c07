//! `threatrank`: the score of an event, who may ask for it, and of what.

use bson::doc;
use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Category, Event, Hash, Org, User};

use crate::world::{World, attribute, event, object};

const DAY: f64 = 86_400.0;
/// Time for an exact rank of a few events, or for over a hundred walks, on a busy machine.
const AMPLE_MS: u64 = 6_000;

fn of(hash: Hash) -> Value {
    json!({"_hash": hash})
}

async fn rank(world: &World, event: &Event) -> Value {
    report(world, of(event.hash())).await["data"].clone()
}

async fn report(world: &World, question: Value) -> Value {
    let report = world.ask("threatrank", question).await;
    let report = report.unwrap_or_else(|reason| panic!("{reason}"));
    assert_eq!(report["sub_type"], "threatrank");
    assert_eq!(
        (&report["current_page"], &report["next_page"]),
        (&json!(1), &json!(1))
    );
    report
}

#[tokio::test]
async fn the_score_is_that_of_the_published_equation() {
    let world = World::with_budget("threatrank", AMPLE_MS).await;
    let ip = |n: u32| attribute("ipv4", format!("192.0.2.{n}"));
    let unr = world.site.orgid;
    // objects are no nodes: two attributes, though `_ref` holds three hashes
    let attacker = object("attacker", vec![ip(1).into()]);
    let target = event(
        unr,
        0.0,
        vec![attacker.into(), attribute("username", "root").into()],
    );
    let between = event(unr, -2.0 * DAY, vec![ip(1).into(), ip(2).into()]);
    let malicious = event(unr, -3.0 * DAY, vec![ip(2).into()]).with_category(Category::Malicious);
    let apart = event(unr, 0.0, vec![ip(9).into()]).with_category(Category::Benign);
    let mut batch = GraphBatch::default();
    for event in [&target, &between, &malicious, &apart] {
        batch.add_event(event.clone());
    }
    world.write(&batch).await;

    // its age, 192.0.2.2 in two events, its own and the other's two attributes, 192.0.2.1 in two events
    let score = -0.998_f64.powi(3) / 2.0 * 0.998_f64.powi(2) / 2.0 / 2.0;
    let data = rank(&world, &target).await;
    let near = |value: &Value, to: f64| (value.as_f64().unwrap() - to).abs() < 1e-12;
    assert!(near(&data["score"], score), "{data} is not {score}");
    assert_eq!(data["_hash"], json!(target.hash()));
    let shape = (&data["exact"], &data["error_bound"], &data["paths"]);
    assert_eq!(shape, (&json!(true), &json!(0.0), &json!(1)));
    let contributors = data["contributors"].as_array().unwrap();
    assert!(
        contributors.iter().all(|row| near(&row["share"], 1.0)),
        "{data}"
    );
    let mut names: Vec<String> = contributors
        .iter()
        .map(|row| format!("{} {}", row["sub_type"], row["data"]))
        .collect();
    names.sort();
    assert_eq!(names, [r#""ipv4" "192.0.2.1""#, r#""ipv4" "192.0.2.2""#]);

    let data = rank(&world, &malicious).await;
    let expected = json!({
        "score": -1.0, "exact": true, "error_bound": 0.0, "paths": 0, "contributors": [],
        "_hash": malicious.hash(),
    });
    assert_eq!(data, expected);
    let data = rank(&world, &apart).await;
    assert_eq!((&data["score"], &data["paths"]), (&json!(0.0), &json!(0)));
}

#[tokio::test]
async fn the_score_of_a_value_is_that_of_the_paths_that_end_at_it() {
    let world = World::with_budget("rank_value", AMPLE_MS).await;
    let ip = |n: u32| attribute("ipv4", format!("192.0.2.{n}"));
    let unr = world.site.orgid;
    let direct = event(
        unr,
        -DAY,
        vec![ip(1).into(), attribute("username", "root").into()],
    );
    let between = event(unr, -2.0 * DAY, vec![ip(1).into(), ip(2).into()]);
    let far = event(unr, -3.0 * DAY, vec![ip(2).into()]);
    let mut batch = GraphBatch::default();
    for event in [direct, far] {
        batch.add_event(event.with_category(Category::Malicious));
    }
    batch.add_event(between);
    // the port in two forms
    batch.add_event(
        event(unr, 0.0, vec![attribute("port", 80).into()]).with_category(Category::Malicious),
    );
    batch.add_event(
        event(unr, 0.0, vec![attribute("port", "80").into()]).with_category(Category::Malicious),
    );
    world.write(&batch).await;

    let near = |value: &Value, to: f64| (value.as_f64().unwrap() - to).abs() < 1e-12;
    let value = json!({"sub_type": "ip", "data": "192[.]0[.]2[.]1"});
    let report_of_ip = report(&world, value).await;
    let data = &report_of_ip["data"];
    // its own two values; then its age, 192.0.2.2 in two events, two values of the event between
    let score = -0.998 / 2.0 - 0.998_f64.powi(3) / 2.0 * 0.998_f64.powi(2) / 2.0;
    assert!(near(&data["score"], score), "{data} is not {score}");
    assert_eq!(
        (
            &data["exact"],
            &data["paths"],
            &data["events"],
            data.get("_hash")
        ),
        (&json!(true), &json!(2), &json!(2), None)
    );
    assert_eq!(
        report_of_ip["about"],
        json!([{"sub_type": "ipv4", "data": "192.0.2.1"}])
    );
    // the value itself is no contributor
    let contributors = data["contributors"].as_array().unwrap();
    assert_eq!(contributors.len(), 1, "{data}");
    assert_eq!(contributors[0]["data"], "192.0.2.2");
    // asked again, it is remembered
    let mut again = world.query(
        "threatrank",
        &json!({"sub_type": "ipv4", "data": "192.0.2.1"}),
    );
    again.timestamp = tahoe_core::Timestamp::new(again.timestamp.get() + 1.0).unwrap();
    let again = world.answer(again).await.unwrap();
    assert_eq!(
        (&again["data"], &again["about"]),
        (data, &report_of_ip["about"])
    );

    let forms = report(&world, json!({"sub_type": "port", "data": "80"})).await;
    assert!(near(&forms["data"]["score"], -2.0), "{forms}");
    assert_eq!(forms["data"]["events"], 2);
    assert_eq!(forms["about"].as_array().unwrap().len(), 2);

    let none = report(&world, json!({"sub_type": "ipv4", "data": "192.0.2.99"})).await;
    assert_eq!(
        (&none["data"]["score"], &none["data"]["events"]),
        (&json!(0.0), &json!(0))
    );
}

/// A value of so many events that they are drawn from.
#[tokio::test]
async fn the_score_of_a_hub_is_bounded() {
    let world = World::with_budget("rank_of_hub", AMPLE_MS).await;
    let unr = world.site.orgid;
    let port = attribute("port", 22);
    let events = 2_400;
    for part in 0..4 {
        let mut batch = GraphBatch::default();
        for n in part * events / 4..(part + 1) * events / 4 {
            let name = attribute("username", format!("user{n}"));
            let event = event(unr, -f64::from(n), vec![port.clone().into(), name.into()]);
            batch.add_event(match n % 3 {
                0 => event.with_category(Category::Malicious),
                _ => event,
            });
        }
        world.write(&batch).await;
    }
    let data = report(&world, json!({"sub_type": "port", "data": 22})).await["data"].clone();
    assert_eq!(
        (&data["exact"], &data["events"]),
        (&json!(false), &json!(events))
    );
    // a third is malicious, and each of them has two values
    let (score, bound) = (
        data["score"].as_f64().unwrap(),
        data["error_bound"].as_f64().unwrap(),
    );
    assert!((score + 400.0).abs() <= bound, "{data}");
    // without walks it would be 2,400
    assert!(bound < 400.0, "{data}");
}

#[tokio::test]
async fn what_is_behind_a_hub_is_bounded() {
    let world = World::new("hub").await;
    let unr = world.site.orgid;
    let (port, ip) = (attribute("port", 22), attribute("ipv4", "192.0.2.1"));
    let target = event(unr, 0.0, vec![port.clone().into(), ip.clone().into()]);
    let malicious = event(unr, 0.0, vec![ip.into()]).with_category(Category::Malicious);
    let mut batch = GraphBatch::default();
    for event in [&target, &malicious] {
        batch.add_event(event.clone());
    }
    for n in 0..2000 {
        batch.add_event(event(unr, -f64::from(n), vec![port.clone().into()]));
    }
    world.write(&batch).await;
    let data = rank(&world, &target).await;
    let found = (&data["score"], &data["exact"], &data["paths"]);
    assert_eq!(found, (&json!(-0.5), &json!(false), &json!(1)));
    // were nobody sent through the port it would be 1
    let bound = data["error_bound"].as_f64().unwrap();
    assert!(bound > 0.0 && bound < 1.0, "{data}");
}

#[tokio::test]
async fn only_events_that_the_user_may_see_count() {
    let world = World::with_budget("rank_access", AMPLE_MS).await;
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let other = Org::new(
        "other",
        "Other",
        std::slice::from_ref(&eve),
        std::slice::from_ref(&eve),
    );
    let other = other.unwrap();
    world
        .site
        .identity
        .add(&other, std::slice::from_ref(&eve))
        .await
        .unwrap();
    let ip = attribute("ipv4", "192.0.2.1");
    let target = event(world.site.orgid, 0.0, vec![ip.clone().into()]);
    let foreign =
        event(other.hash(), 0.0, vec![ip.clone().into()]).with_category(Category::Malicious);
    let mut batch = GraphBatch::default();
    batch.add_event(target.clone());
    batch.add_event(foreign.clone());
    world.write(&batch).await;

    assert_eq!(rank(&world, &target).await["score"], 0.0);
    let of_value = report(&world, json!({"sub_type": "ipv4", "data": "192.0.2.1"})).await;
    assert_eq!(
        (&of_value["data"]["score"], &of_value["data"]["events"]),
        (&json!(0.0), &json!(1))
    );
    // the same for what is hidden, what is not there, and what is no event
    for hash in [foreign.hash(), Hash::of(&["nothing"]), ip.hash()] {
        let reason = world.ask("threatrank", of(hash)).await.unwrap_err();
        assert_eq!(reason, "field _hash: there is no such event");
    }
    let orgs = world.site.collection("identity", "instance").await;
    let users = [eve.hash().to_string(), world.site.userid.to_string()];
    let update = doc! {"$set": {"_acl": &users[..]}};
    orgs.update_one(doc! {"_hash": other.hash().to_string()}, update)
        .await
        .unwrap();
    // asked anew: a query of the same content is answered once
    let mut again = world.query("threatrank", &of(target.hash()));
    again.timestamp = tahoe_core::Timestamp::new(again.timestamp.get() + 1.0).unwrap();
    let data = world.answer(again).await.unwrap()["data"].clone();
    let score = data["score"].as_f64().unwrap();
    assert!((score + 0.5).abs() < 1e-6, "{data}");
}

#[tokio::test]
async fn only_an_event_or_a_value_is_asked_for() {
    let world = World::new("rank_wrong").await;
    let hash = "0".repeat(64);
    for (question, reason) in [
        (json!({}), "field sub_type: is missing"),
        (json!({"_hash": null}), "field sub_type: is missing"),
        (
            json!({"_hash": &hash, "sub_type": "ipv4", "data": "192.0.2.1"}),
            "field _hash: stands in place of",
        ),
        (
            json!({"sub_type": "ipv4", "data": "192.0.2.999"}),
            "field data: ",
        ),
        (
            json!({"sub_type": "nothing", "data": "x"}),
            "field sub_type: nothing was found",
        ),
        (
            json!({"sub_type": "ipv4", "data": "192.0.2.1", "last": "7d"}),
            "field last: is not a field of a threatrank query",
        ),
        (json!({"_hash": 7}), "field _hash: is not text"),
        (json!({"_hash": "abc"}), "field _hash: `abc` is not a hash"),
        (
            json!({"_hash": &hash, "level": 2}),
            "field level: is not a field of a threatrank query",
        ),
        (
            json!({"_hash": &hash, "last": "1d"}),
            "field last: is not a field of a threatrank query",
        ),
        (json!({"_hash": &hash, "colour": "red"}), "field colour: "),
        (
            json!({"_hash": &hash, "level": null}),
            "field _hash: there is no such event",
        ),
    ] {
        let said = world.ask("threatrank", question.clone()).await.unwrap_err();
        assert!(
            said.starts_with(reason),
            "{question}: `{said}` does not begin with `{reason}`"
        );
    }
}
