//! Search and new values: what is found, in which order, and by whom.

use bson::doc;
use cybexp_store::{DerivedFrom, GraphBatch, HourKeeper};
use serde_json::{Value, json};
use tahoe_core::{Category, Event, Hash, Org, Scalar, SubType, Timestamp, User};

use crate::world::{NOW, World, attribute, event, object, org_id};

/// Adds an organisation that the site's user may not see.
async fn stranger(world: &World) -> Hash {
    add(world, "foreign").await
}

/// Adds an organisation that the site's user may see, too.
async fn partner(world: &World) -> Hash {
    let org = add(world, "partner").await;
    let stored = world.site.collection("identity", "instance").await;
    let acl = doc! {"$set": {"_acl": [world.site.userid.to_string()]}};
    let org_id = doc! {"_hash": org.to_string()};
    stored.update_one(org_id, acl).await.unwrap();
    org
}

async fn add(world: &World, orgname: &str) -> Hash {
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let users = std::slice::from_ref(&eve);
    let org = Org::new(orgname, orgname, users, users).unwrap();
    let users = std::slice::from_ref(&eve);
    world.site.identity.add(&org, users).await.unwrap();
    org.hash()
}

fn seen(orgid: Hash, after: f64, values: &[(&str, Scalar)]) -> GraphBatch {
    let mut batch = GraphBatch::default();
    for (sub_type, data) in values {
        let value = attribute(sub_type, data.clone());
        let nested = object("attacker", vec![value.into()]);
        batch.add_event(event(orgid, after, vec![nested.into()]));
    }
    batch
}

fn data(report: &Value) -> Vec<Value> {
    let rows = report["data"].as_array().unwrap().iter();
    rows.map(|row| row["data"].clone()).collect()
}

/// Asks for all pages of a question, and returns the values of each page.
async fn pages(world: &World, qtype: &str, question: Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut question = question;
    loop {
        let report = world.ask(qtype, question.clone()).await.unwrap();
        assert!(report.get("incomplete").is_none(), "{report}");
        pages.push(data(&report));
        assert_eq!(report["more"], report.get("after").is_some());
        match report.get("after") {
            Some(after) => question["after"] = after.clone(),
            None => return pages,
        }
        assert!(pages.len() < 50);
    }
}

#[tokio::test]
async fn values_are_found_by_their_beginning_in_order() {
    let world = World::new("search").await;
    let ours = world.site.orgid;
    let values: Vec<(&str, Scalar)> = [
        ("username", "Root"),
        ("username", "root"),
        ("username", "rooter"),
        ("username", "admin"),
        ("hostname", "www.evil.example"),
        ("hostname", "evil.example"),
        ("hostname", "evil-x.example"),
        ("hostname", "notevil.example"),
        ("ipv4", "203.0.113.9"),
        ("ipv4", "203.0.113.10"),
        ("ipv4", "203.0.114.1"),
        ("ipv6", "2001:db8::9"),
    ]
    .map(|(sub_type, text)| (sub_type, text.into()))
    .into_iter()
    .chain([
        ("port", 443_i64.into()),
        ("port", "443".into()),
        ("port", 80_i64.into()),
    ])
    .collect();
    world.write(&seen(ours, 10.0, &values)).await;
    // written again, and of an earlier event
    world.write(&seen(ours, -50.0, &values[1..3])).await;
    let search = async |sub_type: &str, text: &str| {
        let question = json!({"sub_type": sub_type, "text": text});
        let report = world.ask("search", question).await.unwrap();
        assert!(report.get("after").is_none());
        data(&report)
    };
    let roots = search("username", "ROOT").await;
    assert_eq!(roots.len(), 3);
    assert_eq!(roots[2], "rooter");
    assert_eq!(search("username", "").await.len(), 4);
    assert_eq!(search("port", "44").await.len(), 2);
    assert_eq!(
        search("hostname", "evil.example").await,
        ["evil.example", "www.evil.example"]
    );
    assert_eq!(
        search("ipv4", "203.0.113.0/24").await,
        ["203.0.113.9", "203.0.113.10"]
    );
    assert_eq!(search("ip", "203.0.11").await.len(), 3);
    assert_eq!(search("ip", "2001:db8::/32").await, ["2001:db8::9"]);
    assert_eq!(search("username", "nobody").await, [] as [Value; 0]);

    let report = world
        .ask("search", json!({"sub_type": "username", "text": "rooter"}))
        .await;
    let first = &report.unwrap()["data"][0];
    assert_eq!(first["first_seen"], *NOW - 50.0);
    assert_eq!(first["sub_type"], "username");

    // all pages together are all values, each once, also where a page ends with a kind of address
    for limit in [1, 2, 3, 4, 5] {
        let all = pages(&world, "search", json!({"sub_type": "ip", "limit": limit})).await;
        assert!(all.iter().all(|page| page.len() <= limit), "{all:?}");
        let all: Vec<Value> = all.concat();
        assert_eq!(
            all,
            ["203.0.113.9", "203.0.113.10", "203.0.114.1", "2001:db8::9"],
            "{limit}"
        );
    }
    for (question, reason) in [
        (
            json!({"sub_type": "ipv4", "text": "evil"}),
            "field text: is neither",
        ),
        (
            json!({"sub_type": "ipv4", "after": "x"}),
            "field after: is no place",
        ),
        (
            json!({"sub_type": "colour"}),
            "field sub_type: nothing was found",
        ),
        (json!({"text": "a"}), "field sub_type: is missing"),
    ] {
        let told = world.ask("search", question).await.unwrap_err();
        assert!(told.starts_with(reason), "{told}");
    }
}

