//! Indexes for the queues of entries, raws and queries, and for leases.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, doc};
use tahoe_core::Status;

use super::plan::Plan;
use super::{attribute, fill, fill_stored, hash, raw, server, stored_raw};
use crate::archive::open::Archive;
use crate::archive::{ids, stored};
use crate::cache::files;
use crate::cache::open::Cache;
use crate::cache::orphans;
use crate::cache::queue as entries;
use crate::cache::recent;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::mongo::lease::{self, Taken};
use crate::quarantine::list;
use crate::quarantine::page;
use crate::quarantine::selection::Selection;
use crate::queries::claim::{self, Turn};
use crate::queries::queue::{self as queries, Queries};
use crate::raws::outcome::{self, RawOutcome};
use crate::raws::pending::PendingRaw;
use crate::raws::queue::{Raws, pending, unleased};
use crate::raws::versions;
use crate::sweep;

#[tokio::test(flavor = "multi_thread")]
async fn pending_raws_are_found_among_those_done() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let done = |i: i32| {
        let mut raw = stored_raw(&raw("cowrie", i), &[]);
        raw.insert("filters", ["cowrie@1"]);
        raw
    };
    let waiting = |typetag, filters: &'static [&str], all: std::ops::Range<i32>| {
        all.map(move |i| stored_raw(&raw(typetag, i), filters))
    };
    fill(&archive.coll, (0..7000).map(done)).await;
    fill(&archive.coll, waiting("email", &["email"], 7000..8000)).await;
    fill(&archive.coll, waiting("cowrie", &["cowrie"], 8020..8030)).await;
    fill(
        &archive.coll,
        waiting("cowrie", &["cowrie", "other"], 8000..8020),
    )
    .await;

    let find = pending("cowrie@1", unleased(&[]));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(30 + 2, 30);

    let rows = find.all(&archive.coll).await.unwrap();
    let times = rows.iter().map(|row| row.get_f64("timestamp").unwrap());
    assert!(times.eq((8000..8030).map(f64::from)), "oldest first");
    let leased: Vec<Bson> = rows[..20]
        .iter()
        .map(|row| ids::binary(row.get_binary("_id").unwrap().bytes))
        .collect();
    let find = pending("cowrie@1", unleased(&leased));
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(2 * 30 + 10, 10);

    let theirs = pending("cowrie@1", doc! {"$in": leased}).limit(1);
    let plan = Plan::find(&archive.coll, &theirs).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2 * 30 + 10, 2);
}

/// A risen version finds the raws that it has not read by their ids, some at a time.
#[tokio::test(flavor = "multi_thread")]
async fn older_raws_are_walked_through_by_their_ids() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let raws = (0..3000).map(|i| stored_raw(&raw("cowrie", i), &[]));
    fill(&archive.coll, raws).await;
    let attributes = (0..3000).map(|i| {
        let one = attribute(i);
        stored::plain(one.hash(), &one).unwrap()
    });
    fill_stored(&archive.coll, attributes).await;
    let first = versions::after(None);
    let plan = Plan::find(&archive.coll, &first).await;
    assert_eq!(plan.returned, 2000);
    plan.reads_at_most(2000 + 1, 2000);
    let rows = first.all(&archive.coll).await.unwrap();
    let place = rows[1999].get_binary("_id").unwrap().bytes;
    let plan = Plan::find(&archive.coll, &versions::after(Some(ids::binary(place)))).await;
    assert_eq!(plan.returned, 1000);
    plan.reads_at_most(1000 + 1, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn raws_are_marked_by_their_ids() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let raws = (0..3000).map(|i| stored_raw(&raw("cowrie", i), &["cowrie", "other"]));
    fill(&archive.coll, raws).await;
    let mut queue = Raws::new(&archive).queue("cowrie@1").await.unwrap();
    let Taken::Work(raws) = queue.take().await.unwrap() else {
        panic!("there is work");
    };
    let outcome = |(n, raw): (usize, &Result<PendingRaw, RawOutcome>)| {
        let made = match n {
            0 => Err("refused".to_owned()),
            _ => Ok(vec![hash("made")]),
        };
        RawOutcome::new(raw.as_ref().unwrap(), made)
    };
    let outcomes: Vec<RawOutcome> = raws.iter().enumerate().take(50).map(outcome).collect();
    let updates = outcome::updates("cowrie@1", &outcomes, 0.0);
    assert_eq!(updates.len(), 2, "equal ones are marked together");
    for ((filter, update), n) in updates.into_iter().zip([1, 49]) {
        let plan = Plan::update_many(&archive.coll, filter, update).await;
        plan.reads_at_most(2 * n + 1, n);
    }
}

