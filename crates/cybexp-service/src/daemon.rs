//! The frame of every daemon, from the command line to the exit status.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::task::{JoinError, JoinHandle};
use tracing::{error, info, warn};

use crate::cli::{DaemonArgs, EXIT_FAILED, EXIT_USAGE};
use crate::config::{Config, ConfigError};
use crate::health::Health;
use crate::shutdown::Shutdown;
use crate::{allocator, http, logging, metrics, systemd};

/// The longest time for the work in hand once a daemon is asked to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// Everything a daemon is handed: configuration, shutdown signal, health.
#[derive(Debug, Clone)]
pub struct DaemonContext {
    /// The daemon's name as in the configuration: `archive`.
    pub name: &'static str,
    /// The configuration of the whole suite.
    pub config: Arc<Config>,
    /// Tells when the daemon is to stop.
    pub shutdown: Shutdown,
    /// Takes the daemon's reports that it is alive and ready.
    pub health: Health,
    /// True for `--once`: the daemon does all pending work and ends, instead of waiting for more.
    pub once: bool,
}

/// Runs the daemon `name` (`archive`, …, as the `metrics` section calls it) and returns the exit status of the process:
/// 0 if `main` is done or was asked to stop, 1 if it failed, 2 if the configuration is wrong.
///
/// SIGTERM and SIGINT ask `main` to stop; when it has not ended [`GRACE`] later, the process ends without it, with 0.
pub fn run_daemon<F, Fut>(name: &'static str, args: impl Into<DaemonArgs>, main: F) -> ExitCode
where
    F: FnOnce(DaemonContext) -> Fut,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    allocator::settle(name);
    let args = args.into();
    let (config, runtime) = match prepare(&args) {
        Ok(prepared) => prepared,
        Err(error) => {
            // there may be no log yet
            eprintln!("cybexp-{name}: {error:#}");
            return status(&error);
        }
    };
    let outcome = runtime.block_on(supervise(name, config, args.once, main));
    // tasks that still run have had their time, and end with the process; dropping the runtime would end them one by
    // one, and the database driver panics in a task that outlives another one of its own
    std::mem::forget(runtime);
    match outcome {
        Ok(()) => {
            info!(daemon = name, "stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            error!(daemon = name, error = format!("{error:#}"), "failed");
            status(&error)
        }
    }
}

fn prepare(args: &DaemonArgs) -> anyhow::Result<(Config, Runtime)> {
    let config = Config::load(args.common.config.as_deref())?;
    logging::init(&config.log, &args.common)?;
    // two TLS libraries in one build make rustls panic unless one is chosen; a second choice fails, which is fine
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = Runtime::new().context("cannot start the runtime")?;
    Ok((config, runtime))
}

async fn supervise<F, Fut>(
    name: &'static str,
    config: Config,
    once: bool,
    main: F,
) -> anyhow::Result<()>
where
    F: FnOnce(DaemonContext) -> Fut,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let shutdown = Shutdown::on_signals().context("cannot listen for signals")?;
    let health = Health::new();
    let address = match config.metrics.of(name) {
        Some(address) => {
            let handle = metrics::install(name)?;
            tokio::spawn(metrics::upkeep(handle.clone()));
            let (bound, server) = http::serve(address, health.clone(), handle)
                .await
                .with_context(|| format!("metrics.{name}: cannot listen on {address}"))?;
            tokio::spawn(server);
            bound.to_string()
        }
        None => "none".to_owned(),
    };
    tokio::spawn(systemd::watchdog(health.clone()));
    info!(
        daemon = name,
        version = env!("CARGO_PKG_VERSION"),
        config = config.origin(),
        metrics = address,
        "started"
    );

    let ctx = DaemonContext {
        name,
        config: Arc::new(config),
        shutdown: shutdown.clone(),
        health: health.clone(),
        once,
    };
    let mut task = tokio::spawn(main(ctx));
    systemd::ready();
    tokio::select! {
        result = &mut task => {
            systemd::stopping();
            finished(result)
        }
        () = shutdown.begun() => {
            systemd::stopping();
            health.ready("daemon", Err("stopping".to_owned()));
            drain(task).await
        }
    }
}

async fn drain(task: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    match tokio::time::timeout(GRACE, task).await {
        Ok(result) => finished(result),
        Err(_) => {
            warn!(
                "the work in hand was not done within {} s: left as it is",
                GRACE.as_secs()
            );
            Ok(())
        }
    }
}

fn finished(result: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    result.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(payload) => Err(anyhow::anyhow!(
            "panic: {}",
            logging::panic_message(&*payload)
        )),
        Err(error) => Err(error.into()),
    })
}

fn status(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if ConfigError::caused(error) {
        EXIT_USAGE
    } else {
        EXIT_FAILED
    })
}
