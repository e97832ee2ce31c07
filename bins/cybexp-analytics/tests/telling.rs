//! New events are told to those who wait for them.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::sync::Arc;

use bson::{Document, doc};
use cybexp_filters::{FILTERS, readers};
use cybexp_service::{Config, DaemonContext, Health, NoticeMacs, Shutdown};
use cybexp_store::{Live, Server};
use cybexp_testkit::{Site, mongo_url};
use serde_json::{Value, json};
use tahoe_core::{OrgId, Raw, SubType, Timestamp};

/// Stores a raw of each of these organisations, with a log-in of this password, accepted at this time.
async fn store(site: &Site, orgs: &[&str], password: &str, accepted: f64) {
    store_as(site, orgs, password, accepted, "cowrie").await;
}

async fn store_as(
    site: &Site,
    orgs: &[&str],
    password: &str,
    accepted: f64,
    typetag: &'static str,
) {
    let data = json!({
        "eventid": "cowrie.login.failed", "session": "8d0c", "src_ip": "203.0.113.9", "sensor": "london",
        "username": "root", "password": password, "timestamp": "2023-11-14T22:13:20.000000Z",
    });
    let raws: Vec<Raw> = orgs
        .iter()
        .map(|orgid| {
            let (typetag, org) = (SubType::from_static(typetag), OrgId::new(orgid).unwrap());
            let at = Some(Timestamp::new(accepted).unwrap());
            Raw::new(typetag, data.clone(), org, "UTC".to_owned(), at).unwrap()
        })
        .collect();
    site.raws.write(&raws, readers).await.unwrap();
}

async fn run(site: &Site) {
    let context = DaemonContext {
        name: "analytics",
        config: Arc::new(Config::from_file(&site.config).unwrap()),
        shutdown: Shutdown::new(),
        health: Health::new(),
        once: true,
    };
    cybexp_analytics::run(context).await.unwrap();
}

async fn rows(site: &Site) -> Vec<Document> {
    let events = doc! {"events": {"$exists": true}};
    let mut rows = site.documents("report", "live", events).await;
    rows.sort_by_key(|row| row.get_str("orgid").unwrap().to_owned());
    rows
}

fn now() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_events_are_listed_once_for_each_organisation_while_somebody_listens() {
    assert!(FILTERS.iter().any(|filter| filter.name() == "cowrie"));
    let site = Site::new("telling", json!({})).await;
    let config = Config::from_file(&site.config).unwrap();
    let server = Server::connect(mongo_url(), "test").await.unwrap();
    let report = config.report_db().unwrap();
    let live = Live::open(&server, &report.db).await.unwrap();
    store(&site, &["a"], "before", now()).await;
    run(&site).await;
    assert_eq!(rows(&site).await.len(), 0, "nobody listens");

    live.listen().await.unwrap();
    store(&site, &["a", "b"], "123456", now()).await;
    run(&site).await;
    let told = rows(&site).await;
    assert_eq!(told.len(), 2, "a batch, and two organisations: {told:?}");
    let macs = NoticeMacs::new(&config).unwrap();
    for (row, org) in told.iter().zip(["a", "b"]) {
        let (id, events) = (
            row.get_object_id("_id").unwrap().bytes(),
            row.get_str("events").unwrap(),
        );
        assert_eq!(row.get_str("orgid").unwrap(), org);
        assert!(macs.is_live(&id, org, events, row.get_str("mac").unwrap()));
        let events: Value = serde_json::from_str(events).unwrap();
        // derived events are not told
        assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
        let event = &events[0];
        assert_eq!(event["sub_type"], "ssh");
        assert_eq!(event["orgid"], org);
        assert_eq!(event["category"], "malicious");
        assert_eq!(event["timestamp"], 1_700_000_000.0);
        for (n, (sub_type, data)) in [
            ("ipv4", "203.0.113.9"),
            ("username", "root"),
            ("password", "123456"),
        ]
        .into_iter()
        .enumerate()
        {
            let value = json!({"sub_type": sub_type, "data": data});
            assert_eq!(event["values"][n], value);
        }
    }

    // a replay tells nobody, nor does what a new version of the filter makes of an old raw
    let raws = site.collection("tahoe", "instance").await;
    let again = doc! {"$set": {"_todo": ["cowrie"], "filters": ["cowrie@0"]}};
    raws.update_many(doc! {"itype": "raw"}, again)
        .await
        .unwrap();
    raws.delete_many(doc! {"itype": "event"}).await.unwrap();
    run(&site).await;
    let events = doc! {"itype": "event", "sub_type": "ssh"};
    assert_eq!(raws.count_documents(events).await.unwrap(), 3, "made anew");
    assert_eq!(rows(&site).await, told);
}