#[tokio::test]
async fn new_values_are_those_whose_first_visible_event_is_in_the_range() {
    let world = World::new("new").await;
    let (ours, theirs, strange) = (
        world.site.orgid,
        partner(&world).await,
        stranger(&world).await,
    );
    let name = |n: usize| ("username", Scalar::from(format!("user{n}")));
    // users 0 to 9 at seconds 0 to 9; the even ones have been known to the partner for long
    for n in 0..10 {
        world.write(&seen(ours, n as f64, &[name(n)])).await;
        world.write(&seen(strange, -5e5, &[name(n)])).await;
    }
    let even: Vec<_> = (0..10).step_by(2).map(name).collect();
    world.write(&seen(theirs, -1e5, &even)).await;
    // five at the same time
    let same: Vec<_> = (20..25).map(name).collect();
    world.write(&seen(ours, 7.5, &same)).await;
    world.write(&seen(theirs, 7.5, &same[..2])).await;

    let of_range = json!({"sub_type": "username", "from": *NOW, "to": *NOW + 9.0});
    let all = pages(&world, "new", of_range.clone()).await.concat();
    assert_eq!(all.len(), 10);
    assert_eq!(all[..1], ["user9"]);
    assert_eq!(all[6..], ["user7", "user5", "user3", "user1"]);
    for limit in [1, 2, 3, 7, 10] {
        let mut question = of_range.clone();
        question["limit"] = json!(limit);
        let paged = pages(&world, "new", question).await;
        assert!(paged.iter().all(|page| page.len() <= limit), "{paged:?}");
        assert_eq!(paged.concat(), all, "{limit}");
    }
    let long_ago = json!({"sub_type": "username", "to": *NOW - 1.0});
    let report = world.ask("new", long_ago).await.unwrap();
    assert_eq!(report["data"].as_array().unwrap().len(), 5);
    assert_eq!(report["data"][0]["first_seen"], *NOW - 1e5);
}

