//! Waiting for the word of a report daemon. One listener serves all who wait, and nobody waits in a thread.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tahoe_core::Hash;
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

/// Who waits, and for which queries. Of several who wait for the same query only one is called: it wakes all.
#[derive(Default)]
struct Everybody {
    waiters: HashMap<String, Waiter>,
    /// The nonces of those who wait for a query.
    queries: HashMap<Hash, HashSet<String>>,
}

struct Waiter {
    called: watch::Sender<()>,
    queries: Vec<Hash>,
}

type Waiters = Arc<Mutex<Everybody>>;

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
        let waiter = Waiter {
            called: sender,
            queries: vec![],
        };
        lock(&self.waiters).waiters.insert(nonce.clone(), waiter);
        Ticket {
            nonce,
            called,
            waiters: Arc::clone(&self.waiters),
        }
    }
}

impl Ticket {
    /// Waits for these queries, too, whoever asked for them first.
    pub(crate) fn waits_for(&self, queries: &[Hash]) {
        let mut everybody = lock(&self.waiters);
        for query in queries {
            let waiting = everybody.queries.entry(*query).or_default();
            waiting.insert(self.nonce.clone());
        }
        if let Some(waiter) = everybody.waiters.get_mut(&self.nonce) {
            waiter.queries.extend(queries);
        }
    }

    /// Returns when the nonce was said since the last call.
    pub(crate) async fn called(&mut self) {
        if self.called.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut everybody = lock(&self.waiters);
        let waiter = everybody.waiters.remove(&self.nonce);
        for query in waiter.into_iter().flat_map(|waiter| waiter.queries) {
            if let Some(waiting) = everybody.queries.get_mut(&query) {
                waiting.remove(&self.nonce);
                if waiting.is_empty() {
                    everybody.queries.remove(&query);
                }
            }
        }
    }
}

impl Everybody {
    /// Wakes whose nonce it is, and those who wait for the same queries.
    fn wake(&self, nonce: &str) {
        let Some(called) = self.waiters.get(nonce) else {
            return;
        };
        called.called.send_replace(());
        let same = called
            .queries
            .iter()
            .filter_map(|query| self.queries.get(query));
        let others: HashSet<&String> = same.flatten().filter(|other| *other != nonce).collect();
        for other in others {
            if let Some(waiter) = self.waiters.get(other) {
                waiter.called.send_replace(());
            }
        }
    }
}

fn lock(waiters: &Waiters) -> MutexGuard<'_, Everybody> {
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
    if let (Ok(Ok(_)), Ok(nonce)) = (heard, std::str::from_utf8(&nonce)) {
        lock(waiters).wake(nonce);
    }
}
