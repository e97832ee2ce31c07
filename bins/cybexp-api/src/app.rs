//! The resources that all requests share.

use std::time::Duration;

use cybexp_seal::{Format, PublicKey, Tokens};
use cybexp_store::{Cache, Identity, Queries, Submitter};
use tokio::sync::Semaphore;

use crate::budget::Budget;
use crate::waiting::Waiting;

/// The state of the API: handles of databases, keys, and who waits for a report.
pub struct App {
    pub(crate) cache: Cache,
    pub(crate) submitter: Submitter,
    pub(crate) queries: Queries,
    pub(crate) identity: Identity,
    pub(crate) tokens: Tokens,
    pub(crate) public_key: PublicKey,
    pub(crate) waiting: Waiting,
    pub(crate) format: Format,
    /// Where report daemons find this API.
    pub(crate) host: String,
    pub(crate) wait: Duration,
    pub(crate) token_ttl: Duration,
    pub(crate) max_body_bytes: u64,
    /// The memory of all submissions in work.
    pub(crate) budget: Budget,
    /// A password takes 19 MiB and 20 ms to check: more at once would be a way to fill the memory.
    pub(crate) logins: Semaphore,
}
