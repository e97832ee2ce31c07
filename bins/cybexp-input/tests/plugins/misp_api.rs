//! `misp_api`: a MISP whose events are edited, added and deleted while they are read.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use cybexp_feed::Later;
use cybexp_spool::RecordBatch;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::Input;
use crate::server::{Request, Script, Server, cut, hang, ok, script, status};

const KEY: &str = "SECRETsecretSECRETsecretSECRETsecret0000";
/// Some day of 2023.
const DAY: i64 = 1_700_000_000;

/// Changes the events after so many answers.
type Change = Box<dyn FnMut(&mut BTreeMap<u32, i64>, u32) + Send>;

/// A MISP, as far as it matters here.
#[derive(Default)]
struct Misp {
    /// Timestamps by id.
    events: BTreeMap<u32, i64>,
    /// The older versions give events by id, whatever they are asked for.
    ignores_order: bool,
    ignores_page: bool,
    bare: bool,
    /// Events that the user may not see are left out of their page.
    hidden: BTreeSet<u32>,
    asked: u32,
    /// An action after each answer.
    then: Option<Change>,
}

fn uuid(id: u32) -> String {
    format!("5f0a9e1c-0000-4000-8000-{id:012}")
}

fn event(id: u32, timestamp: i64) -> String {
    json!({"Event": {"id": id.to_string(), "orgc_id": "1", "date": "2023-11-14", "info": "an event", "uuid": uuid(id),
        "Attribute": [{"type": "ip-dst", "value": "192.0.2.1", "timestamp": "1"}], "timestamp": timestamp.to_string()}})
    .to_string()
}

impl Misp {
    fn with(events: impl IntoIterator<Item = (u32, i64)>) -> Self {
        Self {
            events: events.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The events of the page that is asked for.
    fn page(&mut self, request: &Request) -> Vec<String> {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let number = |key: &str| body[key].as_i64();
        let from = number("timestamp").unwrap_or(i64::MIN);
        let named = body["uuid"].as_array();
        let events = self
            .events
            .iter()
            .filter(|(_, timestamp)| **timestamp >= from)
            .filter(|(id, _)| named.is_none_or(|named| named.contains(&json!(uuid(**id)))));
        let mut events: Vec<(i64, u32)> = events.map(|(id, timestamp)| (*timestamp, *id)).collect();
        match body["order"].as_str().unwrap() {
            _ if self.ignores_order => events.sort_by_key(|(_, id)| *id),
            "Event.id asc" => events.sort_by_key(|(_, id)| *id),
            "Event.timestamp asc,Event.id asc" => events.sort(),
            "Event.timestamp desc,Event.id desc" => {
                events.sort();
                events.reverse();
            }
            other => panic!("{other}"),
        }
        let limit = number("limit").unwrap() as usize;
        let page = if self.ignores_page {
            1
        } else {
            number("page").unwrap() as usize
        };
        let events = events.into_iter().skip((page - 1) * limit).take(limit);
        let seen = events.filter(|(_, id)| !self.hidden.contains(id));
        let metadata = body["metadata"] == true;
        let page = seen.map(|(timestamp, id)| match metadata {
            true => {
                json!({"Event": {"uuid": uuid(id), "timestamp": timestamp.to_string()}}).to_string()
            }
            false => event(id, timestamp),
        });
        let page = page.collect();
        self.asked += 1;
        if let Some(mut then) = self.then.take() {
            then(&mut self.events, self.asked);
            self.then = Some(then);
        }
        page
    }

    fn answer(&mut self, request: &Request) -> Response {
        assert_eq!(request.header("authorization"), Some(KEY));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(
            (request.method.as_str(), request.uri.path()),
            ("POST", "/misp/events/restSearch")
        );
        let events = self.page(request).join(",");
        match self.bare {
            true => ok(format!("[{events}]")),
            false => ok(format!("{{\"response\": [{events}]}}")),
        }
    }
}

async fn served(misp: Misp) -> (Script<Misp>, Server) {
    let misp = script(misp);
    let serving = misp.clone();
    let server = Server::start(move |request| serving.lock().unwrap().answer(request)).await;
    (misp, server)
}

fn input(server: &Server, limit: u32) -> Input {
    Input::new(
        "misp_api",
        json!({"url": server.url("/misp"), "key": KEY, "limit": limit}),
    )
}

/// The ids and timestamps of what was taken, none of them twice.
async fn versions(input: &Input) -> BTreeSet<(u32, i64)> {
    let taken = input.taken().await;
    let versions = taken.iter().map(|text| {
        let event: Value = serde_json::from_str(text).unwrap();
        let number = |key: &str| {
            event["Event"][key]
                .as_str()
                .unwrap()
                .parse::<i64>()
                .unwrap()
        };
        let version = (number("id") as u32, number("timestamp"));
        assert_eq!(*text, self::event(version.0, version.1), "as it was sent");
        version
    });
    let versions: BTreeSet<_> = versions.collect();
    assert_eq!(versions.len(), taken.len(), "none twice");
    versions
}

fn all(misp: &Script<Misp>) -> BTreeSet<(u32, i64)> {
    let events = misp.lock().unwrap().events.clone();
    events.into_iter().collect()
}

/// Numbers that look random, the same in every run.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    }
}

#[tokio::test]
async fn every_event_once_and_again_when_it_was_edited() {
    let events = (1..=25).map(|id| (id, DAY + i64::from(id) * 1000));
    let (misp, server) = served(Misp::with(events)).await;
    let input = input(&server, 10);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await, all(&misp));
    let asked = server.requests();
    assert!(asked.len() <= 7, "{}", asked.len());
    let first: Value = serde_json::from_slice(&asked[0].body).unwrap();
    let expected = json!({"returnFormat": "json", "limit": 10, "page": 1, "order": "Event.timestamp asc,Event.id asc"});
    assert_eq!(first, expected);

