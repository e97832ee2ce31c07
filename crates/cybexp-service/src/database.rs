//! The way to the database, as every daemon goes it.

use std::time::Duration;

use cybexp_store::{Server, StoreError, Watch};

use crate::config::Db;
use crate::daemon::Context;
use crate::retry::retry;
use crate::wake::Wake;

/// The longest wait between two tries to reach a database at start-up.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A pool of connections to where a collection is.
pub async fn connect(ctx: &Context, db: &Db) -> Result<Server, StoreError> {
    Server::connect(db.url.expose(), &format!("cybexp-{}", ctx.name)).await
}

/// Opens what a daemon needs of the database, again and again while that fails. `None`: asked to stop first.
pub async fn open<T, F, Fut>(ctx: &Context, open: F) -> anyhow::Result<Option<T>>
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
