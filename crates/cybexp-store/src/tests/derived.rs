//! Derived events, the queue of sessions, and going through an archive.

use std::time::Duration;

use bson::{Bson, Document, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event, Hash, Session, SubType};

use super::plan::Plan;
use super::{attribute, event, fill_stored, org, server, visible};
use crate::archive::having::Having;
use crate::archive::ids::{self, OrgTag, RawId, SessionId};
use crate::archive::keys::{self, DerivedFrom};
use crate::archive::open::Archive;
use crate::archive::stored;
use crate::graph::derived::due::{self, Due, DueSession, DueSessions, EVENTS_OF_ONE};
use crate::graph::derived::progress::{Backfill, SecondVersion};
use crate::graph::derived::walk::{self, Walked};
use crate::graph::read::lookup;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::news::{self, ReadAt, Readers, SecondStage, SessionReader};
use crate::graph::write::rederive::{self, Rederived};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::Update;
use crate::mongo::indexes::EVENT_KEYS;
use crate::mongo::lease::LEASE;
use crate::raws::versions::VersionStanding;

const SESSIONS: &[&str] = &["cowrie_session"];

fn stage(settle: Duration, open: Duration) -> SecondStage {
    SecondStage {
        attributes: vec!["netblock", "geoip"],
        sessions: vec![SessionReader {
            name: "behaviour",
            sub_types: SESSIONS,
            needs: &[],
        }],
        settle,
        open,
        ends: false,
    }
}

async fn opened(settle: Duration) -> (Archive, GraphWriter, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let writer = GraphWriter::new(&archive);
    let writer = writer.with_second_stage(stage(settle, settle));
    let reader = GraphReader::new(&archive);
    (archive, writer, reader)
}

fn asks(subject: &Attribute, derived: bool) -> Conditions {
    Conditions {
        subjects: vec![subject.hash()],
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context: Context::All,
        derived,
    }
}

fn session(name: &str, events: &[&Event]) -> Session {
    let id = Attribute::new(SubType::from_static("sessionid"), name);
    let session = Session::new(SubType::from_static("cowrie_session"), vec![id.into()]).unwrap();
    session.with_events(events.iter().map(|event| event.hash()))
}

fn batch(orgid: &str, name: &str, events: &[&Event]) -> GraphBatch {
    let mut batch = GraphBatch::default();
    for &event in events {
        batch.add_event(event.clone());
    }
    batch.add_session(session(name, events), &org(orgid));
    batch
}

async fn document(archive: &Archive, id: Bson) -> Option<Document> {
    let found = archive.coll.driver().find_one(doc! {"_id": id});
    let found = found.await.unwrap()?;
    Some(Document::try_from(&found).unwrap())
}

async fn done(queue: &mut DueSessions, sessions: &[DueSession]) {
    queue.marker().mark(sessions).await.unwrap();
    queue.marked(sessions).await.unwrap();
}

