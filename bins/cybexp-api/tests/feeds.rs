//! Feeds, from the event to the file.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Reporter, is, start, start_measured};
use cybexp_store::{GraphBatch, RawId};
use cybexp_testkit::{Answer, Api, Site, answer, eventually, now};
use serde_json::{Value, json};
use tahoe_core::{
    Attribute, Category, Event, Hash, Membership, Object, OrgId, SubType, Timestamp, Tlp, User,
};

/// Writes events in which these addresses attacked, at these times.
async fn attack(site: &Site, attacks: &[(&str, f64)]) {
    let sub_type = |text| SubType::new(text).unwrap();
    let mut batch = GraphBatch::default();
    for (address, at) in attacks {
        let ip = Attribute::new(sub_type("ipv4"), *address);
        let name = Attribute::new(sub_type("username"), "root");
        let mut event = Event::new(
            sub_type("ssh"),
            OrgId::new(&site.orgid.to_string()).unwrap(),
            Timestamp::new(*at).unwrap(),
            vec![
                Object::new(sub_type("attacker"), vec![ip.clone().into()])
                    .unwrap()
                    .into(),
                name.into(),
            ],
        )
        .unwrap()
        .with_category(Category::Malicious);
        event = event.with_malicious([ip.hash()]).unwrap();
        batch.add_event(event);
    }
    site.graph.write(&batch).await.unwrap();
}

async fn admin(site: &Site) -> User {
    let user = site.user().await;
    let admin = |org: &tahoe_core::Org| org.add(Membership::Admin, std::slice::from_ref(&user));
    let changed = site.identity.change_org(site.orgid, admin).await.unwrap();
    // the site's user may be an admin already
    drop(changed);
    user
}

fn feed(site: &Site, more: Value) -> Value {
    let mut feed =
        json!({"name": "attackers", "orgs": [site.orgid.to_string()], "sub_types": ["ipv4"]});
    for (name, value) in more.as_object().unwrap() {
        feed[name] = value.clone();
    }
    feed
}

/// Adds a feed, and returns its token.
async fn add(api: &Api, token: &str, feed: &Value) -> String {
    let added = api.post("/feeds", Some(token), feed).await;
    assert_eq!(added.status, 201, "{added:?}");
    added.json()["token"].as_str().unwrap().to_owned()
}

/// Sends a request, and returns the status, the headers and the bytes of the answer.
async fn whole(request: reqwest::RequestBuilder) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

async fn read(api: &Api, file: &str, token: &str) -> Answer {
    api.get(&format!("/feeds/{file}"), Some(token)).await
}

/// Returns the lines of a feed's text.
async fn lines(api: &Api, token: &str) -> Vec<String> {
    let file = read(api, "attackers.txt", token).await;
    assert_eq!(file.status, 200, "{file:?}");
    let mut lines: Vec<String> = file.body.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

async fn holds(api: &Api, token: &str, expected: &[&str]) {
    let mut last = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        last = lines(api, token).await;
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?} is not {expected:?}");
}

