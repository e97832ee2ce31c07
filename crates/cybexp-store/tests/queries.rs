//! The life of queries.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use common::*;
use cybexp_store::{Answer, Claimed, Queries, QueryCodes, Turn};
use mongodb::Collection;
use serde_json::json;
use tahoe_core::question::QueryType;
use tahoe_core::{Hash, Query, Report, Status};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_asked_taken_and_answered() {
    let (queries, coll) = queries().await;
    let query = query("q");
    queries.put(std::slice::from_ref(&query)).await.unwrap();
    is_stored(&coll, &query).await;

    let claim = claim(&queries, HOUR).await;
    let taken = query.changed(Status::Processing, None);
    assert_eq!(claim.query.as_ref(), Ok(&taken));
    is_stored(&coll, &taken).await;

    let report = report("answer");
    let answered = queries.finish(&claim, &Answer::Ready(report.clone())).await;
    assert!(answered.unwrap());
    let ready = query.changed(Status::Ready, Some(report.hash()));
    is_stored(&coll, &ready).await;
    let found = queries.find(hash_of(&query)).await.unwrap();
    assert_eq!(found, Some((ready, None)));
    let stored = queries.document(report.hash()).await.unwrap().unwrap();
    assert_eq!(stored, serde_json::to_value(&report).unwrap());
    assert!(
        queries
            .claim(HOUR, Turn::default())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_query_tells_why() {
    let (queries, coll) = queries().await;
    // text that MongoDB would read as a variable, if it were not marked as text
    let query = query("$$ROOT");
    queries.put(std::slice::from_ref(&query)).await.unwrap();
    let claim = claim(&queries, HOUR).await;
    assert!(claim.query.is_ok());
    let failed = Answer::Failed("$$ROOT is no question".to_owned());
    assert!(queries.finish(&claim, &failed).await.unwrap());
    // the data of the report is the reason, as in the Python report daemon
    let user = hash("user").to_string();
    let told = Report::refusal("count", user, query.timestamp, "$$ROOT is no question").unwrap();
    let expected = query.changed(Status::Failed, Some(told.hash()));
    is_stored(&coll, &expected).await;
    let found = queries.find(hash_of(&query)).await.unwrap();
    assert_eq!(
        found,
        Some((expected, Some("$$ROOT is no question".to_owned())))
    );
    let stored = queries.document(told.hash()).await.unwrap().unwrap();
    assert_eq!(stored, serde_json::to_value(&told).unwrap());
    assert_eq!(stored["data"], "$$ROOT is no question");
}

/// The last answer can be read while a query is asked again, and each answer has its own token.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_takes_no_answer_from_those_who_wait() {
    let (queries, _) = queries().await;
    let query = query("q");
    let asked = std::slice::from_ref(&query);
    let stored = async || {
        queries
            .stored(&[hash_of(&query)])
            .await
            .unwrap()
            .remove(&hash_of(&query))
            .unwrap()
    };
    queries.put(asked).await.unwrap();
    assert_eq!(stored().await.last, None);
    let mut tokens = Vec::new();
    for answer in [
        Answer::Ready(report("answer")),
        Answer::Failed("no".to_owned()),
    ] {
        let claim = claim(&queries, HOUR).await;
        assert!(queries.finish(&claim, &answer).await.unwrap());
        queries.put(asked).await.unwrap();
        let again = stored().await;
        assert_eq!(again.query.status, Status::Wait);
        let last = again.last.clone().unwrap();
        assert_eq!(last.failed, matches!(answer, Answer::Failed(_)));
        assert!(!tokens.contains(&last.token));
        tokens.push(last.token);
        let told = queries.report_of(&again).await.unwrap().unwrap();
        match answer {
            Answer::Ready(report) => assert_eq!(told, serde_json::to_value(&report).unwrap()),
            Answer::Failed(reason) => assert_eq!(told["data"], reason),
        }
        assert_eq!(
            queries.report(hash_of(&query)).await.unwrap(),
            None,
            "it is asked again"
        );
    }
    let claim = claim(&queries, HOUR).await;
    assert!(!claim.redo);
    queries
        .put_all(asked, &[hash_of(&query)], |_, _| None)
        .await
        .unwrap();
    assert!(
        queries
            .claim(HOUR, Turn::default())
            .await
            .unwrap()
            .unwrap()
            .redo
    );
    queries.put(asked).await.unwrap();
    assert!(
        !queries
            .claim(HOUR, Turn::default())
            .await
            .unwrap()
            .unwrap()
            .redo
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_too_large_fails_its_query() {
    let (queries, _) = queries().await;
    let query = query("q");
    queries.put(std::slice::from_ref(&query)).await.unwrap();
    let claim = claim(&queries, HOUR).await;
    let huge = Answer::Ready(report(&"x".repeat(16 << 20)));
    assert!(queries.finish(&claim, &huge).await.unwrap());
    let (found, reason) = queries.find(hash_of(&query)).await.unwrap().unwrap();
    assert_eq!(found.status, Status::Failed);
    assert!(reason.as_ref().unwrap().contains("15 MiB"));
    let told = queries.document(found.report_id.unwrap()).await.unwrap();
    assert_eq!(told.unwrap()["data"], json!(reason));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_query_is_taken_first_and_asked_again_is_taken_again() {
    let (queries, coll) = queries().await;
    let asked = [query("first"), query("second")];
    queries.put(&asked[..1]).await.unwrap();
    queries.put(&asked[1..]).await.unwrap();
    for i in [0, 1, 0] {
        if queries.count_open().await.unwrap() == 0 {
            queries.put(&asked[i..=i]).await.unwrap();
        }
        let claim = claim(&queries, HOUR).await;
        assert_eq!(claim.query.as_ref().unwrap().qdata, asked[i].qdata);
        let answer = match i {
            0 => Answer::Ready(report("answer")),
            _ => Answer::Failed("no".to_owned()),
        };
        assert!(queries.finish(&claim, &answer).await.unwrap());
    }
    assert_eq!(
        coll.count_documents(doc! {"sub_type": "query"})
            .await
            .unwrap(),
        2
    );
    queries.put(&asked[1..]).await.unwrap();
    let stored = is_stored(&coll, &asked[1]).await;
    assert!(!stored.contains_key("_error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_holds_until_its_lease_ends() {
    let (queries, _) = queries().await;
    queries.put(&[query("q")]).await.unwrap();
    let first = claim(&queries, Duration::from_millis(1)).await;
    ended().await;
    assert_eq!(
        queries
            .renew(std::slice::from_ref(&first), HOUR)
            .await
            .unwrap(),
        1
    );
    assert!(
        queries
            .claim(HOUR, Turn::default())
            .await
            .unwrap()
            .is_none()
    );

    let soon = Duration::from_millis(1);
    assert_eq!(
        queries
            .renew(std::slice::from_ref(&first), soon)
            .await
            .unwrap(),
        1
    );
    ended().await;
    let second = claim(&queries, HOUR).await;
    assert_eq!(second.query, first.query);
    assert_eq!(
        queries
            .renew(std::slice::from_ref(&first), HOUR)
            .await
            .unwrap(),
        0
    );
    let both = [first.clone(), second.clone()];
    assert_eq!(queries.renew(&both, HOUR).await.unwrap(), 1);
    let late = Answer::Failed("too late".to_owned());
    assert!(!queries.finish(&first, &late).await.unwrap());
    let answer = Answer::Ready(report("answer"));
    assert!(queries.finish(&second, &answer).await.unwrap());
    assert!(!queries.finish(&second, &answer).await.unwrap());
    assert_eq!(queries.renew(&[], HOUR).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_query_fails_and_holds_up_nothing() {
    let (queries, coll) = queries().await;
    let wait = Status::Wait.attribute().hash().to_string();
    let wrong: Vec<(&str, Bson)> = vec![
        ("_cref", wait.clone().into()),
        (
            "_cref",
            vec![Bson::from(&wait), 5.into(), Bson::Null].into(),
        ),
        ("_ref", wait.clone().into()),
        ("_ref", Bson::Null),
        ("_ref", Bson::Undefined),
        ("data", "$$ROOT".into()),
        ("data", vec![1, 2].into()),
        ("data", Bson::Null),
        ("data", Bson::Undefined),
        ("data", doc! {"status": {"$literal": 1}}.into()),
        (
            "data",
            doc! {"qtype": ["count"], "when": bson::DateTime::now()}.into(),
        ),
        ("_hash", hash("other").to_string().into()),
        ("_hash", Bson::Undefined),
        ("itype", 5.into()),
        ("_lease", Bson::Array(vec![])),
        ("_lease", vec![doc! {"until": 5}, doc! {}].into()),
        ("_asked", "noon".into()),
        ("_last", Bson::Array(vec![])),
        ("junk", "x".repeat(1 << 20).into()),
    ];
    for (i, (field, value)) in wrong.iter().enumerate() {
        let mut stored = document(&query(&i.to_string()).to_object().unwrap());
        match value {
            Bson::Undefined => drop(stored.remove(*field)),
            value => drop(stored.insert(*field, value.clone())),
        }
        if *field != "_lease" {
            stored.insert("_lease", "$text");
        }
        coll.insert_one(stored).await.unwrap();
    }
    // an id of another type is no hindrance
    let mut foreign = document(&query("foreign").to_object().unwrap());
    foreign.insert("_id", doc! {"foreign": 1});
    coll.insert_one(foreign).await.unwrap();
    let good = query("good");
    queries.put(std::slice::from_ref(&good)).await.unwrap();

    let mut refused = 0;
    while let Some(claim) = queries.claim(HOUR, Turn::default()).await.unwrap() {
        let answer = match &claim.query {
            Ok(query) if query.qdata == "good" => Answer::Ready(report("answer")),
            Ok(query) => Answer::Failed(format!("asks {}", query.qdata)),
            Err(reason) => Answer::Failed(reason.clone()),
        };
        refused += u64::from(matches!(answer, Answer::Failed(_)));
        assert!(queries.finish(&claim, &answer).await.unwrap());
    }
    assert_eq!(refused, wrong.len() as u64 + 1);
    let failed = Status::Failed.attribute().hash().to_string();
    let failed = doc! {"sub_type": "query", "_cref": failed, "_error": {"$type": "string"}};
    assert_eq!(coll.count_documents(failed).await.unwrap(), refused);
    let found = queries.find(hash_of(&good)).await.unwrap().unwrap();
    assert_eq!(found.0.status, Status::Ready);
}

/// Nothing can be added to a document of 16 MiB, and two lists cannot stand in one index.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_claimed_is_set_aside_and_nothing_else() {
    let (queries, coll) = queries().await;
    let of = |qdata: &str| document(&query(qdata).to_object().unwrap());
    let mut full = of("full");
    full.insert("_id", ObjectId::new());
    full.insert("junk", "");
    let room = (16 << 20) - bson::serialize_to_vec(&full).unwrap().len();
    full.insert("junk", "x".repeat(room));
    let wait = Status::Wait.attribute().hash().to_string();
    let mut lists = of("lists");
    lists.insert("_cref", &wait);
    lists.insert("_user", ["a", "b"]);
    // it can be claimed, but is not read
    let mut large = of("large");
    let data = large.get_document_mut("data").unwrap();
    data.insert("userid", ["x".repeat(8 << 20)]);
    for poison in [&full, &lists, &large] {
        coll.insert_one(poison).await.unwrap();
    }
    let good = query("good");
    queries.put(std::slice::from_ref(&good)).await.unwrap();
    let mut seen = Vec::new();
    while let Some(claim) = queries.claim(HOUR, Turn::default()).await.unwrap() {
        seen.push(claim.query.as_ref().map(|query| query.qdata.clone()).ok());
        let answer = Answer::Failed("no".to_owned());
        assert!(queries.finish(&claim, &answer).await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, [None, Some("good".to_owned())]);
    let left = find(&coll, doc! {"_error": {"$regex": "queries?: |claiming"}}).await;
    assert_eq!(left.len(), 2, "{left:?}");
    for document in &left {
        assert!(!document.contains_key("junk") && !document.contains_key("data"));
    }
    assert!(
        left.iter()
            .any(|document| document.get("_id") == full.get("_id"))
    );
}

/// A user who asks a thousand questions waits behind one who asks one.
#[tokio::test(flavor = "multi_thread")]
async fn users_take_turns() {
    let (queries, _) = queries().await;
    let of = |user: &str, n: usize| Query {
        userid: user.to_owned(),
        ..query(&format!("{user}{n}"))
    };
    let many: Vec<Query> = (0..1000).map(|n| of("many", n)).collect();
    queries.put(&many).await.unwrap();
    let few: Vec<Query> = (0..2).map(|n| of("few", n)).collect();
    queries.put(&few).await.unwrap();
    queries.put(&[of("one", 0)]).await.unwrap();
    let mut after = String::new();
    let mut order = Vec::new();
    while order.len() < 7 {
        let turn = Turn {
            after: &after,
            busy: &[],
        };
        let claim = queries.claim(HOUR, turn).await.unwrap().unwrap();
        order.push(claim.query.unwrap().qdata);
        after = claim.user;
    }
    let order: Vec<&str> = order.iter().map(String::as_str).collect();
    // a user's own questions in the order in which they were asked
    let expected = ["few0", "many0", "one0", "few1", "many1", "many2", "many3"];
    assert_eq!(order, expected);
    // who asks again goes to the back of the own questions
    queries
        .put_all(&[of("many", 0)], &[hash_of(&of("many", 0))], |_, _| None)
        .await
        .unwrap();
    let claim = claim(&queries, HOUR).await;
    assert_eq!(claim.query.unwrap().qdata, "many4");
    // who has enough at work waits, and holds up nobody
    queries.put(&[of("zoe", 0)]).await.unwrap();
    let turn = Turn {
        after: "few",
        busy: &["many".to_owned()],
    };
    let claim = queries.claim(HOUR, turn).await.unwrap().unwrap();
    assert_eq!(claim.user, "zoe");
    assert!(queries.claim(HOUR, turn).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_go_with_a_query_and_its_report() {
    let (queries, coll) = queries().await;
    let query = query("q");
    let asked = std::slice::from_ref(&query);
    let codes = |hash: Hash, query: &Query| {
        Some(QueryCodes {
            query: format!("{hash} {}", query.qdata),
            socket: query.socket.nonce.clone(),
        })
    };
    queries.put_all(asked, &[], codes).await.unwrap();
    is_stored(&coll, &query).await;
    let claim = claim(&queries, HOUR).await;
    assert_eq!(claim.mac, Some(format!("{} q", hash_of(&query))));
    assert_eq!(claim.socket_mac, Some(String::new()));
    let answer = Answer::Ready(report("answer"));
    let mac = |hash: Hash, report: &Report| Some(format!("{hash} {}", report.hash()));
    assert!(queries.finish_with(&claim, &answer, mac).await.unwrap());
    let stored = async || queries.stored(&[hash_of(&query)]).await.unwrap();
    let stored = stored().await.remove(&hash_of(&query)).unwrap();
    let report = report("answer");
    let expected = serde_json::to_value(&report).unwrap();
    let genuine = async |ok: bool| {
        let read = queries.genuine_report_of(&stored, |fields, mac| {
            assert_eq!(fields, expected.as_object().unwrap());
            assert_eq!(
                mac,
                Some(format!("{} {}", hash_of(&query), report.hash()).as_str())
            );
            ok
        });
        read.await.unwrap()
    };
    assert_eq!(genuine(true).await, Some(expected.clone()));
    assert_eq!(genuine(false).await, None);
    assert!(stored.last.unwrap().bytes > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_never_take_the_same_query() {
    let (queries, _) = queries().await;
    let asked: Vec<Query> = (0..200).map(|i| query(&i.to_string())).collect();
    queries.put(&asked).await.unwrap();
    let daemons = (0..2).map(|_| {
        let queries = queries.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(claim) = queries.claim(HOUR, Turn::default()).await.unwrap() {
                taken.push(claim.query.unwrap().qdata);
            }
            taken
        })
    });
    let mut all = Vec::new();
    for taken in futures::future::join_all(daemons.collect::<Vec<_>>()).await {
        all.extend(taken.unwrap());
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 200);
}

async fn queries() -> (Queries, Collection<Document>) {
    let (server, db) = server().await;
    let queries = Queries::open(&server, &db, COLL).await.unwrap();
    (queries, collection(&db, COLL).await)
}

fn query(qdata: &str) -> Query {
    Query {
        qtype: "count".to_owned(),
        qdata: qdata.to_owned(),
        qhash: hash(qdata).to_string(),
        userid: hash("user").to_string(),
        timestamp: at(1_600_000_000.0),
        encrypted: false,
        status: Status::Wait,
        report_id: None,
        socket: Default::default(),
    }
}

fn report(answer: &str) -> Box<Report> {
    let user = hash("user").to_string();
    let report = Report::new(
        QueryType::Count,
        user,
        at(2.0),
        json!({"answer": answer}),
        1,
        1,
    )
    .unwrap();
    Box::new(report)
}

fn hash_of(query: &Query) -> Hash {
    query.to_object().unwrap().hash()
}

async fn claim(queries: &Queries, lease: Duration) -> Claimed {
    queries
        .claim(lease, Turn::default())
        .await
        .unwrap()
        .expect("a query waits")
}

/// Waits longer than a lease of a millisecond.
async fn ended() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// Asserts that the document is that of the object, and that all instances to which it refers are stored. Returns the
/// document.
async fn is_stored(coll: &Collection<Document>, query: &Query) -> Document {
    let object = document(&query.to_object().unwrap());
    let stored = find(coll, doc! {"_hash": object.get_str("_hash").unwrap()}).await;
    assert_eq!(stored.len(), 1);
    let mut fields = BTreeMap::from_iter(sorted(stored[0].clone()));
    fields.retain(|name, _| {
        ![
            "_lease",
            "_error",
            "_report",
            "_last",
            "_redo",
            "_asked",
            "_mac",
            "_socket_mac",
            "_report_mac",
            "_user",
        ]
        .contains(&name.as_str())
    });
    assert_eq!(fields, BTreeMap::from_iter(object.clone()));
    for referred in object.get_array("_ref").unwrap() {
        let there = coll
            .count_documents(doc! {"_hash": referred})
            .await
            .unwrap();
        assert_eq!(there, 1, "{referred}");
    }
    stored[0].clone()
}
