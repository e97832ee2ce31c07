//! Clients without a token: what they can hold, and how fast they can guess.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy sees helpers of a test as no test; the figures are for people"
)]

mod common;

use std::time::{Duration, Instant};

use common::{is, start, status_of};
use cybexp_testkit::{Api, answer, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const PASSWORD: &str = "correct horse battery staple";
/// The time that a connection has to say a whole request before it is closed for another one of the same client.
const TIME_TO_SPEAK: Duration = Duration::from_millis(250);

/// A connection on which this was sent.
async fn connection(api: &Api, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&api.address).await.unwrap();
    // the API may close it at once
    let _ = stream.write_all(sent.as_bytes()).await;
    stream
}

/// The longest of this many pings on connections of their own.
async fn slowest_ping(api: &Api, pings: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..pings {
        let since = Instant::now();
        let mut stream = connection(
            api,
            "GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        slowest = slowest.max(since.elapsed());
    }
    slowest
}

#[tokio::test]
async fn guessing_is_slow() {
    let (site, api) = start("guessing", json!({})).await;
    site.add_user("ann@example.com", PASSWORD).await;
    let login = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        api.post("/login", None, &body).await
    };
    assert_eq!(login("ann@example.com", PASSWORD).await.status, 200);
    let mut guesses = 0;
    while login("ann@example.com", "a wrong password").await.status == 401 {
        guesses += 1;
    }
    assert!((20..30).contains(&guesses), "{guesses}");
    // the right one is not looked at either, and the client is told when to come back
    let body = json!({"email": "ann@example.com", "password": PASSWORD}).to_string();
    let request = api.request("POST", "/login", None);
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 429);
    let after = response.headers()["retry-after"].to_str().unwrap();
    assert!((1..=40).contains(&after.parse::<u64>().unwrap()), "{after}");
    // other accounts are not concerned, until the address has used up its own
    let mut guesses = 0;
    while login(&format!("user{guesses}@example.com"), PASSWORD)
        .await
        .status
        == 401
    {
        guesses += 1;
    }
    assert!((30..80).contains(&guesses), "{guesses}");
    let log = std::fs::read_to_string(&api.log).unwrap();
    assert!(log.contains("too many logins failed"), "{log}");
    assert!(log.contains("address=127.0.0.1"), "{log}");
}

#[tokio::test]
async fn who_is_guessed_at_from_elsewhere_can_sign_in() {
    let more = json!({"api": {"trusted_proxies": ["127.0.0.1"]}});
    let (site, api) = start("elsewhere", more).await;
    site.add_user("ann@example.com", PASSWORD).await;
    let login = async |from: &str, password: &str| {
        let body = json!({"email": "ann@example.com", "password": password}).to_string();
        let request = api.request("POST", "/login", None);
        let request = request.header("x-forwarded-for", from);
        let request = request.header("content-type", "application/json");
        answer(request.body(body)).await.status
    };
    assert_eq!(login("203.0.113.9", PASSWORD).await, 200);
    while login("198.51.100.1", "a wrong password").await == 401 {}
    assert_eq!(
        login("198.51.100.2", PASSWORD).await,
        429,
        "a new address waits"
    );
    assert_eq!(login("203.0.113.9", PASSWORD).await, 200);
}

/// A user behind the same address as an attacker, as in an office, who has signed in before.
#[tokio::test(flavor = "multi_thread")]
async fn who_shares_the_address_of_a_flood_can_sign_in() {
    let (site, api) = start("flood", json!({})).await;
    site.add_user("ann@example.com", PASSWORD).await;
    let login = |email: String, password: &str| {
        let request = api.request("POST", "/login", None);
        // an idle connection may be closed at the moment at which it is used again
        let request = request.header("connection", "close");
        let request = request.header("content-type", "application/json");
        let body = json!({"email": email, "password": password});
        request.body(body.to_string()).send()
    };
    let good = || login("ann@example.com".to_owned(), PASSWORD);
    assert_eq!(good().await.unwrap().status().as_u16(), 200);
    let bad = (0..600).map(|n| login(format!("user{n}@example.com"), "a wrong password"));
    let bad = futures::future::join_all(bad);
    let signs_in = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let since = Instant::now();
        for _ in 0..30 {
            // it may be told to come again, but it is not just closed
            let answer = good().await.unwrap();
            match answer.status().as_u16() {
                200 => return since.elapsed(),
                status => assert_eq!(status, 429),
            }
            assert!(answer.headers().contains_key("retry-after"));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("the user could not sign in");
    };
    let (bad, took) = tokio::join!(bad, signs_in);
    let status = |status: u16| {
        let answers = bad.iter().flatten();
        answers.filter(|answer| answer.status() == status).count()
    };
    let peak = status_of(api.daemon.pid(), "VmHWM") >> 10;
    println!(
        "600 bad logins at once: {} looked at, {} answered 429, {} closed; a good one took {took:?}; peak {peak} MiB",
        status(401),
        status(429),
        bad.iter().filter(|answer| answer.is_err()).count()
    );
    assert!(status(401) <= 70, "{}", status(401));
    // two passwords at once, and what two threads keep
    assert!(peak < 200, "{peak} MiB");
}

