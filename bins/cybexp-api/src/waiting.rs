//! Waiting for the word of a report daemon. One listener serves all who wait, and nobody waits in a thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Hex digits of a nonce: 128 bits.
const NONCE: usize = 32;
/// How long a caller may take to say its nonce, and how many may be at it at once.
const SPEAK: Duration = Duration::from_secs(5);
const SPEAKERS: usize = 256;
/// After an error of the listener itself, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

type Waiters = Arc<Mutex<HashMap<String, watch::Sender<()>>>>;

/// Those who wait, by nonce.
#[derive(Clone)]
pub(crate) struct Waiting {
    waiters: Waiters,
    port: u16,
}

/// One who waits; gone when dropped.
pub(crate) struct Ticket {
    pub(crate) nonce: String,
    called: watch::Receiver<()>,
    waiters: Waiters,
}

impl Waiting {
    /// Listens for report daemons from now on.
    pub(crate) fn listen(listener: TcpListener) -> std::io::Result<Self> {
        let waiters = Waiters::default();
        let port = listener.local_addr()?.port();
        tokio::spawn(accept(listener, Arc::clone(&waiters)));
        Ok(Self { waiters, port })
    }

    /// The port that report daemons call.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new nonce, from now on waited for.
    pub(crate) fn ticket(&self) -> Ticket {
        let nonce = format!("{:0NONCE$x}", rand::rng().random::<u128>());
        let (sender, called) = watch::channel(());
        lock(&self.waiters).insert(nonce.clone(), sender);
        Ticket {
            nonce,
            called,
            waiters: Arc::clone(&self.waiters),
        }
    }
}

impl Ticket {
    /// Returns when the nonce was said since the last call.
    pub(crate) async fn called(&mut self) {
        if self.called.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.waiters).remove(&self.nonce);
    }
}

fn lock(waiters: &Waiters) -> std::sync::MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
    waiters.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, waiters: Waiters) {
    let room = Arc::new(Semaphore::new(SPEAKERS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let waiters = Arc::clone(&waiters);
                tokio::spawn(async move {
                    hear(stream, &waiters).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a call-back was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads one nonce; a wrong one wakes nobody, and holds nobody up.
async fn hear(mut stream: TcpStream, waiters: &Waiters) {
    let mut nonce = [0; NONCE];
    let heard = tokio::time::timeout(SPEAK, stream.read_exact(&mut nonce)).await;
    if let (Ok(Ok(_)), Ok(nonce)) = (heard, std::str::from_utf8(&nonce))
        && let Some(waiter) = lock(waiters).get(nonce)
    {
        waiter.send_replace(());
    }
}
