//! TAXII collections, read by OASIS's own client and by hand.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::process::Command;

use common::{Reporter, acquit, start};
use cybexp_store::GraphBatch;
use cybexp_testkit::{Api, Site, eventually, now};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Category, Event, Object, OrgId, SubType, Timestamp};
use test_needs::Need;

const TAXII: &str = "application/taxii+json;version=2.1";

/// Writes events in which this many addresses attacked, beginning with this one.
async fn attack(site: &Site, first: u8, n: u8) {
    let sub_type = |text| SubType::new(text).unwrap();
    let mut batch = GraphBatch::default();
    for address in first..first + n {
        let ip = Attribute::new(sub_type("ipv4"), format!("203.0.113.{address}"));
        let attacker = Object::new(sub_type("attacker"), vec![ip.clone().into()]).unwrap();
        let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
        let at = Timestamp::new(now().floor()).unwrap();
        let event = Event::new(sub_type("ssh"), orgid, at, vec![attacker.into()]).unwrap();
        let event = event.with_category(Category::Malicious);
        batch.add_event(event.with_malicious([ip.hash()]).unwrap());
    }
    site.graph.write(&batch).await.unwrap();
}

/// Adds a feed of these attackers, and returns its token once it has this many values.
async fn feed(site: &Site, api: &Api, values: i64) -> String {
    let user = site.token(&site.user().await);
    let feed = json!({
        "name": "attackers", "description": "Who attacks us", "orgs": [site.orgid.to_string()], "sub_types": ["ipv4"],
        "tlp": "green",
    });
    let added = api.post("/feeds", Some(&user), &feed).await;
    assert_eq!(added.status, 201, "{added:?}");
    has(site, api, &user, values).await;
    added.json()["token"].as_str().unwrap().to_owned()
}

/// Waits until the attackers are so many, and what has come in is told.
async fn has(site: &Site, api: &Api, user: &str, values: i64) {
    let stored = site.collection("report", "feeds").await;
    eventually("the feed has its values", async || {
        let feeds = api.get("/feeds", Some(user)).await.json();
        // rows are counted before the feed has its new number, and only then told
        let written = bson::doc! {"_id": "attackers", "writing": false};
        feeds[0]["values"] == values
            && feeds[0]["whole"] == true
            && stored.count_documents(written).await.unwrap() == 1
    })
    .await;
}

