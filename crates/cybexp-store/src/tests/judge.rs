//! Judgements of events: counts are right at once, the latest judgement wins, and none is lost in a race.

use bson::{Bson, Document, doc};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Event, Hash};

use super::plan::Plan;
use super::{attribute, event, hash, server, visible};
use crate::archive::ids::{self, RawId};
use crate::archive::open::Archive;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::judge::{self, Judgement};
use crate::graph::write::replace::Remade;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::bulk::Update;

async fn opened() -> (Archive, GraphWriter, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let (writer, reader) = (GraphWriter::new(&archive), GraphReader::new(&archive));
    (archive, writer, reader)
}

fn subject() -> Attribute {
    attribute("subject")
}

/// A malicious event that has the subject in malicious context, and a value of its own.
fn one(n: i32) -> Event {
    let event = event("unr", f64::from(n), &[&subject(), &attribute(n)]);
    let event = event.with_category(Category::Malicious);
    event.with_malicious([subject().hash()]).unwrap()
}

fn raw(name: &str) -> RawId {
    RawId::new(hash(name), "unr")
}

fn batch(raw: &RawId, events: impl IntoIterator<Item = Event>) -> GraphBatch {
    let mut batch = GraphBatch::default();
    for event in events {
        batch.add_source(raw, 0.0, "cowrie", [event.hash()]);
        batch.add_event(event);
    }
    batch
}

fn judgement(event: Hash, at: f64, category: Option<Category>) -> Judgement {
    Judgement {
        raw: hash(format!("{at} {category:?}")),
        orgid: "unr".to_owned(),
        event,
        category,
        contexts: vec![],
        at,
        by: "jdoe@example.com".to_owned(),
        reason: "a test".to_owned(),
    }
}

fn with_context(event: Hash, at: f64, context: Category) -> Judgement {
    Judgement {
        contexts: vec![(vec![hash("another form"), subject().hash()], context)],
        ..judgement(event, at, None)
    }
}

