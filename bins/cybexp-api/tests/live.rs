//! New events as they come: who is told of which, and what a client that comes back is told.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::time::Duration;

use common::{python_claims, start, token};
use cybexp_service::{Config, NoticeMacs};
use cybexp_store::{Live, LiveId, LiveRow, Server};
use cybexp_testkit::{Api, Site, mongo_url};
use serde_json::{Value, json};
use tahoe_core::{Membership, User};

/// The events that a client is sent, one by one.
struct Client {
    response: reqwest::Response,
    sent: String,
}

/// An event as it was sent: its id, kind and data.
#[derive(Debug, PartialEq)]
struct Told {
    id: String,
    kind: String,
    data: Value,
}

impl Client {
    async fn connect(api: &Api, token: &str, last: Option<&str>) -> Self {
        let mut request = api.request("GET", "/live", Some(token));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let sent = String::new();
        Self { response, sent }
    }

    /// Returns the next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.sent.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = block.lines();
                    let line = lines.find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                let (id, kind, data) = (field("id:"), field("event:"), field("data:"));
                self.sent = rest.to_owned();
                if kind.is_empty() {
                    continue;
                }
                let data = serde_json::from_str(&data).unwrap();
                return Some(Told { id, kind, data });
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.expect("something is sent").unwrap()?;
            self.sent.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn news(&mut self) -> (String, String) {
        let told = self.next().await.unwrap();
        assert_eq!(told.kind, "news", "{told:?}");
        let hash = told.data["event"]["_hash"].as_str().unwrap().to_owned();
        (told.id, hash)
    }
}

async fn live(site: &Site) -> (Live, NoticeMacs) {
    let server = Server::connect(mongo_url(), "test").await.unwrap();
    let config = Config::from_file(&site.config).unwrap();
    let report = config.report_db().unwrap();
    let live = Live::open(&server, &report.db).await.unwrap();
    (live, NoticeMacs::new(&config).unwrap())
}

/// A row with events of these hashes.
fn row(macs: &NoticeMacs, orgid: &str, hashes: &[&str]) -> LiveRow {
    let id = LiveId::new();
    let events = hashes
        .iter()
        .map(|hash| json!({"_hash": hash, "orgid": orgid}));
    let events = Value::from(events.collect::<Vec<_>>()).to_string();
    let mac = macs.live(&id.bytes(), orgid, &events);
    let orgid = orgid.to_owned();
    LiveRow {
        id,
        orgid,
        events,
        more: 0,
        mac,
    }
}

fn token_of(user: &User) -> String {
    token(&python_claims(user), Site::SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_those_who_may_see_them_and_no_others() {
    let (site, api) = start("live", json!({})).await;
    let (live, macs) = live(&site).await;
    let user = site.identity.user(site.userid).await.unwrap().unwrap();
    let org = site.orgid.to_string();
    assert!(!live.standing().await.unwrap().is_heard, "nobody listens");
    let mut client = Client::connect(&api, &token_of(&user), None).await;
    assert!(live.standing().await.unwrap().is_heard);

    let mut forged = row(&macs, &org, &["forged"]);
    forged.mac = macs.live(&forged.id.bytes(), &org, "[]");
    let rows = [
        row(&macs, "another", &["theirs"]),
        forged,
        row(&macs, &org, &["one", "two"]),
    ];
    live.write(&rows).await.unwrap();
    let (first, one) = client.news().await;
    assert_eq!(one, "one", "neither another's nor what is forged");
    let (_, two) = client.news().await;
    assert_eq!(two, "two");

    // the client comes back: it is told what it missed, from within a row
    live.write(&[row(&macs, &org, &["three"])]).await.unwrap();
    let mut again = Client::connect(&api, &token_of(&user), Some(&first)).await;
    assert_eq!(again.news().await.1, "two");
    assert_eq!(again.news().await.1, "three");
    // not once more as it comes in
    live.write(&[row(&macs, &org, &["four"])]).await.unwrap();
    assert_eq!(again.news().await.1, "four");

    // with an id of the time before, or none at all, it learns of the gap
    for last in ["000000000000000000000000.0", "nonsense"] {
        let mut client = Client::connect(&api, &token_of(&user), Some(last)).await;
        let told = client.next().await.unwrap();
        assert_eq!(told.kind, "gap");
        assert!(told.data["since"].is_number(), "{told:?}");
    }

    // removed from the organisation, the user is told nothing more, at once
    let other = site.add_user("other@example.com", "correct horse").await;
    let change = |org: &tahoe_core::Org| org.add(Membership::Admin, std::slice::from_ref(&other));
    let changed = site.identity.change_org(site.orgid, change).await.unwrap();
    changed.unwrap().unwrap();
    let mut theirs = Client::connect(&api, &token_of(&other), None).await;
    let change = |org: &tahoe_core::Org| {
        let all = [Membership::Admin, Membership::User, Membership::Acl];
        org.remove(&all.into(), &[site.userid])
    };
    let changed = site.identity.change_org(site.orgid, change).await.unwrap();
    changed.unwrap().unwrap();
    live.write(&[row(&macs, &org, &["five"])]).await.unwrap();
    assert_eq!(theirs.news().await.1, "five");
    site.identity.end_tokens(site.userid).await.unwrap();
    live.write(&[row(&macs, &org, &["six"])]).await.unwrap();
    // the end of the token ends the stream; what is told before that is nothing
    let mut left = Vec::new();
    while let Some(told) = client.next().await {
        left.push(told.data["event"]["_hash"].clone());
    }
    assert_eq!(left, [json!("three"), json!("four")]);
    assert!(
        api.daemon.terminate().success(),
        "listeners do not hold it up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_listens_a_few_times_at_once() {
    let (site, api) = start("live", json!({})).await;
    let user = site.identity.user(site.userid).await.unwrap().unwrap();
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::connect(&api, &token_of(&user), None).await);
    }
    let ninth = api.get("/live", Some(&token_of(&user))).await;
    assert_eq!(ninth.status, 429, "{ninth:?}");
    clients.pop();
    let place = async || {
        let request = api.request("GET", "/live", Some(&token_of(&user)));
        request.send().await.unwrap().status() == 200
    };
    cybexp_testkit::eventually("the place of one who left is free", place).await;
    assert_eq!(api.get("/live", None).await.status, 401);
}