    input.fetch().await.unwrap();
    let asked = server.requests();
    assert_eq!(
        asked.len(),
        2,
        "when nothing is new, there is little to ask"
    );
    let first: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(first["timestamp"], DAY + 25_000 - 300 - 1);
    assert_eq!(versions(&input).await.len(), 25);

    misp.lock().unwrap().events.insert(3, DAY + 26_000);
    misp.lock().unwrap().events.insert(26, DAY + 24_900);
    input.fetch().await.unwrap();
    let versions = versions(&input).await;
    assert!(versions.contains(&(3, DAY + 3000)) && versions.contains(&(3, DAY + 26_000)));
    assert!(versions.contains(&(26, DAY + 24_900)) && versions.len() == 27);
}

#[tokio::test]
async fn what_another_server_had_for_long_is_found_within_a_day() {
    let events = (1..=25).map(|id| (id, DAY + i64::from(id) * 1000));
    let (misp, server) = served(Misp::with(events)).await;
    let input = input(&server, 10);
    input.fetch().await.unwrap();
    // pulled from another server: new here, and old by their timestamps
    let late = (30..=54).map(|id| (id, DAY - i64::from(id)));
    misp.lock().unwrap().events.extend(late);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await.len(), 25, "not looked for yet");

    let id = input.known().await.id;
    let mut cursor = input.known().await.cursor.unwrap();
    cursor["swept"] = json!(DAY);
    let mut batch = RecordBatch::new();
    batch.cursor = Some(cursor);
    input
        .spool
        .put(id, &std::sync::Arc::new(batch))
        .await
        .unwrap();
    server.requests();
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await, all(&misp));
    assert_eq!(
        server.requests().len(),
        2 + 2 + 3,
        "what is new; two pages of the list; the missing ones by tens"
    );
    input.fetch().await.unwrap();
    assert_eq!(server.requests().len(), 2, "done for a day");
}

