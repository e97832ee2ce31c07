//! Every command has a name, which the server's profiler and measured work show.

use bson::{Document, doc};
use futures::TryStreamExt;
use serde_json::json;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{
    Attribute, Event, Hash, Instance, Object, Org, OrgId, Raw, SubType, SubmissionTags, Timestamp,
    User,
};

use super::server;
use crate::archive::ids::{OrgTag, SessionId};
use crate::archive::open::Archive;
use crate::cache::entry::{NewEntry, Submission};
use crate::cache::open::Cache;
use crate::cache::queue::Opened;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::replace::Remade;
use crate::graph::write::writer::GraphWriter;
use crate::identity::users::{Access, Identity};
use crate::mongo::lease::Taken;
use crate::mongo::server::Server;
use crate::mongo::spent::measured;
use crate::quarantine::selection::Selection;
use crate::queries::claim::Turn;
use crate::queries::queue::Queries;
use crate::raws::outcome::RawOutcome;
use crate::raws::queue::Raws;
use crate::raws::versions::{FilterVersion, VersionStanding};
use crate::visible::Visible;

const UNR: &str = "unr";

fn at(seconds: f64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

fn ipv4() -> Attribute {
    Attribute::new(SubType::from_static("ipv4"), "192.0.2.1")
}

fn batch() -> GraphBatch {
    let mut batch = GraphBatch::default();
    let attacker = Object::new(SubType::from_static("attacker"), vec![ipv4().into()]).unwrap();
    for second in 0..20 {
        let orgid = OrgId::new(UNR).unwrap();
        let ssh = SubType::from_static("ssh");
        let children = vec![attacker.clone().into()];
        batch.add_event(Event::new(ssh, orgid, at(f64::from(second)), children).unwrap());
    }
    batch
}

fn of_ipv4() -> Conditions {
    Conditions {
        subjects: vec![ipv4().hash()],
        attribute: None,
        range: TimeRange {
            start: None,
            end: None,
        },
        category: None,
        context: Context::All,
        derived: false,
    }
}

async fn use_cache(server: &Server, db: &str) {
    let cache = Cache::open(server, db, "file_entries").await.unwrap();
    let entry = NewEntry {
        name: "a.json".to_owned(),
        tags: SubmissionTags {
            typetag: "cowrie".to_owned(),
            orgid: UNR.to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        },
        timestamp: 1.0,
        records: None,
    };
    let sealed = b"sealed".to_vec();
    cache.submit(&[Submission { entry, sealed }]).await.unwrap();
    let mut queue = cache.pending().await.unwrap();
    let Taken::Work(entries) = queue.take().await.unwrap() else {
        panic!("an entry waits");
    };
    let opened = entries.into_iter().map(|entry| Opened {
        id: entry.id,
        raw: Err("bad".to_owned()),
    });
    queue.mark(&opened.collect::<Vec<_>>()).await.unwrap();
    queue.release().await.unwrap();
    assert_eq!(cache.retry_all(&Selection::default()).await.unwrap(), 1);
}

async fn use_archive(server: &Server, db: &str) {
    let archive = Archive::open(server, db, "instance").await.unwrap();
    let raws = Raws::new(&archive);
    let orgid = OrgId::new(UNR).unwrap();
    let cowrie = SubType::from_static("cowrie");
    let raw = Raw::new(cowrie, json!({}), orgid, "UTC".to_owned(), Some(at(1.0)));
    let filters = |_: &str| vec!["cowrie"];
    raws.write(&[raw.unwrap()], filters).await.unwrap();
    let version = FilterVersion {
        name: "cowrie",
        version: 1,
        typetags: &["cowrie"],
    };
    assert!(matches!(
        raws.announce(version).await,
        Ok(VersionStanding::Risen(_))
    ));
    while raws.walk(version).await.unwrap().is_some() {}
    let mut queue = raws.queue("cowrie@1").await.unwrap();
    let Taken::Work(taken) = queue.take().await.unwrap() else {
        panic!("a raw waits");
    };
    let outcome = RawOutcome::new(taken[0].as_ref().unwrap(), Ok(vec![]));
    queue.marker().mark(&[outcome], 1.0).await.unwrap();
    queue.release().await.unwrap();
    let writer = GraphWriter::new(&archive);
    let (mut of_raw, id) = (batch(), taken[0].as_ref().unwrap().id);
    let events = of_raw.instances().filter_map(|instance| match instance {
        Instance::Event(event) => Some(event.hash()),
        _ => None,
    });
    let events: Vec<Hash> = events.collect();
    of_raw = batch();
    of_raw.add_source(&id, 0.0, "cowrie", events.iter().copied());
    writer.write(&of_raw).await.unwrap();
    let made = &events[1..];
    let removed = writer
        .replace(
            "cowrie",
            &[Remade {
                raw: id,
                accepted: 0.0,
                made,
            }],
        )
        .await;
    assert_eq!(removed.unwrap(), 1);
    writer.write(&batch()).await.unwrap();

    let reader = GraphReader::new(&archive);
    let visible = Visible(vec![OrgId::new(UNR).unwrap()]);
    let (counted, spent) = measured(reader.count(&of_ipv4(), &visible)).await;
    assert_eq!(counted.unwrap(), 20);
    let names = spent.operations().keys().copied().collect::<Vec<_>>();
    assert_eq!(names, ["reading the events of a query"]);
    let page = reader.events(&of_ipv4(), &visible, 1, 10).await.unwrap();
    let events: Vec<_> = page.events.iter().map(|event| event.hash).collect();
    reader.event_refs(&events, &visible).await.unwrap();
    let session = SessionId::of(events[0], &OrgTag::of(UNR));
    assert_eq!(reader.sessions(&[session]).await.unwrap(), []);
    let of_session = reader.events_of_sessions(&[session], 10).await.unwrap();
    assert!(of_session.0.is_empty());
    let ipv4 = [ipv4().hash()];
    reader.kinds(&ipv4).await.unwrap();
    let listed = reader.events_of_attributes(&ipv4, &visible, 100, 100);
    assert_eq!(listed.await.unwrap().len(), 1);
}

async fn use_queries_and_identity(server: &Server, db: &str) {
    let queries = Queries::open(server, db, "queries").await.unwrap();
    let lease = std::time::Duration::from_secs(60);
    assert!(
        queries
            .claim(lease, Turn::default())
            .await
            .unwrap()
            .is_none()
    );
    let identity = Identity::open(server, db, "identity").await.unwrap();
    let user = User::new("jdoe@example.com", "hash", "John Doe").unwrap();
    let users = std::slice::from_ref(&user);
    let org = Org::new(UNR, "University", users, users).unwrap();
    identity.add(&org, users).await.unwrap();
    let access = identity.access(&user.hash().to_string()).await.unwrap();
    assert!(matches!(access, Access::Orgs(_)));
    assert!(identity.set_password(user.hash(), "new").await.unwrap());
    identity.revoke("token", Some(1)).await.unwrap();
    assert!(identity.is_revoked("token").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_the_name_of_every_command() {
    let (server, db) = server().await;
    let driver = server.collection(&db, "x").driver().client().database(&db);
    let profile = doc! {"profile": 2, "filter": {"ns": {"$not": {"$regex": "system"}}}};
    driver.run_command(profile).await.unwrap();
    use_cache(&server, &db).await;
    use_archive(&server, &db).await;
    use_queries_and_identity(&server, &db).await;
    driver.run_command(doc! {"profile": 0}).await.unwrap();

    let rows = driver.collection::<Document>("system.profile");
    let rows: Vec<Document> = rows
        .find(doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let named = |row: &Document| {
        let command = row.get_document("command").unwrap();
        command.get_str("comment").is_ok()
    };
    let nameless: Vec<&Document> = rows.iter().filter(|row| !named(row)).collect();
    assert!(rows.len() > 40, "only {} commands", rows.len());
    assert!(
        nameless.is_empty(),
        "{} of {}: {nameless:#?}",
        nameless.len(),
        rows.len()
    );
}
