//! Indexes for the parts beside an answer: first and last times, other forms of a value, events of sessions, and the
//! fate of a submission.

use bson::doc;
use bson::oid::ObjectId;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::{Calendar, Step, TimeRange, parse_tzname};
use tahoe_core::{Attribute, Category, Event, Node, Session, SubType};

use super::plan::Plan;
use super::{at, attribute, event, fill, fill_stored, hash, server, stored_event, visible};
use crate::archive::ids::{OrgTag, SessionId};
use crate::archive::open::Archive;
use crate::archive::stored;
use crate::cache::fate;
use crate::cache::open::Cache;
use crate::graph::read::histogram::{self, HourPart};
use crate::graph::read::pages::{self, Start};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::{self, End, Seen};
use crate::graph::read::wanted::Wanted;
use crate::graph::read::{count, sessions, stories};

const ORGS: [&str; 3] = ["unr", "usc", "ucla"];

/// Points of the index that a query for one form names.
const POINTS: i64 = 3 * 12;

fn form(i: i32) -> Attribute {
    attribute(format_args!("form{}", i % 2))
}

fn of_form(orgid: &str, i: i32) -> Event {
    let (one, other) = (form(i), form(i + 1));
    match i % 10 {
        0 => event(orgid, f64::from(i), &[&one, &other]),
        _ => event(orgid, f64::from(i), &[&one]),
    }
    .with_malicious([one.hash()])
    .unwrap()
}

/// Each of three organisations, and another one, has 400 events of one form of a value, and 480 of another; 80 have both.
async fn archive_with_forms() -> GraphReader {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let events = ["unr", "usc", "ucla", "zz"].into_iter();
    let events = events.flat_map(|org| (0..800).map(move |i| of_form(org, i)));
    let documents = events.map(|event| stored_event(&event, []));
    fill_stored(&archive.coll, documents).await;
    GraphReader::new(&archive)
}

