//! The API: takes submissions and questions over HTTP.
//!
//! It may stand where attackers can reach it: it holds the public key only, and what it stores is sealed.
//! Paths, fields and status codes are those of the Python API, so that clients written for it work unchanged.

mod app;
mod asking;
mod attempts;
mod auth;
mod budget;
mod cors;
mod error;
mod json;
mod live;
mod openapi;
mod org_name;
mod parts;
mod pool;
mod routes;
mod sharing;
mod turns;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::response::IntoResponse as _;
use cybexp_seal::{Format, Prover, Tokens};
use cybexp_service::config::{Config, Seal};
use cybexp_service::{
    BEAT_EVERY, ClientLimits, DaemonContext, Fatal, NoticeMacs, QueryMacs, Servers, WebhookRules,
    open, read_public_key, serve_clients,
};
use cybexp_store::{Cache, Feeds, Identity, Live, Outbox, Queries, Submitter, Subscriptions};
use tokio::net::TcpListener;

use crate::app::App;
use crate::attempts::Attempts;
use crate::budget::Budget;
use crate::error::ApiError;
use crate::live::LiveHub;
use crate::pool::Pool;
use crate::turns::{TurnLimits, Turns};
use crate::waiting::Waiting;

pub use openapi::{description, router};

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "api";

/// The time that a request's headers may take, and that a connection may be idle.
const HEADERS: Duration = Duration::from_secs(15);
/// The most connections at once.
const CONNECTIONS: usize = 4096;
/// The threads that hash passwords: a password takes 19 MiB and 20 ms, so more at once would be a way to fill the memory.
const PASSWORD_THREADS: usize = 2;
/// The most logins that wait for their turn, which is about a second's work.
const WAITING_LOGINS: usize = 100;
/// Bodies with questions that are not small. Each takes 6 MiB at most, until its questions are answered.
const BODIES: TurnLimits = TurnLimits {
    places: 32,
    of_lane: 4,
    waiting: 256,
};
/// The most jobs that wait for the threads of questions. Each is one of a request, and requests are bounded already.
const WAITING_JOBS: usize = 1024;
/// The most feeds that are read at the same time.
const FEED_READS: usize = 16;
/// How often the chunks of large submissions are looked for that an API which died has left, and how old they must be.
const SWEEP: Duration = Duration::from_secs(3600);

