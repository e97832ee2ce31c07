//! Ranks of events of small archives, read with all the room and time there is and with hardly any.

use std::time::Duration;

use cybexp_store::{GraphBatch, GraphReader, Visible};
use cybexp_testkit::Site;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Event, Hash, OrgId, SubType, Timestamp};

use threatrank::{Draw, Limits, OpenEvent, Source, Target, WALKERS};

use super::{SeenGraph, rank};
use crate::sources::{Asked, Sources};

const NOW: f64 = 1_700_000_000.0;
const ARCHIVES: u64 = 4;
const EVENTS: usize = 80;

fn asked<'a>(sources: &'a Sources, visible: &'a Visible) -> Asked<'a> {
    Asked {
        sources,
        visible,
        now: NOW,
        redo: false,
    }
}

async fn rank_of(event: Hash, asked: Asked<'_>) -> Value {
    let found = asked.sources.archive.event_time(event, asked.visible);
    let target = found.await.unwrap().expect("the event is there");
    let version = asked.sources.archive.version(&TimeRange::default()).await;
    rank(Target::Event(target), version.unwrap(), asked)
        .await
        .unwrap()
}

/// Events of one to three attributes, of which the first are in most.
fn events(orgid: Hash, rng: &mut StdRng, archive: u64) -> Vec<Event> {
    let orgid = OrgId::new(&orgid.to_string()).unwrap();
    let event = |number: usize| {
        let attributes = (0..rng.random_range(1..=3)).map(|_| {
            let rank = 25_f64.powf(rng.random::<f64>()) as i64;
            Attribute::new(SubType::from_static("port"), 100 * archive as i64 + rank).into()
        });
        let attributes = attributes.collect();
        let at = Timestamp::new(NOW - number as f64 * 90_000.0).unwrap();
        let event = Event::new(SubType::from_static("ssh"), orgid.clone(), at, attributes).unwrap();
        let categories = [Category::Malicious, Category::Benign, Category::Unknown];
        event.with_category(categories[rng.random_range(0..3)])
    };
    (0..EVENTS).map(event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_true_score_is_within_the_bound_however_little_is_read() {
    let site = Site::new("ranks", json!({})).await;
    let visible = Visible(vec![OrgId::new(&site.orgid.to_string()).unwrap()]);
    let mut sources = Sources::new(GraphReader::new(&site.archive), Duration::MAX / 2);
    let all = Limits {
        time: Duration::from_secs(3600),
        walks: 100,
        ..sources.limits
    };
    let mut rng = StdRng::seed_from_u64(1);
    let (mut ranks, mut inexact) = (0, 0);
    for archive in 0..ARCHIVES {
        let events = events(site.orgid, &mut rng, archive);
        let mut batch = GraphBatch::default();
        events
            .iter()
            .for_each(|event| drop(batch.add_event(event.clone())));
        site.graph.write(&batch).await.unwrap();
        for target in events
            .iter()
            .filter(|event| event.category() != Category::Malicious)
            .take(10)
        {
            sources.limits = all;
            let rank =
                async |sources: &Sources| rank_of(target.hash(), asked(sources, &visible)).await;
            let truth = rank(&sources).await;
            assert_eq!(truth["exact"], json!(true));
            for limits in [
                Limits { hub: 5, ..all },
                Limits { hub: 12, ..all },
                Limits {
                    hub: 5,
                    walks: WALKERS + 1,
                    ..all
                },
                Limits { edges: 60, ..all },
                Limits { events: 20, ..all },
                Limits { refs: 30, ..all },
                Limits {
                    time: Duration::ZERO,
                    ..all
                },
                Limits {
                    time: Duration::from_millis(3),
                    ..all
                },
            ] {
                sources.limits = limits;
                let found = rank(&sources).await;
                let number = |rank: &Value, field: &str| rank[field].as_f64().unwrap();
                let error = (number(&found, "score") - number(&truth, "score")).abs();
                let bound = number(&found, "error_bound");
                assert!(error <= bound + 1e-12, "{limits:?}: {found} is not {truth}");
                assert_eq!(found["exact"], json!(bound == 0.0));
                ranks += 1;
                inexact += usize::from(bound > 0.0);
            }
        }
    }
    assert!(inexact * 2 > ranks, "{inexact} of {ranks}");
}

/// Attributes of so many events that walks draw them, and do not list them; all events of one of these hubs are in the
/// other one, too.
#[tokio::test(flavor = "multi_thread")]
async fn the_true_score_is_within_the_bound_where_hubs_are_drawn_from() {
    const EVENTS: u32 = 2_400;
    let site = Site::new("hub", json!({})).await;
    let visible = Visible(vec![OrgId::new(&site.orgid.to_string()).unwrap()]);
    let mut rng = StdRng::seed_from_u64(2);
    let port = |n: u32| Attribute::new(SubType::from_static("port"), i64::from(n)).into();
    let mut batch = GraphBatch::default();
    let events: Vec<Event> = (0..EVENTS)
        .map(|number| {
            let attributes = [0, 1 + number % 6, rng.random_range(7..600)];
            let at = Timestamp::new(NOW - f64::from(number) * 3_000.0).unwrap();
            let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
            let attributes = attributes.into_iter().map(port).collect();
            let event = Event::new(SubType::from_static("ssh"), orgid, at, attributes).unwrap();
            event.with_category(match number % 7 {
                1 | 2 => Category::Malicious,
                _ => Category::Benign,
            })
        })
        .collect();
    events
        .iter()
        .for_each(|event| drop(batch.add_event(event.clone())));
    site.graph.write(&batch).await.unwrap();
    let mut sources = Sources::new(GraphReader::new(&site.archive), Duration::from_secs(3600));
    for target in [0, 700, 2_100] {
        let target = events[target].hash();
        let rank = async |sources: &Sources| rank_of(target, asked(sources, &visible)).await;
        sources.limits.hub = EVENTS as usize;
        let truth = rank(&sources).await;
        assert_eq!(truth["exact"], json!(true), "{truth}");
        sources.limits.hub = 300;
        // few enough that hardly any hub has to be listed, and many
        for (walks, narrow) in [(60, 1.0), (1_000, 0.15)] {
            sources.limits.walks = walks;
            let found = rank(&sources).await;
            assert_eq!(found["exact"], json!(false), "{found}");
            let number = |rank: &Value, field: &str| rank[field].as_f64().unwrap();
            let error = (number(&found, "score") - number(&truth, "score")).abs();
            let bound = number(&found, "error_bound");
            assert!(error <= bound + 1e-12, "{found} is not {truth}");
            assert!(bound < narrow, "{bound}");
        }
    }
}

/// Draws are used again only as long as no event has changed, and by those who see the same organisations.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_drawn_holds_until_an_event_changes() {
    let site = Site::new("drawn", json!({})).await;
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let sources = Sources::new(GraphReader::new(&site.archive), Duration::from_secs(3600));
    let port = |n: u32| Attribute::new(SubType::from_static("port"), i64::from(n));
    let write = async |numbers: std::ops::Range<u32>| {
        let mut batch = GraphBatch::default();
        for number in numbers {
            let at = Timestamp::new(NOW - f64::from(number)).unwrap();
            let attributes = vec![port(0).into(), port(1 + number).into()];
            let event = Event::new(SubType::from_static("ssh"), orgid.clone(), at, attributes);
            batch.add_event(event.unwrap());
        }
        site.graph.write(&batch).await.unwrap();
    };
    let drawn = async |visible: &Visible, version, events| {
        let seen = SeenGraph::new(&sources, visible, version);
        let draw = Draw {
            hub: port(0).hash(),
            part: 1,
            from: Hash::of(&["any"]),
            events,
        };
        let drawn = seen.draw_events(&[draw.clone(), draw]).await.unwrap();
        let hashes = |events: Vec<OpenEvent>| events.iter().map(|open| open.event.hash).collect();
        let hashes: Vec<Vec<Hash>> = drawn.into_iter().map(hashes).collect();
        hashes
    };
    let version = async || {
        let version = sources.archive.version(&TimeRange::default()).await;
        version.unwrap()
    };
    let ours = Visible(vec![orgid.clone()]);
    write(0..600).await;
    let first = version().await;
    let few = drawn(&ours, first, 2).await;
    assert_eq!((few[0].len(), &few[0]), (2, &few[1]));
    let before = drawn(&ours, first, 400).await.remove(0);
    assert!(before.len() > 2 && before[..2] == few[0][..]);
    write(600..1_200).await;
    assert_eq!(drawn(&ours, first, 400).await[0], before);
    let after = drawn(&ours, version().await, 400).await.remove(0);
    assert!(after.len() > before.len(), "{}", after.len());
    let nobody = Visible(vec![OrgId::new("nobody").unwrap()]);
    assert!(drawn(&nobody, first, 400).await[0].is_empty());
}
