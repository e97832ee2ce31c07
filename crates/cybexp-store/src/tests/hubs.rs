//! Counts and pages of hubs, which are not counted event by event, compared with a slow count.

use std::collections::BTreeSet;

use bson::doc;
use serde::Deserialize;
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Category, Event, Hash, OrgId, SubType, Timestamp};

use super::server;
use crate::archive::keys::tie;
use crate::archive::open::Archive;
use crate::graph::read::event_tally::EventTally;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::Seen;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::visible::Visible;

/// The number of events of each batch.
const EVENTS: u32 = 2_600;
const SPREAD_S: f64 = 61.0;

fn subject() -> Attribute {
    Attribute::new(SubType::from_static("ipv4"), "192.0.2.1")
}

fn event(n: u32) -> Event {
    let subject = subject();
    // several at the same time; some before 1970
    let at = Timestamp::new(f64::from(n / 2) * SPREAD_S - 4_000.0).unwrap();
    let orgid = OrgId::new(&format!("org{}", n % 150)).unwrap();
    let own = Attribute::new(SubType::from_static("port"), i64::from(n));
    let children = vec![subject.clone().into(), own.into()];
    let event = Event::new(SubType::from_static("ssh"), orgid, at, children).unwrap();
    let categories = [Category::Malicious, Category::Benign, Category::Unknown];
    let mut event = event.with_category(categories[n as usize % 3]);
    if n.is_multiple_of(2) {
        event = event.with_malicious([subject.hash()]).unwrap();
    }
    if n.is_multiple_of(7) {
        event = event.with_benign([subject.hash()]).unwrap();
    }
    event
}

async fn opened() -> (Archive, GraphWriter, GraphReader) {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let (writer, reader) = (GraphWriter::new(&archive), GraphReader::new(&archive));
    (archive, writer, reader)
}

async fn write(writer: &GraphWriter, numbers: impl IntoIterator<Item = u32>) {
    let mut batch = GraphBatch::default();
    for n in numbers {
        batch.add_event(event(n));
    }
    let written = writer.write(&batch).await.unwrap();
    assert!(written.rejected.is_empty());
}

/// Every seventh organisation is hidden. The visible ones are more than the server merges in order.
fn visible() -> Visible {
    let orgs = (0..150).filter(|n| n % 7 != 0);
    Visible(
        orgs.map(|n| OrgId::new(&format!("org{n}")).unwrap())
            .collect(),
    )
}

fn conditions() -> Vec<Conditions> {
    let end = f64::from(EVENTS / 2) * SPREAD_S;
    let ranges = [
        (None, None),
        (Some(5_000.5), Some(end * 0.8)),
        (Some(7_200.0), Some(10_800.0)),
        (None, Some(3_599.0)),
    ];
    let mut all = Vec::new();
    for context in [
        Context::All,
        Context::Malicious,
        Context::Benign,
        Context::Unknown,
    ] {
        for category in [None, Some(Category::Malicious)] {
            for (start, end) in ranges {
                all.push(Conditions {
                    subjects: vec![subject().hash()],
                    attribute: None,
                    range: TimeRange { start, end },
                    category,
                    context,
                    derived: false,
                });
            }
        }
    }
    all
}

/// An event as it is stored, without what the archive keeps for its indexes.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "_hash")]
    hash: Hash,
    orgid: String,
    timestamp: f64,
    category: String,
    #[serde(rename = "_ref")]
    refs: Vec<Hash>,
    #[serde(rename = "_mal_ref")]
    malicious: Vec<Hash>,
    #[serde(rename = "_ben_ref")]
    benign: Vec<Hash>,
}

impl Stored {
    fn meets(&self, of: &Conditions, orgs: &BTreeSet<&str>) -> bool {
        let subject = of.subjects[0];
        let (malicious, benign) = (
            self.malicious.contains(&subject),
            self.benign.contains(&subject),
        );
        let in_context = match of.context {
            Context::All => true,
            Context::Malicious => malicious,
            Context::Benign => benign,
            Context::Unknown => !malicious && !benign,
        };
        let wanted = of.category.is_none_or(|c| c.as_str() == self.category);
        let after = of.range.start.is_none_or(|start| self.timestamp >= start);
        let before = of.range.end.is_none_or(|end| self.timestamp <= end);
        let refers = self.refs.contains(&subject);
        let ours = orgs.contains(self.orgid.as_str());
        refers && in_context && wanted && after && before && ours
    }
}

/// Reads all events of the archive, without an index.
async fn all_events(reader: &GraphReader) -> Vec<Stored> {
    let find = reader.coll.named("testing").find(doc! {"itype": "event"});
    find.rows().await.unwrap().read().await.unwrap()
}

/// Returns those of the events that meet the conditions, in the order of pages.
fn slowly(events: &[Stored], of: &Conditions) -> Vec<Hash> {
    let visible = visible();
    let orgs = visible.orgs().into_iter().collect();
    let events = events.iter().filter(|event| event.meets(of, &orgs));
    let mut events: Vec<&Stored> = events.collect();
    events.sort_by(|a, b| {
        let times = b.timestamp.total_cmp(&a.timestamp);
        times.then(tie(a.hash).cmp(&tie(b.hash)))
    });
    events.into_iter().map(|event| event.hash).collect()
}

