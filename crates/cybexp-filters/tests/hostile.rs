//! Raws come from attackers: on any input, a filter does not panic and gives the same result twice.

use cybexp_filters::{FILTERS, Filter, RawInput, Refusal, Yield};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tahoe_core::{OrgId, Timestamp};

/// Fields that some filter reads.
const FIELDS: &[&str] = &[
    "eventid",
    "session",
    "timestamp",
    "src_ip",
    "sensor",
    "message",
    "data",
    "version",
    "kexAlgs",
    "compCS",
    "encCS",
    "hassh",
    "width",
    "height",
    "name",
    "value",
    "msg",
    "username",
    "password",
    "fingerprint",
    "key",
    "type",
    "input",
    "dst_ip",
    "dst_port",
    "orig_ip",
    "orig_port",
    "url",
    "URLs",
    "phish_id",
    "details",
    "ip_address",
    "target",
    "verification_time",
    "brand",
    "ip",
    "asn",
    "isotime",
    "shasum",
    "destfile",
    "filename",
    "outfile",
    "duration",
    "duration_ms",
    "isError",
    "system",
    "protocol",
    "category",
    "context",
    "@timestamp",
    "epoch",
    "time",
    "honeypot",
    "_source",
    "hits",
    "log",
    "event",
    "result",
    "_raw",
    "cve",
    "attempted_command",
    "original_username",
    "positives",
    "total",
    "sha256",
    "ptr",
    "ja4",
    "arch",
];

const EVENT_IDS: &[&str] = &[
    "client.fingerprint",
    "client.kex",
    "client.malformed_packet",
    "client.size",
    "client.var",
    "client.version",
    "command.chpasswd",
    "command.failed",
    "command.input",
    "command.success",
    "direct-tcpip.data",
    "direct-tcpip.ja4",
    "direct-tcpip.request",
    "greynoise.result",
    "login.failed",
    "login.success",
    "session.closed",
    "session.connect",
    "session.file_download",
    "session.file_download.failed",
    "session.file_upload",
    "session.input",
    "session.params",
    "telnet.exploit_attempt",
    "telnet.exploit_success",
    "tunnelproxy-tcpip.data",
    "urlhaus.submitted",
    "virustotal.scanfile",
    "reversedns.connect",
    "reversedns.forward",
    "log.open",
    "no.such.event",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[b'\"]{0,3}.{0,5}['\"]{0,2}".prop_map(Value::from),
        "(hxxp://)?[a-z0-9.:\\[\\]/@]{0,30}".prop_map(Value::from),
        "(wget|nc|GET) (http:/)?[a-z0-9./ ;'\"$|()-]{0,40}( HTTP/1.1)?".prop_map(Value::from),
        "[0-9:.TZ+ -]{0,30}".prop_map(Value::from),
        Just(json!("\0")),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(
                (
                    prop_oneof![
                        prop::sample::select(FIELDS).prop_map(str::to_owned),
                        ".{0,8}"
                    ],
                    inner
                ),
                0..6
            )
            .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// A record that passes the checks, with any other fields.
fn record() -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(FIELDS), any_json()), 0..12);
    (prop::sample::select(EVENT_IDS), fields).prop_map(|(id, fields)| {
        let mut record = Map::from_iter(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        record.insert("eventid".into(), format!("cowrie.{id}").into());
        record.insert("session".into(), "806c6ef9".into());
        record.insert("timestamp".into(), "2020-04-28T00:00:05.834291Z".into());
        Value::Object(record)
    })
}

fn run(filter: &dyn Filter, data: &Value) -> Result<Yield, Refusal> {
    let orgid = OrgId::new("org").expect("orgid");
    filter.run(&RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1.5).expect("finite"),
    })
}

/// Returns the results of all filters on this data, refusals included.
fn outcome(data: &Value) -> Vec<String> {
    let outcomes = FILTERS.iter().map(|filter| match run(*filter, data) {
        Ok(found) => {
            serde_json::to_string(&(found.events, found.sessions, found.unknown)).expect("JSON")
        }
        Err(refusal) => refusal.to_string(),
    });
    outcomes.collect()
}

