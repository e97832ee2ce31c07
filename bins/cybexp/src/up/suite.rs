//! The whole suite on one machine: a MongoDB and the daemons, under one owner.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use cybexp_service::config::{LogFormat, LogLevel};
use cybexp_service::site::lock::{self, Lock};
use cybexp_service::site::{Registered, register};
use cybexp_service::{Config, api_prover};
use cybexp_store::{Identity, Server};
use mongo_local::Mongod;

use super::mongo::{self, OwnMongo};
use super::ports;
use super::setup::{
    Accounts, FirstStart, MONGO_URL, accounts, make_folder, prepare, renew_token, write_secret,
};
use crate::children::{ChildLogs, ChildProcesses};
use crate::daemon::Daemon;
use cybexp_client::{Client, ClientError};

/// The longest wait for the API to answer after the start.
const READY: Duration = Duration::from_secs(60);

/// The place of a suite's configuration, keys and data.
pub(crate) enum SuiteHome<'a> {
    /// This folder, from one start to the next.
    Folder(&'a Path),
    /// The places that this configuration file names.
    Config(&'a Path),
    /// A folder that vanishes with the suite.
    Temporary,
}

/// Options of a suite's daemons.
#[derive(Debug, Default)]
pub(crate) struct SuiteOptions {
    /// Runs the inputs that the configuration enables.
    pub(crate) inputs: bool,
    /// Runs only these of the daemons.
    pub(crate) only: Option<Vec<Daemon>>,
    /// The value of `--log-level`.
    pub(crate) log_level: Option<LogLevel>,
    /// The value of `--log-format`.
    pub(crate) log_format: Option<LogFormat>,
}

impl SuiteOptions {
    /// Returns the daemons' arguments for logging: the options as given; without a level, on a terminal, warnings only unless
    /// `$RUST_LOG` or the configuration asks for more.
    fn log_args(&self, config: &Config) -> Vec<String> {
        let quiet = std::io::stderr().is_terminal()
            && std::env::var_os("RUST_LOG").is_none()
            && config.log.level == LogLevel::default();
        let level = self.log_level.or(quiet.then_some(LogLevel::Warn));
        let level = level.and_then(|level| level.to_possible_value());
        let format = self
            .log_format
            .and_then(|format| format.to_possible_value());
        let options = [("--log-level", level), ("--log-format", format)].into_iter();
        options
            .filter_map(|(option, value)| Some([option.to_owned(), value?.get_name().to_owned()]))
            .flatten()
            .collect()
    }
}

/// The running suite.
pub(crate) struct Suite {
    pub(crate) children: ChildProcesses,
    pub(crate) config: Config,
    pub(crate) mongo_url: String,
    /// The accounts that this start made, if it was the first.
    pub(crate) accounts: Option<Accounts>,
    pub(crate) folder: PathBuf,
    /// The daemons of this suite.
    pub(crate) daemons: Vec<Daemon>,
    mongo: Option<OwnMongo>,
    _lock: Option<Lock>,
    _registered: Option<Registered>,
}

impl Suite {
    /// Starts MongoDB and daemons and waits until the API answers. `progress` is called with a message before long steps.
    pub(crate) async fn start(
        home: SuiteHome<'_>,
        first: &FirstStart<'_>,
        options: &SuiteOptions,
        progress: fn(&str),
    ) -> anyhow::Result<Self> {
        let vanishes = matches!(home, SuiteHome::Temporary);
        let (file, mongod, lock) = prepare_home(home, first, progress).await?;
        let config = Config::from_file(&file)?;
        let mut daemons = Daemon::wanted(&config);
        daemons.retain(|daemon| options.inputs || *daemon != Daemon::Input);
        if let Some(only) = &options.only {
            daemons.retain(|daemon| only.contains(daemon));
        }
        ports::check(&config, &daemons)?;
        let mongod = match mongod {
            Some(mongod) => Some(mongod),
            None => mongo::beside(&config, progress).await?,
        };
        let folder = folder_of(&file).to_owned();
        if let Some(mongod) = &mongod {
            write_secret(&folder.join(MONGO_URL), mongod.url())?;
        }
        let at = config.identity_db()?;
        let server = Server::connect(at.url.expose(), "cybexp-up").await?;
        let identity = Identity::open(&server, &at.db, &at.coll).await?;
        let accounts = accounts(&config, &identity, first).await?;
        renew_token(&config, &identity, first).await?;

        let logs = if vanishes {
            ChildLogs::Files(folder.clone())
        } else {
            ChildLogs::Terminal
        };
        let mut at_once = daemons.clone();
        // started after the API, for it would back off if the API were not there
        at_once.retain(|daemon| *daemon != Daemon::Input);
        let mut suite = Self {
            children: ChildProcesses::start(&at_once, &file, logs, options.log_args(&config))?,
            config,
            mongo_url: at.url.to_string(),
            accounts,
            folder,
            daemons,
            mongo: mongod.map(OwnMongo::new),
            _lock: lock,
            _registered: (!vanishes).then(|| register(&file)),
        };
        suite.ready().await?;
        if suite.daemons.contains(&Daemon::Input) {
            suite.children.add(Daemon::Input)?;
        }
        Ok(suite)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let client = Client::new(self.config.api.url.clone(), None)?;
        let client = client.wants_proof(api_prover(&self.config));
        let since = Instant::now();
        while let Err(error) = up(&client).await {
            self.children.check()?;
            ensure!(since.elapsed() < READY, "the API is not there: {error:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Restarts daemons and MongoDB if they have ended by themselves.
    pub(crate) async fn look(&mut self) {
        self.children.revive();
        if let Some(mongo) = &mut self.mongo {
            mongo.look().await;
        }
    }

    /// Stops the daemons one after the other, then the MongoDB.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            mut children,
            mongo,
            _lock,
            _registered,
            ..
        } = self;
        let stop = move || {
            children.stop();
            mongo.map_or(Ok(()), OwnMongo::stop)
        };
        tokio::task::spawn_blocking(stop).await?
    }
}

/// Whether the suite's own API answers.
async fn up(client: &Client) -> Result<(), ClientError> {
    client.prove().await?;
    client.ping().await
}

/// Locks the suite's home for this process and returns its configuration file. A temporary home comes with its running
/// MongoDB.
async fn prepare_home(
    home: SuiteHome<'_>,
    first: &FirstStart<'_>,
    progress: fn(&str),
) -> anyhow::Result<(PathBuf, Option<Mongod>, Option<Lock>)> {
    match home {
        SuiteHome::Config(file) => Ok((file.to_owned(), None, lock::take(folder_of(file))?)),
        SuiteHome::Folder(folder) => {
            make_folder(folder)?;
            let lock = lock::take(folder)?;
            Ok((prepare(folder, first)?, None, lock))
        }
        SuiteHome::Temporary => {
            let mongod = mongo::start(None, progress).await?;
            // in the folder of the MongoDB, which is removed even if this process is killed
            let file = prepare(&mongod.data_dir().join("cybexp"), first)?;
            Ok((file, Some(mongod), None))
        }
    }
}

/// Returns the folder of a file.
fn folder_of(file: &Path) -> &Path {
    let folder = file.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
