//! Delivery of notices: each reaches its receiver at least once, with its id, and nobody else.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bson::doc;
use cybexp_seal::webhook_signature;
use cybexp_service::{Config, NoticeMacs};
use cybexp_store::{
    Channel, Notice, NoticeId, Outbox, Server, Subscription, SubscriptionId, Subscriptions, Wanted,
};
use cybexp_testkit::{Daemon, Site, eventually, mongo_url};
use serde_json::{Value, json};
use tahoe_core::{Hash, Membership};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const REPORT: &str = env!("CARGO_BIN_EXE_cybexp-report");
const NO_ARGS: &[&str] = &[];

/// A delivery as it came in.
#[derive(Debug, Clone)]
struct Came {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Came {
    fn ids(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let notices = body["notices"].as_array().unwrap().iter();
        notices
            .map(|notice| notice["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A web server that takes deliveries, and answers each with the same status.
struct Receiver {
    port: u16,
    came: Arc<Mutex<Vec<Came>>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    async fn start(port: u16, answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let all = Arc::clone(&came);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    if let Some(one) = take(stream, answer).await {
                        all.lock().unwrap().push(one);
                    }
                });
            }
        });
        Self {
            port,
            came,
            serving,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=secret", self.port)
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    fn ids(&self) -> BTreeSet<String> {
        self.came().iter().flat_map(Came::ids).collect()
    }

    /// Goes away: nobody listens on the port any more.
    async fn stop(self) -> Vec<Came> {
        self.serving.abort();
        let _ = self.serving.await;
        self.came.lock().unwrap().clone()
    }
}

async fn take(mut stream: TcpStream, answer: &str) -> Option<Came> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.to_lowercase() == "content-length").then(|| value.trim().parse::<usize>())
        });
        if body.len() >= length?.ok()? {
            break (head.to_owned(), body.to_owned());
        }
    };
    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.ok()?;
    let headers = head.lines().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    Some(Came {
        headers: headers.collect(),
        body,
    })
}

/// A site whose subscribers may be told on this machine.
struct World {
    site: Site,
    subscriptions: Subscriptions,
    outbox: Outbox,
    macs: NoticeMacs,
}

impl World {
    async fn new(more: Value) -> Self {
        let mut report = json!({
            "webhook_hosts": ["127.0.0.1"], "webhook_inside": true, "delivery_backoff_s": 1,
        });
        for (key, value) in more.as_object().unwrap() {
            report[key] = value.clone();
        }
        let site = Site::new("courier", json!({"report": report})).await;
        let config = Config::from_file(&site.config).unwrap();
        let server = Server::connect(mongo_url(), "test").await.unwrap();
        let db = config.report_db().unwrap().db;
        Self {
            subscriptions: Subscriptions::open(&server, &db).await.unwrap(),
            outbox: Outbox::open(&server, &db).await.unwrap(),
            macs: NoticeMacs::new(&config).unwrap(),
            site,
        }
    }

    /// Adds a subscription of the site's user.
    async fn subscribe(&self, channel: Channel) -> (SubscriptionId, Subscription) {
        let subscription = Subscription {
            user: self.site.userid.to_string(),
            name: "log-ins".to_owned(),
            wanted: Wanted::Events {
                sub_type: Some("ssh".to_owned()),
                category: None,
                sensor: None,
            },
            channel,
            tlp: "green".to_owned(),
            made: 0.0,
        };
        let id = SubscriptionId::new();
        let stored = self.macs.sign(id, &subscription).unwrap();
        self.subscriptions
            .add(&subscription, &stored)
            .await
            .unwrap();
        (id, subscription)
    }

    /// Returns a notice of the event of this number of an organisation.
    fn notice(&self, id: SubscriptionId, n: usize, orgid: &str) -> Notice {
        let hash = Hash::of(&["event", &n.to_string()]);
        let event = json!({
            "_hash": hash.to_string(), "sub_type": "ssh", "orgid": orgid, "timestamp": n,
            "category": "malicious", "values": [{"sub_type": "ipv4", "data": "203.0.113.9"}],
        });
        let text = json!({"event": event}).to_string();
        self.macs.notice(NoticeId::of(id, hash), text)
    }

