//! MISP events: their correlation with other sources, and the size of their documents.

mod sizes;

use cybexp_filters::Yield;
use proptest::prelude::*;
use serde_json::{Value, json};
use sizes::{bson_bytes, run};
use tahoe_core::{Category, Node};

/// The largest document that the store accepts, in bytes.
const DOCUMENT_BYTES: usize = 15 << 20;

fn event(attributes: Vec<Value>, objects: Vec<Value>) -> Value {
    json!({"Event": {
        "uuid": "5f0e0c1e-1d30-4c2b-8a45-0f6c950d210f", "info": "a campaign", "timestamp": "1594756127",
        "Orgc": {"name": "CIRCL"}, "Tag": [{"name": "tlp:amber"}], "Attribute": attributes, "Object": objects,
    }})
}

fn attribute(kind: &str, value: &str) -> Value {
    json!({"type": kind, "value": value, "to_ids": true})
}

/// Returns the hashes of all instances below the events.
fn refs(made: &Yield) -> Vec<String> {
    let refs = made.events.iter().flat_map(|e| e.children().refs());
    refs.map(|hash| hash.to_string()).collect()
}

#[test]
fn meets_honeypot_mail_and_feeds() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let file = vec![
        json!({"type": "filename", "object_relation": "filename", "value": "mirai.x86"}),
        json!({"type": "sha256", "object_relation": "sha256", "value": digest.to_uppercase()}),
    ];
    let login = vec![
        json!({"type": "text", "object_relation": "username", "value": "root"}),
        json!({"type": "text", "object_relation": "password", "value": "123456"}),
    ];
    let reports = [
        event(
            vec![attribute("filename|sha256", &format!("mirai.x86|{digest}"))],
            vec![],
        ),
        event(vec![], vec![json!({"name": "file", "Attribute": file})]),
    ];
    let download = json!({
        "eventid": "cowrie.session.file_download", "session": "s", "timestamp": 1, "src_ip": "203.0.113.9",
        "url": "http://dl.evil.example/mirai.x86", "shasum": digest,
    });
    let download = run("cowrie", &download).expect("a download");
    let object = download.events[0].children().object("file").expect("file");
    for report in &reports {
        let report = run("misp", report).expect("an event");
        assert!(refs(&report).contains(&object.hash().to_string()));
    }
    let tried = json!({
        "eventid": "cowrie.login.failed", "session": "s", "timestamp": 1, "username": "root", "password": "123456",
    });
    let tried = run("cowrie", &tried).expect("a login");
    let credential = tried.events[0].children().object("credential");
    let report = event(
        vec![],
        vec![json!({"name": "credential", "Attribute": login})],
    );
    let report = refs(&run("misp", &report).expect("an event"));
    assert!(report.contains(&credential.expect("credential").hash().to_string()));

    let phish = run(
        "openphish",
        &json!({"data": "http://Login.evil.example/verify"}),
    );
    let phish = refs(&phish.expect("a URL"));
    for (kind, value) in [
        ("domain", "EVIL.example"),
        ("hostname", "login.evil.example"),
        ("url", "http://Login.evil.example/verify"),
    ] {
        let report = run("misp", &event(vec![attribute(kind, value)], vec![])).expect("an event");
        let malicious = report.events[0].malicious();
        let shared = malicious.iter().any(|h| phish.contains(&h.to_string()));
        assert!(shared, "{kind}");
    }
}

/// Asserts that every document of a large event fits, that together they hold all of it, and that each describes the
/// whole.
fn assert_split(report: &Value, least: usize) -> Yield {
    let made = run("misp", report).expect("split, not refused");
    assert!(made.events.len() >= least, "{} events", made.events.len());
    for event in &made.events {
        let bytes = bson_bytes(&serde_json::to_value(event).expect("JSON"));
        assert!(bytes < DOCUMENT_BYTES, "{bytes} bytes");
        let children = event.children();
        assert!(children.attribute("uuid").is_some() && children.object("orgc").is_some());
        assert_eq!(children.attribute("tag"), Some(&"tlp:amber".into()));
        assert_eq!(event.timestamp().get(), 1_594_756_127.0);
        for node in children.iter() {
            if let Node::Object(object) = node {
                let bytes = bson_bytes(&serde_json::to_value(object).expect("JSON"));
                assert!(bytes < DOCUMENT_BYTES, "{bytes} bytes");
            }
        }
    }
    let again = run("misp", report).expect("as before");
    let hashes = |made: &Yield| Vec::from_iter(made.events.iter().map(|e| e.hash()));
    assert_eq!(hashes(&made), hashes(&again));
    made
}

