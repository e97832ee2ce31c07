//! Several report daemons at one queue: each query is answered once, whatever becomes of a daemon.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cybexp_store::GraphBatch;
use cybexp_testkit::{Daemon, Site, eventually, now};
use serde_json::json;
use tahoe_core::{Attribute, Event, Hash, Node, OrgId, Query, Socket, Status, SubType, Timestamp};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const REPORT: &str = env!("CARGO_BIN_EXE_cybexp-report");

/// How often each nonce has come.
#[derive(Clone, Default)]
struct Nonces(Arc<Mutex<BTreeMap<String, u32>>>);

impl Nonces {
    fn seen(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().clone()
    }

    /// Listens from now on; gives the port.
    async fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let nonces = self.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let nonces = nonces.clone();
                tokio::spawn(async move {
                    let mut said = String::new();
                    stream.read_to_string(&mut said).await.unwrap();
                    *nonces.0.lock().unwrap().entry(said).or_default() += 1;
                });
            }
        });
        port
    }
}

/// Queries about an event each, so that each has a report of its own.
async fn ask(site: &Site, count: usize, port: u16) -> Vec<Query> {
    let mut batch = GraphBatch::default();
    let mut queries = Vec::new();
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    for n in 0..count {
        let name = format!("user{n}");
        let username: Node =
            Attribute::new(SubType::new("username").unwrap(), name.as_str()).into();
        let at = Timestamp::new(now()).unwrap();
        let ssh = SubType::new("ssh").unwrap();
        batch.add_event(Event::new(ssh, orgid.clone(), at, vec![username]).unwrap());
        let question = json!({"sub_type": "username", "data": name});
        let socket = Socket {
            host: "localhost".to_owned(),
            port,
            nonce: Hash::of(&[&name]).to_string()[..32].to_owned(),
        };
        queries.push(site.query("related", &question, now(), socket));
    }
    site.graph.write(&batch).await.unwrap();
    site.queries.put(&queries).await.unwrap();
    queries
}

/// Each as it stands, with the document of its report.
async fn outcomes(site: &Site, queries: &[Query]) -> Vec<(Query, Option<serde_json::Value>)> {
    let mut outcomes = Vec::new();
    for query in queries {
        let hash = query.to_object().unwrap().hash();
        let (query, reason) = site.queries.find(hash).await.unwrap().unwrap();
        assert_eq!(reason, None);
        let report = match query.report_id {
            Some(id) => Some(
                site.queries
                    .document(id)
                    .await
                    .unwrap()
                    .expect("its report is there"),
            ),
            None => None,
        };
        outcomes.push((query, report));
    }
    outcomes
}

async fn all_ready(site: &Site, queries: &[Query]) {
    for query in queries {
        let hash = query.to_object().unwrap().hash();
        let ready =
            || async { site.queries.find(hash).await.unwrap().unwrap().0.status == Status::Ready };
        eventually("a report", ready).await;
    }
}

fn start(site: &Site) -> Daemon {
    Daemon::start::<&str>(REPORT, &[], site)
}

#[tokio::test]
async fn two_daemons_answer_each_query_once() {
    let site = Site::new(
        "two",
        json!({"report": {"accept_unsigned": true, "max_concurrent": 8}}),
    )
    .await;
    let nonces = Nonces::default();
    let daemons = [start(&site), start(&site)];
    let queries = ask(&site, 500, nonces.listen().await).await;
    all_ready(&site, &queries).await;
    // they end when their calls are made
    for daemon in daemons {
        assert!(daemon.terminate().success());
    }

    eventually("the nonces", || async { nonces.seen().len() == 500 }).await;
    let seen = nonces.seen();
    for (n, (query, report)) in outcomes(&site, &queries).await.into_iter().enumerate() {
        assert_eq!(seen.get(&query.socket.nonce), Some(&1));
        assert_eq!(
            report.unwrap()["data"],
            json!({"username": [format!("user{n}")]})
        );
    }
    // and no report was made for nothing
    let stored = site.collection("report", "instance").await;
    let reports = stored
        .count_documents(bson::doc! {"itype": "report"})
        .await
        .unwrap();
    assert_eq!(reports, 500);
}

