//! Questions of a member of one organisation about the data of another: they learn nothing, neither from answers nor from
//! degrees. Every type of question is asked about values, sessions, events and raws that only the other organisation has, and
//! about ones that nobody has; the answers must be the same.
//!
//! `cargo test -p cybexp --test tenants -- --ignored --nocapture` asks 2,000 questions, and prints the times of both kinds.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are for people, and clippy sees helpers of a test as no test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bson::doc;
use cybexp_testkit::{Api, Daemon, Site, cowrie};
use serde_json::{Map, Value, json};
use tahoe_core::question::QueryType;
use tahoe_core::question::field::{FIELDS, FieldKind};
use tahoe_core::{Org, User};

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
/// Questions of one request.
const LIST: usize = 50;

/// The thing that a question is about: fields, and the texts by which answers may name it.
#[derive(Debug, Clone)]
struct Subject {
    fields: Map<String, Value>,
    names: Vec<String>,
}

impl Subject {
    fn value(sub_type: &str, data: &Value) -> Self {
        let fields = json!({"sub_type": sub_type, "data": data});
        Self {
            fields: fields.as_object().unwrap().clone(),
            names: vec![text(data)],
        }
    }

    fn hash(hash: &str) -> Self {
        let fields = json!({"_hash": hash});
        Self {
            fields: fields.as_object().unwrap().clone(),
            names: vec![hash.to_owned()],
        }
    }
}

fn text(data: &Value) -> String {
    match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// All that a site's archive holds, by kind: values by sub_type, and hashes of other instances by their kind.
struct Holdings {
    values: BTreeMap<String, BTreeSet<String>>,
    hashes: BTreeMap<String, BTreeSet<String>>,
}

async fn holdings(site: &Site) -> Holdings {
    let (mut values, mut hashes) = (BTreeMap::new(), BTreeMap::new());
    let attributes = doc! {"itype": "attribute"};
    for row in site.documents("tahoe", "instance", attributes).await {
        let data: Value = bson::deserialize_from_bson(row["data"].clone()).unwrap();
        let of: &mut BTreeSet<String> = values
            .entry(row.get_str("sub_type").unwrap().to_owned())
            .or_default();
        of.insert(data.to_string());
    }
    for row in site.archive.census().await.unwrap() {
        let of: &mut BTreeSet<String> = hashes.entry(row.itype).or_default();
        of.insert(row.hash.to_string());
    }
    Holdings { values, hashes }
}

/// Pairs of a subject that only the other organisation has, and a like one that nobody has.
fn pairs(theirs: &Holdings, nobodys: &Holdings) -> Vec<(Subject, Subject)> {
    let mut pairs = Vec::new();
    for (sub_type, values) in &theirs.values {
        let Some(other) = nobodys.values.get(sub_type) else {
            continue;
        };
        let data = |text: &String| serde_json::from_str::<Value>(text).unwrap();
        let pair = values.difference(other).zip(other.difference(values));
        pairs.extend(pair.take(40).map(|(one, other)| {
            let subject = |text| Subject::value(sub_type, &data(text));
            (subject(one), subject(other))
        }));
    }
    for (itype, hashes) in &theirs.hashes {
        let other = &nobodys.hashes[itype];
        let pair = hashes.difference(other).zip(other.difference(hashes));
        pairs.extend(
            pair.take(40)
                .map(|(one, other)| (Subject::hash(one), Subject::hash(other))),
        );
    }
    pairs
}

/// The questions of a type about a subject: without further fields, and with each value of each of them.
fn questions(qtype: QueryType) -> Vec<Map<String, Value>> {
    let mut more = vec![Map::new()];
    for field in FIELDS {
        if !field.query_types.contains(&qtype) {
            continue;
        }
        let values: Vec<Value> = match field.kind {
            FieldKind::Choice(names) | FieldKind::Name(names) => {
                names.iter().map(|name| json!(name)).collect()
            }
            FieldKind::Integer(bounds) => vec![json!(bounds.least + 1)],
            FieldKind::Bool(default) => vec![json!(!default)],
            FieldKind::Time => vec![json!(1_000_000_000)],
            FieldKind::Text if field.name == "last" => vec![json!("10Y")],
            _ => vec![],
        };
        more.extend(
            values
                .into_iter()
                .map(|value| Map::from_iter([(field.name.to_owned(), value)])),
        );
    }
    more
}

fn ask_about(qtype: QueryType, subject: &Subject, more: &Map<String, Value>) -> Value {
    let mut fields = subject.fields.clone();
    fields.extend(more.clone());
    json!({"type": qtype.as_str(), "data": fields})
}

/// An answer without what differs between any two: the subject's own names, hashes, and the time of asking. Lists are sorted,
/// for their order may be that of hashes.
fn comparable(value: &Value, names: &[String]) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter(|(name, _)| !["timestamp", "_hash"].contains(&name.as_str()));
            let fields = fields.map(|(name, value)| {
                let name = text(&comparable(&json!(name), names));
                (name, comparable(value, names))
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| comparable(item, names)).collect();
            items.sort_by_cached_key(Value::to_string);
            items.into()
        }
        Value::String(text) => {
            let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hash {
                return json!("a hash");
            }
            let mut text = text.clone();
            for name in names {
                text = text.replace(name.as_str(), "the subject");
            }
            text.into()
        }
        other if names.contains(&other.to_string()) => json!("the subject"),
        other => other.clone(),
    }
}

