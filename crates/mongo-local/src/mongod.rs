use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::find::find_mongod;
use crate::key::{self, USER};
use crate::log;
use crate::replica::{self, ReplicaState, SET};
use crate::watcher::Watcher;

const START_TIMEOUT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(30);
/// Exit status of a mongod whose port is taken (MongoDB manual, "Exit Codes and Statuses": EXIT_NET_ERROR).
const EXIT_PORT_TAKEN: i32 = 48;
const PORT_TRIES: u32 = 8;
/// The server's log, in its data folder.
const LOG: &str = "mongod.log";
/// Time that a server whose owner was killed may take to release the data folder (`watch.sh` kills it after 15 s).
const FOLDER_TIMEOUT: Duration = Duration::from_secs(16);

/// Options of a mongod.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of its data and its log `mongod.log`; made if missing.
    pub data_dir: PathBuf,
    /// Whether to delete `data_dir` when the server ends. The folder must then be empty or missing now.
    pub remove_data: bool,
    /// The port on 127.0.0.1; `None` takes a free one. It may differ from that of an earlier run.
    pub port: Option<u16>,
    /// `--wiredTigerCacheSizeGB`, at least 0.25.
    pub cache_gb: f32,
    /// The binary; `None` takes that of [`find_mongod`].
    pub mongod: Option<PathBuf>,
}

impl Options {
    /// Data that is kept in `data_dir`, a free port, a cache of 0.5 GB.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            remove_data: false,
            port: None,
            cache_gb: 0.5,
            mongod: None,
        }
    }
}

/// A running one-node replica set. It is stopped when this is dropped and when the process ends in any way.
pub struct Mongod {
    watcher: Watcher,
    url: String,
    port: u16,
    /// The options of the start, with the binary.
    options: Options,
}

/// Starts a server and waits until it takes writes. Blocks: from async code, call it in `spawn_blocking`.
pub fn start(options: &Options) -> Result<Mongod, Error> {
    let binary = match &options.mongod {
        Some(path) => path.clone(),
        None => find_mongod(&mut |_| {})?,
    };
    let options = Options {
        mongod: Some(binary.clone()),
        ..options.clone()
    };
    let began = Instant::now();
    let mut tries = 1;
    loop {
        let port = match options.port {
            Some(port) => port,
            None => free_port().map_err(Error::Port)?,
        };
        match start_on(port, &binary, &options) {
            // another process took the free port in the meantime
            Err(Error::Died {
                status: EXIT_PORT_TAKEN,
                ..
            }) if options.port.is_none() && tries < PORT_TRIES => {
                tries += 1;
            }
            Err(Error::Died { log, .. })
                if log.contains("DBPathInUse") && began.elapsed() < FOLDER_TIMEOUT =>
            {
                thread::sleep(POLL);
            }
            Err(error) => return Err(error),
            Ok((watcher, key)) => {
                return Ok(Mongod {
                    watcher,
                    url: format!("mongodb://{USER}:{key}@127.0.0.1:{port}/?replicaSet={SET}"),
                    port,
                    options,
                });
            }
        }
    }
}

/// Starts a server in a new folder under the system's temporary one, which is removed when the server ends.
pub fn start_temporary() -> Result<Mongod, Error> {
    let folder = tempfile::Builder::new()
        .prefix("cybexp-mongo-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|source| Error::DataDir {
            path: std::env::temp_dir(),
            source,
        })?;
    let options = Options {
        remove_data: true,
        cache_gb: 0.25,
        ..Options::new(folder.path())
    };
    let mongod = start(&options)?;
    // from here on the watcher removes it
    let _ = folder.keep();
    Ok(mongod)
}