#[tokio::test]
async fn a_feed_follows_the_events() {
    let (site, api) = start("feeds", json!({})).await;
    let user = admin(&site).await;
    let token = site.token(&user);
    let now = now();
    // one of long ago, and one in a context that is no attack
    attack(
        &site,
        &[
            ("203.0.113.1", now - 60.0),
            ("203.0.113.2", now - 86_400.0 * 40.0),
        ],
    )
    .await;
    let reporter = Reporter::start(&site);
    let key = add(&api, &token, &feed(&site, json!({"keep_s": 86_400 * 30}))).await;
    holds(&api, &key, &["203.0.113.1"]).await;

    let begun = Instant::now();
    attack(&site, &[("203.0.113.9", now)]).await;
    holds(&api, &key, &["203.0.113.1", "203.0.113.9"]).await;
    println!(
        "a new address is in the feed after {} ms",
        begun.elapsed().as_millis()
    );
    assert!(begun.elapsed() < Duration::from_secs(10));

    let begun = Instant::now();
    common::acquit(&site, "203.0.113.1").await;
    holds(&api, &key, &["203.0.113.9"]).await;
    println!(
        "a false positive has left the feed after {} ms",
        begun.elapsed().as_millis()
    );
    // a later attack does not bring it back
    attack(
        &site,
        &[("203.0.113.1", now + 1.0), ("203.0.113.10", now + 1.0)],
    )
    .await;
    holds(&api, &key, &["203.0.113.10", "203.0.113.9"]).await;

    // read again, it has not changed
    let (_, headers, _) = whole(api.request("GET", "/feeds/attackers.txt", Some(&key))).await;
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let same = api
        .request("GET", "/feeds/attackers.txt", Some(&key))
        .header("If-None-Match", &tag);
    let same = answer(same).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    let other = api
        .request("GET", "/feeds/attackers.csv", Some(&key))
        .header("If-None-Match", &tag);
    assert_eq!(answer(other).await.status, 200, "another format");

    // a value leaves when its time is over
    let short = feed(&site, json!({"name": "short", "keep_s": 61}));
    let short = add(&api, &token, &short).await;
    // it has 20 seconds, in which a slow machine brings it there
    let at = cybexp_testkit::now() - 41.0;
    attack(&site, &[("203.0.113.77", at)]).await;
    eventually("it is in the feed", async || {
        let file = read(&api, "short.txt", &short).await;
        file.body.contains("203.0.113.77")
    })
    .await;
    eventually("it has left", async || {
        let file = read(&api, "short.txt", &short).await;
        !file.body.contains("203.0.113.77")
    })
    .await;
    reporter.stop().await;
}

#[tokio::test]
async fn files_have_their_formats() {
    let (site, api) = start("feed_formats", json!({})).await;
    let token = site.token(&admin(&site).await);
    let now = now();
    let addresses: Vec<String> = (0..50).map(|n| format!("203.0.113.{n}")).collect();
    let attacks: Vec<(&str, f64)> = addresses.iter().map(|ip| (ip.as_str(), now)).collect();
    attack(&site, &attacks).await;
    let reporter = Reporter::start(&site);
    let key = add(
        &api,
        &token,
        &feed(&site, json!({"comments": true, "tlp": "green"})),
    )
    .await;
    eventually("all are there", async || {
        let feeds = api.get("/feeds", Some(&token)).await.json();
        feeds[0]["values"] == 50 && feeds[0]["whole"] == true
    })
    .await;
    for (extension, kind, part) in [
        ("txt", "text/plain", "203.0.113.7 # "),
        ("csv", "text/csv", "203.0.113.7,ipv4,"),
        ("json", "application/x-ndjson", "\"value\":\"203.0.113.7\""),
        (
            "stix.json",
            "application/stix+json",
            "[ipv4-addr:value = '203.0.113.7']",
        ),
        (
            "nft",
            "text/plain",
            "add element inet cybexp attackers_v4 { ",
        ),
        ("rpz", "text/dns", "32.7.113.0.203.rpz-ip CNAME ."),
        ("rules", "text/plain", "alert ip [203.0.113.7] any"),
        ("ip.lst", "text/plain", "203.0.113.7\n"),
    ] {
        let path = format!("/feeds/attackers.{extension}");
        let (status, headers, file) = whole(api.request("GET", &path, Some(&key))).await;
        let text = String::from_utf8(file).unwrap();
        assert!(status == 200 && text.contains(part), "{extension}: {text}");
        let is = headers["content-type"].to_str().unwrap();
        assert!(is.starts_with(kind), "{is}");
    }
    is(
        &read(&api, "attackers.exe", &key).await,
        404,
        "there is no such format",
    );

    let manifest = read(&api, "attackers/manifest.json", &key).await.json();
    let events = manifest.as_object().unwrap();
    assert_eq!(events.len(), 1, "{manifest}");
    let uuid = events.keys().next().unwrap();
    let event = read(&api, &format!("attackers/{uuid}.json"), &key)
        .await
        .json();
    assert_eq!(event["Event"]["Attribute"].as_array().unwrap().len(), 50);
    let hashes = read(&api, "attackers/hashes.csv", &key).await;
    let hashes = hashes.body;
    assert!(hashes.lines().all(|line| line.ends_with(uuid)) && hashes.lines().count() == 50);
    is(
        &read(&api, "attackers/other.json", &key).await,
        404,
        "there is no such file",
    );

    let packed = api
        .request("GET", "/feeds/attackers.csv", Some(&key))
        .header("Accept-Encoding", "gzip");
    let (_, headers, file) = whole(packed).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(file[..2], [0x1f, 0x8b]);
    reporter.stop().await;
}

