//! Reasons that a server gives for its refusal.

use cybexp_feed::Later;
use serde_json::json;

use crate::harness::Input;
use crate::server::{Server, ok, script, status};

#[tokio::test]
async fn the_servers_own_reason_is_told_without_secrets() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        0 => status(400, &[], r#"{"error":"parameter since is missing"}"#),
        1 => status(
            401,
            &[],
            r#"{"message":"API key k3y-k3y expired on 2026-01-01"}"#,
        ),
        2 => status(
            403,
            &[],
            "Access denied:\u{1b}[31m bad user agent\nsecond line",
        ),
        3 => status(
            429,
            &[("retry-after", "60")],
            r#"{"detail": "quota of p4ssw0rd1 exceeded"}"#,
        ),
        4 => ok(r#"{"query_status":"unknown_auth_key"}"#),
        5 => ok(r#"{"error": {"message": "no licence for k3y-k3y"}, "data": null}"#),
        6 => ok("<br />\n<b>Notice</b>: Undefined index: id in /var/www/api.php\n{\"data\":[]}"),
        7 => status(
            503,
            &[("content-type", "text/html")],
            "<html><title>Down for work</title>…",
        ),
        8 => ok("Error: too many requests"),
        9 => status(418, &[("content-encoding", "gzip")], ""),
        _ => status(206, &[], "partly"),
    })
    .await;
    let url = server.url("/v1/p4ssw0rd1/feed.json?key=k3y-k3y");
    let settings =
        json!({"url": url, "items": "data", "headers": {"Authorization": "Bearer k3y-k3y"}});
    let input = Input::new("http", settings);
    for (at, expected) in [
        "answers 400 Bad Request: parameter since is missing",
        "answers 401 Unauthorized: API key *** expired on 2026-01-01",
        "answers 403 Forbidden: Access denied: [31m bad user agent",
        "answers 429 Too Many Requests: quota of *** exceeded, and must be left alone for 60 s",
        "there is no data in the answer: unknown_auth_key",
        "there is no data in the answer: no licence for ***",
        "the answer is no JSON: '<' at byte 0 (it looks like HTML, and says: Notice : Undefined index: id in /var/www/api.php {\"data\":[]})",
        "answers 503 Service Unavailable: Down for work",
        "the answer is no JSON: 'E' at byte 0 (it says: Error: too many requests)",
        "answers 418 I'm a teapot",
        "answers 206 Partial Content, which is no answer to this question: partly",
    ]
    .into_iter()
    .enumerate()
    {
        *step.lock().unwrap() = at;
        let error = input.fetch().await.unwrap_err();
        let told = format!("{error:#}");
        assert!(told.ends_with(expected), "{told}");
        assert_eq!(error.is::<Later>(), at == 3);
        assert_eq!(format!("{:#}", input.source().check().await.unwrap_err()), told);
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_record() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        0 => status(
            200,
            &[("content-type", "text/html")],
            "<html><body>Login</body></html>",
        ),
        1 => ok(" <!DOCTYPE html><title>Are you a robot?</title>"),
        2 => status(200, &[("content-type", "text/html")], "1,2,3"),
        _ => ok("<?xml version=\"1.0\"?><rss/>"),
    })
    .await;
    let input = Input::new("http", json!({"url": server.url("/")}));
    for says in ["Login", "Are you a robot?"] {
        let expected = format!("answers with a page of HTML, and no data: {says}");
        let told = input.fetch().await.unwrap_err().to_string();
        assert!(told.ends_with(&expected), "{told}");
        let told = input.source().check().await.unwrap_err().to_string();
        assert!(told.ends_with(&expected), "{told}");
        *step.lock().unwrap() += 1;
    }
    input.fetch().await.unwrap();
    *step.lock().unwrap() += 1;
    input.fetch().await.unwrap();
    assert_eq!(
        input.taken().await,
        ["1,2,3", "<?xml version=\"1.0\"?><rss/>"]
    );
}

#[tokio::test]
async fn a_list_that_is_not_where_it_is_looked_for_is_told() {
    let server = Server::start(|request| match request.uri.path() {
        "/other" => ok(r#"{"results": [1]}"#),
        _ => ok(r#"{"count": 0}"#),
    })
    .await;
    let input = Input::new(
        "http",
        json!({"url": server.url("/other"), "items": "data"}),
    );
    let told = input.fetch().await.unwrap_err().to_string();
    assert_eq!(told, "there is no data in the answer, but a list results");
    let input = Input::new("http", json!({"url": server.url("/"), "items": "data"}));
    input.fetch().await.unwrap();
    let told = input.source().check().await.unwrap();
    assert!(told.contains("there is no data in it"), "{told}");
}

#[tokio::test]
async fn pages_that_are_not_read_are_told_once() {
    let server = Server::start(|_| ok(r#"{"data": [1], "next": "c3Vyc29y"}"#)).await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "data"}));
    let told = input.source().check().await.unwrap();
    assert!(
        told.contains("its field next may lead to a next page, which is not read"),
        "{told}"
    );
    let sink = input
        .sink(&tokio_util::sync::CancellationToken::new())
        .await;
    let mut source = input.source();
    for _ in 0..2 {
        source.fetch(&sink).await.unwrap();
        assert_eq!(input.now().errors, 1);
    }
    let input = Input::new(
        "http",
        json!({"url": server.url("/"), "items": "data", "next": false}),
    );
    input.fetch().await.unwrap();
    assert_eq!(input.now().errors, 0);
}