#[tokio::test]
async fn the_values_of_other_organisations_change_no_answer() {
    let world = World::new("values-of-others").await;
    let (ours, strange) = (world.site.orgid, stranger(&world).await);
    let name = |n: usize| ("username", Scalar::from(format!("root{n}")));
    let some: Vec<_> = (0..5).map(name).collect();
    world.write(&seen(ours, 0.0, &some)).await;
    let questions = [
        (
            "search",
            json!({"sub_type": "username", "text": "root", "limit": 2}),
        ),
        ("search", json!({"sub_type": "username", "text": "root7"})),
        ("new", json!({"sub_type": "username", "limit": 2})),
        ("new", json!({"sub_type": "username", "to": *NOW - 1.0})),
    ];
    let ask = async || {
        let mut answers = Vec::new();
        for (qtype, question) in &questions {
            let mut report = world.ask(qtype, question.clone()).await.unwrap();
            report["timestamp"] = Value::Null;
            answers.push(report);
        }
        answers
    };
    let before = ask().await;
    let many: Vec<_> = (0..300).map(name).collect();
    world.write(&seen(strange, -1e5, &many)).await;
    assert_eq!(ask().await, before);
}

/// Makes the tables of all hours that are over.
async fn keep_tables(world: &World) {
    let keeper = HourKeeper::open(&world.site.archive).await.unwrap();
    let mut keeper = keeper.without_rest();
    for _ in 0..20 {
        keeper.step(*NOW + 1e6).await.unwrap();
    }
}

/// The most frequent values are the same whatever tables there are, and whoever else has values.
#[tokio::test]
async fn the_most_frequent_values_are_exact_with_and_without_tables() {
    let world = World::new("top").await;
    let (ours, theirs, strange) = (
        world.site.orgid,
        partner(&world).await,
        stranger(&world).await,
    );
    let hour = 3600.0;
    let mut batch = GraphBatch::default();
    for n in 0..300_i64 {
        let org = if n % 3 == 0 { theirs } else { ours };
        let name = attribute("username", format!("user{}", n % 7 * (n % 2)));
        let at = (n % 30 - 15) as f64 * hour / 2.0 + n as f64;
        let mut made = event(
            org,
            at,
            vec![name.clone().into(), attribute("port", n).into()],
        );
        if n % 5 == 0 {
            made = made
                .with_category(Category::Malicious)
                .with_malicious([name.hash()])
                .unwrap();
        }
        batch.add_event(made);
        let other = event(strange, at, vec![name.into()]);
        batch.add_event(other);
    }
    world.write(&batch).await;
    let expected = |keep: &dyn Fn(i64, f64) -> bool| {
        let mut counts = std::collections::BTreeMap::new();
        for n in 0..300_i64 {
            if keep(n, *NOW + (n % 30 - 15) as f64 * hour / 2.0 + n as f64) {
                *counts
                    .entry(format!("user{}", n % 7 * (n % 2)))
                    .or_insert(0) += 1;
            }
        }
        let mut counts: Vec<(i64, String)> =
            counts.into_iter().map(|(name, n)| (-n, name)).collect();
        counts.sort();
        counts
            .into_iter()
            .map(|(n, name)| (name, -n))
            .collect::<Vec<_>>()
    };
    let (from, to) = (*NOW - 4.3 * hour, *NOW + 3.7 * hour);
    let whole = (*NOW / hour).floor() * hour;
    let questions = [
        (json!({}), expected(&|_, _| true)),
        (
            json!({"from": from, "to": to}),
            expected(&|_, at| at >= from && at <= to),
        ),
        (
            json!({"from": whole, "to": whole + 1800.0, "category": "malicious"}),
            expected(&|n, at| n % 5 == 0 && at >= whole && at <= whole + 1800.0),
        ),
        (
            json!({"context": "malicious"}),
            expected(&|n, _| n % 5 == 0),
        ),
        (
            json!({"context": "unknown", "event": "ssh"}),
            expected(&|n, _| n % 5 != 0),
        ),
        (json!({"event": "telnet"}), vec![]),
    ];
    let check = async |told: &str| {
        for (question, expected) in &questions {
            let mut question = question.clone();
            question["sub_type"] = json!("username");
            let report = world.ask("top", question.clone()).await.unwrap();
            let rows = report["data"].as_array().unwrap();
            let mut found: Vec<(i64, String)> = rows
                .iter()
                .map(|row| {
                    (
                        -row["count"].as_i64().unwrap(),
                        row["data"].as_str().unwrap().to_owned(),
                    )
                })
                .collect();
            assert!(found.is_sorted_by_key(|(n, _)| *n), "{told}: {report}");
            found.sort();
            let found: Vec<_> = found.into_iter().map(|(n, name)| (name, -n)).collect();
            assert_eq!(&found, expected, "{told}: {question}");
            assert_eq!(report["exact"], true);
            assert_eq!(report["distinct"], expected.len());
            let sum: i64 = expected.iter().map(|(_, n)| n).sum();
            assert_eq!(report["sum"], sum);
        }
    };
    check("without tables").await;
    keep_tables(&world).await;
    let tables = world.site.collection("tahoe", "instance_hours").await;
    assert!(tables.count_documents(doc! {"right": true}).await.unwrap() > 10);
    check("with tables").await;
    check("with tables in memory").await;
    // tables of an hour that changed are not used, and made again
    let name = attribute("username", "late");
    let mut late = GraphBatch::default();
    for n in 0..400 {
        late.add_event(event(ours, f64::from(n) / 100.0, vec![name.clone().into()]));
    }
    world.write(&late).await;
    for told in ["changed", "made again"] {
        let report = world
            .ask("top", json!({"sub_type": "username", "limit": 1}))
            .await
            .unwrap();
        assert_eq!(
            report["data"],
            json!([{"sub_type": "username", "data": "late", "count": 400}]),
            "{told}"
        );
        keep_tables(&world).await;
    }
}