#[tokio::test]
async fn a_feeds_token_reads_that_feed_and_nothing_else() {
    let (site, api) = start("feed_tokens", json!({})).await;
    let token = site.token(&admin(&site).await);
    let key = add(&api, &token, &feed(&site, json!({}))).await;
    let other = add(&api, &token, &feed(&site, json!({"name": "other"}))).await;
    let denied = "there is no such feed, or it has another token";
    is(&read(&api, "attackers.txt", &other).await, 401, denied);
    is(&read(&api, "nothing.txt", &key).await, 401, denied);
    is(&read(&api, "attackers.txt", &token).await, 401, denied);
    is(&api.get("/feeds/attackers.txt", None).await, 401, denied);
    assert_eq!(api.get("/feeds", Some(&key)).await.status, 401);
    assert_eq!(api.get("/user/info/self", Some(&key)).await.status, 401);
    let in_url = api
        .get(&format!("/feeds/attackers.txt?token={key}"), None)
        .await;
    assert_eq!(in_url.status, 200, "{in_url:?}");
    let basic = api
        .request("GET", "/feeds/attackers.txt", None)
        .basic_auth("any", Some(&key));
    assert_eq!(answer(basic).await.status, 200);

    let new = api
        .post("/feeds/token", Some(&token), &json!({"name": "attackers"}))
        .await
        .json();
    is(&read(&api, "attackers.txt", &key).await, 401, denied);
    assert_eq!(
        read(&api, "attackers.txt", new["token"].as_str().unwrap())
            .await
            .status,
        200
    );

    let again = api
        .post("/feeds", Some(&token), &feed(&site, json!({})))
        .await;
    is(&again, 400, "field name: there is a feed of this name");
    for (field, value) in [
        ("name", json!("../x")),
        ("sub_types", json!(["ip"])),
        ("sub_types", json!([])),
        ("tlp", json!("crimson")),
        ("context", json!("bad")),
        ("category", json!("bad")),
        ("min_count", json!(0)),
        ("keep_s", json!(1)),
        ("orgs", json!(["x"])),
    ] {
        let mut more = json!({"name": "third"});
        more[field] = value;
        let refused = api.post("/feeds", Some(&token), &feed(&site, more)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(
            refused.message().starts_with(&format!("field {field}: ")),
            "{refused:?}"
        );
    }
    let gone = api
        .post("/feeds/remove", Some(&token), &json!({"name": "other"}))
        .await;
    is(&gone, 200, "The feed is removed!");
    is(&read(&api, "other.txt", &other).await, 401, denied);
}

#[tokio::test]
async fn a_feed_is_served_while_its_maker_is_an_admin() {
    let (site, api) = start("feed_rights", json!({})).await;
    let user = admin(&site).await;
    let token = site.token(&user);
    // an organisation cannot lose its last admin
    let second = site.add_user("second@example.com", "correct horse").await;
    let change = async |to: Membership, user: &User| {
        let add = |org: &tahoe_core::Org| org.add(to, std::slice::from_ref(user));
        site.identity
            .change_org(site.orgid, add)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    };
    change(Membership::Admin, &second).await;
    let key = add(&api, &token, &feed(&site, json!({}))).await;
    let expel = |org: &tahoe_core::Org| org.expel(&[user.hash()]);
    site.identity
        .change_org(site.orgid, expel)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let reporter = Reporter::start(&site);
    eventually("it is suspended", async || {
        read(&api, "attackers.txt", &key).await.status == 404
    })
    .await;
    let told = read(&api, "attackers.txt", &key).await;
    is(
        &told,
        404,
        "the feed is suspended: its maker is no admin of all its organisations any more",
    );
    let remove = api
        .post("/feeds/remove", Some(&token), &json!({"name": "attackers"}))
        .await;
    is(&remove, 401, "You are not an admin of this org!");
    reporter.stop().await;
}

/// Returns an event of this address at this time, with this label.
fn labelled(site: &Site, address: &str, at: f64, tlp: Option<Tlp>) -> Event {
    let ip = Attribute::new(SubType::new("ipv4").unwrap(), address);
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let at = Timestamp::new(at).unwrap();
    let event = Event::new(
        SubType::new("ssh").unwrap(),
        orgid,
        at,
        vec![ip.clone().into()],
    )
    .unwrap();
    let event = event
        .with_category(Category::Malicious)
        .with_malicious([ip.hash()])
        .unwrap();
    event.with_tlp_at_least(tlp)
}

async fn write(site: &Site, events: impl IntoIterator<Item = Event>) {
    let mut batch = GraphBatch::default();
    for (n, event) in events.into_iter().enumerate() {
        // the raw that made it: labels are written with raws
        let raw = RawId::new(Hash::of(&["raw", &n.to_string()]), event.orgid().as_str());
        batch.add_source(&raw, 1.0, "cowrie", [event.hash()]);
        batch.add_event(event);
    }
    site.graph.write(&batch).await.unwrap();
}

/// Returns all that a feed's token can read: every format, the MISP folder, and the collection of TAXII.
async fn all_of(api: &Api, name: &str, key: &str) -> String {
    let mut all = String::new();
    for format in cybexp_share::FORMATS {
        let file = read(api, &format!("{name}.{}", format.extension), key).await;
        assert_eq!(file.status, 200, "{file:?}");
        all.push_str(&file.body);
    }
    let manifest = read(api, &format!("{name}/manifest.json"), key).await;
    for uuid in manifest.json().as_object().unwrap().keys() {
        all.push_str(&read(api, &format!("{name}/{uuid}.json"), key).await.body);
    }
    for path in ["objects", "manifest"] {
        let path = format!("/taxii2/feeds/collections/{name}/{path}/");
        let page = api.get(&path, Some(key)).await;
        assert_eq!(page.status, 200, "{page:?}");
        all.push_str(&page.body);
    }
    all
}

#[tokio::test]
async fn a_value_leaves_only_if_an_event_that_may_leave_holds_it() {
    let (site, api) = start("feed_tlp", json!({})).await;
    let token = site.token(&admin(&site).await);
    let now = now();
    let labels = [
        None,
        Some(Tlp::Clear),
        Some(Tlp::Green),
        Some(Tlp::Amber),
        Some(Tlp::AmberStrict),
        Some(Tlp::Red),
    ];
    let address = |n: usize| format!("203.0.113.{}", 10 + n);
    let alone = (0..labels.len()).map(|n| labelled(&site, &address(n), now - 100.0, labels[n]));
    // one that a clear and a red event hold
    let both = [
        (now - 500.0, None),
        (now - 400.0, None),
        (now - 50.0, Some(Tlp::Red)),
    ];
    let both = both.map(|(at, tlp)| labelled(&site, "203.0.113.99", at, tlp));
    write(&site, alone.chain(both)).await;
    let reporter = Reporter::start(&site);
    for (may, tlp) in (1..).zip(Tlp::ALL) {
        let name = format!("up-to-{}", tlp.as_str().replace('+', "-"));
        let key = add(
            &api,
            &token,
            &feed(&site, json!({"name": name, "tlp": tlp, "comments": true})),
        )
        .await;
        eventually("the archive was searched", async || {
            let feeds = api.get("/feeds", Some(&token)).await.json();
            let feeds = feeds.as_array().unwrap().clone();
            feeds
                .iter()
                .any(|feed| feed["name"] == name && feed["whole"] == true)
        })
        .await;
        let all = all_of(&api, &name, &key).await;
        for (n, label) in labels.iter().enumerate() {
            let is_there = all.contains(&address(n));
            assert_eq!(is_there, n <= may, "{tlp}: {label:?}");
        }
        let line = read(&api, &format!("{name}.json"), &key).await.body;
        let line = line
            .lines()
            .find(|line| line.contains("203.0.113.99"))
            .unwrap();
        let told: Value = serde_json::from_str(line).unwrap();
        let count = if tlp == Tlp::Red { 3 } else { 2 };
        assert_eq!(
            told["count"], count,
            "only events that may leave are told of: {told}"
        );
    }
    reporter.stop().await;
}

#[tokio::test]
async fn a_label_that_comes_later_takes_a_value_from_a_feed() {
    let (site, api) = start("feed_tlp_later", json!({})).await;
    let token = site.token(&admin(&site).await);
    let at = now() - 100.0;
    let (one, other) = ("203.0.113.9", "203.0.113.10");
    write(
        &site,
        [
            labelled(&site, one, at, None),
            labelled(&site, other, at, Some(Tlp::Green)),
        ],
    )
    .await;
    let reporter = Reporter::start(&site);
    let key = add(&api, &token, &feed(&site, json!({"tlp": "amber"}))).await;
    holds(&api, &key, &[other, one]).await;
    // the same event of another raw, whose source says more
    let stricter = labelled(&site, one, at, Some(Tlp::AmberStrict));
    write(&site, [stricter]).await;
    holds(&api, &key, &[other]).await;
    // a raw without a label does not lift it, nor does one that is less strict
    write(
        &site,
        [
            labelled(&site, one, at, None),
            labelled(&site, one, at, Some(Tlp::Clear)),
        ],
    )
    .await;
    write(&site, [labelled(&site, "203.0.113.11", at, None)]).await;
    holds(&api, &key, &[other, "203.0.113.11"]).await;
    // and an event that may leave brings it back
    write(&site, [labelled(&site, one, at + 1.0, None)]).await;
    holds(&api, &key, &[other, "203.0.113.11", one]).await;
    reporter.stop().await;
}

/// Figures of a feed of a million values: bytes, seconds and memory of whole and of conditional requests. Run it with
/// `CYBEXP_TEST_DAEMONS=…/release/cybexp cargo test -p cybexp-api --test feeds -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn a_million_values() {
    const VALUES: u32 = 1_000_000;
    let (site, api) = start_measured("feed_million", json!({})).await;
    let token = site.token(&admin(&site).await);
    let key = add(&api, &token, &feed(&site, json!({}))).await;
    let feeds = site.collection("report", "feeds").await;
    let stored = feeds
        .find_one(bson::doc! {"_id": "attackers"})
        .await
        .unwrap()
        .unwrap();
    let id = stored.get_object_id("key").unwrap();
    let values = site.collection("report", "feed_values").await;
    let now = now();
    for part in 0..VALUES / 10_000 {
        let rows = (part * 10_000..(part + 1) * 10_000).map(|n| {
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
            let hash = tahoe_core::Hash::of(&[&ip]);
            let row = bson::Binary {
                subtype: bson::spec::BinarySubtype::Generic,
                bytes: [&id.bytes()[..], hash.as_bytes()].concat(),
            };
            bson::doc! {
                "_id": row, "feed": id, "sub_type": "ipv4", "data": ip, "seq": 1_i64, "added": now - 60.0,
                "changed": now - 60.0, "first": now - 60.0, "last": now - 60.0, "count": 1_i64,
                "until": now + 86_400.0, "place": i64::from(n % 256),
            }
        });
        values.insert_many(rows).ordered(false).await.unwrap();
    }
    let mut tag = String::new();
    for extension in ["txt", "csv", "json", "stix.json", "nft"] {
        let path = format!("/feeds/attackers.{extension}");
        let begun = Instant::now();
        let mut response = api.request("GET", &path, Some(&key)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let mut bytes = 0;
        while let Some(piece) = response.chunk().await.unwrap() {
            bytes += piece.len();
        }
        let memory = common::status_of(api.daemon.pid(), "VmHWM") / 1024;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{extension}: {bytes} bytes in {seconds:.1} s; the API's most memory was {memory} MiB"
        );
        assert!(bytes as u32 > VALUES * 8 && memory < 300);
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let same = api
            .request("GET", "/feeds/attackers.nft", Some(&key))
            .header("If-None-Match", &tag);
        assert_eq!(answer(same).await.status, 304);
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "a conditional request: p50 {:?}, p99 {:?}",
        times[100], times[198]
    );
}
