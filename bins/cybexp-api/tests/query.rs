//! Questions: their answers, waiting for them, and those who disturb it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy sees helpers of a test as no test; the figures are for people"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Reporter, is, start, status_of};
use cybexp_testkit::{Answer, Api, Site, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn ask(api: &Api, token: &str, body: Value) -> Answer {
    api.post("/query", Some(token), &body).await
}

fn count(n: usize) -> Value {
    json!({"type": "count", "data": {"sub_type": "port", "data": n, "last": "7d"}})
}

fn later(answer: &Answer) {
    let body = json!({"message": "check back later", "status": "processing"});
    assert_eq!((answer.status, answer.json()), (202, body));
}

/// The port that report daemons are to call.
async fn callback_port(site: &Site) -> u16 {
    let port = async || -> Option<u16> {
        let queries = common::all(site, "report", "instance").await;
        let query = queries
            .iter()
            .find(|query| query.get_str("sub_type").unwrap() == "query")?;
        let query: Value = bson::deserialize_from_document(query.clone()).unwrap();
        let port = &query["data"]["socket"][0]["port"][0];
        Some(port.as_u64().unwrap() as u16)
    };
    eventually("a query", async || port().await.is_some()).await;
    port().await.unwrap()
}

#[tokio::test]
async fn a_question_is_answered_each_time_it_is_asked() {
    for seal in ["jwe", "legacy"] {
        let (site, api) = start("answer", json!({"api": {"seal": seal, "wait_s": 30}})).await;
        let token = site.token(&site.user().await);
        let reporter = Reporter::start(&site);
        let first = ask(&api, &token, count(22)).await;
        assert_eq!(first.status, 201, "{first:?}");
        let report = first.json();
        assert_eq!(report["itype"], "report");
        assert_eq!(report["sub_type"], "count");
        assert_eq!(report["userid"], site.userid.to_string());
        assert_eq!(report["data"], 0);
        for field in ["_hash", "timestamp", "current_page", "next_page"] {
            assert!(!report[field].is_null(), "{field} of {report}");
        }
        assert!(report.get("_id").is_none());

        assert_eq!(report["more"], false);

        // asked again it is answered again, by the same query
        let again = ask(&api, &token, count(22)).await;
        assert_eq!((again.status, &again.json()["data"]), (201, &json!(0)));
        assert!(again.json()["timestamp"].as_f64() > report["timestamp"].as_f64());
        for redo in [true, false] {
            let mut question = count(22);
            question["redo"] = json!(redo);
            let anew = ask(&api, &token, question).await;
            assert_eq!((anew.status, &anew.json()["data"]), (201, &json!(0)));
        }
        reporter.stop().await;

        let queries = common::all(&site, "report", "instance").await;
        let query = queries
            .iter()
            .find(|query| query.get_str("sub_type").unwrap() == "query");
        let asked = |document: &&bson::Document| document.get_str("sub_type").unwrap() == "query";
        assert_eq!(queries.iter().filter(asked).count(), 1);
        let query: Value = bson::deserialize_from_document(query.unwrap().clone()).unwrap();
        let qdata = query["data"]["qdata"][0].as_str().unwrap();
        let begins = if seal == "legacy" {
            ["b'", "b\""]
        } else {
            ["eyJ", "eyJ"]
        };
        assert!(
            begins.iter().any(|begin| qdata.starts_with(begin)),
            "{qdata}"
        );
        assert_eq!(query["data"]["encrypted"], json!([true]));
    }
}

#[tokio::test]
async fn a_question_waits_for_a_report_daemon() {
    let (site, api) = start("wait", json!({"api": {"wait_s": 1}})).await;
    let token = site.token(&site.user().await);
    for _ in 0..2 {
        let since = Instant::now();
        later(&ask(&api, &token, count(22)).await);
        assert!(since.elapsed() >= Duration::from_secs(1));
    }
    let reporter = Reporter::start(&site);
    eventually("it is answered", async || {
        ask(&api, &token, count(22)).await.status == 201
    })
    .await;
    reporter.stop().await;
}

#[tokio::test]
async fn a_wrong_question_is_refused_at_once() {
    let (site, api) = start("wrong", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let data = |more: Value| {
        let mut data = json!({"sub_type": "ipv4", "data": "192.0.2.1"});
        data.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"type": "related", "data": data})
    };
    for (body, message) in [
        (
            json!({"type": "guess", "data": {}}),
            "field type: `guess` is not one of count, related",
        ),
        (
            json!({"type": "count", "data": {}}),
            "field sub_type: is missing",
        ),
        (
            json!({"type": "count", "data": {"sub_type": "ipv4"}}),
            "field data: is missing",
        ),
        (
            json!({"type": "count", "data": {"_hash": "x"}}),
            "field _hash: ",
        ),
        (
            data(json!({"colour": "red"})),
            "field colour: is not a field of a query",
        ),
        (
            data(json!({"level": 4})),
            "field level: is not an integer from 1 to 3",
        ),
        (data(json!({"level": "1"})), "field level: "),
        (data(json!({"page": 0})), "field page: "),
        (
            data(json!({"summary": 1})),
            "field summary: is neither true nor false",
        ),
        (data(json!({"last": "7d", "from": 0})), "field last: "),
        (data(json!({"from": "yesterday-ish"})), "field from: "),
        (data(json!({"tzname": "Mars/Base"})), "field tzname: "),
        (data(json!({"category": "good"})), "field category: "),
        (data(json!({"return_type": "raw"})), "field return_type: "),
        (data(json!({"data": {"$gt": ""}})), "field data: "),
    ] {
        let answer = ask(&api, &token, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(
            answer.message().starts_with(message),
            "{answer:?}, not {message}"
        );
        // where CYBEX-P's web client looks for it
        assert_eq!(answer.json()["data"], json!(answer.message()));
        assert_eq!(answer.json()["itype"], "report");
    }
    for (body, field) in [
        (json!({"type": "count"}), "data"),
        (json!({"data": {}}), "type"),
        (json!({"type": "count", "data": [], "redo": true}), "data"),
        (
            json!({"type": "count", "data": {}, "userid": "x"}),
            "userid",
        ),
    ] {
        let answer = ask(&api, &token, body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.message().contains(field), "{answer:?}");
    }
    let queries = common::all(&site, "report", "instance").await;
    assert!(
        queries
            .iter()
            .all(|query| query.get_str("sub_type").unwrap() == "status")
    );
}

#[tokio::test]
async fn strangers_who_call_neither_end_nor_block_the_wait() {
    let (site, api) = start("strangers", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let asking = async {
        let answer = ask(&api, &token, count(22)).await;
        (answer, Instant::now())
    };
    let disturbing = async {
        let port = callback_port(&site).await;
        let mut held = Vec::new();
        for n in 0..300 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            match n % 4 {
                0 => stream.write_all(&[b'0'; 32]).await.unwrap(),
                1 => stream.write_all(b"short").await.unwrap(),
                2 => drop(stream.write_all(&[0xff; 10_000]).await),
                _ => {}
            }
            held.push(stream);
        }
        // nobody was woken by them
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        (Reporter::start(&site), held, began)
    };
    let ((answer, answered), (reporter, _held, began)) = tokio::join!(asking, disturbing);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answered > began && answered - began < Duration::from_secs(20));
    reporter.stop().await;
}

