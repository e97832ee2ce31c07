//! Redirects, proxies, certificates.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Input;
use crate::server::{Server, fixture, ok, proxy, status, tls_of};

const BEARER: &str = "Bearer k3y-k3y";

fn with_key(url: &str) -> Value {
    json!({"url": url, "items": ".", "headers": {"Authorization": BEARER, "X-Key": "k3y-k3y", "Accept": "a/b"}})
}

#[tokio::test]
async fn other_hosts_and_ports_get_no_secrets() {
    let other = Server::start(|request| match request.uri.path() {
        "/signed" => ok("[1]"),
        _ => status(401, &[], r#"{"message": "no key"}"#),
    })
    .await;
    let port = other.port;
    let server = Server::start(move |request| {
        let host = match request.uri.path() {
            "/port" | "/port-401" => "127.0.0.1",
            _ => "localhost",
        };
        let path = match request.uri.path() {
            "/port-401" => "private",
            _ => "signed",
        };
        status(
            302,
            &[("location", &format!("http://{host}:{port}/{path}?sig=x"))],
            "",
        )
    })
    .await;
    for path in ["/port", "/host"] {
        let input = Input::new("http", with_key(&server.url(path)));
        input
            .fetch()
            .await
            .unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(input.taken().await, ["1"]);
        let request = &other.requests()[0];
        assert_eq!(request.uri, "/signed?sig=x");
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("x-key"), None);
        assert_eq!(request.header("accept"), Some("a/b"));
        assert!(request.header("user-agent").is_some());
    }
    // who is refused for want of a key learns that it was not sent
    let input = Input::new("http", with_key(&server.url("/port-401")));
    let told = input.fetch().await.unwrap_err().to_string();
    assert!(
        told.contains(
            "answers 401 Unauthorized: no key (it was redirected there, and keys are not sent"
        ),
        "{told}"
    );
    // of a body neither
    let mut settings = with_key(&server.url("/"));
    settings["body"] = json!({"a": 1});
    let see_other = Server::start(move |_| {
        status(
            307,
            &[("location", &format!("http://127.0.0.1:{port}/signed"))],
            "",
        )
    })
    .await;
    settings["url"] = json!(see_other.url("/"));
    let told = Input::new("http", settings)
        .fetch()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("where the body of the request is not sent"),
        "{told}"
    );
    assert_eq!(other.requests().len(), 1);
}

#[tokio::test]
async fn from_http_to_https_of_the_same_host_the_key_goes_along() {
    let port = tls_of("server", "for k3y: [1]").await;
    let server = Server::start(move |_| {
        status(
            301,
            &[("location", &format!("https://localhost:{port}/x"))],
            "",
        )
    })
    .await;
    let url = format!("http://localhost:{}/", server.port);
    let settings = json!({"url": url, "items": ".", "headers": {"Authorization": "Bearer k3y"}, "ca": fixture("ca.pem")});
    let input = Input::new("http", settings.clone());
    input
        .fetch()
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(input.taken().await, ["1"]);
    // back from https to http: nobody goes there
    let mut back = settings;
    back["url"] = json!(server.url("/"));
    let input = Input::new("http", back);
    input.fetch().await.unwrap();
    assert!(
        input.taken().await.is_empty(),
        "127.0.0.1 is another host than localhost"
    );
}

