//! Messages as senders send them, and the records made of them.

use serde_json::json;

use serde_json::Value;

use super::*;

fn at(now: &str, zone: &str, message: &[u8]) -> Value {
    let zone = zone.parse().unwrap();
    let post = Post::Fields;
    let now = now.parse().unwrap();
    let peer = [192, 0, 2, 1].into();
    let record = MessageFormat { post, zone }
        .record(message, peer, now)
        .unwrap();
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["peer"].take(), "192.0.2.1");
    record.as_object_mut().unwrap().remove("peer");
    record
}

fn of(message: &str) -> Value {
    at("2026-11-21T10:00:00Z", "UTC", message.as_bytes())
}

#[test]
fn rfc_5424() {
    let message = "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 ID47 \
        [a@1 x=\"1\" x=\"2\" y=\"\\\"]\"][b] \u{feff}%% It's time";
    let expected = json!({
        "facility": "local4", "severity": "notice", "timestamp": "2003-08-24T05:14:15.000003-07:00",
        "hostname": "192.0.2.1", "appname": "myproc", "procid": "8710", "msgid": "ID47",
        "structured_data": {"a@1": {"x": ["1", "2"], "y": "\"]"}, "b": {}}, "message": "%% It's time",
    });
    assert_eq!(of(message), expected);
    let expected = json!({"facility": "kern", "severity": "emerg", "message": "text"});
    assert_eq!(of("<0>1 - - - - - - text"), expected);
}

#[test]
fn rfc_3164() {
    let expected = json!({
        "facility": "auth", "severity": "crit", "timestamp": "2026-10-11T22:14:15Z",
        "hostname": "mymachine", "appname": "su", "procid": "12", "message": "'su root' failed",
    });
    assert_eq!(
        of("<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed\n\0"),
        expected
    );
    let kernel = of("<4>Oct  1 22:14:15 host kernel: [12345.678] [drm] text");
    assert_eq!(kernel["message"], "[12345.678] [drm] text");
    assert_eq!(kernel.get("structured_data"), None);
}

#[test]
fn times_of_rfc_3164_are_local_and_near() {
    let time = |now, zone, time| {
        let message = format!("<34>{time} host app: text");
        at(now, zone, message.as_bytes())["timestamp"].take()
    };
    let berlin = "Europe/Berlin";
    assert_eq!(
        time("2027-01-01T00:01:00Z", "UTC", "Dec 31 23:59:59"),
        "2026-12-31T23:59:59Z"
    );
    assert_eq!(
        time("2026-12-31T23:59:59Z", "UTC", "Jan  1 00:00:01"),
        "2027-01-01T00:00:01Z"
    );
    // it is next year there already
    assert_eq!(
        time("2026-12-31T23:30:00Z", berlin, "Jan  1 00:30:00"),
        "2027-01-01T00:30:00+01:00"
    );
    assert_eq!(
        time("2026-07-01T00:00:00Z", berlin, "Jul  1 2025 10:00:00"),
        "2025-07-01T10:00:00+02:00"
    );
    assert_eq!(
        time("2026-07-01T00:00:00Z", berlin, "2025-07-01T10:00:00+00:00"),
        "2025-07-01T10:00:00Z"
    );
    assert_eq!(
        time("2026-07-01T00:00:00Z", berlin, "Mar 29 02:30:00"),
        "2026-03-29T04:30:00+02:00"
    );
}

#[test]
fn what_is_hardly_syslog() {
    assert_eq!(
        of("no syslog: at all"),
        json!({"message": "no syslog: at all"})
    );
    let expected = json!({"facility": "local7", "severity": "notice", "message": "29: *Mar  1 18:46:11: %SYS-5"});
    assert_eq!(of("<189>29: *Mar  1 18:46:11: %SYS-5"), expected);
    assert_eq!(of("<999>text"), json!({"message": "<999>text"}));
    for head in [
        "",
        "Nov 21 10:00:00 ",
        "Nov 21 10:00:00 host ",
        "Nov 21 10:00:00 host cowrie: ",
    ] {
        let record = of(&format!("<14>{head}{{\"eventid\": \"a b\", \"c\": [1]}}"));
        assert_eq!(
            record["message"], "{\"eventid\": \"a b\", \"c\": [1]}",
            "{record}"
        );
    }
    let latin = at("2026-11-21T10:00:00Z", "UTC", b"<14>caf\xe9");
    assert_eq!(latin["message"], "café");
    let mixed = at(
        "2026-11-21T10:00:00Z",
        "UTC",
        b"<14>\xc3\xa9 \xff\x80 \xe2\x82",
    );
    assert_eq!(mixed["message"], "é \u{ff}\u{80} \u{e2}\u{82}");
}

#[test]
fn structured_data_that_cannot_be_read_is_in_the_message() {
    let data =
        r#"[action:"Accept"; src:"203.0.113.9"; dst:"198.51.100.7"; product:"Gate-1 & More"; ]"#;
    let expected = json!({
        "facility": "local0", "severity": "info", "timestamp": "2026-03-01T10:00:00Z", "hostname": "gate",
        "appname": "Firewall", "procid": "1234", "message": data,
    });
    let message = format!("<134>1 2026-03-01T10:00:00Z gate Firewall 1234 - {data}");
    assert_eq!(of(&message), expected);
    // and so with those that have none at all
    let record = of("<134>1 2026-03-01T10:00:00Z gate app 1 ID text [of] it");
    assert_eq!(record["message"], "text [of] it");
    assert_eq!(record["msgid"], "ID");
}

