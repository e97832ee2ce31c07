//! The allow lists of the operator in answers.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};

use crate::world::{World, attribute, event};

#[tokio::test]
async fn an_answer_names_the_lists_that_hold_the_value() {
    let list = |name: &str, kind: &str, items: Value| json!({"name": name, "type": kind, "matching_attributes": [], "list": items, "version": 1});
    let lists = [
        list("public resolvers", "cidr", json!(["203.0.113.0/24"])),
        list("our own hosts", "hostname", json!(["shop.example"])),
    ];
    let world = World::with_lists("known_good", &lists).await;
    let mut batch = GraphBatch::default();
    for (sub_type, value) in [("ipv4", "203.0.113.9"), ("hostname", "www.shop.example")] {
        let children = vec![attribute(sub_type, value).into()];
        batch.add_event(event(world.site.orgid, 0.0, children));
    }
    world.write(&batch).await;
    for (sub_type, value, expected) in [
        ("ipv4", "203.0.113.9", json!(["public resolvers"])),
        ("hostname", "www.shop.example", json!(["our own hosts"])),
        ("ipv4", "198.51.100.1", Value::Null),
    ] {
        for qtype in ["count", "related"] {
            let report = world
                .ask(qtype, json!({"sub_type": sub_type, "data": value}))
                .await;
            assert_eq!(report.unwrap()["known_good"], expected, "{qtype} {value}");
        }
    }
}
