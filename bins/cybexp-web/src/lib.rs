//! The web pages: where analysts look, and where people post threat data by hand.
//!
//! The daemon knows the API and nothing else. A person signs in, and the daemon asks with that person's token, which it
//! keeps in a sealed cookie of theirs. Values that attackers wrote reach a page through `view::text` alone, as text.

mod app;
mod ask;
mod assets;
mod chart;
mod clock;
mod compress;
mod csrf;
mod error;
mod file;
mod form;
mod graph;
mod guard;
mod guess;
mod instances;
mod map;
mod menu;
mod pages;
mod params;
mod posting;
mod query;
mod random;
mod sending;
mod sign_in;
mod subject;
mod view;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::response::IntoResponse as _;
use cybexp_client::Client;
use cybexp_service::{BEAT_EVERY, ClientLimits, Config, DaemonContext, Fatal, serve_clients};
use tokio::net::TcpListener;

use crate::app::App;
use crate::error::WebError;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "web";

/// The time that a request's headers may take, and that a connection may be idle.
const HEADERS: Duration = Duration::from_secs(30);
/// The most connections at once, and of one address.
const CONNECTIONS: usize = 2048;
const CONNECTIONS_PER_ADDRESS: usize = 256;

/// Runs until asked to stop.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    let config = &ctx.config;
    let listen = config.web.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("web.listen: cannot listen on {listen}"))
        .context(Fatal)?;
    let app = Arc::new(App::new(config, ctx.shutdown.clone())?);
    metrics::describe_counter!(
        "cybexp_web_sign_ins_total",
        "sign-ins by outcome: right, wrong, too_many, or ticket"
    );
    metrics::describe_counter!("cybexp_web_responses_total", "responses by status class");
    metrics::describe_histogram!(
        "cybexp_web_response_seconds",
        "from a request to the head of its response"
    );
    tokio::spawn(watch(ctx.clone(), app.client.clone()));
    tracing::info!(listen = %listener.local_addr()?, "listening");
    let shutdown = ctx.shutdown.clone();
    let stop = async move { shutdown.begun().await };
    let panicked = |panic| WebError::from(panic).into_response();
    let limits = ClientLimits {
        headers: HEADERS,
        connections: CONNECTIONS,
        connections_per_address: match config.web.behind_proxy {
            true => CONNECTIONS,
            false => CONNECTIONS_PER_ADDRESS,
        },
        trusted_proxies: vec![],
    };
    serve_clients(listener, pages::router(app), limits, panicked, stop).await;
    Ok(())
}

/// Returns the path of a page that signs the person of this address in, once and within two minutes, with this token of
/// the API. `None` if the configuration has no `web.secret`, by which the daemon knows who made the link.
pub fn sign_in_path(config: &Config, email: &str, token: &str) -> anyhow::Result<Option<String>> {
    let secret = config.web_secret()?;
    let ticket = secret.map(|secret| sign_in::issue(&secret, email, token));
    Ok(ticket.map(|ticket| format!("/sign-in/ticket?ticket={ticket}")))
}

/// Returns the paths of all pages, for tests that visit each of them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    pages::paths()
}

/// Says that the daemon lives and whether the API does.
async fn watch(ctx: DaemonContext, api: Client) {
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            () = ctx.shutdown.begun() => return,
            _ = beat.tick() => {}
        }
        ctx.health.beat(NAME);
        let answers = api.ping().await.map_err(|error| error.to_string());
        ctx.health.ready("api", answers);
    }
}
