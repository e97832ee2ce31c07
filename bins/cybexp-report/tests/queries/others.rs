//! Two organisations with the same values: no answer of one shows that the other has them.
//!
//! The same archive is built twice, with and without what the other organisation has, and every report must give the user of
//! the first one the same answers, byte for byte. A report without a row in [`questions`] fails the test.

use bson::doc;
use cybexp_filters::second::{Input, Networks, SECOND_FILTERS, Source};
use cybexp_store::{DerivedFrom, GraphBatch, HourKeeper};
use serde_json::{Value, json};
use tahoe_core::question::QueryType;
use tahoe_core::{Category, Event, Hash, Org, Raw, Session, SubType, Timestamp, User};

use crate::world::{NOW, World, attribute, event, object, org_id};

const HOUR: f64 = 3600.0;
/// More events than an attribute may have that is no hub to threatranks.
const MANY: i32 = 2_100;

fn at(after: f64) -> Timestamp {
    Timestamp::new(*NOW + after).unwrap()
}

fn known_session(name: &str, events: &[Event]) -> Session {
    let known = vec![attribute("sessionid", name).into()];
    let session = Session::new(SubType::new("cowrie_session").unwrap(), known).unwrap();
    session.with_events(events.iter().map(Event::hash))
}

/// An event of values that both organisations have, and of one of its own.
fn shared(org: Hash, after: f64, own: &str) -> Event {
    let address = attribute("ipv4", "203.0.113.9");
    let attacker = object("attacker", vec![address.clone().into()]);
    let children = vec![
        attacker.into(),
        attribute("username", "root").into(),
        attribute("hostname", "www.evil.example").into(),
        attribute("shell_command", own).into(),
    ];
    let event = event(org, after, children).with_category(Category::Malicious);
    event.with_malicious([address.hash()]).unwrap()
}

/// Events that the second stage makes of an organisation's values: by the filters that need no files, and a country.
fn derive(batch: &mut GraphBatch, org: Hash, country: &str) {
    let orgid = org_id(org);
    for value in [
        attribute("ipv4", "203.0.113.9"),
        attribute("hostname", "www.evil.example"),
    ] {
        let source = DerivedFrom::Attribute(value.hash());
        for filter in SECOND_FILTERS {
            let Source::Attributes(sub_types) = filter.source() else {
                continue;
            };
            if sub_types.contains(&value.sub_type().as_str()) {
                let input = Input::Attribute {
                    attribute: &value,
                    orgid: &orgid,
                };
                for event in filter.run(&input, &Networks::default()) {
                    batch.add_derived(event, source, filter.name());
                }
            }
        }
    }
    let address = attribute("ipv4", "203.0.113.9");
    let source = DerivedFrom::Attribute(address.hash());
    let place = vec![address.into(), attribute("country_code2", country).into()];
    let geoip = SubType::new("geoip").unwrap();
    let place = vec![object("geoip", place).into()];
    let event = Event::new(geoip, orgid, Timestamp::new(0.0).unwrap(), place);
    batch.add_derived(event.unwrap(), source, "geoip");
}

fn behaviour(batch: &mut GraphBatch, org: Hash, after: f64, session: Hash, hash: &str) {
    let kind = SubType::new("behaviour").unwrap();
    let children = vec![attribute("behaviour", hash).into()];
    let event = Event::new(kind, org_id(org), at(after), children).unwrap();
    batch.add_derived(event, DerivedFrom::Session(session), "behaviour");
}

fn verdict(batch: &mut GraphBatch, org: Hash, after: f64, verdict: &str) {
    let children = vec![
        attribute("username", "root").into(),
        attribute("verdict", verdict).into(),
        attribute("analyst", format!("of {org}")).into(),
    ];
    let kind = SubType::new("verdict").unwrap();
    let event = Event::new(kind, org_id(org), at(after), children).unwrap();
    let judged = attribute("username", "root").hash();
    let event = match verdict {
        "malicious" => event
            .with_category(Category::Malicious)
            .with_malicious([judged]),
        _ => event.with_category(Category::Benign).with_benign([judged]),
    };
    batch.add_verdict(event.unwrap());
}