/// The most frequent values of a sub_type with their numbers, which are exact.
async fn top(world: &World, sub_type: &str, more: Value) -> Vec<(String, i64)> {
    let mut question = more;
    question["sub_type"] = json!(sub_type);
    let report = world.ask("top", question).await.unwrap();
    assert_eq!(
        (&report["exact"], report.get("left_out")),
        (&json!(true), None)
    );
    let rows = report["data"].as_array().unwrap().iter();
    let rows: Vec<(String, i64)> = rows
        .map(|row| {
            let data = row["data"].as_str().unwrap().to_owned();
            (data, row["count"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(report["distinct"], rows.len());
    assert_eq!(report["sum"], rows.iter().map(|(_, n)| n).sum::<i64>());
    rows
}

fn told(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter()
        .map(|(data, n)| ((*data).to_owned(), *n))
        .collect()
}

/// Countries, networks and domains are those of the values of the events in the range, by what each organisation derived; an
/// event counts once.
#[tokio::test]
async fn derived_values_count_by_the_events_of_their_sources() {
    let world = World::new("top_derived").await;
    let orgs = [
        world.site.orgid,
        partner(&world).await,
        stranger(&world).await,
    ];
    let address = |host: usize| attribute("ipv4", format!("203.0.113.{host}"));
    let mut batch = GraphBatch::default();
    for (n, org) in orgs.into_iter().enumerate() {
        // the country of the fourth address is not known
        for (host, country) in ["AA", "BB", "AA"].iter().enumerate() {
            let country = attribute("country_code2", *country);
            let cidr = attribute("cidr", "203.0.113.0/24");
            let place = vec![address(host).into(), country.into(), cidr.clone().into()];
            let source = DerivedFrom::Attribute(address(host).hash());
            let geoip = event(org, 0.0, vec![object("geoip", place).into()]);
            batch.add_derived(geoip, source, "geoip");
            let netblock = event(org, 1.0, vec![address(host).into(), cidr.into()]);
            batch.add_derived(netblock, source, "netblock");
        }
        for host in 0..4 {
            for time in 0..=host {
                let at = time as f64 * 3600.0 + n as f64;
                batch.add_event(event(org, at, vec![address(host).into()]));
            }
        }
        // two addresses of one country, and one whose country the event names itself
        let two = vec![address(0).into(), address(2).into()];
        batch.add_event(event(org, 7200.5 + n as f64, two));
        let named = vec![address(1).into(), attribute("country_code2", "BB").into()];
        batch.add_event(event(org, 7201.5 + n as f64, named));
    }
    world.write(&batch).await;
    // each of two organisations has as many events of an address as its number and one more
    for tables in [false, true, true] {
        let all = top(&world, "country_code2", json!({})).await;
        assert_eq!(all, told(&[("AA", 2 * 5), ("BB", 2 * 3)]));
        let networks = top(&world, "cidr", json!({})).await;
        assert_eq!(networks, told(&[("203.0.113.0/24", 2 * 8)]));
        let late = json!({"from": *NOW + 3600.0, "to": *NOW + 7200.2});
        let late = top(&world, "country_code2", late).await;
        assert_eq!(late, told(&[("AA", 3), ("BB", 2)]));
        let malicious = json!({"category": "malicious"});
        assert_eq!(top(&world, "country_code2", malicious).await, told(&[]));
        assert_eq!(top(&world, "asn", json!({})).await, told(&[]));
        if tables {
            keep_tables(&world).await;
        }
    }
}

/// The domain of a mail address counts beside those that the event names; that of a URL where it names none.
#[tokio::test]
async fn domains_are_those_that_events_name_or_that_were_derived() {
    let world = World::new("top_domains").await;
    let org = world.site.orgid;
    let (mail, url) = (
        attribute("email_addr", "a@evil.example"),
        attribute("url", "http://www.evil.example/x"),
    );
    let (evil, other) = (
        attribute("domain", "evil.example"),
        attribute("domain", "other.example"),
    );
    let mut batch = GraphBatch::default();
    for source in [&mail, &url] {
        let derived = event(org, -1.0, vec![source.clone().into(), evil.clone().into()]);
        batch.add_derived(
            derived,
            DerivedFrom::Attribute(source.hash()),
            "parent_domain",
        );
    }
    let named = |domain: &tahoe_core::Attribute| vec![url.clone().into(), domain.clone().into()];
    for (n, children) in [
        named(&evil),
        named(&other),
        vec![url.clone().into()],
        vec![mail.clone().into(), other.clone().into()],
        vec![mail.clone().into(), evil.clone().into()],
        vec![mail.into()],
    ]
    .into_iter()
    .enumerate()
    {
        batch.add_event(event(org, n as f64, children));
    }
    world.write(&batch).await;
    let expected = told(&[("evil.example", 5), ("other.example", 2)]);
    assert_eq!(top(&world, "domain", json!({})).await, expected);
    keep_tables(&world).await;
    assert_eq!(top(&world, "domain", json!({})).await, expected);
}

/// A behaviour counts the sessions that ended in the range. What its event repeats of observed events counts nowhere.
#[tokio::test]
async fn behaviours_are_those_of_the_sessions_that_ended_in_the_range() {
    let world = World::new("top_behaviours").await;
    let (ours, strange) = (world.site.orgid, stranger(&world).await);
    let mut batch = GraphBatch::default();
    for n in 0..10_i64 {
        let session = Hash::of(&[&n.to_string()]);
        for org in [ours, strange] {
            let at = Timestamp::new(*NOW + n as f64 * 1800.0).unwrap();
            let children = vec![
                attribute("behaviour", ["0a", "0b"][usize::from(n % 3 == 0)]).into(),
                attribute("hassh", "c0ffee").into(),
            ];
            let kind = SubType::new("behaviour").unwrap();
            let made = Event::new(kind, org_id(org), at, children).unwrap();
            batch.add_derived(made, DerivedFrom::Session(session), "behaviour");
        }
    }
    world.write(&batch).await;
    for tables in [false, true, true] {
        let all = top(&world, "behaviour", json!({})).await;
        assert_eq!(all, told(&[("0a", 6), ("0b", 4)]));
        let range = json!({"from": *NOW + 1800.0, "to": *NOW + 5400.0});
        let some = top(&world, "behaviour", range).await;
        assert_eq!(some, told(&[("0a", 2), ("0b", 1)]));
        assert_eq!(top(&world, "hassh", json!({})).await, told(&[]));
        if tables {
            keep_tables(&world).await;
        }
    }
}
