//! `cybexp migrate`: the archive that it makes is the one that the same raws make in an empty archive.

#![allow(clippy::unwrap_used)]

mod old;

use std::collections::BTreeSet;
use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use cybexp_filters::readers;
use cybexp_store::CensusRow;
use cybexp_testkit::{Daemon, Site, cowrie};
use old::{Given, Writer, documents, fill, forged, id, id_of, nth};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tahoe_core::Hash;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");

/// Runs `cybexp migrate` and returns its exit status, its standard output and its standard error.
fn migrate(site: &Site, args: &[&str]) -> (i32, String, String) {
    let output = command(site).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn command(site: &Site) -> Command {
    let mut command = Command::new(CYBEXP);
    command.env("CYBEXP_CONFIG", &site.config).arg("migrate");
    command.stdin(Stdio::null());
    command
}

/// Runs the migration to its end and returns its report.
fn report(site: &Site) -> Value {
    let (code, out, err) = migrate(site, &["--yes", "--json"]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn analyse(site: &Site) {
    let daemon = Daemon::start(CYBEXP, &["daemon", "analytics", "--once"], site);
    assert!(daemon.wait().success());
}

/// Records of a honeypot and feeds, of two organisations.
fn given(records: usize) -> Vec<Given> {
    let mut given = Vec::new();
    for (n, line) in cowrie::records(records, 3).iter().enumerate() {
        let data: Value = serde_json::from_str(line).unwrap();
        // each session belongs to an organisation, and some of the first ones to both
        let session = data["session"].as_str().unwrap();
        let odd = session.bytes().map(u32::from).sum::<u32>() % 2 == 1;
        let orgids: &[&'static str] = match odd {
            _ if n < 100 => &["unr", "other"],
            true => &["unr"],
            false => &["other"],
        };
        given.extend(orgids.iter().map(|orgid| Given {
            typetag: "cowrie",
            orgid,
            data: data.clone(),
            timestamp: 1_700_000_000 + n as u32,
        }));
    }
    for (n, host) in ["a.example", "b.example"].iter().enumerate() {
        given.push(Given {
            typetag: "openphish_feed",
            orgid: "unr",
            data: json!({"data": format!("http://{host}/login\nhttp://{host}/pay")}),
            timestamp: 1_700_100_000 + n as u32,
        });
    }
    given.push(Given {
        typetag: "nobody_reads_this",
        orgid: "unr",
        data: json!({"data": [1, 1.0, true]}),
        timestamp: 1_700_200_000,
    });
    given
}

/// Returns the archive that the raws make where there was none.
async fn fresh(given: &[Given]) -> Vec<CensusRow> {
    let site = Site::new("fresh", json!({})).await;
    let raws: Vec<_> = given.iter().map(Given::raw).collect();
    site.raws.write(&raws, readers).await.unwrap();
    analyse(&site);
    site.archive.census().await.unwrap()
}

fn assert_same(fresh: &[CensusRow], migrated: &[CensusRow]) {
    let differ = fresh.iter().zip(migrated).find(|(a, b)| a != b);
    assert!(differ.is_none(), "fresh and migrated: {differ:#?}");
    assert_eq!(fresh.len(), migrated.len());
}

fn sum(report: &Value, field: &str) -> u64 {
    let kinds = report["kinds"].as_object().unwrap();
    kinds
        .values()
        .map(|kind| kind[field].as_u64().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_the_release_before_is_that_of_its_raws_and_kills_change_nothing() {
    let given = given(3000);
    let fresh = fresh(&given).await;
    let documents = documents(&given, Writer::Release);

    let calm = Site::new("calm", json!({})).await;
    fill(&calm, &documents).await;
    let since = Instant::now();
    let calm_report = report(&calm);
    let took = since.elapsed();
    eprintln!("{} documents in {took:?}: {calm_report:#}", documents.len());
    assert_eq!(sum(&calm_report, "read"), documents.len() as u64);
    for none in ["duplicates", "broken", "dangling"] {
        assert_eq!(sum(&calm_report, none), 0, "{calm_report:#}");
    }
    assert_eq!(calm_report["waiting"], given.len() as u64 - 1);
    let before = calm.archive.census().await.unwrap();
    analyse(&calm);
    assert_same(&fresh, &calm.archive.census().await.unwrap());

    let site = Site::new("killed", json!({})).await;
    fill(&site, &documents).await;
    let mut rng = StdRng::seed_from_u64(4);
    let mut hits = 0;
    for _ in 0..10 {
        let mut child = command(&site)
            .args(["--yes", "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let most = took.as_millis() as u64 / 4;
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..most.max(100)))).await;
        hits += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(hits >= 5, "only {hits} of 10 kills interrupted anything");
    let mut killed_report = report(&site);
    killed_report["before"] = calm_report["before"].clone();
    assert_eq!(killed_report, calm_report);
    assert_same(&before, &site.archive.census().await.unwrap());
    analyse(&site);
    assert_same(&fresh, &site.archive.census().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_the_python_system_is_that_of_its_raws() {
    let given = given(600);
    let fresh = fresh(&given).await;
    let documents = documents(&given, Writer::Python);
    let site = Site::new("python", json!({})).await;
    fill(&site, &documents).await;
    let report = report(&site);
    assert_eq!(sum(&report, "read"), documents.len() as u64);
    let key = |document: &Document| {
        let text = |field| document.get_str(field).unwrap_or_default().to_owned();
        (text("_hash"), text("orgid"))
    };
    let distinct: BTreeSet<_> = documents.iter().map(key).collect();
    assert_eq!(
        sum(&report, "duplicates"),
        (documents.len() - distinct.len()) as u64
    );
    assert_eq!(
        sum(&report, "broken") + sum(&report, "dangling"),
        0,
        "{report:#}"
    );
    analyse(&site);
    let mut migrated = site.archive.census().await.unwrap();
    assert_same(&fresh, &migrated);

    // a second run says so and changes nothing
    let (code, out, err) = migrate(&site, &["--json"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("was taken over before"), "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), report);
    let before = site.collection("tahoe", "instance_before").await;
    assert_eq!(
        before.count_documents(doc! {}).await.unwrap(),
        documents.len() as u64
    );
    let (code, _, err) = migrate(&site, &["--drop"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(before.count_documents(doc! {}).await.unwrap(), 0);
    migrated = site.archive.census().await.unwrap();
    assert_same(&fresh, &migrated);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_dropped_or_mended_and_told() {
    let given = given(300);
    let mut documents = documents(&given, Writer::Release);
    let stranger = Hash::of(&["stranger"]).to_string();
    let again = {
        let mut again = nth(&mut documents, "event", 3).clone();
        again.insert("_id", id(7, 2));
        again
    };
    // an event of another content than its hash
    let event = nth(&mut documents, "event", 5);
    let broken_event = id_of(event);
    event.insert("timestamp", 5.0);
    let event = nth(&mut documents, "event", 6);
    event
        .get_array_mut("_ref")
        .unwrap()
        .push(stranger.clone().into());
    let session = nth(&mut documents, "session", 0);
    session
        .get_array_mut("_ref")
        .unwrap()
        .push(stranger.clone().into());
    let raw = nth(&mut documents, "raw", 1);
    let wounded_raw = id_of(raw);
    raw.get_array_mut("_ref")
        .unwrap()
        .push(stranger.clone().into());
    let lost = {
        let event = nth(&mut documents, "event", 8);
        event.get_array("_cref").unwrap()[0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    documents.retain(|document| document.get_str("_hash").unwrap_or_default() != lost);
    documents.extend([again, forged(), doc! {"_id": id(7, 3), "itype": "riddle"}]);
    let site = Site::new("damaged", json!({})).await;
    fill(&site, &documents).await;
    let coll = site.collection("tahoe", "instance").await;

    let report = report(&site);
    assert_eq!(sum(&report, "read"), documents.len() as u64);
    assert_eq!(report["kinds"]["event"]["duplicates"], 1);
    assert_eq!(report["restored"], 1, "{report:#}");
    let broken: Vec<&str> = report["broken"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["_id"].as_str().unwrap())
        .collect();
    let expected = [id(7, 1).to_hex(), broken_event, id(7, 3).to_hex()];
    assert_eq!(broken, expected, "{report:#}");
    let dangling = report["dangling"].as_array().unwrap();
    assert!(
        dangling.iter().any(|row| row["_id"] == *wounded_raw),
        "{report:#}"
    );
    let told = report["dangling"].to_string();
    for text in [
        format!("{lost} had no document, and was made again").as_str(),
        "1 elements of its lists are not of its data",
        "events do not exist",
    ] {
        assert!(told.contains(text), "{text}: {report:#}");
    }
    // the forged attribute is gone, and the lost one is back
    let stored = coll.count_documents(doc! {"_hash": &lost}).await.unwrap();
    assert_eq!(stored, 1);
    let forged = doc! {"data": "203.0.113.77"};
    assert_eq!(coll.count_documents(forged).await.unwrap(), 0);
    analyse(&site);
    assert_same(&fresh(&given).await, &site.archive.census().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_over_while_daemons_are_at_work_nor_do_they_start_meanwhile() {
    let given = given(50);
    let site = Site::new("busy", json!({})).await;
    let (code, _, err) = migrate(&site, &[]);
    assert!(code == 0 && err.contains("nothing is to be done"), "{err}");

    let daemon = Daemon::start(CYBEXP, &["daemon", "analytics"], &site);
    let connected = async || {
        let (_, _, err) = migrate(&site, &[]);
        err.contains("cybexp-analytics") && err.contains("at work")
    };
    fill(&site, &documents(&given, Writer::Release)).await;
    cybexp_testkit::eventually("the daemon is seen", connected).await;
    assert!(daemon.terminate().success());

    // what a killed run leaves keeps daemons out until it is done
    let place = site.collection("tahoe", "instance_migration").await;
    place
        .insert_one(doc! {"_id": "migration", "done": false})
        .await
        .unwrap();
    let log = site.folder.path().join("analytics.log");
    let daemon = Daemon::start_logged(CYBEXP, &["daemon", "analytics"], &site.config, &log);
    let told = async || {
        let told = std::fs::read_to_string(&log).unwrap_or_default();
        told.contains("is being taken over by `cybexp migrate`")
    };
    cybexp_testkit::eventually("the daemon says why it does not start", told).await;
    daemon.terminate();
    place.drop().await.unwrap();
    report(&site);
    let left: Option<Document> = place
        .find_one(doc! {"claimed": {"$exists": true}})
        .await
        .unwrap();
    assert_eq!(left, None);
}

/// Has a program of the release before write the archive: `CYBEXP_OLD_PROGRAM` names it. `CYBEXP_MIGRATE_RECORDS` sets the
/// size, and `CYBEXP_MIGRATE_PROGRAM` the program that is measured.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_the_release_before_wrote() {
    let Ok(before) = env::var("CYBEXP_OLD_PROGRAM") else {
        return;
    };
    let records = env::var("CYBEXP_MIGRATE_RECORDS").map_or(3000, |n| n.parse().unwrap());
    let given = given(records);
    let site = Site::new("before", json!({})).await;
    let raws = old::raws(&given);
    fill(&site, &raws).await;
    drop(raws);
    let daemon = Daemon::start(&before, &["daemon", "analytics", "--once"], &site);
    assert!(daemon.wait().success());
    let coll = site.collection("tahoe", "instance").await;
    let documents = coll.count_documents(doc! {}).await.unwrap();

    let program = env::var("CYBEXP_MIGRATE_PROGRAM").unwrap_or_else(|_| CYBEXP.to_owned());
    let since = Instant::now();
    let output = Command::new(program)
        .args(["migrate", "--yes", "--json"])
        .env("CYBEXP_CONFIG", &site.config)
        .output()
        .unwrap();
    let took = since.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let rate = documents as f64 / took;
    eprintln!("{documents} documents in {took:.1} s, {rate:.0} a second: {told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    eprintln!("{report:#}");
    assert_eq!(sum(&report, "taken"), documents);
    if records > 10_000 {
        return;
    }
    analyse(&site);
    // attributes that only the filters of before made are left
    let no_node = |row: &CensusRow| !matches!(row.itype.as_str(), "attribute" | "object");
    let (fresh, migrated) = (fresh(&given).await, site.archive.census().await.unwrap());
    let some = |rows: &[CensusRow]| rows.iter().filter(|row| no_node(row)).cloned().collect();
    let (fresh, migrated): (Vec<_>, Vec<_>) = (some(&fresh), some(&migrated));
    assert_same(&fresh, &migrated);
}