async fn applied(writer: &GraphWriter, judgements: &[Judgement]) {
    let results = writer.judge(judgements).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

async fn count(reader: &GraphReader, category: Option<Category>, context: Context) -> u64 {
    let of = Conditions {
        subjects: vec![subject().hash()],
        attribute: None,
        range: TimeRange::default(),
        category,
        context,
        derived: false,
    };
    let count = reader.count(&of, &visible(&["unr"])).await.unwrap();
    // the pages say the same
    let page = reader.events(&of, &visible(&["unr"]), 1, 10).await.unwrap();
    assert_eq!(page.events.len() as u64, count.min(10));
    count
}

/// Returns the counts by category, then by context: malicious, benign, unknown, and all.
async fn counts(reader: &GraphReader) -> [u64; 7] {
    let [malicious, benign, unknown] =
        [Category::Malicious, Category::Benign, Category::Unknown].map(Some);
    [
        count(reader, malicious, Context::All).await,
        count(reader, benign, Context::All).await,
        count(reader, unknown, Context::All).await,
        count(reader, None, Context::Malicious).await,
        count(reader, None, Context::Benign).await,
        count(reader, None, Context::Unknown).await,
        count(reader, None, Context::All).await,
    ]
}

async fn stored(archive: &Archive, event: Hash) -> Option<Document> {
    let coll = archive.coll.driver().clone_with_type::<Document>();
    let find = coll.find_one(doc! {"_id": ids::of_hash(event)});
    find.await.unwrap()
}

/// The subject is in enough events that its counts are kept by the hour.
#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_a_hub_are_right_at_once() {
    let (archive, writer, reader) = opened().await;
    writer
        .write(&batch(&raw("many"), (0..2_100).map(one)))
        .await
        .unwrap();
    assert_eq!(counts(&reader).await, [2100, 0, 0, 2100, 0, 0, 2100]);
    let (a, b) = (one(7).hash(), one(8).hash());
    applied(
        &writer,
        &[
            judgement(a, 1.0, Some(Category::Benign)),
            with_context(b, 1.0, Category::Benign),
        ],
    )
    .await;
    assert_eq!(counts(&reader).await, [2099, 1, 0, 2099, 1, 0, 2100]);
    applied(&writer, &[with_context(b, 2.0, Category::Unknown)]).await;
    assert_eq!(counts(&reader).await, [2099, 1, 0, 2099, 0, 1, 2100]);
    let event = stored(&archive, a).await.unwrap();
    assert_eq!(event.get_str("category").unwrap(), "benign");
    // raws and sessions of the event are still found
    let remade = [Remade {
        raw: raw("many"),
        accepted: 0.0,
        made: &[],
    }];
    let removed = writer.replace("cowrie", &remade).await.unwrap();
    assert_eq!(removed, 2_098, "all that nobody judged");
    assert_eq!(counts(&reader).await, [1, 1, 0, 1, 0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_judgement_wins_in_any_order_and_however_often() {
    let (archive, writer, reader) = opened().await;
    let (a, b) = (one(1), one(2));
    writer
        .write(&batch(&raw("r"), [a.clone(), b.clone()]))
        .await
        .unwrap();
    let first = |event: &Event| judgement(event.hash(), 1.0, Some(Category::Benign));
    let last = |event: &Event| judgement(event.hash(), 2.0, Some(Category::Unknown));
    applied(&writer, &[first(&a), last(&a), last(&b)]).await;
    applied(&writer, &[first(&b)]).await;
    assert_eq!(counts(&reader).await[..3], [0, 0, 2]);
    let before = stored(&archive, a.hash()).await;
    applied(&writer, &[last(&a), first(&a)]).await;
    assert_eq!(stored(&archive, a.hash()).await, before);
    // to write the event again changes nothing either
    writer.write(&batch(&raw("r"), [a.clone()])).await.unwrap();
    assert_eq!(stored(&archive, a.hash()).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_judged_is_told() {
    let (_, writer, reader) = opened().await;
    let (mine, theirs) = (one(1), event("usc", 2.0, &[&subject()]));
    let verdict = event("unr", 3.0, &[&subject()]);
    let mut all = batch(&raw("r"), [mine.clone(), theirs.clone()]);
    all.add_verdict(verdict.clone());
    writer.write(&all).await.unwrap();
    let benign = |event: Hash| judgement(event, 1.0, Some(Category::Benign));
    let elsewhere = Judgement {
        contexts: vec![(vec![hash("nowhere")], Category::Benign)],
        ..benign(mine.hash())
    };
    let judgements = [
        benign(hash("nothing")),
        benign(theirs.hash()),
        benign(verdict.hash()),
        elsewhere,
        benign(subject().hash()),
    ];
    let results = writer.judge(&judgements).await.unwrap();
    let told: Vec<String> = results.into_iter().map(Result::unwrap_err).collect();
    assert!(told[0].starts_with("field _hash: the organisation has no such event"));
    assert_eq!(told[1], told[0], "nobody learns that another has it");
    assert_eq!(told[2], "field _hash: the event is no observation");
    assert_eq!(told[3], "field context[0]: is not in the event");
    assert_eq!(told[4], told[0]);
    assert_eq!(counts(&reader).await[..3], [1, 0, 0]);
}

/// Two analysts judge the same events at once, and a third process adds raws to them.
#[tokio::test(flavor = "multi_thread")]
async fn judgements_at_once_leave_both_and_lose_no_raw() {
    let (archive, writer, reader) = opened().await;
    let others = [GraphWriter::new(&archive), GraphWriter::new(&archive)];
    let events: Vec<Event> = (0..60).map(one).collect();
    writer
        .write(&batch(&raw("first"), events.clone()))
        .await
        .unwrap();
    let categories: Vec<Judgement> = events
        .iter()
        .map(|event| judgement(event.hash(), 1.0, Some(Category::Benign)))
        .collect();
    let contexts: Vec<Judgement> = events
        .iter()
        .map(|event| with_context(event.hash(), 2.0, Category::Benign))
        .collect();
    let second = batch(&raw("second"), events.clone());
    futures::join!(
        applied(&writer, &categories),
        applied(&others[0], &contexts),
        async {
            others[1].write(&second).await.unwrap();
        }
    );
    assert_eq!(counts(&reader).await, [0, 60, 0, 0, 60, 0, 60]);
    for event in &events {
        let event = stored(&archive, event.hash()).await.unwrap();
        let keys = event.get_array("_keys").unwrap();
        assert_eq!(
            keys.len(),
            2 + 2 + 1,
            "two references, two raws, the organisation"
        );
    }
}

/// A new version of a filter makes another event of a raw: the judgement is on that one then.
#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_moves_to_the_only_new_event_of_the_same_kind_and_time() {
    let (archive, writer, reader) = opened().await;
    let new = |n: i32| {
        event(
            "unr",
            f64::from(n),
            &[&subject(), &attribute(format!("new{n}"))],
        )
    };
    // 1: another event in its place. 2: two in its place. 3: none
    let old = [one(1), one(2), one(3)];
    let second = event("unr", 2.0, &[&subject(), &attribute("second")]);
    let raws = ["1", "2", "3"].map(raw);
    for (raw, event) in raws.iter().zip(&old) {
        writer.write(&batch(raw, [event.clone()])).await.unwrap();
        applied(
            &writer,
            &[
                judgement(event.hash(), 5.0, Some(Category::Benign)),
                with_context(event.hash(), 6.0, Category::Benign),
            ],
        )
        .await;
    }
    let made = [vec![new(1)], vec![new(2), second], vec![new(4)]];
    for _ in 0..2 {
        for (raw, events) in raws.iter().zip(&made) {
            writer.write(&batch(raw, events.clone())).await.unwrap();
        }
        let hashes = made
            .each_ref()
            .map(|made| made.iter().map(Event::hash).collect::<Vec<Hash>>());
        let remade: Vec<Remade<'_>> = raws
            .iter()
            .zip(&hashes)
            .map(|(raw, made)| Remade {
                raw: *raw,
                accepted: 0.0,
                made,
            })
            .collect();
        writer.replace("cowrie", &remade).await.unwrap();
        assert_eq!(
            stored(&archive, old[0].hash()).await,
            None,
            "it has an heir"
        );
        for old in &old[1..] {
            assert!(stored(&archive, old.hash()).await.is_some(), "it has none");
        }
        let heir = stored(&archive, new(1).hash()).await.unwrap();
        assert_eq!(heir.get_str("category").unwrap(), "benign");
        let benign = heir.get_array("_ben_ref").unwrap();
        assert_eq!(benign, &[Bson::from(subject().hash().to_string())]);
        // three judged, and three that nobody judged
        assert_eq!(counts(&reader).await, [0, 3, 3, 0, 3, 3, 6]);
    }
    // an older judgement that comes late changes nothing
    applied(
        &writer,
        &[judgement(new(1).hash(), 4.0, Some(Category::Malicious))],
    )
    .await;
    assert_eq!(counts(&reader).await[..3], [0, 3, 3]);
}

/// Whatever comes first, a judged event stays or its heir is judged; one that is gone is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_judgement_of_an_event_that_is_being_replaced_is_not_lost() {
    let (archive, writer, _) = opened().await;
    let other = GraphWriter::new(&archive);
    let mut moved = 0;
    for round in 0..40 {
        let raw = raw(&format!("raw{round}"));
        let old = one(round);
        let heir = event(
            "unr",
            f64::from(round),
            &[&attribute(format!("heir{round}"))],
        );
        writer.write(&batch(&raw, [old.clone()])).await.unwrap();
        writer.write(&batch(&raw, [heir.clone()])).await.unwrap();
        let (made, judged) = (
            [heir.hash()],
            [judgement(old.hash(), 1.0, Some(Category::Benign))],
        );
        let remade = [Remade {
            raw,
            accepted: 0.0,
            made: &made,
        }];
        let late = async {
            // so that some come while the other is at work
            tokio::time::sleep(std::time::Duration::from_millis(round as u64 / 4)).await;
            other.judge(&judged).await.unwrap().remove(0)
        };
        let (removed, result) = futures::join!(writer.replace("cowrie", &remade), late);
        removed.unwrap();
        let category = async |event: Hash| {
            let event = stored(&archive, event).await?;
            Some(event.get_str("category").unwrap().to_owned())
        };
        match result {
            Ok(()) => {
                moved += 1;
                let (old, heir) = (category(old.hash()).await, category(heir.hash()).await);
                let judged = Some("benign".to_owned());
                assert!(
                    old == judged || (old.is_none() && heir == judged),
                    "{old:?} {heir:?}"
                );
            }
            Err(reason) => {
                assert!(reason.contains("may have replaced it"), "{reason}");
                assert_eq!(category(old.hash()).await, None);
            }
        }
    }
    println!("{moved} of 40 came in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_judged_by_their_ids_alone() {
    let (archive, writer, _) = opened().await;
    writer
        .write(&batch(&raw("many"), (0..500).map(one)))
        .await
        .unwrap();
    let events: Vec<Hash> = (0..20).map(|n| one(n).hash()).collect();
    let plan = Plan::find(&archive.coll, &judge::judgeable(&events)).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(2 * 20 + 2, 20);
    let event = stored(&archive, events[0]).await.unwrap();
    let update = Update {
        filter: judge::same(events[0], event.get_array("_keys").unwrap().clone(), None),
        update: doc! {"$set": {"category": "benign"}}.into(),
        upsert: false,
    };
    let plan = Plan::update(&archive.coll, &update).await;
    plan.reads_at_most(1, 1);
}
