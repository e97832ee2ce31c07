//! `timeline`: the numbers of events by hour, day and week, and by category.

use std::collections::BTreeMap;

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::time::{Calendar, Step};
use tahoe_core::{Category, Event, Org, User};

use crate::world::{NOW, World, attribute, event};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

async fn timeline(world: &World, question: Value) -> Value {
    let report = world.ask("timeline", question.clone()).await;
    report.unwrap_or_else(|reason| panic!("{question}: {reason}"))
}

fn with(question: &Value, more: Value) -> Value {
    let mut question = question.clone();
    let fields = question.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    question
}

/// Counts events as a timeline should.
fn counted<'a>(events: impl Iterator<Item = &'a Event>, by: Step, tz: &str) -> Value {
    let tz = tz.parse().unwrap();
    let mut buckets: BTreeMap<i64, (f64, [u64; 3])> = BTreeMap::new();
    for event in events {
        let (start, end) = Calendar { step: by, tz }.around(event.timestamp().get());
        let place = match event.category() {
            Category::Malicious => 0,
            Category::Benign => 1,
            Category::Unknown => 2,
        };
        buckets.entry(start as i64).or_insert((end, [0; 3])).1[place] += 1;
    }
    let told = buckets.into_iter().map(|(start, (end, n))| {
        json!({"start": start as f64, "end": end, "malicious": n[0], "benign": n[1], "unknown": n[2]})
    });
    told.collect()
}

fn categories(n: u32) -> Category {
    [
        Category::Malicious,
        Category::Benign,
        Category::Unknown,
        Category::Malicious,
    ][n as usize % 4]
}

#[tokio::test]
async fn events_are_counted_by_the_days_of_a_zone() {
    let world = World::new("timeline").await;
    let ip = attribute("ipv4", "203.0.113.7");
    let make = |n: u32| {
        let after = -f64::from(n) * 7.3 * HOUR;
        event(world.site.orgid, after, vec![ip.clone().into()]).with_category(categories(n))
    };
    let events: Vec<Event> = (0..30).map(make).collect();
    let mut batch = GraphBatch::default();
    events
        .iter()
        .for_each(|event| drop(batch.add_event(event.clone())));
    world.write(&batch).await;

    let about = json!({"sub_type": "ip", "data": "203[.]0[.]113[.]7"});
    for (by, tz) in [
        (Step::Hour, "UTC"),
        (Step::Day, "UTC"),
        (Step::Day, "Asia/Kathmandu"),
        (Step::Day, "America/St_Johns"),
        (Step::Week, "Pacific/Auckland"),
    ] {
        let asked = with(&about, json!({"by": by.as_str(), "tzname": tz}));
        let report = timeline(&world, asked).await;
        let expected = counted(events.iter(), by, tz);
        assert_eq!(report["data"]["buckets"], expected, "{by:?} {tz}");
        assert_eq!(report["data"]["tzname"], tz);
        assert_eq!(report["total"], 30);
        assert_eq!(report["about"][0]["sub_type"], "ipv4");
        assert_eq!(report["last_seen"], json!(*NOW));
    }
    // nine days: by day, if nothing else is said
    let report = timeline(&world, about.clone()).await;
    assert_eq!(report["data"]["by"], "day");
    assert_eq!(
        report["data"]["buckets"],
        counted(events.iter(), Step::Day, "UTC")
    );
    // conditions select events as for a count
    let some = with(
        &about,
        json!({"category": "benign", "from": *NOW - 2.0 * DAY, "by": "day"}),
    );
    let report = timeline(&world, some).await;
    let chosen = events.iter().filter(|event| {
        event.category() == Category::Benign && event.timestamp().get() >= *NOW - 2.0 * DAY
    });
    assert_eq!(report["data"]["buckets"], counted(chosen, Step::Day, "UTC"));
    let context = with(&about, json!({"context": "malicious"}));
    let report = timeline(&world, context).await;
    assert_eq!(
        (&report["data"]["buckets"], &report["total"]),
        (&json!([]), &json!(0))
    );
    // nothing there
    let report = timeline(&world, json!({"sub_type": "ipv4", "data": "203.0.113.99"})).await;
    assert_eq!(
        (&report["data"]["buckets"], report.get("first_seen")),
        (&json!([]), None)
    );
    for (question, reason) in [
        (
            with(&about, json!({"by": "month"})),
            "field by: `month` is not one of ",
        ),
        (
            with(&about, json!({"tzname": "Mars/Utopia"})),
            "field tzname: ",
        ),
        (
            with(&about, json!({"level": 2})),
            "field level: is not a field of a timeline",
        ),
        (
            json!({"sub_type": "ipv4", "data": "x"}),
            "field data: `x` is not ",
        ),
        (
            json!({"sub_type": "nothing", "data": "x"}),
            "field sub_type: nothing was found",
        ),
    ] {
        let said = world.ask("timeline", question.clone()).await.unwrap_err();
        assert!(said.starts_with(reason), "{question}: {said}");
    }
}