    /// Writes notices of these events of the site's organisation, and returns their ids.
    async fn write(
        &self,
        (id, subscription): &(SubscriptionId, Subscription),
        events: std::ops::Range<usize>,
    ) -> BTreeSet<String> {
        let org = self.site.orgid.to_string();
        let notices = events.map(|n| (subscription, self.notice(*id, n, &org)));
        let notices: Vec<_> = notices.collect();
        self.outbox.write(&notices).await.unwrap();
        notices.iter().map(|(_, one)| one.id.to_string()).collect()
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(REPORT, NO_ARGS, &self.site)
    }

    async fn rows(&self, filter: bson::Document) -> u64 {
        let outbox = self.site.collection("report", "outbox").await;
        outbox.count_documents(filter).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_told_though_the_receiver_is_away_and_the_daemon_is_killed() {
    let world = World::new(json!({})).await;
    let receiver = Receiver::start(0, "204 No Content").await;
    let port = receiver.port;
    let url = receiver.url();
    let subscription = world.subscribe(Channel::Webhook { url: url.clone() }).await;
    let mut expected = world.write(&subscription, 0..250).await;
    let daemon = world.daemon();
    let told = async || receiver.ids().len() == 250;
    eventually("the first are told", told).await;
    let came = receiver.came();
    assert!(
        came.len() <= 5,
        "those that wait are told together: {}",
        came.len()
    );
    let secret = world.macs.webhook_secret(&subscription.1.user, &url);
    for one in &came {
        let signature = &one.headers["x-cybexp-signature"];
        let at = signature.split_once(',').unwrap().0;
        let at = at.strip_prefix("t=").unwrap().parse().unwrap();
        let own = webhook_signature(&secret, at, one.body.as_bytes());
        assert_eq!(*signature, own);
        assert_eq!(one.headers["content-type"], "application/json");
    }
    let body: Value = serde_json::from_str(&came[0].body).unwrap();
    assert_eq!(body["notices"][0]["subscription"]["name"], "log-ins");
    assert_eq!(body["notices"][0]["event"]["sub_type"], "ssh");
    assert_eq!(body["delivery"], came[0].headers["x-cybexp-delivery"]);

    // away, and the daemon is killed while it tries
    let mut all = receiver.stop().await;
    expected.extend(world.write(&subscription, 250..300).await);
    let tried = doc! {"tries": {"$gte": 1_i64}};
    eventually("delivery fails", async || {
        world.rows(tried.clone()).await > 0
    })
    .await;
    daemon.kill();
    expected.extend(world.write(&subscription, 300..320).await);
    let daemon = world.daemon();
    // a moment in which the receiver answers with an error
    let broken = Receiver::start(port, "500 Internal Server Error").await;
    eventually("it is tried again", async || !broken.came().is_empty()).await;
    broken.stop().await;
    let receiver = Receiver::start(port, "200 OK").await;
    eventually("all are told", async || {
        world.rows(doc! {"due": {"$exists": true}}).await == 0
    })
    .await;
    all.extend(receiver.came());
    let ids: BTreeSet<String> = all.iter().flat_map(Came::ids).collect();
    assert_eq!(ids, expected);
    // written again, they are not told again
    world.write(&subscription, 0..320).await;
    assert_eq!(world.rows(doc! {"due": {"$exists": true}}).await, 0);
    assert_eq!(world.rows(doc! {"told": {"$exists": true}}).await, 320);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_see_is_not_told() {
    let world = World::new(json!({})).await;
    let receiver = Receiver::start(0, "200 OK").await;
    let channel = || Channel::Webhook {
        url: receiver.url(),
    };
    let subscription = world.subscribe(channel()).await;
    let (id, of) = &subscription;
    let own = world.site.orgid.to_string();
    let mut forged = world.notice(*id, 1, &own);
    forged.text = forged.text.replace("203.0.113.9", "203.0.113.10");
    let foreign = world.notice(*id, 2, "another organisation");
    let good = world.notice(*id, 3, &own);
    let removed = world.subscribe(channel()).await;
    let late = world.notice(removed.0, 4, &own);
    assert!(
        world
            .subscriptions
            .remove(removed.0, &removed.1)
            .await
            .unwrap()
    );
    // a subscription that somebody wrote into the database himself
    let (mut fake, as_user) = (world.subscribe(channel()).await, world.site.userid);
    fake.1.user = as_user.to_string();
    let rows = world.site.collection("report", "subscriptions").await;
    let set = doc! {"$set": {"mac": "0".repeat(64)}};
    let fake_id = bson::oid::ObjectId::parse_str(fake.0.to_string()).unwrap();
    rows.update_one(doc! {"_id": fake_id}, set).await.unwrap();
    let faked = world.notice(fake.0, 5, &own);
    let good_id = good.id.to_string();
    let notices = [
        (of, forged),
        (of, foreign),
        (of, good),
        (&removed.1, late),
        (&fake.1, faked),
    ];
    world.outbox.write(&notices).await.unwrap();
    let daemon = world.daemon();
    eventually("nothing waits", async || {
        world.rows(doc! {"due": {"$exists": true}}).await == 0
    })
    .await;
    assert_eq!(receiver.ids(), BTreeSet::from([good_id]));
    assert_eq!(world.rows(doc! {}).await, 1, "the others are discarded");

    // removed from the organisation between event and delivery
    assert!(daemon.terminate().success());
    world.write(&subscription, 10..11).await;
    let other = world.site.add_user("other@example.com", "correct horse");
    let other = other.await;
    let change = |org: &tahoe_core::Org| {
        let org = org.add(Membership::Admin, std::slice::from_ref(&other))?;
        let all = [Membership::Admin, Membership::User, Membership::Acl];
        org.remove(&all.into(), &[world.site.userid])
    };
    let changed = world.site.identity.change_org(world.site.orgid, change);
    changed.await.unwrap().unwrap().unwrap();
    let daemon = world.daemon();
    eventually("it is discarded", async || world.rows(doc! {}).await == 1).await;
    assert_eq!(receiver.came().len(), 1);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_parked_and_can_be_tried_again() {
    let world = World::new(json!({"delivery_give_up_s": 1})).await;
    let elsewhere = "302 Found\r\nLocation: http://127.0.0.1:9/";
    let receiver = Receiver::start(0, elsewhere).await;
    let (port, url) = (receiver.port, receiver.url());
    let subscription = world.subscribe(Channel::Webhook { url }).await;
    let other = Receiver::start(0, "200 OK").await;
    let good = world.subscribe(Channel::Webhook { url: other.url() }).await;
    let ids = world.write(&subscription, 0..3).await;
    let told = world.write(&good, 0..3).await;
    let daemon = world.daemon();
    let parked = doc! {"parked": {"$exists": true}};
    eventually("they are parked", async || {
        world.rows(parked.clone()).await == 3
    })
    .await;
    assert_eq!(other.ids(), told, "one that fails holds up no other");
    let user = world.site.userid;
    let rows = world.outbox.parked(user, 10).await.unwrap();
    let reason = rows[0].error.clone().unwrap();
    assert!(reason.contains("redirects are not followed"), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(world.outbox.count_parked(10).await.unwrap(), 3);
    receiver.stop().await;
    let receiver = Receiver::start(port, "200 OK").await;
    let one = rows[0].id;
    assert_eq!(world.outbox.retry(user, Some(one)).await.unwrap(), 1);
    eventually("one is told", async || receiver.ids().len() == 1).await;
    assert_eq!(world.outbox.retry(user, None).await.unwrap(), 2);
    eventually("all are told", async || receiver.ids() == ids).await;
    assert_eq!(world.outbox.retry(user, None).await.unwrap(), 0);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_never_leads_inside_unless_that_is_allowed() {
    let more = json!({"webhook_inside": false, "webhook_hosts": ["*"], "delivery_give_up_s": 1});
    let world = World::new(more).await;
    let receiver = Receiver::start(0, "200 OK").await;
    for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"] {
        let url = format!("https://{host}:{}/", receiver.port);
        let subscription = world.subscribe(Channel::Webhook { url }).await;
        world.write(&subscription, 0..1).await;
    }
    let daemon = world.daemon();
    eventually("all are parked", async || {
        world.rows(doc! {"parked": {"$exists": true}}).await == 4
    })
    .await;
    let rows = world.outbox.parked(world.site.userid, 10).await.unwrap();
    for row in rows {
        let reason = row.error.unwrap();
        assert!(reason.contains("of this machine"), "{reason}");
    }
    assert_eq!(receiver.came().len(), 0);
    assert!(daemon.terminate().success());
}