/// A raw that its filter refused, the same for every organisation.
async fn refused(world: &World, org: Hash) {
    let sub_type = SubType::from_static("cowrie");
    let at = Some(Timestamp::new(*NOW).unwrap());
    let raw = Raw::new(
        sub_type,
        json!({"eventid": 7}),
        org_id(org),
        "UTC".to_owned(),
        at,
    )
    .unwrap();
    let raws = &world.site.raws;
    raws.write(std::slice::from_ref(&raw), |_| vec![])
        .await
        .unwrap();
    let error = doc! {"filter": "cowrie@1", "reason": "field eventid: is no text", "at": *NOW};
    let refused = doc! {"$set": {"_error": [error], "_valid": false}};
    let archive = world.site.collection("tahoe", "instance").await;
    let of = doc! {"_hash": raw.hash().to_string(), "orgid": org.to_string()};
    let changed = archive.update_one(of, refused).await.unwrap();
    assert_eq!(changed.modified_count, 1);
}

/// The user's own organisation: ten events in a session, an event to rank, and what was derived and judged.
async fn ours(world: &World) -> (Hash, Hash) {
    let org = world.site.orgid;
    let mut batch = GraphBatch::default();
    let events = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|n| {
        let after = f64::from(n - 8) * HOUR;
        shared(org, after, &format!("run {n}"))
    });
    events
        .iter()
        .for_each(|event| drop(batch.add_event(event.clone())));
    let session = known_session("s1", &events);
    batch.add_session(session.clone(), &org_id(org));
    let children = vec![
        attribute("username", "root").into(),
        attribute("shell_command", "run 3").into(),
    ];
    let target = event(org, 5.0, children);
    batch.add_event(target.clone());
    derive(&mut batch, org, "AA");
    behaviour(&mut batch, org, HOUR, session.hash(), "0a");
    verdict(&mut batch, org, 10.0, "false_positive");
    world.write(&batch).await;
    refused(world, org).await;
    (target.hash(), session.hash())
}

/// The other organisation: the same values much more often and earlier, in the same session, derived to something else, judged
/// otherwise, and with values of its own beside them.
async fn theirs(world: &World, org: Hash) {
    let mut batch = GraphBatch::default();
    let events: Vec<Event> = (0..MANY)
        .map(|n| shared(org, f64::from(n - MANY) * 60.0, &format!("run {}", n % 500)))
        .collect();
    events
        .iter()
        .for_each(|event| drop(batch.add_event(event.clone())));
    let session = known_session("s1", &events[..50]);
    batch.add_session(session.clone(), &org_id(org));
    derive(&mut batch, org, "BB");
    for n in 0..5 {
        behaviour(&mut batch, org, HOUR + f64::from(n), session.hash(), "0a");
        behaviour(&mut batch, org, HOUR, session.hash(), &format!("0b{n}"));
    }
    verdict(&mut batch, org, 20.0, "malicious");
    world.write(&batch).await;
    refused(world, org).await;
}