/// More events than are counted one by one: the hours of the kept counts are cut where a day begins and where the range
/// ends.
#[tokio::test]
async fn a_hub_is_counted_as_exactly() {
    let world = World::new("timeline_hub").await;
    let port = attribute("port", 22);
    let make = |n: u32| {
        // about nine an hour, over 14 days
        let after = -f64::from(n) * 401.0 - 0.5;
        event(world.site.orgid, after, vec![port.clone().into()]).with_category(categories(n))
    };
    let mut events: Vec<Event> = (0..9_000).map(make).collect();
    // before 1970, and at its beginning
    for at in [-*NOW - 9e8, -*NOW] {
        events.push(event(world.site.orgid, at, vec![port.clone().into()]));
    }
    for part in events.chunks(1_000) {
        let mut batch = GraphBatch::default();
        part.iter()
            .for_each(|event| drop(batch.add_event(event.clone())));
        world.write(&batch).await;
    }
    let about = json!({"sub_type": "port", "data": 22});
    let range = (*NOW - 9.21 * DAY, *NOW - 1.07 * DAY);
    for (by, tz, ranged) in [
        (Step::Day, "UTC", false),
        (Step::Day, "Asia/Kolkata", false),
        (Step::Day, "Asia/Kathmandu", true),
        (Step::Hour, "Asia/Kolkata", true),
        (Step::Week, "America/New_York", true),
        (Step::Week, "Europe/Berlin", false),
    ] {
        let mut asked = with(&about, json!({"by": by.as_str(), "tzname": tz}));
        if ranged {
            asked = with(&asked, json!({"from": range.0, "to": range.1}));
        }
        let within =
            |event: &&Event| !ranged || (range.0..=range.1).contains(&event.timestamp().get());
        let report = timeline(&world, asked).await;
        let expected = counted(events.iter().filter(within), by, tz);
        assert_eq!(report["data"]["buckets"], expected, "{by:?} {tz} {ranged}");
        assert_eq!(report["total"], events.iter().filter(within).count());
        assert_eq!(report.get("cut"), None);
    }
    // an answer from the kept counts is as true as a new one
    let late = event(world.site.orgid, -0.25, vec![port.into()]).with_category(Category::Benign);
    let mut batch = GraphBatch::default();
    batch.add_event(late.clone());
    world.write(&batch).await;
    events.push(late);
    let asked = with(
        &about,
        json!({"by": "day", "tzname": "Asia/Kolkata", "from": 0}),
    );
    let report = timeline(&world, asked).await;
    let after = events.iter().filter(|event| event.timestamp().get() >= 0.0);
    assert_eq!(
        report["data"]["buckets"],
        counted(after, Step::Day, "Asia/Kolkata")
    );
}

#[tokio::test]
async fn another_organisations_events_do_not_show() {
    let world = World::new("timeline_access").await;
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
    let (shared, theirs) = (
        attribute("ipv4", "203.0.113.7"),
        attribute("ipv4", "203.0.113.8"),
    );
    let mut batch = GraphBatch::default();
    batch.add_event(event(world.site.orgid, 0.0, vec![shared.clone().into()]));
    for (n, ip) in [(1, &shared), (2, &shared), (3, &theirs)] {
        batch.add_event(event(
            other.hash(),
            -f64::from(n) * DAY,
            vec![ip.clone().into()],
        ));
    }
    world.write(&batch).await;
    let about = |ip: &str| json!({"sub_type": "ipv4", "data": ip});
    let report = timeline(&world, about("203.0.113.7")).await;
    assert_eq!(report["total"], 1);
    assert_eq!(
        (&report["first_seen"], &report["data"]["by"]),
        (&json!(*NOW), &json!("hour"))
    );
    // the same as for what nobody has
    let mut answers = Vec::new();
    for ip in ["203.0.113.8", "203.0.113.99"] {
        let report = timeline(&world, about(ip)).await;
        answers.push((report["data"].clone(), report["total"].clone()));
    }
    assert_eq!(answers[0], answers[1]);
    let mut of_eve = world.query("timeline", &about("203.0.113.7"));
    of_eve.userid = eve.hash().to_string();
    assert_eq!(world.answer(of_eve).await.unwrap()["total"], 2);
}