async fn take(queue: &mut DueSessions) -> Vec<DueSession> {
    match queue.take().await.unwrap() {
        Due::Sessions(sessions) => sessions,
        Due::Later(_) | Due::Nothing => vec![],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn derived_events_count_only_where_they_are_asked_for() {
    let (archive, writer, reader) = opened(Duration::ZERO).await;
    let (address, network) = (attribute("address"), attribute("network"));
    let mut batch = GraphBatch::default();
    for n in 0..5 {
        batch.add_event(event("unr", f64::from(n), &[&address]));
    }
    let derived = event("unr", 0.0, &[&address, &network]);
    batch.add_derived(
        derived.clone(),
        DerivedFrom::Attribute(address.hash()),
        "netblock",
    );
    assert_eq!(batch.observed().count(), 5);
    writer.write(&batch).await.unwrap();
    for (subject, plain, all) in [(&address, 5, 6), (&network, 0, 1)] {
        for (derived, expected) in [(false, plain), (true, all)] {
            let (of, ours) = (asks(subject, derived), visible(&["unr"]));
            assert_eq!(reader.count(&of, &ours).await.unwrap(), expected);
            let page = reader.events(&of, &ours, 1, 10).await.unwrap();
            assert_eq!(page.events.len() as u64, expected);
            assert_eq!(reader.count(&of, &visible(&["usc"])).await.unwrap(), 0);
        }
    }
    let ours = visible(&["unr"]);
    assert_eq!(
        reader.event_time(derived.hash(), &ours).await.unwrap(),
        None
    );
    let both = [address.hash(), network.hash()];
    let near = reader.events_of_attributes(&both, &ours, 10, 100);
    let near = near.await.unwrap();
    let degrees = near.iter().map(|near| near.events.as_ref().map(Vec::len));
    assert_eq!(degrees.flatten().sum::<usize>(), 5);
    let stored = document(&archive, ids::of_hash(derived.hash()))
        .await
        .unwrap();
    assert!(stored.get_bool("derived").unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_replaces_only_what_differs() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let [a, b, old, new] = ["a", "b", "old", "new"].map(attribute);
    let make = |of: &Attribute, with: &Attribute, orgid| event(orgid, 0.0, &[of, with]);
    let mut first = GraphBatch::default();
    for orgid in ["unr", "usc"] {
        first.add_derived(
            make(&a, &old, orgid),
            DerivedFrom::Attribute(a.hash()),
            "geoip",
        );
        first.add_derived(
            make(&b, &old, orgid),
            DerivedFrom::Attribute(b.hash()),
            "geoip",
        );
        first.add_derived(
            make(&a, &b, orgid),
            DerivedFrom::Attribute(a.hash()),
            "netblock",
        );
    }
    // equal results of two sources
    first.add_derived(
        make(&a, &old, "unr"),
        DerivedFrom::Attribute(b.hash()),
        "geoip",
    );
    writer.write(&first).await.unwrap();
    let (now, same) = (make(&a, &new, "unr"), make(&b, &old, "unr"));
    let mut second = GraphBatch::default();
    second.add_derived(now.clone(), DerivedFrom::Attribute(a.hash()), "geoip");
    second.add_derived(same.clone(), DerivedFrom::Attribute(b.hash()), "geoip");
    assert_eq!(
        writer.write(&second).await.unwrap().inserted,
        2,
        "the event and its value"
    );
    let made = |source: &Attribute, event: &Event| Rederived {
        orgid: org("unr"),
        source: DerivedFrom::Attribute(source.hash()),
        made: vec![event.hash()],
    };
    let there = async |event: Event| {
        document(&archive, ids::of_hash(event.hash()))
            .await
            .is_some()
    };
    assert_eq!(
        writer
            .replace_derived("geoip", &[made(&a, &now)])
            .await
            .unwrap(),
        0
    );
    assert!(
        there(make(&a, &old, "unr")).await,
        "the other source makes it still"
    );
    let both = [made(&a, &now), made(&b, &same)];
    assert_eq!(writer.replace_derived("geoip", &both).await.unwrap(), 1);
    assert_eq!(writer.replace_derived("geoip", &both).await.unwrap(), 0);
    for (event, stays) in [
        (make(&a, &old, "unr"), false),
        (now, true),
        (same, true),
        (make(&a, &b, "unr"), true),
        (make(&a, &old, "usc"), true),
    ] {
        assert_eq!(there(event.clone()).await, stays, "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_holds_is_derived_no_more() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let [held, unheld, network] = ["held", "unheld", "network"].map(attribute);
    let observed = event("unr", 1.0, &[&held]);
    let mut made = batch("unr", "s1", &[&observed]);
    for orgid in ["unr", "usc"] {
        for one in [&held, &unheld] {
            made.add_derived(
                event(orgid, 0.0, &[one, &network]),
                DerivedFrom::Attribute(one.hash()),
                "netblock",
            );
        }
    }
    let (kept, emptied) = (session("s1", &[]).hash(), session("s2", &[]).hash());
    for (session, n) in [(kept, 1.0), (emptied, 2.0)] {
        made.add_derived(
            event("unr", n, &[&network]),
            DerivedFrom::Session(session),
            "behaviour",
        );
    }
    writer.write(&made).await.unwrap();
    let all = [held.hash(), unheld.hash(), network.hash(), kept, emptied];
    assert_eq!(writer.drop_unobserved("unr", &all).await.unwrap(), 2);
    assert_eq!(writer.drop_unobserved("unr", &all).await.unwrap(), 0);
    for (event, stays) in [
        (event("unr", 0.0, &[&held, &network]), true),
        (event("unr", 0.0, &[&unheld, &network]), false),
        (event("usc", 0.0, &[&unheld, &network]), true),
        (event("unr", 1.0, &[&network]), true),
        (event("unr", 2.0, &[&network]), false),
    ] {
        let there = document(&archive, ids::of_hash(event.hash())).await;
        assert_eq!(there.is_some(), stays, "{event:?}");
    }
    let elements = rederive::holding(&OrgTag::of("unr"), held.hash());
    let pipeline = Having::Events.pipeline(&[elements], archive.coll.name());
    let plan = Plan::lookup(&archive.coll, pipeline).await;
    plan.reads_at_most(14, 0);
    assert_eq!(plan.stages, [EVENT_KEYS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_news_is_read_again() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let events: Vec<Event> = (0..3)
        .map(|n| event("unr", f64::from(n), &[&attribute(n)]))
        .collect();
    let end = |session: Session, at| session.with_end_time(super::at(at));
    let mut first = batch("unr", "s", &[&events[1], &events[0]]);
    first.add_session(end(session("s", &[]), 9.0), &org("unr"));
    writer.write(&first).await.unwrap();
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let taken = take(&mut queue).await;
    let read = taken[0].read.as_ref().unwrap();
    let order: Vec<Hash> = read.events.iter().map(Event::hash).collect();
    assert_eq!(
        order,
        [events[0].hash(), events[1].hash()],
        "in order of time"
    );
    assert_eq!(read.session.end_time().map(|at| at.get()), Some(9.0));
    assert_eq!((read.orgid.as_str(), read.cut), ("unr", false));
    let mut other = DueSessions::open(&archive, "behaviour").await.unwrap();
    assert!(take(&mut other).await.is_empty(), "it is leased");

    // news comes while it is read
    writer
        .write(&batch("unr", "s", &[&events[2]]))
        .await
        .unwrap();
    done(&mut queue, &taken).await;
    let again = take(&mut other).await;
    assert_eq!(again[0].read.as_ref().unwrap().events.len(), 3);
    done(&mut other, &again).await;
    assert!(take(&mut queue).await.is_empty());
    let id = SessionId::of(session("s", &[]).hash(), &OrgTag::of("unr"));
    let row = document(&archive, id.bson()).await.unwrap();
    assert!(
        !row.contains_key("_todo") && !row.contains_key("_due"),
        "{row}"
    );
    assert_eq!(row.get_f64("end_time").unwrap(), 9.0);
    assert_eq!(row.get_str("orgid").unwrap(), "unr");
    // a later part changes the times as before
    let mut later = GraphBatch::default();
    later.add_session(
        end(session("s", &[]), 5.0).with_start_time(super::at(1.0)),
        &org("unr"),
    );
    writer.write(&later).await.unwrap();
    let row = document(&archive, id.bson()).await.unwrap();
    assert_eq!(row.get_f64("end_time").unwrap(), 9.0, "the latest");
    assert_eq!(row.get_f64("start_time").unwrap(), 1.0);
    assert!(row.contains_key("_due"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_waits_for_less() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let writer =
        writer.with_second_stage(stage(Duration::from_secs(10), Duration::from_secs(3600)));
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    assert!(matches!(queue.take().await.unwrap(), Due::Nothing));
    let one = event("unr", 1.0, &[&attribute(1)]);
    writer.write(&batch("unr", "open", &[&one])).await.unwrap();
    let wait = async |queue: &mut DueSessions| match queue.take().await.unwrap() {
        Due::Later(wait) => wait.as_secs(),
        other => panic!("{other:?}"),
    };
    assert!((3590..=3600).contains(&wait(&mut queue).await));
    let mut ended = GraphBatch::default();
    ended.add_session(
        session("ended", &[]).with_end_time(super::at(2.0)),
        &org("unr"),
    );
    writer.write(&ended).await.unwrap();
    assert!((5..=10).contains(&wait(&mut queue).await));
}

/// A session without an event that the filter needs is not read. Once it had one, any news has it read again.
#[tokio::test(flavor = "multi_thread")]
async fn only_sessions_with_what_a_filter_needs_are_read() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let mut stage = stage(Duration::ZERO, Duration::ZERO);
    stage.sessions[0].needs = &["shell_command"];
    let writer = writer.with_second_stage(stage);
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let plain = |n: i64| event("unr", n as f64, &[&attribute(n)]);
    let command = || {
        let children = vec![attribute(9).into()];
        Event::new(
            SubType::new("shell_command").unwrap(),
            org("unr"),
            super::at(9.0),
            children,
        )
        .unwrap()
    };
    let one = |event: &Event| batch("unr", "s", &[event]);
    writer.write(&one(&plain(1))).await.unwrap();
    assert!(matches!(queue.take().await.unwrap(), Due::Nothing));
    writer.write(&one(&command())).await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken[0].read.as_ref().unwrap().events.len(), 2);
    done(&mut queue, &taken).await;
    writer.write(&one(&plain(2))).await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken[0].read.as_ref().unwrap().events.len(), 3);
    done(&mut queue, &taken).await;
    // its end is news, too, also where the part of the batch has no event
    let mut end = GraphBatch::default();
    end.add_session(
        session("s", &[]).with_end_time(super::at(20.0)),
        &org("unr"),
    );
    writer.write(&end).await.unwrap();
    assert_eq!(take(&mut queue).await.len(), 1);
}

/// A worker that ends makes its sessions due once, however many batches they were in.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_makes_its_sessions_due() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let writer = writer.with_second_stage(SecondStage {
        ends: true,
        ..stage(Duration::from_secs(10), Duration::from_secs(3600))
    });
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let due_at = async |name: &str| {
        let id = SessionId::of(session(name, &[]).hash(), &OrgTag::of("unr"));
        let row = document(&archive, id.bson()).await.unwrap();
        row.get_datetime("_due").copied().ok()
    };
    let one = |n: i64| event("unr", n as f64, &[&attribute(n)]);
    writer.write(&batch("unr", "s", &[&one(1)])).await.unwrap();
    let first = due_at("s").await.unwrap();
    writer.write(&batch("unr", "s", &[&one(2)])).await.unwrap();
    assert_eq!(due_at("s").await, Some(first), "it is marked already");
    assert!(matches!(queue.take().await.unwrap(), Due::Later(_)));
    writer.sessions_are_due().await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken[0].read.as_ref().unwrap().events.len(), 2);
    done(&mut queue, &taken).await;
    assert_eq!(due_at("s").await, None);
    // it is not trusted to be marked after it was made due
    writer.write(&batch("unr", "s", &[&one(3)])).await.unwrap();
    assert!(due_at("s").await.is_some());
    writer.sessions_are_due().await.unwrap();
    assert_eq!(take(&mut queue).await.len(), 1);
}

/// Another worker may rely on nobody reading a session that it has marked.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_leaves_sessions_that_another_one_has_marked() {
    let wait = Duration::from_secs(3600);
    let (archive, daemon, _) = opened(wait).await;
    let ending = GraphWriter::new(&archive).with_second_stage(SecondStage {
        ends: true,
        ..stage(wait, wait)
    });
    let hasty = stage(Duration::ZERO, Duration::ZERO);
    let hasty = GraphWriter::new(&archive).with_second_stage(hasty);
    let one = |n: i64| event("unr", n as f64, &[&attribute(n)]);
    for (n, (session, writers)) in [
        ("before", [&daemon, &ending]),
        ("after", [&ending, &daemon]),
        ("alone", [&ending, &ending]),
        ("due", [&hasty, &ending]),
    ]
    .into_iter()
    .enumerate()
    {
        for (writer, at) in writers.into_iter().zip(2 * n as i64..) {
            let batch = batch("unr", session, &[&one(at)]);
            writer.write(&batch).await.unwrap();
        }
    }
    ending.sessions_are_due().await.unwrap();
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let taken = take(&mut queue).await;
    let mut ids: Vec<SessionId> = taken.iter().map(|session| session.id).collect();
    let id = |name| SessionId::of(session(name, &[]).hash(), &OrgTag::of("unr"));
    let mut expected = [id("alone"), id("due")];
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    done(&mut queue, &taken).await;
    let row = document(&archive, id("alone").bson()).await.unwrap();
    assert!(
        ["_todo", "_due", "_marker"]
            .iter()
            .all(|field| !row.contains_key(field))
    );
}

/// Among many sessions that wait for later, and many that wait for nothing, those that are due cost what they are.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_sessions_costs_what_is_pending() {
    let (archive, _, _) = opened(Duration::ZERO).await;
    let sessions = (0..6000).map(|n| {
        let one = session(&n.to_string(), &[]);
        let id = SessionId::of(one.hash(), &OrgTag::of("unr"));
        let document = stored::session(&id, &one, "unr").unwrap();
        let mut document = Document::try_from(&document).unwrap();
        if n < 2000 {
            let seconds = if n < 30 { -60 } else { 3600 };
            let due = bson::DateTime::now().timestamp_millis() + seconds * 1000;
            document.insert("_todo", vec!["behaviour"]);
            document.insert("_due", bson::DateTime::from_millis(due));
        }
        bson::RawDocumentBuf::try_from(&document).unwrap()
    });
    fill_stored(&archive.coll, sessions).await;
    let find = due::waiting("behaviour", &[]);
    let plan = Plan::find(&archive.coll, &find).await;
    plan.reads_at_most(201, 200);
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken.len(), 30);
    let marking = due::done("behaviour", &taken[0]);
    Plan::update(&archive.coll, &marking)
        .await
        .reads_at_most(2, 1);
    let readers = Readers {
        new: vec!["behaviour"],
        ..Readers::default()
    };
    let stage = stage(LEASE, LEASE);
    let (these, mark) = news::mark(&[taken[0].id], ReadAt::Settled(&stage, None), &readers);
    let mark = Update {
        filter: these,
        update: mark.into(),
        upsert: false,
    };
    Plan::update(&archive.coll, &mark).await.reads_at_most(2, 1);
    done(&mut queue, &taken).await;
    assert_eq!(Plan::find(&archive.coll, &find).await.returned, 200);
    assert!(matches!(queue.take().await.unwrap(), Due::Later(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_session_the_first_events_are_read() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let many = (EVENTS_OF_ONE * 4 + 10) as i32;
    let events: Vec<Event> = (0..many)
        .map(|n| event("unr", f64::from(n), &[&attribute(n % 7)]))
        .collect();
    let events: Vec<&Event> = events.iter().collect();
    writer.write(&batch("unr", "long", &events)).await.unwrap();
    writer
        .write(&batch("unr", "short", &events[..1]))
        .await
        .unwrap();
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    for session in take(&mut queue).await {
        let read = session.read.unwrap();
        let expected = if read.cut { EVENTS_OF_ONE } else { 1 };
        assert_eq!(read.events.len(), expected);
        assert_eq!(read.events[0].hash(), events[0].hash());
    }
    let long = SessionId::of(session("long", &[]).hash(), &OrgTag::of("unr"));
    let plan = Plan::find(&archive.coll, &due::events_of(&[long], 100)).await;
    plan.reads_at_most(103, 101);
    let source = keys::of_source(&OrgTag::of("unr"), session("long", &[]).hash(), "behaviour");
    let find = rederive::derived_from(&[ids::binary(source)]);
    Plan::find(&archive.coll, &find).await.reads_at_most(1, 0);
}

/// What was derived from a session leads to it, but is no part of it.
#[tokio::test(flavor = "multi_thread")]
async fn of_sessions_with_much_in_them_few_are_taken_together() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    // the attributes' texts are in the events, too: 12 MB for each session
    let text = "x".repeat(2 << 20);
    let names = ["a", "b", "c", "d"];
    for (n, name) in (0_i32..).zip(names) {
        let parts = (0..6)
            .map(|part| Attribute::new(SubType::from_static("text"), format!("{n} {part} {text}")));
        let events: Vec<Event> = parts
            .map(|part| event("unr", f64::from(n), &[&part]))
            .collect();
        let events: Vec<&Event> = events.iter().collect();
        writer.write(&batch("unr", name, &events)).await.unwrap();
    }
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let first = take(&mut queue).await;
    let next = take(&mut queue).await;
    assert_eq!((first.len(), next.len()), (3, 1));
    for session in first.iter().chain(&next) {
        let read = session.read.as_ref().unwrap();
        assert_eq!((read.events.len(), read.cut), (6, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_behaviour_leads_to_its_sessions() {
    let (archive, writer, reader) = opened(Duration::ZERO).await;
    let behaviour = attribute("behaviour");
    let observed = event("unr", 1.0, &[&attribute("command")]);
    let derived = event("unr", 2.0, &[&behaviour]);
    let [a, b] = ["a", "b"].map(|name| session(name, &[&observed]));
    let mut made = GraphBatch::default();
    made.add_event(observed.clone());
    for session in [&a, &b] {
        made.add_session(session.clone(), &org("unr"));
        made.add_derived(
            derived.clone(),
            DerivedFrom::Session(session.hash()),
            "behaviour",
        );
    }
    writer.write(&made).await.unwrap();
    let id = |session: &Session| SessionId::of(session.hash(), &OrgTag::of("unr"));
    let (of, ours) = (asks(&behaviour, true), visible(&["unr"]));
    let sessions = async || {
        let page = reader.events(&of, &ours, 1, 10).await.unwrap();
        let mut ids = page.events[0].sessions.clone();
        ids.sort_unstable();
        ids
    };
    let mut both = vec![id(&a), id(&b)];
    both.sort_unstable();
    assert_eq!(sessions().await, both);
    let (events, _) = reader.events_of_sessions(&both, 10).await.unwrap();
    assert_eq!(
        events.iter().map(|event| event.hash).collect::<Vec<_>>(),
        [observed.hash()]
    );
    let (events, more) = reader.derived_from_sessions(&both, 10).await.unwrap();
    assert_eq!(
        events.iter().map(|event| event.hash).collect::<Vec<_>>(),
        [derived.hash()]
    );
    assert!(!more);
    // the same result of two sessions, of which one has another result now
    let gone = Rederived {
        orgid: org("unr"),
        source: DerivedFrom::Session(a.hash()),
        made: vec![],
    };
    assert_eq!(
        writer.replace_derived("behaviour", &[gone]).await.unwrap(),
        0
    );
    assert_eq!(sessions().await, [id(&b)]);
    let plan = Plan::find(&archive.coll, &lookup::derived_from_sessions(&[id(&b)])).await;
    plan.reads_at_most(2, 1);
}

fn version(name: &'static str, id: &str, version: u32) -> SecondVersion {
    SecondVersion {
        name,
        version,
        id: id.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_gone_through_once_for_each_version() {
    let (archive, writer, _) = opened(Duration::ZERO).await;
    let events: Vec<Event> = (0..2500)
        .map(|n| event("unr", f64::from(n), &[&attribute(n % 50)]))
        .collect();
    let events: Vec<&Event> = events.iter().collect();
    let mut made = batch("unr", "s", &events);
    made.add_source(
        &RawId::new(super::hash("raw"), "unr"),
        0.0,
        "cowrie",
        [events[0].hash()],
    );
    made.add_derived(
        event("unr", 0.0, &[&attribute("derived")]),
        DerivedFrom::Attribute(events[0].hash()),
        "netblock",
    );
    writer.write(&made).await.unwrap();

    let first = version("geoip", "geoip@1+aa", 1);
    let mut walker = Backfill::open(&archive, "geoip").await.unwrap();
    let standing = walker.announce(&first, true).await.unwrap();
    assert_eq!(
        standing,
        VersionStanding::Risen(Duration::ZERO),
        "nobody was before it"
    );
    let mut pages = 0;
    let mut met = std::collections::BTreeSet::new();
    loop {
        match walker.attributes(&first, &["hostname"]).await.unwrap() {
            Walked::Page(page) => {
                met.extend(
                    page.attributes
                        .iter()
                        .map(|(_, attribute)| attribute.hash()),
                );
                let share = walker.progress("geoip").await.unwrap().unwrap().share;
                walker.noted(&first, page).await.unwrap();
                let after = walker.progress("geoip").await.unwrap().unwrap();
                assert!(after.share > share && !after.done, "{after:?}");
                pages += 1;
                // another one goes on at the same place, once this one has given up
                let mut other = Backfill::open(&archive, "geoip").await.unwrap();
                let theirs = other.attributes(&first, &["hostname"]).await.unwrap();
                assert!(matches!(theirs, Walked::NotOurs));
                walker.release().await.unwrap();
                walker = other;
            }
            Walked::Done => break,
            Walked::NotOurs => panic!("nobody else is at it"),
        }
    }
    assert_eq!((pages, met.len()), (3, 50), "observed ones only");
    assert_eq!(
        walker.announce(&first, false).await.unwrap(),
        VersionStanding::Current
    );
    assert!(matches!(
        walker.attributes(&first, &[]).await.unwrap(),
        Walked::NotOurs
    ));

    // other data: the worker that started last counts
    let second = version("geoip", "geoip@1+bb", 1);
    assert_eq!(
        walker.announce(&second, false).await.unwrap(),
        VersionStanding::Outdated
    );
    let risen = walker.announce(&second, true).await.unwrap();
    assert!(
        matches!(risen, VersionStanding::Risen(wait) if !wait.is_zero()),
        "{risen:?}"
    );
    assert_eq!(
        walker.announce(&first, false).await.unwrap(),
        VersionStanding::Outdated
    );
    assert!(matches!(
        walker.attributes(&second, &["hostname"]).await.unwrap(),
        Walked::Page(_)
    ));
    // a lower version of the code never does
    let lower = version("geoip", "geoip@0+cc", 0);
    assert_eq!(
        walker.announce(&lower, true).await.unwrap(),
        VersionStanding::Outdated
    );

    let plan = Plan::find(&archive.coll, &walk::sessions_after(None)).await;
    plan.reads_at_most(2, 1);
    let plan = Plan::find(&archive.coll, &walk::events_after(None)).await;
    assert_eq!(plan.returned, 1000);
    plan.reads_at_most(1100, 1100);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_there_before_a_filter_become_due() {
    let (archive, _, _) = opened(Duration::ZERO).await;
    let writer = GraphWriter::new(&archive);
    for name in ["a", "b"] {
        let one = event("unr", 1.0, &[&attribute(name)]);
        writer.write(&batch("unr", name, &[&one])).await.unwrap();
    }
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    assert!(
        matches!(queue.take().await.unwrap(), Due::Nothing),
        "no second stage"
    );
    let filter = version("behaviour", "behaviour@1", 1);
    let mut walker = Backfill::open(&archive, "behaviour").await.unwrap();
    walker.announce(&filter, true).await.unwrap();
    assert!(matches!(
        walker.sessions(&filter, SESSIONS).await.unwrap(),
        Walked::Page(2)
    ));
    assert!(matches!(
        walker.sessions(&filter, SESSIONS).await.unwrap(),
        Walked::Done
    ));
    assert_eq!(take(&mut queue).await.len(), 2);
    walker.restart(&filter).await.unwrap();
    assert!(matches!(
        walker.sessions(&filter, &["other"]).await.unwrap(),
        Walked::Page(0)
    ));
}

/// A writer that has marked a session does not mark it again for a while: it relies on nobody reading it before.
#[tokio::test(flavor = "multi_thread")]
async fn going_through_the_archive_leaves_sessions_that_wait() {
    let (archive, writer, _) = opened(Duration::from_secs(60)).await;
    let one = |n: i64| event("unr", n as f64, &[&attribute(n)]);
    writer.write(&batch("unr", "s", &[&one(1)])).await.unwrap();
    let filter = version("behaviour", "behaviour@2", 2);
    let mut walker = Backfill::open(&archive, "behaviour").await.unwrap();
    walker.announce(&filter, true).await.unwrap();
    let walked = walker.sessions(&filter, SESSIONS).await.unwrap();
    assert!(matches!(walked, Walked::Page(1)));
    let mut queue = DueSessions::open(&archive, "behaviour").await.unwrap();
    let Due::Later(wait) = queue.take().await.unwrap() else {
        panic!("the second event would be missing for ever");
    };
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    writer.write(&batch("unr", "s", &[&one(2)])).await.unwrap();
}
