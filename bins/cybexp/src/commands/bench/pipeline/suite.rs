//! The suite of a benchmark, with only the API at first, and the records that go through it.

use std::time::Duration;

use anyhow::Context;
use cybexp_client::Client;
use cybexp_filters::{FILTERS, Filter};
use cybexp_service::api_prover;
use cybexp_store::{Archive, Cache, Raws, Server};
use futures::{StreamExt, TryStreamExt, stream};
use secrecy::SecretString;
use serde_json::json;
use tahoe_core::{OrgId, SubmissionTags};
use tokio::net::TcpListener;

use crate::commands::bench::honeypots::{Honeypots, ORGS};
use crate::daemon::Daemon;
use crate::up::setup::FirstStart;
use crate::up::suite::{Suite, SuiteHome, SuiteOptions};

/// The typetag of the records.
pub(super) const TYPETAG: &str = "cowrie";
/// The most records and bytes of a submission, and the number of submissions under way: as `cybexp post --lines` has them.
const SUBMISSION_RECORDS: usize = 8192;
const SUBMISSION_BYTES: usize = 4 << 20;
const IN_FLIGHT: usize = 4;
/// The time between two looks whether all is done.
const LOOK: Duration = Duration::from_millis(20);

/// The suite, and the means to look into its databases.
pub(super) struct BenchSuite {
    pub(super) suite: Suite,
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) cache: Cache,
    pub(super) archive: Archive,
    pub(super) orgid: OrgId,
    raws: Raws,
}

impl BenchSuite {
    /// Starts a MongoDB and the API.
    pub(super) async fn start() -> anyhow::Result<Self> {
        // released at once: the API binds it a moment later
        let listen = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let first = FirstStart {
            orgname: "bench",
            admin: "bench@example.com",
            key_bits: 2048,
            more: json!({
                "api": {"url": format!("http://{listen}/"), "listen": listen.to_string()},
                // several of a kind could not share an address
                "metrics": {"api": null, "archive": null, "analytics": null, "report": null, "input": null, "web": null},
            }),
            files: &[],
        };
        let options = SuiteOptions {
            only: Some(vec![Daemon::Api]),
            ..SuiteOptions::default()
        };
        let quiet = |_: &str| ();
        let suite = Suite::start(SuiteHome::Temporary, &first, &options, quiet).await?;
        let accounts = suite.accounts.as_ref();
        let accounts = accounts.context("a new suite has new accounts")?;
        let token = SecretString::from(accounts.token.clone());
        let (cached, tahoe) = (suite.config.cache_db()?, suite.config.tahoe_db()?);
        let server = Server::connect(cached.url.expose(), "cybexp-bench").await?;
        let archive = Archive::open(&server, &tahoe.db, &tahoe.coll).await?;
        Ok(Self {
            client: Client::new(suite.config.api.url.clone(), Some(token))?
                .wants_proof(api_prover(&suite.config)),
            cache: Cache::open(&server, &cached.db, &cached.coll).await?,
            orgid: OrgId::new(&accounts.org.hash().to_string())?,
            raws: Raws::new(&archive),
            archive,
            server,
            suite,
        })
    }

    /// Stops everything, and removes the data.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.suite.stop().await
    }

    pub(super) fn tags(&self) -> SubmissionTags {
        SubmissionTags {
            typetag: TYPETAG.to_owned(),
            orgid: self.orgid.as_str().to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        }
    }

    /// Posts records, many in a submission.
    pub(super) async fn post(&self, lines: &[String]) -> anyhow::Result<()> {
        let tags = self.tags();
        let posts: Vec<_> = submissions(lines)
            .into_iter()
            .map(|part| self.client.submit(&tags, "bench", part))
            .collect();
        stream::iter(posts)
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// Waits until nothing is pending.
    pub(super) async fn settled(&mut self) -> anyhow::Result<()> {
        loop {
            self.suite.children.check()?;
            if !self.is_any_pending().await? {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether a record is on its way. It reads a few keys: a count of what waits would take from the daemons much of the
    /// server's time, and be measured as theirs.
    async fn is_any_pending(&self) -> anyhow::Result<bool> {
        let reads = |filter: &&&dyn Filter| filter.typetags().contains(&TYPETAG);
        let mut pending = self.cache.is_any_pending().await?;
        for filter in FILTERS.iter().filter(reads) {
            pending = pending || self.raws.is_any_pending(&filter.id()).await?;
        }
        Ok(pending)
    }
}

/// Cuts records into submissions.
fn submissions(lines: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(SUBMISSION_RECORDS).take_while(|line| {
            bytes += line.len();
            bytes <= SUBMISSION_BYTES
        });
        let (part, left) = rest.split_at(fits.count().max(1));
        parts.push(part);
        rest = left;
    }
    parts
}

/// Makes records of honeypots, the same for the same numbers, and others for another `set`.
pub(super) fn lines(records: usize, set: u64) -> Vec<String> {
    let orgs = orgs();
    let mut honeypots = Honeypots::new(records as u64 * 10 + set).of_set(set);
    let mut lines = Vec::with_capacity(records);
    while lines.len() < records {
        let attack = honeypots.attack(&orgs);
        lines.extend(attack.records.iter().map(ToString::to_string));
    }
    lines.truncate(records);
    lines
}

/// Returns the organisations among which [`Honeypots`] divides the honeypots. Records do not tell them.
pub(super) fn orgs() -> [OrgId; ORGS] {
    ["a", "b", "c", "d"].map(|name| OrgId::new(name).expect("a name is an orgid"))
}
