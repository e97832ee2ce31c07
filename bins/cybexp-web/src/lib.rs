//! The web pages: where analysts look, and where people post threat data by hand.
//!
//! The daemon knows the API and nothing else. A person signs in, and the daemon asks with that person's token, which it
//! keeps in a sealed cookie of theirs. Values that attackers wrote reach a page through `view::text` alone, as text.

mod app;
mod ask;
mod assets;
mod error;
mod form;
mod graph;
mod guard;
mod guess;
mod instances;
mod pages;
mod params;
mod posting;
mod query;
mod sign_in;
mod story;
mod subject;
mod view;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::response::IntoResponse as _;
use cybexp_client::Client;
use cybexp_service::{BEAT_EVERY, Context, Fatal, Limits, serve_clients};
use tokio::net::TcpListener;

use crate::app::App;
use crate::error::WebError;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "web";

const LIMITS: Limits = Limits {
    headers: Duration::from_secs(30),
    connections: 2048,
};

/// Runs until asked to stop.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let config = &ctx.config;
    let listen = config.web.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("web.listen: cannot listen on {listen}"))
        .context(Fatal)?;
    let app = Arc::new(App::new(config)?);
    metrics::describe_counter!(
        "cybexp_web_sign_ins_total",
        "sign-ins by outcome: right, wrong or too_many"
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
    serve_clients(listener, pages::router(app), LIMITS, panicked, stop).await;
    Ok(())
}

/// Says that the daemon lives and whether the API does.
async fn watch(ctx: Context, api: Client) {
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