#[tokio::test]
async fn methods_cookies_and_circles() {
    let server = Server::start(|request| {
        let cookie = request.header("cookie").unwrap_or_default().to_owned();
        match request.uri.path() {
            "/cookie" if cookie.contains("seen=2") => ok(json!([cookie]).to_string()),
            "/cookie" if cookie.contains("seen=1") => status(
                302,
                &[("location", "/cookie"), ("set-cookie", "seen=2")],
                "",
            ),
            "/cookie" => status(
                302,
                &[
                    ("location", "/cookie"),
                    ("set-cookie", "seen=1; Path=/; HttpOnly"),
                ],
                "",
            ),
            "/303" => status(303, &[("location", "/what")], ""),
            "/308" => status(308, &[("location", "/what")], ""),
            "/what" => {
                ok(json!([format!("{} {}", request.method, request.body.len())]).to_string())
            }
            "/file" => status(302, &[("location", "file:///etc/passwd")], ""),
            _ => status(302, &[("location", "/again")], ""),
        }
    })
    .await;
    let of = |path: &str, body: Value| {
        let mut settings =
            json!({"url": server.url(path), "items": ".", "headers": {"Cookie": "own=2"}});
        if !body.is_null() {
            settings["body"] = body;
        }
        Input::new("http", settings)
    };
    for (path, body, expected) in [
        ("/cookie", json!(null), "\"own=2; seen=2\""),
        ("/303", json!([1, 2]), "\"GET 0\""),
        ("/308", json!([1, 2]), "\"POST 5\""),
    ] {
        let input = of(path, body);
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await, [expected], "{path}");
    }
    for (path, expected) in [
        ("/circle", "redirects too often"),
        ("/file", "none of http or https"),
    ] {
        let told = of(path, json!(null)).fetch().await.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn a_proxy_for_all_but_loopback() {
    let (port, asked) = proxy(None).await;
    let at = format!("http://me:s3cret@127.0.0.1:{port}");
    let server = Server::start(|_| ok("[\"itself\"]")).await;
    // .invalid is no host that anybody else could answer for (RFC 2606)
    let input = Input::new(
        "http",
        json!({"url": "http://feed.invalid/x?key=1", "items": ".", "proxy": at}),
    );
    input
        .fetch()
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(input.taken().await, ["\"by proxy\""]);
    let head = asked.lock().unwrap().pop().unwrap();
    assert!(
        head.starts_with("GET http://feed.invalid/x?key=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("proxy-authorization: basic bwu6cznjcmv0"),
        "{head}"
    );
    let input = Input::new(
        "http",
        json!({"url": server.url("/"), "items": ".", "proxy": at}),
    );
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["\"itself\""]);
    assert!(asked.lock().unwrap().is_empty());

    let refusal =
        "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 12\r\n\r\nwho are you?";
    let (port, _) = proxy(Some(refusal)).await;
    let at = format!("http://127.0.0.1:{port}");
    let input = Input::new("http", json!({"url": "http://feed.invalid/", "proxy": at}));
    let told = input.fetch().await.unwrap_err().to_string();
    let expected =
        format!("through the proxy {at}, answers 407 Proxy Authentication Required: who are you?");
    assert!(told.ends_with(&expected), "{told}");
    let input = Input::new("http", json!({"url": "https://feed.invalid/", "proxy": at}));
    let told = input.fetch().await.unwrap_err().to_string();
    assert!(
        told.contains(&format!("through the proxy {at}: ")),
        "{told}"
    );
}

/// A proxy stands for a host that is somewhere else.
#[tokio::test]
async fn from_outside_nobody_is_sent_inside() {
    for location in [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://[::1]:1/",
        "http://169.254.169.254/latest/meta-data/",
    ] {
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let (port, asked) = proxy(Some(answer.leak())).await;
        let at = format!("http://127.0.0.1:{port}");
        let input = Input::new(
            "http",
            json!({"url": "http://feed.invalid/", "items": ".", "proxy": at}),
        );
        let told = input.fetch().await.unwrap_err().to_string();
        assert!(
            told.contains(
                "an address of this machine or of its network, where the source itself is not"
            ),
            "{told}"
        );
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

/// Variables are of the whole process, so another one asks.
#[tokio::test]
async fn the_proxy_of_the_environment() {
    let (port, asked) = proxy(None).await;
    let server = Server::start(|_| ok("[\"itself\"]")).await;
    let ask = |url: String, no_proxy: &'static str| {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args([
            "--exact",
            "--ignored",
            "http::redirects::client_of_the_environment",
            "--nocapture",
        ])
        .env("http_proxy", format!("http://127.0.0.1:{port}"))
        .env("NO_PROXY", no_proxy)
        .env("CYBEXP_TEST_URL", url);
        tokio::task::spawn_blocking(move || {
            String::from_utf8(test.output().unwrap().stdout).unwrap()
        })
    };
    let said = ask("http://feed.invalid/".to_owned(), "").await.unwrap();
    assert!(said.contains("taken: [\"\\\"by proxy\\\"\"]"), "{said}");
    assert_eq!(asked.lock().unwrap().len(), 1);
    let said = ask(server.url("/"), "").await.unwrap();
    assert!(said.contains("itself"), "{said}");
    let said = ask("http://feed.invalid/".to_owned(), ".invalid")
        .await
        .unwrap();
    assert!(said.contains("failed: "), "{said}");
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "started by the_proxy_of_the_environment"]
#[allow(clippy::print_stdout, reason = "the test that started it reads it")]
async fn client_of_the_environment() {
    let url = std::env::var("CYBEXP_TEST_URL").unwrap();
    let input = Input::new("http", json!({"url": url, "items": "."}));
    match input.fetch().await {
        Ok(_) => println!("taken: {:?}", input.taken().await),
        Err(error) => println!("failed: {error:#}"),
    }
}