fn about(subjects: i32, context: Context) -> Conditions {
    Conditions {
        subjects: (0..subjects).map(|n| form(n).hash()).collect(),
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context,
        derived: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_and_last_time_cost_a_key_for_each_point() {
    let archive = archive_with_forms().await;
    let visible = visible(&ORGS);
    for context in [Context::All, Context::Malicious] {
        for subjects in [1, 2] {
            let of = about(subjects, context);
            let wanted = Wanted::new(&of, &visible);
            for end in [End::First, End::Last] {
                let find = seen::end_of(&wanted, end);
                let plan = Plan::find(&archive.coll, &find).await;
                assert_eq!(plan.returned, 1);
                plan.reads_at_most(i64::from(subjects) * POINTS + 2, 0);
            }
        }
    }
    let seen = archive
        .seen(&about(2, Context::All), &visible)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((seen.first, seen.last), (0.0, 799.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_something_is_there_costs_a_key() {
    let archive = archive_with_forms().await;
    let there = seen::referred(form(0).hash(), &visible(&ORGS));
    let plan = Plan::count(&archive.coll, &there).await;
    plan.reads_at_most(POINTS + 2, 0);
    let subjects = [form(0).hash(), hash("nothing"), form(1).hash()];
    let found = archive.referred(&subjects, &visible(&ORGS)).await.unwrap();
    assert_eq!(found, [subjects[0], subjects[2]]);
    let others = visible(&["nobody"]);
    assert_eq!(archive.referred(&subjects, &others).await.unwrap(), []);
}

/// Events that hold several forms of a value are counted and listed once, and no page sorts or reads the others.
#[tokio::test(flavor = "multi_thread")]
async fn several_forms_of_a_value_are_looked_for_as_one() {
    let archive = archive_with_forms().await;
    let (of, visible) = (about(2, Context::All), visible(&ORGS));
    let tally = archive.tally(&of, &visible).await.unwrap();
    let ends = Seen {
        first: 0.0,
        last: 799.0,
    };
    assert_eq!((tally.events, tally.seen), (3 * 800, Some(ends)));
    let outline = archive.outline(&of, &visible).await.unwrap();
    assert_eq!(outline, (Some(3 * 800), Some(ends)));
    let wanted = Wanted::new(&of, &visible);
    let plan = Plan::find(&archive.coll, &pages::first(&wanted, 10)).await;
    assert_eq!(plan.returned, 11);
    plan.reads_at_most(2 * 11 + 2 * POINTS, 22);
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
    plan.reads_at_most(2 * 61 + 2 * POINTS, 0);
    let mut listed = std::collections::BTreeSet::new();
    for page in 1..=80 {
        let page = archive.events(&of, &visible, page, 10).await.unwrap();
        assert_eq!(page.events.len(), 10);
        listed.extend(page.events.into_iter().map(|event| event.hash));
    }
    assert_eq!(listed.len(), 800);
}

/// More organisations than the server merges in order.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_many_organisations_are_read_in_parts() {
    let archive = archive_with_forms().await;
    fill_sessions(&archive).await;
    let sensor = attribute("sensor7");
    let start = |n: i32| f64::from(n * 7919 % 450);
    let foreign = (0..450).map(|n| {
        let orgid = format!("org{n}");
        let kind = SubType::from_static("cowrie_session");
        let session = Session::new(kind, vec![sensor.clone().into()]).unwrap();
        let session = session.with_start_time(at(start(n)));
        let id = SessionId::of(session.hash(), &OrgTag::of(&orgid));
        stored::session(&id, &session, &orgid).unwrap()
    });
    fill_stored(&archive.coll, foreign).await;
    let names: Vec<String> = (0..450).map(|n| format!("org{n}")).collect();
    let mut orgs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut of = about(1, Context::All);
    of.subjects = vec![sensor.hash()];
    for part in orgs.chunks(200) {
        let plan = Plan::find(&archive.coll, &sessions::sessions(&of, part)).await;
        assert_eq!(plan.returned, part.len() as i64);
        plan.reads_at_most(2 * 200, 200);
    }
    orgs.push("unr");
    let known = archive
        .known_by(&of, &visible(&orgs), 20_000)
        .await
        .unwrap();
    assert_eq!(known.len(), 450 + 30);
    let tags: Vec<OrgTag> = names.iter().map(|name| OrgTag::of(name)).collect();
    let kind = SubType::from_static("cowrie_session");
    let shared = Session::new(kind, vec![sensor.into()]).unwrap().hash();
    let place = |n: i32| {
        let id = SessionId::of(shared, &tags[n as usize]);
        known.iter().position(|other| *other == id).unwrap()
    };
    let mut order: Vec<i32> = (0..450).collect();
    order.sort_by_key(|n| place(*n));
    assert!(order.is_sorted_by(|a, b| start(*a) >= start(*b)));
}

/// A session of a sensor, one of a hundred.
fn session(i: i32) -> (SessionId, Session) {
    let sensor = attribute(format_args!("sensor{}", i % 100));
    let own = attribute(format_args!("session{i}"));
    let children: Vec<Node> = vec![sensor.into(), own.into()];
    let session = Session::new(SubType::from_static("cowrie_session"), children).unwrap();
    let session = session.with_start_time(at(f64::from(i)));
    (SessionId::of(session.hash(), &OrgTag::of("unr")), session)
}

/// 3000 sessions, of which every hundredth is of the same sensor; the first 100 have four events each.
async fn fill_sessions(archive: &GraphReader) {
    let sessions = (0..3000).map(session);
    let sessions = sessions.map(|(id, session)| stored::session(&id, &session, "unr").unwrap());
    fill_stored(&archive.coll, sessions).await;
    let events = (0..400).map(|i| {
        let of = session(i / 4).0;
        let event = event("unr", 5000.0 + f64::from(i), &[&attribute(i)]);
        stored_event(&event, [of.bson()])
    });
    fill_stored(&archive.coll, events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_by_what_they_are_known_by() {
    let archive = archive_with_forms().await;
    fill_sessions(&archive).await;
    let visible = visible(&ORGS);
    let mut of = about(1, Context::All);
    of.subjects = vec![attribute("sensor7").hash()];
    for (end, returned) in [(None, 30), (Some(1_000.0), 10)] {
        of.range.end = end;
        let plan = Plan::find(&archive.coll, &sessions::sessions(&of, &ORGS)).await;
        assert_eq!(plan.returned, returned);
        plan.reads_at_most(returned + 2 * 3 + 2, returned);
    }
    of.range.end = None;
    of.category = Some(Category::Unknown);
    let found = archive
        .session_events(&of, &visible)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.count(), found.cut), (4, false), "of one session");
    assert_eq!(found.seen().unwrap().first, 5028.0);
    let page = archive.session_page(&found, 1, 3).await.unwrap();
    let times = page.events.iter().map(|event| event.timestamp.unwrap());
    assert_eq!(times.collect::<Vec<_>>(), [5031.0, 5030.0, 5029.0]);
    assert!(page.more);
    let nobody = super::visible(&["usc"]);
    let found = archive.session_events(&of, &nobody).await.unwrap();
    assert!(found.is_none(), "a session of another organisation");

    let ids: Vec<SessionId> = (0..100).map(|i| session(i).0).collect();
    of.category = None;
    of.range.start = Some(5100.0);
    let find = sessions::among(&ids, &of).project(pages::place());
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 300);
    plan.reads_at_most(300 + 2 * 100, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_read_by_their_ids_without_the_fields_of_the_archive() {
    let archive = archive_with_forms().await;
    fill_sessions(&archive).await;
    let ids: Vec<SessionId> = (0..5).map(|i| session(i).0).collect();
    let rows = archive.sessions(&ids).await.unwrap();
    assert_eq!(rows.len(), 5);
    let documents = archive.session_documents(&ids).await.unwrap();
    assert_eq!(documents.len(), 5);
    for (id, document) in documents {
        assert!(ids.contains(&id));
        assert_eq!(document["_hash"], id.to_string());
        assert_eq!(document["orgid"], "unr");
        let own = ["_id", "_known"];
        assert!(
            own.iter().all(|name| document.get(name).is_none()),
            "{document}"
        );
    }
}

/// A page of a story reads its own events, in their order, however long the session is.
#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_read_in_its_order() {
    let archive = archive_with_forms().await;
    let (id, one) = session(0);
    let document = stored::session(&id, &one, "unr").unwrap();
    let events = (0..900).map(|i| {
        let event = event("unr", f64::from(i * 7919 % 900), &[&attribute(i)]);
        stored_event(&event, [id.bson()])
    });
    fill_stored(&archive.coll, [document].into_iter().chain(events)).await;
    let plan = Plan::find(&archive.coll, &stories::told(id, 400, 100)).await;
    assert_eq!(plan.returned, 101);
    plan.reads_at_most(501, 101);
    // the number of events, and their times, from the index alone
    let plan = Plan::count(&archive.coll, &stories::times(id).limit(500)).await;
    plan.reads_at_most(501, 0);
    let plan = Plan::find(&archive.coll, &stories::times(id).skip(399).limit(1)).await;
    plan.reads_at_most(400, 0);

    let page = archive.story(id, 3, 100).await.unwrap();
    let times = page.events.iter().map(|event| event.timestamp);
    assert!(times.eq((200..300).map(f64::from)));
    assert_eq!((page.before, page.more), (Some(199.0), true));
    assert!(page.events.iter().all(|event| event.data.is_some()));
    let (events, seen) = archive.story_length(id, 500).await.unwrap();
    let seen = seen.unwrap();
    assert_eq!((events, seen.first, seen.last), (501, 0.0, 899.0));
    let unr = visible(&["unr"]);
    for hash in [one.hash(), page.events[0].hash] {
        let found = archive.sessions_by_hash(hash, &unr).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, found[0].orgid.as_str()), (id, "unr"));
        let nobody = visible(&["usc"]);
        assert_eq!(archive.sessions_by_hash(hash, &nobody).await.unwrap(), []);
    }
}

/// The times of an instance that is no hub are read from the index alone, and so are parts of hours.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_events_by_step_are_read_from_the_index() {
    let archive = archive_with_forms().await;
    let (of, visible) = (about(2, Context::All), visible(&ORGS));
    let wanted = Wanted::new(&of, &visible);
    let plan = Plan::find(&archive.coll, &count::few(wanted.find())).await;
    // an event of two forms has two keys
    plan.reads_at_most(3 * 880 + 2 * POINTS, 0);
    let part = HourPart {
        hour: 0,
        times: (100.0, 200.0),
        step: (0.0, 3600.0),
        most: 2400,
        is_rest: false,
    };
    let plan = Plan::count(&archive.coll, &histogram::part_of_hour(&wanted, &part)).await;
    plan.reads_at_most(3 * 110 + 3 * 2 * POINTS, 0);
    let steps = Calendar {
        step: Step::Hour,
        tz: parse_tzname("UTC").unwrap(),
    };
    let counted = archive.count_by_step(&of, &visible, steps).await.unwrap();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].events, 3 * 800, "more than 2000: a hub");
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