#[tokio::test]
async fn two_hundred_wait_at_once() {
    let (site, api) = start("many", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let pid = api.daemon.pid();
    is(&api.get("/ping", None).await, 200, "pong");
    let before = [status_of(pid, "VmRSS"), status_of(pid, "Threads")];
    let asking = futures::future::join_all((0..200).map(|n| ask(&api, &token, count(n))));
    let answering = async {
        let waiting = async || {
            let queries = common::all(&site, "report", "instance").await;
            queries
                .iter()
                .filter(|query| query.get_str("sub_type").unwrap() == "query")
                .count()
                == 200
        };
        eventually("all wait", waiting).await;
        let during = [status_of(pid, "VmRSS"), status_of(pid, "Threads")];
        (Reporter::start(&site), Instant::now(), during)
    };
    let (answers, (reporter, since, during)) = tokio::join!(asking, answering);
    println!(
        "200 waiting queries: RSS {} -> {} KiB, threads {} -> {}, the last answer {:?} after the report daemon's start",
        before[0],
        during[0],
        before[1],
        during[1],
        since.elapsed()
    );
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert!(during[1] < 40, "{} threads", during[1]);
    assert!(
        during[0] - before[0] < 50 << 10,
        "{} KiB",
        during[0] - before[0]
    );
    reporter.stop().await;
}

#[tokio::test]
async fn the_same_question_of_many_is_answered_to_all() {
    let (site, api) = start("same", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    let reporter = Reporter::start(&site);
    let since = Instant::now();
    let asking = (0..20).map(|_| ask(&api, &token, count(22)));
    for answer in futures::future::join_all(asking).await {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    assert!(
        since.elapsed() < Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
    reporter.stop().await;
}
