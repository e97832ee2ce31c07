//! Connects a daemon to its databases, with retries.

use std::time::Duration;

use cybexp_store::{Server, StoreError, Watch};

use crate::config::Db;
use crate::daemon::DaemonContext;
use crate::retry::retry;
use crate::wake::Wake;

/// The longest wait between two tries to reach a database at start-up.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// Pools of connections, one for each MongoDB: collections on the same server share a pool.
pub struct Servers<'a> {
    ctx: &'a DaemonContext,
    known: Vec<(String, Server)>,
}

impl<'a> Servers<'a> {
    /// Returns a set that is connected to no server yet.
    pub fn new(ctx: &'a DaemonContext) -> Self {
        let known = Vec::new();
        Self { ctx, known }
    }

    /// Returns the pool of the server that holds this collection.
    pub async fn of(&mut self, db: &Db) -> Result<Server, StoreError> {
        let url = db.url.expose();
        if let Some((_, server)) = self.known.iter().find(|(known, _)| known == url) {
            return Ok(server.clone());
        }
        let server = Server::connect(url, &format!("cybexp-{}", self.ctx.name)).await?;
        self.known.push((url.to_owned(), server.clone()));
        Ok(server)
    }
}

/// Calls `open` with retries until it succeeds. Returns `None` if the daemon is asked to stop first.
pub async fn open<T, F, Fut>(ctx: &DaemonContext, open: F) -> anyhow::Result<Option<T>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    retry(ctx, "database", MAX_BACKOFF, open).await
}

impl Wake for Watch {
    async fn wait(&mut self) -> anyhow::Result<()> {
        Ok(self.changed().await?)
    }
}
