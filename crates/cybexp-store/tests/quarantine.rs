//! Quarantined records, and trying them again.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use bson::doc;
use common::*;
use cybexp_store::{
    Archive, Cache, EntryId, Opened, PendingRaw, Purpose, Queries, RawOutcome, Raws, Refused,
    Selection, Server, Taken, Unread,
};
use serde_json::json;
use tahoe_core::Hash;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_set_aside_shown_and_tried_again() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    cache.submit(&[submission(3), submission(5)]).await.unwrap();
    let bad = refuse_entries(&cache, "a broken seal").await;
    let listed = |id: &EntryId| Refused {
        typetag: "cowrie".to_owned(),
        id: id.to_hex(),
        by: "archive".to_owned(),
        reason: "a broken seal".to_owned(),
        orgid: "unr".to_owned(),
        timestamp: 1.5,
        name: Some("cowrie.json".to_owned()),
        hash: None,
    };
    let all: Vec<Refused> = bad.iter().rev().map(listed).collect();
    assert_eq!(cache.refused(0).await.unwrap(), all);
    assert_eq!(cache.refused(1).await.unwrap(), all[..1]);
    assert_eq!(cache.count_refused().await.unwrap(), 2);

    let shown = cache.refused_entry(bad[0]).await.unwrap().unwrap();
    assert_eq!(shown["_id"], json!({"$oid": bad[0].to_hex()}));
    assert_eq!(shown["error"], json!("a broken seal"));
    assert_eq!(shown["typetag"], json!("cowrie"));

    assert!(cache.retry(bad[0]).await.unwrap());
    assert!(
        !cache.retry(bad[0]).await.unwrap(),
        "it is not set aside any more"
    );
    assert!(cache.refused_entry(bad[0]).await.unwrap().is_none());
    let entries = collection(&db, "file_entries").await;
    let entry = find(&entries, doc! {"_id": bad[0]}).await.remove(0);
    assert!(
        !entry.contains_key("bad_data") && !entry.contains_key("error"),
        "{entry}"
    );
    assert_eq!(cache.count_pending().await.unwrap(), 1);

    let none = cache.retry_all(&typetag("email")).await.unwrap();
    let one = cache.retry_all(&typetag("cowrie")).await.unwrap();
    assert_eq!((none, one), (0, 1));
    assert_eq!(refuse_entries(&cache, "again").await.len(), 2);
    assert_eq!(cache.retry_all(&Selection::default()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_is_set_aside_shown_and_tried_again() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let raws: Vec<_> = (0..3).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    let bad = refuse_raws(&archive, "no eventid").await;
    assert_eq!(archive.count_refused(&["cowrie"]).await.unwrap(), 3);
    assert_eq!(archive.count_refused(&["email"]).await.unwrap(), 0);
    let listed = archive.refused(&["email", "cowrie"], 0).await.unwrap();
    let hash = bad[0].to_string();
    let first = Refused {
        typetag: "cowrie".to_owned(),
        id: hash[..16].to_owned(),
        by: "cowrie@1".to_owned(),
        reason: "no eventid".to_owned(),
        orgid: "unr".to_owned(),
        timestamp: 1.5,
        name: None,
        hash: Some(hash),
    };
    assert!(listed.contains(&first) && listed.len() == 3, "{listed:?}");
    for bytes in [8, 32] {
        let shown = archive
            .refused_raw(&bad[0].as_bytes()[..bytes])
            .await
            .unwrap();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["_hash"], json!(bad[0].to_string()));
        assert_eq!(shown[0]["_error"][0]["reason"], json!("no eventid"));
    }

    let mut watch = archive.watch();
    watch.changed().await.unwrap();
    let woken = tokio::spawn(async move { watch.changed().await });
    assert!(archive.retry(bad[0].as_bytes()).await.unwrap());
    assert!(
        !archive.retry(bad[0].as_bytes()).await.unwrap(),
        "it is not set aside any more"
    );
    woken.await.unwrap().unwrap();
    assert_eq!(archive.count_pending("cowrie@1").await.unwrap(), 1);
    let shown = archive.refused_raw(bad[0].as_bytes()).await.unwrap();
    assert!(shown.is_empty());
    let all = Selection::default();
    assert_eq!(archive.retry_all(&["email"], &all).await.unwrap(), 0);
    let both = ["email", "cowrie"];
    assert_eq!(archive.retry_all(&both, &all).await.unwrap(), 2);
    assert_eq!(refuse_raws(&archive, "still none").await.len(), 3);
}

