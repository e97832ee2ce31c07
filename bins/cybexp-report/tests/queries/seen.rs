//! When something was seen first and last, and that a rank that is remembered holds.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::Category;

use crate::world::{NOW, World, attribute, event};

#[tokio::test]
async fn answers_say_when_something_was_seen_first_and_last() {
    let world = World::new("seen").await;
    let mut batch = GraphBatch::default();
    let ip = attribute("ipv4", "203.0.113.7");
    for n in 0..9 {
        let seen = event(
            world.site.orgid,
            f64::from(n),
            vec![ip.clone().into(), attribute("port", i64::from(n)).into()],
        );
        let category = if n % 3 == 0 {
            Category::Malicious
        } else {
            Category::Unknown
        };
        batch.add_event(match n {
            4 => seen.with_malicious([ip.hash()]).unwrap(),
            _ => seen.with_category(category),
        });
    }
    world.write(&batch).await;
    let seen = async |more: Value| {
        let mut question = json!({"sub_type": "ipv4", "data": "203.0.113.7"});
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let counted = world.ask("count", question.clone()).await.unwrap();
        let related = world.ask("related", question).await.unwrap();
        for field in ["first_seen", "last_seen"] {
            assert_eq!(counted[field], related[field]);
        }
        let after = |field: &str| counted[field].as_f64().map(|at| at - *NOW);
        (after("first_seen"), after("last_seen"))
    };
    for (more, first, last) in [
        (json!({}), 0.0, 8.0),
        (json!({"from": *NOW + 1.5, "to": *NOW + 7.0}), 2.0, 7.0),
        (json!({"category": "malicious"}), 0.0, 6.0),
        (
            json!({"category": "malicious", "from": *NOW + 1.0}),
            3.0,
            6.0,
        ),
        (json!({"context": "malicious"}), 4.0, 4.0),
        (json!({"context": "unknown", "from": *NOW + 4.0}), 5.0, 8.0),
    ] {
        assert_eq!(
            seen(more.clone()).await,
            (Some(first), Some(last)),
            "{more}"
        );
    }
    assert_eq!(seen(json!({"to": *NOW - 1.0})).await, (None, None));

    let report = world
        .related(json!({"sub_type": "ipv4", "data": "203.0.113.7"}))
        .await;
    let newest = &report["events"][0];
    assert_eq!(
        (&newest["timestamp"], &newest["category"]),
        (&json!(*NOW + 8.0), &json!("unknown"))
    );
    assert_eq!(newest["orgid"], world.site.orgid.to_string());
}

/// A rank is worked out once, and anew as soon as any event has come in.
#[tokio::test]
async fn a_rank_is_remembered_until_something_changes() {
    let world = World::new("remembered").await;
    let ip = attribute("ipv4", "203.0.113.7");
    let target = event(world.site.orgid, 0.0, vec![ip.clone().into()]);
    let write = async |n: u32| {
        let mut batch = GraphBatch::default();
        batch.add_event(target.clone());
        let children = vec![ip.clone().into(), attribute("port", i64::from(n)).into()];
        let other = event(world.site.orgid, f64::from(n), children);
        batch.add_event(other.with_category(Category::Malicious));
        world.write(&batch).await;
    };
    let rank = async || {
        world
            .ask("threatrank", json!({"_hash": target.hash()}))
            .await
            .unwrap()
    };
    write(1).await;
    let first = rank().await;
    assert_eq!(first["data"]["paths"], 1);
    let again = rank().await;
    assert_eq!(again, first, "the same report, as of the same time");
    write(2).await;
    let anew = rank().await;
    assert_eq!(anew["data"]["paths"], 2);
    assert!(anew["timestamp"].as_f64() > first["timestamp"].as_f64());
}