fn cowrie_accepts(data: &Value) -> bool {
    let mut filters = FILTERS.iter();
    let cowrie = filters.find(|filter| filter.name() == "cowrie");
    run(*cowrie.expect("cowrie is a filter"), data).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_read_or_refused_and_always_the_same(data in any_json()) {
        prop_assert_eq!(outcome(&data), outcome(&data));
    }

    #[test]
    fn a_cowrie_record_is_not_refused_for_its_other_fields(data in record()) {
        prop_assert!(cowrie_accepts(&data));
        prop_assert_eq!(outcome(&data), outcome(&data));
        // Text may also hold values that the archive would not have stored, such as too large an integer.
        let line = data.to_string();
        let storable = tahoe_core::json::parse(&line).is_ok();
        prop_assert_eq!(cowrie_accepts(&json!({"message": line})), storable);
    }
}

#[test]
fn huge_text_is_left_out() {
    for huge in [
        "\"".repeat(8 << 20),
        "\u{1}".repeat(8 << 20),
        "a".repeat(8 << 20),
    ] {
        for (id, field) in [
            ("command.input", "input"),
            ("login.failed", "password"),
            ("session.file_download", "url"),
            ("client.version", "version"),
            ("direct-tcpip.request", "dst_ip"),
            ("login.failed", "src_ip"),
        ] {
            let data = json!({"eventid": id, "session": "s", "timestamp": 1, field: huge});
            assert!(cowrie_accepts(&data), "{id} {field}");
        }
    }
    let algorithms: Vec<String> = (0..100_000).map(|n| format!("algorithm-{n}")).collect();
    let data =
        json!({"eventid": "client.kex", "session": "s", "timestamp": 1, "encCS": algorithms});
    assert!(cowrie_accepts(&data));
}

/// A URL of a command is kept up to 2 KB; of a longer one the host is.
#[test]
fn a_url_too_long_is_cut_to_its_host() {
    let cowrie = FILTERS.iter().find(|filter| filter.name() == "cowrie");
    let cowrie = *cowrie.expect("it is registered");
    let made = |length: usize| {
        let start = "http://dl.example/";
        let url = format!("{start}{}", "x".repeat(length - start.len()));
        let data = json!({
            "eventid": "cowrie.command.input", "session": "s", "timestamp": 1,
            "input": format!("wget {url}"),
        });
        let event = run(cowrie, &data).expect("it is read").events.remove(0);
        let event = serde_json::to_value(&event).expect("JSON");
        (
            event["data"]["url"].clone(),
            event["data"]["hostname"].clone(),
        )
    };
    let host = json!(["dl.example"]);
    let (url, hostname) = made(2048);
    assert_eq!(
        (url[0].as_str().map(str::len), hostname),
        (Some(2048), host.clone())
    );
    assert_eq!(made(2049), (Value::Null, host));
}

#[test]
fn what_one_submission_makes_of_many_records_is_bounded() {
    let mut filters = FILTERS.iter();
    let cowrie = *filters
        .find(|filter| filter.name() == "cowrie")
        .expect("cowrie");
    let record = |n: usize| json!({"eventid": "cowrie.command.input", "session": "s", "timestamp": n, "input": "x"});
    let made = run(cowrie, &(0..6000).map(record).collect()).expect("read");
    assert_eq!((made.events.len(), made.sessions.len()), (5000, 1));
    assert_eq!(made.left_out.values().sum::<u64>(), 1000);

    let urls: String = (0..300)
        .map(|n| format!("http://203.0.113.9/{n} "))
        .collect();
    let record =
        json!({"eventid": "cowrie.command.input", "session": "s", "timestamp": 1, "input": urls});
    let made = run(cowrie, &record).expect("read");
    assert_eq!(made.left_out.values().sum::<u64>(), 100);
    let records = vec![record; 2000];
    let made = run(cowrie, &records.into()).expect("read");
    assert!(made.events.len() < 1600, "{}", made.events.len());
}

#[test]
fn a_sighting_of_too_many_attributes_is_refused() {
    let sighting = |attributes: usize| {
        let fields = (0..attributes).map(|n| (format!("a{n}"), json!("x")));
        let data = Value::Object(fields.collect());
        let mut filters = FILTERS.iter();
        let sighting = filters.find(|filter| filter.name() == "sighting");
        run(*sighting.expect("sighting is a filter"), &data)
    };
    assert_eq!(sighting(10_000).expect("read").events.len(), 10_000);
    let refusal = sighting(10_004).expect_err("refused").to_string();
    assert!(refusal.contains("at most 10000"), "{refusal}");
}
