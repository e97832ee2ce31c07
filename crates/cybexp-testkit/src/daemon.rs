//! Daemons as processes, as they run in production.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Site, status_of};

/// A running daemon; killed when dropped.
pub struct Daemon(Child);

impl Daemon {
    /// Starts `program`, which is a daemon or `cybexp`, with these arguments and the site's configuration. Its
    /// log goes where the test's own output goes.
    pub fn start<A: AsRef<OsStr>>(program: &str, args: &[A], site: &Site) -> Self {
        let mut command = command(program, args, &site.config);
        Self::spawn(command.env("RUST_LOG", "warn"))
    }

    /// Starts a daemon as [`Self::start`] does, with another configuration file. Its log, from level info on, goes into
    /// the file `log`.
    pub fn start_logged<A: AsRef<OsStr>>(
        program: &str,
        args: &[A],
        config: &Path,
        log: &Path,
    ) -> Self {
        let file = File::create(log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let mut command = command(program, args, config);
        Self::spawn(command.env("RUST_LOG", "info").stderr(file))
    }

    /// Runs a daemon that ends by itself, such as one with `--once`. Returns the time it took, and its peak memory in MiB.
    ///
    /// # Panics
    /// If the daemon fails.
    pub fn run_to_end<A: AsRef<OsStr>>(program: &str, args: &[A], site: &Site) -> (Duration, u64) {
        let since = Instant::now();
        let mut daemon = Self::start(program, args, site);
        let mut peak = 0;
        while !daemon.has_ended() {
            peak = peak.max(status_of(daemon.pid(), "VmHWM").unwrap_or(0) / 1024);
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = since.elapsed();
        assert!(daemon.wait().success(), "{program} failed");
        (took, peak)
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display())))
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Asks the daemon to stop, and waits for its end.
    pub fn terminate(self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Waits for the end of a daemon that ends by itself.
    pub fn wait(mut self) -> ExitStatus {
        // waiting would close standard input, which tells `cybexp daemon` to stop
        let _open = self.0.stdin.take();
        self.0.wait().expect("a child can be waited for")
    }

    /// Kills the daemon with SIGKILL.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.0.wait();
    }

    /// Returns true if the daemon has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The variable that names another `cybexp` for the daemons of a test, such as a release build whose figures are wanted.
const PROGRAM_VARIABLE: &str = "CYBEXP_TEST_DAEMONS";

fn command<A: AsRef<OsStr>>(program: &str, args: &[A], config: &Path) -> Command {
    let other = std::env::var_os(PROGRAM_VARIABLE).filter(|_| program.ends_with("/cybexp"));
    let mut command = Command::new(other.as_deref().unwrap_or(OsStr::new(program)));
    command.args(args).arg("--config").arg(config);
    // `cybexp daemon` ends when its standard input does
    command.stdin(Stdio::piped());
    command
}

/// Waits until the condition holds, for as long as a slow machine may need.
///
/// # Panics
/// If it still does not hold after two minutes.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = Instant::now();
    while !holds().await {
        assert!(
            since.elapsed() < Duration::from_secs(120),
            "{what}: not within two minutes"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
