//! Subscriptions from the API to their receiver: who may make which, and how soon a webhook is told.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::time::{Duration, Instant};

use common::{context, is, measured, python_claims, start, start_measured, token};
use cybexp_testkit::{Daemon, Form, Site, answer, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_subscriptions_of_their_own() {
    let more = json!({"report": {"webhook_hosts": ["soc.example"]}});
    let (site, api) = start("subscriptions", more).await;
    let user = site.identity.user(site.userid).await.unwrap().unwrap();
    let other = site.add_user("other@example.com", "correct horse").await;
    let (mine, theirs) = [&user, &other]
        .map(|u| token(&python_claims(u), Site::SECRET))
        .into();
    let address = json!({"sub_type": "ip", "data": "203[.]0[.]113[.]9"});
    let hook = "https://soc.example/hook";
    let good = json!({"name": "scanner", "value": address, "channel": "webhook", "url": hook});
    let added = api.post("/subscriptions", Some(&mine), &good).await;
    assert_eq!(added.status, 201, "{added:?}");
    let added = added.json();
    let one = &added["subscription"];
    assert_eq!((&one["value"], &one["url"]), (&address, &json!(hook)));
    assert!(one["secret"].as_str().unwrap().starts_with("whsec_"));
    let kind = json!({"events": {"sub_type": "ssh", "category": "malicious"}});
    let page = api
        .post("/subscriptions", Some(&theirs), &kind)
        .await
        .json();
    assert_eq!(page["subscription"]["channel"], "page");
    assert_eq!(page["subscription"]["secret"], Value::Null);

    for (wrong, message) in [
        (
            json!({}),
            "field value: exactly one of value, feed and events",
        ),
        (
            json!({"events": {}}),
            "field events: at least one of sub_type, category, sensor",
        ),
        (
            json!({"value": address, "channel": "mail"}),
            "field channel: this site sends no mail (report.smtp)",
        ),
        (
            json!({"value": address, "channel": "pigeon"}),
            "field channel: webhook, mail or page",
        ),
        (
            json!({"value": address, "channel": "webhook"}),
            "field url: is missing",
        ),
        (
            json!({"value": address, "channel": "webhook", "url": "https://evil.example/"}),
            "field url: the host is not among those that this site allows (report.webhook_hosts)",
        ),
        (
            json!({"value": address, "channel": "webhook", "url": "http://soc.example/"}),
            "field url: must be an https:// URL",
        ),
    ] {
        is(
            &api.post("/subscriptions", Some(&mine), &wrong).await,
            400,
            message,
        );
    }
    let wrong = json!({"value": {"sub_type": "ipv4", "data": "nonsense"}});
    assert_eq!(
        api.post("/subscriptions", Some(&mine), &wrong).await.status,
        400
    );
    // no admin of the feed's organisations, or there is no such feed
    let feed = json!({"feed": "attackers"});
    assert_eq!(
        api.post("/subscriptions", Some(&theirs), &feed)
            .await
            .status,
        401
    );

    let id = one["id"].as_str().unwrap();
    let remove = async |token: &str| {
        answer(api.request("DELETE", &format!("/subscriptions/{id}"), Some(token))).await
    };
    is(&remove(&theirs).await, 404, "you have no such subscription");
    let list = async |token: &str| api.get("/subscriptions", Some(token)).await.json();
    assert_eq!(list(&mine).await, json!([one]));
    let after = format!("/subscriptions?after={id}");
    assert_eq!(api.get(&after, Some(&mine)).await.json(), json!([]));
    assert_eq!(remove(&mine).await.status, 200);
    assert_eq!(list(&mine).await, json!([]));
    assert_eq!(list(&theirs).await.as_array().unwrap().len(), 1);
    let retried = api
        .post("/subscriptions/retry", Some(&mine), &json!({}))
        .await;
    assert_eq!(retried.json()["notices"], 0);
    assert_eq!(
        api.get("/subscriptions/parked", Some(&mine)).await.json(),
        json!([])
    );
}

/// Takes deliveries, and passes on the passwords in them, each with the time at which it came.
async fn receiver() -> (u16, mpsc::UnboundedReceiver<(String, Instant)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut text = String::new();
                let mut bytes = [0; 65536];
                loop {
                    let read = stream.read(&mut bytes).await.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    text.push_str(&String::from_utf8_lossy(&bytes[..read]));
                    let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
                    let Some(Ok(body)) = body.map(serde_json::from_str::<Value>) else {
                        continue;
                    };
                    let came = Instant::now();
                    for notice in body["notices"].as_array().unwrap() {
                        let values = notice["event"]["values"].as_array().unwrap();
                        let password = values.iter().find(|it| it["sub_type"] == "password");
                        let password = password.unwrap()["data"].as_str().unwrap();
                        sender.send((password.to_owned(), came)).unwrap();
                    }
                    text.clear();
                    let done = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(done.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_within_moments_of_the_submission() {
    let report = json!({"webhook_hosts": ["127.0.0.1"], "webhook_inside": true});
    let (site, api) = start_measured("subscriptions", json!({"report": report})).await;
    let user = site.identity.user(site.userid).await.unwrap().unwrap();
    let token = token(&python_claims(&user), Site::SECRET);
    let (port, mut told) = receiver().await;
    let names = ["archive", "analytics", "report"];
    let mut processes = Vec::new();
    let (mut daemons, mut stop) = (Vec::new(), Vec::new());
    match measured() {
        Some(program) => {
            processes.extend(names.map(|name| Daemon::start(&program, &["daemon", name], &site)))
        }
        None => {
            let [archive, analytics, report] = names.map(|name| context(&site, name, false));
            stop.extend([&archive, &analytics, &report].map(|ctx| ctx.shutdown.clone()));
            daemons.push(tokio::spawn(cybexp_archive::run(archive)));
            daemons.push(tokio::spawn(cybexp_analytics::run(analytics)));
            daemons.push(tokio::spawn(cybexp_report::run(report)));
        }
    }
    let url = format!("http://127.0.0.1:{port}/");
    let value = json!({"sub_type": "ipv4", "data": "203.0.113.9"});
    let request = json!({"value": value, "channel": "webhook", "url": url});
    let added = api.post("/subscriptions", Some(&token), &request).await;
    assert_eq!(added.status, 201, "{added:?}");

    let events = 101;
    let mut times = Vec::new();
    for n in 0..events {
        let line = json!({
            "eventid": "cowrie.login.failed", "session": "8d0c", "src_ip": "203.0.113.9", "username": "root",
            "password": format!("word {n}"), "timestamp": "2023-11-14T22:13:20.000000Z",
        });
        let form = Form::submission(&site, "cowrie").text("name", "test");
        let form = form.file("line.json", line.to_string().as_bytes());
        let since = Instant::now();
        assert_eq!(api.submit(Some(&token), &form).await.status, 201);
        let came = tokio::time::timeout(Duration::from_secs(60), told.recv());
        let (password, came) = came.await.expect("it is told").unwrap();
        assert_eq!(password, format!("word {n}"));
        times.push((came - since).as_secs_f64() * 1000.0);
    }
    // the first one waits for connections
    let mut times = times.split_off(1);
    times.sort_by(f64::total_cmp);
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!("from POST /raw to the webhook: p50 {half:.0} ms, p99 {most:.0} ms");
    assert!(half < 5000.0, "{times:?}");
    eventually("nothing more is told", async || told.is_empty()).await;
    for shutdown in stop {
        shutdown.begin();
    }
    for daemon in daemons {
        daemon.await.unwrap().unwrap();
    }
    for process in processes {
        assert!(process.terminate().success());
    }
}