/// Quarantined raws are listed by the index of these, and found by the beginning of their hashes.
#[tokio::test(flavor = "multi_thread")]
async fn refused_raws_are_found_among_the_others() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let raws = (0..3000).map(|i| stored_raw(&raw("cowrie", i), &["cowrie"]));
    fill(&archive.coll, raws).await;
    let refused = (3000..3040).map(|i| {
        let mut raw = stored_raw(&raw("cowrie", i), &[]);
        let error = doc! {"filter": "cowrie@1", "reason": "no eventid", "at": 1.0};
        raw.extend(doc! {"filters": ["cowrie@1"], "_error": [error], "_valid": false});
        raw
    });
    fill(&archive.coll, refused).await;
    let find = list::refused_raws(&["cowrie"], &Selection::default());
    let plan = Plan::find(
        &archive.coll,
        &find.clone().sort(doc! {"timestamp": -1}).limit(10),
    )
    .await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(10, 10);
    Plan::count(&archive.coll, &find)
        .await
        .reads_at_most(41, 40);
    let hash = raw("cowrie", 3007).hash();
    for bytes in [4, 32] {
        let one = list::refused_raw(&hash.as_bytes()[..bytes]);
        let one = Find::new("testing", ID, one);
        let plan = Plan::find(&archive.coll, &one).await;
        assert_eq!(plan.returned, 1);
        plan.reads_at_most(3, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_entries_are_found_among_those_done() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let entry = |processed: bool| doc! {"typetag": "cowrie", "processed": processed};
    fill(&cache.entries, (0..5000).map(|_| entry(true))).await;
    fill(&cache.entries, (0..20).map(|_| entry(false))).await;

    let plan = Plan::find(&cache.entries, &entries::pending(&[])).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(20 + 5, 20);

    let rows = entries::pending(&[]).all(&cache.entries).await.unwrap();
    let id = |row: &bson::RawDocumentBuf| row.get_object_id("_id").unwrap();
    let leased: Vec<Bson> = rows[..10].iter().map(|row| id(row).into()).collect();
    let plan = Plan::find(&cache.entries, &entries::pending(&leased)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(2 * 20 + 5, 10);

    let opened = entries::Opened {
        id: id(&rows[0]),
        raw: Ok(hash("raw")),
    };
    let plan = Plan::update(&cache.entries, &entries::marked(&opened)).await;
    plan.reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_found_by_id() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let fids: Vec<ObjectId> = (0..2000).map(|_| ObjectId::new()).collect();
    let file = |fid: &ObjectId| doc! {"_id": fid, "length": 3_i64, "filename": "x"};
    let chunk = |fid: &ObjectId, n: i32| doc! {"files_id": fid, "n": n};
    fill(&cache.files, fids.iter().map(file)).await;
    let chunks = fids
        .iter()
        .flat_map(|fid| (0..3).map(move |n| chunk(fid, n)));
    fill(&cache.chunks, chunks).await;

    let wanted: Vec<ObjectId> = fids.iter().step_by(50).copied().collect();
    let plan = Plan::find(&cache.files, &files::file_lengths(&wanted)).await;
    assert_eq!(plan.returned, 40);
    plan.reads_at_most(2 * 40 + 2, 40);
    let plan = Plan::find(&cache.chunks, &files::file_chunks(&wanted)).await;
    assert_eq!(plan.returned, 120);
    plan.reads_at_most(2 * 120 + 2, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_hold_are_found_among_those_that_ended() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let queue = Raws::new(&archive).queue("cowrie@1").await.unwrap();
    let leases = server.collection(&db, "leases");
    let row = |work: &str, ends_in_s: i64| {
        let until = bson::DateTime::now().timestamp_millis() + ends_in_s * 1000;
        let until = bson::DateTime::from_millis(until);
        doc! {"work": work, "until": until, "items": [ObjectId::new()]}
    };
    fill(&leases, (0..2000).map(|_| row("email", 60))).await;
    fill(&leases, (0..2000).map(|_| row("cowrie", -60))).await;
    fill(&leases, (0..3).map(|_| row("cowrie", 60))).await;
    let plan = Plan::find(&leases, &lease::rows("cowrie", ObjectId::new())).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(2 * 3 + 2, 3);
    // those of workers that died
    fill(&leases, (0..3).map(|_| row("email@1", -60))).await;
    let plan = Plan::find(&leases, &lease::ended("email@1", ObjectId::new())).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(2 * 3 + 2, 3);
    drop(queue);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_without_a_file_are_sought_in_the_index_alone() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let at = |second: u32, i: u8| {
        let mut id = [i; 12];
        id[..4].copy_from_slice(&second.to_be_bytes());
        ObjectId::from_bytes(id)
    };
    let chunks = (0..100).flat_map(|i| (0..20).map(move |second| (second, i)));
    let chunks = chunks.map(|(second, i)| doc! {"files_id": at(second, i), "n": 0});
    fill(&cache.chunks, chunks).await;
    let plan = Plan::find(&cache.chunks, &orphans::begun(at(5, 0), at(6, 0))).await;
    assert_eq!(plan.returned, 99);
    plan.reads_at_most(99 + 2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_reads_one_key_however_many_queries_wait() {
    let (server, db) = server().await;
    let queries = Queries::open(&server, &db, "instance").await.unwrap();
    let in_status = |status: Status, user: &str, i: i32| {
        let cref = [
            status.attribute().hash(),
            hash(format_args!("{status:?}{user}{i}")),
        ];
        let cref = cref.map(|hash| hash.to_string());
        let lease = doc! {"until": bson::DateTime::from_millis(i64::from(i))};
        doc! {
            "itype": "object", "sub_type": "query", "data": {"status": [status.as_str()]},
            "_cref": &cref, "_ref": &cref, "_hash": hash(&cref[1]).to_string(), "_lease": lease,
            "_asked": f64::from(i % 100), "_user": user,
        }
    };
    let many = |status: Status, user: &'static str, n: i32| {
        (0..n).map(move |i| in_status(status, user, i))
    };
    fill(&queries.coll, many(Status::Ready, "ann", 3000)).await;
    fill(&queries.coll, many(Status::Failed, "ann", 1000)).await;
    fill(&queries.coll, many(Status::Processing, "ann", 5)).await;
    fill(&queries.coll, many(Status::Wait, "ann", 3000)).await;
    fill(&queries.coll, many(Status::Wait, "bob", 50)).await;
    fill(&queries.coll, many(Status::Wait, "eve", 3000)).await;

    let lease = Duration::from_secs(60);
    let busy = ["ann".to_owned(), "eve".to_owned()];
    let turn = |after| Turn { after, busy: &[] };
    let among = |after| Turn { after, busy: &busy };
    for (find, keys) in [
        (claim::next(turn("")), 2),
        (claim::next(turn("ann")), 2),
        (claim::next(among("")), 4),
        (claim::waiting(&[]), 2),
        (claim::waiting(&busy), 4),
        (claim::abandoned(), 5 + 1),
    ] {
        let plan = Plan::find(&queries.coll, &find).await;
        assert_eq!(plan.returned, 1);
        plan.reads_at_most(keys, keys);
        let taken = claim::taken(ObjectId::new(), lease);
        let plan = Plan::find_and_modify(&queries.coll, &find, taken).await;
        plan.reads_at_most(keys, keys);
    }
    // nobody comes after the last user, and that is seen at once
    let plan = Plan::find(&queries.coll, &claim::next(turn("eve"))).await;
    assert_eq!(plan.returned, 0);
    plan.reads_at_most(1, 0);

    let asked: Vec<String> = (0..100)
        .map(|i| hash(hash(format_args!("Readyann{i}"))).to_string())
        .collect();
    let plan = Plan::find(&queries.coll, &queries::by_hash(&asked)).await;
    assert_eq!(plan.returned, 100);
    plan.reads_at_most(2 * 100 + 2, 100);
    let covered = queries::by_hash(&asked).project(doc! {"_id": 0, "_hash": 1});
    let plan = Plan::find(&queries.coll, &covered).await;
    plan.reads_at_most(2 * 100 + 2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_submissions_and_reports_are_found_by_their_ids() {
    let (server, db) = server().await;
    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let id = |second: i32| {
        let bytes = [&second.to_be_bytes()[..], &[0; 8]].concat();
        ObjectId::from_bytes(bytes.try_into().unwrap())
    };
    let entry =
        |i: i32| doc! {"_id": id(i), "processed": true, "bad_data": i % 3 == 0, "fid": id(i)};
    fill(&cache.entries, (0..3000).map(entry)).await;
    let find = sweep::cache::after(id(1000), id(1100));
    let plan = Plan::find(&cache.entries, &find).await;
    assert_eq!(plan.returned, 99);
    plan.reads_at_most(100, 99);
    let plan = Plan::find(&cache.entries, &sweep::cache::bad(id(300))).await;
    assert_eq!(plan.returned, 100);
    plan.reads_at_most(101, 100);

    let queries = Queries::open(&server, &db, "instance").await.unwrap();
    let query = |i: i32| {
        doc! {"_id": id(i), "itype": "object", "sub_type": "query", "_hash": format!("{i}"), "_cref": ["a", i.to_string()]}
    };
    fill(&queries.coll, (0..3000).map(query)).await;
    let plan = Plan::find(&queries.coll, &sweep::reports::made(id(10), id(20))).await;
    assert_eq!(plan.returned, 9);
    plan.reads_at_most(10, 9);
    for (hash, returned) in [("a", 1), ("77", 1), ("none", 0)] {
        let plan = Plan::find(&queries.coll, &sweep::reports::naming(hash)).await;
        assert_eq!(plan.returned, returned);
        plan.reads_at_most(2, 1);
    }
}

/// Who may see an organisation reads the keys of its refused records, and no others, however many others have.
#[tokio::test(flavor = "multi_thread")]
async fn the_quarantine_of_an_organisation_is_found_among_that_of_others() {
    let (server, db) = server().await;
    let archive = Archive::open(&server, &db, "instance").await.unwrap();
    let refused = |i: i32| {
        let mut raw = stored_raw(&raw("cowrie", i), &[]);
        let error = doc! {"filter": "cowrie@1", "reason": "why", "at": 5.0};
        raw.extend(doc! {"_error": [error], "_valid": false});
        let orgid = if i % 100 == 0 { "own" } else { "other" };
        raw.extend(doc! {"orgid": orgid, "timestamp": f64::from(i / 500)});
        raw
    };
    fill(&archive.coll, (0..5000).map(refused)).await;
    let find = page::refused_raws(&["own", "none"], None, 20);
    let plan = Plan::find(&archive.coll, &find).await;
    assert_eq!(plan.returned, 20);
    plan.reads_at_most(20 + 4, 20);
    let visible = crate::visible::Visible(vec![tahoe_core::OrgId::new("own").unwrap()]);
    let reader = crate::graph::read::reader::GraphReader::new(&archive);
    let (mut after, mut seen) = (None, std::collections::BTreeSet::new());
    loop {
        let page = reader.refused_page(&visible, None, after, 7).await.unwrap();
        for raw in page.records {
            assert!(seen.insert(raw.hash), "each once");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 50);

    let cache = Cache::open(&server, &db, "file_entries").await.unwrap();
    let entry = |i: i32| {
        let orgid = if i % 100 == 0 { "own" } else { "other" };
        doc! {
            "typetag": "cowrie", "orgid": orgid, "timestamp": f64::from(i), "processed": true, "bad_data": i % 2 == 0,
            "error": "why", "name": "a",
        }
    };
    fill(&cache.entries, (0..4000).map(entry)).await;
    let own = ["own".to_owned()];
    let find = page::bad_entries(&own, None, 10);
    let plan = Plan::find(&cache.entries, &find).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(10 + 2, 10);
    let find = recent::recent(&own, 30);
    let plan = Plan::find(&cache.entries, &find).await;
    assert_eq!(plan.returned, 30);
    plan.reads_at_most(30 + 2, 30);
    let page = cache.refused_page(&own, None, 30).await.unwrap();
    assert_eq!(page.records.len(), 30);
    let rest = cache.refused_page(&own, page.next, 30).await.unwrap();
    assert_eq!((rest.records.len(), rest.next), (10, None));
}
