//! Questions that take the processor for long: the API answers others meanwhile, and users take turns.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy sees helpers of a test as no test; the figures are for people"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::start;
use cybexp_testkit::{Api, Site};
use serde_json::{Value, json};

/// A list of a thousand questions, of about a megabyte.
fn list(from: usize) -> Value {
    let question = |n: usize| {
        let data = format!("{} {}", from + n, "é\\".repeat(230));
        json!({"type": "count", "data": {"sub_type": "comment", "data": data, "last": "7d"}})
    };
    let list: Value = (0..1000).map(question).collect();
    let bytes = list.to_string().len();
    assert!((900_000..1 << 20).contains(&bytes), "{bytes}");
    list
}

/// Sends so many lists at once, and waits for the answers. Nobody makes reports, so each question is to be asked again.
async fn flood(api: &Api, token: &str, lists: usize) {
    let lists: Vec<Value> = (0..lists).map(|n| list(n * 1000)).collect();
    let asked = lists.iter().map(async |list| {
        loop {
            let answer = api.post("/query", Some(token), list).await;
            // who waits for long is told to come again
            if answer.status != 503 {
                return answer;
            }
        }
    });
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.status, 200, "{answer:?}");
        let answers = answer.json();
        let answers = answers.as_array().unwrap();
        assert!(answers.len() == 1000 && answers.iter().all(|one| one["status"] == 202));
    }
}

async fn site(name: &str) -> (Site, Api, String, String) {
    let (site, api) = start(name, json!({"api": {"wait_s": 1}})).await;
    let ann = site.token(&site.user().await);
    let bob = site.add_user("bob@example.com", "a good password").await;
    let bob = site.token(&bob);
    (site, api, ann, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_others_while_it_works_on_long_lists() {
    let (_site, api, ann, _) = site("busy").await;
    let done = AtomicBool::new(false);
    let pings = async {
        let mut times = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let since = Instant::now();
            assert_eq!(api.get("/ping", None).await.status, 200);
            times.push(since.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        times
    };
    let flood = async {
        flood(&api, &ann, 12).await;
        done.store(true, Ordering::Relaxed);
    };
    let (mut pings, ()) = tokio::join!(pings, flood);
    pings.sort();
    let of = |part: usize| pings[(pings.len() - 1) * part / 100];
    let (median, most) = (of(50), of(100));
    let p95 = of(95);
    println!(
        "{} pings: median {median:?}, of a hundred the 95th {p95:?}, slowest {most:?}",
        pings.len()
    );
    // the threads were once blocked for seconds; a slow machine is busy with the lists, too
    assert!(p95 < Duration::from_secs(1), "{p95:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_little_does_not_wait_behind_who_asks_much() {
    let (_site, api, ann, bob) = site("turns").await;
    let since = Instant::now();
    let much = async {
        flood(&api, &ann, 16).await;
        since.elapsed()
    };
    let little = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        flood(&api, &bob, 1).await;
        since.elapsed()
    };
    let (much, little) = tokio::join!(much, little);
    println!("sixteen lists took {much:?}, one of another user {little:?}");
    assert!(little * 4 < much * 3, "{little:?} and {much:?}");
}

#[tokio::test]
async fn what_a_request_holds_is_bounded() {
    let (_site, api, ann, _) = site("values").await;
    let zeros = Value::from(vec![0; 40_000]);
    let answer = api.post("/query", Some(&ann), &zeros).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.message().contains("more than 32000 values"),
        "{answer:?}"
    );
    let request = api.request("POST", "/query", Some(&ann)).body("[]");
    let answer = cybexp_testkit::answer(request).await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("Content-Type"), "{answer:?}");
    let long = format!("[{}]", " ".repeat(1 << 20));
    let request = api.request("POST", "/query", Some(&ann));
    let request = request
        .header("content-type", "application/json")
        .body(long);
    assert_eq!(cybexp_testkit::answer(request).await.status, 413);
}