#[tokio::test]
async fn servers_of_every_kind() {
    let mut random = random(7);
    let mixed: Vec<(u32, i64)> = (1..=57)
        .map(|id| (id, DAY + random(100_000) as i64))
        .collect();
    let second: Vec<(u32, i64)> = (1..=57).map(|id| (id, DAY + i64::from(id / 30))).collect();
    // sorted by chance, as far as the first page goes
    let lucky: Vec<(u32, i64)> = (1..=57)
        .map(|id| (id, DAY - i64::from(id / 11) * 5000 + i64::from(id)))
        .collect();
    let growing = (1..=57)
        .map(|id| (id, DAY + i64::from(id)))
        .collect::<Vec<_>>();
    for events in [mixed, second, lucky, growing] {
        for kind in 0..8 {
            let misp = Misp {
                ignores_order: kind & 1 > 0,
                bare: kind & 2 > 0,
                hidden: if kind & 4 > 0 {
                    (8..32).collect()
                } else {
                    BTreeSet::new()
                },
                ..Misp::with(events.iter().copied())
            };
            let hidden = misp.hidden.clone();
            let (misp, server) = served(misp).await;
            // a page that has nothing in it that may be seen looks like the last one
            let limit = if hidden.is_empty() { 10 } else { 30 };
            let input = input(&server, limit);
            for _ in 0..2 {
                input.fetch().await.unwrap();
                let mut all = all(&misp);
                all.retain(|(id, _)| !hidden.contains(id));
                assert_eq!(versions(&input).await, all, "{kind} {events:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_without_pages_is_told() {
    let events = (1..=30).map(|id| (id, DAY));
    let (misp, server) = served(Misp {
        ignores_page: true,
        ..Misp::with(events)
    })
    .await;
    let input = input(&server, 10);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await.len(), 10);
    assert!(input.now().last_error.unwrap().contains("settings.limit"));
    // with times that differ, it needs none
    misp.lock().unwrap().events = (1..=30)
        .map(|id| (id, DAY + 1000 * i64::from(id)))
        .collect();
    input.fetch().await.unwrap();
    assert_eq!(all(&misp).difference(&versions(&input).await).count(), 0);
}

#[tokio::test]
async fn edited_added_and_deleted_between_pages() {
    for seed in 0..12 {
        let mut random = random(seed + 1);
        // few seconds for many events, or many
        let seconds = [3, 40, 10_000][seed as usize % 3];
        let events: Vec<_> = (1..=60)
            .map(|id| (id, DAY + random(seconds) as i64))
            .collect();
        let mut next = (61, DAY + seconds as i64);
        let then = move |events: &mut BTreeMap<u32, i64>, asked: u32| {
            if asked > 7 {
                return;
            }
            for _ in 0..1 + random(3) {
                let ids: Vec<u32> = events.keys().copied().collect();
                let id = ids[random(ids.len() as u64) as usize];
                next = (next.0 + 1, next.1 + random(3) as i64);
                match random(3) {
                    0 => events.remove(&id),
                    1 => events.insert(id, next.1 + 1),
                    _ => events.insert(next.0, next.1),
                };
            }
        };
        let misp = Misp {
            ignores_order: seed >= 6,
            then: Some(Box::new(then)),
            ..Misp::with(events)
        };
        let (misp, server) = served(misp).await;
        let input = input(&server, 7);
        input.fetch().await.unwrap();
        let (all, taken) = (all(&misp), versions(&input).await);
        let missing: Vec<_> = all.difference(&taken).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?}");
        input.fetch().await.unwrap();
        assert_eq!(versions(&input).await, taken, "seed {seed}");
    }
}

#[tokio::test]
async fn killed_at_every_page() {
    for ignores_order in [false, true] {
        let mut random = random(3);
        let events: Vec<_> = (1..=80)
            .map(|id| (id, DAY + random(50_000) as i64))
            .collect();
        let misp = script(Misp {
            ignores_order,
            ..Misp::with(events)
        });
        // which request is answered by half, to be followed by nothing
        let stop_at = script(1);
        let (serving, stopping) = (misp.clone(), stop_at.clone());
        let server = Server::start(move |request| {
            let mut misp = serving.lock().unwrap();
            let events = misp.page(request);
            if misp.asked == *stopping.lock().unwrap() {
                return hang(format!("[{},", events[..events.len() / 2].join(",")));
            }
            ok(format!("[{}]", events.join(",")))
        })
        .await;
        let input = Input::new(
            "misp_api",
            json!({"url": server.url("/"), "key": KEY, "limit": 9}),
        );
        for step in 1..=12 {
            let stop = misp.lock().unwrap().asked + 1 + step % 4;
            *stop_at.lock().unwrap() = stop;
            let running = input.start().await;
            cybexp_testkit::eventually("the page is asked for", async || {
                misp.lock().unwrap().asked >= stop
            })
            .await;
            running.kill().await;
        }
        *stop_at.lock().unwrap() = 0;
        input.fetch().await.unwrap();
        assert_eq!(versions(&input).await, all(&misp));
    }
}

#[tokio::test]
async fn many_pages_of_a_server_that_fails_at_every_third() {
    for ignores_order in [false, true] {
        // all of them within what each fetch reads again, so that no cursor helps
        let events = (1..=80).map(|id| (id, DAY + i64::from(id)));
        let misp = script(Misp {
            ignores_order,
            ..Misp::with(events)
        });
        let serving = misp.clone();
        let server = Server::start(move |request| {
            let mut misp = serving.lock().unwrap();
            let events = misp.page(request).join(",");
            match misp.asked % 3 {
                0 => cut(&format!("[{events}"), None),
                _ => ok(format!("[{events}]")),
            }
        })
        .await;
        let input = Input::new(
            "misp_api",
            json!({"url": server.url("/"), "key": KEY, "limit": 9}),
        );
        let sink = input.sink(&CancellationToken::new()).await;
        let mut source = input.source();
        let mut failures = 0;
        while source.fetch(&sink).await.is_err() {
            failures += 1;
            assert!(failures < 30, "it comes to an end");
        }
        assert!(failures > 2);
        assert_eq!(versions(&input).await, all(&misp));
    }
}

#[tokio::test]
async fn killed_inside_of_a_large_page() {
    let events: Vec<String> = (1..=3000)
        .map(|id| event(id, DAY + i64::from(id)))
        .collect();
    let step = script(0);
    let serving = step.clone();
    let server =
        Server::start(
            move |_| match std::mem::replace(&mut *serving.lock().unwrap(), 2) {
                0 => hang(format!("[{},", events[..2500].join(","))),
                1 => ok(format!("[{}]", events.join(","))),
                _ => ok("[]"),
            },
        )
        .await;
    let input = input(&server, 5000);
    let running = input.start().await;
    input.wait_for(2000).await;
    running.kill().await;
    *step.lock().unwrap() = 1;
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await.len(), 3000);
}

#[tokio::test]
async fn events_that_are_too_long_do_not_end_it() {
    let server = Server::start(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let page = body["page"].as_u64().unwrap();
        match page {
            1..=3 => {
                let long = "x".repeat(15 << 20);
                ok(format!(
                    "[{{\"Event\": {{\"id\": \"{page}\", \"info\": \"{long}\"}}}}]"
                ))
            }
            4 => ok(format!("[{}]", event(4, DAY))),
            _ => ok("[]"),
        }
    })
    .await;
    let input = input(&server, 1);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await, BTreeSet::from([(4, DAY)]));
    assert!(
        input
            .now()
            .last_error
            .unwrap()
            .contains("an event cannot be divided: what describes it is longer than 4 MiB")
    );
}

