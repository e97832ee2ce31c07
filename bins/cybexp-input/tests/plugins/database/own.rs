//! Database servers of the test's own: they run as another user where the tests run as root, and end with the test.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::ConnectOptions;
use tempfile::TempDir;

/// A folder in which a server may write.
pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    if is_root() {
        let mut chown = Command::new("chown");
        assert!(chown.arg("nobody").arg(&data).status().unwrap().success());
    }
    (folder, data)
}

/// A program of a database, most of which do not run as root. It gets the signal when the test ends.
pub(super) fn command(program: &Path, end: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", end]);
    if is_root() {
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg(program).current_dir("/").stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A running server.
pub(super) struct Process {
    child: Child,
    end: Signal,
    log: PathBuf,
    _folder: TempDir,
}

impl Process {
    /// Starts a server whose errors go to a file in its folder.
    pub(super) fn start(mut command: Command, end: Signal, folder: TempDir) -> Self {
        let log = folder.path().join("log");
        let child = command.stderr(fs::File::create(&log).unwrap()).spawn();
        Self {
            child: child.unwrap(),
            end,
            log,
            _folder: folder,
        }
    }

    /// Connects as soon as the server takes connections.
    pub(super) async fn connect<O: ConnectOptions>(&mut self, options: &O) -> O::Connection
    where
        O::Connection: Sized,
    {
        let begun = Instant::now();
        loop {
            let error = match options.connect().await {
                Ok(connection) => return connection,
                Err(error) => error,
            };
            let ended = self.child.try_wait().unwrap();
            let late = begun.elapsed() > Duration::from_secs(60);
            if late || ended.is_some() {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                panic!("{error}; ended: {ended:?}; {log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // a server's children end with it
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = kill(pid, self.end);
        let _ = self.child.wait();
    }
}
