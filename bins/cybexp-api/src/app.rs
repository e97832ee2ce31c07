//! The resources that all requests share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cybexp_seal::{Format, Prover, PublicKey, Tokens};
use cybexp_service::{NoticeMacs, QueryMacs, WebhookRules};
use cybexp_store::{Cache, Feeds, Identity, Outbox, Queries, Submitter, Subscriptions};
use tahoe_core::Hash;
use tokio::sync::Semaphore;

use crate::attempts::{Attempts, Lane};
use crate::budget::Budget;
use crate::live::LiveHub;
use crate::pool::Pool;
use crate::turns::Turns;
use crate::waiting::Waiting;

/// The state of the API: handles of databases, keys, and who waits for a report.
pub struct App {
    pub(crate) cache: Cache,
    pub(crate) submitter: Submitter,
    pub(crate) queries: Queries,
    pub(crate) feeds: Feeds,
    /// One permit for each feed that is being read.
    pub(crate) feed_reads: Arc<Semaphore>,
    /// Those who watch new events come in.
    pub(crate) live: LiveHub,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) outbox: Outbox,
    /// Keys of subscriptions and notices.
    pub(crate) notices: NoticeMacs,
    pub(crate) webhooks: WebhookRules,
    /// Whether subscribers can be told by mail.
    pub(crate) sends_mail: bool,
    pub(crate) identity: Identity,
    pub(crate) tokens: Tokens,
    pub(crate) macs: QueryMacs,
    /// Whether reports without an authentication code are handed out.
    pub(crate) accept_unsigned: bool,
    pub(crate) public_key: PublicKey,
    pub(crate) waiting: Waiting,
    /// Memory of the reports that are being handed out, in KiB.
    pub(crate) reports: Arc<Semaphore>,
    /// Bodies with questions that are not small, of all users.
    pub(crate) bodies: Turns<Hash>,
    /// The threads for work on questions that takes long; each user has a lane.
    pub(crate) pool: Pool<Hash>,
    pub(crate) format: Format,
    /// The address at which report daemons find this API.
    pub(crate) host: String,
    pub(crate) wait: Duration,
    pub(crate) token_ttl: Duration,
    pub(crate) max_body_bytes: u64,
    /// The memory of all submissions in work.
    pub(crate) budget: Budget,
    /// The threads that hash passwords.
    pub(crate) passwords: Pool<Lane>,
    pub(crate) attempts: Attempts,
    /// Reverse proxies whose word is taken for the client's address.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Whether users join an organisation only by accepting its invitation.
    pub(crate) consent: bool,
    pub(crate) prover: Prover,
    /// The port that the API listens on, which its proofs name.
    pub(crate) port: u16,
}