#[tokio::test]
async fn a_time_of_the_future_does_not_hide_the_present() {
    let (misp, server) = served(Misp::with([(1, DAY), (2, 4_000_000_000)])).await;
    let input = input(&server, 10);
    input.fetch().await.unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    misp.lock().unwrap().events.insert(3, now.as_secs() as i64);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await, all(&misp));
}

#[tokio::test]
async fn events_of_other_shapes() {
    let body = r#"{"response": [
        {"Event": {"uuid": "5F0A9E1C-0000-4000-8000-000000000001", "timestamp": 1700000000}},
        {"Event": {"uuid": "5f0a9e1c-0000-4000-8000-000000000001", "timestamp": "1700000000"}},
        {"Event": {"info": "neither"}}, {"Event": {"uuid": "a", "timestamp": null}}, {"Event": []}, 5
    ]}"#;
    let server = Server::start(move |_| ok(body)).await;
    let input = input(&server, 100);
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(input.taken().await.len(), 3);
    }
    assert!(input.now().last_error.unwrap().contains("2 such parts"));
}

#[tokio::test]
async fn only_some_organisations_and_from_the_beginning_when_they_change() {
    let (misp, server) = served(Misp::with([(1, DAY), (2, DAY + 5000)])).await;
    let url = server.url("/misp/");
    let input = Input::new(
        "misp_api",
        json!({"url": url, "key": KEY, "orgs": ["CIRCL", "!ACME"]}),
    );
    input.fetch().await.unwrap();
    let body: Value = serde_json::from_slice(&server.requests()[0].body).unwrap();
    assert_eq!(body["org"], json!(["CIRCL", "!ACME"]));
    misp.lock().unwrap().events.insert(3, DAY - 9000);
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await.len(), 2);
    let input = input.with_settings(json!({"url": url, "key": KEY}));
    input.fetch().await.unwrap();
    assert_eq!(versions(&input).await, all(&misp));
}

