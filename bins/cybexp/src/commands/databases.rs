//! The databases as commands reach them: connected, or with an error that names the setting.

use anyhow::{Context, bail};
use cybexp_service::Config;
use cybexp_service::config::Db;
use cybexp_store::{Identity, Server};

/// Connects to the server of a collection. `key` is the setting that holds its URL.
pub(super) async fn server(db: &Db, key: &str) -> anyhow::Result<Server> {
    let server = Server::connect(db.url.expose(), "cybexp")
        .await
        .context(key.to_owned())?;
    match server.ping().await {
        Ok(()) => Ok(server),
        Err(error) => bail!(
            "no MongoDB at {}: {}; is it running, and is {key} of the configuration right? (`cybexp doctor` tells \
             more, `cybexp up` brings one of its own)",
            db.url,
            error.brief()
        ),
    }
}

/// Opens the database of users and organisations.
pub(super) async fn identity(config: &Config) -> anyhow::Result<Identity> {
    let db = config.identity_db()?;
    let server = server(&db, "identity.mongo_url").await?;
    Ok(Identity::open(&server, &db.db, &db.coll).await?)
}
