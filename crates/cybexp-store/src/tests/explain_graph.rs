//! Indexes for the graph: writing, reading for reports, and access.

use bson::{Document, doc};
use tahoe_core::question::{Conditions, Context, ReturnType};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Hash, OrgId, Session, SubType};

use super::plan::Plan;
use super::{fill, hash, server};
use crate::archive::missing;
use crate::archive::open::Archive;
use crate::graph::hours;
use crate::graph::read::by_hour;
use crate::graph::read::lookup;
use crate::graph::read::pages::{self, Start};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{Wanted, Within};
use crate::graph::write::sessions;
use crate::identity::users::{self as identity, Identity};
use crate::visible::Visible;

const CONTEXTS: [Context; 4] = [
    Context::All,
    Context::Malicious,
    Context::Benign,
    Context::Unknown,
];

/// The number of visible events of the address, in any context.
const ALL: i64 = 3 * 180;

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_told_by_the_index_alone() {
    let archive = archive_with_events().await;
    let asked = (0..200).map(|i| format_args!("unr{i}").to_string());
    let asked: Vec<String> = asked.map(|name| hash(name).to_string()).collect();
    let plan = Plan::find(&archive.coll, &missing::by_hash(&asked)).await;
    assert_eq!(plan.returned, 180);
    plan.reads_at_most(2 * 200, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_merged_by_its_hash() {
    let archive = archive_with_events().await;
    let id = Attribute::new(SubType::from_static("sessionid"), "c0ffee");
    let session = Session::new(SubType::from_static("cowrie_session"), vec![id.into()]).unwrap();
    let merge = sessions::merge(&session.with_events([hash("unr1")])).unwrap();
    Plan::update(&archive.coll, &merge)
        .await
        .reads_at_most(1, 0);
    archive
        .coll
        .driver()
        .clone_with_type::<Document>()
        .update_one(merge.filter.clone(), doc! {"$set": {"itype": "session"}})
        .upsert(true)
        .await
        .unwrap();
    Plan::update(&archive.coll, &merge)
        .await
        .reads_at_most(1, 1);
}

/// Each of three organisations has 180 events of the address, 20 in each context of each category, and others 3000.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_counted_by_keys_of_the_index_alone() {
    let archive = archive_with_events().await;
    for context in CONTEXTS {
        for category in [None, Some(Category::Malicious)] {
            for (range, part) in [(TimeRange::default(), 1), (between(0.0, 89.0), 2)] {
                let of = conditions(context, category, range);
                let count = GraphReader::new(&archive)
                    .count(&of, &visible())
                    .await
                    .unwrap() as i64;
                let contexts = if context == Context::All { 3 } else { 1 };
                let categories = if category.is_some() { 1 } else { 3 };
                assert_eq!(count, 3 * 20 * contexts * categories / part, "{of:?}");
                for within in [Within::All, Within::Malicious, Within::Benign] {
                    let (of, visible) = (
                        Conditions {
                            context,
                            ..of.clone()
                        },
                        visible(),
                    );
                    let wanted = Wanted::new(&of, within, &visible);
                    let (find, limited) = (wanted.find(), wanted.scanned().find());
                    let plan = Plan::count(&archive.coll, &find).await;
                    plan.reads_at_most(ALL + 10, 0);
                    let plan = Plan::count(&archive.coll, &limited.limit(50)).await;
                    plan.reads_at_most(50 + 10, 0);
                }
            }
        }
    }
}

/// No event is in both contexts here; the events in benign context are read.
#[tokio::test(flavor = "multi_thread")]
async fn events_in_both_contexts_are_looked_for_among_those_in_one() {
    let archive = archive_with_events().await;
    let (of, visible) = (
        conditions(Context::Unknown, None, TimeRange::default()),
        visible(),
    );
    for by_malicious in [true, false] {
        let mut both = Wanted::new(&of, Within::Both, &visible);
        both.by_malicious = by_malicious;
        let plan = Plan::count(&archive.coll, &both.find()).await;
        plan.reads_at_most(ALL / 3 + 10, ALL / 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_is_made_of_keys_of_the_index_alone() {
    let archive = archive_with_events().await;
    let (of, visible) = (
        conditions(Context::All, None, TimeRange::default()),
        visible(),
    );
    let wanted = Wanted::new(&of, Within::All, &visible);
    for (times, keys) in [
        (doc! {}, ALL),
        (hours::times(0, 0), ALL),
        (hours::times(1, 5), 0),
    ] {
        let (pipeline, hint) = by_hour::pipeline(&wanted, times);
        let plan = Plan::aggregate(&archive.coll, hint, pipeline).await;
        plan.reads_at_most(keys + 10, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_events_reads_what_is_skipped_as_keys() {
    let archive = archive_with_events().await;
    let visible = visible();
    for context in CONTEXTS {
        for range in [TimeRange::default(), between(0.0, 89.0)] {
            let of = conditions(context, None, range);
            let plan = Plan::find(&archive.coll, &pages::first(&of, &visible, 10)).await;
            assert_eq!(plan.returned, 11, "{of:?}");
            let read = if context == Context::Unknown { ALL } else { 11 };
            plan.reads_at_most(read + 10, read);
            let Some(wanted) = Wanted::of(&of, &visible) else {
                continue;
            };
            for hour in [None, Some(0)] {
                let find = pages::places(&wanted, Start { hour, skip: 50 }, 10);
                let plan = Plan::find(&archive.coll, &find).await;
                assert_eq!(plan.returned, 11, "{of:?}");
                plan.reads_at_most(61 + 10, 0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_by_their_events() {
    let archive = archive_with_events().await;
    let sessions = (0..3000).map(|i| {
        let refs: Vec<String> = (0..3)
            .map(|n| hash(format_args!("e{i}.{n}")).to_string())
            .collect();
        doc! {"itype": "session", "sub_type": "cowrie_session", "_cref": [&refs[0]], "_ref": refs,
        "_hash": hash(format_args!("session{i}")).to_string()}
    });
    fill(&archive.coll, sessions).await;
    let events: Vec<Hash> = (0..30).map(|i| hash(format_args!("e{i}.1"))).collect();
    let plan = Plan::find(&archive.coll, &lookup::sessions_of(&events, 1000)).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(2 * 30 + 2, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_found_by_hash() {
    let archive = archive_with_events().await;
    let attributes = (0..3000).map(|i| {
        doc! {"itype": "attribute", "sub_type": "ipv4", "data": i, "_hash": hash(i).to_string()}
    });
    fill(&archive.coll, attributes).await;
    let attributes: Vec<Hash> = (0..50).map(hash).collect();
    let plan = Plan::find(&archive.coll, &lookup::nodes(&attributes)).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 50 + 2, 50);

    let events: Vec<Hash> = (0..50).map(|i| hash(format_args!("unr{i}"))).collect();
    let plan = Plan::find(&archive.coll, &lookup::visible_events(&events, &visible())).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 50 + 2, 50);
    let others = Visible(vec![OrgId::new("other1").unwrap()]);
    let plan = Plan::find(&archive.coll, &lookup::visible_events(&events, &others)).await;
    assert_eq!(plan.returned, 0);
    plan.reads_at_most(2 * 50 + 2, 0);

    let all: Vec<Hash> = attributes.into_iter().chain(events).collect();
    for (itype, n) in [(None, 100), (Some(ReturnType::Event), 50)] {
        let find = lookup::documents(&all, itype, &visible());
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, n);
        plan.reads_at_most(2 * 100 + 2, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_found_by_user() {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, "instance").await.unwrap();
    let user = |i: i32| hash(format_args!("user{i}")).to_string();
    let users =
        (0..3000).map(|i| doc! {"itype": "object", "sub_type": "cybexp_user", "_hash": user(i)});
    fill(&identity.coll, users).await;
    let orgs = (0..2000).map(|i| {
        let mut org = doc! {
            "itype": "object", "sub_type": "cybexp_org", "_usr_ref": [user(i), user(i + 1)],
            "_hash": hash(format_args!("org{i}")).to_string(),
        };
        if i % 2 == 0 {
            org.insert("_acl", [user(i), user(i + 1)]);
        }
        org
    });
    fill(&identity.coll, orgs).await;
    let user = user(1000);
    let plan = Plan::chosen(&identity.coll, identity::access(&user)).await;
    assert_eq!(
        plan.returned, 3,
        "the user, and an organisation of each kind"
    );
    plan.reads_at_most(7, 4);
}

/// See [`events_are_counted_in_proportion_to_their_number`].
async fn archive_with_events() -> Archive {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let ours = ["unr", "usc", "ucla"];
    let ours = ours
        .iter()
        .flat_map(|org| (0..180).map(move |i| event(org, i)));
    let others = (0..3000).map(|i| event(["other1", "other2", "zz"][i as usize % 3], i));
    fill(&archive.coll, ours.chain(others)).await;
    archive
}

fn event(orgid: &str, i: i32) -> Document {
    let (subject, category) = (
        hash("192.0.2.1").to_string(),
        ["unknown", "benign", "malicious"],
    );
    let in_context = |context: i32| match i / 3 % 3 == context {
        true => vec![&subject],
        false => vec![],
    };
    doc! {
        "itype": "event", "sub_type": "ssh", "orgid": orgid, "timestamp": f64::from(i),
        "category": category[i as usize % 3], "_cref": [&subject], "_ref": [&subject],
        "_mal_ref": in_context(1), "_ben_ref": in_context(2),
        "_hash": hash(format_args!("{orgid}{i}")).to_string(),
    }
}

fn conditions(context: Context, category: Option<Category>, range: TimeRange) -> Conditions {
    Conditions {
        subjects: vec![hash("192.0.2.1")],
        attribute: None,
        range,
        category,
        context,
    }
}

fn between(start: f64, end: f64) -> TimeRange {
    TimeRange {
        start: Some(start),
        end: Some(end),
    }
}

fn visible() -> Visible {
    Visible(
        ["unr", "usc", "ucla"]
            .map(|org| OrgId::new(org).unwrap())
            .to_vec(),
    )
}
