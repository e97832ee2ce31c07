//! The resources that all requests share.

use std::sync::Arc;
use std::time::Duration;

use cybexp_client::Client;
use cybexp_service::{Config, Shutdown, api_prover};
use tokio::sync::Semaphore;

use crate::posting::{Postings, Tray};
use crate::sign_in::{Cookies, Tickets, Tries};

/// The most streams of new events that are passed on at once.
const LIVE_SEATS: usize = 256;

/// The state of the daemon.
pub(crate) struct App {
    /// A client of the API without a token.
    pub(crate) client: Client,
    pub(crate) cookies: Cookies,
    pub(crate) tickets: Tickets,
    pub(crate) tries: Tries,
    pub(crate) tray: Tray,
    pub(crate) postings: Postings,
    /// One permit for each stream of new events.
    pub(crate) live_seats: Arc<Semaphore>,
    /// The signal at which streams end.
    pub(crate) shutdown: Shutdown,
    /// The time for which a page waits for answers.
    pub(crate) wait: Duration,
    /// The time for which a sign-in lasts, in seconds.
    pub(crate) session_s: u64,
    pub(crate) max_upload_bytes: u64,
    /// True if a reverse proxy tells the clients' addresses.
    pub(crate) behind_proxy: bool,
}

impl App {
    /// Makes the state that the configuration describes.
    pub(crate) fn new(config: &Config, shutdown: Shutdown) -> anyhow::Result<Self> {
        let web = &config.web;
        let api = web.api_url.as_ref().unwrap_or(&config.api.url);
        let secret = config.web_secret()?;
        Ok(Self {
            client: Client::new(api.clone(), None)?.wants_proof(api_prover(config)),
            cookies: Cookies::new(secret.as_ref(), web.secure_cookie),
            tickets: Tickets::new(secret.as_ref()),
            tries: Tries::default(),
            tray: Tray::default(),
            postings: Postings::default(),
            live_seats: Arc::new(Semaphore::new(LIVE_SEATS)),
            shutdown,
            wait: Duration::from_secs(web.wait_s),
            session_s: web.session_s,
            max_upload_bytes: web.max_upload_bytes,
            behind_proxy: web.behind_proxy,
        })
    }
}