async fn check_counts(reader: &GraphReader) {
    let (events, visible) = (all_events(reader).await, visible());
    let orgs = visible.orgs().into_iter().collect();
    for of in conditions() {
        let meant = events.iter().filter(|event| event.meets(&of, &orgs));
        let expected = meant.map(|event| EventTally {
            events: 1,
            seen: Some(Seen {
                first: event.timestamp,
                last: event.timestamp,
            }),
        });
        let tally = reader.tally(&of, &visible).await.unwrap();
        assert_eq!(tally, expected.sum(), "{of:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_while_events_come_in() {
    let (_, writer, reader) = opened().await;
    write(&writer, 0..EVENTS).await;
    check_counts(&reader).await;
    // events in known hours, in distant ones, and the same events again
    write(&writer, (EVENTS..EVENTS + 30).chain([100_000])).await;
    check_counts(&reader).await;
    write(&writer, 0..EVENTS + 60).await;
    check_counts(&reader).await;

    let of = &conditions()[0];
    let before = reader.count(of, &visible()).await.unwrap();
    let (first, last) = (200_000, 200_400);
    let writing = async {
        for n in first..last {
            write(&writer, [n]).await;
        }
    };
    let counting = async {
        let mut least = before;
        while least < before + 300 {
            let count = reader.count(of, &visible()).await.unwrap();
            assert!(count >= least, "{count} after {least}");
            least = count;
        }
    };
    futures::join!(writing, counting);
    check_counts(&reader).await;
}

/// A written event is counted by everyone who asks afterwards, also under constant load.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_after_a_write_sees_it() {
    let (_, writer, reader) = opened().await;
    // all are visible
    write(&writer, (0..3 * EVENTS).filter(|n| n % 150 % 7 != 0)).await;
    let of = conditions().remove(0);
    let start = reader.count(&of, &visible()).await.unwrap();
    let asking = (0..8).map(|_| {
        let (reader, of) = (reader.clone(), of.clone());
        tokio::spawn(async move {
            for _ in 0..100 {
                reader.count(&of, &visible()).await.unwrap();
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    let new = (3 * EVENTS..4 * EVENTS)
        .filter(|n| n % 150 % 7 != 0)
        .take(60);
    for (written, n) in new.enumerate() {
        write(&writer, [n]).await;
        let count = reader.count(&of, &visible()).await.unwrap();
        assert_eq!(count, start + written as u64 + 1);
    }
    for task in asking {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_the_same_wherever_they_are_looked_for() {
    let (_, writer, reader) = opened().await;
    write(&writer, 0..2 * EVENTS).await;
    let events = all_events(&reader).await;
    for of in conditions() {
        let all = slowly(&events, &of);
        let last = all.len().div_ceil(10);
        let pages = BTreeSet::from([1, 2, 49, 50, 51, 52, 60, 137, last, last + 1]);
        for page in pages.into_iter().chain([u32::MAX as usize]) {
            let events = reader
                .events(&of, &visible(), page as u32, 10)
                .await
                .unwrap();
            let found: Vec<Hash> = events.events.iter().map(|row| row.hash).collect();
            let expected: Vec<Hash> = all.iter().skip((page - 1) * 10).take(10).copied().collect();
            assert_eq!(found, expected, "page {page} of {of:?}");
            assert_eq!(events.more, all.len() > page * 10, "page {page} of {of:?}");
        }
    }
}

/// As [`MAX_AGE`](crate::graph::read::timelines) has it, but for a fail-over or a note that is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_trusted_makes_timelines_anew() {
    let (archive, writer, reader) = opened().await;
    write(&writer, 0..2 * EVENTS).await;
    check_counts(&reader).await;
    write(&writer, 2 * EVENTS..2 * EVENTS + 40).await;
    let gone = doc! {"hours": {"$exists": true}};
    archive.journal.driver().delete_many(gone).await.unwrap();
    check_counts(&reader).await;
}

/// The journal has no note of changes by hand. They show once the timeline was made anew, and nobody waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_timeline_serves_until_there_is_another() {
    let (archive, writer, mut reader) = opened().await;
    write(&writer, 0..EVENTS).await;
    let visible = Visible(
        (0..150)
            .map(|n| OrgId::new(&format!("org{n}")).unwrap())
            .collect(),
    );
    let all = Conditions {
        subjects: vec![subject().hash()],
        attribute: None,
        range: TimeRange {
            start: None,
            end: None,
        },
        category: None,
        context: Context::All,
        derived: false,
    };
    let count = async |reader: &GraphReader| reader.count(&all, &visible).await.unwrap();
    assert_eq!(count(&reader).await, u64::from(EVENTS));
    let gone = doc! {"itype": "event", "_hash": event(5).hash().to_string()};
    archive.coll.driver().delete_one(gone).await.unwrap();
    assert_eq!(count(&reader).await, u64::from(EVENTS), "nobody noted it");

    reader.timelines.max_age = std::time::Duration::ZERO;
    assert_eq!(count(&reader).await, u64::from(EVENTS), "it still serves");
    let mut tries = 0;
    while count(&reader).await == u64::from(EVENTS) {
        tries += 1;
        assert!(tries < 1_000, "it is never made anew");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(count(&reader).await, u64::from(EVENTS) - 1);
    // events written in the meantime are counted at once
    write(&writer, [EVENTS + 1]).await;
    assert_eq!(count(&reader).await, u64::from(EVENTS));
}
