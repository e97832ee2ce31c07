//! Helpers that the tests of the API share.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses some of it; clippy sees helpers of a test as no test"
)]

use std::sync::Arc;

use bson::Document;
use cybexp_service::{Config, DaemonContext, Health, Shutdown};
use cybexp_store::GraphBatch;
use cybexp_testkit::{Answer, Api, Form, Site, now};
use futures::TryStreamExt;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Category, Event, OrgId, SubType, Timestamp, User};
use tokio::task::JoinHandle;

pub(crate) const API: &str = env!("CARGO_BIN_EXE_cybexp-api");
pub(crate) const NO_ARGS: &[&str] = &[];

/// A site and its API.
pub(crate) async fn start(name: &str, more: Value) -> (Site, Api) {
    let site = Site::new(name, more).await;
    let api = Api::start(API, NO_ARGS, &site).await;
    (site, api)
}

/// Returns the program whose figures are taken, such as a release build of `cybexp`, if `CYBEXP_TEST_DAEMONS` names one.
pub(crate) fn measured() -> Option<String> {
    std::env::var("CYBEXP_TEST_DAEMONS").ok()
}

/// A site and its API, by the program that is measured.
pub(crate) async fn start_measured(name: &str, more: Value) -> (Site, Api) {
    let Some(program) = measured() else {
        return start(name, more).await;
    };
    let site = Site::new(name, more).await;
    let api = Api::start(&program, &["daemon", "api"], &site).await;
    (site, api)
}

/// A token with these claims, signed with this secret.
pub(crate) fn token(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// The claims of a token as the Python API makes it, which never ends.
pub(crate) fn python_claims(user: &User) -> Value {
    json!({"sub_type": user.role().as_str(), "_hash": user.hash().to_string()})
}

/// All documents of a collection.
pub(crate) async fn all(site: &Site, section: &str, coll: &str) -> Vec<Document> {
    let coll = site.collection(section, coll).await;
    coll.find(bson::doc! {})
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

/// Starts senders that submit, again and again, until the API fails; each returns the number of submissions that were accepted.
/// Their records have these sizes in turn, in bytes.
pub(crate) fn senders(
    site: &Site,
    api: &Api,
    token: &str,
    count: usize,
    sizes: &[usize],
) -> Vec<JoinHandle<usize>> {
    let sizes = sizes.iter().cycle().take(count);
    let start = |size: &usize| {
        let form = Form::submission(site, "text").file("x", &vec![b'x'; *size]);
        let (token, url) = (token.to_owned(), format!("http://{}/raw", api.address));
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            let mut taken = 0;
            loop {
                let request = client.post(&url).bearer_auth(&token);
                let request = request.header("content-type", Form::CONTENT_TYPE);
                match request.body(form.body()).send().await {
                    Ok(response) if response.status() == 201 => taken += 1,
                    _ => return taken,
                }
            }
        })
    };
    sizes.map(start).collect()
}

/// How much the cache holds: entries, files and chunks.
pub(crate) async fn stored(site: &Site) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, coll) in counts
        .iter_mut()
        .zip(["file_entries", "fs.files", "fs.chunks"])
    {
        *count = all(site, "cache", coll).await.len();
    }
    counts
}

/// Asserts a status and a message.
#[track_caller]
pub(crate) fn is(answer: &Answer, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (status, message),
        "{answer:?}"
    );
}

/// A daemon in this process, with the site's configuration.
pub(crate) fn context(site: &Site, name: &'static str, once: bool) -> DaemonContext {
    DaemonContext {
        name,
        config: Arc::new(Config::from_file(&site.config).unwrap()),
        shutdown: Shutdown::new(),
        health: Health::new(),
        once,
    }
}

/// The report daemon, in this process.
pub(crate) struct Reporter(Shutdown, JoinHandle<anyhow::Result<()>>);

impl Reporter {
    pub(crate) fn start(site: &Site) -> Self {
        let ctx = context(site, "report", false);
        Self(ctx.shutdown.clone(), tokio::spawn(cybexp_report::run(ctx)))
    }

    pub(crate) async fn stop(self) {
        self.0.begin();
        self.1.await.unwrap().unwrap();
    }
}

/// Does all that the archive has to do.
pub(crate) async fn archive(site: &Site) {
    cybexp_archive::run(context(site, "archive", true))
        .await
        .unwrap();
}

/// Writes the verdict of the site's organisation that an address is a false positive.
pub(crate) async fn acquit(site: &Site, address: &str) {
    let attribute = |name, value: &str| Attribute::new(SubType::new(name).unwrap(), value);
    let ip = attribute("ipv4", address);
    let verdict = attribute("verdict", "false_positive");
    let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
    let at = Timestamp::new(now()).unwrap();
    let children = vec![ip.clone().into(), verdict.into()];
    let event = Event::new(SubType::new("verdict").unwrap(), orgid, at, children).unwrap();
    let event = event
        .with_category(Category::Benign)
        .with_benign([ip.hash()]);
    let mut batch = GraphBatch::default();
    batch.add_verdict(event.unwrap());
    site.graph.write(&batch).await.unwrap();
}

/// A number of `/proc/PID/status` of a process that runs.
pub(crate) fn status_of(pid: u32, field: &str) -> u64 {
    cybexp_testkit::status_of(pid, field).unwrap()
}
