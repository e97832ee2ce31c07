//! The process between the owner and its mongod. It outlives the owner until mongod has ended and its files are cleaned
//! up.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status of a process that SIGKILL ended, as a shell gives it.
const KILLED: i32 = 128 + 9;
/// The longest wait for a killed mongod to let go of its port and its files.
const DYING: Duration = Duration::from_secs(10);

/// A mongod that `watch.sh` runs; dropping this value ends it.
pub(crate) struct Watcher {
    sh: Child,
    pid: u32,
    exited: Arc<OnceLock<i32>>,
    log_start: u64,
}

impl Watcher {
    /// Runs `mongod` and appends its output to `mongod.log` in `data_dir`, which must exist. `log_start` is the
    /// position in that file at which this run begins.
    pub(crate) fn spawn<A: AsRef<OsStr>>(
        mongod: &Path,
        arguments: impl IntoIterator<Item = A>,
        data_dir: &Path,
        remove_data: bool,
        log_start: u64,
    ) -> io::Result<Self> {
        let mut sh = Command::new("sh")
            .args(["-c", include_str!("watch.sh"), "mongo-local"])
            .arg(data_dir)
            .arg(if remove_data { "remove" } else { "keep" })
            .arg(mongod)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the owner, which stops its daemons first and mongod last
            .process_group(0)
            .spawn()?;
        let mut lines = BufReader::new(sh.stdout.take().expect("stdout was piped above"));
        let mut first = String::new();
        lines.read_line(&mut first)?;
        let Ok(pid) = first.trim().parse() else {
            let status = sh.wait()?;
            return Err(io::Error::other(format!(
                "it said `{}` in place of a pid, {status}",
                first.trim()
            )));
        };
        let exited = Arc::new(OnceLock::new());
        let tell = Arc::clone(&exited);
        let group = sh.id();
        thread::spawn(move || {
            let mut lines = lines.lines().map_while(Result::ok);
            let told = lines.find_map(|line| line.strip_prefix("exited ")?.parse().ok());
            let status = told.unwrap_or_else(|| {
                end_all(group, pid);
                KILLED
            });
            tell.get_or_init(|| status);
        });
        Ok(Self {
            sh,
            pid,
            exited,
            log_start,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the position in the log at which this run begins.
    pub(crate) fn log_start(&self) -> u64 {
        self.log_start
    }

    /// Returns the exit status of mongod, if it has ended. If the script was killed, so is mongod.
    pub(crate) fn exited(&self) -> Option<i32> {
        self.exited.get().copied()
    }

    /// Ends mongod, and removes the folder if that was requested. Takes at most about 15 s. A second call does nothing.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        // closes the pipe, which tells the script to end
        self.sh.wait()
    }
}

/// Kills what is left of a script that ended without a word, as by `pkill -9 -f mongod`: nobody would watch its mongod any
/// more. The group has the pid of the script, which is no other process's before [`Watcher::end`]. Blocks until mongod has
/// ended.
fn end_all(group: u32, mongod: u32) {
    let kill = ["-c", "kill -s KILL -- \"-$1\"", "kill", &group.to_string()];
    // it fails if nothing is left
    let _ = Command::new("sh")
        .args(kill)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let since = Instant::now();
    while runs(mongod) && since.elapsed() < DYING {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns false for a process that has ended, also before its parent has asked how.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // an owner that needs the result calls `end` itself
        let _ = self.end();
    }
}