#[tokio::test]
async fn authorities_of_ones_own_and_servers_that_are_their_own() {
    for (certificate, ca, expected) in [
        ("server", Some("ca.pem"), None),
        ("self-signed", Some("self-signed.pem"), None),
        ("server", Some("server.pem"), None),
        (
            "server",
            None,
            Some("settings.ca may name a PEM file with its authority"),
        ),
        (
            "server",
            Some("self-signed.pem"),
            Some("signed by nobody who is trusted"),
        ),
        (
            "self-signed",
            None,
            Some("settings.ca may name a PEM file with it"),
        ),
        (
            "self-signed",
            Some("ca.pem"),
            Some("settings.ca may name a PEM file with it"),
        ),
        (
            "other-host",
            Some("other-host.pem"),
            Some("must name the host as the certificate does"),
        ),
    ] {
        let port = tls_of(certificate, "[1]").await;
        let url = format!("https://localhost:{port}/");
        let mut settings = json!({"url": url});
        if let Some(ca) = ca {
            settings["ca"] = json!(fixture(ca));
        }
        for plugin in ["http", "phishtank"] {
            let mut settings = settings.clone();
            if plugin == "http" {
                settings["items"] = json!(".");
            }
            let input = Input::new(plugin, settings);
            let fetched = input.fetch().await.map_err(|error| format!("{error:#}"));
            match (fetched, expected) {
                (Ok(_), None) => {}
                (Err(told), Some(expected)) => {
                    assert!(told.contains(expected), "{certificate} {ca:?}: {told}")
                }
                (fetched, _) => panic!("{certificate} {ca:?}: {fetched:?}"),
            }
        }
    }
    for wrong in ["server.key.pem", "nowhere.pem"] {
        let settings = json!({"url": "https://localhost/", "ca": fixture(wrong)});
        for plugin in ["http", "openphish", "phishtank"] {
            let told = Input::refused(plugin, settings.clone(), 0);
            assert!(
                told.contains("settings.ca") && told.contains(wrong),
                "{told}"
            );
        }
    }
}

#[tokio::test]
async fn a_source_leads_nowhere_inside_unless_it_is_allowed() {
    let other = Server::start(|_| ok("[1]")).await;
    let port = other.port;
    let server = Server::start(move |request| {
        let to = match request.uri.path() {
            "/port" => format!("http://127.0.0.1:{port}/"),
            "/machine" => "http://localhost/".to_owned(),
            "/network" => "https://10.1.2.3/".to_owned(),
            "/cloud" => "http://169.254.169.254/latest/meta-data/".to_owned(),
            "/mapped" => "http://[::ffff:127.0.0.1]/".to_owned(),
            "/own" => "/list".to_owned(),
            _ => return ok("[7]"),
        };
        status(302, &[("location", &to)], "")
    })
    .await;
    for path in ["/port", "/machine", "/network", "/cloud", "/mapped"] {
        let input = Input::new("http", with_key(&server.url(path))).careful();
        let told = input.fetch().await.unwrap_err().to_string();
        assert!(told.contains("input.redirects_inside"), "{path}: {told}");
    }
    assert!(other.requests().is_empty());
    let input = Input::new("http", with_key(&server.url("/own"))).careful();
    input.fetch().await.unwrap();
    assert_eq!(input.taken().await, ["7"]);
}
