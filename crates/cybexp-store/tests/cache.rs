//! Sealed submissions.

#![allow(clippy::unwrap_used)]

mod common;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use common::*;
use cybexp_store::{
    Cache, EntryQueue, EntryRecordId, Opened, OpenedRecords, SealedEntry, Selection, Taken,
};
use mongodb::Collection;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_submitted_comes_out_in_order_and_once() {
    let (cache, db) = cache().await;
    // none, one byte, a chunk, a chunk and a byte, several chunks
    let sizes = [0, 1, 255 << 10, (255 << 10) + 1, 1 << 20];
    let submissions: Vec<_> = sizes.iter().map(|size| submission(*size)).collect();
    cache.submit(&submissions[..2]).await.unwrap();
    cache.submit(&submissions[2..]).await.unwrap();
    assert_eq!(cache.count_pending().await.unwrap(), 5);

    let mut queue = cache.pending().await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken.len(), sizes.len());
    for (taken, submitted) in taken.iter().zip(&submissions) {
        let (entry, sealed) = taken.read.as_ref().unwrap();
        assert!(*sealed == submitted.sealed, "{} bytes", sealed.len());
        assert_eq!(
            (entry.typetag.as_str(), entry.orgid.as_str()),
            ("cowrie", "unr")
        );
        assert_eq!(
            (entry.timezone.as_str(), entry.timestamp),
            ("America/Los_Angeles", 1.5)
        );
    }
    let opened = |taken: &SealedEntry| Opened {
        id: taken.id,
        raw: match taken.read.as_ref().unwrap().1.is_empty() {
            true => Err("the seal is broken".to_owned()),
            false => Ok(hash("raw")),
        },
    };
    let opened: Vec<_> = taken.iter().map(opened).collect();
    queue.mark(&opened).await.unwrap();
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));

    let stored = find(&entries(&db).await, doc! {}).await;
    assert!(
        stored
            .iter()
            .all(|entry| entry.get_bool("processed").unwrap())
    );
    assert!(stored[0].get_bool("bad_data").unwrap());
    assert_eq!(stored[0].get_str("error").unwrap(), "the seal is broken");
    assert!(!stored[1].contains_key("bad_data") && !stored[1].contains_key("error"));
    let refs = stored[1].get_array("_ref").unwrap();
    assert_eq!(refs, &[hash("raw").to_string().into()]);
    let files = collection(&db, "fs.files").await;
    assert_eq!(files.count_documents(doc! {}).await.unwrap(), 5);
    let refused = cache.refused(10).await.unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].reason, "the seal is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_bad_can_be_good_when_tried_again() {
    let (cache, db) = cache().await;
    cache.submit(&[submission(3)]).await.unwrap();
    let mut queue = cache.pending().await.unwrap();
    for raw in [Err("wrong key".to_owned()), Ok(hash("raw"))] {
        let id = take(&mut queue).await[0].id;
        queue.mark(&[Opened { id, raw }]).await.unwrap();
        let again = doc! {"$set": {"processed": false}};
        entries(&db)
            .await
            .update_one(doc! {"bad_data": true}, again)
            .await
            .unwrap();
    }
    let stored = find(&entries(&db).await, doc! {}).await;
    assert!(stored[0].get_bool("processed").unwrap());
    assert!(!stored[0].contains_key("bad_data") && !stored[0].contains_key("error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_comes_with_the_reason() {
    let (cache, db) = cache().await;
    let reasons = [
        "is missing",
        "261120 of 524288 bytes",
        "0 of 524288 bytes",
        "261120 of 524288 bytes",
        "has no length",
        "not an entry",
        "not an entry",
        "too large",
    ];
    let submissions = vec![submission(512 << 10); reasons.len() + 1];
    cache.submit(&submissions).await.unwrap();
    let entries = entries(&db).await;
    let (files, chunks) = (
        collection(&db, "fs.files").await,
        collection(&db, "fs.chunks").await,
    );
    let all = find(&entries, doc! {}).await;
    let of_file = |i: usize| doc! {"_id": all[i].get_object_id("fid").unwrap()};
    let chunk = |i: usize, n: i32| doc! {"files_id": all[i].get_object_id("fid").unwrap(), "n": n};
    let of_entry = |i: usize| doc! {"_id": all[i].get_object_id("_id").unwrap()};
    files.delete_one(of_file(0)).await.unwrap();
    chunks.delete_one(chunk(1, 1)).await.unwrap();
    chunks.delete_one(chunk(2, 0)).await.unwrap();
    chunks
        .update_one(chunk(3, 1), doc! {"$set": {"n": "one"}})
        .await
        .unwrap();
    files
        .update_one(of_file(4), doc! {"$set": {"length": "long"}})
        .await
        .unwrap();
    entries
        .update_one(of_entry(5), doc! {"$unset": {"fid": ""}})
        .await
        .unwrap();
    entries
        .update_one(of_entry(6), doc! {"$set": {"orgid": 5}})
        .await
        .unwrap();
    files
        .update_one(of_file(7), doc! {"$set": {"length": 1_i64 << 40}})
        .await
        .unwrap();
    // an id of a type that this suite does not give belongs to another program
    entries
        .insert_one(doc! {"_id": "foreign", "processed": false})
        .await
        .unwrap();

    let mut queue = cache.pending().await.unwrap();
    let taken = take(&mut queue).await;
    assert_eq!(taken.len(), submissions.len());
    for (taken, expected) in taken.iter().zip(reasons) {
        let reason = taken.read.as_ref().unwrap_err();
        assert!(reason.contains(expected), "{reason} / {expected}");
    }
    assert!(taken.last().unwrap().read.is_ok());
    let opened = taken.into_iter().map(|taken| Opened {
        id: taken.id,
        raw: taken.read.map(|_| hash("raw")),
    });
    queue.mark(&opened.collect::<Vec<_>>()).await.unwrap();
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_before_16_mib() {
    let (cache, _) = cache().await;
    // the first three fit; the one too large for any batch comes alone
    let sizes = [7 << 20, 7 << 20, 1, 7 << 20, 17 << 20, 1];
    let submissions: Vec<_> = sizes.iter().map(|size| submission(*size)).collect();
    cache.submit(&submissions).await.unwrap();
    let mut queue = cache.pending().await.unwrap();
    for expected in [&sizes[..3], &sizes[3..4], &sizes[4..5], &sizes[5..]] {
        let taken = take(&mut queue).await;
        let length = |taken: &SealedEntry| taken.read.as_ref().unwrap().1.len();
        let lengths: Vec<usize> = taken.iter().map(length).collect();
        assert_eq!(lengths, expected);
        let opened = taken.iter().map(|taken| Opened {
            id: taken.id,
            raw: Ok(hash("raw")),
        });
        queue.mark(&opened.collect::<Vec<_>>()).await.unwrap();
    }
    assert!(matches!(queue.take().await.unwrap(), Taken::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_entries_with_one_file_both_get_it() {
    let (cache, db) = cache().await;
    cache.submit(&[submission(3)]).await.unwrap();
    let mut copy = find(&entries(&db).await, doc! {}).await.remove(0);
    copy.insert("_id", ObjectId::new());
    entries(&db).await.insert_one(copy).await.unwrap();
    let mut queue = cache.pending().await.unwrap();
    for _ in 0..2 {
        let taken = take(&mut queue).await;
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].read.as_ref().unwrap().1.len(), 3);
        let opened = Opened {
            id: taken[0].id,
            raw: Ok(hash("raw")),
        };
        queue.mark(&[opened]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_gridfs_driver_reads_what_is_submitted() {
    use futures::AsyncReadExt;
    let (cache, db) = cache().await;
    cache.submit(&[submission(600 << 10)]).await.unwrap();
    let fid = find(&entries(&db).await, doc! {}).await[0]
        .get("fid")
        .unwrap()
        .clone();
    let client = mongodb::Client::with_uri_str(cybexp_testkit::mongo_url())
        .await
        .unwrap();
    let bucket = client.database(&db).gridfs_bucket(None);
    let mut bytes = Vec::new();
    let mut file = bucket.open_download_stream(fid).await.unwrap();
    file.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes == submission(600 << 10).sealed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_of_a_submission_have_results_of_their_own() {
    let (cache, db) = cache().await;
    let mut many = submission(3);
    many.entry.records = Some(4);
    cache.submit(&[many]).await.unwrap();
    let id = find(&entries(&db).await, doc! {}).await[0]
        .get_object_id("_id")
        .unwrap();
    let bad = |n: u32| (n, Err(format!("record {n} is bad")));
    let good = |n: u32| (n, Ok(hash(&format!("raw {n}"))));
    let mut queue = cache.pending().await.unwrap();
    let mark = async |queue: &mut EntryQueue, again: Option<Vec<u32>>, records| {
        let taken = take(queue).await.remove(0);
        let entry = taken.read.unwrap().0;
        assert_eq!((entry.records, &entry.again), (Some(4), &again));
        let opened = OpenedRecords { id, entry, records };
        queue.mark_records(&opened).await.unwrap();
    };
    mark(&mut queue, None, vec![good(1), bad(2), bad(3), bad(4)]).await;

    let record = |n| EntryRecordId { id, n: Some(n) };
    let listed = async || -> Vec<String> {
        let refused = cache.refused(0).await.unwrap();
        refused.into_iter().map(|one| one.id).collect()
    };
    let ids = [2, 3, 4].map(|n| record(n).to_string());
    assert_eq!(listed().await, ids);
    assert_eq!(cache.count_refused().await.unwrap(), 3);
    assert_eq!(cache.refused(2).await.unwrap().len(), 2);
    let reason = |text: &str| Selection {
        reason: Some(text.to_owned()),
        ..Selection::default()
    };
    let third = cache.refused_of(&reason("Record 3"), 0).await.unwrap();
    assert_eq!((third.len(), &*third[0].reason), (1, "record 3 is bad"));
    let shown = cache.refused_record(id, 3).await.unwrap().unwrap();
    assert_eq!(
        (&shown["n"], &shown["reason"]),
        (&3.into(), &"record 3 is bad".into())
    );
    assert!(shown.get("bad").is_none() && shown["typetag"] == "cowrie");
    assert!(cache.refused_record(id, 1).await.unwrap().is_none());

    // one is read again, and is good now; the others stay as they were
    assert!(!cache.retry_record(id, 1).await.unwrap());
    assert!(cache.retry_record(id, 3).await.unwrap());
    assert_eq!(cache.count_pending().await.unwrap(), 1);
    mark(&mut queue, Some(vec![3]), vec![good(3)]).await;
    assert_eq!(listed().await, [ids[0].clone(), ids[2].clone()]);
    let fate = cache.fate(&id.to_hex()).await.unwrap().unwrap();
    let raw = |n: u32| Some(hash(&format!("raw {n}")).to_string());
    assert_eq!(fate.raws, [raw(1), None, raw(3), None]);
    assert!(fate.processed && fate.error.is_none());
    assert_eq!(fate.bad.iter().map(|bad| bad.n).collect::<Vec<_>>(), [2, 4]);
    let of_raw = raw(3).unwrap();
    let name = cache.name_of(&of_raw, 1.5).await.unwrap();
    // its entry was made later than a minute after its timestamp
    assert_eq!(name, None);

    // somebody asks for another one while the first is read: both are done in the end
    assert!(cache.retry_record(id, 2).await.unwrap());
    let taken = take(&mut queue).await.remove(0).read.unwrap().0;
    assert_eq!(
        cache.retry_all(&reason("record 4")).await.unwrap(),
        0,
        "it is pending"
    );
    let again = doc! {"$addToSet": {"again": 4_i64}};
    entries(&db)
        .await
        .update_one(doc! {"_id": id}, again)
        .await
        .unwrap();
    let opened = OpenedRecords {
        id,
        entry: taken,
        records: vec![good(2)],
    };
    queue.mark_records(&opened).await.unwrap();
    assert_eq!(cache.count_pending().await.unwrap(), 1);
    mark(&mut queue, Some(vec![2, 4]), vec![good(2), bad(4)]).await;
    assert_eq!(listed().await, ids[2..]);

    // all that are left: retried with the entry's id, then deleted
    assert!(cache.retry(id).await.unwrap());
    mark(&mut queue, Some(vec![4]), vec![bad(4)]).await;
    assert_eq!(cache.retry_all(&reason("record 4")).await.unwrap(), 1);
    mark(&mut queue, Some(vec![4]), vec![bad(4)]).await;
    assert!(!cache.delete_refused_record(id, 3).await.unwrap());
    assert_eq!(
        cache.delete_all_refused(&reason("record 9")).await.unwrap(),
        0
    );
    assert_eq!(
        cache.delete_all_refused(&reason("record 4")).await.unwrap(),
        1
    );
    assert_eq!(cache.count_refused().await.unwrap(), 0);
    let entry = find(&entries(&db).await, doc! {}).await.remove(0);
    for gone in ["bad", "bad_data", "again", "error"] {
        assert!(!entry.contains_key(gone), "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_at_which_archives_die_is_set_aside_and_no_other() {
    let (cache, db) = cache().await;
    cache.submit(&vec![submission(1); 40]).await.unwrap();
    let poison = find(&entries(&db).await, doc! {}).await[1]
        .get_object_id("_id")
        .unwrap();
    let leases = collection(&db, "leases").await;
    let ended = doc! {"$set": {"until": bson::DateTime::from_millis(0)}};
    let (mut deaths, mut done) = (0, 0);
    let most = [40, 32, 1, 1, 1];
    let mut queue = cache.pending().await.unwrap();
    while let Taken::Work(taken) = queue.take().await.unwrap() {
        if taken.iter().any(|one| one.id == poison) {
            assert!(
                taken.len() <= most[deaths],
                "{} after {deaths} deaths",
                taken.len()
            );
        }
        let dies = taken.iter().any(|one| one.id == poison && one.read.is_ok());
        if dies {
            deaths += 1;
            queue = cache.pending().await.unwrap();
            leases.update_many(doc! {}, ended.clone()).await.unwrap();
            continue;
        }
        let opened = taken.into_iter().map(|one| Opened {
            id: one.id,
            raw: one.read.map(|_| hash("raw")),
        });
        let opened: Vec<Opened> = opened.collect();
        queue.mark(&opened).await.unwrap();
        done += opened.len();
    }
    assert_eq!((deaths, done), (4, 40));
    let refused = cache.refused(0).await.unwrap();
    assert_eq!((refused.len(), &refused[0].id), (1, &poison.to_hex()));
    assert!(
        refused[0].reason.contains("died 4 times"),
        "{}",
        refused[0].reason
    );
    // who asks for it once more gets it
    assert!(cache.retry(poison).await.unwrap());
    assert!(take(&mut queue).await[0].read.is_ok());
}

async fn cache() -> (Cache, String) {
    let (server, db) = server().await;
    (Cache::open(&server, &db, "file_entries").await.unwrap(), db)
}

async fn entries(db: &str) -> Collection<Document> {
    collection(db, "file_entries").await
}

async fn take(queue: &mut EntryQueue) -> Vec<SealedEntry> {
    match queue.take().await.unwrap() {
        Taken::Work(taken) => taken,
        other => panic!("there is work: {other:?}"),
    }
}

/// A document of another program among the entries is set aside by its `_id`, and holds up nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_entry_is_set_aside_and_nothing_else() {
    let (cache, db) = cache().await;
    let coll = entries(&db).await;
    cache.submit(&[submission(3)]).await.unwrap();
    let good = find(&coll, doc! {}).await.remove(0);
    let poisoned = |field: &str, value: Bson| {
        let mut entry = good.clone();
        entry.insert("_id", ObjectId::new());
        entry.insert(field, value);
        entry
    };
    let mut full = poisoned("junk", "".into());
    let room = (16 << 20) - bson::serialize_to_vec(&full).unwrap().len();
    full.insert("junk", "x".repeat(room));
    let poison = [
        poisoned("timestamp", "noon".into()),
        poisoned("fid", 5.into()),
        poisoned("typetag", "x".repeat(1 << 20).into()),
        poisoned("typetag", "x".repeat(15 << 20).into()),
        poisoned("orgid", Bson::Array(vec![])),
        poisoned("error", Bson::Array(vec![])),
        full,
    ];
    for entry in &poison {
        coll.insert_one(entry).await.unwrap();
    }
    cache.submit(&[submission(5)]).await.unwrap();
    let leases = collection(&db, "leases").await;
    let until = bson::DateTime::from_millis(4_000_000_000_000);
    for items in [
        Bson::from(5),
        vec!["x".repeat(1 << 20); 15].into(),
        vec![Bson::Null; 3].into(),
    ] {
        let lease = doc! {"work": "archive", "items": items, "until": until};
        leases.insert_one(lease).await.unwrap();
    }

    let mut queue = cache.pending().await.unwrap();
    let (mut sealed, mut refused) = (Vec::new(), 0);
    while let Taken::Work(taken) = queue.take().await.unwrap() {
        let mut opened = Vec::new();
        for SealedEntry { id, read } in taken {
            let raw = match read {
                Ok((_, file)) => {
                    sealed.push(file.len());
                    Ok(hash("raw"))
                }
                Err(reason) => {
                    refused += 1;
                    Err(reason)
                }
            };
            opened.push(Opened { id, raw });
        }
        queue.mark(&opened).await.unwrap();
    }
    assert_eq!(refused, 5);
    sealed.sort_unstable();
    assert_eq!(
        sealed,
        [3, 3, 3, 5],
        "the good ones, and those with something else"
    );
    assert_eq!(cache.count_pending().await.unwrap(), 0);
    // nothing can be added to the one that is full
    assert_eq!(cache.count_refused().await.unwrap(), 6);
    let left = doc! {"_id": poison[6].get_object_id("_id").unwrap()};
    let left = find(&coll, left).await.remove(0);
    assert_eq!(left.get("fid"), good.get("fid"));
    assert!(!left.contains_key("junk"));
    assert_eq!(coll.count_documents(doc! {}).await.unwrap(), 9);
}

/// Entries that are in no list are counted for `doctor`.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_in_no_list_is_counted_as_odd() {
    let (cache, db) = cache().await;
    cache.submit(&[submission(3)]).await.unwrap();
    assert_eq!(cache.count_odd().await.unwrap(), 0);
    let coll = entries(&db).await;
    for odd in [
        doc! {"processed": 0},
        doc! {"processed": "false"},
        doc! {"processed": [false]},
        doc! {"processed": Bson::Null},
        doc! {},
        doc! {"_id": 5, "processed": false},
    ] {
        coll.insert_one(odd).await.unwrap();
    }
    assert_eq!(cache.count_odd().await.unwrap(), 6);
}
