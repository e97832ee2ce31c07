//! The questions of the benchmark.

use anyhow::anyhow;
use cybexp_report::{Engine, ReportPage};
use cybexp_store::{Archive, Visible};
use serde_json::{Value, json};
use tahoe_core::question::{NewValues, Question, Ranked, Search, Top};
use tahoe_core::{Category, Event, OrgId};

use super::honeypots::{END_S, domain, ip, password, sighting, username};

/// The time at which questions are asked, in Unix seconds.
const NOW_S: f64 = END_S + 86_400.0;
/// The rank of an address that has a few events in the smallest archive.
const RARE: usize = 1_500;
const MID: usize = 40;

/// A question, with the lookup that a bare client would make in its place.
#[derive(Clone)]
pub(super) struct BenchQuestion {
    pub(super) name: String,
    question: Question,
    bare: Bare,
}

#[derive(Clone, Copy)]
enum Bare {
    /// A lookup of one key of the index.
    Key,
    /// A count by the index.
    Count,
    /// A read of ten events.
    Page,
    /// A read of the rows of a page of values, of one organisation.
    Rows,
}

/// Returns the events to be ranked; the last has attributes that only few others have.
pub(super) fn targets(orgid: &OrgId) -> Vec<Event> {
    let hub = [
        ("ipv4", ip(0)),
        ("username", username(0)),
        ("password", password(0)),
    ];
    let mid = [("ipv4", ip(MID)), ("url", "http://mid.example/".to_owned())];
    let rare = [
        ("domain", domain(2_000)),
        ("url", "http://rare.example/".to_owned()),
    ];
    let event = |category, attributes: &[(&'static str, String)]| {
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, data)| (*name, data.as_str()))
            .collect();
        sighting(orgid, END_S, category, &attributes)
    };
    vec![
        event(Category::Unknown, &hub),
        event(Category::Benign, &mid),
        event(Category::Unknown, &rare),
    ]
}

pub(super) fn cases(events: u64) -> Vec<BenchQuestion> {
    // every login has this attribute
    let method = json!({"sub_type": "method", "data": "ssh"});
    let root = json!({"sub_type": "username", "data": username(0)});
    let (hub, mid, rare) = (address(0), address(MID), address(RARE));
    // over half of all events are logins, and ten events are on a page
    let deep = (events / 30).max(2);
    let orgid = OrgId::new(&tahoe_core::Org::hash_of("bench1").to_string()).expect("not empty");
    let targets = targets(&orgid);
    let rank = |n: usize| json!({"_hash": targets[n].hash()});
    let week = json!({"from": END_S - 7.4 * 86_400.0, "to": END_S - 0.4 * 86_400.0});
    let two_days = json!({"from": END_S - 2.3 * 86_400.0, "to": END_S - 1000.0});
    [
        ("count, hub", "count", method.clone(), Bare::Key),
        ("count, hub of addresses", "count", hub, Bare::Key),
        ("count, mid", "count", mid.clone(), Bare::Count),
        ("count, rare", "count", rare.clone(), Bare::Count),
        (
            "count, hub, two days",
            "count",
            with(&method, &two_days),
            Bare::Key,
        ),
        (
            "count, hub of names, malicious context",
            "count",
            with(&root, &json!({"context": "malicious"})),
            Bare::Key,
        ),
        (
            "count, hub of names, unknown context",
            "count",
            with(&root, &json!({"context": "unknown"})),
            Bare::Key,
        ),
        (
            "count, hub, category",
            "count",
            with(&method, &json!({"category": "malicious"})),
            Bare::Key,
        ),
        ("related, rare", "related", rare, Bare::Page),
        (
            "related, hub, page 1",
            "related",
            method.clone(),
            Bare::Page,
        ),
        (
            "related, hub, deep page",
            "related",
            with(&method, &json!({"page": deep})),
            Bare::Page,
        ),
        (
            "related, hub, level 2",
            "related",
            with(&method, &json!({"level": 2})),
            Bare::Page,
        ),
        (
            "related, hub, level 3",
            "related",
            with(&method, &json!({"level": 3})),
            Bare::Page,
        ),
        ("threatrank, hubs", "threatrank", rank(0), Bare::Page),
        ("threatrank, mid", "threatrank", rank(1), Bare::Page),
        ("threatrank, rare", "threatrank", rank(2), Bare::Page),
        (
            "threatrank, address, hub",
            "threatrank",
            address(0),
            Bare::Page,
        ),
        (
            "threatrank, address, mid",
            "threatrank",
            address(MID),
            Bare::Page,
        ),
        (
            "threatrank, address, rare",
            "threatrank",
            address(RARE),
            Bare::Page,
        ),
        (
            "timeline, hub, days",
            "timeline",
            with(&method, &json!({"by": "day", "tzname": "Asia/Kolkata"})),
            Bare::Key,
        ),
        (
            "timeline, hub of addresses, hours",
            "timeline",
            with(&address(0), &json!({"by": "hour"})),
            Bare::Key,
        ),
        ("timeline, rare", "timeline", address(RARE), Bare::Count),
        (
            "session, of a sensor",
            "session",
            json!({"sub_type": "sensor", "data": "sensor1"}),
            Bare::Key,
        ),
        (
            "top, addresses of a week",
            "top",
            with(&json!({"sub_type": "ipv4"}), &week),
            Bare::Rows,
        ),
        (
            "top, passwords of a week, malicious context",
            "top",
            with(
                &json!({"sub_type": "password", "context": "malicious"}),
                &week,
            ),
            Bare::Rows,
        ),
        (
            "top, countries of a week",
            "top",
            with(&json!({"sub_type": "country_code2"}), &week),
            Bare::Rows,
        ),
        (
            "top, networks of a week",
            "top",
            with(&json!({"sub_type": "cidr"}), &week),
            Bare::Rows,
        ),
        (
            "top, domains of a week",
            "top",
            with(&json!({"sub_type": "domain"}), &week),
            Bare::Rows,
        ),
        (
            "top, behaviours of a week",
            "top",
            with(&json!({"sub_type": "behaviour"}), &week),
            Bare::Rows,
        ),
        (
            "search, addresses of a network",
            "search",
            json!({"sub_type": "ipv4", "text": "198.18.7.0/24"}),
            Bare::Rows,
        ),
        (
            "search, names that begin with a text",
            "search",
            json!({"sub_type": "username", "text": "user1"}),
            Bare::Rows,
        ),
        (
            "search, hosts of a domain",
            "search",
            json!({"sub_type": "domain", "text": "phish.example"}),
            Bare::Rows,
        ),
        (
            "new, commands of a week",
            "new",
            with(&json!({"sub_type": "shell_command"}), &week),
            Bare::Rows,
        ),
    ]
    .map(|(name, qtype, fields, bare)| BenchQuestion {
        name: name.to_owned(),
        question: read(qtype, &fields),
        bare,
    })
    .to_vec()
}