/// Asks for a path of TAXII, and returns the status and the answer.
async fn get(api: &Api, path: &str, token: &str) -> (u16, Value) {
    let request = api
        .request("GET", path, Some(token))
        .header("Accept", TAXII);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], TAXII);
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn collections_are_read_page_by_page() {
    let (site, api) = start("taxii", json!({})).await;
    attack(&site, 0, 10).await;
    let reporter = Reporter::start(&site);
    let token = feed(&site, &api, 10).await;
    let root = "/taxii2/feeds/collections/attackers";
    let (_, all) = get(&api, &format!("{root}/objects/"), &token).await;
    let all = all["objects"].as_array().unwrap().clone();
    // the organisation, two labels, and an observable, an indicator and a relationship of each
    assert_eq!(all.len(), 1 + 2 + 3 * 10);

    for limit in [1, 2, 5, 32, 33] {
        let (mut objects, mut next) = (Vec::new(), String::new());
        loop {
            let (_, page) = get(
                &api,
                &format!("{root}/objects/?limit={limit}{next}"),
                &token,
            )
            .await;
            let part = page["objects"].as_array().unwrap();
            assert!(part.len() <= limit);
            objects.extend(part.iter().cloned());
            match page["next"].as_str() {
                Some(place) => next = format!("&next={place}"),
                None => break,
            }
            assert_eq!(page["more"], true);
        }
        assert_eq!(objects, all, "{limit}");
    }

    // who asks for what came after the last one that it has gets what is new, and misses nothing
    let (_, manifest) = get(&api, &format!("{root}/manifest/"), &token).await;
    let manifest = manifest["objects"].as_array().unwrap().clone();
    assert_eq!(manifest.len(), all.len());
    let last = manifest.last().unwrap()["date_added"]
        .as_str()
        .unwrap()
        .to_owned();
    let after = format!("{root}/objects/?added_after={last}&match%5Btype%5D=indicator");
    let (_, none) = get(&api, &after, &token).await;
    assert_eq!(none, json!({}));
    attack(&site, 100, 3).await;
    has(&site, &api, &site.token(&site.user().await), 13).await;
    let (_, new) = get(&api, &after, &token).await;
    let new: Vec<&str> = new["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["type"].as_str().unwrap())
        .collect();
    assert_eq!(new, ["indicator"; 3]);

    let id = all[4]["id"].as_str().unwrap();
    let (status, one) = get(&api, &format!("{root}/objects/{id}/"), &token).await;
    assert_eq!((status, &one["objects"]), (200, &json!([all[4]])));
    let (_, versions) = get(&api, &format!("{root}/objects/{id}/versions/"), &token).await;
    assert_eq!(versions["versions"], json!([all[4]["modified"]]));
    let (status, error) = get(&api, &format!("{root}/objects/url--x/"), &token).await;
    assert_eq!((status, &error["http_status"]), (404, &json!("404")));
    reporter.stop().await;
}

/// Writes an event with these values in malicious context.
async fn observe(site: &Site, values: &[(&str, &str)]) {
    let sub_type = |text: &str| SubType::new(text).unwrap();
    let values = values
        .iter()
        .map(|(name, text)| Attribute::new(sub_type(name), *text));
    let values: Vec<Attribute> = values.collect();
    let hashes: Vec<_> = values.iter().map(Attribute::hash).collect();
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let at = Timestamp::new(now().floor()).unwrap();
    let children = values.into_iter().map(Into::into).collect();
    let event = Event::new(sub_type("ssh"), orgid, at, children).unwrap();
    let event = event.with_category(Category::Malicious);
    let mut batch = GraphBatch::default();
    batch.add_event(event.with_malicious(hashes).unwrap());
    site.graph.write(&batch).await.unwrap();
}

/// Asserts that a collection finds each of these objects by its id, alone and with others, and nothing else.
async fn finds(api: &Api, token: &str, all: &[Value]) {
    let root = "/taxii2/feeds/collections/attackers";
    for object in all {
        let id = object["id"].as_str().unwrap();
        let (status, one) = get(api, &format!("{root}/objects/{id}/"), token).await;
        assert_eq!((status, &one["objects"]), (200, &json!([object])), "{id}");
        let (_, listed) = get(api, &format!("{root}/manifest/?match[id]={id}"), token).await;
        assert_eq!(listed["objects"].as_array().unwrap().len(), 1);
        assert_eq!(listed["objects"][0]["id"], object["id"]);
        let (status, versions) = get(api, &format!("{root}/objects/{id}/versions/"), token).await;
        assert_eq!(
            (status, versions["versions"].as_array().unwrap().len()),
            (200, 1)
        );
        // a near id is of nothing
        let mut near = id[..id.len() - 1].to_owned();
        near.push(if id.ends_with('0') { '1' } else { '0' });
        let (status, _) = get(api, &format!("{root}/objects/{near}/"), token).await;
        assert_eq!(status, 404, "{near}");
    }
    let ids: Vec<&str> = all
        .iter()
        .rev()
        .map(|o| o["id"].as_str().unwrap())
        .collect();
    let named = format!("{root}/objects/?match[id]={}", ids.join(","));
    let (_, some) = get(api, &named, token).await;
    assert_eq!(some["objects"], json!(all), "in the collection's order");
    let (mut objects, mut next) = (Vec::new(), String::new());
    loop {
        let (_, page) = get(api, &format!("{named}&limit=5{next}"), token).await;
        objects.extend(page["objects"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(place) => next = format!("&next={place}"),
            None => break,
        }
    }
    assert_eq!(objects, all);
}

/// Returns all objects of the collection of attackers.
async fn objects(api: &Api, token: &str) -> Vec<Value> {
    let path = "/taxii2/feeds/collections/attackers/objects/";
    let (_, all) = get(api, path, token).await;
    all["objects"].as_array().unwrap().clone()
}

#[tokio::test]
async fn objects_are_found_by_their_ids() {
    let (site, api) = start("taxii_ids", json!({})).await;
    let seen = [
        ("ipv4", "203.0.113.9"),
        ("cidr", "203.0.113.0/24"),
        ("url", "http://evil.example/"),
        // their observables have one UUID, and two types
        ("filename", "evil"),
        ("mutex", "evil"),
        ("shell_command", "id"),
        // STIX has no observable for it
        ("password", "secret"),
    ];
    observe(&site, &seen).await;
    let reporter = Reporter::start(&site);
    let user = site.token(&site.user().await);
    let sub_types = seen.map(|(sub_type, _)| sub_type);
    let feed = json!({
        "name": "attackers", "orgs": [site.orgid.to_string()], "sub_types": sub_types, "context": "all",
    });
    let added = api.post("/feeds", Some(&user), &feed).await;
    assert_eq!(added.status, 201, "{added:?}");
    let token = added.json()["token"].as_str().unwrap().to_owned();
    has(&site, &api, &user, seen.len() as i64).await;
    let all = objects(&api, &token).await;
    let head = all
        .iter()
        .take_while(|o| o["type"] == "marking-definition" || o["type"] == "identity");
    assert_eq!(all.len(), head.count() + 3 * (seen.len() - 1));
    finds(&api, &token, &all).await;
    reporter.stop().await;

    // as an earlier version wrote them: found one after the other, and by their numbers once the keeper has been there
    let feeds = site.collection("report", "feeds").await;
    let rows = site.collection("report", "feed_values").await;
    let earlier = bson::doc! {"$unset": {"findable": "", "stix": ""}};
    rows.update_many(bson::doc! {}, earlier.clone())
        .await
        .unwrap();
    let named = bson::doc! {"_id": "attackers"};
    feeds.update_one(named.clone(), earlier).await.unwrap();
    finds(&api, &token, &all).await;
    let reporter = Reporter::start(&site);
    eventually("the rows have their numbers", async || {
        let feed = feeds.find_one(named.clone()).await.unwrap().unwrap();
        feed.get_bool("findable").is_ok_and(|it| it)
    })
    .await;
    let numbered = bson::doc! {"stix": {"$type": "int"}};
    let numbered = rows.count_documents(numbered).await.unwrap();
    assert_eq!(numbered, seen.len() as u64 - 1);
    finds(&api, &token, &all).await;

    // what has left is not found any more
    acquit(&site, "203.0.113.9").await;
    has(&site, &api, &user, seen.len() as i64 - 1).await;
    let left = objects(&api, &token).await;
    let gone: Vec<&Value> = all.iter().filter(|object| !left.contains(object)).collect();
    assert_eq!(gone.len(), 3);
    for object in gone {
        let id = object["id"].as_str().unwrap();
        let path = format!("/taxii2/feeds/collections/attackers/objects/{id}/");
        assert_eq!(get(&api, &path, &token).await.0, 404);
    }
    finds(&api, &token, &left).await;
    reporter.stop().await;
}

#[tokio::test]
async fn wrong_requests_are_told_as_the_specification_says() {
    let (site, api) = start("taxii_errors", json!({})).await;
    let user = site.token(&site.user().await);
    let feed = json!({"name": "a", "orgs": [site.orgid.to_string()], "sub_types": ["ipv4"]});
    let added = api.post("/feeds", Some(&user), &feed).await.json();
    let token = added["token"].as_str().unwrap();
    let other = json!({"name": "b", "orgs": [site.orgid.to_string()], "sub_types": ["ipv4"]});
    api.post("/feeds", Some(&user), &other).await;
    for (path, status) in [
        ("/taxii2/", 200),
        ("/taxii2/feeds/", 200),
        ("/taxii2/feeds/collections/", 200),
        ("/taxii2/feeds/collections/a/", 200),
        ("/taxii2/feeds/collections/b/", 404),
        ("/taxii2/feeds/collections/a/objects/?limit=0", 400),
        ("/taxii2/feeds/collections/a/objects/?next=x", 400),
        ("/taxii2/feeds/collections/a/objects/?added_after=x", 400),
        ("/taxii2/feeds/status/x/", 404),
    ] {
        let (is, body) = get(&api, path, token).await;
        assert_eq!(is, status, "{path}: {body}");
    }
    let (status, _) = get(&api, "/taxii2/", &user).await;
    assert_eq!(status, 401, "a person's token is none of a feed");
    let status =
        async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let old = api
        .request("GET", "/taxii2/", Some(token))
        .header("Accept", "application/taxii+json;version=2.0");
    assert_eq!(status(old).await, 406);
    let objects = "/taxii2/feeds/collections/a/objects/";
    assert_eq!(status(api.request("POST", objects, Some(token))).await, 403);
    assert_eq!(
        status(api.request("DELETE", &format!("{objects}x/"), Some(token))).await,
        403
    );
    let stranger = api.request("GET", "/taxii2/", None).send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 401);
    assert!(
        stranger.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic")
    );
}

const CLIENT: &str = r#"
import sys
from taxii2client.v21 import Server, as_pages
server = Server(sys.argv[1], user="anyone", password=sys.argv[2])
assert server.title == "CYBEX-P" and server.default.url == server.api_roots[0].url
root = server.default
assert root.versions == ["application/taxii+json;version=2.1"], root.versions
collection, = root.collections
assert collection.can_read and not collection.can_write and collection.title == "attackers"
whole = collection.get_objects()["objects"]
paged = [o for page in as_pages(collection.get_objects, per_request=7) for o in page["objects"]]
assert whole == paged and len(whole) == 33, (len(whole), len(paged))
listed = [o for page in as_pages(collection.get_manifest, per_request=7) for o in page["objects"]]
assert [o["id"] for o in listed] == [o["id"] for o in whole]
one = collection.get_object(whole[4]["id"])["objects"]
assert one == [whole[4]]
indicators = collection.get_objects(type="indicator")["objects"]
assert len(indicators) == 10
later = collection.get_objects(added_after=listed[-1]["date_added"])
assert later == {}, later
import stix2
for o in whole: stix2.parse(o, version="2.1")
"#;

#[tokio::test]
async fn oasis_own_client_reads_the_collection() {
    let imports = Command::new("python3")
        .args(["-c", "import taxii2client.v21, stix2"])
        .output();
    if !imports.is_ok_and(|out| out.status.success()) {
        Need::Python.is_lacking("python3 cannot import taxii2client and stix2");
        return;
    }
    let (site, api) = start("taxii_client", json!({})).await;
    attack(&site, 0, 10).await;
    let reporter = Reporter::start(&site);
    let token = feed(&site, &api, 10).await;
    let url = format!("http://{}/taxii2/", api.address);
    let client = tokio::task::spawn_blocking(move || {
        Command::new("python3")
            .args(["-c", CLIENT, &url, &token])
            .output()
    });
    let out = client.await.unwrap().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    reporter.stop().await;
}
