//! The input daemon in a suite. Every plugin at once, collecting from counterparts that go on offering, while the daemon is
//! killed again and again and the API is away for a while: what was offered and what is in the archive.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod counterparts;
mod feeds;
mod figures;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use counterparts::Offer;
use cybexp_testkit::{Api, Daemon, Site, free_ports};
use futures::TryStreamExt;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cybexp");

/// The size of a test: records, kills and times.
struct Scale {
    records: usize,
    kills: u32,
    between_kills: Duration,
    api_away: Duration,
}

const QUICK: Scale = Scale {
    records: 200,
    kills: 10,
    between_kills: Duration::from_millis(400),
    api_away: Duration::from_secs(2),
};
const FULL: Scale = Scale {
    records: 5000,
    kills: 10,
    between_kills: Duration::from_secs(2),
    api_away: Duration::from_secs(20),
};
/// The time without a new record after which missing records count as lost.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn every_plugin_survives_kills_and_an_outage_of_the_api() {
    survive(&QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run it by hand"]
async fn the_same_with_more_of_everything() {
    survive(&FULL).await;
}

async fn survive(scale: &Scale) {
    let folder = tempfile::tempdir().unwrap();
    let offers = counterparts::all(folder.path(), scale.records).await;
    let inputs: Vec<Value> = offers.iter().map(|offer| input(offer.as_ref())).collect();
    let Downstream { site, api, archive } = Downstream::start(&json!(inputs)).await;

    let mut offering = tokio::task::JoinSet::new();
    for offer in offers {
        offering.spawn(async move {
            let offered = offer.run().await;
            (offer.plugin(), offered)
        });
    }
    let outage = async {
        tokio::time::sleep(scale.between_kills * 2).await;
        api.daemon.kill();
        tokio::time::sleep(scale.api_away).await;
        Api::start(PROGRAM, &["daemon", "api"], &site).await
    };
    let kills = async {
        for _ in 0..scale.kills {
            let input = collector(&site);
            tokio::time::sleep(scale.between_kills.mul_f64(0.5 + rand::random::<f64>())).await;
            input.kill();
        }
        collector(&site)
    };
    let (api, input) = tokio::join!(outage, kills);
    let offered: BTreeMap<&str, Vec<String>> = offering.join_all().await.into_iter().collect();
    let archived = archived(&site, &offered).await;
    for daemon in [input, api.daemon, archive] {
        assert_eq!(daemon.terminate().code(), Some(0));
    }

    let entries = site.collection("cache", "file_entries").await;
    let mut lost = Vec::new();
    for (plugin, offered) in &offered {
        let found = &archived[plugin];
        let typetag = doc! {"typetag": format!("test_{plugin}")};
        let submissions = entries.count_documents(typetag).await.unwrap();
        let missing: Vec<_> = offered
            .iter()
            .filter(|text| !found.contains_key(*text))
            .collect();
        let twice = found.values().filter(|times| **times > 1).count();
        eprintln!(
            "{plugin:<10} offered {:>5}, archived {:>5}, missing {}, in two documents {twice}; {submissions} submissions",
            offered.len(),
            found.len(),
            missing.len(),
        );
        if !missing.is_empty() || twice > 0 {
            lost.push(format!("{plugin}: {missing:?}"));
        }
    }
    assert!(lost.is_empty(), "{lost:?}");
    let many = doc! {"records": {"$gt": 1}};
    let many = entries.count_documents(many).await.unwrap();
    assert!(many > 0, "no submission held many records");
}

/// The API and archive daemon that the input daemon under test posts to.
struct Downstream {
    site: Site,
    api: Api,
    archive: Daemon,
}

impl Downstream {
    async fn start(inputs: &Value) -> Self {
        let [api_port] = free_ports();
        let site = Site::new(
            "collect",
            json!({
                "api": {
                    "url": format!("http://127.0.0.1:{api_port}/"),
                    "listen": format!("127.0.0.1:{api_port}"),
                    "token": {"file": "token"},
                },
                "input": {"run_dir": "run", "spool_dir": "spool", "inputs": inputs},
            }),
        )
        .await;
        let token = site.token(&site.user().await);
        std::fs::write(site.folder.path().join("token"), token).unwrap();
        Self {
            archive: Daemon::start(PROGRAM, &["daemon", "archive"], &site),
            api: Api::start(PROGRAM, &["daemon", "api"], &site).await,
            site,
        }
    }
}

fn collector(site: &Site) -> Daemon {
    Daemon::start(PROGRAM, &["daemon", "input"], site)
}

fn input(offer: &dyn Offer) -> Value {
    json!({
        "name": offer.plugin(),
        "plugin": offer.plugin(),
        "typetag": format!("test_{}", offer.plugin()),
        "orgid": "unr",
        "period_s": 1,
        "settings": offer.settings(),
    })
}

/// Returns the marks in the archive by plugin, and the number of documents, once everything offered is there or nothing
/// more comes.
async fn archived<'a>(
    site: &Site,
    offered: &BTreeMap<&'a str, Vec<String>>,
) -> BTreeMap<&'a str, BTreeMap<String, u32>> {
    let all: usize = offered.values().map(Vec::len).sum();
    let raws = site.collection("tahoe", "instance").await;
    let mut moved = (Instant::now(), 0);
    loop {
        let mut found: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
        for plugin in offered.keys() {
            let counts = found.entry(plugin).or_default();
            let typetag = doc! {"itype": "raw", "sub_type": format!("test_{plugin}")};
            let mut documents = raws.find(typetag).await.unwrap();
            while let Some(document) = documents.try_next().await.unwrap() {
                for text in texts(&document) {
                    *counts.entry(text).or_default() += 1;
                }
            }
        }
        let count = found.values().map(BTreeMap::len).sum();
        if count != moved.1 {
            moved = (Instant::now(), count);
        }
        if count >= all || moved.0.elapsed() > PATIENCE {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Returns the marks in this raw: each counterpart marks its records with `offer-…`.
fn texts(raw: &Document) -> Vec<String> {
    fn strings(value: &Bson, found: &mut Vec<String>) {
        match value {
            Bson::String(text) => found.extend(
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .filter(|word| word.starts_with("offer-"))
                    .map(str::to_owned),
            ),
            Bson::Document(document) => {
                for (_, value) in document {
                    strings(value, found);
                }
            }
            Bson::Array(values) => values.iter().for_each(|value| strings(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    strings(raw.get("data").unwrap(), &mut found);
    found
}
