//! `phishtank`: its feed, and copies of it.

use std::time::Duration;

use cybexp_feed::Later;
use cybexp_input::plugin::Next;
use serde_json::json;

use crate::harness::Input;
use crate::server::{Server, bzip2, cut, gzip, hang, ok, script, status, tagged};

/// As PhishTank writes it.
fn phish(id: usize) -> String {
    let detail = json!({"ip_address": "204.152.210.139", "cidr_block": "204.152.192.0/19", "announcing_network": "8100",
        "rir": "arin", "country": "US", "detail_time": "2022-11-16T14:13:00+00:00"});
    json!({"phish_id": id.to_string(), "url": format!("https://phish{id}.example/"),
        "phish_detail_url": format!("http://www.phishtank.com/phish_detail.php?phish_id={id}"),
        "submission_time": "2022-11-16T14:08:44+00:00", "verified": "yes",
        "verification_time": "2022-11-16T14:12:55+00:00", "online": "yes", "details": [detail], "target": "Other"})
    .to_string()
}

fn phishes(from: usize, to: usize) -> Vec<String> {
    (from..to).map(phish).collect()
}

fn list(from: usize, to: usize) -> String {
    format!("[{}]", phishes(from, to).join(","))
}

#[tokio::test]
async fn only_records_that_were_never_seen_in_every_packing() {
    let bodies = script(list(0, 10).into_bytes());
    let served = bodies.clone();
    let server = Server::start(move |_| ok(served.lock().unwrap().clone())).await;
    let url = server.url("/data/online-valid.json.bz2");
    let input = Input::new(
        "phishtank",
        json!({"url": url, "key": "k3y", "user": "alice"}),
    );
    let next = input.fetch().await.unwrap();
    assert_eq!(next, Next::NotBefore(Duration::ZERO));
    assert_eq!(input.taken().await, phishes(0, 10));

    let text = list(5, 20);
    let (a, b) = text.as_bytes().split_at(text.len() / 2);
    *bodies.lock().unwrap() = [bzip2(a).await, bzip2(b).await].concat();
    input.fetch().await.unwrap();
    *bodies.lock().unwrap() = gzip(list(0, 25).as_bytes()).await;
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, phishes(0, 25));
    for request in server.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.uri, "/data/k3y/online-valid.json.bz2");
        let agent = request.header("user-agent").unwrap();
        assert!(
            agent.starts_with("phishtank/alice cybexp-input/"),
            "{agent}"
        );
    }
}

#[tokio::test]
async fn nothing_new_and_refusals() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |request| match *serving.lock().unwrap() {
        0 => tagged(request, "\"e\"", &list(0, 3)),
        1 => status(403, &[], "<html>captcha"),
        2 => status(509, &[], ""),
        3 => status(429, &[("retry-after", "7200")], ""),
        4 => status(500, &[], ""),
        _ => cut(&list(0, 3)[..200], Some(5000)),
    })
    .await;
    let url = server.url("/data/online-valid.json");
    let input = Input::new("phishtank", json!({"url": url, "key": "SECRET"}));
    input.fetch().await.unwrap();
    input.fetch().await.unwrap();
    assert_eq!(server.requests()[1].header("if-none-match"), Some("\"e\""));
    for (bad, wait) in [(1, 3600), (2, 3600), (3, 7200), (4, 0), (5, 0)] {
        *step.lock().unwrap() = bad;
        let error = input.fetch().await.unwrap_err();
        let later = error
            .downcast_ref::<Later>()
            .map_or(0, |later| later.wait.as_secs());
        assert_eq!(later, wait, "{error}");
        assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
    }
    assert_eq!(input.taken().await, phishes(0, 3));
}

#[tokio::test]
async fn killed_inside_of_the_feed() {
    let step = script(true);
    let serving = step.clone();
    let whole = bzip2(list(0, 4000).as_bytes()).await;
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        true => hang(format!("[{}", phishes(0, 2500).join(",\n"))),
        false => ok(whole.clone()),
    })
    .await;
    let input = Input::new("phishtank", json!({"url": server.url("/")}));
    let running = input.start().await;
    input.wait_for(2000).await;
    running.kill().await;
    *step.lock().unwrap() = false;
    input.fetch().await.unwrap();
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, phishes(0, 4000));
}

#[tokio::test]
async fn what_names_no_phish_is_left_out_and_told() {
    let body = r#"[{"phish_id": 7, "url": "http://a/"}, {"phish_id": "7"}, {"a": 1}, 5, {"url": "http://b/"}]"#;
    let server = Server::start(move |_| ok(body)).await;
    let input = Input::new("phishtank", json!({"url": server.url("/")}));
    input.fetch().await.unwrap();
    let expected = [
        r#"{"phish_id": 7, "url": "http://a/"}"#,
        r#"{"url": "http://b/"}"#,
    ];
    assert_eq!(input.taken().await, expected);
    let error = input.now().last_error.unwrap();
    assert!(
        error.contains(r#"{"a": 1}"#) && error.contains("2 such parts"),
        "{error}"
    );
}

#[test]
fn phishtank_is_not_asked_too_often() {
    for (settings, period) in [
        (json!({}), 6 * 3600 - 1),
        (json!({"key": "k"}), 3599),
        (
            json!({"url": "http://data.PhishTank.com/data/online-valid.json"}),
            60,
        ),
    ] {
        let error = Input::refused("phishtank", settings, period);
        assert!(error.contains("input.inputs[test].period_s"), "{error}");
    }
    let error = Input::refused("phishtank", json!({"key": "k", "url": "http://a/b"}), 0);
    assert!(error.contains("settings.key"), "{error}");
    // of a copy, often; of PhishTank, rarely enough
    for (settings, period) in [
        (json!({"url": "http://127.0.0.1/"}), 1),
        (json!({}), 6 * 3600),
        (json!({"key": "k"}), 3600),
    ] {
        Input::new("phishtank", settings).every(period).source();
    }
}
