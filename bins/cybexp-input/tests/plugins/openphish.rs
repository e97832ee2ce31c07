//! `openphish`: the community's feed and the premium one.

use serde_json::json;

use crate::harness::Input;
use crate::server::{Server, hang, ok, script, status, tagged};

fn urls(from: usize, to: usize) -> Vec<String> {
    (from..to)
        .map(|n| format!("http://www..phish{n}.example/"))
        .collect()
}

#[tokio::test]
async fn only_urls_that_were_not_there_before() {
    let feed = script(("\"1\"", urls(0, 500).join("\n")));
    let served = feed.clone();
    let server = Server::start(move |request| {
        let (etag, body) = served.lock().unwrap().clone();
        tagged(request, etag, &body)
    })
    .await;
    let input = Input::new("openphish", json!({"url": server.url("/feed.txt")}));
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await, [urls(0, 500).join("\n")]);
    }
    assert_eq!(server.requests()[1].header("if-none-match"), Some("\"1\""));
    *feed.lock().unwrap() = ("\"2\"", urls(200, 520).join("\r\n"));
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await[1..], [urls(500, 520).join("\n")]);
    // gone, and back, as from another server of the same name
    *feed.lock().unwrap() = ("\"3\"", urls(0, 520).join("\n"));
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await.len(), 2);
}

#[tokio::test]
async fn what_is_no_feed_is_an_error_and_forgets_nothing() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        1 => ok(""),
        2 => ok("\n \n"),
        3 => ok("<!DOCTYPE html>\n<p>we are busy\n"),
        4 => status(
            200,
            &[("content-type", "text/html; charset=utf-8")],
            "http://a/",
        ),
        5 => ok("404: Not Found"),
        6 => ok(r#"{"error": "no such user"}"#),
        7 => status(404, &[], "404: Not Found"),
        _ => ok(urls(0, 3).join("\n")),
    })
    .await;
    let input = Input::new("openphish", json!({"url": server.url("/feed.txt")}));
    input.fetch().await.unwrap();
    for bad in 1..=7 {
        *step.lock().unwrap() = bad;
        let error = input.fetch().await.unwrap_err().to_string();
        assert_eq!(error.contains("404: Not Found"), bad == 7, "{error}");
        input.source().check().await.unwrap_err();
    }
    *step.lock().unwrap() = 0;
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, [urls(0, 3).join("\n")]);
    assert_eq!(input.source().check().await.unwrap(), "3 URLs");
}

#[tokio::test]
async fn premium() {
    let line = |url: &str| {
        let line = json!({"asn": "AS1", "brand": "B", "emails": [], "isotime": "2026-11-21T00:00:00Z", "url": url});
        line.to_string()
    };
    let lines = [
        line("http://a/"),
        line("http://b/ c"),
        "{\"url\": 5}".to_owned(),
        line("x\ny"),
    ];
    let body = lines.join("\n");
    let server = Server::start(move |request| match request.header("authorization") {
        Some("Basic dTpw") => ok(body.clone()),
        _ => status(401, &[], ""),
    })
    .await;
    let url = format!("http://u:p@127.0.0.1:{}/prvt-intell/", server.port);
    let input = Input::new("openphish", json!({"url": url}));
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["http://a/\nhttp://b/ c"]);
    let error = input.now().last_error.unwrap();
    assert!(error.contains("2 such parts"), "{error}");
    let input = Input::new("openphish", json!({"url": server.url("/")}));
    let error = input.fetch().await.unwrap_err().to_string();
    assert!(error.contains("settings.url"), "{error}");
}

#[tokio::test]
async fn killed_inside_of_a_snapshot() {
    let step = script(true);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        true => hang(urls(0, 2500).join("\n")),
        false => ok(urls(0, 3210).join("\n")),
    })
    .await;
    let input = Input::new("openphish", json!({"url": server.url("/")}));
    let running = input.start().await;
    input.wait_for(2).await;
    running.kill().await;
    *step.lock().unwrap() = false;
    input.fetch().await.unwrap();
    input.fetch().await.unwrap();
    let taken = input.taken().await;
    assert!(taken.iter().all(|record| record.lines().count() <= 1000));
    let lines: Vec<&str> = taken.iter().flat_map(|record| record.lines()).collect();
    assert_eq!(lines, urls(0, 3210));
}
