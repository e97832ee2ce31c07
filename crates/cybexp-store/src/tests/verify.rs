//! Verification: it finds one planted damage of every kind, and none in what is undamaged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Binary, Bson, Document, doc};
use futures::FutureExt;
use serde_json::json;
use tahoe_core::{Attribute, Event, Hash, Node, Object, Raw, Session, SubType, SubmissionTags};

use super::plan::Plan;
use super::{at, attribute, hash, org, server};
use crate::archive::ids::{self, OrgTag, RawId, SessionId, binary};
use crate::archive::keys::{self, DerivedFrom};
use crate::archive::open::Archive;
use crate::cache::entry::{NewEntry, Submission};
use crate::cache::open::Cache;
use crate::cache::queue::Opened;
use crate::feeds::definition::{Feeds, NewFeed};
use crate::feeds::keeper::FeedKeeper;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::news::{SecondStage, SessionReader};
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk;
use crate::mongo::collection::Documents;
use crate::mongo::lease::Taken;
use crate::raws::queue::Raws;
use crate::sweep::{orgs, rows};
use crate::tables::keeper::HourKeeper;
use crate::values::row;
use crate::verify::context::{Remaker, VerifyOptions};
use crate::verify::fault::FaultKind;
use crate::verify::run::{Verification, verify};
use crate::verify::stage;
use crate::verify::state::VerifyReport;

/// The second at which the tests take place, by the server's clock: 2026.
const NOW: f64 = 1_780_000_000.0;
const RAWS: i32 = 30;
const ORG: &str = "unr";

/// An archive with a cache and a feed, in which everything is as the daemons leave it.
struct World {
    archive: Archive,
    cache: Cache,
    feeds: Feeds,
    hours: HourKeeper,
    feed: FeedKeeper,
}

fn sub_type(name: &'static str) -> SubType {
    SubType::from_static(name)
}

fn seconds(n: i32) -> f64 {
    NOW - f64::from(n + 2) * 1800.0
}

fn raw(n: i32) -> Raw {
    let zone = "UTC".to_owned();
    Raw::new(
        sub_type("cowrie"),
        json!({"n": n}),
        org(ORG),
        zone,
        Some(at(seconds(n))),
    )
    .unwrap()
}

fn address(n: i32) -> Attribute {
    Attribute::new(sub_type("ipv4"), format!("192.0.2.{}", n % 7))
}

/// Makes what a filter makes of a raw.
fn made(n: i32) -> GraphBatch {
    let attacker = Object::new(sub_type("attacker"), vec![address(n).into()]).unwrap();
    let command = Attribute::new(sub_type("shell_command"), format!("run {n}"));
    let children: Vec<Node> = vec![attacker.into(), command.into(), attribute("shared").into()];
    let malicious = [address(n).hash()];
    let event = Event::new(
        sub_type("shell_command"),
        org(ORG),
        at(seconds(n)),
        children,
    )
    .unwrap();
    let event = event.with_malicious(malicious).unwrap();
    let mut batch = GraphBatch::default();
    let id = RawId::new(raw(n).hash(), ORG);
    batch.add_source(&id, seconds(n), "cowrie", [event.hash()]);
    batch.add_session(session(n).with_events([event.hash()]), &org(ORG));
    batch.add_event(event);
    batch
}

fn session(n: i32) -> Session {
    let id = Attribute::new(sub_type("sessionid"), format!("{}", n / 10));
    let session = Session::new(sub_type("cowrie_session"), vec![id.into()]).unwrap();
    session.with_start_time(at(1.0)).with_end_time(at(2.0))
}

fn derived(name: &'static str, of: &str) -> Event {
    let of = Attribute::new(sub_type(name), of);
    Event::new(sub_type(name), org(ORG), at(0.0), vec![of.into()]).unwrap()
}