/// The questions of a type, about an event of the user's own and the session.
fn questions(qtype: QueryType, target: Hash, session: Hash) -> Vec<Value> {
    let name = json!({"sub_type": "username", "data": "root"});
    let address = json!({"sub_type": "ipv4", "data": "203.0.113.9"});
    let country = json!({"sub_type": "country_code2", "data": "BB"});
    let with = |of: &Value, more: Value| {
        let mut question = of.clone();
        let more = more.as_object().unwrap().clone();
        question.as_object_mut().unwrap().extend(more);
        question
    };
    let range = json!({"from": *NOW - 5.5 * HOUR, "to": *NOW + 2.5 * HOUR});
    let derived = json!({"derived": true});
    match qtype {
        QueryType::Count => vec![
            name.clone(),
            with(&name, range),
            with(&address, derived.clone()),
            with(
                &address,
                json!({"context": "malicious", "category": "malicious"}),
            ),
            with(&name, json!({"context": "benign"})),
            with(&country, derived),
            json!({"_hash": session}),
        ],
        QueryType::Related => vec![
            name.clone(),
            with(&name, json!({"level": 3})),
            with(&name, json!({"page": 2, "level": 2})),
            with(&address, with(&derived, json!({"summary_graph": true}))),
            with(&name, json!({"summary": false, "level": 3})),
            with(
                &name,
                json!({"summary": false, "return_type": "session", "level": 2}),
            ),
            with(&country, derived),
            json!({"_hash": session, "level": 3}),
        ],
        QueryType::ThreatRank => vec![json!({"_hash": target}), name, address, country],
        QueryType::Timeline => vec![
            name.clone(),
            with(&name, json!({"by": "hour"})),
            with(&address, with(&derived, range)),
        ],
        QueryType::Top => [
            "ip",
            "username",
            "hostname",
            "shell_command",
            "country_code2",
            "cidr",
            "domain",
            "behaviour",
            "verdict",
            "analyst",
        ]
        .into_iter()
        .flat_map(|sub_type| {
            let all = json!({"sub_type": sub_type});
            let malicious = with(&all, json!({"category": "malicious", "limit": 3}));
            [with(&all, range.clone()), all, malicious]
        })
        .collect(),
        QueryType::Session => vec![
            json!({"sub_type": "sessionid", "data": "s1"}),
            json!({"_hash": session}),
            with(&name, json!({"page": 2})),
        ],
        QueryType::Search => vec![
            json!({"sub_type": "username"}),
            json!({"sub_type": "shell_command", "text": "run ", "limit": 4}),
            json!({"sub_type": "ip", "text": "203.0.113.0/24"}),
            json!({"sub_type": "hostname", "text": "evil.example"}),
            json!({"sub_type": "country_code2"}),
            json!({"sub_type": "behaviour"}),
        ],
        QueryType::Quarantine => vec![json!({}), json!({"_hash": target}), json!({"limit": 1})],
        QueryType::New => vec![
            json!({"sub_type": "username"}),
            with(&json!({"sub_type": "username"}), range.clone()),
            with(&json!({"sub_type": "shell_command", "limit": 4}), range),
            json!({"sub_type": "behaviour"}),
        ],
    }
}

/// Makes the site, with what the other organisation has or without.
async fn built(name: &str, both: bool) -> (World, Hash, [Hash; 2]) {
    let world = World::with_budget(name, 20_000).await;
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let users = std::slice::from_ref(&eve);
    let other = Org::new("foreign", "foreign", users, users).unwrap();
    world.site.identity.add(&other, users).await.unwrap();
    if both {
        theirs(&world, other.hash()).await;
    }
    let (target, session) = ours(&world).await;
    let keeper = HourKeeper::open(&world.site.archive).await.unwrap();
    let mut keeper = keeper.without_rest();
    // the tables of some hours, and not of others
    for _ in 0..3 {
        keeper.step(*NOW + 1e6).await.unwrap();
    }
    (world, other.hash(), [target, session])
}

async fn answer(world: &World, qtype: QueryType, question: &Value) -> String {
    match world.ask(qtype.as_str(), question.clone()).await {
        Ok(mut report) => {
            // the only part that tells when the question was answered
            assert!(report["timestamp"].is_number());
            report["timestamp"] = Value::Null;
            report.to_string()
        }
        Err(reason) => reason,
    }
}

#[tokio::test]
async fn no_answer_shows_what_another_organisation_has() {
    let (alone, _, about) = built("others_without", false).await;
    let (both, other, same) = built("others_with", true).await;
    assert_eq!(about, same);
    let mut all = Vec::new();
    for &qtype in QueryType::ALL {
        let questions = questions(qtype, about[0], about[1]);
        assert!(!questions.is_empty(), "{qtype} has no row");
        for question in questions {
            let expected = answer(&alone, qtype, &question).await;
            let found = answer(&both, qtype, &question).await;
            assert_eq!(found, expected, "{qtype} {question}");
            all.push((qtype, question, expected));
        }
    }
    // who may see both gets other answers of every type, so each would have shown it
    let orgs = both.site.collection("identity", "instance").await;
    let acl = doc! {"$set": {"_acl": [both.site.userid.to_string()]}};
    orgs.update_one(doc! {"_hash": other.to_string()}, acl)
        .await
        .unwrap();
    for &qtype in QueryType::ALL {
        let mut differs = 0;
        for (_, question, alone) in all.iter().filter(|(of, ..)| *of == qtype) {
            differs += usize::from(answer(&both, qtype, question).await != *alone);
        }
        assert!(differs > 0, "{qtype} shows nothing of anyone");
    }
}