impl Mongod {
    /// Returns the connection string, which also serves transactions and change streams. It holds the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.watcher.pid()
    }

    /// Returns the folder of the data.
    pub fn data_dir(&self) -> &Path {
        &self.options.data_dir
    }

    /// Returns the exit status of a server that has ended, as a shell gives it: 128 plus the signal if a signal ended
    /// it. `None` while the server runs.
    pub fn exited(&self) -> Option<i32> {
        self.watcher.exited()
    }

    /// The last lines of the log of a server that has ended.
    pub fn last_words(&self) -> String {
        log::last_lines(&self.data_dir().join(LOG), self.watcher.log_start())
    }

    /// Starts a server again that has ended, on its data and its port, and waits until it takes writes. Does nothing
    /// while the server runs. Blocks, as [`start`] does.
    ///
    /// # Errors
    /// As for [`start`], and [`Error::Temporary`] if the data is removed with the server.
    pub fn revive(&mut self) -> Result<(), Error> {
        if self.exited().is_none() {
            return Ok(());
        }
        if self.options.remove_data {
            return Err(Error::Temporary);
        }
        let binary = self.options.mongod.clone();
        let binary = binary.ok_or(Error::Temporary)?;
        self.watcher = start_on(self.port, &binary, &self.options)?.0;
        Ok(())
    }

    /// Stops the server with SIGTERM and waits for it. A server whose data is removed anyway is killed at once.
    pub fn stop(mut self) -> Result<(), Error> {
        let status = self.watcher.end().map_err(Error::Watcher)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Unclean {
            path: self.options.data_dir.clone(),
            status: status.to_string(),
        })
    }
}

/// Starts a server, and returns it with its key.
fn start_on(port: u16, binary: &Path, options: &Options) -> Result<(Watcher, String), Error> {
    let data_dir = &options.data_dir;
    let log = data_dir.join(LOG);
    let log_start = prepare(data_dir, &log, options.remove_data)?;
    let key = key::of(data_dir).map_err(|source| Error::DataDir {
        path: key::file(data_dir),
        source,
    })?;
    let watcher = Watcher::spawn(
        binary,
        arguments(port, options),
        data_dir,
        options.remove_data,
        log_start,
    )
    .map_err(Error::Watcher)?;

    let began = Instant::now();
    loop {
        let state = replica::step(port, watcher.pid(), &key);
        if let Some(status) = watcher.exited() {
            return Err(Error::Died {
                port,
                status,
                log: log::last_lines(&log, log_start),
            });
        }
        let last = match state {
            Ok(ReplicaState::Primary) => return Ok((watcher, key)),
            Ok(ReplicaState::Wait(what)) => what,
            Err(e) => e.to_string(),
        };
        if began.elapsed() > START_TIMEOUT {
            return Err(Error::NotReady {
                port,
                after_s: START_TIMEOUT.as_secs(),
                last,
            });
        }
        thread::sleep(POLL);
    }
}

fn arguments(port: u16, options: &Options) -> Vec<OsString> {
    let mut arguments = vec!["--dbpath".into(), options.data_dir.clone().into_os_string()];
    let fixed = [
        "--bind_ip=127.0.0.1",
        "--nounixsocket",
        "--oplogSize=256",
        "--quiet",
        "--setParameter=diagnosticDataCollectionEnabled=false",
        // the least: the password is random, and no slower to guess for more rounds
        "--setParameter=scramSHA256IterationCount=5000",
        // Nothing reads the past. To keep five minutes of it, as is the default, the server writes each page of an
        // index again and again, and keeps the room of keys that are gone.
        "--setParameter=minSnapshotHistoryWindowInSeconds=0",
        // Keys of hashes stand at random places, so a page that waits longer is written once for several keys.
        "--wiredTigerEngineConfigString=eviction_dirty_target=20,eviction_dirty_trigger=40,\
         eviction_updates_target=10,eviction_updates_trigger=20",
    ];
    arguments.extend(fixed.map(Into::into));
    arguments.push("--keyFile".into());
    arguments.push(key::file(&options.data_dir).into_os_string());
    arguments.push(format!("--port={port}").into());
    arguments.push(format!("--replSet={SET}").into());
    arguments.push(format!("--wiredTigerCacheSizeGB={}", options.cache_gb).into());
    arguments
}

/// Makes the data folder, and returns the size of the log of earlier runs.
fn prepare(data_dir: &Path, log: &Path, remove_data: bool) -> Result<u64, Error> {
    let failed = |source| Error::DataDir {
        path: data_dir.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(failed)?;
    if remove_data && fs::read_dir(data_dir).map_err(failed)?.next().is_some() {
        return Err(Error::NotEmpty {
            path: data_dir.to_owned(),
        });
    }
    match fs::metadata(log) {
        Ok(metadata) => Ok(metadata.len()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(failed(e)),
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