#[tokio::test]
async fn what_a_killed_daemon_had_in_hand_is_answered_by_the_others() {
    let site = Site::new(
        "killed",
        json!({"report": {"accept_unsigned": true, "max_concurrent": 8, "lease_s": 2}}),
    )
    .await;
    let nonces = Nonces::default();
    let (killed, survivor) = (start(&site), start(&site));
    let queries = ask(&site, 500, nonces.listen().await).await;
    eventually("some nonces", || async { nonces.seen().len() > 50 }).await;
    killed.kill();
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    all_ready(&site, &queries).await;
    assert!(survivor.terminate().success());

    let later: Vec<Query> = outcomes(&site, &queries)
        .await
        .into_iter()
        .filter(|(_, report)| {
            report.as_ref().unwrap()["timestamp"].as_f64().unwrap() > at.as_secs_f64()
        })
        .map(|(query, _)| query)
        .collect();
    assert!(!later.is_empty(), "the other one came too late");
    // what was answered before may lack its nonce: the killed one had no time to send it
    let all_called = || async {
        let seen = nonces.seen();
        later
            .iter()
            .all(|query| seen.contains_key(&query.socket.nonce))
    };
    eventually("the nonces of the survivor", all_called).await;
    // a call that the killed one had only begun says nothing, or half a nonce
    let seen = nonces.seen();
    for query in &queries {
        let times = seen.get(&query.socket.nonce).copied().unwrap_or_default();
        assert!(times <= 1, "{} came {times} times", query.socket.nonce);
    }
}

#[tokio::test]
async fn a_daemon_asked_to_stop_leaves_what_it_has_not_begun() {
    let site = Site::new(
        "stopped",
        json!({"report": {"accept_unsigned": true, "max_concurrent": 8}}),
    )
    .await;
    let daemon = start(&site);
    let nonces = Nonces::default();
    let queries = ask(&site, 300, nonces.listen().await).await;
    eventually("some nonces", || async { nonces.seen().len() > 10 }).await;
    assert!(daemon.terminate().success());
    let statuses: Vec<Status> = outcomes(&site, &queries)
        .await
        .into_iter()
        .map(|(query, _)| query.status)
        .collect();
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!(
        count(Status::Ready) + count(Status::Wait),
        300,
        "{statuses:?}"
    );
    assert!(count(Status::Wait) > 0);
    let called = nonces.seen().len();
    assert_eq!(called, count(Status::Ready), "each answer was told");

    // and another goes on with it
    let rest = Daemon::start(REPORT, &["--once"], &site);
    assert!(rest.wait().success());
    all_ready(&site, &queries).await;
}

/// A user who asks hundreds of questions does not keep others waiting, and is not kept waiting for ever.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_one_question_does_not_wait_for_who_asks_many() {
    let more = json!({"report": {"accept_unsigned": true, "max_concurrent": 4}});
    let site = Site::new("fair", more).await;
    let many = ask(&site, 400, 0).await;
    let user = site.add_user("bob@example.com", "correct horse").await;
    let question = json!({"sub_type": "username", "data": "user0"});
    let one = Query {
        userid: user.hash().to_string(),
        ..site.query("count", &question, now(), Socket::default())
    };
    let daemon = Daemon::start::<&str>(REPORT, &[], &site);
    eventually("an answer", async || {
        outcomes(&site, &many[..20])
            .await
            .iter()
            .any(|(query, _)| query.status == Status::Ready)
    })
    .await;
    site.queries.put(std::slice::from_ref(&one)).await.unwrap();
    all_ready(&site, std::slice::from_ref(&one)).await;
    let left = outcomes(&site, &many).await;
    let left = left
        .iter()
        .filter(|(query, _)| query.status == Status::Wait);
    assert!(left.count() > 100, "the one question waited for the others");
    all_ready(&site, &many).await;
    assert!(daemon.terminate().success());
}