#[tokio::test]
async fn refusals_say_what_misp_says_and_tell_no_key() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        1 => {
            let message = format!("{{\"name\": \"x\", \"message\": \"Authentication failed for {KEY}\", \"url\": \"/\"}}");
            status(403, &[], &message)
        }
        2 => status(400, &[], r#"{"saved": false, "name": "Bad", "errors": {"page": ["is wrong"]}}"#),
        3 => status(302, &[("location", "/users/login")], ""),
        4 => ok("<html>log in"),
        5 => status(429, &[("retry-after", "60")], ""),
        6 => status(500, &[], "{\"name\": \"An Internal Error Has Occurred.\"}"),
        7 => cut("{\"response\": [", Some(1000)),
        8 => ok(r#"{"errors": "no"}"#),
        10 => ok(r#"{"name": "Invalid", "message": "Invalid org filter", "errors": "Invalid org filter"}"#),
        11 => status(301, &[("location", "https://misp.example/x")], ""),
        12 => ok("<br /><b>Notice</b>: x in /var/www {\"response\": []}"),
        _ => status(404, &[], "not found"),
    })
    .await;
    let input = input(&server, 10);
    for (bad, expected) in [
        (
            1,
            "403 Forbidden: Authentication failed for *** (is settings.key",
        ),
        (2, r#"400 Bad Request: {"page":["is wrong"]}"#),
        (3, "sends this program to a login page"),
        (4, "it looks like HTML"),
        (5, "left alone for 60 s"),
        (
            6,
            "500 Internal Server Error: An Internal Error Has Occurred.",
        ),
        (7, "cannot be read to its end"),
        (8, "there is no response in the answer: no"),
        (10, "there is no response in the answer: Invalid org filter"),
        (
            11,
            "redirects to https://misp.example, which is not followed",
        ),
        (12, "it looks like HTML, and says: Notice : x in /var/www"),
        (
            9,
            "404 Not Found: not found (is settings.url that of a MISP?)",
        ),
    ] {
        *step.lock().unwrap() = bad;
        let error = input.fetch().await.unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
        assert_eq!(error.is::<Later>(), bad == 5);
        input.source().check().await.unwrap_err();
    }
    assert_eq!(input.known().await.cursor, None);
}

/// The request: for the newest event, or for a page.
fn asks_for_newest(request: &Request) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["order"].as_str().unwrap().contains("desc")
}

