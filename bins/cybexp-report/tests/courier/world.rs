//! A site with subscribers, and a receiver of webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cybexp_service::{Config, NoticeMacs};
use cybexp_store::{
    Channel, Notice, NoticeId, Outbox, Server, Subscription, SubscriptionId, Subscriptions, Wanted,
};
use cybexp_testkit::{Daemon, Site, mongo_url};
use serde_json::{Value, json};
use tahoe_core::Hash;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const REPORT: &str = env!("CARGO_BIN_EXE_cybexp-report");
const NO_ARGS: &[&str] = &[];

/// A delivery as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Came {
    pub(crate) fn ids(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let notices = body["notices"].as_array().unwrap().iter();
        notices
            .map(|notice| notice["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A web server that takes deliveries, and answers each with the same status.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    came: Arc<Mutex<Vec<Came>>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(port: u16, answer: &'static str) -> Self {
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

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=secret", self.port)
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.came().iter().flat_map(Came::ids).collect()
    }

    /// Goes away: nobody listens on the port any more.
    pub(crate) async fn stop(self) -> Vec<Came> {
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
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) outbox: Outbox,
    pub(crate) macs: NoticeMacs,
}

impl World {
    pub(crate) async fn new(more: Value) -> Self {
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
    pub(crate) async fn subscribe(&self, channel: Channel) -> (SubscriptionId, Subscription) {
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
    pub(crate) fn notice(&self, id: SubscriptionId, n: usize, orgid: &str) -> Notice {
        let hash = Hash::of(&["event", &n.to_string()]);
        let event = json!({
            "_hash": hash.to_string(), "sub_type": "ssh", "orgid": orgid, "timestamp": n,
            "category": "malicious", "values": [{"sub_type": "ipv4", "data": "203.0.113.9"}],
        });
        let text = json!({"event": event}).to_string();
        self.macs.notice(NoticeId::of(id, hash), text)
    }

    /// Writes notices of these events of the site's organisation, and returns their ids.
    pub(crate) async fn write(
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

    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::start(REPORT, NO_ARGS, &self.site)
    }

    pub(crate) async fn rows(&self, filter: bson::Document) -> u64 {
        let outbox = self.site.collection("report", "outbox").await;
        outbox.count_documents(filter).await.unwrap()
    }
}
