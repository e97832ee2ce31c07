//! `http`: any API.

mod pages;
mod reasons;
mod redirects;
mod shapes;

use cybexp_feed::Later;
use serde_json::json;

use crate::harness::Input;
use crate::server::{Server, bzip2, cut, gzip, hang, ok, script, status, tagged};

#[tokio::test]
async fn only_elements_that_were_not_there_before() {
    let feed = script((
        r#"W/"1,2""#,
        r#"{"data": {"list": [{"a":1}, {"b": 2},{"a":1}]}}"#,
    ));
    let served = feed.clone();
    let server = Server::start(move |request| {
        let (etag, body) = *served.lock().unwrap();
        tagged(request, etag, body)
    })
    .await;
    let settings =
        json!({"url": server.url("/x?key=k"), "items": "data.list", "user_agent": "me/1"});
    let input = Input::new("http", settings);

    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, [r#"{"a":1}"#, r#"{"b": 2}"#]);
    let request = &server.requests()[0];
    assert_eq!(request.header("if-none-match"), None);
    assert_eq!(request.header("user-agent"), Some("me/1"));
    assert_eq!(request.uri, "/x?key=k");

    input.fetch().await.unwrap();
    assert_eq!(
        server.requests()[0].header("if-none-match"),
        Some(r#"W/"1,2""#)
    );
    assert_eq!(input.taken().await.len(), 2);

    *feed.lock().unwrap() = (r#""2""#, r#"{"data": {"list": [{"b": 2}, 3]}}"#);
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await[2..], ["3"]);
    // what was gone is not new
    *feed.lock().unwrap() = (r#""3""#, r#"{"data": {"list": [{"b": 2}, 3, {"a":1}]}}"#);
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await.len(), 3);
    assert_eq!(input.now().errors, 0);
}

#[tokio::test]
async fn another_list_of_the_same_document_is_asked_for_anew() {
    let server = Server::start(|request| tagged(request, "\"1\"", r#"{"a": [1], "b": [2]}"#)).await;
    let first = Input::new("http", json!({"url": server.url("/"), "items": "a"}));
    first.fetch().await.unwrap();
    let second = first.with_settings(json!({"url": server.url("/"), "items": "b"}));
    second.fetch().await.unwrap();
    assert_eq!(second.taken().await, ["1", "2"]);
}

#[tokio::test]
async fn a_whole_answer_when_it_has_changed() {
    let feed = script("one".to_owned());
    let served = feed.clone();
    let server = Server::start(move |_| ok(served.lock().unwrap().clone())).await;
    let input = Input::new("http", json!({"url": server.url("/")}));
    for (body, taken) in [
        ("one", 1),
        ("one", 1),
        (" \n", 1),
        ("one", 1),
        ("two", 2),
        ("one", 3),
        (r#"{"a": 1, "b": 2}"#, 4),
        (r#"{"b":2,"a":1}"#, 4),
        ("\u{feff}two", 5),
    ] {
        body.clone_into(&mut feed.lock().unwrap());
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), taken, "{body}");
    }
    *feed.lock().unwrap() = "x".repeat((15 << 20) + 1);
    let error = input.fetch().await.unwrap_err().to_string();
    assert!(error.contains("15728640"), "{error}");
    *feed.lock().unwrap() = "x".repeat(15 << 20);
    input.fetch().await.unwrap();
    assert_eq!(input.known().await.counts.taken, 6);
    assert_eq!(input.taken().await[4], "two", "without a mark");
}

#[tokio::test]
async fn compressed_on_the_way_or_at_rest() {
    let list = br#"[1, "two"]"#;
    let (a, b) = (&list[..4], &list[4..]);
    let members = [gzip(a).await, gzip(b).await].concat();
    let blocks = [bzip2(a).await, bzip2(b).await].concat();
    for (body, encoding) in [
        (members.clone(), Some("gzip")),
        (members.clone(), None),
        (blocks.clone(), None),
        (gzip(&blocks).await, Some("gzip")),
        (list.to_vec(), Some("identity")),
    ] {
        let server = Server::start(move |_| {
            let mut response = ok(body.clone());
            if let Some(encoding) = encoding {
                let value = encoding.parse().unwrap();
                response.headers_mut().insert("content-encoding", value);
            }
            response
        })
        .await;
        let input = Input::new("http", json!({"url": server.url("/"), "items": "."}));
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await, ["1", r#""two""#]);
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn failures_forget_nothing_and_tell_no_secrets() {
    let trouble = script(0);
    let serving = trouble.clone();
    let server = Server::start(move |request| {
        let all = r#"{"list": [1, 2, 3]}"#;
        match *serving.lock().unwrap() {
            0 => tagged(request, "\"a\"", all),
            1 => status(500, &[], "SECRET"),
            2 => cut(r#"{"list": [1"#, Some(100)),
            3 => cut(r#"{"list": [1, 2, 3]}"#, None),
            4 => ok(r#"{"list": [1, 2, 3"#),
            5 => ok("<html>SECRET</html>"),
            6 => ok(r#"{"error": "SECRET"}"#),
            7 => status(429, &[("retry-after", "1234")], "SECRET"),
            8 => status(503, &[("retry-after", "Fri, 31 Dec 2100 00:00:00 GMT")], ""),
            9 => status(200, &[("content-encoding", "br")], "SECRET"),
            10 => status(304, &[], ""),
            11 => status(302, &[("location", "http://localhost:1/?SECRET")], ""),
            12 => status(302, &[("location", "/SECRET")], ""),
            _ => tagged(request, "\"b\"", r#"{"list": [3, 4]}"#),
        }
    })
    .await;
    let url = format!(
        "http://user:SECRET@127.0.0.1:{}/SECRET?key=SECRET",
        server.port
    );
    let headers = json!({"X-Key": "SECRET", "Authorization": "Bearer SECRET"});
    let input = Input::new(
        "http",
        json!({"url": url, "items": "list", "headers": headers}),
    );
    input.fetch().await.unwrap();
    let cursor = input.known().await.cursor;
    for (step, expected) in [
        (1, "answers 500 Internal Server Error: ***"),
        (2, "cannot be read to its end"),
        (3, "cannot be read to its end"),
        (4, "ends early"),
        (5, "it looks like HTML, and says: ***"),
        (6, "there is no list in the answer: ***"),
        (7, "left alone for 1234 s"),
        (8, "left alone for 86400 s"),
        (9, "content encoding that was not asked for (br)"),
        (11, "http://localhost:1: Connection refused"),
        (12, "redirects too often"),
    ] {
        *trouble.lock().unwrap() = step;
        let error = input.fetch().await.unwrap_err();
        let text = format!("{error:#} {error:?}");
        assert!(text.contains(expected), "{step}: {text}");
        assert!(!text.contains("SECRET"), "{step}: {text}");
        let later = error
            .downcast_ref::<Later>()
            .map(|later| later.wait.as_secs());
        let expected = match step {
            7 => Some(1234),
            8 => Some(86_400),
            _ => None,
        };
        assert_eq!(later, expected);
        assert_eq!(input.known().await.cursor, cursor, "{step}");
        assert_eq!(input.taken().await.len(), 3, "{step}");
    }
    for (step, taken) in [(10, 3), (99, 4)] {
        *trouble.lock().unwrap() = step;
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), taken);
    }
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("x-key") == Some("SECRET"))
    );
    assert!(
        requests
            .iter()
            .all(|request| request.header("referer").is_none())
    );
}

#[tokio::test]
async fn without_a_server() {
    let server = Server::start(|_| ok("")).await;
    let input = Input::new("http", json!({"url": server.url("/SECRET")}));
    drop(server);
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(
        error.contains("http://127.0.0.1:") && !error.contains("SECRET"),
        "{error}"
    );
}

#[tokio::test]
async fn killed_inside_of_a_long_answer() {
    let elements = |from: usize, to: usize| {
        let all: Vec<String> = (from..to).map(|n| format!("{{\"n\":{n}}}")).collect();
        all.join(",")
    };
    let whole = format!("[{}]", elements(0, 5000));
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        0 => hang(format!("[{},", elements(0, 3500))),
        1 => cut(&format!("[{},", elements(0, 4200)), None),
        _ => ok(whole.clone()),
    })
    .await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "."}));
    let running = input.start().await;
    input.wait_for(3000).await;
    running.kill().await;
    *step.lock().unwrap() = 1;
    input.fetch().await.unwrap_err();
    *step.lock().unwrap() = 2;
    for _ in 0..2 {
        input.fetch().await.unwrap();
        let taken = input.taken().await;
        assert_eq!(taken.len(), 5000);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(n, text)| *text == format!("{{\"n\":{n}}}"))
        );
    }
}

#[tokio::test]
async fn an_element_that_is_too_long_is_left_out_and_told() {
    let body = format!("[1, \"{}\", 2]", "x".repeat(16 << 20));
    let server = Server::start(move |_| ok(body.clone())).await;
    let input = Input::new("http", json!({"url": server.url("/"), "items": "."}));
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["1", "2"]);
    let error = input.now().last_error.unwrap();
    assert!(
        error.contains("element 2 of the document") && error.len() < 300,
        "{error}"
    );
}

