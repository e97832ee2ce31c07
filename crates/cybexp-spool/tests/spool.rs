//! The spool: what it promises whoever takes and whoever posts.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::sync::Arc;
use std::time::Duration;

use cybexp_spool::{InputId, ItemKey, KnownInput, RecordBatch, Room, Spool};
use serde_json::json;
use tahoe_core::SubmissionTags;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

fn open(folder: &TempDir, max_bytes: u64) -> Spool {
    Spool::open(folder.path(), max_bytes).unwrap()
}

async fn register(spool: &Spool, name: &str) -> KnownInput {
    let tags = SubmissionTags {
        typetag: "cowrie".to_owned(),
        ..SubmissionTags::default()
    };
    spool.register(name, "file", &tags).await.unwrap()
}

fn batch(records: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Arc<RecordBatch> {
    let mut batch = RecordBatch::new();
    for record in records {
        batch.push(record.into());
    }
    Arc::new(batch)
}

async fn all(spool: &Spool, id: InputId) -> Vec<String> {
    let records = spool.next(id, 0, 100_000, u64::MAX).await.unwrap();
    let texts = records
        .iter()
        .map(|record| String::from_utf8(record.data.to_vec()).unwrap());
    texts.collect()
}

#[tokio::test]
async fn what_is_taken_is_there_after_a_crash_with_its_cursor_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let id = register(&spool, "london").await.id;
    let mut with_cursor = RecordBatch::clone(&batch(["one", "two"]));
    with_cursor.cursor = Some(json!({"offset": 8}));
    spool.put(id, &Arc::new(with_cursor)).await.unwrap();
    spool.put(id, &batch(["three"])).await.unwrap();
    // as a crash would leave it: file and journal as they are on disk now
    let crashed = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }

    let again = open(&crashed, 64 * MIB);
    let known = register(&again, "london").await;
    assert_eq!(known.cursor, Some(json!({"offset": 8})));
    assert_eq!((known.counts.taken, known.spooled), (3, 3));
    assert_eq!(all(&again, known.id).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn inputs_are_apart_and_an_id_is_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let (london, oslo) = (
        register(&spool, "london").await.id,
        register(&spool, "oslo").await.id,
    );
    spool.put(london, &batch(["a"])).await.unwrap();
    spool.put(oslo, &batch(["b"])).await.unwrap();
    let first = spool.next(london, 0, 10, MIB).await.unwrap();
    assert_eq!(first.len(), 1);
    spool.posted(london, first[0].id);
    // told twice, for it was sent twice
    spool.posted(london, first[0].id);
    spool.put(london, &batch(["c"])).await.unwrap();
    let second = spool.next(london, first[0].id, 10, MIB).await.unwrap();
    assert_eq!(&second[0].data[..], b"c");
    assert!(second[0].id > first[0].id);

    let known = spool.known().await.unwrap();
    let counts: Vec<_> = known
        .iter()
        .map(|known| (known.counts.taken, known.counts.posted, known.spooled))
        .collect();
    assert_eq!(counts, [(2, 1, 1), (1, 0, 1)]);
}

#[tokio::test]
async fn a_page_is_bounded_by_bytes_but_never_empty() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let id = register(&spool, "london").await.id;
    let large = vec![b'x'; 1_000_000];
    spool
        .put(id, &batch([large.clone(), large.clone(), large]))
        .await
        .unwrap();
    assert_eq!(spool.next(id, 0, 10, 1).await.unwrap().len(), 1);
    assert_eq!(spool.next(id, 0, 10, 1_500_000).await.unwrap().len(), 2);
    assert_eq!(spool.next(id, 0, 2, u64::MAX).await.unwrap().len(), 2);
}

#[tokio::test]
async fn refused_records_stand_aside_until_their_input_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let id = register(&spool, "london").await.id;
    spool.put(id, &batch(["good", "poison"])).await.unwrap();
    let records = spool.next(id, 0, 10, MIB).await.unwrap();
    spool.refused(records[1].id, "too large (413)");
    assert_eq!(all(&spool, id).await, ["good"]);
    let known = spool.known().await.unwrap();
    assert_eq!((known[0].spooled, known[0].refused), (2, 1));

    assert_eq!(register(&spool, "london").await.refused, 0);
    assert_eq!(all(&spool, id).await, ["good", "poison"]);
}

