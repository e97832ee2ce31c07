//! Records that nobody can read stand in front of good ones: the good ones are done, the others are set aside,
//! each with its reason.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::{BTreeMap, BTreeSet};

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc, oid::ObjectId};
use cybexp_seal::{Format, PrivateKey};
use cybexp_store::{NewEntry, Submission};
use cybexp_testkit::{Daemon, Site, verified};
use futures::TryStreamExt;
use serde_json::json;
use tahoe_core::{Hash, canonical};

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
const GOOD: usize = 200;

fn good(n: usize) -> String {
    json!({
        "eventid": "cowrie.login.failed", "session": "6a979d3a", "sensor": "osaka",
        "timestamp": "2026-11-02T03:14:11.249000Z", "src_ip": "198.51.100.7",
        "username": "root", "password": format!("password {n}"),
    })
    .to_string()
}

/// Submissions that no archive can open, by name, with how the reason begins.
fn sealed_wrongly(site: &Site) -> Vec<(&'static str, Submission, &'static str)> {
    let text = |text: &str| site.submission("cowrie", text);
    let sealed = |sealed: Vec<u8>| Submission {
        sealed,
        ..text("{}")
    };
    let mut flipped = site.seal(good(0).as_bytes());
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let whole = site.seal(good(0).as_bytes());
    let stranger = PrivateKey::generate(2048).unwrap().public_key();
    let entry = |change: fn(&mut NewEntry)| {
        let mut submission = text("{}");
        change(&mut submission.entry);
        submission
    };
    let nested = |depth| format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
    vec![
        ("changed byte", sealed(flipped), "seal: the seal is broken"),
        (
            "cut off",
            sealed(whole[..whole.len() / 2].to_vec()),
            "seal: ",
        ),
        ("empty", sealed(vec![]), "seal: "),
        ("no seal", sealed(good(0).into_bytes()), "seal: "),
        (
            "wrong key",
            sealed(stranger.seal(Format::Jwe, b"{}").unwrap()),
            "seal: ",
        ),
        (
            "wrong old key",
            sealed(stranger.seal(Format::Legacy, b"{}").unwrap()),
            "seal: ",
        ),
        (
            "NaN",
            text(r#"{"a": NaN}"#),
            "data: holds NaN, which is no number of JSON",
        ),
        (
            "great int",
            text("[18446744073709551616]"),
            "data: the integer 18446744073709551616 is ",
        ),
        (
            "deep",
            text(&nested(200)),
            "data: nested deeper than 90 levels",
        ),
        (
            "doubling",
            text(&nested(60)),
            "data: nested too deeply: its canonical form is longer",
        ),
        (
            "typetag",
            entry(|entry| entry.tags.typetag = "no identifier".to_owned()),
            "typetag: ",
        ),
        ("orgid", entry(|entry| entry.tags.orgid.clear()), "orgid: "),
        (
            "time",
            entry(|entry| entry.timestamp = f64::NAN),
            "timestamp: NaN is not a finite",
        ),
    ]
}

/// Records that the filter refuses.
fn refused_records() -> Vec<(&'static str, String, &'static str)> {
    let but = |field: &str| {
        let mut record: serde_json::Value = serde_json::from_str(&good(0)).unwrap();
        record.as_object_mut().unwrap().remove(field);
        record.to_string()
    };
    vec![
        ("cowrie", but("eventid"), "eventid is missing"),
        ("cowrie", but("session"), "session is missing"),
        ("cowrie", but("timestamp"), "timestamp is missing"),
        ("cowrie", "[1, 2]".to_owned(), "eventid is missing"),
        (
            "cowrie",
            "just a line of a log".to_owned(),
            "eventid is missing, and data holds no ",
        ),
        (
            "sighting",
            r#"{"ipv4": {"$gt": ""}}"#.to_owned(),
            "field `ipv4`: ",
        ),
        (
            "sighting",
            r#"{"category": "malicious"}"#.to_owned(),
            "a sighting names at least one ",
        ),
    ]
}

/// Documents among the raws that are none.
fn not_raws() -> Vec<(Document, &'static str)> {
    let raw = |more: Document| {
        let hash = Hash::of(&[&ObjectId::new().to_hex()]);
        let mut id = vec![b'r'];
        id.extend(hash.as_bytes());
        id.extend([0; 16]);
        let id = Binary {
            subtype: BinarySubtype::Generic,
            bytes: id,
        };
        let mut raw = doc! {
            "_id": id, "itype": "raw", "sub_type": "cowrie", "orgid": "unr", "timezone": "UTC",
            "timestamp": 1.0, "_hash": hash.to_string(), "_todo": ["cowrie"],
        };
        raw.extend(more);
        raw
    };
    let text = || good(0);
    vec![
        (raw(doc! {}), "not a raw: "),
        (raw(doc! {"data": DateTime::now()}), "not a raw: "),
        (
            raw(doc! {"data": {"eventid": f64::INFINITY}}),
            "not a raw: ",
        ),
        (raw(doc! {"data": text(), "orgid": 7}), "not a raw: "),
        (
            raw(doc! {"data": text(), "timestamp": "yesterday"}),
            "not a raw: ",
        ),
        (raw(doc! {"data": text(), "filters": "none"}), "not a raw: "),
        (
            raw(doc! {"data": {"data": text()}, "orgid": ""}),
            "orgid is empty",
        ),
    ]
}

async fn once(site: &Site, daemon: &str) {
    let daemon = Daemon::start(CYBEXP, &["daemon", daemon, "--once"], site);
    assert!(daemon.wait().success());
}

async fn all(site: &Site, section: &str, coll: &str, filter: Document) -> Vec<Document> {
    let coll = site.collection(section, coll).await;
    coll.find(filter)
        .sort(doc! {"_id": 1})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

fn sorted<'a>(hashes: impl Iterator<Item = &'a Bson>) -> BTreeSet<&'a str> {
    hashes.map(|hash| hash.as_str().unwrap()).collect()
}

