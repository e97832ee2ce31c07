//! A collection of ours, read by our own plugin in another suite: what leaves one archive arrives in the other as the same
//! attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_testkit::{Daemon, Site, now};
use serde_json::{Value, json};

use crate::{CYBEXP, SiteWithApi, json_of};

/// Attributes by their hashes, as `sub_type=value`.
type Attributes = BTreeMap<String, String>;

/// Returns the values of a feed, as its token reads them.
async fn values(url: &str, token: &str) -> BTreeSet<String> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{url}feeds/attackers.json"));
    let answer = request.bearer_auth(token).send().await.unwrap();
    let lines = answer.text().await.unwrap();
    let values = lines.lines().map(json_of);
    let values = values.map(|one| format!("{}={}", one["type"].as_str().unwrap(), one["value"]));
    values.collect()
}

/// Returns the attributes of an archive.
async fn attributes(site: &Site) -> Attributes {
    let rows = site.documents("tahoe", "instance", doc! {"itype": "attribute"});
    let rows = rows.await;
    let attributes = rows.iter().filter_map(|row| {
        // numbers are not among what is shared here
        let data = json!(row.get_str("data").ok()?);
        let text = format!("{}={data}", row.get_str("sub_type").unwrap());
        Some((row.get_str("_hash").unwrap().to_owned(), text))
    });
    attributes.collect()
}

/// Waits a moment before the next look, for two minutes at most.
async fn pause(since: Instant) {
    assert!(since.elapsed() < Duration::from_secs(120), "nothing comes");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn url(up: &SiteWithApi) -> String {
    let config = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
    config["api"]["url"].as_str().unwrap().to_owned()
}

fn post(up: &SiteWithApi, records: &[Value]) {
    for record in records {
        let file = up.file("record.json", record.to_string());
        up.run(&["post", "-t", "cowrie", "-o", "unr", "--whole", &file])
            .good();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_suite_shares_arrives_in_another_as_the_same_attributes() {
    let ours = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let of = |address: &str, more: Value| {
        let mut record = json!({
            "session": "8d0c", "src_ip": address, "sensor": "london", "timestamp": now(),
        });
        for (field, value) in more.as_object().unwrap() {
            record[field] = value.clone();
        }
        record
    };
    let failed = json!({"eventid": "cowrie.login.failed", "username": "root", "password": "x"});
    let download = json!({
        "eventid": "cowrie.session.file_download", "url": "http://evil.example/a;b='c'/x.sh", "shasum": sha256,
    });
    post(
        &ours,
        &[
            of("203.0.113.9", failed.clone()),
            of("2001:db8::9", failed.clone()),
            of("203.0.113.10", download),
        ],
    );
    let mut add = vec!["feed", "add", "attackers", "--org", "unr", "--json"];
    for sub_type in ["ipv4", "ipv6", "url", "hostname", "sha256"] {
        add.extend(["--type", sub_type]);
    }
    let token = json_of(&ours.run(&add).good())["token"].clone();
    let token = token.as_str().unwrap();
    let from = url(&ours);
    let since = Instant::now();
    let shared = loop {
        let shared = values(&from, token).await;
        if shared.len() >= 5 {
            break shared;
        }
        pause(since).await;
    };
    assert!(
        shared.contains(&format!("sha256=\"{sha256}\"")),
        "{shared:?}"
    );

    let theirs = SiteWithApi::new(&["archive", "analytics"]).await;
    let mut config = json_of(&std::fs::read_to_string(&theirs.site.config).unwrap());
    let settings = json!({"url": format!("{from}taxii2/"), "user": "any", "password": token});
    config["input"] = json!({
        "run_dir": "run", "spool_dir": "spool",
        "inputs": [{"name": "ours", "plugin": "taxii", "typetag": "stix2", "orgid": "unr", "period_s": 1, "settings": settings}],
    });
    let file = theirs.file("input.json", config.to_string());
    let log = theirs.site.folder.path().join("input.log");
    let input = Daemon::start_logged(CYBEXP, &["daemon", "input"], file.as_ref(), &log);
    let arrives = async |expected: &BTreeSet<String>| {
        let since = Instant::now();
        loop {
            let there = attributes(&theirs.site).await;
            let texts: BTreeSet<&String> = there.values().collect();
            if expected.iter().all(|value| texts.contains(value)) {
                break there;
            }
            pause(since).await;
        }
    };
    let there = arrives(&shared).await;
    let here = attributes(&ours.site).await;
    for (hash, text) in &here {
        if shared.contains(text) {
            assert_eq!(
                there.get(hash),
                Some(text),
                "the same value has the same hash"
            );
        }
    }
    // events are written after the attributes that they name
    let since = Instant::now();
    let events = loop {
        let events = doc! {"itype": "event", "sub_type": "stix_indicator"};
        let events = theirs.site.documents("tahoe", "instance", events).await;
        if !events.is_empty() {
            break events;
        }
        pause(since).await;
    };
    for event in &events {
        assert_eq!(event.get_str("category").unwrap(), "malicious");
        assert_eq!(event.get_str("tlp").unwrap(), "green", "the feed's label");
    }

    // and what comes later
    post(&ours, &[of("203.0.113.77", failed)]);
    arrives(&BTreeSet::from(["ipv4=\"203.0.113.77\"".to_owned()])).await;
    assert!(input.terminate().success());
}
