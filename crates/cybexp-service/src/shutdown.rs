//! The shutdown signal that all parts of a daemon share.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::EXIT_FAILED;

/// The signal that the daemon is to stop; every clone is the same signal.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Makes a signal that only [`Shutdown::begin`] sets off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a signal that SIGTERM and SIGINT set off, too. A second one ends the process at once, with status 1.
    pub fn on_signals() -> io::Result<Self> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let shutdown = Self::new();
        let token = shutdown.clone();
        tokio::spawn(async move {
            let name = either(&mut term, &mut int).await;
            info!("{name}: finishing the work in hand");
            token.begin();
            let name = either(&mut term, &mut int).await;
            warn!("a second signal ({name}): exiting at once");
            process::exit(EXIT_FAILED.into());
        });
        Ok(shutdown)
    }

    /// Asks all parts to stop.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Returns true once the daemon was asked to stop.
    pub fn is_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the daemon is asked to stop. Cancel safe.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}

async fn either(term: &mut Signal, int: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}
