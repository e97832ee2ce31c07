//! The account of a query: the log line and metrics that tell why it was slow.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_testkit::{Daemon, Site, eventually, free_ports};
use serde_json::{Value, json};
use tahoe_core::{Socket, Status};

const REPORT: &str = env!("CARGO_BIN_EXE_cybexp-report");

fn metrics(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_leaves_its_phases_and_what_it_waited_for() {
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let settings = json!({"metrics": {"report": address}, "log": {"format": "json"}, "report": {"accept_unsigned": true}});
    let site = Site::new("account", settings).await;
    let log = site.folder.path().join("log");
    let daemon = Daemon::start_logged::<&str>(REPORT, &[], &site.config, &log);
    // it was asked two seconds ago: that makes it slow
    let asked = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let asked = asked.as_secs_f64() - 2.0;
    let question = json!({"sub_type": "ipv4", "data": "192.0.2.1"});
    let query = site.query("count", &question, asked, Socket::default());
    let hash = query.to_object().unwrap().hash();
    site.queries
        .put(std::slice::from_ref(&query))
        .await
        .unwrap();
    let ready = || async {
        let (query, reason) = site.queries.find(hash).await.unwrap().unwrap();
        assert_eq!(reason, None);
        query.status == Status::Ready
    };
    eventually("a report", ready).await;

    let line = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.find(|line: &Value| line["message"] == "a slow query")
    };
    eventually("a line of the log", || async { line().is_some() }).await;
    let line = line().unwrap();
    assert_eq!(line["outcome"], "ready", "{line}");
    assert_eq!(line["level"], "INFO", "{line}");
    let span = &line["span"];
    assert_eq!(span["hash"], hash.to_string(), "{line}");
    assert_eq!(span["type"], "count", "{line}");
    let ms = |field: &str| {
        let ms = span[field].as_f64();
        ms.unwrap_or_else(|| panic!("no {field} in {line}"))
    };
    assert!((2_000.0..120_000.0).contains(&ms("wait_ms")), "{line}");
    let parts = ms("open_ms") + ms("answer_ms") + ms("write_ms");
    assert!(
        parts > 0.0 && parts <= line["ms"].as_f64().unwrap() + 0.5,
        "{line}"
    );
    let database = line["database"].as_str().unwrap();
    assert!(database.contains("1 × reading who may see what "), "{line}");

    let metrics = metrics(port);
    for expected in [
        "cybexp_report_query_seconds_count{type=\"count\"} 1",
        "cybexp_report_phase_seconds_count{phase=\"answer\"} 1",
        "cybexp_report_phase_seconds_count{phase=\"wait\"} 1",
        "cybexp_store_operation_seconds_count{operation=\"reading who may see what\"} 1",
        "cybexp_store_operation_seconds_count{operation=\"claiming a query\"}",
        "# HELP cybexp_store_operation_seconds ",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in {metrics}");
    }
    assert!(daemon.terminate().success());
}

/// Asks the same question of the same hour again, more than a second after it was first asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_asked_again_waits_from_then_on() {
    let site = Site::new(
        "again",
        json!({"log": {"format": "json"}, "report": {"accept_unsigned": true}}),
    )
    .await;
    let log = site.folder.path().join("log");
    let daemon =
        Daemon::start_logged::<&str>(REPORT, &["--log-level", "debug"], &site.config, &log);
    let asked = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let asked = asked.as_secs_f64() - 1_000.0;
    let question = json!({"sub_type": "ipv4", "data": "192.0.2.1"});
    let query = site.query("count", &question, asked, Socket::default());
    let hash = query.to_object().unwrap().hash();
    let accounts = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let told =
            |line: &Value| line["outcome"] == "ready" && line["span"]["hash"] == hash.to_string();
        lines.filter(told).collect::<Vec<Value>>()
    };
    for times in 1..=2 {
        let queries = std::slice::from_ref(&query);
        site.queries.put(queries).await.unwrap();
        eventually("an account", || async { accounts().len() == times }).await;
    }
    let waits: Vec<f64> = accounts()
        .iter()
        .map(|line| line["span"]["wait_ms"].as_f64().unwrap())
        .collect();
    assert!(waits[0] >= 1_000_000.0, "{waits:?}");
    assert!(waits[1] < 500_000.0, "{waits:?}");
    assert!(daemon.terminate().success());
}