fn typetag(typetag: &str) -> Selection {
    Selection {
        typetag: Some(typetag.to_owned()),
        ..Selection::default()
    }
}

/// Selections, each of which matches only one of the records: by typetag, organisation, time and reason.
fn selections() -> [(Selection, usize); 6] {
    let all = Selection::default();
    [
        (all.clone(), 3),
        (typetag("email"), 0),
        (
            Selection {
                orgid: Some("unr".to_owned()),
                ..all.clone()
            },
            3,
        ),
        (
            Selection {
                since: Some(1.6),
                ..all.clone()
            },
            0,
        ),
        (
            Selection {
                since: Some(1.5),
                reason: Some("BROKEN (seal".to_owned()),
                ..all.clone()
            },
            3,
        ),
        (
            Selection {
                reason: Some("broken.*seal".to_owned()),
                ..all
            },
            0,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_selected_and_deleted_with_their_bytes() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let large = submission(600_000);
    cache
        .submit(&[submission(3), large, submission(4)])
        .await
        .unwrap();
    let bad = refuse_entries(&cache, "a broken (seal)").await;
    cache.submit(&[submission(5)]).await.unwrap();
    for (selection, expected) in selections() {
        let listed = cache.refused_of(&selection, 0).await.unwrap();
        let mut read = 0;
        let count = cache.each_refused(&selection, |_| read += 1);
        count.await.unwrap();
        assert_eq!((listed.len(), read), (expected, expected), "{selection:?}");
    }
    assert!(cache.delete_refused(bad[1]).await.unwrap());
    assert!(!cache.delete_refused(bad[1]).await.unwrap());
    let deleted = cache.delete_all_refused(&typetag("email")).await.unwrap();
    assert_eq!(deleted, 0);
    let deleted = cache.delete_all_refused(&typetag("cowrie")).await.unwrap();
    assert_eq!(deleted, 2);
    for coll in ["fs.files", "fs.chunks", "file_entries"] {
        let left = find(&collection(&db, coll).await, doc! {}).await;
        assert_eq!(left.len(), 1, "{coll}: the one that waits");
    }
    assert_eq!(take_all(&cache).await, [submission(5).sealed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn raws_are_selected_deleted_and_know_their_submission() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let raws: Vec<_> = (0..3).map(|i| raw("cowrie", json!({"i": i}))).collect();
    archive.write(&raws, filters).await.unwrap();
    let bad = refuse_raws(&archive, "a broken (seal)").await;
    let both = ["email", "cowrie"];
    for (selection, expected) in selections() {
        let listed = archive.refused_of(&both, &selection, 0).await.unwrap();
        let mut read = 0;
        let count = archive.each_refused(&both, &selection, |_| read += 1);
        count.await.unwrap();
        assert_eq!((listed.len(), read), (expected, expected), "{selection:?}");
    }

    let listed = archive.refused(&both, 1).await.unwrap();
    let newest = listed[0].hash.clone().unwrap();
    let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let made = made.as_secs_f64();
    assert_eq!(cache.name_of(&newest, made).await.unwrap(), None);
    cache.submit(&[submission(3)]).await.unwrap();
    let entries = collection(&db, "file_entries").await;
    let done = doc! {"$set": {"_ref": [&newest]}};
    entries.update_one(doc! {}, done).await.unwrap();
    let name = cache.name_of(&newest, made).await.unwrap();
    assert_eq!(name.as_deref(), Some("cowrie.json"));

    let hash = bad[1].as_bytes();
    assert!(archive.delete_refused(hash).await.unwrap());
    assert!(!archive.delete_refused(hash).await.unwrap());
    for (selection, expected) in [("email", 0), ("cowrie", 2)] {
        let selection = typetag(selection);
        let deleted = archive.delete_all_refused(&both, &selection).await.unwrap();
        assert_eq!(deleted, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn raws_that_no_filter_reads_are_counted_by_typetag() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let of = |typetag, i| raw(typetag, json!({"i": i}));
    let raws = [
        of("cowrei", 1),
        of("cowrei", 2),
        of("cowrie", 3),
        of("zeek", 4),
    ];
    archive.write(&raws, filters).await.unwrap();
    let row = |typetag: &str, raws| Unread {
        typetag: typetag.to_owned(),
        raws,
    };
    let unread = archive.unread(&["email", "cowrie"]).await.unwrap();
    assert_eq!(unread, [row("cowrei", 2), row("zeek", 1)]);
    let unread = archive.unread(&["cowrei", "cowrie", "zeek"]).await.unwrap();
    assert_eq!(unread, []);
}

/// The same raw of two organisations is shown for both.
#[tokio::test(flavor = "multi_thread")]
async fn a_raw_is_set_aside_for_each_organisation() {
    let (server, db) = server().await;
    let archive = Raws::new(&Archive::open(&server, &db, COLL).await.unwrap());
    let raws = ["unr", "usc"].map(|orgid| raw_of(orgid, "cowrie", json!({"i": 1})));
    archive.write(&raws, filters).await.unwrap();
    let bad = refuse_raws(&archive, "no eventid").await;
    assert_eq!((bad.len(), bad[0]), (2, bad[1]));
    let shown = archive.refused_raw(&bad[0].as_bytes()[..8]).await.unwrap();
    let mut orgs: Vec<_> = shown.iter().map(|raw| raw["orgid"].clone()).collect();
    orgs.sort_by_key(ToString::to_string);
    assert_eq!(orgs, ["unr", "usc"]);
    let own = Selection {
        orgid: Some("usc".to_owned()),
        ..Selection::default()
    };
    assert_eq!(archive.retry_all(&["cowrie"], &own).await.unwrap(), 1);
    let left = archive.refused(&["cowrie"], 0).await.unwrap();
    assert_eq!((left.len(), left[0].orgid.as_str()), (1, "unr"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_and_not_made() {
    let (server, db) = server().await;
    let info = server.info().await.unwrap();
    assert!(info.replicated && info.version.contains('.'), "{info:?}");
    let purposes = [
        Purpose::Cache,
        Purpose::Archive,
        Purpose::Queries,
        Purpose::Identity,
    ];
    for purpose in purposes {
        for _ in 0..2 {
            let missing = server.missing_indexes(&db, COLL, purpose).await.unwrap();
            assert!(missing.len() > 1, "{purpose:?}: {missing:?}");
        }
    }
    open_all(&server, &db).await;
    for purpose in purposes {
        let missing = server.missing_indexes(&db, COLL, purpose).await.unwrap();
        assert_eq!(missing, [""; 0], "{purpose:?}");
    }
    let coll = collection(&db, COLL).await;
    coll.drop_index("raw_todo").await.unwrap();
    let missing = server
        .missing_indexes(&db, COLL, Purpose::Archive)
        .await
        .unwrap();
    assert_eq!(missing, ["instance.raw_todo"]);
}

async fn open_all(server: &Server, db: &str) {
    Cache::open(server, db, COLL).await.unwrap();
    Archive::open(server, db, COLL).await.unwrap();
    Queries::open(server, db, COLL).await.unwrap();
    cybexp_store::Feeds::open(server, db).await.unwrap();
    cybexp_store::Identity::open(server, db, COLL)
        .await
        .unwrap();
}

/// Refuses all pending entries, as the archive daemon would.
async fn refuse_entries(cache: &Cache, reason: &str) -> Vec<EntryId> {
    let mut queue = cache.pending().await.unwrap();
    let Taken::Work(entries) = queue.take().await.unwrap() else {
        panic!("no entry is pending");
    };
    let refused = |id| Opened {
        id,
        raw: Err(reason.to_owned()),
    };
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    queue
        .mark(&ids.iter().copied().map(refused).collect::<Vec<_>>())
        .await
        .unwrap();
    queue.release().await.unwrap();
    ids
}

/// Refuses all pending raws, as the filter would, and returns their hashes.
async fn refuse_raws(archive: &Raws, reason: &str) -> Vec<Hash> {
    let mut queue = archive.queue("cowrie@1").await.unwrap();
    let Taken::Work(raws) = queue.take().await.unwrap() else {
        panic!("no raw is pending");
    };
    let raws: Vec<PendingRaw> = raws.into_iter().map(Result::unwrap).collect();
    let outcomes = raws.iter();
    let outcomes = outcomes.map(|raw| RawOutcome::new(raw, Err(reason.to_owned())));
    let outcomes: Vec<RawOutcome> = outcomes.collect();
    queue.marker().mark(&outcomes, 5.0).await.unwrap();
    queue.marked(&outcomes);
    queue.release().await.unwrap();
    raws.iter().map(|raw| raw.hash).collect()
}