impl World {
    async fn make() -> Self {
        let (server, db) = server().await;
        let archive = Archive::open(&server, &db, "instance").await.unwrap();
        let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
        let feeds = Feeds::open(&server, &db).await.unwrap();
        let graph = GraphReader::new(&archive);
        let judge: crate::FeedJudge = Arc::new(|_, _| async { Ok(true) }.boxed());
        let marks = crate::FeedMarks {
            place: |_, _, _| 0,
            observable: |_| None,
        };
        let feed = FeedKeeper::open(&server, &db, &archive, graph, judge, marks);
        let mut world = Self {
            hours: HourKeeper::open(&archive).await.unwrap().without_rest(),
            feed: feed.await.unwrap(),
            archive,
            cache,
            feeds,
        };
        world.submissions().await;
        world.graph().await;
        orgs::complete(&world.archive).await.unwrap();
        // something that the sweep is about to look at, as after the removal of an event
        let candidate = (
            attribute("shared").hash().as_bytes().to_vec(),
            ORG.to_owned(),
        );
        let candidates = [candidate].into_iter().collect();
        rows::note_candidates(&world.archive.going, &candidates)
            .await
            .unwrap();
        let feed = NewFeed {
            name: "attackers".to_owned(),
            description: String::new(),
            organisation: ORG.to_owned(),
            orgs: vec![ORG.to_owned()],
            maker: "m".to_owned(),
            sub_types: vec!["ipv4".to_owned()],
            context: "malicious".to_owned(),
            category: None,
            min_count: 1,
            keep_s: 1_000_000,
            tlp: "clear".to_owned(),
            comments: false,
            token: String::new(),
        };
        assert!(world.feeds.add(&feed.at(NOW)).await.unwrap());
        world.keep().await;
        world
    }

    /// Makes the tables of hours and the values of feeds, as the daemons do beside their work.
    async fn keep(&mut self) {
        while self.hours.step(NOW).await.unwrap() {}
        loop {
            let feeds = self.feeds.list().await.unwrap();
            self.feed.step(&feeds, NOW).await.unwrap();
            if self.feeds.list().await.unwrap()[0].is_whole() {
                break;
            }
        }
    }

    async fn submissions(&self) {
        let entry = |n: i32| NewEntry {
            name: "a".to_owned(),
            tags: SubmissionTags {
                typetag: "cowrie".to_owned(),
                orgid: ORG.to_owned(),
                timezone: "UTC".to_owned(),
                tlp: None,
            },
            timestamp: seconds(n),
            records: None,
        };
        let all = (0..RAWS + 2).map(|n| Submission {
            entry: entry(n),
            // more than one chunk
            sealed: vec![7; 300 << 10],
        });
        self.cache.submit(&all.collect::<Vec<_>>()).await.unwrap();
        let raws: Vec<Raw> = (0..RAWS).map(raw).collect();
        let readers = |_: &str| vec!["cowrie"];
        Raws::new(&self.archive)
            .write(&raws, readers)
            .await
            .unwrap();
        let mut queue = self.cache.pending().await.unwrap();
        let Taken::Work(taken) = queue.take().await.unwrap() else {
            panic!("no entry waits");
        };
        // the last one waits, the one before was set aside
        let result = |n: usize| match raws.get(n) {
            Some(raw) => Ok(raw.hash()),
            None => Err("seal: broken".to_owned()),
        };
        let taken = taken.iter().take(RAWS as usize + 1).enumerate();
        let opened: Vec<Opened> = taken
            .map(|(n, entry)| Opened {
                id: entry.id,
                raw: result(n),
            })
            .collect();
        queue.mark(&opened).await.unwrap();
        queue.release().await.unwrap();
    }