#[test]
fn fractions_of_a_second() {
    let expected = json!({
        "facility": "user", "severity": "info", "timestamp": "2026-10-11T22:14:15.123Z",
        "hostname": "host", "appname": "app", "message": "text",
    });
    assert_eq!(of("<14>Oct 11 22:14:15.123 host app: text"), expected);
    assert_eq!(of("<14>Oct 11 2026 22:14:15.123 host app: text"), expected);
    assert_eq!(of("<14>Oct 11 22:14:15,123000 host app: text"), expected);
    let zoned = at(
        "2026-11-21T10:00:00Z",
        "Asia/Tokyo",
        b"<14>Oct 11 22:14:15.123 UTC host app: text",
    );
    assert_eq!(zoned, expected);
    // of no day: as it was sent
    let record = of("<14>Oct 41 22:14:15.123 host app: text");
    assert_eq!(record["message"], "Oct 41 22:14:15.123 host app: text");
}

#[test]
fn the_first_word_of_a_message_is_no_program() {
    for (text, appname, message) in [
        (
            "host last message repeated 2 times",
            None,
            "last message repeated 2 times",
        ),
        (
            "gate 1,2026/03/01 10:00:00,0123,TRAFFIC",
            None,
            "1,2026/03/01 10:00:00,0123,TRAFFIC",
        ),
        (
            "gate CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
            None,
            "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
        ),
        (
            "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
            None,
            "CEF:0|Maker|Box|1|2|name|5|src=203.0.113.9",
        ),
        (
            "date=2026-03-01 devname=\"gate\" srcip=203.0.113.9",
            None,
            "date=2026-03-01 devname=\"gate\" srcip=203.0.113.9",
        ),
        (
            "LEEF:2.0|Maker|Box|1|id|src=203.0.113.9",
            None,
            "LEEF:2.0|Maker|Box|1|id|src=203.0.113.9",
        ),
        ("gate info tmm[12]: text", None, "info tmm[12]: text"),
        // without a host
        ("su: 'su root'", Some("su"), "'su root'"),
        ("filterlog[12]: 5,,,1000", Some("filterlog"), "5,,,1000"),
        (
            "router: %SYS-5-CONFIG_I: text",
            None,
            "%SYS-5-CONFIG_I: text",
        ),
        // what looks like structured data, and is none here
        ("host app: - 5", Some("app"), "- 5"),
        ("host app: -5.5 degrees", Some("app"), "-5.5 degrees"),
        ("host app: ---- begin", Some("app"), "---- begin"),
        (
            "host snort[1]: [1:2003:8] x [a b=\"c\"] y",
            Some("snort"),
            "[1:2003:8] x [a b=\"c\"] y",
        ),
        (
            "host app: [a b=\"c\"][d e=\"f\"] text",
            Some("app"),
            "[a b=\"c\"][d e=\"f\"] text",
        ),
        ("asa : %ASA-6-302013: Built", None, "%ASA-6-302013: Built"),
        ("host su[12]: 'su root'", Some("su"), "'su root'"),
        ("host app : text", Some("app"), "text"),
    ] {
        let record = of(&format!("<14>Nov 21 10:00:00 {text}"));
        assert_eq!(
            record.get("appname").and_then(Value::as_str),
            appname,
            "{record}"
        );
        assert_eq!(record["message"], message, "{record}");
    }
}

#[test]
fn what_is_strange_does_no_harm() {
    let heads = [
        "",
        "<14>",
        "<14>Nov 21 10:00:00 ",
        "<14>Nov 21 10:00:00.5 ",
        "<14>1 - - - - - ",
    ];
    let bodies = [
        "-",
        "- ",
        ": -",
        "h a: -\u{3000}",
        "h -\u{a0}",
        "\u{3000}",
        "é: -é\u{85}",
        "h é-",
        "[",
        "[a",
        "[a b=\"",
        "h CEF",
        "h a[",
        "h a[]: -",
        "h a[1",
        "=",
        "<",
        "<1",
        "h <",
        ":",
        "::",
        "h: :",
        "\u{feff}",
    ];
    for head in heads {
        for body in bodies {
            of(&format!("x{head}{body}"));
            of(&format!("{head}{body}x"));
            at(
                "2026-11-21T10:00:00Z",
                "America/New_York",
                format!("{head}{body}\u{3000}").as_bytes(),
            );
        }
    }
    for year in ["262142", "262143", "0", "99999999999"] {
        for zone in ["America/New_York", "Asia/Tokyo"] {
            at(
                "2026-11-21T10:00:00Z",
                zone,
                format!("<14>Dec 31 {year} 23:59:59 h a: t").as_bytes(),
            );
        }
    }
    assert_eq!(
        of("<14>Nov 21 10:00:00 h a: -\u{3000}")["message"],
        "-\u{3000}"
    );
}

#[test]
fn the_message_alone() {
    let format = MessageFormat {
        post: Post::Message,
        zone: Tz::UTC,
    };
    let record =
        |message: &str| format.record(message.as_bytes(), [127, 0, 0, 1].into(), Utc::now());
    assert_eq!(
        record("<14>Nov 21 10:00:00 host cowrie: {}\n").unwrap(),
        "{}"
    );
    assert_eq!(record("<14>1 - - - - - -"), None);
    // a message that is all structured data is not lost
    assert_eq!(
        record("<14>1 - - - - - [a src=\"203.0.113.9\"]").unwrap(),
        "[a src=\"203.0.113.9\"]"
    );
    assert_eq!(record("<14>1 - - - - - [a b=\"c\"] text").unwrap(), "text");
    assert_eq!(
        record("<14>Nov 21 10:00:00 host two words").unwrap(),
        "two words"
    );
    assert_eq!(record("\r\n"), None);
}