struct Stranger {
    api: Api,
    token: String,
    org: Org,
    _reporter: Daemon,
}

/// A user of an organisation of her own, and the daemons that answer her.
async fn stranger(site: &Site) -> Stranger {
    let user = User::new("eve@example.com", "no password", "Eve").unwrap();
    let users = std::slice::from_ref(&user);
    let org = Org::new("elsewhere", "Elsewhere", users, users).unwrap();
    site.identity
        .add(&org, std::slice::from_ref(&user))
        .await
        .unwrap();
    Stranger {
        api: Api::start(CYBEXP, &["daemon", "api"], site).await,
        token: site.token(&user),
        org,
        _reporter: Daemon::start(CYBEXP, &["daemon", "report"], site),
    }
}

impl Stranger {
    /// Asks a list of questions, and returns status and body of each.
    async fn ask(&self, questions: &[Value]) -> Vec<(u64, Value)> {
        let mut answers = Vec::new();
        for list in questions.chunks(LIST) {
            let answer = self
                .api
                .post("/query", Some(&self.token), &json!(list))
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let list = answer.json();
            let list = list.as_array().unwrap().iter();
            answers.extend(list.map(|one| (one["status"].as_u64().unwrap(), one["body"].clone())));
        }
        answers
    }

    /// Asks both questions of each pair one after the other, and returns the times of each kind in milliseconds.
    async fn times(&self, pairs: &[[Value; 2]]) -> [Vec<f64>; 2] {
        let mut times = [vec![], vec![]];
        for (n, pair) in pairs.iter().enumerate() {
            // each kind comes first as often as the other
            for at in [n % 2, 1 - n % 2] {
                let since = Instant::now();
                self.api.post("/query", Some(&self.token), &pair[at]).await;
                times[at].push(since.elapsed().as_secs_f64() * 1000.0);
            }
        }
        times
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn process(site: &Site) {
    for daemon in ["archive", "analytics"] {
        let args = ["daemon", daemon, "--once"];
        assert!(Daemon::start(CYBEXP, &args, site).wait().success());
    }
}

/// Fills the site with data of its organisation that is made with this seed.
async fn fill(site: &Site, seed: u64) {
    let lines = cowrie::records(400, seed);
    site.submit("cowrie", lines.iter().map(String::as_str))
        .await;
    let sightings: Vec<String> = (0..40)
        .map(|n| {
            let host = format!("host-{seed}-{n}.example");
            json!({"hostname": host, "port": 20_000 + seed * 100 + n, "comment": format!("seen by {seed} as {n}")}).to_string()
        })
        .collect();
    site.submit("sighting", sightings.iter().map(String::as_str))
        .await;
    process(site);
}

/// Asks about so many pairs, spread over all kinds of subjects, types and fields.
async fn learn_nothing(most: usize) {
    let (site, other) = (
        Site::new("theirs", json!({"api": {"wait_s": 60}})).await,
        Site::new("nobodys", json!({})).await,
    );
    fill(&site, 1).await;
    fill(&other, 2).await;
    let (theirs, nobodys) = (holdings(&site).await, holdings(&other).await);
    let mut subjects = pairs(&theirs, &nobodys);
    // a shorter name stands in words and page numbers of any answer
    let is_long = |subject: &Subject| subject.names.iter().all(|name| name.len() > 4);
    subjects.retain(|(one, other)| is_long(one) && is_long(other));
    assert!(
        theirs.hashes["session"].len() > 10 && subjects.len() > 50,
        "{}",
        subjects.len()
    );
    let eve = stranger(&site).await;

    let mut asked = Vec::new();
    for qtype in QueryType::ALL {
        let questions = questions(*qtype);
        let all = subjects.len() * questions.len();
        // a step that is prime to both lengths meets all of them
        let most = (most / QueryType::ALL.len()).min(all);
        for n in 0..most {
            let n = n * 7919 % all;
            let more = &questions[n % questions.len()];
            let (exists, absent) = &subjects[n / questions.len()];
            asked.push((
                *qtype,
                [
                    ask_about(*qtype, exists, more),
                    ask_about(*qtype, absent, more),
                ],
                [exists, absent],
            ));
        }
    }
    let questions: Vec<Value> = asked.iter().flat_map(|(_, pair, _)| pair.clone()).collect();
    let answers = eve.ask(&questions).await;
    let all_values: Vec<&String> = theirs
        .values
        .values()
        .flatten()
        .filter(|text| text.len() > 9 && text.bytes().any(|byte| byte.is_ascii_digit()))
        .collect();
    for ((_, pair, subjects), both) in asked.iter().zip(answers.chunks(2)) {
        let [(status, body), (absent_status, absent_body)] = both else {
            unreachable!("there are two answers for each pair");
        };
        assert_ne!(*status, 202, "{}", pair[0]);
        assert_eq!(
            status, absent_status,
            "{}: {body} and {absent_body}",
            pair[0]
        );
        let seen = comparable(body, &subjects[0].names);
        assert_eq!(
            seen,
            comparable(absent_body, &subjects[1].names),
            "{}",
            pair[0]
        );
        let told = seen.to_string();
        let leak = all_values
            .iter()
            .find(|value| told.contains(value.trim_matches('"')));
        assert_eq!(leak, None, "{}: {told}", pair[0]);
    }
    println!("{} questions in pairs: nothing learnt", questions.len());

    for qtype in QueryType::ALL {
        let of = asked.iter().filter(|(asked, ..)| asked == qtype);
        let of: Vec<[Value; 2]> = of
            .map(|(_, pair, _)| pair.clone())
            .take(most / 10)
            .collect();
        let [mut exists, mut absent] = eve.times(&of).await;
        println!(
            "{qtype}: {} questions of each kind, median of existing {:.1} ms, of absent {:.1} ms",
            of.len(),
            median(&mut exists),
            median(&mut absent)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_by_asking() {
    learn_nothing(60).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_stranger_learns_nothing_by_asking_much() {
    learn_nothing(1000).await;
}

/// A value that another organisation has in a hundred malicious events weighs no more in one's own events than a value that
/// nobody else has.
#[tokio::test(flavor = "multi_thread")]
async fn degrees_do_not_tell_of_others() {
    let site = Site::new("degrees", json!({"api": {"wait_s": 60}})).await;
    let theirs: Vec<String> = (0..100)
        .map(|n| json!({"ipv4": "203.0.113.9", "comment": format!("theirs {n}")}).to_string())
        .collect();
    site.submit("sighting", theirs.iter().map(String::as_str))
        .await;
    let eve = stranger(&site).await;
    let own = |ip: &str, n: usize| {
        let mut own = site.submission(
            "sighting",
            &json!({"ipv4": ip, "comment": format!("own {n}")}).to_string(),
        );
        own.entry.tags.orgid = eve.org.hash().to_string();
        own
    };
    let own: Vec<_> = ["203.0.113.9", "203.0.113.8"]
        .iter()
        .flat_map(|ip| (0..3).map(|n| own(ip, n)))
        .collect();
    site.cache.submit(&own).await.unwrap();
    process(&site);
    for qtype in QueryType::ALL {
        let mut answers = Vec::new();
        for ip in ["203.0.113.9", "203.0.113.8"] {
            let subject = Subject::value("ipv4", &json!(ip));
            let more = questions(*qtype);
            let list: Vec<Value> = more
                .iter()
                .map(|more| ask_about(*qtype, &subject, more))
                .collect();
            let of = eve.ask(&list).await;
            let of = of
                .into_iter()
                .map(|(status, body)| (status, comparable(&body, &subject.names)));
            answers.push(of.collect::<Vec<_>>());
        }
        for (theirs, nobodys) in answers[0].iter().zip(&answers[1]) {
            assert_eq!(theirs, nobodys, "{qtype}");
        }
        let told = format!("{answers:?}");
        assert!(!told.contains("theirs"), "{told}");
    }
}