#[tokio::test]
async fn a_login_is_short_and_the_log_of_it_too() {
    let (_site, api) = start("short", json!({})).await;
    let long = json!({"email": format!("a\n{}@b.example", "x".repeat(12 << 10)), "password": ""});
    is(
        &api.post("/login", None, &long).await,
        401,
        "401 Unauthorized",
    );
    let longer = json!({"email": "x".repeat(1 << 20), "password": ""});
    let refused = api.post("/login", None, &longer).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    let log = std::fs::read_to_string(&api.log).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("a login was refused"))
        .unwrap();
    assert!(
        line.len() < 1000 && line.contains("address=127.0.0.1"),
        "{line}"
    );
    assert!(log.len() < 8 << 10, "{} bytes", log.len());
}

#[tokio::test]
async fn half_a_login_is_not_waited_for() {
    let (_site, api) = start("half", json!({})).await;
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let since = Instant::now();
    let mut half = connection(&api, head).await;
    let mut answer = [0; 12];
    half.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(
        since.elapsed() < Duration::from_secs(14),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_the_room_of_others() {
    let more = json!({"api": {"connections_per_address": 8}});
    let (site, api) = start("crowd", more).await;
    let mut held = Vec::new();
    let since = Instant::now();
    for _ in 0..40 {
        held.push(connection(&api, "GET /ping HTTP/1.1\r\nHost").await);
    }
    // all but eight find no room, unless those before them have had the time to say a whole request
    let at_once = since.elapsed() < TIME_TO_SPEAK;
    eventually("those that are held make room", async || {
        let ping = "GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        let read = connection(&api, ping)
            .await
            .read_to_string(&mut answer)
            .await;
        read.is_ok() && answer.starts_with("HTTP/1.1 200")
    })
    .await;
    slowest_ping(&api, 5).await;
    let token = site.token(&site.user().await);
    assert_eq!(api.get("/user/info/self", Some(&token)).await.status, 200);
    let mut closed = 0;
    let mut told = 0;
    for mut stream in held {
        let mut answer = String::new();
        let read = tokio::time::timeout(
            Duration::from_millis(50),
            stream.read_to_string(&mut answer),
        );
        if read.await.is_ok() {
            closed += 1;
            told += usize::from(answer.starts_with("HTTP/1.1 429"));
        }
    }
    assert!(told >= 24 || !at_once, "{told}");
    assert!(closed >= 32, "{closed}");
}

/// The attacks of the audit: `cargo test -p cybexp-api --test strangers -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn under_load() {
    let (site, api) = start("load", json!({})).await;
    site.add_user("ann@example.com", PASSWORD).await;
    let memory = || status_of(api.daemon.pid(), "VmRSS") >> 10;
    let before = memory();
    println!(
        "idle: {before} MB, slowest of 50 pings {:?}",
        slowest_ping(&api, 50).await
    );

    let head = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
    let sent = format!("{head}{}", "x".repeat(1 << 20));
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(connection(&api, &sent[..head.len() + (900 << 10)]).await);
    }
    println!(
        "1000 half-sent logins of 900 KB: {} MB, slowest of 50 pings {:?}",
        memory(),
        slowest_ping(&api, 50).await
    );
    drop(held);
    let mut held = Vec::new();
    for _ in 0..4300 {
        held.push(connection(&api, "GET /ping HTTP/1.1\r\nHost").await);
    }
    println!(
        "4300 half-sent headers: {} MB, slowest of 50 pings {:?}",
        memory(),
        slowest_ping(&api, 50).await
    );
    drop(held);
    let body =
        |password: &str| json!({"email": "ann@example.com", "password": password}).to_string();
    let (wrong, right) = (body("a wrong password"), body(PASSWORD));
    assert_eq!(login_from("127.0.0.2", &api, &right).await, "200");
    let since = Instant::now();
    let bad = (0..2000).map(|_| {
        let request = api.request("POST", "/login", None);
        let request = request.header("content-type", "application/json");
        request.body(wrong.clone()).send()
    });
    let good = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let since = Instant::now();
        assert_eq!(login_from("127.0.0.2", &api, &right).await, "200");
        (since.elapsed(), slowest_ping(&api, 50).await)
    };
    let (bad, (good, pings)) = tokio::join!(futures::future::join_all(bad), good);
    let status = |status: u16| {
        let answers = bad.iter().flatten();
        answers.filter(|answer| answer.status() == status).count()
    };
    println!(
        "2000 bad logins at once: {} looked at, {} answered 429, {} closed, all after {:?}, {} MB; a good one from \
         another address took {good:?}, slowest of 50 pings {pings:?}",
        status(401),
        status(429),
        bad.iter().filter(|answer| answer.is_err()).count(),
        since.elapsed(),
        memory()
    );
}

/// The status of a login from this address.
async fn login_from(address: &str, api: &Api, body: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    let mut stream = socket.connect(api.address.parse().unwrap()).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}
