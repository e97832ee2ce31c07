//! Someone else can write to the report database: nobody's question is answered but the API's, and no report is handed out
//! but the report daemon's.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use bson::doc;
use common::{Reporter, start};
use cybexp_service::{Config, QueryMacs};
use cybexp_store::{Answer, Claimed, QueryCodes, Turn};
use cybexp_testkit::{Api, Site, eventually, now};
use serde_json::{Value, json};
use tahoe_core::question::{QueryType, Question};
use tahoe_core::{Hash, Query, Report, Socket, Status, Timestamp};

fn question(value: &str) -> Value {
    json!({"type": "count", "data": {"sub_type": "ipv4", "data": value}})
}

fn hash(query: &Query) -> Hash {
    query.to_object().unwrap().hash()
}

fn macs(site: &Site) -> QueryMacs {
    QueryMacs::new(&Config::from_file(&site.config).unwrap()).unwrap()
}

/// The codes that the API makes.
fn codes(macs: &QueryMacs, query: &Query) -> QueryCodes {
    QueryCodes {
        query: macs.query(hash(query), query),
        socket: macs.socket(hash(query), query),
    }
}

/// A question as the API has stored it, which nobody has answered.
async fn waiting(site: &Site, api: &Api, value: &str) -> Query {
    let token = site.token(&site.user().await);
    let asked = api.post("/query", Some(&token), &question(value)).await;
    assert_eq!(asked.status, 202);
    let coll = site.collection("report", "instance").await;
    let stored = coll.find_one(doc! {"sub_type": "query", "_mac": {"$exists": true}});
    let stored = stored.sort(doc! {"_id": -1}).await.unwrap().unwrap();
    let found = site
        .queries
        .find(stored.get_str("_hash").unwrap().parse().unwrap());
    let query = found.await.unwrap().unwrap().0;
    let of = macs(site);
    assert_eq!(stored.get_str("_mac").unwrap(), codes(&of, &query).query);
    assert_eq!(
        stored.get_str("_socket_mac").unwrap(),
        codes(&of, &query).socket
    );
    query
}

async fn ended(site: &Site, query: &Query) -> (Status, Option<String>) {
    let find = async || {
        let (query, reason) = site.queries.find(hash(query)).await.unwrap().unwrap();
        (query.status, reason)
    };
    let is_done = async || matches!(find().await.0, Status::Ready | Status::Failed);
    eventually("an end", is_done).await;
    find().await
}

#[tokio::test]
async fn only_questions_of_the_api_are_answered() {
    let (site, api) = start("forged", json!({"api": {"wait_s": 1}})).await;
    let own = waiting(&site, &api, "203.0.113.7").await;
    let of = macs(&site);
    let good = codes(&of, &own);
    let other = site.add_user("eve@example.com", "correct horse").await;
    let (text, qhash) = Question::encode(&question("203.0.113.8")["data"]).unwrap();
    let forged = [
        // in another's name
        Query {
            userid: other.hash().to_string(),
            ..own.clone()
        },
        // sealed by whoever has the public key
        site.query(
            "count",
            &question("203.0.113.9")["data"],
            now(),
            Socket::default(),
        ),
        // not sealed: it would be answered in clear
        Query {
            qdata: text,
            qhash,
            encrypted: false,
            ..own.clone()
        },
        // stored again later
        Query {
            timestamp: Timestamp::new(own.timestamp.get() + 3600.0).unwrap(),
            ..own.clone()
        },
    ];
    // without codes, and with those of a genuine query
    site.queries.put(&forged[..2]).await.unwrap();
    let stolen = |_: Hash, _: &Query| Some(good.clone());
    site.queries
        .put_all(&forged[2..], &[], stolen)
        .await
        .unwrap();
    // the API's own, but old
    let old = Query {
        timestamp: Timestamp::new(now() - 7300.0).unwrap(),
        ..own.clone()
    };
    let sign = |_: Hash, query: &Query| Some(codes(&of, query));
    site.queries
        .put_all(std::slice::from_ref(&old), &[], sign)
        .await
        .unwrap();

    let reporter = Reporter::start(&site);
    assert_eq!(ended(&site, &own).await, (Status::Ready, None));
    for query in &forged {
        let (status, reason) = ended(&site, query).await;
        assert_eq!(status, Status::Failed);
        assert_eq!(reason.unwrap(), "field _mac: the query is not the API's");
    }
    let (status, reason) = ended(&site, &old).await;
    assert_eq!(status, Status::Failed);
    assert_eq!(reason.unwrap(), "field timestamp: more than two hours ago");
    reporter.stop().await;
}