/// The hash of the raw that is made of a text.
fn hash_of(typetag: &str, text: &str) -> String {
    let data = serde_json::from_str(text).unwrap_or_else(|_| json!({"data": text}));
    Hash::of(&["raw", typetag, &canonical(&data).unwrap()]).to_string()
}

#[tokio::test]
async fn entries_that_cannot_be_opened_are_set_aside_with_the_reason() {
    let site = Site::new("poison", json!({})).await;
    let mut expected = BTreeMap::new();
    for (name, mut submission, reason) in sealed_wrongly(&site) {
        submission.entry.name = name.to_owned();
        site.cache.submit(&[submission]).await.unwrap();
        expected.insert(name, reason);
    }
    // what the API would not write
    let entries = site.collection("cache", "file_entries").await;
    let files = site.collection("cache", "fs.files").await;
    let chunks = site.collection("cache", "fs.chunks").await;
    for (name, update, reason) in [
        (
            "no typetag",
            doc! {"$unset": {"typetag": ""}},
            "not an entry: ",
        ),
        ("no fid", doc! {"$unset": {"fid": ""}}, "not an entry: "),
        ("odd fid", doc! {"$set": {"fid": "abc"}}, "not an entry: "),
        (
            "odd time",
            doc! {"$set": {"timestamp": "noon"}},
            "not an entry: ",
        ),
        (
            "odd orgid",
            doc! {"$set": {"orgid": ["unr"]}},
            "not an entry: ",
        ),
        (
            "no file",
            doc! {"$set": {"fid": ObjectId::new()}},
            "its file ",
        ),
        ("no chunk", doc! {}, "its file "),
    ] {
        let long = " ".repeat(300 << 10);
        let mut submission = site.submission("cowrie", &(good(0) + &long));
        submission.entry.name = name.to_owned();
        site.cache.submit(&[submission]).await.unwrap();
        if !update.is_empty() {
            entries
                .update_one(doc! {"name": name}, update)
                .await
                .unwrap();
        }
        expected.insert(name, reason);
    }
    let file = files
        .find_one(doc! {"filename": "no chunk"})
        .await
        .unwrap()
        .unwrap();
    let last = doc! {"files_id": file.get_object_id("_id").unwrap(), "n": 1};
    assert_eq!(chunks.delete_one(last).await.unwrap().deleted_count, 1);
    let texts: Vec<String> = (0..GOOD).map(good).collect();
    site.submit("cowrie", texts.iter().map(String::as_str))
        .await;

    once(&site, "archive").await;

    assert_eq!(site.cache.count_pending().await.unwrap(), 0);
    let bad = all(&site, "cache", "file_entries", doc! {"bad_data": true}).await;
    assert_eq!(bad.len(), expected.len());
    for entry in &bad {
        let (name, reason) = (
            entry.get_str("name").unwrap(),
            entry.get_str("error").unwrap(),
        );
        println!("{name}: {reason}");
        assert!(reason.starts_with(expected[name]), "{name}: {reason}");
        assert!(reason.len() < 300, "{name}: {reason}");
        assert_eq!(entry.get("processed"), Some(&Bson::Boolean(true)));
        assert_eq!(entry.get("_ref"), None);
    }
    let reason = |name: &str| {
        let entry = bad
            .iter()
            .find(|entry| entry.get_str("name").unwrap() == name)
            .unwrap();
        entry.get_str("error").unwrap().to_owned()
    };
    assert!(reason("no typetag").contains("typetag"));
    assert!(reason("no file").ends_with(" is missing"));
    assert!(reason("no chunk").contains("is not whole: 261120 of "));
    // the sealed bytes stay, to be tried again
    assert_eq!(
        all(&site, "cache", "fs.files", doc! {}).await.len(),
        expected.len() + GOOD
    );

    let done = all(&site, "cache", "file_entries", doc! {"bad_data": null}).await;
    let raws = all(&site, "tahoe", "instance", doc! {"itype": "raw"}).await;
    assert_eq!((done.len(), raws.len()), (GOOD, GOOD));
    let refs = done
        .iter()
        .flat_map(|entry| entry.get_array("_ref").unwrap());
    let hashes = raws.iter().map(|raw| raw.get("_hash").unwrap());
    assert_eq!(sorted(refs), sorted(hashes));
    assert!(
        raws.iter()
            .all(|raw| raw.get_f64("timestamp").unwrap() == 1_700_000_000.5)
    );
    assert_eq!(
        site.cache.refused(1000).await.unwrap().len(),
        expected.len()
    );

    // nothing is tried again by itself
    once(&site, "archive").await;
    let again = all(&site, "cache", "file_entries", doc! {"bad_data": true}).await;
    assert_eq!(
        format!("{again:?}"),
        format!("{bad:?}"),
        "as text, where NaN is NaN"
    );
    // the file that no entry names any more only takes room
    let report = verified(CYBEXP, &site).await;
    assert_eq!(report["told"]["entries that were set aside"], bad.len());
}

