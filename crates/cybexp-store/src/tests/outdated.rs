//! Answers while the tables of many hours are being made again.

use std::time::Duration;

use tahoe_core::question::Context;
use tahoe_core::time::TimeRange;

use super::{attribute, event, server, visible};
use crate::archive::open::Archive;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::tables::keeper::HourKeeper;
use crate::tables::top::{TopPage, TopValues};

const HOUR: f64 = 3600.0;
/// Hours with tables, and the events of each organisation in one of them: more than are read however long it takes.
const HOURS: i32 = 3;
const EVENTS: i32 = 1_000;
const ORGS: [&str; 2] = ["unr", "usc"];

async fn top(archive: &Archive, patience: Duration, last_hour: i32) -> TopPage {
    let range = TimeRange {
        start: Some(HOUR),
        end: Some(f64::from(last_hour + 1) * HOUR),
    };
    let of = TopValues {
        sub_type: "hostname",
        range: &range,
        context: Context::All,
        category: None,
        event: None,
        limit: 3,
    };
    let mut reader = GraphReader::new(archive);
    reader.patience = patience;
    reader.top(of, &visible(&ORGS)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_right_before_are_used_where_counting_takes_too_long() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let writer = GraphWriter::new(&archive);
    let mut batch = GraphBatch::default();
    for hour in 1..=HOURS {
        for n in 0..EVENTS {
            for org in ORGS {
                let at = f64::from(hour) * HOUR + f64::from(n);
                batch.add_event(event(org, at, &[&attribute(n % 10)]));
            }
        }
    }
    writer.write(&batch).await.unwrap();
    let mut keeper = HourKeeper::open(&archive).await.unwrap().without_rest();
    for _ in 0..5 {
        keeper.step(100.0 * HOUR).await.unwrap();
    }
    let all = 2 * (EVENTS * HOURS) as u64;
    let whole = top(&archive, Duration::ZERO, HOURS).await;
    assert_eq!((whole.sum, whole.exact), (all, true));

    // an event in each hour, and two in an hour that has no tables
    let mut late = GraphBatch::default();
    for hour in 1..=HOURS {
        late.add_event(event("unr", f64::from(hour) * HOUR + 0.5, &[&attribute(3)]));
    }
    for org in ORGS {
        late.add_event(event(org, f64::from(HOURS + 1) * HOUR, &[&attribute(3)]));
    }
    writer.write(&late).await.unwrap();
    let patient = top(&archive, Duration::from_secs(600), HOURS + 1).await;
    assert_eq!((patient.sum, patient.exact), (all + 3 + 2, true));
    let quick = top(&archive, Duration::ZERO, HOURS + 1).await;
    assert_eq!((quick.sum, quick.exact), (all + 2, false));
    assert_eq!(quick.distinct, 10);
    let most = (attribute(3).hash(), all / 10 + 2);
    assert_eq!(quick.values[0], most);

    // once the tables are made again
    for _ in 0..5 {
        keeper.step(100.0 * HOUR).await.unwrap();
    }
    assert_eq!(top(&archive, Duration::ZERO, HOURS + 1).await, patient);
}

/// An archive whose hours have no tables yet: the newest events are counted, of all organisations.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_any_tables_ends_in_time() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let mut batch = GraphBatch::default();
    for n in 0..3 * EVENTS {
        for org in ORGS {
            batch.add_event(event(org, HOUR + f64::from(n), &[&attribute(n % 10)]));
        }
    }
    GraphWriter::new(&archive).write(&batch).await.unwrap();
    let quick = top(&archive, Duration::ZERO, HOURS).await;
    assert!(
        !quick.exact && (5_000..5_010).contains(&quick.sum),
        "{quick:?}"
    );
    let patient = top(&archive, Duration::from_secs(600), HOURS).await;
    assert_eq!((patient.sum, patient.exact), (6 * EVENTS as u64, true));
}