/// Rows of the outbox: the events that a user is told of, and those that he is not.
mod subscriptions {
    use std::collections::BTreeSet;

    use cybexp_filters::vocabulary;
    use cybexp_store::{Channel, Subscription, SubscriptionId, Subscriptions, Wanted};
    use tahoe_core::Scalar;

    use super::*;

    async fn subscribe(
        site: &Site,
        all: &Subscriptions,
        wanted: Wanted,
        channel: Channel,
    ) -> SubscriptionId {
        let config = Config::from_file(&site.config).unwrap();
        let subscription = Subscription {
            user: site.userid.to_string(),
            name: String::new(),
            wanted,
            channel,
            tlp: "green".to_owned(),
            made: 0.0,
        };
        let id = SubscriptionId::new();
        let stored = NoticeMacs::new(&config).unwrap().sign(id, &subscription);
        all.add(&subscription, &stored.unwrap()).await.unwrap();
        id
    }

    fn value(sub_type: &'static str, data: &str) -> Wanted {
        let kind = SubType::from_static(sub_type);
        let forms = vocabulary::forms(&kind, &Scalar::from(data)).unwrap();
        let forms = forms
            .iter()
            .map(|form| (form.sub_type().to_string(), form.hash()));
        Wanted::Value {
            sub_type: sub_type.to_owned(),
            data: data.into(),
            forms: forms.collect(),
        }
    }

    fn events(sub_type: &str, sensor: &str) -> Wanted {
        Wanted::Events {
            sub_type: Some(sub_type.to_owned()),
            category: None,
            sensor: Some(sensor.to_owned()),
        }
    }