#[tokio::test]
async fn checked_without_taking_anything() {
    let server = Server::start(|request| match request.uri.path() {
        "/list" => status(200, &[("content-type", "application/json")], "[1]"),
        _ => status(401, &[], ""),
    })
    .await;
    let input = Input::new("http", json!({"url": server.url("/list"), "items": "."}));
    let told = input.source().check().await.unwrap();
    assert_eq!(told, "answers with application/json, and the list is there");
    assert_eq!(input.taken().await.len(), 0);
    let input = Input::new("http", json!({"url": server.url("/")}));
    let told = input.source().check().await.unwrap_err().to_string();
    assert!(told.ends_with("answers 401 Unauthorized"), "{told}");
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, expected) in [
        (json!({}), "url"),
        (json!({"url": "ftp://SECRET/"}), "settings.url"),
        (json!({"url": "SECRET"}), "settings.url"),
        (json!({"url": "http://a/", "itmes": "x"}), "itmes"),
        (
            json!({"url": "http://a/", "headers": {"a b": "SECRET"}}),
            "settings.headers.a b",
        ),
        (
            json!({"url": "http://a/", "headers": {"a": "SECRET\n"}}),
            "settings.headers.a",
        ),
        (
            json!({"url": "http://a/", "user_agent": "\n"}),
            "settings.user_agent",
        ),
        (json!({"url": "http://a/", "body": 5}), "settings.body"),
        (
            json!({"url": "http://a/", "method": "a b"}),
            "settings.method",
        ),
        (json!({"url": "http://a/", "id": "x"}), "settings.id"),
        (json!({"url": "http://a/", "next": "x"}), "settings.next"),
        (
            json!({"url": "http://a/", "items": ".", "next_param": "x"}),
            "settings.next_param",
        ),
        (
            json!({"url": "http://a/", "items": ".", "pages": 0}),
            "settings.pages",
        ),
        (
            json!({"url": "http://a/", "ca": "nowhere.pem"}),
            "settings.ca",
        ),
        (
            json!({"url": "http://a/", "proxy": "socks5://SECRET:SECRET@p"}),
            "settings.proxy",
        ),
    ] {
        let error = Input::refused("http", settings, 0);
        assert!(
            error.contains(expected) && !error.contains("SECRET"),
            "{error}"
        );
    }
}