/// A query's socket is not part of its code, since each request has its own. It has a code of its own.
#[tokio::test]
async fn a_socket_that_is_not_the_apis_is_not_called() {
    let (site, api) = start("socket", json!({"api": {"wait_s": 1}})).await;
    let own = waiting(&site, &api, "203.0.113.7").await;
    let good = codes(&macs(&site), &own);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut moved = own.clone();
    moved.socket.port = listener.local_addr().unwrap().port();
    let keep = |_: Hash, _: &Query| Some(good.clone());
    site.queries.put_all(&[moved], &[], keep).await.unwrap();
    let reporter = Reporter::start(&site);
    assert_eq!(ended(&site, &own).await, (Status::Ready, None));
    // it ends when its calls are made
    reporter.stop().await;
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn only_reports_of_the_report_daemon_are_handed_out() {
    let (site, api) = start("handed_out", json!({"api": {"wait_s": 3}})).await;
    let token = site.token(&site.user().await);
    let of = macs(&site);
    let report = |n: u64| {
        let at = Timestamp::new(now()).unwrap();
        let user = site.userid.to_string();
        Report::new(QueryType::Count, user, at, json!(n), 1, 1).unwrap()
    };
    let ask = async || {
        api.post("/query", Some(&token), &question("203.0.113.7"))
            .await
    };
    let answered = async |finish: &dyn Fn(Hash, &Report) -> Option<String>, answer: Answer| {
        let by_hand = async {
            let claim: Claimed = loop {
                let claim = site.queries.claim(Duration::from_secs(60), Turn::default());
                match claim.await.unwrap() {
                    Some(claim) => break claim,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            let finished = site.queries.finish_with(&claim, &answer, finish);
            assert!(finished.await.unwrap());
        };
        tokio::join!(ask(), by_hand).0
    };
    let ready = |n| Answer::Ready(Box::new(report(n)));
    let failed = || Answer::Failed("call 555-0100".to_owned());
    // the code of another report, of another query, and none
    let other = of.report(Hash::of(&["other"]), &report(1));
    assert_eq!(
        answered(&|query, _| of.report(query, &report(2)), ready(1))
            .await
            .status,
        202
    );
    assert_eq!(answered(&|_, _| other.clone(), ready(1)).await.status, 202);
    assert_eq!(answered(&|_, _| None, ready(1)).await.status, 202);
    assert_eq!(answered(&|_, _| None, failed()).await.status, 202);
    let genuine = answered(&|query, report| of.report(query, report), ready(7)).await;
    assert_eq!((genuine.status, &genuine.json()["data"]), (201, &json!(7)));
    let genuine = answered(&|query, report| of.report(query, report), failed()).await;
    assert_eq!(
        (genuine.status, &genuine.json()["data"]),
        (400, &json!("call 555-0100"))
    );
}

/// The same question within the hour is the same query, and is answered from what is stored.
#[tokio::test]
async fn the_same_question_within_the_hour_is_one_query() {
    let (site, api) = start("same", json!({"api": {"wait_s": 30}})).await;
    let token = site.token(&site.user().await);
    let reporter = Reporter::start(&site);
    let ask = async || {
        api.post("/query", Some(&token), &question("203.0.113.7"))
            .await
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json()["_hash"], again.json()["_hash"]);
    assert_eq!(first.json()["data"], again.json()["data"]);
    let coll = site.collection("report", "instance").await;
    // in two hours, if the clock strikes between
    let queries = coll
        .count_documents(doc! {"sub_type": "query"})
        .await
        .unwrap();
    assert!((1..=2).contains(&queries));
    reporter.stop().await;
}