    async fn graph(&self) {
        let stage = SecondStage {
            attributes: vec!["netblock"],
            sessions: vec![SessionReader {
                name: "behaviour",
                sub_types: &["cowrie_session"],
                needs: &[],
            }],
            settle: Duration::from_secs(10),
            open: Duration::from_secs(3600),
            ends: false,
        };
        let writer = GraphWriter::new(&self.archive).with_second_stage(stage);
        for n in 0..RAWS {
            writer.write(&made(n)).await.unwrap();
        }
        let mut batch = GraphBatch::default();
        let cidr = Attribute::new(sub_type("cidr"), "192.0.2.0/24");
        for n in 0..7 {
            let children = vec![address(n).into(), cidr.clone().into()];
            let event = Event::new(sub_type("netblock"), org(ORG), at(0.0), children).unwrap();
            batch.add_derived(event, DerivedFrom::Attribute(address(n).hash()), "netblock");
        }
        let of_session = DerivedFrom::Session(session(0).hash());
        batch.add_derived(derived("behaviour", "b"), of_session, "behaviour");
        writer.write(&batch).await.unwrap();
        // the last raw waits, the one before was refused; a filter has read the others
        let coll = &self.archive.coll;
        let id = |n: i32| RawId::new(raw(n).hash(), ORG).bson();
        let read: Vec<Bson> = (0..RAWS - 2).map(id).collect();
        let done = doc! {"$set": {"filters": ["cowrie@1"]}, "$unset": {"_todo": ""}};
        let refusal = doc! {"filter": "cowrie@1", "reason": "why", "at": 5.0};
        let refused = doc! {
            "$set": {"filters": ["cowrie@1"], "_valid": false, "_error": [refusal]}, "$unset": {"_todo": ""},
        };
        let updates = [
            (doc! {"_id": {"$in": read}}, done),
            (doc! {"_id": id(RAWS - 2)}, refused),
        ];
        bulk::update_all(coll, &updates, "testing").await.unwrap();
        let version = doc! {"_id": "cowrie", "version": 1_i64, "walked": 1_i64};
        insert(&self.archive.filters, version).await;
    }

    fn options(&self) -> VerifyOptions {
        let remake: Remaker = Arc::new(|id, raw, take| {
            let n = raw.data["n"].as_i64().unwrap_or_default();
            let is_ours = id == "cowrie@1";
            if is_ours {
                take(made(n as i32));
            }
            is_ours
        });
        VerifyOptions {
            cache: Some(self.cache.clone()),
            feeds: Some(self.feeds.clone()),
            readers: |_| vec!["cowrie"],
            second: vec!["netblock", "behaviour"],
            remake: Some(remake),
            settle: Duration::from_millis(20),
            ..VerifyOptions::of(&self.archive, || NOW)
        }
    }

    /// Verifies all, and returns the kinds of what is wrong.
    async fn kinds(&self) -> (BTreeSet<FaultKind>, VerifyReport) {
        let report = verify(self.options()).await.unwrap();
        (report.found.keys().copied().collect(), report)
    }
}

async fn insert(coll: &Documents, document: Document) {
    let document = bson::RawDocumentBuf::try_from(&document).unwrap();
    coll.driver().insert_one(&document).await.unwrap();
}

/// A damage.
enum Plant {
    Insert(Document),
    Delete(Document),
    /// The condition of a document, and the update of it.
    Change(Document, Document),
}

/// Plants a damage, and returns the `_id` of the document with what it was before.
async fn plant(coll: &Documents, damage: &Plant) -> (Bson, Option<Document>) {
    let find = |filter: &Document| {
        let filter = filter.clone();
        async move {
            let found = coll.driver().find_one(filter.clone()).await.unwrap();
            let found = found.unwrap_or_else(|| panic!("nothing is {filter}"));
            Document::try_from(&found).unwrap()
        }
    };
    let (id, before) = match damage {
        Plant::Insert(document) => {
            insert(coll, document.clone()).await;
            (document.get("_id").unwrap().clone(), None)
        }
        Plant::Delete(filter) => {
            let before = find(filter).await;
            let id = before.get("_id").unwrap().clone();
            coll.driver().delete_one(doc! {"_id": &id}).await.unwrap();
            (id, Some(before))
        }
        Plant::Change(filter, update) => {
            let before = find(filter).await;
            let id = before.get("_id").unwrap().clone();
            let it = doc! {"_id": &id};
            let done = coll.driver().update_one(it, update.clone()).await.unwrap();
            assert_eq!(done.modified_count, 1, "{update}");
            (id, Some(before))
        }
    };
    (id, before)
}

async fn restore(coll: &Documents, (id, before): (Bson, Option<Document>)) {
    coll.driver().delete_one(doc! {"_id": id}).await.unwrap();
    if let Some(before) = before {
        insert(coll, before).await;
    }
}

