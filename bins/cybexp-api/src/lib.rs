//! The API: takes submissions and questions over HTTP.
//!
//! It may stand where attackers can reach it: it holds the public key only, and what it stores is sealed.
//! Paths, fields and status codes are those of the Python API, so that clients written for it work unchanged.

mod app;
mod asking;
mod auth;
mod budget;
mod cors;
mod error;
mod json;
mod openapi;
mod parts;
mod routes;
mod serve;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cybexp_seal::{Format, Tokens};
use cybexp_service::config::{Config, Seal};
use cybexp_service::{
    BEAT_EVERY, ConfigError, DaemonContext, Fatal, Servers, open, read_public_key,
};
use cybexp_store::{Cache, Identity, Queries, Submitter};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::app::App;
use crate::budget::Budget;
use crate::serve::{ClientLimits, serve};
use crate::waiting::Waiting;

pub use openapi::{description, router};

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "api";

/// The secret of the Python system's configuration, which everybody knows.
const KNOWN_SECRET: &str = "secret";
const LIMITS: ClientLimits = ClientLimits {
    headers: Duration::from_secs(30),
    connections: 4096,
};

/// How often the chunks of large submissions are looked for that an API which died has left, and how old they must be.
const SWEEP: Duration = Duration::from_secs(3600);

/// Runs until asked to stop.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    let config = &ctx.config;
    let tokens = tokens(config)?;
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
        let identity = Identity::open(&servers.of(&who).await?, &who.db, &who.coll).await?;
        Ok((cache, queries, identity))
    });
    let Some((cache, queries, identity)) = opened.await? else {
        return Ok(());
    };
    routes::describe_metrics();
    let app = App {
        submitter: Submitter::new(&cache),
        cache: cache.clone(),
        queries,
        identity,
        tokens,
        public_key,
        waiting,
        format: match config.api.seal {
            Seal::Jwe => Format::Jwe,
            Seal::Legacy => Format::Legacy,
        },
        host: config.api.host.clone(),
        wait: Duration::from_secs(config.api.wait_s),
        token_ttl: Duration::from_secs(config.api.token_ttl_s),
        max_body_bytes: config.api.max_body_bytes,
        budget: Budget::new(config.api.max_body_bytes),
        logins: tokio::sync::Semaphore::new(2),
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
    serve(listener, routes, LIMITS, stop).await;
    Ok(())
}

fn tokens(config: &Config) -> anyhow::Result<Tokens> {
    let secret = config.identity_secret()?;
    if secret.expose_secret().is_empty() {
        return Err(
            anyhow::anyhow!("identity.secret is empty: anybody could make a token").context(Fatal),
        );
    }
    if secret.expose_secret() == KNOWN_SECRET && !config.api.listen.ip().is_loopback() {
        return Err(ConfigError::Invalid {
            origin: config.origin(),
            key: "identity.secret".to_owned(),
            reason: format!(
                "is \"{KNOWN_SECRET}\", which everybody knows, and api.listen {} is no loopback address: \
                 anybody could make a token; set a secret of your own",
                config.api.listen
            ),
        }
        .into());
    }
    Ok(Tokens::new(&secret, config.api.accept_unexpiring_tokens))
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
