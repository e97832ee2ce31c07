//! Pages of `related`: ten events each, newest first, the same order every time.

use std::collections::BTreeSet;

use cybexp_store::GraphBatch;
use serde_json::{Value, json};

use crate::world::{World, attribute, event};

fn names(report: &Value) -> BTreeSet<String> {
    let names = report["data"]["username"].as_array().into_iter().flatten();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn numbered(numbers: std::ops::Range<u32>) -> BTreeSet<String> {
    numbers.map(|n| format!("user{n:02}")).collect()
}

#[tokio::test]
async fn ten_events_a_page_newest_first() {
    let world = World::new("pages").await;
    let mut batch = GraphBatch::default();
    for n in 0..23 {
        let name = attribute("username", format!("user{n:02}"));
        let children = vec![attribute("sensor", "osaka").into(), name.into()];
        batch.add_event(event(world.site.orgid, -f64::from(n), children));
    }
    for n in 0..20 {
        let name = attribute("username", format!("user{n:02}"));
        let children = vec![attribute("sensor", "bergen").into(), name.into()];
        batch.add_event(event(world.site.orgid, 0.0, children));
    }
    world.write(&batch).await;

    let page = async |sensor: &str, page: u32| {
        let question = json!({"sub_type": "sensor", "data": sensor, "page": page});
        world.related(question).await
    };
    for (at, next, expected) in [
        (1, 2, numbered(0..10)),
        (2, 3, numbered(10..20)),
        (3, 1, numbered(20..23)),
        (4, 1, numbered(0..0)),
        (u32::MAX, 1, numbered(0..0)),
    ] {
        let report = page("osaka", at).await;
        assert_eq!(names(&report), expected, "page {at}");
        assert_eq!(
            (&report["current_page"], &report["next_page"]),
            (&json!(at), &json!(next))
        );
        assert_eq!(report["more"], json!(next != 1), "page {at}");
        assert_eq!(report["total"], 23, "page {at}");
    }

    // of the same second: each on one page, and on the same page each time
    let (first, second) = (page("bergen", 1).await, page("bergen", 2).await);
    assert_eq!(
        (&first["next_page"], &second["next_page"]),
        (&json!(2), &json!(1))
    );
    assert_eq!((names(&first).len(), names(&second).len()), (10, 10));
    assert_eq!(&names(&first) | &names(&second), numbered(0..20));
    assert_eq!(names(&page("bergen", 1).await), names(&first));

    // the conditions hold for pages too
    let question = json!({"sub_type": "sensor", "data": "osaka", "last": "4s"});
    assert_eq!(names(&world.related(question).await), numbered(0..5));
    // nothing at all is an empty answer
    let report = page("nowhere", 1).await;
    assert_eq!(
        (&report["data"], &report["next_page"]),
        (&json!({}), &json!(1))
    );
}

/// Two pages that look alike are two reports all the same.
#[tokio::test]
async fn pages_with_equal_content_keep_their_numbers() {
    let world = World::new("alike").await;
    let mut batch = GraphBatch::default();
    for n in 0..25 {
        let children = vec![attribute("sensor", "osaka").into()];
        batch.add_event(event(world.site.orgid, -f64::from(n), children));
    }
    world.write(&batch).await;
    let ask = |page: u32| json!({"sub_type": "sensor", "data": "osaka", "page": page});
    let first = world.query("related", &ask(1));
    let hash = first.to_object().unwrap().hash();
    world.answer(first).await.unwrap();
    world.related(ask(3)).await;
    let report = world.site.queries.report(hash).await.unwrap().unwrap();
    assert_eq!(
        (&report["current_page"], &report["next_page"]),
        (&json!(1), &json!(2))
    );
}