/// Runs until asked to stop.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    let config = &ctx.config;
    let secret = config.identity_secret()?;
    let tokens = Tokens::new(&secret, config.api.accept_unexpiring_tokens);
    let cors = cors::layer(config)?;
    let public_key = read_public_key(&config.api.public_key)?;
    // taken before the database is waited for: a port in use is told at once
    let listener = bind(config.api.listen, "api.listen").await?;
    let callback = callback_address(config);
    let waiting = Waiting::listen(bind(callback, "api.callback_listen").await?)?;
    let opened = open(&ctx, || async {
        let mut servers = Servers::new(&ctx);
        let (cache, report, who) = (
            config.cache_db()?,
            config.report_db()?,
            config.identity_db()?,
        );
        let cache = Cache::open(&servers.of(&cache).await?, &cache.db, &cache.coll).await?;
        let queries = Queries::open(&servers.of(&report).await?, &report.db, &report.coll).await?;
        let feeds = Feeds::open(&servers.of(&report).await?, &report.db).await?;
        let live = Live::open(&servers.of(&report).await?, &report.db).await?;
        let identity = Identity::open(&servers.of(&who).await?, &who.db, &who.coll).await?;
        let subscriptions = Subscriptions::open(&servers.of(&report).await?, &report.db).await?;
        let outbox = Outbox::open(&servers.of(&report).await?, &report.db).await?;
        let telling = (live, subscriptions, outbox);
        Ok((cache, queries, feeds, telling, identity))
    });
    let Some((cache, queries, feeds, (live, subscriptions, outbox), identity)) = opened.await?
    else {
        return Ok(());
    };
    routes::describe_metrics();
    let notices = NoticeMacs::of(&secret);
    let app = App {
        submitter: Submitter::new(&cache),
        cache: cache.clone(),
        queries,
        feeds,
        feed_reads: Arc::new(tokio::sync::Semaphore::new(FEED_READS)),
        live: LiveHub::start(live, notices.clone(), ctx.shutdown.clone()),
        subscriptions,
        outbox,
        notices,
        webhooks: WebhookRules::new(&config.report.webhook_hosts, config.report.webhook_inside),
        sends_mail: config.report.smtp.is_some(),
        identity,
        tokens,
        macs: QueryMacs::new(config)?,
        accept_unsigned: config.report.accept_unsigned,
        public_key,
        waiting,
        reports: Arc::new(tokio::sync::Semaphore::new(asking::ALL_BYTES >> 10)),
        bodies: Turns::new(BODIES),
        pool: Pool::start("questions", question_threads(), WAITING_JOBS)?,
        format: match config.api.seal {
            Seal::Jwe => Format::Jwe,
            Seal::Legacy => Format::Legacy,
        },
        host: config.api.host.clone(),
        wait: Duration::from_secs(config.api.wait_s),
        token_ttl: Duration::from_secs(config.api.token_ttl_s),
        max_body_bytes: config.api.max_body_bytes,
        budget: Budget::new(config.api.max_body_bytes),
        passwords: Pool::start("passwords", PASSWORD_THREADS, WAITING_LOGINS)?,
        attempts: Attempts::default(),
        trusted_proxies: config.api.trusted_proxies.clone(),
        consent: config.identity.consent,
        prover: Prover::new(&secret),
        port: listener.local_addr()?.port(),
    };
    tokio::spawn(watch(ctx.clone(), cache.clone()));
    tokio::spawn(sweep(ctx.clone(), cache));
    tracing::info!(listen = %listener.local_addr()?, "listening");
    let shutdown = ctx.shutdown.clone();
    let stop = async move { shutdown.begun().await };
    let mut routes = router(Arc::new(app));
    if let Some(cors) = cors {
        routes = routes.layer(cors);
    }
    let limits = ClientLimits {
        headers: HEADERS,
        connections: CONNECTIONS,
        connections_per_address: config.api.connections_per_address,
        trusted_proxies: config.api.trusted_proxies.clone(),
    };
    let panicked = |panic| ApiError::from(panic).into_response();
    serve_clients(listener, routes, limits, panicked, stop).await;
    Ok(())
}

/// Half of the processors, at least one: the others are for the threads that serve connections.
fn question_threads() -> usize {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    (all / 2).max(1)
}

fn callback_address(config: &Config) -> SocketAddr {
    let default = SocketAddr::new(config.api.listen.ip(), 0);
    config.api.callback_listen.unwrap_or(default)
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{key}: cannot listen on {address}"))
        .context(Fatal)
}

/// Says that the daemon lives and whether its database does.
async fn watch(ctx: DaemonContext, cache: Cache) {
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            () = ctx.shutdown.begun() => return,
            _ = beat.tick() => {}
        }
        ctx.health.beat(NAME);
        let alive = cache.ping().await.map_err(|error| error.to_string());
        ctx.health.ready("database", alive);
    }
}

/// Removes what APIs left that died while they wrote large submissions.
async fn sweep(ctx: DaemonContext, cache: Cache) {
    let mut sweep = tokio::time::interval(SWEEP);
    let mut from = 0.0;
    loop {
        tokio::select! {
            () = ctx.shutdown.begun() => return,
            _ = sweep.tick() => {}
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let until = now.unwrap_or_default().as_secs_f64() - SWEEP.as_secs_f64();
        match cache.sweep_orphans(from, until).await {
            Ok(swept) => {
                if swept > 0 {
                    tracing::info!(swept, "removed submissions that were never complete");
                }
                // ids hold whole seconds
                from = until - 1.0;
            }
            Err(error) => tracing::warn!(%error, "could not look for incomplete submissions"),
        }
    }
}
