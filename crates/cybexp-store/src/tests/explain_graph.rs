//! Indexes for the graph: writing, reading for reports, and access.

use bson::doc;
use tahoe_core::question::{Conditions, Context, ReturnType};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Event, Hash, Node, Session, SubType};

use super::plan::Plan;
use super::{attribute, event, fill, fill_stored, hash, server, stored_event, visible};
use crate::archive::ids::{self, OrgTag, RawId, SessionId};
use crate::archive::open::Archive;
use crate::archive::{keys, missing, stored};
use crate::graph::hours;
use crate::graph::read::by_hour;
use crate::graph::read::lookup;
use crate::graph::read::pages::{self, Place, Start};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::Wanted;
use crate::graph::read::{count, event_tally};
use crate::graph::write::{events, replace, sessions};
use crate::identity::users::{self as identity, Identity};
use crate::mongo::bulk::Update;

/// The time at which all raws of these tests were accepted.
const AT: f64 = 1_700_000_000.0;

const CONTEXTS: [Context; 4] = [
    Context::All,
    Context::Malicious,
    Context::Benign,
    Context::Unknown,
];

const OURS: [&str; 3] = ["unr", "usc", "ucla"];

/// The number of visible events of the address, in any context.
const ALL: i64 = 3 * 180;

/// Points of the index that a query names: each combination of context and category in each organisation. To find the
/// end of a point costs a key, too.
const POINTS: i64 = 3 * 12;

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_told_by_the_index_alone() {
    let archive = archive_with_events().await;
    let asked: Vec<Hash> = (0..200).map(|i| ours("unr", i).hash()).collect();
    let find = missing::by_id(&ids::of_hashes(&asked));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 180);
    plan.reads_at_most(2 * 200, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_merged_by_its_id() {
    let archive = archive_with_events().await;
    let id = Attribute::new(SubType::from_static("sessionid"), "c0ffee");
    let session = Session::new(SubType::from_static("cowrie_session"), vec![id.into()]).unwrap();
    let id = SessionId::of(session.hash(), &OrgTag::of("unr"));
    let merge = sessions::merge(&id, &session, "unr").unwrap();
    Plan::update(&archive.coll, &merge)
        .await
        .reads_at_most(1, 0);
    let document = stored::session(&id, &session, "unr").unwrap();
    fill_stored(&archive.coll, [document]).await;
    Plan::update(&archive.coll, &merge)
        .await
        .reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_are_added_to_an_event_by_its_id() {
    let archive = archive_with_events().await;
    let raw = keys::of_raw(&RawId::new(hash("raw"), "unr"), AT, "cowrie");
    let addition = Update {
        filter: events::with_room(ours("unr", 7).hash()),
        update: events::addition(std::iter::once(ids::binary(raw))).into(),
        upsert: false,
    };
    Plan::update(&archive.coll, &addition)
        .await
        .reads_at_most(1, 1);
}

/// Each of three organisations has 180 events of the address, 20 in each context of each category, and others 3000.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_counted_by_keys_of_the_index_alone() {
    let archive = archive_with_events().await;
    let visible = visible(&OURS);
    for context in CONTEXTS {
        for category in [None, Some(Category::Malicious)] {
            for (range, part) in [(TimeRange::default(), 1), (between(0.0, 89.0), 2)] {
                let of = conditions(context, category, range);
                let count = GraphReader::new(&archive)
                    .count(&of, &visible)
                    .await
                    .unwrap() as i64;
                let contexts = if context == Context::All { 3 } else { 1 };
                let categories = if category.is_some() { 1 } else { 3 };
                let expected = 3 * 20 * contexts * categories / part;
                assert_eq!(count, expected, "{of:?}");
                let find = Wanted::new(&of, &visible).find();
                let plan =
                    Plan::aggregate(&archive.coll, find.hint, event_tally::pipeline(&find)).await;
                plan.reads_at_most(expected + 2 * POINTS, 0);
                let few = count::few(Wanted::new(&of, &visible).find()).limit(50);
                let plan = Plan::find(&archive.coll, &few).await;
                plan.reads_at_most(50 + 2 * POINTS, 0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_is_made_of_keys_of_the_index_alone() {
    let archive = archive_with_events().await;
    let visible = visible(&OURS);
    let of = conditions(Context::All, None, TimeRange::default());
    let wanted = Wanted::new(&of, &visible);
    for (times, keys) in [
        (doc! {}, ALL),
        (hours::times(0, 0), ALL),
        (hours::times(1, 5), 0),
    ] {
        let (pipeline, hint) = by_hour::pipeline(&wanted, times);
        let plan = Plan::aggregate(&archive.coll, hint, pipeline).await;
        plan.reads_at_most(keys + 2 * POINTS, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_events_reads_what_is_skipped_as_keys() {
    let archive = archive_with_events().await;
    let visible = visible(&OURS);
    for context in CONTEXTS {
        for range in [TimeRange::default(), between(0.0, 89.0)] {
            let of = conditions(context, None, range);
            let wanted = Wanted::new(&of, &visible);
            let plan = Plan::find(&archive.coll, &pages::first(&wanted, 10)).await;
            assert_eq!(plan.returned, 11, "{of:?}");
            plan.reads_at_most(11 + 2 * POINTS, 11);
            for hour in [None, Some(0)] {
                let find = pages::places(&wanted, Start { hour, skip: 50 }, 10);
                let plan = Plan::find(&archive.coll, &find).await;
                assert_eq!(plan.returned, 11, "{of:?}");
                plan.reads_at_most(61 + 2 * POINTS, 0);
                let places: Vec<Place> = find.read(&archive.coll).await.unwrap();
                let find = pages::at(wanted.find(), &places);
                let plan = Plan::find(&archive.coll, &find).await;
                assert_eq!(plan.returned, 11, "{of:?}");
                // to go on behind a time costs a key, too
                plan.reads_at_most(3 * 11 + 2 * POINTS, 11);
            }
        }
    }
}

/// The server merges up to 200 points of the index in the order of time; for more it would sort.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_many_organisations_are_merged_in_parts() {
    let archive = archive_with_events().await;
    let others: Vec<String> = (0..97).map(|n| format!("org{n}")).collect();
    let orgs = OURS.into_iter().chain(others.iter().map(String::as_str));
    let visible = visible(&orgs.collect::<Vec<_>>());
    let of = conditions(Context::All, None, TimeRange::default());
    let wanted = Wanted::new(&of, &visible);
    let parts = wanted.parts();
    assert_eq!(parts.len(), 7, "of 16 organisations with 12 points each");
    for (n, part) in parts.iter().enumerate() {
        let plan = Plan::find(&archive.coll, &pages::first(part, 10)).await;
        assert_eq!(plan.returned, if n == 0 { 11 } else { 0 });
        plan.reads_at_most(11 + 2 * 200, 11);
    }
    let reader = GraphReader::new(&archive);
    let page = reader.events(&of, &visible, 3, 10).await.unwrap();
    assert_eq!(page.events.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_sessions_and_of_raws_are_found_by_these() {
    let archive = archive_with_events().await;
    let org = OrgTag::of("unr");
    let session = |i: i32| SessionId::of(hash(format_args!("session{i}")), &org);
    let element = |i: i32| {
        let raw = RawId::new(hash(format_args!("raw{i}")), "unr");
        ids::binary(keys::of_raw(&raw, AT, "cowrie"))
    };
    let events = (0..3000).map(|i| {
        let own = attribute(format_args!("own{i}"));
        let keys = [session(i / 3).bson(), element(i / 3)];
        stored_event(&event("unr", f64::from(i), &[&own]), keys)
    });
    fill_stored(&archive.coll, events).await;
    let known = attribute("sensor");
    let sessions = (0..1000).map(|i| {
        let own = attribute(format_args!("session{i}"));
        let children: Vec<Node> = vec![known.clone().into(), own.into()];
        let part = Session::new(SubType::from_static("cowrie_session"), children).unwrap();
        stored::session(&session(i), &part, "unr").unwrap()
    });
    fill_stored(&archive.coll, sessions).await;

    let asked: Vec<SessionId> = (0..10).map(session).collect();
    let find = lookup::events_of_sessions(&asked);
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(30 + 2 * 10, 30);
    let covered = find.project(pages::place()).limit(7);
    let plan = Plan::find(&archive.coll, &covered).await;
    assert_eq!(plan.returned, 7);
    plan.reads_at_most(7 + 2 * 10, 0);

    let plan = Plan::find(&archive.coll, &lookup::sessions(&asked)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(2 * 10 + 2, 10);

    let elements: Vec<_> = (0..20).map(element).collect();
    let plan = Plan::find(&archive.coll, &replace::made_of(&elements)).await;
    assert_eq!(plan.returned, 60);
    plan.reads_at_most(60 + 2 * 20, 60);
    let rows = GraphReader::new(&archive)
        .events_of_sessions(&asked, 29)
        .await;
    let (rows, more) = rows.unwrap();
    assert_eq!((rows.len(), more), (29, true));
    assert!(rows.iter().all(|row| asked.contains(&row.sessions[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_found_by_hash() {
    let archive = archive_with_events().await;
    let attributes: Vec<Attribute> = (0..3000).map(attribute).collect();
    let documents = attributes.iter().map(|one| stored::plain(one.hash(), one));
    fill_stored(&archive.coll, documents.map(Result::unwrap)).await;
    let attributes: Vec<Hash> = attributes[..50].iter().map(Attribute::hash).collect();
    let plan = Plan::find(&archive.coll, &lookup::nodes(&attributes)).await;
    assert_eq!(plan.returned, 50);
    plan.reads_at_most(2 * 50 + 2, 50);

    let events: Vec<Hash> = (0..50).map(|i| ours("unr", i).hash()).collect();
    for (orgs, returned) in [(&OURS[..], 50), (&["other1"], 0)] {
        let find = lookup::events_by_hash("testing", &events, &visible(orgs));
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, returned);
        plan.reads_at_most(2 * 50 + 2, 50);
    }

    let all: Vec<Hash> = attributes.into_iter().chain(events).collect();
    for (itype, n) in [(None, 100), (Some(ReturnType::Event), 50)] {
        let find = lookup::documents(&all, itype, &visible(&OURS));
        let plan = Plan::find(&archive.coll, &find).await;
        assert_eq!(plan.returned, n);
        plan.reads_at_most(2 * 100 + 2, 100);
    }
    let shown = GraphReader::new(&archive)
        .documents(&all[50..51], None, &visible(&OURS))
        .await;
    let shown = shown.unwrap();
    let own: Vec<&str> = ["_id", "_keys", "_tie"].into();
    assert!(
        own.iter().all(|name| shown[0].get(name).is_none()),
        "{shown:?}"
    );
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

/// See [`events_are_counted_by_keys_of_the_index_alone`].
async fn archive_with_events() -> Archive {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let all = OURS
        .iter()
        .flat_map(|org| (0..180).map(move |i| ours(org, i)));
    let others = (0..3000).map(|i| ours(["other1", "other2", "zz"][i as usize % 3], i));
    let documents = all.chain(others).map(|event| stored_event(&event, []));
    fill_stored(&archive.coll, documents).await;
    archive
}

fn address() -> Attribute {
    attribute("192.0.2.1")
}

/// The `i`th event of the address in an organisation.
fn ours(orgid: &str, i: i32) -> Event {
    let category = [Category::Unknown, Category::Benign, Category::Malicious];
    let in_context = |context: i32| (i / 3 % 3 == context).then(|| address().hash());
    event(orgid, f64::from(i), &[&address()])
        .with_category(category[i as usize % 3])
        .with_malicious(in_context(1))
        .unwrap()
        .with_benign(in_context(2))
        .unwrap()
}

fn conditions(context: Context, category: Option<Category>, range: TimeRange) -> Conditions {
    Conditions {
        subjects: vec![address().hash()],
        attribute: None,
        range,
        category,
        context,
        derived: false,
    }
}

fn between(start: f64, end: f64) -> TimeRange {
    TimeRange {
        start: Some(start),
        end: Some(end),
    }
}
