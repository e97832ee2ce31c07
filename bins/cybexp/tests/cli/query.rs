//! Questions through the API.

use serde_json::json;

use crate::{SiteWithApi, json_of};

const DOWNLOADS: &str = r#"{"eventid": "cowrie.session.file_download", "session": "a1", "sensor": "reno", "timestamp": 1700000000, "src_ip": "198.51.100.7", "url": "http://evil.example/a\u001b[2J.sh"}
{"eventid": "cowrie.session.file_download", "session": "a2", "sensor": "reno", "timestamp": 1700000001, "src_ip": "198.51.100.8", "url": "http://evil.example/b.sh"}
"#;
const SIGHTINGS: &str = r#"{"size": 7, "timestamp": 1700000002}
{"size": -7, "timestamp": 1700000003}
{"port": 22, "timestamp": 1700000004, "category": "malicious"}
{"port": 22, "timestamp": 1700000005}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_as_tables_trees_and_json() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    up.have(
        "--lines",
        [("cowrie", DOWNLOADS), ("sighting", SIGHTINGS)],
        6,
    )
    .await;
    let query = |args: &[&str]| up.run(&[&["query"], args].concat());

    let report = json_of(&query(&["count", "domain", "evil.example", "--json"]).good());
    assert_eq!(report["data"], json!(2));
    let table = query(&["count", "domain", "evil.example", "--category", "malicious"]).good();
    assert!(
        table.contains("evil.example") && table.contains(" 2 "),
        "{table}"
    );
    for column in [
        "first seen",
        "last seen",
        "2023-11-14 22:13:20",
        "2023-11-14 22:13:21",
    ] {
        assert!(table.contains(column), "{column}: {table}");
    }
    // whatever way it is written
    let table = query(&["count", "domain", "EVIL[.]example"]).good();
    assert!(
        table.contains(" 2 ") && table.contains("looked for as domain \"evil.example\""),
        "{table}"
    );
    let table = query(&["count", "port", "22"]).good();
    assert!(
        table.contains(" 2 ") && table.contains("port 22 (int)"),
        "{table}"
    );
    for (sub_type, value, told) in [
        ("passwrod", "x", "did you mean password?"),
        ("ipv4", "999.1.1.1", "`999.1.1.1` is not an IPv4 address"),
    ] {
        let refused = query(&["count", sub_type, value]).bad();
        assert!(refused.contains(told), "{refused}");
    }
    let table = query(&["count", "sessionid", "a1"]).good();
    assert!(table.contains(" 1 "), "{table}");
    let question = |data: serde_json::Value| json!({"type": "count", "data": data}).to_string();
    let lines = [
        question(json!({"sub_type": "domain", "data": "evil.example"})),
        question(json!({"sub_type": "port", "data": 22})),
    ];
    let file = up.file("questions", lines.join("\n"));
    let answers = json_of(&query(&["--file", &file, "--json"]).good());
    assert_eq!(answers[0]["body"]["data"], json!(2));
    assert_eq!(answers[1]["status"], json!(201));
    let table = query(&["--file", &file]).good();
    assert!(table.contains("domain evil.example"), "{table}");
    let list = up.file(
        "list",
        "# seen elsewhere\n198.51.100.7\nevil[.]example\n203.0.113.99\n",
    );
    let table = query(&["--file", &list]).good();
    for row in [
        "ip 198.51.100.7",
        "domain evil[.]example",
        "2023-11-14 22:13:21",
    ] {
        assert!(table.contains(row), "{row}: {table}");
    }
    let answers = json_of(&query(&["--file", &list, "--json"]).good());
    let counts = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["body"]["data"]);
    assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(answers[2]["question"]["data"]["data"], "203.0.113.99");
    let related = query(&["--file", &list, "--about", "related"]).good();
    assert!(related.contains("2 url"), "{related}");
    let none = query(&[
        "count",
        "domain",
        "evil.example",
        "--to",
        "1699999999",
        "--json",
    ])
    .good();
    assert_eq!(json_of(&none)["data"], json!(0));
    for (value, kind, count) in [
        ("7", "int", 1),
        ("-7", "int", 1),
        ("7", "str", 0),
        ("7", "float", 0),
    ] {
        let report = query(&["count", "size", value, "--type", kind, "--json"]).good();
        assert_eq!(json_of(&report)["data"], json!(count), "{value} as {kind}");
    }

    let table = query(&["related", "domain", "evil.example"]).good();
    assert!(
        table.contains("2 events first seen 2023-11-14 22:13:20, last seen 2023-11-14 22:13:21"),
        "{table}"
    );
    assert!(
        table.contains("a\\u{1b}[2J.sh") && !table.contains('\u{1b}'),
        "{table}"
    );
    assert!(
        table.contains("b.sh") && table.contains("hostname"),
        "{table}"
    );
    let tree = query(&["related", "domain", "evil.example", "--graph"]).good();
    assert!(
        tree.contains("└─ file_download event") && tree.contains("├─ hostname evil.example"),
        "{tree}"
    );
    let documents = [
        "related",
        "domain",
        "evil.example",
        "--documents",
        "--return-type",
        "event",
    ];
    let table = query(&documents).good();
    assert_eq!(table.matches("file_download").count(), 2, "{table}");
    let report = json_of(&query(&[&documents[..], &["--json"]].concat()).good());
    assert_eq!(report["data"].as_array().unwrap().len(), 2);

    let events = [
        "related",
        "port",
        "22",
        "--type",
        "int",
        "--documents",
        "--return-type",
        "event",
        "--json",
    ];
    let hash = |category: &str| {
        let report = query(&[&events[..], &["--category", category]].concat()).good();
        json_of(&report)["data"][0]["_hash"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ranked = query(&["threatrank", &hash("malicious")]).good();
    assert!(
        ranked.starts_with("-1.0 event ") && ranked.contains("0 paths"),
        "{ranked}"
    );
    assert!(
        ranked.contains("the event is malicious itself") && ranked.contains("scale: 0 where"),
        "{ranked}"
    );
    let ranked = query(&["threatrank", &hash("unknown")]).good();
    assert!(
        ranked.starts_with("-0.") && ranked.contains("1 paths"),
        "{ranked}"
    );
    assert!(ranked.contains("port") && ranked.contains("22"), "{ranked}");
    assert!(
        query(&["threatrank", &"0".repeat(64)])
            .bad()
            .contains("no such event")
    );
    assert_eq!(query(&["threatrank", "short"]).code, 2);
    // two events, one of them malicious
    let ranked = query(&["threatrank", "port", "22"]).good();
    assert!(
        ranked.starts_with("-0.1") && ranked.contains("port 22, 2 events, 1 paths"),
        "{ranked}"
    );
    assert!(ranked.contains("for each of its events"), "{ranked}");

    let table = query(&[
        "timeline",
        "port",
        "22",
        "--by",
        "day",
        "--tz",
        "Asia/Tokyo",
    ])
    .good();
    for part in [
        "2 events",
        "by day, Asia/Tokyo",
        "2023-11-15 Wed",
        "malicious",
        "▪",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let report = json_of(&query(&["timeline", "port", "22", "--json"]).good());
    assert_eq!(report["data"]["buckets"][0]["malicious"], json!(1));
    assert_eq!(query(&["timeline", "port", "22", "--by", "month"]).code, 2);

    let story = query(&["session", "sessionid", "a1"]).good();
    for part in [
        "cowrie_session",
        "sessionid a1",
        "+0.0 fetched http://evil.example/a",
    ] {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(!story.contains('\u{1b}'), "{story:?}");
    let report = json_of(&query(&["session", "sensor", "reno", "--json"]).good());
    assert_eq!(report["data"]["others"].as_array().unwrap().len(), 1);
    let event = report["data"]["steps"][0]["_hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = &report["data"]["session"]["data"]["sessionid"][0];
    let story = query(&["session", &event]).good();
    assert!(
        story.contains(&format!("sessionid {}", id.as_str().unwrap())),
        "{story}"
    );
    assert!(
        query(&["session", "sessionid", "a9"])
            .bad()
            .contains("there is no such session")
    );

    let wrong = query(&["count", "url", "x", "--from", "whenever"]).bad();
    assert!(wrong.contains("field from: "), "{wrong}");
    assert!(
        query(&["count", "size", "x", "--type", "int"])
            .bad()
            .contains("VALUE is no int")
    );
    assert_eq!(query(&["related", "url", "x", "--level", "4"]).code, 2);
    assert_eq!(
        query(&["count", "url", "x", "--last", "7d", "--from", "0"]).code,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_asked_to() {
    let up = SiteWithApi::new(&[]).await;
    let late = up.run(&["query", "count", "url", "x", "--wait", "1"]).bad();
    assert!(
        late.contains("not ready after 1 s") && late.contains("cybexp-report"),
        "{late}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_listed_in_tables_of_eighty_columns() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    up.have(
        "--lines",
        [("cowrie", DOWNLOADS), ("sighting", SIGHTINGS)],
        6,
    )
    .await;
    let query = |args: &[&str]| up.run(&[&["query"], args].concat()).good();

    let top = json_of(&query(&["top", "port", "--json"]));
    let data = json!([{"sub_type": "port", "data": 22, "count": 2}]);
    assert_eq!(top["data"], data);
    assert_eq!(top["exact"], true);
    let table = query(&["top", "url", "--event", "file_download", "--limit", "1"]);
    assert!(table.contains("2 values"), "{table}");
    let none = query(&["top", "url", "--event", "ssh"]);
    assert!(none.contains("0 values"), "{none}");
    let table = query(&["search", "ip", "198.51.100.0/24"]);
    let (first, second) = (table.find("198.51.100.7"), table.find("198.51.100.8"));
    assert!(first.is_some() && first < second, "{table}");
    let page = query(&["search", "url", "HTTP://evil", "--limit", "1"]);
    let after = page.split("--after ").nth(1).unwrap();
    let after = after.split_whitespace().next().unwrap();
    let rest = query(&["search", "url", "HTTP://evil", "--after", after]);
    assert!(rest.contains("b.sh") && !rest.contains("a\u{1b}"), "{rest}");
    let table = query(&["new", "size", "--from", "1700000003"]);
    assert!(
        table.contains("-7") && table.contains("22:13:23"),
        "{table}"
    );
    for table in [table, rest] {
        let places = table.lines().filter(|line| !line.contains("--after"));
        for line in places {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