/// Returns one damage of each kind, with the collection in which it is planted.
async fn damages(world: &World) -> Vec<(FaultKind, Documents, Plant)> {
    use FaultKind as Kind;
    use Plant::{Change, Delete, Insert};
    let World {
        archive,
        cache,
        feeds,
        ..
    } = world;
    let (coll, entries) = (&archive.coll, &cache.entries);
    let entry = |fields: Document| {
        let id = ObjectId::new();
        let mut entry = doc! {
            "_id": id, "name": "a", "typetag": "cowrie", "orgid": ORG, "timezone": "UTC", "timestamp": NOW, "fid": id,
        };
        entry.extend(fields);
        Insert(entry)
    };
    let set = |filter: Document, set: Document| Change(filter, doc! {"$set": set});
    let of = |itype: &str, sub_type: &str| doc! {"itype": itype, "sub_type": sub_type};
    let stored = coll
        .driver()
        .find_one(of("event", "netblock"))
        .await
        .unwrap()
        .unwrap();
    let elements: Vec<Vec<u8>> = stored
        .get_array("_keys")
        .unwrap()
        .into_iter()
        .map(|key| key.unwrap().as_binary().unwrap().bytes.to_vec())
        .collect();
    let source = elements.iter().find(|key| keys::is_of_source(key)).unwrap();
    let other_source = keys::of_source(&OrgTag::of(ORG), hash("nothing"), "netblock");
    let alone = attribute("alone");
    let unheld = Attribute::new(sub_type("ipv4"), "198.51.100.1");
    let unheld_event = {
        let event = Event::new(
            sub_type("netblock"),
            org(ORG),
            at(0.0),
            vec![unheld.clone().into()],
        )
        .unwrap();
        let mut batch = GraphBatch::default();
        batch.add_derived(event, DerivedFrom::Attribute(unheld.hash()), "netblock");
        let all = batch.documents().unwrap();
        let mut all = all.iter().map(|one| Document::try_from(one).unwrap());
        all.find(|one| one.get_str("itype").is_ok_and(|itype| itype == "event"))
            .unwrap()
    };
    let plain = |attribute: &Attribute| {
        let document = crate::archive::stored::plain(attribute.hash(), attribute).unwrap();
        Document::try_from(&document).unwrap()
    };
    let copy = |id: Bson| {
        let mut document = plain(&address(1));
        document.insert("_id", id);
        document
    };
    let read = doc! {"itype": "raw", "filters": ["cowrie@1"], "_error": {"$exists": false}};
    let pending = doc! {"itype": "raw", "_todo": {"$exists": true}};
    let refused = doc! {"itype": "raw", "_error": {"$exists": true}};
    let observed = doc! {"itype": "event", "derived": {"$exists": false}};
    let value = doc! {"_id": {"$regex": "ipv4"}};
    let unseen = {
        let org = OrgTag::of(ORG);
        let id = row::id(&org, &alone).unwrap();
        row::document(&id, &org, &alone, NOW)
    };
    let header = doc! {"right": true};
    let chunk = doc! {"entries": {"$exists": true}};
    let old = ObjectId::from_bytes([1; 12]);
    let waiting = entries
        .driver()
        .find_one(doc! {"processed": false})
        .await
        .unwrap()
        .unwrap();
    let waiting = waiting.get_object_id("_id").unwrap();
    let size = doc! {"length": 0_i64, "chunkSize": 261_120};
    let file = |id: ObjectId| {
        let mut file = doc! {"_id": id};
        file.extend(size.clone());
        file
    };
    let orphan = doc! {"_id": ObjectId::new(), "files_id": old, "n": 0, "data": binary(vec![1])};
    let mut lost_chunk = doc! {"_id": binary(vec![9; 38])};
    lost_chunk.insert("entries", binary(vec![1]));
    let lone_value = |feed: ObjectId| {
        let id = [&feed.bytes()[..], &[1; 32]].concat();
        doc! {"_id": binary(id), "feed": feed}
    };
    let of_binary = |element: &[u8]| {
        Bson::from(Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: element.to_vec(),
        })
    };
    vec![
        (
            Kind::Entry,
            entries.clone(),
            set(doc! {"processed": true}, doc! {"processed": "yes"}),
        ),
        (
            Kind::Entry,
            entries.clone(),
            Change(doc! {"bad_data": true}, doc! {"$unset": {"error": ""}}),
        ),
        (
            Kind::Entry,
            entries.clone(),
            entry(doc! {
                "processed": true, "records": 3_i64, "raws": binary(vec![0; 64]),
            }),
        ),
        (
            Kind::EntryFile,
            entries.clone(),
            entry(doc! {"processed": false}),
        ),
        (
            Kind::EntryRaw,
            entries.clone(),
            entry(doc! {"processed": true, "_ref": [hash("no raw").to_string()]}),
        ),
        (
            Kind::File,
            cache.chunks.clone(),
            Delete(doc! {"n": 1, "files_id": waiting}),
        ),
        (
            Kind::FileAlone,
            cache.files.clone(),
            Insert(file(ObjectId::new())),
        ),
        (Kind::ChunkAlone, cache.chunks.clone(), Insert(orphan)),
        (
            Kind::Form,
            coll.clone(),
            Change(of("attribute", "cidr"), doc! {"$unset": {"sub_type": ""}}),
        ),
        (
            Kind::Form,
            coll.clone(),
            set(of("attribute", "cidr"), doc! {"itype": "something"}),
        ),
        (
            Kind::Hash,
            coll.clone(),
            set(of("attribute", "shell_command"), doc! {"data": "another"}),
        ),
        (
            Kind::Hash,
            coll.clone(),
            set(read.clone(), doc! {"data": {"n": 77_i64}}),
        ),
        (Kind::Id, coll.clone(), Insert(copy(binary(vec![7; 32])))),
        (Kind::Id, coll.clone(), Insert(copy(binary(vec![7; 5])))),
        (
            Kind::List,
            coll.clone(),
            set(of("object", "attacker"), doc! {"_ref": []}),
        ),
        (
            Kind::List,
            coll.clone(),
            Change(
                observed.clone(),
                doc! {"$push": {"_mal_ref": hash("x").to_string()}},
            ),
        ),
        (
            Kind::Reference,
            coll.clone(),
            Delete(of("attribute", "shell_command")),
        ),
        (
            Kind::Reference,
            coll.clone(),
            Delete(of("attribute", "sessionid")),
        ),
        (
            Kind::Keys,
            coll.clone(),
            Change(observed.clone(), doc! {"$pop": {"_keys": -1}}),
        ),
        (
            Kind::Keys,
            coll.clone(),
            Change(
                observed.clone(),
                doc! {"$push": {"_keys": binary(vec![1; 13])}},
            ),
        ),
        (
            Kind::Keys,
            coll.clone(),
            set(observed.clone(), doc! {"_tie": 1_i64}),
        ),
        (
            Kind::Keys,
            coll.clone(),
            set(observed.clone(), doc! {"category": "malicious"}),
        ),
        (
            Kind::Keys,
            coll.clone(),
            Change(of("event", "netblock"), doc! {"$unset": {"derived": ""}}),
        ),
        (
            Kind::EventSession,
            coll.clone(),
            Delete(doc! {"itype": "session"}),
        ),
        (
            Kind::EventSession,
            coll.clone(),
            Change(
                observed.clone(),
                doc! {
                    "$push": {"_keys": SessionId::of(hash("s"), &OrgTag::of("other")).bson()},
                },
            ),
        ),
        (Kind::EventRaw, coll.clone(), Delete(read.clone())),
        (
            Kind::Source,
            coll.clone(),
            Change(
                doc! {"_id": ids::of_hash(stored.get_str("_hash").unwrap().parse().unwrap())},
                doc! {"$set": {"_keys": elements.iter().map(|key| match key == source {
                    true => of_binary(&other_source),
                    false => of_binary(key),
                }).collect::<Vec<_>>()}},
            ),
        ),
        (Kind::SourceAlone, coll.clone(), Insert(unheld_event)),
        (Kind::Org, archive.orgs.clone(), Delete(doc! {"_id": ORG})),
        (
            Kind::Session,
            coll.clone(),
            set(doc! {"itype": "session"}, doc! {"_known": []}),
        ),
        (
            Kind::Session,
            coll.clone(),
            set(doc! {"itype": "session"}, doc! {"end_time": 0.5}),
        ),
        (
            Kind::Session,
            coll.clone(),
            Change(
                doc! {"_due": {"$exists": true}},
                doc! {"$unset": {"_due": ""}},
            ),
        ),
        (
            Kind::Session,
            coll.clone(),
            set(doc! {"_due": {"$exists": true}}, doc! {"_todo": ["nobody"]}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            Change(pending.clone(), doc! {"$unset": {"_todo": ""}}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            set(pending.clone(), doc! {"_todo": ["nobody"]}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            set(read.clone(), doc! {"filters": ["cowrie@0"]}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            set(read.clone(), doc! {"_valid": false}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            Change(refused.clone(), doc! {"$unset": {"_valid": ""}}),
        ),
        (
            Kind::RawState,
            coll.clone(),
            set(refused, doc! {"filters": ["cowrie@1", "cowrie@2"]}),
        ),
        (
            Kind::RawMade,
            coll.clone(),
            Delete(doc! {"_id": ids::of_hash(of_raw(0))}),
        ),
        (
            Kind::RawMade,
            coll.clone(),
            Change(
                doc! {"_id": ids::of_hash(of_raw(1))},
                doc! {
                    "$pull": {"_keys": SessionId::of(session(1).hash(), &OrgTag::of(ORG)).bson()},
                },
            ),
        ),
        (Kind::Alone, coll.clone(), Insert(plain(&alone))),
        (
            Kind::Going,
            coll.clone(),
            set(of("attribute", "cidr"), doc! {"_going": ObjectId::new()}),
        ),
        (
            Kind::GoingRow,
            archive.going.clone(),
            Insert(doc! {
                "_id": binary(vec![3; 48]), "kind": 2, "at": bson::DateTime::now(), "orgid": ORG,
            }),
        ),
        (
            Kind::ValueLacks,
            archive.values.clone(),
            Delete(value.clone()),
        ),
        (
            Kind::ValueLacks,
            archive.values.clone(),
            Change(value.clone(), doc! {"$inc": {"first": 5.0}}),
        ),
        (
            Kind::ValueLacks,
            archive.values.clone(),
            set(value.clone(), doc! {"gone": true}),
        ),
        (Kind::ValueRow, archive.values.clone(), Insert(unseen)),
        (
            Kind::ValueFirst,
            archive.values.clone(),
            Change(value.clone(), doc! {"$inc": {"first": -5.0}}),
        ),
        (
            Kind::ValueRow,
            archive.values.clone(),
            set(value, doc! {"tie": 1_i64}),
        ),
        (Kind::Hour, archive.hours.clone(), Delete(chunk.clone())),
        (
            Kind::Hour,
            archive.hours.clone(),
            set(chunk, doc! {"events": ["another"]}),
        ),
        (
            Kind::Hour,
            archive.hours.clone(),
            set(
                header,
                doc! {"made": binary(vec![1; 8]), "whole": binary(vec![1; 8])},
            ),
        ),
        (Kind::HourAlone, archive.hours.clone(), Insert(lost_chunk)),
        (
            Kind::Journal,
            archive.journal.clone(),
            Delete(doc! {"_id.n": 3_i64}),
        ),
        (
            Kind::Journal,
            archive.journal.clone(),
            set(doc! {"n": {"$gt": 3}}, doc! {"n": 900_i64}),
        ),
        (
            Kind::Journal,
            archive.journal.clone(),
            set(doc! {"n": {"$gt": 3}}, doc! {"mark": ObjectId::new()}),
        ),
        (
            Kind::FeedValue,
            feeds.values.clone(),
            Change(
                doc! {"until": {"$exists": true}},
                doc! {
                    "$inc": {"last": 90_000.0, "until": 90_000.0},
                },
            ),
        ),
        (
            Kind::FeedValue,
            feeds.values.clone(),
            set(
                doc! {"until": {"$exists": true}},
                doc! {"data": "203.0.113.77"},
            ),
        ),
        (
            Kind::FeedAlone,
            feeds.values.clone(),
            Insert(lone_value(ObjectId::new())),
        ),
    ]
}

/// Returns the event that a raw makes.
fn of_raw(n: i32) -> Hash {
    made(n).observed().next().unwrap().hash()
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_every_kind_is_found_and_no_other() {
    let world = World::make().await;
    let (none, report) = world.kinds().await;
    assert!(none.is_empty(), "{:#?}", report.shown);
    let told = |what: &str| report.told.get(what).copied();
    assert_eq!(told("raws that wait"), Some(1));
    assert_eq!(told("raws that were set aside"), Some(1));
    assert_eq!(told("entries that wait"), Some(1));
    assert_eq!(told("entries that were set aside"), Some(1));
    assert_eq!(told("entries that were processed"), Some(RAWS as u64));
    assert_eq!(told("sessions that wait"), Some(3));
    assert_eq!(report.read["events"], RAWS as u64 + 8);
    assert_eq!(report.read["raws"], RAWS as u64);
    assert_eq!(report.read["values of feeds"], 7);
    assert!(report.read["hours"] > 5 && report.read["tables of hours"] > 5);

    let mut planted = BTreeSet::new();
    for (n, (kind, coll, damage)) in damages(&world).await.into_iter().enumerate() {
        let before = plant(&coll, &damage).await;
        let (found, report) = world.kinds().await;
        assert!(
            found.contains(&kind),
            "{n}: {kind:?} was planted, and found: {:#?}",
            report.shown
        );
        assert_eq!(
            report.is_right(),
            found.iter().all(|kind| kind.is_harmless())
        );
        planted.insert(kind);
        restore(&coll, before).await;
    }
    assert_eq!(planted, FaultKind::ALL.into_iter().collect());
    let (none, report) = world.kinds().await;
    assert!(none.is_empty(), "all was undone: {:#?}", report.shown);
}

/// Rows that follow from the archive are made right again.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_the_archive_is_repaired() {
    let mut world = World::make().await;
    let damages = damages(&world).await.into_iter();
    for (n, (kind, coll, damage)) in damages.enumerate().filter(|(_, one)| one.0.is_mendable()) {
        plant(&coll, &damage).await;
        let options = VerifyOptions {
            repair: true,
            ..world.options()
        };
        let report = verify(options).await.unwrap();
        assert_eq!(
            report.repaired.get(&kind),
            report.found.get(&kind),
            "{n}: {kind:?}"
        );
        assert!(report.is_right(), "{n}: {kind:?}: {report:#?}");
        world.keep().await;
        let (left, report) = world.kinds().await;
        assert!(left.is_empty(), "{n}: {kind:?}: {:#?}", report.shown);
    }
}

/// A verification that is stopped after any step goes on from there, and finds the same.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_where_it_was_stopped() {
    let world = World::make().await;
    let all = damages(&world).await;
    let planted = [FaultKind::Reference, FaultKind::Alone, FaultKind::EntryFile];
    for (_, coll, damage) in all.iter().filter(|(kind, ..)| planted.contains(kind)) {
        plant(coll, damage).await;
    }
    let (expected, whole) = world.kinds().await;
    let mut state: Option<Vec<u8>> = None;
    loop {
        let mut verification = Verification::open(world.options(), state.as_deref())
            .await
            .unwrap();
        let progress = verification.step().await.unwrap();
        if progress.is_none() {
            let found = verification.report().found.keys().copied().collect();
            assert_eq!(expected, found);
            assert_eq!(verification.report(), &whole);
            break;
        }
        state = Some(verification.state().unwrap());
    }
    let options = VerifyOptions {
        sample: Some(20),
        ..world.options()
    };
    let sample = verify(options).await.unwrap();
    assert!(
        sample.read["events"] <= 20 && sample.documents() > 50,
        "{sample:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_no_known_form_are_found_without_reading_the_others() {
    let world = World::make().await;
    for id in [Bson::from("x"), Bson::from(7), binary(vec![1; 20])] {
        insert(&world.archive.coll, doc! {"_id": id}).await;
    }
    let plan = Plan::find(&world.archive.coll, &stage::others()).await;
    assert_eq!(plan.returned, 3);
    // a key for the end of each range
    plan.reads_at_most(30, 3);
}
