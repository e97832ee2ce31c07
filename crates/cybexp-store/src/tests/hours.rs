//! Tables of hours whose keeper is killed at any moment: no chunk is left that no hour has.

use std::collections::BTreeSet;
use std::time::Duration;

use bson::{Bson, doc};

use super::{attribute, event, server};
use crate::archive::open::Archive;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::writer::GraphWriter;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::tables::keeper::HourKeeper;
use crate::tables::{headers, stored};

const HOUR: f64 = 3600.0;
/// Time of the last event, in hours.
const END: f64 = 100.0;

/// Returns a new keeper, as after the death of the last one and the end of its lease.
async fn keeper(archive: &Archive) -> HourKeeper {
    let leases = archive.server.collection(&archive.db, "leases");
    leases.driver().delete_many(doc! {}).await.unwrap();
    HourKeeper::open(archive).await.unwrap().without_rest()
}

/// Has an event of each of three hours written, so that their tables have to be made anew.
async fn change(archive: &Archive, n: u32) {
    let mut batch = GraphBatch::default();
    for hour in [5.0, 6.0, 9.0] {
        let host = attribute(format_args!("h{n}.example"));
        batch.add_event(event("unr", hour * HOUR + f64::from(n), &[&host]));
    }
    GraphWriter::new(archive).write(&batch).await.unwrap();
}

/// Returns the ids of all chunks that are there, and of those that belong to right tables.
async fn chunks(archive: &Archive) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let bytes = |id: &Bson| match id {
        Bson::Binary(id) => id.bytes.clone(),
        _ => Vec::new(),
    };
    let all = Find::new("testing", ID, doc! {}).project(doc! {"_id": 1});
    let all = all.all(&archive.hours).await.unwrap();
    let all = all.iter().map(|row| row.get_binary("_id").unwrap().bytes);
    let headers = headers::read_with_chunks(&archive.hours, 0, 1000).await;
    let headers = headers.unwrap();
    let mut right = BTreeSet::new();
    for header in &headers {
        assert!(header.made.is_some() && header.old.is_empty(), "{header:?}");
        assert!(
            header
                .written
                .iter()
                .all(|id| stored::made_of(id) == header.made)
        );
        right.extend(header.written.iter().map(bytes));
    }
    let is_chunk = |id: &[u8]| headers::hour_of_id(id).is_none();
    let all = all.filter(|id| is_chunk(id)).map(<[u8]>::to_vec);
    (all.collect(), right)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_keeper_leaves_no_chunks_that_nobody_deletes() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    // the first ones die at each moment of their work, the last one goes on until it is done
    for n in 0..60 {
        change(&archive, n).await;
        let mut keeper = keeper(&archive).await;
        let life = Duration::from_micros(u64::from(n) * 1500);
        let _ = tokio::time::timeout(life, async {
            while keeper.step(END * HOUR).await.unwrap() {}
        })
        .await;
    }
    let mut keeper = keeper(&archive).await;
    for _ in 0..3 {
        while keeper.step(END * HOUR).await.unwrap() {}
    }
    let (all, right) = chunks(&archive).await;
    assert!(right.len() >= 3);
    assert_eq!(all, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_whose_chunks_another_keeper_took_for_old_are_not_right() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let hours = &archive.hours;
    let begun = headers::begin(hours, 5).await.unwrap().unwrap();
    let (slow, quick) = ([1; 8], [2; 8]);
    let chunk = |made: [u8; 8]| {
        let mut id = vec![0; 24];
        id.extend([0, 0, 0, 5].iter().chain(&made).chain(&[0, 0]));
        crate::archive::ids::binary(id)
    };
    for made in [slow, quick] {
        headers::writing(hours, 5, &[chunk(made)]).await.unwrap();
    }
    let retired = headers::retire(hours, 5, &[slow].into(), &[chunk(slow)]).await;
    assert!(retired.unwrap());
    let end = async |made| headers::end(hours, &begun, 5, made, &[chunk(made)]).await;
    assert!(!end(slow).await.unwrap());
    assert!(end(quick).await.unwrap());
    // those of right tables are no old ones
    let retired = headers::retire(hours, 5, &[quick].into(), &[chunk(quick)]).await;
    assert!(!retired.unwrap());
    headers::forget(hours, 5, &[chunk(slow)]).await.unwrap();
    let header = &headers::read_with_chunks(hours, 0, 9).await.unwrap()[0];
    assert_eq!(header.made, Some(quick));
    assert_eq!(
        (&header.written[..], &header.old[..]),
        (&[chunk(quick)][..], &[][..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_without_events_get_the_tables_that_a_killed_keeper_did_not_make() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    change(&archive, 0).await;
    let mut first = keeper(&archive).await;
    while first.step(END * HOUR).await.unwrap() {}
    // as after a keeper that ended between two hours, and one that ended within one
    let deleted = doc! {"_id": headers::id(7)};
    let begun = doc! {"_id": headers::id(8)};
    let hours = archive.hours.driver();
    hours.delete_one(deleted).await.unwrap();
    hours
        .update_one(begun, doc! {"$set": {"right": false}})
        .await
        .unwrap();
    let mut second = keeper(&archive).await;
    while second.step(END * HOUR).await.unwrap() {}
    let right = headers::read(&archive.hours, 5, 9).await.unwrap();
    let right = right.iter().filter(|header| header.made.is_some());
    let right: Vec<i64> = right.map(|header| header.hour).collect();
    assert_eq!(right, [5, 6, 7, 8, 9]);
}