    /// The ids of the notices, and the subscriptions that they are for.
    async fn outbox(site: &Site) -> (BTreeSet<Vec<u8>>, Vec<String>) {
        let rows = site.documents("report", "outbox", doc! {}).await;
        let ids = rows.iter().map(|row| row.get_binary_generic("_id"));
        let ids: BTreeSet<Vec<u8>> = ids.map(|id| id.unwrap().clone()).collect();
        let of = |id: &Vec<u8>| id[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut of: Vec<String> = ids.iter().map(of).collect();
        of.sort();
        (ids, of)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn notices_are_written_before_a_raw_is_marked_and_replays_write_none() {
        let site = Site::new("telling", json!({})).await;
        let config = Config::from_file(&site.config).unwrap();
        let server = Server::connect(mongo_url(), "test").await.unwrap();
        let report = config.report_db().unwrap();
        let all = Subscriptions::open(&server, &report.db).await.unwrap();
        let hook = || Channel::Webhook {
            url: "https://soc.example/".to_owned(),
        };
        let own = site.orgid.to_string();
        store(&site, &[&own], "before", now()).await;
        run(&site).await;
        let address = subscribe(&site, &all, value("ip", "203[.]0[.]113[.]9"), hook()).await;
        let other = subscribe(&site, &all, value("ipv4", "203.0.113.10"), hook()).await;
        let sensor = subscribe(&site, &all, events("ssh", "london"), Channel::Page).await;
        let nowhere = subscribe(&site, &all, events("ssh", "paris"), Channel::Page).await;

        // of another organisation, and too old to be told
        store(&site, &[&own, "another"], "123456", now()).await;
        store(&site, &[&own], "old", now() - 8.0 * 86_400.0).await;
        run(&site).await;
        let (ids, of) = outbox(&site).await;
        let mut expected = vec![address.to_string(), sensor.to_string()];
        expected.sort();
        assert_eq!(of, expected, "not {other} nor {nowhere}");

        let raws = site.collection("tahoe", "instance").await;
        let outbox_rows = site.collection("report", "outbox").await;
        let new = doc! {"itype": "raw", "data.password": "123456"};
        // analytics was killed after it wrote events, notices, or neither: it does the raw again
        let undone = doc! {"$set": {"_todo": ["cowrie"]}, "$unset": {"filters": ""}};
        raws.update_many(new.clone(), undone.clone()).await.unwrap();
        run(&site).await;
        assert_eq!(outbox(&site).await.0, ids, "nothing is told twice");
        outbox_rows.delete_many(doc! {}).await.unwrap();
        raws.update_many(new.clone(), undone).await.unwrap();
        run(&site).await;
        assert_eq!(outbox(&site).await.0, ids, "the same ids");

        // a replay, a new version, and another raw that makes the same event, tell nobody
        outbox_rows.delete_many(doc! {}).await.unwrap();
        let again = doc! {"$set": {"_todo": ["cowrie"], "filters": ["cowrie@0"]}};
        raws.update_many(new, again).await.unwrap();
        run(&site).await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        store_as(&site, &[&own], "123456", now(), "unr_honeypot").await;
        run(&site).await;
        assert_eq!(outbox(&site).await.1, Vec::<String>::new());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_workers_tell_each_event_once() {
        let site = Site::new("telling", json!({})).await;
        let config = Config::from_file(&site.config).unwrap();
        let server = Server::connect(mongo_url(), "test").await.unwrap();
        let report = config.report_db().unwrap();
        let all = Subscriptions::open(&server, &report.db).await.unwrap();
        subscribe(&site, &all, value("ipv4", "203.0.113.9"), Channel::Page).await;
        let own = site.orgid.to_string();
        for n in 0..40 {
            store(&site, &[&own], &format!("password {n}"), now()).await;
        }
        tokio::join!(run(&site), run(&site));
        assert_eq!(outbox(&site).await.0.len(), 40);
    }

    /// The time of a look-up for each batch, of 1,000 hashes of which 10 are watched, with nothing and with a million values
    /// watched.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "a measurement: it writes a million rows"]
    async fn a_million_watched_values() {
        let site = Site::new("telling", json!({})).await;
        let config = Config::from_file(&site.config).unwrap();
        let server = Server::connect(mongo_url(), "test").await.unwrap();
        let report = config.report_db().unwrap();
        let all = Subscriptions::open(&server, &report.db).await.unwrap();
        let rows = site.collection("report", "subscriptions").await;
        let of = |n: usize| tahoe_core::Hash::of(&["watched", &n.to_string()]);
        let text = "x".repeat(300);
        for watched in [0, 1_000_000_usize] {
            for part in (0..watched).step_by(10_000) {
                let row = |n: usize| {
                    let watch = of(n).as_bytes()[..16].to_vec();
                    let watch = bson::Binary {
                        subtype: bson::spec::BinarySubtype::Generic,
                        bytes: watch,
                    };
                    doc! {"user": "u", "text": &text, "mac": "m", "watch": [watch]}
                };
                let part: Vec<Document> = (part..part + 10_000).map(row).collect();
                rows.insert_many(part).ordered(false).await.unwrap();
            }
            let since = std::time::Instant::now();
            let known = all.watched(None).await.unwrap();
            let read = since.elapsed().as_secs_f64();
            let mut times = Vec::new();
            for batch in 0..50 {
                let hashes = (0..1000).map(|n| match n % 100 {
                    0 => of(batch * 1000 + n),
                    _ => of(10_000_000 + batch * 1000 + n),
                });
                let hashes: Vec<_> = hashes.collect();
                let since = std::time::Instant::now();
                let asked: Vec<_> = hashes
                    .into_iter()
                    .filter(|hash| known.may_hold(*hash))
                    .collect();
                let found = all.watching(&asked).await.unwrap();
                times.push(since.elapsed().as_secs_f64() * 1000.0);
                assert_eq!(found.len(), if watched == 0 { 0 } else { 10 });
            }
            times.sort_by(f64::total_cmp);
            eprintln!(
                "{watched} watched: {:.2} ms for 1,000 hashes (median), {:.2} ms at most; all are read in {read:.1} s",
                times[25], times[49]
            );
        }
    }
}