#[tokio::test]
async fn a_page_that_was_read_is_taken_whatever_the_next_question_gives() {
    let events: Vec<_> = (1..=250)
        .map(|id| (id, DAY + i64::from(id) * 1000))
        .collect();
    for kind in 0..3 {
        let misp = script(Misp::with(events.iter().copied()));
        let serving = misp.clone();
        let asked = script(0);
        let server = Server::start(move |request| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            let fails = match kind {
                0 => asks_for_newest(request),
                1 => *asked % 2 == 0,
                // a page breaks off, after whole events
                _ => *asked == 1,
            };
            let mut misp = serving.lock().unwrap();
            match fails {
                true if kind == 2 => {
                    cut(&format!("[{},", misp.page(request)[..40].join(",")), None)
                }
                true => status(504, &[], "<title>Gateway</title>"),
                false => misp.answer(request),
            }
        })
        .await;
        let input = input(&server, 100);
        let sink = input.sink(&CancellationToken::new()).await;
        let mut source = input.source();
        let mut failures = 0;
        while source.fetch(&sink).await.is_err() {
            failures += 1;
            assert!(failures < 20, "{kind}: it comes to an end");
            let taken = input.taken().await.len();
            assert!(taken >= 40, "{kind}: the first page is taken at once");
        }
        assert_eq!(versions(&input).await, all(&misp), "{kind}");
    }
}

#[tokio::test]
async fn checked_without_taking_anything() {
    let server = Server::start(|request| match request.uri.path() {
        "/servers/getVersion" => ok(r#"{"version": "2.5.21", "perm_sync": false}"#),
        "/users/view/me" => ok(r#"{"User": {"email": "a@b.c"}, "Organisation": {"name": "UNR"}}"#),
        other => panic!("{other}"),
    })
    .await;
    let input = Input::new("misp_api", json!({"url": server.url(""), "key": KEY}));
    let told = input.source().check().await.unwrap();
    assert_eq!(told, "MISP 2.5.21, as a@b.c of UNR");
}

#[tokio::test]
async fn a_certificate_that_nobody_knows() {
    let port = crate::server::tls(r#"{"response": []}"#).await;
    let url = format!("https://localhost:{port}/");
    let input = Input::new("misp_api", json!({"url": url, "key": KEY}));
    let error = format!("{:#}", input.fetch().await.unwrap_err());
    assert!(error.contains("certificate"), "{error}");
    let input = input.with_settings(json!({"url": url, "key": KEY, "verify_tls": false}));
    input.fetch().await.unwrap();
    let ca = crate::server::fixture("ca.pem");
    let input = input.with_settings(json!({"url": url, "key": KEY, "ca": ca}));
    input.fetch().await.unwrap();
    let settings = json!({"url": url, "key": KEY, "ca": ca, "verify_tls": false});
    let told = Input::refused("misp_api", settings, 0);
    assert!(told.contains("settings.ca"), "{told}");
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, expected) in [
        (json!({"url": "https://a/"}), "key"),
        (json!({"url": "https://a/", "key": " "}), "settings.key"),
        (
            json!({"url": "https://a/", "key": "SECRET\u{1}"}),
            "settings.key",
        ),
        (json!({"url": "a", "key": KEY}), "settings.url"),
        (
            json!({"url": "https://a/", "key": KEY, "limit": 0}),
            "settings.limit",
        ),
        (json!({"url": "https://a/", "key": KEY, "org": []}), "org"),
    ] {
        let error = Input::refused("misp_api", settings, 0);
        assert!(
            error.contains(expected) && !error.contains("SECRET"),
            "{error}"
        );
    }
}
