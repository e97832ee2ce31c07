//! `taxii`: collections that grow while they are read, and a server of OASIS's.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use axum::response::Response;
use serde_json::{Value, json};
use test_needs::Need;
use tokio_util::sync::CancellationToken;

use crate::harness::Input;
use crate::server::{Request, Script, Server, cut, ok, script, status};

const MEDIA: &str = "application/taxii+json;version=2.1";

/// A TAXII server, as far as it matters here.
#[derive(Default)]
struct Taxii {
    objects: Vec<Value>,
    /// Says when objects were added.
    tells_times: bool,
    /// Names the next page, rather than only that there is more.
    names_next: bool,
    /// Forgets its pages after this many answers.
    forgets_after: Option<u32>,
    asked: u32,
}

fn time(n: usize) -> String {
    format!(
        "2026-01-01T{:02}:{:02}:{:02}.000000Z",
        n / 3600,
        n / 60 % 60,
        n % 60
    )
}

fn indicator(n: usize) -> Value {
    json!({"type": "indicator", "id": format!("indicator--{n}"), "pattern": format!("[ipv4-addr:value = '203.0.113.{n}']")})
}

/// Returns the parameters of a request.
fn query(request: &Request) -> Vec<(String, String)> {
    let query = request.uri.query().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

impl Taxii {
    fn with(objects: usize) -> Self {
        Self {
            objects: (0..objects).map(indicator).collect(),
            tells_times: true,
            names_next: true,
            ..Self::default()
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        assert_eq!(request.header("accept"), Some(MEDIA));
        assert_eq!(
            request.header("authorization"),
            Some("Basic dXNlcjpTRUNSRVQ=")
        );
        let of = |id: &str, title: &str| json!({"id": id, "title": title, "can_read": id != "hidden", "can_write": false});
        match request.uri.path() {
            "/taxii2/" => ok(json!({"title": "t", "default": "/root/", "api_roots": ["/root/", "/other/"]}).to_string()),
            "/root/" | "/other/" => ok(json!({"title": "r", "versions": [MEDIA], "max_content_length": 1}).to_string()),
            "/root/collections/" => {
                ok(json!({"collections": [of("c", "Attackers"), of("d", "Others"), of("hidden", "Hidden")]}).to_string())
            }
            "/other/collections/" => status(403, &[], "{\"title\": \"not yours\"}"),
            "/root/collections/c/objects/" => self.page(request),
            other => panic!("{other}"),
        }
    }

    fn page(&mut self, request: &Request) -> Response {
        self.asked += 1;
        let query = query(request);
        let given = |name: &str| {
            query
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        if let Some(ids) = given("match[id]") {
            let wanted: Vec<&str> = ids.split(',').collect();
            let found = self
                .objects
                .iter()
                .filter(|one| wanted.contains(&one["id"].as_str().unwrap()));
            return ok(json!({"objects": found.collect::<Vec<_>>()}).to_string());
        }
        let begin = given("added_after").map_or(0, |after| {
            let after = after.replace("Z", "");
            let later = |n: &usize| time(*n).replace("Z", "") > after;
            (0..self.objects.len())
                .find(later)
                .unwrap_or(self.objects.len())
        });
        let from = match given("next") {
            Some(_) if self.forgets_after.is_some_and(|after| self.asked > after) => {
                self.forgets_after = None;
                return status(404, &[], "{\"title\": \"no such page\"}");
            }
            Some(next) => next.parse().unwrap(),
            None => begin,
        };
        let limit: usize = given("limit").unwrap().parse().unwrap();
        let to = self.objects.len().min(from + limit);
        let mut page = json!({"more": to < self.objects.len()});
        if from < to {
            page["objects"] = json!(self.objects[from..to]);
        }
        if self.names_next && to < self.objects.len() {
            page["next"] = json!(to.to_string());
        }
        match self.tells_times && from < to {
            true => {
                let (first, last) = (time(from), time(to - 1));
                let headers = [
                    ("x-taxii-date-added-first", first.as_str()),
                    ("x-taxii-date-added-last", last.as_str()),
                ];
                status(200, &headers, &page.to_string())
            }
            false => ok(page.to_string()),
        }
    }
}

async fn served(taxii: Taxii) -> (Script<Taxii>, Server) {
    let taxii = script(taxii);
    let serving = taxii.clone();
    let server = Server::start(move |request| serving.lock().unwrap().answer(request)).await;
    (taxii, server)
}

fn settings(url: &str, more: Value) -> Value {
    let mut settings = json!({"url": url, "user": "user", "password": "SECRET", "limit": 10});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

fn input(server: &Server) -> Input {
    let url = server.url("/root/collections/c");
    Input::new("taxii", settings(&url, json!({})))
}

/// Returns the ids of the objects that were taken, in their order.
async fn ids(input: &Input) -> Vec<String> {
    let mut ids = Vec::new();
    for record in input.taken().await {
        let record: Value = serde_json::from_str(&record).unwrap();
        let objects = record["objects"].as_array().unwrap();
        ids.extend(
            objects
                .iter()
                .map(|object| object["id"].as_str().unwrap().to_owned()),
        );
    }
    ids
}

/// Returns the ids of the indicators of these numbers.
fn numbered(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("indicator--{n}")).collect()
}

#[tokio::test]
async fn every_object_once_and_then_what_was_added() {
    let (taxii, server) = served(Taxii::with(35)).await;
    let input = input(&server);
    input.fetch().await.unwrap();
    assert_eq!(ids(&input).await, numbered(0..35));
    assert_eq!(input.taken().await.len(), 4, "a page is a record");
    assert_eq!(server.requests().len(), 4);

    input.fetch().await.unwrap();
    let asked = server.requests();
    assert_eq!(
        asked.len(),
        1,
        "when nothing is new, there is little to ask"
    );
    assert!(query(&asked[0]).contains(&("added_after".to_owned(), time(34))));
    taxii
        .lock()
        .unwrap()
        .objects
        .extend((35..38).map(indicator));
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(ids(&input).await, numbered(0..38));
    }
}

#[tokio::test]
async fn servers_that_tell_less() {
    // the time leads on where no page is named; a page is read twice at most
    let (_, server) = served(Taxii {
        names_next: false,
        ..Taxii::with(35)
    })
    .await;
    let by_time = input(&server);
    by_time.fetch().await.unwrap();
    let found: BTreeSet<String> = ids(&by_time).await.into_iter().collect();
    assert_eq!(found.len(), 35);
    // without times, what is new is found by the clock
    let (taxii, server) = served(Taxii {
        tells_times: false,
        ..Taxii::with(35)
    })
    .await;
    let by_page = input(&server);
    by_page.fetch().await.unwrap();
    assert_eq!(ids(&by_page).await, numbered(0..35));
    taxii.lock().unwrap().objects.clear();
    server.requests();
    by_page.fetch().await.unwrap();
    let asked = server.requests();
    assert!(
        query(&asked[0])
            .iter()
            .any(|(name, value)| name == "added_after" && value.starts_with("20"))
    );
    // and a server that has forgotten its pages is asked from the last time on
    let (_, server) = served(Taxii {
        forgets_after: Some(2),
        ..Taxii::with(35)
    })
    .await;
    let forgotten = input(&server);
    forgotten.fetch().await.unwrap();
    let found: BTreeSet<String> = ids(&forgotten).await.into_iter().collect();
    assert_eq!(found.len(), 35);
}

#[tokio::test]
async fn killed_between_pages_it_goes_on_where_it_was() {
    let taxii = script(Taxii::with(95));
    let (serving, asked) = (taxii.clone(), script(0));
    let counting = asked.clone();
    let server = Server::start(move |request| {
        let mut asked = counting.lock().unwrap();
        *asked += 1;
        let answer = serving.lock().unwrap().answer(request);
        // every third page breaks off
        match *asked % 3 {
            0 => cut("{\"more\": true, \"objects\": [{\"type\": \"x\"", None),
            _ => answer,
        }
    })
    .await;
    let input = input(&server);
    let mut failures = 0;
    while input.fetch().await.is_err() {
        failures += 1;
        assert!(failures < 20, "it comes to an end");
    }
    assert!(failures > 2);
    assert_eq!(
        ids(&input).await,
        numbered(0..95),
        "none twice and none lost"
    );
    for step in 1..6 {
        taxii
            .lock()
            .unwrap()
            .objects
            .extend((95..95 + step * 30).map(indicator));
        let before = *asked.lock().unwrap();
        let running = input.start().await;
        cybexp_testkit::eventually("a page is asked for", async || {
            *asked.lock().unwrap() > before
        })
        .await;
        running.kill().await;
    }
    while input.fetch().await.is_err() {}
    let found: BTreeSet<String> = ids(&input).await.into_iter().collect();
    let expected: BTreeSet<String> = numbered(0..95 + 150).into_iter().collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_objects_need_comes_with_them() {
    let (taxii, server) = served(Taxii::with(15)).await;
    taxii.lock().unwrap().objects[0] =
        json!({"type": "identity", "id": "identity--1", "name": "Example Org"});
    taxii.lock().unwrap().objects[1] =
        json!({"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "203.0.113.9"});
    taxii.lock().unwrap().objects[14] = json!({"type": "observed-data", "id": "observed-data--1", "object_refs": ["ipv4-addr--1", "url--1"],
        "created_by_ref": "identity--1"});
    let input = input(&server);
    input.fetch().await.unwrap();
    let taken = input.taken().await;
    let last: Value = serde_json::from_str(&taken[1]).unwrap();
    let told: BTreeSet<&str> = last["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(
        told.contains("identity--1")
            && told.contains("ipv4-addr--1")
            && told.contains("observed-data--1"),
        "{told:?}"
    );
    let asked = server.requests();
    let named = query(&asked[2]);
    assert_eq!(
        named,
        [("match[id]".to_owned(), "ipv4-addr--1,url--1".to_owned())],
        "the maker is remembered"
    );
}

#[tokio::test]
async fn a_collection_is_found_by_its_name() {
    let (_, server) = served(Taxii::with(3)).await;
    for (path, collection) in [
        ("/taxii2/", "Attackers"),
        ("/root/", "c"),
        ("/root/collections", "attackers"),
        ("/root", "C"),
    ] {
        let input = Input::new(
            "taxii",
            settings(&server.url(path), json!({"collection": collection})),
        );
        match collection {
            "attackers" => {
                let error = input.fetch().await.unwrap_err().to_string();
                assert_eq!(
                    error,
                    "there is no collection \"attackers\" that may be read"
                );
            }
            _ => {
                input.fetch().await.unwrap();
                assert_eq!(ids(&input).await, numbered(0..3), "{path}");
                let told = input.source().check().await.unwrap();
                assert_eq!(told, "collection Attackers, 3 objects on its first page");
            }
        }
    }
    let input = Input::new("taxii", settings(&server.url("/taxii2/"), json!({})));
    let error = input.fetch().await.unwrap_err().to_string();
    assert!(
        error.contains("settings.collection must say which: Attackers, Others"),
        "{error}"
    );
}

#[tokio::test]
async fn version_2_0_has_ranges() {
    let server = Server::start(|request| {
        assert_eq!(
            request.header("accept"),
            Some("application/vnd.oasis.stix+json; version=2.0")
        );
        let range = request
            .header("range")
            .unwrap()
            .strip_prefix("items ")
            .unwrap()
            .to_owned();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        let to = to.min(24);
        if from > 24 || request.uri.query().is_some() {
            return status(416, &[], "{\"title\": \"no such range\"}");
        }
        let objects: Vec<Value> = (from..=to).map(indicator).collect();
        let body = json!({"type": "bundle", "id": "bundle--1", "objects": objects}).to_string();
        let headers = [
            ("content-range", format!("items {from}-{to}/25")),
            ("x-taxii-date-added-last", time(to)),
        ];
        status(
            206,
            &headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
            &body,
        )
    })
    .await;
    let url = server.url("/root/collections/c/");
    let input = Input::new("taxii", settings(&url, json!({"version": "2.0"})));
    for _ in 0..2 {
        input.fetch().await.unwrap();
        assert_eq!(ids(&input).await, numbered(0..25));
    }
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn pages_in_a_circle_and_refusals_are_told() {
    let step = script(0);
    let serving = step.clone();
    let server = Server::start(move |_| match *serving.lock().unwrap() {
        0 => ok(json!({"more": true, "next": "a", "objects": [indicator(1)]}).to_string()),
        1 => ok(json!({"more": true, "next": rand::random::<u32>().to_string()}).to_string()),
        2 => status(401, &[], "{\"title\": \"who is SECRET?\"}"),
        3 => status(406, &[], "{\"title\": \"2.0 only\"}"),
        4 => ok("<html>log in"),
        _ => ok(json!({"objects": [5, {"id": "x"}, indicator(7)]}).to_string()),
    })
    .await;
    let input = input(&server);
    let complaint = || input.now().last_error.unwrap_or_default();
    input.fetch().await.unwrap();
    assert!(complaint().contains("names itself"), "{}", complaint());
    *step.lock().unwrap() = 1;
    input.fetch().await.unwrap();
    assert!(complaint().contains("have no object"), "{}", complaint());
    for (bad, expected) in [
        (
            2,
            "401 Unauthorized: who is ***? (are settings.user and settings.password",
        ),
        (
            3,
            "406 Not Acceptable: 2.0 only (does the server have another settings.version?)",
        ),
        (4, "it looks like HTML"),
    ] {
        *step.lock().unwrap() = bad;
        let error = format!("{:#}", input.fetch().await.unwrap_err());
        assert!(
            error.contains(expected) && !error.contains("SECRET"),
            "{error}"
        );
    }
    *step.lock().unwrap() = 9;
    input.fetch().await.unwrap();
    assert!(ids(&input).await.contains(&"indicator--7".to_owned()));
    assert!(
        complaint().contains("2 such parts") || complaint().contains("without a type"),
        "{}",
        complaint()
    );
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, expected) in [
        (json!({}), "url"),
        (json!({"url": "ftp://a/"}), "settings.url"),
        (
            json!({"url": "https://a/", "user": "u"}),
            "settings.password",
        ),
        (
            json!({"url": "https://a/", "password": "SECRET"}),
            "settings.user",
        ),
        (json!({"url": "https://a/", "limit": 0}), "settings.limit"),
        (
            json!({"url": "https://a/", "added_after": "yesterday"}),
            "settings.added_after",
        ),
        (json!({"url": "https://a/", "version": "1.1"}), "version"),
        (
            json!({"url": "https://a/", "headers": {"Accept": "x"}}),
            "settings.headers.Accept",
        ),
        (
            json!({"url": "https://a/", "headers": {"X": "SECRET\u{1}"}}),
            "settings.headers.X",
        ),
    ] {
        let error = Input::refused("taxii", settings, 0);
        assert!(
            error.contains(expected) && !error.contains("SECRET"),
            "{error}"
        );
    }
}

/// A server of OASIS's, which ends with the test.
struct Medallion(Child);

impl Drop for Medallion {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_of_oasis_is_read() {
    let is_there = Command::new("medallion").arg("--help").output();
    if !is_there.is_ok_and(|out| out.status.success()) {
        Need::Python.is_lacking("there is no program medallion");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let objects: Vec<Value> = (0..25)
        .map(|n| {
            let at = time(n);
            json!({"type": "indicator", "spec_version": "2.1", "id": format!("indicator--00000000-0000-4000-8000-{n:012}"), "created": at,
                "modified": at, "valid_from": at, "pattern_type": "stix", "pattern": format!("[ipv4-addr:value = '203.0.113.{n}']")})
        })
        .collect();
    let manifest: Vec<Value> = objects
        .iter()
        .map(|object| {
            json!({"id": object["id"], "date_added": object["created"], "version": object["created"],
                "media_type": "application/stix+json;version=2.1"})
        })
        .collect();
    let id = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";
    let collection = json!({"id": id, "title": "Attackers", "can_read": true, "can_write": false,
        "media_types": ["application/stix+json;version=2.1"], "objects": objects, "manifest": manifest});
    let data = json!({
        "/discovery": {"title": "t", "default": "http://localhost/root/", "api_roots": ["/root/"]},
        "root": {"information": {"title": "r", "versions": [MEDIA], "max_content_length": 1_000_000}, "status": [],
            "collections": [collection]},
    });
    let config = json!({
        "backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": folder.path().join("data.json")},
        "users": {"user": "SECRET"}, "taxii": {"max_page_size": 10},
    });
    std::fs::write(folder.path().join("data.json"), data.to_string()).unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let [port] = cybexp_testkit::free_ports();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new("medallion")
        .args(["--port", &port.to_string()])
        .arg(folder.path().join("config.json"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let _server = Medallion(child);
    cybexp_testkit::eventually("it answers", async || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .await;
    let url = format!("http://127.0.0.1:{port}/root/");
    let input = Input::new(
        "taxii",
        settings(&url, json!({"collection": "Attackers", "limit": 9})),
    );
    for _ in 0..2 {
        let fetched = input.fetch().await;
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        fetched.unwrap_or_else(|error| panic!("{error:#}: {log}"));
        let expected = objects
            .iter()
            .map(|object| object["id"].as_str().unwrap().to_owned());
        assert_eq!(ids(&input).await, expected.collect::<Vec<_>>());
    }
    let sink = input.sink(&CancellationToken::new()).await;
    let place: Option<Value> = sink.cursor().await.unwrap();
    assert_eq!(place.unwrap()["added_after"], time(24));
}
