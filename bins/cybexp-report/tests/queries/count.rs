//! `count`: exact under every condition.

use chrono::DateTime;
use chrono_tz::Tz;
use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::{Category, Node};

use crate::world::{NOW, World, attribute, event, object};

const IP: &str = "203.0.113.7";

/// The events of this test, one a second from `NOW - 200` on.
struct Seen {
    second: f64,
    category: Category,
    context: &'static str,
}

fn all_seen() -> Vec<Seen> {
    let categories = [Category::Malicious, Category::Benign, Category::Unknown];
    let contexts = ["malicious", "benign", "unknown", "both", "unknown"];
    (0..201)
        .map(|n| Seen {
            second: f64::from(n) - 200.0,
            category: categories[n as usize % 3],
            context: contexts[n as usize % 5],
        })
        .collect()
}

async fn world() -> World {
    let world = World::new("count").await;
    let ip = attribute("ipv4", IP);
    let mut batch = GraphBatch::default();
    for (n, seen) in all_seen().iter().enumerate() {
        let attacker = object("attacker", vec![ip.clone().into()]);
        let other = attribute("username", format!("user{n}"));
        let children: Vec<Node> = vec![attacker.into(), other.clone().into()];
        let seen_event =
            event(world.site.orgid, seen.second, children).with_category(seen.category);
        // the other attribute's contexts are not those of the address
        let (malicious, benign) = match seen.context {
            "malicious" => (vec![ip.hash()], vec![other.hash()]),
            "benign" => (vec![other.hash()], vec![ip.hash()]),
            "both" => (vec![ip.hash()], vec![ip.hash()]),
            _ => (vec![other.hash()], vec![]),
        };
        let seen_event = seen_event.with_malicious(malicious).unwrap();
        batch.add_event(seen_event.with_benign(benign).unwrap());
    }
    for data in [
        attribute("port", 22),
        attribute("port", "22"),
        attribute("port", true),
    ] {
        batch.add_event(event(world.site.orgid, 0.0, vec![data.into()]));
    }
    let ipv6 = attribute("ipv6", "2001:db8::7");
    batch.add_event(event(world.site.orgid, 0.0, vec![ipv6.into()]));
    world.write(&batch).await;
    world
}

/// The question about the address with these fields besides.
fn about(more: &Value) -> Value {
    let mut question = json!({"sub_type": "ipv4", "data": IP});
    question
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    question
}

/// The date so many seconds after [`NOW`], as people write it in a zone.
fn date(after: f64, format: &str, zone: &str) -> String {
    let at = DateTime::from_timestamp((*NOW + after) as i64, 0).unwrap();
    at.with_timezone(&zone.parse::<Tz>().unwrap())
        .format(format)
        .to_string()
}

#[tokio::test]
async fn counts_exactly_under_every_condition() {
    let world = world().await;
    let all = all_seen();
    let expected = |holds: &dyn Fn(&Seen) -> bool| all.iter().filter(|seen| holds(seen)).count();

    for (more, count) in [
        (json!({}), 201),
        (json!({"category": "all", "context": "all"}), 201),
        (json!({"from": null, "tzname": null, "level": null}), 201),
        // both ends belong to a range
        (json!({"from": *NOW - 20.0, "to": *NOW - 10.0}), 11),
        (
            json!({"from": date(-20.0, "%s", "UTC"), "to": date(-20.0, "%s", "UTC")}),
            1,
        ),
        (json!({"from": *NOW - 10.0}), 11),
        (json!({"to": *NOW - 190.0}), 11),
        (json!({"from": *NOW + 1.0}), 0),
        (json!({"from": date(-20.0, "%Y-%m-%dT%H:%M:%S", "UTC")}), 21),
        (
            json!({"from": date(-20.0, "%Y/%m/%d %I:%M:%S%P", "Asia/Tokyo"), "tzname": "Asia/Tokyo"}),
            21,
        ),
        (
            json!({"from": date(-20.0, "%Y-%m-%dT%H:%M:%S%:z", "Asia/Tokyo"), "tzname": "America/New_York"}),
            21,
        ),
        (
            json!({"to": date(-200.0, "%b %d %Y %H:%M", "UTC"), "tzname": "UTC"}),
            1,
        ),
        // counted back from when the query was asked
        (json!({"last": "10s"}), 11),
        (json!({"last": "1m"}), 61),
        (json!({"last": "1M"}), 201),
        (json!({"last": "0s"}), 1),
    ] {
        assert_eq!(world.count(about(&more)).await, count, "{more}");
    }

    let categories = [Category::Malicious, Category::Benign, Category::Unknown];
    for category in categories {
        let more = json!({"category": category.as_str()});
        let count = expected(&|seen| seen.category == category) as u64;
        assert_eq!(world.count(about(&more)).await, count, "{more}");
    }
    let in_context = |seen: &Seen, context: &str| match seen.context {
        "both" => context != "unknown",
        its_own => its_own == context,
    };
    for context in ["malicious", "benign", "unknown"] {
        let more = json!({"context": context});
        let count = expected(&|seen| in_context(seen, context)) as u64;
        assert_eq!(world.count(about(&more)).await, count, "{more}");
        for category in categories {
            let more = json!({
                "context": context, "category": category.as_str(),
                "from": *NOW - 150.0, "to": *NOW - 50.0,
            });
            let count = expected(&|seen| {
                in_context(seen, context)
                    && seen.category == category
                    && (-150.0..=-50.0).contains(&seen.second)
            });
            assert_eq!(world.count(about(&more)).await, count as u64, "{more}");
        }
    }
}

#[tokio::test]
async fn finds_the_subject_by_what_it_is() {
    let world = world().await;
    let attacker = object("attacker", vec![attribute("ipv4", IP).into()]);
    for (question, count) in [
        (json!({"sub_type": "ip", "data": IP}), 201),
        (json!({"sub_type": "ip", "data": "2001:db8::7"}), 1),
        (json!({"sub_type": "ipv6", "data": "2001:db8::7"}), 1),
        // a text is the same with white space around it, a number is another value than its text
        (
            json!({"sub_type": "ipv4", "data": format!("  {IP}\n")}),
            201,
        ),
        (json!({"sub_type": "port", "data": 22}), 1),
        // a text may be either
        (json!({"sub_type": "port", "data": "22"}), 2),
        (json!({"sub_type": "port", "data": 22.0}), 1),
        (json!({"_hash": attribute("port", "22").hash()}), 1),
        (json!({"sub_type": "username", "data": "user7"}), 1),
        (json!({"sub_type": "hostname", "data": "nobody.example"}), 0),
        (json!({"_hash": attribute("ipv4", IP).hash()}), 201),
        (
            json!({"_hash": attribute("ipv4", IP).hash().to_string().to_uppercase()}),
            201,
        ),
        (json!({"_hash": attacker.hash()}), 201),
        (json!({"_hash": attribute("ipv4", "nobody").hash()}), 0),
    ] {
        assert_eq!(world.count(question.clone()).await, count, "{question}");
    }
}
