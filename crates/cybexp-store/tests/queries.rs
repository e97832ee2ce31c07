//! The life of queries.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bson::{Bson, Document, doc};
use common::*;
use cybexp_store::{Answer, Claimed, Queries};
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
    assert!(queries.claim(HOUR).await.unwrap().is_none());
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
    queries.put_all(asked, &[hash_of(&query)]).await.unwrap();
    assert!(queries.claim(HOUR).await.unwrap().unwrap().redo);
    queries.put(asked).await.unwrap();
    assert!(!queries.claim(HOUR).await.unwrap().unwrap().redo);
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
        queries.put(&asked[i..=i]).await.unwrap();
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
    assert!(queries.claim(HOUR).await.unwrap().is_none());

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
    ];
    for (i, (field, value)) in wrong.iter().enumerate() {
        let mut stored = document(&query(&i.to_string()).to_object().unwrap());
        match value {
            Bson::Undefined => drop(stored.remove(*field)),
            value => drop(stored.insert(*field, value.clone())),
        }
        stored.insert("_lease", "$text");
        coll.insert_one(stored).await.unwrap();
    }
    // an id of a type that this suite does not give belongs to another program
    let mut foreign = document(&query("foreign").to_object().unwrap());
    foreign.insert("_id", "foreign");
    coll.insert_one(foreign).await.unwrap();
    let good = query("good");
    queries.put(std::slice::from_ref(&good)).await.unwrap();

    let mut refused = 0;
    while let Some(claim) = queries.claim(HOUR).await.unwrap() {
        let answer = match &claim.query {
            Ok(query) if query.qdata == "good" => Answer::Ready(report("answer")),
            Ok(query) => Answer::Failed(format!("asks {}", query.qdata)),
            Err(reason) => Answer::Failed(reason.clone()),
        };
        refused += u64::from(matches!(answer, Answer::Failed(_)));
        assert!(queries.finish(&claim, &answer).await.unwrap());
    }
    assert_eq!(refused, wrong.len() as u64);
    let failed = Status::Failed.attribute().hash().to_string();
    let failed = doc! {"sub_type": "query", "_cref": failed, "_error": {"$type": "string"}};
    assert_eq!(coll.count_documents(failed).await.unwrap(), refused);
    let found = queries.find(hash_of(&good)).await.unwrap().unwrap();
    assert_eq!(found.0.status, Status::Ready);
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
            while let Some(claim) = queries.claim(HOUR).await.unwrap() {
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
    queries.claim(lease).await.unwrap().expect("a query waits")
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
        !["_lease", "_error", "_report", "_last", "_redo"].contains(&name.as_str())
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