fn address(rank: usize) -> Value {
    json!({"sub_type": "ipv4", "data": ip(rank)})
}

fn with(question: &Value, more: &Value) -> Value {
    let mut question = question.clone();
    for (field, value) in more.as_object().into_iter().flatten() {
        question[field] = value.clone();
    }
    question
}

fn read(qtype: &str, fields: &Value) -> Question {
    let (text, _) = Question::encode(fields).expect("it has a canonical form");
    Question::decode(qtype, &text, NOW_S).expect("it is a question")
}

impl BenchQuestion {
    pub(super) async fn ask(&self, engine: &Engine, userid: &str) -> anyhow::Result<ReportPage> {
        let page = engine.page(&self.question, userid, NOW_S, true).await?;
        page.map_err(|reason| anyhow!(reason))
    }

    pub(super) async fn bare(&self, archive: &Archive, visible: &Visible) -> anyhow::Result<()> {
        let conditions = match &self.question {
            Question::Count(conditions) => conditions,
            Question::Related(related) => &related.conditions,
            Question::ThreatRank(Ranked::Event(event)) => {
                return Ok(archive.bare_document(*event).await?);
            }
            Question::ThreatRank(Ranked::Attribute(conditions)) => conditions,
            Question::Timeline(timeline) => &timeline.conditions,
            Question::Session(story) => &story.conditions,
            // no question of the bench
            Question::Quarantine(_) => return Ok(()),
            Question::Top(Top { sub_type, .. })
            | Question::Search(Search { sub_type, .. })
            | Question::New(NewValues { sub_type, .. }) => {
                return Ok(archive.bare_rows(sub_type.as_str(), visible).await?);
            }
        };
        match self.bare {
            Bare::Key => archive.bare_key(conditions, visible).await?,
            Bare::Count => drop(archive.bare_count(conditions, visible).await?),
            Bare::Page | Bare::Rows => archive.bare_page(conditions, visible).await?,
        }
        Ok(())
    }

    /// Returns a short form of the answer.
    pub(super) fn told(&self, page: &ReportPage) -> Value {
        let data = &page.data;
        match &self.question {
            Question::Count(_) => data.clone(),
            Question::Related(_) => {
                let values = data.as_object().into_iter().flatten();
                let values: usize = values.map(|(_, v)| v.as_array().map_or(0, Vec::len)).sum();
                json!({"values": values, "next_page": page.next})
            }
            Question::Top(_) | Question::Search(_) | Question::New(_) | Question::Quarantine(_) => {
                let rows = data.as_array();
                json!({
                    "values": rows.map_or(0, Vec::len), "first": rows.and_then(|rows| rows.first()),
                    "exact": page.beside.get("exact"),
                })
            }
            Question::Timeline(_) => {
                let buckets = data["buckets"].as_array().map_or(0, Vec::len);
                json!({"buckets": buckets, "total": page.beside.get("total")})
            }
            Question::Session(_) => {
                let length = |field: &str| data[field].as_array().map_or(0, Vec::len);
                json!({"steps": length("steps"), "others": length("others"), "next_page": page.next})
            }
            Question::ThreatRank(_) => {
                let mut data = data.clone();
                if let Some(data) = data.as_object_mut() {
                    data.retain(|field, _| !field.contains("contrib"));
                }
                data
            }
        }
    }
}