#[tokio::test]
async fn raws_that_the_filter_cannot_take_are_set_aside_with_the_reason() {
    let site = Site::new("refused", json!({})).await;
    let raws = site.collection("tahoe", "instance").await;
    let mut expected = BTreeMap::new();
    for (document, reason) in not_raws() {
        expected.insert(document.get_str("_hash").unwrap().to_owned(), reason);
        raws.insert_one(document).await.unwrap();
    }
    for (typetag, text, reason) in refused_records() {
        site.submit(typetag, [text.as_str()]).await;
        expected.insert(hash_of(typetag, &text), reason);
    }
    let texts: Vec<String> = (0..GOOD).map(good).collect();
    site.submit("cowrie", texts.iter().map(String::as_str))
        .await;

    once(&site, "archive").await;
    once(&site, "analytics").await;

    let bad = all(&site, "tahoe", "instance", doc! {"_valid": false}).await;
    assert_eq!(bad.len(), expected.len());
    for raw in &bad {
        let [error] = &raw.get_array("_error").unwrap()[..] else {
            panic!("one filter reads it: {raw}");
        };
        let error = error.as_document().unwrap();
        let reason = error.get_str("reason").unwrap();
        println!("{reason}");
        let hash = raw.get_str("_hash").unwrap();
        assert!(reason.starts_with(expected[hash]), "{raw}");
        assert!(error.get_str("filter").unwrap().contains('@') && error.get_f64("at").is_ok());
        assert_eq!(raw.get("_ref"), None);
    }
    let observed = || doc! {"itype": "event", "derived": {"$exists": false}};
    let events = all(&site, "tahoe", "instance", observed()).await;
    assert_eq!(events.len(), GOOD);
    let good = all(
        &site,
        "tahoe",
        "instance",
        doc! {"itype": "raw", "_valid": null},
    )
    .await;
    assert_eq!(good.len(), GOOD);
    assert!(
        good.iter()
            .all(|raw| raw.get_array("filters").unwrap() == &["cowrie@4".into()])
    );
    let listed = site
        .raws
        .refused(&["cowrie", "sighting"], 1000)
        .await
        .unwrap();
    assert_eq!(listed.len(), expected.len());

    // nothing is tried again by itself, and nothing made twice
    once(&site, "analytics").await;
    assert_eq!(
        all(&site, "tahoe", "instance", doc! {"_valid": false}).await,
        bad
    );
    assert_eq!(all(&site, "tahoe", "instance", observed()).await, events);
    let report = verified(CYBEXP, &site).await;
    assert_eq!(report["told"]["raws that were set aside"], bad.len());
}
