//! Indexes for the parts beside an answer: first and last times, other forms of a value, events of sessions, and the
//! fate of a submission.

use bson::oid::ObjectId;
use bson::{Document, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Category, OrgId};

use super::plan::Plan;
use super::{fill, hash, server};
use crate::archive::open::Archive;
use crate::cache::fate;
use crate::cache::open::Cache;
use crate::graph::read::pages::{self, Start};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::{self, End};
use crate::graph::read::sessions;
use crate::graph::read::wanted::{Wanted, Within};
use crate::visible::Visible;

const ORGS: [&str; 3] = ["unr", "usc", "ucla"];

/// Each of three organisations, and another one, has 400 events of one form of a value, and 480 of another; 80 have both.
async fn archive_with_forms() -> GraphReader {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let events = ["unr", "usc", "ucla", "zz"].into_iter().flat_map(|org| {
        (0..800).map(move |i: i32| {
            let one = hash(format_args!("form{}", i % 2)).to_string();
            let other = hash(format_args!("form{}", (i + 1) % 2)).to_string();
            let refs = if i % 10 == 0 { vec![one, other] } else { vec![one] };
            doc! {
                "itype": "event", "sub_type": "ssh", "orgid": org, "timestamp": f64::from(i),
                "category": "unknown", "_cref": &refs, "_ref": &refs, "_mal_ref": &refs, "_ben_ref": [],
                "_hash": hash(format_args!("{org}{i}")).to_string(),
            }
        })
    });
    fill(&archive.coll, events).await;
    GraphReader::new(&archive)
}

fn about(subjects: usize, context: Context) -> Conditions {
    Conditions {
        subjects: (0..subjects)
            .map(|n| hash(format_args!("form{n}")))
            .collect(),
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context,
    }
}

fn visible() -> Visible {
    Visible(ORGS.map(|org| OrgId::new(org).unwrap()).to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_and_last_time_cost_a_key_for_each_organisation() {
    let archive = archive_with_forms().await;
    for context in [Context::All, Context::Malicious] {
        for subjects in [1, 2] {
            let of = about(subjects, context);
            let events = pages::events(&of, &visible());
            for end in [End::First, End::Last] {
                let find = seen::end_of(&events, &ORGS, end);
                let plan = Plan::find(&archive.coll, &find).await;
                assert_eq!(plan.returned, 1);
                plan.reads_at_most(4 * subjects as i64 * 3, 0);
            }
        }
    }
    let seen = archive
        .seen(&about(2, Context::All), &visible())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((seen.first, seen.last), (0.0, 799.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_something_is_there_costs_a_key() {
    let archive = archive_with_forms().await;
    let there = seen::referred(hash("form0"), &visible());
    Plan::count(&archive.coll, &there).await.reads_at_most(4, 0);
    let subjects = [hash("form0"), hash("nothing"), hash("form1")];
    let found = archive.referred(&subjects, &visible()).await.unwrap();
    assert_eq!(found, [subjects[0], subjects[2]]);
    let others = Visible(vec![OrgId::new("nobody").unwrap()]);
    assert_eq!(archive.referred(&subjects, &others).await.unwrap(), []);
}

/// Events that hold several forms of a value are counted and listed once, and no page sorts or reads the others.
#[tokio::test(flavor = "multi_thread")]
async fn several_forms_of_a_value_are_looked_for_as_one() {
    let archive = archive_with_forms().await;
    let (of, visible) = (about(2, Context::All), visible());
    assert_eq!(archive.count(&of, &visible).await.unwrap(), 3 * 800);
    assert_eq!(archive.total(&of, &visible).await.unwrap(), Some(3 * 800));
    let plan = Plan::find(&archive.coll, &pages::first(&of, &visible, 10)).await;
    assert_eq!(plan.returned, 11);
    plan.reads_at_most(11 + 20, 22);
    let wanted = Wanted::new(&of, Within::All, &visible);
    let find = pages::places(
        &wanted,
        Start {
            hour: None,
            skip: 50,
        },
        10,
    );
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 11);
    plan.reads_at_most(61 * 2, 0);
    let mut listed = std::collections::BTreeSet::new();
    for page in 1..=80 {
        let page = archive.events(&of, &visible, page, 10).await.unwrap();
        assert_eq!(page.events.len(), 10);
        listed.extend(page.events.into_iter().map(|event| event.hash));
    }
    assert_eq!(listed.len(), 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_by_what_they_are_known_by() {
    let archive = archive_with_forms().await;
    let session = |i: i32| -> Document {
        let sensor = hash(format_args!("sensor{}", i % 100)).to_string();
        let events =
            (0..4).map(|n| hash(format_args!("unr{}", (i / 100 * 4 + n) % 800)).to_string());
        let refs: Vec<String> = std::iter::once(sensor.clone()).chain(events).collect();
        doc! {
            "itype": "session", "sub_type": "cowrie_session", "_cref": [sensor], "_ref": refs,
            "start_time": f64::from(i), "_hash": hash(format_args!("session{i}")).to_string(),
        }
    };
    fill(&archive.coll, (0..3000).map(session)).await;
    let mut of = about(1, Context::All);
    of.subjects = vec![hash("sensor7")];
    let plan = Plan::find(&archive.coll, &sessions::sessions(&of)).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(31, 30);
    of.range.end = Some(1_000.0);
    let plan = Plan::find(&archive.coll, &sessions::sessions(&of)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(13, 10);
    of.range.end = Some(50.0);
    of.category = Some(Category::Unknown);
    let found = archive
        .session_events(&of, &visible())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.count(), found.cut), (4, false), "of one session");

    let events: Vec<_> = (0..100).map(|i| hash(format_args!("unr{i}"))).collect();
    let plan = Plan::find(&archive.coll, &sessions::among(&events, &of, &visible())).await;
    assert_eq!(plan.returned, 51);
    plan.reads_at_most(2 * 100 + 2, 100);
    let plan = Plan::find(
        &archive.coll,
        &sessions::direct(&about(1, Context::All), &visible()),
    )
    .await;
    assert_eq!(plan.returned, 3 * 400);
    plan.reads_at_most(3 * 400 + 10, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_found_by_its_id() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let ids: Vec<ObjectId> = (0..2000).map(|_| ObjectId::new()).collect();
    let entries = ids.iter().map(|id| {
        doc! {"_id": id, "typetag": "cowrie", "orgid": "unr", "timestamp": 1.0, "processed": false}
    });
    fill(&cache.entries, entries).await;
    let plan = Plan::find(&cache.entries, &fate::fate(ids[1000])).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(1, 1);
    let found = cache.fate(&ids[3].to_hex()).await.unwrap().unwrap();
    assert!(!found.processed && found.raws.is_empty());
    for nothing in ["", "$where", "zz", &ObjectId::new().to_hex()] {
        assert!(cache.fate(nothing).await.unwrap().is_none());
    }
}
