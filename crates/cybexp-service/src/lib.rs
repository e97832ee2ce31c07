//! The parts that every daemon shares: config, logs, metrics, health, shutdown, back-off, work loop.
//!
//! A daemon is a library function `async fn run(ctx: DaemonContext) -> anyhow::Result<()>`; [`run_daemon`] gives it everything
//! else, so that its `main.rs` is a few lines (see `examples/sleeper.rs`). What it does comes in as a [`Worker`], and the
//! news that there is work as a [`Wake`].

mod allocator;
mod backoff;
mod clean;
mod cli;
pub mod config;
mod crowd;
mod daemon;
mod database;
mod health;
mod http;
mod keys;
mod listen;
mod logging;
mod macs;
mod metrics;
mod notice_macs;
mod peer;
mod retry;
mod shutdown;
pub mod site;
mod sweep;
mod systemd;
mod wake;
mod webhook;
mod work;

pub use backoff::{Backoff, MAX_BACKOFF, delay};
pub use cli::{CommonArgs, DaemonArgs, EXIT_FAILED, EXIT_USAGE};
pub use config::{Config, ConfigError};
pub use daemon::{DaemonContext, GRACE, run_daemon};
pub use database::{Servers, open};
pub use health::{BEAT_EVERY, BEAT_LIMIT, Health};
pub use http::{router, serve};
pub use keys::{api_prover, read_private_key, read_public_key};
pub use listen::{ClientLimits, serve_clients};
pub use logging::{init as init_logging, panic_message};
pub use macs::QueryMacs;
pub use notice_macs::{NoticeMacs, orgs_of_notice};
pub use peer::{Heard, InWork, Peer, client, one_client};
pub use retry::{Fatal, retry};
pub use shutdown::Shutdown;
pub use sweep::{Sweeper, sweep_loop};
pub use wake::{Wake, WakeSignal};
pub use webhook::WebhookRules;
pub use work::{Step, WorkOptions, Worker, work_loop};
