//! The input daemon: collects from feeds, files and sockets, and posts to the API.
//!
//! Each input is a task: its [`plugin`] fetches, the [spool](Spool) keeps, and a poster hands on to the API. A command speaks to
//! the daemon over a websocket on loopback.

mod api;
pub mod cli;
mod collector;
mod control;
mod daemon_status;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gone;
mod managed;
mod manager;
mod own_api;
pub mod plugin;
mod poster;
mod running;
mod seen;
pub mod select;
pub mod sink;
pub mod status;
pub mod typetag;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use cybexp_service::{BEAT_EVERY, DaemonContext};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use tokio::net::TcpListener;

pub use api::ApiStatus;
use control::client::Control;
use control::server;
use cybexp_spool::Spool;
pub use daemon_status::{DaemonStatus, SpoolStatus};
use manager::Manager;
use running::{RunPlace, RunningConfig};
use select::Select;

/// The daemon's name in the configuration, in logs and in metrics.
pub const NAME: &str = "input";

/// How often the numbers that are no counters are looked at.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Runs all inputs that are enabled, until asked to stop.
pub async fn run(ctx: DaemonContext) -> anyhow::Result<()> {
    run_some(ctx, Select::default()).await
}

/// Runs these inputs, until asked to stop; more may be started through the control socket.
pub async fn run_some(ctx: DaemonContext, select: Select) -> anyhow::Result<()> {
    describe();
    ctx.health.ready(NAME, Err("starting".to_owned()));
    ctx.health.beat(NAME);
    let config = Arc::clone(&ctx.config);
    let (place, spool) = {
        let config = Arc::clone(&config);
        tokio::task::spawn_blocking(move || {
            let input = &config.input;
            let place = RunPlace::take(&input.run_dir)?;
            let spool = Spool::open(&input.spool_dir, input.spool_max_bytes)?;
            anyhow::Ok((place, spool))
        })
        .await??
    };
    // before anything is started: a wrong name on the command line starts nothing
    let manager = Arc::new(Manager::new(config, spool).await?);
    manager.start(&select).await?;

    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .context("cannot listen on loopback")?;
    let nonce = format!("{:032x}", rand::random::<u128>());
    place.announce(&RunningConfig {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr()?.port(),
        nonce: nonce.clone(),
        pid: std::process::id(),
    })?;
    ctx.health.ready(NAME, Ok(()));

    let control = server::serve(listener, nonce, Arc::clone(&manager), ctx.shutdown.clone());
    tokio::select! {
        () = control => {}
        () = watch(&ctx, &manager) => {}
        () = ctx.shutdown.begun() => {}
    }
    manager.end().await;
    ctx.health.ended(NAME);
    // last, for it says that the daemon is gone
    drop(place);
    Ok(())
}

/// How the daemon of this `input.run_dir` is, and all its inputs.
///
/// # Errors
/// When there is none, or it does not answer.
pub async fn status(run_dir: &Path) -> anyhow::Result<DaemonStatus> {
    let select = Select::default();
    let mut control = Control::open(run_dir).await?;
    control.ask(&control::Request::Status { select }).await
}

/// Says that the daemon is alive, and how it is.
async fn watch(ctx: &DaemonContext, manager: &Manager) {
    let mut ticks = tokio::time::interval(MEASURE_EVERY.min(BEAT_EVERY));
    loop {
        ticks.tick().await;
        ctx.health.beat(NAME);
        manager.measure().await;
    }
}

fn describe() {
    describe_counter!("cybexp_input_taken_total", "records that are on disk");
    describe_counter!("cybexp_input_posted_total", "records that the API has");
    describe_counter!(
        "cybexp_input_refused_total",
        "records that the API refused and that were set aside"
    );
    describe_counter!(
        "cybexp_input_dropped_total",
        "records lost for want of room, from sources that cannot wait"
    );
    describe_counter!("cybexp_input_failures_total", "fetches that failed");
    describe_gauge!("cybexp_input_running", "1 while all is well with the input");
    describe_gauge!(
        "cybexp_input_spool_records",
        "records that are not posted yet"
    );
    describe_gauge!(
        "cybexp_input_spool_bytes",
        "bytes of the disk that the spool has in use"
    );
    describe_histogram!(
        "cybexp_input_post_seconds",
        "how long the API took for a submission"
    );
}
