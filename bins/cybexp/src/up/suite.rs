//! The whole suite on one machine: a MongoDB and the daemons, under one owner.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use cybexp_service::Config;
use cybexp_service::config::Secret;
use cybexp_store::{Identity, Server};
use mongo_local::Mongod;

use super::setup::{Accounts, First, MONGO_URL, accounts, prepare, renew_token, write_secret};
use crate::cli::Daemon;
use crate::daemon::{Children, Logs};
use cybexp_client::Client;

/// How long the daemons may take to be there.
const READY: Duration = Duration::from_secs(60);

/// Where the suite lives.
pub(crate) enum Place<'a> {
    /// In this folder, from one start to the next.
    Folder(&'a Path),
    /// Where this file says; first start or not.
    Config(&'a Path),
    /// In a folder that vanishes with it.
    Nowhere,
}

/// The running suite.
pub(crate) struct Suite {
    pub(crate) children: Children,
    pub(crate) config: Config,
    pub(crate) mongo_url: String,
    /// What the first start made.
    pub(crate) accounts: Option<Accounts>,
    pub(crate) folder: PathBuf,
    mongod: Option<Mongod>,
}

impl Suite {
    /// Starts everything and waits until the API answers. `progress` is told what takes time.
    pub(crate) async fn start(
        place: Place<'_>,
        first: &First<'_>,
        progress: fn(&str),
    ) -> anyhow::Result<Self> {
        let vanishes = matches!(place, Place::Nowhere);
        let (file, mongod) = match place {
            Place::Config(file) => (file.to_owned(), own_mongod(file, progress).await?),
            Place::Folder(folder) => {
                let file = prepare(folder, first)?;
                let mongod = own_mongod(&file, progress).await?;
                (file, mongod)
            }
            Place::Nowhere => {
                let mongod = start_mongod(None, progress).await?;
                // in the folder of the MongoDB, which is taken away even if this process is killed
                let file = prepare(&mongod.data_dir().join("cybexp"), first)?;
                (file, Some(mongod))
            }
        };
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        if let Some(mongod) = &mongod {
            write_secret(&folder.join(MONGO_URL), mongod.url())?;
        }
        let config = Config::from_file(&file)?;
        let at = config.identity_db()?;
        let server = Server::connect(at.url.expose(), "cybexp-up").await?;
        let identity = Identity::open(&server, &at.db, &at.coll).await?;
        let accounts = accounts(&config, &identity, first).await?;
        renew_token(&config, &identity, first).await?;

        let logs = if vanishes {
            Logs::Files(folder.clone())
        } else {
            Logs::Terminal
        };
        let mongo_url = at.url.to_string();
        let mut daemons = Daemon::wanted(&config);
        let collects = daemons.contains(&Daemon::Input);
        // not before the API is there, for it would wait a while before it tries again
        daemons.retain(|daemon| *daemon != Daemon::Input);
        let mut suite = Self {
            children: Children::start(&daemons, &file, logs)?,
            config,
            mongo_url,
            accounts,
            folder,
            mongod,
        };
        suite.ready().await?;
        if collects {
            suite.children.add(Daemon::Input)?;
        }
        Ok(suite)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let client = Client::new(self.config.api.url.clone(), None)?;
        let since = Instant::now();
        while let Err(error) = client.ping().await {
            self.children.check()?;
            ensure!(since.elapsed() < READY, "the API is not there: {error:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops the daemons one after the other, then the MongoDB.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            mut children,
            mongod,
            ..
        } = self;
        let stop = move || {
            children.stop();
            mongod.map_or(Ok(()), Mongod::stop)
        };
        Ok(tokio::task::spawn_blocking(stop).await??)
    }
}

/// A MongoDB beside the configuration file, where that says that its URL is in the file that `up` writes.
async fn own_mongod(config: &Path, progress: fn(&str)) -> anyhow::Result<Option<Mongod>> {
    let ours = match Config::from_file(config)?.tahoe.mongo_url {
        Secret::File(file) => file.file_name().is_some_and(|name| name == MONGO_URL),
        Secret::Value(_) | Secret::Env(_) => false,
    };
    if !ours {
        return Ok(None);
    }
    let folder = config.parent().unwrap_or(Path::new(".")).join("mongo");
    start_mongod(Some(folder), progress).await.map(Some)
}

async fn start_mongod(data: Option<PathBuf>, progress: fn(&str)) -> anyhow::Result<Mongod> {
    let start = move || {
        // found, or fetched, with word of it before it is started
        mongo_local::find_mongod(&mut |text| progress(text))?;
        match data {
            Some(folder) => mongo_local::start(&mongo_local::Options::new(folder)),
            None => mongo_local::start_temporary(),
        }
    };
    tokio::task::spawn_blocking(start)
        .await?
        .context("a local MongoDB is needed")
}
