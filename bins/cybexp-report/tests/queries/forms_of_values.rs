//! A value is found in whatever way it is written, and counted once.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::Node;

use crate::world::{World, attribute, event};

async fn world() -> World {
    let world = World::new("forms_of_values").await;
    let mut batch = GraphBatch::default();
    let seen: Vec<Vec<Node>> = vec![
        vec![attribute("port", 80).into()],
        vec![
            attribute("port", "80").into(),
            attribute("sensor", "a").into(),
        ],
        // both at once
        vec![attribute("port", 80).into(), attribute("port", "80").into()],
        vec![attribute("success", true).into()],
        vec![attribute("domain", "ya.ru").into()],
        vec![attribute("sha256", "ab".repeat(32)).into()],
        vec![attribute("url", "HTTP://Evil.example/A").into()],
        vec![attribute("url", "http://evil.example/A").into()],
        vec![attribute("ipv6", "2001:db8::9").into()],
        // posted as a sighting, as it was written
        vec![attribute("ipv6", "2001:DB8::9").into()],
        vec![attribute("password", "123456").into()],
        vec![attribute("colour", "red").into()],
        vec![attribute("colour", 7).into()],
    ];
    for (n, children) in (0_i32..).zip(seen) {
        batch.add_event(event(world.site.orgid, f64::from(n), children));
    }
    world.write(&batch).await;
    world
}

#[tokio::test]
async fn a_value_is_found_in_whatever_way_it_is_written() {
    let world = world().await;
    for (sub_type, data, count, about) in [
        (
            "port",
            json!("80"),
            3,
            json!([["port", 80], ["port", "80"]]),
        ),
        ("port", json!(80), 2, json!([["port", 80]])),
        ("port", json!("443"), 0, json!([["port", 443]])),
        ("success", json!("true"), 1, json!([["success", true]])),
        ("domain", json!("YA.RU"), 1, json!([["domain", "ya.ru"]])),
        ("domain", json!("ya[.]ru"), 1, json!([["domain", "ya.ru"]])),
        (
            "sha256",
            json!("AB".repeat(32)),
            1,
            json!([["sha256", "ab".repeat(32)]]),
        ),
        (
            "url",
            json!("HTTP://Evil.example/A"),
            2,
            json!([
                ["url", "HTTP://Evil.example/A"],
                ["url", "http://evil.example/A"]
            ]),
        ),
        (
            "url",
            json!("hxxp://evil[.]example/A"),
            1,
            json!([["url", "http://evil.example/A"]]),
        ),
        (
            "ipv6",
            json!("2001:0DB8:0::9"),
            1,
            json!([["ipv6", "2001:db8::9"]]),
        ),
        (
            "ip",
            json!("2001[:]DB8::9"),
            1,
            json!([["ipv6", "2001:db8::9"]]),
        ),
        (
            "ipv6",
            json!("2001:DB8::9"),
            2,
            json!([["ipv6", "2001:db8::9"], ["ipv6", "2001:DB8::9"]]),
        ),
        (
            "password",
            json!(123456),
            1,
            json!([["password", "123456"]]),
        ),
        // users may post sightings of any sub_type
        ("colour", json!("red"), 1, json!([["colour", "red"]])),
        ("colour", json!("7"), 1, json!([["colour", 7]])),
    ] {
        let question = json!({"sub_type": sub_type, "data": data});
        let report = world.ask("count", question.clone()).await.unwrap();
        assert_eq!(report["data"], count, "{question}");
        let told = report["about"].as_array().unwrap().iter();
        let told: Vec<Value> = told.map(|a| json!([a["sub_type"], a["data"]])).collect();
        assert_eq!(json!(told), about, "{question}");
        let related = world.related(question.clone()).await;
        assert_eq!(related["total"], count, "{question}");
        assert_eq!(
            related["events"].as_array().unwrap().len(),
            count,
            "{question}"
        );
    }
    // conditions hold for all forms together, and each page lists an event once
    let question =
        json!({"sub_type": "port", "data": "80", "context": "unknown", "category": "unknown"});
    assert_eq!(world.count(question.clone()).await, 3);
    let graph = json!({"sub_type": "port", "data": "80", "summary_graph": true});
    let graph = &world.related(graph).await["data"];
    assert_eq!(
        graph["port"],
        json!([["80", ["port=attribute"]], [80, ["port=attribute"]]])
    );
    assert_eq!(
        graph["sensor"],
        json!([["a", ["sensor=attribute", "ssh=event", "port=attribute"]]])
    );
    // of a sub_type that nobody knows, only what was found is no mistake
    for (sub_type, data) in [("colour", json!("green")), ("coulour", json!("red"))] {
        let question = json!({"sub_type": sub_type, "data": data});
        for qtype in ["count", "related"] {
            let reason = world.ask(qtype, question.clone()).await.unwrap_err();
            assert!(
                reason.starts_with("field sub_type: nothing was found of `"),
                "{reason}"
            );
        }
    }
    // that the time has none is no mistake either
    assert_eq!(
        world
            .count(json!({"sub_type": "colour", "data": "red", "to": 5}))
            .await,
        0
    );
}
