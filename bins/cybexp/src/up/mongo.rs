//! The MongoDB of `up`: starts, watches and restarts it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use cybexp_service::Config;
use cybexp_service::config::Secret;
use mongo_local::{Error, Mongod};
use tokio::task::JoinHandle;

use super::setup::MONGO_URL;

/// The longest wait before a restart.
const LONGEST: Duration = Duration::from_secs(60);
/// The running time after which a server counts as healthy.
const STABLE: Duration = Duration::from_secs(60);

/// A MongoDB that this process owns.
pub(crate) struct OwnMongo {
    state: ServerState,
    /// The number of times in a row that the server ended soon after its start, or did not start.
    failures: u32,
    since: Instant,
    /// The time to start the server again.
    again: Option<Instant>,
}

enum ServerState {
    Up(Mongod),
    /// The server is being restarted by this task.
    Rising(JoinHandle<(Mongod, Result<(), Error>)>),
    /// There is no server: during a change of state, and after the task that restarts it panicked.
    Gone,
}

impl OwnMongo {
    pub(super) fn new(mongod: Mongod) -> Self {
        Self {
            state: ServerState::Up(mongod),
            failures: 0,
            since: Instant::now(),
            again: None,
        }
    }

    /// Checks that the server runs, and begins a restart if it does not. Tells of it on the standard error.
    pub(super) async fn look(&mut self) {
        self.state = match std::mem::replace(&mut self.state, ServerState::Gone) {
            ServerState::Up(mongod) => self.watch(mongod),
            ServerState::Rising(task) if task.is_finished() => match task.await {
                Ok((mongod, outcome)) => self.risen(mongod, outcome),
                Err(panic) => {
                    anstream::eprintln!("MongoDB cannot be started again: {panic}");
                    ServerState::Gone
                }
            },
            rising => rising,
        };
    }

    fn watch(&mut self, mut mongod: Mongod) -> ServerState {
        let Some(status) = mongod.exited() else {
            return ServerState::Up(mongod);
        };
        let again = *self.again.get_or_insert_with(|| {
            let lived = self.since.elapsed() > STABLE;
            self.failures = if lived { 0 } else { self.failures + 1 };
            let wait = Duration::from_secs((1 << self.failures.min(6)) - 1).min(LONGEST);
            let (told, port, seconds) = (ended(status), mongod.port(), wait.as_secs());
            anstream::eprintln!(
                "MongoDB {told}; starting it again on its data and port {port} in {seconds} s"
            );
            Instant::now() + wait
        });
        if Instant::now() < again {
            return ServerState::Up(mongod);
        }
        ServerState::Rising(tokio::task::spawn_blocking(move || {
            let outcome = mongod.revive();
            (mongod, outcome)
        }))
    }

    fn risen(&mut self, mongod: Mongod, outcome: Result<(), Error>) -> ServerState {
        self.since = Instant::now();
        self.again = None;
        match outcome {
            Ok(()) => anstream::eprintln!("MongoDB is back on port {}", mongod.port()),
            Err(error) => anstream::eprintln!("MongoDB does not start: {error}"),
        }
        ServerState::Up(mongod)
    }

    /// Stops the server. Blocks until it has ended.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        match self.state {
            // it has ended already, and that was printed
            ServerState::Up(mongod) if mongod.exited().is_some() => Ok(()),
            ServerState::Up(mongod) => Ok(mongod.stop()?),
            ServerState::Rising(task) => {
                let (mongod, outcome) = tokio::runtime::Handle::current().block_on(task)?;
                match outcome {
                    Ok(()) => Ok(mongod.stop()?),
                    Err(_) => Ok(()),
                }
            }
            ServerState::Gone => Ok(()),
        }
    }
}

/// Says in words how the server ended; `status` is as a shell gives it.
fn ended(status: i32) -> String {
    match status {
        129.. => format!("was ended by signal {}", status - 128),
        _ => format!("ended with exit status {status}"),
    }
}

/// Starts a MongoDB beside the configuration file, if the configuration takes the URL from the file that `up` writes.
pub(super) async fn beside(config: &Config, progress: fn(&str)) -> anyhow::Result<Option<Mongod>> {
    let Secret::File(url) = &config.tahoe.mongo_url else {
        return Ok(None);
    };
    if url.file_name().is_none_or(|name| name != MONGO_URL) {
        return Ok(None);
    }
    let folder = config.path_at(Path::new("mongo"));
    start(Some(folder), progress).await.map(Some)
}

/// Starts a MongoDB in the folder `data`, or in a temporary one.
pub(super) async fn start(data: Option<PathBuf>, progress: fn(&str)) -> anyhow::Result<Mongod> {
    let start = move || {
        // a missing mongod is fetched, which is told before it is started
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