#[tokio::test]
async fn marks_are_set_found_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let id = register(&spool, "feed").await.id;
    let (a, b, c) = (ItemKey::of("a"), ItemKey::of("b"), ItemKey::of("c"));
    let marks = |marks: &[(ItemKey, i64)], forget_below| {
        let mut batch = RecordBatch::new();
        batch.marks = marks.to_vec();
        batch.forget_below = forget_below;
        Arc::new(batch)
    };
    spool
        .put(id, &marks(&[(a, 1), (b, 1)], None))
        .await
        .unwrap();
    spool.put(id, &marks(&[(b, 2)], Some(2))).await.unwrap();
    let found = spool.marks(id, vec![a, b, c]).await.unwrap();
    assert_eq!(found, [None, Some(2), None]);
}

#[tokio::test]
async fn another_plugin_under_the_same_name_begins_anew_but_keeps_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let id = register(&spool, "london").await.id;
    let mut taken = RecordBatch::clone(&batch(["one"]));
    taken.cursor = Some(json!(5));
    taken.marks = vec![(ItemKey::of("a"), 1)];
    spool.put(id, &Arc::new(taken)).await.unwrap();
    spool.not_before(id, 1e12).await.unwrap();

    let tags = SubmissionTags::default();
    let known = spool.register("london", "http", &tags).await.unwrap();
    assert_eq!(
        (known.cursor, known.not_before, known.spooled),
        (None, 0.0, 1)
    );
    let marks = spool.marks(id, vec![ItemKey::of("a")]).await.unwrap();
    assert_eq!(marks, [None]);
}

#[tokio::test]
async fn it_is_bounded_and_there_is_room_again_after_posting() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 4 * MIB);
    let id = register(&spool, "london").await.id;
    let half = batch(vec![vec![b'x'; 1000]; 1000]);
    let mut taken = 0;
    while spool.put(id, &half).await.unwrap() == Room::Taken {
        taken += 1000;
        assert!(taken < 10_000, "it has no bound");
    }
    assert!(taken >= 2000, "{taken} records of 1 kB in 4 MiB");
    assert!(spool.used_bytes().await.unwrap() <= 4 * MIB);
    // a cursor alone needs no room
    let mut cursor = RecordBatch::new();
    cursor.cursor = Some(json!(1));
    assert_eq!(spool.put(id, &Arc::new(cursor)).await.unwrap(), Room::Taken);

    let freed = spool.freed();
    for record in spool.next(id, 0, 2000, u64::MAX).await.unwrap() {
        spool.posted(id, record.id);
    }
    tokio::time::timeout(Duration::from_secs(60), freed)
        .await
        .unwrap();
    assert_eq!(spool.put(id, &half).await.unwrap(), Room::Taken);
    let never = batch([vec![b'x'; 5 << 20]]);
    assert_eq!(spool.put(id, &never).await.unwrap(), Room::Never);
}

#[tokio::test]
async fn room_is_given_back_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 256 * MIB);
    let id = register(&spool, "london").await.id;
    for _ in 0..30 {
        let one = batch(vec![vec![b'x'; 1 << 20]]);
        assert_eq!(spool.put(id, &one).await.unwrap(), Room::Taken);
    }
    for record in spool.next(id, 0, 100, u64::MAX).await.unwrap() {
        spool.posted(id, record.id);
    }
    let size = || {
        std::fs::metadata(folder.path().join("spool.db"))
            .unwrap()
            .len()
    };
    cybexp_testkit::eventually("the file is small again", async || size() < 20 * MIB).await;
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not a folder");
    std::fs::write(&file, "").unwrap();
    let error = Spool::open(&file.join("spool"), MIB)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a folder/spool"), "{error}");

    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join("spool.db"), vec![b'x'; 8192]).unwrap();
    let error = Spool::open(damaged.path(), MIB).unwrap_err().to_string();
    assert!(
        error.contains("spool.db") && error.contains("not a database"),
        "{error}"
    );
}

#[tokio::test]
async fn many_writers_share_the_wait_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder, 64 * MIB);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let spool = spool.clone();
        writers.spawn(async move {
            let id = register(&spool, &format!("input {number}")).await.id;
            for record in 0..50 {
                let one = batch([format!("{number} {record}")]);
                assert_eq!(spool.put(id, &one).await.unwrap(), Room::Taken);
            }
        });
    }
    writers.join_all().await;
    let known = spool.known().await.unwrap();
    assert_eq!(known.len(), 20);
    for known in known {
        assert_eq!(known.spooled, 50);
        let number = known.name.strip_prefix("input ").unwrap();
        let expected: Vec<_> = (0..50).map(|record| format!("{number} {record}")).collect();
        assert_eq!(all(&spool, known.id).await, expected);
    }
}