#[test]
fn a_large_event_comes_as_several() {
    let addresses = (0..40_000).map(|n| {
        let ip = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
        attribute("ip-src", &ip)
    });
    let made = assert_split(&event(addresses.collect(), vec![]), 2);
    let all = made
        .events
        .iter()
        .flat_map(|e| e.children().iter())
        .filter(|n| n.sub_type().as_str() == "src");
    assert_eq!(all.count(), 40_000);
}

#[test]
fn a_large_object_comes_as_several() {
    let texts = (0..40_000).map(
        |n| json!({"type": "text", "object_relation": "comment", "value": format!("note {n}")}),
    );
    let object = json!({"name": "annotation", "Attribute": Vec::from_iter(texts)});
    let made = assert_split(&event(vec![], vec![object]), 1);
    let children = made.events.iter().flat_map(|e| e.children().iter());
    let parts = children.filter(|n| n.sub_type().as_str() == "annotation");
    assert!(parts.count() > 4);
}

#[test]
fn long_values_come_in_several_or_are_left_out() {
    let quotes = "\"".repeat(500 << 10);
    let long = |n: usize| attribute("yara", &format!("{n}{quotes}"));
    assert_split(&event((0..10).map(long).collect(), vec![]), 4);
    let huge = attribute("yara", &"a".repeat(600 << 10));
    let made = run("misp", &event(vec![huge], vec![])).expect("an event");
    assert_eq!(made.left_out.get("value_too_long"), Some(&1));
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let quotes = "\"".repeat(500 << 10);
    let long = |n: usize| attribute("yara", &format!("{n}{quotes}"));
    let refusal = run("misp", &event((0..30).map(long).collect(), vec![])).expect_err("too large");
    assert!(refusal.to_string().contains("share it in parts"));
    // deeper texts are escaped more often
    let name = |n: usize| json!({"type": "email-src-display-name", "object_relation": "from", "value": format!("{n}{quotes}")});
    let object = json!({"name": "email", "Attribute": (0..3).map(name).collect::<Value>()});
    let refusal = run("misp", &event(vec![], vec![object])).expect_err("too large");
    assert!(refusal.to_string().contains("share it in parts"));
}

const TYPES: &str = include_str!("../../../tests/fixtures/misp/types.txt");

fn any_attribute() -> impl Strategy<Value = Value> {
    let kinds: Vec<&str> = TYPES.lines().chain(["no such|type", "", "7"]).collect();
    let value = prop_oneof![
        ".{0,20}".prop_map(Value::from),
        "[a-z0-9.:/|@]{0,30}".prop_map(Value::from),
        "(hxxp://)?[0-9.]{1,15}(\\|[0-9]{1,6})?".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let relations = vec!["src-port", "ip_dst", "from", "reply-to", "text", "", "2nd"];
    (
        prop::sample::select(kinds),
        value,
        any::<bool>(),
        prop::sample::select(relations),
    )
        .prop_map(|(kind, value, flag, relation)| {
            json!({"type": kind, "value": value, "to_ids": flag, "object_relation": relation})
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_attribute_makes_an_event_refused(
        attributes in prop::collection::vec(any_attribute(), 0..8),
        children in prop::collection::vec(any_attribute(), 0..8),
        name in prop_oneof!["[a-z-]{0,12}", Just("query".to_owned()), Just("src".to_owned()), ".{0,9}"],
    ) {
        let report = event(attributes, vec![json!({"name": name, "Attribute": children})]);
        let made = run("misp", &report).expect("an event");
        prop_assert_eq!(made.events.len(), 1);
        let is_malicious = made.events[0].category() == Category::Malicious;
        prop_assert_eq!(is_malicious, !made.events[0].malicious().is_empty());
        prop_assert!(!is_malicious || report.to_string().contains("true"));
    }
}

#[test]
fn every_type_is_read() {
    for kind in TYPES.lines() {
        let value = match kind.contains('|') {
            true => "a.example|b.example",
            false => "a.example",
        };
        let made = run("misp", &event(vec![attribute(kind, value)], vec![])).expect(kind);
        assert!(made.left_out.is_empty(), "{kind}: {:?}", made.left_out);
        assert_eq!(made.events[0].category().as_str(), "malicious", "{kind}");
    }
}
